/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_WORLD_H
#define EMU_WORLD_H

#include <uvdk_inval.h>
#include <uvdk_pgtable.h>
#include <uvdk_viommu.h>

#include "../drivers/emu_asker.h"

/*
 * A function of an emulated machine behind a nested table, whose first stage a
 * test writes itself.
 */
#define EMU_WORLD_PASID	 5u
#define EMU_WORLD_IOVA	 UINT64_C(0x40000000)	/* in the first stage */
#define EMU_WORLD_MEMORY UINT64_C(0x8000000000) /* in the second: w->world.memory */
#define EMU_WORLD_PAGES	 256

struct emu_world {
	struct asker_world world;
	struct asker *asker;
	uint32_t pasid;
	struct uvdk_ioas *ioas;
	struct uvdk_pgtable_arena *arena;
	struct uvdk_pgtable *pt;
	struct uvdk_viommu *viommu;
	struct uvdk_hwpt *hwpt;
	int change;
};

/* EMU_WORLD_PAGES single pages are mapped from EMU_WORLD_IOVA on, each to its own. */
void emu_world_open(struct emu_world *w);

/* By another PASID, 0: by RID; @spec: see emu_asker.h */
void emu_world_open_as(struct emu_world *w, const char *spec, uint32_t pasid);
void emu_world_close(struct emu_world *w);
int emu_world_queue(struct emu_world *w, const struct uvdk_invalq_opts *opts,
		    struct uvdk_invalq **out);

/* A page to a page of memory, inline. */
int emu_world_map(struct emu_world *w, unsigned int page, unsigned int memory);
int emu_world_unmap(struct emu_world *w, unsigned int page);

/* Around a change that should have been invalidated when it ends. */
void emu_world_begin(struct emu_world *w);
void emu_world_end(struct emu_world *w);

#endif /* EMU_WORLD_H */
