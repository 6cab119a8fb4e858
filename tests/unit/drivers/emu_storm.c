// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include "../../random.h"
#include "emu_storm.h"

#define PAGE	    ASKER_PAGE
#define LARGE	    ASKER_LARGE
#define LARGE_PAGES 512u
#define SMALL_PAGES 128u
#define SLOT_SPAN   (UINT64_C(1) << 30)
#define LARGE_SLOTS 4u
#define TABLES	    (UINT64_C(1) << 40) /* where first stages are in the second */
#define TABLE_PAGES 256u

/* ---- chance ---- */

static uint64_t dice(struct storm *s, uint64_t sides)
{
	return (random_next(&s->random) >> 11) % sides;
}

static void wrong(struct storm *s, const char *what, unsigned int device, unsigned int pasid,
		  unsigned int space, unsigned int slot)
{
	if (!s->wrong++)
		snprintf(s->first_wrong, sizeof(s->first_wrong),
			 "%s: device %u, PASID %u, space %u, slot %u", what, device, pasid, space,
			 slot);
}

/* ---- the world ---- */

static unsigned int unit_of(unsigned int device)
{
	return device / 2 % STORM_UNITS;
}

static void open_device(struct storm *s, unsigned int i)
{
	struct storm_device *d = &s->device[i];
	char spec[64];

	snprintf(spec, sizeof(spec), "emu:asker,iommu=%u%s", unit_of(i), i % 2 ? "" : ",plain");
	d->asker = asker_open(s->world.iommu, spec);
	for (unsigned int p = 0; p <= STORM_PASIDS; p++)
		d->sees[p] = -1;
}

static bool is_nesting(unsigned int space)
{
	return space >= STORM_ASKING && space < STORM_NESTING;
}

static void make_table(struct storm *s, unsigned int space, unsigned int unit)
{
	const struct uvdk_hwpt_opts opts = {
		.size = sizeof(opts),
		.flags = UVDK_HWPT_PASID | UVDK_HWPT_DIRTY |
			 (is_nesting(space) ? UVDK_HWPT_NEST_PARENT : 0u),
		.faultq = space < STORM_ASKING ? s->queue : NULL};

	cr_assert_eq(uvdk_hwpt_create(s->space[space], s->device[unit * 2 + 1].asker->dev, &opts,
				      &s->table[space][unit].hwpt),
		     0, "%s", uvdk_last_error());
}

static uvdk_iova_t slot_iova(unsigned int slot)
{
	/* Some share all tables but the last, some none. */
	return LARGE + (slot % 3 ? slot * 16 * PAGE : (slot + 8) * SLOT_SPAN);
}

static uint64_t slot_room(unsigned int slot)
{
	return slot % 3 ? 16 * PAGE : LARGE;
}

static int show(struct storm_nested *n, unsigned int slot)
{
	n->hidden[slot] = false;

	return uvdk_pgtable_map(n->pt, slot_iova(slot), slot_iova(slot), slot_room(slot),
				UVDK_PGTABLE_READ | UVDK_PGTABLE_WRITE | UVDK_PGTABLE_USER);
}

static void make_first(struct storm *s, struct uvdk_viommu *viommu, struct uvdk_device *dev,
		       struct storm_nested *n)
{
	const struct uvdk_pgtable_opts opts = {.size = sizeof(opts),
					       .arena = s->arena,
					       .format = UVDK_PGTABLE_X86,
					       .input_bits = 48};
	struct uvdk_nested nested = {
		.size = sizeof(nested), .flags = UVDK_HWPT_PASID, .vtd.addr_width = 48};
	struct uvdk_pgtable_info info;

	cr_assert_eq(uvdk_pgtable_create(&opts, &n->pt), 0, "%s", uvdk_last_error());
	for (unsigned int i = 0; i < STORM_SLOTS; i++)
		cr_assert_eq(show(n, i), 0, "%s", uvdk_last_error());
	uvdk_pgtable_get_info(n->pt, &info);
	nested.vtd.pgtbl = info.root;
	cr_assert_eq(uvdk_hwpt_create_nested(viommu, dev, &nested, &n->hwpt), 0, "%s",
		     uvdk_last_error());
}

static void make_nested(struct storm *s, unsigned int space, unsigned int unit)
{
	const struct uvdk_viommu_opts opts = {.size = sizeof(opts),
					      .parent = s->table[space][unit].hwpt};
	struct uvdk_device *dev = s->device[unit * 2 + 1].asker->dev;

	cr_assert_eq(uvdk_viommu_create(s->space[space], dev, &opts, &s->viommu[space][unit]), 0,
		     "%s", uvdk_last_error());
	for (unsigned int i = 0; i < STORM_FIRSTS; i++)
		make_first(s, s->viommu[space][unit], dev, &s->nested[space][unit][i]);
}

