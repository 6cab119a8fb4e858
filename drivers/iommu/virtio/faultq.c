// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "events.h"

/* Fault queues: who hears of the units' faults, and what waits for each. */

/* 5.13.6.8 */
#define REASON_DOMAIN  1
#define REASON_MAPPING 2
#define F_READ	       (1u << 0)
#define F_WRITE	       (1u << 1)
#define F_EXEC	       (1u << 2) /* of earlier drafts, and in Linux' header */
#define F_ADDRESS      (1u << 8)

/* ---- records: a circle that knows what had no room ---- */

/* An eventfd takes and gives without waiting. Readable exactly if there is something. */
static void update(struct viommu_faultq *q)
{
	bool has = q->count || q->has_lost;
	uint64_t value = 1;
	ssize_t n;

	if (has == q->is_ready)
		return;
	n = has ? write(q->ready, &value, sizeof(value)) : read(q->ready, &value, sizeof(value));
	if (n != (ssize_t)sizeof(value))
		uvdk_log(UVDK_LOG_DEBUG, VIOMMU, "an event is not heard of: %s", strerror(errno));
	q->is_ready = has;
}

static void push(struct viommu_faultq *q, const struct faultq_record *record)
{
	q->record[(q->first + q->count++) % FAULTQ_RECORDS] = *record;
}

/* What was lost stands where it is missing. */
static void push_lost(struct viommu_faultq *q)
{
	push(q, &(struct faultq_record){.lost = q->lost});
	q->lost = 0;
	q->has_lost = false;
}

void faultq_put(struct viommu_faultq *q, const struct faultq_record *record)
{
	if (!record->unit || FAULTQ_RECORDS - q->count < (q->has_lost ? 2 : 1)) {
		q->has_lost = true;
		q->lost += record->unit ? 1 : record->lost;
	} else {
		if (q->has_lost)
			push_lost(q);
		push(q, record);
	}
	update(q);
}

static bool get(struct viommu_faultq *q, struct faultq_record *out)
{
	if (!q->count && q->has_lost)
		push_lost(q);
	if (!q->count)
		return false;
	*out = q->record[q->first];
	q->first = (q->first + 1) % FAULTQ_RECORDS;
	q->count--;

	return true;
}

/* ---- in the library's words ---- */

/* Under viommu->lock. */
static uint32_t device_of(const struct viommu *viommu, const struct faultq_record *record)
{
	const struct viommu_endpoint *endpoint;

	LIST_FOREACH(endpoint, &viommu->endpoints, entry)
	{
		if (endpoint->unit == record->unit && endpoint->binding &&
		    endpoint->id == uvdk_get32(record->fault.endpoint))
			return endpoint->binding->id;
	}

	return UVDK_FAULT_NO_DEVICE;
}

static enum uvdk_fault_reason reason_of(uint8_t reason)
{
	switch (reason) {
	case REASON_DOMAIN:
		return UVDK_FAULT_DETACHED;
	case REASON_MAPPING: /* or one that does not allow it: the device does not tell them apart
			      */
		return UVDK_FAULT_UNMAPPED;
	default:
		return UVDK_FAULT_UNKNOWN;
	}
}

static void translate(const struct viommu *viommu, const struct faultq_record *record,
		      struct uvdk_fault_record *out)
{
	uint32_t flags = uvdk_get32(record->fault.flags);

	*out = (struct uvdk_fault_record){.dev_id = UVDK_FAULT_NO_DEVICE};
	if (!record->unit) {
		out->fault.type = UVDK_FAULT_LOST;
		out->fault.lost = record->lost;
		return;
	}
	out->dev_id = device_of(viommu, record);
	out->fault.type = UVDK_FAULT_IOMMU;
	out->fault.pasid = UVDK_PASID_RID;
	out->fault.reason = reason_of(record->fault.reason);
	out->fault.code = record->fault.reason;
	out->fault.access = (flags & F_READ ? UVDK_FAULT_READ : 0) |
			    (flags & F_WRITE ? UVDK_FAULT_WRITE : 0) |
			    (flags & F_EXEC ? UVDK_FAULT_EXEC : 0);
	if (flags & F_ADDRESS)
		out->fault.addr = uvdk_get64(record->fault.address);
}

/* ---- what the library calls ---- */

