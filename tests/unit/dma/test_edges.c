// SPDX-License-Identifier: BSD-3-Clause
/* Arguments that nobody gives on purpose: nothing, too much, and what only just works. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_dma_reg.h>
#include <uvdk_dma_sg.h>
#include <uvdk_dmabuf.h>
#include <uvdk_regcache.h>

#include "../../random.h"
#include "../iommu/fake.h"

TestSuite(dma_edges, .init = fake_setup, .timeout = 60);

static uint8_t *pages(size_t n)
{
	void *va = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(va, MAP_FAILED);
	return va;
}

/* ---- registrations ---- */

Test(dma_edges, a_length_that_is_a_mistake_is_refused_at_once)
{
	uint8_t *p = pages(2);
	struct uvdk_dma_reg *reg = NULL;

	for (unsigned int bits = 36; bits < 64; bits++) {
		int err = uvdk_dma_register(ioas, p, (size_t)1 << bits, UVDK_MAP_RW, &reg);

		cr_assert_eq(err, -EFAULT, "2^%u: %d", bits, err);
	}
	cr_expect_eq(uvdk_dma_register(ioas, p, SIZE_MAX - (uintptr_t)p, UVDK_MAP_RW, &reg),
		     -EFAULT);
	cr_expect_eq(uvdk_dma_register(ioas, p, SIZE_MAX, UVDK_MAP_RW, &reg), -EINVAL);
	cr_expect_eq(uvdk_dma_register(ioas, NULL, SIZE_MAX, UVDK_MAP_RW, &reg), -EFAULT);
	cr_expect_null(reg);
	cr_expect_eq(fake.maps, 0);
	munmap(p, 2 * PAGE);
}

/* ---- scatter lists ---- */

static int list_of(struct uvdk_dma_sg *sg, struct iovec *iov, unsigned int count,
		   struct uvdk_dma_list *list)
{
	static struct uvdk_dma_piece pieces[64];

	*list = (struct uvdk_dma_list){.piece = pieces, .max = 64};
	return uvdk_dma_sg_mapv(sg, list, iov, count, UVDK_DMA_TO_DEVICE);
}

Test(dma_edges, lengths_whose_sum_is_too_large_are_refused_with_bounce_buffers_too)
{
	struct uvdk_dma_sg_opts opts = {.size = sizeof(opts)};
	struct uvdk_dma_sg_stats stats = {0};
	struct uvdk_dma_pool_cache *cache;
	struct uvdk_dma_pool *pool;
	struct uvdk_dma_list list;
	struct uvdk_dma_sg *sg;
	char byte[4] = {0};
	struct iovec iov[2] = {{byte, SIZE_MAX - 1}, {byte, 4}};

	cr_assert_eq(uvdk_dma_pool_create(ioas, 64, 0, 4, NULL, &pool), 0);
	cr_assert_eq(uvdk_dma_pool_cache_create(pool, 0, 0, &cache), 0);
	for (int bounce = 0; bounce < 2; bounce++) {
		opts.bounce = bounce ? cache : NULL;
		cr_assert_eq(uvdk_dma_sg_create(ioas, &opts, &sg), 0);
		cr_expect_eq(list_of(sg, iov, 2, &list), -EINVAL);
		cr_expect_eq(list.count, 0);
		uvdk_dma_sg_get_stats(sg, &stats);
		uvdk_dma_sg_destroy(sg);
	}
	cr_expect_eq(stats.failed, 2);
	cr_expect_eq(stats.lists, 0);
	cr_expect_eq(stats.copied_bytes, 0);
	uvdk_dma_pool_cache_destroy(cache);
	uvdk_dma_pool_destroy(pool);
	cr_expect_eq(fake.maps, 0);
}