static void make_all_nested(struct storm *s)
{
	uint8_t *tables = s->world.memory + (LARGE_PAGES + SMALL_PAGES) * PAGE;
	const struct uvdk_pgtable_arena_opts opts = {.size = sizeof(opts),
						     .va = tables,
						     .address = TABLES,
						     .length = TABLE_PAGES * PAGE};

	cr_assert_eq(uvdk_pgtable_arena_create(&opts, &s->arena), 0, "%s", uvdk_last_error());
	for (unsigned int i = STORM_ASKING; i < STORM_NESTING; i++) {
		uvdk_iova_t iova = TABLES;

		cr_assert_eq(uvdk_ioas_map(s->space[i], tables, TABLE_PAGES * PAGE,
					   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
			     0, "%s", uvdk_last_error());
		for (unsigned int unit = 0; unit < STORM_UNITS; unit++)
			make_nested(s, i, unit);
	}
}

static void close_all_nested(struct storm *s)
{
	for (unsigned int i = STORM_ASKING; i < STORM_NESTING; i++) {
		for (unsigned int unit = 0; unit < STORM_UNITS; unit++) {
			for (unsigned int k = 0; k < STORM_FIRSTS; k++) {
				uvdk_hwpt_destroy(s->nested[i][unit][k].hwpt);
				uvdk_pgtable_destroy(s->nested[i][unit][k].pt);
			}
			uvdk_viommu_destroy(s->viommu[i][unit]);
		}
	}
	uvdk_pgtable_arena_destroy(s->arena);
}

void storm_open(struct storm *s, enum uvdk_emu_caching caching, bool absence, uint64_t seed)
{
	struct uvdk_emu_opts emu = {.size = sizeof(emu),
				    .manual = true,
				    .iommus = STORM_UNITS,
				    .no_snoop = seed % 2 ? 0 : 1 << 1,
				    .caching = caching,
				    .absence = absence,
				    .seed = seed};

	memset(s, 0, sizeof(*s));
	s->random = seed * 2 + 1;
	asker_world_open(&s->world, &emu);
	for (uint64_t i = 0; i < LARGE_PAGES + SMALL_PAGES; i++)
		memcpy(s->world.memory + i * PAGE, &i, sizeof(i));
	cr_assert_eq(uvdk_faultq_create(s->world.iommu, NULL, &s->queue), 0);
	for (unsigned int i = 0; i < STORM_DEVICES; i++)
		open_device(s, i);
	for (unsigned int i = 0; i < STORM_SPACES; i++)
		cr_assert_eq(uvdk_ioas_create(s->world.iommu, NULL, &s->space[i]), 0);
	for (unsigned int i = 0; i < STORM_SPACES * STORM_UNITS; i++)
		make_table(s, i / STORM_UNITS, i % STORM_UNITS);
	make_all_nested(s);
}

void storm_close(struct storm *s)
{
	close_all_nested(s);
	for (unsigned int i = 0; i < STORM_SPACES * STORM_UNITS; i++)
		uvdk_hwpt_destroy(s->table[i / STORM_UNITS][i % STORM_UNITS].hwpt);
	for (unsigned int i = 0; i < STORM_SPACES; i++)
		uvdk_ioas_destroy(s->space[i]);
	uvdk_faultq_destroy(s->queue);
	for (unsigned int i = 0; i < STORM_DEVICES; i++)
		asker_close(s->device[i].asker);
	asker_world_close(&s->world);
}

/* ---- one step ---- */

static void map(struct storm *s, unsigned int a, unsigned int i)
{
	struct storm_slot *slot = &s->slot[a][i];
	uvdk_iova_t iova = slot_iova(i);
	unsigned int flags = UVDK_MAP_READ | UVDK_MAP_FIXED | UVDK_MAP_ALIAS;

	*slot = (struct storm_slot){.mapped = true, .writable = dice(s, 4)};
	if (i < LARGE_SLOTS * 3 && i % 3 == 0 && dice(s, 2)) {
		slot->pages = LARGE_PAGES;
	} else {
		slot->pages = 1 + (unsigned int)dice(s, 4);
		slot->first = LARGE_PAGES + (unsigned int)dice(s, SMALL_PAGES - slot->pages);
	}
	if (slot->writable)
		flags |= UVDK_MAP_WRITE;
	if (uvdk_ioas_map(s->space[a], s->world.memory + slot->first * PAGE, slot->pages * PAGE,
			  flags, &iova)) {
		wrong(s, uvdk_last_error(), 0, 0, a, i);
		slot->mapped = false;
	}
}

static void change_map(struct storm *s)
{
	unsigned int a = (unsigned int)dice(s, STORM_SPACES);
	unsigned int i = (unsigned int)dice(s, STORM_SLOTS);
	struct storm_slot *slot = &s->slot[a][i];

	if (!slot->mapped) {
		map(s, a, i);
		return;
	}
	if (uvdk_ioas_unmap(s->space[a], slot_iova(i), slot->pages * PAGE))
		wrong(s, uvdk_last_error(), 0, 0, a, i);
	slot->mapped = false;
	for (unsigned int unit = 0; unit < STORM_UNITS; unit++)
		memset(s->table[a][unit].written[i], 0, sizeof(s->table[a][unit].written[i]));
}

/* The table of ours in front of a device. */
static struct storm_table *table_of(struct storm *s, const struct storm_device *d, unsigned int a)
{
	return &s->table[a][unit_of((unsigned int)(d - s->device))];
}

/* One that may ask for pages is for devices that can. */
static bool may_use(const struct storm *s, const struct storm_device *d, unsigned int a)
{
	return a >= STORM_ASKING || (d - s->device) % 2;
}

/* One of ours for the way to an address space, or NULL: the library's choice. */
static struct uvdk_hwpt *choose(struct storm *s, struct storm_device *d, uint32_t pasid,
				unsigned int to, bool must)
{
	unsigned int unit = unit_of((unsigned int)(d - s->device));

	d->nested[pasid] = NULL;
	d->ours[pasid] = may_use(s, d, to) && (must || dice(s, 3) == 0 || is_nesting(to));
	if (!d->ours[pasid])
		return NULL;
	if (!is_nesting(to) || dice(s, 3) == 0)
		return table_of(s, d, to)->hwpt;
	d->nested[pasid] = &s->nested[to][unit][dice(s, STORM_FIRSTS)];

	return d->nested[pasid]->hwpt;
}

static int attach(struct storm *s, struct storm_device *d, uint32_t pasid, unsigned int to)
{
	struct uvdk_hwpt *hwpt = choose(s, d, pasid, to, false);

	if (hwpt)
		return uvdk_hwpt_attach(hwpt, d->asker->dev, pasid);

	return pasid ? uvdk_ioas_attach_pasid(s->space[to], d->asker->dev, pasid)
		     : uvdk_ioas_attach(s->space[to], d->asker->dev);
}

static int replace(struct storm *s, struct storm_device *d, uint32_t pasid, unsigned int to)
{
	struct uvdk_hwpt *hwpt = choose(s, d, pasid, to, !pasid);

	if (hwpt)
		return uvdk_hwpt_replace(hwpt, d->asker->dev, pasid);

	return uvdk_ioas_replace_pasid(s->space[to], d->asker->dev, pasid);
}

static int begin_first(struct storm *s, const struct storm_device *d, uint32_t pasid)
{
	return s->silent ? -1
			 : uvdk_emu_stage1_begin(s->world.emu, uvdk_emu_fn_name(d->asker->fn),
						 pasid ? pasid : UVDK_EMU_NO_PASID);
}

static void detach(struct storm *s, struct storm_device *d, uint32_t pasid)
{
	struct uvdk_ioas *space = s->space[d->sees[pasid]];

	if (pasid)
		uvdk_ioas_detach_pasid(space, d->asker->dev, pasid);
	else
		uvdk_ioas_detach(space, d->asker->dev);
	d->sees[pasid] = -1;
	d->nested[pasid] = NULL;
}

static void change_sight(struct storm *s)
{
	unsigned int n = (unsigned int)dice(s, STORM_DEVICES);
	uint32_t pasid = (uint32_t)dice(s, STORM_PASIDS + 1);
	unsigned int to = (unsigned int)dice(s, STORM_SPACES);
	struct storm_device *d = &s->device[n];
	int ret;

	if (d->sees[pasid] >= 0 && ((!pasid && !may_use(s, d, to)) || dice(s, 2))) {
		detach(s, d, pasid);
		return;
	}
	ret = d->sees[pasid] < 0 ? attach(s, d, pasid, to) : replace(s, d, pasid, to);
	if (ret)
		wrong(s, uvdk_last_error(), n, pasid, to, 0);
	else
		d->sees[pasid] = (int)to;
	if (!ret && d->nested[pasid]) /* from now on it is checked */
		uvdk_emu_stage1_end(s->world.emu, begin_first(s, d, pasid));
}

/* All PASIDs, and the RID or not: the next attach starts from the context entry. */
static void leave(struct storm *s)
{
	struct storm_device *d = &s->device[dice(s, STORM_DEVICES)];

	for (uint32_t pasid = (uint32_t)dice(s, 2); pasid <= STORM_PASIDS; pasid++)
		if (d->sees[pasid] >= 0)
			detach(s, d, pasid);
}

/* ---- first stages ---- */

/* How many begin, or what was begun ends, for all that go through a table. */
static unsigned int begin_all(struct storm *s, const struct storm_nested *n, int *change)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < STORM_DEVICES; i++)
		for (uint32_t pasid = 0; pasid <= STORM_PASIDS; pasid++)
			if (s->device[i].nested[pasid] == n)
				change[count++] = begin_first(s, &s->device[i], pasid);

	return count;
}

