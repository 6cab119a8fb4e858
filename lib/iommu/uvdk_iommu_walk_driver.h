/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMU_WALK_DRIVER_H
#define UVDK_IOMMU_WALK_DRIVER_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: What stands on an iommu, for those who show it
 *
 * Copies, taken under the locks that guard what they are of: between two calls
 * anything may come and go. Devices and address spaces have numbers here, which
 * ascend and are never given twice in a process; a walk asks for the next one
 * beyond a number. Nothing here costs anything on a data path.
 *
 * Thread-safe, but for the end of the iommu. A refusal logs nothing.
 *
 * Not for applications: may change in any release.
 */

/* Apertures that struct uvdk_seen_ioas has room for. */
#define UVDK_SEEN_RANGES 16

/**
 * struct uvdk_seen_device - a device of an iommu
 * @id: number
 * @name: as &struct uvdk_device_info.name, cut where it is too long
 * @bus: as &struct uvdk_device_info.bus
 * @access: as &struct uvdk_device_info.access
 * @gone: it has vanished
 * @err: 0, or why @info is not known
 * @info: what the iommu in front of it can do
 * @ioas: number of the address space that its RID is attached to; 0: none
 * @pasids: PASIDs attached
 */
struct uvdk_seen_device {
	uint64_t id;
	char name[128];
	char bus[32];
	char access[16];
	bool gone;
	int err;
	struct uvdk_iommu_info info;
	uint64_t ioas;
	unsigned int pasids;
};

/**
 * struct uvdk_seen_ioas - an address space
 * @id: number
 * @policy: where maps go
 * @coherency: what devices get whose iommus differ
 * @page_size: granule of maps
 * @stats: as uvdk_ioas_get_stats()
 * @range: apertures, ascending
 * @ranges: how many there are, more than UVDK_SEEN_RANGES if they did not fit
 * @attached: RIDs and PASIDs attached
 */
struct uvdk_seen_ioas {
	uint64_t id;
	enum uvdk_iova_policy policy;
	enum uvdk_coherency_policy coherency;
	size_t page_size;
	struct uvdk_ioas_stats stats;
	struct uvdk_iova_range range[UVDK_SEEN_RANGES];
	unsigned int ranges;
	unsigned int attached;
};

/**
 * struct uvdk_seen_attached - what is attached to an address space
 * @device: number of the device
 * @pasid: PASID, 0 for its RID
 * @nested: through a first stage of the application's
 */
struct uvdk_seen_attached {
	uint64_t device;
	uint32_t pasid;
	bool nested;
};

/**
 * struct uvdk_seen_window - a window in which a map queue maps
 * @iova: its first address
 * @len: its bytes
 * @mapped: pages that are mapped there; they are not in &struct uvdk_seen_ioas.stats
 */
struct uvdk_seen_window {
	uvdk_iova_t iova;
	uint64_t len;
	uint64_t mapped;
};

/**
 * uvdk_ioas_see_id() - the number of an address space
 * @ioas: address space
 *
 * Return: as &struct uvdk_seen_ioas.id.
 */
uint64_t uvdk_ioas_see_id(const struct uvdk_ioas *ioas);

/**
 * uvdk_iommu_see_device() - the next device
 * @iommu: iommu
 * @after: number; 0: from the first on
 * @out: the device with the lowest number beyond @after; one that is still being
 *	opened is passed over
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_iommu_see_device(struct uvdk_iommu *iommu, uint64_t after, struct uvdk_seen_device *out);

/**
 * uvdk_iommu_see_ioas() - the next address space
 * @iommu: iommu
 * @after: number; 0: from the first on
 * @out: the address space with the lowest number beyond @after
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_iommu_see_ioas(struct uvdk_iommu *iommu, uint64_t after, struct uvdk_seen_ioas *out);

/**
 * uvdk_iommu_see_attached() - what is attached to an address space
 * @iommu: iommu
 * @ioas: number of the address space
 * @out: filled with up to @max, in no order
 * @max: room in @out
 * @count: out: how many there are
 *
 * Return: 0, or -ENOENT: it is gone.
 */
int uvdk_iommu_see_attached(struct uvdk_iommu *iommu, uint64_t ioas, struct uvdk_seen_attached *out,
			    unsigned int max, unsigned int *count);

/**
 * uvdk_iommu_see_maps() - some maps of an address space
 * @iommu: iommu
 * @ioas: number of the address space
 * @from: lowest IOVA of interest
 * @out: filled with up to @max maps that start there or beyond, ascending
 * @max: room in @out: few, since nobody can map or unmap meanwhile
 * @count: out: how many it are; 0: there are no more
 *
 * Return: 0, or -ENOENT: it is gone.
 */
int uvdk_iommu_see_maps(struct uvdk_iommu *iommu, uint64_t ioas, uvdk_iova_t from,
			struct uvdk_map_info *out, unsigned int max, unsigned int *count);

/**
 * uvdk_iommu_see_window() - the next window of a map queue in an address space
 * @iommu: iommu
 * @ioas: number of the address space
 * @from: lowest IOVA of interest
 * @out: the lowest window that starts there or beyond
 *
 * Return: 0, or -ENOENT: there is none, or the address space is gone.
 */
int uvdk_iommu_see_window(struct uvdk_iommu *iommu, uint64_t ioas, uvdk_iova_t from,
			  struct uvdk_seen_window *out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_IOMMU_WALK_DRIVER_H */
