/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TYPE1_PRIV_H
#define TYPE1_PRIV_H

#include <pthread.h>

#include <linux/vfio.h>

#include <uvdk_base_driver.h>
#include <uvdk_explain_driver.h>
#include <uvdk_iommu_driver.h>

#define TYPE1 "iommu.type1"

struct type1 {
	pthread_mutex_t lock; /* guards groups and their users */
	struct type1_group *groups;
	char *sysfs_root;
	char *dev_root;
};

struct type1_ioas;

/*
 * A group and its container, set up when the first device of the group is
 * opened: the kernel gives out device descriptors only after that. Freed with
 * the last of its devices.
 */
struct type1_group {
	struct type1_group *next;
	int number;
	int fd;
	int container;
	unsigned int users;	  /* devices opened; guarded by struct type1.lock */
	uint32_t entries_max;	  /* maps that a container may hold, 0: unknown */
	uint64_t page_sizes;	  /* bitmap */
	struct type1_ioas *ioas;  /* attached to, or NULL; guarded by struct type1.lock */
	unsigned int attached;	  /* devices attached; likewise */
	struct type1_group *peer; /* next group of the same ioas; guarded by the ioas lock */
};

/* The kernel has no address spaces of its own here: one is a set of containers. */
struct type1_ioas {
	struct type1 *type1;
	struct uvdk_ioas *ioas;
	struct type1_group *groups; /* attached; guarded by the ioas lock */
};

/* 0 or negative errno */
int type1_ioctl(int fd, unsigned long request, void *arg);

/* group.c */
int type1_bind(void *priv, const struct uvdk_iommu_bind_args *args,
	       struct uvdk_iommu_binding *binding);
void type1_unbind(void *priv, struct uvdk_iommu_binding *binding);

/* container.c */
int type1_container_open(const struct type1 *type1, int *out);
int type1_container_use(struct type1_group *group);
int type1_container_ranges(const struct type1_group *group, struct uvdk_iova_range *out,
			   unsigned int max);
uint64_t type1_container_entries(const struct type1_group *group);

/* ioas.c */
int type1_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv);
void type1_ioas_destroy(void *ioas_priv);
uint64_t type1_page_sizes(void *ioas_priv);
int type1_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max);
void type1_limits(void *ioas_priv, struct uvdk_iommu_limits *out);

/* map.c */
int type1_group_map(const struct type1_ioas *own, const struct type1_group *group, uvdk_iova_t iova,
		    void *va, size_t len, unsigned int flags);
int type1_group_unmap_all(const struct type1_group *group);
int type1_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags);
int type1_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len);

/* attach.c */
int type1_attach(void *ioas_priv, struct uvdk_iommu_binding *binding);
void type1_detach(void *ioas_priv, struct uvdk_iommu_binding *binding);

#endif /* TYPE1_PRIV_H */
