// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "pasid_priv.h"

UVDK_EXPORT int uvdk_pasid_owner_create(struct uvdk_pasid_space *space, uint32_t quota,
					struct uvdk_pasid_owner **out)
{
	struct uvdk_pasid_owner *owner;

	if (!space)
		return uvdk_fail(-EINVAL, PASID_COMPONENT,
				 "an owner of PASIDs needs a space: has creating it failed?");
	if (pasid_orphaned(space))
		return pasid_fail_orphaned(space);
	owner = calloc(1, sizeof(*owner));
	if (!owner)
		return uvdk_fail(-ENOMEM, PASID_COMPONENT, "no memory for an owner of PASIDs");

	owner->space = space;
	owner->quota = quota ? quota : UVDK_PASID_QUOTA_DEFAULT;
	uvdk_lock_acquire(&space->lock);
	space->owners++;
	owner->id = ++space->last_id;
	TAILQ_INSERT_TAIL(&space->all, owner, entry);
	uvdk_lock_release(&space->lock);
	*out = owner;

	return 0;
}

/* Wait for those who are freeing some: they need the owner. Does it hold any after that? */
static bool settle(struct uvdk_pasid_owner *owner)
{
	struct uvdk_pasid_space *space = owner->space;
	bool more;

	uvdk_lock_acquire(&space->lock);
	while (owner->held && !owner->first)
		uvdk_lock_await(&space->lock);
	more = owner->held;
	if (!more) {
		space->owners--;
		TAILQ_REMOVE(&space->all, owner, entry);
	}
	uvdk_lock_release(&space->lock);

	return more;
}

UVDK_EXPORT void uvdk_pasid_owner_destroy(struct uvdk_pasid_owner *owner)
{
	if (!owner)
		return;

	/* More than once only if a release() has allocated from it. */
	if (!pasid_orphaned(owner->space))
		do
			pasid_free_owned(owner, 1, owner->space->highest);
		while (settle(owner));
	free(owner);
}

UVDK_EXPORT int uvdk_pasid_get_stats(struct uvdk_pasid_owner *owner, struct uvdk_pasid_stats *out)
{
	struct uvdk_pasid_space *space = owner->space;

	if (pasid_orphaned(space))
		return pasid_fail_orphaned(space);
	uvdk_lock_acquire(&space->lock);
	out->held = owner->held;
	out->quota = owner->quota;
	out->space_used = space->used;
	out->space_size = space->highest;
	uvdk_lock_release(&space->lock);

	return 0;
}
