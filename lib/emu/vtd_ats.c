// SPDX-License-Identifier: BSD-3-Clause
#include "gate.h"
#include "vtd_priv.h"

/*
 * The device's side of address translation services (PCI Express 10.1): what
 * a translation request brought is kept in the device until it is invalidated.
 */

#define RETRIES 1000

static struct vtd_key device_key(const struct vtd_req *req, uint64_t iova, unsigned int level)
{
	return (struct vtd_key){
		.addr = iova >> vtd_shift(level),
		.pasid = req->pasid,
		.id = req->sid,
		.kind = VTD_DEVTLB,
		.level = (uint8_t)level,
	};
}

static bool allows(const struct vtd_req *req, uint64_t right)
{
	return right & (req->write ? VTD_WRITE : VTD_READ) && (!req->write || right & VTD_DIRTY);
}

static int lookup(struct vtd *vtd, const struct vtd_req *req, uint64_t iova, struct vtd_walk *w,
		  bool *hit)
{
	for (unsigned int level = 1; level <= 3; level++) {
		struct vtd_key key = device_key(req, iova, level);
		struct vtd_entry *e = vtd_find(vtd, &key);
		uint64_t inside = iova & (BIT(vtd_shift(level)) - 1) & ~(EMU_PAGE_SIZE - 1);

		if (!e)
			continue;
		if (!vtd_holds(vtd, e, req, iova))
			return vtd_fault(w, FR_FS_ACCESS, UVDK_EMU_FAULT_STALE);
		*hit = allows(req, e->val[1]);
		if (*hit) {
			w->host = e->val[0] + inside;
			w->right = (unsigned int)e->val[1]; /* with N, PCIe 10.2.3 */
		} else {
			vtd_drop(vtd, e);
		}
		return 0;
	}

	return 0;
}

static int request(struct vtd *vtd, const struct vtd_req *req, uint64_t iova, struct vtd_walk *w)
{
	struct vtd_key key;
	struct vtd_entry *e;
	int fault = vtd_translate_locked(vtd, req, iova, w);

	if (fault)
		return fault;
	key = device_key(req, iova, w->level);
	e = vtd_add(vtd, &key);
	if (e) {
		e->val[0] = w->host & ~(BIT(vtd_shift(w->level)) - 1);
		e->val[1] = w->right;
		e->guest = vtd_guest(w);
		e->tables = vtd_tables(w, vtd_tag(w) == VTD_NO_PASID);
		e->sid = req->sid;
		e->pasid = req->pasid;
		e->did = (uint16_t)PTE_DID(w->pte[1]);
	}

	return 0;
}

int vtd_ats_translate(struct vtd *vtd, const struct vtd_req *req, uint64_t iova, struct vtd_walk *w)
{
	bool hit = false;
	int fault;

	emu_gate_enter(&vtd->gate);
	vtd_walk_begin(w);
	fault = lookup(vtd, req, iova, w, &hit);
	for (unsigned int turn = 0; !fault && !hit; turn++) {
		vtd_walk_begin(w);
		fault = request(vtd, req, iova, w);
		if (!fault)
			break;
		if (w->why == VTD_AGAIN && turn < RETRIES)
			fault = 0;
		else if (w->why == VTD_AGAIN)
			w->why = UVDK_EMU_FAULT_TABLES;
	}
	emu_gate_leave(&vtd->gate);

	return fault;
}
