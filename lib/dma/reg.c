// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include <uvdk_explain_driver.h>

#include "reg_priv.h"

#define TRIES 16
#define LONG  ((size_t)1 << 30)

static uintptr_t min(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

static uvdk_iova_t mapped_at(const struct uvdk_dma_reg *reg, uintptr_t at)
{
	return uvdk_translate(uvdk_ioas_xlate(reg->space->ioas), (const void *)at);
}

/* Where the gap ends that begins at @at. */
static uintptr_t gap_end(const struct uvdk_dma_reg *reg, uintptr_t at)
{
	size_t page = uvdk_ioas_page_size(reg->space->ioas);

	while (at + (page - 1) < reg->last && mapped_at(reg, at + page) == UVDK_IOVA_NONE)
		at += page;

	return at + (page - 1);
}

static int left_over(const struct reg_map *map, uintptr_t gap)
{
	return uvdk_fail(-EBUSY, DMA_COMPONENT,
			 "memory at 0x%" PRIxPTR " can't be registered: another registration holds "
			 "the map of 0x%" PRIxPTR "-0x%" PRIxPTR
			 ", in which the pages are that were registered here before; end it "
			 "first, or give UVDK_MAP_ALIAS",
			 gap, map->first, map->last);
}

/* A map of ours is there. -EEXIST: it allows less. */
static int use_ours(struct reg_piece *piece, struct reg_map *map)
{
	uintptr_t gap;

	piece->last = min(map->last, piece->reg->last);
	if (!reg_map_live(map, piece->first, piece->last, &gap))
		return left_over(map, gap);
	if (piece->reg->flags & ~map->flags)
		return -EEXIST;
	reg_map_join(map, piece);

	return 0;
}

/* Somebody else's. */
static int use_others(struct reg_piece *piece, uvdk_iova_t iova)
{
	struct uvdk_map_info m;

	if (uvdk_ioas_find(piece->reg->space->ioas, iova, &m))
		return -EAGAIN;
	piece->last = min(piece->first + (m.iova + (m.len - 1) - iova), piece->reg->last);
	if (piece->reg->flags & ~m.flags)
		return -EEXIST;
	piece->iova = iova;

	return 0;
}

/* Has somebody mapped a page of what was a gap? */
static bool is_new(const struct reg_piece *piece)
{
	return mapped_at(piece->reg, piece->first) != UVDK_IOVA_NONE ||
	       gap_end(piece->reg, piece->first) < piece->last;
}

/* -EAGAIN: it has changed meanwhile. */
static int fill(struct reg_piece *piece)
{
	struct uvdk_dma_reg *reg = piece->reg;
	struct reg_map *map = reg_map_find(reg->space, piece->first);
	unsigned int flags = reg->flags;
	uvdk_iova_t iova;
	int err;

	if (flags & UVDK_MAP_ALIAS) {
		piece->last = reg->last;
	} else if (map) {
		err = use_ours(piece, map);
		if (err != -EEXIST)
			return err;
		flags |= UVDK_MAP_ALIAS;
	} else {
		iova = mapped_at(reg, piece->first);
		if (iova != UVDK_IOVA_NONE) {
			err = use_others(piece, iova);
			if (err != -EEXIST)
				return err;
			flags |= UVDK_MAP_ALIAS;
		} else {
			piece->last = gap_end(reg, piece->first);
		}
	}
	err = reg_map_make(reg->space, piece, flags);
	if (err == -EEXIST && !(flags & UVDK_MAP_ALIAS) && is_new(piece))
		return -EAGAIN;
	if (!err)
		reg->mapped += piece->last - piece->first + 1;

	return err;
}

static int add_piece(struct uvdk_dma_reg *reg, uintptr_t first)
{
	struct reg_piece *piece = calloc(1, sizeof(*piece));
	int err = -EAGAIN;

	if (!piece)
		return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory to note a registration");
	piece->reg = reg;
	piece->first = first;
	for (int i = 0; err == -EAGAIN && i < TRIES; i++)
		err = fill(piece);
	if (err) {
		free(piece);
		return err;
	}
	piece->next = reg->pieces;
	reg->pieces = piece;

	return 0;
}

/* What is left when that fails can be tried again. */
static int take_down(struct uvdk_dma_reg *reg)
{
	struct reg_piece *piece;
	int err;

	while ((piece = reg->pieces)) {
		err = reg_map_leave(reg->space, piece);
		if (err)
			return err;
		reg->pieces = piece->next;
		free(piece);
	}

	return 0;
}

static int build(struct uvdk_dma_reg *reg)
{
	uintptr_t at = reg->first;
	int err;

	for (;;) {
		err = add_piece(reg, at);
		if (err)
			break;
		if (reg->pieces->last == reg->last)
			return 0;
		at = reg->pieces->last + 1;
	}
	if (err == -EAGAIN)
		uvdk_fail(err, DMA_COMPONENT,
			  "memory at 0x%" PRIxPTR " can't be registered: others map and unmap it "
			  "all the time",
			  at);

	return err;
}

static int check(const void *va, size_t len, unsigned int flags)
{
	if (!(flags & UVDK_MAP_RW) || flags & ~(unsigned int)(UVDK_MAP_RW | UVDK_MAP_ALIAS))
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "0x%zx bytes at %p can't be registered with flags 0x%x: give "
				 "UVDK_MAP_READ or UVDK_MAP_WRITE, and UVDK_MAP_ALIAS if you like",
				 len, va, flags);

	return 0;
}

