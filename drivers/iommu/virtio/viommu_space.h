/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_SPACE_H
#define VIOMMU_SPACE_H

#include "viommu.h"

/* What one call of map made: locked memory, and where it is. */
struct viommu_map {
	uvdk_iova_t iova;
	unsigned char *va;
	size_t len;
	unsigned int flags;
	int pin;      /* of uvdk_phys_lock() */
	bool locked;  /* else it is registers of a device */
	bool settled; /* it is in every domain; else viommu_domain_restore() leaves it out */
	unsigned int nr_runs;
	struct uvdk_phys_run *runs;
};

/* ---- bind.c ---- */

int viommu_bind(void *priv, const struct uvdk_iommu_bind_args *args,
		struct uvdk_iommu_binding *binding);
void viommu_unbind(void *priv, struct uvdk_iommu_binding *binding);
struct viommu_unit *viommu_unit_at(struct viommu *viommu, unsigned int index);

/* ---- find.c: which virtio-iommus there are, and whether they can be ours ---- */

/* Is the virtio-iommu at @addr free to be driven by us? 0, or -errno with a sentence. */
int viommu_usable(const struct uvdk_iommu_opts *opts, const struct uvdk_pci_addr *addr);
int viommu_suits(const char *spec, const struct uvdk_iommu_opts *opts);
int viommu_open_units(struct viommu *viommu, const struct uvdk_iommu_opts *opts);
int viommu_open_unit(struct viommu *viommu, const char *spec, unsigned int index);

/* ---- domain.c ---- */

int viommu_attach(void *ioas_priv, struct uvdk_iommu_binding *binding);

/* Whoever drove it before us may have left it attached, see viommu_empty(). 0 or -errno. */
int viommu_disown(struct viommu_endpoint *endpoint);

/* sweep.c: the same for each function of the machine that is behind a unit of ours */
int viommu_sweep(struct viommu *viommu);
void viommu_detach(void *ioas_priv, struct uvdk_iommu_binding *binding);

/* ---- space.c ---- */

int viommu_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv);
void viommu_ioas_destroy(void *ioas_priv);
uint64_t viommu_page_sizes(void *ioas_priv);
int viommu_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max);
void viommu_limits(void *ioas_priv, struct uvdk_iommu_limits *out);
int viommu_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out);

/* How often a unit may be put back while it is asked for one thing. */
#define VIOMMU_RESTORES_MAX 3

/* ---- map.c ---- */

/* viommu_call(), and once more where the unit had to be put back first. Under unit->lock. */
int viommu_ask(struct viommu_unit *unit, const struct viommu_request *request);

/* Would a unit take this map? 0, or -errno with a sentence. */
int viommu_map_fits(const struct viommu_unit *unit, const struct viommu_map *map);

/*
 * All runs of a map into a domain; undone on failure. Under unit->lock. 1: the unit was put back
 * meanwhile, and with it all settled maps of its domains.
 */
int viommu_map_send(struct viommu_domain *domain, const struct viommu_map *map);

/* All runs of a map into a domain of a unit that has been reset. Under unit->lock. */
int viommu_map_restore(struct viommu_domain *domain, const struct viommu_map *map);

/* Visit the maps of an address space until one returns other than 0. */
int viommu_map_each(struct viommu_ioas *own, int (*fn)(const struct viommu_map *map, void *arg),
		    void *arg);

/* Devices may reach memory of this address space for good: it stays locked. Says so once. */
void viommu_ioas_lose(struct viommu_ioas *own, const char *why);

/* ---- pin.c: memory of a map ---- */

/* Fill in all but iova, va, len, flags. 0, or -errno with a sentence. */
int viommu_map_pin(struct viommu *viommu, struct viommu_map *map);
void viommu_map_unpin(struct viommu *viommu, struct viommu_map *map);

#endif /* VIOMMU_SPACE_H */
