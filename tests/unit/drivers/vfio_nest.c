// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_viommu.h>

#include "vfio_sim_nest.h"

/* What goes to the kernel for nested tables, and what comes of its answers. */

#define PAGE	     4096ul
#define IOVA	     0x100000u
#define SIM_SMMUV3   1u
#define SIM_TEGRA241 2u

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static struct uvdk_ioas *ioas;
static struct uvdk_viommu *viommu;

static void setup(void)
{
	char *memory =
		mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uvdk_iova_t iova = IOVA;

	sim_nest_create();
	cr_assert_eq(uvdk_iommu_open("iommufd", sim_iommu_opts(), &iommu), 0);
	cr_assert_eq(uvdk_device_open(iommu, SIM_A, sim_device_opts(), &dev), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, memory, 16 * PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		     0);
}

static void teardown(void)
{
	uvdk_viommu_destroy(viommu);
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	cr_expect_eq(sim.objects, 0);
	sim_destroy();
}

TestSuite(vfio_nest, .init = setup);

#define REFUSED(call, err, text)                                                     \
	do {                                                                         \
		cr_expect_eq(call, err, "%s", uvdk_last_error());                    \
		cr_expect(strstr(uvdk_last_error(), text), "%s is not in: %s", text, \
			  uvdk_last_error());                                        \
	} while (0)

static void make_viommu(enum uvdk_nest_type type)
{
	const struct uvdk_viommu_opts opts = {.size = sizeof(opts), .type = type};

	cr_assert_eq(uvdk_viommu_create(ioas, dev, &opts, &viommu), 0, "%s", uvdk_last_error());
}

static struct uvdk_nested first_stage(void)
{
	struct uvdk_nested nested = {.size = sizeof(nested)};

	nested.smmuv3.ste[0] = 1 | 5 << 1 | IOVA;
	nested.smmuv3.ste[1] = 0xd4;
	nested.vtd = (struct uvdk_nested_vtd){.flags = 1, .pgtbl = IOVA, .addr_width = 57};
	return nested;
}

Test(vfio_nest, the_kind_follows_from_the_hardware)
{
	const struct uvdk_nested nested = first_stage();
	struct uvdk_hwpt *hwpt;

	make_viommu(UVDK_NEST_AUTO);
	cr_expect_eq(uvdk_viommu_get_info(viommu)->type, UVDK_NEST_SMMUV3);
	cr_expect_eq(uvdk_viommu_get_info(viommu)->asid_bits, 16);
	cr_expect_eq(uvdk_viommu_get_info(viommu)->ssid_bits, 4);
	cr_expect_not(uvdk_viommu_get_info(viommu)->ats);
	cr_expect_eq(sim_nest.latest_type, SIM_SMMUV3);
	cr_assert_eq(uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt), 0);
	cr_expect_eq(sim_nest.data_type, 2);
	cr_expect_eq(sim_nest.data_len, 16);
	cr_expect_eq(memcmp(sim_nest.data, nested.smmuv3.ste, 16), 0);
	uvdk_hwpt_destroy(hwpt);
	teardown();
}

/* Five levels, scalable mode, nesting. */
static void make_vtd(uint32_t errata)
{
	const uint64_t ecap = UINT64_C(1) << 26 | UINT64_C(1) << 43 | UINT64_C(1) << 47;
	const uint64_t cap = UINT64_C(1) << 60;

	memset(sim.hw_data, 0, sizeof(sim.hw_data));
	sim.hw_type = 1;
	sim.hw_data[0] = errata;
	memcpy(sim.hw_data + 2, &cap, sizeof(cap));
	memcpy(sim.hw_data + 4, &ecap, sizeof(ecap));
	make_viommu(UVDK_NEST_AUTO);
}

Test(vfio_nest, what_is_read_only_is_not_asked_of_a_vtd_with_the_erratum)
{
	char *memory = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uvdk_iova_t iova;

	make_vtd(1);
	REFUSED(uvdk_ioas_map(ioas, memory, PAGE, UVDK_MAP_READ, &iova), -EOPNOTSUPP, "772415");
	uvdk_viommu_destroy(viommu);
	cr_assert_eq(uvdk_ioas_map(ioas, memory, PAGE, UVDK_MAP_READ, &iova), 0, "%s",
		     uvdk_last_error());
	REFUSED(uvdk_viommu_create(ioas, dev, NULL, &viommu), -EOPNOTSUPP, "for reading only");
	cr_assert_eq(uvdk_ioas_unmap(ioas, iova, PAGE), 0);
	make_vtd(1);
	teardown();
}

