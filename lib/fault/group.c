// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "fault_priv.h"

/* Gathers what a driver reports into groups. All of it runs under the queue's lock. */

static struct fault_group *slot_add(struct fault_queue *q)
{
	struct fault_group *group = q->slots < q->groups_max ? calloc(1, sizeof(*group)) : NULL;

	if (!group)
		return NULL;
	group->slot = q->slots;
	q->slot[q->slots++] = group;
	TAILQ_INSERT_TAIL(&q->free, group, entry);
	return group;
}

void fault_lose(struct fault_queue *q, uint64_t count)
{
	q->lost = true;
	q->lost_count += count;
	q->stats.lost += count;
}

void fault_release(struct fault_queue *q, struct fault_group *group)
{
	if (group->state == FAULT_OPEN)
		TAILQ_REMOVE(&q->open, group, entry);
	else if (group->state == FAULT_READY)
		TAILQ_REMOVE(&q->ready, group, entry);
	if (fault_is_request(group)) {
		LIST_REMOVE(group, peer);
		q->stats.waiting--;
	}
	group->state = FAULT_FREE;
	q->used--;
	TAILQ_INSERT_TAIL(&q->free, group, entry);
}

/* The rest of an open group will not come. */
static void lose_group(struct fault_queue *q, struct fault_group *group)
{
	fault_lose(q, group->count);
	fault_release(q, group);
}

/* An open group may never end; when there is no room, the oldest one gives way. */
static struct fault_group *group_get(struct fault_queue *q)
{
	struct fault_group *group = TAILQ_FIRST(&q->free);

	if (!group)
		group = slot_add(q);
	if (!group && !TAILQ_EMPTY(&q->open)) {
		lose_group(q, TAILQ_FIRST(&q->open));
		group = TAILQ_FIRST(&q->free);
	}

	return group;
}

