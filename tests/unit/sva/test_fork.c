// SPDX-License-Identifier: BSD-3-Clause
#include "sva_world.h"

/* A child has no part in the bindings of its parent, and takes nothing from them. */

#define LEN (64 * PAGE)

static struct world w;

static void setup(void)
{
	world_open(&w, true);
}

static void teardown(void)
{
	world_close(&w);
}

TestSuite(sva_fork, .init = setup, .fini = teardown);

/* In the child. Returns the number of a call that did what it should not, or 0. */
static int calls_in_child(struct uvdk_sva *sva, uint8_t *mem)
{
	if (uvdk_sva_share(sva, mem, LEN) != -EPERM)
		return 1;
	if (uvdk_sva_forget(sva, mem, LEN) != -EPERM)
		return 2;
	if (uvdk_sva_sync(sva, mem, LEN) != -EPERM)
		return 3;
	if (uvdk_sva_poll(sva) != -EPERM)
		return 4;
	if (uvdk_sva_unbind(sva) != -EPERM)
		return 5;
	memset(mem, 0xcc, LEN);
	munmap(mem, LEN);

	return 0;
}

static void fork_in_the_middle(unsigned int flags)
{
	struct uvdk_sva_opts opts = with_pasid(&w, flags);
	uint8_t *from = new_memory(LEN), *to = new_memory(LEN);
	struct uvdk_sva *sva = NULL;
	int err = uvdk_sva_bind(w.dev, &opts, &sva), status;
	pid_t child;

	if (err == -EPERM)
		cr_skip_test("userfaultfd is not permitted here");
	cr_assert_eq(err, 0, "%s", uvdk_last_error());
	memset(from, 0x11, LEN);
	share_ok(sva, from, LEN);
	share_ok(sva, to, LEN);
	cr_assert_eq(sva_copy(&w, sva, from, to, LEN / 2), COPIED);
	child = fork();
	cr_assert_geq(child, 0);
	if (!child)
		_exit(calls_in_child(sva, to));
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 0, "call %d", WEXITSTATUS(status));
	memset(from, 0x22, LEN);
	cr_assert_eq(sva_copy(&w, sva, from, to + LEN / 2, LEN / 2), COPIED);
	cr_assert_eq(to[0], 0x11);
	cr_assert_eq(to[LEN / 2], 0x22);
	cr_assert_eq(to[LEN - 1], 0x22);
	cr_assert_eq(info_of(sva).lost, 0);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(held(&w), 0);
	munmap(from, LEN);
	munmap(to, LEN);
}

Test(sva_fork, the_parents_binding_works_on_and_the_child_is_refused)
{
	fork_in_the_middle(UVDK_SVA_NO_FOLLOW);
}

Test(sva_fork, the_same_where_forks_are_followed)
{
	fork_in_the_middle(0);
}
