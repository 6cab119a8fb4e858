// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_emu_vtd_driver.h>

#include "viommu_model_testing.h"

/* What each request is answered with (5.13.6.3 to 5.13.6.7). */

static struct vio_test m;

#define LAST(pages) (IOVA + (uint64_t)(pages)*PAGE - 1)

static void start_attached(const char *args)
{
	vio_start(&m, args);
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
}

/* The request of @len bytes with byte @at set to @value. */
static uint8_t spoilt(const uint8_t *req, uint32_t len, unsigned int at, uint8_t value)
{
	uint8_t copy[72];

	memcpy(copy, req, len);
	copy[at] = value;

	return vio_send(&m, copy, len, 4, NULL);
}

Test(viommu_model_status, attach_rejects_reserved_bytes_and_unknown_flags)
{
	uint8_t req[20] = {1, [4] = 1};

	vio_start(&m, "");
	req[8] = (uint8_t)m.ep[0];
	for (unsigned int i = 16; i < 20; i++)
		cr_expect_eq(spoilt(req, sizeof(req), i, 1), S_INVAL, "reserved byte %u", i);
	for (unsigned int bit = 1; bit < 32; bit++)
		cr_expect_eq(vio_attach_flags(&m, 1, m.ep[0], 1u << bit), S_INVAL, "flag %u", bit);
	cr_expect_eq(vio_stats(&m).domains, 0);
	cr_expect_eq(vio_stats(&m).advice, 4);
	cr_expect_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_stats(&m).violations, 0);
	vio_end(&m);
}

Test(viommu_model_status, the_bypass_flag_needs_its_feature)
{
	vio_open(&m, "bypass=0");
	vio_run(&m, F_VIO & ~F_BYPASS);
	cr_expect_eq(vio_attach_flags(&m, 1, m.ep[0], 1), S_INVAL);
	vio_end_clean(&m);
}

Test(viommu_model_status, an_endpoint_that_is_not_there_is_not_found)
{
	const uint32_t wrong[] = {0, 1, 9, 31 << 3, 0xffffffff};

	vio_start(&m, "");
	for (unsigned int i = 0; i < sizeof(wrong) / 4; i++) {
		uint8_t probe[72] = {5};

		memcpy(probe + 4, &wrong[i], 4);
		cr_expect_eq(vio_attach(&m, 1, wrong[i]), S_NOENT, "attach 0x%x", wrong[i]);
		cr_expect_eq(vio_detach(&m, 1, wrong[i]), S_NOENT, "detach 0x%x", wrong[i]);
		cr_expect_eq(vio_send(&m, probe, 72, 516, NULL), S_NOENT, "probe 0x%x", wrong[i]);
	}
	cr_expect_eq(vio_stats(&m).domains, 0);
	vio_end_clean(&m);
}

Test(viommu_model_status, a_domain_is_a_bypass_domain_or_not)
{
	vio_start(&m, "");
	cr_assert_eq(vio_attach_flags(&m, 1, m.ep[0], 1), S_OK);
	cr_expect_eq(vio_attach(&m, 1, m.ep[1]), S_INVAL);
	cr_expect_eq(vio_attach_flags(&m, 1, m.ep[1], 1), S_OK);
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_INVAL);
	cr_expect_eq(vio_unmap(&m, 1, IOVA, LAST(1)), S_INVAL);
	cr_expect_eq(vio_stats(&m).advice, 3);
	cr_expect_eq(vio_stats(&m).violations, 0);
	cr_expect_eq(vio_attach(&m, 2, m.ep[0]), S_OK);
	cr_expect_eq(vio_attach_flags(&m, 2, m.ep[1], 1), S_INVAL);
	vio_end(&m);
}

Test(viommu_model_status, attaching_elsewhere_leaves_the_domain_before)
{
	start_attached("");
	cr_assert_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA), 0x11);
	cr_assert_eq(vio_attach(&m, 2, m.ep[0]), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	cr_expect_eq(vio_stats(&m).domains, 1, "nobody is left in the first");
	cr_expect_eq(vio_stats(&m).maps, 0);
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_NOENT);
	cr_expect_eq(vio_detach(&m, 1, m.ep[0]), S_INVAL);
	vio_end_clean(&m);
}

