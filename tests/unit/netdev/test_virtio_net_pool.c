// SPDX-License-Identifier: BSD-3-Clause
#include "net_testing.h"

/* Ports whose mbufs lie in DMA memory of ours, without any of EAL's memory mapped. */

TestSuite(virtio_net_pool, .timeout = 100);

#define COUNT 700u

static void open_port(struct net *net, unsigned int i)
{
	const struct conf conf = {.offloads = UVDK_NETDEV_MULTI_SEG};
	struct port *port = &net->port[i];

	cr_assert_eq(uvdk_device_open(net->iommu, "emu:virtio-net,link=wire", NULL, &port->dev), 0,
		     "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_attach(net->ioas, port->dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_netdev_open(port->dev, net->ioas, &port->nd), 0, "%s", uvdk_last_error());
	port->name = uvdk_device_get_info(port->dev)->name;
	cr_assert_eq(net_setup_queues(net, port->nd, &conf), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_netdev_start(port->nd), 0, "%s", uvdk_last_error());
	net->ports++;
}

static void across(struct net *net)
{
	uint32_t sent = 0, got = 0;

	for (unsigned int idle = 0; got < COUNT; idle++) {
		struct rte_mbuf *pkts[32];
		uint16_t n;

		cr_assert_lt(idle, 1000, "stuck: %u sent, %u received", sent, got);
		if (sent < COUNT) {
			pkts[0] = packet_make(net->pool, sent, 60 + sent % 1400, 1 + sent % 3);
			if (uvdk_netdev_tx_burst(net->port[0].nd, 0, pkts, 1))
				sent++;
			else
				rte_pktmbuf_free(pkts[0]);
		}
		net_step(net);
		n = uvdk_netdev_rx_burst(net->port[1].nd, 0, pkts, 32);
		for (uint16_t i = 0; i < n; i++, got++, idle = 0) {
			packet_check(pkts[i], got, 60 + got % 1400);
			rte_pktmbuf_free(pkts[i]);
		}
	}
}

Test(virtio_net_pool, packets_move_through_memory_of_ours)
{
	struct uvdk_eal_pool_opts opts = {.size = sizeof(opts), .count = 2047};
	struct rte_mempool *eals;
	struct uvdk_ioas_stats stats;
	struct net net;

	net_create(&net, true, 63, 2048);
	eals = net.pool;
	/* EAL's own memory stays out of the devices' reach. */
	cr_assert_eq(uvdk_eal_pool_create(net.ioas, "own", &opts, &net.pool), 0, "%s",
		     uvdk_last_error());
	open_port(&net, 0);
	open_port(&net, 1);
	across(&net);
	net_expect_content(&net);
	for (unsigned int i = 0; i < 2; i++) {
		uvdk_netdev_close(net.port[i].nd);
		uvdk_device_close(net.port[i].dev);
	}
	net.ports = 0;
	cr_expect_eq(net_mbufs_out(&net), 0, "%u mbufs are lost", net_mbufs_out(&net));
	uvdk_eal_pool_destroy(net.pool);
	uvdk_ioas_get_stats(net.ioas, &stats);
	cr_expect_eq(stats.maps, 0);
	net.pool = eals;
	net_destroy_after_evil(&net);
}
