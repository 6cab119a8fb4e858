// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uvdk_device.h>
#include <uvdk_emu.h>
#include <uvdk_pasid_attach.h>

#include "../../random.h"
#include "../../sanitizer.h"
#include "dsa_reference.h"

/*
 * A million operations of all kinds against the CPU: any size and alignment, overlaps, bursts,
 * fences, and faults wherever they may come. Operations that touch the same memory have a fence
 * between them; all others may run in any order.
 */

#define SHARE	     (SANITIZED ? 50 : 1) /* of the operations: one in so many */

#define MAX_LEN	     (128u * 1024) /* "max-size=17" */
#define RING	     64u
#define EPOCH	     200u /* operations until all is compared */
#define RECORD_FAULT 0x1a
#define PATIENCE     60 /* seconds without a completion */

struct plan {
	const char *spec;
	unsigned int count; /* operations */
	uint64_t seed;
	unsigned int flags; /* of the channel */
	unsigned int holes; /* one operation in so many leaves the arena; 0: none */
	bool pasid;
	bool lost;    /* records may not be written */
	bool absence; /* the I/O MMU caches that nothing is there */
};

struct world {
	const struct plan *plan;
	uint64_t random;
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_dmadev *dma;
	struct uvdk_ioas *ioas;
	struct uvdk_dmadev_chan *chan;
	struct arena arena;
	/* Numbers of operations, counted up and never wrapped. */
	uint32_t enqueued;
	uint32_t told;
	uint32_t group; /* first of the present one */
	struct op ops[EPOCH];
	bool partly[EPOCH]; /* it met a fault, behind so many bytes: */
	uint32_t done[EPOCH];
	uint32_t first;	  /* ops[0] */
	struct op copied; /* to be compared some time */
	bool group_failed;
	bool cancelled;
	bool failure; /* one was told: enqueue nothing before all has ended */
	uint64_t kinds[OP_KINDS], fences, failures, not_run, lost;
};

static struct world w;

/* ---- what is made up ---- */

static uint32_t dice(uint32_t sides)
{
	return (uint32_t)(random_next(&w.random) >> 16) % sides;
}

static uint32_t some_len(void)
{
	switch (dice(100)) {
	case 0:
		return MAX_LEN;
	case 1 ... 3:
		return 1 + dice(MAX_LEN);
	case 4 ... 15:
		return 1 + dice(16384);
	case 16 ... 20:
		return 4096;
	case 21 ... 25:
		return 1;
	case 26 ... 50:
		return 1 + dice(4096);
	default:
		return 1 + dice(64);
	}
}

/* Anywhere; often just before the end of a page. */
static uint32_t some_place(uint32_t len)
{
	uint32_t at = dice(ARENA_SIZE - len + 1), edge;

	if (dice(4))
		return at;
	edge = (at | 4095) - dice(len < 4096 ? len : 4096);

	return edge <= ARENA_SIZE - len ? edge : at;
}

/* Pieces of a span in any order; half of them begin where the one before ends. */
static unsigned int cut(struct uvdk_dma_piece *segs, uint32_t at, uint32_t len)
{
	unsigned int count = 1 + dice(len < ARENA_SG ? len : ARENA_SG);
	uint32_t end = at + len;

	for (unsigned int i = 0; i < count; i++) {
		uint32_t left = count - i - 1;
		uint32_t piece = left ? 1 + dice(end - at - left) : end - at;

		segs[i] = (struct uvdk_dma_piece){.addr = at, .len = piece};
		at += piece;
	}
	for (unsigned int i = count; i > 1; i--) {
		unsigned int k = dice(i);
		struct uvdk_dma_piece seg = segs[i - 1];

		segs[i - 1] = segs[k];
		segs[k] = seg;
	}

	return count;
}

static bool overlaps(const struct op *op)
{
	return op->src < op->dst + op->len && op->dst < op->src + op->len;
}

/* Only plain copies may overlap: what else does it is not defined. */
static void move_apart(struct op *op)
{
	while (overlaps(op)) {
		op->src = some_place(op->len);
		op->dst = some_place(op->len);
	}
}

/* Not far from each other. */
static void overlap(struct op *op)
{
	uint32_t shift = dice(op->len + 1);

	if (dice(2) && op->src + shift <= ARENA_SIZE - op->len)
		op->dst = op->src + shift;
	else if (op->src >= shift)
		op->dst = op->src - shift;
}

