/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PASID_H
#define UVDK_PASID_H

#include <uvdk_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: PASIDs: numbers that tag a DMA stream with an address space
 *
 * A *space* is a set of numbers, 1 to 2^width - 1; PASID 0 is never handed out
 * (it stands for DMA without a PASID in some IOMMUs). Its scope is the
 * caller's choice: a space for each device, of the device's width, or one that
 * several devices and containers of the process share, of the least width
 * among them. An *owner* is an account in a space, with a quota. A *user* is
 * whatever is attached to a PASID; freeing the PASID tells it first.
 *
 * Call order: uvdk_pasid_space_create() -> uvdk_pasid_owner_create() ->
 * uvdk_pasid_alloc() -> uvdk_pasid_use() ... uvdk_pasid_unuse() ->
 * uvdk_pasid_free() -> uvdk_pasid_owner_destroy() -> uvdk_pasid_space_destroy().
 * Any of the last three steps also ends what comes before it.
 *
 * A PASID is *free*, *held*, or *dying*: its owner is giving it back and its
 * users are being told. A dying PASID can be neither used nor freed again, and
 * still counts against the quota; it is handed out again only once the last of
 * its users is gone.
 *
 * Every call is thread-safe, except that an object must not be destroyed while
 * another thread is in a call on it. Allocating, freeing, using and unusing one
 * PASID takes the same time whatever the number held, makes no system call
 * unless threads contend, and no memory is allocated.
 *
 * A child made by fork() has none of its parent's PASIDs: the parent's spaces
 * are empty shells there. Calls on them fail with -EPERM; destroying releases
 * memory and tells no user. The child makes a space of its own.
 */

struct uvdk_pasid_space;
struct uvdk_pasid_owner;

/** UVDK_PASID_WIDTH_MAX - most bits of a PASID (PCIe 6.0, 6.20: PASID TLP prefix) */
#define UVDK_PASID_WIDTH_MAX 20

/** UVDK_PASID_QUOTA_DEFAULT - PASIDs an owner may hold unless told otherwise */
#define UVDK_PASID_QUOTA_DEFAULT 1000

/* ---- spaces ---- */

/**
 * struct uvdk_pasid_space_opts - how to create a space
 * @size: sizeof(struct uvdk_pasid_space_opts)
 * @width: bits of a PASID, 1 to 20; 0: 20
 */
struct uvdk_pasid_space_opts {
	size_t size;
	unsigned int width;
};

/**
 * uvdk_pasid_space_create() - new set of numbers, all of them free
 * @opts: options, or NULL
 * @out: new space, owned by the caller; must outlive its owners and every call
 *	on them and their users
 *
 * Reserves up to 34 MiB of addresses (2^20 PASIDs); memory comes behind them as
 * PASIDs are handed out, 4 KiB for every 128.
 *
 * Return: 0; -EINVAL (width, or options this version does not know); -ENOMEM;
 * -EOPNOTSUPP (a kernel before 4.14, which can't keep memory from a child).
 */
int uvdk_pasid_space_create(const struct uvdk_pasid_space_opts *opts,
			    struct uvdk_pasid_space **out);

/**
 * uvdk_pasid_space_destroy() - free a space
 * @space: space, or NULL; its owners must be gone, or it stays and an error is
 *	logged
 */
void uvdk_pasid_space_destroy(struct uvdk_pasid_space *space);

/* ---- owners ---- */

/**
 * uvdk_pasid_owner_create() - new account in a space
 * @space: must outlive it
 * @quota: most PASIDs held at once; 0: 1,000
 * @out: new owner, owned by the caller
 *
 * Quotas of several owners may add up to more than the space has: a quota is a
 * limit, not a reservation.
 *
 * Return: 0, -EINVAL (no space), -ENOMEM, or -EPERM (the space is the parent
 * process's).
 */
int uvdk_pasid_owner_create(struct uvdk_pasid_space *space, uint32_t quota,
			    struct uvdk_pasid_owner **out);

/**
 * uvdk_pasid_owner_destroy() - free all that an owner holds, then the owner
 * @owner: owner, or NULL
 *
 * As uvdk_pasid_free_range() over everything; then waits for PASIDs that other
 * threads are still freeing. Not to be called from a user's release().
 */
void uvdk_pasid_owner_destroy(struct uvdk_pasid_owner *owner);

/**
 * struct uvdk_pasid_stats - how full an account and its space are
 * @held: PASIDs the owner holds, dying ones included
 * @quota: most it may hold
 * @space_used: PASIDs that all owners of the space hold
 * @space_size: PASIDs the space has; the highest one
 */
struct uvdk_pasid_stats {
	uint32_t held;
	uint32_t quota;
	uint32_t space_used;
	uint32_t space_size;
};

/**
 * uvdk_pasid_get_stats() - how full an account and its space are
 * @owner: owner
 * @out: filled in
 *
 * Return: 0 or -EPERM (the owner is the parent process's).
 */
int uvdk_pasid_get_stats(struct uvdk_pasid_owner *owner, struct uvdk_pasid_stats *out);

/* ---- numbers ---- */