/* That something came is told, too: that it was not there may be cached. */
static void invalidate(struct storm *s, const struct storm_nested *n, unsigned int slot)
{
	const struct uvdk_inval_vtd inval = {
		.addr = slot_iova(slot),
		.npages = slot_room(slot) / PAGE,
		.flags = n->hidden[slot] && !s->gather.tables ? UVDK_INVAL_VTD_LEAF : 0u,
	};

	if (uvdk_hwpt_invalidate(n->hwpt, &inval, sizeof(inval), 1, NULL))
		wrong(s, uvdk_last_error(), 0, 0, 0, slot);
	uvdk_pgtable_quarantine(s->arena, &s->gather, ++s->cookie);
	uvdk_pgtable_release(s->arena, s->cookie);
}

static void change_first(struct storm *s)
{
	unsigned int a = STORM_ASKING + (unsigned int)dice(s, STORM_NESTING - STORM_ASKING);
	struct storm_nested *n = &s->nested[a][dice(s, STORM_UNITS)][dice(s, STORM_FIRSTS)];
	unsigned int slot = (unsigned int)dice(s, STORM_SLOTS), count;
	int change[STORM_DEVICES * (STORM_PASIDS + 1)];

	count = begin_all(s, n, change);
	if (n->hidden[slot]) {
		if (show(n, slot))
			wrong(s, uvdk_last_error(), 0, 0, a, slot);
	} else {
		n->hidden[slot] = true;
		if (uvdk_pgtable_unmap(n->pt, slot_iova(slot), slot_room(slot), &s->gather) < 0)
			wrong(s, uvdk_last_error(), 0, 0, a, slot);
	}
	invalidate(s, n, slot);
	while (count)
		uvdk_emu_stage1_end(s->world.emu, change[--count]);
}

