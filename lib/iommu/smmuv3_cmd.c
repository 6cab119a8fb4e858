// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "viommu_priv.h"

/*
 * Commands of SMMUv3 that a vIOMMU takes (Arm IHI 0070, 4.3 to 4.5). Kernels before 7.3 hand
 * fields to the hardware that it may not know, and an illegal command stops the queue of all.
 */

#define BITS(high, low) ((UINT64_C(2) << (high)) - (UINT64_C(1) << (low)))

enum cmd_op {
	CMD_CFGI_CD = 0x05,
	CMD_CFGI_CD_ALL = 0x06,
	CMD_TLBI_NH_ALL = 0x10,
	CMD_TLBI_NH_ASID = 0x11,
	CMD_TLBI_NH_VA = 0x12,
	CMD_TLBI_NH_VAA = 0x13,
	CMD_TLBI_NSNH_ALL = 0x30,
	CMD_ATC_INV = 0x40,
};

#define CMD_OP	   BITS(7, 0)
#define CMD_VMID   BITS(47, 32)
#define CMD_SID	   BITS(63, 32)
#define CMD_SSID   BITS(31, 12)
#define CMD_ASID   BITS(63, 48)
#define TLBI_RANGE (BITS(16, 12) | BITS(25, 20)) /* NUM, SCALE */
#define TLBI_TTL   BITS(9, 8)
#define TLBI_TG	   BITS(11, 10)
#define CMD_ADDR   BITS(63, 12)
#define ATC_SSV	   BITS(11, 11)
#define ATC_GLOBAL BITS(9, 9)
#define ATC_SIZE   BITS(5, 0)
#define CMD_LEAF   BITS(0, 0)

/* Which bits may be set, beside the opcode; false: no such command here. */
static bool fields_of(const struct uvdk_viommu_info *info, unsigned int op, uint64_t allowed[2])
{
	uint64_t asid = info->asid_bits > 8 ? CMD_ASID : BITS(55, 48);
	uint64_t ssid = info->ssid_bits ? BITS(info->ssid_bits + 11, 12) : 0;

	allowed[0] = CMD_OP;
	allowed[1] = 0;
	switch (op) {
	case CMD_TLBI_NSNH_ALL:
	case CMD_TLBI_NH_ALL:
		return true;
	case CMD_TLBI_NH_ASID:
		allowed[0] |= asid;
		return true;
	case CMD_TLBI_NH_VA:
	case CMD_TLBI_NH_VAA:
		allowed[0] |= op == CMD_TLBI_NH_VA ? asid : 0;
		allowed[0] |= info->range_inval ? TLBI_RANGE : 0;
		allowed[1] |= CMD_LEAF | CMD_ADDR | (info->range_inval ? TLBI_TG | TLBI_TTL : 0);
		return true;
	case CMD_CFGI_CD:
		allowed[0] |= CMD_SID | ssid;
		allowed[1] |= CMD_LEAF;
		return true;
	case CMD_CFGI_CD_ALL:
		allowed[0] |= CMD_SID;
		return true;
	case CMD_ATC_INV:
		allowed[0] |= CMD_SID | (ssid ? ssid | ATC_SSV | ATC_GLOBAL : 0);
		allowed[1] |= ATC_SIZE | CMD_ADDR;
		return info->ats;
	default:
		return false;
	}
}

/* 4.4.1.1: with TG 0 there is no range, and with one NUM, SCALE and TTL are not all 0. */
static bool range_is_wrong(const uint64_t cmd[2])
{
	bool range = cmd[0] & TLBI_RANGE;
	bool level = cmd[1] & TLBI_TTL;

	return cmd[1] & TLBI_TG ? !range && !level : range || level;
}

static bool names_device(unsigned int op)
{
	return op == CMD_CFGI_CD || op == CMD_CFGI_CD_ALL || op == CMD_ATC_INV;
}

const char *smmuv3_cmd_wrong(const struct uvdk_viommu *viommu, const uint64_t cmd[2], int *err)
{
	unsigned int op = (unsigned int)(cmd[0] & CMD_OP);
	uint64_t allowed[2];

	*err = -EINVAL;
	if (!fields_of(&viommu->info, op, allowed))
		return "no command that a vIOMMU takes here: TLBI_NH_*, TLBI_NSNH_ALL, CFGI_CD, "
		       "CFGI_CD_ALL, and ATC_INV where the SMMU has ATS";
	if (!names_device(op) && cmd[0] & CMD_VMID)
		return "the VMID is not the caller's to choose: 0";
	if (cmd[0] & ~allowed[0] || cmd[1] & ~allowed[1])
		return "bits are set that are reserved, or that this SMMU does not know";
	if ((op == CMD_TLBI_NH_VA || op == CMD_TLBI_NH_VAA) && range_is_wrong(cmd))
		return "TG, TTL, NUM and SCALE do not go together";
	if (op == CMD_ATC_INV && (cmd[1] & ATC_SIZE) > 52)
		return "a size above 52 is reserved";
	*err = -ENOENT;
	if (names_device(op) && !viommu_has_id(viommu, cmd[0] >> 32))
		return "the StreamID is no virtual ID of this vIOMMU: uvdk_vdevice_create() gives "
		       "a device one";
	*err = 0;

	return NULL;
}
