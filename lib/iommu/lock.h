/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMU_LOCK_H
#define UVDK_IOMMU_LOCK_H

#include <stdint.h>

/*
 * A mutex that is two inlined atomic instructions while nobody waits. That of
 * libc takes 60 instructions to lock and unlock, which would be a third of what
 * mapping a page costs; it serves everywhere else.
 */
enum ioas_lock_state {
	IOAS_LOCK_FREE,
	IOAS_LOCK_HELD,
	IOAS_LOCK_WAITED_FOR, /* held, and somebody may sleep on it */
};

struct ioas_lock {
	uint32_t state;
};

/* lock.c: sleep until it is ours; wake one who sleeps */
void ioas_lock_wait(struct ioas_lock *lock);
void ioas_lock_wake(struct ioas_lock *lock);

static inline void ioas_lock(struct ioas_lock *lock)
{
	uint32_t was = IOAS_LOCK_FREE;

	if (__builtin_expect(!__atomic_compare_exchange_n(&lock->state, &was, IOAS_LOCK_HELD, 0,
							  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
			     0))
		ioas_lock_wait(lock);
}

static inline void ioas_unlock(struct ioas_lock *lock)
{
	uint32_t was = __atomic_exchange_n(&lock->state, IOAS_LOCK_FREE, __ATOMIC_RELEASE);

	if (__builtin_expect(was == IOAS_LOCK_WAITED_FOR, 0))
		ioas_lock_wake(lock);
}

#endif /* UVDK_IOMMU_LOCK_H */
