// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_model_bench.h"

/* Each operation against the processor's own. */

#define SRC (BASE + 100)
#define DST (BASE + UINT64_C(40) * PAGE + 77)
#define LEN (5 * PAGE + 123)

static struct bench b;

static void setup(void)
{
	bench_open(&b, NULL);
	bench_start(&b, 1);
	scribble(b.mem, (size_t)100 * PAGE, 1);
}

static void teardown(void)
{
	bench_close(&b);
}

TestSuite(dsa_model_ops, .init = setup, .fini = teardown);

Test(dsa_model_ops, a_no_op_succeeds_and_says_so)
{
	struct desc d = describe(NOOP, 0, 0, 0, 0);

	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(swerr(&b), -1);
}

Test(dsa_model_ops, without_a_record_asked_for_none_is_written)
{
	struct desc d = describe(MOVE, SRC, DST, LEN, 0);

	d.flags = VALID;
	cr_assert_eq(do_one(&b, &d), 0);
	cr_assert_arr_eq(at(&b, DST), at(&b, SRC), LEN);
}

Test(dsa_model_ops, a_move_copies_any_length_at_any_alignment)
{
	for (unsigned int i = 0; i < 200; i++) {
		uint32_t len = i < 20 ? i + 1 : i * 97 % (5 * PAGE) + 1;
		uint64_t src = SRC + i * 13 % PAGE, dst = DST + i * 29 % PAGE;
		struct desc d = describe(MOVE, src, dst, len, 0);
		uint8_t before = *at(&b, dst - 1), after = *at(&b, dst + len);

		cr_assert_eq(do_one(&b, &d), 1);
		cr_assert_arr_eq(at(&b, dst), at(&b, src), len);
		cr_assert_eq(*at(&b, dst - 1), before);
		cr_assert_eq(*at(&b, dst + len), after);
		cr_assert_eq(record(&b, 0)->bytes, len);
	}
}

Test(dsa_model_ops, a_move_may_overlap_itself_in_both_directions)
{
	static uint8_t want[3 * LEN];
	static const int64_t apart[] = {1, 64, PAGE, PAGE + 3, LEN - 1, -1, -64, -5000, 0};

	for (unsigned int i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
		uint64_t src = SRC + LEN, dst = src + (uint64_t)apart[i];
		struct desc d = describe(MOVE, src, dst, LEN, 0);

		memcpy(want, at(&b, SRC), sizeof(want));
		memmove(want + LEN + apart[i], want + LEN, LEN);
		cr_assert_eq(do_one(&b, &d), 1);
		cr_assert_arr_eq(at(&b, SRC), want, sizeof(want), "%ld bytes apart", apart[i]);
	}
}

Test(dsa_model_ops, a_fill_repeats_its_pattern_from_the_first_byte)
{
	uint64_t pattern = UINT64_C(0x8877665544332211);
	struct desc d = describe(FILL, pattern, DST, LEN, 0);

	cr_assert_eq(do_one(&b, &d), 1);
	for (unsigned int i = 0; i < LEN; i++)
		cr_assert_eq(*at(&b, DST + i), 0x11 * (i % 8 + 1));
}

Test(dsa_model_ops, a_compare_finds_the_first_difference)
{
	struct desc d = describe(COMPARE, SRC, DST, LEN, 0);

	memcpy(at(&b, DST), at(&b, SRC), LEN);
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->result, 0);
	*at(&b, DST + 2 * PAGE + 5) ^= 1;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->result, 1);
	cr_assert_eq(record(&b, 0)->bytes, 2 * PAGE + 5);
}

Test(dsa_model_ops, a_result_that_was_not_expected_is_a_false_predicate)
{
	struct desc d = describe(COMPARE, SRC, DST, LEN, 0);

	d.flags |= CHECK;
	cr_assert_eq(do_one(&b, &d), 2); /* equal expected */
	d.bytes[0] = 1;
	cr_assert_eq(do_one(&b, &d), 1);
}

Test(dsa_model_ops, a_pattern_is_compared_from_the_first_byte)
{
	uint64_t pattern = UINT64_C(0x0102030405060708);
	struct desc fill = describe(FILL, pattern, DST, LEN, 0);
	struct desc d = describe(PATTERN, DST, pattern, LEN, 0);

	cr_assert_eq(do_one(&b, &fill), 1);
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->result, 0);
	*at(&b, DST + PAGE) ^= 0x80;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->result, 1);
	cr_assert_eq(record(&b, 0)->bytes, PAGE);
}

Test(dsa_model_ops, a_dualcast_writes_both)
{
	uint64_t other = DST + UINT64_C(20) * PAGE;
	struct desc d = describe(DUALCAST, SRC, DST, LEN, 0);

	d.more[0] = other;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_arr_eq(at(&b, DST), at(&b, SRC), LEN);
	cr_assert_arr_eq(at(&b, other), at(&b, SRC), LEN);
}

/* Bit by bit, as the standard has it. */
static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t len)
{
	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* From the upper end, nothing inverted; @mirror: bytes come with their bits reversed. */
static uint32_t crc_raw(uint32_t crc, const uint8_t *p, size_t len, bool mirror)
{
	for (; len--; p++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			uint32_t in = *p >> (mirror ? bit : 7 - bit) & 1;

			crc = crc << 1 ^ ((crc >> 31 ^ in) ? 0x1edc6f41 : 0);
		}
	return crc;
}

Test(dsa_model_ops, a_crc_is_that_of_iscsi)
{
	struct desc d = describe(CRC, SRC, 0, 9, 0);

	memcpy(at(&b, SRC), "123456789", 9);
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->more[0], 0xe3069283);
	d.size = LEN;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->more[0], crc32c(0, at(&b, SRC), LEN));
}

