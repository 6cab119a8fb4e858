// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "eal_priv.h"

#define XLATE_PAGE ((size_t)1 << UVDK_XLATE_LEAF_SHIFT)

/* Is all of [first, first + len) one aperture, and within the device's reach? */
static bool in_aperture(struct uvdk_ioas *ioas, uvdk_iova_t first, size_t len)
{
	struct uvdk_iova_range ranges[64];
	unsigned int count = uvdk_ioas_ranges(ioas, ranges, 64);
	struct uvdk_ioas_stats stats;

	uvdk_ioas_get_stats(ioas, &stats);
	if (first > stats.iova_last || len - 1 > stats.iova_last - first)
		return false;
	count = count < 64 ? count : 64;
	for (unsigned int i = 0; i < count; i++)
		if (first >= ranges[i].first && first <= ranges[i].last &&
		    len - 1 <= ranges[i].last - first)
			return true;

	return false;
}

static int take_iovas(struct uvdk_ioas *ioas, struct window *w)
{
	uvdk_iova_t va = (uintptr_t)w->va;
	int ret;

	/* IOVA = VA: nothing to look up wrongly, nothing to explain in a trace. */
	w->iova = va;
	if (in_aperture(ioas, va, w->len) && !uvdk_ioas_reserve(ioas, w->len, 0, true, &w->iova))
		return 0;

	/* Aligned to the page, so that the iommu may use pages as large as EAL's. */
	ret = uvdk_ioas_reserve(ioas, w->len, w->page, false, &w->iova);
	if (!ret)
		return 0;

	/* An iommu without apertures chooses by itself (noiommu). */
	if (ret == -EOPNOTSUPP || !uvdk_ioas_ranges(ioas, NULL, 0)) {
		w->scattered = true;
		return 0;
	}

	return uvdk_fail(ret, COMPONENT,
			 "no window of %zu MiB for DPDK memory in the device's I/O address space; "
			 "make DPDK's reservations smaller (-m N with --legacy-mem or --no-huge)",
			 w->len >> 20);
}

int window_create(struct uvdk_ioas *ioas, struct window *w)
{
	int ret;

	/* Of the kernel's zeroes: only what is written takes memory. */
	w->ours = calloc(w->len / XLATE_PAGE / 8 + 1, 1);
	if (!w->ours)
		return uvdk_fail(-ENOMEM, COMPONENT, "out of memory");
	ret = take_iovas(ioas, w);
	if (ret)
		free(w->ours);

	return ret;
}

/* ---- what is ours: bits of @w->ours ---- */

static size_t page_of(const struct window *w, const char *va)
{
	return (size_t)(va - w->va) / XLATE_PAGE;
}

static bool is_ours(const struct window *w, size_t page)
{
	return w->ours[page / 8] >> page % 8 & 1;
}

static void set_ours(struct window *w, const char *va, size_t len, bool ours)
{
	size_t first = page_of(w, va);

	for (size_t page = first; page < first + len / XLATE_PAGE; page++) {
		uint8_t bit = (uint8_t)(1u << page % 8);

		w->ours[page / 8] = ours ? w->ours[page / 8] | bit : w->ours[page / 8] & ~bit;
	}
}

/* Our map that holds @va. */
static bool find_ours(struct uvdk_ioas *ioas, const struct window *w, const char *va,
		      struct uvdk_map_info *map)
{
	uvdk_iova_t iova;
	size_t at;

	if (!is_ours(w, page_of(w, va)))
		return false;
	iova = uvdk_translate(uvdk_ioas_xlate(ioas), va);
	if (iova == UVDK_IOVA_NONE || uvdk_ioas_find(ioas, iova, map) || (char *)map->va < w->va)
		return false;
	at = (size_t)((char *)map->va - w->va);

	return map->len <= w->len - at && (size_t)(va - w->va) - at < map->len;
}

/* ---- map ---- */

static bool is_mapped(struct uvdk_ioas *ioas, const char *va)
{
	return uvdk_translate(uvdk_ioas_xlate(ioas), va) != UVDK_IOVA_NONE;
}

