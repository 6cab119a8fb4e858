// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_base_driver.h>

#include "../../random.h"
#include "emu_world.h"

/*
 * A first stage of ours, changed at random by stores while a device uses it:
 * pages of memory and addresses are reused as soon as quarantine lets them go.
 * What the device must reach it reaches, what it has lost it does not, and what
 * it writes late goes nowhere else. Left out, each part is missed.
 */

#define PAGES  EMU_WORLD_PAGES /* addresses */
#define MEMORY 320	       /* pages that may be behind them */
#define OPS    10000000

enum leave_out { NOTHING, INVALIDATION, DEVICES, QUARANTINE };

struct place {
	struct uvdk_inval_node node;
	unsigned int page;
	unsigned int memory;
};

struct storm {
	struct emu_world emu;
	struct uvdk_invalq *q;
	enum leave_out leave_out;
	uint32_t tag;
	uint64_t random;
	struct place place[PAGES];
	enum { EMPTY, MAPPED, WAITS } state[PAGES];
	unsigned int owner[MEMORY]; /* address + 1, 0: free */
	unsigned int pending;
	uint64_t stamp;
	uint64_t wrong, reached, lost;
};

static struct storm *now;

static uint64_t draw(struct storm *s, uint64_t below)
{
	return random_next(&s->random) % below;
}

static uint64_t *memory(struct storm *s, unsigned int page)
{
	return (uint64_t *)(s->emu.world.memory + page * ASKER_PAGE);
}

static void release(struct uvdk_inval_node *node)
{
	struct place *p = (struct place *)node;

	now->state[p->page] = EMPTY;
	if (now->owner[p->memory] == p->page + 1)
		now->owner[p->memory] = 0;
	if (!--now->pending)
		emu_world_end(&now->emu);
}

static void map(struct storm *s, unsigned int page)
{
	unsigned int m = (unsigned int)draw(s, MEMORY);

	while (s->owner[m])
		m = (m + 1) % MEMORY;
	s->owner[m] = page + 1;
	s->place[page].memory = m;
	s->state[page] = MAPPED;
	*memory(s, m) = 0;
	cr_assert_eq(emu_world_map(&s->emu, page, m), 0);
}

static void post(struct storm *s, unsigned int page)
{
	const struct uvdk_inval_req req = {
		.first = EMU_WORLD_IOVA + page * ASKER_PAGE,
		.last = EMU_WORLD_IOVA + (page + 1) * ASKER_PAGE - 1,
		.pasid = s->emu.pasid,
		.scope = UVDK_INVAL_RANGE,
		.flags = UVDK_INVAL_LEAF | (s->leave_out == DEVICES ? UVDK_INVAL_KEEP_DEVTLB : 0),
	};
	uint64_t cookie = 0;

	/* Somebody else's page, instead. */
	struct uvdk_inval_req other = req;

	if (s->leave_out == INVALIDATION) {
		other.first = EMU_WORLD_IOVA - ASKER_PAGE;
		other.last = EMU_WORLD_IOVA - 1;
	}
	cr_assert_eq(uvdk_inval_post(s->q, &other, &cookie), 0, "%s", uvdk_last_error());
	s->place[page].page = page;
	s->place[page].node.release = release;
	cr_assert_eq(uvdk_inval_defer(s->q, &s->place[page].node, cookie), 0);
}

static void unmap(struct storm *s, unsigned int page)
{
	if (!s->pending++)
		emu_world_begin(&s->emu);
	cr_assert_eq(emu_world_unmap(&s->emu, page), 0);
	s->state[page] = WAITS;
	post(s, page);
	if (s->leave_out == QUARANTINE)
		s->owner[s->place[page].memory] = 0;
}

/* Late writes by way of the old translation must find the old memory, or none. */
static void access_page(struct storm *s, unsigned int page)
{
	const uint64_t addr = EMU_WORLD_IOVA + page * ASKER_PAGE, value = ++s->stamp;
	unsigned int m = s->place[page].memory;
	uint64_t before = *memory(s, m);
	bool went = !uvdk_emu_dma_write_pasid(s->emu.asker->fn, s->tag, addr, &value, 8);
	bool changed = *memory(s, m) != before;

	switch (s->state[page]) {
	case MAPPED:
		s->wrong += !went || *memory(s, m) != value;
		s->reached++;
		break;
	case EMPTY:
		s->wrong += went;
		s->lost++;
		break;
	default:
		s->wrong += changed && s->owner[m] != page + 1;
		break;
	}
}

