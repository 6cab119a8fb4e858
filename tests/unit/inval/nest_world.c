// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "nest_world.h"

#define PAGE_LEN 4096u

void nest_open(struct nest_world *n, enum uvdk_nest_type type, bool ats)
{
	nest_open_smmu(n, type, ats, true, 16);
}

void nest_open_smmu(struct nest_world *n, enum uvdk_nest_type type, bool ats, bool range,
		    unsigned int asid_bits)
{
	const struct uvdk_viommu_opts opts = {.size = sizeof(opts), .type = type};
	uvdk_iova_t iova = NEST_IOVA;

	memset(n, 0, sizeof(*n));
	fake_setup();
	fake_viommu.asid_bits = asid_bits;
	fake_viommu.ssid_bits = 8;
	fake_viommu.range_inval = range;
	fake_viommu.ats = ats;
	fake.va_bits = 48;
	n->mem = aligned_alloc(PAGE_LEN, PAGE_LEN);
	memset(n->mem, 0, PAGE_LEN);
	cr_assert_eq(uvdk_ioas_map(ioas, n->mem, PAGE_LEN, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	n->dev[0] = fake_device_named(ats ? "fake:0-ats" : "fake:0");
	cr_assert_eq(uvdk_viommu_create(ioas, n->dev[0], &opts, &n->viommu), 0, "%s",
		     uvdk_last_error());
}

static struct uvdk_hwpt *make_table(struct nest_world *n, struct uvdk_device *dev)
{
	struct uvdk_nested nested = {.size = sizeof(nested)};
	struct uvdk_hwpt *hwpt = NULL;

	switch (uvdk_viommu_get_info(n->viommu)->type) {
	case UVDK_NEST_VTD:
		nested.vtd = (struct uvdk_nested_vtd){.pgtbl = NEST_IOVA, .addr_width = 48};
		break;
	case UVDK_NEST_AMD: /* V, GV, GCR3 table root pointer */
		nested.amd.dte[0] = 1 | UINT64_C(1) << 55;
		nested.amd.dte[1] = (uint64_t)(NEST_IOVA >> 15) << 16;
		break;
	default:
		nested.smmuv3.ste[0] = 1 | 5 << 1 | NEST_IOVA;
	}
	cr_assert_eq(uvdk_hwpt_create_nested(n->viommu, dev, &nested, &hwpt), 0, "%s",
		     uvdk_last_error());

	return hwpt;
}

void nest_add(struct nest_world *n, unsigned int i, const char *spec, uint32_t id)
{
	if (!n->dev[i])
		n->dev[i] = fake_device_named(spec);
	if (uvdk_viommu_get_info(n->viommu)->type != UVDK_NEST_VTD)
		cr_assert_eq(uvdk_vdevice_create(n->viommu, n->dev[i], id, &n->vdev[i]), 0, "%s",
			     uvdk_last_error());
	n->hwpt[i] = make_table(n, n->dev[i]);
	cr_assert_eq(uvdk_hwpt_attach(n->hwpt[i], n->dev[i], UVDK_PASID_RID), 0, "%s",
		     uvdk_last_error());
}

void nest_remove(struct nest_world *n, unsigned int i)
{
	uvdk_vdevice_destroy(n->vdev[i]);
	uvdk_hwpt_destroy(n->hwpt[i]);
	uvdk_device_close(n->dev[i]);
	n->vdev[i] = NULL;
	n->hwpt[i] = NULL;
	n->dev[i] = NULL;
}

void nest_close(struct nest_world *n)
{
	nest_remove(n, 1);
	nest_remove(n, 0);
	uvdk_viommu_destroy(n->viommu);
	fake_teardown();
	cr_assert_eq(fake_viommu.objects, 0);
	free(n->mem);
	memset(&fake_viommu, 0, sizeof(fake_viommu));
}
