// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "iommufd_priv.h"

/*
 * What the kernel tells of the hardware are registers as they are; section
 * numbers are those of the Intel VT-d specification 4.1, the Arm SMMU
 * architecture specification IHI 0070 (registers SMMU_IDRn, 6.3), and the AMD
 * I/O virtualization specification 48882 (EFR, 3.4).
 */

static uint64_t bits(uint64_t reg, unsigned int high, unsigned int low)
{
	return reg >> low & ((UINT64_C(2) << (high - low)) - 1);
}

static bool bit(uint64_t reg, unsigned int at)
{
	return bits(reg, at, at);
}

static void add(struct uvdk_iommu_info *out, bool is_so, enum uvdk_iommu_feature feature)
{
	out->features |= is_so ? (unsigned int)feature : 0;
}

/* 11.4.2, 11.4.3. Without scalable mode there is no first stage. */
static void decode_vtd(const struct iofd_hw_info_vtd *vtd, struct uvdk_iommu_info *out)
{
	uint64_t cap = vtd->cap_reg;
	uint64_t ecap = vtd->ecap_reg;

	out->iova_bits = (unsigned int)bits(cap, 21, 16) + 1;
	out->page_sizes |= bit(cap, 34) ? UINT64_C(1) << 21 : 0;
	out->page_sizes |= bit(cap, 35) ? UINT64_C(1) << 30 : 0;
	if (bit(ecap, 43) && bit(ecap, 47))
		out->va_bits = bit(cap, 60) ? 57 : 48;

	add(out, bit(ecap, 0), UVDK_IOMMU_COHERENT_WALK);
	add(out, bit(ecap, 7), UVDK_IOMMU_SNOOP_CONTROL);
	add(out, bit(ecap, 29), UVDK_IOMMU_PAGE_REQUESTS);
	add(out, bit(ecap, 26), UVDK_IOMMU_NEST_VTD);
	if (vtd->flags & IOFD_VTD_ERRATA_SPR17)
		out->errata |= UVDK_IOMMU_NO_READONLY_PARENT;
}

/* SMMU_IDR5.OAS, and the size of an IPA with it */
static unsigned int smmuv3_oas(uint32_t idr5)
{
	static const uint8_t width[8] = {32, 36, 40, 42, 44, 48, 52, 56};

	return width[bits(idr5, 2, 0)];
}

static void decode_smmuv3(const struct iofd_hw_info_smmuv3 *smmu, struct uvdk_iommu_info *out)
{
	uint32_t idr0 = smmu->idr[0];
	uint32_t idr5 = smmu->idr[5];

	out->iova_bits = bit(idr0, 0) ? smmuv3_oas(idr5) : 0; /* S2P */
	out->va_bits = !bit(idr0, 1) ? 0 : bits(idr5, 11, 10) == 1 ? 52 : 48;
	out->page_sizes |= bit(idr5, 4) ? UINT64_C(0x40201000) : 0; /* 4 KiB, 2 MiB, 1 GiB */
	out->page_sizes |= bit(idr5, 5) ? UINT64_C(0x2004000) : 0;  /* 16 KiB, 32 MiB */
	out->page_sizes |= bit(idr5, 6) ? UINT64_C(0x20010000) : 0; /* 64 KiB, 512 MiB */

	add(out, bit(idr0, 4), UVDK_IOMMU_COHERENT_WALK);
	add(out, bit(idr0, 16), UVDK_IOMMU_PAGE_REQUESTS);
	add(out, bit(idr0, 0) && bit(idr0, 1), UVDK_IOMMU_NEST_SMMUV3);
}

/* EFR: HATS and GATS count levels from 4: 4, 5 and (HATS) 6. */
static void decode_amd(const struct iofd_hw_info_amd *amd, struct uvdk_iommu_info *out)
{
	uint64_t efr = amd->efr;

	out->iova_bits = bits(efr, 11, 10) ? 57 : 48;
	out->iova_bits = bits(efr, 11, 10) >= 2 ? 64 : out->iova_bits;
	out->va_bits = !bit(efr, 4) ? 0 : bits(efr, 13, 12) ? 57 : 48;
	out->page_sizes |= UINT64_C(0x40200000);

	/* Table walks of this I/O MMU snoop the caches, and so can its devices' accesses. */
	add(out, true, UVDK_IOMMU_COHERENT_WALK);
	add(out, true, UVDK_IOMMU_SNOOP_CONTROL);
	add(out, bit(efr, 1), UVDK_IOMMU_PAGE_REQUESTS);
}

