/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VTD_TESTING_H
#define VTD_TESTING_H

#include <uvdk_emu_vtd_driver.h>

#include "emu_testing.h"

/*
 * A kernel in miniature: it writes the tables of a remapping unit by hand, one
 * entry at a time, so that a test may leave out or spoil any step. Offsets and
 * bits are from Intel's VT-d specification, revision 4.1.
 */
#define KB4	    UINT64_C(0x1000)
#define MB2	    UINT64_C(0x200000)
#define GB1	    UINT64_C(0x40000000)

#define CAP	    0x08
#define ECAP	    0x10
#define GCMD	    0x18
#define GSTS	    0x1c
#define RTADDR	    0x20
#define FSTS	    0x34
#define IQH	    0x80
#define IQT	    0x88
#define IQA	    0x90
#define IQERCD	    0xb0
#define PQH	    0xc0
#define PQT	    0xc8
#define PQA	    0xd0
#define PRS	    0xdc

#define ARENA_PAGES 4096
#define NO_PASID    UVDK_EMU_NO_PASID

enum pgtt {
	FIRST = 1,
	SECOND = 2,
	NESTED = 3,
	PASS = 4,
};

struct kern {
	struct uvdk_emu *emu;
	struct uvdk_emu_function *fn;
	uint8_t *arena;
	size_t used; /* pages */
	uint64_t *root;
	uint64_t *context;   /* of devices 0 to 15 */
	uint64_t *directory; /* of PASIDs */
	uint64_t *pasids;    /* 64 entries of 8 words */
	uint64_t *queue;
	unsigned int tail;
	uint32_t *status;
};

static inline void *new_page(struct kern *k)
{
	cr_assert_lt(k->used, ARENA_PAGES);
	return k->arena + 4096 * k->used++;
}

