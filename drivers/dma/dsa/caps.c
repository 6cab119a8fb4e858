// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include <uvdk_iommu.h>

#include "dsa_pmd.h"

/* What a device says of itself is checked before it is used: it may be no DSA, or a liar. */

static int read64(struct dsa *dsa, uint64_t off, uint64_t *value)
{
	return uvdk_region_read(&dsa->regs, off, 8, value);
}

static int odd(const struct dsa *dsa, const char *what, uint64_t value)
{
	return uvdk_fail(-EPROTO, LOG_NAME, "%s: %s is 0x%" PRIx64 ", which no DSA has", dsa->name,
			 what, value);
}

static int read_queues(struct dsa *dsa)
{
	struct dsa_caps *caps = &dsa->caps;
	uint64_t grpcap = 0, engcap = 0;
	int ret = read64(dsa, DSA_WQCAP, &caps->wqcap);

	if (!ret)
		ret = read64(dsa, DSA_GRPCAP, &grpcap);
	if (!ret)
		ret = read64(dsa, DSA_ENGCAP, &engcap);
	if (ret)
		return ret;
	caps->wqs = DSA_WQCAP_WQS(caps->wqcap);
	caps->entries = DSA_WQCAP_SIZE(caps->wqcap);
	caps->wqcfg_size = UINT64_C(1) << DSA_WQCAP_CFG(caps->wqcap);
	caps->groups = DSA_GRPCAP_GROUPS(grpcap);
	caps->rdbufs = DSA_GRPCAP_RDBUFS(grpcap);
	caps->engines = DSA_ENGCAP_ENGINES(engcap);
	if (!caps->wqs || !caps->entries)
		return odd(dsa, "WQCAP", caps->wqcap);
	if (!(caps->wqcap & DSA_WQCAP_DEDICATED))
		return uvdk_fail(-EPROTO, LOG_NAME,
				 "%s has no dedicated work queues, and shared ones take ENQCMDS, "
				 "which only the kernel may use",
				 dsa->name);
	if (!caps->groups)
		return odd(dsa, "GRPCAP", grpcap);
	if (!caps->engines || caps->engines > 64)
		return odd(dsa, "ENGCAP", engcap);

	return 0;
}

static bool has_table(const struct dsa *dsa, uint64_t off, uint64_t len)
{
	return off >= DSA_TABLES_FIRST && off < dsa->regs.size && len <= dsa->regs.size - off;
}

static int read_tables(struct dsa *dsa)
{
	struct dsa_caps *caps = &dsa->caps;
	uint64_t offsets = 0;
	int ret = read64(dsa, DSA_OFFSETS, &offsets);

	if (ret)
		return ret;
	caps->grpcfg = DSA_OFFSETS_GRPCFG(offsets);
	caps->wqcfg = DSA_OFFSETS_WQCFG(offsets);
	caps->perm = DSA_OFFSETS_PERM(offsets);
	if (!has_table(dsa, caps->grpcfg, (uint64_t)caps->groups * DSA_GRPCFG_SIZE) ||
	    !has_table(dsa, caps->wqcfg, caps->wqs * caps->wqcfg_size))
		return odd(dsa, "the register of table offsets", offsets);
	if (caps->vectors && !has_table(dsa, caps->perm, (uint64_t)caps->vectors * 8))
		return odd(dsa, "the register of table offsets", offsets);
	if (caps->wqcap & DSA_WQCAP_OPCFG && caps->wqcfg_size < 64)
		return odd(dsa, "WQCAP", caps->wqcap);
	if (dsa->portals.size < (uint64_t)caps->wqs << DSA_PORTAL_SHIFT)
		return uvdk_fail(
			-EPROTO, LOG_NAME,
			"%s: %u work queues have portals of 16 KiB each, and BAR 2 has 0x%" PRIx64
			" bytes",
			dsa->name, caps->wqs, dsa->portals.size);

	return 0;
}

static int read_general(struct dsa *dsa)
{
	struct dsa_caps *caps = &dsa->caps;
	uint64_t version = 0, cmdcap = UINT32_MAX;
	int ret = uvdk_region_read(&dsa->regs, DSA_VERSION, 4, &version);

	if (!ret)
		ret = read64(dsa, DSA_GENCAP, &caps->gencap);
	for (unsigned int i = 0; i < 4 && !ret; i++)
		ret = read64(dsa, DSA_OPCAP + 8 * i, &caps->opcap[i]);
	if (!ret && caps->gencap & DSA_GENCAP_CMDCAP)
		ret = uvdk_region_read(&dsa->regs, DSA_CMDCAP, 4, &cmdcap);
	else
		cmdcap &= ~(1u << DSA_CMD_REQUEST_INT_HANDLE);
	if (ret)
		return ret;
	caps->version = version & 0xffff;
	caps->cmdcap = (uint32_t)cmdcap;
	if (version >> 8 < 1 || version >> 8 > 3)
		return uvdk_fail(-EPROTO, LOG_NAME,
				 "%s: its version register is 0x%" PRIx64 "; 1.x to 3.x are known",
				 dsa->name, version);
	if (!(caps->gencap & DSA_GENCAP_CONFIG))
		return uvdk_fail(-EPROTO, LOG_NAME,
				 "%s can't be configured (GENCAP 0x%" PRIx64
				 "): it is part of one that somebody else has set up",
				 dsa->name, caps->gencap);
	caps->max_len_shift = DSA_GENCAP_XFER(caps->gencap);
	if (caps->max_len_shift < 6)
		return odd(dsa, "GENCAP", caps->gencap);
	if (!(caps->opcap[0] & 1u << DSA_OP_COPY))
		return odd(dsa, "OPCAP", caps->opcap[0]);
	if (caps->opcap[0] & 1u << DSA_OP_BATCH)
		caps->max_batch_shift = DSA_GENCAP_BATCH(caps->gencap);

	return 0;
}

int dsa_pmd_read_caps(struct dsa *dsa)
{
	struct uvdk_iommu_info iommu;
	int vectors = uvdk_device_irq_count(dsa->dev, UVDK_IRQ_MSIX);
	int ret = uvdk_iommu_get_info(dsa->dev, &iommu);

	if (ret)
		return ret;
	dsa->caps.pasid_bits = iommu.pasid_bits;
	dsa->caps.vectors = vectors > 1 ? (unsigned int)vectors : 0;
	ret = read_general(dsa);
	if (!ret)
		ret = read_queues(dsa);
	if (!ret)
		ret = read_tables(dsa);

	return ret;
}
