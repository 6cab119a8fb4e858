// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "fault_priv.h"

/* What can be taken from the driver: each record may begin a group. */
static unsigned int room(const struct fault_queue *q)
{
	unsigned int left = q->groups_max - q->used;

	if (!left && !TAILQ_EMPTY(&q->open))
		left = 1; /* more of those that have begun */

	return left < FAULT_BATCH ? left : FAULT_BATCH;
}

/*
 * The driver's turn. While groups are open their ends may be in its hands
 * already, where uvdk_faultq_fd() does not show them.
 */
static int fill(struct fault_queue *q)
{
	struct uvdk_fault_record records[FAULT_BATCH];
	unsigned int max = room(q);
	int total = 0;
	int n;

	if (!max)
		return -ENOBUFS;
	do {
		n = q->ops->read(q->pub.priv, records, room(q));
		for (int i = 0; i < n; i++)
			fault_take(q, &records[i]);
		total += n > 0 ? n : 0;
	} while (n > 0 && !TAILQ_EMPTY(&q->open));

	return total ? total : n;
}

static void give_request(struct fault_group *group, struct uvdk_fault *out)
{
	*out = group->requests[group->given++];
	out->group = fault_group_id(group);
	out->last = group->given == group->count;
}

static unsigned int give_group(struct fault_queue *q, struct fault_group *group,
			       struct uvdk_fault *out, unsigned int max)
{
	unsigned int n = 0;

	while (n < max && group->given < group->count)
		give_request(group, &out[n++]);
	q->stats.requests += n;
	if (group->given == group->count) {
		TAILQ_REMOVE(&q->ready, group, entry);
		group->state = FAULT_GIVEN;
	}

	return n;
}

static unsigned int give(struct fault_queue *q, struct uvdk_fault *out, unsigned int max)
{
	struct fault_group *group;
	unsigned int n = 0;

	while (n < max) {
		group = TAILQ_FIRST(&q->ready);
		if (q->lost) { /* never amid a group: the driver is asked after its end */
			out[n++] =
				(struct uvdk_fault){.type = UVDK_FAULT_LOST, .lost = q->lost_count};
			q->lost = false;
			q->lost_count = 0;
		} else if (!group) {
			break;
		} else if (fault_is_request(group)) {
			n += give_group(q, group, out + n, max - n);
		} else {
			out[n++] = group->requests[0];
			q->stats.faults++;
			fault_release(q, group);
		}
	}

	return n;
}

static int queue_read(struct fault_queue *q, struct uvdk_fault *out, unsigned int max)
{
	unsigned int n = give(q, out, max);
	int err = 0;

	while (n < max) {
		err = fill(q);
		if (err <= 0)
			break;
		n += give(q, out + n, max - n);
	}
	if (!n && err == -ENOBUFS)
		return uvdk_fail(err, FAULT_COMPONENT,
				 "%u groups wait for answers, and that is the limit "
				 "(groups_max): answer some",
				 q->groups_max);

	return n ? (int)n : err;
}

UVDK_EXPORT int uvdk_faultq_read(struct uvdk_faultq *pub, struct uvdk_fault *out, unsigned int max)
{
	int n;

	if (!max || max > INT32_MAX)
		return uvdk_fail(-EINVAL, FAULT_COMPONENT, "%u faults can't be read at once", max);

	pthread_mutex_lock(&pub->lock);
	n = queue_read(fault_queue_of(pub), out, max);
	pthread_mutex_unlock(&pub->lock);

	return n;
}
