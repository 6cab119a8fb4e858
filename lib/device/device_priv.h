/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DEVICE_PRIV_H
#define UVDK_DEVICE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include <uvdk_base_driver.h>
#include <uvdk_device_driver.h>
#include <uvdk_export_driver.h>
#include <uvdk_lock_driver.h>

#define DEVICE_BARS	  6
#define DEVICE_IRQ_TYPES  3
#define DEVICE_MAX_VECTOR 2048 /* MSI-X table size: 11 bits, PCI 3.0, 6.8.2.3 */

/* Why a device is closed for business. */
enum device_gone {
	DEVICE_HERE,
	DEVICE_GONE,	    /* uvdk_device_mark_gone(), logged there */
	DEVICE_GONE_SIGBUS, /* by the signal handler, which can't log */
};

/* A BAR: queried once, mapped into one reservation of its size. */
struct device_region {
	bool known;
	struct uvdk_bus_region info;
	unsigned char *base; /* reservation or NULL; holes stay PROT_NONE */
	size_t reserved;
};

/*
 * Used by one thread at a time but for gone and watches, and for regions[] once they are
 * known, which any thread may read.
 */
struct uvdk_device {
	const struct uvdk_bus_ops *ops;
	struct uvdk_iommu *iommu;
	void *priv;
	struct uvdk_iommu_binding *binding;
	const struct uvdk_device_opts *opening; /* while ops->open() runs */
	struct uvdk_device_info info;
	char *name; /* what info.name points to */
	struct uvdk_pci_config config;
	struct uvdk_device_watcher *watches; /* most recent first; guarded by the lock of watch.c */
	/* Guarded by the lock of export.c. */
	struct uvdk_device *next_exporter;
	bool exporter; /* is in the list of those */
	struct uvdk_export *exports;
	struct uvdk_export_watch *export_watches;

	const char *user; /* class that drives it, or NULL */
	bool sva;	  /* joined to the process's address space */
	struct device_region regions[DEVICE_BARS];
	struct uvdk_lock command_lock; /* guards those below, and changes of the register */
	uint16_t command_set;	       /* bits to put back after a reset ... */
	uint16_t command_clear;
	int irq_type; /* enum uvdk_irq_type that is on, or -1 */
	unsigned int irq_routed;
	uint8_t routed[DEVICE_MAX_VECTOR / 8]; /* bitmap over irq_type's vectors */
	atomic_bool open; /* info is complete, for other threads that come across it */
	atomic_int gone;  /* enum device_gone; written by any thread and by a signal handler */
	bool gone_told;	  /* next_event() has said so, or that it must go */
	int gone_fd;	  /* eventfd, readable once gone */
	int event_fd;	  /* epoll over gone_fd and the bus's own descriptor */
};

/* registry.c */
const struct uvdk_bus_ops *device_find_bus(const char *spec, const struct uvdk_iommu *iommu);

/* config.c */
int device_put_command_back(struct uvdk_device *dev);
void device_stop_dma(struct uvdk_device *dev);

/* watch.c */
void device_tell_watches(struct uvdk_device *dev);

/* export.c: tell who has mapped exports; end() forgets the device */
void device_tell_export(struct uvdk_device *dev, enum uvdk_export_event event);
void device_tell_hot_reset(struct uvdk_device *dev);
void device_end_exports(struct uvdk_device *dev);

/* region.c */
void device_unmap_regions(struct uvdk_device *dev);

/* irq.c */
void device_irq_off(struct uvdk_device *dev);

/* event.c */
int device_events_open(struct uvdk_device *dev);
int device_events_join_bus(struct uvdk_device *dev);
void device_events_close(struct uvdk_device *dev);
int device_refuse(const struct uvdk_device *dev);
bool device_here(const struct uvdk_device *dev);
/* Async-signal-safe; true if this call was the one that closed it for business. */
bool device_set_gone(struct uvdk_device *dev, enum device_gone why);

/* sigbus.c: which device a mapping belongs to, for the process's SIGBUS handler. */
int sigbus_add(struct uvdk_device *dev, void *at, size_t len);
void sigbus_remove(const void *at);

#endif /* UVDK_DEVICE_PRIV_H */
