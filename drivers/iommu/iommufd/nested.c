// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "iommufd_priv.h"

/* Tables whose first stage is the caller's, and invalidations of what is cached of them. */

union nested_data {
	struct iofd_hwpt_vtd vtd;
	struct iofd_hwpt_smmuv3 smmuv3;
	struct iofd_hwpt_amd amd;
	struct iofd_hwpt_selftest selftest;
};

/* Both architectures that this runs on are little-endian, as is an STE. */
static void fill(const struct iofd_viommu *viommu, const struct uvdk_nested *nested,
		 struct iofd_hwpt_alloc *alloc, union nested_data *data)
{
	switch (viommu->type) {
	case UVDK_NEST_VTD:
		data->vtd = (struct iofd_hwpt_vtd){.flags = nested->vtd.flags,
						   .pgtbl_addr = nested->vtd.pgtbl,
						   .addr_width = nested->vtd.addr_width};
		alloc->data_type = IOFD_HWPT_DATA_VTD;
		alloc->data_len = sizeof(data->vtd);
		break;
	case UVDK_NEST_AMD:
		memcpy(data->amd.dte, nested->amd.dte, sizeof(data->amd.dte));
		alloc->data_type = IOFD_HWPT_DATA_AMD;
		alloc->data_len = sizeof(data->amd);
		break;
	case UVDK_NEST_SELFTEST:
		data->selftest.iotlb = nested->selftest.iotlb;
		alloc->data_type = IOFD_HWPT_DATA_SELFTEST;
		alloc->data_len = sizeof(data->selftest);
		break;
	default:
		memcpy(data->smmuv3.ste, nested->smmuv3.ste, sizeof(data->smmuv3.ste));
		alloc->data_type = IOFD_HWPT_DATA_SMMUV3;
		alloc->data_len = sizeof(data->smmuv3);
		break;
	}
	alloc->data_uptr = (uintptr_t)data;
}

static int explain_create(const char *name, int err)
{
	switch (err) {
	case -EINVAL:
		return uvdk_fail(err, IOFD,
				 "no nested table for %s: it is behind another I/O MMU than the "
				 "vIOMMU, or the I/O MMU can't have such a first stage",
				 name);
	case -EIO:
		return uvdk_fail(-EINVAL, IOFD,
				 "no nested table for %s: the kernel finds the stream table entry "
				 "illegal",
				 name);
	case -EOPNOTSUPP:
		return uvdk_fail(
			err, IOFD,
			"no nested table for %s: the I/O MMU can't nest (VT-d: ECAP.NEST), "
			"or not by PASID, or the kernel is too old (6.7)",
			name);
	default:
		return uvdk_fail(err, IOFD, "making a nested table for %s: %s", name,
				 strerror(-err));
	}
}

int iofd_nested_create(void *viommu_priv, struct uvdk_iommu_binding *binding,
		       const struct uvdk_nested *nested, void *faultq_priv, void **hwpt_priv)
{
	struct iofd_viommu *viommu = viommu_priv;
	struct iofd_ioas *own = viommu->parent->own;
	struct iofd_hwpt_alloc alloc = {.size = sizeof(alloc),
					.flags = nested->flags & UVDK_HWPT_PASID ? IOFD_HWPT_PASID
										 : 0,
					.dev_id = binding->id,
					.pt_id = viommu->id};
	struct iofd_hwpt *hwpt = calloc(1, sizeof(*hwpt));
	union nested_data data = {0};
	int ret;

	if (!hwpt)
		return uvdk_fail(-ENOMEM, IOFD, "no memory for a page table");
	if (faultq_priv) {
		alloc.flags |= IOFD_HWPT_FAULT_ID;
		alloc.fault_id = iofd_faultq_id(faultq_priv);
	}
	fill(viommu, nested, &alloc, &data);
	ret = iofd_ioctl(viommu->iofd->fd, IOFD_HWPT_ALLOC, &alloc);
	if (ret) {
		free(hwpt);
		return explain_create(uvdk_device_get_info(binding->dev)->name, ret);
	}
	*hwpt = (struct iofd_hwpt){.own = own, .id = alloc.out_hwpt_id};
	own->attached++;
	*hwpt_priv = hwpt;

	return 0;
}

static uint32_t invalidation_type(enum uvdk_nest_type type)
{
	return type == UVDK_NEST_VTD	    ? IOFD_INVALIDATE_VTD
	       : type == UVDK_NEST_SELFTEST ? IOFD_INVALIDATE_SELFTEST
					    : IOFD_INVALIDATE_SMMUV3;
}

/*
 * On failure SMMUv3's driver counts commands that it has looked at, and has issued those of full
 * blocks only: none of them is surely done.
 */
static int invalidate(const struct iofd *iofd, uint32_t id, const struct uvdk_inval_batch *batch,
		      struct uvdk_inval_result *out)
{
	struct iofd_hwpt_invalidate args = {.size = sizeof(args),
					    .hwpt_id = id,
					    .data_uptr = (uintptr_t)batch->entries,
					    .data_type = invalidation_type(batch->type),
					    .entry_len = (uint32_t)batch->entry_len,
					    .entry_num = batch->count};
	bool counts = batch->type == UVDK_NEST_VTD || batch->type == UVDK_NEST_SELFTEST;
	int ret = iofd_ioctl(iofd->fd, IOFD_HWPT_INVALIDATE, &args);
	unsigned int done = args.entry_num < batch->count ? args.entry_num : batch->count;

	if (ret == -ENOTTY || (ret && done == batch->count)) /* it did not even begin to count */
		done = 0;
	*out = (struct uvdk_inval_result){.done = ret && !counts ? 0 : done, .failed = done};
	if (ret)
		return uvdk_fail(ret, IOFD, "invalidation %u of %u was refused: %s", done,
				 batch->count, strerror(-ret));
	if (done < batch->count)
		return uvdk_fail(-EIO, IOFD, "the kernel stopped after %u of %u invalidations",
				 done, batch->count);

	return 0;
}

int iofd_hwpt_invalidate(void *hwpt_priv, const struct uvdk_inval_batch *batch,
			 struct uvdk_inval_result *out)
{
	struct iofd_hwpt *hwpt = hwpt_priv;

	return invalidate(hwpt->own->iofd, hwpt->id, batch, out);
}

int iofd_invalidate(void *viommu_priv, const struct uvdk_inval_batch *batch,
		    struct uvdk_inval_result *out)
{
	struct iofd_viommu *viommu = viommu_priv;
	int err = invalidate(viommu->iofd, viommu->id, batch, out);

	return err || !viommu->repeat ? err : invalidate(viommu->iofd, viommu->id, batch, out);
}
