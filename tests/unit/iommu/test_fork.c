// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uvdk_ioas_file_driver.h>

#include "fake.h"

/* A child of fork() shares the descriptors of its parent's address spaces, and nothing else. */

static struct uvdk_device *dev;
static uvdk_iova_t iova;
static char *mem;

static const char *calls(void)
{
	const struct uvdk_ioas_file file = {.fd = -1, .va = mem + PAGE};
	unsigned int maps = fake.map_calls, unmaps = fake.unmap_calls, attached = fake.attached;
	uvdk_iova_t at = 0;

	if (uvdk_ioas_map(ioas, mem + PAGE, PAGE, UVDK_MAP_RW, &at) != -EPERM || !said("fork()"))
		return "map";
	if (uvdk_ioas_map(ioas, mem + PAGE, 4 * PAGE, UVDK_MAP_RW, &at) != -EPERM)
		return "a longer map";
	if (uvdk_ioas_file_map(ioas, &file, PAGE, UVDK_MAP_RW, &at) != -EPERM)
		return "map of a file";
	if (uvdk_ioas_unmap(ioas, iova, PAGE) != -EPERM)
		return "unmap";
	if (uvdk_ioas_attach(ioas, dev) != -EPERM)
		return "attach";
	uvdk_ioas_detach(ioas, dev);
	uvdk_ioas_destroy(ioas);
	if (fake.map_calls != maps || fake.unmap_calls != unmaps || fake.attached != attached)
		return "the driver was called";

	return NULL;
}

/* Grandchildren are no heirs either; what a child makes is its own. */
static const char *own(void)
{
	struct uvdk_ioas *mine;
	uvdk_iova_t at = 0;
	int status;
	pid_t child;

	if (uvdk_ioas_create(iommu, NULL, &mine) ||
	    uvdk_ioas_map(mine, mem, PAGE, UVDK_MAP_RW, &at))
		return "one of its own";
	child = fork();
	if (!child)
		_exit(uvdk_ioas_unmap(mine, at, PAGE) != -EPERM || calls());
	if (waitpid(child, &status, 0) != child || status)
		return "in a grandchild";
	if (uvdk_ioas_unmap(mine, at, PAGE))
		return "unmap of its own";
	uvdk_ioas_destroy(mine);

	return NULL;
}

TestSuite(ioas_fork, .init = fake_setup);

Test(ioas_fork, a_child_leaves_what_its_parent_has_mapped_alone)
{
	int status;
	pid_t child;

	mem = fake_memory(8 * PAGE);
	dev = fake_device();
	cr_assert_eq(uvdk_ioas_map(ioas, mem, PAGE, UVDK_MAP_RW, &iova), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	fflush(NULL);
	child = fork();
	if (!child) {
		const char *wrong = calls();

		if (!wrong)
			wrong = own();
		if (wrong)
			dprintf(STDERR_FILENO, "%s\n", wrong);
		_exit(wrong != NULL);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect_eq(status, 0);
	cr_expect_eq(uvdk_ioas_unmap(ioas, iova, PAGE), 0);
	uvdk_device_close(dev);
	fake_teardown();
}
