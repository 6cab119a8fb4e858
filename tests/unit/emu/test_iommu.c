// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>

#include "vtd_testing.h"

#define PAGE 4096
#define R    1 /* as the second stage has them */
#define W    2

static struct kern k;
static struct uvdk_emu *emu;
static struct uvdk_emu_function *fn;
static uint64_t *table; /* second stage */
static uint8_t *mem;

static void map(uvdk_iova_t iova, const uint8_t *va, size_t len, unsigned int prot)
{
	begin(&k);
	for (size_t i = 0; i < len; i += PAGE)
		*ss_entry(&k, table, iova + i, 1) = pa(va + i) | prot;
	end(&k);
}

static void unmap(uvdk_iova_t iova, size_t len)
{
	begin(&k);
	for (size_t i = 0; i < len; i += PAGE)
		*ss_entry(&k, table, iova + i, 1) = 0;
	inval_domain(&k, 1);
	cr_assert(wait_queue(&k));
	end(&k);
}

static void attach(void)
{
	set_pasid(&k, 0, SECOND, 1, NULL, table);
}

static void detach(void)
{
	begin(&k);
	pasid_of(&k, 0)[0] = 0;
	inval_pasid(&k, 1, 0);
	inval_domain(&k, 1);
	cr_assert(wait_queue(&k));
	end(&k);
}

static void setup(void)
{
	kern_start(&k, NULL, "emu:probe");
	emu = k.emu;
	fn = k.fn;
	table = new_page(&k);
	set_context(&k, fn, 0);
	attach();
	mem = pages(16);
}

static void teardown(void)
{
	kern_stop(&k);
	munmap(mem, 16 * PAGE);
}

TestSuite(iommu, .init = setup, .fini = teardown);

/* Exactly one fault is recorded, and it is this one. */
static void expect_fault(uvdk_iova_t iova, uint64_t len, bool write,
			 enum uvdk_emu_fault_reason reason)
{
	struct uvdk_emu_fault f[2];
	uint64_t lost;

	cr_assert_eq(uvdk_emu_faults(emu, f, 2, &lost), 1);
	cr_expect_eq(lost, 0);
	cr_expect_str_eq(f[0].function, "emu:probe#0");
	cr_expect_eq(f[0].iova, iova, "IOVA is 0x%llx", (unsigned long long)f[0].iova);
	cr_expect_eq(f[0].len, len);
	cr_expect_eq(f[0].write, write);
	cr_expect_eq(f[0].reason, reason);
}

static void expect_no_fault(void)
{
	struct uvdk_emu_fault f;

	cr_expect_eq(uvdk_emu_faults(emu, &f, 1, NULL), 0);
}

Test(iommu, an_access_may_cross_pages_that_are_apart)
{
	uint8_t out[300], in[300];

	for (unsigned int i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7);
	map(0x10000, mem + 5 * PAGE, PAGE, R | W);
	map(0x11000, mem + 2 * PAGE, PAGE, R | W);
	cr_assert_eq(uvdk_emu_dma_write(fn, 0x10f80, out, sizeof(out)), 0);
	cr_expect_eq(memcmp(mem + 5 * PAGE + 0xf80, out, 128), 0);
	cr_expect_eq(memcmp(mem + 2 * PAGE, out + 128, sizeof(out) - 128), 0);
	cr_assert_eq(uvdk_emu_dma_read(fn, 0x10f80, in, sizeof(in)), 0);
	cr_expect_eq(memcmp(in, out, sizeof(in)), 0);
	cr_expect_eq(uvdk_emu_dma_read(fn, 0x999, in, 0), 0, "no bytes, no access");
	expect_no_fault();
}

Test(iommu, the_first_page_that_is_missing_is_named)
{
	uint8_t buf[PAGE * 2] = {0x55};

	map(0x10000, mem, PAGE, R | W);
	memset(buf, 0x55, sizeof(buf));
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x10800, buf, sizeof(buf)), -EFAULT);
	expect_fault(0x11000, sizeof(buf), true, UVDK_EMU_FAULT_NOT_MAPPED);
	cr_expect_eq(mem[0x7ff], 0);
	cr_expect_eq(mem[0x800], 0x55, "pages before it were written");
	cr_expect_eq(mem[PAGE], 0);
}

