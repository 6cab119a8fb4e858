/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOMMUFD_UAPI_H
#define IOMMUFD_UAPI_H

#include <stdint.h>
#include <sys/ioctl.h>

/*
 * The part of Linux's iommufd and vfio character device interfaces that is
 * used here: numbers and layouts, since the headers of older distributions
 * lack them. uapi_check.c compares them with the system's where it has some.
 */

#define IOFD_DESTROY	     _IO(';', 0x80)
#define IOFD_IOAS_ALLOC	     _IO(';', 0x81)
#define IOFD_IOVA_RANGES     _IO(';', 0x84)
#define IOFD_IOAS_MAP	     _IO(';', 0x85)
#define IOFD_IOAS_COPY	     _IO(';', 0x83)
#define IOFD_IOAS_UNMAP	     _IO(';', 0x86)
#define IOFD_HWPT_ALLOC	     _IO(';', 0x89)
#define IOFD_GET_HW_INFO     _IO(';', 0x8a)
#define IOFD_SET_DIRTY	     _IO(';', 0x8b)
#define IOFD_GET_DIRTY	     _IO(';', 0x8c)
#define IOFD_HWPT_INVALIDATE _IO(';', 0x8d)
#define IOFD_FAULT_ALLOC     _IO(';', 0x8e)
#define IOFD_IOAS_MAP_FILE   _IO(';', 0x8f)
#define IOFD_VIOMMU_ALLOC    _IO(';', 0x90)
#define IOFD_VDEVICE_ALLOC   _IO(';', 0x91)
#define IOFD_VEVENTQ_ALLOC   _IO(';', 0x93)
#define IOFD_HW_QUEUE_ALLOC  _IO(';', 0x94)

struct iofd_destroy {
	uint32_t size;
	uint32_t id;
};

struct iofd_ioas_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_ioas_id;
};

/* allowed_iovas: pairs of first and inclusive last, as struct uvdk_iova_range */
struct iofd_iova_ranges {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas;
	uint32_t reserved;
	uint64_t allowed_iovas;
	uint64_t out_iova_alignment;
};

#define IOFD_MAP_FIXED_IOVA (1u << 0)
#define IOFD_MAP_WRITEABLE  (1u << 1)
#define IOFD_MAP_READABLE   (1u << 2)

struct iofd_ioas_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	uint32_t reserved;
	uint64_t user_va;
	uint64_t length;
	uint64_t iova;
};

struct iofd_ioas_map_file {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	int32_t fd;
	uint64_t start;
	uint64_t length;
	uint64_t iova;
};

struct iofd_ioas_copy {
	uint32_t size;
	uint32_t flags;
	uint32_t dst_ioas_id;
	uint32_t src_ioas_id;
	uint64_t length;
	uint64_t dst_iova;
	uint64_t src_iova;
};

struct iofd_ioas_unmap {
	uint32_t size;
	uint32_t ioas_id;
	uint64_t iova;
	uint64_t length;
};

#define IOFD_HWPT_NEST_PARENT	 (1u << 0)
#define IOFD_HWPT_DIRTY_TRACKING (1u << 1)
#define IOFD_HWPT_FAULT_ID	 (1u << 2) /* @fault_id is valid */
#define IOFD_HWPT_PASID		 (1u << 3)

struct iofd_hwpt_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t dev_id;
	uint32_t pt_id;
	uint32_t out_hwpt_id;
	uint32_t reserved;
	uint32_t data_type;
	uint32_t data_len;
	uint64_t data_uptr;
	uint32_t fault_id;
	uint32_t reserved2;
};

#define IOFD_HWPT_DATA_VTD	0x1
#define IOFD_HWPT_DATA_SMMUV3	0x2
#define IOFD_HWPT_DATA_AMD	0x3
#define IOFD_HWPT_DATA_SELFTEST 0xdead

struct iofd_hwpt_vtd {
	uint64_t flags;
	uint64_t pgtbl_addr;
	uint32_t addr_width;
	uint32_t reserved;
};

struct iofd_hwpt_smmuv3 {
	uint64_t ste[2]; /* little-endian */
};

struct iofd_hwpt_amd {
	uint64_t dte[4];
};

struct iofd_hwpt_selftest {
	uint32_t iotlb;
	uint32_t pagetable_type;
};

#define IOFD_INVALIDATE_VTD	 0
#define IOFD_INVALIDATE_SMMUV3	 1
#define IOFD_INVALIDATE_SELFTEST 0xdeadbeef

/* @entry_num: in: how many; out: how many are done, on failure, too */
struct iofd_hwpt_invalidate {
	uint32_t size;
	uint32_t hwpt_id;
	uint64_t data_uptr;
	uint32_t data_type;
	uint32_t entry_len;
	uint32_t entry_num;
	uint32_t reserved;
};

#define IOFD_VIOMMU_SMMUV3   1
#define IOFD_VIOMMU_TEGRA241 2
/* Over AMD-Vi the kernel takes every number but 0, and has given none yet. */
#define IOFD_VIOMMU_AMD	     3
#define IOFD_VIOMMU_SELFTEST 0xdeadbeef

struct iofd_viommu_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t type;
	uint32_t dev_id;
	uint32_t hwpt_id;
	uint32_t out_viommu_id;
	uint32_t data_len;
	uint32_t reserved;
	uint64_t data_uptr;
};