static int append(struct fault_group *group, const struct uvdk_fault *fault)
{
	unsigned int room = group->room ? group->room * 2 : 1;
	struct uvdk_fault *grown;

	if (group->count >= FAULT_GROUP_MAX)
		return -ENOSPC;
	if (group->count == group->room) {
		grown = reallocarray(group->requests, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		group->requests = grown;
		group->room = room;
	}
	group->requests[group->count] = *fault;
	group->requests[group->count].dev = group->dev;
	group->count++;
	return 0;
}

/* Into use, with its first entry. */
static struct fault_group *group_begin(struct fault_queue *q, struct uvdk_device *dev,
				       const struct uvdk_fault_record *record)
{
	struct fault_group *group = group_get(q);

	if (!group)
		return NULL;
	group->dev = dev;
	group->dev_id = record->dev_id;
	group->pasid = record->fault.pasid;
	group->index = record->fault.index;
	group->cookie = record->cookie;
	group->count = 0;
	group->given = 0;
	if (append(group, &record->fault))
		return NULL;

	TAILQ_REMOVE(&q->free, group, entry);
	group->serial++;
	q->used++;
	return group;
}

static struct fault_group *open_find(struct fault_queue *q, const struct uvdk_fault_record *record)
{
	struct fault_group *group;

	TAILQ_FOREACH(group, &q->open, entry)
	{
		if (group->dev_id == record->dev_id && group->pasid == record->fault.pasid &&
		    group->index == record->fault.index)
			return group;
	}

	return NULL;
}

/* The driver names another group by it: nobody waits for this one any more. */
static void forget_cookie(struct fault_queue *q, uint32_t cookie)
{
	struct fault_group *group;

	LIST_FOREACH(group, &q->by_cookie[cookie % FAULT_BUCKETS], peer)
	{
		if (group->cookie == cookie) {
			q->stats.abandoned++;
			fault_release(q, group);
			return;
		}
	}
}

/* What can't be kept is given up; the device asks again. */
static void refuse(struct fault_queue *q, const struct uvdk_fault_record *record)
{
	struct uvdk_fault_reply reply = {.dev_id = record->dev_id,
					 .pasid = record->fault.pasid,
					 .index = record->fault.index,
					 .cookie = record->cookie,
					 .code = UVDK_FAULT_INVALID};

	fault_lose(q, 1);
	if (record->fault.last)
		q->ops->reply(q->pub.priv, &reply, 1);
}

static struct fault_group *request_begin(struct fault_queue *q, struct uvdk_device *dev,
					 const struct uvdk_fault_record *record)
{
	struct fault_group *group;

	forget_cookie(q, record->cookie);
	group = group_begin(q, dev, record);
	if (!group)
		return NULL;
	LIST_INSERT_HEAD(&q->by_cookie[record->cookie % FAULT_BUCKETS], group, peer);
	group->state = FAULT_OPEN;
	TAILQ_INSERT_TAIL(&q->open, group, entry);
	q->stats.waiting++;
	return group;
}

static void take_request(struct fault_queue *q, const struct uvdk_fault_record *record)
{
	struct uvdk_device *dev = uvdk_iommu_find_device(q->pub.iommu, record->dev_id);
	struct fault_group *group = open_find(q, record);

	if (group && group->cookie != record->cookie) {
		lose_group(q, group);
		group = NULL;
	}
	if (group && append(group, &record->fault)) {
		lose_group(q, group);
		refuse(q, record);
		return;
	}
	if (!group && dev)
		group = request_begin(q, dev, record);
	if (!group) {
		refuse(q, record);
		return;
	}
	if (record->fault.last) {
		TAILQ_REMOVE(&q->open, group, entry);
		group->state = FAULT_READY;
		TAILQ_INSERT_TAIL(&q->ready, group, entry);
	}
}

static void take_fault(struct fault_queue *q, const struct uvdk_fault_record *record)
{
	struct uvdk_device *dev = NULL;
	struct fault_group *group;

	if (record->dev_id != UVDK_FAULT_NO_DEVICE) {
		dev = uvdk_iommu_find_device(q->pub.iommu, record->dev_id);
		if (!dev) /* under another iommu of the same machine, or closed */
			return;
	}
	group = group_begin(q, dev, record);
	if (!group) {
		fault_lose(q, 1);
		return;
	}
	group->state = FAULT_READY;
	TAILQ_INSERT_TAIL(&q->ready, group, entry);
}

void fault_take(struct fault_queue *q, const struct uvdk_fault_record *record)
{
	switch (record->fault.type) {
	case UVDK_FAULT_PAGE_REQUEST:
		take_request(q, record);
		break;
	case UVDK_FAULT_IOMMU:
		take_fault(q, record);
		break;
	case UVDK_FAULT_LOST:
		/* Among the lost may be the last requests of those that are open. */
		while (!TAILQ_EMPTY(&q->open))
			lose_group(q, TAILQ_FIRST(&q->open));
		fault_lose(q, record->fault.lost);
		q->stats.overflows++;
		break;
	}
}

/* IOMMU faults are history, and stay, until the device itself goes. */
static bool concerns(const struct fault_group *group, const struct uvdk_device *dev, uint32_t pasid)
{
	if (group->state == FAULT_FREE || group->dev != dev)
		return false;

	return pasid == UVDK_PASID_ALL || (group->pasid == pasid && fault_is_request(group));
}

void fault_abandon(struct uvdk_faultq *pub, const struct uvdk_device *dev, uint32_t pasid)
{
	const struct uvdk_iommu_binding *binding = uvdk_device_binding(dev);
	struct fault_queue *q = fault_queue_of(pub);

	if (binding && q->ops->forget) /* without one it has never been attached */
		q->stats.abandoned += q->ops->forget(pub->priv, binding->id, pasid);
	for (unsigned int i = 0; q->used && i < q->slots; i++) {
		if (!concerns(q->slot[i], dev, pasid))
			continue;
		q->stats.abandoned += fault_is_request(q->slot[i]);
		fault_release(q, q->slot[i]);
	}
}

void fault_groups_free(struct fault_queue *q)
{
	for (unsigned int i = 0; i < q->slots; i++) {
		free(q->slot[i]->requests);
		free(q->slot[i]);
	}
	free(q->slot);
}
