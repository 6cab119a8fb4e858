// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "format.h"

/* Commands of Arm's SMMUv3 (IHI 0070, chapter 4). The VMID is the kernel's or the queue's. */

#define CMD_TLBI_NH_ALL	 0x10u /* 4.4.2 */
#define CMD_TLBI_NH_ASID 0x11u
#define CMD_TLBI_NH_VA	 0x12u
#define CMD_ATC_INV	 0x40u /* 4.5.1 */
#define CMD_SYNC	 0x46u /* 4.7.3, CS 0: seen by CONS alone */

#define TLBI_NUM(n)	 ((uint64_t)(n) << 12) /* less one */
#define TLBI_SCALE(n)	 ((uint64_t)(n) << 20)
#define TLBI_ASID(asid)	 ((uint64_t)(asid) << 48)
#define TLBI_LEAF	 UINT64_C(1) /* second word */
#define TLBI_TG(shift)	 ((uint64_t)((shift)-10) / 2 << 10)
#define ATC_SSV		 (UINT64_C(1) << 11)
#define ATC_SSID(pasid)	 ((uint64_t)(pasid) << 12)
#define ATC_SID(sid)	 ((uint64_t)(sid) << 32)
#define ATC_SIZE_ALL	 52u /* second word: log2 of pages of 4 KiB */

#define FLUSH_ENTRIES	 512 /* as many as a table has: a whole page of them is rarely unmapped */
#define PASID_MAX	 ((1u << 20) - 1)

int inval_smmu_init(struct inval_smmu *smmu, const struct uvdk_inval_smmu *how)
{
	unsigned int granule = how->granule ? how->granule : 12;

	if (how->sid_count > INVAL_SIDS || (granule != 12 && granule != 14 && granule != 16) ||
	    (how->asid_bits && how->asid_bits != 8 && how->asid_bits != 16))
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "SMMUv3: %u devices (at most %u), granule 1 << %u (12, 14, 16), "
				 "ASIDs of %u bits (8, 16)",
				 how->sid_count, INVAL_SIDS, granule, how->asid_bits);
	*smmu = (struct inval_smmu){.sids = how->sid_count,
				    .granule = granule,
				    .range = how->range,
				    .asid_bits = how->asid_bits ? how->asid_bits : 16};
	for (unsigned int i = 0; i < how->sid_count; i++)
		smmu->sid[i] = how->sids[i];

	return 0;
}

void inval_smmu_props(const struct inval_smmu *smmu, struct uvdk_inval_props *props)
{
	props->caps.rule = smmu->range ? UVDK_INVAL_SCALED : UVDK_INVAL_POW2;
	props->caps.rule_order = 0; /* without ranges a page is an entry */
	props->caps.devtlb_rule = UVDK_INVAL_COVER;
	props->caps.devtlb = smmu->sids != 0;
	props->caps.flush_entries = FLUSH_ENTRIES;
	props->caps.honours = UVDK_INVAL_LEAF | (smmu->sids ? UVDK_INVAL_KEEP_DEVTLB : 0);
	props->caps.granules = UINT64_C(1) << smmu->granule;
	props->pasid_max = PASID_MAX;
	props->asid_max = (1u << smmu->asid_bits) - 1;
}

/* One page goes without NUM and SCALE: all of them 0 with a TG is reserved (4.4.1.1). */
static void encode_va(const struct uvdk_inval_req *req, uint64_t *w)
{
	uint64_t pages = ((req->last - req->first) >> req->granule) + 1;
	unsigned int scale = (unsigned int)__builtin_ctzll(pages);

	w[0] = CMD_TLBI_NH_VA | TLBI_ASID(req->asid);
	w[1] = req->first | (req->flags & UVDK_INVAL_LEAF ? TLBI_LEAF : 0);
	if (pages == 1)
		return;
	if (scale > 31)
		scale = 31;
	w[0] |= TLBI_NUM((pages >> scale) - 1) | TLBI_SCALE(scale);
	w[1] |= TLBI_TG(req->granule);
}

static void encode_tlbi(const struct uvdk_inval_req *req, uint64_t *w)
{
	switch (req->scope) {
	case UVDK_INVAL_RANGE:
		encode_va(req, w);
		break;
	case UVDK_INVAL_PASID:
		w[0] = CMD_TLBI_NH_ASID | TLBI_ASID(req->asid);
		break;
	default:
		w[0] = CMD_TLBI_NH_ALL;
		break;
	}
}

/* Without SSV what was asked with any PASID goes as well (PCIe 10.5.3): so "all" has none. */
static void encode_atc(uint32_t sid, const struct uvdk_inval_req *req, uint64_t *w)
{
	uint64_t bytes = req->last - req->first;
	bool tagged = req->scope != UVDK_INVAL_ALL && req->pasid;

	w[0] = CMD_ATC_INV | ATC_SID(sid) | (tagged ? ATC_SSV | ATC_SSID(req->pasid) : 0);
	w[1] = ATC_SIZE_ALL;
	if (req->scope == UVDK_INVAL_RANGE && bytes != UINT64_MAX)
		w[1] = req->first | (unsigned int)__builtin_ctzll((bytes + 1) >> INVAL_PAGE_SHIFT);
}

static struct inval_cmd command(const uint64_t *w)
{
	const struct inval_cmd cmd = {{uvdk_to_le64(w[0]), uvdk_to_le64(w[1])}};

	return cmd;
}

/* The @index-th command of a piece. */
void inval_smmu_encode(const struct inval_smmu *smmu, const struct uvdk_inval_piece *piece,
		       struct inval_cmd *to, unsigned int index)
{
	uint64_t w[2] = {0};

	if (piece->target == UVDK_INVAL_DEVTLB)
		encode_atc(smmu->sid[index], &piece->req, w);
	else
		encode_tlbi(&piece->req, w);
	*to = command(w);
}

/* As &inval_burst_fn, one span; @before: the page before the first. */
static bool encode_pages(struct inval_span span, struct inval_cmd like, uint64_t size,
			 uint64_t before, struct inval_cmd *to)
{
	const struct uvdk_inval_slot *slot = span.slots, *const end = slot + span.count;

	for (; slot != end; slot++, to++) {
		const uint64_t first = slot->req.first;

		/* Several pages; or the same again or a neighbour: they are to become one. */
		if (slot->req.last - first != size - 1 || first - before + size <= 2 * size)
			return false;
		before = first;
		to->w[0] = like.w[0];
		to->w[1].raw = like.w[1].raw | uvdk_to_le64(first).raw;
	}

	return true;
}

bool inval_smmu_burst(const struct inval_span span[2], struct inval_cmd *to)
{
	const struct uvdk_inval_req *first = &span[0].slots->req;
	const uint64_t w[2] = {CMD_TLBI_NH_VA | TLBI_ASID(first->asid),
			       first->flags & UVDK_INVAL_LEAF ? TLBI_LEAF : 0};
	const uint64_t size = UINT64_C(1) << inval_shift(first);
	const uint64_t far = first->first ^ UINT64_C(1) << 63;
	const uint64_t last = span[0].slots[span[0].count - 1].req.first;

	return encode_pages(span[0], command(w), size, far, to) &&
	       encode_pages(span[1], command(w), size, last, to + span[0].count);
}

struct inval_cmd inval_smmu_sync(void)
{
	const uint64_t w[2] = {CMD_SYNC, 0};

	return command(w);
}
