// SPDX-License-Identifier: BSD-3-Clause
#include "viommu_model_testing.h"

/* Attach, map, unmap, detach, and what endpoints reach meanwhile. */

static struct vio_test m;

Test(viommu_model_basics, an_attached_endpoint_reaches_what_is_mapped_and_no_more)
{
	vio_start(&m, "");
	m.page[5] = 77;
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA + 5), -EFAULT);
	cr_assert_eq(vio_map(&m, 1, IOVA, IOVA + PAGE - 1, m.page, RW), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA + 5), 77);
	cr_expect_eq(vio_set(&m, 0, IOVA + 6, 78), 0);
	cr_expect_eq(m.page[6], 78);
	cr_expect_eq(vio_get(&m, 0, IOVA - 1), -EFAULT);
	cr_expect_eq(vio_get(&m, 0, IOVA + PAGE), -EFAULT);
	cr_expect_eq(vio_get(&m, 1, IOVA), -EFAULT, "the other endpoint is attached to nothing");
	cr_assert_eq(vio_unmap(&m, 1, IOVA, IOVA + PAGE - 1), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA + 5), -EFAULT);
	cr_assert_eq(vio_detach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_stats(&m).domains, 0);
	vio_end_clean(&m);
}

Test(viommu_model_basics, accesses_are_refused_for_the_reason_there_is)
{
	vio_start(&m, "input=0x1000:0xffffffff");
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	cr_expect_eq(vio_fault(&m), UVDK_EMU_FAULT_NO_DOMAIN);
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	cr_expect_eq(vio_fault(&m), UVDK_EMU_FAULT_NOT_MAPPED);
	cr_assert_eq(vio_map(&m, 1, IOVA, IOVA + PAGE - 1, m.page, READ), S_OK);
	cr_expect_eq(vio_set(&m, 0, IOVA, 1), -EFAULT);
	cr_expect_eq(vio_fault(&m), UVDK_EMU_FAULT_PERMISSION);
	cr_expect_eq(vio_get(&m, 0, 0xfff), -EFAULT);
	cr_expect_eq(vio_fault(&m), UVDK_EMU_FAULT_RANGE);
	cr_expect_eq(vio_get(&m, 0, UINT64_C(1) << 32), -EFAULT);
	cr_expect_eq(vio_fault(&m), UVDK_EMU_FAULT_RANGE);
	cr_expect_eq(uvdk_emu_dma_read_pasid(m.dev[0], 5, IOVA, m.page, 1), -EFAULT);
	cr_expect_eq(vio_fault(&m), UVDK_EMU_FAULT_NO_DOMAIN);
	cr_expect_eq(vio_fault(&m), -1);
	vio_end_clean(&m);
}

Test(viommu_model_basics, a_fault_is_written_to_the_event_queue)
{
	uint8_t *event;
	uint32_t id, len, word;
	uint64_t address;

	vio_start(&m, "");
	event = vio_event_buffers(&m, 4, 24);
	cr_expect_eq(vio_set(&m, 1, IOVA + 3, 1), -EFAULT);
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA + 4), -EFAULT);
	vt_steps(&m.t, 3);
	cr_assert_eq(vt_used(&m.t.q[1]), 2);
	for (unsigned int i = 0; i < 2; i++, event += 24) {
		cr_assert(vt_take(&m.t.q[1], &id, &len));
		cr_expect_eq(len, 24);
		cr_expect_eq(event[0], i == 0 ? 1 : 2, "reason");
		cr_expect_eq(event[1] | event[2] | event[3], 0);
		memcpy(&word, event + 4, 4);
		cr_expect_eq(word, i == 0 ? 0x102 : 0x101, "flags");
		memcpy(&word, event + 8, 4);
		cr_expect_eq(word, m.ep[!i], "endpoint");
		memcpy(&word, event + 12, 4);
		cr_expect_eq(word, 0);
		memcpy(&address, event + 16, 8);
		cr_expect_eq(address, IOVA + 3 + i);
	}
	cr_expect_eq(vio_stats(&m).events, 2);
	vio_end_clean(&m);
}

Test(viommu_model_basics, bypass_is_on_until_it_is_switched_off)
{
	vio_open(&m, "");
	m.page[0] = 9;
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), 9, "at start");
	vio_run(&m, F_VIO);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x24, 1), 1);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), 9);
	vio_set_bypass(&m, 0);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x24, 1), 0);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT);
	vt_reset(&m.t);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT, "it outlives a reset");
	vio_run(&m, F_VIO);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x24, 1), 0);
	vio_set_bypass(&m, 1);
	vt_reset(&m.t);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), 9);
	vio_end_clean(&m);
}

Test(viommu_model_basics, bypass_may_be_off_at_start)
{
	vio_open(&m, "bypass=0");
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT);
	vio_run(&m, F_VIO);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x24, 1), 0);
	vio_end_clean(&m);
}

Test(viommu_model_basics, the_old_bypass_is_on_while_it_is_negotiated)
{
	vio_open(&m, "old-bypass");
	m.page[0] = 9;
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT);
	vio_run(&m, (F_VIO & ~F_BYPASS) | F_OLD_BYPASS);
	cr_expect_eq(m.t.offered & (F_BYPASS | F_OLD_BYPASS), F_OLD_BYPASS);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), 9);
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT);
	vt_reset(&m.t);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT);
	vio_end_clean(&m);
}

Test(viommu_model_basics, a_bypass_domain_lets_through_whoever_is_attached)
{
	vio_start(&m, "");
	m.page[0] = 9;
	cr_assert_eq(vio_attach_flags(&m, 7, m.ep[0], 1), S_OK);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), 9);
	cr_expect_eq(vio_get(&m, 1, (uintptr_t)m.page), -EFAULT);
	cr_assert_eq(vio_detach(&m, 7, m.ep[0]), S_OK);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT);
	vio_end_clean(&m);
}

Test(viommu_model_basics, a_reset_of_the_device_drops_attachments_and_maps)
{
	vio_start(&m, "");
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_assert_eq(vio_map(&m, 1, IOVA, IOVA + PAGE - 1, m.page, RW), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA), 0x11);
	vt_reset(&m.t);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	cr_expect_eq(vio_stats(&m).domains + vio_stats(&m).maps + vio_stats(&m).attached, 0);
	vio_run(&m, F_VIO);
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	vio_end_clean(&m);
}
