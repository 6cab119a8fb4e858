// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_priv.h"

static unsigned int order_of(uint64_t pages)
{
	return pages > 1 ? 64 - (unsigned int)__builtin_clzll(pages - 1) : 0;
}

static int no_room(struct uvdk_ioas *ioas, int err, uint64_t pages, uint64_t align)
{
	char text[512];

	if (err == -ENOMEM)
		return uvdk_fail(err, IOAS_COMPONENT, "no memory for IOVA tables");

	return uvdk_fail(err, IOAS_COMPONENT,
			 "no free IOVA range of 0x%" PRIx64 " bytes at a multiple of 0x%" PRIx64
			 ": 0x%" PRIx64 " bytes are free in all, of %s; unmap something or use "
			 "larger maps",
			 ioas_iova(pages), ioas_iova(align), ioas_iova(ioas->space.free_pages),
			 ioas_ranges_text(&ioas->window, text, sizeof(text)));
}

/*
 * Natural alignment is a wish that makes large pages possible in the iommu: a
 * crowded space still gets any run that is long enough. An @align that was
 * asked for is kept.
 */
static int alloc_run(struct uvdk_ioas *ioas, uint64_t pages, uint64_t align, uint64_t *page)
{
	uint64_t least = align ? align : ioas->granule >> IOAS_PAGE_SHIFT;
	int err = -ENOSPC;

	if (!align && pages > SPACE_LEAF_PAGES)
		err = space_take_run(&ioas->space, pages, SPACE_LEAF_PAGES, 0, page);
	if (err == -ENOSPC)
		err = space_take_run(&ioas->space, pages, least, 0, page);

	return err ? no_room(ioas, err, pages, least) : 0;
}

/* @align in pages; 0: natural, up to 1 GiB */
int ioas_iova_alloc(struct uvdk_ioas *ioas, uint64_t pages, uint64_t align, uint64_t *page)
{
	unsigned int order = order_of(pages > align ? pages : align);
	int err = -ENOSPC;

	/* A block beyond 1 GiB is aligned more than it has to be. */
	if (order <= SPACE_LEAF_SHIFT || pages <= align)
		err = space_take(&ioas->space, order, pages, page);
	if (__builtin_expect(!err, 1))
		return 0;
	if (err != -ENOSPC)
		return no_room(ioas, err, pages, align);

	return alloc_run(ioas, pages, align, page);
}

/* ---- congruent to memory ---- */

#define HUGE_ORDER 9 /* 2 MiB, the smallest size of a huge page */

/* The largest block, as an order of pages, that lies in these pages as a whole and aligned. */
static unsigned int block_in(uint64_t page, uint64_t pages)
{
	unsigned int order = 63 - (unsigned int)__builtin_clzll(pages);

	order = order < SPACE_LEAF_SHIFT ? order : SPACE_LEAF_SHIFT;
	while (order) {
		uint64_t size = UINT64_C(1) << order;

		if ((-page & (size - 1)) + size <= pages)
			break;
		order--;
	}

	return order;
}

/*
 * As far behind a multiple of 2^order as @like is: the rest of a larger block
 * that is taken for it goes back; else any run that is long enough.
 */
static int alloc_congruent(struct uvdk_ioas *ioas, uint64_t pages, unsigned int order,
			   uint64_t like, uint64_t *page)
{
	uint64_t align = UINT64_C(1) << order;
	uint64_t offset = like & (align - 1);
	unsigned int block = order_of(offset + pages);
	int err = space_take(&ioas->space, block > order ? block : order, offset + pages, page);

	if (err == -ENOSPC)
		return space_take_run(&ioas->space, pages, align, offset, page);
	if (err)
		return err;
	if (offset)
		space_give(&ioas->space, *page, *page + offset);
	*page += offset;

	return 0;
}

