// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "events.h"

/* The event queue of a unit (5.13.6.8): buffers that wait for faults. */

#define QUEUE	 1
#define VECTOR	 0	  /* the only one in use */
#define TIMER_NS 20000000 /* without interrupts it is looked at so often, if anybody waits */

/* ---- what has come ---- */

static void tell(struct viommu *viommu, const struct faultq_record *record)
{
	struct viommu_faultq *q;

	LIST_FOREACH(q, &viommu->faultqs, entry)
	{
		faultq_put(q, record);
	}
}

/* Copied once; what is shorter than a fault tells nothing. */
static void take_fault(struct viommu_events *events, const struct wire_fault *buffer, uint32_t len)
{
	struct faultq_record record = {.unit = events->unit};

	memcpy(&record.fault, buffer, sizeof(record.fault));
	if (len < sizeof(record.fault))
		uvdk_log(UVDK_LOG_DEBUG, VIOMMU, "%s: an event of %u bytes, %zu are expected",
			 events->unit->virtio.name, len, sizeof(record.fault));
	else
		tell(events->unit->viommu, &record);
}

static void post(struct viommu_events *events, struct wire_fault *buffer)
{
	size_t off = (size_t)((uint8_t *)buffer - (uint8_t *)events->buffer);
	const struct uvdk_virtq_seg seg = {events->iova + off, sizeof(*buffer)};

	uvdk_virtq_add(&events->vq, &seg, 0, 1, buffer);
}

static void check_broken(struct viommu_events *events)
{
	char why[160];

	if (!uvdk_virtq_broken(&events->vq))
		return;
	uvdk_log(UVDK_LOG_ERR, VIOMMU, "%s: no more faults are reported until it is reset",
		 uvdk_virtq_why(&events->vq, events->unit->virtio.name, why, sizeof(why)));
	events->running = false;
}

/* The next event interrupts; one that came before that was said is found by the caller's look. */
static void ask_for_interrupt(struct uvdk_virtq *vq)
{
	if (vq->irq && vq->event_idx)
		__atomic_store_n(&vq->avail[UVDK_VIRTQ_RING + vq->size].raw,
				 UVDK_LE(16, vq->used_idx), __ATOMIC_RELAXED);
	uvdk_mb();
}

/* At most as many as there are buffers, so that a device can't keep us here. */
static unsigned int take(struct viommu_events *events, bool again)
{
	struct wire_fault *buffer;
	unsigned int taken = 0;
	uint32_t len;

	while (taken < events->vq.size && (buffer = uvdk_virtq_take(&events->vq, &len))) {
		take_fault(events, buffer, len);
		if (again)
			post(events, buffer);
		taken++;
	}
	/* With all of them in use, what came next found none; the device does not say. */
	if (taken == events->vq.size)
		tell(events->unit->viommu, &(struct faultq_record){0});

	return taken;
}

static void set_wake(const struct viommu_events *events, bool on)
{
	uint64_t value = 1;
	ssize_t n = on ? write(events->wake, &value, sizeof(value))
		       : read(events->wake, &value, sizeof(value));

	if (n < 0 && on)
		uvdk_log(UVDK_LOG_DEBUG, VIOMMU, "an event is not heard of: %s", strerror(errno));
}

void events_drain(struct viommu_events *events)
{
	if (!events->running)
		return;
	set_wake(events, false);
	ask_for_interrupt(&events->vq);
	if (take(events, true)) {
		uvdk_virtq_kick(&events->vq);
		ask_for_interrupt(&events->vq);
		if (events->irq && uvdk_virtq_pending(&events->vq))
			set_wake(events, true); /* came before we asked for its interrupt */
	}
	check_broken(events);
}

/* ---- setting it up ---- */

void events_set_timer(const struct viommu_events *events, bool on)
{
	const struct itimerspec when = {.it_interval.tv_nsec = on ? TIMER_NS : 0,
					.it_value.tv_nsec = on ? TIMER_NS : 0};

	if (!events->irq)
		timerfd_settime(events->wake, 0, &when, NULL);
}

static int open_timer(struct viommu_events *events)
{
	uvdk_log(UVDK_LOG_INFO, VIOMMU,
		 "%s: has no MSI-X vector for its faults: who waits for them looks every %u ms",
		 events->unit->virtio.name, TIMER_NS / 1000000);
	events->irq = false;
	events->wake = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	return events->wake < 0 ? -errno : 0;
}

static int open_wake(struct viommu_events *events)
{
	struct uvdk_device *dev = events->unit->dev;

	if (uvdk_device_irq_count(dev, UVDK_IRQ_MSIX) > VECTOR) {
		events->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (events->wake < 0)
			return -errno;
		events->irq = !uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, VECTOR, 1, &events->wake);
		if (events->irq)
			return 0;
		close(events->wake);
	}

	return open_timer(events);
}

