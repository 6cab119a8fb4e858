// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iommu_priv.h"

/*
 * What the allocator may hand out while no device has told its reserved ranges
 * yet: what every machine has. IOVA 0 is never handed out, since devices and
 * drivers take it for "none".
 */
#define WINDOW_FIRST	       UINT64_C(0x100000)
#define WINDOW_UNATTACHED_LAST ((UINT64_C(1) << 39) - 1)

static const struct uvdk_iova_range unattached[] = {
	{WINDOW_FIRST, 0x07ffffff},
	{0x08100000, 0xfedfffff},	      /* behind the software MSI window of SMMUs */
	{0xfef00000, WINDOW_UNATTACHED_LAST}, /* behind the MSI window of x86 */
};

static const struct uvdk_iova_range attached[] = {
	{WINDOW_FIRST, SPACE_LAST},
};

static int compare_ranges(const void *a, const void *b)
{
	const struct uvdk_iova_range *x = a;
	const struct uvdk_iova_range *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Whole pages inside the space, ascending, adjacent ones joined. */
static void normalise(struct ioas_ranges *ranges)
{
	unsigned int kept = 0;

	qsort(ranges->at, ranges->count, sizeof(*ranges->at), compare_ranges);
	for (unsigned int i = 0; i < ranges->count; i++) {
		struct uvdk_iova_range *last = kept ? &ranges->at[kept - 1] : NULL;
		struct uvdk_iova_range r = ranges->at[i];

		if (r.first > SPACE_LAST || r.last < r.first)
			continue;
		if (r.last > SPACE_LAST)
			r.last = SPACE_LAST;
		r.first = (r.first + IOAS_PAGE - 1) & ~(IOAS_PAGE - 1);
		r.last = ((r.last + 1) & ~(IOAS_PAGE - 1)) - 1;
		if (r.last + 1 <= r.first)
			continue;
		if (last && r.first <= last->last + 1) {
			last->last = r.last > last->last ? r.last : last->last;
			continue;
		}
		ranges->at[kept++] = r;
	}
	ranges->count = kept;
}

/* Ask the driver for the apertures of now; free with free(out->at). */
int ioas_window_read(struct uvdk_ioas *ioas, struct ioas_ranges *out)
{
	struct ioas_ranges ranges = {0};
	unsigned int room = 16;

	for (;;) {
		int count;

		ranges.at = calloc(room, sizeof(*ranges.at));
		if (!ranges.at)
			return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for IOVA ranges");
		count = ioas->ops->ranges(ioas->priv, ranges.at, room);
		if (count < 0) {
			free(ranges.at);
			return count;
		}
		ranges.count = (unsigned int)count;
		if (ranges.count <= room)
			break;
		room = ranges.count;
		free(ranges.at);
	}
	normalise(&ranges);
	*out = ranges;

	return 0;
}

/* The part of the apertures that the allocator may use. */
static int window_of(const struct uvdk_ioas *ioas, const struct ioas_ranges *apertures,
		     struct ioas_ranges *out)
{
	const struct uvdk_iova_range *clip = ioas->device_count ? attached : unattached;
	unsigned int clips = ioas->device_count ? 1 : 3;
	uvdk_iova_t last = ioas->iova_last ? ioas->iova_last : SPACE_LAST;

	*out = (struct ioas_ranges){0};
	if (ioas->ops->picks_iova || !apertures->count)
		return 0;

	out->at = calloc((size_t)apertures->count + clips, sizeof(*out->at));
	if (!out->at)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for IOVA ranges");

	for (unsigned int i = 0; i < apertures->count; i++) {
		for (unsigned int c = 0; c < clips; c++) {
			struct uvdk_iova_range r = apertures->at[i];

			r.first = r.first > clip[c].first ? r.first : clip[c].first;
			r.last = r.last < clip[c].last ? r.last : clip[c].last;
			r.last = r.last < last ? r.last : last;
			if (r.first < r.last)
				out->at[out->count++] = r;
		}
	}
	normalise(out);

	return 0;
}

/* Something mapped between the apertures, where it must not be? */
static int check_maps(struct uvdk_ioas *ioas, const struct ioas_ranges *apertures)
{
	uint64_t gap = 0;

	for (unsigned int i = 0; i <= apertures->count; i++) {
		bool tail = i == apertures->count;
		uint64_t end = tail ? SPACE_PAGES : ioas_page(apertures->at[i].first);
		struct ioas_map *map = gap < end ? ioas_map_overlap(ioas, gap, end) : NULL;

		if (map)
			return uvdk_fail(-EADDRINUSE, IOAS_COMPONENT,
					 "IOVA 0x%" PRIx64 "-0x%" PRIx64
					 " is reserved for this device, but 0x%" PRIx64
					 " bytes are mapped at IOVA 0x%" PRIx64
					 ": unmap them before attaching, or attach first",
					 ioas_iova(gap), ioas_iova(end) - 1, ioas_iova(map->pages),
					 ioas_iova(map->page));
		if (!tail)
			gap = ioas_page(apertures->at[i].last) + 1;
	}

	return 0;
}

static int make_edges(struct ioas_space *space, const struct ioas_ranges *window)
{
	for (unsigned int i = 0; i < window->count; i++) {
		if (space_leaf_make(space, ioas_page(window->at[i].first)) ||
		    space_leaf_make(space, ioas_page(window->at[i].last)))
			return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for IOVA tables");
	}

	return 0;
}

/* Highest map or reservation that starts below @page; false if there is none. */
static bool taken_below(struct uvdk_ioas *ioas, uint64_t page, uint64_t *first, uint64_t *end)
{
	struct space_top *top = ioas->space.top;
	uint32_t i = ioas_bits_prev(&top->leaves, (uint32_t)((page - 1) >> SPACE_LEAF_SHIFT));
	struct ioas_map *map = NULL;

	for (; i != IOAS_BITS_NONE && !map; i = i ? ioas_bits_prev(&top->leaves, i - 1) : i) {
		uint64_t base = (uint64_t)i << SPACE_LEAF_SHIFT;
		uint64_t below = page - base > SPACE_LEAF_PAGES ? SPACE_LEAF_PAGES : page - base;
		uint32_t start = ioas_bits_prev(&top->leaf[i]->starts, (uint32_t)(below - 1));

		if (start != IOAS_BITS_NONE)
			map = ioas_map_at(ioas, base + start);
		else if (!i)
			break;
	}

	*first = map ? map->page : 0;
	*end = map ? map->page + map->pages : 0;
	for (unsigned int r = ioas->reserved_count; r-- > 0;) {
		if (ioas->reserved[r].page >= page)
			continue;
		/* Disjoint, or the map lies inside: the one that ends later covers more. */
		if (!map || ioas->reserved[r].end >= *end) {
			*first = ioas->reserved[r].page;
			*end = ioas->reserved[r].end;
		}
		return true;
	}

	return map != NULL;
}

/* Free what is in a window range and neither mapped nor reserved. */
static void free_range(struct uvdk_ioas *ioas, const struct uvdk_iova_range *range)
{
	uint64_t low = ioas_page(range->first);
	uint64_t high = ioas_page(range->last) + 1;
	uint64_t first, end;

	while (high > low && taken_below(ioas, high, &first, &end)) {
		uint64_t from = end > low ? end : low;

		if (from < high)
			space_give(&ioas->space, from, high);
		high = first < high ? first : high;
	}
	if (high > low)
		space_give(&ioas->space, low, high);
}

static bool same(const struct ioas_ranges *a, const struct ioas_ranges *b)
{
	return a->count == b->count &&
	       (!a->count || memcmp(a->at, b->at, a->count * sizeof(*a->at)) == 0);
}

/*
 * Make new apertures the rule: on success they are the ioas's, and the free
 * set is what the window now holds. On error nothing has changed.
 */
int ioas_window_set(struct uvdk_ioas *ioas, struct ioas_ranges *apertures)
{
	struct ioas_ranges window;
	int err = window_of(ioas, apertures, &window);

	if (err)
		return err;
	err = check_maps(ioas, apertures);
	if (!err && ioas->device_count)
		err = ioas_mapq_fits(ioas, apertures);
	if (!err)
		err = make_edges(&ioas->space, &window);
	if (err) {
		free(window.at);
		return err;
	}

	if (!same(&window, &ioas->window)) {
		ioas->epoch = ioas->epoch == UINT32_MAX ? 1 : ioas->epoch + 1;
		space_clear(&ioas->space);
		for (unsigned int i = window.count; i-- > 0;)
			free_range(ioas, &window.at[i]);
	}
	free(ioas->window.at);
	free(ioas->apertures.at);
	ioas->window = window;
	ioas->apertures = *apertures;
	*apertures = (struct ioas_ranges){0};

	return 0;
}

void ioas_window_free(struct uvdk_ioas *ioas)
{
	free(ioas->window.at);
	free(ioas->apertures.at);
}

bool ioas_ranges_hold(const struct ioas_ranges *ranges, uint64_t page, uint64_t pages)
{
	for (unsigned int i = 0; i < ranges->count; i++) {
		uint64_t first = ioas_page(ranges->at[i].first);
		uint64_t end = ioas_page(ranges->at[i].last) + 1;

		if (page >= first && page < end)
			return pages <= end - page;
	}

	return false;
}

/* "0x0-0xfedfffff, 0xfef00000-0x7fffffffff" into @text; returns @text. */
const char *ioas_ranges_text(const struct ioas_ranges *ranges, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "none");
	for (unsigned int i = 0; i < ranges->count && used < size; i++) {
		int n = snprintf(text + used, size - used, "%s0x%" PRIx64 "-0x%" PRIx64,
				 i ? ", " : "", ranges->at[i].first, ranges->at[i].last);

		used += n > 0 ? (size_t)n : 0;
	}

	return text;
}
