// SPDX-License-Identifier: BSD-3-Clause
#include "iommu_emu_space.h"

/* What registers say, in the library's words. */

#define MSI_FIRST UINT64_C(0xfee00000) /* writes there are interrupts (3.14) */
#define MSI_LAST  UINT64_C(0xfeefffff)

static unsigned int features_of(const struct emu_device *dev)
{
	uint64_t ecap = dev->unit->ecap;
	unsigned int modes = dev->pasid_bits ? dev->pasid_modes : 0;

	return (VTD_ECAP_C(ecap) || VTD_ECAP_SMPWC(ecap) ? UVDK_IOMMU_COHERENT_WALK : 0u) |
	       (VTD_ECAP_SC(ecap) ? UVDK_IOMMU_SNOOP_CONTROL : 0u) |
	       (VTD_ECAP_SSADS(ecap) ? UVDK_IOMMU_DIRTY_TRACKING : 0u) |
	       (VTD_ECAP_PRS(ecap) ? UVDK_IOMMU_PAGE_REQUESTS : 0u) |
	       (VTD_ECAP_ERS(ecap) && modes & EMU_PASID_EXEC ? UVDK_IOMMU_PASID_EXEC : 0u) |
	       (VTD_ECAP_SRS(ecap) && modes & EMU_PASID_PRIV ? UVDK_IOMMU_PASID_PRIV : 0u) |
	       (VTD_ECAP_NEST(ecap) ? UVDK_IOMMU_NEST_VTD : 0u);
}

static uint64_t sizes_of(const struct emu_unit *unit)
{
	return (VTD_ECAP_FSTS(unit->ecap) ? emu_unit_leaf_sizes(unit, EMU_FIRST_STAGE) : 0) |
	       (VTD_ECAP_SSTS(unit->ecap) ? emu_unit_leaf_sizes(unit, EMU_SECOND_STAGE) : 0);
}

int emu_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out)
{
	const struct emu_device *dev = binding->priv;
	const struct emu_unit *unit = dev->unit;
	unsigned int levels = emu_unit_levels(unit, EMU_FIRST_STAGE);

	(void)priv;
	*out = (struct uvdk_iommu_info){
		.driver = "emu",
		.hardware = "emu",
		.page_sizes = sizes_of(unit),
		.coherent = true,
		.features = features_of(dev),
		.pasid_bits = dev->pasid_bits,
		.iova_bits = emu_unit_bits(unit, EMU_SECOND_STAGE),
		.va_bits = levels ? VTD_PAGE_SHIFT + levels * VTD_INDEX_BITS : 0,
	};

	return 0;
}

/* Of any unit: devices behind each may come. */
uint64_t emu_page_sizes(void *ioas_priv)
{
	const struct emu_space *space = ioas_priv;
	uint64_t sizes = 0;

	for (unsigned int i = 0; i < space->machine->count; i++)
		sizes |= sizes_of(&space->machine->units[i]);

	return sizes;
}

/* What a table of any kind in front of any unit takes. */
static unsigned int bits_of(const struct emu_machine *machine)
{
	unsigned int least = 64;

	for (unsigned int i = 0; i < machine->count; i++) {
		for (unsigned int stage = 0; stage < 2; stage++) {
			unsigned int bits = emu_unit_bits(&machine->units[i], stage);

			least = bits && bits < least ? bits : least;
		}
	}

	return least;
}

int emu_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max)
{
	const struct emu_space *space = ioas_priv;
	uint64_t last = UINT64_MAX >> (64 - bits_of(space->machine));
	struct uvdk_iova_range range[2] = {
		{0, last < MSI_FIRST ? last : MSI_FIRST - 1},
		{MSI_LAST + 1, last},
	};
	unsigned int count = last > MSI_LAST ? 2 : 1;

	for (unsigned int i = 0; out && i < count && i < max; i++)
		out[i] = range[i];

	return (int)count;
}

void emu_limits(void *ioas_priv, struct uvdk_iommu_limits *out)
{
	(void)ioas_priv;
	(void)out; /* none */
}
