// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

#include "../../../lib/pasid/pasid_bits.h"
#include "../../random.h"

/* The bitmap against an array of bytes, where its words, groups and parts meet. */
#define NUMBERS	   (1u << 20)
#define OPERATIONS 10000

static struct pasid_bits bits;
static unsigned char taken[NUMBERS];
static uint64_t seed = 88172645463325252;

static uint32_t rnd(uint64_t below)
{
	return (uint32_t)(random_next(&seed) % below);
}

static void fill(uint32_t first, uint32_t last)
{
	for (uint32_t i = first; i <= last; i++) {
		pasid_bits_set(&bits, i);
		taken[i] = 1;
	}
}

static void clear(uint32_t i)
{
	if (taken[i])
		pasid_bits_clear(&bits, i);
	taken[i] = 0;
}

static uint32_t next_free(uint32_t i)
{
	unsigned char *hit = memchr(taken + i, 0, NUMBERS - i);

	return hit ? (uint32_t)(hit - taken) : PASID_BITS_NONE;
}

static uint32_t next_gap(uint32_t count, uint32_t first, uint32_t last)
{
	for (uint32_t i = first, run = 0; i <= last; i++) {
		run = taken[i] ? 0 : run + 1;
		if (run == count)
			return i + 1 - count;
	}
	return PASID_BITS_NONE;
}

/* Numbers near a multiple of 64, 4,096 or 262,144. */
static uint32_t near_an_edge(void)
{
	static const uint32_t edges[] = {64, 4096, 262144};
	uint32_t edge = edges[rnd(3)];

	return (rnd(NUMBERS / edge) * edge + rnd(130) + NUMBERS - 65) % NUMBERS;
}

static void one(void)
{
	uint32_t at = near_an_edge(), count = 1 + rnd(200), last = at + rnd(2000);
	uint32_t got, want;

	if (rnd(2))
		clear(at);
	else
		fill(at, at + count < NUMBERS ? at + count : at);
	at = near_an_edge();
	got = pasid_bits_next_free(&bits, at);
	want = next_free(at);
	cr_assert(got == want, "free from %u: %u, not %u", at, got, want);
	last = last < NUMBERS ? last : NUMBERS - 1;
	if (at > last)
		return;
	got = pasid_bits_next_gap(&bits, count, at, last);
	want = next_gap(count, at, last);
	cr_assert(got == want, "%u of %u to %u: %u, not %u", count, at, last, got, want);
}

Test(bits, agree_with_an_array)
{
	fill(0, NUMBERS - 1);
	cr_assert_eq(pasid_bits_next_free(&bits, 0), PASID_BITS_NONE);
	for (int i = 0; i < OPERATIONS; i++) {
		one();
		/* Nearly full once more, so that whole groups and parts are passed over. */
		if (i % 1000 == 0)
			fill(0, NUMBERS - 1 - rnd(300000));
	}
}
