// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <sched.h>

#include "net_testing.h"

/* Opening, configuring, starting, stopping, settings, counters, removal. */

TestSuite(virtio_net_life, .timeout = 100);

static struct net net;

static struct uvdk_netdev *port(const char *args, bool manual)
{
	net_create(&net, manual, 2047, 2048);

	return net_add(&net, &(struct conf){.args = args});
}

static uint16_t forward(struct uvdk_netdev *nd)
{
	struct rte_mbuf *pkts[32];
	uint16_t n = uvdk_netdev_rx_burst(nd, 0, pkts, 32);
	uint16_t done = uvdk_netdev_tx_burst(nd, 0, pkts, n);

	rte_pktmbuf_free_bulk(pkts + done, n - done);

	return done;
}

Test(virtio_net_life, a_thousand_restarts_lose_no_mbuf)
{
	struct uvdk_netdev *nd = port("source,size=64", true);
	struct uvdk_netdev_stats s;
	uint64_t forwarded = 0;

	for (int i = 0; i < 1000; i++) {
		net_step(&net);
		forwarded += forward(nd);
		net_step(&net);
		cr_assert_eq(uvdk_netdev_stop(nd), 0);
		cr_assert_eq(net_mbufs_out(&net), 0, "round %d", i);
		cr_assert_eq(uvdk_netdev_start(nd), 0, "%s", uvdk_last_error());
		cr_assert_eq(net_mbufs_out(&net), 64, "round %d", i);
	}
	cr_expect_geq(forwarded, 32000);
	uvdk_netdev_get_stats(nd, &s);
	cr_expect_eq(s.tx_packets, forwarded);
	cr_expect_eq(net_seen(&net, 0).sunk, forwarded);
	net_destroy(&net);
}

Test(virtio_net_life, packets_never_sent_are_taken_back_and_not_counted)
{
	struct uvdk_netdev *nd = port("", true);
	struct uvdk_netdev_stats s;
	struct rte_mbuf *pkts[20];

	for (uint32_t i = 0; i < 20; i++)
		pkts[i] = packet_make(net.pool, i, 100, 1);
	cr_assert_eq(uvdk_netdev_tx_burst(nd, 0, pkts, 20), 20);
	cr_assert_eq(uvdk_netdev_stop(nd), 0);
	cr_expect_eq(net_mbufs_out(&net), 0);
	uvdk_netdev_get_stats(nd, &s);
	cr_expect_eq(s.tx_packets, 0);
	cr_expect_eq(s.tx_bytes, 0);
	net_destroy(&net);
}

Test(virtio_net_life, stop_lets_the_device_finish_sending)
{
	struct uvdk_netdev *nd = port("", false);
	struct rte_mbuf *pkts[200];

	for (int round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 200; i++)
			pkts[i] = packet_make(net.pool, i, 100, 1);
		cr_assert_eq(uvdk_netdev_tx_burst(nd, 0, pkts, 200), 200);
		cr_assert_eq(uvdk_netdev_stop(nd), 0);
		cr_assert_eq(net_seen(&net, 0).sunk, 200 * (round + 1));
		cr_assert_eq(uvdk_netdev_start(nd), 0);
	}
	net_destroy(&net);
}

Test(virtio_net_life, a_stopped_port_moves_nothing)
{
	struct uvdk_netdev *nd = port("source", true);
	struct rte_mbuf *m = packet_make(net.pool, 1, 100, 1);

	net_step(&net);
	cr_assert_eq(uvdk_netdev_stop(nd), 0);
	cr_assert_eq(uvdk_netdev_stop(nd), 0);
	cr_expect_eq(uvdk_netdev_tx_burst(nd, 0, &m, 1), 0);
	rte_pktmbuf_free(m);
	cr_expect_eq(uvdk_netdev_rx_burst(nd, 0, &m, 1), 0);
	net_destroy(&net);
}