Test(dma_edges, lists_of_nothing_and_of_single_bytes)
{
	struct uvdk_dma_sg_opts opts = {.size = sizeof(opts), .limits = {.len_max = 1}};
	struct uvdk_dma_buf buf;
	struct uvdk_dma_list list;
	struct uvdk_dma_sg *sg;
	struct iovec iov[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};

	cr_assert_eq(uvdk_dma_alloc(ioas, PAGE, NULL, &buf), 0);
	for (int boundary = 0; boundary < 2; boundary++) {
		opts.limits = (struct uvdk_dma_limits){0};
		if (boundary)
			opts.limits.boundary = 1;
		else
			opts.limits.len_max = 1;
		cr_assert_eq(uvdk_dma_sg_create(ioas, &opts, &sg), 0);
		cr_expect_eq(list_of(sg, NULL, 0, &list), -EINVAL);
		cr_expect_eq(list_of(sg, iov, 3, &list), -EINVAL);
		uvdk_dma_sg_unmap(sg, &list, UINT64_MAX);
		iov[1] = (struct iovec){buf.va, 64};
		cr_assert_eq(list_of(sg, iov, 3, &list), 0, "%s", uvdk_last_error());
		cr_expect_eq(list.count, 64);
		cr_expect_eq(list.piece[63].addr, buf.iova + 63);
		uvdk_dma_sg_unmap(sg, &list, UINT64_MAX);
		uvdk_dma_sg_unmap(sg, &list, UINT64_MAX);
		iov[1].iov_len = 65;
		cr_expect_eq(list_of(sg, iov, 3, &list), -E2BIG);
		cr_expect_eq(list.count, 0);
		iov[1] = (struct iovec){NULL, 0};
		uvdk_dma_sg_destroy(sg);
	}
	uvdk_dma_free(&buf);
	uvdk_dma_free(&buf);
	cr_expect_eq(fake.maps, 0);
}

/* A pool that is taken serves every object of it alike. */
Test(dma_edges, bounce_buffers_that_a_boundary_cuts_short_are_refused_when_the_lists_are_made)
{
	struct uvdk_dma_sg_opts opts = {.size = sizeof(opts),
					.limits = {.addr_align = 4, .len_align = 16}};
	static const uint64_t boundaries[] = {0, 32, 64, 4096, 8192};
	static const size_t aligns[] = {4, 8, 16, 64};
	struct uvdk_dma_pool_cache *cache;
	struct uvdk_dma_pool *pool;
	unsigned int taken = 0;
	char bytes[16] = "";

	for (size_t a = 0; a < 4; a++) {
		cr_assert_eq(uvdk_dma_pool_create(ioas, 20, aligns[a], 50, NULL, &pool), 0);
		cr_assert_eq(uvdk_dma_pool_cache_create(pool, 64, 0, &cache), 0);
		for (size_t b = 0; b < 5; b++) {
			struct uvdk_dma_list list[50];
			struct uvdk_dma_piece piece[50];
			struct uvdk_dma_sg *sg;
			int err;

			opts.limits.boundary = boundaries[b];
			opts.bounce = cache;
			err = uvdk_dma_sg_create(ioas, &opts, &sg);
			cr_assert(!err || err == -EDOM, "%d", err);
			if (err)
				continue;
			taken++;
			for (unsigned int i = 0; i < 50; i++) {
				list[i] = (struct uvdk_dma_list){.piece = &piece[i], .max = 1};
				cr_assert_eq(uvdk_dma_sg_map(sg, &list[i], bytes, 16,
							     UVDK_DMA_TO_DEVICE),
					     0, "align %zu, boundary %lu, object %u: %s", aligns[a],
					     boundaries[b], i, uvdk_last_error());
			}
			for (unsigned int i = 0; i < 50; i++)
				uvdk_dma_sg_unmap(sg, &list[i], 0);
			uvdk_dma_sg_destroy(sg);
		}
		uvdk_dma_pool_cache_destroy(cache);
		uvdk_dma_pool_destroy(pool);
	}
	cr_expect_geq(taken, 2 * 3 + 2 * 5, "%u", taken);
	cr_expect_eq(fake.maps, 0);
}

/* ---- registration cache ---- */

