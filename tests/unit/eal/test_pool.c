// SPDX-License-Identifier: BSD-3-Clause
#include <sys/mman.h>
#include <time.h>

#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_mempool.h>

#include <uvdk_dma.h>
#include <uvdk_dmadev.h>

#include "eal_world.h"

/* Mbufs for devices of any class, and pools whose data is DMA memory of ours. */

TestSuite(eal_pool, .timeout = 60);

static struct world w;

static struct rte_mempool *own_pool(unsigned int count, unsigned int room)
{
	struct uvdk_eal_pool_opts opts = {.size = sizeof(opts), .count = count, .data_room = room};
	struct rte_mempool *pool;

	cr_assert_eq(uvdk_eal_pool_create(w.ioas, "own", &opts, &pool), 0, "%s", uvdk_last_error());
	return pool;
}

Test(eal_pool, mbufs_are_reached_without_a_map_of_dpdks_memory)
{
	const struct uvdk_xlate *x;
	struct rte_mbuf *m[127];
	struct rte_mempool *pool;
	struct uvdk_ioas_stats stats;

	eal_start();
	world_open(&w, 0);
	x = uvdk_ioas_xlate(w.ioas);
	pool = own_pool(127, 1500);
	uvdk_ioas_get_stats(w.ioas, &stats);
	cr_expect_eq(stats.maps, 1);
	cr_expect_eq(uvdk_eal_pool_check(w.ioas, pool), 0, "%s", uvdk_last_error());
	cr_assert_eq(rte_pktmbuf_alloc_bulk(pool, m, 127), 0);
	cr_expect_null(rte_pktmbuf_alloc(pool));
	for (unsigned int i = 0; i < 127; i++) {
		char *data = rte_pktmbuf_append(m[i], 1000);

		cr_assert(data);
		cr_expect_eq(uvdk_eal_mbuf_iova(x, m[i]), uvdk_translate(x, data));
		memset(data, (int)i + 1, 1000);
	}
	/* Each to the next; the last byte, too. */
	for (unsigned int i = 0; i + 1 < 127; i++)
		cr_expect_eq(world_copy(&w, RID, uvdk_eal_mbuf_iova(x, m[i + 1]) + 999,
					uvdk_eal_mbuf_iova(x, m[i]), 1),
			     COPIED);
	for (unsigned int i = 0; i + 1 < 127; i++) {
		const uint8_t *data = rte_pktmbuf_mtod(m[i + 1], uint8_t *);

		cr_expect_eq(data[999], i + 1, "mbuf %u", i);
		cr_expect_eq(data[998], i + 2, "mbuf %u", i);
	}
	rte_pktmbuf_free_bulk(m, 127);
	cr_expect(rte_mempool_full(pool));
	uvdk_eal_pool_destroy(pool);
	world_close(&w);
}

Test(eal_pool, a_chain_is_a_scatter_list)
{
	const struct uvdk_xlate *x;
	struct uvdk_eal_piece piece[4];
	struct rte_mempool *pool;
	struct rte_mbuf *m[3];

	eal_start();
	world_open(&w, 0);
	x = uvdk_ioas_xlate(w.ioas);
	pool = own_pool(15, 9000); /* over pages */
	for (unsigned int i = 0; i < 3; i++) {
		m[i] = rte_pktmbuf_alloc(pool);
		cr_assert(m[i]);
	}
	rte_pktmbuf_append(m[0], 8000);
	rte_pktmbuf_append(m[2], 100);
	/* The one in the middle is empty. */
	cr_assert_eq(rte_pktmbuf_chain(m[0], m[1]), 0);
	cr_assert_eq(rte_pktmbuf_chain(m[0], m[2]), 0);
	cr_assert_eq(uvdk_eal_mbuf_pieces(x, m[0], piece, 4), 2);
	cr_expect_eq(piece[0].iova, uvdk_eal_mbuf_iova(x, m[0]));
	cr_expect_eq(piece[0].len, 8000);
	cr_expect_eq(piece[1].iova, uvdk_eal_mbuf_iova(x, m[2]));
	cr_expect_eq(piece[1].len, 100);
	cr_expect_eq(uvdk_eal_mbuf_pieces(x, m[0], piece, 2), 2);
	cr_expect_eq(uvdk_eal_mbuf_pieces(x, m[0], piece, 1), -E2BIG);
	rte_pktmbuf_free(m[0]);
	cr_expect(rte_mempool_full(pool));
	uvdk_eal_pool_destroy(pool);
	world_close(&w);
}

