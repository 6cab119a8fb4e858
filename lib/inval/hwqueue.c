// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "format.h"
#include "inval_priv.h"

/*
 * A virtual command queue of NVIDIA's Tegra241 CMDQV: the command queue of an
 * SMMUv3 (IHI 0070, 3.5) with registers of its own. Its base is the kernel's
 * to set; CONS is the only sign of progress, and what a CMD_SYNC was for is
 * complete when CONS has passed that.
 */

enum reg {
	REG_CONS = 0x00,
	REG_PROD = 0x04,
	REG_CONFIG = 0x08,
	REG_STATUS = 0x0c,
	REG_GERROR = 0x10,
	REG_GERRORN = 0x14,
};

#define CONS_ERR(cons)	((cons) >> 24 & 0x7f)
#define CONS_INDEX	0xfffffu
#define QUEUE_EN	(1u << 0) /* CONFIG and STATUS */
#define GERROR_CMDQ	(1u << 0)
#define CERROR_ILL	1u /* 7.1 */
#define CERROR_ATC_SYNC 3u
#define LOG2SIZE_MIN	2
#define LOG2SIZE_MAX	19
#define PATIENCE_NS	UINT64_C(1000000000)

/* What stands in a place of the ring. */
struct origin {
	uint64_t piece; /* part of which; of a CMD_SYNC: pieces that are over with it */
	bool sync;
};

struct hwqueue {
	struct inval_cmd *ring;
	volatile uint8_t *page0;
	struct inval_smmu smmu;
	struct origin *origin;
	uint32_t size;
	uint32_t prod, cons; /* counted modulo twice the size */
	bool unsynced;	     /* commands after the last CMD_SYNC */
	uint64_t pushed, done;
	uint64_t doubt, doubt_end; /* pieces to be reported: a device did not answer */
};

static uint32_t reg_read(const struct hwqueue *q, enum reg reg)
{
	const volatile struct uvdk_le32 *at =
		(const volatile struct uvdk_le32 *)(q->page0 + (unsigned int)reg);
	struct uvdk_le32 v = {__atomic_load_n(&at->raw, __ATOMIC_RELAXED)};

	uvdk_io_rmb();

	return uvdk_get32(v);
}

static void reg_write(const struct hwqueue *q, enum reg reg, uint32_t value)
{
	volatile struct uvdk_le32 *at = (volatile struct uvdk_le32 *)(q->page0 + (unsigned int)reg);

	uvdk_io_wmb();
	__atomic_store_n(&at->raw, uvdk_to_le32(value).raw, __ATOMIC_RELEASE);
}

static uint32_t wrapped(const struct hwqueue *q, uint32_t index)
{
	return index & (2 * q->size - 1);
}

static uint32_t room(const struct hwqueue *q)
{
	return q->size - wrapped(q, q->prod - q->cons);
}

static struct inval_cmd *place(struct hwqueue *q, struct origin origin)
{
	uint32_t at = q->prod & (q->size - 1);

	q->origin[at] = origin;
	q->prod = wrapped(q, q->prod + 1);

	return &q->ring[at];
}

static void put_sync(struct hwqueue *q)
{
	*place(q, (struct origin){.piece = q->pushed, .sync = true}) = inval_smmu_sync();
	q->unsynced = false;
}

/* One place is left for the CMD_SYNC that ends it all. */
static int hw_push(void *priv, const struct uvdk_inval_piece *piece)
{
	struct hwqueue *q = priv;
	unsigned int count = inval_smmu_count(&q->smmu, piece);

	if (room(q) < count + 1)
		return -EAGAIN;
	if (piece->target == UVDK_INVAL_FENCE) {
		q->pushed++;
		put_sync(q);
		return 0;
	}
	for (unsigned int i = 0; i < count; i++)
		inval_smmu_encode(&q->smmu, piece, place(q, (struct origin){.piece = q->pushed}),
				  i);
	q->pushed++;
	q->unsynced = true;

	return 0;
}

static int hw_kick(void *priv)
{
	struct hwqueue *q = priv;

	if (q->unsynced)
		put_sync(q);
	reg_write(q, REG_PROD, q->prod);

	return 0;
}

static void consume(struct hwqueue *q, uint32_t to)
{
	for (; q->cons != to; q->cons = wrapped(q, q->cons + 1)) {
		const struct origin *origin = &q->origin[q->cons & (q->size - 1)];

		if (origin->sync)
			q->done = origin->piece;
	}
}

/* A command that is none: a CMD_SYNC in its place does no harm. */
static int skip_illegal(struct hwqueue *q, struct uvdk_inval_progress *out)
{
	uint32_t at = q->cons & (q->size - 1);

	if (q->origin[at].sync)
		return uvdk_fail(-EIO, INVAL_COMPONENT, "the hardware's queue refuses CMD_SYNC");
	out->err = -EIO;
	out->failed = q->origin[at].piece;
	q->ring[at] = inval_smmu_sync();

	return 0;
}

/* A device did not answer any of what came before this CMD_SYNC, as far as is known. */
static void doubt_devices(struct hwqueue *q)
{
	q->doubt = q->done;
	q->doubt_end = q->origin[q->cons & (q->size - 1)].piece;
}

static int on_error(struct hwqueue *q, uint32_t cons, uint32_t gerror,
		    struct uvdk_inval_progress *out)
{
	int err = 0;

