// SPDX-License-Identifier: BSD-3-Clause
#include "edu_testing.h"

#include <uvdk_hwpt.h>

/* The emulated function whose copies carry PASIDs; registers: tests/vm/README.md. */

#define PAGE   UINT64_C(4096)
#define LEN    (3 * PAGE) /* what is copied, not aligned */
#define SPACE  (8 * PAGE)
#define IOVA   UINT64_C(0x40000000)
#define TARGET (IOVA + 4 * PAGE + 7)
#define TAGGED (UINT64_C(1) << 31)
#define COPY   (UINT64_C(1) << 32)
#define COUNT  40 /* more than there are queues */

struct tenant {
	struct uvdk_ioas *ioas;
	uint8_t *mem;
};

static struct bench b;
static struct tenant tenant[COUNT];

static void setup(void)
{
	bench_open(&b, "emu:copier", true);
}

static void teardown(void)
{
	bench_close(&b);
}

TestSuite(copier_model, .init = setup, .fini = teardown);

static void tenant_open(unsigned int i)
{
	struct tenant *t = &tenant[i];
	uvdk_iova_t iova = IOVA;

	t->mem = new_memory(SPACE);
	memset(t->mem + 1, (int)i + 1, LEN);
	cr_assert_eq(uvdk_ioas_create(b.iommu, NULL, &t->ioas), 0);
	cr_assert_eq(uvdk_ioas_map(t->ioas, t->mem, SPACE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	cr_assert_eq(uvdk_ioas_attach_pasid(t->ioas, b.dev, 100 + i), 0, "%s", uvdk_last_error());
}

static void tenants_close(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uvdk_ioas_destroy(tenant[i].ioas);
		munmap(tenant[i].mem, SPACE);
	}
}

/* The n-th descriptor of a queue, and that there are n + 1. */
static void submit(unsigned int queue, unsigned int n, uint64_t tag)
{
	uint64_t slot = 0x10000 + queue * 4096 + n * 64;

	reg_write(&b, slot, 8, tag | COPY);
	reg_write(&b, slot + 8, 8, IOVA + 1);
	reg_write(&b, slot + 16, 8, TARGET);
	reg_write(&b, slot + 24, 8, LEN);
	reg_write(&b, 0x100 + queue * 16, 4, n + 1);
}

static uint32_t status(unsigned int queue, unsigned int n)
{
	return (uint32_t)reg_read(&b, 0x10000 + queue * 4096 + n * 64 + 32, 4);
}

static void run(void)
{
	while (uvdk_emu_step(b.emu))
		;
}

static bool arrived(unsigned int i)
{
	return !memcmp(tenant[i].mem + (TARGET - IOVA), tenant[i].mem + 1, LEN) &&
	       !tenant[i].mem[TARGET - IOVA - 1] && !tenant[i].mem[TARGET - IOVA + LEN];
}

static bool untouched(unsigned int i)
{
	for (uint64_t at = TARGET - IOVA; at < SPACE; at++)
		if (tenant[i].mem[at])
			return false;

	return true;
}

Test(copier_model, a_copy_reaches_the_memory_of_its_pasid_and_no_other)
{
	struct uvdk_emu_stale stale;

	for (unsigned int i = 0; i < COUNT; i++)
		tenant_open(i);
	for (unsigned int i = 0; i < COUNT; i += 2)
		submit(i % 16, i / 16, TAGGED | (100 + i));
	run();
	for (unsigned int i = 0; i < COUNT; i += 2) {
		cr_assert_eq(status(i % 16, i / 16), 1);
		cr_assert(arrived(i), "tenant %u", i);
		cr_assert(untouched(i + 1), "tenant %u", i + 1);
	}
	cr_assert_eq(uvdk_emu_stales(b.emu, &stale, 1), 0);
	tenants_close(COUNT);
}

Test(copier_model, after_detach_the_same_copy_is_refused_and_recorded_with_its_pasid)
{
	struct uvdk_emu_fault fault;

	tenant_open(0);
	tenant_open(1);
	submit(0, 0, TAGGED | 100);
	run();
	cr_assert_eq(status(0, 0), 1);
	memset(tenant[0].mem + (TARGET - IOVA), 0, LEN);
	uvdk_ioas_detach_pasid(tenant[0].ioas, b.dev, 100);
	submit(0, 1, TAGGED | 100);
	submit(1, 0, TAGGED | 101);
	run();
	cr_assert_eq(status(0, 1), 2);
	cr_assert(untouched(0));
	cr_assert_eq(status(1, 0), 1);
	cr_assert(arrived(1), "the neighbour is attached");
	cr_assert_eq(uvdk_emu_faults(b.emu, &fault, 1, NULL), 1);
	cr_assert_eq(fault.pasid, 100);
	cr_assert_eq(fault.iova, IOVA + 1);
	tenants_close(2);
}

Test(copier_model, nothing_moves_without_bus_master_and_no_tag_goes_out_while_they_are_off)
{
	/* Nobody has attached a PASID: the capability is there, and not enabled. */
	submit(0, 0, TAGGED | 100);
	run();
	cr_assert_eq(status(0, 0), 4);

	tenant_open(0);
	cr_assert_eq(uvdk_device_set_command(b.dev, 0, UVDK_PCI_COMMAND_MASTER), 0);
	submit(0, 1, TAGGED | 100);
	run();
	cr_assert_eq(reg_read(&b, 0x104, 4), 1);
	cr_assert(untouched(0));
	cr_assert_eq(uvdk_device_set_command(b.dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	run();
	cr_assert_eq(status(0, 1), 1);
	cr_assert(arrived(0));
	tenants_close(1);
}

Test(copier_model, a_reset_forgets_what_was_submitted)
{
	tenant_open(0);
	submit(0, 0, TAGGED | 100);
	cr_assert_eq(uvdk_device_reset(b.dev), 0);
	cr_assert_eq(reg_read(&b, 0x100, 4), 0);
	cr_assert_eq(uvdk_device_set_command(b.dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	run();
	cr_assert(untouched(0));
	tenants_close(1);
}
