// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_device.h>
#include <uvdk_dsa.h>
#include <uvdk_emu.h>

#include "../../random.h"
#include "dsa_posted.h"
#include "machine.h"

/*
 * What goes to a queue by uvdk_dsa_post(), one at a time or in a batch, at random, beside what the
 * CPU makes of it. Any operand may be missing. The machine works in steps: nobody else is there.
 */

#define OPERATIONS 20000u
#define MAX_SIZE   (128u * 1024) /* "max-size=17" */
#define BATCH	   8u
#define WINDOW	   (ARENA_SIZE / BATCH) /* of the arena, for each of a batch */
#define OWN_IOVA   UINT64_C(0x70000000)
#define LIST_END   4096u /* of the list of a batch; behind it is nothing */
#define RECORDS	   0u
#define STEPS	   10000u

static struct machine machine;
static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static struct uvdk_dmadev *dma;
static struct uvdk_ioas *ioas;
static struct uvdk_dmadev_chan *chan;
static struct arena arena;
static uint8_t *own; /* records, then lists */
static uint64_t state;
static uint64_t kinds[0x21], endings[0x20];

struct record {
	uint8_t status, result, reserved[2];
	uint32_t done;
	uint64_t fault;
	uint32_t more[4];
};

static uint32_t dice(uint32_t sides)
{
	return (uint32_t)(random_next(&state) >> 16) % sides;
}

static struct record *record(unsigned int i)
{
	return (struct record *)(void *)(own + 4096 + RECORDS) + i;
}

/* ---- the device ---- */

