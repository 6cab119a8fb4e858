// SPDX-License-Identifier: BSD-3-Clause
/* Commands (9.2.11): taken by a register write, carried out in dsa_step(). */
#include "dsa_priv.h"

#define HANDLE_FIRST 0x40u

static void end(struct dsa *dsa, enum cmd_error error, uint32_t result)
{
	uint32_t value = dsa->order.value;

	dsa->order.active = false;
	dsa->cmdsts = (uint32_t)error | result << 8;
	dsa_cause(dsa, value & CMD_IRQ ? CAUSE_CMD : 0, value & CMD_IRQ);
}

void dsa_command(struct dsa *dsa, uint32_t value)
{
	if (dsa->order.active) /* software may not do this */
		return;
	dsa->order = (struct order){.active = true, .value = value, .delay = dsa->opts.cmd_delay};
	dsa->cmdsts = CMDSTS_ACTIVE;
}

/* ---- who is concerned ---- */

static uint32_t all_wqs(const struct dsa *dsa)
{
	return (1u << dsa->opts.wqs) - 1;
}

/* Commands for queues name 16 of them by bits, and which 16. */
static enum cmd_error name_wqs(struct dsa *dsa)
{
	struct order *order = &dsa->order;
	uint32_t operand = order->value & CMD_OPERAND;

	order->wqs = operand & 0xffff;

	return operand >> 16 || !order->wqs || order->wqs & ~all_wqs(dsa) ? CE_WQ_INDEX : CE_OK;
}

static enum cmd_error need_wqs(const struct dsa *dsa, unsigned int wqs)
{
	for (unsigned int i = 0; i < NR_WQS; i++)
		if (wqs >> i & 1 && dsa->queues[i].state != WQ_ENABLED)
			return CE_WQ_NOT_ENABLED;

	return CE_OK;
}

static enum cmd_error begin_wqs(struct dsa *dsa, bool enabled)
{
	enum cmd_error error = name_wqs(dsa);

	if (!error && enabled)
		error = need_wqs(dsa, dsa->order.wqs);

	return error;
}

static enum cmd_error begin_all(struct dsa *dsa)
{
	dsa->order.wqs = all_wqs(dsa);

	return dsa->state == DEV_ENABLED ? CE_OK : CE_DEV_NOT_ENABLED;
}

/* What is submitted from now on is not waited for, or not accepted. */
static void mark(struct dsa *dsa, bool close)
{
	for (unsigned int i = 0; i < NR_WQS; i++) {
		dsa->order.marks[i] = dsa->queues[i].seq;
		if (close && dsa->order.wqs >> i & 1 && dsa->queues[i].state == WQ_ENABLED)
			dsa->queues[i].state = WQ_BUSY;
	}
}

static uint32_t entry_pasid(const struct dsa *dsa, unsigned int wq, const uint8_t *raw)
{
	const uint32_t *cfg = dsa->wqcfg[wq];

	return WQ_DEDICATED(cfg) ? WQ_PASID(cfg) : get32(raw) & DESC_PASID;
}

static bool tagged_so(const struct dsa *dsa, unsigned int wq, const uint8_t *raw)
{
	return WQ_PASID_ON(dsa->wqcfg[wq]) &&
	       entry_pasid(dsa, wq, raw) == (dsa->order.value & CMD_OPERAND);
}

static bool by_pasid(const struct dsa *dsa)
{
	unsigned int code = CMD_CODE(dsa->order.value);

	return code == CMD_DRAIN_PASID || code == CMD_ABORT_PASID;
}

static bool concerns(const struct dsa *dsa, unsigned int wq, uint64_t seq, const uint8_t *raw)
{
	if (!(dsa->order.wqs >> wq & 1) || seq >= dsa->order.marks[wq])
		return false;

	return !by_pasid(dsa) || tagged_so(dsa, wq, raw);
}

static bool queue_pending(const struct dsa *dsa, unsigned int wq)
{
	const struct queue *queue = &dsa->queues[wq];

	for (unsigned int i = 0; i < queue->count; i++) {
		const struct entry *entry = &queue->ring[(queue->head + i) % TOTAL_SIZE];

		if (concerns(dsa, wq, entry->seq, entry->raw))
			return true;
	}

	return false;
}

