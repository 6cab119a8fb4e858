// SPDX-License-Identifier: BSD-3-Clause
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uvdk_base.h>
#include <uvdk_lock_driver.h>

/* A wait that ends early, whatever for, just looks again. */
static void sleep_on(uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(uint32_t *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/*
 * Who has slept takes the lock as "somebody may sleep", since others may: at
 * worst it wakes nobody when it is done.
 */
UVDK_EXPORT void uvdk_lock_wait(struct uvdk_lock *lock)
{
	while (__atomic_exchange_n(&lock->state, 2, __ATOMIC_ACQUIRE))
		sleep_on(&lock->state, 2);
}

UVDK_EXPORT void uvdk_lock_wake(struct uvdk_lock *lock)
{
	wake(&lock->state, 1);
}

/* What is announced after the lock is released has changed @event: no sleep then. */
UVDK_EXPORT void uvdk_lock_await(struct uvdk_lock *lock)
{
	uint32_t seen = __atomic_load_n(&lock->event, __ATOMIC_RELAXED);

	lock->sleepers++;
	uvdk_lock_release(lock);
	sleep_on(&lock->event, seen);
	uvdk_lock_acquire(lock);
	lock->sleepers--;
}

UVDK_EXPORT void uvdk_lock_announce(struct uvdk_lock *lock)
{
	if (!lock->sleepers)
		return;
	__atomic_fetch_add(&lock->event, 1, __ATOMIC_RELAXED);
	wake(&lock->event, INT_MAX);
}
