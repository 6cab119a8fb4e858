// SPDX-License-Identifier: BSD-3-Clause
/*
 * nest_cost BDF: what it costs to map and unmap a page of 4 KiB behind an SMMUv3:
 * in a first stage of our own, invalidated through a queue, beside IOMMU_IOAS_MAP
 * and IOMMU_IOAS_UNMAP by page. For ./run bench: nanoseconds a page, the median of
 * some rounds, all on one device.
 */
#include <uvdk_inval.h>
#include <uvdk_pgtable.h>

#include "../../random.h"
#include "cost.h"
#include "nest_edu.h"

#define ASID  7u
#define ID    0x1234u
#define BATCH 256u
#define MOST  4096u
#define FIRST (UINT64_C(1) << 32)
#define AREA  (UINT64_C(4) * MOST) /* pages that random ones are among */
#define PROT  (UVDK_PGTABLE_READ | UVDK_PGTABLE_WRITE | UVDK_PGTABLE_USER)

static struct uvdk_iommu *iommu;
static struct edu edu;

/* ---- the kernel's tables ---- */

static uint8_t *memory;
static struct uvdk_ioas *plain;

static void bare(unsigned int count)
{
	cost_ioas_map(FIRST, memory, count);
	cost_ioas_unmap(FIRST, count);
}

static void library(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uvdk_iova_t iova = FIRST + i * PAGE;

		CHECK_EQ(uvdk_ioas_map(plain, memory + i * PAGE, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED,
				       &iova),
			 0);
	}
	for (unsigned int i = 0; i < count; i++)
		CHECK_EQ(uvdk_ioas_unmap(plain, FIRST + i * PAGE, PAGE), 0);
}

static void measure_kernel(void)
{
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &plain), 0);
	CHECK_EQ(uvdk_ioas_attach(plain, edu.dev), 0);
	memory = mmap(NULL, BATCH * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	CHECK(memory != MAP_FAILED, "memory");
	memset(memory, 1, BATCH * PAGE);
	printf("bare_ns=%.2f\n", cost_page_ns(bare, BATCH));
	printf("ioas_ns=%.2f\n", cost_page_ns(library, BATCH));
	uvdk_ioas_detach(plain, edu.dev);
	uvdk_ioas_destroy(plain);
}

/* ---- our own ---- */

static struct uvdk_pgtable_arena *arena;
static struct uvdk_pgtable *pt;
static struct uvdk_invalq *q;
static uint64_t page[MOST];   /* addresses, in the order of use */
static uint64_t out;	      /* something that is mapped in the second stage */
static uint64_t target[MOST]; /* likewise, for each page */

static void post(uint64_t first, uint64_t last, bool all, uint64_t *cookie)
{
	const struct uvdk_inval_req req = {.first = first,
					   .last = last,
					   .asid = ASID,
					   .scope = all ? UVDK_INVAL_PASID : UVDK_INVAL_RANGE,
					   .flags = UVDK_INVAL_LEAF};

	CHECK_EQ(uvdk_inval_post(q, &req, cookie), 0);
}

static void finish(uint64_t cookie)
{
	CHECK_EQ(uvdk_inval_kick(q), 0);
	CHECK_EQ(uvdk_inval_poll(q, cookie), 0);
}

/* Page by page, one request each, one kick. */
static void pages(unsigned int count)
{
	struct uvdk_inval_req req = {
		.asid = ASID, .scope = UVDK_INVAL_RANGE, .flags = UVDK_INVAL_LEAF};
	struct uvdk_pgtable *const table = pt;
	struct uvdk_invalq *const queue = q;
	uint64_t cookie = 0;

	for (unsigned int i = 0; i < count; i++)
		if (uvdk_pgtable_map_page(table, page[i], target[i], PROT))
			abort();
	for (unsigned int i = 0; i < count; i++) {
		req.first = page[i];
		req.last = page[i] + PAGE - 1;
		if (uvdk_pgtable_unmap_page(table, page[i]) ||
		    uvdk_inval_post(queue, &req, &cookie))
			abort();
	}
	finish(cookie);
}

