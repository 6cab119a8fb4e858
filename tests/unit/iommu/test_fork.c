// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uvdk_ioas_file_driver.h>
#include <uvdk_viommu.h>

#include "fake.h"

#define PASID 7u

/* A child of fork() shares the descriptors of its parent's address spaces, and nothing else. */

static struct uvdk_device *dev;
static uvdk_iova_t iova;
static char *mem;
static struct uvdk_hwpt *table;

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

static bool any_call_of_tables_goes_through(void)
{
	const struct uvdk_viommu_opts nest = {.size = sizeof(nest)};
	struct uvdk_viommu *viommu;
	struct uvdk_hwpt *more;

	return uvdk_hwpt_create(ioas, dev, NULL, &more) != -EPERM || !said("fork()") ||
	       uvdk_viommu_create(ioas, dev, &nest, &viommu) != -EPERM ||
	       uvdk_hwpt_attach(table, dev, PASID + 2) != -EPERM ||
	       uvdk_hwpt_replace(table, dev, PASID) != -EPERM ||
	       uvdk_hwpt_dirty_start(table) != -EPERM || uvdk_hwpt_dirty_stop(table) != -EPERM ||
	       uvdk_ioas_attach_pasid(ioas, dev, PASID + 2) != -EPERM ||
	       uvdk_ioas_replace_pasid(ioas, dev, PASID + 1) != -EPERM;
}

/* What a clean-up does that the child has from its parent. */
static const char *tables(void)
{
	unsigned int hwpts = fake.hwpts;

	if (any_call_of_tables_goes_through())
		return "a call for a page table or PASID";
	uvdk_ioas_detach_pasid(ioas, dev, PASID);
	uvdk_ioas_detach_pasid(ioas, dev, PASID + 1);
	uvdk_hwpt_detach(table, dev, PASID);
	uvdk_hwpt_destroy(table);
	if (fake.hwpts != hwpts || !fake_hwpt_of(dev, PASID) || !fake_hwpt_of(dev, PASID + 1))
		return "what PASIDs see was taken from the parent";

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
	if (uvdk_ioas_copy(mine, ioas, iova, PAGE, UVDK_MAP_READ) != -EPERM)
		return "copy of what the parent has";
	if (uvdk_ioas_unmap(mine, at, PAGE))
		return "unmap of its own";
	uvdk_ioas_destroy(mine);

	return NULL;
}

TestSuite(ioas_fork, .init = fake_setup);

/* In a child; it says what is wrong. */
static void expect_right(const char *(*what)(void))
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (!child) {
		const char *wrong = what();

		if (wrong)
			dprintf(STDERR_FILENO, "%s\n", wrong);
		_exit(wrong != NULL);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect_eq(status, 0);
}

Test(ioas_fork, a_child_leaves_what_its_parent_has_mapped_alone)
{
	mem = fake_memory(8 * PAGE);
	dev = fake_device();
	cr_assert_eq(uvdk_ioas_map(ioas, mem, PAGE, UVDK_MAP_RW, &iova), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	expect_right(calls);
	expect_right(own);
	cr_expect_eq(uvdk_ioas_unmap(ioas, iova, PAGE), 0);
	uvdk_device_close(dev);
	fake_teardown();
}

Test(ioas_fork, a_child_leaves_page_tables_and_pasids_of_its_parent_alone)
{
	const struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = UVDK_HWPT_PASID};

	dev = fake_device();
	cr_assert_eq(uvdk_hwpt_create(ioas, dev, &opts, &table), 0);
	cr_assert_eq(uvdk_hwpt_attach(table, dev, PASID), 0);
	cr_assert_eq(uvdk_ioas_attach_pasid(ioas, dev, PASID + 1), 0);
	expect_right(tables);
	uvdk_hwpt_destroy(table);
	uvdk_device_close(dev);
	fake_teardown();
}
