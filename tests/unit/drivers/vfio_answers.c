// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_hwpt.h>

#include "vfio_sim.h"

/* Answers that a kernel gives rarely, or only an older one. */

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static char *memory;

static void open_under(const char *name)
{
	cr_assert_eq(uvdk_iommu_open(name, sim_iommu_opts(), &iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_open(iommu, SIM_A, sim_device_opts(), &dev), 0, "%s",
		     uvdk_last_error());
}

static void close_all(void)
{
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
}

static void setup(void)
{
	sim_create();
	memory = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(memory, MAP_FAILED);
}

TestSuite(vfio_answers, .init = setup, .fini = sim_destroy);

/* ---- BARs ---- */

static unsigned int mapped_pages(void)
{
	struct uvdk_region bar;
	unsigned int pages = 0;

	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	for (unsigned int i = 0; i < SIM_BAR / 4096; i++)
		if (uvdk_region_ptr(&bar, i * 4096u, 4096))
			pages |= 1u << i;
	return pages;
}

Test(vfio_answers, the_msix_table_is_left_out_where_the_kernel_wants_it)
{
	open_under("iommufd");
	cr_expect_eq(mapped_pages(), 0xb, "all pages but that of the table");
	close_all();
}

Test(vfio_answers, the_msix_table_may_be_mapped)
{
	sim.msix_mappable = true;
	open_under("type1");
	cr_expect_eq(mapped_pages(), 0xf);
	close_all();
}

Test(vfio_answers, sparse_areas_are_kept_to)
{
	struct uvdk_region bar;
	uint64_t value = 1;

	sim.sparse = true;
	open_under("iommufd");
	cr_expect_eq(mapped_pages(), 0xa);
	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	cr_expect_eq(uvdk_region_write(&bar, 0x10, 4, 0xabcd), 0, "holes work by calls");
	cr_expect_eq(uvdk_region_read(&bar, 0x10, 4, &value), 0);
	cr_expect_eq(value, 0xabcd);
	close_all();
}

Test(vfio_answers, a_capability_chain_that_leads_nowhere_is_no_harm)
{
	struct uvdk_ioas *ioas;
	uvdk_iova_t iova;

	sim.bad_chain = true;
	open_under("type1");
	cr_expect_eq(mapped_pages(), 0xb);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_expect_eq(uvdk_ioas_map(ioas, memory, 4096, UVDK_MAP_RW, &iova), 0);
	uvdk_ioas_destroy(ioas);
	close_all();
}

/* ---- interrupts ---- */

static int fds[SIM_VECTORS];

static void make_fds(void)
{
	for (int i = 0; i < SIM_VECTORS; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
}

Test(vfio_answers, vectors_grow_where_the_kernel_cannot)
{
	make_fds();
	sim.noresize = true;
	open_under("iommufd");
	cr_assert_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 0, 2, fds), 0);
	cr_assert_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 4, 2, fds + 4), 0);
	cr_expect_eq(sim.turned_on, 2);
	cr_expect_eq(sim.enabled, 6);
	cr_expect_eq(sim.fds[0], fds[0]);
	cr_expect_eq(sim.fds[1], fds[1], "the first ones live on");
	cr_expect_eq(sim.fds[2], -1);
	cr_expect_eq(sim.fds[5], fds[5]);
	cr_assert_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 2, 1, fds + 2), 0);
	cr_expect_eq(sim.turned_on, 2, "there is room for this one");
	close_all();
}

Test(vfio_answers, vectors_grow_in_place_where_the_kernel_can)
{
	make_fds();
	open_under("iommufd");
	cr_assert_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 0, 2, fds), 0);
	cr_assert_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 6, 2, fds + 6), 0);
	cr_expect_eq(sim.turned_on, 1, "no interrupt is lost");
	cr_expect_eq(sim.fds[7], fds[7]);
	close_all();
}

