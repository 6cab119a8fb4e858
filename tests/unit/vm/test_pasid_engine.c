// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "engine.h"
#include "guest_memory.h"
#include "vtd_tables.h"

#define IOVA   UINT64_C(0x40000000)
#define TAGGED (1u << 31)
#define INSIST (1u << 30)

/* Where things lie in the BAR, written out here again. */
#define TAIL(queue)	   (0x100 + (queue)*16)
#define HEAD(queue)	   (0x104 + (queue)*16)
#define SLOT(queue, index) (0x10000 + ((queue)*64 + (index) % 64) * 64)

static struct engine engine;
static struct guest_memory memory;

static uint32_t access_memory(void *arg, const struct engine_access *a)
{
	const struct guest_access access = {
		.tagged = a->tagged,
		.write = a->write,
		.pasid = a->pasid,
		.addr = a->addr,
		.len = a->len,
		.data = a->data,
	};

	return guest_memory_access(arg, &access);
}

static void setup(void)
{
	tables_init(5, FIRST_ONLY);
	for (unsigned int page = 0; page < 8; page++)
		table_map(FIRST, IOVA + page * 0x1000, DATA + page * 0x1000, US | RW | P, 1);
	memset(&engine, 0, sizeof(engine));
	memory = (struct guest_memory){.unit = unit, .rid = RID};
	engine.access = access_memory;
	engine.arg = &memory;
	engine_reset(&engine);
	engine.master = engine.pasids = true;
}

TestSuite(pasid_engine, .init = setup, .timeout = 60);

static uint64_t get(uint64_t off, uint32_t len)
{
	uint64_t value = 0;

	cr_assert(engine_read(&engine, off, len, &value));
	return value;
}

static void put(uint64_t off, uint32_t len, uint64_t value)
{
	cr_assert(engine_write(&engine, off, len, &value));
}

static void submit(unsigned int queue, uint32_t tag, uint64_t dst, uint64_t src, uint64_t len)
{
	uint32_t tail = (uint32_t)get(TAIL(queue), 4);

	put(SLOT(queue, tail), 4, tag);
	put(SLOT(queue, tail) + 4, 4, 1);
	put(SLOT(queue, tail) + 8, 8, src);
	put(SLOT(queue, tail) + 16, 8, dst);
	put(SLOT(queue, tail) + 24, 8, len);
	put(TAIL(queue), 4, tail + 1);
}

static uint32_t status(unsigned int queue, uint32_t index)
{
	return (uint32_t)get(SLOT(queue, index) + 32, 4);
}

Test(pasid_engine, a_copy_takes_a_step_for_each_page)
{
	memset(ram + DATA, 0x5a, 0x3000);
	submit(0, TAGGED | 5, IOVA + 0x4000, IOVA, 0x3000);
	for (unsigned int step = 1; step <= 3; step++) {
		cr_assert_eq(get(HEAD(0), 4), 0);
		cr_assert_eq(engine_step(&engine), 0);
		cr_assert_eq(get(SLOT(0, 0) + 48, 8), step * 0x1000);
	}
	cr_assert_eq(engine_step(&engine), -1);
	cr_assert_eq(get(HEAD(0), 4), 1);
	cr_assert_eq(status(0, 0), 1);
	cr_assert_eq(memcmp(ram + DATA, ram + DATA + 0x4000, 0x3000), 0);
	cr_assert_eq(ram[DATA + 0x7000], 0);
}

/* The page for an IOVA, where neighbours are apart. */
static uint8_t *scattered(uint64_t iova)
{
	return ram + DATA + (7 - (iova >> 12 & 7)) * 0x1000 + (iova & 0xfff);
}