static void leave_arena(struct op *op)
{
	uint32_t inside = dice(op->len);
	struct op moved = *op;

	if (op_reads(op) && dice(2))
		moved.src = ARENA_SIZE - inside;
	else
		moved.dst = ARENA_SIZE - inside;
	if (op->kind == OP_COPY || !overlaps(&moved))
		*op = moved;
}

static void make_op(struct op *op)
{
	memset(op, 0, sizeof(*op));
	op->kind = dice(OP_KINDS);
	op->len = some_len();
	op->src = some_place(op->len);
	op->dst = some_place(op->len);
	op->pattern = random_next(&w.random);
	op->crc.seed = dice(2) ? (uint32_t)op->pattern : 0;
	op->crc.flags = dice(4);
	if (op->kind == OP_COPY && dice(5) == 0)
		overlap(op);
	else if (op->kind != OP_COPY)
		move_apart(op);
	if (op->kind == OP_COMPARE && w.copied.len && dice(2)) {
		op->src = w.copied.src;
		op->dst = w.copied.dst;
		op->len = w.copied.len;
	}
	if (op->kind == OP_SG) {
		op->dst_count = cut(op->segs[0], op->dst, op->len);
		op->src_count = cut(op->segs[1], op->src, op->len);
	} else if (w.plan->holes && dice(w.plan->holes) == 0 && op->kind != OP_CRC) {
		leave_arena(op);
	}
	if (op->kind == OP_COPY)
		w.copied = *op;
}

/* ---- enqueueing ---- */

static int enqueue_sg(const struct op *op, unsigned int flags)
{
	struct uvdk_dma_piece segs[2][ARENA_SG];

	memcpy(segs, op->segs, sizeof(segs));
	for (unsigned int i = 0; i < ARENA_SG; i++) {
		segs[0][i].addr += ARENA_IOVA;
		segs[1][i].addr += ARENA_IOVA;
	}

	return uvdk_dmadev_copy_sg(w.chan, segs[0], op->dst_count, segs[1], op->src_count, flags);
}

static int enqueue(const struct op *op)
{
	uvdk_iova_t dst = ARENA_IOVA + op->dst, src = ARENA_IOVA + op->src;
	unsigned int flags = (op->fence ? UVDK_DMADEV_FENCE : 0) |
			     (dice(4) ? 0 : UVDK_DMADEV_CACHE) |
			     (dice(10) ? 0 : UVDK_DMADEV_SUBMIT);

	switch (op->kind) {
	case OP_COPY:
		return uvdk_dmadev_copy(w.chan, dst, src, op->len, flags);
	case OP_FILL:
		return uvdk_dmadev_fill(w.chan, dst, op->pattern, op->len, flags);
	case OP_COMPARE:
		return uvdk_dmadev_compare(w.chan, dst, src, op->len, flags);
	case OP_CRC:
		return uvdk_dmadev_crc(w.chan, UVDK_IOVA_NONE, src, op->len, &op->crc, flags);
	case OP_COPY_CRC:
		return uvdk_dmadev_crc(w.chan, dst, src, op->len, &op->crc, flags);
	default:
		return enqueue_sg(op, flags);
	}
}

static bool needs_fence(const struct op *op)
{
	for (uint32_t i = w.group; i < w.enqueued; i++)
		if (op_conflicts(&w.ops[i - w.first], op))
			return true;

	return dice(30) == 0;
}

/* What is no operation is refused, and has no number. */
static void try_nonsense(void)
{
	cr_assert_eq(uvdk_dmadev_copy(w.chan, ARENA_IOVA, ARENA_IOVA + 64, 0, 0), -EINVAL);
	cr_assert_eq(uvdk_dmadev_fill(w.chan, ARENA_IOVA, 1, MAX_LEN + 1, 0), -EINVAL);
}

static bool add(struct op *op)
{
	int number;

	op->fence = needs_fence(op);
	number = enqueue(op);
	if (number == -ENOSPC)
		return false;
	cr_assert_eq(number, (int)(w.enqueued & 0xffff), "operation %u: %d", w.enqueued, number);
	if (op->fence)
		w.group = w.enqueued;
	w.fences += op->fence;
	w.kinds[op->kind]++;
	w.ops[w.enqueued - w.first] = *op;
	w.enqueued++;

	return true;
}

/* ---- what came of it ---- */

