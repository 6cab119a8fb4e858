/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_WORLD_H
#define SVA_WORLD_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <uvdk_emu.h>
#include <uvdk_sva.h>

/*
 * An emulated copier, whose copies carry PASIDs (registers: tests/vm/README.md),
 * and an owner of PASIDs. Nothing is attached but an empty address space to one
 * PASID, so that the function tags its accesses after others are detached, too.
 */
#define BYSTANDER   1000
#define PAGE	    ((size_t)4096)
#define TAGGED	    (UINT64_C(1) << 31)
#define COPY	    (UINT64_C(1) << 32)

#define COPIED	    1
#define NOT_READ    2
#define NOT_WRITTEN 3

struct world {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_region bar;
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_owner *owner;
	struct uvdk_ioas *empty;
	uint32_t tail;
};

static inline void world_open(struct world *w, bool manual)
{
	struct uvdk_emu_opts emu_opts = {.size = sizeof(emu_opts), .manual = manual};
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};

	memset(w, 0, sizeof(*w));
	cr_assert_eq(uvdk_emu_create(&emu_opts, &w->emu), 0);
	iommu_opts.emu = w->emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu_opts, &w->iommu), 0);
	cr_assert_eq(uvdk_device_open(w->iommu, "emu:copier", NULL, &w->dev), 0);
	cr_assert_eq(uvdk_device_region(w->dev, 0, &w->bar), 0);
	cr_assert_eq(uvdk_device_set_command(w->dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	cr_assert_eq(uvdk_pasid_space_create(NULL, &w->space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(w->space, 0, &w->owner), 0);
	cr_assert_eq(uvdk_ioas_create(w->iommu, NULL, &w->empty), 0);
	cr_assert_eq(uvdk_ioas_attach_pasid(w->empty, w->dev, BYSTANDER), 0);
}

static inline void world_close(struct world *w)
{
	uvdk_pasid_owner_destroy(w->owner);
	uvdk_pasid_space_destroy(w->space);
	uvdk_device_close(w->dev);
	uvdk_ioas_destroy(w->empty);
	uvdk_iommu_close(w->iommu);
	uvdk_emu_destroy(w->emu);
}

static inline struct uvdk_sva_opts with_pasid(const struct world *w, unsigned int flags)
{
	return (struct uvdk_sva_opts){.size = sizeof(struct uvdk_sva_opts),
				      .backend = UVDK_SVA_PINNED,
				      .flags = flags,
				      .owner = w->owner};
}

static inline struct uvdk_sva_opts with_rid(unsigned int flags)
{
	return (struct uvdk_sva_opts){.size = sizeof(struct uvdk_sva_opts),
				      .backend = UVDK_SVA_PINNED,
				      .flags = flags | UVDK_SVA_RID};
}

static inline struct uvdk_sva *bind_ok(struct world *w, const struct uvdk_sva_opts *opts)
{
	struct uvdk_sva *sva = NULL;

	cr_assert_eq(uvdk_sva_bind(w->dev, opts, &sva), 0, "%s", uvdk_last_error());
	return sva;
}

static inline void share_ok(struct uvdk_sva *sva, const void *addr, size_t len)
{
	cr_assert_eq(uvdk_sva_share(sva, addr, len), 0, "%s", uvdk_last_error());
}

/*
 * Where nobody else maps: what a test gives back stays empty, also while threads start or a
 * sanitizer's runtime takes memory.
 */
static inline uint8_t *new_memory(size_t len)
{
	static uintptr_t next = UINT64_C(0x2c0000000000);
	uintptr_t hint =
		__atomic_fetch_add(&next, (len + 0x10fff) & ~UINT64_C(0xffff), __ATOMIC_RELAXED);
	void *p =
		mmap((void *)hint, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	return p;
}

static inline uint64_t reg_read(struct world *w, uint64_t off)
{
	uint64_t value = 0;

	cr_assert_eq(uvdk_region_read(&w->bar, off, 4, &value), 0);
	return value;
}

static inline void reg_write(struct world *w, uint64_t off, unsigned int width, uint64_t value)
{
	cr_assert_eq(uvdk_region_write(&w->bar, off, width, value), 0);
}

/* Submit a copy to queue 0. Returns the offset of its descriptor. */
static inline uint64_t submit(struct world *w, uint32_t pasid, const void *src, void *dst,
			      size_t len)
{
	uint64_t slot = 0x10000 + w->tail % 64 * 64;

	reg_write(w, slot, 8, COPY | (pasid ? TAGGED | pasid : 0));
	reg_write(w, slot + 8, 8, (uintptr_t)src);
	reg_write(w, slot + 16, 8, (uintptr_t)dst);
	reg_write(w, slot + 24, 8, len);
	reg_write(w, 0x100, 4, ++w->tail);

	return slot;
}

/* What has become of it, on a machine that is stepped by hand. */
static inline uint32_t copy(struct world *w, uint32_t pasid, const void *src, void *dst, size_t len)
{
	uint64_t slot = submit(w, pasid, src, dst, len);

	while (uvdk_emu_step(w->emu))
		;

	return (uint32_t)reg_read(w, slot + 32);
}

static inline uint32_t sva_copy(struct world *w, struct uvdk_sva *sva, const void *src, void *dst,
				size_t len)
{
	return copy(w, uvdk_sva_pasid(sva), src, dst, len);
}

/* Uses of stale translations that the machine has seen. */
static inline unsigned int stales(const struct world *w)
{
	struct uvdk_emu_stale stale;

	return (unsigned int)uvdk_emu_stales(w->emu, &stale, 1);
}

static inline struct uvdk_sva_info info_of(struct uvdk_sva *sva)
{
	struct uvdk_sva_info info;

	uvdk_sva_get_info(sva, &info);
	return info;
}

static inline uint32_t held(const struct world *w)
{
	struct uvdk_pasid_stats stats;

	cr_assert_eq(uvdk_pasid_get_stats(w->owner, &stats), 0);
	return stats.held;
}

#endif /* SVA_WORLD_H */