/* ---- which pages were written ---- */

static void mark(struct storm *s, unsigned int n, uint32_t pasid, unsigned int i, unsigned int page)
{
	const struct storm_device *d = &s->device[n];
	struct storm_table *table = table_of(s, d, (unsigned int)d->sees[pasid]);

	if (d->ours[pasid] && table->tracks)
		table->written[i][page / 64] |= UINT64_C(1) << page % 64;
}

/* A large page is marked as a whole. */
static bool bits_right(const uint64_t *written, const uint64_t *got, bool large)
{
	uint64_t any = 0, missing = 0, surplus = 0;

	for (unsigned int i = 0; i < 8; i++) {
		any |= written[i];
		missing |= written[i] & ~got[i];
		surplus |= got[i] & ~written[i];
	}

	return !missing && (!surplus || (large && any));
}

static void read_dirty(struct storm *s, unsigned int a, struct storm_table *table)
{
	unsigned int i = (unsigned int)dice(s, STORM_SLOTS);
	const struct storm_slot *slot = &s->slot[a][i];
	unsigned int flags = dice(s, 2) ? UVDK_DIRTY_KEEP : 0;
	uint64_t got[8] = {0};

	if (!slot->mapped)
		return;
	if (uvdk_hwpt_dirty_read(table->hwpt, slot_iova(i), slot->pages * PAGE, PAGE, got, flags))
		wrong(s, uvdk_last_error(), 0, 0, a, i);
	else if (!bits_right(table->written[i], got, slot->pages == LARGE_PAGES))
		wrong(s, "written pages", 0, 0, a, i);
	if (!flags)
		memset(table->written[i], 0, sizeof(table->written[i]));
}

