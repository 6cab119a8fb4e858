/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NEST_EDU_H
#define NEST_EDU_H

#include <sys/mman.h>

#include <uvdk_viommu.h>

#include "edu.h"

/*
 * A first stage of SMMUv3 that the program writes: one context descriptor (Arm
 * IHI 0070, 5.4) and four levels of 4 KiB tables (Arm DDI 0487, D8.3), in memory
 * that is mapped in the second stage.
 */
#define PAGE   4096u
#define TABLES 64u

/* Tables, each a page: the first holds the context descriptor, the second is the top. */
struct stage1 {
	uint64_t (*arena)[PAGE / 8];
	uvdk_iova_t iova;
	unsigned int used;
};

static inline uvdk_iova_t stage1_iova(const struct stage1 *s, const void *va)
{
	return s->iova + (uintptr_t)va - (uintptr_t)s->arena;
}

/* The leaf entry of an address; the tables above it are made as needed. */
static inline uint64_t *stage1_leaf(struct stage1 *s, const void *va)
{
	uint64_t *table = s->arena[1];
	uint64_t *entry;

	for (unsigned int shift = 39; shift > 12; shift -= 9) {
		entry = &table[(uintptr_t)va >> shift & 511];
		if (!*entry) {
			CHECK(s->used < TABLES, "tables");
			*entry = stage1_iova(s, s->arena[s->used++]) | 3;
		}
		table = s->arena[((*entry & ~UINT64_C(4095)) - s->iova) / PAGE];
	}
	return &table[(uintptr_t)va >> 12 & 511];
}

/* A page: valid, attributes 0 of MAIR, for all to read and write, inner shareable, accessed. */
static inline void stage1_map(struct stage1 *s, const void *va, uvdk_iova_t iova)
{
	__atomic_store_n(stage1_leaf(s, va), iova | 3 | 1 << 6 | 3 << 8 | 1 << 10 | 1 << 11,
			 __ATOMIC_RELEASE);
}

/*
 * 48 bits of address, granule 4 KiB, write-back and inner shareable walks, no upper half;
 * 44 bits behind it, AArch64, faults are recorded and abort, ASIDs are its own.
 */
static inline void stage1_create(struct stage1 *s, struct uvdk_ioas *ioas, unsigned int asid)
{
	uint64_t *cd;

	s->used = 2;
	s->arena = mmap(NULL, TABLES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	CHECK(s->arena != MAP_FAILED, "memory");
	CHECK_EQ(uvdk_ioas_map(ioas, s->arena, TABLES * PAGE, UVDK_MAP_RW, &s->iova), 0);
	cd = s->arena[0];
	cd[0] = 16 | 1 << 8 | 1 << 10 | 3 << 12 | UINT64_C(1) << 30 | UINT64_C(1) << 31 |
		UINT64_C(4) << 32 | UINT64_C(1) << 41 | UINT64_C(1) << 45 | UINT64_C(1) << 46 |
		UINT64_C(1) << 47 | (uint64_t)asid << 48;
	cd[1] = stage1_iova(s, s->arena[1]);
	cd[3] = 0xff; /* MAIR: attributes 0 are write-back */
}

static inline struct uvdk_hwpt *stage1_nested(const struct stage1 *s, struct uvdk_viommu *viommu,
					      struct uvdk_device *dev)
{
	struct uvdk_nested nested = {.size = sizeof(nested), .type = UVDK_NEST_SMMUV3};
	struct uvdk_hwpt *hwpt = NULL;

	/* V, Config 5; the descriptor is read write-back and inner shareable. */
	nested.smmuv3.ste[0] = 1 | 5 << 1 | s->iova;
	nested.smmuv3.ste[1] = 1 << 2 | 1 << 4 | 3 << 6;
	CHECK_EQ(uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt), 0);
	return hwpt;
}

/* Whole pages of the heap, mapped in the second stage. */
static inline uint8_t *heap_pages(struct uvdk_ioas *ioas, unsigned int count, int value,
				  uvdk_iova_t *iova)
{
	uint8_t *raw = malloc((count + 1) * PAGE);
	uint8_t *page = (uint8_t *)(((uintptr_t)raw + PAGE - 1) & ~(uintptr_t)(PAGE - 1));

	CHECK(raw, "memory");
	memset(page, value, count * PAGE);
	CHECK_EQ(uvdk_ioas_map(ioas, page, count * PAGE, UVDK_MAP_RW, iova), 0);
	return page;
}

#endif /* NEST_EDU_H */
