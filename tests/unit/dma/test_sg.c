// SPDX-License-Identifier: BSD-3-Clause
#include "sg_world.h"

TestSuite(sg, .init = world_setup);

#define BYTES	512 /* more than random_buffers() come to */
#define BUFFERS 4
#define ROUNDS	60000

/* ---- a reference that looks at every byte and at every way to cut ---- */

static uvdk_iova_t byte_at[BYTES];

static unsigned int list_bytes(const struct iovec *iov, unsigned int count)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < count; i++)
		for (size_t b = 0; b < iov[i].iov_len; b++)
			byte_at[n++] =
				uvdk_translate(uvdk_ioas_xlate(ioas), (char *)iov[i].iov_base + b);
	cr_assert_leq(n, BYTES);
	return n;
}

/* The fewest pieces that hold all bytes, or 0 if nothing does; what is adjacent may be one. */
static unsigned int fewest(const struct uvdk_dma_limits *l, unsigned int bytes)
{
	static unsigned int best[BYTES + 1];

	for (unsigned int i = 0; i < bytes; i++)
		if (byte_at[i] == UVDK_IOVA_NONE)
			return 0;
	best[bytes] = 1;
	for (unsigned int i = bytes; i-- > 0;) {
		best[i] = 0;
		for (unsigned int n = 1; i + n <= bytes; n++) {
			if (n > 1 && byte_at[i + n - 1] != byte_at[i] + n - 1)
				break;
			if (best[i + n] && keeps(l, byte_at[i], n) &&
			    (!best[i] || best[i + n] + 1 < best[i]))
				best[i] = best[i + n] + 1;
		}
	}
	return best[0] ? best[0] - 1 : 0;
}

static void check_list(const struct uvdk_dma_limits *l, const struct uvdk_dma_list *list,
		       unsigned int bytes)
{
	unsigned int at = 0;

	for (unsigned int i = 0; i < list->count; i++) {
		const struct uvdk_dma_piece *p = &list->piece[i];

		cr_assert(keeps(l, p->addr, p->len), "piece %u: 0x%lx+0x%lx", i, p->addr, p->len);
		for (size_t b = 0; b < p->len; b++)
			cr_assert_eq(byte_at[at++], p->addr + b);
	}
	cr_assert_eq(at, bytes);
	cr_assert_eq(list->len, bytes);
}

Test(sg, random_buffers_and_limits_are_cut_as_a_simple_reference_says)
{
	struct uvdk_dma_sg_stats stats = {0};
	uint64_t seed = 0x5eed, lists = 0, pieces = 0, failed = 0;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct uvdk_dma_limits l = random_limits(&seed);
		struct uvdk_dma_sg *sg = sg_of(&l, NULL);
		struct uvdk_dma_piece piece[BYTES];
		struct uvdk_dma_list list = {.piece = piece, .max = round % 5 ? BYTES : 3};
		struct iovec iov[BUFFERS];
		unsigned int count = random_buffers(&seed, iov, BUFFERS);
		unsigned int bytes = list_bytes(iov, count);
		unsigned int most = l.count_max && l.count_max < list.max ? l.count_max : list.max;
		unsigned int want = bytes ? fewest(&l, bytes) : 0;
		int err = uvdk_dma_sg_mapv(sg, &list, iov, count, UVDK_DMA_TO_DEVICE);

		if (!want || want > most) {
			cr_assert(err == -EFAULT || err == -EDOM || err == -ERANGE ||
					  err == -E2BIG || err == -EINVAL,
				  "%d", err);
			cr_assert(!want || err == -E2BIG, "%s", uvdk_last_error());
			cr_assert_eq(list.count, 0);
			failed++;
		} else {
			cr_assert_eq(err, 0, "%s", uvdk_last_error());
			cr_assert_eq(list.count, want);
			check_list(&l, &list, bytes);
			lists++;
			pieces += want;
		}
		uvdk_dma_sg_unmap(sg, &list, UINT64_MAX);
		uvdk_dma_sg_get_stats(sg, &stats);
		uvdk_dma_sg_destroy(sg);
	}
	cr_expect(lists > ROUNDS / 20 && failed > ROUNDS / 20, "%lu, %lu", lists, failed);
	cr_expect_eq(stats.lists, lists);
	cr_expect_eq(stats.unmapped, lists);
	cr_expect_eq(stats.pieces, pieces);
	cr_expect_eq(stats.failed, failed);
	cr_expect_eq(stats.bounced + stats.bounced_bytes + stats.copied_bytes, 0);
	world_teardown();
}

/* ---- in words ---- */

static struct uvdk_dma_piece piece[64];

static int map_with(const struct uvdk_dma_limits *l, char *va, size_t len,
		    struct uvdk_dma_list *list)
{
	struct uvdk_dma_sg *sg = sg_of(l, NULL);
	int err;

	*list = (struct uvdk_dma_list){.piece = piece, .max = 64};
	err = uvdk_dma_sg_map(sg, list, va, len, UVDK_DMA_TO_DEVICE);
	if (!err)
		cr_expect_eq(list->len, len);
	err = err ? err : (int)list->count;
	uvdk_dma_sg_unmap(sg, list, UINT64_MAX);
	uvdk_dma_sg_destroy(sg);
	return err;
}