Test(viommu_model_status, maps_last_until_the_last_endpoint_leaves)
{
	start_attached("");
	cr_assert_eq(vio_attach(&m, 1, m.ep[1]), S_OK);
	cr_assert_eq(vio_attach(&m, 1, m.ep[1]), S_OK, "once more: nothing changes");
	cr_assert_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_OK);
	cr_assert_eq(vio_detach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	cr_expect_eq(vio_get(&m, 1, IOVA), 0x11);
	cr_assert_eq(vio_detach(&m, 1, m.ep[1]), S_OK);
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT, "a new domain of the same number");
	vio_end_clean(&m);
}

Test(viommu_model_status, only_what_is_attached_can_be_detached)
{
	start_attached("");
	cr_expect_eq(vio_detach(&m, 1, m.ep[1]), S_INVAL);
	cr_expect_eq(vio_detach(&m, 2, m.ep[0]), S_INVAL);
	cr_expect_eq(vio_detach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_detach(&m, 1, m.ep[0]), S_INVAL);
	vio_end_clean(&m);
}

Test(viommu_model_status, reserved_bytes_of_detach_and_of_heads_are_ignored)
{
	uint8_t req[20] = {2, [4] = 1};

	start_attached("");
	req[8] = (uint8_t)m.ep[0];
	cr_expect_eq(spoilt(req, sizeof(req), 13, 5), S_OK);
	req[0] = 1;
	cr_expect_eq(spoilt(req, sizeof(req), 2, 5), S_OK);
	cr_expect_eq(vio_stats(&m).advice, 2);
	cr_expect_eq(vio_stats(&m).violations, 0);
	vio_end(&m);
}

Test(viommu_model_status, maps_are_aligned_to_the_page_granularity)
{
	start_attached("pages=0x40010000");
	cr_expect_eq(vio_map(&m, 1, IOVA, IOVA + 0xffff, (void *)0x10000, RW), S_OK);
	cr_expect_eq(vio_map(&m, 1, IOVA + 0x11000, IOVA + 0x1ffff, (void *)0x10000, RW), S_RANGE);
	cr_expect_eq(vio_map(&m, 1, IOVA + 0x10000, IOVA + 0x10fff, (void *)0x10000, RW), S_RANGE);
	cr_expect_eq(vio_map(&m, 1, IOVA + 0x10000, IOVA + 0x1ffff, (void *)0x11000, RW), S_RANGE);
	cr_expect_eq(vio_stats(&m).maps, 1);
	vio_end_clean(&m);
}

Test(viommu_model_status, maps_do_not_overlap)
{
	start_attached("");
	cr_assert_eq(vio_map(&m, 1, IOVA + PAGE, LAST(3), m.page, RW), S_OK);
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(2), m.page, RW), S_INVAL, "below");
	cr_expect_eq(vio_map(&m, 1, IOVA + 2ul * PAGE, LAST(4), m.page, RW), S_INVAL, "above");
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(4), m.page, RW), S_INVAL, "around");
	cr_expect_eq(vio_map(&m, 1, IOVA + PAGE, LAST(3), m.page, RW), S_INVAL, "same");
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_OK, "beside");
	cr_expect_eq(vio_map(&m, 1, IOVA + 3ul * PAGE, LAST(4), m.page, RW), S_OK, "beside");
	vio_end_clean(&m);
}

Test(viommu_model_status, a_map_needs_a_domain_and_known_flags)
{
	start_attached("");
	cr_expect_eq(vio_map(&m, 2, IOVA, LAST(1), m.page, RW), S_NOENT);
	cr_expect_eq(vio_unmap(&m, 2, IOVA, LAST(1)), S_NOENT);
	for (unsigned int bit = 3; bit < 32; bit++)
		cr_expect_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW | 1u << bit), S_INVAL);
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW | MMIO), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA), 0x11);
	vio_end_clean(&m);
}