Test(vfio_answers, too_few_vectors_leave_what_was_there)
{
	make_fds();
	sim.noresize = true;
	sim.host_vectors = 3;
	open_under("type1");
	cr_assert_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 0, 2, fds), 0);
	cr_expect_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 2, 2, fds + 2), -ENOSPC);
	cr_expect_not_null(strstr(uvdk_last_error(), "3"), "%s", uvdk_last_error());
	cr_expect_eq(sim.enabled, 2);
	cr_expect_eq(sim.fds[0], fds[0]);
	cr_expect_eq(uvdk_device_irq_trigger(dev, UVDK_IRQ_MSIX, 1), 0);
	cr_expect_eq(uvdk_device_irq_trigger(dev, UVDK_IRQ_MSIX, 2), -EINVAL);
	close_all();
}

/* ---- resets ---- */

Test(vfio_answers, a_hot_reset_by_group_shows_the_groups)
{
	open_under("type1");
	cr_expect_eq(uvdk_device_hot_reset_list(dev, NULL, 0), 1);
	cr_expect_eq(uvdk_device_hot_reset(dev), 0);
	cr_expect_eq(sim.reset_fds, 1);
	close_all();
}

Test(vfio_answers, a_hot_reset_by_character_device_shows_none)
{
	open_under("iommufd");
	cr_expect_eq(uvdk_device_hot_reset(dev), 0);
	cr_expect_eq(sim.hot_resets, 1);
	cr_expect_eq(sim.reset_fds, 0);
	close_all();
}

Test(vfio_answers, a_hot_reset_of_anothers_function_is_refused_by_name)
{
	struct uvdk_pci_addr addrs[4];

	sim.reset_other_group = true;
	open_under("type1");
	cr_expect_eq(uvdk_device_hot_reset_list(dev, addrs, 4), 2);
	cr_expect_eq(addrs[1].device, 5);
	cr_expect_eq(uvdk_device_hot_reset(dev), -EPERM);
	cr_expect_not_null(strstr(uvdk_last_error(), "0000:00:05.1"), "%s", uvdk_last_error());
	cr_expect_eq(sim.hot_resets, 0);
	close_all();
}

/* ---- maps ---- */

Test(vfio_answers, a_map_that_one_of_two_groups_refuses_is_in_neither)
{
	struct uvdk_device *second;
	struct uvdk_ioas *ioas;
	uvdk_iova_t iova = 77;

	open_under("type1");
	cr_assert_eq(uvdk_device_open(iommu, SIM_B, sim_device_opts(), &second), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, second), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, memory, 4096, UVDK_MAP_RW, &iova), 0);
	cr_expect_eq(sim.maps, 2, "one in each container");
	cr_assert_eq(uvdk_ioas_unmap(ioas, iova, 4096), 0);
	cr_expect_eq(sim.maps, 0);

	sim.fail_map = sim.map_calls + 2;
	sim.fail_errno = ENOSPC;
	iova = 77;
	cr_expect_eq(uvdk_ioas_map(ioas, memory, 4096, UVDK_MAP_RW, &iova), -EDQUOT);
	cr_expect_eq(iova, 77);
	cr_expect_eq(sim.maps, 0);
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(second);
	close_all();
}

Test(vfio_answers, a_map_that_one_of_two_groups_keeps_is_in_both)
{
	struct uvdk_device *second;
	struct uvdk_ioas *ioas;
	uvdk_iova_t iova;

	open_under("type1");
	cr_assert_eq(uvdk_device_open(iommu, SIM_B, sim_device_opts(), &second), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, second), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, memory, 4096, UVDK_MAP_RW, &iova), 0);
	sim.fail_unmap = 2;
	sim.fail_errno = EIO;
	cr_expect_eq(uvdk_ioas_unmap(ioas, iova, 4096), -EIO);
	cr_expect_eq(sim.maps, 2, "the record says that it is mapped");
	cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(ioas), memory), iova);
	cr_expect_eq(uvdk_ioas_unmap(ioas, iova, 4096), 0);
	cr_expect_eq(sim.maps, 0);
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(second);
	close_all();
}

