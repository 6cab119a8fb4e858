// SPDX-License-Identifier: BSD-3-Clause
/*
 * Registrations that overlap, at random, against a reference that counts pages; what is
 * reachable a device of the emulated machine tries out.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <uvdk_dma.h>
#include <uvdk_dma_reg.h>
#include <uvdk_emu.h>

#include "../../random.h"

#define PAGE  ((size_t)4096)
#define AREA  200u
#define REGS  48u
#define STEPS 6000
#define COPY  (UINT64_C(1) << 32)
#define DONE  1u /* status of a copy that went well */

/* ---- a device ---- */

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas;
static struct uvdk_device *dev;
static struct uvdk_region bar;
static struct uvdk_dma_buf sink;
static uint32_t tail;

static void set_up(void)
{
	struct uvdk_emu_opts emu_opts = {.size = sizeof(emu_opts)};
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};

	cr_assert_eq(uvdk_emu_create(&emu_opts, &emu), 0);
	opts.emu = emu;
	cr_assert_eq(uvdk_iommu_open("emu", &opts, &iommu), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_device_open(iommu, "emu:copier", NULL, &dev), 0);
	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	cr_assert_eq(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_assert_eq(uvdk_dma_alloc(ioas, PAGE, NULL, &sink), 0);
}

static void take_down(void)
{
	struct uvdk_emu_stale stale;
	struct uvdk_ioas_stats left;

	uvdk_dma_free(&sink);
	uvdk_ioas_get_stats(ioas, &left);
	cr_expect_eq(left.maps, 0);
	cr_expect_eq(uvdk_emu_stales(emu, &stale, 1), 0);
	uvdk_device_close(dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
}

static uint32_t reg_read(uint64_t off)
{
	uint64_t value = 0;

	cr_assert_eq(uvdk_region_read(&bar, off, 4, &value), 0);
	return (uint32_t)value;
}

/* What the device finds there; 0: it does not get there. */
static uint64_t device_reads(uvdk_iova_t from)
{
	uint64_t slot = 0x10000 + tail % 64 * 64;
	time_t end = time(NULL) + 60;

	*(volatile uint64_t *)sink.va = 0;
	uvdk_region_write(&bar, slot, 8, COPY);
	uvdk_region_write(&bar, slot + 8, 8, from);
	uvdk_region_write(&bar, slot + 16, 8, sink.iova);
	uvdk_region_write(&bar, slot + 24, 8, sizeof(uint64_t));
	uvdk_region_write(&bar, 0x100, 4, ++tail);
	while (reg_read(0x104) != tail) {
		cr_assert(time(NULL) < end, "the device got stuck");
		sched_yield();
	}
	if (reg_read(slot + 32) != DONE)
		cr_assert_eq(*(volatile uint64_t *)sink.va, 0);

	return *(volatile uint64_t *)sink.va;
}

/* ---- the reference ---- */

/* A map is made for each gap, and ends with the last registration that it is of use to. */
static unsigned int map_of[AREA]; /* 0: none */
static unsigned int wanted[AREA]; /* registrations of a page */
static unsigned int users[STEPS * 4];
static unsigned int maps;

struct range {
	struct uvdk_dma_reg *reg;
	unsigned int first, end;
	bool alias;
	unsigned int uses[AREA], count; /* maps */
};

static bool has_left_over(const struct range *r)
{
	for (unsigned int i = r->first; i < r->end; i++)
		if (map_of[i] && !wanted[i])
			return true;
	return false;
}

/* How many pages had to be mapped. */
static unsigned int model_add(struct range *r)
{
	unsigned int fresh = 0, gap = 0;

	r->count = 0;
	for (unsigned int i = r->first; i < r->end; i++) {
		bool is_gap = !map_of[i];

		if (is_gap && !gap)
			gap = ++maps;
		if (is_gap)
			map_of[i] = gap;
		else
			gap = 0;
		fresh += is_gap;
		wanted[i]++;
		if (!r->count || r->uses[r->count - 1] != map_of[i]) {
			users[map_of[i]]++;
			r->uses[r->count++] = map_of[i];
		}
	}
	return fresh;
}

static void model_remove(const struct range *r)
{
	for (unsigned int i = r->first; i < r->end; i++)
		wanted[i]--;
	for (unsigned int i = 0; i < r->count; i++)
		if (!--users[r->uses[i]])
			for (unsigned int p = 0; p < AREA; p++)
				map_of[p] = map_of[p] == r->uses[i] ? 0 : map_of[p];
}

/* ---- */

static uint8_t *area;
static uvdk_iova_t last_seen[AREA]; /* where a page was reachable before */

static uint64_t content(unsigned int page)
{
	return 0x1234567800000001 + page;
}

static void reachable_as_the_reference_says(uint64_t *seed)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	unsigned int dice = (unsigned int)(random_next(seed) >> 20) % AREA;
	struct uvdk_map_info info;

	for (unsigned int i = 0; i < AREA; i++) {
		uvdk_iova_t iova = uvdk_translate(x, area + i * PAGE);

		cr_assert_eq(iova != UVDK_IOVA_NONE, map_of[i] != 0, "page %u", i);
		if (iova != UVDK_IOVA_NONE)
			last_seen[i] = iova;
		if (i != dice)
			continue;
		if (map_of[i])
			cr_assert_eq(device_reads(iova), content(i), "page %u", i);
		else if (last_seen[i] && uvdk_ioas_find(ioas, last_seen[i], &info))
			cr_assert_eq(device_reads(last_seen[i]), 0, "page %u is reached", i);
	}
}