Test(dma_edges, every_get_that_fails_is_counted)
{
	struct uvdk_regcache_opts opts = {
		.size = sizeof(opts), .max_bytes = 1, .flags = UVDK_REGCACHE_NO_FOLLOW};
	struct uvdk_regcache_stats stats;
	struct uvdk_regcache_hold hold;
	struct uvdk_regcache *cache;
	uint8_t *p = pages(1);

	cr_assert_eq(uvdk_regcache_create(ioas, &opts, &cache), 0);
	cr_expect_eq(uvdk_regcache_get(cache, p, 0, &hold), -EINVAL);
	cr_expect_eq(uvdk_regcache_get(cache, NULL, 0, &hold), -EINVAL);
	cr_expect_eq(uvdk_regcache_get(cache, p, SIZE_MAX, &hold), -EINVAL);
	cr_expect_eq(uvdk_regcache_get(cache, p, SIZE_MAX / 2, &hold), -ENOSPC);
	cr_expect_eq(uvdk_regcache_get(cache, p, 1, &hold), -ENOSPC);
	uvdk_regcache_get_stats(cache, &stats);
	cr_expect_eq(stats.refused, 5, "%lu", stats.refused);
	cr_expect_eq(stats.hits + stats.misses + stats.held + stats.entries, 0);
	uvdk_regcache_destroy(cache);
	cr_expect_eq(fake.maps, 0);
	munmap(p, PAGE);
}

Test(dma_edges, a_cache_of_one_page_serves_one_page_at_a_time)
{
	struct uvdk_regcache_opts opts = {.size = sizeof(opts),
					  .max_bytes = PAGE,
					  .max_entries = 1,
					  .flags = UVDK_REGCACHE_NO_FOLLOW};
	struct uvdk_regcache_stats stats;
	struct uvdk_regcache_hold hold, other;
	struct uvdk_regcache *cache;
	uint8_t *p = pages(8);

	cr_assert_eq(uvdk_regcache_create(ioas, &opts, &cache), 0);
	for (unsigned int i = 0; i < 800; i++) {
		cr_assert_eq(uvdk_regcache_get(cache, p + i % 8 * PAGE + i, 1, &hold), 0);
		cr_assert_eq(uvdk_regcache_get(cache, p + i % 8 * PAGE, PAGE, &other), 0);
		uvdk_regcache_put(cache, &other);
		cr_assert_eq(uvdk_regcache_get(cache, p + (i + 1) % 8 * PAGE, 1, &other), -ENOSPC);
		cr_assert_eq(uvdk_regcache_get(cache, p + i % 7 * PAGE, PAGE + 1, &other), -ENOSPC);
		uvdk_regcache_put(cache, &hold);
	}
	uvdk_regcache_get_stats(cache, &stats);
	cr_expect_eq(stats.hits, 800);
	cr_expect_eq(stats.misses, 800);
	cr_expect_eq(stats.evictions, 799);
	cr_expect_eq(stats.refused, 1600);
	cr_expect_eq(stats.held, 0);
	cr_expect_eq(stats.bytes, PAGE);
	uvdk_regcache_destroy(cache);
	cr_expect_eq(fake.maps, 0);
	munmap(p, 8 * PAGE);
}

/* ---- files ---- */

Test(dma_edges, what_is_no_file_in_memory_or_not_whole_pages_is_refused)
{
	int fd = memfd_create("edges", MFD_ALLOW_SEALING), pair[2];
	int path = open("/proc/self/fd", O_PATH | O_DIRECTORY), null = open("/dev/null", O_RDWR);
	uvdk_iova_t iova = 0;
	const unsigned int rw = UVDK_MAP_RW;

	cr_assert_eq(ftruncate(fd, 4 * PAGE), 0);
	cr_assert_eq(pipe(pair), 0);
	cr_expect_eq(uvdk_dmabuf_map(ioas, -1, 0, PAGE, rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, INT32_MAX, 0, PAGE, rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, INT32_MIN, 0, PAGE, rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, path, 0, PAGE, rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, null, 0, PAGE, rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, pair[0], 0, PAGE, rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 0, 0, rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 0, PAGE, 0, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 0, PAGE, rw | UVDK_MAP_ALIAS, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 0, PAGE, 1u << 30 | rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 5 * PAGE, PAGE, rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, UINT64_MAX - PAGE + 1, PAGE, rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, PAGE, SIZE_MAX - PAGE + 1, rw, &iova), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 0, PAGE / 2, rw, &iova), -EDOM);
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 100, PAGE, rw, &iova), -EDOM, "%s",
		     uvdk_last_error());
	iova = 100;
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 0, PAGE, rw | UVDK_MAP_FIXED, &iova), -EDOM);
	cr_expect_eq(iova, 100);
	cr_expect_eq(uvdk_dmabuf_unmap(NULL, 0), -ENOENT);
	cr_expect_eq(uvdk_dmabuf_unmap(ioas, UVDK_IOVA_NONE), -ENOENT);
	cr_expect_eq(uvdk_dmabuf_redo(ioas, 0), -ENOENT);
	cr_expect_eq(uvdk_dmabuf_watch(ioas, 0, NULL, NULL), -ENOENT);
	cr_expect_eq(fake.maps, 0);
	cr_assert_eq(uvdk_dmabuf_map(ioas, fd, PAGE, 3 * PAGE, rw, &iova), 0, "%s",
		     uvdk_last_error());
	cr_expect_eq(uvdk_dmabuf_unmap(ioas, iova + PAGE), -ENOENT);
	cr_expect_eq(uvdk_ioas_unmap(ioas, iova, 3 * PAGE), -EBUSY);
	cr_expect_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
	cr_expect_eq(uvdk_dmabuf_unmap(ioas, iova), -ENOENT);
	cr_expect_eq(fake.maps, 0);
	close(fd);
	close(null);
	close(path);
	close(pair[0]);
	close(pair[1]);
}