Test(vfio_answers, an_attach_that_is_refused_maps_nothing)
{
	struct uvdk_ioas *ioas;
	uvdk_iova_t iova;

	open_under("type1");
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(uvdk_ioas_map(ioas, memory + 8192 * i, 4096, UVDK_MAP_RW, &iova), 0);
	cr_expect_eq(sim.map_calls, 0, "there is no container to map in yet");
	sim.fail_map = 3;
	sim.fail_errno = ENOMEM;
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), -ENOMEM);
	cr_expect_eq(sim.maps, 0);
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), 0, "and can be tried again");
	cr_expect_eq(sim.maps, 4);
	uvdk_ioas_detach(ioas, dev);
	cr_expect_eq(sim.maps, 0);
	uvdk_ioas_destroy(ioas);
	close_all();
}

Test(vfio_answers, an_unmap_that_did_nothing_is_no_success)
{
	struct uvdk_ioas *ioas;
	uvdk_iova_t iova;

	open_under("type1");
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, memory, 4096, UVDK_MAP_RW, &iova), 0);
	sim.unmap_lies = true;
	cr_expect_eq(uvdk_ioas_unmap(ioas, iova, 4096), -EIO);
	sim.unmap_lies = false;
	uvdk_ioas_destroy(ioas);
	close_all();
}

/* ---- what the I/O MMU can do, from its registers ---- */

static struct uvdk_iommu_info info_of(unsigned int type, unsigned int words, const uint32_t *data)
{
	struct uvdk_iommu_info info = {0};

	sim.hw_type = type;
	memcpy(sim.hw_data, data, words * sizeof(*data));
	open_under("iommufd");
	cr_assert_eq(uvdk_iommu_get_info(dev, &info), 0);
	close_all();
	return info;
}

Test(vfio_answers, vtd_registers)
{
	/* CAP: 52 bits, 2 MiB and 1 GiB, 5 levels; ECAP: SMTS, FSTS, NEST, PRS, SC, C */
	const uint64_t cap = UINT64_C(51) << 16 | UINT64_C(3) << 34 | UINT64_C(1) << 60;
	const uint64_t ecap = UINT64_C(1) << 43 | UINT64_C(1) << 47 | 1u << 26 | 1u << 29 | 0x81;
	const uint32_t data[6] = {1, 0, (uint32_t)cap, cap >> 32, (uint32_t)ecap, ecap >> 32};
	struct uvdk_iommu_info info;

	sim.pasid_bits = 20;
	sim.hw_caps = 1 | 4;
	info = info_of(1, 6, data);
	cr_expect_eq(info.pasid_bits, 20);
	cr_expect_eq(info.iova_bits, 52);
	cr_expect_eq(info.va_bits, 57);
	cr_expect_eq(info.page_sizes, 0x40201000);
	cr_expect_eq(info.errata, UVDK_IOMMU_NO_READONLY_PARENT);
	cr_expect_eq(info.features, UVDK_IOMMU_COHERENT_WALK | UVDK_IOMMU_SNOOP_CONTROL |
					    UVDK_IOMMU_PAGE_REQUESTS | UVDK_IOMMU_NEST_VTD |
					    UVDK_IOMMU_DIRTY_TRACKING | UVDK_IOMMU_PASID_PRIV);
}

Test(vfio_answers, vtd_without_scalable_mode)
{
	const uint32_t data[6] = {0, 0, 38u << 16, 0, 0, 0};
	struct uvdk_iommu_info info = info_of(1, 6, data);

	cr_expect_eq(info.iova_bits, 39);
	cr_expect_eq(info.va_bits, 0);
	cr_expect_eq(info.pasid_bits, 0);
	cr_expect_eq(info.features, 0);
}

