/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_H
#define FAKE_H

#include <errno.h>

#include <uvdk_iommu_driver.h>

/*
 * An iommu driver and a bus without hardware. The driver keeps every map that it
 * was given, checks that unmaps name exactly one of them, and fails on demand.
 */
#define PAGE 4096ul

/* Which callback fails next: the n-th from now on, 0 for none. */
struct fake_failure {
	unsigned int at;
	int err;
};

struct fake_map {
	void *space; /* whose map it is */
	uvdk_iova_t iova;
	char *va;
	size_t len;
	unsigned int flags;
	struct fake_map *next;
};

struct fake_hwpt {
	void *space;
	unsigned int flags;
	uint32_t kind; /* of the iommu that it was made for */
};

/*
 * What the name of a device says of the iommu in front of it: "fake:0-cc" can
 * enforce coherency, "fake:0-odd" has other page tables than the rest. "fake:0-ats" has
 * ATS enabled.
 */
#define FAKE_CC	 1u
#define FAKE_ODD 2u

struct fake_tag {
	const void *binding;
	uint32_t pasid;
	const struct fake_hwpt *hwpt;
	struct fake_tag *next;
};

struct fake {
	/* what the driver says */
	struct uvdk_iova_range ranges[32];
	unsigned int nr_ranges;
	struct uvdk_iova_range attached_ranges[32]; /* once a device is attached */
	unsigned int nr_attached_ranges;	    /* 0: the same */
	uint64_t page_sizes;
	uint64_t attached_page_sizes; /* 0: the same */
	struct uvdk_iommu_limits limits;
	bool count_entries; /* limits.entries_left = entries_max - maps */
	uvdk_iova_t picked; /* what the driver picks, for "fake-picks" */

	unsigned int pasid_bits, va_bits;
	unsigned int errata;
	unsigned int features; /* besides what the device's name says */

	/* what fails */
	struct fake_failure open, bind, create, ranges_fail, map, unmap, attach;
	struct fake_failure hwpt_create, hwpt_attach;

	/* what has happened */
	unsigned int maps, bindings, ioas, attached, opened;
	unsigned int map_calls, unmap_calls, wrong_unmaps, limits_calls;
	unsigned int hwpts, wrong_attaches;
	struct fake_tag *tags;	 /* attached through an hwpt */
	struct fake_auto *autos; /* attached without */
	uint64_t bytes;
	struct uvdk_ioas *creating; /* given to ioas_create() */
	struct uvdk_iommu_opts opts;
	int (*on_attach)(struct uvdk_ioas *ioas);
	struct fake_map *chain[4096];
};

extern struct fake fake;

/* 48 bits, 4 KiB to 1 GiB, no limits */
void fake_reset(void);

/* "fake", an iommu "fake-picks" that decides IOVAs itself, and the bus of "fake:..." */
extern const struct uvdk_iommu_ops fake_ops, fake_picks_ops;
extern const struct uvdk_bus_ops fake_bus;

/* What the driver holds that starts at an IOVA, or NULL. */
struct fake_map *fake_find(uvdk_iova_t iova);

/* The map of the space that a device is attached to, around an IOVA, or NULL. */
struct fake_map *fake_seen_by(struct uvdk_device *dev, uvdk_iova_t iova);

/* "fake", an iommu with an address space. */
void fake_setup(void);
void fake_teardown(void); /* checks that nothing is left */
extern struct uvdk_iommu *iommu;
extern struct uvdk_ioas *ioas;

struct uvdk_device *fake_device(void);
struct uvdk_device *fake_device_named(const char *spec);

/* Whether coherency is enforced for a PASID of a device, or its RID: 1, 0, or -1 if not attached.
 */
int fake_enforced(struct uvdk_device *dev, uint32_t pasid);

/* The page table that a PASID of a device goes through, or NULL. */
const struct fake_hwpt *fake_hwpt_of(struct uvdk_device *dev, uint32_t pasid);

/* Address space only: pages that nobody touches. */
char *fake_memory(size_t len);

/* Does the latest error of this thread contain a text? */
bool said(const char *text);

#endif /* FAKE_H */