/* ---- pools ---- */

Test(dma_edges, pools_of_one_object_and_caches_larger_than_their_pool)
{
	static const size_t sizes[] = {1, 3, 4095, 4096, 4097, 3 * 4096 + 1, 1 << 21};
	static const unsigned int entries[] = {1, 2, 3, UVDK_DMA_POOL_CACHE_MAX};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (size_t e = 0; e < 4; e++) {
			struct uvdk_dma_pool_cache *cache;
			struct uvdk_dma_pool_stats stats;
			struct uvdk_dma_pool *pool;
			uvdk_iova_t iova;
			void *object[2];
			char *got;

			cr_assert_eq(uvdk_dma_pool_create(ioas, sizes[s], 1, 1, NULL, &pool), 0);
			cr_assert_eq(uvdk_dma_pool_cache_create(pool, entries[e], 0, &cache), 0);
			cr_expect_eq(uvdk_dma_pool_cache_get_bulk(cache, object, 2), -ENOBUFS);
			cr_expect_eq(uvdk_dma_pool_cache_get_bulk(cache, object, 0), 0);
			got = uvdk_dma_pool_cache_get(cache);
			cr_assert_not_null(got);
			memset(got, 0xff, sizes[s]);
			cr_expect_null(uvdk_dma_pool_cache_get(cache));
			cr_expect_null(uvdk_dma_pool_get(pool, NULL));
			cr_expect_eq(uvdk_dma_pool_put(pool, got + 1), -EINVAL);
			cr_expect_eq(uvdk_dma_pool_put(pool, got - 1), -EINVAL);
			cr_expect_eq(uvdk_dma_pool_put(pool, NULL), -EINVAL);
			cr_expect_eq(uvdk_dma_pool_put(pool, got), 0);
			cr_expect_eq(uvdk_dma_pool_put(pool, got), -EINVAL);
			cr_assert_eq(uvdk_dma_pool_get(pool, &iova), got);
			cr_expect_eq(uvdk_dma_pool_cache_iova(cache, got), iova);
			uvdk_dma_pool_cache_put(cache, got);
			cr_expect_null(uvdk_dma_pool_get(pool, NULL));
			uvdk_dma_pool_cache_flush(cache);
			uvdk_dma_pool_get_stats(pool, &stats);
			cr_expect_eq(stats.free, 1);
			cr_expect_eq(stats.gets, stats.puts);
			cr_expect_eq(stats.gets, 2);
			cr_expect_eq(stats.refused, 4);
			uvdk_dma_pool_cache_destroy(cache);
			uvdk_dma_pool_destroy(pool);
		}
	}
	cr_expect_eq(fake.maps, 0);
}

