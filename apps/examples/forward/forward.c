// SPDX-License-Identifier: BSD-3-Clause
/*
 * Forward packets between two ports: the smallest whole application on
 * libuvdk_net. Without arguments it makes two emulated ports, each with a
 * source of 10,000 frames and a sink that verifies what comes back out.
 *
 *   forward [EAL options] [-- PORT PORT]
 *
 * A PORT is a PCI address or "emu:virtio-net[,...]".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <uvdk_device.h>
#include <uvdk_eal.h>
#include <uvdk_iommu.h>
#include <uvdk_netdev.h>

#define BURST	   32
#define MBUFS	   4096
#define IDLE_LIMIT 1.0 /* seconds without a packet, then we are done */

struct port {
	struct uvdk_device *dev;
	struct uvdk_netdev *nd;
};

/* What both ports share: one I/O MMU, one address space, EAL's memory in it. */
struct app {
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	struct uvdk_eal_map *map;
	struct rte_mempool *pool;
	struct port port[2];
	unsigned long received;
	unsigned long forwarded;
	unsigned long dropped;
};

static int report(const char *what, int ret)
{
	fprintf(stderr, "forward: %s: %s (%s)\n", what, uvdk_last_error(), strerror(-ret));

	return ret;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Devices first: they narrow what the address space can use. */
static int open_devices(struct app *app, const char *const specs[2])
{
	const char *name = uvdk_iommu_choose(specs[0], NULL);
	int ret;

	if (!name)
		return report("choosing an iommu", -ENODEV);
	ret = uvdk_iommu_open(name, NULL, &app->iommu);
	if (ret)
		return report("opening the iommu", ret);
	ret = uvdk_ioas_create(app->iommu, NULL, &app->ioas);
	if (ret)
		return report("creating an address space", ret);

	for (int i = 0; i < 2; i++) {
		ret = uvdk_device_open(app->iommu, specs[i], NULL, &app->port[i].dev);
		if (!ret)
			ret = uvdk_ioas_attach(app->ioas, app->port[i].dev);
		if (ret)
			return report(specs[i], ret);
	}

	ret = uvdk_eal_map_create(app->ioas, &app->map);

	return ret ? report("mapping EAL's memory", ret) : 0;
}

static int start_port(struct app *app, struct port *port)
{
	struct uvdk_netdev_conf conf = {.size = sizeof(conf), .rx_queues = 1, .tx_queues = 1};
	int ret;

	ret = uvdk_netdev_open(port->dev, app->ioas, &port->nd);
	if (!ret)
		ret = uvdk_netdev_configure(port->nd, &conf);
	if (!ret)
		ret = uvdk_netdev_rx_queue_setup(port->nd, 0, 0, app->pool);
	if (!ret)
		ret = uvdk_netdev_tx_queue_setup(port->nd, 0, 0);
	if (!ret)
		ret = uvdk_netdev_start(port->nd);

	return ret ? report("starting a port", ret) : 0;
}

/* One burst from one port to the other. What the ring does not take is dropped. */
static unsigned int forward_burst(struct app *app, struct port *from, struct port *to)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t got = uvdk_netdev_rx_burst(from->nd, 0, pkts, BURST);
	uint16_t sent;

	if (!got)
		return 0;
	sent = uvdk_netdev_tx_burst(to->nd, 0, pkts, got);
	if (sent < got)
		rte_pktmbuf_free_bulk(pkts + sent, got - sent);
	app->received += got;
	app->forwarded += sent;
	app->dropped += (unsigned long)(got - sent);

	return got;
}

static void forward(struct app *app)
{
	double last = now();

	while (now() - last < IDLE_LIMIT) {
		unsigned int moved = forward_burst(app, &app->port[0], &app->port[1]);

		moved += forward_burst(app, &app->port[1], &app->port[0]);
		if (moved)
			last = now();
	}
}

/* In reverse order; all of these take NULL. */
static void close_all(struct app *app)
{
	for (int i = 0; i < 2; i++)
		uvdk_netdev_close(app->port[i].nd);
	uvdk_eal_map_destroy(app->map);
	for (int i = 0; i < 2; i++)
		uvdk_device_close(app->port[i].dev);
	uvdk_ioas_destroy(app->ioas);
	uvdk_iommu_close(app->iommu);
	rte_mempool_free(app->pool);
}

static int run(struct app *app, const char *const specs[2])
{
	int ret;

	app->pool = rte_pktmbuf_pool_create("forward", MBUFS, 64, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					    SOCKET_ID_ANY);
	if (!app->pool) {
		fprintf(stderr, "forward: no mbuf pool: %s\n", rte_strerror(rte_errno));
		return -ENOMEM;
	}
	ret = open_devices(app, specs);
	for (int i = 0; i < 2 && !ret; i++)
		ret = start_port(app, &app->port[i]);
	if (ret)
		return ret;
	forward(app);

	for (int i = 0; i < 2; i++) {
		struct uvdk_netdev_stats stats;

		uvdk_netdev_get_stats(app->port[i].nd, &stats);
		printf("port %d: received %lu, sent %lu\n", i, (unsigned long)stats.rx_packets,
		       (unsigned long)stats.tx_packets);
	}

	return 0;
}

/* EAL options of our own where the user gave none: no huge pages, no root. */
static int init_eal(int argc, char **argv)
{
	char *fallback[] = {(char[]){"forward"},     (char[]){"--no-huge"},
			    (char[]){"--no-shconf"}, (char[]){"--no-telemetry"},
			    (char[]){"--no-pci"},    (char[]){"-m"},
			    (char[]){"64"},	     NULL};
	int given = argc > 1 && strcmp(argv[1], "--") != 0;
	int used = given ? rte_eal_init(argc, argv) : rte_eal_init(7, fallback);

	if (used < 0) {
		fprintf(stderr, "forward: EAL does not start: %s\n", rte_strerror(rte_errno));
		return used;
	}

	return given ? used : 0;
}

int main(int argc, char **argv)
{
	const char *specs[2] = {"emu:virtio-net,source=10000", "emu:virtio-net,source=10000"};
	struct app app = {0};
	int used, ret;

	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	used = init_eal(argc, argv);
	if (used < 0)
		return EXIT_FAILURE;
	if (used + 1 < argc && !strcmp(argv[used + 1], "--"))
		used++;
	for (int i = 0; i < 2 && used + 1 + i < argc; i++)
		specs[i] = argv[used + 1 + i];

	ret = run(&app, specs);
	close_all(&app);
	rte_eal_cleanup();
	if (ret)
		return EXIT_FAILURE;

	printf("received %lu = forwarded %lu + dropped %lu\n", app.received, app.forwarded,
	       app.dropped);

	return app.received && app.received == app.forwarded + app.dropped ? EXIT_SUCCESS
									   : EXIT_FAILURE;
}
