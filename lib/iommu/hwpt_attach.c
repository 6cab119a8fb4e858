// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_priv.h"

/* Attaching through page tables. Static functions run under iommu->lock. */

/* Or why that is not known. */
static int pasid_bits(struct ioas_binding *binding)
{
	struct uvdk_iommu_info info = {0};
	int err;

	if (binding->pasid_bits >= 0)
		return binding->pasid_bits;
	err = binding->pub.iommu->ops->info(binding->pub.iommu->priv, &binding->pub, &info);
	if (!err)
		binding->pasid_bits = (int)info.pasid_bits;

	return err ? err : binding->pasid_bits;
}

/* The kernel takes PASIDs for devices without them, and nothing comes of it. */
static int check_pasid(struct ioas_binding *binding, uint32_t pasid)
{
	const char *name = ioas_name_of(binding->pub.dev);
	int bits = pasid_bits(binding);

	if (bits < 0)
		return bits;
	if (!bits)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "%s has no PASIDs: the device lacks the PASID capability, or its "
				 "iommu can't tell PASIDs apart (VT-d: scalable mode; SMMUv3: "
				 "substreams)",
				 name);
	if (pasid >> bits)
		return uvdk_fail(-ERANGE, IOAS_COMPONENT,
				 "PASID %u is too wide for %s, which has %d bits", pasid, name,
				 bits);

	return 0;
}

static int no_pasid_table(const struct ioas_binding *binding)
{
	return uvdk_fail(-EINVAL, IOAS_COMPONENT,
			 "a page table without UVDK_HWPT_PASID does not go together with PASIDs of "
			 "%s",
			 ioas_name_of(binding->pub.dev));
}

/* With PASIDs on a device, the RID, too, needs a table made for that. */
static int ready_rid(struct ioas_binding *binding)
{
	const struct ioas_tag *tag = ioas_tag_find(binding, UVDK_PASID_RID);

	if (tag && tag->hwpt->flags & UVDK_HWPT_PASID)
		return 0;
	if (tag && !tag->hwpt->automatic)
		return no_pasid_table(binding);
	if (!binding->pub.ioas)
		return 0;

	return ioas_serve(binding->pub.ioas, binding, UVDK_HWPT_PASID, UVDK_PASID_RID,
			  ioas_use_move);
}

/* Under the ioas lock. On failure a @hwpt that was made for it is gone. */
static int attach_pasid(struct uvdk_hwpt *hwpt, struct ioas_binding *binding, uint32_t pasid)
{
	struct uvdk_ioas *ioas = hwpt->ioas;
	struct ioas_tag *tag;
	int err = ioas_tag_add(hwpt, binding, pasid, &tag);

	if (err)
		return err;
	err = ioas->ops->hwpt_attach(hwpt->priv, &binding->pub, pasid, NULL);
	if (err)
		goto drop;
	err = ioas_adopt(ioas);
	if (err)
		goto detach;

	return 0;
detach:
	ioas->ops->pasid_detach(ioas->priv, &binding->pub, pasid);
drop:
	ioas_tag_drop(tag);
	return err;
}

int ioas_pasid_replace(struct uvdk_hwpt *hwpt, struct ioas_tag *tag)
{
	struct uvdk_ioas *from = tag->hwpt->ioas;
	struct uvdk_ioas *to = hwpt->ioas;
	struct uvdk_hwpt *before = tag->hwpt;
	int err;

	if (hwpt == before) /* as in ioas_move() */
		return 0;
	ioas_lock_both(from, to);
	ioas_faultq_freeze(before);
	err = to->ops->hwpt_attach(hwpt->priv, &tag->binding->pub, tag->pasid, from->priv);
	ioas_faultq_thaw(before, err ? NULL : tag);
	if (err)
		ioas_hwpt_put(hwpt);
	else
		ioas_tag_move(tag, hwpt);
	if (!err && (ioas_adopt(from) || ioas_adopt(to)))
		uvdk_log(UVDK_LOG_WARN, IOAS_COMPONENT,
			 "the IOVA ranges of before PASID %u was replaced stay in force",
			 tag->pasid);
	ioas_unlock_both(from, to);

	return err;
}

