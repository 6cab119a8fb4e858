/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VFIO_PCI_PRIV_H
#define VFIO_PCI_PRIV_H

#include <linux/vfio.h>

#include <uvdk_base_driver.h>
#include <uvdk_device_driver.h>
#include <uvdk_explain_driver.h>
#include <uvdk_iommu_driver.h>

#define VPCI	       "bus.vfio-pci"

#define VPCI_BARS      6
#define VPCI_IRQ_TYPES 3

/* What is routed of one kind of interrupt. */
struct vpci_irq {
	unsigned int count;   /* vectors the function has */
	bool maskable;	      /* by the kernel */
	bool fixed;	      /* vectors can't be added while it is on */
	unsigned int enabled; /* vectors the kernel has set up: 0 to enabled - 1 */
	int *fds;	      /* [count], -1: not routed; NULL while off */
};

/* One function opened through vfio. */
struct vpci {
	struct vpci *next; /* of those open in this process; guarded by the list's lock */
	struct uvdk_iommu *iommu;
	struct uvdk_iommu_binding *binding;
	enum uvdk_iommu_handle kind;
	char name[UVDK_PCI_ADDR_LEN];
	int group;
	int fd;
	bool can_reset;
	uint64_t config_off; /* in the file */
	uint32_t config_size;
	uint64_t bar_off[VPCI_BARS]; /* likewise; valid once region_info() was called */
	uint32_t bar_flags[VPCI_BARS];
	struct vpci_irq irqs[VPCI_IRQ_TYPES];
	int err_fd; /* eventfds, -1 where the function has no such event */
	int req_fd;
	int event_fd; /* epoll over both */
	int kvm_fd; /* VFIO device of KVM that was told of it, or -1; guarded by the list's lock */
};

/* 0 or negative errno; some calls answer with a positive number, which comes back too. */
int vpci_ioctl(int fd, unsigned long request, void *arg);

/* handle.c: get at the device descriptor, and give it back */
int vpci_handle_open(struct vpci *v, struct uvdk_device *dev, const struct uvdk_device_opts *opts,
		     const struct uvdk_pci_function *fn);
void vpci_handle_close(struct vpci *v);

/* io.c */
int vpci_config_find(struct vpci *v);
int vpci_config_read(struct uvdk_device *dev, uint32_t off, void *buf, size_t len);
int vpci_config_write(struct uvdk_device *dev, uint32_t off, const void *buf, size_t len);
int vpci_region_read(struct uvdk_device *dev, unsigned int index, uint64_t off, unsigned int width,
		     uint64_t *value);
int vpci_region_write(struct uvdk_device *dev, unsigned int index, uint64_t off, unsigned int width,
		      uint64_t value);

/* region.c */
int vpci_region_info(struct uvdk_device *dev, unsigned int index, struct uvdk_bus_region *out);
int vpci_region_map(struct uvdk_device *dev, unsigned int index, uint64_t off, uint64_t len,
		    void *at);
int vpci_get_region(const struct vpci *v, unsigned int index, struct vfio_region_info **out);

/* msix.c: the part of a BAR that older kernels keep for themselves */
bool vpci_msix_table(struct vpci *v, unsigned int *bar, uint64_t *off, uint64_t *len);

/* irq.c */
int vpci_set_irqs(const struct vpci *v, unsigned int index, uint32_t flags, unsigned int first,
		  unsigned int count, const int *fds);
int vpci_irq_probe(struct vpci *v);
int vpci_irq_count(struct uvdk_device *dev, enum uvdk_irq_type type);
int vpci_irq_set(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int first,
		 unsigned int count, const int *fds);
int vpci_irq_disable(struct uvdk_device *dev, enum uvdk_irq_type type);
int vpci_irq_mask(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector,
		  bool masked);
int vpci_irq_trigger(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector);

/* event.c */
int vpci_events_open(struct vpci *v);
void vpci_events_close(struct vpci *v);
int vpci_event_fd(const struct uvdk_device *dev);
enum uvdk_device_event vpci_next_event(struct uvdk_device *dev);

/* reset.c */
int vpci_reset(struct uvdk_device *dev);
int vpci_hot_reset_list(struct uvdk_device *dev, struct uvdk_pci_addr *addrs, unsigned int max);
int vpci_hot_reset(struct uvdk_device *dev);
void vpci_list_add(struct vpci *v);
void vpci_list_remove(struct vpci *v);
bool vpci_list_has(const char *name);
void vpci_list_lock(void);
void vpci_list_unlock(void);
bool vpci_list_announced(const struct vpci *v);

/* export.c */
int vpci_export_bar(struct uvdk_device *dev, unsigned int index, uint64_t offset, uint64_t len,
		    int *fd, void **at);

/* kvm.c */
int vpci_kvm_announce(struct uvdk_device *dev, int kvm_fd);
void vpci_kvm_withdraw(struct uvdk_device *dev);

#endif /* VFIO_PCI_PRIV_H */
