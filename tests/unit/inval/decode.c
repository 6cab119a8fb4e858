// SPDX-License-Identifier: BSD-3-Clause
#include "decode.h"

static uint64_t bits(uint64_t w, unsigned int hi, unsigned int lo)
{
	return w << (63 - hi) >> (63 - hi + lo);
}

/* 4.4.1.1: (NUM + 1) << SCALE granules if there is a TG, else one entry's page. */
static enum decoded decode_va(const uint64_t *cmd, struct seen *out)
{
	static const unsigned int shift[4] = {12, 12, 14, 16};
	uint64_t num = bits(cmd[0], 16, 12), scale = bits(cmd[0], 24, 20);
	uint64_t tg = bits(cmd[1], 11, 10), ttl = bits(cmd[1], 9, 8);
	uint64_t pages = (num + 1) << scale;

	if (!tg && (num || scale))
		return DECODED_NONE;
	if (tg && !num && !scale && !ttl)
		return DECODED_NONE;
	if (bits(cmd[1], 7, 1))
		return DECODED_NONE;
	out->scope = UVDK_INVAL_RANGE;
	out->first = cmd[1] & ~UINT64_C(0xfff);
	out->last = out->first + (pages << shift[tg]) - 1;
	out->leaf = cmd[1] & 1;

	return DECODED_INVAL;
}

static enum decoded decode_atc(const uint64_t *cmd, struct seen *out)
{
	uint64_t size = bits(cmd[1], 5, 0);
	bool ssv = bits(cmd[0], 11, 11);

	out->target = UVDK_INVAL_DEVTLB;
	out->sid = (uint32_t)bits(cmd[0], 63, 32);
	out->pasid = ssv ? (uint32_t)bits(cmd[0], 31, 12) : 0;
	out->scope = size < 52 ? UVDK_INVAL_RANGE : ssv ? UVDK_INVAL_PASID : UVDK_INVAL_ALL;
	out->first = size < 52 ? cmd[1] & ~UINT64_C(0xfff) : 0;
	out->last = size < 52 ? out->first + (WORLD_PAGE << size) - 1 : UINT64_MAX;
	if (size < 52 && out->first & ((WORLD_PAGE << size) - 1))
		return DECODED_NONE;

	return DECODED_INVAL;
}

/* @guest: what a queue that is not the hypervisor's takes. */
enum decoded decode_smmu(const uint64_t *cmd, bool guest, struct seen *out)
{
	*out = (struct seen){.target = UVDK_INVAL_IOTLB, .last = UINT64_MAX};
	if (bits(cmd[0], 47, 32) && bits(cmd[0], 7, 0) != 0x40)
		return DECODED_NONE; /* a VMID is not ours to give */
	out->asid = (uint32_t)bits(cmd[0], 63, 48);
	switch (bits(cmd[0], 7, 0)) {
	case 0x10:
		out->scope = UVDK_INVAL_ALL;
		return guest ? DECODED_NONE : DECODED_INVAL;
	case 0x11:
		out->scope = UVDK_INVAL_PASID;
		return DECODED_INVAL;
	case 0x12:
		return decode_va(cmd, out);
	case 0x40:
		return decode_atc(cmd, out);
	case 0x46:
		out->target = UVDK_INVAL_FENCE;
		return guest && !bits(cmd[0], 13, 12) ? DECODED_SYNC : DECODED_NONE;
	default:
		return DECODED_NONE;
	}
}
