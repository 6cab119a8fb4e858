// SPDX-License-Identifier: BSD-3-Clause
/*
 * viommu_edu BDF BDF UNIT [hold|after]: two edu behind a virtio-iommu (UNIT) that this process
 * drives. What is mapped is reached, and nothing else; the events say who and where. With "hold" it
 * maps a page, has it written to again and again, lets uvdk-iommuctl look, and waits to be killed.
 * With "after" it looks at what an edu reaches whose driver is gone, before the virtio-iommu has a
 * new one.
 */
#include <fcntl.h>
#include <limits.h>

#include <uvdk_inspect.h>
#include <uvdk_mapq.h>

#include "viommu_edu.h"

#define FIRST_IOVA (UINT64_C(1) << 30) /* what hold() maps */
#define HELD	   "/run/viommu_held"  /* the memory there, which outlives the process */
#define WINDOW	   (64 * PAGE)
#define POSTED	   3 /* pages of the window that are mapped */

static struct edu a, b;
static struct uvdk_ioas *ioas;
static uint8_t *page; /* of the heap, mapped at @iova */
static uvdk_iova_t iova;

/* ---- nothing is reached before it is allowed ---- */

static void detached(void)
{
	uint8_t *va = memory_new(PAGE, 0);
	struct uvdk_ioas *early;
	uvdk_iova_t at;

	memset(va, 1, PAGE);
	CHECK_EQ(mlock(va, PAGE), 0);
	write_refused(&a, physical_of(va), va, UVDK_FAULT_DETACHED);
	write_refused(&b, physical_of(va), va, UVDK_FAULT_DETACHED);
	/* Nor what a process before us had mapped, see hold(). */
	write_refused(&a, FIRST_IOVA, va, UVDK_FAULT_DETACHED);
	write_refused(&b, FIRST_IOVA, va, UVDK_FAULT_DETACHED);

	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &early), 0);
	at = mapped(early, va, PAGE, UVDK_MAP_RW);
	write_refused(&a, at, va, UVDK_FAULT_DETACHED);
	CHECK_EQ(uvdk_ioas_attach(early, a.dev), 0);
	write_refused(&a, FIRST_IOVA, va, UVDK_FAULT_UNMAPPED);
	edu_fill(&a, at, va, 0x12);
	no_fault();
	write_refused(&b, at, va, UVDK_FAULT_DETACHED);
	uvdk_ioas_detach(early, a.dev);
	write_refused(&a, at, va, UVDK_FAULT_DETACHED);
	uvdk_ioas_destroy(early);
	munmap(va, PAGE);
	printf("detached: all good\n");
}

/* ---- what is mapped ---- */

static void copied(uint8_t *dst, uvdk_iova_t dst_iova, uint8_t *src, uvdk_iova_t src_iova)
{
	static uint8_t value = 0x20;

	memset(dst, 0, EDU_BYTES);
	memset(src, ++value, EDU_BYTES);
	edu_copy(&a, dst_iova, src_iova);
	CHECK(arrived(dst, value), "at 0x%" PRIx64, dst_iova);
	no_fault();
}