Test(virtio_net_life, a_started_port_is_not_reconfigured)
{
	struct uvdk_netdev *nd = port("", true);
	struct uvdk_netdev_conf conf = {.size = sizeof(conf), .rx_queues = 1, .tx_queues = 1};

	cr_expect_eq(uvdk_netdev_start(nd), -EALREADY);
	cr_expect_eq(uvdk_netdev_configure(nd, &conf), -EBUSY);
	cr_expect_eq(uvdk_netdev_rx_queue_setup(nd, 0, 0, net.pool), -EBUSY);
	cr_expect_eq(uvdk_netdev_tx_queue_setup(nd, 0, 0), -EBUSY);
	cr_expect_eq(uvdk_netdev_set_mtu(nd, 1000), -EBUSY);
	net_destroy(&net);
}

Test(virtio_net_life, wrong_configurations_are_refused_by_name)
{
	enum { SIZE = sizeof(struct uvdk_netdev_conf) };
	/* size, rx_queues, tx_queues, offloads, mtu */
	const struct uvdk_netdev_conf good = {SIZE, 1, 1, 0, 0};
	const struct {
		struct uvdk_netdev_conf conf;
		const char *word;
	} wrong[] = {
		{{3, 1, 1, 0, 0}, "size"},
		{{SIZE, 0, 1, 0, 0}, "rx_queues"},
		{{SIZE, 1, 3, 0, 0}, "tx_queues"},
		{{SIZE, 1, 2, 0, 0}, "pairs"},
		{{SIZE, 1, 1, 0, 2001}, "MTU"},
		{{SIZE, 1, 1, UVDK_NETDEV_TX_CSUM, 0}, "offloads"},
	};
	struct uvdk_netdev *nd;

	net_create(&net, true, 511, 2048);
	cr_assert_eq(net_try_open(&net, "queues=2,mtu=2000,no-csum"), 0, "%s", uvdk_last_error());
	nd = net.port[0].nd;
	cr_expect_eq(uvdk_netdev_start(nd), -EINVAL);
	cr_expect_eq(uvdk_netdev_tx_queue_setup(nd, 0, 0), -EINVAL);
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect_eq(uvdk_netdev_configure(nd, &wrong[i].conf), -EINVAL);
		cr_expect(strstr(uvdk_last_error(), wrong[i].word), "%s", uvdk_last_error());
	}

	cr_assert_eq(uvdk_netdev_configure(nd, &good), 0);
	cr_expect_eq(uvdk_netdev_rx_queue_setup(nd, 1, 0, net.pool), -EINVAL);
	cr_expect_eq(uvdk_netdev_rx_queue_setup(nd, 0, 100, net.pool), -EINVAL);
	cr_expect_eq(uvdk_netdev_rx_queue_setup(nd, 0, 512, net.pool), -EINVAL);
	cr_expect_eq(uvdk_netdev_rx_queue_setup(nd, 0, 64, NULL), -EINVAL);
	cr_assert_eq(uvdk_netdev_rx_queue_setup(nd, 0, 64, net.pool), 0);
	cr_expect_eq(uvdk_netdev_start(nd), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "transmit queue 0"), "%s", uvdk_last_error());
	net_destroy(&net);
}

static void too_small(const char *args)
{
	net_create(&net, true, 511, 1000);
	cr_assert_eq(net_try_open(&net, args), 0);
	cr_assert_eq(net_setup_queues(&net, net.port[0].nd, &(struct conf){0}), 0);
	cr_expect_eq(uvdk_netdev_start(net.port[0].nd), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "hold 1000 bytes") &&
			  strstr(uvdk_last_error(), "MTU 1500 have up to 1522"),
		  "%s", uvdk_last_error());
}