static void check_value(const struct op *op, const struct uvdk_dmadev_result *r)
{
	uint32_t same, value = op_apply(&w.arena, op, op->len, &same);

	if (op->kind == OP_COMPARE) {
		cr_assert_eq(r->value, value, "operation %u: %u instead of %u", w.told, r->value,
			     value);
		cr_assert_eq(r->done, same, "operation %u: %llu bytes equal instead of %u", w.told,
			     (unsigned long long)r->done, same);
		return;
	}
	cr_assert_eq(r->done, op->len, "operation %u: %llu of %u bytes", w.told,
		     (unsigned long long)r->done, op->len);
	if (op->kind == OP_CRC || op->kind == OP_COPY_CRC)
		cr_assert_eq(r->value, value,
			     "operation %u (kind %u, %u bytes): %08x instead of %08x (flags %u, "
			     "seed %08x)",
			     w.told, op->kind, op->len, r->value, value, op->crc.flags,
			     op->crc.seed);
}

static bool in_pages(uvdk_iova_t fault, uint32_t at, uint32_t len)
{
	uvdk_iova_t page = (fault - ARENA_IOVA) & ~UINT64_C(4095);

	return page >= (at & ~4095u) && page < at + len;
}

static void note_failure(const struct op *op, uint32_t done)
{
	w.partly[w.told - w.first] = op_writes(op);
	w.done[w.told - w.first] = done;
	w.group_failed = true;
	w.failures++;
}

/* The first bytes are done; of the others nothing is known. */
static void check_fault(const struct op *op, const struct uvdk_dmadev_result *r)
{
	bool hole = op->src + op->len > ARENA_SIZE || op->dst + op->len > ARENA_SIZE;
	uint32_t same;

	cr_assert(hole || w.plan->flags & UVDK_DMADEV_CHAN_NO_RESUME,
		  "operation %u: a fault at 0x%llx", w.told, (unsigned long long)r->fault);
	cr_assert_lt(r->done, op->len, "operation %u", w.told);
	cr_assert((op_reads(op) && in_pages(r->fault, op->src, op->len)) ||
			  in_pages(r->fault, op->dst, op->len),
		  "operation %u: 0x%llx is not of it", w.told, (unsigned long long)r->fault);
	if (hole)
		cr_assert(op->src + r->done <= ARENA_SIZE && op->dst + r->done <= ARENA_SIZE,
			  "operation %u: %llu bytes are not there", w.told,
			  (unsigned long long)r->done);
	op_apply(&w.arena, op, (uint32_t)r->done, &same);
	if (op->kind == OP_COMPARE)
		cr_assert_eq(same, r->done, "operation %u: not equal so far", w.told);
	note_failure(op, (uint32_t)r->done);
}

static void check_status(const struct op *op, const struct uvdk_dmadev_result *r)
{
	bool hole = op->src + op->len > ARENA_SIZE || op->dst + op->len > ARENA_SIZE;

	if (op->fence && w.group_failed)
		w.cancelled = true;
	if (w.cancelled) {
		cr_assert_eq(r->status, UVDK_DMADEV_NOT_RUN, "operation %u: %u, code 0x%02x",
			     w.told, r->status, r->code);
		cr_assert_eq(r->done, 0);
		w.not_run++;
	} else if (r->status == UVDK_DMADEV_FAULT) {
		check_fault(op, r);
	} else if (r->status == UVDK_DMADEV_ERROR && w.plan->lost) {
		cr_assert_eq(r->code, RECORD_FAULT, "operation %u: 0x%02x", w.told, r->code);
		note_failure(op, 0);
		w.lost++;
	} else {
		cr_assert_eq(r->status, UVDK_DMADEV_OK, "operation %u (kind %u): %u, code 0x%02x",
			     w.told, op->kind, r->status, r->code);
		/* A comparison may find a difference before the hole. */
		cr_assert(!hole || (op->kind == OP_COMPARE && r->value));
		if (!hole)
			check_value(op, r);
	}
	w.failure |= r->status != UVDK_DMADEV_OK;
}

static unsigned int take_results(void)
{
	struct uvdk_dmadev_result results[16];
	unsigned int count = uvdk_dmadev_completed_status(w.chan, results, 1 + dice(16));

	for (unsigned int i = 0; i < count; i++, w.told++) {
		cr_assert_eq(results[i].index, w.told & 0xffff, "%u came for %u", results[i].index,
			     w.told);
		check_status(&w.ops[w.told - w.first], &results[i]);
	}

	return count;
}