static void mapped_memory(void)
{
	uint8_t *huge = memory_new(HUGE, MAP_HUGETLB);
	uint8_t *apart = scattered_new(256);
	uvdk_iova_t huge_iova = mapped(ioas, huge, HUGE, UVDK_MAP_RW);
	uvdk_iova_t apart_iova = mapped(ioas, apart, 256 * PAGE, UVDK_MAP_RW);

	copied(page + 512, iova + 512, page, iova);
	copied(huge + HUGE - EDU_BYTES, huge_iova + HUGE - EDU_BYTES, page, iova);
	copied(page, iova, huge + HUGE / 2, huge_iova + HUGE / 2);
	for (unsigned int i = 1; i < 256; i += 50)
		copied(apart + i * PAGE, apart_iova + i * PAGE, apart + (i - 1) * PAGE,
		       apart_iova + (i - 1) * PAGE);
	/* A transfer across pages that are neighbours only in the address space. */
	copied(apart + 9 * PAGE - EDU_BYTES / 2, apart_iova + 9 * PAGE - EDU_BYTES / 2, huge,
	       huge_iova);
	CHECK_EQ(uvdk_ioas_unmap(ioas, apart_iova, 256 * PAGE), 0);
	write_refused(&a, apart_iova + 7 * PAGE, apart + 7 * PAGE, UVDK_FAULT_UNMAPPED);
	CHECK_EQ(uvdk_ioas_unmap(ioas, huge_iova, HUGE), 0);
	write_refused(&a, huge_iova + HUGE - PAGE, huge + HUGE - PAGE, UVDK_FAULT_UNMAPPED);
	munmap(huge, HUGE);
	munmap(apart, 256 * PAGE);
	printf("mapped: all good\n");
}

static void outside(void)
{
	uint8_t *va = memory_new(3 * PAGE, 0);
	uvdk_iova_t at = UINT64_C(1) << 32;
	struct uvdk_fault fault;

	memset(va, 0x33, 3 * PAGE);
	CHECK_EQ(uvdk_ioas_map(ioas, va + PAGE, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &at), 0);
	write_refused(&a, at - PAGE, va, UVDK_FAULT_UNMAPPED);
	write_refused(&a, at + PAGE, va + 2 * PAGE, UVDK_FAULT_UNMAPPED);
	edu_dma(&a, EDU_BUFFER, at + PAGE, 0);
	faulted(&a, at + PAGE, UVDK_FAULT_READ, UVDK_FAULT_UNMAPPED);
	CHECK_EQ(uvdk_ioas_unmap(ioas, at, PAGE), 0);

	/* May be read: whether the event tells this from "unmapped" is up to the device. */
	CHECK_EQ(uvdk_ioas_map(ioas, va, PAGE, UVDK_MAP_READ | UVDK_MAP_FIXED, &at), 0);
	edu_dma(&a, EDU_BUFFER, at, 0);
	no_fault();
	memset(va, 0x34, PAGE);
	edu_dma(&a, at, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(va, 0x34), "what is read-only was written");
	fault_next(&fault);
	CHECK(fault.dev == a.dev && fault.access & UVDK_FAULT_WRITE, "access %u", fault.access);
	while (uvdk_faultq_read(faults, &fault, 1))
		;
	CHECK_EQ(uvdk_ioas_unmap(ioas, at, PAGE), 0);
	munmap(va, 3 * PAGE);
	printf("outside: all good\n");
}

/* Two devices in two address spaces: an address is other memory in each; then both in one. */
static void two_spaces(void)
{
	struct uvdk_ioas *other;
	uint8_t *va = memory_new(PAGE, 0);
	uvdk_iova_t at = iova;

	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &other), 0);
	CHECK_EQ(uvdk_ioas_attach(other, b.dev), 0);
	CHECK_EQ(uvdk_ioas_map(other, va, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &at), 0);
	edu_fill(&b, at, va, 0x41);
	memset(va, 0, PAGE);
	memset(page, 0, PAGE);
	edu_dma(&b, at, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(va, 0x41) && arrived(page, 0), "other memory");
	uvdk_ioas_detach(other, b.dev);
	uvdk_ioas_destroy(other);

	CHECK_EQ(uvdk_ioas_attach(ioas, b.dev), 0);
	edu_dma(&b, iova, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(page, 0x41), "what was mapped before the attach");
	uvdk_ioas_detach(ioas, b.dev);
	write_refused(&b, iova, page, UVDK_FAULT_DETACHED);
	copied(page + 512, iova + 512, page, iova);
	munmap(va, PAGE);
	printf("two spaces: all good\n");
}

/* ---- registers ---- */

#define EDU_LIVENESS 0x04 /* gives back the inverse of what was written */

