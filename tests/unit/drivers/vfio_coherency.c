// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

#include <uvdk_coherency.h>

#include "vfio_sim.h"

#define ECAP_SC (1u << 7)
#define IOAS	44 /* what the simulated kernel calls an address space */

static struct uvdk_iommu *iommu;
static struct uvdk_device *a, *b;
static struct uvdk_ioas *ioas;

static void begin(const char *name, enum uvdk_coherency_policy policy)
{
	const struct uvdk_ioas_opts opts = {.size = sizeof(opts), .coherency = policy};

	sim_create();
	cr_assert_eq(uvdk_iommu_open(name, sim_iommu_opts(), &iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_open(iommu, SIM_A, sim_device_opts(), &a), 0);
	cr_assert_eq(uvdk_device_open(iommu, SIM_B, sim_device_opts(), &b), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &ioas), 0);
}

static void end(void)
{
	uvdk_device_close(a);
	uvdk_device_close(b);
	cr_expect_eq(sim.objects <= 1, true, "tables are left: %u", sim.objects);
	uvdk_ioas_destroy(ioas);
	cr_expect_eq(sim.objects, 0);
	uvdk_iommu_close(iommu);
	sim_destroy();
}

/* VT-d with or without snoop control, which the library asks for once. */
static void attach(struct uvdk_device *dev, bool snoop_control)
{
	sim.hw_type = 1;
	sim.hw_data[4] = snoop_control ? ECAP_SC : 0;
	sim.no_cc = !snoop_control;
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0, "%s", uvdk_last_error());
}

static int enforced(struct uvdk_device *dev)
{
	struct uvdk_coherency got = {0};
	int err = uvdk_ioas_device_coherency(ioas, dev, &got);

	return err ? err : got.enforced;
}

Test(vfio_coherency, of_one_kind_the_kernel_picks_the_table)
{
	begin("iommufd", UVDK_COHERENCY_SHARE);
	attach(a, true);
	attach(b, true);
	cr_expect_eq(sim.last_table, IOAS);
	cr_expect_eq(sim.objects, 1);
	cr_expect_eq(enforced(a), 1);
	cr_expect_not(uvdk_ioas_needs_wbinvd(ioas));
	end();
}

Test(vfio_coherency, of_two_kinds_the_library_does)
{
	begin("iommufd", UVDK_COHERENCY_SHARE);
	attach(a, true);
	attach(b, false);
	cr_expect_neq(sim.last_table, IOAS, "the first was moved");
	cr_expect_eq(sim.objects, 2);
	cr_expect_eq(enforced(a), 0);
	cr_expect(uvdk_ioas_needs_wbinvd(ioas));
	uvdk_ioas_detach(ioas, b);
	cr_expect_eq(sim.last_table, IOAS, "and back");
	cr_expect_eq(sim.objects, 1);
	cr_expect_eq(enforced(a), 1);
	end();
}

Test(vfio_coherency, separate_tables_are_the_librarys)
{
	begin("iommufd", UVDK_COHERENCY_SEPARATE);
	attach(b, false);
	cr_expect_neq(sim.last_table, IOAS);
	attach(a, true);
	cr_expect_neq(sim.last_table, IOAS);
	cr_expect_eq(sim.objects, 3);
	cr_expect_eq(enforced(a), 1);
	cr_expect_eq(enforced(b), 0);
	cr_expect_eq(enforced(a), 1);
	end();
}

/* Two that differ come and go while each call to the kernel fails in turn. */
Test(vfio_coherency, a_failure_anywhere_leaves_nothing_behind)
{
	unsigned int failed = 1, n;

	for (n = 1; failed; n++) {
		begin("iommufd", UVDK_COHERENCY_SHARE);
		sim.hw_type = 1;
		sim.hw_data[4] = ECAP_SC;
		sim.fail_at = sim.calls + n;
		uvdk_ioas_attach(ioas, a);
		sim.hw_data[4] = 0;
		uvdk_ioas_attach(ioas, b);
		uvdk_ioas_detach(ioas, b);
		uvdk_ioas_detach(ioas, a);
		failed = sim.calls >= sim.fail_at;
		cr_expect_not(uvdk_ioas_needs_wbinvd(ioas));
		cr_expect_leq(sim.objects, failed ? 2 : 1, "call %u", n);
		uvdk_device_close(a);
		uvdk_device_close(b);
		uvdk_ioas_destroy(ioas);
		uvdk_iommu_close(iommu);
		sim_destroy();
	}
	cr_expect_gt(n, 10);
}

/* Each group has a container, which the kernel says enforces it or not. */
Test(vfio_coherency, on_type1_each_group_is_what_it_is)
{
	for (int policy = UVDK_COHERENCY_SHARE; policy <= UVDK_COHERENCY_SEPARATE; policy++) {
		begin("type1", policy);
		attach(a, true);
		cr_expect_not(uvdk_ioas_needs_wbinvd(ioas));
		attach(b, false);
		cr_expect_eq(enforced(a), 1);
		cr_expect_eq(enforced(b), 0);
		cr_expect(uvdk_ioas_needs_wbinvd(ioas));
		end();
	}
}