Test(sg, neighbours_become_one_piece_also_across_maps_and_buffers)
{
	struct uvdk_dma_list list = {.piece = piece, .max = 64};
	struct iovec iov[] = {{world + 7 * PAGE + 100, PAGE - 100},
			      {NULL, 0},
			      {world + 3 * PAGE, 50},
			      {world + 3 * PAGE + 60, 1}};
	struct uvdk_dma_sg *sg = sg_of(NULL, NULL);

	cr_expect_eq(map_with(NULL, world + 1, 3 * PAGE - 1, &list), 1);
	cr_expect_eq(piece[0].addr, 0x1000001);
	cr_expect_eq(map_with(NULL, world + 1, 3 * PAGE, &list), 2);
	cr_assert_eq(uvdk_dma_sg_mapv(sg, &list, iov, 4, UVDK_DMA_FROM_DEVICE), 0);
	cr_expect_eq(list.count, 2);
	cr_expect_eq(piece[0].len, PAGE - 50);
	cr_expect_eq(piece[1].len, 1);
	uvdk_dma_sg_unmap(sg, &list, UINT64_MAX);
	uvdk_dma_sg_destroy(sg);
	world_teardown();
}

Test(sg, what_is_wrong_names_the_piece_and_the_limit)
{
	struct uvdk_dma_list list;

	cr_expect_eq(map_with(&(struct uvdk_dma_limits){.addr_align = 64}, world + 32, 64, &list),
		     -EDOM);
	cr_expect(said("piece 0") && said("multiple of 64"), "%s", uvdk_last_error());
	cr_expect_eq(map_with(&(struct uvdk_dma_limits){.len_align = 16}, world + 2 * PAGE,
			      PAGE + 8, &list),
		     -EDOM);
	cr_expect(said("piece 1") && said("lengths that are a multiple of 16"), "%s",
		  uvdk_last_error());
	cr_expect_eq(map_with(&(struct uvdk_dma_limits){.addr_mask = UINT32_MAX},
			      world + HIGH * PAGE, 1, &list),
		     -ERANGE);
	cr_expect(said("mask 0xffffffff"), "%s", uvdk_last_error());
	cr_expect_eq(map_with(&(struct uvdk_dma_limits){.len_align = 64, .boundary = 128},
			      world + 32, 128, &list),
		     -EDOM);
	cr_expect(said("multiple of 0x80"), "%s", uvdk_last_error());
	cr_expect_eq(map_with(&(struct uvdk_dma_limits){.len_max = 10, .count_max = 3}, world, 31,
			      &list),
		     -E2BIG);
	cr_expect(said("3 pieces"), "%s", uvdk_last_error());
	cr_expect_eq(map_with(NULL, world + UNMAPPED * PAGE - 5, 6, &list), -EFAULT);
	cr_expect(said("not mapped"), "%s", uvdk_last_error());
	cr_expect_eq(map_with(NULL, world, 0, &list), -EINVAL);
	cr_expect_eq(map_with(NULL, (char *)UINTPTR_MAX - 4, 100, &list), -EFAULT);
	world_teardown();
}

/* A length that is not aligned may be the last one, up to what a piece can have. */
Test(sg, pieces_are_as_long_as_they_can_be)
{
	struct uvdk_dma_limits l = {.len_max = 100, .addr_align = 64, .len_align = 4};
	struct uvdk_dma_list list;

	cr_expect_eq(map_with(&l, world, 100, &list), 1);
	cr_expect_eq(map_with(&l, world, 200, &list), 3);
	cr_expect_eq(piece[0].len, 64);
	cr_expect_eq(piece[2].len, 72);
	l = (struct uvdk_dma_limits){.boundary = PAGE};
	cr_expect_eq(map_with(&l, world + 10, 2 * PAGE, &list), 3);
	world_teardown();
}

Test(sg, limits_that_make_no_sense_are_refused)
{
	static const struct uvdk_dma_limits bad[] = {
		{.addr_align = 3},
		{.len_align = 12},
		{.boundary = 100},
		{.addr_align = 64, .len_max = 63},
		{.len_align = 64, .boundary = 32},
	};
	struct uvdk_dma_list list = {.piece = piece, .max = 64};
	struct uvdk_dma_sg *sg = NULL;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct uvdk_dma_sg_opts opts = {.size = sizeof(opts), .limits = bad[i]};

		cr_expect_eq(uvdk_dma_sg_create(ioas, &opts, &sg), -EINVAL, "%u", i);
	}
	cr_expect_eq(uvdk_dma_sg_create(NULL, NULL, &sg), -EINVAL);
	cr_expect_null(sg);
	sg = sg_of(NULL, NULL);
	cr_expect_eq(uvdk_dma_sg_map(sg, &list, world, 1, 0), -EINVAL);
	cr_expect_eq(uvdk_dma_sg_map(sg, &list, world, 1, 4), -EINVAL);
	list.piece = NULL;
	cr_expect_eq(uvdk_dma_sg_map(sg, &list, world, 1, UVDK_DMA_TO_DEVICE), -EINVAL);
	uvdk_dma_sg_destroy(sg);
	uvdk_dma_sg_destroy(NULL);
	world_teardown();
}
