/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMU_PRIV_H
#define UVDK_IOMMU_PRIV_H

#include <pthread.h>
#include <stddef.h>
#include <sys/queue.h>

#include <uvdk_base_driver.h>
#include <uvdk_coherency.h>
#include <uvdk_device.h>
#include <uvdk_ioas_file_driver.h>
#include <uvdk_iommu_driver.h>
#include <uvdk_lock_driver.h>
#include <uvdk_mapq_window_driver.h>

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
	/* Taken before an ioas's; guards users, and what is attached where. */
	pthread_mutex_t lock;
	unsigned int users; /* what still stands on it: bindings, address spaces, fault queues */
	struct uvdk_faultq *faultqs;
	TAILQ_HEAD(, uvdk_ioas) spaces; /* by ascending id */
	pthread_cond_t told;		/* a WBINVD callback has returned */
	LIST_HEAD(, uvdk_ioas) touched; /* to be looked at before the lock is let go */

	pthread_mutex_t ids_lock; /* taken last */
	LIST_HEAD(, ioas_binding) bindings;
};

/* What uvdk_iommu_bind() allocates: the binding and its place in an ioas. */
struct ioas_binding {
	struct uvdk_iommu_binding pub;
	struct ioas_binding *next;	/* in ioas->devices, guarded by ioas->lock */
	void *tags;			/* tsearch(3): what is attached through a page table */
	LIST_HEAD(, ioas_tag) pasids;	/* the same, but for the RID's */
	int pasid_bits;			/* -1: not asked for yet */
	int enforces;			/* its iommu can enforce coherency; likewise */
	bool closing;			/* attached to nothing any more */
	struct uvdk_vdevice *vdevice;	/* or NULL; guarded by iommu->lock */
	LIST_ENTRY(ioas_binding) entry; /* in iommu->bindings */
	struct uvdk_device_watcher watch;
	uint64_t seen; /* what walk.c calls it */
};

/* A device attached to a page table, by PASID or RID. */
struct ioas_tag {
	uint32_t pasid;
	struct ioas_binding *binding;
	struct uvdk_hwpt *hwpt;
	LIST_ENTRY(ioas_tag) entry;   /* in hwpt->tags */
	LIST_ENTRY(ioas_tag) sibling; /* in binding->pasids; not the RID's */
};

struct uvdk_hwpt {
	struct uvdk_ioas *ioas;
	void *priv;
	unsigned int flags;
	struct uvdk_faultq *faultq; /* or NULL */
	bool tracks;		    /* which pages are written; guarded by ioas->lock */
	bool enforced;		    /* coherency, whatever the device asks for */
	bool automatic;		    /* not the application's: goes with the last attached */
	struct ioas_binding *maker; /* automatic: for this device alone; NULL: for several */
	struct uvdk_viommu *viommu; /* nested: on this; else NULL */
	bool needs_vdevice;	    /* nested: attached to devices that have one only */
	bool rw_only;		    /* a parent that takes no read-only maps */
	bool of_viommus;	    /* a parent that goes with the last vIOMMU on it */
	unsigned int viommus;	    /* that have it for their parent; guarded by iommu->lock */
	LIST_HEAD(, ioas_tag) tags;
	LIST_ENTRY(uvdk_hwpt) entry;
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
#define IOAS_MAP_INSIDE	 (1u << 16) /* lies in a reservation, which keeps the IOVAs */
#define IOAS_MAP_STOPPED (1u << 17) /* the driver has nothing there, of a file for now */
#define IOAS_MAP_GONE	 (1u << 18) /* other memory may be at its virtual addresses */

/* One map. From a slab; found by the slot of any of its IOVA pages. */
struct ioas_map {
	uint64_t page;
	uint64_t va;
	uint32_t flags;
	uint32_t epoch; /* of the window that its IOVAs came from; 0: none */
	union {
		uint64_t pages;
		struct ioas_map *next_free;
	};
};

struct ioas_slab {
	struct ioas_slab *next;
	struct ioas_map record[];
};

struct uvdk_ioas {
	struct uvdk_xlate xlate; /* root is written under the lock, read without */

