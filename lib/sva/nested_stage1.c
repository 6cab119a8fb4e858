// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_device_driver.h>

#include "nested.h"

/* ---- SMMUv3 ---- */

/* The descriptor and everything that was reached by it. */
static int forget_descriptor(const struct uvdk_sva *sva, struct nested *n)
{
	struct uvdk_cdtable_command commands[UVDK_CDTABLE_COMMANDS];
	unsigned int count =
		uvdk_cdtable_commands(n->seat->virt_id, sva->pasid, n->asid, false, commands);

	return uvdk_viommu_invalidate(n->unit->viommu, commands, sizeof(commands[0]), count, NULL);
}

/* An ASID of which something may still be cached is not used again. */
static void detach_smmu(struct uvdk_sva *sva, struct nested *n)
{
	uvdk_cdtable_clear(n->seat->cdt, sva->pasid);
	if (!forget_descriptor(sva, n)) {
		nest_asid_put(n->space, n->asid);
	} else {
		nest_stage1_cut(sva, n);
		uvdk_log(UVDK_LOG_WARN, SVA_COMPONENT,
			 "nested: ASID %u is lost: the SMMU did not say that it has forgotten it",
			 n->asid);
	}
	nest_seat_put(n->space, n->seat);
}

static int attach_smmu(struct uvdk_sva *sva, struct nested *n)
{
	int err = nest_seat_get(n->space, n->unit, sva->dev, &n->seat);

	if (err)
		return err;
	err = nest_asid_get(n->space, n->unit->info->asid_bits, &n->asid);
	if (err)
		goto no_seat;
	err = uvdk_cdtable_set(n->seat->cdt, sva->pasid, n->pt, n->asid, 0);
	if (err)
		goto no_asid;
	err = forget_descriptor(sva, n);
	if (!err)
		err = nest_flush_open(n, n->seat->hwpt, sva->dev, UVDK_PASID_RID);
	if (err)
		detach_smmu(sva, n);

	return err;
no_asid:
	nest_asid_put(n->space, n->asid);
no_seat:
	nest_seat_put(n->space, n->seat);
	return err;
}

/* ---- the others: a nested table for each binding ---- */

static int attach_vtd(struct uvdk_sva *sva, struct nested *n)
{
	struct uvdk_nested nested = {.size = sizeof(nested), .type = UVDK_NEST_VTD};
	struct uvdk_pgtable_info info;
	struct uvdk_iommu_info device;
	int err = uvdk_iommu_get_info(sva->dev, &device);

	if (err)
		return err;
	uvdk_pgtable_get_info(n->pt, &info);
	nested.flags = device.pasid_bits ? UVDK_HWPT_PASID : 0;
	nested.vtd.pgtbl = info.root;
	nested.vtd.addr_width = info.input_bits;
	err = uvdk_hwpt_create_nested(n->unit->viommu, sva->dev, &nested, &n->hwpt);
	if (err)
		return err;
	err = uvdk_hwpt_attach(n->hwpt, sva->dev, sva->pasid);
	if (!err)
		err = nest_flush_open(n, n->hwpt, sva->dev, sva->pasid);
	if (err)
		uvdk_hwpt_destroy(n->hwpt);

	return err;
}

/* ---- either ---- */

static int invalidate(void *arg, uint64_t first, uint64_t last)
{
	struct uvdk_sva *sva = arg;

	return nest_flush(sva, sva->priv, first, last, false);
}

/*
 * On an SMMU that has to break a large page before it is split, a device would
 * fault on its other pages: there, all are small.
 */
static int make_table(struct uvdk_sva *sva, struct nested *n)
{
	bool smmu = nest_unit_is_smmu(n->unit);
	unsigned int va_bits = n->unit->info->va_bits;
	struct uvdk_pgtable_opts opts = {
		.size = sizeof(opts),
		.arena = n->space->arena,
		.format = smmu ? UVDK_PGTABLE_ARM : UVDK_PGTABLE_X86,
		.input_bits = smmu && va_bits && va_bits < 48 ? 39 : 48,
		.page_sizes = smmu ? UVDK_PGTABLE_PAGE : 0,
		.invalidate = invalidate,
		.arg = sva,
	};
	struct uvdk_pgtable_info info;
	int err = uvdk_pgtable_create(&opts, &n->pt);

	if (err)
		return err;
	uvdk_pgtable_get_info(n->pt, &info);
	n->last = info.last;

	return 0;
}

static int check_type(const struct uvdk_sva *sva, const struct nested *n)
{
	if (nest_unit_is_smmu(n->unit) || n->unit->info->type == UVDK_NEST_VTD)
		return 0;

	return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
			 "nested: the I/O MMU of %s is neither an SMMUv3 nor VT-d",
			 uvdk_device_get_info(sva->dev)->name);
}

int nest_stage1_attach(struct uvdk_sva *sva, struct nested *n)
{
	int err = check_type(sva, n);

	if (!err)
		err = make_table(sva, n);
	if (err)
		return err;
	err = nest_unit_is_smmu(n->unit) ? attach_smmu(sva, n) : attach_vtd(sva, n);
	if (err)
		uvdk_pgtable_destroy(n->pt);

	return err;
}

void nest_stage1_detach(struct uvdk_sva *sva, struct nested *n)
{
	nest_flush_close(n);
	if (n->seat)
		detach_smmu(sva, n);
	else
		uvdk_hwpt_destroy(n->hwpt);
	uvdk_pgtable_destroy(n->pt);
}

void nest_stage1_cut(struct uvdk_sva *sva, struct nested *n)
{
	if (n->cut)
		return;
	n->cut = true;
	/* Of a device that is gone there is nothing to say that is not known. */
	if (!uvdk_device_gone(sva->dev))
		uvdk_log(UVDK_LOG_ERR, SVA_COMPONENT,
			 "nested: %s loses all access%s, for what it has cached could not be "
			 "invalidated: "
			 "bind it again",
			 uvdk_device_get_info(sva->dev)->name, n->seat ? ", with every PASID" : "");
	nest_flush_close(n);
	if (!n->seat) {
		uvdk_hwpt_detach(n->hwpt, sva->dev, sva->pasid);
		return;
	}
	n->seat->cut = true;
	uvdk_hwpt_detach(n->seat->hwpt, sva->dev, UVDK_PASID_RID);
}