Test(virtio_net_life, mbufs_too_small_for_the_mtu_are_refused_with_what_helps)
{
	struct conf chains = {.offloads = UVDK_NETDEV_MULTI_SEG};

	too_small("");
	cr_expect(strstr(uvdk_last_error(), "UVDK_NETDEV_MULTI_SEG"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_netdev_set_mtu(net.port[0].nd, 979), 0);
	cr_expect_eq(uvdk_netdev_start(net.port[0].nd), -EINVAL);
	cr_expect_eq(uvdk_netdev_set_mtu(net.port[0].nd, 978), 0);
	cr_expect_eq(uvdk_netdev_start(net.port[0].nd), 0, "%s", uvdk_last_error());
	net_destroy(&net);

	too_small("");
	cr_assert_eq(net_setup_queues(&net, net.port[0].nd, &chains), 0);
	cr_expect_eq(uvdk_netdev_start(net.port[0].nd), 0, "%s", uvdk_last_error());
	net_destroy(&net);

	/* Here chains are no remedy, and not named as one. */
	too_small("no-mrg");
	cr_expect_not(strstr(uvdk_last_error(), "MULTI_SEG"), "%s", uvdk_last_error());
	cr_assert_eq(net_setup_queues(&net, net.port[0].nd, &chains), 0);
	cr_expect_eq(uvdk_netdev_start(net.port[0].nd), -EINVAL);
	net_destroy(&net);
}

Test(virtio_net_life, a_pool_too_small_leaves_everything_as_it_was)
{
	net_create(&net, true, 100, 2048);
	cr_assert_eq(net_try_open(&net, ""), 0);
	cr_assert_eq(net_setup_queues(&net, net.port[0].nd, &(struct conf){.descs = 128}), 0);
	cr_expect_eq(uvdk_netdev_start(net.port[0].nd), -ENOMEM);
	cr_expect(strstr(uvdk_last_error(), "larger"), "%s", uvdk_last_error());
	cr_expect_eq(net_mbufs_out(&net), 0);
	cr_assert_eq(net_setup_queues(&net, net.port[0].nd, &(struct conf){.descs = 64}), 0);
	cr_expect_eq(uvdk_netdev_start(net.port[0].nd), 0);
	net_destroy(&net);
}

Test(virtio_net_life, a_pool_outside_the_address_space_is_refused)
{
	net_create(&net, true, 511, 2048);
	cr_assert_eq(net_try_open(&net, ""), 0);
	cr_assert_eq(net_setup_queues(&net, net.port[0].nd, &(struct conf){0}), 0);
	uvdk_eal_map_destroy(net.map);
	net.map = NULL;
	cr_expect_eq(uvdk_netdev_start(net.port[0].nd), -EFAULT);
	cr_expect(strstr(uvdk_last_error(), "uvdk_eal_map_create"), "%s", uvdk_last_error());
	cr_expect_eq(net_mbufs_out(&net), 0);
	net_destroy(&net);
}

Test(virtio_net_life, queues_may_be_set_up_anew_with_other_counts)
{
	struct uvdk_netdev *nd;

	net_create(&net, false, 4095, 2048);
	nd = net_add(&net, &(struct conf){.args = "queues=4,source", .queues = 4});
	for (unsigned int n = 1; n <= 4; n++) {
		uint64_t got = 0;

		cr_assert_eq(uvdk_netdev_stop(nd), 0);
		cr_assert_eq(net_setup_queues(&net, nd, &(struct conf){.queues = n, .descs = 32}),
			     0);
		cr_assert_eq(uvdk_netdev_start(nd), 0, "%s", uvdk_last_error());
		cr_assert(WITHIN(20, (got += forward(nd)) > 1000));
	}
	net_destroy(&net);
}

/* Receive queues only in part of the pairs, and the other way round refused. */
Test(virtio_net_life, fewer_transmit_than_receive_queues_work)
{
	struct uvdk_netdev_conf conf = {.size = sizeof(conf), .rx_queues = 3, .tx_queues = 1};
	struct uvdk_netdev *nd;
	uint64_t got = 0;

	net_create(&net, false, 4095, 2048);
	cr_assert_eq(net_try_open(&net, "queues=4,source"), 0);
	nd = net.port[0].nd;
	cr_assert_eq(uvdk_netdev_configure(nd, &conf), 0);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(uvdk_netdev_rx_queue_setup(nd, i, 0, net.pool), 0);
	cr_assert_eq(uvdk_netdev_tx_queue_setup(nd, 0, 0), 0);
	cr_assert_eq(uvdk_netdev_start(nd), 0, "%s", uvdk_last_error());
	cr_assert(WITHIN(20, (got += forward(nd)) > 1000));
	net_destroy(&net);
}

/* ---- settings ---- */

Test(virtio_net_life, link_follows_the_cable)
{
	struct uvdk_netdev *nd = port("", true);
	struct uvdk_netdev_link link;

	cr_assert_eq(uvdk_netdev_get_link(nd, &link), 0);
	cr_expect(link.up);
	uvdk_emu_virtio_net_set_carrier(net.emu, net.port[0].name, false);
	cr_assert_eq(uvdk_netdev_get_link(nd, &link), 0);
	cr_expect_not(link.up);
	uvdk_emu_virtio_net_set_carrier(net.emu, net.port[0].name, true);
	cr_assert_eq(uvdk_netdev_get_link(nd, &link), 0);
	cr_expect(link.up);
	net_destroy(&net);
}

static void inject_to(const uint8_t mac[6])
{
	uint8_t frame[64] = {0};

	memcpy(frame, mac, 6);
	cr_assert_eq(uvdk_emu_virtio_net_inject(net.emu, net.port[0].name, 0, frame, 64), 0);
}

static bool receives_one(struct uvdk_netdev *nd)
{
	struct rte_mbuf *m;

	if (!uvdk_netdev_rx_burst(nd, 0, &m, 1))
		return false;
	rte_pktmbuf_free(m);
	return true;
}

Test(virtio_net_life, address_and_promiscuity_outlive_a_reset)
{
	static const uint8_t mine[6] = {2, 1, 2, 3, 4, 5};
	static const uint8_t other[6] = {2, 9, 9, 9, 9, 9};
	struct uvdk_netdev *nd = port("mac=02:00:00:00:00:42", false);
	uint8_t mac[6];

	cr_assert_eq(uvdk_netdev_mac(nd, mac), 0);
	cr_expect_eq(memcmp(mac, "\x02\0\0\0\0\x42", 6), 0);
	cr_assert_eq(uvdk_netdev_set_mac(nd, mine), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_netdev_set_promisc(nd, false), 0, "%s", uvdk_last_error());
	for (int round = 0; round < 3; round++) {
		cr_expect_not(uvdk_netdev_promisc(nd));
		cr_assert_eq(uvdk_netdev_mac(nd, mac), 0);
		cr_expect_eq(memcmp(mac, mine, 6), 0);
		inject_to(other);
		inject_to(mine);
		cr_assert(WITHIN(10, receives_one(nd)));
		cr_expect_eq(net_seen(&net, 0).filtered, round + 1);
		cr_assert_eq(uvdk_netdev_reset(nd), 0, "%s", uvdk_last_error());
	}
	cr_assert_eq(uvdk_netdev_set_promisc(nd, true), 0);
	cr_expect(uvdk_netdev_promisc(nd));
	inject_to(other);
	cr_assert(WITHIN(10, receives_one(nd)));
	net_destroy(&net);
}

Test(virtio_net_life, settings_a_device_lacks_are_refused)
{
	static const uint8_t mine[6] = {2, 1, 2, 3, 4, 5};
	static const uint8_t group[6] = {3, 1, 2, 3, 4, 5};
	struct uvdk_netdev *nd = port("no-ctrl", true);

	cr_expect_eq(uvdk_netdev_set_promisc(nd, true), -EOPNOTSUPP);
	cr_expect_eq(uvdk_netdev_set_mac(nd, mine), -EOPNOTSUPP);
	cr_expect_eq(uvdk_netdev_set_mac(nd, group), -EINVAL);
	net_destroy(&net);
}

Test(virtio_net_life, without_a_device_or_an_address_space_there_is_no_port)
{
	struct uvdk_netdev *none = NULL;

	port("", true);
	cr_expect_eq(uvdk_netdev_open(NULL, net.ioas, &none), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "has opening it failed"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_netdev_open(net.port[0].dev, NULL, &none), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "has creating it failed"), "%s", uvdk_last_error());
	cr_expect_null(none);
	net_destroy(&net);
}

