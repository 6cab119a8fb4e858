// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "gate.h"
#include "vtd_priv.h"

/* First stages on top of others, whose owners say when they change. */

static const struct vtd_owner *find(const struct vtd *vtd, unsigned int slot, uint32_t pasid)
{
	const struct vtd_owner *owner;

	LIST_FOREACH(owner, &vtd->owners[slot], entry)
	{
		if (owner->pasid == pasid)
			return owner;
	}

	return NULL;
}

bool vtd_has_owner(const struct vtd *vtd, const struct vtd_req *req)
{
	return find(vtd, req->sid >> 3 & (EMU_SLOTS - 1), req->pasid);
}

void vtd_owners_free(struct vtd *vtd, unsigned int slot)
{
	struct vtd_owner *owner;

	emu_gate_enter(&vtd->gate);
	while ((owner = LIST_FIRST(&vtd->owners[slot]))) {
		LIST_REMOVE(owner, entry);
		free(owner);
	}
	emu_gate_leave(&vtd->gate);
}

/* Under the gate. */
static int add(struct vtd *vtd, unsigned int slot, uint32_t pasid)
{
	struct vtd_owner *owner;

	if (find(vtd, slot, pasid))
		return 0;
	owner = calloc(1, sizeof(*owner));
	if (!owner)
		return uvdk_fail(-ENOMEM, "emu", "no memory for the owner of a first stage");
	owner->pasid = pasid;
	LIST_INSERT_HEAD(&vtd->owners[slot], owner, entry);

	return 0;
}

static int begin(const struct uvdk_emu_function *fn, uint32_t pasid)
{
	struct vtd *vtd = fn->vtd;
	int err;

	emu_gate_enter(&vtd->gate);
	err = add(vtd, fn->slot, pasid);
	if (!err)
		uvdk_emu_iommu_begin(fn->emu, vtd->unit);
	emu_gate_leave(&vtd->gate);

	return err ? err : (int)vtd->unit;
}

UVDK_EXPORT int uvdk_emu_stage1_begin(struct uvdk_emu *emu, const char *name, uint32_t pasid)
{
	const struct uvdk_emu_function *fn = NULL;
	int ret;

	emu_lock(emu);
	for (unsigned int i = 0; i < EMU_SLOTS && !fn; i++)
		if (emu->fns[i] && !strcmp(emu->fns[i]->name, name))
			fn = emu->fns[i];
	if (fn)
		ret = begin(fn, pasid == UVDK_EMU_NO_PASID ? VTD_RID : pasid);
	else
		ret = uvdk_fail(-ENOENT, "emu", "no function \"%s\" is plugged in", name);
	emu_unlock(emu);

	return ret;
}

UVDK_EXPORT void uvdk_emu_stage1_end(struct uvdk_emu *emu, int change)
{
	if (change >= 0)
		uvdk_emu_iommu_end(emu, (unsigned int)change);
}
