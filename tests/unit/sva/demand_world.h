/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_DEMAND_WORLD_H
#define SVA_DEMAND_WORLD_H

#include "demand_wraps.h"
#include "pri.h"

/* A device that asks for pages, bound to the process. */
struct demand_world {
	struct world w;
	struct pri *p;
	struct uvdk_sva *sva;
	uint32_t pasid;
};

static inline struct uvdk_sva_opts demand_opts(const struct world *w, unsigned int flags)
{
	return (struct uvdk_sva_opts){.size = sizeof(struct uvdk_sva_opts),
				      .backend = UVDK_SVA_DEMAND,
				      .flags = flags,
				      .owner = flags & UVDK_SVA_RID ? NULL : w->owner};
}

static inline void demand_open(struct demand_world *d, unsigned int flags)
{
	struct uvdk_sva_opts opts;

	d->p = pri_open(&d->w);
	opts = demand_opts(&d->w, flags);
	d->sva = bind_ok(&d->w, &opts);
	d->pasid = uvdk_sva_pasid(d->sva);
}

static inline void demand_close(struct demand_world *d)
{
	cr_assert_eq(uvdk_sva_unbind(d->sva), 0);
	cr_assert_eq(held(&d->w), 0);
	world_close(&d->w);
}

/* Filled with 0x11, aligned to its length, which is a power of two. */
static inline uint8_t *aligned_memory(size_t len)
{
	uint8_t *raw = new_memory(2 * len);
	uint8_t *at = (uint8_t *)(((uintptr_t)raw + len - 1) & ~(len - 1));

	memset(at, 0x11, len);
	return at;
}

#endif /* SVA_DEMAND_WORLD_H */
