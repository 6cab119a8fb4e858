// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uvdk_pasid.h>

#include "wraps.h"

/* What a child of fork() finds of its parent's PASIDs: nothing, and it says so. */
#define ALL	UINT32_MAX
#define SECONDS 30 /* after which a child that hangs is killed */

static struct uvdk_pasid_space *space;
static struct uvdk_pasid_owner *owner;
static struct uvdk_pasid_user user;
static int told;

static void tell(void *arg, uint32_t pasid)
{
	(void)arg;
	(void)pasid;
	told++;
}

static void setup(void)
{
	uint32_t first;

	wraps.counting = true;
	user.release = tell;
	cr_assert_eq(uvdk_pasid_space_create(NULL, &space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(space, 0, &owner), 0);
	cr_assert_eq(uvdk_pasid_alloc_range(owner, 10, 0, ALL, &first), 0);
	cr_assert_eq(uvdk_pasid_use(owner, 3, &user), 0);
}

/* Run it in a child; returns the line of the first CHECK() that failed there, or 0. */
static int line_in_child(int (*run)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		alarm(SECONDS);
		_exit(run() % 256);
	}
	cr_assert_gt(child, 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status), "the child ended by signal %d", WTERMSIG(status));

	return WEXITSTATUS(status);
}

#define CHECK(cond)                      \
	do {                             \
		if (!(cond))             \
			return __LINE__; \
	} while (0)

static bool refused(int err)
{
	return err == -EPERM && strstr(uvdk_last_error(), "belongs to process");
}

static int child_is_refused(void)
{
	struct uvdk_pasid_owner *other = NULL;
	struct uvdk_pasid_user own = {.release = tell};
	struct uvdk_pasid_stats stats;
	uint32_t pasid = 77;

	CHECK(refused(uvdk_pasid_alloc(owner, 0, ALL, &pasid)));
	CHECK(refused(uvdk_pasid_alloc_range(owner, 2, 0, ALL, &pasid)));
	CHECK(pasid == 77);
	CHECK(refused(uvdk_pasid_free(owner, 3)));
	CHECK(refused(uvdk_pasid_free_range(owner, 0, ALL)));
	CHECK(refused(uvdk_pasid_use(owner, 3, &own)));
	CHECK(refused(uvdk_pasid_get_stats(owner, &stats)));
	CHECK(refused(uvdk_pasid_owner_create(space, 0, &other)) && !other);
	return 0;
}

Test(fork, a_child_is_refused)
{
	setup();
	cr_expect_eq(line_in_child(child_is_refused), 0);
	cr_expect_eq(uvdk_pasid_free(owner, 3), 0);
	cr_expect_eq(told, 1);
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
}

static int child_destroys(void)
{
	uvdk_pasid_unuse(&user);
	CHECK(!user.space);
	uvdk_pasid_owner_destroy(owner);
	CHECK(wraps.heap == 1);
	uvdk_pasid_space_destroy(space);
	CHECK(wraps.heap == 0);
	CHECK(wraps.mapped == 0);
	CHECK(told == 0);
	return 0;
}

Test(fork, destroying_in_a_child_releases_memory_and_tells_nobody)
{
	struct uvdk_pasid_stats stats;

	setup();
	cr_expect_eq(line_in_child(child_destroys), 0);
	cr_expect_eq(uvdk_pasid_get_stats(owner, &stats), 0);
	cr_expect_eq(stats.held, 10);
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
	cr_expect_eq(told, 1);
	cr_expect_eq(wraps.heap, 0);
	cr_expect_eq(wraps.mapped, 0);
}

static int child_makes_its_own(void)
{
	struct uvdk_pasid_owner *own_owner;
	struct uvdk_pasid_space *own;
	uint32_t pasid;

	CHECK(!uvdk_pasid_space_create(NULL, &own));
	CHECK(!uvdk_pasid_owner_create(own, 0, &own_owner));
	CHECK(!uvdk_pasid_alloc(own_owner, 0, ALL, &pasid) && pasid == 1);
	CHECK(!uvdk_pasid_free(own_owner, 1));
	uvdk_pasid_owner_destroy(own_owner);
	uvdk_pasid_space_destroy(own);
	return 0;
}

Test(fork, a_child_makes_its_own)
{
	setup();
	cr_expect_eq(line_in_child(child_makes_its_own), 0);
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
}

static bool stop;

static void *keep_the_lock_busy(void *arg)
{
	uint32_t pasid;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		if (uvdk_pasid_alloc(owner, 100, ALL, &pasid) || uvdk_pasid_free(owner, pasid))
			abort();
	return NULL;
}

static int child_does_all(void)
{
	int line = child_is_refused();

	if (line)
		return line;
	uvdk_pasid_unuse(&user);
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
	return 0;
}

Test(fork, a_child_does_not_wait_for_a_lock_held_at_the_fork)
{
	pthread_t thread;

	setup();
	cr_assert_eq(pthread_create(&thread, NULL, keep_the_lock_busy, NULL), 0);
	for (int i = 0; i < 200; i++)
		cr_assert_eq(line_in_child(child_does_all), 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
}
