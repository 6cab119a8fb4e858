/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_NESTED_H
#define SVA_NESTED_H

#include <errno.h>
#include <inttypes.h>

#include <uvdk_cdtable.h>
#include <uvdk_inval.h>
#include <uvdk_viommu.h>

#include "sva_priv.h"

/*
 * Of the nested backend. A process has one second stage for each uvdk_iommu (a
 * *space*), in which memory is pinned once, for all bindings; a vIOMMU for each
 * I/O MMU (a *unit*); on SMMUv3 a table of context descriptors for each device (a
 * *seat*), which the PASIDs of the device share; and a first stage for each
 * binding.
 */

/* Memory is pinned in pieces of a chunk: what stays pinned when part of it goes. */
#define NEST_CHUNK_SHIFT 21
#define NEST_CHUNK	 (UINT64_C(1) << NEST_CHUNK_SHIFT)
#define NEST_PAGES	 (NEST_CHUNK / UVDK_PGTABLE_PAGE)
#define NEST_BUCKETS	 256

/**
 * struct nest_pin - memory pinned, all of one chunk
 * @entry: in &struct nest_space.pins, by chunk
 * @uses: bindings that have pages of it; without any it is unpinned
 * @first: address in the process
 * @len: bytes
 * @iova: where the second stage has it
 * @writable: pinned for writing, too
 *
 * Guarded by the space's lock. A page that no binding has may have been given up
 * by the process since, and is not for new ones.
 */
struct nest_pin {
	LIST_ENTRY(nest_pin) entry;
	LIST_HEAD(, nest_use) uses;
	uintptr_t first;
	size_t len;
	uvdk_iova_t iova;
	bool writable;
};

/**
 * struct nest_use - pages of a pin that a binding has
 * @of_pin: in &struct nest_pin.uses
 * @of_binding: in &struct nested.uses, by chunk
 * @pin: the pin
 * @pages: bit n: page n of the chunk
 */
struct nest_use {
	LIST_ENTRY(nest_use) of_pin;
	LIST_ENTRY(nest_use) of_binding;
	struct nest_pin *pin;
	uint64_t pages[NEST_PAGES / 64];
};

/**
 * struct nest_memory - memory of ours that the hardware walks
 * @va: where it is; NULL: none
 * @len: bytes
 * @iova: where the second stage has it
 */
struct nest_memory {
	void *va;
	size_t len;
	uvdk_iova_t iova;
};

/**
 * struct nest_space - second stage of a process on an iommu
 * @entry: of all
 * @iommu: whose
 * @refs: bindings
 * @ioas: the second stage
 * @tables: what @arena is made of
 * @arena: table pages for all bindings
 * @units: vIOMMUs
 * @seats: devices that are used
 * @asids: bit n: ASID n is taken
 * @lock: guards what follows; the rest is guarded by the lock of all spaces
 * @pins: memory, by chunk
 * @cookie: latest number of an invalidation that @arena was told of
 */
struct nest_space {
	LIST_ENTRY(nest_space) entry;
	struct uvdk_iommu *iommu;
	unsigned int refs;
	struct uvdk_ioas *ioas;
	struct nest_memory tables;
	struct uvdk_pgtable_arena *arena;
	LIST_HEAD(, nest_unit) units;
	LIST_HEAD(, nest_seat) seats;
	uint64_t asids[65536 / 64];
	pthread_mutex_t lock;
	LIST_HEAD(, nest_pin) pins[NEST_BUCKETS];
	uint64_t cookie;
};

/**
 * struct nest_unit - an I/O MMU
 * @entry: in &struct nest_space.units
 * @refs: seats, and bindings without one
 * @viommu: the user's part of it
 * @info: of it
 */
struct nest_unit {
	LIST_ENTRY(nest_unit) entry;
	unsigned int refs;
	struct uvdk_viommu *viommu;
	const struct uvdk_viommu_info *info;
};

/**
 * struct nest_seat - a device on an SMMUv3
 * @entry: in &struct nest_space.seats
 * @refs: bindings
 * @dev: device
 * @unit: SMMU
 * @virt_id: by which commands name it
 * @vdev: that gives it this ID
 * @memory: of @cdt: all of it or the first level
 * @cdt: context descriptors
 * @hwpt: what points there, attached to the RID
 * @cut: it was taken off, after something went wrong
 */
