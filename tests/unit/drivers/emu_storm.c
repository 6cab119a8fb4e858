// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_device_driver.h>
#include <uvdk_emu_driver.h>
#include <uvdk_iommu_driver.h>

#include "emu_storm.h"

#define PAGE	    UINT64_C(4096)
#define LARGE	    UINT64_C(0x200000)
#define LARGE_PAGES 512u
#define SMALL_PAGES 128u
#define MEMORY	    (2 * LARGE) /* a large page, and small ones behind it */
#define SLOT_SPAN   (UINT64_C(1) << 30)
#define LARGE_SLOTS 4u

/* ---- a device that reads and writes where it is told ---- */

static struct uvdk_emu_function *created;

static int thing_create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	static const uint8_t pasid[4] = {0, 20};
	static const uint8_t none[12] = {0};

	uvdk_emu_fn_ids(fn, 0x1234, 0x5678, 0, 0, 0x088000, 0);
	uvdk_emu_fn_bar(fn, 0, 4096, false);
	uvdk_emu_fn_ext_cap(fn, 0x001b, 1, pasid, sizeof(pasid));
	if (uvdk_args_str(args, "ats", NULL)) {
		uvdk_emu_fn_ext_cap(fn, 0x000f, 1, none, 4);
		uvdk_emu_fn_ext_cap(fn, 0x0013, 1, none, 12);
	}
	created = fn;

	return 0;
}

static void thing_nothing(struct uvdk_emu_function *fn)
{
	(void)fn;
}

static uint64_t thing_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			   unsigned int width)
{
	(void)fn;
	(void)bar;
	(void)off;
	(void)width;
	return 0;
}

static void thing_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			unsigned int width, uint64_t value)
{
	(void)value;
	thing_read(fn, bar, off, width);
}

static bool thing_step(struct uvdk_emu_function *fn)
{
	(void)fn;
	return false;
}

static const struct uvdk_emu_model thing = {
	.name = "thing",
	.create = thing_create,
	.destroy = thing_nothing,
	.reset = thing_nothing,
	.bar_read = thing_read,
	.bar_write = thing_write,
	.step = thing_step,
};

extern const struct uvdk_bus_ops uvdk_bus_emu;
extern const struct uvdk_iommu_ops uvdk_iommu_emu;

const struct uvdk_emu_model *const uvdk_builtin_models[] = {&thing, NULL};
const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&uvdk_bus_emu, NULL};
const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {&uvdk_iommu_emu, NULL};

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

static void open_device(struct storm *s, unsigned int i)
{
	struct storm_device *d = &s->device[i];
	const uint16_t command = 6;
	char spec[64];

	snprintf(spec, sizeof(spec), "emu:thing,iommu=%u%s", i / 2 % 2, i % 2 ? ",ats" : "");
	cr_assert_eq(uvdk_device_open(s->iommu, spec, NULL, &d->dev), 0, "%s", uvdk_last_error());
	d->fn = created;
	uvdk_device_config_write(d->dev, 4, &command, 2);
	for (unsigned int p = 0; p <= STORM_PASIDS; p++)
		d->sees[p] = -1;
}

void storm_open(struct storm *s, enum uvdk_emu_caching caching, bool absence, uint64_t seed)
{
	struct uvdk_emu_opts emu = {.size = sizeof(emu),
				    .manual = true,
				    .iommus = 2,
				    .no_snoop = seed % 2 ? 0 : 1 << 1,
				    .caching = caching,
				    .absence = absence,
				    .seed = seed};
	struct uvdk_iommu_opts iommu = {.size = sizeof(iommu)};
	uint8_t *raw = mmap(NULL, MEMORY + LARGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(s, 0, sizeof(*s));
	s->random = seed * 2 + 1;
	s->memory = (uint8_t *)(((uintptr_t)raw + LARGE - 1) & ~(LARGE - 1));
	for (uint64_t i = 0; i < LARGE_PAGES + SMALL_PAGES; i++)
		memcpy(s->memory + i * PAGE, &i, sizeof(i));
	cr_assert_eq(uvdk_emu_create(&emu, &s->emu), 0);
	iommu.emu = s->emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu, &s->iommu), 0);
	for (unsigned int i = 0; i < STORM_DEVICES; i++)
		open_device(s, i);
	for (unsigned int i = 0; i < STORM_SPACES; i++)
		cr_assert_eq(uvdk_ioas_create(s->iommu, NULL, &s->space[i]), 0);
}

