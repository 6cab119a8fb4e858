// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "iommu_priv.h"

static int compare(const void *a, const void *b)
{
	const struct ioas_tag *x = a;
	const struct ioas_tag *y = b;

	return x->pasid < y->pasid ? -1 : x->pasid > y->pasid;
}

struct ioas_tag *ioas_tag_find(const struct ioas_binding *binding, uint32_t pasid)
{
	const struct ioas_tag key = {.pasid = pasid};
	struct ioas_tag **node = tfind(&key, &binding->tags, compare);

	return node ? *node : NULL;
}

/* There must be none yet. On failure a @hwpt that was made for it is gone. */
int ioas_tag_add(struct uvdk_hwpt *hwpt, struct ioas_binding *binding, uint32_t pasid,
		 struct ioas_tag **out)
{
	struct ioas_tag *tag = calloc(1, sizeof(*tag));

	if (!tag)
		goto no_memory;
	*tag = (struct ioas_tag){.pasid = pasid, .binding = binding, .hwpt = hwpt};
	if (!tsearch(tag, &binding->tags, compare))
		goto no_memory;
	LIST_INSERT_HEAD(&hwpt->tags, tag, entry);
	if (pasid != UVDK_PASID_RID) {
		LIST_INSERT_HEAD(&binding->pasids, tag, sibling);
		ioas_count(hwpt->ioas, binding, 1);
	}
	ioas_touch(hwpt->ioas);
	*out = tag;

	return 0;
no_memory:
	free(tag);
	ioas_hwpt_put(hwpt);
	return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory to attach a device");
}

void ioas_tag_move(struct ioas_tag *tag, struct uvdk_hwpt *hwpt)
{
	struct uvdk_hwpt *before = tag->hwpt;

	LIST_REMOVE(tag, entry);
	LIST_INSERT_HEAD(&hwpt->tags, tag, entry);
	tag->hwpt = hwpt;
	if (tag->pasid != UVDK_PASID_RID) {
		ioas_count(before->ioas, tag->binding, -1);
		ioas_count(hwpt->ioas, tag->binding, 1);
	}
	if (before != hwpt)
		ioas_nested_left(before, tag->binding, tag->pasid);
	ioas_vdevice_refresh(tag->binding);
	ioas_touch(before->ioas);
	ioas_touch(hwpt->ioas);
	ioas_hwpt_put(before);
}

void ioas_tag_drop(struct ioas_tag *tag)
{
	struct ioas_binding *binding = tag->binding;
	struct uvdk_hwpt *hwpt = tag->hwpt;

	ioas_faultq_abandon(hwpt, tag);
	ioas_nested_left(hwpt, binding, tag->pasid);
	tdelete(tag, &binding->tags, compare);
	ioas_vdevice_refresh(binding);
	if (tag->pasid != UVDK_PASID_RID) {
		LIST_REMOVE(tag, sibling);
		ioas_count(hwpt->ioas, binding, -1);
	}
	LIST_REMOVE(tag, entry);
	ioas_touch(hwpt->ioas);
	free(tag);
	ioas_hwpt_put(hwpt);
}

void ioas_pasid_detach(struct ioas_tag *tag)
{
	struct uvdk_ioas *ioas = tag->hwpt->ioas;

	uvdk_lock_acquire(&ioas->lock);
	ioas->ops->pasid_detach(ioas->priv, &tag->binding->pub, tag->pasid);
	ioas_tag_drop(tag);
	if (ioas_adopt(ioas))
		uvdk_log(UVDK_LOG_WARN, IOAS_COMPONENT,
			 "the IOVA ranges of before a PASID was detached stay in force");
	uvdk_lock_release(&ioas->lock);
}

void ioas_tag_detach(struct ioas_tag *tag)
{
	if (tag->pasid == UVDK_PASID_RID)
		ioas_detach_binding(tag->binding);
	else
		ioas_pasid_detach(tag);
}

void ioas_pasid_detach_all(struct ioas_binding *binding)
{
	while (!LIST_EMPTY(&binding->pasids))
		ioas_pasid_detach(LIST_FIRST(&binding->pasids));
}
