// SPDX-License-Identifier: BSD-3-Clause
#include <sched.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "net_testing.h"

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void init_eal(void)
{
	static bool done;
	/* Not pinned: the machine's thread would inherit it. */
	char *argv[] = {"test",	       "--no-huge",	   "-m",
			"128",	       "--no-pci",	   "--no-telemetry",
			"--no-shconf", "--lcores=0@(0-1)", "--log-level=*:3",
			NULL};

	if (done)
		return;
	cr_assert_geq(rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv), 0, "%s",
		      rte_strerror(rte_errno));
	done = true;
}

void net_create(struct net *net, bool manual, unsigned int mbufs, unsigned int room)
{
	struct uvdk_emu_opts emu_opts = {.size = sizeof(emu_opts), .manual = manual};
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};
	static unsigned int count;
	char name[32];

	memset(net, 0, sizeof(*net));
	init_eal();
	if (getenv("UVDK_TEST_LOG")) {
		uvdk_log_set_sink(uvdk_log_stderr, NULL);
		uvdk_log_set_level(NULL, UVDK_LOG_DEBUG);
	}
	cr_assert_eq(uvdk_emu_create(&emu_opts, &net->emu), 0);
	iommu_opts.emu = net->emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu_opts, &net->iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(net->iommu, NULL, &net->ioas), 0, "%s", uvdk_last_error());

	snprintf(name, sizeof(name), "pool%u", count++);
	net->pool = rte_pktmbuf_pool_create(name, mbufs, 0, 0,
					    (uint16_t)(RTE_PKTMBUF_HEADROOM + room), SOCKET_ID_ANY);
	cr_assert(net->pool, "%s", rte_strerror(rte_errno));
}

int net_try_open(struct net *net, const char *args)
{
	struct port *port = &net->port[net->ports];
	char spec[256];
	int ret;

	snprintf(spec, sizeof(spec), "emu:virtio-net%s%s", *args ? "," : "", args);
	cr_assert_eq(uvdk_device_open(net->iommu, spec, NULL, &port->dev), 0, "%s: %s", spec,
		     uvdk_last_error());
	port->name = uvdk_device_get_info(port->dev)->name;
	cr_assert_eq(uvdk_ioas_attach(net->ioas, port->dev), 0, "%s", uvdk_last_error());
	if (!net->map)
		cr_assert_eq(uvdk_eal_map_create(net->ioas, &net->map), 0, "%s", uvdk_last_error());

	ret = uvdk_netdev_open(port->dev, net->ioas, &port->nd);
	if (ret) {
		uvdk_device_close(port->dev);
		memset(port, 0, sizeof(*port));
		return ret;
	}
	net->ports++;

	return 0;
}

int net_setup_queues(struct net *net, struct uvdk_netdev *nd, const struct conf *conf)
{
	struct uvdk_netdev_conf nc = {
		.size = sizeof(nc),
		.rx_queues = conf->queues ? conf->queues : 1,
		.tx_queues = conf->queues ? conf->queues : 1,
		.offloads = conf->offloads,
		.mtu = conf->mtu,
	};
	int ret = uvdk_netdev_configure(nd, &nc);

	for (unsigned int i = 0; i < nc.rx_queues && !ret; i++) {
		ret = uvdk_netdev_rx_queue_setup(nd, i, conf->descs, net->pool);
		if (!ret)
			ret = uvdk_netdev_tx_queue_setup(nd, i, conf->descs);
	}

	return ret;
}

struct uvdk_netdev *net_add(struct net *net, const struct conf *conf)
{
	struct uvdk_netdev *nd;

	cr_assert_eq(net_try_open(net, conf->args ? conf->args : ""), 0, "%s", uvdk_last_error());
	nd = net->port[net->ports - 1].nd;
	cr_assert_eq(net_setup_queues(net, nd, conf), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_netdev_start(nd), 0, "%s", uvdk_last_error());

	return nd;
}

struct uvdk_netdev *net_one_port(struct net *net, const char *args, uint32_t offloads)
{
	net_create(net, true, 2047, 2048);

	return net_add(net, &(struct conf){.args = args, .offloads = offloads});
}

void net_step(struct net *net)
{
	for (unsigned int i = 0; i < 100 && uvdk_emu_step(net->emu); i++)
		;
}

unsigned int net_mbufs_out(const struct net *net)
{
	return rte_mempool_in_use_count(net->pool);
}

