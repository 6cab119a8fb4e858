// SPDX-License-Identifier: BSD-3-Clause
#include "vtd_scope.h"

/* Invalidation descriptors, 6.5.2: what each says is to be removed. */

#define MAMV 18

static int inval_context(struct vtd *vtd, const uint64_t *d)
{
	struct vtd_scope s = {.kind = VTD_CONTEXT, .all_pasids = true, .last = UINT64_MAX};
	unsigned int fm = (unsigned int)BITS(d[0], 49, 48);

	if ((d[0] & (SPAN(8, 6) | SPAN(15, 12) | SPAN(63, 50))) || d[1])
		return IQEI_RESERVED;
	if (!DESC_G(d[0]))
		return IQEI_RESERVED;
	/* Context entries of scalable mode have no domain: by domain is all of them. */
	s.all_ids = DESC_G(d[0]) != 3;
	s.id = (uint16_t)BITS(d[0], 47, 32);
	s.id_mask = (uint16_t)(((1u << fm) - 1) << (fm ? 3 - fm : 0));
	vtd_remove(vtd, &s, 1);

	return 0;
}

static int inval_pasid(struct vtd *vtd, const uint64_t *d)
{
	struct vtd_scope s = {.kind = VTD_PASID, .all_ids = true, .last = UINT64_MAX};

	if ((d[0] & (SPAN(8, 6) | SPAN(15, 12) | SPAN(63, 52))) || d[1])
		return IQEI_RESERVED;
	switch (DESC_G(d[0])) {
	case 0:
		s.by_did = true;
		s.all_pasids = true;
		break;
	case 1:
		s.by_did = true;
		break;
	case 3:
		s.all_pasids = true;
		break;
	default:
		return IQEI_RESERVED;
	}
	s.did = (uint16_t)DESC_DID(d[0]);
	s.pasid = (uint32_t)DESC_PASID(d[0]);
	vtd_remove(vtd, &s, 1);

	return 0;
}

/* Addresses of a page-selective descriptor: an aligned power of two. */
static int pages_of(const uint64_t *d, struct vtd_scope *s)
{
	uint64_t am = DESC_AM(d[1]);
	uint64_t size = EMU_PAGE_SIZE << am;

	if (am > MAMV)
		return IQEI_RESERVED;
	s->first = d[1] & SPAN(63, 12) & ~(size - 1);
	s->last = s->first + (size - 1);

	return 0;
}

/*
 * All of a domain (2), or pages of it (3): leaves, and the entries above them
 * unless the hint says that those stayed.
 */
static int remove_translations(struct vtd *vtd, const uint64_t *d, struct vtd_scope *leaves)
{
	bool pages = DESC_G(d[0]) == 3;
	int err = pages ? pages_of(d, leaves) : 0;
	struct vtd_scope s[2] = {*leaves, *leaves};

	if (err)
		return err;
	s[1].kind = VTD_INNER;
	vtd_remove(vtd, s, pages && d[1] & DESC_IH ? 1 : 2);

	return 0;
}

static int inval_iotlb(struct vtd *vtd, const uint64_t *d)
{
	bool all = DESC_G(d[0]) == 1;
	struct vtd_scope s = {
		.kind = VTD_IOTLB,
		.id = (uint16_t)DESC_DID(d[0]),
		.all_ids = all,
		.all_pasids = all,
		.by_domain = !all,
		.last = UINT64_MAX,
	};

	if ((d[0] & (BIT(8) | SPAN(15, 12) | SPAN(63, 32))) || (d[1] & SPAN(11, 7)))
		return IQEI_RESERVED;
	if (!DESC_G(d[0]))
		return IQEI_RESERVED;

	return remove_translations(vtd, d, &s);
}

