// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <pthread.h>

#include <uvdk_lock_driver.h>

#define THREADS 4
#define ROUNDS	20000

static struct uvdk_lock lock;
static unsigned long count; /* guarded by the lock, and not atomic */

static void *add(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		uvdk_lock_acquire(&lock);
		count++;
		uvdk_lock_release(&lock);
	}
	return NULL;
}

Test(lock, lets_in_one_at_a_time)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, add, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	cr_expect_eq(count, THREADS * ROUNDS);
	cr_expect_eq(lock.state, 0);
}

/* Each waits for its turn, and announces the next. */
static void *take_turns(void *arg)
{
	unsigned long me = (unsigned long)arg;

	for (unsigned long i = 0; i < ROUNDS / 10; i++) {
		uvdk_lock_acquire(&lock);
		while (count % THREADS != me)
			uvdk_lock_await(&lock);
		count++;
		uvdk_lock_announce(&lock);
		uvdk_lock_release(&lock);
	}
	return NULL;
}

Test(lock, wakes_all_that_wait_for_an_event, .timeout = 60)
{
	pthread_t thread[THREADS];

	for (unsigned long i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, take_turns, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	cr_expect_eq(count, THREADS * ROUNDS / 10);
	cr_expect_eq(lock.sleepers, 0);
}