Test(iommu, permissions_are_per_direction)
{
	uint32_t value = 0x01020304, got = 0;
	uint16_t half = 0;

	map(0x10000, mem, PAGE, R);
	map(0x11000, mem + PAGE, PAGE, W);
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x10010, &value, 4), -EFAULT);
	expect_fault(0x10010, 4, true, UVDK_EMU_FAULT_PERMISSION);
	cr_expect_eq(mem[0x10], 0);
	cr_expect_eq(uvdk_emu_dma_read(fn, 0x11010, &got, 4), -EFAULT);
	expect_fault(0x11010, 4, false, UVDK_EMU_FAULT_PERMISSION);
	cr_expect_eq(got, 0);
	cr_expect_eq(uvdk_emu_dma_store16(fn, 0x10010, 1), -EFAULT);
	expect_fault(0x10010, 2, true, UVDK_EMU_FAULT_PERMISSION);
	cr_expect_eq(uvdk_emu_dma_load16(fn, 0x11010, &half), -EFAULT);
	expect_fault(0x11010, 2, false, UVDK_EMU_FAULT_PERMISSION);
	cr_expect_eq(uvdk_emu_dma_read(fn, 0x10010, &got, 4), 0);
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x11010, &value, 4), 0);
	expect_no_fault();
}

Test(iommu, each_reason_of_refusal_is_told)
{
	uint8_t b = 1;

	map(0x10000, mem, PAGE, R | W);
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x20000, &b, 1), -EFAULT);
	expect_fault(0x20000, 1, true, UVDK_EMU_FAULT_NOT_MAPPED);
	cr_expect_eq(uvdk_emu_dma_write(fn, UINT64_C(1) << 48, &b, 1), -EFAULT);
	expect_fault(UINT64_C(1) << 48, 1, true, UVDK_EMU_FAULT_RANGE);
	cr_expect_eq(uvdk_emu_dma_write(fn, UINT64_MAX, &b, 1), -EFAULT);
	expect_fault(UINT64_MAX, 1, true, UVDK_EMU_FAULT_RANGE);
	cfg_write(fn, 0x04, 0x0002, 2);
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x10000, &b, 1), -EFAULT);
	expect_fault(0x10000, 1, true, UVDK_EMU_FAULT_BUS_MASTER);
	enable(fn);
	detach();
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x10000, &b, 1), -EFAULT);
	expect_fault(0x10000, 1, true, UVDK_EMU_FAULT_NO_DOMAIN);
	cr_expect_eq(mem[0], 0);
}

Test(iommu, an_access_past_the_top_does_not_wrap)
{
	uint8_t buf[32] = {0};
	uint64_t top = (UINT64_C(1) << 48) - PAGE;

	map(0, mem, PAGE, R | W);
	map(top, mem + PAGE, PAGE, R | W);
	cr_expect_eq(uvdk_emu_dma_write(fn, top + PAGE - 16, buf, 32), -EFAULT);
	expect_fault(top + PAGE, 32, true, UVDK_EMU_FAULT_RANGE);
}

Test(iommu, atomic_halves_are_little_endian)
{
	uint16_t value = 0;

	map(0x10000, mem, PAGE * 2, R | W);
	cr_assert_eq(uvdk_emu_dma_store16(fn, 0x10002, 0x1234), 0);
	cr_expect_eq(mem[2], 0x34);
	cr_expect_eq(mem[3], 0x12);
	cr_assert_eq(uvdk_emu_dma_load16(fn, 0x10002, &value), 0);
	cr_expect_eq(value, 0x1234);
	cr_assert_eq(uvdk_emu_dma_store16(fn, 0x10fff, 0xabcd), 0); /* misaligned, two pages */
	cr_assert_eq(uvdk_emu_dma_load16(fn, 0x10fff, &value), 0);
	cr_expect_eq(value, 0xabcd);
	cr_expect_eq(mem[PAGE], 0xab);
}

/* One big map crosses many tables, and every page is its own. */
Test(iommu, large_maps_translate_every_page)
{
	size_t count = 3000;
	uint8_t *big = pages(count);
	uvdk_iova_t iova = (UINT64_C(1) << 39) - 700 * PAGE;

	map(iova, big, count * PAGE, R | W);
	for (size_t i = 0; i < count; i++) {
		uint32_t tag = (uint32_t)i;

		cr_assert_eq(uvdk_emu_dma_write(fn, iova + i * PAGE + 8, &tag, 4), 0);
	}
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(*(uint32_t *)(big + i * PAGE + 8), i);
	unmap(iova + 500 * PAGE, 1000 * PAGE);
	for (size_t i = 0; i < count; i += 100) {
		uint32_t tag;

		cr_assert_eq(uvdk_emu_dma_read(fn, iova + i * PAGE + 8, &tag, 4),
			     i >= 500 && i < 1500 ? -EFAULT : 0);
	}
	map(iova + 500 * PAGE, big, PAGE, R);
	munmap(big, count * PAGE);
}

