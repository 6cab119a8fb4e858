// SPDX-License-Identifier: BSD-3-Clause
#include "sg_world.h"

TestSuite(sg_bounce, .init = world_setup);

#define BYTES	512
#define BUFFERS 4
#define ROUNDS	30000
#define OBJECTS 64

static struct uvdk_dma_pool *pool;
static struct uvdk_dma_pool_cache *cache;

static void make_pool(size_t object_size)
{
	struct uvdk_dma_opts opts = {.size = sizeof(opts),
				     .source = UVDK_DMA_NORMAL,
				     .numa_node = UVDK_DMA_ANY_NODE,
				     .flags = UVDK_MAP_RW | UVDK_MAP_FIXED,
				     .iova = 0x2000000};

	cr_assert_eq(uvdk_dma_pool_create(ioas, object_size, 0, OBJECTS, &opts, &pool), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(uvdk_dma_pool_cache_create(pool, 8, 0, &cache), 0);
}

/* Every object is back, once. */
static void free_pool(void)
{
	struct uvdk_dma_pool_stats stats;

	uvdk_dma_pool_cache_destroy(cache);
	uvdk_dma_pool_get_stats(pool, &stats);
	cr_expect_eq(stats.free, OBJECTS);
	cr_expect_eq(stats.refused, 0);
	uvdk_dma_pool_destroy(pool);
}

/* The device: where it finds a byte of the list. */
static char *device_byte(const struct uvdk_dma_list *list, uint64_t at)
{
	for (unsigned int i = 0; i < list->count; i++) {
		if (at < list->piece[i].len) {
			char *byte = uvdk_ioas_va(ioas, list->piece[i].addr + at);

			cr_assert_not_null(byte);
			return byte;
		}
		at -= list->piece[i].len;
	}
	cr_assert_fail("past the end of the list");
	return NULL;
}

/* One transfer: what arrives at the other side is what was sent, and nothing else changes. */
static void transfer(const struct uvdk_dma_list *list, struct uvdk_dma_sg *sg, char **byte,
		     unsigned int bytes, uint64_t done)
{
	struct uvdk_dma_list copy = *list;
	char sent[BYTES], before[BYTES];

	for (unsigned int i = 0; i < bytes; i++) {
		before[i] = *byte[i];
		if (list->dir & UVDK_DMA_TO_DEVICE)
			cr_assert_eq(*device_byte(list, i), *byte[i], "byte %u", i);
	}
	for (unsigned int i = 0; i < bytes && list->dir & UVDK_DMA_FROM_DEVICE; i++)
		*device_byte(list, i) = sent[i] = (char)(i * 7 + bytes);
	if (copy.iov == &list->one)
		copy.iov = &copy.one;
	uvdk_dma_sg_unmap(sg, &copy, done);
	for (unsigned int i = 0; i < bytes; i++) {
		bool written = list->dir & UVDK_DMA_FROM_DEVICE && (i < done || !list->bounced);

		cr_assert_eq(*byte[i], written ? sent[i] : before[i], "byte %u of %lu", i, done);
	}
}

/* Buffers with a byte twice would change under the eyes of the test. */
static bool apart(const struct iovec *iov, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int j = 0; j < i; j++)
			if ((char *)iov[i].iov_base < (char *)iov[j].iov_base + iov[j].iov_len &&
			    (char *)iov[j].iov_base < (char *)iov[i].iov_base + iov[i].iov_len)
				return false;
	return true;
}

static unsigned int list_bytes(const struct iovec *iov, unsigned int count, char **byte)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < count; i++)
		for (size_t b = 0; b < iov[i].iov_len; b++)
			byte[n++] = (char *)iov[i].iov_base + b;
	return n;
}

Test(sg_bounce, random_buffers_arrive_whether_they_bounce_or_not)
{
	struct uvdk_dma_sg_stats stats = {0};
	uint64_t seed = 0xb0b0, mapped = 0, failed = 0;

	make_pool(96);
	for (unsigned int i = 0; i < WORLD_PAGES * PAGE; i++)
		world[i] = (char)(random_next(&seed) >> 30);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct uvdk_dma_limits l = random_limits(&seed);
		struct uvdk_dma_sg *sg = sg_of(&l, cache);
		struct uvdk_dma_piece piece[BYTES];
		struct uvdk_dma_list list = {.piece = piece, .max = round % 7 ? BYTES : 2};
		unsigned int dir = 1 + (unsigned int)(random_next(&seed) >> 20) % 3;
		uint64_t done = round % 3 ? UINT64_MAX : (random_next(&seed) >> 20) % 300;
		struct iovec iov[BUFFERS];
		unsigned int count = random_buffers(&seed, iov, BUFFERS);
		char *byte[BYTES];
		unsigned int bytes = list_bytes(iov, count, byte);
		int err = -ENOENT;

		if (apart(iov, count))
			err = uvdk_dma_sg_mapv(sg, &list, iov, count, dir);
		if (!err) {
			for (unsigned int i = 0; i < list.count; i++)
				cr_assert(keeps(&l, piece[i].addr, piece[i].len));
			cr_assert_eq(list.len, bytes);
			transfer(&list, sg, byte, bytes, done);
			mapped++;
		} else if (err != -ENOENT) {
			cr_assert(err == -E2BIG || err == -EINVAL || err == -EDOM, "%s",
				  uvdk_last_error());
			failed++;
		}
		uvdk_dma_sg_get_stats(sg, &stats);
		uvdk_dma_sg_destroy(sg);
	}
	cr_expect(mapped > ROUNDS / 4 && failed > 100, "%lu, %lu", mapped, failed);
	cr_expect_eq(stats.lists, mapped);
	cr_expect_eq(stats.unmapped, mapped);
	cr_expect_eq(stats.failed, failed);
	cr_expect(stats.bounced > 1000 && stats.bounced < mapped, "%lu", stats.bounced);
	cr_expect(stats.copied_bytes > 0 && stats.copied_bytes <= 2 * stats.bounced_bytes);
	free_pool();
	world_teardown();
}

