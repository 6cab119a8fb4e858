// SPDX-License-Identifier: BSD-3-Clause
#include "viommu_world.h"

/* First stages: what is wrong in them is found before the driver sees it. */

TestSuite(viommu_tables, .init = world_setup);

#define BIT(n) (UINT64_C(1) << (n))
#define OUT    0x800000u /* not mapped */

static int make(struct uvdk_viommu *viommu, const struct uvdk_nested *nested)
{
	struct uvdk_hwpt *hwpt = NULL;
	int err = uvdk_hwpt_create_nested(viommu, dev, nested, &hwpt);

	cr_expect_eq(!hwpt, !!err);
	cr_expect_eq(fake.hwpts, err ? 1 : 2, "the parent, and what has been made");
	uvdk_hwpt_destroy(hwpt);
	return err;
}

static int ste(struct uvdk_viommu *viommu, uint64_t word0, uint64_t word1)
{
	struct uvdk_nested nested = {.size = sizeof(nested), .type = UVDK_NEST_SMMUV3};

	nested.smmuv3.ste[0] = word0;
	nested.smmuv3.ste[1] = word1;
	return make(viommu, &nested);
}

#define V	1
#define CFG(n)	((uint64_t)(n) << 1)
#define S1	(V | CFG(5))
#define MAX(n)	((uint64_t)(n) << 59)
#define FMT(n)	((uint64_t)(n) << 4)
#define EATS(n) ((uint64_t)(n) << 28)