	struct uvdk_lock lock; /* guards everything below */
	struct uvdk_iommu *iommu;
	const struct uvdk_iommu_ops *ops;
	void *priv;
	size_t granule; /* atomic: read without the lock */
	enum uvdk_iova_policy policy;
	uint32_t forks; /* constant: read without the lock; see fork.c */
	uvdk_iova_t iova_last;

	uint64_t *va_root;
	struct ioas_bits va_leaves; /* GiB that have a leaf */
	struct ioas_space space;
	bool plain;		 /* maps of one page may take the short way */
	unsigned int rw_parents; /* nest parents below which nothing may be read-only */
	struct ioas_map *free_records;
	struct ioas_slab *slabs;

	uint64_t maps;
	uint64_t mapped_pages;
	void (*files_gone)(struct uvdk_ioas *ioas);
	uint64_t file_pages; /* of files without an address: not ours to count against memlock */
	/* Maps and pages beyond which the driver is asked for its limits again. */
	uint64_t entries_cap;
	uint64_t pages_cap;

	uint32_t epoch; /* of the window, never 0 */
	struct ioas_ranges apertures;
	struct ioas_ranges window;
	struct ioas_reservation *reserved; /* ascending */
	unsigned int reserved_count;
	struct uvdk_mapq_window *mapqs; /* of map queues, in reservations */

	struct ioas_binding *devices;
	unsigned int device_count;
	bool any_gone; /* there may be maps with IOAS_MAP_GONE that stand */

	/* The rest is guarded by iommu->lock. */
	LIST_HEAD(, uvdk_hwpt) hwpts;
	enum uvdk_coherency_policy coherency;
	unsigned int present[2]; /* RIDs and PASIDs whose iommu can't, and can, enforce it */
	bool mixed;		 /* one table without it serves those that can, too */
	bool unsettled;		 /* something failed to move when that changed */
	bool is_touched;
	LIST_ENTRY(uvdk_ioas) touched;
	TAILQ_ENTRY(uvdk_ioas) entry; /* in iommu->spaces */
	uint64_t seen;		      /* what walk.c calls it */
	void (*wbinvd_fn)(struct uvdk_ioas *ioas, bool needed, void *arg);
	void *wbinvd_arg;
	bool wbinvd_told; /* what the callback heard last */
	bool telling;	  /* the callback runs */
	bool closing;	  /* being destroyed: nothing is attached to it any more */

