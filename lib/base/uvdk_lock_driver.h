/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_LOCK_DRIVER_H
#define UVDK_LOCK_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: A lock for calls that take less time than libc's mutex
 *
 * Two inlined atomic instructions while nobody waits, where libc's takes 60 to
 * lock and unlock. Those who hold it may wait for an event, as on a condition
 * variable. Not recursive; all zeroes is a free lock; nothing to destroy.
 *
 * Not for applications: may change in any release.
 */

/**
 * struct uvdk_lock - the lock and its event
 * @state: 0: free, 1: held, 2: held and somebody may sleep on it
 * @event: counts what uvdk_lock_announce() has announced
 * @sleepers: threads in uvdk_lock_await(); guarded by the lock
 */
struct uvdk_lock {
	uint32_t state;
	uint32_t event;
	uint32_t sleepers;
};

/**
 * uvdk_lock_wait() - sleep until the lock is ours; for uvdk_lock_acquire()
 * @lock: lock that was not free
 */
void uvdk_lock_wait(struct uvdk_lock *lock);

/**
 * uvdk_lock_wake() - wake one who sleeps; for uvdk_lock_release()
 * @lock: lock that is free again
 */
void uvdk_lock_wake(struct uvdk_lock *lock);

/* Lock it. */
static inline void uvdk_lock_acquire(struct uvdk_lock *lock)
{
	uint32_t was = 0;

	if (__builtin_expect(!__atomic_compare_exchange_n(&lock->state, &was, 1, 0,
							  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
			     0))
		uvdk_lock_wait(lock);
}

/* Lock it if it is free. */
static inline bool uvdk_lock_try(struct uvdk_lock *lock)
{
	uint32_t was = 0;

	return __atomic_compare_exchange_n(&lock->state, &was, 1, 0, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Unlock it. */
static inline void uvdk_lock_release(struct uvdk_lock *lock)
{
	uint32_t was = __atomic_exchange_n(&lock->state, 0, __ATOMIC_RELEASE);

	if (__builtin_expect(was == 2, 0))
		uvdk_lock_wake(lock);
}

/**
 * uvdk_lock_await() - unlock, sleep until something is announced, lock
 * @lock: held by the caller
 *
 * May return without cause: look again at what is waited for.
 */
void uvdk_lock_await(struct uvdk_lock *lock);

/**
 * uvdk_lock_announce() - wake all that are in uvdk_lock_await()
 * @lock: held by the caller
 *
 * Nearly free while nobody waits.
 */
void uvdk_lock_announce(struct uvdk_lock *lock);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_LOCK_DRIVER_H */