static int add_to(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int faultq_listen(const struct viommu_faultq *q, const struct viommu_events *events)
{
	return add_to(q->fd, events->wake);
}

static void drain_all(struct viommu *viommu)
{
	struct viommu_events *events;

	LIST_FOREACH(events, &viommu->events, entry)
	{
		events_drain(events);
	}
}

static int open_fds(struct viommu_faultq *q)
{
	int err;

	q->ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q->ready < 0)
		return -errno;
	q->fd = epoll_create1(EPOLL_CLOEXEC);
	if (q->fd < 0) {
		err = -errno;
		goto close_ready;
	}
	err = add_to(q->fd, q->ready);
	if (err)
		goto close_fd;

	return 0;
close_fd:
	close(q->fd);
close_ready:
	close(q->ready);
	return err;
}

/* Of earlier faults the first one is not told: they are as old as the latest queue. */
static int enlist(struct viommu_faultq *q)
{
	struct viommu *viommu = q->viommu;
	struct viommu_events *events;
	int err = 0;

	drain_all(viommu);
	LIST_FOREACH(events, &viommu->events, entry)
	{
		err = err ? err : faultq_listen(q, events);
	}
	if (err)
		return err;
	LIST_FOREACH(events, &viommu->events, entry)
	{
		events_set_timer(events, true);
	}
	LIST_INSERT_HEAD(&viommu->faultqs, q, entry);

	return 0;
}

static void close_fds(struct viommu_faultq *q)
{
	close(q->fd);
	close(q->ready);
}

static int faultq_create(void *priv, void **faultq_priv)
{
	struct viommu *viommu = priv;
	struct viommu_faultq *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for a fault queue");
	q->viommu = viommu;
	err = open_fds(q);
	if (err)
		goto free_q;
	uvdk_lock_acquire(&viommu->events_lock);
	err = enlist(q);
	uvdk_lock_release(&viommu->events_lock);
	if (err)
		goto close;

	*faultq_priv = q;
	return 0;
close:
	close_fds(q);
free_q:
	free(q);
	return uvdk_fail(err, VIOMMU, "no descriptors for a fault queue: %s", strerror(-err));
}

static void faultq_destroy(void *faultq_priv)
{
	struct viommu_faultq *q = faultq_priv;
	struct viommu *viommu = q->viommu;
	struct viommu_events *events;

	uvdk_lock_acquire(&viommu->events_lock);
	LIST_REMOVE(q, entry);
	LIST_FOREACH(events, &viommu->events, entry)
	{
		if (LIST_EMPTY(&viommu->faultqs))
			events_set_timer(events, false);
	}
	uvdk_lock_release(&viommu->events_lock);
	close_fds(q);
	free(q);
}

static int faultq_fd(void *faultq_priv)
{
	const struct viommu_faultq *q = faultq_priv;

	return q->fd;
}

/* Who it was is looked up at the end: the list of endpoints has a lock of its own. */
static int faultq_read(void *faultq_priv, struct uvdk_fault_record *out, unsigned int max)
{
	struct viommu_faultq *q = faultq_priv;
	struct viommu *viommu = q->viommu;
	struct faultq_record record[64];
	unsigned int n = 0;

	max = max < 64 ? max : 64;
	uvdk_lock_acquire(&viommu->events_lock);
	if (!q->count && !q->has_lost)
		drain_all(viommu);
	while (n < max && get(q, &record[n]))
		n++;
	update(q);
	uvdk_lock_release(&viommu->events_lock);
	if (!n)
		return 0;

	pthread_mutex_lock(&viommu->lock);
	for (unsigned int i = 0; i < n; i++)
		translate(viommu, &record[i], &out[i]);
	pthread_mutex_unlock(&viommu->lock);

	return (int)n;
}

/* Nobody waits for an answer here. */
static void faultq_reply(void *faultq_priv, struct uvdk_fault_reply *replies, unsigned int count)
{
	(void)faultq_priv;
	for (unsigned int i = 0; i < count; i++)
		replies[i].err = -ENOENT;
}

const struct uvdk_fault_ops viommu_fault_ops = {
	.create = faultq_create,
	.destroy = faultq_destroy,
	.fd = faultq_fd,
	.read = faultq_read,
	.reply = faultq_reply,
};