static bool pending(const struct dsa *dsa)
{
	for (unsigned int i = 0; i < NR_WQS; i++)
		if (queue_pending(dsa, i))
			return true;
	for (unsigned int e = 0; e < NR_ENGINES; e++)
		for (unsigned int i = 0; i < NR_SLOTS; i++) {
			const struct slot *slot = &dsa->engines[e].slots[i];

			if (slot->used && concerns(dsa, slot->wq, slot->seq, slot->top.raw))
				return true;
		}

	return false;
}

static void drop_queue(struct dsa *dsa, unsigned int wq)
{
	struct queue *queue = &dsa->queues[wq];
	unsigned int kept = 0;

	for (unsigned int i = 0; i < queue->count; i++) {
		struct entry *entry = &queue->ring[(queue->head + i) % TOTAL_SIZE];

		if (!concerns(dsa, wq, entry->seq, entry->raw))
			queue->ring[(queue->head + kept++) % TOTAL_SIZE] = *entry;
	}
	queue->count = kept;
}

/* Descriptors end without a trace. */
static void drop(struct dsa *dsa)
{
	for (unsigned int i = 0; i < NR_WQS; i++)
		drop_queue(dsa, i);
	for (unsigned int e = 0; e < NR_ENGINES; e++)
		for (unsigned int i = 0; i < NR_SLOTS; i++) {
			struct slot *slot = &dsa->engines[e].slots[i];

			if (slot->used && concerns(dsa, slot->wq, slot->seq, slot->top.raw)) {
				dsa_drop(dsa, slot);
				dsa->engines[e].in_use--;
			}
		}
}

/* ---- what is done ---- */

static void set_wqs(struct dsa *dsa, enum wq_state state)
{
	for (unsigned int i = 0; i < NR_WQS; i++)
		if (dsa->order.wqs >> i & 1)
			dsa->queues[i].state = state;
}

static void note_groups(struct dsa *dsa)
{
	for (unsigned int e = 0; e < NR_ENGINES; e++) {
		dsa->group_of[e] = NR_GROUPS;
		for (unsigned int g = 0; g < NR_GROUPS; g++)
			if (dsa_group_engines(dsa, g) >> e & 1)
				dsa->group_of[e] = (uint8_t)g;
	}
}

static enum cmd_error enable_device(struct dsa *dsa)
{
	enum cmd_error error = dsa_check_device(dsa);

	if (error)
		return error;
	note_groups(dsa);
	dsa->state = DEV_ENABLED;

	return CE_OK;
}

static enum cmd_error enable_wq(struct dsa *dsa)
{
	uint32_t wq = dsa->order.value & CMD_OPERAND;
	enum cmd_error error;

	if (wq >= dsa->opts.wqs)
		return CE_WQ_INDEX;
	error = dsa_check_wq(dsa, wq);
	if (error)
		return error;
	dsa->queues[wq].state = WQ_ENABLED;
	dsa->queues[wq].size = WQ_SIZE(dsa->wqcfg[wq]);

	return CE_OK;
}

static void reset_wqs(struct dsa *dsa)
{
	for (unsigned int i = 0; i < NR_WQS; i++) {
		uint32_t size = dsa->wqcfg[i][0];

		if (!(dsa->order.wqs >> i & 1))
			continue;
		dsa_default_wq(dsa, i);
		dsa->wqcfg[i][0] = size;
	}
}

static void reset_device(struct dsa *dsa)
{
	struct order order = dsa->order;

	dsa_power_on(dsa, RESET_SOFTWARE);
	dsa->order = order;
}

static enum cmd_error handle_command(struct dsa *dsa, bool request, uint32_t *result)
{
	uint32_t operand = dsa->order.value & 0xffff, v = operand - (request ? 0 : HANDLE_FIRST);

	if (!dsa->opts.handles)
		return CE_CODE;
	if (dsa->order.value & 0x10000 || v >= DSA_VECTORS)
		return request ? CE_VECTOR : CE_NOT_A_HANDLE;
	if (!request && !dsa->handle[v])
		return CE_NOT_A_HANDLE;
	dsa->handle[v] = request;
	*result = request ? v + HANDLE_FIRST : 0;