Test(dsa_model_ops, a_crc_goes_on_from_its_seed_in_descriptor_or_memory)
{
	uint32_t all = crc32c(0, at(&b, SRC), LEN), first = crc32c(0, at(&b, SRC), 1000);
	struct desc d = describe(CRC, SRC + 1000, 0, LEN - 1000, 0);

	d.words[0] = first;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->more[0], all);
	d.words[0] = 0;
	d.flags |= 0x10000;
	d.more[1] = DST + PAGE - DST % PAGE - 2; /* over a page's end */
	memcpy(at(&b, d.more[1]), &first, sizeof(first));
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->more[0], all);
}

Test(dsa_model_ops, a_crc_leaves_out_reflections_as_told)
{
	struct desc d = describe(CRC, SRC, 0, 777, 0);

	d.words[0] = 0x12345678;
	d.flags |= 0x60000;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->more[0], crc_raw(0x12345678, at(&b, SRC), 777, false));
	d.flags &= ~0x40000u;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->more[0], crc_raw(0x12345678, at(&b, SRC), 777, true));
}

Test(dsa_model_ops, a_crc_of_zero_is_told_as_well)
{
	struct desc d = describe(CRC, SRC, 0, 64, 0);

	memset(at(&b, SRC), 0, 64);
	memset(record(&b, 0), 0xff, sizeof(struct record));
	d.flags |= 0x60000;
	submit(&b, 0, &d);
	run(&b);
	cr_assert_eq(record(&b, 0)->status, 1);
	cr_assert_eq(record(&b, 0)->more[0], 0);
}

Test(dsa_model_ops, a_copy_with_crc_does_both)
{
	struct desc d = describe(COPY_CRC, SRC, DST, LEN, 0);

	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_arr_eq(at(&b, DST), at(&b, SRC), LEN);
	cr_assert_eq(record(&b, 0)->more[0], crc32c(0, at(&b, SRC), LEN));
}

#define A     (BASE + 8)
#define B     (BASE + UINT64_C(40) * PAGE + 16)
#define DELTA (BASE + UINT64_C(80) * PAGE)

static struct desc create_delta(uint32_t len, uint32_t max)
{
	struct desc d = describe(CREATE, A, B, len, 0);

	d.more[0] = DELTA;
	d.words[2] = max;
	return d;
}

Test(dsa_model_ops, a_delta_record_makes_one_buffer_of_the_other)
{
	uint32_t len = 6 * PAGE;
	struct desc d = create_delta(len, 8 * PAGE / 10 * 10), apply;

	memcpy(at(&b, B), at(&b, A), len);
	for (unsigned int i = 0; i < len; i += 24)
		*at(&b, B + i + i % 8) ^= 0xff;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->result, 1);
	cr_assert_eq(record(&b, 0)->more[0], len / 24 * 10);

	apply = describe(APPLY, DELTA, A, len, 0);
	apply.words[0] = record(&b, 0)->more[0];
	cr_assert_eq(do_one(&b, &apply), 1);
	cr_assert_arr_eq(at(&b, A), at(&b, B), len);
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->result, 0);
	cr_assert_eq(record(&b, 0)->more[0], 0);
}

Test(dsa_model_ops, a_delta_record_that_is_too_small_says_so)
{
	struct desc d = create_delta(PAGE, 80);

	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(record(&b, 0)->result, 2);
	cr_assert_eq(record(&b, 0)->more[0], 80);
	cr_assert_eq(record(&b, 0)->bytes, 64);
	d.flags |= CHECK;
	d.bytes[16] = 0x3;
	cr_assert_eq(do_one(&b, &d), 2);
	d.bytes[16] = 0x4;
	cr_assert_eq(do_one(&b, &d), 1);
}

static void put_entry(unsigned int n, uint16_t offset)
{
	memcpy(at(&b, DELTA + n * 10), &offset, 2);
}

Test(dsa_model_ops, a_delta_record_with_wrong_offsets_is_refused)
{
	struct desc d = describe(APPLY, DELTA, A, PAGE, 0);

	d.words[0] = 30;
	put_entry(0, 5);
	put_entry(1, 5);
	put_entry(2, 9);
	cr_assert_eq(do_one(&b, &d), 7);
	cr_assert_eq(record(&b, 0)->bytes, 10);
	put_entry(1, 6);
	put_entry(2, PAGE / 8);
	cr_assert_eq(do_one(&b, &d), 8);
	cr_assert_eq(record(&b, 0)->bytes, 20);
}

Test(dsa_model_ops, a_flush_touches_every_page_and_changes_nothing)
{
	static uint8_t before[LEN];
	struct desc d = describe(FLUSH, 0, DST, LEN, 0);

	memcpy(before, at(&b, DST), LEN);
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_arr_eq(at(&b, DST), before, LEN);
	b.absent[(DST + LEN - 1 - BASE) / PAGE] = true;
	cr_assert_eq(do_one(&b, &d), 3);
}

Test(dsa_model_ops, interrupts_come_with_the_record_on_the_vector_asked_for)
{
	struct desc d = describe(NOOP, 0, 0, 0, 0);

	d.flags |= IRQ;
	d.handle = 3;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(b.irqs[3], 1);
	d.op = MOVE; /* of nothing: an error is told, too */
	cr_assert_eq(do_one(&b, &d), 0x13);
	cr_assert_eq(b.irqs[3], 2);
}

Test(dsa_model_ops, a_whole_descriptor_may_come_in_one_write)
{
	struct desc d = describe(MOVE, SRC, DST, 100, 0);

	dsa_portal(b.dsa, 128, 64, &d);
	run(&b);
	cr_assert_eq(record(&b, 0)->status, 1);
	cr_assert_arr_eq(at(&b, DST), at(&b, SRC), 100);
}
