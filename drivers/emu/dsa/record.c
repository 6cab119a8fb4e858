// SPDX-License-Identifier: BSD-3-Clause
/* How a descriptor's end is told: completion record (8.2), interrupt, or software error. */
#include "dsa_priv.h"

static void report(struct dsa *dsa, const struct slot *slot, const struct work *work, uint8_t code)
{
	const struct swerr error = {
		.code = code,
		.with_desc = true,
		.batch = slot->in_sub,
		.index = slot->in_sub ? slot->next : 0,
		.wq = slot->wq,
		.pasid = slot->pasid,
		.op = work->op,
		.invalid = work->invalid,
		.fault = work->fault,
		.write = work->fault_write,
	};

	pthread_mutex_lock(&dsa->lock);
	dsa_swerr(dsa, &error);
	pthread_mutex_unlock(&dsa->lock);
}

static bool is_fault(uint8_t status)
{
	return status == ST_FAULT || status == ST_FAULT_REFUSED || status == ST_BATCH_FAULT;
}

/* The second half but one: the words that only some operations have. */
static uint64_t extra(const struct work *work)
{
	if (work->status == ST_FLAGS)
		return work->invalid;
	if (work->op == OP_CREATE_DELTA)
		return work->delta;
	if (work->op == OP_CRC || work->op == OP_COPY_CRC)
		return work->crc;

	return 0;
}

/* Zero, too, has to be told where it means something. */
static bool has_extra(const struct work *work)
{
	return is_fault(work->status) || work->status == ST_FLAGS || work->op == OP_CREATE_DELTA ||
	       work->op == OP_CRC || work->op == OP_COPY_CRC;
}

static uint64_t first_word(const struct dsa *dsa, const struct work *work)
{
	uint32_t bytes = work->bytes;
	uint8_t status = work->status;

	if (is_fault(status) && work->fault_write)
		status |= ST_WRITE;
	if (dsa_evil(dsa, DSA_EVIL_STATUS))
		status = 0x7e;
	if (dsa_evil(dsa, DSA_EVIL_BYTES))
		bytes = work->size + 4096;

	return status | (uint64_t)work->result << 8 | (uint64_t)bytes << 32;
}

/*
 * What everyone waits for is in the first word, which comes last. A success without
 * anything else to tell is that word alone.
 */
static enum turn write_record(struct dsa *dsa, struct slot *slot, struct work *work)
{
	uint8_t fault_write = work->fault_write, status = work->status;
	uint64_t fault = work->fault;
	uint8_t record[RECORD_SIZE] = {0};
	enum turn turn = TURN_MORE;

	put64(record, first_word(dsa, work));
	put64(record + 8, is_fault(status) ? fault : 0);
	put64(record + 16, extra(work));
	atomic_thread_fence(memory_order_release);
	if (has_extra(work))
		turn = dsa_reach(dsa, slot, work, work->record + 8, record + 8, RECORD_SIZE - 8,
				 true);
	atomic_thread_fence(memory_order_release);
	if (turn == TURN_MORE)
		turn = dsa_reach(dsa, slot, work, work->record, record, 8, true);
	if (turn == TURN_OVER)
		return TURN_OVER;
	/* Those were of the record. */
	work->status = status;
	work->fault = fault;
	work->fault_write = fault_write;

	return turn;
}

static bool wanted(const struct work *work)
{
	return work->flags & FLAG_RECORD_VALID &&
	       (work->flags & FLAG_RECORD || work->status != ST_SUCCESS);
}

static void signal_end(struct dsa *dsa, const struct work *work)
{
	if (work->vector != NO_VECTOR)
		dsa->ops->irq(dsa->arg, work->vector);
	if (dsa_evil(dsa, DSA_EVIL_IRQ_STORM))
		for (unsigned int i = 0; i < DSA_VECTORS; i++)
			dsa->ops->irq(dsa->arg, i);
}

static bool can_tell(const struct work *work)
{
	return work->flags & FLAG_RECORD_VALID && work->record % RECORD_SIZE == 0;
}

enum turn dsa_record(struct dsa *dsa, struct slot *slot, struct work *work)
{
	unsigned int times = dsa_evil(dsa, DSA_EVIL_TWICE) ? 2 : 1;
	uint8_t status = work->status;

	if (dsa_evil(dsa, DSA_EVIL_SWERR_STORM))
		report(dsa, slot, work, ST_SUCCESS);
	if (dsa_evil(dsa, DSA_EVIL_NO_RECORD))
		return TURN_OVER;
	if (!can_tell(work)) {
		if (status != ST_SUCCESS && status != ST_FALSE)
			report(dsa, slot, work, status);
	} else if (wanted(work)) {
		while (times--) {
			enum turn turn = write_record(dsa, slot, work);

			if (turn == TURN_WAIT)
				return TURN_WAIT;
			if (turn == TURN_MORE)
				continue;
			report(dsa, slot, work, ST_RECORD_FAULT);
			work->status = ST_RECORD_FAULT;
			break;
		}
	}
	if (work->phase == PHASE_RECORD) /* not a lie */
		signal_end(dsa, work);

	return TURN_OVER;
}
