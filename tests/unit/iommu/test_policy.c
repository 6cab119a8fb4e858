// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "../../random.h"
#include "fake.h"

/* Where maps go under each policy, and what a device's address limit leaves of it. */
#define MIB	(UINT64_C(1) << 20)
#define GIB	(UINT64_C(1) << 30)
#define MAPS	200
#define LAST_32 UINT32_MAX
#define LAST_39 ((UINT64_C(1) << 39) - 1)

TestSuite(policy, .init = fake_setup);

static void create(enum uvdk_iova_policy policy, uvdk_iova_t last)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .policy = policy, .iova_last = last};

	uvdk_ioas_destroy(ioas);
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &ioas), 0, "%s", uvdk_last_error());
}

static uvdk_iova_t map(char *va, size_t len)
{
	uvdk_iova_t iova = 0;

	cr_assert_eq(uvdk_ioas_map(ioas, va, len, UVDK_MAP_RW, &iova), 0, "%s", uvdk_last_error());
	return iova;
}

/* The largest aligned block that lies in memory, up to 1 GiB; 0: none of 2 MiB. */
static uint64_t block_of(const char *va, uint64_t len)
{
	for (uint64_t size = GIB; size >= 2 * MIB; size /= 2) {
		uint64_t first = ((uint64_t)(uintptr_t)va + size - 1) & ~(size - 1);

		if (first + size <= (uint64_t)(uintptr_t)va + len)
			return size;
	}
	return 0;
}

static void check_block(const char *va, uint64_t len, uvdk_iova_t iova)
{
	uint64_t block = block_of(va, len);

	if (block)
		cr_assert_eq((iova ^ (uint64_t)(uintptr_t)va) & (block - 1), 0,
			     "VA %p+0x%lx at IOVA 0x%lx can't have pages of 0x%lx", (void *)va, len,
			     iova, block);
}

/* Random pieces of memory in random order, some unmapped in between. */
static void random_maps(uvdk_iova_t last)
{
	struct {
		uvdk_iova_t iova;
		uint64_t len;
	} m[MAPS] = {{0}};
	uint64_t seed = 0x1234567 + last;
	char *all = fake_memory(MAPS * 8 * MIB + 8 * MIB);

	for (unsigned int round = 0; round < 10 * MAPS; round++) {
		uint64_t dice = random_next(&seed) >> 8;
		unsigned int i = (unsigned int)(dice % MAPS);
		char *va = all + i * 8 * MIB + dice / MAPS % 512 * PAGE;

		if (m[i].len) {
			cr_assert_eq(uvdk_ioas_unmap(ioas, m[i].iova, m[i].len), 0);
			m[i].len = 0;
			continue;
		}
		m[i].len = (dice >> 32 & 1 ? 1 : 1 + (dice >> 33) % 1500) * PAGE;
		m[i].iova = map(va, m[i].len);
		check_block(va, m[i].len, m[i].iova);
		cr_assert(!last || m[i].iova + m[i].len - 1 <= last);
		for (unsigned int j = 0; j < MAPS; j++)
			cr_assert(j == i || !m[j].len || m[i].iova >= m[j].iova + m[j].len ||
				  m[j].iova >= m[i].iova + m[i].len);
	}
	for (unsigned int i = 0; i < MAPS; i++)
		if (m[i].len)
			cr_assert_eq(uvdk_ioas_unmap(ioas, m[i].iova, m[i].len), 0);
}

/* All that the window has is there again: as many MiB as in a new one. */
static unsigned int room(char *memory, unsigned int most)
{
	unsigned int n = 0;
	uvdk_iova_t iova;

	while (n < most && !uvdk_ioas_map(ioas, memory + n * MIB, MIB, UVDK_MAP_RW, &iova))
		n++;
	for (unsigned int i = 0; i < n; i++)
		cr_assert_eq(
			uvdk_ioas_unmap(
				ioas, uvdk_translate(uvdk_ioas_xlate(ioas), memory + i * MIB), MIB),
			0);
	return n;
}

