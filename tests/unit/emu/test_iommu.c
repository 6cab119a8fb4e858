// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>

#include "emu_testing.h"

#define PAGE 4096
#define R    UVDK_EMU_PROT_READ
#define W    UVDK_EMU_PROT_WRITE

static struct uvdk_emu *emu;
static struct uvdk_emu_function *fn;
static struct uvdk_emu_domain *dom;
static uint8_t *mem;

static void setup(void)
{
	emu = machine(true);
	fn = plug(emu);
	enable(fn);
	cr_assert_eq(uvdk_emu_domain_create(emu, &dom), 0);
	cr_assert_eq(uvdk_emu_domain_attach(dom, fn), 0);
	mem = pages(16);
}

static void teardown(void)
{
	uvdk_emu_unplug_fn(fn);
	uvdk_emu_domain_destroy(dom);
	uvdk_emu_destroy(emu);
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
	cr_assert_eq(uvdk_emu_domain_map(dom, 0x10000, mem + 5 * PAGE, PAGE, R | W), 0);
	cr_assert_eq(uvdk_emu_domain_map(dom, 0x11000, mem + 2 * PAGE, PAGE, R | W), 0);
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

	cr_assert_eq(uvdk_emu_domain_map(dom, 0x10000, mem, PAGE, R | W), 0);
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

	cr_assert_eq(uvdk_emu_domain_map(dom, 0x10000, mem, PAGE, R), 0);
	cr_assert_eq(uvdk_emu_domain_map(dom, 0x11000, mem + PAGE, PAGE, W), 0);
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

	cr_assert_eq(uvdk_emu_domain_map(dom, 0x10000, mem, PAGE, R | W), 0);
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
	uvdk_emu_domain_detach(fn);
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x10000, &b, 1), -EFAULT);
	expect_fault(0x10000, 1, true, UVDK_EMU_FAULT_NO_DOMAIN);
	cr_expect_eq(mem[0], 0);
}

Test(iommu, an_access_past_the_top_does_not_wrap)
{
	uint8_t buf[32] = {0};
	uint64_t top = (UINT64_C(1) << 48) - PAGE;

	cr_assert_eq(uvdk_emu_domain_map(dom, 0, mem, PAGE, R | W), 0);
	cr_assert_eq(uvdk_emu_domain_map(dom, top, mem + PAGE, PAGE, R | W), 0);
	cr_expect_eq(uvdk_emu_dma_write(fn, top + PAGE - 16, buf, 32), -EFAULT);
	expect_fault(top + PAGE, 32, true, UVDK_EMU_FAULT_RANGE);
	cr_expect_eq(uvdk_emu_domain_map(dom, top, mem, 2 * PAGE, R), -ERANGE);
	cr_expect_eq(uvdk_emu_domain_map(dom, UINT64_MAX - PAGE + 1, mem, PAGE, R), -ERANGE);
}

Test(iommu, atomic_halves_are_little_endian)
{
	uint16_t value = 0;

	cr_assert_eq(uvdk_emu_domain_map(dom, 0x10000, mem, PAGE * 2, R | W), 0);
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

Test(iommu, a_refused_map_changes_nothing)
{
	uint8_t b = 1;

	cr_assert_eq(uvdk_emu_domain_map(dom, 0x12000, mem, PAGE, R | W), 0);
	cr_expect_eq(uvdk_emu_domain_map(dom, 0x10000, mem + PAGE, 4 * PAGE, R | W), -EEXIST);
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x10000, &b, 1), -EFAULT);
	expect_fault(0x10000, 1, true, UVDK_EMU_FAULT_NOT_MAPPED);
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x12000, &b, 1), 0);
	cr_expect_eq(mem[0], 1);
	cr_expect_eq(uvdk_emu_domain_map(dom, 0x20001, mem, PAGE, R), -EINVAL);
	cr_expect_eq(uvdk_emu_domain_map(dom, 0x20000, mem + 8, PAGE, R), -EINVAL);
	cr_expect_eq(uvdk_emu_domain_map(dom, 0x20000, mem, 0, R), -EINVAL);
	cr_expect_eq(uvdk_emu_domain_map(dom, 0x20000, mem, 100, R), -EINVAL);
	cr_expect_eq(uvdk_emu_domain_map(dom, 0x20000, mem, PAGE, 0), -EINVAL);
	cr_expect_eq(uvdk_emu_domain_map(dom, 0x20000, mem, PAGE, 4), -EINVAL);
}

Test(iommu, a_refused_unmap_changes_nothing)
{
	uint8_t b = 1;

	cr_assert_eq(uvdk_emu_domain_map(dom, 0x10000, mem, 2 * PAGE, R | W), 0);
	cr_expect_eq(uvdk_emu_domain_unmap(dom, 0x10000, 3 * PAGE), -ENOENT);
	cr_expect_eq(uvdk_emu_domain_unmap(dom, 0xf000, 2 * PAGE), -ENOENT);
	cr_expect_eq(uvdk_emu_domain_unmap(dom, UINT64_C(1) << 40, PAGE), -ENOENT);
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x10000, &b, 1), 0);
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x11000, &b, 1), 0);
	cr_expect_eq(uvdk_emu_domain_unmap(dom, 0x10000, 2 * PAGE), 0);
	cr_expect_eq(uvdk_emu_dma_write(fn, 0x11000, &b, 1), -EFAULT);
}

