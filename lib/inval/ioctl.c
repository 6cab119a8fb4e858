// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "inval_priv.h"
#include "stage.h"
#include "thread.h"

/* One call to the kernel a kick. */

struct ioctl_queue {
	struct inval_kernel kernel;
	struct inval_stage stage;
	struct inval_trouble trouble;
	uint64_t done;
};

static int ioctl_push(void *priv, const struct uvdk_inval_piece *piece)
{
	struct ioctl_queue *q = priv;

	return inval_stage_push(&q->stage, &q->kernel, piece);
}

static bool ioctl_burst(void *priv, const struct inval_span span[2])
{
	struct ioctl_queue *q = priv;

	return inval_stage_burst(&q->stage, &q->kernel, span);
}

static int ioctl_kick(void *priv)
{
	struct ioctl_queue *q = priv;

	return inval_stage_run(&q->stage, &q->kernel, &q->trouble, &q->done);
}

/* What follows a refused entry goes on once that was reported. */
static int ioctl_poll(void *priv, struct uvdk_inval_progress *out)
{
	struct ioctl_queue *q = priv;
	int err = ioctl_kick(priv);

	out->done = inval_stage_done(&q->stage);
	out->err = q->trouble.err;
	out->failed = q->trouble.piece;
	q->trouble.err = 0;

	return err;
}

static void ioctl_stop(void *priv)
{
	(void)priv; /* nothing is under way between calls */
}

static void ioctl_destroy(void *priv)
{
	struct ioctl_queue *q = priv;

	inval_stage_fini(&q->stage);
	free(q);
}

static const struct uvdk_inval_ops ioctl_ops = {
	.push = ioctl_push,
	.kick = ioctl_kick,
	.poll = ioctl_poll,
	.stop = ioctl_stop,
	.destroy = ioctl_destroy,
};

static int ioctl_create(const struct inval_kernel *kernel, struct uvdk_inval_props *props,
			const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out)
{
	struct ioctl_queue *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return uvdk_fail(-ENOMEM, INVAL_COMPONENT, "no memory for a queue");
	q->kernel = *kernel;
	err = inval_stage_init(&q->stage, kernel);
	if (err)
		goto free_queue;
	props->caps.backend = "ioctl";
	props->caps.kick_calls = props->caps.devtlb ? 2 : 1;
	err = uvdk_invalq_create(&ioctl_ops, q, props, opts, out);
	if (err)
		goto fini_stage;
	inval_queue_of(*out)->burst = ioctl_burst;

	return 0;

fini_stage:
	inval_stage_fini(&q->stage);
free_queue:
	free(q);

	return err;
}

UVDK_EXPORT int uvdk_invalq_create_submit(const struct uvdk_inval_submit *how,
					  const struct uvdk_invalq_opts *opts,
					  struct uvdk_invalq **out)
{
	struct uvdk_inval_props props = {0};
	struct inval_kernel kernel;
	int err = inval_kernel_init(&kernel, how, &props);

	if (err)
		return err;

	return how->thread ? inval_thread_create(&kernel, &props, opts, out)
			   : ioctl_create(&kernel, &props, opts, out);
}
