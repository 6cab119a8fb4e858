// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vio_priv.h"

/*
 * Requests: taken from the ring, done, reported as used. Nothing says in which order,
 * or how soon; what a request ends is over when it is reported, not before.
 */

static bool is_head(const struct vio *m, uint16_t head)
{
	return m->heads[head / 64] >> (head % 64) & 1;
}

static void set_head(struct vio *m, uint16_t head, bool pending)
{
	uint64_t bit = UINT64_C(1) << (head % 64);

	m->heads[head / 64] = (m->heads[head / 64] & ~bit) | (pending ? bit : 0);
}

/* Its own copy of what was popped: chains outlive the next pop. */
static struct vio_request *request_new(struct vio *m, const struct uvdk_emu_virtq_chain *chain)
{
	struct vio_request *r = TAILQ_FIRST(&m->unused);
	struct uvdk_emu_virtq_seg *seg;
	unsigned int room;

	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return NULL;
		TAILQ_INSERT_HEAD(&m->unused, r, entry);
	}
	seg = r->chain.seg;
	room = r->room;
	if (room < chain->count) {
		seg = realloc(seg, chain->count * sizeof(*seg));
		if (!seg)
			return NULL;
		room = chain->count;
	}
	TAILQ_REMOVE(&m->unused, r, entry);
	*r = (struct vio_request){.chain = *chain, .room = room};
	r->chain.seg = seg;
	memcpy(seg, chain->seg, chain->count * sizeof(*seg));

	return r;
}

static unsigned int below(struct vio *m, unsigned int limit)
{
	vio_chance(&m->random, 2);

	return (unsigned int)((m->random >> 24) % limit);
}

static int add(struct vio *m, struct uvdk_emu_virtio_queue *q)
{
	struct vio_request *r;
	size_t len;
	int ret;

	if (is_head(m, m->event.head))
		return uvdk_emu_virtq_break(&q->vq, "descriptor %u offered while it is in use",
					    m->event.head);
	r = request_new(m, &m->event);
	if (!r)
		return uvdk_emu_virtq_break(&q->vq, "no memory in the model");
	TAILQ_INSERT_TAIL(&m->pending, r, entry);
	m->nr_pending++;
	set_head(m, r->chain.head, true);
	r->number = ++m->number;
	r->due = m->conf.random ? below(m, m->conf.delay + 1) : m->conf.delay;
	r->never = uvdk_emu_virtio_evil(&m->v, VIO_EVIL_NO_ANSWER);

	len = r->chain.read_len < VIO_READ_MAX ? (size_t)r->chain.read_len : VIO_READ_MAX;
	ret = uvdk_emu_virtq_read(&q->vq, &r->chain, 0, r->in, len);
	if (ret)
		return ret;
	r->mute = !vio_check_shape(m, r);
	if (m->conf.early && !r->never)
		vio_execute(m, r);

	return 1;
}

/* How many were taken; *ret is what the last pop said. */
static unsigned int take(struct vio *m, struct uvdk_emu_virtio_queue *q, int *ret)
{
	unsigned int done = 0;

	*ret = 1;
	while (done < VIO_BATCH && m->nr_pending < q->size) {
		*ret = uvdk_emu_virtq_pop(&q->vq, &m->event);
		if (*ret > 0)
			*ret = add(m, q);
		if (*ret <= 0)
			break;
		done++;
	}

	return done;
}

static int answer(struct vio *m, struct uvdk_emu_virtio_queue *q, struct vio_request *r)
{
	bool spoilt = uvdk_emu_virtio_evil(&m->v, VIO_EVIL_TAIL_RESERVED);
	struct vio_tail tail = {.status = r->status};
	size_t len = 0;
	int ret;

	if (r->mute) {
		m->stats.unwritten++;
		uvdk_emu_virtq_push(&q->vq, &r->chain, 0);
		return 0;
	}
	if (spoilt)
		memset(tail.reserved, 0xa5, sizeof(tail.reserved));
	if (r->in[0] == VIO_T_PROBE && r->chain.write_len == m->config.probe_size + sizeof(tail)) {
		uint8_t status = vio_probe_reply(m, r);

		len = m->config.probe_size;
		if (tail.status == VIO_S_OK)
			tail.status = status;
	} else if (r->chain.write_len > sizeof(tail)) {
		/* Too short a list, or of before the size changed: the tail is at its end. */
		len = (size_t)r->chain.write_len - sizeof(tail);
		if (len > VIO_PROBE_MAX)
			len = VIO_PROBE_MAX;
		memset(m->reply, 0, len);
	}
	memcpy(m->reply + len, &tail, sizeof(tail));
	ret = uvdk_emu_virtq_write(&q->vq, &r->chain, m->reply, len + sizeof(tail));
	if (ret)
		return ret;
	if (tail.status < VIO_STATUSES)
		m->stats.answers[tail.status]++;
	uvdk_emu_virtq_push(&q->vq, &r->chain, (uint32_t)(len + sizeof(tail)));

	return 0;
}