static void begin(const char *spec)
{
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};
	struct uvdk_dmadev_chan_opts how = {.size = sizeof(how)};
	uvdk_iova_t iova = OWN_IOVA;

	state = 11;
	cr_assert_eq(machine_create(&machine), 0);
	opts.emu = machine.emu;
	cr_assert_eq(uvdk_iommu_open("emu", &opts, &iommu), 0);
	cr_assert_eq(uvdk_device_open(iommu, spec, NULL, &dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_open(dev, NULL, &dma), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0, "%s", uvdk_last_error());
	arena_create(&arena, ioas);
	arena_fill(&arena, &state);
	own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(own, MAP_FAILED);
	/* The list first, so that what comes behind the records is not mapped; nor is a page
	 * between. */
	cr_assert_eq(uvdk_ioas_map(ioas, own, 4096, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	iova += 8192;
	cr_assert_eq(uvdk_ioas_map(ioas, own + 4096, 4096, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	how.ioas = ioas;
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &how, &chan), 0, "%s", uvdk_last_error());
	machine_hold(&machine);
}

static void end(void)
{
	struct uvdk_emu_stale stale;

	cr_assert_eq(machine_release(&machine), 0);
	uvdk_dmadev_close(dma);
	arena_destroy(&arena);
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	cr_expect_eq(uvdk_emu_stales(machine.emu, &stale, 1), 0);
	machine_destroy(&machine);
	munmap(own, 8192);
}

static void put(uint8_t *at, unsigned int bytes, uint64_t value)
{
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t iova_of(uint32_t at)
{
	return ARENA_IOVA + at;
}

/* A descriptor, whose record is the n-th. */
static void describe(uint8_t *desc, unsigned int op, unsigned int flags, unsigned int n)
{
	memset(desc, 0, 64);
	put(desc + 4, 4, (uint64_t)op << 24 | flags | 0xc);
	put(desc + 8, 8, OWN_IOVA + 8192 + RECORDS + n * sizeof(struct record));
	memset(record(n), 0, sizeof(struct record));
}

static void describe_post(uint8_t *desc, const struct post *p, unsigned int n)
{
	describe(desc, p->op, p->flags, n);
	if (p->op == POST_NOOP || p->op == POST_DRAIN)
		return;
	put(desc + 32, 4, p->size);
	put(desc + 16, 8, p->op == POST_FLUSH ? 0 : iova_of(p->src));
	put(desc + 24, 8, p->op == POST_PATTERN ? p->pattern : iova_of(p->dst));
	if (p->op == POST_DUALCAST || p->op == POST_CREATE)
		put(desc + 40, 8, iova_of(p->other));
	if (p->op == POST_CREATE)
		put(desc + 48, 4, p->room);
	if (p->op == POST_APPLY)
		put(desc + 40, 4, p->room);
	if (p->flags & POST_CHECK)
		desc[p->op == POST_CREATE ? 56 : 40] = p->expected;
}

static void post(const uint8_t *desc, unsigned int n)
{
	uint8_t aligned[64] __attribute__((aligned(64)));
	unsigned int steps = 0;

	memcpy(aligned, desc, 64);
	cr_assert_eq(uvdk_dsa_post(chan, aligned), 0);
	while (!record(n)->status) {
		uvdk_emu_step(machine.emu);
		cr_assert_lt(++steps, STEPS, "operation 0x%02x does not end", desc[7]);
	}
}

/* ---- what is made up ---- */

static uint32_t some_size(uint32_t most)
{
	switch (dice(8)) {
	case 0:
		return most;
	case 1:
		return 1 + dice(most);
	case 2:
		return most < 4096 ? most : 4096;
	default:
		return 1 + dice(most < 5000 ? most : 5000);
	}
}

static void write_both(uint32_t at, const void *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		arena.want[at + i] = ((const uint8_t *)data)[i];
		arena.chunk[(at + i) / ARENA_CHUNK][(at + i) % ARENA_CHUNK] = arena.want[at + i];
	}
}

/* Where an operand begins: anywhere in its part of the window, often right before a page's end. */
static uint32_t place(uint32_t part, uint32_t bytes, uint32_t size, uint32_t align)
{
	uint32_t room = bytes - size, at = part + dice(room + 1);

	if (dice(2) && (at | 4095) - 8 <= part + room)
		at = (at | 4095) - dice(8);

	return at / align * align < part ? part : at / align * align;
}

/* Mostly equal, so that it is not the first byte that differs. */
static void make_pattern(struct post *p)
{
	uint32_t equal = dice(2) ? p->size : dice(p->size + 1);
	uint8_t byte;

	p->pattern = random_next(&state);
	for (uint32_t i = 0; i < equal; i++) {
		byte = (uint8_t)(p->pattern >> (8 * (i % 8)));
		write_both(p->src + i, &byte, 1);
	}
}

static void make_create(struct post *p, uint32_t most)
{
	unsigned int differences = dice(3) ? dice(60) : 0;

	p->room = 80 + ENTRY * dice(dice(2) ? 8 : most / ENTRY - 8);
	for (uint32_t at = 0; at < p->size; at += 8)
		write_both(p->dst + at, arena.want + p->src + at, 8);
	while (differences--) {
		uint8_t byte = (uint8_t)dice(256);

		write_both(p->dst + dice(p->size), &byte, 1);
	}
}

/* In order and within the size, but for some. */
static void make_apply(struct post *p, uint32_t most)
{
	uint32_t to = 0, words = p->size / 8, n = 1 + dice(dice(2) ? 20 : most / ENTRY);
	unsigned int wrong = dice(200);

	for (uint32_t i = 0; i < n && to < words; i++) {
		uint8_t entry[ENTRY];
		uint32_t at = wrong == 0 && dice(10) == 0 ? dice(words + 4) : to;

		put(entry, 2, at);
		put(entry + 2, 8, random_next(&state));
		write_both(p->src + ENTRY * i, entry, ENTRY);
		p->room = ENTRY * (i + 1);
		to += 1 + dice(1 + 2 * words / n);
	}
	if (dice(20) == 0) { /* one too far */
		uint8_t entry[ENTRY] = {(uint8_t)words, (uint8_t)(words >> 8)};

		write_both(p->src + p->room - ENTRY, entry, ENTRY);
	}
}

/* In a window of the arena: a quarter for each of two operands, half of it for the third. */
static void make_post(struct post *p, uint32_t window, uint32_t bytes, bool in_batch)
{
	static const enum post_op ops[] = {POST_NOOP,	  POST_PATTERN, POST_CREATE, POST_APPLY,
					   POST_DUALCAST, POST_FLUSH,	POST_DRAIN};
	uint32_t quarter = bytes / 4, most = quarter < MAX_SIZE ? quarter : MAX_SIZE;

	memset(p, 0, sizeof(*p));
	p->op = ops[dice(in_batch ? 6 : 7)];
	p->size = some_size(most);
	if (p->op == POST_CREATE || p->op == POST_APPLY)
		p->size = (p->size + 7) / 8 * 8;
	p->src = place(window, quarter, p->size, p->op == POST_CREATE ? 8 : 1);
	p->dst = place(window + quarter, quarter, p->size, p->op == POST_DUALCAST ? 1 : 8);
	p->other = place(window + 2 * quarter, 2 * quarter, 2 * quarter - 4096, 8);
	p->expected = (uint8_t)dice(2);
	if ((p->op == POST_PATTERN || p->op == POST_CREATE) && dice(3) == 0)
		p->flags |= POST_CHECK;
	if (in_batch && dice(4) == 0)
		p->flags |= POST_FENCE;
	if (p->op == POST_PATTERN)
		make_pattern(p);
	if (p->op == POST_CREATE) {
		make_create(p, quarter);
		p->expected = (uint8_t)(1 + dice(7));
	}
	if (p->op == POST_APPLY) {
		p->src = p->other;
		make_apply(p, quarter);
	}
	if (p->op == POST_DUALCAST)
		p->other = p->other / 4096 * 4096 + p->dst % 4096;
}

static void take_some_out(void)
{
	for (unsigned int i = 0; i < ARENA_CHUNKS; i++)
		if (dice(16) == 0)
			arena_take_out(&arena, i);
}

static void bring_all_in(void)
{
	for (unsigned int i = 0; i < ARENA_CHUNKS; i++)
		arena_bring_in(&arena, iova_of(i * ARENA_CHUNK));
}

/* ---- what came of it ---- */

static void check(const struct post *p, const struct outcome *o, unsigned int n)
{
	const struct record *r = record(n);
	bool write = r->status & 0x80;

	cr_assert_eq(r->status & 0x7f, o->status, "operation 0x%02x: 0x%02x instead of 0x%02x",
		     p->op, r->status, o->status);
	cr_assert_eq(r->done, o->done, "operation 0x%02x (0x%02x): %u bytes instead of %u", p->op,
		     r->status, r->done, o->done);
	if (o->status == POST_FAULT) {
		cr_assert_eq(r->fault & ~UINT64_C(4095), iova_of(o->fault) & ~UINT64_C(4095),
			     "operation 0x%02x: 0x%llx", p->op, (unsigned long long)r->fault);
		cr_assert_eq(write, o->write);
		post_accept_rest(&arena, p, o);
	} else {
		cr_assert_eq(r->result, o->result, "operation 0x%02x: result %u", p->op, r->result);
		if (p->op == POST_CREATE)
			cr_assert_eq(r->more[0], o->delta, "%u bytes of differences", r->more[0]);
	}
	kinds[p->op]++;
	endings[o->status]++;
}

static void single(void)
{
	struct outcome o;
	uint8_t desc[64];
	struct post p;

	make_post(&p, 0, ARENA_SIZE, false);
	take_some_out();
	o = post_apply(&arena, &p);
	describe_post(desc, &p, 0);
	post(desc, 0);
	check(&p, &o, 0);
}

/* What of it is done: up to a fence behind a failure, or to the end of the list's page. */
static unsigned int apply_batch(const struct post *posts, struct outcome *outcomes,
				unsigned int listed, uint8_t *status)
{
	bool failed = false;
	unsigned int n = 0;

	for (; n < listed; n++) {
		if (posts[n].flags & POST_FENCE && failed)
			break;
		outcomes[n] = post_apply(&arena, &posts[n]);
		failed |= outcomes[n].status != POST_OK;
	}
	*status = failed ? POST_SOME : POST_OK;

	return n;
}

static void batch(void)
{
	unsigned int count = 2 + dice(BATCH - 1), cut = dice(5) ? 0 : dice(count), done;
	struct outcome outcomes[BATCH];
	struct post posts[BATCH];
	uint8_t desc[64], status;
	uint32_t list = LIST_END - 64 * (count - cut);

	for (unsigned int i = 0; i < count; i++)
		make_post(&posts[i], i * WINDOW, WINDOW, true);
	take_some_out();
	memset(record(0), 0, count * sizeof(struct record));
	for (unsigned int i = 0; i < count - cut; i++)
		describe_post(own + list + 64 * i, &posts[i], i);
	done = apply_batch(posts, outcomes, count - cut, &status);
	if (cut && done == count - cut)
		status = POST_LIST_FAULT;
	describe(desc, POST_BATCH, 0, BATCH);
	put(desc + 16, 8, OWN_IOVA + list);
	put(desc + 32, 4, count);
	post(desc, BATCH);
	cr_assert_eq(record(BATCH)->status & 0x7f, status, "batch: 0x%02x instead of 0x%02x",
		     record(BATCH)->status, status);
	cr_assert_eq(record(BATCH)->done, done, "%u of %u", record(BATCH)->done, done);
	for (unsigned int i = 0; i < done; i++)
		check(&posts[i], &outcomes[i], i);
	for (unsigned int i = done; i < count; i++)
		cr_assert_eq(record(i)->status, 0, "behind a fence, or not listed");
	kinds[POST_BATCH]++;
	endings[status]++;
}

Test(dsa_posted, what_the_class_has_no_call_for_does_what_the_cpu_does, .timeout = 300)
{
	static const unsigned int all_kinds[] = {0, 1, 2, 6, 7, 8, 9, 0x20};

	begin("emu:dsa,max-size=17");
	for (unsigned int i = 0; i < OPERATIONS; i++) {
		if (dice(4))
			single();
		else
			batch();
		arena_check(&arena);
		bring_all_in();
	}
	for (unsigned int i = 0; i < sizeof(all_kinds) / sizeof(all_kinds[0]); i++)
		cr_expect_gt(kinds[all_kinds[i]], 100, "operation 0x%02x", all_kinds[i]);
	for (unsigned int i = POST_OK; i <= POST_RANGE; i++)
		cr_expect(endings[i] || i == 4, "nothing ended with 0x%02x", i);
	end();
}

/* Nothing, a multiple of 8 bytes up to the maximum, and more. */
Test(dsa_posted, sizes_from_one_to_the_maximum_and_no_other)
{
	static const unsigned int ops[] = {3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x20};
	static const uint32_t sizes[] = {8, MAX_SIZE, 0, MAX_SIZE + 8, 0xfffffff8};

	begin("emu:dsa,max-size=17");
	for (unsigned int i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		for (unsigned int k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			struct post p = {
				.op = (enum post_op)ops[i], .size = sizes[k], .dst = 2 * MAX_SIZE};
			uint8_t desc[64];

			p.other = 4 * MAX_SIZE;
			p.room = p.op == POST_APPLY ? ENTRY : 80;
			describe_post(desc, &p, 0);
			if (ops[i] == 0x10) /* a checksum has no destination */
				memset(desc + 24, 0, 8);
			if (p.op == POST_APPLY)
				memset(arena.chunk[0], 0, ENTRY);
			post(desc, 0);
			if (k < 2)
				cr_expect_eq(record(0)->status, POST_OK, "0x%02x of %u: 0x%02x",
					     p.op, p.size, record(0)->status);
			else
				cr_expect_eq(record(0)->status, POST_SIZE, "0x%02x of %u: 0x%02x",
					     p.op, p.size, record(0)->status);
		}
	end();
}
