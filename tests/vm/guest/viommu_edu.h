/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_EDU_H
#define VIOMMU_EDU_H

#include <inttypes.h>
#include <sys/mman.h>

#include <uvdk_fault.h>

#include "edu.h"

/* What the programs on QEMU's virtio-iommu share: two edu behind it, memory, and faults. */
#define PAGE 4096u
#define HUGE (2u << 20)

static struct uvdk_iommu *iommu;
static struct uvdk_faultq *faults;

static inline void *memory_new(size_t len, int flags)
{
	void *at =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	CHECK(at != MAP_FAILED, "memory: %s", strerror(errno));
	return at;
}

/* Neighbours are touched at different times: they get frames that are apart. */
static inline uint8_t *scattered_new(unsigned int pages)
{
	uint8_t *at = memory_new((size_t)pages * PAGE, 0);

	CHECK_EQ(madvise(at, (size_t)pages * PAGE, MADV_NOHUGEPAGE), 0);
	for (unsigned int i = 0; i < pages; i += 2)
		at[i * PAGE] = 1;
	for (unsigned int i = 1; i < pages; i += 2)
		at[i * PAGE] = 1;
	return at;
}

static inline uvdk_iova_t mapped(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags)
{
	uvdk_iova_t iova;

	CHECK_EQ(uvdk_ioas_map(ioas, va, len, flags, &iova), 0);
	return iova;
}

/* Where a device finds a page that nothing translates for. */
static inline uint64_t physical_of(const void *va)
{
	FILE *f = fopen("/proc/self/pagemap", "re");
	uint64_t entry = 0;

	CHECK(f && !fseek(f, (long)((uintptr_t)va / PAGE * sizeof(entry)), SEEK_SET) &&
		      fread(&entry, sizeof(entry), 1, f) == 1,
	      "pagemap");
	fclose(f);
	CHECK(entry >> 63 && entry << 9, "0x%" PRIx64, entry);
	return (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
}

/* From one address to another, by way of the device's buffer. */
static inline void edu_copy(struct edu *e, uvdk_iova_t dst, uvdk_iova_t src)
{
	edu_dma(e, EDU_BUFFER, src, 0);
	edu_dma(e, dst, EDU_BUFFER, EDU_TO_RAM);
}

/* What edu writes has this value, whatever its buffer held. */
static inline void edu_fill(struct edu *e, uvdk_iova_t good, uint8_t *va, uint8_t value)
{
	memset(va, value, EDU_BYTES);
	edu_dma(e, EDU_BUFFER, good, 0);
}

/* The next fault; waits for it. */
static inline void fault_next(struct uvdk_fault *fault)
{
	time_t deadline = time(NULL) + DEADLINE;
	int n;

	while (!(n = uvdk_faultq_read(faults, fault, 1))) {
		CHECK(time(NULL) <= deadline, "no fault in %d s", DEADLINE);
		readable_within(uvdk_faultq_fd(faults), 1000);
	}
	CHECK_EQ(n, 1);
	printf("  fault: type %d, access %u, addr 0x%" PRIx64 ", reason %d, code %u\n", fault->type,
	       fault->access, fault->addr, fault->reason, fault->code);
}

static inline void no_fault(void)
{
	struct uvdk_fault fault;

	CHECK_EQ(uvdk_faultq_read(faults, &fault, 1), 0);
}

/*
 * It names the device and an address of the transfer. QEMU leaves out whether it was a read or a
 * write unless that is what was wrong, and gives no reason for an endpoint that was never attached.
 */
static inline void faulted(const struct edu *e, uvdk_iova_t iova, unsigned int access,
			   enum uvdk_fault_reason reason)
{
	struct uvdk_fault fault;

	fault_next(&fault);
	CHECK_EQ(fault.type, UVDK_FAULT_IOMMU);
	CHECK(fault.dev == e->dev, "another device");
	CHECK(fault.addr >= iova && fault.addr < iova + EDU_BYTES, "0x%" PRIx64, fault.addr);
	CHECK(!fault.access || fault.access == access, "access %u", fault.access);
	CHECK(fault.reason == reason ||
		      (reason == UVDK_FAULT_DETACHED && fault.reason == UVDK_FAULT_UNKNOWN),
	      "reason %d", fault.reason);
	/* A transfer in pieces may fault for each. */
	while (uvdk_faultq_read(faults, &fault, 1) == 1)
		CHECK(fault.dev == e->dev, "another device");
}

#define UNTOUCHED 0xc7

/* The transfer leaves memory as it is, and its fault says where. */
static inline void write_refused(struct edu *e, uvdk_iova_t iova, uint8_t *va,
				 enum uvdk_fault_reason reason)
{
	memset(va, UNTOUCHED, EDU_BYTES);
	edu_dma(e, iova, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(va, UNTOUCHED), "memory has changed");
	faulted(e, iova, UVDK_FAULT_WRITE, reason);
}

#endif /* VIOMMU_EDU_H */
