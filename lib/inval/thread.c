// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <uvdk_lock_driver.h>

#include "inval_priv.h"
#include "thread.h"

/*
 * The kernel is called by a thread, so that the caller's core goes on. The
 * caller fills one stage while the thread empties the other; they are swapped
 * when the thread has nothing to do.
 */

/* @lock guards all but @fill, which is the caller's, and @work while @busy, the thread's. */
struct thread_queue {
	struct inval_kernel kernel;
	struct inval_stage stage[2];
	struct inval_stage *fill, *work;
	uint64_t done; /* also read without the lock */
	pthread_t thread;
	struct uvdk_lock lock;
	struct inval_trouble trouble; /* the thread goes on when the caller has taken it */
	int dead;
	bool busy;
	bool later; /* the kernel wants to be asked again: at the next poll */
	bool quit;
};

static bool must_wait(const struct thread_queue *q)
{
	return !q->quit && (!q->busy || q->later || q->trouble.err || q->dead);
}

/* With the lock, but for the calls. */
static void work_once(struct thread_queue *q)
{
	struct inval_trouble trouble = {0};
	int err;

	uvdk_lock_release(&q->lock);
	err = inval_stage_run(q->work, &q->kernel, &trouble, &q->done);
	uvdk_lock_acquire(&q->lock);
	q->trouble = trouble; /* seen together with @done */
	q->dead = err;
	__atomic_store_n(&q->done, inval_stage_done(q->work), __ATOMIC_RELEASE);
	q->busy = !inval_stage_empty(q->work);
	q->later = q->busy && !trouble.err;
}

static void *run(void *arg)
{
	struct thread_queue *q = arg;

	uvdk_lock_acquire(&q->lock);
	while (!q->quit) {
		if (must_wait(q))
			uvdk_lock_await(&q->lock);
		else
			work_once(q);
	}
	uvdk_lock_release(&q->lock);

	return NULL;
}

static int thread_push(void *priv, const struct uvdk_inval_piece *piece)
{
	struct thread_queue *q = priv;

	return inval_stage_push(q->fill, &q->kernel, piece);
}

static bool thread_burst(void *priv, const struct inval_span span[2])
{
	struct thread_queue *q = priv;

	return inval_stage_burst(q->fill, &q->kernel, span);
}

/* Under the lock. */
static void hand_over(struct thread_queue *q)
{
	struct inval_stage *empty = q->work;

	if (q->busy || inval_stage_empty(q->fill))
		return;
	q->work = q->fill;
	q->fill = empty;
	q->fill->end = q->work->end;
	q->fill->head = q->fill->tail = 0;
	q->busy = true;
	uvdk_lock_announce(&q->lock);
}

static int thread_kick(void *priv)
{
	struct thread_queue *q = priv;
	int err;

	uvdk_lock_acquire(&q->lock);
	err = q->dead;
	if (!err && !q->trouble.err)
		hand_over(q);
	uvdk_lock_release(&q->lock);

	return err;
}

static int thread_poll(void *priv, struct uvdk_inval_progress *out)
{
	struct thread_queue *q = priv;
	int err;

	uvdk_lock_acquire(&q->lock);
	out->done = __atomic_load_n(&q->done, __ATOMIC_ACQUIRE);
	out->err = q->trouble.err;
	out->failed = q->trouble.piece;
	err = q->dead;
	if (q->trouble.err || q->later) {
		q->trouble.err = 0;
		q->later = false;
		uvdk_lock_announce(&q->lock);
	}
	if (!err)
		hand_over(q);
	uvdk_lock_release(&q->lock);

	return err;
}

static void thread_stop(void *priv)
{
	struct thread_queue *q = priv;

	uvdk_lock_acquire(&q->lock);
	q->quit = true;
	uvdk_lock_announce(&q->lock);
	uvdk_lock_release(&q->lock);
	pthread_join(q->thread, NULL);
}

static void thread_destroy(void *priv)
{
	struct thread_queue *q = priv;

	inval_stage_fini(&q->stage[0]);
	inval_stage_fini(&q->stage[1]);
	free(q);
}

static const struct uvdk_inval_ops thread_ops = {
	.push = thread_push,
	.kick = thread_kick,
	.poll = thread_poll,
	.stop = thread_stop,
	.destroy = thread_destroy,
};

static struct thread_queue *alloc(const struct inval_kernel *kernel)
{
	struct thread_queue *q = calloc(1, sizeof(*q));

	if (!q) {
		uvdk_fail(-ENOMEM, INVAL_COMPONENT, "no memory for a queue");
		return NULL;
	}
	q->kernel = *kernel;
	q->fill = &q->stage[0];
	q->work = &q->stage[1];
	if (inval_stage_init(q->fill, kernel))
		goto free_queue;
	if (inval_stage_init(q->work, kernel))
		goto fini_fill;

	return q;

fini_fill:
	inval_stage_fini(q->fill);
free_queue:
	free(q);

	return NULL;
}

int inval_thread_create(const struct inval_kernel *kernel, struct uvdk_inval_props *props,
			const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out)
{
	struct thread_queue *q = alloc(kernel);
	int err;

	if (!q)
		return -ENOMEM;
	props->caps.backend = "thread";
	props->caps.kick_calls = 1; /* to wake the thread, if it sleeps */
	props->caps.poll_calls = 1; /* likewise, if it waits for the caller */
	err = pthread_create(&q->thread, NULL, run, q);
	if (err) {
		thread_destroy(q);
		return uvdk_fail(-err, INVAL_COMPONENT, "no thread for a queue: error %d", err);
	}
	err = uvdk_invalq_create(&thread_ops, q, props, opts, out);
	if (err) {
		thread_stop(q);
		thread_destroy(q);
		return err;
	}
	inval_queue_of(*out)->burst = thread_burst;

	return 0;
}
