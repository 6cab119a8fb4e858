/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MOCK_H
#define MOCK_H

#include <uvdk_device.h>
#include <uvdk_fault.h>

#include "dev_common.h"

/*
 * iommufd's mock devices (CONFIG_IOMMUFD_TEST): a real iommufd over an I/O MMU
 * of the kernel's own that can do everything, and tells what it was given. They
 * have no vfio character device, so a bus "mock:..." of ours hands out a
 * descriptor that stands for one, and ioctl() (linked with --wrap=ioctl) turns
 * what VFIO would do for it into calls of iommufd's test interface. The library
 * runs as it is.
 */
#define MOCK_IOVA	 UINT64_C(0x1000000) /* the mock translates from here to 2 GiB */
#define MOCK_FAKED_ERROR 1024 /* a PASID: every second attach of it fails with ENOMEM */

#define PAGE		 4096u

/* What the ioctl() in between does to the calls of the library. */
struct mock_control {
	unsigned int calls;   /* so far */
	unsigned int fail_at; /* this one fails, counting from 1; 0: none */
	int fail_errno;
	unsigned int inject_at;	 /* in this one, */
	unsigned int inject_nth; /* the kernel is to fail at this point, counting from 1 */
	bool hit;		 /* it has */
	unsigned long request;	 /* that was made to fail */
	uint32_t latest_hwpt;	 /* id of the page table made last */
	unsigned int
		spoil; /* so many entries into a batch of invalidations, one turns bad; 0: none */
};

extern struct mock_control mock;

#define MOCK_IOTLB 0xbadbeefu /* in each entry at first */
#define MOCK_CACHE 0xbaddadu

/* "mock:" and anything; with "plain" in it the device has no PASIDs. */
struct uvdk_device *mock_open(struct uvdk_iommu *iommu, const char *spec);
void mock_register(void);

/* Whether the mock has a PASID attached to this table of the kernel's, 0: to none. */
bool mock_pasid_has(struct uvdk_device *dev, uint32_t pasid, uint32_t hwpt);

/* Whether a table leads from an IOVA to this memory. */
bool mock_maps(uint32_t hwpt, uint64_t iova, size_t len, const void *va);

/* Whether each of these pages is pinned so many times. */
bool mock_pinned(const void *va, size_t len, unsigned int times);

/* The mock marks pages as written; negative errno. */
int mock_write_pages(uint32_t hwpt, uint64_t iova, size_t len, const uint64_t *bitmap);

/* A device asks for a page. */
void mock_ask(struct uvdk_device *dev, uint32_t pasid, uint32_t index, uint64_t addr,
	      uint32_t perm);

/* What the mock has cached: in an entry of a nested table's TLB, of a device's own. */
bool mock_iotlb_is(uint32_t hwpt, uint32_t index, uint32_t value);
bool mock_cache_is(struct uvdk_device *dev, uint32_t index, uint32_t value);

/* An event of a device is reported to its vIOMMU. */
void mock_report(struct uvdk_device *dev);

/* Objects of the kernel's; it gives them the lowest numbers that are free. */
unsigned int mock_objects(void);

/* Pages that the whole system has pinned. */
long mock_system_pins(void);

/* Memory of our own, filled in. */
uint8_t *mock_memory(size_t pages, int value);

#endif /* MOCK_H */
