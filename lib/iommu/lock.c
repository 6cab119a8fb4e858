// SPDX-License-Identifier: BSD-3-Clause
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lock.h"

/*
 * Who has slept takes the lock as "waited for", since others may sleep too: at
 * worst it wakes nobody when it is done. A wait that ends early just looks again.
 */
void ioas_lock_wait(struct ioas_lock *lock)
{
	while (__atomic_exchange_n(&lock->state, IOAS_LOCK_WAITED_FOR, __ATOMIC_ACQUIRE) !=
	       IOAS_LOCK_FREE)
		syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, IOAS_LOCK_WAITED_FOR, NULL,
			NULL, 0);
}

void ioas_lock_wake(struct ioas_lock *lock)
{
	syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
