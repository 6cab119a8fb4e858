// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_model_bench.h"

/* Batches: which of their descriptors are done, and what their record says. */

#define SRC	(BASE)
#define DST	(BASE + UINT64_C(40) * PAGE)
#define BATCHED 100u /* record of the batch itself */

static struct bench b;

static void setup(void)
{
	bench_open(&b, NULL);
	bench_start(&b, 1);
	scribble(b.mem, (size_t)30 * PAGE, 2);
}

static void teardown(void)
{
	bench_close(&b);
}

TestSuite(dsa_model_batch, .init = setup, .fini = teardown);

static struct desc *list(unsigned int n)
{
	return (void *)at(&b, LISTS + (uint64_t)n * 64);
}

/* @count moves of 100 bytes, each with a record. */
static void fill_list(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		*list(i) = describe(MOVE, SRC + i * 100, DST + i * 100, 100, i);
}

static uint8_t do_batch(unsigned int count)
{
	struct desc d = describe(BATCH, LISTS, 0, count, BATCHED);

	memset(record(&b, 0), 0, (size_t)8 * PAGE);
	memset(at(&b, DST), 0, (size_t)30 * PAGE);
	submit(&b, 0, &d);
	run(&b);
	return record(&b, BATCHED)->status;
}

static unsigned int completed(void)
{
	return record(&b, BATCHED)->bytes;
}

static bool moved(unsigned int i)
{
	return !memcmp(at(&b, DST + i * 100), at(&b, SRC + i * 100), 100);
}

Test(dsa_model_batch, all_of_a_batch_is_done)
{
	static const unsigned int counts[] = {2, 3, 63, 64, 65, 90};

	for (unsigned int c = 0; c < 6; c++) {
		fill_list(counts[c]);
		cr_assert_eq(do_batch(counts[c]), 1);
		cr_assert_eq(completed(), counts[c]);
		for (unsigned int i = 0; i < counts[c]; i++) {
			cr_assert(moved(i));
			cr_assert_eq(record(&b, i)->status, 1);
		}
		cr_assert_not(moved(counts[c]));
	}
}

Test(dsa_model_batch, the_largest_batch_is_256_here)
{
	for (unsigned int i = 0; i < 256; i++) {
		*list(i) = describe(MOVE, SRC + i * 100, DST + i * 100, 100, 0);
		list(i)->flags = 0;
	}
	cr_assert_eq(do_batch(256), 1);
	cr_assert_eq(completed(), 256);
	for (unsigned int i = 0; i < 256; i++)
		cr_assert(moved(i));
}

Test(dsa_model_batch, one_that_fails_does_not_stop_those_behind)
{
	fill_list(5);
	list(1)->size = 0;
	cr_assert_eq(do_batch(5), 5);
	cr_assert_eq(completed(), 5);
	cr_assert_eq(record(&b, 1)->status, 0x13);
	cr_assert(moved(0) && moved(2) && moved(4));
}

Test(dsa_model_batch, behind_a_fence_nothing_is_done_after_a_failure)
{
	fill_list(6);
	list(1)->size = 0;
	list(3)->flags |= FENCE;
	cr_assert_eq(do_batch(6), 5);
	cr_assert_eq(completed(), 3);
	cr_assert(moved(0) && moved(2));
	cr_assert_eq(record(&b, 3)->status, 0);
	cr_assert_not(moved(3));
	cr_assert_not(moved(5));
}

Test(dsa_model_batch, a_fence_lets_pass_what_succeeded)
{
	fill_list(6);
	list(3)->flags |= FENCE;
	cr_assert_eq(do_batch(6), 1);
	cr_assert(moved(3) && moved(5));
}

Test(dsa_model_batch, a_false_predicate_stops_at_a_fence_as_well)
{
	fill_list(3);
	list(0)->op = COMPARE;
	list(0)->flags |= CHECK;
	list(1)->flags |= FENCE;
	cr_assert_eq(do_batch(3), 5);
	cr_assert_eq(record(&b, 0)->status, 2);
	cr_assert_eq(completed(), 1);
}

Test(dsa_model_batch, a_batch_has_neither_batches_nor_drains_in_it)
{
	fill_list(3);
	*list(0) = describe(BATCH, LISTS + 128, 0, 2, 0);
	*list(1) = describe(DRAIN, 0, 0, 0, 1);
	cr_assert_eq(do_batch(3), 5);
	cr_assert_eq(record(&b, 0)->status, 0x10);
	cr_assert_eq(record(&b, 1)->status, 0x10);
	cr_assert(moved(2));
}

Test(dsa_model_batch, a_list_that_cannot_be_read_ends_it)
{
	fill_list(90);
	b.absent[201] = true; /* from the 65th on */
	cr_assert_eq(do_batch(90), 6);
	cr_assert_eq(completed(), 64);
	cr_assert_eq(record(&b, BATCHED)->fault, LISTS + PAGE);
	cr_assert(moved(63));
	b.absent[200] = true;
	cr_assert_eq(do_batch(90), 6);
	cr_assert_eq(completed(), 0);
}

Test(dsa_model_batch, software_errors_tell_which_of_the_batch_it_was)
{
	fill_list(4);
	list(2)->flags = 0;
	list(2)->size = 0;
	cr_assert_eq(do_batch(4), 5);
	cr_assert_eq(get_wide(&b, SWERR) >> 4 & 1, 1);
	cr_assert_eq(get_wide(&b, SWERR + 8) & 0xffff, 2);
	cr_assert_eq(swerr(&b), 0x13);
}

Test(dsa_model_batch, the_record_of_a_batch_is_the_last_to_be_written)
{
	unsigned int steps = 0;

	for (unsigned int i = 0; i < 100; i++)
		*list(i) = describe(MOVE, SRC, DST, 20 * PAGE, i);
	memset(record(&b, 0), 0, (size_t)8 * PAGE);
	submit(&b, 0,
	       &(struct desc){.flags = VALID | RECORD,
			      .op = BATCH,
			      .record = RECORDS + UINT64_C(32) * BATCHED,
			      .src = LISTS,
			      .size = 100});
	while (!record(&b, BATCHED)->status) {
		dsa_step(b.dsa);
		cr_assert_lt(++steps, LIMIT);
	}
	for (unsigned int i = 0; i < 100; i++)
		cr_assert_eq(record(&b, i)->status, 1);
	cr_assert_gt(steps, 5, "so much is not done in one step");
}

Test(dsa_model_batch, reordered_it_still_obeys_fences)
{
	const struct dsa_opts opts = {.reorder = true, .seed = 7};
	bool overtook = false;

	bench_close(&b);
	bench_open(&b, &opts);
	bench_start(&b, 1);
	for (unsigned int round = 0; round < 50; round++) {
		/* Each writes the same byte; a fence before the last. */
		for (unsigned int i = 0; i < 8; i++)
			*list(i) = describe(FILL, i, DST, 8, i);
		list(7)->flags |= FENCE;
		cr_assert_eq(do_batch(8), 1);
		cr_assert_eq(*at(&b, DST), 7, "the fence was ignored");
		list(7)->flags &= ~FENCE;
		cr_assert_eq(do_batch(8), 1);
		overtook |= *at(&b, DST) != 7;
	}
	cr_assert(overtook, "without a fence it is never reordered");
}
