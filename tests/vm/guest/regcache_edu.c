// SPDX-License-Identifier: BSD-3-Clause
/*
 * regcache_edu BDF IOMMU: QEMU's edu through a registration cache, with pages that the
 * kernel has really pinned: who is given what was at an address before reads old bytes.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <uvdk_regcache.h>

#include "edu.h"

#define PAGE   ((size_t)4096)
#define LEN    (64 * PAGE)
#define ROUNDS 8

static struct edu edu;
static struct uvdk_ioas *ioas;
static struct uvdk_regcache *cache;

static struct uvdk_regcache_hold get(const void *mem)
{
	struct uvdk_regcache_hold hold;

	CHECK_EQ(uvdk_regcache_get(cache, mem, EDU_BYTES, &hold), 0);
	return hold;
}

static void move(void *dst, const void *src)
{
	struct uvdk_regcache_hold from = get(src), to = get(dst);

	edu_dma(&edu, EDU_BUFFER, from.iova, 0);
	edu_dma(&edu, to.iova, EDU_BUFFER, EDU_TO_RAM);
	uvdk_regcache_put(cache, &from);
	uvdk_regcache_put(cache, &to);
}

/* By default where nobody else maps: what is given up there stays empty. */
static void *next_place = (void *)UINT64_C(0x2c0000000000);

static uint8_t *map_at(void *at, int flags)
{
	uint8_t *p = mmap(at ? at : next_place, LEN, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags,
			  -1, 0);

	CHECK(p != MAP_FAILED && (!at || p == at), "memory");
	if (!at)
		next_place = p + (4 << 20);
	return p;
}

/* Each round other pages are at the same address. */
static void renewed(int flags, void (*away)(uint8_t *mem, int flags), const char *name)
{
	uint8_t *mem = map_at(NULL, flags), *other = map_at(NULL, MAP_PRIVATE);

	for (int i = 1; i <= ROUNDS; i++) {
		memset(mem, i, LEN);
		move(other + PAGE, mem + 100);
		CHECK(arrived(other + PAGE, (uint8_t)i), "%s: read other pages", name);
		memset(other, 0x40 + i, LEN);
		move(mem + 3 * PAGE, other);
		CHECK(arrived(mem + 3 * PAGE, (uint8_t)(0x40 + i)), "%s: wrote other pages", name);
		away(mem, flags);
	}
	munmap(mem, LEN);
	munmap(other, LEN);
	printf("  %s: all good\n", name);
}

static void unmap(uint8_t *mem, int flags)
{
	munmap(mem, LEN);
	map_at(mem, flags | MAP_FIXED_NOREPLACE);
}

static void map_over(uint8_t *mem, int flags)
{
	map_at(mem, flags | MAP_FIXED);
}

static void discard(uint8_t *mem, int flags)
{
	(void)flags;
	CHECK(!madvise(mem, LEN, MADV_DONTNEED), "discard");
}

/* The parent keeps the pages that are pinned, whoever writes first. */
static void have_child(uint8_t *mem, int flags)
{
	struct uvdk_regcache_hold hold;
	int status = 0;
	pid_t child = fork();

	(void)flags;
	if (!child) {
		memset(mem, 0xee, LEN);
		munmap(mem, LEN);
		_exit(uvdk_regcache_get(cache, &hold, sizeof(hold), &hold) != -EPERM);
	}
	CHECK(waitpid(child, &status, 0) == child && !status, "the child's end: 0x%x", status);
}

static void held(void)
{
	uint8_t *mem = map_at(NULL, MAP_PRIVATE), *other = map_at(NULL, MAP_PRIVATE);
	struct uvdk_regcache_hold hold, to;

	memset(mem, 0x11, LEN);
	hold = get(mem);
	unmap(mem, MAP_PRIVATE);
	memset(mem, 0x22, LEN);
	move(other, mem);
	CHECK(arrived(other, 0x22), "what is there now is not found");
	edu_dma(&edu, EDU_BUFFER, hold.iova, 0);
	to = get(other);
	edu_dma(&edu, to.iova, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(other, 0x11), "what was held has changed");
	uvdk_regcache_put(cache, &hold);
	uvdk_regcache_put(cache, &to);
	munmap(mem, LEN);
	munmap(other, LEN);
	printf("  held: all good\n");
}

