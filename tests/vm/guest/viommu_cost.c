// SPDX-License-Identifier: BSD-3-Clause
/*
 * viommu_cost BDF: what it costs to map and unmap a page of 4 KiB behind a virtio-iommu that
 * this process drives: one request at a time, in batches, and in runs that become one request.
 * For ./run bench: nanoseconds a page, the median of some rounds.
 */
#include "cost.h"
#include "viommu_mapq.h"

#define COUNT 512u

static struct fixture f;
static unsigned int batch;

static void finish(uint64_t cookie)
{
	int ret;

	CHECK_EQ(uvdk_mapq_kick(f.q), 0);
	while ((ret = uvdk_mapq_poll(f.q, cookie)) == -EINPROGRESS)
		;
	CHECK_EQ(ret, 0);
}

/* @step 2: no page is the neighbour of another, in either space. */
static void pages(unsigned int first, unsigned int count, unsigned int step)
{
	uint64_t cookie = 0;

	for (unsigned int i = first; i < first + count; i++)
		if (uvdk_mapq_map(f.q, f.iova + (uint64_t)i * step * PAGE, f.mem,
				  (size_t)i * step * PAGE, PAGE, UVDK_MAP_RW, &cookie))
			CHECK(false, "map");
	finish(cookie);
	for (unsigned int i = first; i < first + count; i++)
		if (uvdk_mapq_unmap(f.q, f.iova + (uint64_t)i * step * PAGE, PAGE, &cookie))
			CHECK(false, "unmap");
	finish(cookie);
}

static void batches(unsigned int count)
{
	for (unsigned int first = 0; first < count; first += batch)
		pages(first, batch, 2);
}

/* Neighbours, posted page by page. */
static void run(unsigned int count)
{
	pages(0, count, 1);
}

static void range(unsigned int count)
{
	uint64_t cookie = 0;

	CHECK_EQ(uvdk_mapq_map(f.q, f.iova, f.mem, 0, (size_t)count * PAGE, UVDK_MAP_RW, &cookie),
		 0);
	finish(cookie);
	CHECK_EQ(uvdk_mapq_unmap(f.q, f.iova, (size_t)count * PAGE, &cookie), 0);
	finish(cookie);
}

/* The synchronous calls, which lock and look up the memory each time. */
static void library(unsigned int count)
{
	static uint8_t *va;

	if (!va)
		va = mmap(NULL, COUNT * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	CHECK(va != MAP_FAILED, "memory");
	for (unsigned int i = 0; i < count; i++) {
		uvdk_iova_t iova = (UINT64_C(1) << 32) + i * PAGE;

		CHECK_EQ(uvdk_ioas_map(f.ioas, va + i * PAGE, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED,
				       &iova),
			 0);
	}
	for (unsigned int i = 0; i < count; i++)
		CHECK_EQ(uvdk_ioas_unmap(f.ioas, (UINT64_C(1) << 32) + i * PAGE, PAGE), 0);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	fixture_open(&f, argv[1]);
	batch = 1;
	printf("single_ns=%.2f\n", cost_page_ns(batches, COUNT));
	for (batch = 8; batch <= COUNT; batch *= 2)
		printf("batch%u_ns=%.2f\n", batch, cost_page_ns(batches, COUNT));
	printf("run_ns=%.2f\n", cost_page_ns(run, COUNT));
	printf("range_ns=%.2f\n", cost_page_ns(range, COUNT));
	printf("ioas_ns=%.2f\n", cost_page_ns(library, COUNT));
	fixture_close(&f);
	return 0;
}