static void retire(struct vio *m, struct vio_request *r)
{
	TAILQ_REMOVE(&m->pending, r, entry);
	TAILQ_INSERT_HEAD(&m->unused, r, entry);
	set_head(m, r->chain.head, false);
	m->nr_pending--;
}

/* Up to @max that are due, in the order in which they will be reported. */
static unsigned int choose(struct vio *m, struct vio_request **list, unsigned int max)
{
	struct vio_request *r;
	unsigned int seen = 0;
	unsigned int count = 0;

	TAILQ_FOREACH(r, &m->pending, entry)
	{
		if (r->never || r->due) {
			if (!m->conf.random && !r->never)
				break; /* none overtakes */
			continue;
		}
		if (count < max) {
			list[count++] = r;
		} else if (!m->conf.random) {
			break;
		} else {
			unsigned int i = below(m, ++seen + max);

			if (i < max)
				list[i] = r;
		}
	}
	for (unsigned int i = count; m->conf.random && i > 1; i--) {
		unsigned int k = below(m, i);

		r = list[k];
		list[k] = list[i - 1];
		list[i - 1] = r;
	}

	return count;
}

/* Whatever they end is over now. */
static void end_translations(struct vio *m, struct vio_request **list, unsigned int count)
{
	bool ends = false;

	for (unsigned int i = 0; i < count; i++) {
		if (!list[i]->ends)
			continue;
		vio_forget(m, list[i]->number);
		ends = true;
	}
	if (ends)
		uvdk_emu_translator_settle(m->v.fn);
}

static unsigned int complete(struct vio *m, struct uvdk_emu_virtio_queue *q)
{
	struct vio_request *list[VIO_BATCH];
	unsigned int max = m->conf.random ? 1 + below(m, m->conf.batch) : m->conf.batch;
	unsigned int count = choose(m, list, max);
	unsigned int kept = 0;

	for (unsigned int i = 0; i < count; i++) {
		if (!list[i]->done)
			vio_execute(m, list[i]);
		if (!list[i]->never)
			list[kept++] = list[i];
	}
	end_translations(m, list, kept);
	for (unsigned int i = 0; i < kept; i++) {
		if (answer(m, q, list[i])) {
			uvdk_emu_virtio_broken(&m->v, q);
			return count;
		}
		retire(m, list[i]);
	}
	uvdk_emu_virtio_flush(&m->v, q, true);

	return count;
}

/* A step has passed. True: some are not due yet, so that there is more to do. */
static bool tick(struct vio *m)
{
	struct vio_request *r;
	bool more = false;

	TAILQ_FOREACH(r, &m->pending, entry)
	{
		more |= !r->never;
		r->due -= r->due > 0;
	}

	return more;
}

bool vio_requests_work(struct vio *m)
{
	struct uvdk_emu_virtio_queue *q = &m->v.queue[VIO_REQUESTQ];
	unsigned int done = 0;
	int ret = 1;

	if (!m->v.live)
		return false;
	if (uvdk_emu_virtio_looking(&m->v, q)) {
		done = take(m, q, &ret);
		if (ret < 0) {
			uvdk_emu_virtio_broken(&m->v, q);
			return true;
		}
	}
	if (!q->enabled || !m->v.live)
		return false;
	done += complete(m, q);
	if (m->v.live && ret == 0 && uvdk_emu_virtio_rest(&m->v, q))
		done++;

	return tick(m) || done;
}

void vio_requests_reset(struct vio *m)
{
	while (!TAILQ_EMPTY(&m->pending))
		retire(m, TAILQ_FIRST(&m->pending));
}

void vio_requests_free(struct vio *m)
{
	struct vio_request *r;

	vio_requests_reset(m);
	while ((r = TAILQ_FIRST(&m->unused))) {
		TAILQ_REMOVE(&m->unused, r, entry);
		free(r->chain.seg);
		free(r);
	}
}
