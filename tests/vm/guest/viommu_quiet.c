// SPDX-License-Identifier: BSD-3-Clause
/*
 * viommu_quiet BDF: 100,000 pages mapped and unmapped behind a virtio-iommu by a thread that is
 * killed at its first system call: post, kick and poll make none. It makes one at the end, to
 * show that the filter works.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "viommu_mapq.h"

#define PAIRS  100250u /* the last page stays mapped, to be looked at */
#define DMA_AT 99u     /* the page that the device is to find, of the last batch */
#define BATCH  250u
#define DEPTH  4u /* batches that are under way */

static struct fixture f;
static atomic_uint pairs;
static atomic_int error;
static atomic_bool survived;

static void forbid_system_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};

	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

static int wait_for(uint64_t cookie)
{
	int ret;

	while ((ret = uvdk_mapq_poll(f.q, cookie)) == -EINPROGRESS)
		;
	return ret;
}

/* One batch: its maps, and their unmaps once they are there. No page has a neighbour. */
static int batch(unsigned int number, bool last)
{
	const unsigned int first = number % DEPTH * BATCH;
	uint64_t cookie = 0;
	int ret = 0;

	for (unsigned int i = first; i < first + BATCH && !ret; i++)
		ret = uvdk_mapq_map(f.q, f.iova + 2ull * i * PAGE, f.mem, (size_t)i * PAGE, PAGE,
				    UVDK_MAP_RW, &cookie);
	if (!ret)
		ret = uvdk_mapq_kick(f.q);
	if (!ret)
		ret = wait_for(cookie);
	for (unsigned int i = first; i < first + BATCH && !ret; i++)
		if (!last || i != first + DMA_AT)
			ret = uvdk_mapq_unmap(f.q, f.iova + 2ull * i * PAGE, PAGE, &cookie);
	if (!ret)
		ret = uvdk_mapq_kick(f.q);

	return ret ? ret : wait_for(cookie);
}

static void *quiet(void *arg)
{
	forbid_system_calls();
	for (unsigned int i = 0; i < PAIRS / BATCH && !error; i++) {
		error = batch(i, i + 1 == PAIRS / BATCH);
		pairs += BATCH;
	}
	syscall(SYS_getppid);
	survived = true;
	return arg;
}

/* The one page that was left is mapped for the device, and nothing else is. */
static void check_dma(void)
{
	const unsigned int left = (PAIRS / BATCH - 1) % DEPTH * BATCH + DMA_AT;
	uint8_t *va = f.va + (size_t)left * PAGE;
	uvdk_iova_t iova = f.iova + 2ull * left * PAGE;

	memset(va, 0x5a, EDU_BYTES);
	memset(va - PAGE, 0, EDU_BYTES);
	edu_dma(&f.edu, EDU_BUFFER, iova, 0);
	edu_dma(&f.edu, iova + EDU_BYTES, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(va + EDU_BYTES, 0x5a), "what is mapped is reached");
	edu_dma(&f.edu, iova - 2 * PAGE, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(va - PAGE, 0), "what was unmapped is not");
}

static void check_stats(void)
{
	struct uvdk_mapq_stats stats;

	uvdk_mapq_get_stats(f.q, &stats);
	printf("posted %llu, merged %llu, requests %llu, kicks %llu\n",
	       (unsigned long long)stats.posted, (unsigned long long)stats.merged,
	       (unsigned long long)stats.requests, (unsigned long long)stats.kicks);
	CHECK_EQ(stats.posted, 2 * PAIRS - 1);
	CHECK_EQ(stats.merged, 0);
	CHECK_EQ(stats.requests, stats.posted);
	CHECK_EQ(stats.errors, 0);
	CHECK_EQ(stats.mapped, 1);
}

static void clean(void)
{
	const unsigned int left = (PAIRS / BATCH - 1) % DEPTH * BATCH + DMA_AT;
	uint64_t cookie;

	CHECK_EQ(uvdk_mapq_unmap(f.q, f.iova + 2ull * left * PAGE, PAGE, &cookie), 0);
	CHECK_EQ(uvdk_mapq_kick(f.q), 0);
	CHECK_EQ(wait_for(cookie), 0);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(300); /* where nothing else would end it */
	fixture_open(&f, argv[1]);
	CHECK_EQ(pthread_create(&thread, NULL, quiet, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(error, 0);
	CHECK_EQ(pairs, PAIRS);
	CHECK(!survived, "there was no filter");
	check_dma();
	check_stats();
	clean();
	fixture_close(&f);
	printf("no system call: all good\n");
	return 0;
}