static void four_bytes(struct edu *e, uvdk_iova_t dst)
{
	CHECK_EQ(uvdk_region_write(&e->bar, EDU_SRC, 8, EDU_BUFFER), 0);
	CHECK_EQ(uvdk_region_write(&e->bar, EDU_DST, 8, dst), 0);
	CHECK_EQ(uvdk_region_write(&e->bar, EDU_COUNT, 8, 4), 0);
	CHECK_EQ(uvdk_region_write(&e->bar, EDU_CMD, 8, EDU_TO_RAM | EDU_START), 0);
	edu_wait(e);
}

static void expect_liveness(const struct edu *e, uint32_t expected)
{
	uint64_t value;

	CHECK_EQ(uvdk_region_read(&e->bar, EDU_LIVENESS, 4, &value), 0);
	CHECK_EQ(value, expected);
}

/* What one device has for registers the other one reaches where they are mapped, and only there. */
static void registers(void)
{
	void *bar = (void *)(uintptr_t)uvdk_region_ptr(&b.bar, 0, PAGE);
	uvdk_iova_t at = 0;

	CHECK(bar, "no pointer to the BAR");
	CHECK_EQ(uvdk_region_write(&b.bar, EDU_LIVENESS, 4, 0), 0);
	CHECK_ERR(uvdk_ioas_map(ioas, bar, PAGE, UVDK_MAP_RW, &at), -EFAULT); /* of a stranger's */
	CHECK_EQ(uvdk_ioas_attach(ioas, b.dev), 0);
	at = mapped(ioas, bar, PAGE, UVDK_MAP_RW);
	edu_fill(&a, iova, page, 0x5a);
	four_bytes(&a, at + EDU_LIVENESS);
	no_fault();
	expect_liveness(&b, 0xa5a5a5a5);
	CHECK_EQ(uvdk_region_write(&b.bar, EDU_LIVENESS, 4, 0), 0);
	CHECK_EQ(uvdk_ioas_unmap(ioas, at, PAGE), 0);
	four_bytes(&a, at + EDU_LIVENESS);
	faulted(&a, at + EDU_LIVENESS, UVDK_FAULT_WRITE, UVDK_FAULT_UNMAPPED);
	expect_liveness(&b, 0xffffffff);
	uvdk_ioas_detach(ioas, b.dev);
	printf("registers: all good\n");
}

/* ---- where nothing can be mapped ---- */

static void refused_at(struct uvdk_ioas *early, uint8_t *va, uvdk_iova_t at)
{
	uvdk_iova_t fixed = at;

	CHECK_ERR(uvdk_ioas_map(ioas, va, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &fixed), -ERANGE);
	/* Mapped first, where no device limits it: then the device is refused. */
	if (uvdk_ioas_map(early, va, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &fixed)) {
		printf("  0x%" PRIx64 " is beyond everything: %s\n", at, uvdk_last_error());
		return;
	}
	CHECK_ERR(uvdk_ioas_attach(early, b.dev), -EADDRINUSE);
	CHECK_EQ(uvdk_ioas_unmap(early, fixed, PAGE), 0);
	printf("  0x%" PRIx64 ": neither mapped nor attached\n", at);
}

static void apertures(void)
{
	struct uvdk_iova_range range[16];
	unsigned int n = uvdk_ioas_ranges(ioas, range, 16);
	uint8_t *va = memory_new(PAGE, 0);
	struct uvdk_ioas *early;

	for (unsigned int i = 0; i < n; i++)
		printf("  0x%" PRIx64 " to 0x%" PRIx64 "\n", range[i].first, range[i].last);
	CHECK(n > 1 && n <= 16, "no reserved range among %u", n);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &early), 0);
	for (unsigned int i = 0; i + 1 < n; i++)
		refused_at(early, va, range[i].last + 1);
	if (range[n - 1].last != UINT64_MAX)
		refused_at(early, va, range[n - 1].last + 1);
	/* What is refused leaves nothing behind. */
	CHECK_EQ(uvdk_ioas_attach(early, b.dev), 0);
	uvdk_ioas_destroy(early);
	munmap(va, PAGE);
	printf("apertures: all good\n");
}

