// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "pasid_priv.h"

/*
 * user->space is read without the lock, to find the lock: it is written with
 * __atomic, under the lock.
 */
static struct uvdk_pasid_space *space_of(const struct uvdk_pasid_user *user)
{
	return __atomic_load_n(&user->space, __ATOMIC_ACQUIRE);
}

static void set_space(struct uvdk_pasid_user *user, struct uvdk_pasid_space *space)
{
	__atomic_store_n(&user->space, space, __ATOMIC_RELEASE);
}

bool pasid_user_orphaned(const struct uvdk_pasid_user *user)
{
	const struct uvdk_pasid_space *space = space_of(user);

	return space && pasid_orphaned(space);
}

static void add(struct uvdk_pasid_user *user, struct uvdk_pasid_space *space, uint32_t pasid)
{
	struct uvdk_pasid_user **link = &space->table->entry[pasid].users;

	user->pasid = pasid;
	user->next = *link;
	user->link = link;
	if (user->next)
		user->next->link = &user->next;
	*link = user;
	set_space(user, space);
}

void pasid_user_drop(struct uvdk_pasid_user *user)
{
	*user->link = user->next;
	if (user->next)
		user->next->link = user->link;
	set_space(user, NULL);
}

static int use_locked(struct uvdk_pasid_owner *owner, uint32_t pasid, struct uvdk_pasid_user *user)
{
	int err = pasid_check_held(owner, &owner->space->table->entry[pasid]);

	if (!err && space_of(user))
		err = -EEXIST;
	if (!err)
		add(user, owner->space, pasid);

	return err;
}

UVDK_EXPORT int uvdk_pasid_use(struct uvdk_pasid_owner *owner, uint32_t pasid,
			       struct uvdk_pasid_user *user)
{
	struct uvdk_pasid_space *space = owner->space;
	int err = -ERANGE;

	if (pasid_orphaned(space))
		return pasid_fail_orphaned(space);
	if (!user->release)
		return uvdk_fail(-EINVAL, PASID_COMPONENT,
				 "a user of PASID %u must be told when it is freed: set release",
				 pasid);
	if (pasid_exists(space, pasid)) {
		uvdk_lock_acquire(&space->lock);
		err = use_locked(owner, pasid, user);
		uvdk_lock_release(&space->lock);
	}
	if (err == -EEXIST)
		return uvdk_fail(err, PASID_COMPONENT,
				 "can't use PASID %u: this user is in use for a PASID already; "
				 "take one for each",
				 pasid);

	return err ? pasid_fail_held(space, err, pasid, "use") : 0;
}

/* Another thread's release() is running, and the user with it; neither is touched here. */
static void wait_for_release(struct uvdk_pasid_space *space, const struct pasid_entry *entry)
{
	uint64_t turn = entry->death->turn;

	while (entry->death && entry->death->turn == turn)
		uvdk_lock_await(&space->lock);
}

static void unuse_locked(struct uvdk_pasid_space *space, struct uvdk_pasid_user *user)
{
	struct pasid_entry *entry = &space->table->entry[user->pasid];
	struct pasid_death *death = entry->death;

	if (death && death->telling == user) {
		if (!pthread_equal(death->thread, pthread_self())) {
			wait_for_release(space, entry);
			return;
		}
		/* From its own release(): that needs it no longer, and nor do we. */
		death->telling = NULL;
		death->turn = 0;
		uvdk_lock_announce(&space->lock);
	}
	pasid_user_drop(user);
}

UVDK_EXPORT void uvdk_pasid_unuse(struct uvdk_pasid_user *user)
{
	struct uvdk_pasid_space *space = space_of(user);

	if (!space)
		return;
	if (pasid_orphaned(space)) {
		set_space(user, NULL);
		return;
	}
	uvdk_lock_acquire(&space->lock);
	if (space_of(user) == space)
		unuse_locked(space, user);
	uvdk_lock_release(&space->lock);
}