static void close_wake(struct viommu_events *events)
{
	if (events->irq)
		uvdk_device_irq_disable(events->unit->dev, UVDK_IRQ_MSIX);
	if (events->wake >= 0)
		close(events->wake);
}

static int get_queue(struct viommu_events *events)
{
	struct viommu_unit *unit = events->unit;
	int size = uvdk_virtio_queue_size(&unit->virtio, QUEUE);
	const struct uvdk_dma_opts opts = {
		.size = sizeof(opts), .source = UVDK_DMA_NORMAL, .numa_node = UVDK_DMA_ANY_NODE};
	size_t ring;
	int err;

	if (size < 0)
		return size;
	if (size > EVENTS_BUFFERS)
		size = EVENTS_BUFFERS;
	ring = uvdk_virtq_bytes((unsigned int)size);
	err = uvdk_dma_alloc(unit->viommu->memory,
			     ring + (unsigned int)size * sizeof(struct wire_fault), &opts,
			     &events->memory);
	if (err)
		return err;
	events->buffer = (void *)((uint8_t *)events->memory.va + ring);
	events->iova = events->memory.iova + ring;

	return uvdk_virtq_init(&events->vq, QUEUE, (unsigned int)size, events->memory.va,
			       events->memory.iova);
}

/* Those who wait for faults hear of this unit's, too. Under the lock. */
static int tell_waiters(struct viommu_events *events)
{
	struct viommu *viommu = events->unit->viommu;
	struct viommu_faultq *q;

	LIST_FOREACH(q, &viommu->faultqs, entry)
	{
		int err = faultq_listen(q, events);

		if (err)
			return err;
	}
	events_set_timer(events, !LIST_EMPTY(&viommu->faultqs));

	return 0;
}

static int enlist(struct viommu_events *events)
{
	struct viommu *viommu = events->unit->viommu;
	int err;

	uvdk_lock_acquire(&viommu->events_lock);
	err = tell_waiters(events);
	if (!err)
		LIST_INSERT_HEAD(&viommu->events, events, entry);
	uvdk_lock_release(&viommu->events_lock);

	return err;
}

/* The device did not take the vector: the timer stands in. Under the lock. */
static int do_without_irq(struct viommu_events *events)
{
	int err;

	close_wake(events);
	err = open_timer(events);
	if (!err)
		err = tell_waiters(events);

	return err;
}

int viommu_events_open(struct viommu_unit *unit, struct viommu_events **out)
{
	struct viommu_events *events = calloc(1, sizeof(*events));
	int err;

	if (!events)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for an event queue");
	events->unit = unit;
	events->wake = -1;
	err = get_queue(events);
	if (err)
		goto free_queue;
	err = open_wake(events);
	if (!err)
		err = enlist(events);
	if (err) {
		uvdk_fail(err, VIOMMU, "%s: no descriptors for its faults: %s", unit->virtio.name,
			  strerror(-err));
		goto free_wake;
	}

	*out = events;
	return 0;
free_wake:
	close_wake(events);
free_queue:
	uvdk_virtq_fini(&events->vq);
	uvdk_dma_free(&events->memory);
	free(events);
	return err;
}

void viommu_events_close(struct viommu_events *events)
{
	struct viommu *viommu;

	if (!events)
		return;
	viommu = events->unit->viommu;
	uvdk_lock_acquire(&viommu->events_lock);
	LIST_REMOVE(events, entry);
	close_wake(events); /* fault queues lose it by that */
	uvdk_lock_release(&viommu->events_lock);
	uvdk_virtq_fini(&events->vq);
	uvdk_dma_free(&events->memory);
	free(events);
}

int viommu_events_start(struct viommu_events *events)
{
	struct viommu_unit *unit = events->unit;
	struct viommu *viommu = unit->viommu;
	int err;

	uvdk_lock_acquire(&viommu->events_lock);
	if (events->running)
		take(events, false); /* what had come before the reset is told */
	events->running = false;
	uvdk_virtq_reset(&events->vq);
	events->vq.irq = events->irq;
	events->vq.vector = VECTOR;
	for (unsigned int i = 0; i < events->vq.size; i++)
		post(events, &events->buffer[i]);
	err = uvdk_virtio_queue_enable(&unit->virtio, &events->vq);
	if (!err && events->irq && !events->vq.irq)
		err = do_without_irq(events);
	uvdk_lock_release(&viommu->events_lock);

	return err;
}

void viommu_events_resume(struct viommu_events *events)
{
	struct viommu *viommu = events->unit->viommu;

	uvdk_lock_acquire(&viommu->events_lock);
	events->running = true;
	uvdk_virtq_kick(&events->vq);
	uvdk_lock_release(&viommu->events_lock);
}
