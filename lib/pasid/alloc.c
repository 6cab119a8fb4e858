// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "pasid_priv.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

static inline void take(struct uvdk_pasid_owner *owner, uint32_t pasid)
{
	struct pasid_table *table = owner->space->table;
	struct pasid_entry *entry = &table->entry[pasid];

	entry->owner = owner;
	entry->next = owner->first;
	entry->prev = 0;
	if (owner->first)
		table->entry[owner->first].prev = pasid;
	owner->first = pasid;
	pasid_bits_set(&table->taken, pasid);
}

/*
 * Lowest of @count adjacent free numbers in low..high, or beyond it. Nothing
 * below space->lowest is free, so that the short way is the usual one.
 */
static ALWAYS_INLINE uint32_t find(struct uvdk_pasid_space *space, uint32_t count, uint32_t low,
				   uint32_t high)
{
	uint32_t from = low > space->lowest ? low : space->lowest;
	uint32_t at;

	if (from > high)
		return PASID_BITS_NONE;
	if (count > 1)
		return pasid_bits_next_gap(&space->table->taken, count, from, high);
	at = pasid_bits_next_free(&space->table->taken, from);
	if (from == space->lowest)
		space->lowest = at;

	return at;
}

static ALWAYS_INLINE int alloc_locked(struct uvdk_pasid_owner *owner, uint32_t count, uint32_t low,
				      uint32_t high, uint32_t *first)
{
	struct uvdk_pasid_space *space = owner->space;
	uint32_t at;

	if (count > owner->quota - owner->held)
		return -EDQUOT;
	at = find(space, count, low, high);
	if (at > high)
		return -ENOSPC;

	/* From above, so that the owner's list begins with the lowest. */
	for (uint32_t left = count; left; left--)
		take(owner, at + left - 1);
	owner->held += count;
	space->used += count;
	*first = at;

	return 0;
}

/* Without the lock: who listens to the log may call us. */
static __attribute__((noinline)) int explain(const struct uvdk_pasid_owner *owner, int err,
					     uint32_t count, uint32_t min, uint32_t max)
{
	switch (err) {
	case -EINVAL:
		return uvdk_fail(err, PASID_COMPONENT, "%u PASIDs of %u to %u make no sense", count,
				 min, max);
	case -ERANGE:
		return uvdk_fail(err, PASID_COMPONENT,
				 "%u PASIDs of %u to %u are not to be had: this space has 1 to %u",
				 count, min, max, owner->space->highest);
	case -EDQUOT:
		return uvdk_fail(err, PASID_COMPONENT,
				 "%u more PASIDs would exceed this owner's quota of %u; free some, "
				 "or create it with a larger quota",
				 count, owner->quota);
	default:
		return uvdk_fail(err, PASID_COMPONENT,
				 "%u PASIDs of %u to %u are not to be had: %s", count, min, max,
				 count > 1 ? "no gap is so large" : "all are taken");
	}
}

/* In each caller with its own @count: one number is much less work than several. */
static ALWAYS_INLINE int alloc_range(struct uvdk_pasid_owner *owner, uint32_t count, uint32_t min,
				     uint32_t max, uint32_t *first)
{
	struct uvdk_pasid_space *space = owner->space;
	uint32_t low = min ? min : 1;
	uint32_t high = max < space->highest ? max : space->highest;
	int err;

	if (pasid_orphaned(space))
		return pasid_fail_orphaned(space);
	if (min > max || !count)
		return explain(owner, -EINVAL, count, min, max);
	if (low > high || count - 1 > high - low)
		return explain(owner, -ERANGE, count, min, max);

	uvdk_lock_acquire(&space->lock);
	err = alloc_locked(owner, count, low, high, first);
	uvdk_lock_release(&space->lock);

	return __builtin_expect(err, 0) ? explain(owner, err, count, min, max) : 0;
}

UVDK_EXPORT int uvdk_pasid_alloc(struct uvdk_pasid_owner *owner, uint32_t min, uint32_t max,
				 uint32_t *pasid)
{
	return alloc_range(owner, 1, min, max, pasid);
}

UVDK_EXPORT int uvdk_pasid_alloc_range(struct uvdk_pasid_owner *owner, uint32_t count, uint32_t min,
				       uint32_t max, uint32_t *first)
{
	return alloc_range(owner, count, min, max, first);
}
