// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "eal_priv.h"

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

int window_create(struct uvdk_ioas *ioas, struct window *w)
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

static bool is_mapped(struct uvdk_ioas *ioas, const char *va)
{
	return uvdk_translate(uvdk_ioas_xlate(ioas), va) != UVDK_IOVA_NONE;
}

static int map_piece(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len)
{
	uvdk_iova_t iova = w->iova + (uvdk_iova_t)(va - w->va);
	unsigned int flags = UVDK_MAP_RW | (w->scattered ? 0 : UVDK_MAP_FIXED);
	int ret = uvdk_ioas_map(ioas, va, len, flags, &iova);

	if (ret)
		return ret;
	w->maps++;
	w->bytes += len;

	return 0;
}

int window_map(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len, size_t *done)
{
	size_t step = w->keeps && !w->scattered ? len : w->page;

	for (*done = 0; *done < len; *done += step) {
		int ret;

		/* A walk may meet what an event has brought already. */
		if (is_mapped(ioas, va + *done))
			continue;
		ret = map_piece(ioas, w, va + *done, step);
		if (ret)
			return ret;
	}

	return 0;
}

static void unmap_piece(struct uvdk_ioas *ioas, struct window *w, uvdk_iova_t iova, size_t len)
{
	int ret = uvdk_ioas_unmap(ioas, iova, len);

	if (!ret) {
		w->maps--;
		w->bytes -= len;
		return;
	}
	w->stuck++;
	uvdk_log(UVDK_LOG_ERR, COMPONENT,
		 "DPDK memory at IOVA 0x%" PRIx64 ", %zu bytes, can't be unmapped (%d)", iova, len,
		 ret);
}

static void unmap_scattered(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len)
{
	for (size_t done = 0; done < len; done += w->page) {
		uvdk_iova_t iova = uvdk_translate(uvdk_ioas_xlate(ioas), va + done);

		if (iova != UVDK_IOVA_NONE)
			unmap_piece(ioas, w, iova, w->page);
	}
}

void window_unmap(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len)
{
	uvdk_iova_t from = w->iova + (uvdk_iova_t)(va - w->va);
	uvdk_iova_t end = from + len;
	struct uvdk_map_info map;

	if (w->scattered) {
		unmap_scattered(ioas, w, va, len);
		return;
	}
	/* Every map in the window is ours: it is reserved. */
	while (from < end && !uvdk_ioas_next(ioas, from, &map) && map.iova < end) {
		unmap_piece(ioas, w, map.iova, map.len);
		from = map.iova + map.len;
	}
}

void window_destroy(struct uvdk_ioas *ioas, struct window *w)
{
	window_unmap(ioas, w, w->va, w->len);
	if (!w->scattered)
		uvdk_ioas_unreserve(ioas, w->iova);
}