	return CE_OK;
}

/* Is it allowed? Then whatever comes first. */
static enum cmd_error begin(struct dsa *dsa, uint32_t *result)
{
	enum cmd_error error;

	switch (CMD_CODE(dsa->order.value)) {
	case CMD_ENABLE:
		return enable_device(dsa);
	case CMD_ENABLE_WQ:
		return enable_wq(dsa);
	case CMD_DISABLE:
		error = begin_all(dsa);
		if (!error)
			dsa->state = DEV_DRAIN;
		return error;
	case CMD_DRAIN_ALL:
	case CMD_ABORT_ALL:
	case CMD_DRAIN_PASID:
	case CMD_ABORT_PASID:
		return begin_all(dsa);
	case CMD_RESET:
		return CE_OK;
	case CMD_DISABLE_WQ:
	case CMD_DRAIN_WQ:
	case CMD_ABORT_WQ:
		return begin_wqs(dsa, true);
	case CMD_RESET_WQ:
		return begin_wqs(dsa, false);
	case CMD_REQUEST_HANDLE:
	case CMD_RELEASE_HANDLE:
		return handle_command(dsa, CMD_CODE(dsa->order.value) == CMD_REQUEST_HANDLE,
				      result);
	default:
		return CE_CODE;
	}
}

static bool closes(unsigned int code)
{
	return code == CMD_DISABLE || code == CMD_DISABLE_WQ || code == CMD_RESET_WQ;
}

static bool waits(unsigned int code)
{
	return code == CMD_DISABLE || code == CMD_DRAIN_ALL || code == CMD_DISABLE_WQ ||
	       code == CMD_DRAIN_WQ || code == CMD_DRAIN_PASID;
}

/* Whatever comes last. */
static void conclude(struct dsa *dsa, unsigned int code)
{
	switch (code) {
	case CMD_DISABLE:
		set_wqs(dsa, WQ_DISABLED);
		dsa->state = DEV_DISABLED;
		break;
	case CMD_RESET:
		reset_device(dsa);
		break;
	case CMD_DISABLE_WQ:
		set_wqs(dsa, WQ_DISABLED);
		break;
	case CMD_RESET_WQ:
		drop(dsa);
		set_wqs(dsa, WQ_DISABLED);
		reset_wqs(dsa);
		break;
	case CMD_ABORT_ALL:
	case CMD_ABORT_WQ:
	case CMD_ABORT_PASID:
		drop(dsa);
		break;
	default:
		break;
	}
}

static void carry_out(struct dsa *dsa)
{
	unsigned int code = CMD_CODE(dsa->order.value);
	uint32_t result = 0;
	enum cmd_error error = CE_OK;

	if (!dsa->order.begun) {
		error = dsa->order.value & CMD_RESERVED ? CE_RESERVED : begin(dsa, &result);
		if (error)
			return end(dsa, error, 0);
		mark(dsa, closes(code));
		dsa->order.begun = true;
	}
	if (waits(code) && pending(dsa))
		return;
	conclude(dsa, code);
	end(dsa, CE_OK, result);
}

static bool hangs(const struct dsa *dsa)
{
	return dsa_evil(dsa, DSA_EVIL_CMD_HANG) ||
	       (dsa->opts.cmd_hang && CMD_CODE(dsa->order.value) == dsa->opts.cmd_hang);
}

/* Returns true if there was something to do. */
bool dsa_command_step(struct dsa *dsa)
{
	if (!dsa->order.active || hangs(dsa))
		return false;
	if (dsa->order.delay) {
		dsa->order.delay--;
		return true;
	}
	if (dsa_evil(dsa, DSA_EVIL_CMD_LIE))
		end(dsa, CE_OK, 0);
	else if (dsa_evil(dsa, DSA_EVIL_CMD_ERROR))
		end(dsa, CE_HARDWARE, 0);
	else
		carry_out(dsa);

	return !dsa->order.active;
}
