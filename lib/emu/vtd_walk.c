// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "vtd_priv.h"

/* Root, context and PASID tables: chapter 9, and the order of 3.4 and 6.2. */

int vtd_fault(struct vtd_walk *w, int reason, enum uvdk_emu_fault_reason why)
{
	w->fault = reason;
	w->why = why;

	return reason;
}

static int unattached(struct vtd_walk *w, int reason)
{
	return vtd_fault(w, reason, UVDK_EMU_FAULT_NO_DOMAIN);
}

static int broken(struct vtd_walk *w, int reason)
{
	return vtd_fault(w, reason, UVDK_EMU_FAULT_TABLES);
}

/* Physical memory: NULL where there is none. */
void *vtd_at(struct vtd *vtd, uint64_t pa)
{
	struct uvdk_emu *emu = vtd->emu;

	if (emu->memory)
		return emu->memory(emu->memory_arg, pa);

	/* The first page of a process is none; what is left in caches may point there. */
	return pa < EMU_PAGE_SIZE ? NULL : (void *)(uintptr_t)pa;
}

/* Entries are read word by word, the one with the present bit first. */
static bool read_words(struct vtd *vtd, uint64_t pa, uint64_t *out, unsigned int words)
{
	uint64_t *at = vtd_at(vtd, pa);

	for (unsigned int i = 0; at && i < words; i++)
		out[i] = __atomic_load_n(at + i, __ATOMIC_ACQUIRE);

	return at != NULL;
}

static int read_root(struct vtd *vtd, uint16_t sid, struct vtd_walk *w, uint64_t *context_table)
{
	uint64_t rtaddr = atomic_load(&vtd->rtaddr);
	unsigned int upper = sid >> 7 & 1;
	uint64_t root;

	if (RTADDR_TTM(rtaddr) != RTADDR_TTM_SCALABLE)
		return broken(w, FR_TTM);
	if (!read_words(vtd, (rtaddr & SPAN(63, 12)) + (sid >> 8) * 16u + upper * 8u, &root, 1))
		return broken(w, FR_ROOT_ACCESS);
	if (!(root & ROOT_PRESENT))
		return unattached(w, FR_ROOT_P);
	if (root & (ROOT_RESERVED | BEYOND_HAW))
		return broken(w, FR_ROOT_RESERVED);
	*context_table = root & SPAN(51, 12);

	return 0;
}

int vtd_read_context(struct vtd *vtd, uint16_t sid, struct vtd_walk *w)
{
	uint64_t table;
	int fault = read_root(vtd, sid, w, &table);

	if (fault)
		return fault;
	if (!read_words(vtd, table + (sid & 0x7f) * 32u, w->context, 4))
		return broken(w, FR_CTX_ACCESS);
	if (!(w->context[0] & CTX_PRESENT))
		return unattached(w, FR_CTX_P);
	w->quiet = w->context[0] & CTX_FPD;
	if ((w->context[0] & (CTX_RESERVED0 | BEYOND_HAW)) || (w->context[1] & CTX_RESERVED1) ||
	    w->context[2] || w->context[3])
		return broken(w, FR_CTX_RESERVED);

	return 0;
}

/* May this request be made at all? Sets the PASID that picks the table. */
int vtd_check_context(const struct vtd_req *req, struct vtd_walk *w)
{
	uint64_t limit = UINT64_C(1) << (CTX_PDTS(w->context[0]) + 7 + 6);

	if (req->ats && !(w->context[0] & CTX_DTE))
		return broken(w, FR_DTE);
	if (req->pasid == VTD_RID) {
		w->pasid = (uint32_t)(w->context[1] & CTX_RID_PASID);
	} else {
		w->pasid = req->pasid;
		if (!(w->context[0] & CTX_PASIDE))
			return unattached(w, FR_PASIDE);
	}
	if (w->pasid >= limit)
		return unattached(w, FR_PASID_LIMIT);

	return 0;
}

static int read_directory(struct vtd *vtd, struct vtd_walk *w, uint64_t *table)
{
	uint64_t entry;

	if (!read_words(vtd, (w->context[0] & SPAN(51, 12)) + (w->pasid >> 6) * 8, &entry, 1))
		return broken(w, FR_PDE_ACCESS);
	if (!(entry & PDE_PRESENT))
		return unattached(w, FR_PDE_P);
	w->quiet = w->quiet || (entry & PDE_FPD);
	if (entry & (PDE_RESERVED | BEYOND_HAW))
		return broken(w, FR_PDE_RESERVED);
	*table = entry & SPAN(51, 12);

	return 0;
}

static bool reserved_set(const struct vtd *vtd, const uint64_t *pte)
{
	uint64_t high = 0;

	for (unsigned int i = 3; i < PTE_WORDS; i++)
		high |= pte[i];
	if (!(vtd->ecap & ECAP_SC) && (pte[1] & PTE_PGSNP))
		return true;

	return (pte[0] & (PTE_RESERVED0 | BEYOND_HAW)) || (pte[1] & PTE_RESERVED1) ||
	       (pte[2] & (PTE_RESERVED2 | BEYOND_HAW)) || high;
}

/* Is it a kind of translation that this unit has? */
static bool valid(const struct vtd *vtd, const uint64_t *pte)
{
	unsigned int kind = (unsigned int)PTE_PGTT(pte[0]);
	unsigned int width = (unsigned int)PTE_AW(pte[0]);
	bool second = kind != PGTT_FIRST;
	bool first = kind == PGTT_FIRST || kind == PGTT_NESTED;

	if (kind < PGTT_FIRST || kind > PGTT_PASS)
		return false;
	if (second && (width < 1 || width > 3 || !(vtd->cap & BIT(8 + width))))
		return false;
	if (kind == PGTT_NESTED && !(vtd->ecap & ECAP_NEST))
		return false;
	if (first && PTE_FSPM(pte[2]) && (PTE_FSPM(pte[2]) > 1 || !(vtd->cap & CAP_FS5LP)))
		return false;

	return true;
}

int vtd_read_pasid(struct vtd *vtd, struct vtd_walk *w)
{
	uint64_t table;
	int fault = read_directory(vtd, w, &table);

	if (fault)
		return fault;
	if (!read_words(vtd, table + (w->pasid & 0x3f) * 64, w->pte, PTE_WORDS))
		return broken(w, FR_PTE_ACCESS);
	if (!(w->pte[0] & PTE_PRESENT))
		return unattached(w, FR_PTE_P);
	w->quiet = w->quiet || (w->pte[0] & PTE_FPD);
	if (reserved_set(vtd, w->pte))
		return broken(w, FR_PTE_RESERVED);
	if (!valid(vtd, w->pte))
		return broken(w, FR_PTE_INVALID);

	return 0;
}

int vtd_walk_fresh(struct vtd *vtd, const struct vtd_req *req, uint64_t iova, struct vtd_walk *w)
{
	int fault;

	memset(w, 0, sizeof(*w));
	fault = vtd_read_context(vtd, req->sid, w);
	if (!fault)
		fault = vtd_check_context(req, w);
	if (!fault)
		fault = vtd_read_pasid(vtd, w);

	return fault ? fault : vtd_walk_pages(vtd, req, iova, false, w);
}
