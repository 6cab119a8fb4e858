// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "demand.h"

/*
 * What the device reaches. Memory is mapped in areas, and taken away by whole areas, for
 * the kernel cuts none in two: what was lost beside what was meant is asked for again.
 *
 * Nothing is mapped that the process has given up before: look-up, following and mapping
 * are one under sva->lock, and whoever tells that something is gone waits for it. If it
 * went in between, he comes afterwards, and what was mapped is taken away again, at worst
 * once too often (doc/adr/0020-demand-paging.md).
 */
#define TRIES	  3 /* a mapping that changes each time is no use to anybody */
#define CHUNK_MIN (2u << 20)

/* What may be mapped at once, [first, last]. */
struct window {
	uintptr_t first, last;
	unsigned int flags;
};

static unsigned int flags_of(bool writable)
{
	return writable ? UVDK_MAP_RW : UVDK_MAP_READ;
}

/* Is there an area that holds it? */
static bool area_at(const struct demand *d, uintptr_t addr, struct uvdk_map_info *out)
{
	return !uvdk_ioas_find(d->ioas, addr, out);
}

static void take_away(struct demand *d, const struct uvdk_map_info *area)
{
	if (!uvdk_ioas_unmap(d->ioas, area->iova, area->len))
		d->sva->info.pinned -= area->len;
}

/* ---- windows ---- */

static uintptr_t max(uintptr_t a, uintptr_t b)
{
	return a > b ? a : b;
}

static uintptr_t min(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

/* Up to the areas on both sides of an address that is in none. */
static void clip(const struct demand *d, uintptr_t addr, struct window *w)
{
	struct uvdk_map_info area;

	if (area_at(d, w->first, &area))
		w->first = area.iova + area.len;
	for (uintptr_t from = w->first; !uvdk_ioas_next(d->ioas, from, &area);) {
		if (area.iova > w->last)
			break;
		if (area.iova > addr) {
			w->last = area.iova - 1;
			break;
		}
		from = area.iova + area.len;
		w->first = from;
	}
}

/* So many bytes around an address, a power of two, and what of them can be mapped. */
static struct window window_around(const struct demand *d, uintptr_t addr, size_t size,
				   const struct sva_mapping *vma)
{
	struct window w = {.flags = flags_of(vma->writable)};

	w.first = max(addr & ~(uintptr_t)(size - 1), vma->first);
	w.last = min(addr | (uintptr_t)(size - 1), vma->last);
	demand_spare_recent(d, addr, &w.first, &w.last);
	clip(d, addr, &w);

	return w;
}

static int map_window(struct demand *d, const struct window *w)
{
	const unsigned int flags = w->flags | UVDK_MAP_FIXED | UVDK_MAP_ALIAS;
	size_t len = w->last - w->first + 1;
	uvdk_iova_t iova = w->first;
	int err = uvdk_ioas_map(d->ioas, (void *)w->first, len, flags, &iova);

	if (!err)
		d->sva->info.pinned += len;

	return err;
}

/*
 * Memory ends before its mapping does (a file that is shorter), is not all to be had
 * (memlock), or can't all be reached: then less of it, down to the page itself.
 */
static int map_around(struct demand *d, uintptr_t addr, const struct sva_mapping *vma)
{
	size_t size = max(d->readahead, vma->page);
	struct window w;
	int err;

	for (;;) {
		w = window_around(d, addr, size, vma);
		err = map_window(d, &w);
		if (!err || size == d->page || err == -ENODEV)
			return err;
		size /= 2;
	}
}

/* ---- requests ---- */

/* 0; -EAGAIN: the mapping is another by now. */
static int follow(struct demand *d, const struct sva_mapping *vma)
{
	int err;

	if (d->sva->opts.flags & UVDK_SVA_NO_FOLLOW)
		return 0;
	uvdk_log_hush(true);
	err = uvdk_follow_add(vma->first, vma->last - vma->first + 1);
	uvdk_log_hush(false);
	if (err == -ENOMEM)
		return -EAGAIN;
	if (err && !d->said_unfollowed) {
		d->said_unfollowed = true;
		uvdk_log(UVDK_LOG_WARN, SVA_COMPONENT,
			 "demand: the device is refused memory that it asks for: %s; this is not "
			 "logged again: UVDK_SVA_NO_FOLLOW and uvdk_sva_forget() do without",
			 uvdk_last_error());
	}

	return err;
}

static int reach_mapping(struct demand *d, uintptr_t addr, bool write,
			 const struct sva_mapping *vma)
{
	struct sva_mapping readable = *vma;
	struct uvdk_map_info area;
	int err;

	if (!vma->readable || (write && !vma->writable))
		return -EACCES;
	err = follow(d, vma);
	if (err)
		return err;
	if (area_at(d, addr, &area)) /* which does not let it write */
		take_away(d, &area);
	uvdk_log_hush(true); /* else a device could write our log full */
	err = map_around(d, addr, vma);
	/* Of some file systems' files the kernel pins no page for writing. */
	readable.writable = false;
	if (err == -EFAULT && vma->writable && !write)
		err = map_around(d, addr, &readable);
	uvdk_log_hush(false);

	return err == -EFAULT || err == -EPERM ? -EAGAIN : err;
}

int demand_reach(struct demand *d, uintptr_t addr, bool write)
{
	struct uvdk_map_info area;
	struct sva_mapping vma;
	int err = -EAGAIN;

	if (area_at(d, addr, &area) && (!write || area.flags & UVDK_MAP_WRITE))
		return 0;
	for (unsigned int i = 0; i < TRIES && err == -EAGAIN; i++) {
		err = sva_maps_find(&d->maps, addr, &vma);
		if (!err)
			err = reach_mapping(d, addr, write, &vma);
	}

	return err == -EAGAIN ? -EFAULT : err;
}

/* ---- what the application asks for ---- */

/* From @addr up to the end of an area, of a chunk, or @last. */
static int share_some(struct demand *d, uintptr_t addr, uintptr_t last, bool writable,
		      uintptr_t *end)
{
	const uintptr_t chunk = max(d->readahead, CHUNK_MIN) - 1;
	struct window w = {addr, min(last, addr | chunk), flags_of(writable)};
	struct uvdk_map_info area;

	if (area_at(d, addr, &area)) {
		*end = min(last, area.iova + area.len - 1);
		if (!writable || area.flags & UVDK_MAP_WRITE)
			return 0;
		take_away(d, &area);
	}
	clip(d, addr, &w);
	*end = w.last;

	return map_window(d, &w);
}

/* In chunks, so that giving up a little later does not take all of it away. */
int demand_share(struct uvdk_sva *sva, uintptr_t addr, size_t len, bool writable)
{
	struct demand *d = sva->priv;
	const uintptr_t last = addr + len - 1;
	uintptr_t at = addr, end;
	int err;

	for (;;) {
		err = share_some(d, at, last, writable, &end);
		if (err || end == last)
			break;
		at = end + 1;
	}
	if (err && at > addr)
		demand_forget(sva, addr, at - addr);

	return err;
}

void demand_forget(struct uvdk_sva *sva, uintptr_t addr, size_t len)
{
	struct demand *d = sva->priv;
	const uintptr_t last = addr + len - 1;
	struct uvdk_map_info area;

	if (area_at(d, addr, &area))
		take_away(d, &area);
	for (uintptr_t at = addr; !uvdk_ioas_next(d->ioas, at, &area) && area.iova <= last;) {
		take_away(d, &area);
		at = area.iova + area.len;
	}
}
