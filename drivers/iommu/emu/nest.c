// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <uvdk_viommu_driver.h>

#include "iommu_emu_invalq.h"
#include "iommu_emu_space.h"

/* vIOMMUs and nested tables, 3.8 and 9.6: the first stage is the application's. */

/**
 * struct emu_viommu - a second stage, for first ones in front of one unit
 * @parent: second stage
 * @unit: unit
 */
struct emu_viommu {
	const struct emu_hwpt *parent;
	struct emu_unit *unit;
};

static int viommu_create(void *parent_priv, struct uvdk_iommu_binding *binding,
			 const struct uvdk_viommu_opts *opts, struct uvdk_viommu_info *info,
			 void **viommu_priv)
{
	const struct emu_device *dev = binding->priv;
	const struct emu_hwpt *parent = parent_priv;
	struct emu_viommu *viommu;

	(void)opts;
	if (info->type != UVDK_NEST_VTD)
		return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT,
				 "the I/O MMUs of an emulated machine are of VT-d's kind: a vIOMMU "
				 "is of type UVDK_NEST_VTD or UVDK_NEST_AUTO");
	if (parent->unit != dev->unit)
		return -EXDEV;
	if (!emu_unit_levels(dev->unit, EMU_FIRST_STAGE))
		return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT,
				 "I/O MMU %u, in front of %s, has no first stage (ECAP.FSTS)",
				 dev->unit->number, uvdk_emu_fn_name(dev->fn));
	viommu = calloc(1, sizeof(*viommu));
	if (!viommu)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for a vIOMMU");
	*viommu = (struct emu_viommu){.parent = parent, .unit = dev->unit};
	*viommu_priv = viommu;

	return 0;
}

static void viommu_destroy(void *viommu_priv)
{
	free(viommu_priv);
}

/* ---- nested tables ---- */

static int check_flags(const struct emu_unit *unit, const struct uvdk_nested_vtd *vtd)
{
	const char *lacks = vtd->flags & UVDK_NESTED_VTD_SRE && !VTD_ECAP_SRS(unit->ecap)
				    ? "supervisor requests (UVDK_NESTED_VTD_SRE, ECAP.SRS)"
			    : vtd->flags & UVDK_NESTED_VTD_EAFE && !VTD_ECAP_EAFS(unit->ecap)
				    ? "extended accessed flags (UVDK_NESTED_VTD_EAFE, ECAP.EAFS)"
				    : NULL;

	if (!lacks)
		return 0;

	return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT, "I/O MMU %u has no %s", unit->number, lacks);
}

static int check(const struct emu_viommu *viommu, const struct emu_device *dev,
		 const struct uvdk_nested_vtd *vtd, bool faulting)
{
	const struct emu_unit *unit = viommu->unit;

	if (dev->unit != unit)
		return uvdk_fail(-EINVAL, EMU_COMPONENT,
				 "%s is behind I/O MMU %u, and the vIOMMU is one of I/O MMU %u",
				 uvdk_emu_fn_name(dev->fn), dev->unit->number, unit->number);
	if (vtd->addr_width == 57 && emu_unit_levels(unit, EMU_FIRST_STAGE) < 5)
		return uvdk_fail(
			-ERANGE, EMU_COMPONENT,
			"a first stage of 57 bits: I/O MMU %u has 48 (CAP.FS5LP, CAP.MGAW)",
			unit->number);
	if (faulting && !VTD_ECAP_PRS(unit->ecap))
		return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT,
				 "I/O MMU %u, in front of %s, takes no page requests (ECAP.PRS): "
				 "see uvdk_iommu_get_info()",
				 unit->number, uvdk_emu_fn_name(dev->fn));

	return check_flags(unit, vtd);
}

/* Word 2 of the PASID entry. */
static uint64_t first_word(const struct uvdk_nested_vtd *vtd)
{
	return vtd->pgtbl | (vtd->addr_width == 57 ? VTD_PASID_5LEVEL : 0) |
	       (vtd->flags & UVDK_NESTED_VTD_SRE ? VTD_PASID_SRE : 0) |
	       (vtd->flags & UVDK_NESTED_VTD_WPE ? VTD_PASID_WPE : 0) |
	       (vtd->flags & UVDK_NESTED_VTD_EAFE ? VTD_PASID_EAFE : 0);
}