Test(vfio_nest, vtd_nests_on_the_parent_itself)
{
	const struct uvdk_nested nested = first_stage();
	const struct uvdk_inval_vtd all = {0, UINT64_MAX, 0, 0};
	unsigned int objects = sim.objects;
	struct uvdk_vdevice *vdev;
	struct uvdk_hwpt *hwpt;
	uint64_t flags = 1;

	make_vtd(0);
	cr_expect_eq(sim.objects, objects + 1, "the kernel has no vIOMMU of it");
	REFUSED(uvdk_vdevice_create(viommu, dev, 1, &vdev), -EOPNOTSUPP, "VT-d has none");
	cr_assert_eq(uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt), 0);
	cr_expect_eq(sim_nest.data_type, 1);
	cr_expect_eq(sim_nest.data_len, 24);
	cr_expect_eq(memcmp(sim_nest.data, &flags, 8), 0);
	cr_expect_eq(sim_nest.data[16], 57);
	cr_assert_eq(uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID), 0, "no ID is needed");
	cr_assert_eq(uvdk_hwpt_invalidate(hwpt, &all, sizeof(all), 1, NULL), 0);
	cr_expect_eq(sim_nest.inval_type, 0);
	cr_expect_eq(sim_nest.inval_target, sim.last_table);
	uvdk_hwpt_destroy(hwpt);
	teardown();
}

Test(vfio_nest, another_io_mmu_gets_another_parent)
{
	struct uvdk_viommu *second;

	make_viommu(UVDK_NEST_AUTO);
	sim_nest.wrong_parents = 1;
	cr_assert_eq(uvdk_viommu_create(ioas, dev, NULL, &second), 0, "%s", uvdk_last_error());
	cr_expect_neq(uvdk_viommu_get_info(viommu)->parent, uvdk_viommu_get_info(second)->parent);
	uvdk_viommu_destroy(second);
	sim_nest.wrong_parents = 2;
	REFUSED(uvdk_viommu_create(ioas, dev, NULL, &second), -EINVAL, "just made for it");
	teardown();
}

Test(vfio_nest, an_old_kernel_is_named)
{
	struct uvdk_viommu *none = NULL;

	sim_nest.no_viommu = ENOTTY;
	REFUSED(uvdk_viommu_create(ioas, dev, NULL, &none), -EOPNOTSUPP, "6.13");
	sim_nest.no_viommu = EOPNOTSUPP;
	REFUSED(uvdk_viommu_create(ioas, dev, NULL, &none), -EOPNOTSUPP, "CANWBS");
	cr_expect_eq(none, NULL);
	teardown();
}

/* SMMUv3's driver counts commands that it has looked at, not those it has issued. */
Test(vfio_nest, a_count_of_smmuv3_is_not_believed_after_a_failure)
{
	const struct uvdk_inval_smmuv3 commands[8] = {{{0x10, 0}}, {{0x10, 0}}, {{0x10, 0}},
						      {{0x10, 0}}, {{0x10, 0}}, {{0x10, 0}},
						      {{0x10, 0}}, {{0x10, 0}}};
	struct uvdk_inval_result result;

	make_viommu(UVDK_NEST_AUTO);
	sim_nest.accepts = 5;
	REFUSED(uvdk_viommu_invalidate(viommu, commands, sizeof(commands[0]), 8, &result), -EIO,
		"invalidation 5 of 8");
	cr_expect_eq(result.done, 0);
	cr_expect_eq(result.failed, 5);
	sim_nest.accepts = 8;
	cr_expect_eq(uvdk_viommu_invalidate(viommu, commands, sizeof(commands[0]), 8, &result), 0);
	cr_expect_eq(result.done, 8);
	cr_expect_eq(sim_nest.batches, 2, "one call for a batch");
	cr_expect_eq(sim_nest.inval_type, 1);
	teardown();
}

Test(vfio_nest, an_erratum_makes_commands_go_twice)
{
	const struct uvdk_inval_smmuv3 command = {{0x10, 0}};

	sim.hw_data[0] = 1;
	make_viommu(UVDK_NEST_AUTO);
	cr_expect_eq(uvdk_viommu_invalidate(viommu, &command, sizeof(command), 1, NULL), 0);
	cr_expect_eq(sim_nest.batches, 2);
	teardown();
}