Test(viommu_tables, of_smmuv3)
{
	struct uvdk_viommu *viommu = viommu_for(dev, UVDK_NEST_SMMUV3);
	const uint64_t last = MAPPED + MAPPED_LEN;

	cr_expect_eq(ste(viommu, S1 | MAPPED, 0), 0);
	cr_expect_eq(fake_viommu.nested.smmuv3.ste[0], S1 | MAPPED);
	cr_expect_eq(ste(viommu, 0, 0), 0, "not valid: all aborts");
	cr_expect_eq(ste(viommu, V | CFG(0), 0), 0);
	cr_expect_eq(ste(viommu, V | CFG(4), BIT(27)), 0);
	for (unsigned int config = 1; config < 8; config++)
		if (config != 4 && config != 5)
			REFUSED(ste(viommu, V | CFG(config) | MAPPED, 0), -EINVAL, "Config");
	for (unsigned int bit = 52; bit < 59; bit++)
		REFUSED(ste(viommu, S1 | MAPPED | BIT(bit), 0), -EINVAL, "word 0");
	for (unsigned int bit = 8; bit < 64; bit++)
		if (bit < 27 || bit > 29)
			REFUSED(ste(viommu, S1 | MAPPED, BIT(bit)), -EINVAL, "word 1");
	REFUSED(ste(viommu, S1 | MAPPED, EATS(1)), -EINVAL, "no ATS");
	/* The table of descriptors: where it begins, and where it ends. */
	REFUSED(ste(viommu, S1 | OUT, 0), -EFAULT, "outside");
	REFUSED(ste(viommu, S1 | BIT(51), 0), -EFAULT, "outside");
	cr_expect_eq(ste(viommu, S1 | (last - 64), 0), 0);
	REFUSED(ste(viommu, S1 | (last - 64) | MAX(1), 0), -EFAULT, "outside");
	cr_expect_eq(ste(viommu, S1 | (last - 128) | MAX(1), 0), 0);
	cr_expect_eq(ste(viommu, S1 | (last - 64 * 256) | MAX(8), 0), 0);
	REFUSED(ste(viommu, S1 | MAPPED | MAX(9), 0), -ERANGE, "8 bits");
	REFUSED(ste(viommu, S1 | MAPPED | MAX(8) | FMT(3), 0), -EINVAL, "S1Fmt");
	/* 256 descriptors on 4 pages of 4 KiB: a first level of 4 words */
	cr_expect_eq(ste(viommu, S1 | (last - 64) | MAX(8) | FMT(1), 0), 0);
	cr_expect_eq(ste(viommu, S1 | (last - 64) | MAX(8) | FMT(2), 0), 0);
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

Test(viommu_tables, of_smmuv3_with_ats)
{
	struct uvdk_viommu *viommu;

	fake_viommu.ats = true;
	viommu = viommu_for(dev, UVDK_NEST_SMMUV3);
	cr_expect_eq(ste(viommu, S1 | MAPPED, EATS(1)), 0);
	REFUSED(ste(viommu, S1 | MAPPED, EATS(2)), -EINVAL, "EATS");
	REFUSED(ste(viommu, S1 | MAPPED, EATS(3)), -EINVAL, "EATS");
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

Test(viommu_tables, of_vtd_with_four_levels)
{
	struct uvdk_nested nested = {.size = sizeof(nested),
				     .vtd = {.pgtbl = MAPPED, .addr_width = 57}};
	struct uvdk_viommu *viommu;

	fake.va_bits = 48;
	viommu = viommu_for(dev, UVDK_NEST_VTD);
	REFUSED(make(viommu, &nested), -ERANGE, "has 48");
	nested.vtd.addr_width = 48;
	cr_expect_eq(make(viommu, &nested), 0);
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

Test(viommu_tables, of_vtd)
{
	struct uvdk_viommu *viommu = viommu_for(dev, UVDK_NEST_VTD);
	struct uvdk_nested nested = {.size = sizeof(nested), .type = UVDK_NEST_VTD};

	nested.vtd = (struct uvdk_nested_vtd){.flags = 7, .pgtbl = MAPPED, .addr_width = 48};
	cr_expect_eq(make(viommu, &nested), 0);
	nested.vtd.addr_width = 57;
	cr_expect_eq(make(viommu, &nested), 0);
	nested.vtd.addr_width = 39;
	REFUSED(make(viommu, &nested), -ERANGE, "39 bits");
	nested.vtd.addr_width = 48;
	nested.vtd.flags = 8;
	REFUSED(make(viommu, &nested), -EINVAL, "0x8");
	nested.vtd.flags = 0;
	nested.vtd.pgtbl = MAPPED + 8;
	REFUSED(make(viommu, &nested), -EINVAL, "start of a page");
	nested.vtd.pgtbl = OUT;
	REFUSED(make(viommu, &nested), -EFAULT, "outside");
	nested.vtd.pgtbl = UINT64_MAX & ~UINT64_C(4095);
	REFUSED(make(viommu, &nested), -EFAULT, "outside");
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

/* V, GV, and the root pointer's three pieces. */
static struct uvdk_nested amd(uint64_t gcr3)
{
	struct uvdk_nested nested = {.size = sizeof(nested), .type = UVDK_NEST_AMD};

	nested.amd.dte[0] = 1 | BIT(55) | (gcr3 >> 12 & 7) << 58;
	nested.amd.dte[1] = (gcr3 >> 15 & 0xffff) << 16 | (gcr3 >> 31) << 43;
	return nested;
}

Test(viommu_tables, of_amd)
{
	struct uvdk_viommu *viommu = viommu_for(dev, UVDK_NEST_AMD);
	uint64_t last = MAPPED + MAPPED_LEN - 4096;
	struct uvdk_nested nested = amd(last);

	cr_expect_eq(make(viommu, &nested), 0);
	for (unsigned int bit = 1; bit < 52; bit++) {
		nested.amd.dte[0] |= BIT(bit); /* Mode and host table are the kernel's */
		REFUSED(make(viommu, &nested), -EINVAL, "word 0");
		nested = amd(last);
	}
	nested.amd.dte[3] = 1;
	REFUSED(make(viommu, &nested), -EINVAL, "word 3");
	nested = amd(last);
	nested.amd.dte[0] &= ~BIT(55);
	REFUSED(make(viommu, &nested), -EINVAL, "GV");
	nested = amd(last);
	nested.amd.dte[2] = UINT64_C(2) << 54;
	REFUSED(make(viommu, &nested), -EINVAL, "paging modes");
	nested = amd(last + 4096);
	REFUSED(make(viommu, &nested), -EFAULT, "outside");
	nested = amd(BIT(44) + MAPPED);
	REFUSED(make(viommu, &nested), -EFAULT, "outside");
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

Test(viommu_tables, forms_and_flags_are_checked)
{
	struct uvdk_viommu *viommu = viommu_for(dev, UVDK_NEST_SMMUV3);
	struct uvdk_nested nested = {.size = sizeof(nested), .type = UVDK_NEST_VTD};
	struct uvdk_hwpt *hwpt;

	REFUSED(make(viommu, &nested), -EINVAL, "form of VT-d");
	nested.type = UVDK_NEST_AUTO;
	nested.flags = UVDK_HWPT_PASID;
	REFUSED(make(viommu, &nested), -EOPNOTSUPP, "entry of your own table");
	nested.flags = UVDK_HWPT_NEST_PARENT;
	REFUSED(make(viommu, &nested), -EINVAL, "flags 0x2");
	nested.flags = 0;
	nested.size = 0;
	REFUSED(make(viommu, &nested), -EINVAL, "uvdk_nested");
	REFUSED(uvdk_hwpt_create_nested(viommu, dev, NULL, &hwpt), -EINVAL, "first stage");
	uvdk_viommu_destroy(viommu);
	world_teardown();
}
