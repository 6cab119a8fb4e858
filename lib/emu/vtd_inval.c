// SPDX-License-Identifier: BSD-3-Clause
#include "gate.h"
#include "vtd_priv.h"

/*
 * Invalidation descriptors, 6.5.2. What a descriptor is not bound to remove
 * stays. What was removed is looked up again at once, as hardware may: an
 * invalidation that came before the tables changed is worth nothing.
 */

#define PREFETCH     16
#define LOOKUP_PAGES 32
#define MAMV	     18

/* What to remove; fields that are not looked at are 0. */
struct scope {
	unsigned int kind;
	bool all_ids;	  /* else @id */
	uint16_t id;	  /* requester or domain, as the kind has it */
	uint16_t id_mask; /* bits of it that are not compared */
	bool by_did;	  /* compare @did, whatever the ID is */
	uint16_t did;
	bool all_pasids; /* else @pasid */
	uint32_t pasid;
	bool by_domain; /* whatever the PASID; pages are those of the second stage */
	uint64_t first; /* byte addresses */
	uint64_t last;
};

struct removed {
	unsigned int count;
	struct {
		uint16_t sid;
		uint32_t pasid;
		uint64_t iova;
		bool device;
	} item[PREFETCH];
};

static void note(struct removed *r, const struct vtd_entry *e)
{
	if (r->count == PREFETCH || (e->key.kind != VTD_IOTLB && e->key.kind != VTD_PASID))
		return;
	r->item[r->count].sid = e->sid;
	r->item[r->count].pasid = e->key.kind == VTD_PASID ? e->key.pasid : e->pasid;
	r->item[r->count].iova =
		e->key.kind == VTD_PASID ? 0 : e->key.addr << vtd_shift(e->key.level);
	r->count++;
}

static bool in_pages(const struct scope *s, const struct vtd_entry *e)
{
	unsigned int shift;
	uint64_t first;

	if (e->key.kind < VTD_INNER)
		return true;
	shift = vtd_shift(e->key.level % VTD_SECOND);
	first = e->key.addr << shift;

	return first <= s->last && first + (BIT(shift) - 1) >= s->first;
}

static bool in_scope(const struct scope *s, const struct vtd_entry *e)
{
	if (!s->all_ids && ((e->key.id ^ s->id) & ~s->id_mask))
		return false;
	if (s->by_did && e->did != s->did)
		return false;
	if (s->by_domain && e->key.pasid != VTD_NO_PASID)
		return true; /* addresses are those of the second stage: 6.5.2.3 */
	if (!s->by_domain && !s->all_pasids) {
		uint32_t pasid = e->key.kind == VTD_PASID ? e->pasid : e->key.pasid;

		if (pasid != s->pasid)
			return false;
	}

	return in_pages(s, e);
}

static void remove_list(struct vtd *vtd, const struct scope *s, struct vtd_list *list,
			struct removed *r)
{
	struct vtd_entry *e = LIST_FIRST(list);

	while (e) {
		struct vtd_entry *next = LIST_NEXT(e, group);

		if (in_scope(s, e)) {
			note(r, e);
			vtd_drop(vtd, e);
		}
		e = next;
	}
}

static void remove_scope(struct vtd *vtd, const struct scope *s, struct removed *r)
{
	if (!s->all_ids && !s->id_mask) {
		remove_list(vtd, s, &vtd->group[s->kind][s->id % VTD_GROUPS], r);
		return;
	}
	for (unsigned int i = 0; i < VTD_GROUPS; i++)
		remove_list(vtd, s, &vtd->group[s->kind][i], r);
}

/* Can what is in scope be found by key? Not where the addresses are those of another stage. */
static bool has_keys(const struct vtd *vtd, const struct scope *s)
{
	return s->kind == VTD_IOTLB && !s->all_ids && !s->all_pasids &&
	       !(s->by_domain && vtd->tagged[s->id % VTD_GROUPS]) &&
	       (s->last - s->first) >> EMU_PAGE_SHIFT < LOOKUP_PAGES;
}

/* A few pages of one PASID, or of a second stage. */
static void remove_pages(struct vtd *vtd, const struct scope *s, struct removed *r)
{
	for (unsigned int level = 1; level <= 3; level++) {
		unsigned int shift = vtd_shift(level);

		for (uint64_t page = s->first >> shift; page <= s->last >> shift; page++) {
			const struct vtd_key key = {
				.addr = page,
				.pasid = s->by_domain ? VTD_NO_PASID : s->pasid,
				.id = s->id,
				.kind = (uint8_t)s->kind,
				.level = (uint8_t)level,
			};
			struct vtd_entry *e = vtd_lookup(vtd, &key);

			if (e) {
				note(r, e);
				vtd_drop(vtd, e);
			}
		}
	}
}

static void prefetch(struct vtd *vtd, const struct removed *r)
{
	for (unsigned int i = 0; i < r->count; i++) {
		struct uvdk_emu_function *fn = vtd_function(vtd, r->item[i].sid);
		const struct vtd_req req = {
			.fn = fn,
			.sid = r->item[i].sid,
			.pasid = r->item[i].pasid,
			.purpose = VTD_PREFETCH,
		};
		struct vtd_walk w = {0};

		if (fn)
			vtd_translate_locked(vtd, &req, r->item[i].iova, &w);
	}
}