/* Successes alone: nothing is told but how many. */
static unsigned int take_successes(void)
{
	uint16_t last;
	bool error;
	unsigned int count = uvdk_dmadev_completed(w.chan, 1 + dice(16), &last, &error);

	cr_assert_eq(last, (w.told + count - 1) & 0xffff);
	for (unsigned int i = 0; i < count; i++, w.told++) {
		const struct op *op = &w.ops[w.told - w.first];
		uint32_t same;

		cr_assert(!w.cancelled && !(op->fence && w.group_failed),
			  "operation %u (%s) succeeded behind a failure that was told", w.told,
			  op->fence ? "fence" : "no fence");
		if (op->kind != OP_COMPARE)
			op_apply(&w.arena, op, op->len, &same);
	}

	return error ? count + take_results() : count;
}

static void poll_some(void)
{
	if (w.told == w.enqueued)
		return;
	if (dice(2))
		take_results();
	else
		take_successes();
}

static void drain(void)
{
	time_t give_up = time(NULL) + PATIENCE;
	uint32_t before = w.told;

	cr_assert_eq(uvdk_dmadev_submit(w.chan), 0);
	while (w.told != w.enqueued) {
		poll_some();
		if (w.told != before) {
			give_up = time(NULL) + PATIENCE;
			before = w.told;
			continue;
		}
		sched_yield(); /* the device is a thread, too */
		cr_assert(time(NULL) < give_up, "operation %u of %u does not end", w.told,
			  w.enqueued);
	}
}

/* ---- the run ---- */

/* Rests of what failed are as they are; everything else is right. */
static void compare_all(void)
{
	for (uint32_t i = w.first; i < w.enqueued && w.failure; i++)
		if (w.partly[i - w.first])
			op_accept_rest(&w.arena, &w.ops[i - w.first], w.done[i - w.first]);
	arena_check(&w.arena);
	w.first = w.group = w.enqueued;
	w.group_failed = w.cancelled = w.failure = false;
	memset(w.partly, 0, sizeof(w.partly));
}

static void epoch(unsigned int count)
{
	struct op op;

	make_op(&op);
	while (w.enqueued - w.first < count && !w.failure) {
		if (add(&op)) {
			make_op(&op);
		} else {
			uint32_t before = w.told;

			cr_assert_eq(uvdk_dmadev_submit(w.chan), 0);
			poll_some();
			if (w.told == before)
				sched_yield();
		}
		if (dice(20) == 0)
			cr_assert_eq(uvdk_dmadev_submit(w.chan), 0);
		if (dice(10) == 0)
			poll_some();
	}
	if (dice(10) == 0)
		try_nonsense();
	drain();
	compare_all();
	if (dice(3) == 0)
		arena_remap(&w.arena, dice(ARENA_CHUNKS), dice(ARENA_SPARES));
}

static struct uvdk_pasid_space *space;
static struct uvdk_pasid_owner *owner;
static struct uvdk_pasid_attachment attached;

static uint32_t attach(void)
{
	uint32_t pasid;

	if (!w.plan->pasid) {
		cr_assert_eq(uvdk_ioas_attach(w.ioas, w.dev), 0, "%s", uvdk_last_error());
		return 0;
	}
	cr_assert_eq(uvdk_pasid_space_create(NULL, &space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(space, 1, &owner), 0);
	cr_assert_eq(uvdk_pasid_alloc(owner, 1, UINT32_MAX, &pasid), 0);
	cr_assert_eq(uvdk_pasid_attach(owner, pasid, w.ioas, w.dev, &attached), 0, "%s",
		     uvdk_last_error());

	return pasid;
}

static void begin(const struct plan *plan)
{
	struct uvdk_emu_opts emu = {
		.size = sizeof(emu), .seed = plan->seed, .absence = plan->absence};
	struct uvdk_iommu_opts iommu = {.size = sizeof(iommu)};
	struct uvdk_dmadev_chan_opts chan = {
		.size = sizeof(chan), .ring = RING, .flags = plan->flags};
	char spec[128];

	memset(&w, 0, sizeof(w));
	w.plan = plan;
	w.random = plan->seed;
	snprintf(spec, sizeof(spec), "%s,seed=%llu", plan->spec, (unsigned long long)plan->seed);
	cr_assert_eq(uvdk_emu_create(&emu, &w.emu), 0);
	iommu.emu = w.emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu, &w.iommu), 0);
	cr_assert_eq(uvdk_device_open(w.iommu, spec, NULL, &w.dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_open(w.dev, NULL, &w.dma), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_get_info(w.dma)->max_len, MAX_LEN);
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &w.ioas), 0);
	chan.pasid = attach();
	chan.ioas = w.ioas;
	cr_assert_eq(uvdk_dmadev_chan_open(w.dma, &chan, &w.chan), 0, "%s", uvdk_last_error());
	arena_create(&w.arena, w.ioas);
	arena_fill(&w.arena, &w.random);
}

