// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include "vtd_priv.h"

/*
 * Is a cached entry still what memory says? While somebody changes tables it
 * may differ, and be used: that is what invalidations are for. Once nobody
 * does, a difference is an invalidation that was forgotten, or came too early
 * or too late.
 */

static const char *cache_name(unsigned int kind)
{
	static const char *const name[] = {"context cache", "PASID cache", "paging-structure cache",
					   "IOTLB", "device TLB"};

	return name[kind];
}

/*
 * What the context entry says of a requester may be cached below it, too: it is
 * to be invalidated there when it changes (6.5.3.3).
 */
static bool context_same(struct vtd *vtd, uint16_t sid, uint64_t cached)
{
	struct vtd_walk w;

	memset(&w, 0, sizeof(w));
	vtd_read_context(vtd, sid, &w);

	return w.context[0] == cached;
}

/* Was it fetched by way of a context entry that should have been gone? */
static bool context_stale(struct vtd *vtd, const struct vtd_entry *e)
{
	const struct vtd_key key = {.id = e->sid, .kind = VTD_CONTEXT};
	const struct vtd_entry *context = vtd_lookup(vtd, &key);

	return e->key.kind <= VTD_IOTLB && context && !context_same(vtd, e->sid, context->val[0]);
}

/* The invalidation that the entry would have been gone by. */
static void cure(struct vtd *vtd, const struct vtd_entry *e, uint64_t iova, char *text, size_t size)
{
	unsigned long long page = iova & ~(EMU_PAGE_SIZE - 1);
	bool second = e->key.pasid == VTD_NO_PASID;
	char pasid[20] = "";

	if (e->key.kind == VTD_CONTEXT || context_stale(vtd, e)) {
		snprintf(text, size, "context-cache invalidation of requester 0x%04x",
			 e->key.kind == VTD_CONTEXT ? e->key.id : e->sid);
		return;
	}
	switch (e->key.kind) {
	case VTD_PASID:
		snprintf(text, size, "PASID-cache invalidation of domain %u, PASID %u", e->did,
			 e->pasid);
		return;
	case VTD_DEVTLB:
		snprintf(text, size, "device-TLB invalidation of requester 0x%04x, %s%u, at 0x%llx",
			 e->key.id, e->key.pasid == VTD_RID ? "no PASID, domain " : "PASID ",
			 e->key.pasid == VTD_RID ? e->did : e->key.pasid, page);
		return;
	default:
		if (!second)
			snprintf(pasid, sizeof(pasid), ", PASID %u", e->key.pasid);
		snprintf(text, size, "%s invalidation of domain %u%s at 0x%llx%s",
			 second ? "IOTLB" : "PASID-based IOTLB", e->did, pasid, page,
			 e->key.kind == VTD_INNER ? ", inner entries too (IH clear)" : "");
	}
}

static void record(struct vtd *vtd, const struct vtd_entry *e, const struct vtd_req *req,
		   uint64_t iova)
{
	struct uvdk_emu_stale s = {
		.iova = iova,
		.pasid = req->pasid == VTD_RID ? UVDK_EMU_NO_PASID : req->pasid,
		.write = req->write,
		.cache = cache_name(e->key.kind),
	};

	snprintf(s.function, sizeof(s.function), "%s", req->fn->name);
	snprintf(s.entry, sizeof(s.entry), "level %u, domain %u, 0x%llx 0x%llx",
		 e->key.level % VTD_SECOND, e->did, (unsigned long long)e->val[0],
		 (unsigned long long)e->val[1]);
	cure(vtd, e, iova, s.missing, sizeof(s.missing));
	uvdk_log(
		UVDK_LOG_ERR, "emu.iommu",
		"stale translation used: %s of %s at 0x%llx%s%.0u met an entry of the %s (%s) that "
		"the tables no longer bear out; missing, too early or too late: %s",
		s.write ? "write" : "read", s.function, (unsigned long long)iova,
		s.pasid == UVDK_EMU_NO_PASID ? "" : ", PASID ",
		s.pasid == UVDK_EMU_NO_PASID ? 0 : s.pasid, s.cache, s.entry, s.missing);
	emu_stale_record(vtd->emu, &s);
}

/* What is not present has no other words. Context entries have the same bit. */
static bool words_same(const uint64_t *cached, const uint64_t *now, unsigned int words)
{
	if (!(cached[0] & PTE_PRESENT))
		return !(now[0] & PTE_PRESENT);

	return !memcmp(cached, now, words * sizeof(*now));
}

static bool inner_same(const struct vtd_entry *e, const struct vtd_walk *w)
{
	bool second = e->key.level >= VTD_SECOND;
	uint64_t accessed = second ? SS_A : FS_A;
	uint64_t now = w->inner[second][e->key.level % VTD_SECOND];

	return ((e->val[0] ^ now) & ~accessed) == 0;
}