	struct uvdk_ioas_dma_stats dma; /* atomic, each member by itself */
};

/* struct uvdk_iommu_limits before the driver has been asked */
#define IOAS_NO_LIMITS                                                                            \
	{                                                                                         \
		.entries_left = UINT64_MAX, .memlock_max = UINT64_MAX, .memlock_left = UINT64_MAX \
	}

static inline uvdk_iova_t ioas_iova(uint64_t page)
{
	return page << IOAS_PAGE_SHIFT;
}

static inline uint64_t ioas_page(uvdk_iova_t iova)
{
	return iova >> IOAS_PAGE_SHIFT;
}

static inline void ioas_plain_set(struct uvdk_ioas *ioas)
{
	ioas->plain = ioas->granule == IOAS_PAGE && ioas->policy != UVDK_IOVA_VA &&
		      !ioas->ops->picks_iova && !ioas->rw_parents;
}

/* fork.c: own() by whoever makes one; false in a child; -EPERM with a sentence */
extern uint32_t ioas_forks;
void ioas_own(struct uvdk_ioas *ioas);
int ioas_inherited(void);

static inline bool ioas_is_ours(const struct uvdk_ioas *ioas)
{
	return __builtin_expect(ioas->forks == ioas_forks, 1);
}

static inline size_t ioas_granule(const struct uvdk_ioas *ioas)
{
	return __atomic_load_n(&ioas->granule, __ATOMIC_RELAXED);
}

static inline void ioas_map_info(const struct ioas_map *map, struct uvdk_map_info *out)
{
	out->iova = ioas_iova(map->page);
	out->va = (void *)(uintptr_t)map->va;
	out->len = map->pages << IOAS_PAGE_SHIFT;
	out->flags = map->flags & (UVDK_MAP_RW | UVDK_MAP_ALIAS | UVDK_MAP_FILE);
}

/* Has the driver something there? */
static inline bool ioas_map_stands(const struct ioas_map *map)
{
	return !(map->flags & IOAS_MAP_STOPPED);
}

/* Which count its pages are in. */
static inline uint64_t *ioas_map_counter(struct uvdk_ioas *ioas, const struct ioas_map *map)
{
	return map->flags & UVDK_MAP_FILE && !map->va ? &ioas->file_pages : &ioas->mapped_pages;
}

/* The map that holds a page, or NULL. */
static inline struct ioas_map *ioas_map_at(const struct uvdk_ioas *ioas, uint64_t page)
{
	uint64_t slot = page < SPACE_PAGES ? space_slot(&ioas->space, page) : 0;

	return slot_is_map(slot) ? (struct ioas_map *)(uintptr_t)slot : NULL;
}

/* gone.c: under iommu->lock and that of the ioas, before something is attached or made. */
int ioas_gone_stop(struct uvdk_ioas *ioas);

/*
 * attach.c: under iommu->lock; enter() with the ioas lock, too. A RID goes
 * through @hwpt, or if that is NULL through what the driver has for an ioas.
 */
struct ioas_binding *ioas_binding_of(struct uvdk_device *dev);
const char *ioas_name_of(struct uvdk_device *dev);
int ioas_check_given(const char *doing, const char *what, const void *target,
		     const struct uvdk_device *dev); /* neither is NULL */
int ioas_check_device(struct uvdk_ioas *ioas, struct uvdk_device *dev);
int ioas_check_free(const struct uvdk_ioas *ioas, const struct ioas_binding *binding);
int ioas_enter(struct uvdk_ioas *ioas, struct ioas_binding *binding, struct uvdk_hwpt *hwpt);
int ioas_move(struct uvdk_hwpt *to, struct ioas_binding *binding);
int ioas_restore(struct ioas_binding *binding);

/*
 * faultq.c: under iommu->lock. What stands between freeze() and thaw() replaces
 * a table, and no request is read meanwhile: those of the old one are forgotten,
 * those of the new one are not.
 */
void ioas_faultq_freeze(struct uvdk_hwpt *hwpt);
void ioas_faultq_thaw(struct uvdk_hwpt *hwpt, const struct ioas_tag *replaced);
void ioas_faultq_abandon(struct uvdk_hwpt *hwpt, const struct ioas_tag *tag);
void ioas_binding_add(struct ioas_binding *binding);
void ioas_binding_remove(struct ioas_binding *binding);

/* tag.c: under iommu->lock */
struct ioas_tag *ioas_tag_find(const struct ioas_binding *binding, uint32_t pasid);
int ioas_tag_add(struct uvdk_hwpt *hwpt, struct ioas_binding *binding, uint32_t pasid,
		 struct ioas_tag **out);
void ioas_tag_move(struct ioas_tag *tag, struct uvdk_hwpt *hwpt);
void ioas_tag_drop(struct ioas_tag *tag);
void ioas_pasid_detach(struct ioas_tag *tag);
void ioas_tag_detach(struct ioas_tag *tag);
void ioas_pasid_detach_all(struct ioas_binding *binding);

/* hwpt_attach.c: under iommu->lock. On failure a @hwpt that was made for it is gone. */
int ioas_pasid_replace(struct uvdk_hwpt *hwpt, struct ioas_tag *tag);

/*
 * coherency.c: under iommu->lock. serve() has @use take the table that is due to
 * RID (0) or PASID; NULL: what the driver has for an ioas.
 */
bool ioas_enforces(struct ioas_binding *binding);
int ioas_serve(struct uvdk_ioas *ioas, struct ioas_binding *binding, unsigned int flags,
	       uint32_t pasid,
	       int (*use)(struct uvdk_ioas *ioas, struct uvdk_hwpt *hwpt,
			  struct ioas_binding *binding, uint32_t pasid));
int ioas_use_move(struct uvdk_ioas *ioas, struct uvdk_hwpt *hwpt, struct ioas_binding *binding,
		  uint32_t pasid);
void ioas_count(struct uvdk_ioas *ioas, struct ioas_binding *binding, int by);
void ioas_settle(struct uvdk_ioas *ioas);

/* wbinvd.c: unlock() evens out what has changed, and tells of it */
void ioas_touch(struct uvdk_ioas *ioas);
void ioas_unlock(struct uvdk_iommu *iommu);

/* hwpt.c: under iommu->lock and that of the ioas; @shared: by all of @binding's class */
int ioas_hwpt_get(struct uvdk_ioas *ioas, struct ioas_binding *binding, bool shared,
		  unsigned int flags, struct uvdk_hwpt **out);
void ioas_hwpt_put(struct uvdk_hwpt *hwpt);
int ioas_hwpt_new(struct uvdk_ioas *ioas, struct ioas_binding *binding,
		  const struct uvdk_hwpt_opts *opts, struct uvdk_hwpt **out);
void ioas_hwpt_free(struct uvdk_hwpt *hwpt);

/* readonly.c: what some I/O MMUs can't do below a nest parent; under that of the ioas */
int ioas_parent_check(struct uvdk_ioas *ioas, struct ioas_binding *binding,
		      const struct uvdk_hwpt_opts *opts, bool *rw_only);
void ioas_parent_count(struct uvdk_hwpt *hwpt, int by);
int ioas_readonly_check(const struct uvdk_ioas *ioas, uint64_t va, unsigned int flags);

/* hwpt.c: under iommu->lock: detach it wherever it is attached, and free it */
void ioas_hwpt_end(struct uvdk_hwpt *hwpt);
void ioas_hwpt_detach_all(struct uvdk_ioas *ioas);

/* Nobody else takes two, since iommu->lock is held: any order will do. */
static inline void ioas_lock_both(struct uvdk_ioas *a, struct uvdk_ioas *b)
{
	uvdk_lock_acquire(&a->lock);
	if (a != b)
		uvdk_lock_acquire(&b->lock);
}

static inline void ioas_unlock_both(struct uvdk_ioas *a, struct uvdk_ioas *b)
{
	if (a != b)
		uvdk_lock_release(&b->lock);
	uvdk_lock_release(&a->lock);
}

/* nested.c and vdevice.c: under iommu->lock */
int ioas_nested_check(const struct uvdk_hwpt *hwpt, const struct ioas_binding *binding);
void ioas_nested_forget(struct uvdk_hwpt *hwpt);
void ioas_vdevice_end(struct ioas_binding *binding);
void ioas_vdevice_refresh(struct ioas_binding *binding); /* what is attached has changed */

/* nest_hold.c: under iommu->lock: a nested table is not attached there any more */
void ioas_nested_left(const struct uvdk_hwpt *hwpt, const struct ioas_binding *binding,
		      uint32_t pasid);

/* opts.c: a copy of an options struct that the caller's version may have sized. */
int ioas_iommu_opts(struct uvdk_iommu_opts *to, const struct uvdk_iommu_opts *from);

/* record.c: grow() fills the free list, or says that there is no memory */
int ioas_record_grow(struct uvdk_ioas *ioas);
void ioas_record_free_all(struct uvdk_ioas *ioas);
void ioas_map_insert(struct uvdk_ioas *ioas, struct ioas_map *map);
void ioas_map_remove(struct uvdk_ioas *ioas, struct ioas_map *map);

static inline struct ioas_map *ioas_record_get(struct uvdk_ioas *ioas)
{
	struct ioas_map *map;

	if (__builtin_expect(!ioas->free_records, 0) && ioas_record_grow(ioas))
		return NULL;
	map = ioas->free_records;
	ioas->free_records = map->next_free;

	return map;
}

static inline void ioas_record_put(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	map->next_free = ioas->free_records;
	ioas->free_records = map;
}

/* xlate.c: ready() makes room for entries, and refuses memory that is mapped already */
int ioas_xlate_create(struct uvdk_ioas *ioas);
void ioas_xlate_destroy(struct uvdk_ioas *ioas);
int ioas_xlate_ready(struct uvdk_ioas *ioas, uint64_t va, uint64_t pages);
void ioas_xlate_set(struct uvdk_ioas *ioas, const struct ioas_map *map);
void ioas_xlate_clear(struct uvdk_ioas *ioas, const struct ioas_map *map);

/* The leaf of an address, to be indexed by page number; or NULL. */
static inline uint64_t *ioas_xlate_leaf(const struct uvdk_ioas *ioas, uint64_t va)
{
	return (uint64_t *)(uintptr_t)ioas->va_root[va >> UVDK_XLATE_ROOT_SHIFT];
}

/* The entry of a page whose leaf is there. */
static inline uint64_t *ioas_xlate_entry(const struct uvdk_ioas *ioas, uint64_t page)
{
	uint64_t leaf = ioas->va_root[page / UVDK_XLATE_LEAF_COUNT];

	return (uint64_t *)(uintptr_t)(leaf + page * sizeof(uint64_t));
}

/* Readers take no lock. */
static inline void ioas_xlate_put(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

/* window.c */
int ioas_window_read(struct uvdk_ioas *ioas, struct ioas_ranges *apertures);
int ioas_window_set(struct uvdk_ioas *ioas, struct ioas_ranges *apertures);
void ioas_window_free(struct uvdk_ioas *ioas);
bool ioas_ranges_hold(const struct ioas_ranges *ranges, uint64_t page, uint64_t pages);
const char *ioas_ranges_text(const struct ioas_ranges *ranges, char *text, size_t size);

/* iova.c: where maps go. A claim or an allocation is undone by release(). */
int ioas_iova_alloc(struct uvdk_ioas *ioas, uint64_t pages, uint64_t align, uint64_t *page);
/* The same for memory whose first page is @like: see UVDK_IOVA_HUGE. */
int ioas_iova_alloc_like(struct uvdk_ioas *ioas, uint64_t pages, uint64_t like, uint64_t *page);
int ioas_iova_claim(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages);
void ioas_iova_release(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages);
int ioas_iova_in_apertures(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages);
struct ioas_map *ioas_map_overlap(struct uvdk_ioas *ioas, uint64_t page, uint64_t end);
struct ioas_map *ioas_map_next(struct uvdk_ioas *ioas, uint64_t page);
int ioas_map_exists(const struct ioas_map *map, const char *what, uint64_t first, uint64_t len);

/* reserve.c: the reservation that holds or first follows a page, or NULL */
struct ioas_reservation *ioas_reservation_from(struct uvdk_ioas *ioas, uint64_t page);

/*
 * mapq_window.c: the window of a map queue that overlaps, or NULL; -EBUSY if there is one; may
 * the apertures be these, if the windows are to stay; the last device is detached
 */
struct uvdk_mapq_window *ioas_mapq_overlap(const struct uvdk_ioas *ioas, uint64_t page,
					   uint64_t end);
int ioas_mapq_check(const struct uvdk_ioas *ioas, uint64_t page, uint64_t end);
int ioas_mapq_fits(const struct uvdk_ioas *ioas, const struct ioas_ranges *apertures);
void ioas_mapq_gone(struct uvdk_ioas *ioas);

/* map.c: under the ioas lock; @file: instead of memory at @va, or NULL. Arguments are checked. */
int ioas_map_locked(struct uvdk_ioas *ioas, const struct uvdk_ioas_file *file, uint64_t va,
		    uint64_t pages, unsigned int flags, uvdk_iova_t *iova);

/* place.c */
int ioas_leaves_make(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages);
int ioas_place(struct uvdk_ioas *ioas, struct ioas_map *map);
void ioas_unplace(struct uvdk_ioas *ioas, const struct ioas_map *map);

/* walk.c: a number that this process has not given to anything yet */
uint64_t ioas_new_id(void);

/* unmap.c */
void ioas_unmap_all(struct uvdk_ioas *ioas);

/* registry.c */
const struct uvdk_iommu_ops *ioas_driver_find(const char *name);
const char *ioas_driver_names(char *text, size_t size);

/* attach.c; detach_binding() wants iommu->lock held */
int ioas_adopt(struct uvdk_ioas *ioas);
void ioas_detach_binding(struct ioas_binding *binding);

/* uvdk_device_close() has begun */
void ioas_device_closes(struct uvdk_device_watcher *watch);
void ioas_detach_all(struct uvdk_ioas *ioas);

#endif /* UVDK_IOMMU_PRIV_H */