static void settle(struct storm *s)
{
	cr_assert_eq(uvdk_inval_kick(s->q), 0, "%s", uvdk_last_error());
	for (unsigned int i = 0; i < 1000 && s->pending; i++)
		uvdk_inval_completed(s->q);
	cr_assert_eq(s->pending, 0);
}

static void step(struct storm *s)
{
	unsigned int page = (unsigned int)draw(s, PAGES);

	switch (draw(s, 16)) {
	case 0:
	case 1:
	case 2:
		if (s->state[page] == EMPTY)
			map(s, page);
		break;
	case 3:
	case 4:
		if (s->state[page] == MAPPED)
			unmap(s, page);
		break;
	case 5:
		if (!draw(s, 8))
			settle(s);
		break;
	default:
		access_page(s, page);
	}
}

static void open_storm(struct storm *s, enum leave_out leave_out, uint32_t pasid)
{
	memset(s, 0, sizeof(*s));
	now = s;
	s->leave_out = leave_out;
	s->random = 88172645463325252;
	s->tag = pasid ? pasid : UVDK_EMU_NO_PASID;
	emu_world_open_as(&s->emu, "emu:asker", pasid);
	cr_assert_eq(emu_world_queue(&s->emu, NULL, &s->q), 0);
	if (!pasid) /* only now the device begins to cache translations, those of its RID, too */
		cr_assert_eq(uvdk_hwpt_attach(s->emu.hwpt, s->emu.asker->dev, EMU_WORLD_PASID), 0);
	for (unsigned int i = 0; i < PAGES; i++) {
		s->place[i].memory = i;
		s->owner[i] = i + 1;
		s->state[i] = MAPPED;
	}
}

static void close_storm(struct storm *s)
{
	struct uvdk_emu_stale stale;

	settle(s);
	uvdk_invalq_destroy(s->q);
	while (s->leave_out != NOTHING && uvdk_emu_stales(s->emu.world.emu, &stale, 1))
		;
	emu_world_close(&s->emu);
}

static unsigned int trouble(struct storm *s)
{
	struct uvdk_emu_stale stale;

	return (unsigned int)s->wrong + uvdk_emu_stales(s->emu.world.emu, &stale, 1);
}

static struct storm storm;

TestSuite(inval_storm, .timeout = 600);

static void expect_nothing_wrong(unsigned int ops, uint32_t pasid)
{
	open_storm(&storm, NOTHING, pasid);
	for (unsigned int i = 0; i < ops; i++)
		step(&storm);
	cr_expect_eq(trouble(&storm), 0, "%lu wrong", (unsigned long)storm.wrong);
	cr_expect_gt(storm.reached, ops / 8);
	cr_expect_gt(storm.lost, ops / 20);
	close_storm(&storm);
}

Test(inval_storm, nothing_is_stale_and_nothing_is_reused_too_early)
{
	expect_nothing_wrong(OPS, EMU_WORLD_PASID);
}

Test(inval_storm, nor_by_rid)
{
	expect_nothing_wrong(OPS / 10, 0);
}

static bool noticed(enum leave_out leave_out, uint32_t pasid)
{
	bool is;

	uvdk_log_set_level(NULL, UVDK_LOG_ERR);
	open_storm(&storm, leave_out, pasid);
	for (unsigned int i = 0; i < OPS && !trouble(&storm); i++)
		step(&storm);
	is = storm.wrong || trouble(&storm);
	storm.wrong = 0;
	for (unsigned int i = 0; i < OPS / 4 && !is; i++) {
		step(&storm);
		is = trouble(&storm);
	}
	close_storm(&storm);

	return is;
}

Test(inval_storm, an_invalidation_that_is_left_out_is_noticed)
{
	cr_expect(noticed(INVALIDATION, EMU_WORLD_PASID));
	cr_expect(noticed(INVALIDATION, 0));
}

Test(inval_storm, that_of_devices_is_noticed)
{
	cr_expect(noticed(DEVICES, EMU_WORLD_PASID));
	cr_expect(noticed(DEVICES, 0));
}

Test(inval_storm, memory_reused_before_completion_is_noticed)
{
	cr_expect(noticed(QUARANTINE, EMU_WORLD_PASID));
}