Test(dma_edges, sizes_that_overflow_are_refused)
{
	struct uvdk_dma_pool *pool = NULL;
	size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 2, SIZE_MAX / 4, (size_t)1 << 32};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int err = uvdk_dma_pool_create(ioas, sizes[i], 4096, UINT32_MAX, NULL, &pool);

		cr_expect(err == -EINVAL || err == -ENOMEM, "%zu: %d", sizes[i], err);
	}
	cr_expect_null(pool);
	cr_expect_eq(fake.maps, 0);
}

/* Larger than what the pool looks at as one piece. */
Test(dma_edges, an_object_of_more_than_a_gibibyte_comes_back_as_itself_only)
{
	const size_t gib = (size_t)1 << 30;
	struct uvdk_dma_pool *pool;
	char *one;

	if (sysconf(_SC_AVPHYS_PAGES) < (long)(4 * gib / PAGE) ||
	    uvdk_dma_pool_create(ioas, gib + 1, 0, 1, NULL, &pool))
		cr_skip_test("not that much memory is free");
	one = uvdk_dma_pool_get(pool, NULL);
	cr_expect_eq(uvdk_dma_pool_put(pool, one + gib), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_put(pool, one + gib / 2), -EINVAL);
	one[gib] = 1;
	cr_expect_eq(uvdk_dma_pool_put(pool, one), 0);
	uvdk_dma_pool_destroy(pool);
	cr_expect_eq(fake.maps, 0);
}

#define OUT_MAX 200

static void sums_add_up(struct uvdk_dma_pool *pool, unsigned int out, uint64_t gets, uint64_t puts)
{
	struct uvdk_dma_pool_stats stats;

	uvdk_dma_pool_get_stats(pool, &stats);
	cr_assert_eq(stats.free + stats.cached + out, stats.objects);
	cr_assert_eq(stats.gets, gets);
	cr_assert_eq(stats.puts, puts);
	cr_assert_eq(stats.gets - stats.puts, out);
	cr_assert_eq(stats.free, uvdk_dma_pool_free_count(pool));
}

Test(dma_edges, counts_of_a_pool_add_up_whoever_takes_and_gives)
{
	struct uvdk_dma_pool_cache *caches[4] = {NULL};
	uint64_t seed = 0x5eed, gets = 0, puts = 0;
	struct uvdk_dma_pool *pool;
	void *outs[OUT_MAX];
	unsigned int out = 0;

	cr_assert_eq(uvdk_dma_pool_create(ioas, 100, 0, 150, NULL, &pool), 0);
	for (unsigned int round = 0; round < 40000; round++) {
		uint64_t dice = random_next(&seed) >> 13;
		struct uvdk_dma_pool_cache **cache = &caches[dice % 4];
		unsigned int n = dice >> 8 & 31;

		switch (dice >> 20 & 15) {
		case 0:
			uvdk_dma_pool_cache_destroy(*cache);
			*cache = NULL;
			break;
		case 1:
			if (*cache)
				uvdk_dma_pool_cache_flush(*cache);
			break;
		case 2 ... 4:
			outs[out] = uvdk_dma_pool_get(pool, NULL);
			gets += outs[out] != NULL;
			out += outs[out] != NULL;
			break;
		case 5 ... 7:
			if (out && ++puts)
				cr_assert_eq(uvdk_dma_pool_put(pool, outs[--out]), 0);
			break;
		case 8 ... 11:
			if (*cache && !uvdk_dma_pool_cache_get_bulk(*cache, &outs[out], n)) {
				out += n;
				gets += n;
			}
			break;
		default:
			n = n < out ? n : out;
			if (*cache) {
				out -= n;
				puts += n;
				uvdk_dma_pool_cache_put_bulk(*cache, &outs[out], n);
			}
		}
		if (!*cache)
			cr_assert_eq(uvdk_dma_pool_cache_create(pool, n, dice >> 40 & 1, cache), 0);
		sums_add_up(pool, out, gets, puts);
	}
	while (out)
		cr_assert_eq(uvdk_dma_pool_put(pool, outs[--out]), 0);
	for (unsigned int i = 0; i < 4; i++)
		uvdk_dma_pool_cache_destroy(caches[i]);
	cr_expect_eq(uvdk_dma_pool_free_count(pool), 150);
	uvdk_dma_pool_destroy(pool);
	cr_expect_eq(fake.maps, 0);
}
