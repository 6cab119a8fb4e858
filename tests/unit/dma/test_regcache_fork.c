// SPDX-License-Identifier: BSD-3-Clause
#include <sys/wait.h>

#include "regcache_world.h"

static int status_of(pid_t child)
{
	int status = -1;

	cr_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

Test(regcache_fork, a_child_is_refused_and_the_parent_goes_on)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;
	unsigned int calls;
	pid_t child;

	make(0, 0, 0);
	p = pages(LEN);
	touch(p, LEN);
	calls = fake.map_calls;
	child = fork();
	if (!child) {
		int bad = uvdk_regcache_get(cache, p, LEN, &hold) != -EPERM;

		bad |= uvdk_regcache_forget(cache, p, LEN) != -EPERM;
		uvdk_regcache_settle(cache);
		munmap(p, LEN);
		uvdk_regcache_destroy(cache);
		_exit(bad || fake.maps != 1 || fake.unmap_calls);
	}
	cr_expect_eq(status_of(child), 0);
	touch(p, LEN);
	cr_expect_eq(fake.map_calls, calls);
	by_munmap(p);
	touch(p, LEN);
	cr_expect_eq(fake.map_calls, calls + 1);
	munmap(p, LEN);
	end();
}

static bool refused(struct uvdk_regcache *whose, const void *va)
{
	struct uvdk_regcache_hold hold;

	return uvdk_regcache_get(whose, va, LEN, &hold) == -EPERM;
}

/* What the parent's thread has in its slots is right for some number; the child's are all wrong. */
Test(regcache_fork, a_child_finds_nothing_whatever_was_freed_before)
{
	uint8_t *p;
	pid_t child;

	make(0, 0, 0);
	p = pages(LEN);
	/* The numbers 1 to 8 and more are in a slot as the child begins. */
	for (int i = 0; i < 8; i++) {
		touch(p, LEN);
		child = fork();
		if (!child)
			_exit(!refused(cache, p));
		cr_expect_eq(status_of(child), 0, "after %d frees the child has a hit", i);
		by_munmap(p);
	}
	munmap(p, LEN);
	end();
}

/* Of a child, with an address space and a cache of its own. */
static int child_of(const void *va, unsigned int flags)
{
	struct uvdk_regcache_opts opts = {.size = sizeof(opts), .flags = flags};
	struct uvdk_regcache_hold hold;
	struct uvdk_regcache *mine;
	struct uvdk_ioas *own;
	int status = -1;
	pid_t child;

	if (uvdk_regcache_create(ioas, &opts, &mine) != -EPERM)
		return 5;
	if (uvdk_ioas_create(iommu, NULL, &own) || uvdk_regcache_create(own, &opts, &mine))
		return 9;
	/* Twice: the second is a hit. */
	for (int i = 0; i < 2; i++) {
		if (uvdk_regcache_get(mine, va, LEN, &hold))
			return 1;
		uvdk_regcache_put(mine, &hold);
	}
	child = fork();
	if (!child)
		_exit(refused(mine, va) && refused(cache, va) ? 0 : 3);
	if (waitpid(child, &status, 0) != child || status)
		return 2;

	return refused(cache, va) ? 0 : 4;
}

Test(regcache_fork, a_childs_own_cache_is_not_its_childs)
{
	uint8_t *p;
	pid_t child;

	make(0, 0, 0);
	p = pages(LEN);
	for (int i = 0; i < 6; i++) {
		touch(p, LEN);
		child = fork();
		if (!child)
			_exit(child_of(p, i % 2 ? UVDK_REGCACHE_NO_FOLLOW : 0));
		cr_expect_eq(status_of(child), 0, "round %d", i);
		by_munmap(p);
	}
	munmap(p, LEN);
	end();
}
