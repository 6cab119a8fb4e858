// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "iommu_priv.h"

#define HWPT_FLAGS (UVDK_HWPT_PASID | UVDK_HWPT_NEST_PARENT | UVDK_HWPT_DIRTY)

/* Under iommu->lock and that of the ioas. */
int ioas_hwpt_new(struct uvdk_ioas *ioas, struct ioas_binding *binding,
		  const struct uvdk_hwpt_opts *opts, struct uvdk_hwpt **out)
{
	struct uvdk_faultq *q = opts->faultq;
	struct uvdk_hwpt *hwpt;
	bool rw_only;
	int err;

	if (!ioas->ops->hwpt_create)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "%s has neither page tables to choose nor PASIDs: iommufd has",
				 ioas->ops->name);
	err = ioas_parent_check(ioas, binding, opts, &rw_only);
	if (err)
		return err;
	err = ioas_gone_stop(ioas);
	if (err)
		return err;
	hwpt = calloc(1, sizeof(*hwpt));
	if (!hwpt)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for a page table");
	if (q)
		err = ioas->ops->hwpt_create_faulting(ioas->priv, &binding->pub, opts->flags,
						      q->priv, &hwpt->priv);
	else
		err = ioas->ops->hwpt_create(ioas->priv, &binding->pub, opts->flags, &hwpt->priv);
	if (err) {
		free(hwpt);
		return err;
	}

	hwpt->ioas = ioas;
	hwpt->flags = opts->flags;
	hwpt->enforced = ioas_enforces(binding);
	hwpt->faultq = q;
	if (q)
		q->tables++;
	LIST_INIT(&hwpt->tags);
	LIST_INSERT_HEAD(&ioas->hwpts, hwpt, entry);
	hwpt->rw_only = rw_only;
	ioas_parent_count(hwpt, 1);
	*out = hwpt;
	return 0;
}

void ioas_hwpt_free(struct uvdk_hwpt *hwpt)
{
	hwpt->ioas->ops->hwpt_destroy(hwpt->priv);
	if (hwpt->faultq)
		hwpt->faultq->tables--;
	LIST_REMOVE(hwpt, entry);
	ioas_parent_count(hwpt, -1);
	ioas_nested_forget(hwpt);
	free(hwpt);
}

int ioas_hwpt_get(struct uvdk_ioas *ioas, struct ioas_binding *binding, bool shared,
		  unsigned int flags, struct uvdk_hwpt **out)
{
	const struct ioas_binding *maker = shared ? NULL : binding;
	const struct uvdk_hwpt_opts opts = {.flags = flags};
	bool enforces = ioas_enforces(binding);
	struct uvdk_hwpt *hwpt;
	int err;

	LIST_FOREACH(hwpt, &ioas->hwpts, entry)
	{
		if (hwpt->automatic && hwpt->maker == maker && hwpt->flags == flags &&
		    hwpt->enforced == enforces) {
			*out = hwpt;
			return 0;
		}
	}
	err = ioas_hwpt_new(ioas, binding, &opts, out);
	if (!err) {
		(*out)->automatic = true;
		(*out)->maker = shared ? NULL : binding;
	}

	return err;
}

/* Nobody else knows it: it goes with the last that is attached. */
void ioas_hwpt_put(struct uvdk_hwpt *hwpt)
{
	if (hwpt && hwpt->automatic && LIST_EMPTY(&hwpt->tags))
		ioas_hwpt_free(hwpt);
}

void ioas_hwpt_detach_all(struct uvdk_ioas *ioas)
{
	struct uvdk_hwpt *hwpt = LIST_FIRST(&ioas->hwpts);

	while (hwpt) {
		if (LIST_EMPTY(&hwpt->tags)) {
			hwpt = LIST_NEXT(hwpt, entry);
			continue;
		}
		ioas_pasid_detach(LIST_FIRST(&hwpt->tags));
		hwpt = LIST_FIRST(&ioas->hwpts); /* that one may be gone */
	}
}

UVDK_EXPORT int uvdk_hwpt_create(struct uvdk_ioas *ioas, struct uvdk_device *dev,
				 const struct uvdk_hwpt_opts *opts, struct uvdk_hwpt **out)
{
	struct uvdk_hwpt_opts o = {.size = sizeof(o)};
	int err = ioas_check_given("making a page table", "an address space", ioas, dev);

	if (!err)
		err = uvdk_ioas_check_own(ioas);
	if (!err)
		err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_hwpt_opts");
	if (err)
		return err;
	if (o.flags & ~HWPT_FLAGS)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "unknown page table flags 0x%x",
				 o.flags & ~HWPT_FLAGS);
	if (o.faultq && o.faultq->iommu != ioas->iommu)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "the fault queue belongs to another iommu than the address space");

	pthread_mutex_lock(&ioas->iommu->lock);
	err = ioas_check_device(ioas, dev);
	if (!err) {
		uvdk_lock_acquire(&ioas->lock);
		err = ioas_hwpt_new(ioas, ioas_binding_of(dev), &o, out);
		uvdk_lock_release(&ioas->lock);
	}
	ioas_unlock(ioas->iommu);

	return err;
}

void ioas_hwpt_end(struct uvdk_hwpt *hwpt)
{
	struct uvdk_ioas *ioas = hwpt->ioas;

	while (!LIST_EMPTY(&hwpt->tags))
		ioas_tag_detach(LIST_FIRST(&hwpt->tags));
	uvdk_lock_acquire(&ioas->lock);
	ioas_hwpt_free(hwpt);
	uvdk_lock_release(&ioas->lock);
}

UVDK_EXPORT void uvdk_hwpt_destroy(struct uvdk_hwpt *hwpt)
{
	struct uvdk_ioas *ioas = hwpt ? hwpt->ioas : NULL;

	if (!hwpt || !ioas_is_ours(ioas))
		return;

	pthread_mutex_lock(&ioas->iommu->lock);
	if (hwpt->viommus)
		uvdk_log(UVDK_LOG_ERR, IOAS_COMPONENT,
			 "a page table stays: it is the parent of %u vIOMMUs; destroy them first",
			 hwpt->viommus);
	else
		ioas_hwpt_end(hwpt);
	ioas_unlock(ioas->iommu);
}
