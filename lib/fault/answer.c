// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "fault_priv.h"

/* Answers that go to the driver in one go, and which of the caller's they are. */
struct batch {
	unsigned int count;
	struct uvdk_fault_reply replies[FAULT_BATCH];
	struct uvdk_fault_answer *answers[FAULT_BATCH];
	struct fault_group *groups[FAULT_BATCH];
};

static struct fault_group *find(const struct fault_queue *q, uint64_t id)
{
	uint32_t slot = (uint32_t)id;
	struct fault_group *group = slot < q->slots ? q->slot[slot] : NULL;

	if (!group || fault_group_id(group) != id || group->state == FAULT_FREE ||
	    group->state == FAULT_ANSWERING || !fault_is_request(group))
		return NULL;

	return group;
}

static int check(const struct fault_queue *q, const struct uvdk_fault_answer *answer,
		 struct fault_group **out)
{
	struct fault_group *group = find(q, answer->group);

	if (answer->code != UVDK_FAULT_SUCCESS && answer->code != UVDK_FAULT_INVALID &&
	    answer->code != UVDK_FAULT_FAILURE)
		return uvdk_fail(-EINVAL, FAULT_COMPONENT, "group 0x%" PRIx64 ": no answer %d",
				 answer->group, (int)answer->code);
	if (!group)
		return uvdk_fail(-ENOENT, FAULT_COMPONENT,
				 "group 0x%" PRIx64
				 " does not wait: answered already, or what asked "
				 "was detached or closed",
				 answer->group);
	if (group->state != FAULT_GIVEN)
		return uvdk_fail(-EAGAIN, FAULT_COMPONENT,
				 "group 0x%" PRIx64 " has more requests: read up to its last one",
				 answer->group);
	*out = group;
	return 0;
}

static void batch_add(struct batch *batch, struct uvdk_fault_answer *answer,
		      struct fault_group *group)
{
	unsigned int n = batch->count++;

	group->state = FAULT_ANSWERING; /* not once more in this batch */
	batch->answers[n] = answer;
	batch->groups[n] = group;
	batch->replies[n] = (struct uvdk_fault_reply){.dev_id = group->dev_id,
						      .pasid = group->pasid,
						      .index = group->index,
						      .cookie = group->cookie,
						      .code = answer->code};
}

static void batch_send(struct fault_queue *q, struct batch *batch)
{
	if (batch->count)
		q->ops->reply(q->pub.priv, batch->replies, batch->count);
	for (unsigned int i = 0; i < batch->count; i++) {
		int err = batch->replies[i].err;

		batch->answers[i]->err = err;
		if (err && err != -ENOENT) {
			batch->groups[i]->state = FAULT_GIVEN;
			continue;
		}
		if (err)
			q->stats.abandoned++;
		else
			q->stats.answered++;
		fault_release(q, batch->groups[i]);
	}
	batch->count = 0;
}

UVDK_EXPORT int uvdk_faultq_answer(struct uvdk_faultq *pub, struct uvdk_fault_answer *answers,
				   unsigned int count)
{
	struct fault_queue *q = fault_queue_of(pub);
	struct batch batch = {.count = 0};
	struct fault_group *group = NULL;

	pthread_mutex_lock(&pub->lock);
	for (unsigned int i = 0; i < count; i++) {
		answers[i].err = check(q, &answers[i], &group);
		if (!answers[i].err)
			batch_add(&batch, &answers[i], group);
		if (batch.count == FAULT_BATCH)
			batch_send(q, &batch);
	}
	batch_send(q, &batch);
	pthread_mutex_unlock(&pub->lock);

	for (unsigned int i = 0; i < count; i++)
		if (answers[i].err)
			return answers[i].err;

	return 0;
}
