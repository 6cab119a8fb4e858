// SPDX-License-Identifier: BSD-3-Clause
/* One descriptor, from its checks to its record. */
#include "dsa_priv.h"

static enum turn op_nothing(struct dsa *dsa, struct slot *slot, struct work *work)
{
	(void)dsa, (void)slot, (void)work;

	return TURN_OVER;
}

static dsa_op *const ops[NR_OPS] = {
	[OP_NOOP] = op_nothing,
	[OP_BATCH] = dsa_op_batch,
	[OP_DRAIN] = dsa_op_drain,
	[OP_MOVE] = dsa_op_move,
	[OP_FILL] = dsa_op_fill,
	[OP_COMPARE] = dsa_op_compare,
	[OP_COMPARE_PATTERN] = dsa_op_pattern,
	[OP_CREATE_DELTA] = dsa_op_create_delta,
	[OP_APPLY_DELTA] = dsa_op_apply_delta,
	[OP_DUALCAST] = dsa_op_dualcast,
	[OP_CRC] = dsa_op_crc,
	[OP_COPY_CRC] = dsa_op_crc,
	[OP_FLUSH] = dsa_op_flush,
};

void dsa_work_load(struct work *work, const uint8_t *raw)
{
	uint32_t flags = get32(raw + 4);

	*work = (struct work){
		.flags = flags & 0xffffff,
		.op = (uint8_t)(flags >> 24),
		.record = get64(raw + 8),
		.src = get64(raw + 16),
		.dst = get64(raw + 24),
		.size = get32(raw + 32),
		.vector = NO_VECTOR,
	};
	memcpy(work->raw, raw, DESC_SIZE);
}

/* A drain ends when nothing that was submitted before it is under way. */
enum turn dsa_op_drain(struct dsa *dsa, struct slot *slot, struct work *work)
{
	(void)work;
	for (unsigned int e = 0; e < NR_ENGINES; e++)
		for (unsigned int i = 0; i < NR_SLOTS; i++) {
			const struct slot *other = &dsa->engines[e].slots[i];

			if (other->used && other->wq == slot->wq && other->seq < slot->seq)
				return TURN_WAIT;
		}

	return TURN_OVER;
}

static void begin(struct dsa *dsa, struct slot *slot, struct work *work)
{
	work->status = dsa_check(dsa, slot, work);
	work->phase = work->status ? PHASE_RECORD : PHASE_RUN;
	if (work->status)
		return;
	if (dsa_evil(dsa, DSA_EVIL_NO_DATA))
		work->phase = PHASE_RECORD;
	if (dsa_evil(dsa, DSA_EVIL_FAULT) && work->op >= OP_MOVE) {
		work->status = ST_FAULT;
		work->fault = UINT64_C(0xdead000000000123);
		work->phase = PHASE_RECORD;
	}
	if (dsa_evil(dsa, DSA_EVIL_EARLY))
		work->early = 1;
}

static enum turn run(struct dsa *dsa, struct slot *slot, struct work *work)
{
	enum turn turn;

	if (work->early == 1) {
		uint8_t status = work->status;

		work->status = ST_SUCCESS;
		if (dsa_record(dsa, slot, work) == TURN_WAIT)
			return TURN_WAIT;
		work->status = status;
		work->early = 2;
	}
	turn = ops[work->op](dsa, slot, work);
	if (turn != TURN_OVER)
		return turn;
	if (work->op != OP_BATCH)
		work->bytes = (uint32_t)work->done;
	work->phase = PHASE_RECORD;

	return TURN_MORE;
}

enum turn dsa_work_run(struct dsa *dsa, struct slot *slot, struct work *work)
{
	enum turn turn;

	if (work->phase == PHASE_CHECK)
		begin(dsa, slot, work);
	while (work->phase == PHASE_RUN) {
		turn = run(dsa, slot, work);
		if (work->phase == PHASE_RUN)
			return turn;
	}
	if (!work->status)
		work->status = ST_SUCCESS;
	turn = dsa_record(dsa, slot, work);
	if (turn == TURN_OVER)
		atomic_fetch_add_explicit(&dsa->processed, 1, memory_order_relaxed);

	return turn;
}
