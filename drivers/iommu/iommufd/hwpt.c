// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "iommufd_priv.h"

static uint32_t kernel_flags(unsigned int flags)
{
	return (flags & UVDK_HWPT_PASID ? IOFD_HWPT_PASID : 0) |
	       (flags & UVDK_HWPT_NEST_PARENT ? IOFD_HWPT_NEST_PARENT : 0) |
	       (flags & UVDK_HWPT_DIRTY ? IOFD_HWPT_DIRTY_TRACKING : 0);
}

static int explain_create(struct iofd_ioas *own, const char *name, unsigned int flags, int err)
{
	if (err == -EOPNOTSUPP)
		return uvdk_fail(
			err, IOFD,
			"the I/O MMU of %s has no page tables with these flags (0x%x): see "
			"uvdk_iommu_get_info()",
			name, flags);
	if (err == -ENOTTY || err == -EINVAL)
		return uvdk_fail(-EOPNOTSUPP, IOFD,
				 "the kernel makes no page table with these flags (0x%x) for %s; "
				 "PASIDs need Linux 6.15, fault queues 6.11",
				 flags, name);

	return iofd_explain_attach(own, name, err);
}

int iofd_hwpt_create_faulting(void *ioas_priv, struct uvdk_iommu_binding *binding,
			      unsigned int flags, void *faultq_priv, void **hwpt_priv)
{
	struct iofd_ioas *own = ioas_priv;
	struct iofd_hwpt_alloc alloc = {.size = sizeof(alloc),
					.flags = kernel_flags(flags),
					.dev_id = binding->id,
					.pt_id = own->id};
	struct iofd_hwpt *hwpt = calloc(1, sizeof(*hwpt));
	int ret;

	if (!hwpt)
		return uvdk_fail(-ENOMEM, IOFD, "no memory for a page table");
	if (faultq_priv) {
		alloc.flags |= IOFD_HWPT_FAULT_ID;
		alloc.fault_id = iofd_faultq_id(faultq_priv);
	}
	ret = iofd_ioctl(own->iofd->fd, IOFD_HWPT_ALLOC, &alloc);
	if (ret) {
		free(hwpt);
		return explain_create(own, uvdk_device_get_info(binding->dev)->name, flags, ret);
	}

	*hwpt = (struct iofd_hwpt){.own = own, .id = alloc.out_hwpt_id};
	if (flags & UVDK_HWPT_NEST_PARENT)
		hwpt->unit = iofd_unit_of(own->iofd, uvdk_device_get_info(binding->dev)->name);
	own->attached++;
	*hwpt_priv = hwpt;
	return 0;
}

int iofd_hwpt_create(void *ioas_priv, struct uvdk_iommu_binding *binding, unsigned int flags,
		     void **hwpt_priv)
{
	return iofd_hwpt_create_faulting(ioas_priv, binding, flags, NULL, hwpt_priv);
}

void iofd_hwpt_destroy(void *hwpt_priv)
{
	struct iofd_hwpt *hwpt = hwpt_priv;
	struct iofd_ioas *own = hwpt->own;
	struct iofd_destroy destroy = {.size = sizeof(destroy), .id = hwpt->id};
	int ret = iofd_ioctl(own->iofd->fd, IOFD_DESTROY, &destroy);

	if (ret)
		uvdk_log(UVDK_LOG_WARN, IOFD, "page table %u outlives its owner: %s", hwpt->id,
			 strerror(-ret));
	own->attached--;
	free(hwpt->unit);
	free(hwpt);
}

static int explain_attach(struct iofd_hwpt *hwpt, const char *name, uint32_t pasid, int err)
{
	if (err == -EINVAL)
		return uvdk_fail(
			err, IOFD,
			"page table %u does not fit %s (PASID %u): it was made for a device "
			"of another I/O MMU, it has a fault queue and the device is a virtual "
			"function with page requests, or the kernel is older than 6.15",
			hwpt->id, name, pasid);

	return iofd_explain_attach(hwpt->own, name, err);
}

/* The kernel replaces what is attached there, if anything is. */
int iofd_hwpt_attach(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
		     void *from)
{
	struct iofd_hwpt *hwpt = hwpt_priv;
	struct iofd_ioas *before = from;
	struct iofd_vfio_attach attach = {.argsz = sizeof(attach),
					  .flags = pasid ? IOFD_VFIO_PASID : 0,
					  .pt_id = hwpt->id,
					  .pasid = pasid};
	int ret = iofd_ioctl(binding->fd, IOFD_VFIO_ATTACH, &attach);

	if (ret)
		return explain_attach(hwpt, uvdk_device_get_info(binding->dev)->name, pasid, ret);

	if (before)
		before->attached--;
	hwpt->own->attached++;
	return 0;
}

/* Given the address space's number the kernel replaces, too, and picks the table. */
int iofd_rid_restore(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	struct iofd_ioas *own = ioas_priv;
	struct iofd_vfio_attach attach = {.argsz = sizeof(attach), .pt_id = own->id};
	int ret = iofd_ioctl(binding->fd, IOFD_VFIO_ATTACH, &attach);

	return ret ? iofd_explain_attach(own, uvdk_device_get_info(binding->dev)->name, ret) : 0;
}

/* As for iofd_detach(). */
void iofd_pasid_detach(void *ioas_priv, struct uvdk_iommu_binding *binding, uint32_t pasid)
{
	struct iofd_ioas *own = ioas_priv;
	struct iofd_vfio_detach detach = {
		.argsz = sizeof(detach), .flags = IOFD_VFIO_PASID, .pasid = pasid};
	int ret = iofd_ioctl(binding->fd, IOFD_VFIO_DETACH, &detach);

	if (ret)
		uvdk_log(UVDK_LOG_WARN, IOFD, "detaching PASID %u of %s: %s", pasid,
			 uvdk_device_get_info(binding->dev)->name, strerror(-ret));
	own->attached--;
}