struct nest_seat {
	LIST_ENTRY(nest_seat) entry;
	unsigned int refs;
	struct uvdk_device *dev;
	struct nest_unit *unit;
	uint32_t virt_id;
	struct uvdk_vdevice *vdev;
	struct nest_memory memory;
	struct uvdk_cdtable *cdt;
	struct uvdk_hwpt *hwpt;
	bool cut;
};

/**
 * struct nested - a binding
 * @space: second stage
 * @unit: I/O MMU
 * @seat: SMMUv3: the device
 * @hwpt: others: the first stage, attached
 * @q: what is cached of it is forgotten by this; NULL: the device is off
 * @pt: page table
 * @last: highest address that it has
 * @asid: SMMUv3: tag of its translations
 * @cut: the device was taken off, after something went wrong
 * @uses: what is pinned, by chunk; guarded by the space's lock
 */
struct nested {
	struct nest_space *space;
	struct nest_unit *unit;
	struct nest_seat *seat;
	struct uvdk_hwpt *hwpt;
	struct uvdk_invalq *q;
	struct uvdk_pgtable *pt;
	uint64_t last;
	uint16_t asid;
	bool cut;
	LIST_HEAD(, nest_use) uses[NEST_BUCKETS];
};

/* ---- nested_space.c; all but nest_memory under nest_lock() ---- */

void nest_lock(void);
void nest_unlock(void);
int nest_space_get(struct uvdk_iommu *iommu, struct nest_space **out);
void nest_space_put(struct nest_space *space);
/* Memory for tables, all zeroes, in the second stage. */
int nest_memory_get(struct nest_space *space, size_t len, struct nest_memory *out);
void nest_memory_put(struct nest_space *space, struct nest_memory *memory);
int nest_asid_get(struct nest_space *space, unsigned int bits, uint16_t *out);
void nest_asid_put(struct nest_space *space, uint16_t asid);

/* ---- nested_unit.c; under nest_lock() ---- */

int nest_unit_get(struct nest_space *space, struct uvdk_device *dev, struct nest_unit **out);
void nest_unit_put(struct nest_unit *unit);
int nest_seat_get(struct nest_space *space, struct nest_unit *unit, struct uvdk_device *dev,
		  struct nest_seat **out);
void nest_seat_put(struct nest_space *space, struct nest_seat *seat);

/* ---- nested_stage1.c ---- */

static inline bool nest_unit_is_smmu(const struct nest_unit *unit)
{
	return unit->info->type == UVDK_NEST_SMMUV3 || unit->info->type == UVDK_NEST_TEGRA241;
}

/* Page table, and the device on it; @unit is there. Under nest_lock(). */
int nest_stage1_attach(struct uvdk_sva *sva, struct nested *n);
/* The device is off it, and nothing is cached; then it is freed. */
void nest_stage1_detach(struct uvdk_sva *sva, struct nested *n);
/* The device loses everything at once: what could not be done otherwise. */
void nest_stage1_cut(struct uvdk_sva *sva, struct nested *n);

/* ---- nested_flush.c ---- */

/* For a table where it is attached; to be closed before it is detached there. */
int nest_flush_open(struct nested *n, struct uvdk_hwpt *hwpt, struct uvdk_device *dev,
		    uint32_t pasid);
void nest_flush_close(struct nested *n);
/* What was cached of [first, last] is forgotten on return. */
int nest_flush(struct uvdk_sva *sva, struct nested *n, uint64_t first, uint64_t last, bool leaf);

/* ---- nested_pin.c ---- */

/* Where pages from @first on are in the second stage: up to @last, or less: @upto. */
int nest_pin(struct uvdk_sva *sva, struct nested *n, uintptr_t first, uintptr_t last, bool writable,
	     uintptr_t *upto, uvdk_iova_t *iova);
/* They are used no more: unpinned where nobody else does. */
void nest_unpin(struct uvdk_sva *sva, struct nested *n, uintptr_t first, uintptr_t last);

#endif /* SVA_NESTED_H */