Test(viommu_model_status, a_map_that_wraps_around_physical_memory_is_a_bad_address)
{
	start_attached("");
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(2), (void *)-(uintptr_t)PAGE, RW), S_FAULT);
	vio_end_clean(&m);
}

Test(viommu_model_status, rights_are_those_of_the_map)
{
	start_attached("");
	cr_assert_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, READ), S_OK);
	cr_assert_eq(vio_map(&m, 1, IOVA + PAGE, LAST(2), m.page, WRITE_), S_OK);
	cr_assert_eq(vio_map(&m, 1, IOVA + 2ul * PAGE, LAST(3), m.page, 0), S_OK);
	for (unsigned int again = 0; again < 2; again++) {
		cr_expect_eq(vio_get(&m, 0, IOVA), 0x11);
		cr_expect_eq(vio_set(&m, 0, IOVA, 0x11), -EFAULT);
		cr_expect_eq(vio_get(&m, 0, IOVA + PAGE), -EFAULT);
		cr_expect_eq(vio_set(&m, 0, IOVA + PAGE, 0x11), 0);
		cr_expect_eq(vio_get(&m, 0, IOVA + 2ul * PAGE), -EFAULT);
		cr_expect_eq(vio_set(&m, 0, IOVA + 2ul * PAGE, 0), -EFAULT);
	}
	vio_end_clean(&m);
}

/* The seven examples of 5.13.6.6, a page for an address. */
static uint8_t ex_map(unsigned int first, unsigned int last)
{
	return vio_map(&m, 1, IOVA + (uint64_t)first * PAGE, LAST(last + 1), m.page, RW);
}

static uint8_t ex_unmap(unsigned int first, unsigned int last)
{
	return vio_unmap(&m, 1, IOVA + (uint64_t)first * PAGE, LAST(last + 1));
}

Test(viommu_model_status, the_examples_of_unmap)
{
	start_attached("");
	cr_expect_eq(ex_unmap(0, 4), S_OK, "(1) nothing there");

	ex_map(0, 9);
	cr_expect_eq(ex_unmap(0, 9), S_OK, "(2)");
	cr_expect_eq(vio_stats(&m).maps, 0);

	ex_map(0, 4);
	ex_map(5, 9);
	cr_expect_eq(ex_unmap(0, 9), S_OK, "(3) both");
	cr_expect_eq(vio_stats(&m).maps, 0);

	ex_map(0, 9);
	cr_expect_eq(ex_unmap(0, 4), S_RANGE, "(4) would split");
	cr_expect_eq(ex_unmap(5, 9), S_RANGE, "(4) at the other end");
	cr_expect_eq(ex_unmap(3, 4), S_RANGE, "(4) inside");
	cr_expect_eq(vio_stats(&m).maps, 1);
	cr_expect_eq(vio_get(&m, 0, IOVA), 0x11);
	ex_unmap(0, 9);

	ex_map(0, 4);
	ex_map(5, 9);
	cr_expect_eq(ex_unmap(0, 4), S_OK, "(5) one of two");
	cr_expect_eq(vio_stats(&m).maps, 1);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	cr_expect_eq(vio_get(&m, 0, IOVA + 5ul * PAGE), 0x11);
	ex_unmap(5, 9);

	ex_map(0, 4);
	cr_expect_eq(ex_unmap(0, 9), S_OK, "(6) more than there is");
	cr_expect_eq(vio_stats(&m).maps, 0);

	ex_map(0, 4);
	ex_map(10, 14);
	cr_expect_eq(ex_unmap(0, 14), S_OK, "(7) with a hole");
	cr_expect_eq(vio_stats(&m).maps, 0);

	ex_map(0, 4);
	ex_map(5, 9);
	cr_expect_eq(ex_unmap(0, 7), S_RANGE, "one whole, one in part: nothing goes");
	cr_expect_eq(vio_stats(&m).maps, 2);
	cr_expect_eq(vio_stats(&m).violations, 0);
	cr_expect_eq(vio_stats(&m).advice, 1, "(1)");
	vio_end(&m);
}