int ioas_iova_alloc_like(struct uvdk_ioas *ioas, uint64_t pages, uint64_t like, uint64_t *page)
{
	unsigned int order = block_in(like, pages);
	int err = -ENOSPC;

	if (order >= HUGE_ORDER)
		err = alloc_congruent(ioas, pages, order, like, page);
	if (err == -ENOSPC && order > HUGE_ORDER)
		err = alloc_congruent(ioas, pages, HUGE_ORDER, like, page);
	if (err != -ENOSPC)
		return err ? no_room(ioas, err, pages, 0) : 0;

	return ioas_iova_alloc(ioas, pages, 0, page);
}

/* Call @fn for every part of the pages that lies in the window. */
static void for_window(struct uvdk_ioas *ioas, uint64_t page, uint64_t end,
		       void (*fn)(struct ioas_space *space, uint64_t page, uint64_t end))
{
	for (unsigned int i = 0; i < ioas->window.count; i++) {
		uint64_t first = ioas_page(ioas->window.at[i].first);
		uint64_t last = ioas_page(ioas->window.at[i].last) + 1;

		first = first > page ? first : page;
		last = last < end ? last : end;
		if (first < last)
			fn(&ioas->space, first, last);
	}
}

/* The caller has checked that nothing is mapped or reserved there. */
int ioas_iova_claim(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages)
{
	if (space_leaf_make(&ioas->space, page) || space_leaf_make(&ioas->space, page + pages - 1))
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for IOVA tables");
	for_window(ioas, page, page + pages, space_carve);

	return 0;
}

void ioas_iova_release(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages)
{
	for_window(ioas, page, page + pages, space_give);
}

int ioas_iova_in_apertures(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages)
{
	char text[512];

	if (ioas_ranges_hold(&ioas->apertures, page, pages))
		return 0;

	return uvdk_fail(-ERANGE, IOAS_COMPONENT,
			 "IOVA 0x%" PRIx64 "-0x%" PRIx64 " is outside what the iommu can map: %s",
			 ioas_iova(page), ioas_iova(page + pages) - 1,
			 ioas_ranges_text(&ioas->apertures, text, sizeof(text)));
}

/* The map that starts at or first follows a page, or NULL. */
struct ioas_map *ioas_map_next(struct uvdk_ioas *ioas, uint64_t page)
{
	struct space_top *top = ioas->space.top;
	uint32_t from = (uint32_t)(page & (SPACE_LEAF_PAGES - 1));
	uint32_t gib = (uint32_t)(page >> SPACE_LEAF_SHIFT);

	for (uint32_t i = ioas_bits_next(&top->leaves, gib); i != IOAS_BITS_NONE;) {
		struct space_leaf *leaf = top->leaf[i];
		uint32_t start = ioas_bits_next(&leaf->starts, i == gib ? from : 0);

		if (start != IOAS_BITS_NONE)
			return (struct ioas_map *)(uintptr_t)leaf->slot[start];
		if (++i == SPACE_LEAVES)
			break;
		i = ioas_bits_next(&top->leaves, i);
	}

	return NULL;
}

/* The lowest map that has pages in [page, end), or NULL. */
struct ioas_map *ioas_map_overlap(struct uvdk_ioas *ioas, uint64_t page, uint64_t end)
{
	struct ioas_map *map = ioas_map_at(ioas, page);

	if (map)
		return map;
	map = ioas_map_next(ioas, page);

	return map && map->page < end ? map : NULL;
}

int ioas_map_exists(const struct ioas_map *map, const char *what, uint64_t first, uint64_t len)
{
	return uvdk_fail(-EEXIST, IOAS_COMPONENT,
			 "%s 0x%" PRIx64 "+0x%" PRIx64 " overlaps the map of IOVA 0x%" PRIx64
			 "+0x%" PRIx64 " to VA 0x%" PRIx64 "; unmap that first",
			 what, first, len, ioas_iova(map->page), ioas_iova(map->pages), map->va);
}
