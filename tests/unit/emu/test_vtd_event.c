// SPDX-License-Identifier: BSD-3-Clause
#include <sys/eventfd.h>

#include "vtd_testing.h"

/* Interrupts of a remapping unit: 7.3, 11.4.7, 11.4.11. */

#define FECTL  0x38
#define FRCD   0x400
#define PECTL  0xe0
#define MASK   (UINT64_C(1) << 31)
#define PENDS  (UINT64_C(1) << 30)
#define FAULT  UVDK_EMU_IOMMU_IRQ_FAULT
#define ASKING UVDK_EMU_IOMMU_IRQ_PAGE_REQUEST

static struct kern k;
static int fd[2];

static void setup(void)
{
	kern_start(&k, NULL, "emu:probe,ats");
	set_context(&k, k.fn, CTX_PASIDE | CTX_DTE | CTX_PRE);
	set_reg(&k, PQA, 8, pa(new_page(&k)));
	for (unsigned int i = 0; i < 2; i++) {
		fd[i] = eventfd(0, EFD_NONBLOCK);
		uvdk_emu_iommu_irq_route(k.emu, 0, (enum uvdk_emu_iommu_irq)i, fd[i]);
	}
}

static void teardown(void)
{
	kern_stop(&k);
	close(fd[0]);
	close(fd[1]);
}

TestSuite(vtd_event, .init = setup, .fini = teardown);

/* Interrupts since the last look. */
static uint64_t came(enum uvdk_emu_iommu_irq kind)
{
	uint64_t n = 0;

	return read(fd[kind], &n, sizeof(n)) < 0 ? 0 : n;
}

static void access_nothing(void)
{
	uint8_t byte;

	cr_assert_neq(uvdk_emu_dma_read_pasid(k.fn, 77, 0x1000, &byte, 1), 0);
}

static void ask(void)
{
	cr_assert_eq(uvdk_emu_page_request(k.fn, 5, 0x1000, false, 1, false), 0);
}

/* Take all fault records there are. */
static void look_after_faults(void)
{
	for (unsigned int i = 0; i < 16; i++)
		set_reg(&k, FRCD + 16 * i + 8, 8, UINT64_C(1) << 63);
	set_reg(&k, FSTS, 4, 1);
	cr_assert_eq(reg(&k, FSTS, 4) & 3, 0);
}

Test(vtd_event, they_are_masked_at_first)
{
	cr_expect_eq(reg(&k, FECTL, 4), MASK);
	cr_expect_eq(reg(&k, PECTL, 4), MASK);
	access_nothing();
	ask();
	cr_expect_eq(reg(&k, FECTL, 4), MASK | PENDS);
	cr_expect_eq(reg(&k, PECTL, 4), MASK | PENDS);
	cr_expect_eq(came(FAULT) + came(ASKING), 0);
}

Test(vtd_event, what_is_pending_goes_out_when_it_is_unmasked)
{
	access_nothing();
	ask();
	set_reg(&k, FECTL, 4, 0);
	cr_expect_eq(came(FAULT), 1);
	cr_expect_eq(came(ASKING), 0);
	set_reg(&k, PECTL, 4, 0);
	cr_expect_eq(came(ASKING), 1);
	cr_expect_eq(reg(&k, FECTL, 4) | reg(&k, PECTL, 4), 0);
}

Test(vtd_event, what_was_looked_after_meanwhile_does_not)
{
	access_nothing();
	ask();
	look_after_faults();
	set_reg(&k, PRS, 4, 1);
	set_reg(&k, FECTL, 4, 0);
	set_reg(&k, PECTL, 4, 0);
	cr_expect_eq(came(FAULT) + came(ASKING), 0);
}

Test(vtd_event, one_stands_for_all_until_somebody_has_looked)
{
	set_reg(&k, FECTL, 4, 0);
	set_reg(&k, PECTL, 4, 0);
	for (unsigned int i = 0; i < 40; i++)
		access_nothing();
	ask();
	ask();
	cr_expect_eq(came(FAULT), 1);
	cr_expect_eq(came(ASKING), 1);
	look_after_faults();
	set_reg(&k, PRS, 4, 1);
	access_nothing();
	ask();
	cr_expect_eq(came(FAULT), 1);
	cr_expect_eq(came(ASKING), 1);
}

Test(vtd_event, a_full_queue_and_a_bad_descriptor_are_told)
{
	set_reg(&k, FECTL, 4, 0);
	set_reg(&k, PECTL, 4, 0);
	while (!uvdk_emu_page_request(k.fn, 5, 0, false, 1, false))
		set_reg(&k, PRS, 4, 1);
	came(ASKING);
	cr_expect_eq(reg(&k, PRS, 4), 2);
	set_reg(&k, PRS, 4, 2);
	cr_expect_eq(uvdk_emu_page_request(k.fn, 5, 0, false, 1, false), -EAGAIN);
	cr_expect_eq(came(ASKING), 1);
	post(&k, 0xf, 0);
	cr_expect_not(wait_queue(&k));
	cr_expect_eq(came(FAULT), 1);
}

Test(vtd_event, nobody_need_listen)
{
	set_reg(&k, FECTL, 4, 0);
	uvdk_emu_iommu_irq_route(k.emu, 0, FAULT, -1);
	uvdk_emu_iommu_irq_route(k.emu, 7, FAULT, fd[0]);
	access_nothing();
	cr_expect_eq(came(FAULT), 0);
	cr_expect_eq(reg(&k, FECTL, 4), 0);
}
