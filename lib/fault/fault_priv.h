/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAULT_PRIV_H
#define FAULT_PRIV_H

#include <sys/queue.h>

#include <uvdk_base_driver.h>
#include <uvdk_fault_driver.h>

#define FAULT_COMPONENT "fault"
#define FAULT_BATCH	64 /* records or replies that pass between us and the driver at once */
#define FAULT_GROUP_MAX (1u << 16) /* requests; a device that asks for more is lying */
#define FAULT_BUCKETS	64

/*
 * Where a group is: *open* until its last request has come, *ready* until all
 * of them have been handed out, *given* until it is answered.
 */
enum fault_state {
	FAULT_FREE,
	FAULT_OPEN,
	FAULT_READY,
	FAULT_GIVEN,
	FAULT_ANSWERING,
};

/* A group of page requests, or one IOMMU fault. */
struct fault_group {
	uint32_t slot;
	uint32_t serial; /* of the slot's use; with it the application's number of the group */
	enum fault_state state;
	struct uvdk_device *dev;
	uint32_t dev_id, pasid, index, cookie;
	unsigned int count, room, given; /* of requests */
	struct uvdk_fault *requests;
	TAILQ_ENTRY(fault_group) entry; /* in free, open or ready */
	LIST_ENTRY(fault_group) peer;	/* same bucket; page requests only */
};

TAILQ_HEAD(fault_list, fault_group);

/* Everything is guarded by pub.lock. */
struct fault_queue {
	struct uvdk_faultq pub;
	const struct uvdk_fault_ops *ops;
	unsigned int groups_max;
	unsigned int used;  /* groups that are not free */
	unsigned int slots; /* groups that exist */
	struct fault_group **slot;
	struct fault_list free, open, ready;
	LIST_HEAD(, fault_group) by_cookie[FAULT_BUCKETS];
	bool lost; /* since the application was told last */
	uint64_t lost_count;
	struct uvdk_faultq_stats stats;
};

static inline struct fault_queue *fault_queue_of(struct uvdk_faultq *q)
{
	return (struct fault_queue *)q;
}

static inline uint64_t fault_group_id(const struct fault_group *group)
{
	return (uint64_t)group->serial << 32 | group->slot;
}

static inline bool fault_is_request(const struct fault_group *group)
{
	return group->requests[0].type == UVDK_FAULT_PAGE_REQUEST;
}

/* group.c: under the lock */
void fault_take(struct fault_queue *q, const struct uvdk_fault_record *record);
void fault_release(struct fault_queue *q, struct fault_group *group);
void fault_lose(struct fault_queue *q, uint64_t count);
void fault_abandon(struct uvdk_faultq *pub, const struct uvdk_device *dev, uint32_t pasid);
void fault_groups_free(struct fault_queue *q);

#endif /* FAULT_PRIV_H */
