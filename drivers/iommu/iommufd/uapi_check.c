// SPDX-License-Identifier: BSD-3-Clause
#include <stddef.h>

#include "iommufd_uapi.h"

/* Our declarations against the system's, at compile time; nothing at run time. */

#define SAME_OFFSET(ours, theirs, field)                                               \
	_Static_assert(offsetof(struct ours, field) == offsetof(struct theirs, field), \
		       #ours "." #field)
#define SAME_NUMBER(ours, theirs) _Static_assert((ours) == (theirs), #ours)

_Static_assert(sizeof(struct iofd_ioas_map) == 40, "iofd_ioas_map");
_Static_assert(sizeof(struct iofd_ioas_map_file) == 40, "iofd_ioas_map_file");
_Static_assert(sizeof(struct iofd_ioas_copy) == 40, "iofd_ioas_copy");
_Static_assert(sizeof(struct iofd_ioas_unmap) == 24, "iofd_ioas_unmap");
_Static_assert(sizeof(struct iofd_iova_ranges) == 32, "iofd_iova_ranges");
_Static_assert(sizeof(struct iofd_hw_info) == 40, "iofd_hw_info");
_Static_assert(sizeof(struct iofd_vfio_bind) == 24, "iofd_vfio_bind");
_Static_assert(sizeof(struct iofd_vfio_attach) == 16, "iofd_vfio_attach");
_Static_assert(sizeof(struct iofd_vfio_detach) == 12, "iofd_vfio_detach");
_Static_assert(sizeof(struct iofd_hwpt_alloc) == 48, "iofd_hwpt_alloc");
_Static_assert(sizeof(struct iofd_fault_alloc) == 16, "iofd_fault_alloc");
_Static_assert(sizeof(struct iofd_pgfault) == 40, "iofd_pgfault");
_Static_assert(sizeof(struct iofd_page_response) == 8, "iofd_page_response");
_Static_assert(sizeof(struct iofd_set_dirty) == 16, "iofd_set_dirty");
_Static_assert(sizeof(struct iofd_get_dirty) == 48, "iofd_get_dirty");
_Static_assert(sizeof(struct iofd_hwpt_vtd) == 24, "iofd_hwpt_vtd");
_Static_assert(sizeof(struct iofd_hwpt_smmuv3) == 16, "iofd_hwpt_smmuv3");
_Static_assert(sizeof(struct iofd_hwpt_amd) == 32, "iofd_hwpt_amd");
_Static_assert(sizeof(struct iofd_hwpt_invalidate) == 32, "iofd_hwpt_invalidate");
_Static_assert(sizeof(struct iofd_viommu_alloc) == 40, "iofd_viommu_alloc");
_Static_assert(sizeof(struct iofd_vdevice_alloc) == 24, "iofd_vdevice_alloc");
_Static_assert(sizeof(struct iofd_veventq_alloc) == 32, "iofd_veventq_alloc");
_Static_assert(sizeof(struct iofd_vevent_header) == 8, "iofd_vevent_header");
_Static_assert(sizeof(struct iofd_hw_queue_alloc) == 40, "iofd_hw_queue_alloc");

#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>

SAME_NUMBER(IOFD_DESTROY, IOMMU_DESTROY);
SAME_NUMBER(IOFD_IOAS_ALLOC, IOMMU_IOAS_ALLOC);
SAME_NUMBER(IOFD_IOVA_RANGES, IOMMU_IOAS_IOVA_RANGES);
SAME_NUMBER(IOFD_IOAS_MAP, IOMMU_IOAS_MAP);
SAME_NUMBER(IOFD_IOAS_COPY, IOMMU_IOAS_COPY);
SAME_NUMBER(IOFD_IOAS_UNMAP, IOMMU_IOAS_UNMAP);
SAME_NUMBER(IOFD_MAP_FIXED_IOVA, IOMMU_IOAS_MAP_FIXED_IOVA);
SAME_NUMBER(IOFD_MAP_WRITEABLE, IOMMU_IOAS_MAP_WRITEABLE);
SAME_NUMBER(IOFD_MAP_READABLE, IOMMU_IOAS_MAP_READABLE);
SAME_OFFSET(iofd_ioas_alloc, iommu_ioas_alloc, out_ioas_id);
SAME_OFFSET(iofd_iova_ranges, iommu_ioas_iova_ranges, num_iovas);
SAME_OFFSET(iofd_iova_ranges, iommu_ioas_iova_ranges, allowed_iovas);
SAME_OFFSET(iofd_iova_ranges, iommu_ioas_iova_ranges, out_iova_alignment);
SAME_OFFSET(iofd_ioas_map, iommu_ioas_map, ioas_id);
SAME_OFFSET(iofd_ioas_map, iommu_ioas_map, user_va);
SAME_OFFSET(iofd_ioas_map, iommu_ioas_map, length);
SAME_OFFSET(iofd_ioas_map, iommu_ioas_map, iova);
SAME_OFFSET(iofd_ioas_copy, iommu_ioas_copy, src_ioas_id);
SAME_OFFSET(iofd_ioas_copy, iommu_ioas_copy, length);
SAME_OFFSET(iofd_ioas_copy, iommu_ioas_copy, dst_iova);
SAME_OFFSET(iofd_ioas_copy, iommu_ioas_copy, src_iova);
SAME_OFFSET(iofd_ioas_unmap, iommu_ioas_unmap, iova);
SAME_OFFSET(iofd_ioas_unmap, iommu_ioas_unmap, length);
#ifdef IOMMU_GET_HW_INFO
SAME_NUMBER(IOFD_GET_HW_INFO, IOMMU_GET_HW_INFO);
SAME_OFFSET(iofd_hw_info, iommu_hw_info, data_uptr);
SAME_OFFSET(iofd_hw_info, iommu_hw_info, out_data_type);
SAME_OFFSET(iofd_hw_info, iommu_hw_info, out_capabilities);
SAME_OFFSET(iofd_hw_info_vtd, iommu_hw_info_vtd, cap_reg);
#endif
#ifdef IOMMU_IOAS_MAP_FILE
SAME_NUMBER(IOFD_IOAS_MAP_FILE, IOMMU_IOAS_MAP_FILE);
SAME_OFFSET(iofd_ioas_map_file, iommu_ioas_map_file, ioas_id);
SAME_OFFSET(iofd_ioas_map_file, iommu_ioas_map_file, fd);
SAME_OFFSET(iofd_ioas_map_file, iommu_ioas_map_file, start);
SAME_OFFSET(iofd_ioas_map_file, iommu_ioas_map_file, length);
SAME_OFFSET(iofd_ioas_map_file, iommu_ioas_map_file, iova);
#endif
#ifdef IOMMU_HWPT_SET_DIRTY_TRACKING
SAME_NUMBER(IOFD_SET_DIRTY, IOMMU_HWPT_SET_DIRTY_TRACKING);
SAME_NUMBER(IOFD_GET_DIRTY, IOMMU_HWPT_GET_DIRTY_BITMAP);
SAME_OFFSET(iofd_set_dirty, iommu_hwpt_set_dirty_tracking, hwpt_id);
SAME_OFFSET(iofd_get_dirty, iommu_hwpt_get_dirty_bitmap, hwpt_id);
SAME_OFFSET(iofd_get_dirty, iommu_hwpt_get_dirty_bitmap, page_size);
SAME_OFFSET(iofd_get_dirty, iommu_hwpt_get_dirty_bitmap, data);
#endif
#ifdef IOMMU_FAULT_QUEUE_ALLOC
SAME_NUMBER(IOFD_FAULT_ALLOC, IOMMU_FAULT_QUEUE_ALLOC);
SAME_NUMBER(IOFD_HWPT_FAULT_ID, IOMMU_HWPT_FAULT_ID_VALID);
SAME_NUMBER(IOFD_PGFAULT_PASID, IOMMU_PGFAULT_FLAGS_PASID_VALID);
SAME_NUMBER(IOFD_PGFAULT_LAST, IOMMU_PGFAULT_FLAGS_LAST_PAGE);
SAME_NUMBER(IOFD_PGFAULT_READ, IOMMU_PGFAULT_PERM_READ);
SAME_NUMBER(IOFD_PGFAULT_PRIV, IOMMU_PGFAULT_PERM_PRIV);
SAME_NUMBER(IOFD_RESPONSE_SUCCESS, IOMMUFD_PAGE_RESP_SUCCESS);
SAME_NUMBER(IOFD_RESPONSE_INVALID, IOMMUFD_PAGE_RESP_INVALID);
SAME_OFFSET(iofd_fault_alloc, iommu_fault_alloc, out_fault_fd);
SAME_OFFSET(iofd_hwpt_alloc, iommu_hwpt_alloc, fault_id);
SAME_OFFSET(iofd_pgfault, iommu_hwpt_pgfault, addr);
SAME_OFFSET(iofd_pgfault, iommu_hwpt_pgfault, cookie);
SAME_OFFSET(iofd_page_response, iommu_hwpt_page_response, code);
#endif
#ifdef IOMMU_HWPT_INVALIDATE
SAME_NUMBER(IOFD_HWPT_INVALIDATE, IOMMU_HWPT_INVALIDATE);
SAME_NUMBER(IOFD_HWPT_DATA_VTD, IOMMU_HWPT_DATA_VTD_S1);
SAME_NUMBER(IOFD_INVALIDATE_VTD, IOMMU_HWPT_INVALIDATE_DATA_VTD_S1);
SAME_OFFSET(iofd_hwpt_vtd, iommu_hwpt_vtd_s1, addr_width);
SAME_OFFSET(iofd_hwpt_invalidate, iommu_hwpt_invalidate, entry_len);
SAME_OFFSET(iofd_hwpt_invalidate, iommu_hwpt_invalidate, entry_num);
#endif
#ifdef IOMMU_VIOMMU_ALLOC
SAME_NUMBER(IOFD_VIOMMU_ALLOC, IOMMU_VIOMMU_ALLOC);
SAME_NUMBER(IOFD_VDEVICE_ALLOC, IOMMU_VDEVICE_ALLOC);
SAME_NUMBER(IOFD_HWPT_DATA_SMMUV3, IOMMU_HWPT_DATA_ARM_SMMUV3);
SAME_NUMBER(IOFD_INVALIDATE_SMMUV3, IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3);
SAME_NUMBER(IOFD_VIOMMU_SMMUV3, IOMMU_VIOMMU_TYPE_ARM_SMMUV3);
SAME_OFFSET(iofd_hwpt_smmuv3, iommu_hwpt_arm_smmuv3, ste);
SAME_OFFSET(iofd_viommu_alloc, iommu_viommu_alloc, out_viommu_id);
SAME_OFFSET(iofd_vdevice_alloc, iommu_vdevice_alloc, out_vdevice_id);
SAME_OFFSET(iofd_vdevice_alloc, iommu_vdevice_alloc, virt_id);
#endif
#ifdef IOMMU_VEVENTQ_ALLOC
SAME_NUMBER(IOFD_VEVENTQ_ALLOC, IOMMU_VEVENTQ_ALLOC);
SAME_NUMBER(IOFD_VEVENTQ_SMMUV3, IOMMU_VEVENTQ_TYPE_ARM_SMMUV3);
SAME_NUMBER(IOFD_VEVENT_LOST, IOMMU_VEVENTQ_FLAG_LOST_EVENTS);
SAME_OFFSET(iofd_veventq_alloc, iommu_veventq_alloc, out_veventq_fd);
SAME_OFFSET(iofd_vevent_header, iommufd_vevent_header, sequence);
#endif
#ifdef IOMMU_HW_QUEUE_ALLOC
SAME_NUMBER(IOFD_HW_QUEUE_ALLOC, IOMMU_HW_QUEUE_ALLOC);
SAME_NUMBER(IOFD_HW_QUEUE_TEGRA241, IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV);
SAME_NUMBER(IOFD_VIOMMU_TEGRA241, IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV);
SAME_NUMBER(IOFD_VEVENTQ_TEGRA241, IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV);
SAME_OFFSET(iofd_viommu_alloc, iommu_viommu_alloc, data_uptr);
SAME_OFFSET(iofd_viommu_tegra241, iommu_viommu_tegra241_cmdqv, out_vintf_mmap_length);
SAME_OFFSET(iofd_hw_queue_alloc, iommu_hw_queue_alloc, out_hw_queue_id);
SAME_OFFSET(iofd_hw_queue_alloc, iommu_hw_queue_alloc, length);
#endif
#ifdef IOMMU_HWPT_ALLOC
SAME_NUMBER(IOFD_HWPT_ALLOC, IOMMU_HWPT_ALLOC);
SAME_OFFSET(iofd_hwpt_alloc, iommu_hwpt_alloc, out_hwpt_id);
#endif
#endif

#include <linux/vfio.h>

#ifdef VFIO_DEVICE_BIND_IOMMUFD
SAME_NUMBER(IOFD_VFIO_BIND, VFIO_DEVICE_BIND_IOMMUFD);
SAME_NUMBER(IOFD_VFIO_ATTACH, VFIO_DEVICE_ATTACH_IOMMUFD_PT);
SAME_NUMBER(IOFD_VFIO_DETACH, VFIO_DEVICE_DETACH_IOMMUFD_PT);
SAME_OFFSET(iofd_vfio_bind, vfio_device_bind_iommufd, iommufd);
SAME_OFFSET(iofd_vfio_bind, vfio_device_bind_iommufd, out_devid);
SAME_OFFSET(iofd_vfio_attach, vfio_device_attach_iommufd_pt, pt_id);
#endif
#ifdef VFIO_DEVICE_ATTACH_PASID
SAME_NUMBER(IOFD_VFIO_PASID, VFIO_DEVICE_ATTACH_PASID);
SAME_NUMBER(IOFD_VFIO_PASID, VFIO_DEVICE_DETACH_PASID);
SAME_OFFSET(iofd_vfio_attach, vfio_device_attach_iommufd_pt, pasid);
SAME_OFFSET(iofd_vfio_detach, vfio_device_detach_iommufd_pt, pasid);
#endif
#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
SAME_NUMBER(IOFD_VFIO_BIND_TOKEN, VFIO_DEVICE_BIND_FLAG_TOKEN);
SAME_OFFSET(iofd_vfio_bind, vfio_device_bind_iommufd, token_uuid_ptr);
#endif