Test(viommu_model_status, unmap_rejects_reserved_bytes_and_ranges_that_are_none)
{
	uint8_t req[28];

	start_attached("");
	ex_map(0, 0);
	vio_unmap_words(req, 1, IOVA, LAST(1));
	cr_expect_eq(spoilt(req, sizeof(req), 25, 1), S_INVAL);
	cr_expect_eq(vio_unmap(&m, 1, LAST(1), IOVA), S_INVAL);
	cr_expect_eq(vio_stats(&m).maps, 1);
	vio_end(&m);
}

Test(viommu_model_status, the_whole_address_space_is_there_without_an_input_range)
{
	uint64_t top = UINT64_MAX - PAGE + 1;

	vio_open(&m, "no-input,no-domain,bypass=0");
	vio_run(&m, F_VIO & ~(F_INPUT | F_DOMAIN));
	cr_assert_eq(vio_attach(&m, 0xffffffff, m.ep[0]), S_OK);
	cr_assert_eq(vio_map(&m, 0xffffffff, top, UINT64_MAX, m.page, RW), S_OK);
	cr_assert_eq(vio_map(&m, 0xffffffff, 0, PAGE - 1, m.page, RW), S_OK);
	cr_expect_eq(vio_get(&m, 0, UINT64_MAX), 0x11);
	cr_expect_eq(vio_get(&m, 0, 0), 0x11);
	cr_assert_eq(vio_unmap(&m, 0xffffffff, 0, UINT64_MAX), S_OK);
	cr_expect_eq(vio_stats(&m).maps, 0);
	vio_end_clean(&m);
}

Test(viommu_model_status, granules_smaller_than_a_page_are_kept_apart)
{
	uint8_t out[64] = {0};

	start_attached("pages=1");
	memset(m.page + 100, 0x22, 10);
	memset(m.page + 300, 0x33, 7);
	cr_assert_eq(vio_map(&m, 1, IOVA + 3, IOVA + 12, m.page + 100, READ), S_OK);
	cr_assert_eq(vio_map(&m, 1, IOVA + 13, IOVA + 19, m.page + 300, RW), S_OK);
	cr_assert_eq(uvdk_emu_dma_read(m.dev[0], IOVA + 3, out, 17), 0);
	cr_expect_eq(out[0], 0x22);
	cr_expect_eq(out[9], 0x22);
	cr_expect_eq(out[10], 0x33);
	cr_expect_eq(out[16], 0x33);
	cr_expect_eq(uvdk_emu_dma_read(m.dev[0], IOVA + 2, out, 1), -EFAULT);
	cr_expect_eq(uvdk_emu_dma_read(m.dev[0], IOVA + 3, out, 18), -EFAULT);
	cr_expect_eq(vio_set(&m, 0, IOVA + 12, 1), -EFAULT);
	cr_expect_eq(vio_set(&m, 0, IOVA + 13, 0x34), 0);
	cr_expect_eq(m.page[300], 0x34);
	vio_end_clean(&m);
}

Test(viommu_model_status, atomics_work_across_granules)
{
	uint16_t value = 0;

	start_attached("pages=1");
	cr_assert_eq(vio_map(&m, 1, IOVA, IOVA + 8, m.page + 101, RW), S_OK);
	cr_assert_eq(vio_map(&m, 1, IOVA + 9, IOVA + 19, m.page + 300, RW), S_OK);
	cr_expect_eq(uvdk_emu_dma_store16(m.dev[0], IOVA + 8, 0xabcd), 0);
	cr_expect_eq(m.page[109], 0xcd);
	cr_expect_eq(m.page[300], 0xab);
	cr_expect_eq(uvdk_emu_dma_load16(m.dev[0], IOVA + 8, &value), 0);
	cr_expect_eq(value, 0xabcd);
	cr_expect_eq(uvdk_emu_dma_store16(m.dev[0], IOVA + 2, 0x1234), 0, "to an odd address");
	cr_expect_eq(uvdk_emu_dma_load16(m.dev[0], IOVA + 2, &value), 0);
	cr_expect_eq(value, 0x1234);
	vio_end_clean(&m);
}