static bool page_same(const struct vtd_entry *e, const struct vtd_walk *w, uint64_t iova)
{
	uint64_t inside = iova & (BIT(vtd_shift(e->key.level)) - 1) & ~(EMU_PAGE_SIZE - 1);

	if (!e->val[1]) /* that nothing is there */
		return w->why == UVDK_EMU_FAULT_NOT_MAPPED && w->fault;
	if (w->fault || w->host != e->val[0] + inside)
		return false;

	if ((e->val[1] ^ w->right) & VTD_SNOOP)
		return false;

	return (e->val[1] & ~(uint64_t)w->right) == 0;
}

/* What a second-stage entry serves is an address of the second stage, nested or not. */
static void walk_second(struct vtd *vtd, const struct vtd_req *look, uint64_t addr,
			struct vtd_walk *w)
{
	memset(w, 0, sizeof(*w));
	if (vtd_read_context(vtd, look->sid, w) || vtd_check_context(look, w) ||
	    vtd_read_pasid(vtd, w))
		return;
	if (PTE_PGTT(w->pte[0]) != PGTT_SECOND && PTE_PGTT(w->pte[0]) != PGTT_NESTED)
		return; /* of another kind by now: what it says of a second stage is unchecked */
	w->pte[0] = (w->pte[0] & ~SPAN(8, 6)) | FIELD(PGTT_SECOND, 6);
	vtd_walk_pages(vtd, look, addr, false, w);
}

/*
 * A first stage on top of another belongs to whoever changes it by plain stores,
 * and need not have been invalidated yet. What is below it must hold all the
 * same, as long as the entry is one of this table. False: nothing is said.
 */
static bool spared(struct vtd *vtd, const struct vtd_entry *e, const struct vtd_req *look,
		   struct vtd_walk *w)
{
	memset(w, 0, sizeof(*w));
	if (e->key.kind < VTD_INNER || e->key.level >= VTD_SECOND || vtd_has_owner(vtd, look) ||
	    vtd_read_context(vtd, look->sid, w) || vtd_check_context(look, w) ||
	    vtd_read_pasid(vtd, w))
		return false;

	return PTE_PGTT(w->pte[0]) == PGTT_NESTED && e->tables == vtd_tables(w, false);
}

static bool below_same(struct vtd *vtd, const struct vtd_entry *e, const struct vtd_req *look,
		       uint64_t iova, struct vtd_walk *w)
{
	uint64_t inside = iova & (BIT(vtd_shift(e->key.level)) - 1) & ~(EMU_PAGE_SIZE - 1);
	bool snoops = w->pte[1] & PTE_PGSNP;

	if (e->key.kind == VTD_IOTLB && !context_same(vtd, e->sid, e->context))
		return false;
	if (e->key.kind == VTD_INNER || e->guest == VTD_NO_GUEST)
		return true;
	walk_second(vtd, look, e->val[1] ? e->guest + inside : e->guest, w);
	if (snoops)
		w->right |= VTD_SNOOP;

	return page_same(e, w, iova);
}

static bool same(struct vtd *vtd, const struct vtd_entry *e, const struct vtd_req *req,
		 uint64_t iova)
{
	struct vtd_req look = *req;
	struct vtd_walk w;

	look.purpose = VTD_CHECK;
	look.write = false;
	look.exec = false;
	look.ats = false;
	if (e->key.kind == VTD_CONTEXT) {
		memset(&w, 0, sizeof(w));
		vtd_read_context(vtd, e->key.id, &w);
		return words_same(e->val, w.context, 4);
	}
	if (spared(vtd, e, &look, &w))
		return below_same(vtd, e, &look, iova, &w);
	if (e->key.kind == VTD_INNER && e->key.level >= VTD_SECOND)
		walk_second(vtd, &look, iova, &w);
	else
		vtd_walk_fresh(vtd, &look, iova, &w);
	switch (e->key.kind) {
	case VTD_PASID:
		/* What is absent stays so when the tables above it go, too. */
		return words_same(e->val, w.pte, PTE_WORDS) &&
		       (!(e->val[0] & PTE_PRESENT) ||
			(w.pasid == e->pasid && context_same(vtd, e->sid, e->context)));
	case VTD_INNER:
		return inner_same(e, &w);
	case VTD_IOTLB:
		return page_same(e, &w, iova) && context_same(vtd, e->sid, e->context);
	default:
		return page_same(e, &w, iova);
	}
}

bool vtd_settle(struct vtd *vtd, struct vtd_entry *e, const struct vtd_req *req, uint64_t iova)
{
	unsigned long ended = atomic_load_explicit(&vtd->ended, memory_order_acquire);
	unsigned long begun;
	bool ok;

	begun = atomic_load(&vtd->begun);
	if (begun != ended)
		return true;
	ok = same(vtd, e, req, iova);
	if (atomic_load(&vtd->begun) != begun)
		return true; /* a change began meanwhile: nothing is proved */
	if (ok) {
		e->settled = ended;
		return true;
	}
	if (req->purpose == VTD_PREFETCH)
		return false; /* left for an access to meet */
	record(vtd, e, req, iova);
	vtd_drop(vtd, e);

	return false;
}