static void track(struct storm *s)
{
	unsigned int a = (unsigned int)dice(s, STORM_SPACES);
	struct storm_table *table = &s->table[a][dice(s, STORM_UNITS)];

	if (table->tracks && dice(s, 8)) {
		read_dirty(s, a, table);
		return;
	}
	if (table->tracks ? uvdk_hwpt_dirty_stop(table->hwpt) : uvdk_hwpt_dirty_start(table->hwpt))
		wrong(s, uvdk_last_error(), 0, 0, a, 0);
	table->tracks = !table->tracks;
	memset(table->written, 0, sizeof(table->written));
}

/* ---- page requests ---- */

/* Between faults of the accesses that were refused. */
static bool next_request(struct storm *s, struct uvdk_fault *out)
{
	while (uvdk_faultq_read(s->queue, out, 1) == 1)
		if (out->type == UVDK_FAULT_PAGE_REQUEST)
			return true;

	return false;
}

/* What is asked for is there or not: the answer is only seen to arrive. */
static void ask(struct storm *s)
{
	unsigned int n = (unsigned int)dice(s, STORM_DEVICES);
	uint32_t pasid = (uint32_t)dice(s, STORM_PASIDS + 1);
	struct storm_device *d = &s->device[n];
	struct uvdk_fault_answer answer = {.code = UVDK_FAULT_SUCCESS};
	struct uvdk_fault fault;
	int a = d->sees[pasid];

	if (a < 0 || a >= STORM_ASKING || !d->ours[pasid] || d->nested[pasid])
		return;
	d->asker->answers = 0;
	if (asker_asks(d->asker, pasid, LARGE, n, true) || !next_request(s, &fault) ||
	    fault.dev != d->asker->dev || fault.pasid != pasid) {
		wrong(s, "a page was asked for", n, pasid, (unsigned int)a, 0);
		return;
	}
	answer.group = fault.group;
	if (uvdk_faultq_answer(s->queue, &answer, 1) || d->asker->answers != 1)
		wrong(s, "a page request was answered", n, pasid, (unsigned int)a, 0);
	s->asked++;
}

/* ---- one access ---- */

static void check_access(struct storm *s, unsigned int n, uint32_t pasid, int a, unsigned int i,
			 unsigned int page, bool write)
{
	const struct storm_slot *slot = a < 0 ? NULL : &s->slot[a][i];
	const struct storm_nested *nested = s->device[n].nested[pasid];
	bool may = slot && slot->mapped && page < slot->pages && (!write || slot->writable) &&
		   !(nested && nested->hidden[i]);
	uint32_t tag = pasid ? pasid : UVDK_EMU_NO_PASID;
	uvdk_iova_t iova = slot_iova(i) + page * PAGE;
	uint64_t value = write ? s->random : UINT64_MAX;
	int ret = write ? uvdk_emu_dma_write_pasid(s->device[n].asker->fn, tag, iova + 8, &value, 8)
			: uvdk_emu_dma_read_pasid(s->device[n].asker->fn, tag, iova, &value, 8);

	if (!may != !!ret) {
		wrong(s, may ? "refused" : "let through", n, pasid, (unsigned int)a, i);
		return;
	}
	if (!may) {
		s->refusals++;
		return;
	}
	s->accesses++;
	if (write ? memcmp(s->world.memory + (slot->first + page) * PAGE + 8, &value, 8) != 0
		  : value != slot->first + page)
		wrong(s, "somewhere else", n, pasid, (unsigned int)a, i);
	if (write)
		mark(s, n, pasid, i, page);
}

static void access_once(struct storm *s)
{
	unsigned int n = (unsigned int)dice(s, STORM_DEVICES);
	uint32_t pasid = (uint32_t)dice(s, STORM_PASIDS + 1);
	int a = s->device[n].sees[pasid];
	unsigned int i = (unsigned int)dice(s, STORM_SLOTS);
	unsigned int page = (unsigned int)dice(s, 4);

	if (a >= 0 && s->slot[a][i].pages == LARGE_PAGES)
		page = (unsigned int)dice(s, LARGE_PAGES);
	check_access(s, n, pasid, a, i, page, dice(s, 3) == 0);
}

void storm_run(struct storm *s, uint64_t ops)
{
	struct uvdk_emu_fault faults[64];

	while (ops--) {
		unsigned int what = (unsigned int)dice(s, 512);

		if (what == 0)
			leave(s);
		else if (what < 32)
			change_map(s);
		else if (what < 64)
			change_sight(s);
		else if (what < 72)
			track(s);
		else if (what < 76)
			ask(s);
		else if (what < 92)
			change_first(s);
		else
			access_once(s);
		if (ops % 64 == 0)
			uvdk_emu_faults(s->world.emu, faults, 64, NULL);
	}
}
