// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_priv.h"

/*
 * Which table is due to whom follows from the policy and from who is attached,
 * never from the order in which they came. All of it runs under iommu->lock.
 *
 * An address space is *mixed* if it is to be shared and has devices of both
 * kinds. Only a table made for a device that can't enforce coherency leaves the
 * others' accesses alone, so one such table serves all. Otherwise tables are as
 * in ADR 0012 under "share", and one for each kind under "separate".
 */

/* Asked once: what has been counted as one kind must not leave as the other. */
bool ioas_enforces(struct ioas_binding *binding)
{
	struct uvdk_iommu_info info = {0};

	if (binding->enforces < 0) {
		int err = binding->pub.iommu->ops->info(binding->pub.iommu->priv, &binding->pub,
							&info);

		binding->enforces = !err && info.features & UVDK_IOMMU_SNOOP_CONTROL;
	}

	return binding->enforces;
}

void ioas_count(struct uvdk_ioas *ioas, struct ioas_binding *binding, int by)
{
	ioas->present[ioas_enforces(binding)] += (unsigned int)by;
	ioas_touch(ioas);
}

static bool shares(const struct uvdk_ioas *ioas)
{
	return ioas->coherency == UVDK_COHERENCY_SHARE;
}

/* Counting a device that may not be attached yet. */
static bool mixed_with(const struct uvdk_ioas *ioas, struct ioas_binding *binding)
{
	return shares(ioas) && ioas->ops->hwpt_create && ioas->present[!ioas_enforces(binding)];
}

/* One whose iommu can't enforce it: @binding, or one that is attached. */
static struct ioas_binding *weakest(const struct uvdk_ioas *ioas, struct ioas_binding *binding)
{
	struct ioas_binding *other = ioas->devices;
	const struct uvdk_hwpt *hwpt;
	const struct ioas_tag *tag;

	if (!ioas_enforces(binding))
		return binding;
	while (other && ioas_enforces(other))
		other = other->next;
	if (other)
		return other;
	LIST_FOREACH(hwpt, &ioas->hwpts, entry)
	LIST_FOREACH(tag, &hwpt->tags, entry)
	if (!ioas_enforces(tag->binding))
		return tag->binding;

	return binding;
}

static int get(struct uvdk_ioas *ioas, struct ioas_binding *maker, bool shared, unsigned int flags,
	       struct uvdk_hwpt **out)
{
	int err;

	uvdk_lock_acquire(&ioas->lock);
	err = ioas_hwpt_get(ioas, maker, shared, flags, out);
	uvdk_lock_release(&ioas->lock);

	return err;
}

/* What is due to a device if it can't use that of the others. */
static int get_own(struct uvdk_ioas *ioas, struct ioas_binding *binding, unsigned int flags,
		   struct uvdk_hwpt **out)
{
	*out = NULL;
	if (!flags && shares(ioas))
		return 0;

	return get(ioas, binding, false, flags, out);
}

/* Formats may differ: nobody but the kernel knows before it has been tried. */
int ioas_serve(struct uvdk_ioas *ioas, struct ioas_binding *binding, unsigned int flags,
	       uint32_t pasid,
	       int (*use)(struct uvdk_ioas *ioas, struct uvdk_hwpt *hwpt,
			  struct ioas_binding *binding, uint32_t pasid))
{
	bool mixed = mixed_with(ioas, binding);
	struct uvdk_hwpt *hwpt = NULL;
	int err;

	if (mixed || (!shares(ioas) && ioas->ops->hwpt_create)) {
		err = get(ioas, mixed ? weakest(ioas, binding) : binding, true, flags, &hwpt);
		err = err ? err : use(ioas, hwpt, binding, pasid);
		if (err != -EINVAL && err != -EOPNOTSUPP)
			return err;
		uvdk_log(UVDK_LOG_INFO, IOAS_COMPONENT,
			 "%s can't use the page table of the other devices%s",
			 ioas_name_of(binding->pub.dev),
			 mixed && ioas_enforces(binding) ? ": its coherency stays enforced" : "");
	}
	err = ioas->ops->hwpt_create || flags ? get_own(ioas, binding, flags, &hwpt) : 0;

	return err ? err : use(ioas, hwpt, binding, pasid);
}

int ioas_use_move(struct uvdk_ioas *ioas, struct uvdk_hwpt *hwpt, struct ioas_binding *binding,
		  uint32_t pasid)
{
	struct ioas_tag *tag = ioas_tag_find(binding, pasid);

	(void)ioas;
	if (!hwpt)
		return ioas_restore(binding);

	return pasid == UVDK_PASID_RID ? ioas_move(hwpt, binding) : ioas_pasid_replace(hwpt, tag);
}