static inline uint64_t pa(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static inline uint64_t reg(struct kern *k, uint32_t off, unsigned int width)
{
	return uvdk_emu_iommu_read(k->emu, uvdk_emu_fn_iommu(k->fn), off, width);
}

static inline void set_reg(struct kern *k, uint32_t off, unsigned int width, uint64_t value)
{
	uvdk_emu_iommu_write(k->emu, uvdk_emu_fn_iommu(k->fn), off, width, value);
}

static inline void begin(struct kern *k)
{
	uvdk_emu_iommu_begin(k->emu, uvdk_emu_fn_iommu(k->fn));
}

static inline void end(struct kern *k)
{
	uvdk_emu_iommu_end(k->emu, uvdk_emu_fn_iommu(k->fn));
}

/* Post a descriptor; nothing is waited for. */
static inline void post(struct kern *k, uint64_t lo, uint64_t hi)
{
	uint64_t *desc = k->queue + 4 * k->tail;

	desc[0] = lo;
	desc[1] = hi;
	desc[2] = desc[3] = 0;
	k->tail = (k->tail + 1) % 128;
	set_reg(k, IQT, 8, (uint64_t)k->tail << 5);
}

/* A wait descriptor, and a look at FSTS as long as it is not done. */
static inline bool wait_queue(struct kern *k)
{
	*k->status = 0;
	post(k, 0x5 | 1 << 5 | UINT64_C(1) << 32, pa(k->status));
	for (unsigned int i = 0; i < 1000 && !__atomic_load_n(k->status, __ATOMIC_ACQUIRE); i++)
		if (reg(k, FSTS, 4) & 0x70)
			return false;

	return *k->status;
}

static inline void inval_context(struct kern *k, uint16_t sid)
{
	post(k, 0x1 | 3 << 4 | (uint64_t)sid << 32, 0);
}

static inline void inval_pasid(struct kern *k, uint16_t did, uint32_t pasid)
{
	post(k, 0x7 | 1 << 4 | (uint64_t)did << 16 | (uint64_t)pasid << 32, 0);
}

/* First stage: pages of a PASID; @am: their power of two. */
static inline void inval_pages(struct kern *k, uint16_t did, uint32_t pasid, uint64_t iova,
			       unsigned int am, bool leaf_only)
{
	post(k, 0x6 | 3 << 4 | (uint64_t)did << 16 | (uint64_t)pasid << 32,
	     iova | am | (leaf_only ? 1u << 6 : 0));
}

static inline void inval_all_pages(struct kern *k, uint16_t did, uint32_t pasid)
{
	post(k, 0x6 | 2 << 4 | (uint64_t)did << 16 | (uint64_t)pasid << 32, 0);
}

static inline void inval_domain(struct kern *k, uint16_t did)
{
	post(k, 0x2 | 2 << 4 | (uint64_t)did << 16, 0);
}

static inline void inval_second(struct kern *k, uint16_t did, uint64_t iova, unsigned int am,
				bool leaf_only)
{
	post(k, 0x2 | 3 << 4 | (uint64_t)did << 16, iova | am | (leaf_only ? 1u << 6 : 0));
}

static inline void inval_device(struct kern *k, uint16_t sid, uint32_t pasid, uint64_t iova)
{
	post(k, 0x8 | (uint64_t)sid << 16 | (uint64_t)pasid << 32, iova);
}

/* ---- page tables ---- */

#define FS_BITS	      (1 | 2 | 4) /* present, writable, user */
#define SS_BITS	      (1 | 2)	  /* readable, writable */
#define PAGE_SIZE_BIT 0x80

/* The entry of an address in a table of @levels, down to @level; made on the way. */
static inline uint64_t *entry_at(struct kern *k, uint64_t *top, unsigned int levels, uint64_t iova,
				 unsigned int level, uint64_t bits)
{
	uint64_t *table = top;

	for (unsigned int l = levels; l > level; l--) {
		uint64_t *e = &table[iova >> (12 + 9 * (l - 1)) & 511];

		if (!*e)
			*e = pa(new_page(k)) | bits;
		table = (uint64_t *)(uintptr_t)(*e & ~UINT64_C(0xfff) & ((UINT64_C(1) << 52) - 1));
	}

	return &table[iova >> (12 + 9 * (level - 1)) & 511];
}

static inline uint64_t *fs_entry(struct kern *k, uint64_t *top, uint64_t iova, unsigned int level)
{
	return entry_at(k, top, 4, iova, level, FS_BITS);
}

static inline void fs_map(struct kern *k, uint64_t *top, uint64_t iova, const void *to)
{
	*fs_entry(k, top, iova, 1) = pa(to) | FS_BITS;
}

static inline uint64_t *ss_entry(struct kern *k, uint64_t *top, uint64_t iova, unsigned int level)
{
	return entry_at(k, top, 4, iova, level, SS_BITS);
}

static inline void ss_map(struct kern *k, uint64_t *top, uint64_t iova, const void *to)
{
	*ss_entry(k, top, iova, 1) = pa(to) | SS_BITS;
}

/* ---- context and PASID entries ---- */

static inline uint16_t sid_of(struct uvdk_emu_function *fn)
{
	return (uint16_t)(uvdk_emu_fn_slot(fn) << 3);
}

static inline uint64_t *context_of(struct kern *k, struct uvdk_emu_function *fn)
{
	return k->context + 4 * sid_of(fn);
}

static inline void set_context(struct kern *k, struct uvdk_emu_function *fn, uint64_t flags)
{
	uint64_t *c = context_of(k, fn);

	c[1] = 0;
	/* PDTS 0: 128 directory entries, 8192 PASIDs */
	c[0] = pa(k->directory) | flags | 1;
}

static inline uint64_t *pasid_of(struct kern *k, uint32_t pasid)
{
	uint64_t *d = &k->directory[pasid >> 6];

	if (!*d)
		*d = pa(new_page(k)) | 1;
	return (uint64_t *)(uintptr_t)(*d & ~UINT64_C(0xfff)) + 8 * (pasid & 63);
}

static inline void set_pasid(struct kern *k, uint32_t pasid, enum pgtt kind, uint16_t did,
			     const uint64_t *first, const uint64_t *second)
{
	uint64_t *p = pasid_of(k, pasid);

	p[2] = pa(first);
	p[1] = did;
	/* AW 2: four levels */
	p[0] = pa(second) | (uint64_t)kind << 6 | (kind == FIRST ? 0 : 2 << 2) | 1;
}

/* ---- the whole ---- */

#define CTX_DTE	   (1u << 2)
#define CTX_PASIDE (1u << 3)
#define CTX_PRE	   (1u << 4)

/* Root table and queue, switched on; the caches hold what was before. */
static inline void kern_tables(struct kern *k)
{
	k->arena = pages(ARENA_PAGES);
	k->root = new_page(k);
	k->context = new_page(k);
	k->directory = new_page(k);
	k->queue = new_page(k);
	k->status = new_page(k);
	k->root[0] = pa(k->context) | 1;
	set_reg(k, RTADDR, 8, pa(k->root) | 1 << 10);
	set_reg(k, GCMD, 4, 1u << 30);
	cr_assert(reg(k, GSTS, 4) & 1u << 30);
	set_reg(k, IQA, 8, pa(k->queue) | 1 << 11);
	set_reg(k, GCMD, 4, 1u << 26);
	cr_assert(reg(k, GSTS, 4) & 1u << 26);
	set_reg(k, GCMD, 4, 1u << 26 | 1u << 31);
	cr_assert(reg(k, GSTS, 4) & 1u << 31);
}

static inline void kern_boot(struct kern *k)
{
	kern_tables(k);
	post(k, 0x1 | 1 << 4, 0);
	post(k, 0x7 | 3 << 4, 0);
	post(k, 0x2 | 1 << 4, 0);
	cr_assert(wait_queue(k));
}

static inline void kern_start(struct kern *k, const struct uvdk_emu_opts *opts, const char *spec)
{
	struct uvdk_emu_opts def = {.size = sizeof(def), .manual = true};

	*k = (struct kern){0};
	cr_assert_eq(uvdk_emu_create(opts ? opts : &def, &k->emu), 0);
	cr_assert_eq(uvdk_emu_plug(k->emu, spec, &k->fn), 0);
	enable(k->fn);
	kern_boot(k);
}

static inline void kern_stop(struct kern *k)
{
	uvdk_emu_unplug_fn(k->fn);
	uvdk_emu_destroy(k->emu);
	munmap(k->arena, ARENA_PAGES * 4096);
}

/* ---- what a device does and sees ---- */

static inline int peek(struct kern *k, uint32_t pasid, uint64_t iova)
{
	uint8_t b = 0;

	return uvdk_emu_dma_read_pasid(k->fn, pasid, iova, &b, 1) ? -1 : b;
}

static inline bool poke(struct kern *k, uint32_t pasid, uint64_t iova, uint8_t value)
{
	return !uvdk_emu_dma_write_pasid(k->fn, pasid, iova, &value, 1);
}

/* The reason in the next fault record, which is cleared; 0: there is none. */
static inline unsigned int fault_reason(struct kern *k)
{
	uint32_t off = (uint32_t)(reg(k, CAP, 8) >> 24 & 0x3ff) * 16;
	uint32_t status = (uint32_t)reg(k, FSTS, 4);
	uint64_t hi;

	if (!(status & 2))
		return 0;
	off += (status >> 8 & 0xff) * 16;
	hi = reg(k, off + 8, 8);
	cr_assert(hi >> 63, "FSTS says that this record is filled in");
	set_reg(k, off + 12, 4, 1u << 31);

	return hi >> 32 & 0xff;
}

/* One report, which is taken; its missing invalidation begins so. */
#define EXPECT_STALE(k, cache_is, missing_is)                                          \
	do {                                                                           \
		struct uvdk_emu_stale stale_[2];                                       \
                                                                                       \
		cr_assert_eq(uvdk_emu_stales((k)->emu, stale_, 2), 1);                 \
		cr_expect_str_eq(stale_[0].cache, cache_is);                           \
		cr_expect(!strncmp(stale_[0].missing, missing_is, strlen(missing_is)), \
			  "missing: %s", stale_[0].missing);                           \
	} while (0)

static inline void expect_no_stale(struct kern *k)
{
	struct uvdk_emu_stale s;

	cr_assert_eq(uvdk_emu_stales(k->emu, &s, 1), 0, "%s", s.missing);
}

#endif /* VTD_TESTING_H */