	switch (CONS_ERR(cons)) {
	case CERROR_ILL:
		err = skip_illegal(q, out);
		break;
	case CERROR_ATC_SYNC:
		doubt_devices(q);
		break;
	default:
		err = uvdk_fail(-EIO, INVAL_COMPONENT,
				"the hardware's queue has stopped with error %u", CONS_ERR(cons));
	}
	if (!err)
		reg_write(q, REG_GERRORN, gerror);

	return err;
}

static bool has_error(const struct hwqueue *q, uint32_t *gerror)
{
	*gerror = reg_read(q, REG_GERROR);

	return (*gerror ^ reg_read(q, REG_GERRORN)) & GERROR_CMDQ;
}

static int hw_poll(void *priv, struct uvdk_inval_progress *out)
{
	struct hwqueue *q = priv;
	uint32_t gerror;
	bool error = has_error(q, &gerror);
	uint32_t cons = reg_read(q, REG_CONS);
	int err = 0;

	if (cons == UINT32_MAX)
		return -ENODEV;
	if (wrapped(q, (cons & CONS_INDEX) - q->cons) > wrapped(q, q->prod - q->cons))
		return uvdk_fail(-EIO, INVAL_COMPONENT,
				 "the hardware's queue says that it is at 0x%x, between 0x%x and "
				 "0x%x",
				 cons, q->cons, q->prod);
	consume(q, wrapped(q, cons & CONS_INDEX));
	if (error && q->doubt == q->doubt_end)
		err = on_error(q, cons, gerror, out);
	if (q->doubt != q->doubt_end) {
		out->err = -ETIMEDOUT;
		out->failed = q->doubt++;
	}
	out->done = q->done;

	return err;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Switch it on or off. Reads of what is gone are all ones: neither. */
static int enable(struct hwqueue *q, bool on)
{
	uint64_t end = now_ns() + PATIENCE_NS;

	reg_write(q, REG_CONFIG, on ? QUEUE_EN : 0);
	while ((reg_read(q, REG_STATUS) & QUEUE_EN) != (on ? QUEUE_EN : 0)) {
		if (reg_read(q, REG_STATUS) == UINT32_MAX)
			return -ENODEV;
		if (now_ns() > end)
			return -ETIMEDOUT;
		uvdk_cpu_relax();
	}

	return 0;
}

static int start(struct hwqueue *q)
{
	int err = enable(q, false);

	reg_write(q, REG_PROD, 0);
	reg_write(q, REG_CONS, 0);
	reg_write(q, REG_GERRORN, reg_read(q, REG_GERROR));
	if (!err)
		err = enable(q, true);
	if (err)
		uvdk_fail(err, INVAL_COMPONENT,
			  "the hardware's queue does not switch on (status 0x%x): is its base set?",
			  reg_read(q, REG_STATUS));

	return err;
}

static void hw_stop(void *priv)
{
	if (enable(priv, false) == -ETIMEDOUT)
		uvdk_log(UVDK_LOG_ERR, INVAL_COMPONENT,
			 "the hardware's queue does not stop: it may still read its memory");
}

static void hw_destroy(void *priv)
{
	struct hwqueue *q = priv;

	free(q->origin);
	free(q);
}

static const struct uvdk_inval_ops hw_ops = {
	.push = hw_push,
	.kick = hw_kick,
	.poll = hw_poll,
	.stop = hw_stop,
	.destroy = hw_destroy,
};

static int alloc(const struct uvdk_inval_hwqueue *how, struct hwqueue **out)
{
	struct hwqueue *q = calloc(1, sizeof(*q));
	struct origin *origin = calloc((size_t)1 << how->log2size, sizeof(*origin));

	if (!q || !origin) {
		free(q);
		free(origin);
		return uvdk_fail(-ENOMEM, INVAL_COMPONENT, "no memory for a queue");
	}
	*q = (struct hwqueue){
		.ring = how->ring,
		.page0 = how->page0,
		.origin = origin,
		.size = 1u << how->log2size,
	};
	*out = q;

	return 0;
}

static int check(const struct uvdk_inval_hwqueue *how)
{
	if (how->ring && how->page0 && how->log2size >= LOG2SIZE_MIN &&
	    how->log2size <= LOG2SIZE_MAX && how->smmu.sid_count < 1u << how->log2size)
		return 0;

	return uvdk_fail(-EINVAL, INVAL_COMPONENT,
			 "a hardware queue of 1 << %u commands (%d to %d), for %u devices, needs "
			 "memory and registers",
			 how->log2size, LOG2SIZE_MIN, LOG2SIZE_MAX, how->smmu.sid_count);
}

UVDK_EXPORT int uvdk_invalq_create_hwqueue(const struct uvdk_inval_hwqueue *how,
					   const struct uvdk_invalq_opts *opts,
					   struct uvdk_invalq **out)
{
	struct uvdk_inval_props props = {
		.caps = {.backend = "hwqueue",
			 .scopes = 1u << UVDK_INVAL_PASID | 1u << UVDK_INVAL_RANGE}};
	struct hwqueue *q = NULL;
	int err = check(how);

	if (!err)
		err = alloc(how, &q);
	if (err)
		return err;
	err = inval_smmu_init(&q->smmu, &how->smmu);
	if (!err)
		err = start(q);
	if (err)
		goto destroy;
	inval_smmu_props(&q->smmu, &props);
	props.caps.batch = q->size - 1;
	err = uvdk_invalq_create(&hw_ops, q, &props, opts, out);
	if (err)
		goto stop;

	return 0;

stop:
	hw_stop(q);
destroy:
	hw_destroy(q);

	return err;
}
