/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_NEST_H
#define EMU_NEST_H

#include <uvdk_pgtable.h>
#include <uvdk_viommu.h>

#include "emu_asker.h"

/*
 * An address space of an emulated machine, and first stages on top of it, whose
 * tables are in memory of that address space.
 */
#define NEST_MEMORY \
	UINT64_C(0x8000000000) /* IOVA of w.memory, the second half of which is tables */
#define NEST_TABLES (NEST_MEMORY + ASKER_LARGE)
#define NEST_PAGES  512 /* of memory that is not tables */

struct nest {
	struct asker_world w;
	struct uvdk_ioas *ioas;
	struct uvdk_pgtable_arena *arena;
	uint64_t cookie;
};

/* Somebody's first stage. */
struct stage1 {
	struct nest *nest;
	struct uvdk_pgtable *pt;
	struct uvdk_pgtable_gather gather;
	struct uvdk_hwpt *hwpt;
};

void nest_open(struct nest *n, const struct uvdk_emu_opts *opts);
void nest_close(struct nest *n);

uint8_t *nest_page(struct nest *n, unsigned int page);
void nest_viommu(struct nest *n, struct uvdk_device *dev, struct uvdk_viommu **out);

/* An empty one, of 48 bits or 57; @queue: or NULL */
void stage1_open(struct stage1 *s, struct nest *n, unsigned int bits);
void stage1_nest(struct stage1 *s, struct uvdk_viommu *viommu, struct uvdk_device *dev,
		 struct uvdk_faultq *queue);
void stage1_close(struct stage1 *s);
struct uvdk_nested stage1_describe(const struct stage1 *s);

/* @page of memory at @addr; and no longer, without any invalidation. */
void stage1_map(struct stage1 *s, uint64_t addr, unsigned int page);
void stage1_map_iova(struct stage1 *s, uint64_t addr, uint64_t iova);
void stage1_unmap(struct stage1 *s, uint64_t addr);

/* What has been gathered is forgotten wherever it is attached; its tables are free. */
void stage1_invalidate(struct stage1 *s);

#endif /* EMU_NEST_H */