/* AW and MGAW: the narrower of both. */
Test(iommu, narrow_and_wide_machines_walk_their_own_levels)
{
	static const unsigned int widths[] = {16, 21, 32, 39, 48, 57};
	uint8_t b = 9;

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		struct uvdk_emu_opts opts = {
			.size = sizeof(opts), .manual = true, .iova_bits = widths[i]};
		uint64_t last_page = (UINT64_C(1) << widths[i]) - PAGE;
		unsigned int levels = widths[i] <= 39 ? 3 : widths[i] <= 48 ? 4 : 5;
		uint64_t *top;
		struct kern m;

		kern_start(&m, &opts, "emu:probe");
		cr_expect_eq(uvdk_emu_iova_bits(m.emu), widths[i]);
		top = new_page(&m);
		*entry_at(&m, top, levels, last_page, 1, SS_BITS) = pa(mem) | W;
		set_context(&m, m.fn, 0);
		set_pasid(&m, 0, SECOND, 1, NULL, top);
		pasid_of(&m, 0)[0] ^= (2 ^ (levels - 2)) << 2;
		cr_expect_eq(uvdk_emu_dma_write(m.fn, last_page + 4095, &b, 1), 0);
		cr_expect_eq(uvdk_emu_dma_write(m.fn, last_page + 4096, &b, 1), -EFAULT);
		cr_expect_eq(uvdk_emu_dma_write(m.fn, last_page - 1, &b, 1), -EFAULT);
		kern_stop(&m);
	}
}

Test(iommu, a_full_fault_log_counts_what_it_lost)
{
	static struct uvdk_emu_fault f[300];
	uint64_t lost;
	uint8_t b;

	for (unsigned int i = 0; i < 300; i++)
		uvdk_emu_dma_read(fn, 0x100000 + i, &b, 1);
	cr_assert_eq(uvdk_emu_faults(emu, f, 100, &lost), 100);
	cr_expect_eq(lost, 44);
	for (unsigned int i = 0; i < 100; i++)
		cr_expect_eq(f[i].iova, 0x100000 + i, "oldest first");
	uvdk_emu_dma_read(fn, 0x200000, &b, 1);
	cr_assert_eq(uvdk_emu_faults(emu, f, 300, &lost), 157);
	cr_expect_eq(lost, 0);
	cr_expect_eq(f[155].iova, 0x100000 + 255);
	cr_expect_eq(f[156].iova, 0x200000);
}

/* A device that writes one page without pause while its map comes and goes. */
struct hammer {
	uint64_t writes;
	bool stop;
};

static void *hammer_thread(void *arg)
{
	struct hammer *h = arg;
	uint8_t buf[2048];

	memset(buf, 0xff, sizeof(buf));
	while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED))
		if (!uvdk_emu_dma_write(fn, 0x10100, buf, sizeof(buf)))
			__atomic_fetch_add(&h->writes, 1, __ATOMIC_RELAXED);

	return NULL;
}

static bool only_holds(const uint8_t *p, uint8_t value)
{
	for (unsigned int i = 0; i < PAGE; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void end_access(bool by_detach)
{
	if (by_detach)
		detach();
	else
		unmap(0x10000, PAGE);
}

static void begin_access(bool by_detach)
{
	if (by_detach)
		attach();
	else
		map(0x10000, mem, PAGE, W);
}

/* Many, but a busy machine gets away with what it can do in two seconds. */
static bool more_rounds(unsigned int round, uint64_t start)
{
	return round < 3000 && (round < 20 || now_ns() - start < UINT64_C(2000000000));
}

static void check_nothing_in_flight(bool by_detach)
{
	struct hammer h = {0};
	uint64_t start = now_ns();
	pthread_t thread;

	map(0x10000, mem, PAGE, W);
	cr_assert_eq(pthread_create(&thread, NULL, hammer_thread, &h), 0);
	for (unsigned int round = 0; more_rounds(round, start); round++) {
		uint64_t before = __atomic_load_n(&h.writes, __ATOMIC_RELAXED);

		WAIT_UNTIL(__atomic_load_n(&h.writes, __ATOMIC_RELAXED) != before);
		end_access(by_detach);
		memset(mem, 0, PAGE);
		for (unsigned int look = 0; look < 3; look++)
			cr_assert(only_holds(mem, 0), "a write arrived after its map was gone");
		begin_access(by_detach);
	}
	__atomic_store_n(&h.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

Test(iommu, unmap_waits_for_accesses_in_flight)
{
	check_nothing_in_flight(false);
}

Test(iommu, detach_waits_for_accesses_in_flight)
{
	check_nothing_in_flight(true);
}
