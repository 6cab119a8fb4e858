// SPDX-License-Identifier: BSD-3-Clause
#include <sched.h>

#include "pgtable_priv.h"

/* A table as a whole: made, described, given back. */

#define SIZES (LEVEL_SIZE(1) | LEVEL_SIZE(2) | LEVEL_SIZE(3))

static int check(const struct uvdk_pgtable_opts *o)
{
	uint64_t last;

	if (o->page_sizes & ~SIZES)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "page sizes %#" PRIx64 ": there are 4 KiB, 2 MiB and 1 GiB",
				 o->page_sizes);
	if (o->page_sizes & LEVEL_SIZE(3) && !(o->page_sizes & LEVEL_SIZE(2)))
		return uvdk_fail(-EINVAL, PGTABLE,
				 "page sizes %#" PRIx64 ": 1 GiB needs 2 MiB, to be split into",
				 o->page_sizes);
	last = pgtable_arena_last(o->arena);
	/* Beyond 50 bits an Arm entry would hold the address in two places. */
	if (last >> o->output_bits || (o->format == UVDK_PGTABLE_ARM && last >> 50))
		return uvdk_fail(
			-ERANGE, PGTABLE,
			"arena up to %#" PRIx64 ": table pages have to be below %u bits", last,
			o->format == UVDK_PGTABLE_ARM && o->output_bits > 50 ? 50 : o->output_bits);

	return 0;
}

static void set_fast(struct pgtable *pt, unsigned int levels)
{
	struct uvdk_pgtable *fast = &pt->fast;
	const struct uvdk_pgtable_opts *o = &pt->opts;
	uint64_t outs = (UINT64_C(1) << o->output_bits) - 1;

	fast->root = pgtable_arena_va(o->arena, pt->root_page);
	fast->to_va = (uint64_t)(uintptr_t)fast->root -
		      pgtable_arena_address(o->arena, pt->root_page) - pt->bits.table;
	fast->no_iova = ~pt->last | PAGE_MASK;
	fast->no_out = ~(outs & pt->bits.addr);
	fast->levels = levels;
	fast->top = levels == 4 ? (pt->last >> 39) + 1 : 0;
	fast->unmap_levels = o->track ? 0 : levels;
	fast->unmap_top = o->track ? 0 : fast->top;
	for (unsigned int prot = 0; prot < 16; prot++)
		if (pt->bits.attr[prot])
			fast->attr[prot] = pt->bits.attr[prot] | pt->bits.page;
}

static int set_format(struct pgtable *pt, unsigned int *levels)
{
	struct uvdk_pgtable_opts *o = &pt->opts;
	int err;

	if (!o->arena)
		return uvdk_fail(-EINVAL, PGTABLE, "a table needs an arena, and none is given");
	if (o->format != UVDK_PGTABLE_ARM && o->format != UVDK_PGTABLE_X86)
		return uvdk_fail(-EINVAL, PGTABLE, "no table format has the number %d",
				 (int)o->format);
	pt->format = o->format == UVDK_PGTABLE_ARM ? &pgtable_arm : &pgtable_x86;
	err = pt->format->setup(o, levels, &pt->bits);
	if (!err)
		err = check(o);
	if (err)
		return err;
	if (!o->page_sizes)
		o->page_sizes = SIZES;
	pt->bits.table |= ENTRY_TABLE;
	/* Long mode's upper half is of no use to devices. */
	pt->last = UINT64_MAX >> (64 - o->input_bits + (o->format == UVDK_PGTABLE_X86));

	return 0;
}

UVDK_EXPORT int uvdk_pgtable_create(const struct uvdk_pgtable_opts *opts, struct uvdk_pgtable **out)
{
	struct pgtable *pt = calloc(1, sizeof(*pt));
	struct pages pages = {0};
	unsigned int levels;
	int err;

	if (!pt)
		return uvdk_fail(-ENOMEM, PGTABLE, "no memory for a page table");
	pt->opts.size = sizeof(pt->opts);
	err = uvdk_opts_copy(&pt->opts, sizeof(pt->opts), opts, "uvdk_pgtable_opts");
	if (!err)
		err = set_format(pt, &levels);
	if (!err)
		err = pgtable_arena_take(pt->opts.arena, 1, &pages);
	if (err)
		goto fail;
	pt->root_page = pgtable_arena_pop(pt->opts.arena, &pages);
	set_fast(pt, levels);
	*out = &pt->fast;

	return 0;

fail:
	free(pt);
	return err;
}

uint32_t pgtable_page_of(const struct pgtable *pt, uint64_t entry)
{
	const uint64_t *root = pt->fast.root;

	return (uint32_t)((pgtable_below(pt, entry) - root) / SLOTS + pt->root_page);
}

static void give_below(struct pgtable *pt, const uint64_t *table, unsigned int level,
		       struct pages *pages)
{
	for (unsigned int i = 0; level > 1 && i < SLOTS; i++) {
		if (!is_table(table[i]))
			continue;
		give_below(pt, pgtable_below(pt, table[i]), level - 1, pages);
		pgtable_arena_push(pt->opts.arena, pages, pgtable_page_of(pt, table[i]));
	}
}

UVDK_EXPORT void uvdk_pgtable_destroy(struct uvdk_pgtable *fast)
{
	struct pgtable *pt = pgtable_of(fast);
	struct pages pages = {0};

	if (!fast)
		return;
	give_below(pt, fast->root, fast->levels, &pages);
	pgtable_arena_push(pt->opts.arena, &pages, pt->root_page);
	pgtable_arena_give(pt->opts.arena, &pages);
	free(pt);
}

UVDK_EXPORT void uvdk_pgtable_get_info(const struct uvdk_pgtable *fast,
				       struct uvdk_pgtable_info *info)
{
	const struct pgtable *pt = pgtable_of(fast);

	*info = (struct uvdk_pgtable_info){
		.root = pgtable_arena_address(pt->opts.arena, pt->root_page),
		.levels = fast->levels,
		.input_bits = pt->opts.input_bits,
		.output_bits = pt->opts.output_bits,
		.last = pt->last,
		.ds = pt->bits.high,
	};
}

int pgtable_check_range(const struct pgtable *pt, const char *what, uint64_t iova, uint64_t length)
{
	if (!length || (iova | length) & PAGE_MASK)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "can't %s %#" PRIx64 " bytes at %#" PRIx64
				 ": give multiples of 4096, and more than 0",
				 what, length, iova);
	if (iova > pt->last || length - 1 > pt->last - iova)
		return uvdk_fail(-ERANGE, PGTABLE,
				 "can't %s %#" PRIx64 " bytes at %#" PRIx64
				 ": input addresses of this table end at %#" PRIx64,
				 what, length, iova, pt->last);

	return 0;
}

int pgtable_check_prot(const char *what, uint64_t iova, unsigned int prot)
{
	if (prot < 16 && prot & UVDK_PGTABLE_READ)
		return 0;

	return uvdk_fail(-EINVAL, PGTABLE,
			 "can't %s at %#" PRIx64 " with permissions %#x: UVDK_PGTABLE_READ, and of "
			 "WRITE, EXEC and USER what is wanted",
			 what, iova, prot);
}

uint64_t pgtable_await(const uint64_t *slot)
{
	uint64_t entry;

	while ((entry = __atomic_load_n(slot, __ATOMIC_ACQUIRE)) == ENTRY_BUSY)
		sched_yield();

	return entry;
}