/* ---- with a DMA engine ---- */

#define PACKETS 100u

static uint8_t byte_of(unsigned int packet, unsigned int at)
{
	return (uint8_t)(packet * 31 + at * 7 + at / 256);
}

/* A packet of one to three segments. */
static struct rte_mbuf *make_packet(struct rte_mempool *pool, unsigned int number)
{
	struct rte_mbuf *packet = NULL;
	unsigned int at = 0;

	for (unsigned int i = 0; i <= number % 3; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint16_t len = (uint16_t)(200 + number * 17 % 1500);
		uint8_t *data;

		cr_assert(m);
		data = (uint8_t *)rte_pktmbuf_append(m, len);
		cr_assert(data);
		for (uint16_t b = 0; b < len; b++)
			data[b] = byte_of(number, at++);
		if (packet)
			cr_assert_eq(rte_pktmbuf_chain(packet, m), 0);
		else
			packet = m;
	}

	return packet;
}

/* The engine gathers @from into the one segment of @to. */
static void gather(struct uvdk_dmadev_chan *chan, struct rte_mbuf *to, const struct rte_mbuf *from)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(w.ioas);
	struct uvdk_dmadev_result result[8];
	struct uvdk_eal_piece piece[8];
	uvdk_iova_t at;
	int count = uvdk_eal_mbuf_pieces(x, from, piece, 8);
	time_t deadline = time(NULL) + 60;
	unsigned int left;

	cr_assert_gt(count, 0);
	cr_assert(rte_pktmbuf_append(to, (uint16_t)from->pkt_len));
	at = uvdk_eal_mbuf_iova(x, to);
	for (int i = 0; i < count; at += piece[i++].len)
		cr_assert_geq(uvdk_dmadev_copy(chan, at, piece[i].iova, piece[i].len, 0), 0, "%s",
			      uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_submit(chan), 0);
	for (left = (unsigned int)count; left && time(NULL) < deadline;) {
		unsigned int n = uvdk_dmadev_completed_status(chan, result, 8);

		for (unsigned int i = 0; i < n; i++)
			cr_assert_eq(result[i].status, UVDK_DMADEV_OK);
		left -= n;
	}
	cr_assert_eq(left, 0);
}

