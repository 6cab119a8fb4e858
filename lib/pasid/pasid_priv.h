/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PASID_PRIV_H
#define UVDK_PASID_PRIV_H

#include <errno.h>
#include <pthread.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <uvdk_base_driver.h>
#include <uvdk_lock_driver.h>
#include <uvdk_pasid.h>

#include "pasid_bits.h"

#define PASID_COMPONENT "pasid"

/*
 * A call that frees PASIDs, on the stack of its thread; guarded by the lock of
 * the space. @turn tells its callbacks apart for those who wait: their number
 * in the space, 0 while none is running (or it has let go of its user).
 */
struct pasid_death {
	pthread_t thread;
	struct uvdk_pasid_user *telling;
	uint64_t turn;
	uint32_t first; /* still to be buried, through entry.next; 0: none */
};

/* A PASID. Links are PASIDs: 0 is none. */
struct pasid_entry {
	struct uvdk_pasid_owner *owner; /* NULL: free */
	struct pasid_death *death;	/* NULL: not dying */
	struct uvdk_pasid_user *users;
	uint32_t next; /* held by the owner, or dying in the same call */
	uint32_t prev; /* held by the owner */
};

/*
 * All that says which PASIDs there are, in a mapping that a child of fork()
 * finds filled with zeroes. Entries get memory when they are touched.
 */
struct pasid_table {
	uint64_t ours; /* 1; 0 in a child. Not written after creation */
	struct pasid_bits taken;
	struct pasid_entry entry[];
};

struct uvdk_pasid_space {
	struct pasid_table *table; /* contents guarded by lock, but for ours */
	uint32_t highest;
	pid_t pid; /* of the creator, for messages */

	/*
	 * Guards what follows, and every owner's and user's fields. Its event: a
	 * release() has returned, or a dying PASID become free.
	 */
	struct uvdk_lock lock;
	uint32_t used;	 /* PASIDs taken */
	uint32_t lowest; /* none below it is free */
	uint32_t owners;
	uint64_t turns;			    /* callbacks so far */
	TAILQ_HEAD(, uvdk_pasid_owner) all; /* owners, by ascending id */
	uint64_t last_id;
};

struct uvdk_pasid_owner {
	struct uvdk_pasid_space *space;
	uint32_t quota;
	uint32_t held; /* dying ones included */
	uint64_t id;   /* of the space, from 1 on */
	TAILQ_ENTRY(uvdk_pasid_owner) entry;
	uint32_t first; /* list of those not dying, through entry.next and prev */
};

/* Are we a child of the process that the space belongs to? */
static inline bool pasid_orphaned(const struct uvdk_pasid_space *space)
{
	return __builtin_expect(!space->table->ours, 0);
}

/* space.c: -EPERM, with a sentence */
int pasid_fail_orphaned(const struct uvdk_pasid_space *space);

/* space.c: why a PASID is not one that this owner can free or use; 0: it is. */
int pasid_fail_held(const struct uvdk_pasid_space *space, int err, uint32_t pasid,
		    const char *what);

static inline bool pasid_exists(const struct uvdk_pasid_space *space, uint32_t pasid)
{
	return pasid - 1 < space->highest;
}

/* Under the lock: 0 if the owner holds it and it is not dying. */
static inline int pasid_check_held(const struct uvdk_pasid_owner *owner,
				   const struct pasid_entry *entry)
{
	if (entry->owner != owner)
		return entry->owner ? -EACCES : -ENOENT;

	return entry->death ? -EBUSY : 0;
}

/* user.c: take a user off its PASID, under the lock */
void pasid_user_drop(struct uvdk_pasid_user *user);

/* user.c: is it in use, in a space of the parent process? */
bool pasid_user_orphaned(const struct uvdk_pasid_user *user);

/* free.c: free all of an owner in first..last, 1 to highest; returns how many */
uint32_t pasid_free_owned(struct uvdk_pasid_owner *owner, uint32_t first, uint32_t last);

#endif /* UVDK_PASID_PRIV_H */
