/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PASID_COPY_H
#define PASID_COPY_H

#include <inttypes.h>
#include <sys/mman.h>
#include <time.h>

#include <uvdk_hwpt.h>
#include <uvdk_pasid_attach.h>

#include "dev_common.h"

/* Drives the function with PASIDs; its registers are described in ../README.md. */
#define COPY_QUEUES 16u
#define COPY_SLOTS  64u
#define COPY_MAGIC  0x31465055u

#define COPY_TAGGED (1u << 31)
#define COPY_INSIST (1u << 30)

#define PAGE	    4096u
#define IOVA	    UINT64_C(0x40000000)
#define DEADLINE    60

enum copy_status { COPY_DONE = 1, COPY_READ_FAULT, COPY_WRITE_FAULT, COPY_REFUSED };

struct copy_result {
	enum copy_status status;
	uint32_t fault;
	uint64_t addr;
	uint64_t done;
	uint32_t again;
};

struct copier {
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_region bar;
	uint32_t tail[COPY_QUEUES];
};

static inline uint64_t copier_read(struct copier *c, uint64_t off, unsigned int width)
{
	uint64_t value = 0;

	CHECK_EQ(uvdk_region_read(&c->bar, off, width, &value), 0);
	return value;
}

static inline void copier_write(struct copier *c, uint64_t off, unsigned int width, uint64_t value)
{
	CHECK_EQ(uvdk_region_write(&c->bar, off, width, value), 0);
}

static inline void copier_open(struct copier *c, const char *bdf)
{
	memset(c, 0, sizeof(*c));
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &c->iommu), 0);
	CHECK_EQ(uvdk_device_open(c->iommu, bdf, NULL, &c->dev), 0);
	CHECK_EQ(uvdk_device_set_command(c->dev, 6, 0), 0);
	CHECK_EQ(uvdk_device_region(c->dev, 0, &c->bar), 0);
	CHECK_EQ(copier_read(c, 0, 4), COPY_MAGIC);
}

static inline void copier_close(struct copier *c)
{
	uvdk_device_close(c->dev);
	uvdk_iommu_close(c->iommu);
}

/* How many us a page takes. */
static inline void copier_set_pace(struct copier *c, uint32_t us)
{
	copier_write(c, 8, 4, us);
}

static inline uint64_t copier_slot(unsigned int queue, uint32_t index)
{
	return 0x10000 + (queue * COPY_SLOTS + index % COPY_SLOTS) * 64;
}

/* Submit a copy; returns its index in the queue. Tag: PASID and flags; 0: the RID alone. */
static inline uint32_t copier_submit(struct copier *c, unsigned int queue, uint32_t tag,
				     uint64_t dst, uint64_t src, uint64_t len)
{
	uint32_t index = c->tail[queue]++;
	uint64_t slot = copier_slot(queue, index);

	copier_write(c, slot, 8, tag | UINT64_C(1) << 32);
	copier_write(c, slot + 8, 8, src);
	copier_write(c, slot + 16, 8, dst);
	copier_write(c, slot + 24, 8, len);
	copier_write(c, 0x100 + queue * 16, 4, c->tail[queue]);
	return index;
}

static inline bool copier_idle(struct copier *c, unsigned int queue)
{
	return (uint32_t)copier_read(c, 0x104 + queue * 16, 4) == c->tail[queue];
}

/* Wait for all that was submitted to a queue. */
static inline void copier_wait(struct copier *c, unsigned int queue)
{
	time_t deadline = time(NULL) + DEADLINE;

	while (!copier_idle(c, queue))
		CHECK(time(NULL) <= deadline, "queue %u: no end in %d s", queue, DEADLINE);
}

/* How a copy has ended. */
static inline struct copy_result copier_result(struct copier *c, unsigned int queue, uint32_t index)
{
	uint64_t slot = copier_slot(queue, index), first = copier_read(c, slot + 32, 8);

	return (struct copy_result){.status = (enum copy_status)(uint32_t)first,
				    .fault = (uint32_t)(first >> 32),
				    .addr = copier_read(c, slot + 40, 8),
				    .done = copier_read(c, slot + 48, 8),
				    .again = (uint32_t)copier_read(c, slot + 56, 4)};
}

static inline struct copy_result copier_copy(struct copier *c, uint32_t tag, uint64_t dst,
					     uint64_t src, uint64_t len)
{
	uint32_t index = copier_submit(c, 0, tag, dst, src, len);

	copier_wait(c, 0);
	return copier_result(c, 0, index);
}

/* Pages that are there already, filled with zeroes. */
static inline void *pages_new(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	CHECK(mem != MAP_FAILED, "memory");
	return mem;
}

/* An address space of its own in which memory lies at IOVA. */
static inline struct uvdk_ioas *ioas_over(struct copier *c, void *mem, size_t len)
{
	uvdk_iova_t iova = IOVA;
	struct uvdk_ioas *ioas;

	CHECK_EQ(uvdk_ioas_create(c->iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_ioas_map(ioas, mem, len, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	return ioas;
}

#endif /* PASID_COPY_H */