void iofd_decode(const struct iofd_hw_info *info, const union iofd_hw *hw,
		 struct uvdk_iommu_info *out)
{
	/* 0 is also what the kernel says of a device without the capability. */
	out->pasid_bits = info->out_max_pasid_log2 > 20 ? 20 : info->out_max_pasid_log2;
	add(out, info->out_capabilities & IOFD_CAP_DIRTY, UVDK_IOMMU_DIRTY_TRACKING);
	if (out->pasid_bits) {
		add(out, info->out_capabilities & IOFD_CAP_PASID_EXEC, UVDK_IOMMU_PASID_EXEC);
		add(out, info->out_capabilities & IOFD_CAP_PASID_PRIV, UVDK_IOMMU_PASID_PRIV);
	}

	switch (info->out_data_type) {
	case IOFD_HW_INFO_VTD:
		decode_vtd(&hw->vtd, out);
		break;
	case IOFD_HW_INFO_SMMUV3:
		decode_smmuv3(&hw->smmuv3, out);
		break;
	case IOFD_HW_INFO_AMD:
		decode_amd(&hw->amd, out);
		break;
	default: /* an I/O MMU that is newer than this; what is common has been said */
		break;
	}
}

/* 6.3.1, 6.3.2 and 6.3.4. Without an answer everything that is optional is off. */
int iofd_smmuv3_info(const struct iofd *iofd, struct uvdk_iommu_binding *binding,
		     struct uvdk_viommu_info *out, bool *repeat)
{
	struct iofd_hw_info_smmuv3 smmu = {0};
	struct iofd_hw_info info = {.size = sizeof(info),
				    .dev_id = binding->id,
				    .data_len = sizeof(smmu),
				    .data_uptr = (uintptr_t)&smmu};
	int ret = iofd_ioctl(iofd->fd, IOFD_GET_HW_INFO, &info);

	if (ret)
		return uvdk_fail(ret, IOFD, "asking what the SMMU of %s can do: %s",
				 uvdk_device_get_info(binding->dev)->name, strerror(-ret));
	if (info.out_data_type != IOFD_HW_INFO_SMMUV3)
		return uvdk_fail(-EOPNOTSUPP, IOFD, "the I/O MMU in front of %s is no SMMUv3",
				 uvdk_device_get_info(binding->dev)->name);

	out->asid_bits = bit(smmu.idr[0], 12) ? 16 : 8;
	out->ssid_bits = (unsigned int)bits(smmu.idr[1], 10, 6);
	out->range_inval = bit(smmu.idr[3], 10);
	out->ats = bit(smmu.idr[0], 10);
	*repeat = smmu.flags & IOFD_SMMUV3_ERRATA_REPEAT;

	return 0;
}

int iofd_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out)
{
	const char *name = uvdk_device_get_info(binding->dev)->name;
	struct iofd *iofd = priv;
	union iofd_hw hw = {0};
	struct iofd_hw_info info = {.size = sizeof(info),
				    .dev_id = binding->id,
				    .data_len = sizeof(hw),
				    .data_uptr = (uintptr_t)&hw};
	int ret;

	out->driver = "iommufd";
	out->hardware = uvdk_explain_hardware(iofd->sysfs_root, name);
	out->page_sizes = (uint64_t)sysconf(_SC_PAGESIZE);
	out->coherent = true; /* vfio takes no other devices */
	/* This kind always can, and before 6.18 the kernel tells no more of it. */
	if (!strcmp(out->hardware, "amd-vi"))
		out->features |= UVDK_IOMMU_COHERENT_WALK | UVDK_IOMMU_SNOOP_CONTROL;
	ret = iofd_ioctl(iofd->fd, IOFD_GET_HW_INFO, &info);
	if (!ret)
		iofd_decode(&info, &hw, out);
	else if (ret != -ENOTTY && ret != -EOPNOTSUPP) /* the call is as old as Linux 6.6 */
		return uvdk_fail(ret, IOFD, "asking what the I/O MMU of %s can do: %s", name,
				 strerror(-ret));

	return 0;
}
