// SPDX-License-Identifier: BSD-3-Clause
/*
 * dev_limits BDF IOMMU memlock: mapping more than RLIMIT_MEMLOCK (which the
 * caller has set to 1 MiB) must fail with ENOMEM and say how much is needed,
 * and so must attaching to what was mapped under a higher limit.
 * dev_limits BDF IOMMU entries N: map N + 1 must fail with EDQUOT.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "dev_common.h"

#define MB (1u << 20)

static struct uvdk_ioas *ioas;

static void says(const char *limit, const char *needed, const char *allowed)
{
	const char *text = uvdk_last_error();

	CHECK(strstr(text, limit), "names the limit");
	CHECK(strstr(text, needed), "says how much is needed");
	CHECK(strstr(text, allowed), "says how much is allowed");
}

static void says_how_much(void)
{
	says("memlock", "needs 4096 KiB", "limit is 1024 KiB");
}

static void memlock(struct uvdk_device *dev, char *mem)
{
	uvdk_iova_t iova;
	uvdk_iova_t other;
	struct rlimit limit;

	/* Without a device nothing is pinned yet, and too much is too much already. */
	CHECK_ERR(uvdk_ioas_map(ioas, mem, 4 * MB, UVDK_MAP_RW, &iova), -ENOMEM);
	says_how_much();

	/* A limit that came down meanwhile is the kernel's to report. */
	CHECK_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	CHECK_EQ(uvdk_ioas_map(ioas, mem, MB, UVDK_MAP_RW, &iova), 0);
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){MB / 2, limit.rlim_max}), 0);
	CHECK_ERR(uvdk_ioas_attach(ioas, dev), -ENOMEM);
	says("memlock", "needs 1024 KiB", "limit is 512 KiB");
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	CHECK_EQ(uvdk_ioas_unmap(ioas, iova, MB), 0);

	CHECK_EQ(uvdk_ioas_attach(ioas, dev), 0);
	CHECK_ERR(uvdk_ioas_map(ioas, mem, 4 * MB, UVDK_MAP_RW, &iova), -ENOMEM);
	says_how_much();
	for (int i = 0; i < 20; i++) { /* nothing stays pinned */
		CHECK_EQ(uvdk_ioas_map(ioas, mem, MB / 2, UVDK_MAP_RW, &iova), 0);
		CHECK_EQ(uvdk_ioas_map(ioas, mem + MB, MB, UVDK_MAP_RW, &other), -ENOMEM);
		CHECK_EQ(uvdk_ioas_unmap(ioas, iova, MB / 2), 0);
	}
}

static void entries(struct uvdk_device *dev, char *mem, unsigned int max)
{
	struct uvdk_ioas_stats stats;
	uvdk_iova_t iova;

	CHECK_EQ(uvdk_ioas_attach(ioas, dev), 0);
	uvdk_ioas_get_stats(ioas, &stats);
	CHECK_EQ(stats.entries_max, max);
	for (unsigned int i = 0; i < max; i++)
		CHECK_EQ(uvdk_ioas_map(ioas, mem + 8192 * i, 4096, UVDK_MAP_RW, &iova), 0);
	CHECK_ERR(uvdk_ioas_map(ioas, mem + 8192 * max, 4096, UVDK_MAP_RW, &iova), -EDQUOT);
	CHECK_EQ(uvdk_ioas_unmap(ioas, uvdk_translate(uvdk_ioas_xlate(ioas), mem), 4096), 0);
	CHECK_EQ(uvdk_ioas_map(ioas, mem, 4096, UVDK_MAP_RW, &iova), 0);
}

int main(int argc, char **argv)
{
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	unsigned int fds = count_fds();
	char *mem;

	if (argc < 4)
		return 2;
	mem = mmap(NULL, 8 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(mem != MAP_FAILED, "memory");
	CHECK_EQ(uvdk_iommu_open(argv[2], NULL, &iommu), 0);
	CHECK_EQ(uvdk_device_open(iommu, argv[1], NULL, &dev), 0);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	if (!strcmp(argv[3], "memlock"))
		memlock(dev, mem);
	else
		entries(dev, mem, (unsigned int)atoi(argv[4]));

	uvdk_ioas_destroy(ioas);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	printf("all good\n");
	return 0;
}