Test(sg_bounce, it_is_counted_and_only_done_where_nothing_else_helps)
{
	struct uvdk_dma_limits l = {.addr_align = 64, .addr_mask = UINT32_MAX};
	struct uvdk_dma_piece piece[8];
	struct uvdk_dma_list list = {.piece = piece, .max = 8};
	struct uvdk_dma_sg_stats stats = {0};
	struct uvdk_dma_sg *sg;

	make_pool(2048);
	sg = sg_of(&l, cache);
	cr_assert_eq(uvdk_dma_sg_map(sg, &list, world, PAGE, UVDK_DMA_TO_DEVICE), 0);
	cr_expect_not(list.bounced);
	cr_expect_eq(piece[0].addr, 0x1000000);
	uvdk_dma_sg_unmap(sg, &list, UINT64_MAX);
	memset(world + HIGH * PAGE, 'h', PAGE);
	cr_assert_eq(uvdk_dma_sg_map(sg, &list, world + HIGH * PAGE, PAGE, UVDK_DMA_TO_DEVICE), 0);
	cr_expect(list.bounced);
	cr_expect_eq(list.count, 2);
	cr_expect_leq(piece[1].addr, UINT32_MAX);
	cr_expect_eq(*device_byte(&list, PAGE - 1), 'h');
	cr_expect_eq(uvdk_dma_pool_free_count(pool) <= OBJECTS - 2, true);
	uvdk_dma_sg_unmap(sg, &list, UINT64_MAX);
	uvdk_dma_sg_unmap(sg, &list, UINT64_MAX);
	uvdk_dma_sg_get_stats(sg, &stats);
	cr_expect_eq(stats.lists, 2);
	cr_expect_eq(stats.bounced, 1);
	cr_expect_eq(stats.bounced_bytes, PAGE);
	cr_expect_eq(stats.copied_bytes, PAGE);
	cr_expect_eq(stats.bytes, 2 * PAGE);
	uvdk_dma_sg_destroy(sg);
	free_pool();
	world_teardown();
}

Test(sg_bounce, a_pool_that_runs_dry_is_an_error_and_loses_nothing)
{
	struct uvdk_dma_limits l = {.addr_mask = UINT32_MAX};
	struct uvdk_dma_piece piece[64];
	struct uvdk_dma_list list = {.piece = piece, .max = 64};
	struct uvdk_dma_sg *sg;

	make_pool(32);
	sg = sg_of(&l, cache);
	cr_expect_eq(uvdk_dma_sg_map(sg, &list, world + HIGH * PAGE, PAGE, UVDK_DMA_TO_DEVICE),
		     -ENOBUFS);
	list.max = 1;
	cr_expect_eq(uvdk_dma_sg_map(sg, &list, world + HIGH * PAGE, 33, UVDK_DMA_TO_DEVICE),
		     -E2BIG);
	list.max = 64;
	cr_assert_eq(uvdk_dma_sg_map(sg, &list, world + HIGH * PAGE, 63 * 32, UVDK_DMA_TO_DEVICE),
		     0, "%s", uvdk_last_error());
	{
		struct uvdk_dma_piece more[64];
		struct uvdk_dma_list other = {.piece = more, .max = 64};

		cr_expect_eq(
			uvdk_dma_sg_map(sg, &other, world + HIGH * PAGE, 64, UVDK_DMA_TO_DEVICE),
			-ENOBUFS);
		cr_expect(said("pool is too small"), "%s", uvdk_last_error());
	}
	uvdk_dma_sg_unmap(sg, &list, UINT64_MAX);
	uvdk_dma_sg_destroy(sg);
	free_pool();
	world_teardown();
}

Test(sg_bounce, a_pool_that_does_not_go_with_the_device_is_refused)
{
	struct uvdk_dma_sg_opts opts = {.size = sizeof(opts)};
	struct uvdk_dma_sg *sg = NULL;
	struct uvdk_ioas *other;

	make_pool(96);
	opts.bounce = cache;
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &other), 0);
	cr_expect_eq(uvdk_dma_sg_create(other, &opts, &sg), -EINVAL);
	cr_expect(said("another address space"), "%s", uvdk_last_error());
	uvdk_ioas_destroy(other);
	opts.limits.addr_align = 256;
	cr_expect_eq(uvdk_dma_sg_create(ioas, &opts, &sg), -EDOM);
	opts.limits = (struct uvdk_dma_limits){.len_align = 128};
	cr_expect_eq(uvdk_dma_sg_create(ioas, &opts, &sg), -EDOM);
	opts.limits = (struct uvdk_dma_limits){.addr_mask = 0xffff};
	cr_expect_eq(uvdk_dma_sg_create(ioas, &opts, &sg), -EDOM);
	cr_expect(said("don't keep the device's limits"), "%s", uvdk_last_error());
	cr_expect_null(sg);
	free_pool();
	world_teardown();
}