Test(policy, huge_pages_keep_their_alignment_whatever_was_mapped_before)
{
	static const uvdk_iova_t last[] = {0, LAST_39, 4 * GIB - 1};
	char *memory = fake_memory(4 * GIB);

	for (unsigned int i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		unsigned int before;

		create(UVDK_IOVA_HUGE, last[i]);
		before = room(memory, 4096);
		random_maps(last[i]);
		cr_expect_eq(room(memory, 4096), before);
	}
	fake_teardown();
}

Test(policy, memory_with_a_gib_in_it_is_congruent_to_that)
{
	char *memory = fake_memory(4 * GIB);
	char *gib = memory + (-(uint64_t)(uintptr_t)memory & (GIB - 1));
	uvdk_iova_t a, b;

	create(UVDK_IOVA_HUGE, 0);
	a = map(gib + GIB - PAGE, GIB + 5 * PAGE);
	cr_expect_eq((a + PAGE) & (GIB - 1), 0);
	b = map(gib, GIB - PAGE);
	cr_expect_eq(b & (512 * MIB - 1), 0, "what has no GiB: the most that is in it");
	cr_assert_eq(uvdk_ioas_unmap(ioas, a, GIB + 5 * PAGE), 0);
	cr_assert_eq(uvdk_ioas_unmap(ioas, b, GIB - PAGE), 0);
	fake_teardown();
}

/* Large pages are a wish: the last free pages are given, too. */
Test(policy, a_crowded_space_is_used_up_and_only_then_refuses)
{
	char *memory = fake_memory(64 * MIB);
	char *odd = memory + (-(uint64_t)(uintptr_t)memory & (4 * MIB - 1)) + 3 * MIB;
	uvdk_iova_t iova = 0;

	/* 1 MiB to 7 MiB: no room for 5 MiB that is 3 MiB off, modulo 4; but modulo 2. */
	create(UVDK_IOVA_HUGE, 7 * MIB - 1);
	iova = map(odd, 5 * MIB);
	cr_expect_eq((iova ^ (uint64_t)(uintptr_t)odd) & (2 * MIB - 1), 0);
	map(odd + 8 * MIB, MIB);
	cr_expect_eq(uvdk_ioas_map(ioas, odd + 16 * MIB, PAGE, UVDK_MAP_RW, &iova), -ENOSPC);
	create(UVDK_IOVA_HUGE, 7 * MIB - 1);
	map(odd + PAGE, 6 * MIB);
	fake_teardown();
}

Test(policy, devices_with_few_address_bits_get_what_they_reach)
{
	static const uvdk_iova_t last[] = {LAST_32, LAST_39};
	static const enum uvdk_iova_policy policy[] = {UVDK_IOVA_LOW, UVDK_IOVA_HUGE};
	char *memory = fake_memory(8 * GIB);

	for (unsigned int i = 0; i < 4; i++) {
		uvdk_iova_t iova = 0;
		uint64_t got = 0;

		create(policy[i / 2], last[i % 2]);
		for (; got < 8 * GIB; got += 16 * MIB) {
			if (uvdk_ioas_map(ioas, memory + got, 16 * MIB, UVDK_MAP_RW, &iova))
				break;
			cr_assert_leq(iova + 16 * MIB - 1, last[i % 2]);
		}
		if (last[i % 2] == LAST_32)
			cr_expect(got > 4 * GIB - 96 * MIB && got < 4 * GIB, "0x%lx", got);
		else
			cr_expect_eq(got, 8 * GIB);
	}
	fake_teardown();
}

Test(policy, iova_equal_to_va_is_kept_or_refused)
{
	char *memory = fake_memory(64 * MIB);
	uvdk_iova_t iova = 0;

	create(UVDK_IOVA_VA, 0);
	cr_expect_eq(map(memory + 5 * PAGE, MIB), (uvdk_iova_t)(uintptr_t)memory + 5 * PAGE);
	create(UVDK_IOVA_VA, LAST_39);
	cr_expect_eq(uvdk_ioas_map(ioas, memory, PAGE, UVDK_MAP_RW, &iova), -ERANGE);
	cr_expect(said("address limit"), "%s", uvdk_last_error());
	cr_expect_eq(iova, 0);
	fake_teardown();
}