/* ---- the unit is reset behind our back ---- */

/* virtio 1.2, 4.1.4: where the common configuration is, from the function's capabilities. */
static volatile uint8_t *common_of(const char *unit)
{
	char path[PATH_MAX];
	uint8_t config[256];
	uint8_t *bar;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", unit);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(read(fd, config, sizeof(config)), sizeof(config));
	close(fd);
	for (unsigned int at = config[0x34]; at; at = config[at + 1]) {
		uint32_t offset;

		if (config[at] != 9 || config[at + 3] != 1)
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%u", unit,
			 config[at + 4]);
		fd = open(path, O_RDWR | O_CLOEXEC);
		CHECK(fd >= 0, "%s: %s", path, strerror(errno));
		memcpy(&offset, config + at + 8, sizeof(offset));
		bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   offset & ~(PAGE - 1));
		CHECK(bar != MAP_FAILED, "%s: %s", path, strerror(errno));
		close(fd);
		return bar + (offset & (PAGE - 1));
	}
	CHECK(false, "no virtio capability");
	return NULL;
}

static void reset(const char *unit)
{
	volatile uint8_t *common = common_of(unit);
	uint8_t *va = memory_new(PAGE, 0);
	uvdk_iova_t at;

	CHECK_EQ(uvdk_ioas_attach(ioas, b.dev), 0);
	edu_fill(&b, iova, page, 0x52);
	copied(page + 512, iova + 512, page, iova);
	common[20] = 0; /* device_status, 4.1.4.3 */
	/* At addresses that are not mapped nothing is reached in between. */
	memset(page, UNTOUCHED, PAGE);
	edu_dma(&a, physical_of(page), EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(page, UNTOUCHED), "reached while nobody translates");
	memset(page, 0x51, PAGE);
	/* The next request finds out, and puts back what was there. */
	at = mapped(ioas, va, PAGE, UVDK_MAP_RW);
	CHECK_EQ(common[20] & 4, 4); /* DRIVER_OK */
	copied(va, at, page, iova);
	copied(page + 512, iova + 512, va, at);
	edu_dma(&b, iova, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(page, 0x52), "the other device");
	uvdk_ioas_detach(ioas, b.dev);
	write_refused(&b, iova, page, UVDK_FAULT_DETACHED);
	CHECK_EQ(uvdk_ioas_unmap(ioas, at, PAGE), 0);
	write_refused(&a, at, va, UVDK_FAULT_UNMAPPED);
	munmap(va, PAGE);
	printf("reset: all good\n");
}

/* ---- */

static void open_all(const char *first, const char *second)
{
	CHECK_EQ(uvdk_iommu_open("virtio", NULL, &iommu), 0);
	edu_open(&a, iommu, first);
	edu_open(&b, iommu, second);
	CHECK_EQ(uvdk_faultq_create(iommu, NULL, &faults), 0);
}

static void close_all(void)
{
	uvdk_faultq_destroy(faults);
	uvdk_device_close(b.dev);
	uvdk_device_close(a.dev);
	uvdk_iommu_close(iommu);
}

static void attach(void)
{
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_ioas_attach(ioas, a.dev), 0);
	page = memory_new(PAGE, 0);
	iova = mapped(ioas, page, PAGE, UVDK_MAP_RW);
}