/* Packets of one pool are copied into another's by an engine that knows IOVAs alone. */
static void packets_through(const char *engine, struct rte_mempool *from, struct rte_mempool *to)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts), .ioas = w.ioas};
	struct uvdk_dmadev_chan *chan;
	struct uvdk_device *dev;
	struct uvdk_dmadev *dma;

	cr_assert_eq(uvdk_device_open(w.iommu, engine, NULL, &dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_attach(w.ioas, dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_open(dev, NULL, &dma), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
	for (unsigned int i = 0; i < PACKETS; i++) {
		struct rte_mbuf *sent = make_packet(from, i);
		struct rte_mbuf *got = rte_pktmbuf_alloc(to);
		const uint8_t *data = rte_pktmbuf_mtod(got, uint8_t *);

		gather(chan, got, sent);
		cr_assert_eq(got->pkt_len, sent->pkt_len);
		for (unsigned int b = 0; b < got->pkt_len; b++)
			cr_assert_eq(data[b], byte_of(i, b), "%s: packet %u, byte %u", engine, i,
				     b);
		rte_pktmbuf_free(sent);
		rte_pktmbuf_free(got);
	}
	uvdk_dmadev_chan_close(chan);
	uvdk_dmadev_close(dma);
	uvdk_device_close(dev);
}

Test(eal_pool, engines_copy_between_mbufs_of_any_pool)
{
	static const char *const engines[] = {"emu:dsa", "emu:edu"};
	/* What edu reaches. */
	const struct uvdk_ioas_opts opts = {.size = sizeof(opts), .iova_last = 0x0fffffff};
	struct rte_mempool *own, *eals;
	struct uvdk_eal_map *map;

	eal_start();
	/* A machine that runs by itself: the driver waits for its commands. */
	cr_assert_eq(uvdk_iommu_open("emu", NULL, &w.iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(w.iommu, &opts, &w.ioas), 0);
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0, "%s", uvdk_last_error());
	own = own_pool(31, 9000);
	eals = rte_pktmbuf_pool_create("theirs", 31, 0, 0, 9000, SOCKET_ID_ANY);
	cr_assert(eals);
	for (unsigned int i = 0; i < 2; i++) {
		packets_through(engines[i], own, own);
		packets_through(engines[i], own, eals);
		packets_through(engines[i], eals, own);
	}
	cr_expect(rte_mempool_full(own));
	cr_expect(rte_mempool_full(eals));
	rte_mempool_free(eals);
	uvdk_eal_pool_destroy(own);
	uvdk_eal_map_destroy(map);
	uvdk_ioas_destroy(w.ioas);
	uvdk_iommu_close(w.iommu);
}

Test(eal_pool, a_pool_out_of_reach_is_told)
{
	struct uvdk_eal_piece piece[4];
	struct uvdk_eal_map *map;
	struct rte_mempool *pool;
	struct rte_mbuf *m;

	eal_start();
	world_open(&w, 0);
	pool = rte_pktmbuf_pool_create("theirs", 63, 0, 0, 1024, SOCKET_ID_ANY);
	cr_assert(pool);
	m = rte_pktmbuf_alloc(pool);
	rte_pktmbuf_append(m, 10);
	cr_expect_eq(uvdk_eal_pool_check(w.ioas, pool), -EFAULT);
	cr_expect(strstr(uvdk_last_error(), "63 of 63 mbufs of pool theirs"), "%s",
		  uvdk_last_error());
	cr_expect_eq(uvdk_eal_pool_check(NULL, pool), -EINVAL);
	cr_expect_eq(uvdk_eal_mbuf_iova(uvdk_ioas_xlate(w.ioas), m), UVDK_IOVA_NONE);
	cr_expect_eq(uvdk_eal_mbuf_pieces(uvdk_ioas_xlate(w.ioas), m, piece, 4), -EFAULT);
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0);
	cr_expect_eq(uvdk_eal_pool_check(w.ioas, pool), 0);
	cr_expect_eq(uvdk_eal_mbuf_pieces(uvdk_ioas_xlate(w.ioas), m, piece, 4), 1);
	rte_pktmbuf_free(m);
	/* Not ours to destroy. */
	uvdk_eal_pool_destroy(pool);
	cr_expect_eq(rte_mempool_lookup("theirs"), pool);
	rte_mempool_free(pool);
	uvdk_eal_pool_destroy(NULL);
	uvdk_eal_map_destroy(map);
	world_close(&w);
}

Test(eal_pool, what_makes_no_sense_is_refused_and_leaves_nothing)
{
	struct uvdk_eal_pool_opts opts = {.size = sizeof(opts), .count = 15};
	struct rte_mempool *pool, *none = NULL;
	struct uvdk_ioas_stats stats;

	world_open(&w, 0);
	cr_expect_eq(uvdk_eal_pool_create(w.ioas, "own", &opts, &none), -ENODEV);
	eal_start();
	cr_expect_eq(uvdk_eal_pool_create(NULL, "own", &opts, &none), -EINVAL);
	cr_expect_eq(uvdk_eal_pool_create(w.ioas, NULL, &opts, &none), -EINVAL);
	cr_expect_eq(uvdk_eal_pool_create(w.ioas, "own", NULL, &none), -EINVAL);
	opts.data_room = RTE_PKTMBUF_HEADROOM;
	cr_expect_eq(uvdk_eal_pool_create(w.ioas, "own", &opts, &none), -EINVAL);
	opts.data_room = 65536;
	cr_expect_eq(uvdk_eal_pool_create(w.ioas, "own", &opts, &none), -EINVAL);
	opts.data_room = 0;
	opts.cache = 513;
	cr_expect_eq(uvdk_eal_pool_create(w.ioas, "own", &opts, &none), -EINVAL);
	opts.cache = 0;
	uvdk_ioas_get_stats(w.ioas, &stats);
	cr_expect_eq(stats.maps, 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uvdk_eal_pool_create(w.ioas, "own", &opts, &pool), 0, "%s",
			     uvdk_last_error());
		cr_expect_eq(uvdk_eal_pool_create(w.ioas, "own", &opts, &none), -EEXIST);
		uvdk_ioas_get_stats(w.ioas, &stats);
		cr_expect_eq(stats.maps, 1);
		cr_expect_eq(rte_pktmbuf_data_room_size(pool) % 64, 0);
		cr_expect_geq(rte_pktmbuf_data_room_size(pool), RTE_MBUF_DEFAULT_BUF_SIZE);
		uvdk_eal_pool_destroy(pool);
	}
	cr_expect_null(none);
	world_close(&w);
}