Test(virtio_net_life, one_device_is_one_port)
{
	struct uvdk_netdev *nd = port("source", true), *second = NULL;

	cr_expect_eq(uvdk_netdev_open(net.port[0].dev, net.ioas, &second), -EBUSY);
	cr_expect(strstr(uvdk_last_error(), "a network port already"), "%s", uvdk_last_error());
	cr_expect_null(second);
	net_step(&net);
	cr_expect_gt(forward(nd), 0, "the first has not noticed");
	uvdk_netdev_close(nd);
	cr_expect_eq(uvdk_netdev_open(net.port[0].dev, net.ioas, &net.port[0].nd), 0, "%s",
		     uvdk_last_error());
	net_destroy(&net);
}

Test(virtio_net_life, counters_count_and_clear)
{
	struct uvdk_netdev *nd = port("source=100,len=60,no-event-idx", true);
	struct uvdk_netdev_stats s;

	for (int i = 0; i < 10; i++) {
		net_step(&net);
		forward(nd);
	}
	net_step(&net);
	uvdk_netdev_get_stats(nd, &s);
	cr_expect_eq(s.rx_packets, 100);
	cr_expect_eq(s.tx_packets, 100);
	cr_expect_eq(s.rx_bytes, 6000);
	cr_expect_eq(s.tx_bytes, 6000);
	cr_expect_eq(net_xstat(nd, "rx_q0_packets"), 100);
	cr_expect_eq(net_xstat(nd, "tx_q0_doorbells") + net_xstat(nd, "rx_q0_doorbells"),
		     net_seen(&net, 0).notifications);
	uvdk_netdev_clear_stats(nd);
	uvdk_netdev_get_stats(nd, &s);
	cr_expect_eq(s.rx_packets, 0);
	cr_expect_eq(s.tx_bytes, 0);
	cr_expect_eq(net_xstat(nd, "tx_q0_doorbells"), 0);
	net_destroy(&net);
}

