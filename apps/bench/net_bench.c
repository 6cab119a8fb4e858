// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include <uvdk_device.h>
#include <uvdk_eal.h>
#include <uvdk_emu.h>
#include <uvdk_netdev.h>
#include <uvdk_virtio_driver.h>

#include "bench.h"

/*
 * Instructions a packet of the virtio driver, at burst 32 on an emulated
 * device that works only between the bursts, when nothing is counted.
 *
 * Counted are receive with the refill of the ring, and transmit with the
 * cleaning of sent mbufs. A doorbell of a real device is one store; here it is
 * a call into the model. So the baseline rings as often, and is taken off.
 */
#define BURST	 32
#define ROUNDS	 2000
#define NOINLINE __attribute__((noinline, used))

struct state {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	struct uvdk_device *dev;
	struct uvdk_eal_map *map;
	struct uvdk_netdev *nd;
	struct rte_mempool *pool;
};

static int fail(const char *what)
{
	fprintf(stderr, "uvdk-bench: %s: %s\n", what, uvdk_last_error());
	return 1;
}

int bench_start_eal(void)
{
	static const char *const args[] = {
		"uvdk-bench",  "--no-huge",	 "-m", "128", "--no-pci",
		"--no-shconf", "--no-telemetry", "-l", "0",   "--log-level=*:3",
	};
	enum { COUNT = sizeof(args) / sizeof(args[0]) };
	char *argv[COUNT + 1] = {NULL};

	/* EAL keeps and changes them. */
	for (unsigned int i = 0; i < COUNT; i++)
		argv[i] = strdup(args[i]);

	return rte_eal_init(COUNT, argv) < 0;
}

static int open_device(struct state *s, const char *args)
{
	const struct uvdk_emu_opts emu_opts = {.size = sizeof(emu_opts), .manual = true};
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};
	char spec[256];

	if (uvdk_emu_create(&emu_opts, &s->emu))
		return fail("machine");
	iommu_opts.emu = s->emu;
	snprintf(spec, sizeof(spec), "emu:virtio-net%s%s", *args ? "," : "", args);
	if (uvdk_iommu_open("emu", &iommu_opts, &s->iommu) ||
	    uvdk_ioas_create(s->iommu, NULL, &s->ioas) ||
	    uvdk_device_open(s->iommu, spec, NULL, &s->dev) || uvdk_ioas_attach(s->ioas, s->dev) ||
	    uvdk_eal_map_create(s->ioas, &s->map))
		return fail(spec);

	return 0;
}

static int start_port(struct state *s, uint32_t offloads)
{
	const struct uvdk_netdev_conf conf = {
		.size = sizeof(conf),
		.rx_queues = 1,
		.tx_queues = 1,
		.offloads = offloads,
	};

	s->pool = rte_pktmbuf_pool_create("bench", 4095, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					  SOCKET_ID_ANY);
	if (!s->pool) {
		fprintf(stderr, "uvdk-bench: no pool\n");
		return 1;
	}
	if (uvdk_netdev_open(s->dev, s->ioas, &s->nd) || uvdk_netdev_configure(s->nd, &conf) ||
	    uvdk_netdev_rx_queue_setup(s->nd, 0, 256, s->pool) ||
	    uvdk_netdev_tx_queue_setup(s->nd, 0, 256) || uvdk_netdev_start(s->nd))
		return fail("port");

	return 0;
}

/* [DEVICE-ARGS [multi-seg]] */
static int setup(struct state *s, int argc, char **argv, const char *extra)
{
	const char *args = argc > 1 ? argv[1] : "no-in-order";
	bool multi_seg = argc > 2 && !strcmp(argv[2], "multi-seg");
	char all[200];

	if (argc > 3 || (argc > 2 && !multi_seg)) {
		fprintf(stderr, "usage: uvdk-bench %s [DEVICE-ARGS [multi-seg]]\n", argv[0]);
		return 2;
	}
	snprintf(all, sizeof(all), "%s%s%s", args, *args && *extra ? "," : "", extra);
	if (bench_start_eal() || open_device(s, all) ||
	    start_port(s, multi_seg ? UVDK_NETDEV_MULTI_SEG : 0))
		return 1;

	return 0;
}

