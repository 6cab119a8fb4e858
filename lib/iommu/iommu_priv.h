/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMU_PRIV_H
#define UVDK_IOMMU_PRIV_H

#include <pthread.h>

#include <uvdk_base_driver.h>
#include <uvdk_iommu_driver.h>

#include "space.h"

/*
 * Glossary: an *aperture* is an IOVA range that the iommu lets us map; the
 * *window* is the part of the apertures that the allocator hands out from; a
 * *granule* is the unit of maps, at least one page of IOAS_PAGE bytes. Inside
 * the module IOVAs are page numbers ("page", "pages"); @end is exclusive.
 */
#define IOAS_COMPONENT "iommu"

struct uvdk_iommu {
	const struct uvdk_iommu_ops *ops;
	void *priv;
	pthread_mutex_t lock; /* taken before an ioas's; guards binding->ioas, users */
	unsigned int users;   /* bindings and address spaces that still stand on it */
};

/* What uvdk_iommu_bind() allocates: the binding and its place in an ioas. */
struct ioas_binding {
	struct uvdk_iommu_binding pub;
	struct ioas_binding *next; /* in ioas->devices, guarded by ioas->lock */
};

/* Ascending, disjoint, page aligned. */
struct ioas_ranges {
	unsigned int count;
	struct uvdk_iova_range *at;
};

/* Taken with uvdk_ioas_reserve(). */
struct ioas_reservation {
	uint64_t page;
	uint64_t end;
};

/* Private flags of a record, above those of enum uvdk_map_flags. */
#define IOAS_MAP_INSIDE (1u << 16) /* lies in a reservation, which keeps the IOVAs */

/* One map. From a slab; found by the slot of any of its IOVA pages. */
struct ioas_map {
	uint64_t page;
	uint64_t pages;
	union {
		uint64_t va;
		struct ioas_map *next_free;
	};
	uint32_t flags;
	uint32_t epoch; /* of the window that its IOVAs came from; 0: none */
};

struct ioas_slab {
	struct ioas_slab *next;
	struct ioas_map record[];
};

struct uvdk_ioas {
	struct uvdk_xlate xlate; /* root is written under the lock, read without */

	pthread_mutex_t lock; /* guards everything below */
	struct uvdk_iommu *iommu;
	const struct uvdk_iommu_ops *ops;
	void *priv;
	size_t granule; /* atomic: read without the lock */
	enum uvdk_iova_policy policy;
	uvdk_iova_t iova_last;

	uint64_t **va_root;
	struct ioas_space space;
	struct ioas_map *free_records;
	struct ioas_slab *slabs;

	uint64_t maps;
	uint64_t mapped_pages;
	uint64_t entries_cap; /* maps at which the driver is asked for its limit again */

	uint32_t epoch; /* of the window, never 0 */
	struct ioas_ranges apertures;
	struct ioas_ranges window;
	struct ioas_reservation *reserved; /* ascending */
	unsigned int reserved_count;

	struct ioas_binding *devices;
	unsigned int device_count;
};

static inline uvdk_iova_t ioas_iova(uint64_t page)
{
	return page << IOAS_PAGE_SHIFT;
}

static inline uint64_t ioas_page(uvdk_iova_t iova)
{
	return iova >> IOAS_PAGE_SHIFT;
}

static inline void ioas_map_info(const struct ioas_map *map, struct uvdk_map_info *out)
{
	out->iova = ioas_iova(map->page);
	out->va = (void *)(uintptr_t)map->va;
	out->len = map->pages << IOAS_PAGE_SHIFT;
	out->flags = map->flags & (UVDK_MAP_RW | UVDK_MAP_ALIAS);
}

/* The map that holds a page, or NULL. */
static inline struct ioas_map *ioas_map_at(const struct uvdk_ioas *ioas, uint64_t page)
{
	uint64_t slot = space_slot(&ioas->space, page);

	return slot_is_map(slot) ? (struct ioas_map *)(uintptr_t)slot : NULL;
}

/* opts.c: a copy of an options struct that the caller's version may have sized. */
int ioas_copy_opts(void *to, size_t size, const void *from, const char *what);
int ioas_iommu_opts(struct uvdk_iommu_opts *to, const struct uvdk_iommu_opts *from);

/* record.c */
struct ioas_map *ioas_record_get(struct uvdk_ioas *ioas);
void ioas_record_put(struct uvdk_ioas *ioas, struct ioas_map *map);
void ioas_record_free_all(struct uvdk_ioas *ioas);

/* xlate.c: ready() makes room and refuses memory that is mapped already */
int ioas_xlate_create(struct uvdk_ioas *ioas);
void ioas_xlate_destroy(struct uvdk_ioas *ioas);
int ioas_xlate_ready(struct uvdk_ioas *ioas, uint64_t va, uint64_t pages);
void ioas_xlate_set(struct uvdk_ioas *ioas, const struct ioas_map *map);
void ioas_xlate_clear(struct uvdk_ioas *ioas, const struct ioas_map *map);

/* window.c */
int ioas_window_read(struct uvdk_ioas *ioas, struct ioas_ranges *apertures);
int ioas_window_set(struct uvdk_ioas *ioas, struct ioas_ranges *apertures);
void ioas_window_free(struct uvdk_ioas *ioas);
bool ioas_ranges_hold(const struct ioas_ranges *ranges, uint64_t page, uint64_t pages);
const char *ioas_ranges_text(const struct ioas_ranges *ranges, char *text, size_t size);

/* iova.c: where maps go. A claim or an allocation is undone by release(). */
int ioas_iova_alloc(struct uvdk_ioas *ioas, uint64_t pages, uint64_t align, uint64_t *page);
int ioas_iova_claim(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages);
void ioas_iova_release(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages);
int ioas_iova_in_apertures(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages);
struct ioas_map *ioas_map_overlap(struct uvdk_ioas *ioas, uint64_t page, uint64_t end);
struct ioas_map *ioas_map_next(struct uvdk_ioas *ioas, uint64_t page);
int ioas_map_exists(const struct ioas_map *map, const char *what, uint64_t first, uint64_t len);

/* reserve.c: the reservation that holds or first follows a page, or NULL */
struct ioas_reservation *ioas_reservation_from(struct uvdk_ioas *ioas, uint64_t page);

/* map.c, unmap.c */
int ioas_limits_refresh(struct uvdk_ioas *ioas);
void ioas_map_insert(struct uvdk_ioas *ioas, struct ioas_map *map);
void ioas_map_remove(struct uvdk_ioas *ioas, struct ioas_map *map);
void ioas_unmap_all(struct uvdk_ioas *ioas);

/* registry.c */
const struct uvdk_iommu_ops *ioas_driver_find(const char *name);
const char *ioas_driver_names(char *text, size_t size);

/* attach.c; detach_binding() wants iommu->lock held */
int ioas_adopt(struct uvdk_ioas *ioas);
void ioas_detach_binding(struct ioas_binding *binding);
void ioas_detach_all(struct uvdk_ioas *ioas);

#endif /* UVDK_IOMMU_PRIV_H */