/* ---- removal ---- */

Test(virtio_net_life, a_port_that_vanishes_gives_all_mbufs_back)
{
	struct uvdk_netdev *nd = port("source", false);
	struct rte_mbuf *m = packet_make(net.pool, 1, 100, 1);
	struct uvdk_netdev_link link;
	struct uvdk_netdev_stats s;
	uint64_t got = 0;

	cr_assert(WITHIN(20, (got += forward(nd)) > 500));
	cr_assert_eq(uvdk_emu_unplug(net.emu, net.port[0].name, true), 0);
	/* Whoever reads a register learns of it. */
	cr_expect_eq(uvdk_netdev_get_link(nd, &link), -ENODEV);
	cr_assert(uvdk_device_gone(net.port[0].dev));
	cr_expect_eq(uvdk_netdev_tx_burst(nd, 0, &m, 1), 0);
	rte_pktmbuf_free(m);
	cr_expect_eq(uvdk_netdev_rx_burst(nd, 0, &m, 1), 0);
	cr_expect_eq(uvdk_netdev_set_promisc(nd, true), -ENODEV);
	cr_expect_eq(uvdk_netdev_stop(nd), -ENODEV);
	cr_expect_eq(net_mbufs_out(&net), 0);
	cr_expect_eq(uvdk_netdev_start(nd), -ENODEV);
	uvdk_netdev_get_stats(nd, &s);
	cr_expect_gt(s.rx_packets, 0);
	net_destroy_after_evil(&net);
}

Test(virtio_net_life, the_other_port_goes_on_when_one_vanishes)
{
	struct conf conf = {.args = "source"};
	struct uvdk_netdev_link link;
	uint64_t got = 0;

	net_create(&net, false, 2047, 2048);
	net_add(&net, &conf);
	net_add(&net, &conf);
	cr_assert_eq(uvdk_emu_unplug(net.emu, net.port[0].name, true), 0);
	cr_expect_eq(uvdk_netdev_get_link(net.port[0].nd, &link), -ENODEV);
	cr_assert(WITHIN(20, (got += forward(net.port[1].nd)) > 1000));
	cr_assert_eq(uvdk_netdev_get_link(net.port[1].nd, &link), 0);
	net_destroy_after_evil(&net);
}