/**
 * uvdk_pasid_alloc() - take the lowest free PASID of a range
 * @owner: account to charge
 * @min: least PASID wanted; 0 counts as 1
 * @max: greatest PASID wanted, inclusive; may exceed what the space has
 *	(UINT32_MAX: no bound)
 * @pasid: out: the PASID
 *
 * A PASID just freed may come back at once: its users are gone.
 *
 * Return: 0; -EINVAL (@min > @max); -ERANGE (the space has no number in that
 * range); -EDQUOT (the owner holds its quota: names it); -ENOSPC (all of the
 * range is taken); -EPERM (the owner is the parent process's).
 */
int uvdk_pasid_alloc(struct uvdk_pasid_owner *owner, uint32_t min, uint32_t max, uint32_t *pasid);

/**
 * uvdk_pasid_alloc_range() - take the lowest adjacent free PASIDs of a range
 * @owner: account to charge
 * @count: how many, at least 1
 * @min: least PASID wanted; 0 counts as 1
 * @max: greatest PASID wanted, inclusive; may exceed what the space has
 * @first: out: lowest PASID; the others follow it
 *
 * All or nothing. Each of them may be freed singly. Looking takes at worst one
 * pass over a bitmap of the range (128 KiB for 2^20).
 *
 * Return: 0; -EINVAL (@min > @max, or @count is 0); -ERANGE (the range has not
 * so many numbers); -EDQUOT; -ENOSPC (no gap of that size); -EPERM.
 */
int uvdk_pasid_alloc_range(struct uvdk_pasid_owner *owner, uint32_t count, uint32_t min,
			   uint32_t max, uint32_t *first);

/**
 * uvdk_pasid_free() - tell a PASID's users, then give it back
 * @owner: who holds it
 * @pasid: PASID
 *
 * On return no user is left and the number may have been handed out again.
 *
 * Return: 0; -ERANGE (no PASID of this space); -ENOENT (nobody holds it);
 * -EACCES (another owner holds it); -EBUSY (it is dying: another thread, or
 * a caller further up this one, is freeing it); -EPERM (the owner is the parent
 * process's).
 */
int uvdk_pasid_free(struct uvdk_pasid_owner *owner, uint32_t pasid);

/**
 * uvdk_pasid_free_range() - free whatever of an owner lies in a range
 * @owner: who holds them
 * @first: lowest PASID
 * @last: highest PASID, inclusive; may exceed what the space has
 *
 * Numbers that are free, dying, or another owner's are passed over. All that
 * are to go are dying before the first user is told; they go in no particular
 * order. Takes time for each PASID freed and, at most, for each PASID the owner
 * holds or each number of the range, whichever are fewer.
 *
 * Return: how many were freed; -EINVAL (@first > @last); -EPERM (the owner is
 * the parent process's).
 */
int uvdk_pasid_free_range(struct uvdk_pasid_owner *owner, uint32_t first, uint32_t last);

/* ---- users ---- */

/**
 * struct uvdk_pasid_user - what must be torn down before a PASID is handed out again
 * @release: The PASID is being freed. Tear down what uses it; when this
 *	returns, no DMA with it reaches anything on behalf of this user, and
 *	the user is gone from the PASID as if by uvdk_pasid_unuse(). Called once,
 *	in the thread that frees, without any lock of this module held.
 * @arg: passed to @release
 * @space: private
 * @pasid: private
 * @next: private
 * @link: private
 *
 * Embedded in an object of the caller's, so that nothing is allocated. Zero it,
 * set @release and @arg, and leave the rest alone. While in use it must stay
 * where it is.
 *
 * release() may call anything here on other PASIDs and users: alloc, free, use,
 * unuse. It may call uvdk_pasid_unuse() on its own user, and from then on free
 * or reuse the object.
 */
struct uvdk_pasid_user {
	void (*release)(void *arg, uint32_t pasid);
	void *arg;
	struct uvdk_pasid_space *space;
	uint32_t pasid;
	struct uvdk_pasid_user *next;
	struct uvdk_pasid_user **link;
};

/**
 * uvdk_pasid_use() - be told before a PASID is freed
 * @owner: who holds it
 * @pasid: PASID
 * @user: not in use; any number of users may share a PASID, the latest is told
 *	first
 *
 * Call it before making the hardware use the PASID, so that a free can't slip
 * in between unseen.
 *
 * Return: 0; -EINVAL (@user has no release()); -EEXIST (@user is in use
 * already); -ERANGE (no PASID of this space); -ENOENT (nobody
 * holds it); -EACCES (another owner holds it); -EBUSY (it is dying); -EPERM
 * (the owner is the parent process's).
 */
int uvdk_pasid_use(struct uvdk_pasid_owner *owner, uint32_t pasid, struct uvdk_pasid_user *user);

/**
 * uvdk_pasid_unuse() - the PASID is no longer used by this user; never fails
 * @user: user; nothing happens if it is not in use. In a child of fork(): call
 *	it before the parent's space is destroyed there, or not at all
 *
 * On return the user won't be told, is not being told, and its memory is the
 * caller's again. Who waits for whom:
 *
 * - uvdk_pasid_free() waits for release() of one user after the other, never
 *   for uvdk_pasid_unuse().
 * - uvdk_pasid_unuse() of a user whose release() another thread is running
 *   waits until that returns, or until it calls uvdk_pasid_unuse() itself.
 *   Don't hold a lock over this call that release() takes.
 * - uvdk_pasid_unuse() of a user not told yet does not wait: it won't be told.
 * - From its own release() it does not wait.
 */
void uvdk_pasid_unuse(struct uvdk_pasid_user *user);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_PASID_H */
