// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include "emu_storm.h"

#define PAGE	    ASKER_PAGE
#define LARGE	    ASKER_LARGE
#define LARGE_PAGES 512u
#define SMALL_PAGES 128u
#define SLOT_SPAN   (UINT64_C(1) << 30)
#define LARGE_SLOTS 4u

/* ---- chance ---- */

static uint64_t dice(struct storm *s, uint64_t sides)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;

	return (s->random >> 11) % sides;
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

static void make_table(struct storm *s, unsigned int space, unsigned int unit)
{
	const struct uvdk_hwpt_opts opts = {.size = sizeof(opts),
					    .flags = UVDK_HWPT_PASID | UVDK_HWPT_DIRTY,
					    .faultq = space < STORM_ASKING ? s->queue : NULL};

	cr_assert_eq(uvdk_hwpt_create(s->space[space], s->device[unit * 2 + 1].asker->dev, &opts,
				      &s->table[space][unit].hwpt),
		     0, "%s", uvdk_last_error());
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
}

void storm_close(struct storm *s)
{
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

static uvdk_iova_t slot_iova(unsigned int slot)
{
	/* Some share all tables but the last, some none. */
	return LARGE + (slot % 3 ? slot * 16 * PAGE : (slot + 8) * SLOT_SPAN);
}

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

/* Through the table that the library picks, or one of ours. */
static int attach(struct storm *s, struct storm_device *d, uint32_t pasid, unsigned int to)
{
	d->ours[pasid] = may_use(s, d, to) && dice(s, 3) == 0;
	if (d->ours[pasid])
		return uvdk_hwpt_attach(table_of(s, d, to)->hwpt, d->asker->dev, pasid);

	return pasid ? uvdk_ioas_attach_pasid(s->space[to], d->asker->dev, pasid)
		     : uvdk_ioas_attach(s->space[to], d->asker->dev);
}

static int replace(struct storm *s, struct storm_device *d, uint32_t pasid, unsigned int to)
{
	d->ours[pasid] = may_use(s, d, to) && (!pasid || dice(s, 3) == 0);
	if (d->ours[pasid])
		return uvdk_hwpt_replace(table_of(s, d, to)->hwpt, d->asker->dev, pasid);

	return uvdk_ioas_replace_pasid(s->space[to], d->asker->dev, pasid);
}

static void detach(struct storm *s, struct storm_device *d, uint32_t pasid)
{
	struct uvdk_ioas *space = s->space[d->sees[pasid]];

	if (pasid)
		uvdk_ioas_detach_pasid(space, d->asker->dev, pasid);
	else
		uvdk_ioas_detach(space, d->asker->dev);
	d->sees[pasid] = -1;
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
}

/* All PASIDs, and the RID or not: the next attach starts from the context entry. */
static void leave(struct storm *s)
{
	struct storm_device *d = &s->device[dice(s, STORM_DEVICES)];

	for (uint32_t pasid = (uint32_t)dice(s, 2); pasid <= STORM_PASIDS; pasid++)
		if (d->sees[pasid] >= 0)
			detach(s, d, pasid);
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

	if (a < 0 || a >= STORM_ASKING || !d->ours[pasid])
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
	bool may = slot && slot->mapped && page < slot->pages && (!write || slot->writable);
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
		else
			access_once(s);
		if (ops % 64 == 0)
			uvdk_emu_faults(s->world.emu, faults, 64, NULL);
	}
}
