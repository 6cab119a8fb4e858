// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "sva_priv.h"

/* Index of the first range that ends at or above an address. */
static size_t find(const struct sva_ranges *ranges, uintptr_t addr)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ranges->at[mid].last < addr)
			low = mid + 1;
		else
			high = mid;
	}

	return low;
}

int sva_ranges_reserve(struct sva_ranges *ranges, size_t more)
{
	size_t cap = ranges->cap ? ranges->cap : 16;
	struct sva_range *at;

	if (ranges->cap - ranges->count >= more)
		return 0;
	while (cap - ranges->count < more)
		cap *= 2;
	at = realloc(ranges->at, cap * sizeof(*at));
	if (!at)
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "no memory for %zu shared ranges", cap);
	ranges->at = at;
	ranges->cap = cap;

	return 0;
}

static void move(struct sva_ranges *ranges, size_t to, size_t from)
{
	if (from < ranges->count) /* else there may be no array yet */
		memmove(&ranges->at[to], &ranges->at[from],
			(ranges->count - from) * sizeof(*ranges->at));
	ranges->count = ranges->count + to - from;
}

/* Make one of two neighbours that say the same. */
static void join(struct sva_ranges *ranges, size_t i)
{
	struct sva_range *r = &ranges->at[i];

	if (i + 1 >= ranges->count || r[0].last + 1 != r[1].first || r[0].writable != r[1].writable)
		return;
	r[0].last = r[1].last;
	move(ranges, i + 1, i + 2);
}

void sva_ranges_add(struct sva_ranges *ranges, const struct sva_range *range)
{
	size_t i = find(ranges, range->first);

	move(ranges, i + 1, i);
	ranges->at[i] = *range;
	join(ranges, i);
	if (i)
		join(ranges, i - 1);
}

/* One that reaches beyond both ends is cut in two. */
static void split(struct sva_ranges *ranges, size_t i, uintptr_t first, uintptr_t last)
{
	move(ranges, i + 1, i);
	ranges->at[i].last = first - 1;
	ranges->at[i + 1].first = last + 1;
}

uint64_t sva_ranges_remove(struct sva_ranges *ranges, uintptr_t first, uintptr_t last)
{
	size_t i = find(ranges, first), end = i;
	uint64_t bytes = 0;

	while (end < ranges->count && ranges->at[end].first <= last) {
		struct sva_range *r = &ranges->at[end];
		uintptr_t from = r->first > first ? r->first : first;
		uintptr_t to = r->last < last ? r->last : last;

		bytes += to - from + 1;
		if (r->first < first && r->last > last) {
			split(ranges, end, first, last);
			return bytes;
		}
		if (r->first < first) {
			r->last = first - 1;
			i++;
		} else if (r->last > last) {
			r->first = last + 1;
			break;
		}
		end++;
	}
	move(ranges, i, end);

	return bytes;
}

const struct sva_range *sva_ranges_next(const struct sva_ranges *ranges, uintptr_t first,
					uintptr_t last)
{
	size_t i = find(ranges, first);

	return i < ranges->count && ranges->at[i].first <= last ? &ranges->at[i] : NULL;
}

bool sva_ranges_gap(const struct sva_ranges *ranges, uintptr_t first, uintptr_t last,
		    uintptr_t *gap_first, uintptr_t *gap_last)
{
	size_t i = find(ranges, first);

	for (; i < ranges->count && ranges->at[i].first <= first; i++) {
		if (ranges->at[i].last >= last)
			return false;
		first = ranges->at[i].last + 1;
	}
	if (first > last)
		return false;
	*gap_first = first;
	*gap_last = last;
	if (i < ranges->count && ranges->at[i].first <= last)
		*gap_last = ranges->at[i].first - 1;

	return true;
}

void sva_ranges_free(struct sva_ranges *ranges)
{
	free(ranges->at);
	*ranges = (struct sva_ranges){0};
}
