// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "gate.h"
#include "vtd_priv.h"

/* Translation through the caches: 3.4.3, 6.2. */

#define RETRIES 1000

static int stale(struct vtd_walk *w)
{
	return vtd_fault(w, FR_FS_ACCESS, UVDK_EMU_FAULT_STALE);
}

/* With CAP.CM, that an entry is not present may be cached, too (6.1). */
static bool absent(const struct vtd *vtd, int fault, int reason)
{
	return (vtd->cap & CAP_CM) && fault == reason;
}

static int get_context(struct vtd *vtd, const struct vtd_req *req, struct vtd_walk *w)
{
	const struct vtd_key key = {.id = req->sid, .kind = VTD_CONTEXT};
	struct vtd_entry *e = vtd_find(vtd, &key);
	int fault;

	if (e) {
		if (!vtd_holds(vtd, e, req, 0))
			return stale(w);
		memcpy(w->context, e->val, sizeof(w->context));
		w->quiet = w->context[0] & CTX_FPD;
		return w->context[0] & CTX_PRESENT
			       ? 0
			       : vtd_fault(w, FR_CTX_P, UVDK_EMU_FAULT_NO_DOMAIN);
	}
	fault = vtd_read_context(vtd, req->sid, w);
	if (fault && !absent(vtd, fault, FR_CTX_P))
		return fault;
	e = vtd_add(vtd, &key);
	if (e) {
		memcpy(e->val, w->context, sizeof(w->context));
		e->sid = req->sid;
	}

	return fault;
}

int vtd_find_context(struct vtd *vtd, const struct vtd_req *req, struct vtd_walk *w)
{
	int fault;

	emu_gate_enter(&vtd->gate);
	vtd_fetch(vtd);
	fault = get_context(vtd, req, w);
	emu_gate_leave(&vtd->gate);

	return fault;
}

/* The PASID table entry of a request, and with it the domain. */
static int get_pasid(struct vtd *vtd, const struct vtd_req *req, struct vtd_walk *w)
{
	const struct vtd_key key = {.pasid = req->pasid, .id = req->sid, .kind = VTD_PASID};
	struct vtd_entry *e = vtd_find(vtd, &key);
	int fault;

	if (e) {
		if (!vtd_holds(vtd, e, req, 0))
			return stale(w);
		memcpy(w->pte, e->val, sizeof(w->pte));
		w->context[0] = e->context;
		w->pasid = e->pasid;
		w->quiet = e->quiet;
		if (req->ats && !(e->context & CTX_DTE))
			return vtd_fault(w, FR_DTE, UVDK_EMU_FAULT_TABLES);
		return w->pte[0] & PTE_PRESENT ? 0
					       : vtd_fault(w, FR_PTE_P, UVDK_EMU_FAULT_NO_DOMAIN);
	}
	memset(w->context, 0, sizeof(w->context));
	memset(w->pte, 0, sizeof(w->pte)); /* not there, unless a present one is read */
	fault = get_context(vtd, req, w);
	if (!fault)
		fault = vtd_check_context(req, w);
	if (!fault)
		fault = vtd_read_pasid(vtd, w);
	if (fault && !absent(vtd, fault, FR_PTE_P))
		return fault;
	e = vtd_add(vtd, &key);
	if (e) {
		memcpy(e->val, w->pte, sizeof(w->pte));
		e->context = w->context[0];
		e->sid = req->sid;
		e->quiet = w->quiet;
		e->pasid = w->pasid;
		e->did = fault ? 0 : (uint16_t)PTE_DID(w->pte[1]);
	}

	return fault;
}

static struct vtd_key page_key(const struct vtd_walk *w, uint64_t iova, unsigned int level)
{
	return (struct vtd_key){
		.addr = iova >> vtd_shift(level),
		.pasid = vtd_tag(w),
		.id = (uint16_t)PTE_DID(w->pte[1]),
		.kind = VTD_IOTLB,
		.level = (uint8_t)level,
	};
}

