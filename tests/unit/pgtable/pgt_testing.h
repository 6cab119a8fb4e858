/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PGT_TESTING_H
#define PGT_TESTING_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_pgtable.h>

#include "pgt_walk.h"

#define KB4	UINT64_C(0x1000)
#define MB2	UINT64_C(0x200000)
#define GB1	UINT64_C(0x40000000)
#define R	UVDK_PGTABLE_READ
#define W	UVDK_PGTABLE_WRITE
#define X	UVDK_PGTABLE_EXEC
#define U	UVDK_PGTABLE_USER
#define RWU	(R | W | U)

#define SEEN_AT UINT64_C(0x123456000) /* where hardware sees the arena */

/* A table in an arena of its own, and hardware that walks it. */
struct world {
	struct uvdk_pgtable_arena *arena;
	struct uvdk_pgtable *pt;
	struct walker w;
	uint64_t last;
	struct uvdk_pgtable_gather gather;
	uint64_t cookie;
	/* The callback: */
	unsigned int calls;
	uint64_t called_first, called_last;
	bool was_broken; /* nothing was mapped there while it ran */
	int refuse;	 /* what it returns */
};

static const struct uvdk_pgtable_opts arm39 = {
	.size = sizeof(arm39), .format = UVDK_PGTABLE_ARM, .input_bits = 39};
static const struct uvdk_pgtable_opts arm48 = {
	.size = sizeof(arm48), .format = UVDK_PGTABLE_ARM, .input_bits = 48};
static const struct uvdk_pgtable_opts arm52 = {
	.size = sizeof(arm52), .format = UVDK_PGTABLE_ARM, .input_bits = 52};
static const struct uvdk_pgtable_opts x48 = {
	.size = sizeof(x48), .format = UVDK_PGTABLE_X86, .input_bits = 48, .no_exec = true};
static const struct uvdk_pgtable_opts x57 = {
	.size = sizeof(x57), .format = UVDK_PGTABLE_X86, .input_bits = 57, .no_exec = true};

static inline int on_invalidate(void *arg, uint64_t first, uint64_t last)
{
	struct world *world = arg;

	world->calls++;
	world->called_first = first;
	world->called_last = last;
	world->was_broken = !hw_walk(&world->w, first).ok && !hw_walk(&world->w, last).ok;

	return world->refuse;
}

static inline void world_start(struct world *world, const struct uvdk_pgtable_opts *like,
			       uint64_t pages)
{
	struct uvdk_pgtable_arena_opts a = {.size = sizeof(a), .address = SEEN_AT};
	struct uvdk_pgtable_opts o = *like;
	struct uvdk_pgtable_info info;

	*world = (struct world){.cookie = 0};
	a.length = pages * KB4;
	a.va = aligned_alloc(KB4, a.length);
	cr_assert_neq(a.va, NULL);
	memset(a.va, 0xa5, a.length);
	cr_assert_eq(uvdk_pgtable_arena_create(&a, &world->arena), 0);
	o.arena = world->arena;
	o.arg = world;
	cr_assert_eq(uvdk_pgtable_create(&o, &world->pt), 0, "%s", uvdk_last_error());
	uvdk_pgtable_get_info(world->pt, &info);
	world->last = info.last;
	world->w = (struct walker){a.va,      a.address,       a.length,
				   info.root, info.input_bits, o.format == UVDK_PGTABLE_ARM,
				   o.track,   o.no_exec};
}

static inline struct uvdk_pgtable_arena_stats stats_of(struct world *world)
{
	struct uvdk_pgtable_arena_stats stats;

	uvdk_pgtable_arena_get_stats(world->arena, &stats);
	return stats;
}

/* What was gathered is invalidated, and that has completed. */
static inline void settle(struct world *world)
{
	uvdk_pgtable_quarantine(world->arena, &world->gather, ++world->cookie);
	uvdk_pgtable_release(world->arena, world->cookie);
}

static inline void world_stop(struct world *world)
{
	settle(world);
	cr_expect_eq(stats_of(world).tables, hw_all_tables(&world->w));
	uvdk_pgtable_destroy(world->pt);
	cr_expect_eq(stats_of(world).free, stats_of(world).total, "table pages leak");
	uvdk_pgtable_arena_destroy(world->arena);
	free(world->w.memory);
}

static inline int map(struct world *world, uint64_t iova, uint64_t out, uint64_t length)
{
	return uvdk_pgtable_map(world->pt, iova, out, length, RWU);
}

static inline int64_t unmap(struct world *world, uint64_t iova, uint64_t length)
{
	return uvdk_pgtable_unmap(world->pt, iova, length, &world->gather);
}

/* What hardware finds: output address, or 0. */
static inline uint64_t out_of(struct world *world, uint64_t iova)
{
	struct seen s = hw_walk(&world->w, iova);

	return s.ok ? s.out : 0;
}

static inline uint64_t size_at(struct world *world, uint64_t iova)
{
	struct seen s = hw_walk(&world->w, iova);

	return s.ok ? s.size : 0;
}

static inline unsigned int prot_of(const struct seen *s)
{
	return (s->read ? R : 0) | (s->write ? W : 0) | (s->exec ? X : 0) | (s->user ? U : 0);
}

#endif /* PGT_TESTING_H */