static void registration_serves(const struct range *r, uint64_t *seed)
{
	unsigned int n = (unsigned int)(random_next(seed) >> 20) % (r->end - r->first);
	const uint8_t *va = area + (r->first + n) * PAGE;
	struct uvdk_dma_reg_info info;
	uvdk_iova_t iova;
	size_t run = 0;

	uvdk_dma_reg_get_info(r->reg, &info);
	cr_assert_eq(info.va, area + r->first * PAGE);
	cr_assert_eq(info.len, (r->end - r->first) * PAGE);
	iova = uvdk_dma_reg_iova(r->reg, va, &run);
	cr_assert_neq(iova, UVDK_IOVA_NONE);
	cr_assert(run >= PAGE && run <= (r->end - r->first - n) * PAGE, "%zu", run);
	cr_assert_eq(device_reads(iova), content(r->first + n));
	n += (unsigned int)((run - 1) / PAGE);
	cr_assert_eq(device_reads(iova + (run - 1) / PAGE * PAGE), content(r->first + n));
	cr_assert_eq(uvdk_dma_reg_iova(r->reg, area + r->end * PAGE, NULL), UVDK_IOVA_NONE);
}

static void begin(struct range *r, uint64_t *seed, unsigned int *busy)
{
	uint64_t dice = random_next(seed) >> 13;
	unsigned int longest = dice >> 30 & 7 ? 12 : AREA;
	struct uvdk_dma_reg_info info;
	unsigned int fresh;
	int err;

	r->first = (unsigned int)(dice % AREA);
	r->end = r->first + 1 + (unsigned int)((dice >> 8) % longest);
	r->end = r->end < AREA ? r->end : AREA;
	r->alias = !(dice >> 40 & 7);
	err = uvdk_dma_register(ioas, area + r->first * PAGE + dice % 99,
				(r->end - r->first - 1) * PAGE + 1 + (dice >> 44) % 900,
				UVDK_MAP_RW | (r->alias ? UVDK_MAP_ALIAS : 0u), &r->reg);
	if (!r->alias && has_left_over(r)) {
		cr_assert_eq(err, -EBUSY, "%d: %s", err, uvdk_last_error());
		cr_assert_null(r->reg);
		++*busy;
		return;
	}
	cr_assert_eq(err, 0, "%d: %s", err, uvdk_last_error());
	fresh = r->alias ? r->end - r->first : model_add(r);
	uvdk_dma_reg_get_info(r->reg, &info);
	cr_assert_eq(info.mapped, fresh * PAGE);
	if (r->alias)
		cr_assert_eq(info.pieces, 1);
}

static void end(struct range *r)
{
	cr_assert_eq(uvdk_dma_unregister(r->reg), 0, "%s", uvdk_last_error());
	if (!r->alias)
		model_remove(r);
	r->reg = NULL;
}

/* Refusals are expected by the hundred. */
static void quiet(void *priv, enum uvdk_log_level level, const char *component, const char *msg)
{
	(void)priv, (void)level, (void)component, (void)msg;
}

Test(dma_reg_random, what_is_reachable_is_what_a_count_of_pages_says, .timeout = 110)
{
	static struct range ranges[REGS];
	uint64_t seed = 0x7e67;
	unsigned int busy = 0;

	set_up();
	uvdk_log_set_sink(quiet, NULL);
	area = mmap(NULL, AREA * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(area, MAP_FAILED);
	for (unsigned int i = 0; i < AREA; i++)
		*(uint64_t *)(void *)(area + i * PAGE) = content(i);
	for (unsigned int step = 0; step < STEPS; step++) {
		/* Few at times, so that maps end. */
		unsigned int most = step / 500 % 2 ? REGS : 6;
		struct range *r = &ranges[(random_next(&seed) >> 20) % REGS];

		if (r->reg)
			end(r);
		else if ((size_t)(r - ranges) < most)
			begin(r, &seed, &busy);
		if (r->reg)
			registration_serves(r, &seed);
		reachable_as_the_reference_says(&seed);
	}
	cr_expect(busy > 100 && maps > 500, "%u, %u", busy, maps);
	for (unsigned int i = 0; i < REGS; i++)
		if (ranges[i].reg)
			end(&ranges[i]);
	for (unsigned int i = 0; i < AREA; i++)
		cr_expect_eq(map_of[i], 0);
	reachable_as_the_reference_says(&seed);
	munmap(area, AREA * PAGE);
	take_down();
}