static void check_stats(void)
{
	struct uvdk_dmadev_stats stats;

	uvdk_dmadev_chan_get_stats(w.chan, &stats);
	cr_expect_eq(stats.enqueued, w.enqueued);
	cr_expect_eq(stats.submitted, w.enqueued);
	cr_expect_eq(stats.completed, w.enqueued);
	cr_expect_eq(stats.failed, w.failures + w.not_run);
	for (unsigned int kind = 0; kind < OP_KINDS; kind++)
		cr_expect_gt(w.kinds[kind], 0, "nothing of kind %u", kind);
	cr_expect_gt(w.fences, 0);
}

static void end(void)
{
	struct uvdk_emu_stale stale;

	check_stats();
	uvdk_dmadev_chan_close(w.chan);
	arena_destroy(&w.arena);
	uvdk_dmadev_close(w.dma);
	uvdk_pasid_owner_destroy(owner);
	uvdk_ioas_destroy(w.ioas);
	uvdk_device_close(w.dev);
	uvdk_pasid_space_destroy(space);
	uvdk_iommu_close(w.iommu);
	cr_expect_eq(uvdk_emu_stales(w.emu, &stale, 1), 0, "a stale translation: %s missed %s",
		     stale.entry, stale.missing);
	uvdk_emu_destroy(w.emu);
}

static void run(const struct plan *plan)
{
	unsigned int count = plan->count / SHARE;
	const char *more = getenv("UVDK_DSA_SEED"); /* others than those of every run */
	struct plan seeded = *plan;

	seeded.seed += more ? strtoull(more, NULL, 0) : 0;
	begin(&seeded);
	while (w.enqueued < count)
		epoch(1 + dice(EPOCH));
	end();
}

Test(dsa_random, every_operation_does_what_the_cpu_does, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17", .count = 300000, .seed = 1});
}

Test(dsa_random, also_where_operations_overtake_each_other, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,reorder,version=2",
			   .count = 200000,
			   .seed = 2,
			   .pasid = true});
}

Test(dsa_random, also_with_small_batches_and_an_io_mmu_that_caches_absence, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,max-batch=1",
			   .count = 100000,
			   .seed = 3,
			   .absence = true});
}

Test(dsa_random, also_with_page_faults_anywhere_which_are_resumed, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,fault-rate=40,spare-records",
			   .count = 200000,
			   .seed = 4,
			   .pasid = true});
}

Test(dsa_random, faults_that_nobody_resumes_are_told_and_later_groups_do_not_run, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,fault-rate=200,spare-records",
			   .count = 100000,
			   .seed = 5,
			   .flags = UVDK_DMADEV_CHAN_NO_RESUME,
			   .pasid = true});
	cr_expect_gt(w.failures, 0);
	cr_expect_gt(w.not_run, 0);
}

Test(dsa_random, what_goes_beyond_memory_ends_with_a_fault_just_there, .timeout = 600)
{
	run(&(struct plan){
		.spec = "emu:dsa,max-size=17", .count = 100000, .seed = 6, .holes = 100});
	cr_expect_gt(w.failures, 0);
}

Test(dsa_random, an_operation_whose_record_is_lost_fails_and_no_other_does, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,fault-rate=100",
			   .count = 50000,
			   .seed = 7,
			   .lost = true,
			   .pasid = true});
	cr_expect_gt(w.lost, 0);
	cr_expect_gt(w.not_run, 0);
}

Test(dsa_random, records_are_lost_among_faults_that_nobody_resumes, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,fault-rate=60,reorder",
			   .count = 50000,
			   .seed = 8,
			   .flags = UVDK_DMADEV_CHAN_NO_RESUME,
			   .lost = true,
			   .pasid = true});
	cr_expect_gt(w.lost, 0);
}