static uint8_t *held_page(void)
{
	int fd = open(HELD, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	uint8_t *at;

	CHECK(fd >= 0 && !ftruncate(fd, PAGE), HELD ": %s", strerror(errno));
	at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(at != MAP_FAILED, HELD ": %s", strerror(errno));
	close(fd);

	return at;
}

/* A window with pages that no record of the address space has. */
static void post_maps(void)
{
	struct uvdk_mapq_opts opts = {.size = sizeof(opts), .len = WINDOW};
	struct uvdk_mapq_mem *mem;
	struct uvdk_mapq *q;
	uint64_t cookie;

	CHECK_EQ(uvdk_ioas_reserve(ioas, WINDOW, 0, false, &opts.iova), 0);
	CHECK_EQ(uvdk_mapq_open(ioas, &opts, &q), 0);
	CHECK_EQ(uvdk_mapq_pin(q, memory_new(WINDOW, 0), WINDOW, UVDK_MAP_RW, &mem), 0);
	for (unsigned int i = 0; i < POSTED; i++)
		CHECK_EQ(uvdk_mapq_map(q, opts.iova + 2 * i * PAGE, mem, i * PAGE, PAGE,
				       UVDK_MAP_RW, &cookie),
			 0);
	CHECK_EQ(uvdk_mapq_kick(q), 0);
	while (uvdk_mapq_poll(q, cookie) == -EINPROGRESS)
		;
	CHECK_EQ(uvdk_mapq_poll(q, cookie), 0);
}

static _Noreturn void hold(void)
{
	struct uvdk_inspect *inspect;
	uvdk_iova_t first = FIRST_IOVA;

	attach();
	CHECK_EQ(uvdk_ioas_attach(ioas, b.dev), 0);
	CHECK_EQ(uvdk_ioas_map(ioas, held_page(), PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &first), 0);
	post_maps();
	CHECK_EQ(uvdk_inspect_create(NULL, &inspect), 0);
	CHECK_EQ(uvdk_inspect_add_iommu(inspect, iommu), 0);
	for (;;) {
		memset(page, 0, EDU_BYTES);
		edu_fill(&a, iova, page + 512, 0x61);
		edu_start(&a, iova, EDU_BUFFER, EDU_TO_RAM);
		printf("holding\n");
	}
}

/* Opened past the virtio-iommu, as by somebody who knows nothing of it. */
static void after(const char *first, const char *second)
{
	uint8_t *va = memory_new(PAGE, 0);
	uint8_t *held = held_page();

	memset(va, 1, PAGE);
	memset(held, 1, PAGE);
	CHECK_EQ(mlock(va, PAGE), 0);
	CHECK_EQ(uvdk_iommu_open("noiommu", NULL, &iommu), 0);
	edu_open(&a, iommu, first);
	edu_open(&b, iommu, second);
	edu_dma(&a, physical_of(va), EDU_BUFFER, EDU_TO_RAM);
	edu_dma(&b, physical_of(va), EDU_BUFFER, EDU_TO_RAM);
	edu_dma(&a, FIRST_IOVA, EDU_BUFFER, EDU_TO_RAM);
	edu_dma(&b, FIRST_IOVA, EDU_BUFFER, EDU_TO_RAM);
	for (unsigned int i = 0; i < PAGE; i++)
		CHECK(va[i] == 1, "byte %u was written", i);
	printf("held: %s\n", arrived(held, 1) ? "not reached" : "reached");
	uvdk_device_close(b.dev);
	uvdk_device_close(a.dev);
	uvdk_iommu_close(iommu);
	printf("after: all good\n");
}

/* What stays open for the process as a whole is there after this. */
static unsigned int open_once(const char *first, const char *second)
{
	open_all(first, second);
	attach();
	uvdk_ioas_destroy(ioas);
	close_all();
	return count_fds();
}

int main(int argc, char **argv)
{
	unsigned int fds;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4)
		return 2;
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	if (argc > 4 && !strcmp(argv[4], "after")) {
		after(argv[1], argv[2]);
		return 0;
	}
	if (argc > 4) {
		open_all(argv[1], argv[2]);
		hold();
	}
	fds = open_once(argv[1], argv[2]);
	open_all(argv[1], argv[2]);
	detached();
	attach();
	mapped_memory();
	outside();
	two_spaces();
	registers();
	apertures();
	reset(argv[3]);
	uvdk_ioas_destroy(ioas);
	close_all();
	CHECK_EQ(count_fds(), fds);
	printf("everything: all good\n");
	return 0;
}