void storm_close(struct storm *s)
{
	for (unsigned int i = 0; i < STORM_SPACES; i++)
		uvdk_ioas_destroy(s->space[i]);
	for (unsigned int i = 0; i < STORM_DEVICES; i++)
		uvdk_device_close(s->device[i].dev);
	uvdk_iommu_close(s->iommu);
	uvdk_emu_destroy(s->emu);
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
	if (uvdk_ioas_map(s->space[a], s->memory + slot->first * PAGE, slot->pages * PAGE, flags,
			  &iova)) {
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
}

static int set_rid(struct storm *s, struct storm_device *d, int from, unsigned int to)
{
	if (from < 0)
		return uvdk_ioas_attach(s->space[to], d->dev);
	uvdk_ioas_detach(s->space[from], d->dev);

	return 1;
}

static int set_pasid(struct storm *s, struct storm_device *d, uint32_t pasid, int from,
		     unsigned int to)
{
	if (from < 0)
		return uvdk_ioas_attach_pasid(s->space[to], d->dev, pasid);
	if (dice(s, 2))
		return uvdk_ioas_replace_pasid(s->space[to], d->dev, pasid);
	uvdk_ioas_detach_pasid(s->space[from], d->dev, pasid);

	return 1;
}

static void change_sight(struct storm *s)
{
	unsigned int n = (unsigned int)dice(s, STORM_DEVICES);
	uint32_t pasid = (uint32_t)dice(s, STORM_PASIDS + 1);
	unsigned int to = (unsigned int)dice(s, STORM_SPACES);
	struct storm_device *d = &s->device[n];
	int from = d->sees[pasid];
	int ret = pasid ? set_pasid(s, d, pasid, from, to) : set_rid(s, d, from, to);

	if (ret < 0)
		wrong(s, uvdk_last_error(), n, pasid, to, 0);
	else
		d->sees[pasid] = ret ? -1 : (int)to;
}

static void check_access(struct storm *s, unsigned int n, uint32_t pasid, int a, unsigned int i,
			 unsigned int page, bool write)
{
	const struct storm_slot *slot = a < 0 ? NULL : &s->slot[a][i];
	bool may = slot && slot->mapped && page < slot->pages && (!write || slot->writable);
	uint32_t tag = pasid ? pasid : UVDK_EMU_NO_PASID;
	uvdk_iova_t iova = slot_iova(i) + page * PAGE;
	uint64_t value = write ? s->random : UINT64_MAX;
	int ret = write ? uvdk_emu_dma_write_pasid(s->device[n].fn, tag, iova + 8, &value, 8)
			: uvdk_emu_dma_read_pasid(s->device[n].fn, tag, iova, &value, 8);

	if (!may != !!ret) {
		wrong(s, may ? "refused" : "let through", n, pasid, (unsigned int)a, i);
		return;
	}
	if (!may) {
		s->refusals++;
		return;
	}
	s->accesses++;
	if (write ? memcmp(s->memory + (slot->first + page) * PAGE + 8, &value, 8) != 0
		  : value != slot->first + page)
		wrong(s, "somewhere else", n, pasid, (unsigned int)a, i);
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
		unsigned int what = (unsigned int)dice(s, 16);

		if (what == 0)
			change_map(s);
		else if (what == 1)
			change_sight(s);
		else
			access_once(s);
		if (ops % 64 == 0)
			uvdk_emu_faults(s->emu, faults, 64, NULL);
	}
}
