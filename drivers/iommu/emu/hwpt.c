// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_emu_space.h"

/* Page tables that the library chooses, and PASIDs. */

/* One for PASIDs is of the first stage, as a process has it. */
static struct emu_kind kind_of(const struct emu_unit *unit, unsigned int flags)
{
	bool first = flags & UVDK_HWPT_PASID && !(flags & EMU_SPECIAL);

	return (struct emu_kind){
		.stage = first ? EMU_FIRST_STAGE : EMU_SECOND_STAGE,
		.enforced = VTD_ECAP_SC(unit->ecap),
		.special = flags & EMU_SPECIAL,
	};
}

static int check_special(const struct emu_device *dev, const struct emu_kind *kind)
{
	const char *lacks = kind->special ? emu_kind_lacks(kind, dev->unit) : NULL;

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
	struct emu_kind kind = kind_of(dev->unit, flags);
	struct emu_hwpt *hwpt;
	int err = check_special(dev, &kind);

	if (err)
		return err;
	hwpt = calloc(1, sizeof(*hwpt));
	if (!hwpt)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for a page table");
	hwpt->space = ioas_priv;
	hwpt->unit = dev->unit;
	err = emu_space_table(ioas_priv, dev->unit, kind, &hwpt->dom);
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
	const struct emu_hwpt *hwpt = hwpt_priv;

	(void)from;

	return emu_domain_attach(hwpt->dom, binding->priv, pasid, false, hwpt->faults);
}

void emu_pasid_detach(void *ioas_priv, struct uvdk_iommu_binding *binding, uint32_t pasid)
{
	(void)ioas_priv;
	emu_domain_detach(binding->priv, pasid);
}