/* How much from @va on, of @len, is as its first page is: mapped or not. */
static size_t same(struct uvdk_ioas *ioas, const char *va, size_t len)
{
	bool mapped = is_mapped(ioas, va);
	size_t at = XLATE_PAGE;

	while (at < len && is_mapped(ioas, va + at) == mapped)
		at += XLATE_PAGE;

	return at < len ? at : len;
}

/* How much is ours already: a sync passes by each of our maps, not by each of their pages. */
static size_t ours(struct uvdk_ioas *ioas, const struct window *w, const char *va, size_t len)
{
	struct uvdk_map_info map;
	size_t left;

	if (!find_ours(ioas, w, va, &map) ||
	    !is_ours(w, page_of(w, map.va) + map.len / XLATE_PAGE - 1))
		return 0;
	left = map.len - (size_t)(va - (char *)map.va);

	return left < len ? left : len;
}

static int map_piece(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len)
{
	uvdk_iova_t iova = w->iova + (uvdk_iova_t)(va - w->va);
	unsigned int flags = UVDK_MAP_RW | (w->scattered ? 0 : UVDK_MAP_FIXED);
	int ret = uvdk_ioas_map(ioas, va, len, flags, &iova);

	if (ret)
		return ret;
	set_ours(w, va, len, true);
	w->maps++;
	w->bytes += len;

	return 0;
}

static void tell_of_others(struct window *w, const char *va, size_t len)
{
	if (w->shared)
		return;
	w->shared = true;
	uvdk_log(UVDK_LOG_WARN, COMPONENT,
		 "%zu bytes of DPDK's memory at %p are mapped by somebody else: they stay as they "
		 "are, and what crosses their edges is not in a row for devices; have "
		 "uvdk_eal_map_create() come first",
		 len, (const void *)va);
}

/*
 * A walk may meet what an event has brought already, and any page may be one
 * that somebody else has mapped: that stays as it is, we map around it.
 */
int window_map(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len, size_t *done)
{
	bool whole = w->keeps && !w->scattered;
	size_t piece;

	for (*done = 0; *done < len; *done += piece) {
		char *at = va + *done;
		size_t room = whole ? len - *done : w->page - (size_t)(at - w->va) % w->page;
		int ret;

		piece = ours(ioas, w, at, len - *done);
		if (piece)
			continue;
		piece = same(ioas, at, room);
		if (is_mapped(ioas, at)) {
			if (!is_ours(w, page_of(w, at)))
				tell_of_others(w, at, piece);
			continue;
		}
		ret = map_piece(ioas, w, at, piece);
		if (ret)
			return ret;
	}

	return 0;
}

/* ---- unmap ---- */

static void unmap_piece(struct uvdk_ioas *ioas, struct window *w, const struct uvdk_map_info *map)
{
	int ret = uvdk_ioas_unmap(ioas, map->iova, map->len);

	if (!ret) {
		set_ours(w, map->va, map->len, false);
		w->maps--;
		w->bytes -= map->len;
		return;
	}
	w->stuck++;
	uvdk_log(UVDK_LOG_ERR, COMPONENT,
		 "DPDK memory at IOVA 0x%" PRIx64 ", %zu bytes, can't be unmapped (%d)", map->iova,
		 map->len, ret);
}

/* What to go on by from a page that is not ours: lists are large, and mostly empty. */
static size_t stride(const struct window *w, const char *va)
{
	size_t page = page_of(w, va);

	return page % 8 || w->ours[page / 8] ? XLATE_PAGE : 8 * XLATE_PAGE;
}

void window_unmap(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len)
{
	const char *end = va + len;
	struct uvdk_map_info map;

	while (va < end) {
		if (!find_ours(ioas, w, va, &map)) {
			va += stride(w, va);
			continue;
		}
		unmap_piece(ioas, w, &map);
		va = (char *)map.va + map.len;
	}
}

void window_destroy(struct uvdk_ioas *ioas, struct window *w)
{
	window_unmap(ioas, w, w->va, w->len);
	if (!w->scattered)
		uvdk_ioas_unreserve(ioas, w->iova);
	free(w->ours);
}