Test(pasid_engine, pieces_that_straddle_pages_arrive_whole)
{
	for (unsigned int page = 0; page < 8; page++)
		table_map(FIRST, IOVA + page * 0x1000, DATA + (7 - page) * 0x1000, US | RW | P, 1);
	for (unsigned int i = 0; i < 0x1a00; i++)
		*scattered(0x123 + i) = (uint8_t)(i * 7 + (i >> 8));
	submit(3, TAGGED | 5, IOVA + 0x4321, IOVA + 0x123, 0x1a00);
	while (engine_step(&engine) >= 0)
		;
	cr_assert_eq(status(3, 0), 1);
	for (unsigned int i = 0; i < 0x1a00; i++)
		cr_assert_eq(*scattered(0x4321 + i), (uint8_t)(i * 7 + (i >> 8)), "byte %u", i);
	cr_assert_eq(*scattered(0x4321 - 1) | *scattered(0x4321 + 0x1a00), 0);
}

Test(pasid_engine, a_fault_ends_the_copy_and_tells_where)
{
	submit(0, TAGGED | 5, IOVA + 0x7000, IOVA, 0x2000);
	while (engine_step(&engine) >= 0)
		;
	cr_assert_eq(status(0, 0), 3);
	cr_assert_eq(get(SLOT(0, 0) + 36, 4), VTD_FS_NOT_PRESENT);
	cr_assert_eq(get(SLOT(0, 0) + 40, 8), IOVA + 0x8000);
	cr_assert_eq(get(SLOT(0, 0) + 48, 8), 0x1000);
}

Test(pasid_engine, a_copy_that_insists_goes_on_when_there_is_a_translation)
{
	uint64_t *entry = entry_of(FIRST, IOVA, 1), there = *entry;

	*entry = 0;
	submit(0, TAGGED | INSIST | 5, IOVA + 0x1000, IOVA, 8);
	submit(1, TAGGED | 5, IOVA + 0x1000, IOVA + 0x2000, 8);
	cr_assert_geq(engine_step(&engine), 0);
	cr_assert_eq(get(HEAD(0), 4), 0);
	cr_assert_eq(get(HEAD(1), 4), 1, "another queue had to wait");
	*entry = there;
	while (engine_step(&engine) >= 0)
		;
	cr_assert_eq(status(0, 0), 1);
	cr_assert_geq(get(SLOT(0, 0) + 56, 4), 1);
}

Test(pasid_engine, nothing_moves_without_bus_master_or_with_a_tag_that_is_off)
{
	submit(0, TAGGED | 5, IOVA + 0x1000, IOVA, 8);
	engine.master = false;
	cr_assert_eq(engine_step(&engine), -1);
	cr_assert_eq(get(HEAD(0), 4), 0);
	engine.master = true;
	engine.pasids = false;
	engine_step(&engine);
	cr_assert_eq(status(0, 0), 4);
}

Test(pasid_engine, a_slot_is_used_again_with_results_of_its_own)
{
	for (unsigned int i = 0; i < 65; i++) {
		submit(0, TAGGED | (i < 64 ? 5 : 6), IOVA + 0x1000, IOVA, 8);
		while (engine_step(&engine) >= 0)
			;
	}
	cr_assert_eq(get(HEAD(0), 4), 65);
	cr_assert_eq(status(0, 64), 2);
	cr_assert_eq(get(SLOT(0, 64) + 48, 8), 0);
}

Test(pasid_engine, the_bar_takes_nothing_it_does_not_have)
{
	uint64_t value = UINT64_MAX;

	cr_assert_not(engine_read(&engine, ENGINE_BAR_SIZE, 4, &value));
	cr_assert_not(engine_write(&engine, ENGINE_BAR_SIZE - 4, 8, &value));
	put(TAIL(0), 4, 65);
	cr_assert_eq(get(TAIL(0), 4), 0, "more than the ring holds");
	put(SLOT(0, 0) + 32, 8, UINT64_MAX);
	cr_assert_eq(status(0, 0), 0, "results are read-only");
	put(SLOT(0, 0) + 28, 8, UINT64_MAX);
	cr_assert_eq(get(SLOT(0, 0) + 24, 8), 0);
}