/* A length that is a mistake would have its gaps looked for, page by page, for years. */
static int check_length(const struct uvdk_dma_reg *reg)
{
	size_t span = reg->last - reg->first;

	if (span < LONG || (span != SIZE_MAX && uvdk_memory_mapped((void *)reg->first, span + 1)))
		return 0;

	return uvdk_fail(-EFAULT, DMA_COMPONENT,
			 "not all of 0x%" PRIxPTR "-0x%" PRIxPTR " is memory of this process",
			 reg->first, reg->last);
}

static int make(struct uvdk_dma_reg *reg)
{
	int err;

	pthread_mutex_lock(&reg->space->lock);
	err = build(reg);
	if (err && take_down(reg))
		uvdk_log(UVDK_LOG_ERR, DMA_COMPONENT,
			 "0x%" PRIxPTR "-0x%" PRIxPTR
			 " stays mapped in part: %s; memory must not be freed",
			 reg->first, reg->last, uvdk_last_error());
	pthread_mutex_unlock(&reg->space->lock);

	return err;
}

static void count(const struct uvdk_dma_reg *reg, int64_t registrations)
{
	struct uvdk_ioas_dma_stats *counts = uvdk_ioas_dma_counts(reg->space->ioas);
	int64_t bytes = (int64_t)(reg->last - reg->first + 1);

	uvdk_ioas_dma_count(&counts->registrations, registrations);
	uvdk_ioas_dma_count(&counts->registered_bytes, registrations * bytes);
}

static int try_to(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags,
		  struct uvdk_dma_reg **out)
{
	struct uvdk_dma_reg *reg;
	int err = check(va, len, flags);

	if (!err)
		err = uvdk_ioas_check_own(ioas);
	if (err)
		return err;
	reg = calloc(1, sizeof(*reg));
	if (!reg)
		return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory to note a registration");
	err = reg_pages(va, len, uvdk_ioas_page_size(ioas), &reg->first, &reg->last);
	if (!err)
		err = check_length(reg);
	if (err)
		goto free_reg;
	reg->flags = flags;
	reg->space = reg_space_get(ioas);
	err = reg->space ? make(reg) : -ENOMEM;
	if (err)
		goto put_space;
	*out = reg;

	return 0;

put_space:
	if (reg->space)
		reg_space_put(reg->space);
free_reg:
	free(reg);
	return err;
}

UVDK_EXPORT int uvdk_dma_register(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags,
				  struct uvdk_dma_reg **out)
{
	struct uvdk_ioas_dma_stats *counts;
	int err;

	if (!ioas)
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "0x%zx bytes at %p can't be registered: no address space", len,
				 va);
	err = try_to(ioas, va, len, flags, out);
	counts = uvdk_ioas_dma_counts(ioas);
	uvdk_ioas_dma_count(err ? &counts->refused : &counts->made, 1);
	if (err)
		return err;
	count(*out, 1);
	if (!(*out)->mapped)
		uvdk_ioas_dma_count(&counts->shared, 1);

	return 0;
}

UVDK_EXPORT int uvdk_dma_unregister(struct uvdk_dma_reg *reg)
{
	int err;

	if (!reg)
		return 0;
	if (!reg_space_is_ours(reg->space))
		return uvdk_fail(-EPERM, DMA_COMPONENT,
				 "a child of fork() leaves the registrations of its parent alone");
	pthread_mutex_lock(&reg->space->lock);
	err = take_down(reg);
	pthread_mutex_unlock(&reg->space->lock);
	if (err)
		return err;
	count(reg, -1);
	reg_space_put(reg->space);
	free(reg);

	return 0;
}

static bool holds(const struct reg_piece *piece, uintptr_t at)
{
	return piece->first <= at && at <= piece->last;
}

/* Pieces that follow one another for the device, too, are one run. */
UVDK_EXPORT uvdk_iova_t uvdk_dma_reg_iova(const struct uvdk_dma_reg *reg, const void *va,
					  size_t *run)
{
	const struct reg_piece *piece, *above = NULL;
	uintptr_t at = (uintptr_t)va, last = 0;

	for (piece = reg->pieces; piece; above = piece, piece = piece->next) {
		if (!above || piece->iova + (piece->last - piece->first) + 1 != above->iova)
			last = piece->last;
		if (holds(piece, at))
			break;
	}
	if (!piece)
		return UVDK_IOVA_NONE;
	if (run)
		*run = last - at + 1;

	return piece->iova + (at - piece->first);
}

UVDK_EXPORT void uvdk_dma_reg_get_info(const struct uvdk_dma_reg *reg,
				       struct uvdk_dma_reg_info *out)
{
	const struct reg_piece *piece, *above = NULL;

	*out = (struct uvdk_dma_reg_info){.va = (void *)reg->first,
					  .len = reg->last - reg->first + 1,
					  .flags = reg->flags,
					  .mapped = reg->mapped};
	for (piece = reg->pieces; piece; above = piece, piece = piece->next)
		if (!above || piece->iova + (piece->last - piece->first) + 1 != above->iova)
			out->pieces++;
}