struct iofd_viommu_tegra241 {
	uint64_t out_mmap_offset;
	uint64_t out_mmap_length;
};

struct iofd_viommu_selftest {
	uint32_t in_data;
	uint32_t out_data;
	uint64_t out_mmap_offset;
	uint64_t out_mmap_length;
};

struct iofd_vdevice_alloc {
	uint32_t size;
	uint32_t viommu_id;
	uint32_t dev_id;
	uint32_t out_vdevice_id;
	uint64_t virt_id;
};

#define IOFD_VEVENTQ_SMMUV3   1
#define IOFD_VEVENTQ_TEGRA241 2
#define IOFD_VEVENTQ_SELFTEST 0xbeefbeef

struct iofd_veventq_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t viommu_id;
	uint32_t type;
	uint32_t veventq_depth;
	uint32_t out_veventq_id;
	uint32_t out_veventq_fd;
	uint32_t reserved;
};

#define IOFD_VEVENT_LOST (1u << 0)

/* In front of each event; with IOFD_VEVENT_LOST no event follows. */
struct iofd_vevent_header {
	uint32_t flags;
	uint32_t sequence;
};

#define IOFD_HW_QUEUE_TEGRA241 1
#define IOFD_HW_QUEUE_SELFTEST 0xdeadbeef

struct iofd_hw_queue_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t viommu_id;
	uint32_t type;
	uint32_t index;
	uint32_t out_hw_queue_id;
	uint64_t nesting_parent_iova;
	uint64_t length;
};

#define IOFD_SET_DIRTY_ENABLE (1u << 0)

struct iofd_set_dirty {
	uint32_t size;
	uint32_t flags;
	uint32_t hwpt_id;
	uint32_t reserved;
};

#define IOFD_GET_DIRTY_NO_CLEAR (1u << 0)

/* The kernel sets bits in what @data points to; it clears none. */
struct iofd_get_dirty {
	uint32_t size;
	uint32_t hwpt_id;
	uint32_t flags;
	uint32_t reserved;
	uint64_t iova;
	uint64_t length;
	uint64_t page_size;
	uint64_t data;
};

struct iofd_fault_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_fault_id;
	uint32_t out_fault_fd;
};

#define IOFD_PGFAULT_PASID (1u << 0)
#define IOFD_PGFAULT_LAST  (1u << 1)

#define IOFD_PGFAULT_READ  (1u << 0)
#define IOFD_PGFAULT_WRITE (1u << 1)
#define IOFD_PGFAULT_EXEC  (1u << 2)
#define IOFD_PGFAULT_PRIV  (1u << 3)

/* What is read from a fault queue, flags and perm from the numbers above. */
struct iofd_pgfault {
	uint32_t flags;
	uint32_t dev_id;
	uint32_t pasid;
	uint32_t grpid;
	uint32_t perm;
	uint32_t reserved;
	uint64_t addr;
	uint32_t length;
	uint32_t cookie;
};

#define IOFD_RESPONSE_SUCCESS 0
#define IOFD_RESPONSE_INVALID 1

/* What is written to it. */
struct iofd_page_response {
	uint32_t cookie;
	uint32_t code;
};

#define IOFD_HW_INFO_VTD      1
#define IOFD_HW_INFO_SMMUV3   2
#define IOFD_HW_INFO_AMD      4

#define IOFD_CAP_DIRTY	      (1u << 0)
#define IOFD_CAP_PASID_EXEC   (1u << 1)
#define IOFD_CAP_PASID_PRIV   (1u << 2)

#define IOFD_VTD_ERRATA_SPR17 (1u << 0)

/* Commands that invalidate have to be given twice. */
#define IOFD_SMMUV3_ERRATA_REPEAT (1u << 0)

struct iofd_hw_info {
	uint32_t size;
	uint32_t flags;
	uint32_t dev_id;
	uint32_t data_len;
	uint64_t data_uptr;
	uint32_t out_data_type;
	uint8_t out_max_pasid_log2;
	uint8_t reserved[3];
	uint64_t out_capabilities;
};

struct iofd_hw_info_vtd {
	uint32_t flags;
	uint32_t reserved;
	uint64_t cap_reg;
	uint64_t ecap_reg;
};

struct iofd_hw_info_smmuv3 {
	uint32_t flags;
	uint32_t reserved;
	uint32_t idr[6];
	uint32_t iidr;
	uint32_t aidr;
};

struct iofd_hw_info_amd {
	uint64_t efr;
	uint64_t efr2;
};

#define IOFD_VFIO_BIND	     _IO(';', 100 + 18)
#define IOFD_VFIO_ATTACH     _IO(';', 100 + 19)
#define IOFD_VFIO_DETACH     _IO(';', 100 + 20)

#define IOFD_VFIO_BIND_TOKEN (1u << 0)

/* Kernels before 6.17 end at out_devid, and ignore what follows. */
struct iofd_vfio_bind {
	uint32_t argsz;
	uint32_t flags;
	int32_t iommufd;
	uint32_t out_devid;
	uint64_t token_uuid_ptr;
};

/* In the flags of both; kernels before 6.15 end in front of @pasid. */
#define IOFD_VFIO_PASID (1u << 0)

struct iofd_vfio_attach {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pt_id;
	uint32_t pasid;
};

struct iofd_vfio_detach {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pasid;
};

#endif /* IOMMUFD_UAPI_H */