static void write_event(uint32_t flags, uint32_t sequence)
{
	const uint32_t header[2] = {flags, sequence};
	const uint64_t event[4] = {0x10 | UINT64_C(9) << 32, sequence, 2, 3};

	cr_assert_eq(write(sim_nest.events, header, sizeof(header)), sizeof(header));
	if (!(flags & 1))
		cr_assert_eq(write(sim_nest.events, event, sizeof(event)), sizeof(event));
}

Test(vfio_nest, events_are_taken_apart)
{
	struct uvdk_veventq *queue;
	struct uvdk_vevent got[8];

	make_viommu(UVDK_NEST_AUTO);
	cr_assert_eq(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SMMUV3, 8, &queue), 0);
	cr_expect_eq(uvdk_veventq_read(queue, got, 8), 0);
	write_event(0, 0);
	write_event(0, 2);
	write_event(1, 4);
	cr_assert_eq(uvdk_veventq_read(queue, got, 8), 4);
	cr_expect_eq(got[0].data[0], 0x10 | UINT64_C(9) << 32);
	cr_expect_eq(got[0].data[3], 3);
	cr_expect_eq(got[1].lost, 1);
	cr_expect_eq(got[2].data[1], 2);
	cr_expect_eq(got[3].lost, 2);
	write_event(2, 5); /* of a later kernel */
	REFUSED(uvdk_veventq_read(queue, got, 8), -EIO, "flags");
	write_event(1, 6);
	cr_assert_eq(write(sim_nest.events, got, 4), 4);
	REFUSED(uvdk_veventq_read(queue, got, 8), -EIO, "within a header");
	uvdk_veventq_destroy(queue);
	close(sim_nest.events);
	teardown();
}

/* Each in turn; what has been made goes again, and the first error is returned. */
static int make_all(void)
{
	const struct uvdk_viommu_opts opts = {.size = sizeof(opts), .type = UVDK_NEST_TEGRA241};
	const struct uvdk_inval_smmuv3 command = {{0x10, 0}};
	const struct uvdk_nested nested = first_stage();
	struct uvdk_vdevice *vdev = NULL;
	struct uvdk_hwpt *hwpt = NULL;
	struct uvdk_hw_queue *queue = NULL;
	struct uvdk_veventq *events = NULL;
	int err = uvdk_viommu_create(ioas, dev, &opts, &viommu);

	err = err ? err : uvdk_vdevice_create(viommu, dev, 1, &vdev);
	err = err ? err : uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt);
	err = err ? err : uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID);
	err = err ? err : uvdk_hw_queue_create(viommu, IOVA, PAGE, &queue);
	err = err ? err : uvdk_veventq_create(viommu, UVDK_VEVENTQ_TEGRA241, 8, &events);
	err = err ? err : uvdk_viommu_invalidate(viommu, &command, sizeof(command), 1, NULL);
	if (events)
		close(sim_nest.events);
	uvdk_veventq_destroy(events);
	uvdk_hw_queue_destroy(queue);
	uvdk_hwpt_destroy(hwpt);
	uvdk_vdevice_destroy(vdev);
	uvdk_viommu_destroy(viommu);
	viommu = NULL;
	return err;
}

/* One that ends something can't be refused: what it says is wrong, and no error to the caller. */
Test(vfio_nest, whatever_the_kernel_refuses_leaves_nothing)
{
	unsigned int objects = sim.objects, fds = sim_count_fds(), failed = 0, at;

	sim.calls = UINT_MAX;
	for (at = 1; sim.calls >= at - 1; at++) {
		sim.calls = 0;
		sim.fail_at = at;
		if (make_all()) {
			failed++;
			cr_expect_eq(sim.objects, objects, "call %u: %u", at, sim.objects);
			cr_expect_eq(sim.attached, 0, "call %u", at);
		}
		sim.objects = objects;
		sim.attached = 0;
		cr_expect_eq(sim_count_fds(), fds, "call %u", at);
	}
	cr_expect_geq(failed, 8, "a parent, a vIOMMU and what is made on it: %u", failed);
	sim.fail_at = 0;
	teardown();
}