Test(vfio_answers, smmuv3_registers)
{
	/* IDR0: S1P, S2P, COHACC, PRI; IDR5: 44 bits, 4 KiB and 64 KiB granules, VAX 52 */
	const uint32_t data[10] = {0, 0, 1u << 16 | 0x13, 0, 0, 0, 0, 1u << 10 | 0x50 | 4};
	struct uvdk_iommu_info info = info_of(2, 10, data);

	cr_expect_eq(info.iova_bits, 44);
	cr_expect_eq(info.va_bits, 52);
	cr_expect_eq(info.page_sizes, 0x40201000 | 0x20010000);
	cr_expect_eq(info.features,
		     UVDK_IOMMU_COHERENT_WALK | UVDK_IOMMU_PAGE_REQUESTS | UVDK_IOMMU_NEST_SMMUV3);
}

Test(vfio_answers, smmuv3_without_a_second_stage)
{
	/* as above, without S2P */
	const uint32_t data[10] = {0, 0, 1u << 16 | 0x12, 0, 0, 0, 0, 1u << 10 | 0x50 | 4};
	struct uvdk_iommu_info info = info_of(2, 10, data);

	cr_expect_eq(info.iova_bits, 0);
	cr_expect_eq(info.va_bits, 52);
	cr_expect_eq(info.features, UVDK_IOMMU_COHERENT_WALK | UVDK_IOMMU_PAGE_REQUESTS);
}

Test(vfio_answers, amd_registers)
{
	/* EFR: PPRSUP, GTSUP, HATS 5 levels, GATS 4 levels */
	const uint32_t data[4] = {0x2 | 0x10 | 1u << 10};
	struct uvdk_iommu_info info = info_of(4, 4, data);

	cr_expect_eq(info.iova_bits, 57);
	cr_expect_eq(info.va_bits, 48);
	cr_expect_eq(info.features, UVDK_IOMMU_COHERENT_WALK | UVDK_IOMMU_SNOOP_CONTROL |
					    UVDK_IOMMU_PAGE_REQUESTS);
}

Test(vfio_answers, an_unknown_iommu_says_what_is_common)
{
	const uint32_t data[10] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
	struct uvdk_iommu_info info;

	sim.pasid_bits = 64;
	info = info_of(77, 10, data);
	cr_expect_eq(info.pasid_bits, 20, "PCIe has no more");
	cr_expect_eq(info.iova_bits, 0);
	cr_expect_eq(info.features, 0);
}

/* ---- PASIDs ---- */

Test(vfio_answers, the_kernel_sees_rid_and_pasids_on_tables_made_for_them)
{
	struct uvdk_ioas *ioas, *other;

	sim.pasid_bits = 16;
	open_under("iommufd");
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &other), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_expect_eq(sim.last_table, 44, "an ioas will do for a RID alone");
	cr_assert_eq(uvdk_ioas_attach_pasid(other, dev, 0xffff), 0, "%s", uvdk_last_error());
	cr_expect_eq(sim.pasids[0], 0xffff);
	cr_expect_eq(sim.objects, 4, "two address spaces, a table each");
	cr_assert_eq(uvdk_ioas_replace_pasid(ioas, dev, 0xffff), 0);
	cr_expect_eq(sim.objects, 3, "the table of the other is gone");
	uvdk_device_close(dev);
	cr_expect_eq(sim.pasids[0], 0);
	cr_expect_eq(sim.attached, 0);
	cr_expect_eq(sim.objects, 2);
	uvdk_ioas_destroy(ioas);
	uvdk_ioas_destroy(other);
	uvdk_iommu_close(iommu);
}

Test(vfio_answers, a_device_without_the_capability_gets_no_pasid)
{
	struct uvdk_ioas *ioas;

	open_under("iommufd");
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_expect_eq(uvdk_ioas_attach_pasid(ioas, dev, 5), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "PASID capability"), "%s", uvdk_last_error());
	cr_expect_eq(sim.objects, 1);
	uvdk_ioas_destroy(ioas);
	close_all();
	open_under("type1");
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_expect_eq(uvdk_ioas_attach_pasid(ioas, dev, 5), -EOPNOTSUPP);
	uvdk_ioas_destroy(ioas);
	close_all();
}
