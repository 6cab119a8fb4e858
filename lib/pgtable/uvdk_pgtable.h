/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PGTABLE_H
#define UVDK_PGTABLE_H

#include <uvdk_pgtable_arena.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Stage-1 page tables in memory, written by the application
 *
 * A table is what a device walks to translate the addresses it uses: the first
 * stage of a nested translation, or the only one. Nothing here is a system
 * call. Call order: an *arena* for the memory of tables, a *table* in it, its
 * root into a context descriptor (Arm SMMUv3) or PASID entry (VT-d, AMD), then
 * map; after unmap, invalidate, and only then use again what was unmapped::
 *
 *	struct uvdk_pgtable_gather gather = {0};
 *
 *	uvdk_pgtable_map(pt, iova, out, length, UVDK_PGTABLE_READ | UVDK_PGTABLE_USER);
 *	...
 *	uvdk_pgtable_unmap(pt, iova, length, &gather);
 *	cookie = (post the invalidation of gather.first to gather.last)
 *	uvdk_pgtable_quarantine(arena, &gather, cookie);
 *	...
 *	uvdk_pgtable_release(arena, (last cookie that has completed));
 *
 * *Terms.* An input address is what the device uses (an IOVA or a virtual
 * address); an output address is what stands behind it: an address of the
 * stage 2 where there is one, else a physical one. A page is 4 KiB, 2 MiB or
 * 1 GiB.
 *
 * *Threads.* Any call may run beside any other on ranges that have no byte in
 * common, without a lock where page tables exist. It is the caller's part that
 *
 * - two calls at once have no address in common; lookup, walk and marks count;
 * - an address is not mapped again before the invalidation that followed its
 *   unmap has completed;
 * - a gather is used by one thread at a time;
 * - who merges, or unmaps with a table that needs break-before-make, has
 *   nothing in the callback that calls back into the same range.
 *
 * Breaking these costs wrong translations, never memory outside the arena.
 *
 * *Order.* An entry is an ordinary store. Who then tells the device of it, or
 * posts an invalidation, puts a barrier in front, as for any memory that a device
 * reads (what a driver's doorbell does anyway); so does the callback *invalidate*.
 *
 * *What hardware must do.* It has to walk tables coherently with the CPU's
 * caches (COHACC of an SMMU's IDR0, SMPWC of VT-d); no cache line is flushed.
 */

/**
 * enum uvdk_pgtable_format - whose layout
 * @UVDK_PGTABLE_ARM: VMSAv8-64 stage 1, granule 4 KiB (Arm ARM, D8.3)
 * @UVDK_PGTABLE_X86: long mode, which VT-d's first stage (9.7) and AMD's guest
 *	tables (2.2.6) share
 */
enum uvdk_pgtable_format {
	UVDK_PGTABLE_ARM = 1,
	UVDK_PGTABLE_X86,
};

/**
 * enum uvdk_pgtable_prot - what a device may do
 * @UVDK_PGTABLE_READ: read; no page is without it, as no format has that
 * @UVDK_PGTABLE_WRITE: write
 * @UVDK_PGTABLE_EXEC: fetch instructions; on Arm it goes to unprivileged
 *	requests with USER, else to privileged ones
 * @UVDK_PGTABLE_USER: unprivileged requests, which is what devices make unless
 *	they were told otherwise
 */
enum uvdk_pgtable_prot {
	UVDK_PGTABLE_READ = 1,
	UVDK_PGTABLE_WRITE = 2,
	UVDK_PGTABLE_EXEC = 4,
	UVDK_PGTABLE_USER = 8,
};

/**
 * enum uvdk_pgtable_mark - what hardware notes in an entry
 * @UVDK_PGTABLE_ACCESSED: used since the mark was cleared
 * @UVDK_PGTABLE_DIRTY: written since then
 */
enum uvdk_pgtable_mark {
	UVDK_PGTABLE_ACCESSED = 1,
	UVDK_PGTABLE_DIRTY = 2,
};

#define UVDK_PGTABLE_PAGE UINT64_C(4096)

/**
 * struct uvdk_pgtable - what the inline calls need to know of a table
 * @root: first table page
 * @to_va: what turns an entry that leads to a table into a pointer
 * @no_iova: bits that no input address has set
 * @no_out: bits of an output address that the inline call leaves to the other
 * @top: of 4 levels, how many of the first's entries are in use; else 0
 * @unmap_top: the same for unmapping a page; 0 also where marks are kept
 * @levels: 3 to 5
 * @unmap_levels: the same for unmapping a page; 0 where marks are kept
 * @attr: entry of a page without its address, by enum uvdk_pgtable_prot; 0 where
 *	that does not exist
 *
 * Constant while the table lives; not to be written.
 */
struct uvdk_pgtable {
	uint64_t *root;
	uint64_t to_va;
	uint64_t no_iova;
	uint64_t no_out;
	uint64_t top;
	uint64_t unmap_top;
	uint32_t levels;
	uint32_t unmap_levels;
	uint64_t attr[16];
};

/**
 * struct uvdk_pgtable_opts - a table
 * @size: sizeof(struct uvdk_pgtable_opts)
 * @arena: memory for it; borrowed
 * @format: layout
 * @input_bits: Arm: 39 (3 levels), 48 (4) or 52 (5, with FEAT_LPA2's layout,
 *	DS = 1); x86: 48 (4 levels) or 57 (5), of which the lower half is used
 * @output_bits: width of output addresses, 32 to 52; 0: 48, or 52 with 5 levels.
 *	More than 48 on Arm needs DS = 1, so 5 levels
 * @page_sizes: sizes that may be used, or'ed; 0: 4 KiB, 2 MiB and 1 GiB. 4 KiB is
 *	always among them
 * @attr_index: Arm: index in MAIR of normal write-back memory, 0 to 7
 * @track: hardware keeps accessed and dirty marks: HA and HD of an SMMU's context
 *	descriptor; x86 always does. Without, pages are marked from the start,
 *	which spares the hardware the writing
 * @no_exec: x86: the PASID entry has NXE, so that pages without EXEC can say so;
 *	otherwise every page is executable
 * @in_place: Arm: the SMMU has BBM level 2 (IDR3.BBML), so that a large page and
 *	a table are exchanged in one store. x86 always does
 * @invalidate: invalidates a range of input addresses, tables on the way
 *	included, in every device that uses the table, and returns when that is
 *	done: 0 or a negative errno. NULL: none; see uvdk_pgtable_split()
 * @arg: passed to @invalidate
 */
struct uvdk_pgtable_opts {
	size_t size;
	struct uvdk_pgtable_arena *arena;
	enum uvdk_pgtable_format format;
	unsigned int input_bits;
	unsigned int output_bits;
	uint64_t page_sizes;
	unsigned int attr_index;
	bool track;
	bool no_exec;
	bool in_place;
	int (*invalidate)(void *arg, uint64_t first, uint64_t last);
	void *arg;
};

/**
 * struct uvdk_pgtable_info - what goes into the entry that points to a table
 * @root: address of the first table page, as hardware sees it
 * @levels: 3 to 5; VT-d: FSPM = @levels - 4, as AMD's GuestPagingMode
 * @input_bits: as asked for; Arm: T0SZ = 64 - @input_bits
 * @output_bits: width of output addresses
 * @last: highest input address
 * @ds: Arm: FEAT_LPA2's layout (TCR.DS, CD.DS)
 */
struct uvdk_pgtable_info {
	uint64_t root;
	unsigned int levels;
	unsigned int input_bits;
	unsigned int output_bits;
	uint64_t last;
	bool ds;
};

/**
 * struct uvdk_pgtable_page - a page and what is behind it
 * @iova: first input address
 * @out: first output address
 * @size: bytes: 4 KiB, 2 MiB or 1 GiB
 * @prot: enum uvdk_pgtable_prot, or'ed
 * @marks: enum uvdk_pgtable_mark, or'ed
 * @entry: the entry itself
 */
struct uvdk_pgtable_page {
	uint64_t iova;
	uint64_t out;
	uint64_t size;
	unsigned int prot;
	unsigned int marks;
	uint64_t entry;
};

/**
 * typedef uvdk_pgtable_page_fn - is told of a page
 * @arg: as given
 * @page: valid during the call only
 *
 * Not to change the table.
 *
 * Return: 0 to go on; anything else ends the call that it came from.
 */
typedef int (*uvdk_pgtable_page_fn)(void *arg, const struct uvdk_pgtable_page *page);

/**
 * uvdk_pgtable_create() - an empty table
 * @opts: what it is to be
 * @out: the table
 *
 * Return: 0, -EINVAL (a format, width, page size or index that does not exist,
 * or not together), -ERANGE (the arena is beyond the output addresses), -ENOMEM
 * (no memory, or no page in the arena).
 */
int uvdk_pgtable_create(const struct uvdk_pgtable_opts *opts, struct uvdk_pgtable **out);

/**
 * uvdk_pgtable_destroy() - give all its pages back
 * @pt: table, or NULL
 *
 * No hardware may know it any more: nothing points to it, and that has been
 * invalidated. Its pages are free at once.
 */
void uvdk_pgtable_destroy(struct uvdk_pgtable *pt);

/**
 * uvdk_pgtable_get_info() - what to point to it with
 * @pt: table
 * @info: filled in
 */
void uvdk_pgtable_get_info(const struct uvdk_pgtable *pt, struct uvdk_pgtable_info *info);

/**
 * uvdk_pgtable_map() - map a range
 * @pt: table
 * @iova: first input address; a multiple of 4096
 * @out: first output address; a multiple of 4096
 * @length: bytes; a multiple of 4096
 * @prot: enum uvdk_pgtable_prot, or'ed
 *
 * With the largest pages that alignment and what is free allow: where a table
 * of smaller pages exists already, even an empty one, it is used, see
 * uvdk_pgtable_merge(). Nothing has to be invalidated: hardware keeps nothing
 * of addresses that are not mapped.
 *
 * The device may see it from here on; who tells it by a register puts a barrier
 * for device memory in front, as for any other memory.
 *
 * Return: 0, -EINVAL (misaligned, empty, a permission that does not exist),
 * -ERANGE (too wide, or wraps), -EEXIST (part of it is mapped), -ENOMEM (the
 * arena is used up). Nothing has changed then.
 */
int uvdk_pgtable_map(struct uvdk_pgtable *pt, uint64_t iova, uint64_t out, uint64_t length,
		     unsigned int prot);

/**
 * uvdk_pgtable_unmap() - unmap what is mapped of a range
 * @pt: table
 * @iova: first input address; a multiple of 4096
 * @length: bytes; a multiple of 4096
 * @gather: what to invalidate is added
 *
 * Table pages that the range covers wholly leave the table, and wait in
 * @gather. A large page that sticks out of the range is split first, see
 * uvdk_pgtable_split().
 *
 * Return: bytes that were mapped; 0: only empty tables were, which wants
 * invalidation all the same; -ENOENT (nothing at all), -EINVAL, -ERANGE as for
 * uvdk_pgtable_map(); -ENOMEM, -EOPNOTSUPP and the errors of the callback when
 * a page could not be split. On error no translation has changed.
 */
int64_t uvdk_pgtable_unmap(struct uvdk_pgtable *pt, uint64_t iova, uint64_t length,
			   struct uvdk_pgtable_gather *gather);

/**
 * uvdk_pgtable_protect() - change what a device may do
 * @pt: table
 * @iova: first input address; a multiple of 4096
 * @length: bytes; a multiple of 4096
 * @prot: enum uvdk_pgtable_prot, or'ed
 * @gather: what to invalidate is added
 *
 * Output addresses and marks stay; on Arm a page that may not be written any
 * more has no place for a dirty mark, and is counted in @gather instead. A large
 * page that sticks out is split first.
 *
 * Return: bytes that are mapped there, else as for uvdk_pgtable_unmap().
 */
int64_t uvdk_pgtable_protect(struct uvdk_pgtable *pt, uint64_t iova, uint64_t length,
			     unsigned int prot, struct uvdk_pgtable_gather *gather);

/**
 * uvdk_pgtable_split() - make a page begin at an address
 * @pt: table
 * @iova: a multiple of 4096
 *
 * The large page that goes through @iova becomes 512 smaller ones, and one of
 * these 512 more where that is not enough. Translations and marks stay. Nothing
 * happens where a page begins already, or none is.
 *
 * Where a table and a large page may not be exchanged in place (Arm without BBM
 * level 2; Arm ARM, D8.17.1), it is broken first: the large page is unmapped,
 * the callback *invalidate* called, the table put there. A device that accesses
 * it in the meantime faults. Other threads that need it wait.
 *
 * In place no callback is called, and nothing needs to be invalidated: cached
 * or not, the translation is the same. Until the next invalidation that touches
 * the former page hardware may go on to use it as one. So an invalidation must
 * not carry a hint at which level the leaf is (TTL).
 *
 * Return: 0, -EINVAL (misaligned), -ERANGE, -ENOMEM, -EOPNOTSUPP (has to be
 * broken, and there is no callback), what the callback returned. On error
 * no translation has changed.
 */
int uvdk_pgtable_split(struct uvdk_pgtable *pt, uint64_t iova);

/**
 * uvdk_pgtable_merge() - back to large pages, and away with empty tables
 * @pt: table
 * @iova: first input address; a multiple of 4096
 * @length: bytes; a multiple of 4096
 * @gather: what to invalidate is added
 *
 * A table page wholly in the range whose 512 pages follow one another, with the
 * same permissions, becomes a large page; it is dirty or accessed if one of
 * them was. Breaks first where uvdk_pgtable_split() does. In place the callback
 * is called afterwards, where marks are kept: up to then they may go into the
 * former pages. A table page without any page just goes.
 *
 * Return: table pages that went, -EINVAL, -ERANGE; -EOPNOTSUPP (the callback is
 * needed, and there is none) and what the callback returned: no translation has
 * changed, but part of the work may be done.
 */
int64_t uvdk_pgtable_merge(struct uvdk_pgtable *pt, uint64_t iova, uint64_t length,
			   struct uvdk_pgtable_gather *gather);

/**
 * uvdk_pgtable_lookup() - what is behind an address
 * @pt: table
 * @iova: any input address
 * @page: filled in: the page that holds it
 *
 * Return: 0, -ENOENT (not mapped), -ERANGE (too wide). No error is logged.
 */
int uvdk_pgtable_lookup(struct uvdk_pgtable *pt, uint64_t iova, struct uvdk_pgtable_page *page);

/**
 * uvdk_pgtable_walk() - see every page of a range, in order
 * @pt: table
 * @iova: first input address; a multiple of 4096
 * @length: bytes; a multiple of 4096
 * @fn: told of each page, whole, also when it sticks out
 * @arg: passed to @fn
 *
 * Return: 0, what @fn returned, -EINVAL, -ERANGE.
 */
int uvdk_pgtable_walk(struct uvdk_pgtable *pt, uint64_t iova, uint64_t length,
		      uvdk_pgtable_page_fn fn, void *arg);

/**
 * uvdk_pgtable_read_marks() - read marks and clear them
 * @pt: table that keeps marks
 * @iova: first input address; a multiple of 4096
 * @length: bytes; a multiple of 4096
 * @marks: enum uvdk_pgtable_mark, or'ed: which
 * @fn: told of each page that had one of them, whole, also when it sticks out; its
 *	marks are those cleared; or NULL
 * @arg: passed to @fn
 * @gather: what to invalidate is added: without, hardware that has the page
 *	cached as marked will not mark it again
 *
 * A large page has one mark. To know more of it, split it.
 *
 * Return: pages that had one, -EINVAL, -ERANGE, -EOPNOTSUPP (the table keeps
 * none). @fn ends it by returning anything but 0; then that is returned, where
 * it is negative. The page it was told of is cleared then, those after it are
 * not.
 */
int64_t uvdk_pgtable_read_marks(struct uvdk_pgtable *pt, uint64_t iova, uint64_t length,
				unsigned int marks, uvdk_pgtable_page_fn fn, void *arg,
				struct uvdk_pgtable_gather *gather);

/* ---- a page at a time ---- */

/**
 * uvdk_pgtable_unmap_page_slow() - the other path of uvdk_pgtable_unmap_page()
 * @pt: table
 * @iova: input address
 *
 * Return: as that.
 */
int uvdk_pgtable_unmap_page_slow(struct uvdk_pgtable *pt, uint64_t iova);

/* A table page leads to another by an entry with this bit, which hardware ignores. */
#define UVDK_PGTABLE_TABLE (UINT64_C(1) << 56)

/*
 * Follow an entry, or give up where it leads to no table. The empty statement
 * keeps the compiler from adding index and base up in ways that cost more.
 */
#define UVDK_PGTABLE_STEP(pt, table, index)                                           \
	do {                                                                          \
		uint64_t entry_ = __atomic_load_n(&(table)[index], __ATOMIC_ACQUIRE); \
                                                                                      \
		if (__builtin_expect(!(entry_ & UVDK_PGTABLE_TABLE), 0))              \
			return NULL;                                                  \
		(table) = (uint64_t *)(uintptr_t)(entry_ + (pt)->to_va);              \
		__asm__("" : "+r"(table));                                            \
	} while (0)

/*
 * The entry of a page is read plainly: while it is mapped or unmapped, nobody else
 * may use it. Entries that lead to tables are others' too.
 */

/**
 * uvdk_pgtable_other_leaves() - uvdk_pgtable_leaves() for 3 and 5 levels
 * @pt: table
 * @iova: input address
 * @unmaps: as there
 *
 * Return: as that.
 */
uint64_t *uvdk_pgtable_other_leaves(const struct uvdk_pgtable *pt, uint64_t iova, bool unmaps);

/**
 * uvdk_pgtable_leaves() - walk down to a table page of 4 KiB pages
 * @pt: table
 * @iova: input address
 * @unmaps: a page is to be unmapped, which with marks kept is not done here
 *
 * For the inline calls below.
 *
 * Return: its 512 entries, or NULL: there is none, or no such address.
 */
static inline uint64_t *uvdk_pgtable_leaves(const struct uvdk_pgtable *pt, uint64_t iova,
					    bool unmaps)
{
	uint64_t top = unmaps ? pt->unmap_top : pt->top;
	uint64_t *table = pt->root;

	/* A comparison that 4 levels need anyway tells them from others. */
	if (__builtin_expect(iova >> 39 >= top, 0))
		return uvdk_pgtable_other_leaves(pt, iova, unmaps);
	if (__builtin_expect((iova & (UVDK_PGTABLE_PAGE - 1)) != 0, 0))
		return NULL;
	UVDK_PGTABLE_STEP(pt, table, iova >> 39);
	UVDK_PGTABLE_STEP(pt, table, iova >> 30 & 511);
	UVDK_PGTABLE_STEP(pt, table, iova >> 21 & 511);
	if (!table)
		__builtin_unreachable();

	return table;
}

/**
 * uvdk_pgtable_map_page() - map 4 KiB
 * @pt: table
 * @iova: input address; a multiple of 4096
 * @out: output address; a multiple of 4096
 * @prot: enum uvdk_pgtable_prot, or'ed; cheapest as a constant
 *
 * Where a table for it exists this is the walk and a store.
 *
 * Return: as uvdk_pgtable_map().
 */
static inline int uvdk_pgtable_map_page(struct uvdk_pgtable *pt, uint64_t iova, uint64_t out,
					unsigned int prot)
{
	uint64_t *leaves, slot = iova >> 12 & 511;

	if (__builtin_expect((out & pt->no_out) != 0, 0) || prot > 15 ||
	    !(prot & UVDK_PGTABLE_READ))
		goto slow;
	leaves = uvdk_pgtable_leaves(pt, iova, false);
	if (__builtin_expect(!leaves || leaves[slot], 0))
		goto slow;
	__atomic_store_n(&leaves[slot], out | pt->attr[prot], __ATOMIC_RELAXED);

	return 0;
slow:
	return uvdk_pgtable_map(pt, iova, out, UVDK_PGTABLE_PAGE, prot);
}

/**
 * uvdk_pgtable_unmap_page() - unmap 4 KiB
 * @pt: table
 * @iova: input address; a multiple of 4096
 *
 * The walk and a store where marks are not kept. The caller invalidates the
 * page. No table page leaves the table: uvdk_pgtable_merge() finds the empty
 * ones.
 *
 * Return: 0, or with marks kept those that the page had, or'ed; -ENOENT (not
 * mapped); else as uvdk_pgtable_unmap().
 */
static inline int uvdk_pgtable_unmap_page(struct uvdk_pgtable *pt, uint64_t iova)
{
	uint64_t *leaves, slot = iova >> 12 & 511;

	leaves = uvdk_pgtable_leaves(pt, iova, true);
	if (__builtin_expect(!leaves || !leaves[slot], 0))
		goto slow;
	__atomic_store_n(&leaves[slot], UINT64_C(0), __ATOMIC_RELAXED);

	return 0;
slow:
	return uvdk_pgtable_unmap_page_slow(pt, iova);
}

/**
 * uvdk_pgtable_map_pages() - uvdk_pgtable_map_page() for an array of pages
 * @pt: table
 * @iova: input addresses
 * @out: as many output addresses
 * @count: how many
 * @prot: of all, as there
 *
 * The same as a call for each, in order, up to the first that fails. Neighbours in
 * the array that lie in the same 2 MiB are walked to once.
 *
 * Return: how many were mapped; where that is less, uvdk_last_error() says what is
 * wrong with the next one.
 */
unsigned int uvdk_pgtable_map_pages(struct uvdk_pgtable *pt, const uint64_t *iova,
				    const uint64_t *out, unsigned int count, unsigned int prot);

/**
 * uvdk_pgtable_unmap_pages() - uvdk_pgtable_unmap_page() for an array of pages
 * @pt: table
 * @iova: input addresses
 * @count: how many
 *
 * As uvdk_pgtable_map_pages(). The caller invalidates the pages. What marks they had
 * is not told.
 *
 * Return: how many were unmapped, likewise.
 */
unsigned int uvdk_pgtable_unmap_pages(struct uvdk_pgtable *pt, const uint64_t *iova,
				      unsigned int count);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_PGTABLE_H */
