/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UIO_SVA_PRIV_H
#define UIO_SVA_PRIV_H

#include <pthread.h>

#include <uvdk_base_driver.h>
#include <uvdk_device_driver.h>
#include <uvdk_explain_driver.h>
#include <uvdk_iommu_driver.h>

#define USVA	    "bus.uio-sva"
#define USVA_DRIVER "uio_pci_sva" /* of Linux, drivers/uio/uio_pci_generic_sva.c */
#define USVA_BARS   6

/* One function that the kernel's driver holds. */
struct usva {
	struct usva *next; /* of those open in this process; guarded by the list's lock */
	struct uvdk_iommu_binding *binding;
	char name[UVDK_PCI_ADDR_LEN];
	char dir[256];	/* in sysfs */
	char node[256]; /* /dev/uioN, whose opening is the binding */
	struct uvdk_pci_resource bars[USVA_BARS];
	uint32_t config_size;
	int config_fd;	/* carries the lock by which others know that it is in use */
	int uio_fd;	/* -1: not bound */
	uint32_t pasid; /* while bound */
	bool master;	/* bus master as the application wants it, see config.c */
};

/* config.c */
int usva_config_open(struct usva *v);
int usva_config_read(struct uvdk_device *dev, uint32_t off, void *buf, size_t len);
int usva_config_write(struct uvdk_device *dev, uint32_t off, const void *buf, size_t len);
/* Bus master on or off in the hardware. 0 or negative errno with a sentence. */
int usva_set_master(const struct usva *v, bool on);

/* region.c */
int usva_region_info(struct uvdk_device *dev, unsigned int index, struct uvdk_bus_region *out);
int usva_region_map(struct uvdk_device *dev, unsigned int index, uint64_t off, uint64_t len,
		    void *at);
int usva_region_read(struct uvdk_device *dev, unsigned int index, uint64_t off, unsigned int width,
		     uint64_t *value);
int usva_region_write(struct uvdk_device *dev, unsigned int index, uint64_t off, unsigned int width,
		      uint64_t value);

/* bind.c */
int usva_find_node(struct usva *v, const char *dev_root);
int usva_bind(struct uvdk_device *dev, uint32_t *pasid);
void usva_unbind(struct uvdk_device *dev);
/* Likewise, for a device that may not be bound. */
void usva_end(struct usva *v);

/* explain.c: why the kernel can't join a process; returns the errno */
int usva_explain(const struct usva *v, const struct uvdk_pci_config *config);

/* fork.c: descriptors are not a child's; the lock is held while some are opened */
void usva_list_add(struct usva *v);
void usva_list_remove(struct usva *v);
void usva_fork_lock(void);
void usva_fork_unlock(void);

#endif /* UIO_SVA_PRIV_H */