/* What fails to move keeps what it has, is reported so, and is tried again later. */
static void settle_one(struct uvdk_ioas *ioas, struct ioas_binding *binding, unsigned int flags,
		       uint32_t pasid)
{
	if (!ioas_serve(ioas, binding, flags, pasid, ioas_use_move))
		return;

	ioas->unsettled = true;
	uvdk_log(UVDK_LOG_WARN, IOAS_COMPONENT,
		 "%s (PASID %u) keeps the page table of before, in which coherency is%s enforced",
		 ioas_name_of(binding->pub.dev), pasid, ioas->mixed ? "" : " not");
}

/* Those that stay wait in a list of their own, and the table with them. */
static void settle_table(struct uvdk_ioas *ioas, struct uvdk_hwpt *hwpt)
{
	LIST_HEAD(, ioas_tag) stay = LIST_HEAD_INITIALIZER(stay);
	struct ioas_tag *tag;

	hwpt->automatic = false;
	while ((tag = LIST_FIRST(&hwpt->tags))) {
		settle_one(ioas, tag->binding, hwpt->flags, tag->pasid);
		if (LIST_FIRST(&hwpt->tags) == tag) {
			LIST_REMOVE(tag, entry);
			LIST_INSERT_HEAD(&stay, tag, entry);
		}
	}
	while ((tag = LIST_FIRST(&stay))) {
		LIST_REMOVE(tag, entry);
		LIST_INSERT_HEAD(&hwpt->tags, tag, entry);
	}
	hwpt->automatic = true;
	uvdk_lock_acquire(&ioas->lock);
	ioas_hwpt_put(hwpt);
	uvdk_lock_release(&ioas->lock);
}

static void settle_plain(struct uvdk_ioas *ioas)
{
	for (struct ioas_binding *binding = ioas->devices; binding; binding = binding->next)
		if (!ioas_tag_find(binding, UVDK_PASID_RID))
			settle_one(ioas, binding, 0, UVDK_PASID_RID);
}

/* New tables come first in the list, so a walk does not meet them. */
void ioas_settle(struct uvdk_ioas *ioas)
{
	bool mixed = shares(ioas) && ioas->present[0] && ioas->present[1];
	struct uvdk_hwpt *hwpt, *next;

	if (mixed == ioas->mixed && !ioas->unsettled)
		return;
	ioas->mixed = mixed;
	ioas->unsettled = false;
	if (!ioas->ops->hwpt_create) {
		if (mixed)
			uvdk_log(UVDK_LOG_INFO, IOAS_COMPONENT,
				 "%s can't leave accesses alone whose coherency an iommu enforces: "
				 "these devices do not share that property",
				 ioas->ops->name);
		return;
	}
	for (hwpt = LIST_FIRST(&ioas->hwpts); hwpt; hwpt = next) {
		next = LIST_NEXT(hwpt, entry);
		if (hwpt->automatic && mixed == !!hwpt->maker)
			settle_table(ioas, hwpt);
	}
	if (mixed)
		settle_plain(ioas);
}

static enum uvdk_coherency_table table_of(const struct uvdk_ioas *ioas,
					  const struct uvdk_hwpt *hwpt, bool enforced)
{
	if (hwpt && !hwpt->automatic)
		return UVDK_COHERENCY_TABLE_OWN;
	if (shares(ioas) && ioas->ops->hwpt_create && !(ioas->mixed && enforced))
		return UVDK_COHERENCY_TABLE_SHARED;

	return enforced ? UVDK_COHERENCY_TABLE_ENFORCED : UVDK_COHERENCY_TABLE_OPEN;
}

static int look(const struct uvdk_ioas *ioas, struct ioas_binding *binding,
		struct uvdk_coherency *out)
{
	const struct ioas_tag *tag = ioas_tag_find(binding, UVDK_PASID_RID);
	const struct uvdk_hwpt *hwpt = tag ? tag->hwpt : NULL;
	bool attached = binding->pub.ioas == ioas;
	bool enforced = !attached || (hwpt ? hwpt->enforced : ioas_enforces(binding));

	LIST_FOREACH(tag, &binding->pasids, sibling)
	{
		if (tag->hwpt->ioas != ioas)
			continue;
		hwpt = attached ? hwpt : tag->hwpt;
		attached = true;
		enforced = enforced && tag->hwpt->enforced;
	}
	if (!attached)
		return uvdk_fail(-ENOENT, IOAS_COMPONENT,
				 "%s is not attached to this address space",
				 ioas_name_of(binding->pub.dev));
	out->enforced = enforced;
	out->table = table_of(ioas, hwpt, enforced);

	return 0;
}

UVDK_EXPORT int uvdk_ioas_device_coherency(struct uvdk_ioas *ioas, struct uvdk_device *dev,
					   struct uvdk_coherency *out)
{
	struct ioas_binding *binding = ioas_binding_of(dev);
	int err;

	if (!binding)
		return uvdk_fail(-ENOENT, IOAS_COMPONENT, "%s is gone, and attached to nothing",
				 ioas_name_of(dev));
	pthread_mutex_lock(&ioas->iommu->lock);
	err = look(ioas, binding, out);
	pthread_mutex_unlock(&ioas->iommu->lock);

	return err;
}
