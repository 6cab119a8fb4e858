/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_WORLD_H
#define EMU_WORLD_H

#include <uvdk_hwpt.h>
#include <uvdk_inval.h>

#include "../drivers/emu_asker.h"

/*
 * A function of an emulated machine with a first-stage table on a PASID, whose
 * entries a test writes itself.
 */
#define EMU_WORLD_PASID 5u
#define EMU_WORLD_IOVA	UINT64_C(0x40000000)
#define EMU_WORLD_PAGES 256

struct emu_world {
	struct asker_world world;
	struct asker *asker;
	struct uvdk_ioas *ioas;
};

/* EMU_WORLD_PAGES single pages are mapped from EMU_WORLD_IOVA on. */
void emu_world_open(struct emu_world *w);
void emu_world_close(struct emu_world *w);
int emu_world_queue(struct emu_world *w, const struct uvdk_invalq_opts *opts,
		    struct uvdk_invalq **out);

/* The leaf entry of a page in the table that the hardware reads. */
uint64_t *emu_world_leaf(struct emu_world *w, unsigned int page);

/* Around a change that should have been invalidated when it ends. */
void emu_world_begin(struct emu_world *w);
void emu_world_end(struct emu_world *w);

#endif /* EMU_WORLD_H */