static int inval_pasid_iotlb(struct vtd *vtd, const uint64_t *d)
{
	struct vtd_scope s = {
		.kind = VTD_IOTLB,
		.id = (uint16_t)DESC_DID(d[0]),
		.pasid = (uint32_t)DESC_PASID(d[0]),
		.last = UINT64_MAX,
	};

	if ((d[0] & (SPAN(8, 6) | SPAN(15, 12) | SPAN(63, 52))) || (d[1] & SPAN(11, 7)))
		return IQEI_RESERVED;
	if (DESC_G(d[0]) < 2)
		return IQEI_RESERVED;

	return remove_translations(vtd, d, &s);
}

/* A device that is gone answers no invalidation request: the queue says so. */
static bool answers(struct vtd *vtd, uint16_t sid)
{
	const struct uvdk_emu_function *fn = vtd_function(vtd, sid);

	return fn && !atomic_load(&fn->gone);
}

static int inval_device(struct vtd *vtd, uint16_t sid, struct vtd_scope *s, uint64_t addr,
			bool sized)
{
	s->kind = VTD_DEVTLB;
	s->id = sid;
	s->first = addr & SPAN(63, 12);
	s->last = s->first + (EMU_PAGE_SIZE - 1);
	if (sized) { /* the lowest clear bit tells the size: PCI Express 10.2.3.2 */
		uint64_t ones = (s->first >> 12) & ~((s->first >> 12) + 1);
		uint64_t size = (ones + 1) << 13;

		s->first &= ~(size - 1);
		s->last = size ? s->first + (size - 1) : UINT64_MAX;
	}
	vtd_remove(vtd, s, 1);

	if (answers(vtd, sid))
		return 0;
	atomic_store(&vtd->itesid, sid);

	return VTD_TIMEOUT;
}

static int inval_devtlb(struct vtd *vtd, const uint64_t *d)
{
	struct vtd_scope s = {.pasid = VTD_RID};

	if ((d[0] & (SPAN(8, 4) | SPAN(31, 21) | SPAN(51, 48))) || (d[1] & SPAN(11, 1)))
		return IQEI_RESERVED;

	return inval_device(vtd, (uint16_t)BITS(d[0], 47, 32), &s, d[1], d[1] & BIT(0));
}

static int inval_pasid_devtlb(struct vtd *vtd, const uint64_t *d)
{
	struct vtd_scope s = {.pasid = (uint32_t)DESC_PASID(d[0]), .all_pasids = d[1] & BIT(0)};

	if (d[1] & SPAN(10, 1))
		return IQEI_RESERVED;

	return inval_device(vtd, (uint16_t)BITS(d[0], 31, 16), &s, d[1], d[1] & BIT(11));
}

static int wait_done(struct vtd *vtd, const uint64_t *d)
{
	if ((d[0] & (BIT(8) | SPAN(31, 12))) || (d[1] & SPAN(1, 0)))
		return IQEI_RESERVED;
	if (d[0] & WAIT_SW) {
		uint32_t *at = vtd_at(vtd, d[1]);

		if (!at)
			return IQEI_FETCH;
		__atomic_store_n(at, (uint32_t)(d[0] >> 32), __ATOMIC_RELEASE);
	}
	if (d[0] & WAIT_IF)
		atomic_fetch_or(&vtd->ics, (uint32_t)ICS_IWC);

	return 0;
}

int vtd_inval(struct vtd *vtd, const uint64_t *d)
{
	if (d[2] || d[3])
		return IQEI_RESERVED;
	switch (DESC_TYPE(d[0])) {
	case DESC_CONTEXT:
		return inval_context(vtd, d);
	case DESC_IOTLB:
		return inval_iotlb(vtd, d);
	case DESC_DEVTLB:
		return inval_devtlb(vtd, d);
	case DESC_IEC:
		return 0; /* there is no interrupt remapping to forget */
	case DESC_WAIT:
		return wait_done(vtd, d);
	case DESC_PASID_IOTLB:
		return inval_pasid_iotlb(vtd, d);
	case DESC_PASID_CACHE:
		return inval_pasid(vtd, d);
	case DESC_PASID_DEVTLB:
		return inval_pasid_devtlb(vtd, d);
	case DESC_PAGE_RESPONSE:
		return vtd_page_response(vtd, d);
	default:
		return IQEI_TYPE;
	}
}
