// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <uvdk_dmabuf.h>

#include "../iommu/fake.h"

/*
 * Files of huge pages, over a driver that maps by address. Whether huge pages are free or not:
 * a file of normal pages says that it is one of hugetlbfs, and what is mapped of it is looked
 * up with the kernel.
 */
#define HUGE		(2ul << 20)
#define HUGETLBFS_MAGIC 0x958458f6
#define NAME		"uvdk-dmabuf-test"

static bool pretend;

int __real_fstatfs64(int fd, struct statfs64 *fs);
int __wrap_fstatfs(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs64 *fs);

int __wrap_fstatfs64(int fd, struct statfs64 *fs)
{
	int ret = __real_fstatfs64(fd, fs);

	if (!ret && pretend) {
		fs->f_type = HUGETLBFS_MAGIC;
		fs->f_bsize = HUGE;
	}

	return ret;
}

int __wrap_fstatfs(int fd, struct statfs *fs)
{
	return __wrap_fstatfs64(fd, (struct statfs64 *)fs);
}

/* Bytes of the test's files that are mapped in this process, and where in the file they begin. */
static size_t mapped(uint64_t *offset)
{
	FILE *f = fopen("/proc/self/maps", "r");
	uint64_t first, end, off;
	char line[512];
	size_t len = 0;

	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, NAME) ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &first, &end, &off) != 3)
			continue;
		len += end - first;
		*offset = off;
	}
	fclose(f);

	return len;
}

static void part_of_a_huge_page(int fd)
{
	const size_t at = HUGE + 3 * PAGE;
	struct uvdk_dmabuf_info info = {0};
	uint64_t offset = 0, value = 0;
	uvdk_iova_t iova = 0;

	cr_assert_eq(uvdk_dmabuf_map(ioas, fd, at, PAGE, UVDK_MAP_RW, &iova), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(uvdk_dmabuf_get_info(ioas, iova, &info), 0);
	cr_expect_eq(mapped(&offset), HUGE);
	cr_expect_eq(offset, HUGE);
	cr_expect_eq(fake.bytes, PAGE, "more is reachable than was asked for");
	cr_expect_eq(fake_find(iova)->va, (char *)info.va);
	*(uint64_t *)info.va = 0xfeed;
	cr_assert_eq(pread(fd, &value, sizeof(value), (off_t)at), (ssize_t)sizeof(value));
	cr_expect_eq(value, 0xfeed);
	cr_expect_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
	cr_expect_eq(mapped(&offset), 0);
	cr_expect_eq(fake.maps, 0);
}

TestSuite(dma_dmabuf, .init = fake_setup);

Test(dma_dmabuf, part_of_a_file_of_huge_pages_leaves_nothing_mapped)
{
	int fd = memfd_create(NAME, MFD_CLOEXEC);

	cr_assert_eq(ftruncate(fd, 4 * HUGE), 0);
	pretend = true;
	part_of_a_huge_page(fd);
	close(fd);
}

Test(dma_dmabuf, a_range_over_two_huge_pages_leaves_nothing_mapped)
{
	int fd = memfd_create(NAME, MFD_CLOEXEC);
	struct uvdk_dmabuf_info info = {0};
	uvdk_iova_t iova = 0;
	uint64_t offset = 0;

	cr_assert_eq(ftruncate(fd, 4 * HUGE), 0);
	pretend = true;
	cr_assert_eq(uvdk_dmabuf_map(ioas, fd, 2 * HUGE - PAGE, 2 * PAGE, UVDK_MAP_READ, &iova), 0,
		     "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmabuf_get_info(ioas, iova, &info), 0);
	cr_expect_eq(info.len, 2 * PAGE);
	cr_expect_eq(mapped(&offset), 2 * HUGE);
	cr_expect_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
	cr_expect_eq(mapped(&offset), 0);
	close(fd);
}

/* What the kernel really does, where it has any; else the error, after which nothing is left. */
Test(dma_dmabuf, a_memfd_of_huge_pages_is_mapped_in_part_or_refused_as_a_whole)
{
	int fd = memfd_create(NAME, MFD_CLOEXEC | MFD_HUGETLB);
	uvdk_iova_t iova = 0;
	uint64_t offset;
	void *probe;

	if (fd < 0)
		return; /* a kernel without hugetlbfs: the two tests above are what there is */
	cr_assert_eq(ftruncate(fd, 2 * HUGE), 0);
	probe = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (probe == MAP_FAILED) {
		cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 0, 2 * HUGE, UVDK_MAP_RW, &iova), -ENOMEM);
		cr_expect_eq(mapped(&offset), 0);
		cr_expect_eq(fake.maps, 0);
	} else {
		munmap(probe, 2 * HUGE);
		part_of_a_huge_page(fd);
	}
	close(fd);
}