static int check_free(const struct ioas_binding *binding, uint32_t pasid)
{
	if (!ioas_tag_find(binding, pasid))
		return 0;

	return uvdk_fail(-EBUSY, IOAS_COMPONENT,
			 "PASID %u of %s is attached already: detach or replace it", pasid,
			 ioas_name_of(binding->pub.dev));
}

static int find_tag(const struct ioas_binding *binding, uint32_t pasid, struct ioas_tag **out)
{
	*out = ioas_tag_find(binding, pasid);
	if (*out)
		return 0;

	return uvdk_fail(-ENOENT, IOAS_COMPONENT,
			 "PASID %u of %s is attached to nothing that could be replaced", pasid,
			 ioas_name_of(binding->pub.dev));
}

static int attach_rid(struct uvdk_hwpt *hwpt, struct ioas_binding *binding)
{
	int err = ioas_check_free(hwpt->ioas, binding);

	if (err)
		return err;
	uvdk_lock_acquire(&hwpt->ioas->lock);
	err = ioas_enter(hwpt->ioas, binding, hwpt);
	uvdk_lock_release(&hwpt->ioas->lock);

	return err;
}

static int replace_rid(struct uvdk_hwpt *hwpt, struct ioas_binding *binding)
{
	if (!binding->pub.ioas)
		return uvdk_fail(-ENOENT, IOAS_COMPONENT,
				 "%s is attached to nothing that could be replaced",
				 ioas_name_of(binding->pub.dev));

	return ioas_move(hwpt, binding);
}

/* Whether a PASID may be attached now, and that the RID lets it. */
static int ready_pasid(struct ioas_binding *binding, uint32_t pasid)
{
	int err = check_pasid(binding, pasid);

	if (!err)
		err = check_free(binding, pasid);

	return err ? err : ready_rid(binding);
}

static int check_coherency(const struct uvdk_hwpt *hwpt, struct ioas_binding *binding)
{
	if (!hwpt->enforced || ioas_enforces(binding))
		return 0;

	return uvdk_fail(-EINVAL, IOAS_COMPONENT,
			 "this page table was made for a device whose iommu enforces cache "
			 "coherency, which that of %s can't: make one for %s, and share that",
			 ioas_name_of(binding->pub.dev), ioas_name_of(binding->pub.dev));
}

static int hwpt_set(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid, bool replace)
{
	struct ioas_binding *binding = ioas_binding_of(dev);
	struct ioas_tag *tag;
	int err = ioas_check_device(hwpt->ioas, dev);

	if (err)
		return err;
	if (!(hwpt->flags & UVDK_HWPT_PASID) &&
	    (pasid != UVDK_PASID_RID || !LIST_EMPTY(&binding->pasids)))
		return no_pasid_table(binding);
	err = check_coherency(hwpt, binding);
	if (!err)
		err = ioas_nested_check(hwpt, binding);
	if (err)
		return err;
	if (pasid == UVDK_PASID_RID)
		return replace ? replace_rid(hwpt, binding) : attach_rid(hwpt, binding);

	if (replace) {
		err = find_tag(binding, pasid, &tag);
		return err ? err : ioas_pasid_replace(hwpt, tag);
	}
	err = ready_pasid(binding, pasid);
	if (err)
		return err;
	uvdk_lock_acquire(&hwpt->ioas->lock);
	err = attach_pasid(hwpt, binding, pasid);
	uvdk_lock_release(&hwpt->ioas->lock);

	return err;
}

UVDK_EXPORT int uvdk_hwpt_attach(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid)
{
	int err = ioas_check_given("attaching", "a page table", hwpt, dev);

	if (!err)
		err = uvdk_ioas_check_own(hwpt->ioas);
	if (err)
		return err;
	pthread_mutex_lock(&hwpt->ioas->iommu->lock);
	err = hwpt_set(hwpt, dev, pasid, false);
	if (!err)
		ioas_vdevice_refresh(ioas_binding_of(dev));
	ioas_unlock(hwpt->ioas->iommu);

	return err;
}

