// SPDX-License-Identifier: BSD-3-Clause
#include "vtd_priv.h"

/* Page tables: first stage (3.6, 9.7), second stage (3.7, 9.8), nested (3.8). */

struct stage {
	struct vtd *vtd;
	const struct vtd_req *req;
	struct vtd_walk *w;
	bool cached;
};

/* Who shares a translation: of a second stage the whole domain, else a PASID of it. */
uint32_t vtd_tag(const struct vtd_walk *w)
{
	unsigned int kind = (unsigned int)PTE_PGTT(w->pte[0]);

	return kind == PGTT_SECOND ? VTD_NO_PASID : w->pasid;
}

static bool is_nested(const struct vtd_walk *w)
{
	return PTE_PGTT(w->pte[0]) == PGTT_NESTED;
}

static struct vtd_key inner_key(const struct stage *s, uint64_t addr, unsigned int level,
				bool second)
{
	return (struct vtd_key){
		.addr = addr >> vtd_shift(level),
		.pasid = second ? VTD_NO_PASID : vtd_tag(s->w),
		.id = (uint16_t)PTE_DID(s->w->pte[1]),
		.kind = VTD_INNER,
		.level = (uint8_t)(level + (second ? VTD_SECOND : 0)),
	};
}

/*
 * One entry of a table: from the cache, where *slot is NULL then, or from
 * memory. A leaf never comes from this cache.
 */
static int load(const struct stage *s, uint64_t table, uint64_t addr, unsigned int level,
		bool second, uint64_t *entry, uint64_t **slot)
{
	struct vtd_key key = inner_key(s, addr, level, second);
	struct vtd_entry *e = s->cached && level > 1 ? vtd_find(s->vtd, &key) : NULL;
	uint64_t *at;

	*slot = NULL;
	if (e) {
		vtd_compare_tables(s->vtd, e, vtd_tables(s->w, second));
		if (!vtd_holds(s->vtd, e, s->req, addr))
			return vtd_fault(s->w, FR_FS_ACCESS, UVDK_EMU_FAULT_STALE);
		if (second || e->nested == is_nested(s->w)) {
			*entry = e->val[0];
			return 0;
		}
		/* Of another time, and met amid a change: where it leads is no memory here. */
		vtd_drop(s->vtd, e);
	}
	at = vtd_at(s->vtd, table + (addr >> vtd_shift(level) & 0x1ff) * 8);
	if (!at)
		return vtd_fault(s->w, second ? FR_SS_ACCESS : FR_FS_ACCESS, UVDK_EMU_FAULT_TABLES);
	*slot = at;
	*entry = __atomic_load_n(at, __ATOMIC_ACQUIRE);

	return 0;
}

static void remember(const struct stage *s, uint64_t addr, unsigned int level, bool second,
		     uint64_t entry, const uint64_t *slot)
{
	struct vtd_key key = inner_key(s, addr, level, second);
	struct vtd_entry *e;

	s->w->inner[second][level] = entry;
	if (!s->cached || !slot)
		return;
	e = vtd_add(s->vtd, &key);
	if (!e)
		return;
	e->val[0] = entry;
	e->sid = s->req->sid;
	e->pasid = s->w->pasid;
	e->did = key.id;
	e->tables = vtd_tables(s->w, second);
	e->nested = is_nested(s->w);
}

