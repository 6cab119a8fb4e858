/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PASID_WALK_DRIVER_H
#define UVDK_PASID_WALK_DRIVER_H

#include <uvdk_pasid.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: What a PASID space holds, for those who show it
 *
 * Copies, taken under the lock of the space: between two calls anything may come
 * and go. Owners have numbers here, ascending from 1 on.
 *
 * Thread-safe, but for the end of the space. A refusal logs nothing.
 *
 * Not for applications: may change in any release.
 */

/**
 * struct uvdk_seen_pasid_space - a space
 * @highest: PASID
 * @used: PASIDs taken
 * @owners: accounts
 */
struct uvdk_seen_pasid_space {
	uint32_t highest;
	uint32_t used;
	uint32_t owners;
};

/**
 * struct uvdk_seen_pasid_owner - an account
 * @id: number
 * @quota: most it may hold
 * @held: PASIDs it holds, dying ones included
 */
struct uvdk_seen_pasid_owner {
	uint64_t id;
	uint32_t quota;
	uint32_t held;
};

/**
 * struct uvdk_seen_pasid - a PASID that is taken
 * @pasid: PASID
 * @users: what is attached to it
 * @owner: number of its owner
 * @dying: it is being freed
 */
struct uvdk_seen_pasid {
	uint32_t pasid;
	uint32_t users;
	uint64_t owner;
	bool dying;
};

/**
 * uvdk_pasid_see_space() - how full a space is
 * @space: space
 * @out: filled in
 *
 * Return: 0, or -EPERM (the space is the parent process's).
 */
int uvdk_pasid_see_space(struct uvdk_pasid_space *space, struct uvdk_seen_pasid_space *out);

/**
 * uvdk_pasid_see_owner() - the next owner
 * @space: space
 * @after: number; 0: from the first on
 * @out: the owner with the lowest number beyond @after
 *
 * Return: 0, -ENOENT, or -EPERM.
 */
int uvdk_pasid_see_owner(struct uvdk_pasid_space *space, uint64_t after,
			 struct uvdk_seen_pasid_owner *out);

/**
 * uvdk_pasid_see() - some PASIDs that are taken
 * @space: space
 * @from: lowest PASID of interest
 * @out: filled with up to @max, ascending
 * @max: room in @out: few, since nobody can allocate or free meanwhile
 *
 * Return: how many it are, 0 where there are no more; -EPERM.
 */
int uvdk_pasid_see(struct uvdk_pasid_space *space, uint32_t from, struct uvdk_seen_pasid *out,
		   unsigned int max);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_PASID_WALK_DRIVER_H */
