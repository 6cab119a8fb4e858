// SPDX-License-Identifier: BSD-3-Clause
#include "gate.h"
#include "vtd_scope.h"

/*
 * What an invalidation is not bound to remove stays. What was removed is looked
 * up again at once, as hardware may: an invalidation that came before the
 * tables changed is worth nothing.
 */

#define PREFETCH     16
#define LOOKUP_PAGES 32

struct removed {
	unsigned int count;
	struct {
		uint16_t sid;
		uint32_t pasid;
		uint64_t iova;
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

static bool in_pages(const struct vtd_scope *s, const struct vtd_entry *e)
{
	unsigned int shift;
	uint64_t first;

	if (e->key.kind < VTD_INNER)
		return true;
	shift = vtd_shift(e->key.level % VTD_SECOND);
	first = e->key.addr << shift;

	return first <= s->last && first + (BIT(shift) - 1) >= s->first;
}

static bool in_scope(const struct vtd_scope *s, const struct vtd_entry *e)
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

static void remove_list(struct vtd *vtd, const struct vtd_scope *s, struct vtd_list *list,
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

/* A list of one PASID has others in it, too: whose kind is another, for one. */
static void remove_tagged(struct vtd *vtd, const struct vtd_scope *s, uint32_t pasid,
			  struct removed *r)
{
	struct vtd_entry *e = LIST_FIRST(vtd_tag_list(vtd, s->kind, s->id, pasid));

	while (e) {
		struct vtd_entry *next = LIST_NEXT(e, tag);

		if (e->key.kind == s->kind && in_scope(s, e)) {
			note(r, e);
			vtd_drop(vtd, e);
		}
		e = next;
	}
}

static void remove_scope(struct vtd *vtd, const struct vtd_scope *s, struct removed *r)
{
	bool one = s->kind == VTD_PASID || (!s->all_ids && !s->id_mask);

	if (one && !s->by_domain && !s->all_pasids && s->kind != VTD_CONTEXT) {
		remove_tagged(vtd, s, s->pasid, r);
		if (s->kind == VTD_PASID)
			remove_tagged(vtd, s, VTD_RID, r);
		return;
	}
	if (!s->all_ids && !s->id_mask) {
		remove_list(vtd, s, &vtd->group[s->kind][s->id % VTD_GROUPS], r);
		return;
	}
	for (unsigned int i = 0; i < VTD_GROUPS; i++)
		remove_list(vtd, s, &vtd->group[s->kind][i], r);
}

/* Can what is in scope be found by key? Not where the addresses are those of another stage. */
static bool has_keys(const struct vtd *vtd, const struct vtd_scope *s)
{
	return s->kind == VTD_IOTLB && !s->all_ids && !s->all_pasids &&
	       !(s->by_domain && vtd->tagged[s->id % VTD_GROUPS]) &&
	       (s->last - s->first) >> EMU_PAGE_SHIFT < LOOKUP_PAGES;
}

/* A few pages of one PASID, or of a second stage. */
static void remove_pages(struct vtd *vtd, const struct vtd_scope *s, struct removed *r)
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

void vtd_remove(struct vtd *vtd, const struct vtd_scope *scopes, unsigned int count)
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
