// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "inval_priv.h"

/* What has completed. */

static bool is_over(const struct inval_queue *q, const struct uvdk_inval_slot *slot)
{
	return slot->pushed && (int32_t)((uint32_t)q->over - slot->to[1]) >= 0;
}

/* The run, if it is next and complete; what is so in part goes on slot by slot. */
static void retire_run(struct inval_queue *q)
{
	const struct inval_run *run = &q->run;

	if (run->first == run->end || q->head != run->first || q->over <= run->piece)
		return;
	if (q->over - run->piece < run->end - run->first) {
		inval_run_dissolve(q);
		return;
	}
	q->done = inval_slot(q, run->end - 1)->cookie;
	q->head = run->end;
	q->run = (struct inval_run){0};
}

/* Slots of a run are not to be asked. */
static bool may_retire(struct inval_queue *q)
{
	retire_run(q);
	if (q->head == q->cut.end || (q->head == q->run.first && q->run.first != q->run.end))
		return false;

	return is_over(q, inval_slot(q, q->head));
}

static void retire(struct inval_queue *q)
{
	uint64_t before = q->head;

	while (may_retire(q)) {
		const struct uvdk_inval_slot *slot = inval_slot(q, q->head);

		if (slot->err) {
			const struct uvdk_inval_error error = {
				.req = slot->req,
				.first = q->done + 1,
				.last = slot->cookie,
				.err = slot->err,
			};

			inval_quarantine_fail(&q->quarantine, &error);
		}
		q->done = slot->cookie;
		q->head++;
	}
	if (q->head != before)
		inval_set_tail(q, inval_tail(&q->pub));
}

static bool has_piece(const struct uvdk_inval_slot *slot, uint32_t piece)
{
	for (unsigned int t = 0; t < 2; t++)
		if ((int32_t)(piece - slot->from[t]) >= 0 && (int32_t)(piece - slot->to[t]) < 0)
			return true;

	return false;
}

/* A fence that fails leaves everything in doubt. */
static void blame(struct inval_queue *q, uint64_t piece, int err)
{
	bool found = false;

	inval_run_dissolve(q);
	for (uint64_t i = q->head; i != q->cut.end && !found; i++) {
		struct uvdk_inval_slot *slot = inval_slot(q, i);

		found = has_piece(slot, (uint32_t)piece);
		if (found)
			slot->err = err;
	}
	for (uint64_t i = q->head; i != q->cut.end && !found; i++)
		inval_slot(q, i)->err = err;
}

/* Whatever was posted is over, and has failed. */
void inval_die(struct inval_queue *q, int err)
{
	const struct uvdk_inval_error error = {
		.first = q->done + 1,
		.last = q->pub.cookie,
		.err = err,
	};

	q->ops->stop(q->priv);
	q->dead = err;
	if (q->done != q->pub.cookie)
		inval_quarantine_fail(&q->quarantine, &error);
	q->done = q->pub.cookie;
	q->run = (struct inval_run){0};
	q->head = q->kicked = q->cut.at = q->cut.end = inval_tail(&q->pub);
	q->pub.limit = q->pub.next;
	q->pub.grows = INVAL_CLOSED;
	inval_refresh_safe(q);
}

static int ask(struct inval_queue *q)
{
	struct uvdk_inval_progress p;
	int err;

	do {
		p = (struct uvdk_inval_progress){0};
		err = q->ops->poll(q->priv, &p);
		if (err)
			return err;
		q->over = p.done < q->pushed ? p.done : q->pushed;
		if (p.err)
			blame(q, p.failed, p.err);
	} while (p.err);

	return 0;
}

static int advance(struct inval_queue *q)
{
	int err = __atomic_load_n(&q->gone, __ATOMIC_ACQUIRE) ? -ENODEV : 0;

	do {
		if (!err)
			err = ask(q);
		if (err)
			return err;
		retire(q);
		if (!inval_push(q))
			return 0;
		err = q->ops->kick(q->priv);
	} while (true);
}

void inval_progress(struct inval_queue *q)
{
	int err = q->dead ? 0 : advance(q);

	if (err)
		inval_die(q, err);
	inval_refresh_safe(q);
	inval_quarantine_release(&q->quarantine, &q->done);
}

UVDK_EXPORT int uvdk_inval_poll_slow(struct uvdk_invalq *pub, uint64_t cookie)
{
	struct inval_queue *q = inval_queue_of(pub);
	const struct uvdk_inval_error *error;

	inval_progress(q);
	if (!cookie || cookie > pub->cookie)
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "there is no cookie %" PRIu64 ": the last one is %" PRIu64, cookie,
				 pub->cookie);
	if (cookie > q->done)
		return -EINPROGRESS;
	error = inval_quarantine_failure(&q->quarantine, cookie);

	return error ? error->err : 0;
}

UVDK_EXPORT uint64_t uvdk_inval_completed(struct uvdk_invalq *pub)
{
	inval_progress(inval_queue_of(pub));

	return pub->safe;
}