/* The same by the array. */
static void arrays(unsigned int count)
{
	const struct uvdk_inval_req like = {.asid = ASID, .flags = UVDK_INVAL_LEAF};
	uint64_t cookie = 0;

	CHECK_EQ(uvdk_pgtable_map_pages(pt, page, target, count, PROT), count);
	CHECK_EQ(uvdk_pgtable_unmap_pages(pt, page, count), count);
	CHECK_EQ(uvdk_inval_post_pages(q, &like, page, count, &cookie), count);
	finish(cookie);
}

/* The whole of the ASID instead. */
static void flushed(unsigned int count)
{
	uint64_t cookie = 0;

	for (unsigned int i = 0; i < count; i++)
		if (uvdk_pgtable_map_page(pt, page[i], out, PROT))
			abort();
	for (unsigned int i = 0; i < count; i++)
		if (uvdk_pgtable_unmap_page(pt, page[i]))
			abort();
	post(0, 0, true, &cookie);
	finish(cookie);
}

/* One call, one request. */
static void range(unsigned int count)
{
	const uint64_t length = (uint64_t)count * PAGE;
	struct uvdk_pgtable_gather gather = {0};
	uint64_t cookie = 0;

	CHECK_EQ(uvdk_pgtable_map(pt, page[0], out, length, PROT), 0);
	CHECK_EQ(uvdk_pgtable_unmap(pt, page[0], length, &gather), (int64_t)length);
	post(page[0], page[0] + length - 1, false, &cookie);
	finish(cookie);
	uvdk_pgtable_quarantine(arena, &gather, cookie);
	uvdk_pgtable_release(arena, cookie);
}

/* What invalidating costs alone: nothing has to be mapped for that. */
static void entries(unsigned int count)
{
	const struct uvdk_inval_req like = {.asid = ASID, .flags = UVDK_INVAL_LEAF};
	uint64_t cookie = 0;

	CHECK_EQ(uvdk_inval_post_pages(q, &like, page, count, &cookie), count);
	finish(cookie);
}

static void flush(unsigned int count)
{
	uint64_t cookie = 0;

	(void)count;
	post(0, 0, true, &cookie);
	finish(cookie);
}

/* Tables alone, nothing forgotten: what is left of pages() is the queue and the kernel. */
static void unheard(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (uvdk_pgtable_map_page(pt, page[i], out, PROT))
			abort();
	for (unsigned int i = 0; i < count; i++)
		if (uvdk_pgtable_unmap_page(pt, page[i]))
			abort();
}

/* ---- what no library can do without: stores into a leaf, commands, one call ---- */

struct command {
	uint64_t w[2];
};

static void tell(const struct command *command, unsigned int count)
{
	struct iofd_hwpt_invalidate args = {.size = sizeof(args),
					    .hwpt_id = kernel.viommu,
					    .data_uptr = (uintptr_t)command,
					    .data_type = IOFD_INVALIDATE_SMMUV3,
					    .entry_len = sizeof(*command),
					    .entry_num = count};

	cost_call(kernel.iommufd, IOFD_HWPT_INVALIDATE, &args);
}

/* CMD_TLBI_NH_VA of an ASID, leaf */
static const uint64_t tlbi_va = 0x12 | (uint64_t)ASID << 48;
static struct command command[BATCH];

/* Commands that are there already. */
static void told(unsigned int count)
{
	tell(command, count);
}

static void floor_of(unsigned int count)
{
	static uint64_t leaf[MOST];

	for (unsigned int i = 0; i < count; i++)
		__atomic_store_n(&leaf[page[i] / PAGE % MOST], out | 0x743, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < count; i++) {
		__atomic_store_n(&leaf[page[i] / PAGE % MOST], 0, __ATOMIC_RELAXED);
		command[i] = (struct command){{tlbi_va, page[i] | 1}};
	}
	tell(command, count);
}

static void contiguous(void)
{
	for (unsigned int i = 0; i < MOST; i++)
		page[i] = FIRST + i * PAGE;
}

static void strided(void)
{
	for (unsigned int i = 0; i < MOST; i++)
		page[i] = FIRST + 2 * i * PAGE;
}

/* Some of AREA, in any order, each once. */
static void shuffled(void)
{
	static uint32_t number[AREA];
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (unsigned int i = 0; i < AREA; i++)
		number[i] = i;
	for (unsigned int i = 0; i < MOST; i++) {
		uint32_t swap = number[i];
		unsigned int j;

		j = i + (unsigned int)(random_next(&seed) % (AREA - i));
		number[i] = number[j];
		number[j] = swap;
		page[i] = FIRST + (uint64_t)number[i] * PAGE;
	}
}