static void huge_pages(void)
{
	const size_t huge = (size_t)2 << 20;
	uint8_t *other = map_at(NULL, MAP_PRIVATE), *mem = (uint8_t *)UINT64_C(0x2b0000000000);
	struct uvdk_regcache_stats stats;
	struct uvdk_regcache_hold hold;

	for (int i = 1; i <= ROUNDS; i++) {
		mem = mmap(mem, huge, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED_NOREPLACE, -1, 0);
		CHECK(mem != MAP_FAILED, "there is no huge page");
		memset(mem, i, huge);
		CHECK_EQ(uvdk_regcache_forget(cache, other, LEN), 0);
		hold = get(mem + 3 * PAGE + 5);
		uvdk_regcache_get_stats(cache, &stats);
		CHECK_EQ(stats.bytes, huge); /* it was taken whole */
		uvdk_regcache_put(cache, &hold);
		move(other, mem + huge - PAGE);
		CHECK(arrived(other, (uint8_t)i), "read another huge page");
		munmap(mem, huge);
	}
	munmap(other, LEN);
	printf("  huge pages: all good\n");
}

/* What is attached after the memory has gone must not reach what is there instead. */
static void late(void)
{
	uint8_t *mem = map_at(NULL, MAP_PRIVATE), *other = map_at(NULL, MAP_PRIVATE);
	struct uvdk_regcache_hold hold, to;

	memset(mem, 0x11, LEN);
	memset(other, 0x33, LEN);
	uvdk_ioas_detach(ioas, edu.dev);
	hold = get(mem);
	to = get(other);
	unmap(mem, MAP_PRIVATE);
	memset(mem, 0x22, LEN);
	uvdk_regcache_settle(cache);
	CHECK_EQ(uvdk_ioas_attach(ioas, edu.dev), 0);
	edu_dma(&edu, EDU_BUFFER, to.iova, 0);
	edu_dma(&edu, EDU_BUFFER, hold.iova, 0); /* a fault */
	edu_dma(&edu, to.iova, EDU_BUFFER, EDU_TO_RAM);
	CHECK(!arrived(other, 0x22), "other memory is where it was");
	uvdk_regcache_put(cache, &hold);
	uvdk_regcache_put(cache, &to);
	munmap(mem, LEN);
	munmap(other, LEN);
	printf("  late: all good\n");
}

int main(int argc, char **argv)
{
	struct uvdk_regcache_stats stats;
	struct uvdk_ioas_stats left;
	unsigned int fds = count_fds();
	struct uvdk_iommu *iommu;

	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK_EQ(uvdk_iommu_open(argv[2], NULL, &iommu), 0);
	edu_open(&edu, iommu, argv[1]);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_ioas_attach(ioas, edu.dev), 0);
	CHECK_EQ(uvdk_regcache_create(ioas, NULL, &cache), 0);
	renewed(MAP_PRIVATE, unmap, "unmapped");
	renewed(MAP_SHARED, unmap, "shared");
	renewed(MAP_PRIVATE, map_over, "mapped over");
	renewed(MAP_PRIVATE, discard, "discarded");
	renewed(MAP_PRIVATE, have_child, "fork");
	held();
	huge_pages();
	late();
	uvdk_regcache_settle(cache);
	uvdk_regcache_get_stats(cache, &stats);
	CHECK_EQ(stats.held, 0);
	CHECK_EQ(stats.entries, 0);
	uvdk_regcache_destroy(cache);
	uvdk_ioas_get_stats(ioas, &left);
	CHECK_EQ(left.maps, 0);
	uvdk_device_close(edu.dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	printf("  regcache_edu %s: all good\n", argv[2]);
	return 0;
}