static uint8_t probe(uint32_t ep, uint32_t out, uint8_t **reply)
{
	uint8_t req[72] = {5};

	memcpy(req + 4, &ep, 4);

	return vio_send(&m, req, sizeof(req), out, reply);
}

static void expect_resv(const uint8_t *p, uint64_t first, uint64_t last, uint8_t subtype)
{
	const uint8_t head[8] = {1, 0, 20, 0, subtype};
	uint64_t range[2];

	cr_expect_arr_eq(p, head, 8);
	memcpy(range, p + 8, 16);
	cr_expect_eq(range[0], first);
	cr_expect_eq(range[1], last);
}

Test(viommu_model_status, probe_tells_what_is_reserved)
{
	uint8_t *reply;

	vio_start(&m, "probe=64,resv=0xfee00000:0xfeefffff:msi+0x0:0xffff");
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x20, 4), 64);
	cr_assert_eq(probe(m.ep[1], 68, &reply), S_OK);
	expect_resv(reply, 0xfee00000, 0xfeefffff, 1);
	expect_resv(reply + 24, 0, 0xffff, 0);
	for (unsigned int i = 48; i < 68; i++)
		cr_expect_eq(reply[i], 0, "byte %u", i);
	vio_end_clean(&m);
}

Test(viommu_model_status, probe_says_nothing_if_the_list_does_not_fit)
{
	uint8_t *reply;

	vio_start(&m, "probe=30,resv=0xfee00000:0xfeefffff:msi+0x0:0xffff");
	cr_expect_eq(probe(m.ep[0], 34, &reply), S_INVAL);
	for (unsigned int i = 0; i < 30; i++)
		cr_expect_eq(reply[i], 0);
	cr_expect_eq(probe(m.ep[0], 20, &reply), S_INVAL, "smaller than probe_size");
	vio_end_clean(&m);
}

Test(viommu_model_status, reserved_regions_are_not_mapped_and_reach_nothing)
{
	start_attached("resv=0x100000:0x101fff");
	cr_expect_eq(vio_map(&m, 1, IOVA + PAGE, LAST(4), m.page, RW), S_INVAL);
	cr_expect_eq(vio_map(&m, 1, IOVA - PAGE, LAST(1), m.page, RW), S_INVAL);
	cr_expect_eq(vio_map(&m, 1, IOVA + 2ul * PAGE, LAST(3), m.page, RW), S_OK);
	cr_expect_eq(vio_stats(&m).advice, 2);
	vio_set_bypass(&m, 1);
	cr_expect_eq(vio_get(&m, 1, IOVA), -EFAULT, "not even in bypass");
	cr_expect_eq(vio_stats(&m).violations, 0);
	vio_end(&m);
}

static uint8_t *far_page;

/* Physical memory of the test's own: two pages that are neighbours nowhere else. */
static void *memory(void *arg, uint64_t pa)
{
	(void)arg;
	if (pa == 0x10000)
		return m.page;
	if (pa == 0x11000)
		return far_page;

	return pa < 0x20000 ? NULL : (void *)(uintptr_t)pa;
}

Test(viommu_model_status, physical_addresses_are_those_of_the_machine)
{
	uint8_t out[8] = {0};

	start_attached("pages=1");
	far_page = m.page + 4ul * PAGE;
	uvdk_emu_iommu_memory(m.t.emu, memory, NULL);
	memset(m.page + PAGE - 4, 0x66, 4);
	memset(far_page, 0x77, 4);
	cr_assert_eq(vio_map(&m, 1, IOVA, IOVA + 15, (void *)(0x10000ul + PAGE - 4), RW), S_OK);
	cr_assert_eq(uvdk_emu_dma_read(m.dev[0], IOVA, out, 8), 0);
	cr_expect_eq(out[0], 0x66);
	cr_expect_eq(out[3], 0x66);
	cr_expect_eq(out[4], 0x77);
	cr_assert_eq(vio_map(&m, 1, IOVA + PAGE, LAST(2), (void *)0x13000, RW), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA + PAGE), -EFAULT, "no memory there");
	uvdk_emu_iommu_memory(m.t.emu, NULL, NULL);
	vio_end_clean(&m);
}
