/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PGT_WALK_H
#define PGT_WALK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What hardware makes of a table: a walker of our own for each layout, from the
 * Arm ARM (DDI 0487, D8.3) and the VT-d specification (9.7), numbers and all.
 * Nothing here comes from the library.
 */
struct seen {
	bool ok;
	const char *why; /* not ok */
	uint64_t out;
	uint64_t size;
	bool read, write, user;
	bool exec; /* by a user's request where it is a user's page, else by a privileged one */
	bool accessed, dirty;
	uint64_t *entry;
	uint64_t table[5]; /* addresses of the tables on the way, by shift: [0] holds 4 KiB entries
			    */
};

struct walker {
	uint8_t *memory;
	uint64_t address, length; /* of the memory, as hardware sees it */
	uint64_t root;
	unsigned int bits;
	bool arm;
	bool marks; /* Arm: HA and HD are on */
	bool nx;    /* x86: NXE is on */
};

#define UP_TO(bit) ((UINT64_C(1) << ((bit) + 1)) - 1)

static inline uint64_t *at_address(const struct walker *w, uint64_t addr)
{
	if (addr < w->address || addr - w->address > w->length - 8)
		return 0;
	return (uint64_t *)(void *)(w->memory + (addr - w->address));
}

static inline struct seen no(const char *why)
{
	struct seen s = {.why = why};

	return s;
}

static inline struct seen arm_leaf(const struct walker *w, struct seen s, uint64_t d, int shift,
				   uint64_t iova)
{
	uint64_t out = d & UP_TO(49) & ~UP_TO(11);
	bool ds = w->bits == 52;

	if (ds)
		out |= (d >> 8 & 3) << 50;
	else if (d >> 48 & 3)
		return no("output address beyond 48 bits");
	else if ((d >> 8 & 3) != 3)
		return no("not inner shareable");
	if (out & UP_TO(shift - 1))
		return no("block is misaligned");
	if (!(d >> 11 & 1))
		return no("global");
	if (d >> 55 || d >> 52 & 1)
		return no("bits that nobody asked for");
	s.dirty = (d >> 51 & 1) && !(d >> 7 & 1);
	s.write = !(d >> 7 & 1) || (w->marks && (d >> 51 & 1));
	s.user = d >> 6 & 1;
	s.exec = s.user ? !(d >> 54 & 1) : !(d >> 53 & 1);
	if (s.user && !(d >> 53 & 1))
		return no("privileged code in a user's page");
	s.accessed = d >> 10 & 1;
	if (!s.accessed && !w->marks)
		return no("access flag fault");
	s.ok = s.read = true;
	s.size = UINT64_C(1) << shift;
	s.out = out | (iova & UP_TO(shift - 1));

	return s;
}

static inline struct seen arm_walk(const struct walker *w, uint64_t iova)
{
	int shift = w->bits == 52 ? 48 : w->bits == 48 ? 39 : 30;
	uint64_t table = w->root;
	struct seen s = {0};

	if (iova >> w->bits)
		return no("beyond T0SZ");
	for (;; shift -= 9) {
		uint64_t d, *entry = at_address(w, table + (iova >> shift & 511) * 8);

		if (!entry)
			return no("table outside of memory");
		s.entry = entry;
		s.table[(shift - 12) / 9] = table;
		d = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
		if (!(d & 1))
			return no("invalid descriptor");
		if (shift == 12)
			return d & 2 ? arm_leaf(w, s, d, shift, iova) : no("reserved at level 3");
		if (!(d & 2))
			return shift <= 30 ? arm_leaf(w, s, d, shift, iova)
					   : no("block at that level");
		if (d >> 59)
			return no("permissions taken away by a table descriptor");
		table = d & UP_TO(49) & ~UP_TO(11);
		if (w->bits == 52)
			table |= (d >> 8 & 3) << 50;
		else if (table >> 48)
			return no("table beyond 48 bits");
	}
}

static inline struct seen x86_walk(const struct walker *w, uint64_t iova)
{
	int shift = w->bits == 57 ? 48 : 39;
	uint64_t table = w->root;
	struct seen s = {.read = true, .write = true, .user = true, .exec = true};

	if (iova >> (w->bits - 1))
		return no("not canonical, or upper half");
	for (;; shift -= 9) {
		uint64_t e, *entry = at_address(w, table + (iova >> shift & 511) * 8);

		if (!entry)
			return no("table outside of memory");
		s.entry = entry;
		s.table[(shift - 12) / 9] = table;
		e = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
		if (!(e & 1))
			return no("not present");
		if (shift > 30 && (e & 0x80))
			return no("page size bit is reserved");
		if (e >> 63 && !w->nx)
			return no("XD is reserved");
		s.write = s.write && (e & 2);
		s.user = s.user && (e & 4);
		s.exec = s.exec && !(e >> 63);
		table = e & UP_TO(51) & ~UP_TO(11);
		if (shift > 12 && !(e & 0x80))
			continue;
		if (table & UP_TO(shift - 1))
			return no("large page is misaligned");
		if (e & 0xf18)
			return no("bits that nobody asked for");
		s.accessed = e & 0x20;
		s.dirty = e & 0x40;
		s.ok = true;
		s.size = UINT64_C(1) << shift;
		s.out = table | (iova & UP_TO(shift - 1));
		return s;
	}
}

static inline struct seen hw_walk(const struct walker *w, uint64_t iova)
{
	return w->arm ? arm_walk(w, iova) : x86_walk(w, iova);
}

/* An access: marks are set as hardware does, in one step with the look at the entry. */
static inline bool hw_access(const struct walker *w, uint64_t iova, bool write)
{
	for (;;) {
		struct seen s = hw_walk(w, iova);
		uint64_t old, now;

		if (!s.ok || (write && !s.write))
			return false;
		old = __atomic_load_n(s.entry, __ATOMIC_ACQUIRE);
		now = old | (w->arm ? UINT64_C(1) << 10 : 0x20);
		if (write)
			now = w->arm ? now & ~UINT64_C(0x80) : now | 0x40;
		if (hw_walk(w, iova).entry != s.entry)
			continue;
		if (now == old || __atomic_compare_exchange_n(s.entry, &old, now, false,
							      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return true;
	}
}

/* Table pages that can be reached. */
static inline uint64_t hw_tables(const struct walker *w, uint64_t table, int shift)
{
	uint64_t count = 1;

	for (unsigned int i = 0; shift > 12 && i < 512; i++) {
		uint64_t e = *at_address(w, table + i * 8);

		if (!(e & 1) || (w->arm ? !(e & 2) : (e & 0x80) && shift < 39))
			continue;
		count += hw_tables(w, e & UP_TO(47) & ~UP_TO(11), shift - 9);
	}

	return count;
}

static inline uint64_t hw_all_tables(const struct walker *w)
{
	return hw_tables(w, w->root, w->bits > 48 ? 48 : w->bits == 48 ? 39 : 30);
}

#endif /* PGT_WALK_H */
