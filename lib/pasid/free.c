// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "pasid_priv.h"

/*
 * Freeing: PASIDs are condemned (off the owner's list, onto that of the call),
 * then buried one by one: users told, number given back. Everything runs under
 * the lock, except a user's release().
 */

static void unlink_held(struct uvdk_pasid_owner *owner, struct pasid_entry *entry)
{
	struct pasid_entry *entries = owner->space->table->entry;

	if (entry->prev)
		entries[entry->prev].next = entry->next;
	else
		owner->first = entry->next;
	if (entry->next)
		entries[entry->next].prev = entry->prev;
}

static void give_back(struct uvdk_pasid_owner *owner, uint32_t pasid)
{
	struct uvdk_pasid_space *space = owner->space;

	space->table->entry[pasid].owner = NULL;
	pasid_bits_clear(&space->table->taken, pasid);
	if (pasid < space->lowest)
		space->lowest = pasid;
	owner->held--;
	space->used--;
}

static void condemn(struct uvdk_pasid_owner *owner, uint32_t pasid, struct pasid_death *death)
{
	struct pasid_entry *entry = &owner->space->table->entry[pasid];

	unlink_held(owner, entry);
	entry->death = death;
	entry->next = death->first;
	death->first = pasid;
}

/* The user may be gone afterwards, with its memory, if release() has said so. */
static void tell(struct uvdk_pasid_space *space, uint32_t pasid, struct uvdk_pasid_user *user,
		 struct pasid_death *death)
{
	void (*release)(void *arg, uint32_t pasid) = user->release;
	void *arg = user->arg;

	death->telling = user;
	death->turn = ++space->turns;
	uvdk_lock_release(&space->lock);
	release(arg, pasid);
	uvdk_lock_acquire(&space->lock);
	if (death->telling)
		pasid_user_drop(user);
	death->telling = NULL;
	death->turn = 0;
	uvdk_lock_announce(&space->lock);
}

static uint32_t bury(struct uvdk_pasid_owner *owner, struct pasid_death *death)
{
	struct uvdk_pasid_space *space = owner->space;
	uint32_t buried = 0;

	for (uint32_t pasid; (pasid = death->first); buried++) {
		struct pasid_entry *entry = &space->table->entry[pasid];

		death->first = entry->next;
		while (entry->users)
			tell(space, pasid, entry->users, death);
		entry->death = NULL;
		give_back(owner, pasid);
	}
	uvdk_lock_announce(&space->lock);

	return buried;
}

static bool is_live(const struct uvdk_pasid_owner *owner, uint32_t pasid)
{
	return !pasid_check_held(owner, &owner->space->table->entry[pasid]);
}

/* Numbers or list: whichever is shorter. */
static void condemn_range(struct uvdk_pasid_owner *owner, uint32_t first, uint32_t last,
			  struct pasid_death *death)
{
	struct pasid_entry *entries = owner->space->table->entry;

	if (last - first < owner->held) {
		for (uint32_t pasid = first; pasid <= last; pasid++)
			if (is_live(owner, pasid))
				condemn(owner, pasid, death);
		return;
	}
	for (uint32_t pasid = owner->first, next; pasid; pasid = next) {
		next = entries[pasid].next;
		if (pasid >= first && pasid <= last)
			condemn(owner, pasid, death);
	}
}

uint32_t pasid_free_owned(struct uvdk_pasid_owner *owner, uint32_t first, uint32_t last)
{
	struct pasid_death death = {.thread = pthread_self()};
	struct uvdk_pasid_space *space = owner->space;
	uint32_t buried;

	uvdk_lock_acquire(&space->lock);
	condemn_range(owner, first, last, &death);
	buried = bury(owner, &death);
	uvdk_lock_release(&space->lock);

	return buried;
}

UVDK_EXPORT int uvdk_pasid_free_range(struct uvdk_pasid_owner *owner, uint32_t first, uint32_t last)
{
	struct uvdk_pasid_space *space = owner->space;

	if (pasid_orphaned(space))
		return pasid_fail_orphaned(space);
	if (first > last)
		return uvdk_fail(-EINVAL, PASID_COMPONENT, "PASIDs from %u to %u make no sense",
				 first, last);
	if (!first)
		first = 1;
	if (last > space->highest)
		last = space->highest;

	return first <= last ? (int)pasid_free_owned(owner, first, last) : 0;
}

static __attribute__((noinline)) void free_used(struct uvdk_pasid_owner *owner, uint32_t pasid)
{
	struct pasid_death death = {.thread = pthread_self()};

	condemn(owner, pasid, &death);
	bury(owner, &death);
}

static int free_locked(struct uvdk_pasid_owner *owner, uint32_t pasid)
{
	struct pasid_entry *entry = &owner->space->table->entry[pasid];
	int err = pasid_check_held(owner, entry);

	if (err)
		return err;
	if (entry->users) {
		free_used(owner, pasid);
		return 0;
	}
	unlink_held(owner, entry);
	give_back(owner, pasid);

	return 0;
}

UVDK_EXPORT int uvdk_pasid_free(struct uvdk_pasid_owner *owner, uint32_t pasid)
{
	struct uvdk_pasid_space *space = owner->space;
	int err = -ERANGE;

	if (pasid_orphaned(space))
		return pasid_fail_orphaned(space);
	if (pasid_exists(space, pasid)) {
		uvdk_lock_acquire(&space->lock);
		err = free_locked(owner, pasid);
		uvdk_lock_release(&space->lock);
	}

	return __builtin_expect(err, 0) ? pasid_fail_held(space, err, pasid, "free") : 0;
}