UVDK_EXPORT int uvdk_hwpt_replace(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid)
{
	int err = ioas_check_given("replacing", "a page table", hwpt, dev);

	if (!err)
		err = uvdk_ioas_check_own(hwpt->ioas);
	if (err)
		return err;
	pthread_mutex_lock(&hwpt->ioas->iommu->lock);
	err = hwpt_set(hwpt, dev, pasid, true);
	if (!err)
		ioas_vdevice_refresh(ioas_binding_of(dev));
	ioas_unlock(hwpt->ioas->iommu);

	return err;
}

UVDK_EXPORT void uvdk_hwpt_detach(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid)
{
	struct ioas_binding *binding;
	struct ioas_tag *tag;

	if (!hwpt || !dev || !ioas_is_ours(hwpt->ioas))
		return;
	binding = ioas_binding_of(dev);
	pthread_mutex_lock(&hwpt->ioas->iommu->lock);
	tag = binding ? ioas_tag_find(binding, pasid) : NULL;
	if (tag && tag->hwpt == hwpt)
		ioas_tag_detach(tag);
	ioas_unlock(hwpt->ioas->iommu);
}

static int use_attach(struct uvdk_ioas *ioas, struct uvdk_hwpt *hwpt, struct ioas_binding *binding,
		      uint32_t pasid)
{
	int err;

	uvdk_lock_acquire(&ioas->lock);
	err = attach_pasid(hwpt, binding, pasid);
	uvdk_lock_release(&ioas->lock);

	return err;
}

static int ioas_set(struct uvdk_ioas *ioas, struct uvdk_device *dev, uint32_t pasid, bool replace)
{
	struct ioas_binding *binding = ioas_binding_of(dev);
	struct ioas_tag *tag = NULL;
	int err = ioas_check_device(ioas, dev);

	if (err)
		return err;
	if (pasid == UVDK_PASID_RID)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "PASID 0 stands for accesses without one: uvdk_ioas_attach() "
				 "attaches those");
	err = replace ? find_tag(binding, pasid, &tag) : ready_pasid(binding, pasid);
	if (err)
		return err;

	return ioas_serve(ioas, binding, UVDK_HWPT_PASID, pasid,
			  replace ? ioas_use_move : use_attach);
}

UVDK_EXPORT int uvdk_ioas_attach_pasid(struct uvdk_ioas *ioas, struct uvdk_device *dev,
				       uint32_t pasid)
{
	int err = ioas_check_given("attaching a PASID", "an address space", ioas, dev);

	if (!err)
		err = uvdk_ioas_check_own(ioas);
	if (err)
		return err;
	pthread_mutex_lock(&ioas->iommu->lock);
	err = ioas_set(ioas, dev, pasid, false);
	ioas_unlock(ioas->iommu);

	return err;
}

UVDK_EXPORT int uvdk_ioas_replace_pasid(struct uvdk_ioas *ioas, struct uvdk_device *dev,
					uint32_t pasid)
{
	int err = ioas_check_given("replacing what a PASID sees", "an address space", ioas, dev);

	if (!err)
		err = uvdk_ioas_check_own(ioas);
	if (err)
		return err;
	pthread_mutex_lock(&ioas->iommu->lock);
	err = ioas_set(ioas, dev, pasid, true);
	ioas_unlock(ioas->iommu);

	return err;
}

UVDK_EXPORT void uvdk_ioas_detach_pasid(struct uvdk_ioas *ioas, struct uvdk_device *dev,
					uint32_t pasid)
{
	struct ioas_binding *binding;
	struct ioas_tag *tag;

	if (!ioas || !dev || !ioas_is_ours(ioas))
		return;
	binding = ioas_binding_of(dev);
	pthread_mutex_lock(&ioas->iommu->lock);
	tag = binding && pasid != UVDK_PASID_RID ? ioas_tag_find(binding, pasid) : NULL;
	if (tag && tag->hwpt->ioas == ioas)
		ioas_pasid_detach(tag);
	ioas_unlock(ioas->iommu);
}
