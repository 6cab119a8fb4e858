/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EDU_TESTING_H
#define EDU_TESTING_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <uvdk_emu.h>
#include <uvdk_iommu.h>

/*
 * An emulated edu, opened as an application does it: machine, iommu, device,
 * address space, and 64 KiB of memory mapped in it.
 */
#define MEM_LEN 65536

struct bench {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;
	struct uvdk_region bar;
	uint8_t *mem;
	uvdk_iova_t iova;
};

static inline uint8_t *new_memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	return p;
}

static inline void bench_open(struct bench *b, const char *spec, bool manual)
{
	struct uvdk_emu_opts emu_opts = {.size = sizeof(emu_opts), .manual = manual};
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};
	struct uvdk_ioas_opts ioas_opts = {.size = sizeof(ioas_opts), .iova_last = 0x0fffffff};

	memset(b, 0, sizeof(*b));
	cr_assert_eq(uvdk_emu_create(&emu_opts, &b->emu), 0);
	iommu_opts.emu = b->emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu_opts, &b->iommu), 0);
	cr_assert_eq(uvdk_device_open(b->iommu, spec, NULL, &b->dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(b->iommu, &ioas_opts, &b->ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(b->ioas, b->dev), 0);
	b->mem = new_memory(MEM_LEN);
	cr_assert_eq(uvdk_ioas_map(b->ioas, b->mem, MEM_LEN, UVDK_MAP_RW, &b->iova), 0);
	cr_assert_eq(uvdk_device_region(b->dev, 0, &b->bar), 0);
	cr_assert_eq(uvdk_device_set_command(b->dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
}

static inline void bench_close(struct bench *b)
{
	uvdk_device_close(b->dev);
	uvdk_ioas_destroy(b->ioas);
	uvdk_iommu_close(b->iommu);
	uvdk_emu_destroy(b->emu);
	munmap(b->mem, MEM_LEN);
}

static inline uint64_t reg_read(struct bench *b, uint64_t off, unsigned int width)
{
	uint64_t value = 0;

	cr_assert_eq(uvdk_region_read(&b->bar, off, width, &value), 0);
	return value;
}

static inline void reg_write(struct bench *b, uint64_t off, unsigned int width, uint64_t value)
{
	cr_assert_eq(uvdk_region_write(&b->bar, off, width, value), 0);
}

/* Program a transfer of the device, and start it. */
static inline void dma_start(struct bench *b, uint64_t src, uint64_t dst, uint64_t count,
			     uint64_t cmd)
{
	reg_write(b, 0x80, 8, src);
	reg_write(b, 0x88, 8, dst);
	reg_write(b, 0x90, 8, count);
	reg_write(b, 0x98, 8, cmd | 1);
}

static inline unsigned int entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned int n = 0;

	cr_assert_not_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static inline uint64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Wait for a condition, ten seconds at most. */
#define WAIT_UNTIL(cond)                                              \
	do {                                                          \
		uint64_t give_up = wall_ns() + UINT64_C(10000000000); \
                                                                      \
		while (!(cond) && wall_ns() < give_up)                \
			sched_yield();                                \
		cr_assert(cond, "never came true: %s", #cond);        \
	} while (0)

#endif /* EDU_TESTING_H */
