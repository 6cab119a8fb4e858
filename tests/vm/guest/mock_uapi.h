/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MOCK_UAPI_H
#define MOCK_UAPI_H

#include <linux/ioctl.h>
#include <stdint.h>

/* iommufd as far as it is used here, and its test interface: numbers and layouts of Linux 7. */
#define IOMMU_DESTROY	       _IO(';', 0x80)
#define IOMMU_IOAS_ALLOC       _IO(';', 0x81)
#define IOMMU_IOAS_UNMAP       _IO(';', 0x86)
#define IOMMU_HWPT_ALLOC       _IO(';', 0x89)
#define IOMMU_HWPT_INVALIDATE  _IO(';', 0x8d)
#define IOMMU_TEST_CMD	       _IO(';', 0xa0)
#define DEVICE_BIND	       _IO(';', 118)
#define DEVICE_ATTACH	       _IO(';', 119)
#define DEVICE_DETACH	       _IO(';', 120)

#define IOMMU_HWPT_ALLOC_PASID (1u << 3)
#define MOCK_DEVICE_PASID      (1u << 2)

enum mock_op {
	MOCK_CHECK_MAP = 3,
	MOCK_CHECK_REFS = 4,
	MOCK_REPLACE = 10,
	MOCK_CREATE = 12,
	MOCK_DIRTY = 13,
	MOCK_CHECK_IOTLB = 14,
	MOCK_TRIGGER_IOPF = 15,
	MOCK_CHECK_CACHE = 16,
	MOCK_TRIGGER_VEVENT = 17,
	MOCK_PASID_ATTACH = 18,
	MOCK_PASID_REPLACE = 19,
	MOCK_PASID_DETACH = 20,
	MOCK_PASID_CHECK = 21,
};

struct mock_cmd {
	uint32_t size;
	uint32_t op;
	uint32_t id;
	uint32_t reserved;
	union {
		struct {
			uint64_t iova;
			uint64_t length;
			uint64_t uptr;
		} check_map;
		struct {
			uint64_t length;
			uint64_t uptr;
			uint32_t refs;
		} check_refs;
		struct {
			uint32_t out_stdev_id;
			uint32_t out_hwpt_id;
			uint32_t out_idev_id;
			uint32_t dev_flags;
		} create;
		struct {
			uint32_t flags;
			uint64_t iova;
			uint64_t length;
			uint64_t page_size;
			uint64_t uptr;
			uint64_t out_nr_dirty;
		} dirty;
		struct {
			uint32_t index;
			uint32_t value;
		} check_cached;
		struct {
			uint32_t dev_id;
		} vevent;
		struct {
			uint32_t dev_id;
			uint32_t pasid;
			uint32_t grpid;
			uint32_t perm;
			uint64_t addr;
		} iopf;
		struct {
			uint32_t pasid;
			uint32_t pt_id;
		} pasid;
		uint32_t pt_id;
	};
	uint32_t last;
};

struct mock_hwpt_alloc {
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

struct mock_invalidate {
	uint32_t size;
	uint32_t hwpt_id;
	uint64_t data_uptr;
	uint32_t data_type;
	uint32_t entry_len;
	uint32_t entry_num;
	uint32_t reserved;
};

struct mock_vfio {
	uint32_t argsz;
	uint32_t flags; /* bit 0: PASID */
	union {
		int32_t iommufd;
		uint32_t pt_id;
		uint32_t detach_pasid;
	};
	union {
		uint32_t out_devid;
		uint32_t pasid;
	};
};

_Static_assert(sizeof(struct mock_cmd) == 72, "as the kernel's");
_Static_assert(sizeof(struct mock_hwpt_alloc) == 48, "as the kernel's");
_Static_assert(sizeof(struct mock_invalidate) == 32, "as the kernel's");

#endif /* MOCK_UAPI_H */
