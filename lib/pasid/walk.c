// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_pasid_walk_driver.h>

#include "pasid_priv.h"

UVDK_EXPORT int uvdk_pasid_see_space(struct uvdk_pasid_space *space,
				     struct uvdk_seen_pasid_space *out)
{
	if (pasid_orphaned(space))
		return -EPERM;
	uvdk_lock_acquire(&space->lock);
	*out = (struct uvdk_seen_pasid_space){space->highest, space->used, space->owners};
	uvdk_lock_release(&space->lock);

	return 0;
}

UVDK_EXPORT int uvdk_pasid_see_owner(struct uvdk_pasid_space *space, uint64_t after,
				     struct uvdk_seen_pasid_owner *out)
{
	const struct uvdk_pasid_owner *owner;

	if (pasid_orphaned(space))
		return -EPERM;
	uvdk_lock_acquire(&space->lock);
	TAILQ_FOREACH(owner, &space->all, entry)
	if (owner->id > after)
		break;
	if (owner)
		*out = (struct uvdk_seen_pasid_owner){owner->id, owner->quota, owner->held};
	uvdk_lock_release(&space->lock);

	return owner ? 0 : -ENOENT;
}

/* The lowest PASID at or above @pasid that is taken; beyond the highest: none. */
static uint32_t next_taken(const struct uvdk_pasid_space *space, uint32_t pasid)
{
	const uint64_t *low = space->table->taken.low;
	uint32_t last = space->highest >> 6;
	uint64_t word = pasid <= space->highest ? low[pasid >> 6] >> (pasid & 63) : 0;

	if (word)
		return pasid + (uint32_t)__builtin_ctzll(word);
	for (uint32_t i = (pasid >> 6) + 1; i <= last; i++)
		if (low[i])
			return (i << 6) + (uint32_t)__builtin_ctzll(low[i]);

	return UINT32_MAX;
}

static struct uvdk_seen_pasid see(const struct uvdk_pasid_space *space, uint32_t pasid)
{
	const struct pasid_entry *entry = &space->table->entry[pasid];
	struct uvdk_seen_pasid seen = {.pasid = pasid, .dying = entry->death};

	if (entry->owner)
		seen.owner = entry->owner->id;
	for (const struct uvdk_pasid_user *user = entry->users; user; user = user->next)
		seen.users++;

	return seen;
}

UVDK_EXPORT int uvdk_pasid_see(struct uvdk_pasid_space *space, uint32_t from,
			       struct uvdk_seen_pasid *out, unsigned int max)
{
	unsigned int count = 0;

	if (pasid_orphaned(space))
		return -EPERM;
	uvdk_lock_acquire(&space->lock);
	while (count < max) {
		uint32_t pasid = next_taken(space, from);

		if (pasid > space->highest)
			break;
		out[count++] = see(space, pasid);
		from = pasid + 1;
	}
	uvdk_lock_release(&space->lock);

	return (int)count;
}