struct uvdk_emu_virtio_net_stats net_seen(const struct net *net, unsigned int port)
{
	struct uvdk_emu_virtio_net_stats s;

	cr_assert_eq(uvdk_emu_virtio_net_get_stats(net->emu, net->port[port].name, &s), 0);

	return s;
}

void net_expect_content(const struct net *net)
{
	struct uvdk_emu_fault fault;
	char text[256];

	for (unsigned int i = 0; i < net->ports; i++)
		for (unsigned int v = 0; !uvdk_emu_virtio_net_violation(net->emu, net->port[i].name,
									v, text, sizeof(text));
		     v++)
			cr_assert_fail("%s", text);
	while (uvdk_emu_faults(net->emu, &fault, 1, NULL))
		cr_assert_fail("%s: %s of %llu bytes at IOVA 0x%llx refused", fault.function,
			       fault.write ? "write" : "read", (unsigned long long)fault.len,
			       (unsigned long long)fault.iova);
}

void net_destroy_after_evil(struct net *net)
{
	struct uvdk_ioas_stats stats;

	for (unsigned int i = 0; i < net->ports; i++)
		uvdk_netdev_close(net->port[i].nd);
	cr_assert_eq(net_mbufs_out(net), 0, "%u mbufs are lost", net_mbufs_out(net));
	for (unsigned int i = 0; i < net->ports; i++)
		uvdk_device_close(net->port[i].dev);
	uvdk_eal_map_destroy(net->map);
	uvdk_ioas_get_stats(net->ioas, &stats);
	cr_assert_eq(stats.maps, 0, "%llu maps are left", (unsigned long long)stats.maps);
	uvdk_ioas_destroy(net->ioas);
	uvdk_iommu_close(net->iommu);
	uvdk_emu_destroy(net->emu);
	rte_mempool_free(net->pool);
}

void net_destroy(struct net *net)
{
	for (unsigned int i = 0; i < net->ports; i++)
		uvdk_netdev_stop(net->port[i].nd);
	net_expect_content(net);
	net_destroy_after_evil(net);
}

uint64_t net_xstat(struct uvdk_netdev *nd, const char *name)
{
	struct uvdk_netdev_xstat x[64];
	unsigned int n = uvdk_netdev_xstats(nd, x, 64);

	cr_assert_eq(uvdk_netdev_xstats(nd, NULL, 0), n);
	for (unsigned int i = 0; i < n && i < 64; i++)
		if (!strcmp(x[i].name, name))
			return x[i].value;
	cr_assert_fail("no %s", name);
	return 0;
}

void packet_bytes(uint8_t *out, uint32_t n, uint32_t len)
{
	static const uint8_t head[14] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
					 0,    0,    0,	   0,	 1,    0x88, 0xb5};
	uint32_t x = n * 2654435761u + 1;

	for (uint32_t i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		out[i] = i < sizeof(head) ? head[i] : (uint8_t)(x >> 24);
	}
}

struct rte_mbuf *packet_make(struct rte_mempool *pool, uint32_t n, uint32_t len, unsigned int segs)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool);
	struct rte_mbuf *last = head;
	uint8_t bytes[70000];
	uint32_t done = 0;

	cr_assert(head);
	cr_assert_leq(len, sizeof(bytes));
	packet_bytes(bytes, n, len);
	for (unsigned int i = 0; i < segs; i++) {
		uint32_t piece = i + 1 == segs ? len - done : len / segs;

		if (i) {
			last->next = rte_pktmbuf_alloc(pool);
			cr_assert(last->next);
			last = last->next;
			head->nb_segs++;
		}
		memcpy(rte_pktmbuf_mtod(last, void *), bytes + done, piece);
		last->data_len = (uint16_t)piece;
		done += piece;
	}
	head->pkt_len = len;

	return head;
}

void packet_check(const struct rte_mbuf *m, uint32_t n, uint32_t len)
{
	uint8_t expect[70000];
	uint8_t flat[70000];
	const void *got;

	cr_assert_eq(m->pkt_len, len, "packet %u has %u bytes, %u expected", n, m->pkt_len, len);
	cr_assert_eq(rte_mbuf_refcnt_read(m), 1);
	packet_bytes(expect, n, len);
	got = rte_pktmbuf_read(m, 0, len, flat);
	cr_assert(got);
	cr_assert_eq(memcmp(got, expect, len), 0, "packet %u (%u bytes) is damaged", n, len);
}
