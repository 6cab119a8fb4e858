// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_emu_space.h"

/* Page tables that the library chooses, and PASIDs. */

#define SPECIAL (UVDK_HWPT_NEST_PARENT | UVDK_HWPT_DIRTY)

static int check_flags(const struct emu_device *dev, unsigned int flags)
{
	uint64_t ecap = dev->unit->ecap;
	const char *lacks = NULL;

	if (flags & SPECIAL && !emu_unit_levels(dev->unit, EMU_SECOND_STAGE))
		lacks = "second stage (ECAP.SSTS)";
	else if (flags & UVDK_HWPT_NEST_PARENT && !VTD_ECAP_NEST(ecap))
		lacks = "nested tables (ECAP.NEST)";
	else if (flags & UVDK_HWPT_DIRTY && !VTD_ECAP_SSADS(ecap))
		lacks = "marks for dirty pages (ECAP.SSADS)";
	if (!lacks)
		return 0;

	return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT,
			 "I/O MMU %u, in front of %s, has no %s: see uvdk_iommu_get_info()",
			 dev->unit->number, uvdk_emu_fn_name(dev->fn), lacks);
}

int emu_hwpt_create(void *ioas_priv, struct uvdk_iommu_binding *binding, unsigned int flags,
		    void **hwpt_priv)
{
	const struct emu_device *dev = binding->priv;
	struct emu_space *space = ioas_priv;
	struct emu_hwpt *hwpt;
	int err = check_flags(dev, flags);

	if (err)
		return err;
	hwpt = calloc(1, sizeof(*hwpt));
	if (!hwpt)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for a page table");
	hwpt->space = space;
	if (flags & SPECIAL)
		err = emu_space_add(space, dev->unit, EMU_SECOND_STAGE, &hwpt->dom);
	else
		err = emu_space_shared(space, dev->unit,
				       flags & UVDK_HWPT_PASID ? EMU_FIRST_STAGE : EMU_SECOND_STAGE,
				       &hwpt->dom);
	if (err) {
		free(hwpt);
		return err;
	}
	*hwpt_priv = hwpt;

	return 0;
}

void emu_hwpt_destroy(void *hwpt_priv)
{
	struct emu_hwpt *hwpt = hwpt_priv;

	emu_domain_put(hwpt->dom);
	free(hwpt);
}

/* What is attached there now, whatever it is, is replaced. */
int emu_hwpt_attach(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid, void *from)
{
	struct emu_hwpt *hwpt = hwpt_priv;
	struct emu_device *dev = binding->priv;

	(void)from;
	if (hwpt->dom->unit != dev->unit)
		return uvdk_fail(-EINVAL, EMU_COMPONENT,
				 "this page table was made for I/O MMU %u, and %s is behind %u: "
				 "make one for it",
				 hwpt->dom->unit->number, uvdk_emu_fn_name(dev->fn),
				 dev->unit->number);

	return emu_domain_attach_faulting(hwpt->dom, dev, pasid, hwpt->faults);
}

void emu_pasid_detach(void *ioas_priv, struct uvdk_iommu_binding *binding, uint32_t pasid)
{
	(void)ioas_priv;
	emu_domain_detach(binding->priv, pasid);
}