/* Set accessed and dirty bits in memory, unless the entry has changed there. */
static bool mark(const struct stage *s, uint64_t *slot, uint64_t *entry, uint64_t bits)
{
	uint64_t now = *entry;

	if (!slot || (now & bits) == bits || s->req->purpose == VTD_CHECK)
		return true;
	if (s->req->purpose == VTD_PREFETCH)
		return false;
	if (!__atomic_compare_exchange_n(slot, &now, now | bits, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return false;
	*entry |= bits;

	return true;
}

static bool bad_leaf_address(uint64_t entry, unsigned int level)
{
	return entry & SPAN(vtd_shift(level) - 1, 12) & ~BIT(12); /* bit 12 is PAT, or ignored */
}

/* ---- second stage ---- */

static bool ss_reserved(const struct vtd *vtd, uint64_t e, unsigned int level, bool leaf)
{
	if (e & SPAN(51, HAW))
		return true; /* beyond the host's address width */
	if (level > 3 && (e & SS_PS))
		return true;
	if (!(vtd->ecap & ECAP_SC) && (e & SS_SNP))
		return true;

	return leaf && level > 1 && (bad_leaf_address(e, level) || (e & BIT(12)));
}

static unsigned int ss_levels(const struct vtd_walk *w)
{
	return (unsigned int)PTE_AW(w->pte[0]) + 2;
}

/* @write: what the access needs of the leaf. Fills in right, *level and *host. */
static int ss_walk(const struct stage *s, uint64_t addr, bool write, unsigned int *right,
		   unsigned int *level, uint64_t *host)
{
	bool ad = s->w->pte[0] & PTE_SSADE;
	uint64_t table = s->w->pte[0] & SPAN(51, 12);
	unsigned int have = VTD_READ | VTD_WRITE;
	uint64_t entry, *slot;
	int fault;

	if (addr >> vtd_shift(ss_levels(s->w) + 1) || addr >> s->vtd->mgaw)
		return vtd_fault(s->w, FR_SS_MGAW, UVDK_EMU_FAULT_RANGE);
	for (unsigned int l = ss_levels(s->w);; l--) {
		bool leaf;

		fault = load(s, table, addr, l, true, &entry, &slot);
		if (fault)
			return fault;
		leaf = l == 1 || (l <= 3 && (entry & SS_PS));
		if (!(entry & (SS_R | SS_W)))
			return vtd_fault(s->w, FR_SS_PERMISSION, UVDK_EMU_FAULT_NOT_MAPPED);
		if (ss_reserved(s->vtd, entry, l, leaf))
			return vtd_fault(s->w, FR_SS_RESERVED, UVDK_EMU_FAULT_TABLES);
		have &= (entry & SS_R ? VTD_READ : 0u) | (entry & SS_W ? VTD_WRITE : 0u);
		if (leaf) {
			if (!(have & (write ? VTD_WRITE : VTD_READ)) &&
			    s->req->purpose != VTD_CHECK)
				return vtd_fault(s->w, FR_SS_PERMISSION, UVDK_EMU_FAULT_PERMISSION);
			if (ad && !mark(s, slot, &entry, write ? SS_A | SS_D : SS_A))
				return vtd_fault(s->w, FR_SS_ACCESS, VTD_AGAIN);
			*level = l;
			break;
		}
		if (ad && !mark(s, slot, &entry, SS_A))
			return vtd_fault(s->w, FR_SS_ACCESS, VTD_AGAIN);
		remember(s, addr, l, true, entry, slot);
		table = entry & SPAN(51, 12);
	}
	if (!ad || (entry & SS_D))
		have |= VTD_DIRTY;
	*right = have | (entry & SS_SNP ? VTD_SNOOP : 0u);
	*host = (entry & SPAN(51, vtd_shift(*level))) |
		(addr & (BIT(vtd_shift(*level)) - 1) & ~(EMU_PAGE_SIZE - 1));

	return 0;
}

/* Where a first-stage table is: translated once more when nested. */
static int table_address(const struct stage *s, uint64_t guest, bool write, int reason,
			 uint64_t *host)
{
	unsigned int right, level;
	int fault;

	*host = guest;
	if (!is_nested(s->w))
		return 0;
	fault = ss_walk(s, guest, write, &right, &level, host);
	if (fault)
		s->w->guest = guest;
	if (fault && s->w->why != UVDK_EMU_FAULT_STALE && s->w->why != VTD_AGAIN)
		s->w->fault = reason;

	return fault;
}

/* What is marked is written: the second stage must allow that, and marks it, too. */
static int fs_mark(const struct stage *s, uint64_t guest, uint64_t *slot, uint64_t *entry,
		   uint64_t bits)
{
	uint64_t host;
	int fault = 0;

	if (slot && (bits & ~*entry) && s->req->purpose == VTD_ACCESS)
		fault = table_address(s, guest, true, FR_NEST_WRITE, &host);
	if (fault)
		return fault;

	return mark(s, slot, entry, bits) ? 0 : vtd_fault(s->w, FR_FS_ACCESS, VTD_AGAIN);
}

/* ---- first stage ---- */

static bool fs_reserved(const struct vtd_walk *w, uint64_t e, unsigned int level, bool leaf)
{
	if (e & SPAN(51, HAW))
		return true;
	if (level > 3 && (e & FS_PS))
		return true;
	if ((e & FS_XD) && !(w->pte[2] & PTE_NXE))
		return true;

	return leaf && level > 1 && bad_leaf_address(e, level);
}

static bool canonical(uint64_t addr, unsigned int levels)
{
	int64_t top = (int64_t)addr >> (vtd_shift(levels + 1) - 1);

	return top == 0 || top == -1;
}

/* @slot: the entry in memory, in the table at @guest */
static int fs_leaf(const struct stage *s, uint64_t addr, uint64_t guest, uint64_t entry,
		   uint64_t *slot, unsigned int level, unsigned int have)
{
	struct vtd_walk *w = s->w;
	unsigned int right, second;
	int fault;

	fault = vtd_permit(s->req, w, have);
	if (!fault)
		fault = fs_mark(s, guest, slot, &entry, s->req->write ? FS_A | FS_D : FS_A);
	if (fault)
		return fault;
	if (entry & FS_D)
		have |= VTD_DIRTY;
	w->host = (entry & SPAN(51, vtd_shift(level))) |
		  (addr & (BIT(vtd_shift(level)) - 1) & ~(EMU_PAGE_SIZE - 1));
	w->level = level;
	w->right = have;
	if (!is_nested(w))
		return 0;

	w->guest = w->host;
	fault = ss_walk(s, w->host, s->req->write, &right, &second, &w->host);
	if (fault)
		return fault;
	w->right = (have & (right | VTD_USER | VTD_EXEC)) | (right & VTD_SNOOP);
	w->level = second < level ? second : level;

	return 0;
}

static int fs_walk(const struct stage *s, uint64_t addr)
{
	unsigned int levels = 4 + (unsigned int)PTE_FSPM(s->w->pte[2]);
	unsigned int have = VTD_READ | VTD_WRITE | VTD_USER | VTD_EXEC;
	uint64_t guest = s->w->pte[2] & SPAN(51, 12);
	uint64_t table, entry, *slot;
	int fault;

	s->w->guest = VTD_NO_GUEST;
	if (!canonical(addr, levels))
		return vtd_fault(s->w, FR_CANONICAL, UVDK_EMU_FAULT_RANGE);
	for (unsigned int l = levels;; l--) {
		bool leaf;

		fault = table_address(s, guest, false,
				      l == levels ? FR_NEST_TOP_READ : FR_NEST_READ, &table);
		if (!fault)
			fault = load(s, table, addr, l, false, &entry, &slot);
		if (fault)
			return fault;
		if (!(entry & FS_P))
			return vtd_fault(s->w, FR_FS_P, UVDK_EMU_FAULT_NOT_MAPPED);
		leaf = l == 1 || (l <= 3 && (entry & FS_PS));
		if (fs_reserved(s->w, entry, l, leaf))
			return vtd_fault(s->w, FR_FS_RESERVED, UVDK_EMU_FAULT_TABLES);
		have &= VTD_READ | (entry & FS_RW ? VTD_WRITE : 0u) |
			(entry & FS_US ? VTD_USER : 0u) | (entry & FS_XD ? 0u : VTD_EXEC);
		if (leaf)
			return fs_leaf(s, addr, guest, entry, slot, l, have);
		fault = fs_mark(s, guest, slot, &entry, FS_A);
		if (fault)
			return fault;
		remember(s, addr, l, false, entry, slot);
		guest = entry & SPAN(51, 12);
	}
}

/* Rights against what is asked for; those of the second stage include VTD_USER. */
int vtd_permit(const struct vtd_req *req, struct vtd_walk *w, unsigned int right)
{
	int reason = 0;

	if (req->purpose == VTD_CHECK)
		return 0;
	if (req->priv && !(w->pte[2] & PTE_SRE) && vtd_tag(w) != VTD_NO_PASID)
		reason = FR_SRE;
	else if (!req->priv && !(right & VTD_USER))
		reason = FR_US;
	else if (req->write && !(right & VTD_WRITE))
		reason = FR_WRITE;
	else if (!req->write && !(right & VTD_READ))
		reason = FR_READ;
	else if (req->exec && !(right & VTD_EXEC))
		reason = FR_EXEC;

	return reason ? vtd_fault(w, reason, UVDK_EMU_FAULT_PERMISSION) : 0;
}

static int walk(struct vtd *vtd, const struct vtd_req *req, uint64_t iova, bool cached,
		struct vtd_walk *w)
{
	const struct stage s = {.vtd = vtd, .req = req, .w = w, .cached = cached};
	int fault;

	switch (PTE_PGTT(w->pte[0])) {
	case PGTT_FIRST:
	case PGTT_NESTED:
		return fs_walk(&s, iova);
	case PGTT_SECOND:
		fault = ss_walk(&s, iova, req->write, &w->right, &w->level, &w->host);
		w->right |= VTD_USER | VTD_EXEC;
		return fault;
	default:
		if (iova >> vtd->mgaw)
			return vtd_fault(w, FR_MGAW, UVDK_EMU_FAULT_RANGE);
		w->host = iova & ~(EMU_PAGE_SIZE - 1);
		w->level = 1;
		w->right = VTD_READ | VTD_WRITE | VTD_USER | VTD_EXEC | VTD_DIRTY;
		return 0;
	}
}

/*
 * Snoop control: of a second stage, each leaf has a bit (9.8); for a first stage
 * and what passes through, the PASID table entry has one for all pages (9.6).
 * Without ECAP.SC both are reserved.
 */
int vtd_walk_pages(struct vtd *vtd, const struct vtd_req *req, uint64_t iova, bool cached,
		   struct vtd_walk *w)
{
	int fault = walk(vtd, req, iova, cached, w);

	if (!fault && w->pte[1] & PTE_PGSNP && PTE_PGTT(w->pte[0]) != PGTT_SECOND)
		w->right |= VTD_SNOOP;

	return fault;
}