static void finish(struct state *s)
{
	uvdk_netdev_close(s->nd);
	uvdk_device_close(s->dev);
	uvdk_eal_map_destroy(s->map);
	uvdk_ioas_destroy(s->ioas);
	uvdk_iommu_close(s->iommu);
	uvdk_emu_destroy(s->emu);
}

static uint64_t doorbells(struct state *s)
{
	struct uvdk_netdev_xstat x[64];
	unsigned int n = uvdk_netdev_xstats(s->nd, x, 64);
	uint64_t rung = 0;

	for (unsigned int i = 0; i < n && i < 64; i++)
		if (strstr(x[i].name, "_doorbells"))
			rung += x[i].value;

	return rung;
}

/* Not static: callgrind is given their names. */
uint16_t bench_rx_burst(struct uvdk_netdev *nd, struct rte_mbuf **pkts);
uint16_t bench_tx_burst(struct uvdk_netdev *nd, struct rte_mbuf **pkts);
void bench_doorbell(const struct uvdk_doorbell *db);

NOINLINE uint16_t bench_rx_burst(struct uvdk_netdev *nd, struct rte_mbuf **pkts)
{
	return uvdk_netdev_rx_burst(nd, 0, pkts, BURST);
}

NOINLINE uint16_t bench_tx_burst(struct uvdk_netdev *nd, struct rte_mbuf **pkts)
{
	return uvdk_netdev_tx_burst(nd, 0, pkts, BURST);
}

/* What a doorbell costs here; queue 0 has work often enough not to be surprised. */
NOINLINE void bench_doorbell(const struct uvdk_doorbell *db)
{
	uvdk_doorbell_ring16(db, 0);
}

static int ring_again(struct state *s, uint64_t times)
{
	struct uvdk_doorbell db;
	struct uvdk_virtio v;

	if (uvdk_virtio_open(s->dev, &v) ||
	    uvdk_doorbell_init(&db, &v.notify.region, v.notify.off, 2))
		return fail("doorbell");
	while (times--)
		bench_doorbell(&db);

	return 0;
}

static uint64_t receive(struct state *s, uint64_t *ns)
{
	uint64_t packets = 0;

	for (unsigned int r = 0; r < ROUNDS; r++) {
		struct rte_mbuf *pkts[BURST];
		uint64_t start;
		uint16_t n;

		uvdk_emu_step(s->emu);
		start = bench_ns();
		n = bench_rx_burst(s->nd, pkts);
		*ns += bench_ns() - start;
		rte_pktmbuf_free_bulk(pkts, n);
		packets += n;
	}

	return packets;
}

static uint64_t transmit(struct state *s, uint64_t *ns)
{
	uint64_t packets = 0;

	for (unsigned int r = 0; r < ROUNDS; r++) {
		struct rte_mbuf *pkts[BURST];
		uint64_t start;
		uint16_t n;

		if (rte_pktmbuf_alloc_bulk(s->pool, pkts, BURST))
			return 0;
		for (unsigned int i = 0; i < BURST; i++)
			rte_pktmbuf_append(pkts[i], 60);
		start = bench_ns();
		n = bench_tx_burst(s->nd, pkts);
		*ns += bench_ns() - start;
		rte_pktmbuf_free_bulk(pkts + n, BURST - n);
		uvdk_emu_step(s->emu);
		packets += n;
	}

	return packets;
}

static int run(int argc, char **argv, bool rx)
{
	struct state s = {0};
	uint64_t packets;
	uint64_t rung;
	uint64_t ns = 0;
	int status = setup(&s, argc, argv, rx ? "source" : "");

	if (status)
		return status;
	rung = doorbells(&s);
	packets = rx ? receive(&s, &ns) : transmit(&s, &ns);
	rung = doorbells(&s) - rung;
	if (!packets || ring_again(&s, rung))
		return 1;
	printf("%s %s: operations=%lu function=%s baseline=bench_doorbell doorbells=%lu "
	       "ns_per_op=%.1f\n",
	       argv[0], argc > 1 ? argv[1] : "no-in-order", (unsigned long)packets,
	       rx ? "bench_rx_burst" : "bench_tx_burst", (unsigned long)rung,
	       (double)ns / (double)packets);
	finish(&s);

	return 0;
}

int bench_virtio_rx(int argc, char **argv)
{
	return run(argc, argv, true);
}

int bench_virtio_tx(int argc, char **argv)
{
	return run(argc, argv, false);
}