/* One big map crosses many tables, and every page is its own. */
Test(iommu, large_maps_translate_every_page)
{
	size_t count = 3000;
	uint8_t *big = pages(count);
	uvdk_iova_t iova = (UINT64_C(1) << 39) - 700 * PAGE;

	cr_assert_eq(uvdk_emu_domain_map(dom, iova, big, count * PAGE, R | W), 0);
	for (size_t i = 0; i < count; i++) {
		uint32_t tag = (uint32_t)i;

		cr_assert_eq(uvdk_emu_dma_write(fn, iova + i * PAGE + 8, &tag, 4), 0);
	}
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(*(uint32_t *)(big + i * PAGE + 8), i);
	cr_assert_eq(uvdk_emu_domain_unmap(dom, iova + 500 * PAGE, 1000 * PAGE), 0);
	for (size_t i = 0; i < count; i += 100) {
		uint32_t tag;

		cr_assert_eq(uvdk_emu_dma_read(fn, iova + i * PAGE + 8, &tag, 4),
			     i >= 500 && i < 1500 ? -EFAULT : 0);
	}
	cr_assert_eq(uvdk_emu_domain_map(dom, iova + 500 * PAGE, big, PAGE, R), 0);
	munmap(big, count * PAGE);
}

Test(iommu, narrow_and_wide_machines_walk_their_own_levels)
{
	static const unsigned int widths[] = {16, 21, 32, 39, 48, 57};
	uint8_t b = 9;

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		struct uvdk_emu_opts opts = {
			.size = sizeof(opts), .manual = true, .iova_bits = widths[i]};
		uint64_t last_page = (UINT64_C(1) << widths[i]) - PAGE;
		struct uvdk_emu_function *f;
		struct uvdk_emu_domain *d;
		struct uvdk_emu *m;

		cr_assert_eq(uvdk_emu_create(&opts, &m), 0);
		cr_expect_eq(uvdk_emu_iova_bits(m), widths[i]);
		f = plug(m);
		enable(f);
		cr_assert_eq(uvdk_emu_domain_create(m, &d), 0);
		cr_assert_eq(uvdk_emu_domain_attach(d, f), 0);
		cr_assert_eq(uvdk_emu_domain_map(d, last_page, mem, PAGE, W), 0);
		cr_expect_eq(uvdk_emu_dma_write(f, last_page + 4095, &b, 1), 0);
		cr_expect_eq(uvdk_emu_dma_write(f, last_page + 4096, &b, 1), -EFAULT);
		cr_expect_eq(uvdk_emu_dma_write(f, last_page - 1, &b, 1), -EFAULT);
		uvdk_emu_unplug_fn(f);
		uvdk_emu_domain_destroy(d);
		uvdk_emu_destroy(m);
	}
}

Test(iommu, two_functions_two_domains_do_not_see_each_other)
{
	struct uvdk_emu_function *other = plug(emu);
	struct uvdk_emu_domain *theirs;
	uint8_t b = 0xaa;

	enable(other);
	cr_assert_eq(uvdk_emu_domain_create(emu, &theirs), 0);
	cr_assert_eq(uvdk_emu_domain_attach(theirs, other), 0);
	cr_assert_eq(uvdk_emu_domain_map(dom, 0x10000, mem, PAGE, R | W), 0);
	cr_assert_eq(uvdk_emu_domain_map(theirs, 0x10000, mem + PAGE, PAGE, R | W), 0);
	cr_assert_eq(uvdk_emu_dma_write(other, 0x10000, &b, 1), 0);
	cr_expect_eq(mem[0], 0);
	cr_expect_eq(mem[PAGE], 0xaa);

	cr_expect_eq(uvdk_emu_domain_attach(dom, other), -EBUSY);
	uvdk_emu_domain_detach(other);
	cr_assert_eq(uvdk_emu_domain_attach(dom, other), 0);
	cr_assert_eq(uvdk_emu_dma_write(other, 0x10000, &b, 1), 0);
	cr_expect_eq(mem[0], 0xaa);
	uvdk_emu_domain_destroy(theirs);
	uvdk_emu_unplug_fn(other);
	uvdk_emu_domain_detach(fn);
	uvdk_emu_domain_detach(fn);
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
		uvdk_emu_domain_detach(fn);
	else
		cr_assert_eq(uvdk_emu_domain_unmap(dom, 0x10000, PAGE), 0);
}

static void begin_access(bool by_detach)
{
	if (by_detach)
		cr_assert_eq(uvdk_emu_domain_attach(dom, fn), 0);
	else
		cr_assert_eq(uvdk_emu_domain_map(dom, 0x10000, mem, PAGE, W), 0);
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

	cr_assert_eq(uvdk_emu_domain_map(dom, 0x10000, mem, PAGE, W), 0);
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

/* Tables come and go under a walker; ASan sees a walk through a freed one. */
Test(iommu, tables_are_not_freed_under_a_walk)
{
	struct hammer h = {0};
	uint64_t start = now_ns();
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, hammer_thread, &h), 0);
	for (unsigned int round = 0; more_rounds(round, start); round++) {
		cr_assert_eq(uvdk_emu_domain_map(dom, 0x10000, mem, PAGE, W), 0);
		cr_assert_eq(uvdk_emu_domain_unmap(dom, 0x10000, PAGE), 0);
	}
	__atomic_store_n(&h.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}