static void curve(const char *name, void (*fn)(unsigned int count))
{
	for (unsigned int n = 1; n <= MOST; n *= 2)
		printf("point %s %u %.2f\n", name, n, cost_page_ns(fn, n));
}

/* Each as an entry, to see when one for all is cheaper. */
static void measure_entries(void)
{
	strided();
	for (unsigned int n = 1; n <= MOST; n *= 2)
		printf("entries %u %.0f\n", n, n * cost_page_ns(entries, n));
	printf("flush_ns=%.0f\n", cost_page_ns(flush, 1));
}

static void measure_own(void)
{
	strided();
	printf("strided_ns=%.2f\n", cost_page_ns(arrays, BATCH));
	printf("calls_ns=%.2f\n", cost_page_ns(pages, BATCH));
	printf("tables_ns=%.2f\n", cost_page_ns(unheard, BATCH));
	printf("floor_ns=%.2f\n", cost_page_ns(floor_of, BATCH));
	printf("told_ns=%.2f\n", cost_page_ns(told, BATCH));
	printf("flushed_ns=%.2f\n", cost_page_ns(flushed, BATCH));
	contiguous();
	printf("coalesced_pages_ns=%.2f\n", cost_page_ns(pages, BATCH));
	printf("range_ns=%.2f\n", cost_page_ns(range, BATCH));
	curve("contiguous", pages);
	curve("range", range);
	strided();
	curve("strided", arrays);
	curve("calls", pages);
	curve("flushed", flushed);
	shuffled();
	curve("random", arrays);
	measure_entries();
}

static void open_own(struct uvdk_ioas *ioas, struct stage1 *stage1)
{
	struct uvdk_pgtable_arena_opts a = {.size = sizeof(a), .length = 256 * PAGE};
	struct uvdk_pgtable_opts o = {
		.size = sizeof(o), .format = UVDK_PGTABLE_ARM, .input_bits = 48};
	struct uvdk_pgtable_info info;

	stage1_create(stage1, ioas, ASID);
	out = stage1->iova + PAGE;
	for (unsigned int i = 0; i < MOST; i++)
		target[i] = out;
	a.va = mmap(NULL, a.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(a.va != MAP_FAILED, "memory");
	CHECK_EQ(uvdk_ioas_map(ioas, a.va, a.length, UVDK_MAP_RW, &a.address), 0);
	CHECK_EQ(uvdk_pgtable_arena_create(&a, &arena), 0);
	o.arena = arena;
	CHECK_EQ(uvdk_pgtable_create(&o, &pt), 0);
	uvdk_pgtable_get_info(pt, &info);
	stage1->arena[0][1] = info.root;
}

static void run(void)
{
	const struct uvdk_invalq_opts opts = {
		.size = sizeof(opts), .depth = 2 * MOST, .flush_entries = 65536};
	struct uvdk_viommu *viommu;
	struct uvdk_vdevice *vdev;
	struct stage1 stage1;
	struct uvdk_hwpt *hwpt;
	struct uvdk_ioas *ioas;

	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	open_own(ioas, &stage1);
	CHECK_EQ(uvdk_viommu_create(ioas, edu.dev, NULL, &viommu), 0);
	hwpt = stage1_nested(&stage1, viommu, edu.dev);
	CHECK_EQ(uvdk_vdevice_create(viommu, edu.dev, ID, &vdev), 0);
	CHECK_EQ(uvdk_hwpt_attach(hwpt, edu.dev, UVDK_PASID_RID), 0);
	CHECK_EQ(uvdk_invalq_open(hwpt, edu.dev, UVDK_PASID_RID, &opts, &q), 0);
	measure_own();
	uvdk_invalq_destroy(q);
	uvdk_vdevice_destroy(vdev);
	uvdk_hwpt_destroy(hwpt);
	uvdk_viommu_destroy(viommu);
	uvdk_pgtable_destroy(pt);
	uvdk_pgtable_arena_destroy(arena);
	uvdk_ioas_destroy(ioas);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	edu_open(&edu, iommu, argv[1]);
	measure_kernel();
	run();
	uvdk_device_close(edu.dev);
	uvdk_iommu_close(iommu);
	return 0;
}