static int nested_create(void *viommu_priv, struct uvdk_iommu_binding *binding,
			 const struct uvdk_nested *nested, void *faultq_priv, void **hwpt_priv)
{
	const struct emu_viommu *viommu = viommu_priv;
	struct emu_hwpt *hwpt;
	int err = check(viommu, binding->priv, &nested->vtd, faultq_priv);

	if (err)
		return err;
	hwpt = calloc(1, sizeof(*hwpt));
	if (!hwpt)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for a page table");
	*hwpt = (struct emu_hwpt){
		.space = viommu->parent->space, .unit = viommu->unit, .faults = faultq_priv};
	err = emu_domain_nest(viommu->unit, viommu->parent->dom, first_word(&nested->vtd),
			      &hwpt->dom);
	if (err) {
		free(hwpt);
		return err;
	}
	*hwpt_priv = hwpt;

	return 0;
}

/* What does not fit 64 bits as bytes is everything, nearly. */
static int inval_one(const struct emu_domain *dom, const struct uvdk_inval_vtd *inval)
{
	const struct emu_reach reach = {
		.iova = inval->addr,
		.len = inval->npages << VTD_PAGE_SHIFT,
		.paging = !(inval->flags & UVDK_INVAL_VTD_LEAF),
	};
	bool all = inval->npages >> (63 - VTD_PAGE_SHIFT);

	return emu_domain_inval_first(dom, all ? NULL : &reach);
}

/* Under no lock of the library's: attaching and detaching may go on meanwhile. */
static int hwpt_invalidate(void *hwpt_priv, const struct uvdk_inval_batch *batch,
			   struct uvdk_inval_result *out)
{
	const struct uvdk_inval_vtd *entries = batch->entries;
	struct emu_domain *dom = ((struct emu_hwpt *)hwpt_priv)->dom;
	unsigned int i;
	int err = 0;

	uvdk_lock_acquire(&dom->lock);
	for (i = 0; i < batch->count && !err; i += !err)
		err = inval_one(dom, &entries[i]);
	uvdk_lock_release(&dom->lock);
	*out = (struct uvdk_inval_result){.done = i, .failed = i};
	if (err)
		return uvdk_fail(err, EMU_COMPONENT,
				 "invalidation %u of %u of a nested table was not carried out, or "
				 "not for all devices",
				 i, batch->count);

	return 0;
}

/* ---- what VT-d has not ---- */

static int has_none(const char *what)
{
	return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT, "VT-d has no %s", what);
}

static int vdevice_create(void *viommu_priv, struct uvdk_iommu_binding *binding, uint64_t virt_id,
			  void **vdevice_priv)
{
	(void)viommu_priv;
	(void)binding;
	(void)virt_id;
	(void)vdevice_priv;

	return has_none("virtual IDs of devices: nested tables are attached without");
}

static int invalidate(void *viommu_priv, const struct uvdk_inval_batch *batch,
		      struct uvdk_inval_result *out)
{
	(void)viommu_priv;
	(void)batch;
	*out = (struct uvdk_inval_result){0};

	return has_none("invalidations of a vIOMMU: uvdk_hwpt_invalidate() is for its tables");
}

static int hw_queue_create(void *viommu_priv, unsigned int index, uvdk_iova_t iova, size_t len,
			   void **queue_priv)
{
	(void)viommu_priv;
	(void)index;
	(void)iova;
	(void)len;
	(void)queue_priv;

	return has_none("queues of invalidations that belong to a vIOMMU: see uvdk_invalq_open()");
}

static int veventq_create(void *viommu_priv, enum uvdk_veventq_type type, unsigned int depth,
			  void **queue_priv)
{
	(void)viommu_priv;
	(void)type;
	(void)depth;
	(void)queue_priv;

	return has_none("event queues of a vIOMMU: a table's fault queue has its page requests");
}

/* For what was never made. */
static void none_destroy(void *priv)
{
	(void)priv;
}

static int veventq_fd(void *queue_priv)
{
	(void)queue_priv;

	return -1;
}

static int veventq_read(void *queue_priv, struct uvdk_vevent_record *out, unsigned int max)
{
	(void)queue_priv;
	(void)out;
	(void)max;

	return 0;
}

const struct uvdk_viommu_ops emu_viommu_ops = {
	.create = viommu_create,
	.destroy = viommu_destroy,
	.vdevice_create = vdevice_create,
	.vdevice_destroy = none_destroy,
	.nested_create = nested_create,
	.hwpt_invalidate = hwpt_invalidate,
	.invalidate = invalidate,
	.invalq_create = emu_nested_invalq_create,
	.hw_queue_create = hw_queue_create,
	.hw_queue_destroy = none_destroy,
	.veventq_create = veventq_create,
	.veventq_destroy = none_destroy,
	.veventq_fd = veventq_fd,
	.veventq_read = veventq_read,
};