static struct vtd_entry *find_page(struct vtd *vtd, const struct vtd_walk *w, uint64_t iova)
{
	for (unsigned int level = 1; level <= 3; level++) {
		struct vtd_key key = page_key(w, iova, level);
		struct vtd_entry *e = vtd_find(vtd, &key);

		if (e)
			return e;
	}

	return NULL;
}

static void take(struct vtd_walk *w, const struct vtd_entry *e, uint64_t iova)
{
	uint64_t inside = iova & (BIT(vtd_shift(e->key.level)) - 1) & ~(EMU_PAGE_SIZE - 1);

	w->host = e->val[0] + inside;
	w->right = (unsigned int)e->val[1];
	w->level = e->key.level;
	w->guest = e->guest + inside;
}

/* What is not there is remembered as a page without rights. */
static void add_page(struct vtd *vtd, const struct vtd_req *req, struct vtd_walk *w, uint64_t iova)
{
	struct vtd_key key = page_key(w, iova, w->fault ? 1 : w->level);
	struct vtd_entry *e = vtd_add(vtd, &key);

	if (!e)
		return;
	if (w->fault) {
		w->level = 1;
		w->right = 0;
		w->host = 0;
	}
	e->val[0] = w->host & ~(BIT(vtd_shift(w->level)) - 1);
	e->val[1] = w->right;
	e->guest = vtd_guest(w);
	e->context = w->context[0];
	e->tables = vtd_tables(w, vtd_tag(w) == VTD_NO_PASID);
	e->sid = req->sid;
	e->did = key.id;
	e->pasid = req->pasid;
}

/* Does a cached page serve the request as it is? */
static bool enough(const struct vtd_req *req, unsigned int right)
{
	unsigned int want = req->write ? VTD_WRITE | VTD_DIRTY : VTD_READ;

	if (!req->priv)
		want |= VTD_USER;
	if (req->exec)
		want |= VTD_EXEC;

	return (right & want) == want;
}

/* Under the gate. */
int vtd_translate_locked(struct vtd *vtd, const struct vtd_req *req, uint64_t iova,
			 struct vtd_walk *w)
{
	struct vtd_entry *e;
	int fault;

	vtd_fetch(vtd);
	fault = get_pasid(vtd, req, w);
	if (fault)
		return fault;
	if (req->pasid == VTD_RID && iova >> 20 == 0xfee)
		return vtd_fault(w, FR_INTERRUPT, UVDK_EMU_FAULT_NOT_MAPPED);
	e = find_page(vtd, w, iova);
	if (e)
		vtd_compare_tables(vtd, e, vtd_tables(w, vtd_tag(w) == VTD_NO_PASID));
	if (e && !vtd_holds(vtd, e, req, iova))
		return stale(w);
	if (e && enough(req, (unsigned int)e->val[1])) {
		take(w, e, iova);
		return 0;
	}
	if (e && !e->val[1])
		return vtd_fault(w, vtd_tag(w) == VTD_NO_PASID ? FR_SS_PERMISSION : FR_FS_P,
				 UVDK_EMU_FAULT_NOT_MAPPED);
	if (e) /* as the specification has it: what does not permit is looked up again */
		vtd_drop(vtd, e);
	fault = vtd_walk_pages(vtd, req, iova, true, w);
	if (!fault && w->host >> 20 == 0xfee) /* a write there would be an interrupt */
		return vtd_fault(w, FR_INTERRUPT, UVDK_EMU_FAULT_RANGE);
	if (!fault || ((vtd->cap & CAP_CM) && w->why == UVDK_EMU_FAULT_NOT_MAPPED))
		add_page(vtd, req, w, iova);

	return fault;
}

int vtd_translate(struct vtd *vtd, const struct vtd_req *req, uint64_t iova, struct vtd_walk *w)
{
	int fault;

	emu_gate_enter(&vtd->gate);
	for (unsigned int turn = 0;; turn++) {
		vtd_walk_begin(w);
		fault = vtd_translate_locked(vtd, req, iova, w);
		if (!fault || w->why != VTD_AGAIN)
			break;
		if (turn == RETRIES) {
			w->why = UVDK_EMU_FAULT_TABLES;
			break;
		}
	}
	emu_gate_leave(&vtd->gate);

	return fault;
}
