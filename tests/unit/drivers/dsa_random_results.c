// SPDX-License-Identifier: BSD-3-Clause
/* What came of random operations, beside what the CPU makes of them. */
#include "dsa_random.h"

#define RECORD_FAULT 0x1a

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

unsigned int take_results(void)
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
unsigned int take_successes(void)
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