static void remove_and_refill(struct vtd *vtd, const struct scope *scopes, unsigned int count)
{
	struct removed r = {0};

	emu_gate_enter(&vtd->gate);
	for (unsigned int i = 0; i < count; i++) {
		if (has_keys(vtd, &scopes[i]))
			remove_pages(vtd, &scopes[i], &r);
		else
			remove_scope(vtd, &scopes[i], &r);
	}
	prefetch(vtd, &r);
	emu_gate_leave(&vtd->gate);
	vtd_drain(vtd);
}

static int inval_context(struct vtd *vtd, const uint64_t *d)
{
	struct scope s = {.kind = VTD_CONTEXT, .all_pasids = true, .last = UINT64_MAX};
	unsigned int fm = (unsigned int)BITS(d[0], 49, 48);

	if ((d[0] & (SPAN(8, 6) | SPAN(15, 12) | SPAN(63, 50))) || d[1])
		return IQEI_RESERVED;
	if (!DESC_G(d[0]))
		return IQEI_RESERVED;
	/* Context entries of scalable mode have no domain: by domain is all of them. */
	s.all_ids = DESC_G(d[0]) != 3;
	s.id = (uint16_t)BITS(d[0], 47, 32);
	s.id_mask = (uint16_t)(((1u << fm) - 1) << (fm ? 3 - fm : 0));
	remove_and_refill(vtd, &s, 1);

	return 0;
}

static int inval_pasid(struct vtd *vtd, const uint64_t *d)
{
	struct scope s = {.kind = VTD_PASID, .all_ids = true, .last = UINT64_MAX};

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
	remove_and_refill(vtd, &s, 1);

	return 0;
}

/* Addresses of a page-selective descriptor: an aligned power of two. */
static int pages_of(const uint64_t *d, struct scope *s)
{
	uint64_t am = DESC_AM(d[1]);
	uint64_t size = EMU_PAGE_SIZE << am;

	if (am > MAMV)
		return IQEI_RESERVED;
	s->first = d[1] & SPAN(63, 12) & ~(size - 1);
	s->last = s->first + (size - 1);

	return 0;
}

/* Leaves, and the entries above them unless the hint says that those stayed. */
static void remove_translations(struct vtd *vtd, const struct scope *leaves, bool inner)
{
	struct scope s[2] = {*leaves, *leaves};

	s[1].kind = VTD_INNER;
	remove_and_refill(vtd, s, inner ? 2 : 1);
}

static int inval_iotlb(struct vtd *vtd, const uint64_t *d)
{
	struct scope s = {.kind = VTD_IOTLB, .by_domain = true, .last = UINT64_MAX};
	bool inner = true;
	int err = 0;

	if ((d[0] & (BIT(8) | SPAN(15, 12) | SPAN(63, 32))) || (d[1] & SPAN(11, 7)))
		return IQEI_RESERVED;
	s.id = (uint16_t)DESC_DID(d[0]);
	switch (DESC_G(d[0])) {
	case 1:
		s.all_ids = true;
		s.by_domain = false;
		s.all_pasids = true;
		break;
	case 2:
		break;
	case 3:
		err = pages_of(d, &s);
		inner = !(d[1] & DESC_IH);
		break;
	default:
		err = IQEI_RESERVED;
	}
	if (!err)
		remove_translations(vtd, &s, inner);

	return err;
}

static int inval_pasid_iotlb(struct vtd *vtd, const uint64_t *d)
{
	struct scope s = {.kind = VTD_IOTLB, .last = UINT64_MAX};
	bool inner = true;
	int err = 0;

	if ((d[0] & (SPAN(8, 6) | SPAN(15, 12) | SPAN(63, 52))) || (d[1] & SPAN(11, 7)))
		return IQEI_RESERVED;
	s.id = (uint16_t)DESC_DID(d[0]);
	s.pasid = (uint32_t)DESC_PASID(d[0]);
	switch (DESC_G(d[0])) {
	case 2:
		break;
	case 3:
		err = pages_of(d, &s);
		inner = !(d[1] & DESC_IH);
		break;
	default:
		err = IQEI_RESERVED;
	}
	if (!err)
		remove_translations(vtd, &s, inner);

	return err;
}

/* A device that is gone answers no invalidation request: the queue says so. */
static bool answers(struct vtd *vtd, uint16_t sid)
{
	const struct uvdk_emu_function *fn = vtd_function(vtd, sid);

	return fn && !atomic_load(&fn->gone);
}

static int inval_device(struct vtd *vtd, uint16_t sid, struct scope *s, uint64_t addr, bool sized)
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
	remove_and_refill(vtd, s, 1);

	if (answers(vtd, sid))
		return 0;
	atomic_store(&vtd->itesid, sid);

	return VTD_TIMEOUT;
}

static int inval_devtlb(struct vtd *vtd, const uint64_t *d)
{
	struct scope s = {.pasid = VTD_RID};

	if ((d[0] & (SPAN(8, 4) | SPAN(31, 21) | SPAN(51, 48))) || (d[1] & SPAN(11, 1)))
		return IQEI_RESERVED;

	return inval_device(vtd, (uint16_t)BITS(d[0], 47, 32), &s, d[1], d[1] & BIT(0));
}

static int inval_pasid_devtlb(struct vtd *vtd, const uint64_t *d)
{
	struct scope s = {.pasid = (uint32_t)DESC_PASID(d[0]), .all_pasids = d[1] & BIT(0)};

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
