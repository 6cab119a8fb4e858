// SPDX-License-Identifier: BSD-3-Clause
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <uvdk_emu_driver.h>

#include "mapq.h"
#include "viommu_space.h"

/*
 * Map queues on the unit's ring. None of the calls of a queue's thread waits for a lock: what
 * can't be done now is done by a later call.
 */

static_assert((int)UVDK_MAP_READ == (int)VIOMMU_MAP_READ &&
		      (int)UVDK_MAP_WRITE == (int)VIOMMU_MAP_WRITE,
	      "flags are passed on as they are");

/* Polls between looks at the device's status. */
#define LOOK_EVERY 65536u

/* ---- the queue's thread ---- */

static int mapq_submit(void *mapq_priv, struct uvdk_mapq_request *requests, unsigned int count)
{
	struct viommu_mapq *q = mapq_priv;
	unsigned int n;

	if (!uvdk_lock_try(&q->lock))
		return 0;
	if (q->ended) {
		uvdk_lock_release(&q->lock);
		return -ENODEV;
	}
	n = viommu_ring_try_submit(q->unit->ring, q->life, q->domain, requests, count);
	uvdk_lock_release(&q->lock);

	return (int)n;
}

static void mapq_kick(void *mapq_priv)
{
	struct viommu_mapq *q = mapq_priv;

	q->kick = !viommu_ring_try_kick(q->unit->ring);
}

/* 0; UVDK_MAPQ_RESET: the unit is put back, but for our maps; -ENODEV. */
static int look(struct viommu_mapq *q)
{
	int ret = 0;

	if (!uvdk_lock_try(&q->lock))
		return 0;
	if (q->ended) {
		ret = -ENODEV;
	} else if (q->restored != q->life) {
		q->life = q->restored;
		ret = UVDK_MAPQ_RESET;
	}
	uvdk_lock_release(&q->lock);

	return ret;
}

/* The device wants a reset, or has had one. Whoever has the lock sees to it. */
static void put_right(struct viommu_unit *unit)
{
	if (pthread_mutex_trylock(&unit->lock))
		return;
	viommu_unit_check(unit);
	pthread_mutex_unlock(&unit->lock);
}

/* A device that has stopped says so in its status, and nowhere else. */
static void look_at_device(struct viommu_mapq *q)
{
	struct viommu_unit *unit = q->unit;
	int status = uvdk_virtio_status(&unit->virtio);

	if (status < 0 || !(status & UVDK_VIRTIO_STATUS_DRIVER_OK) ||
	    status & UVDK_VIRTIO_STATUS_NEEDS_RESET)
		put_right(unit);
}

static int mapq_poll(void *mapq_priv)
{
	struct viommu_mapq *q = mapq_priv;
	struct viommu_unit *unit = q->unit;
	int state;

	if (q->kick)
		mapq_kick(q);
	/* An emulated machine without a thread works here, or never. */
	if (unit->viommu->emu)
		uvdk_emu_work(unit->viommu->emu);
	state = viommu_ring_try_poll(unit->ring);
	if (state == -ENODEV)
		return state;
	if (state)
		put_right(unit);
	else if (++q->polls % LOOK_EVERY == 0)
		look_at_device(q);

	return look(q);
}

/* A window of a domain that is there still. Under unit->lock. */
static void empty_window(struct viommu_mapq *q)
{
	const struct viommu_request request = {
		.op = VIOMMU_UNMAP, .domain = q->domain, .first = q->first, .last = q->last};

	uvdk_lock_acquire(&q->lock);
	q->ended = true;
	uvdk_lock_release(&q->lock);
	viommu_drain(q->unit, q->domain);
	if (viommu_ask(q->unit, &request) && !uvdk_device_gone(q->unit->dev))
		viommu_ioas_lose(q->own, "the window of a map queue could not be unmapped");
}

/* Whoever ends it, or gives the unit up, is done with that when this has the locks. */
static void mapq_stop(void *mapq_priv)
{
	struct viommu_mapq *q = mapq_priv;
	struct viommu_unit *unit = q->unit;

	pthread_mutex_lock(&unit->lock);
	if (viommu_unit_dead(unit))
		viommu_unit_bury(unit, -ENODEV);
	if (!q->ended)
		empty_window(q);
	pthread_mutex_unlock(&unit->lock);
}

/* ---- opening; under the lock of the address space ---- */

static int mapq_open(void *ioas_priv, uvdk_iova_t iova, uint64_t len, void **mapq_priv)
{
	struct viommu_ioas *own = ioas_priv;
	struct viommu_domain *domain = LIST_FIRST(&own->domains);
	struct viommu_unit *unit;
	struct viommu_mapq *q;

	if (!domain || LIST_NEXT(domain, entry))
		return uvdk_fail(-EINVAL, VIOMMU,
				 "a map queue is for devices behind one virtio-iommu, and those of "
				 "this address space are behind %s: give each an address space",
				 domain ? "several" : "none");
	unit = domain->unit;
	q = calloc(1, sizeof(*q));
	if (!q)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for a map queue");
	pthread_mutex_lock(&unit->lock);
	*q = (struct viommu_mapq){.next = own->mapq,
				  .own = own,
				  .unit = unit,
				  .domain = domain->id,
				  .first = iova,
				  .last = iova + len - 1,
				  .page_size = unit->config.page_sizes & -unit->config.page_sizes,
				  .life = viommu_ring_life(unit->ring),
				  .restored = viommu_ring_life(unit->ring)};
	if (q->page_size < 4096)
		q->page_size = 4096;
	own->mapq = q;
	pthread_mutex_unlock(&unit->lock);
	*mapq_priv = q;

	return 0;
}

static void mapq_close(void *mapq_priv)
{
	struct viommu_mapq *q = mapq_priv;
	struct viommu_mapq **at = &q->own->mapq;

	pthread_mutex_lock(&q->unit->lock);
	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	pthread_mutex_unlock(&q->unit->lock);
	free(q);
}

const struct uvdk_mapq_ops viommu_mapq_ops = {
	.open = mapq_open,
	.close = mapq_close,
	.submit = mapq_submit,
	.kick = mapq_kick,
	.poll = mapq_poll,
	.stop = mapq_stop,
	.pin = viommu_mapq_pin,
	.unpin = viommu_mapq_unpin,
};

/* ---- other threads; under unit->lock ---- */

/* What is under way must not reach a domain that has this number next. */
void viommu_mapq_end(struct viommu_domain *domain)
{
	for (struct viommu_mapq *q = domain->ioas->mapq; q; q = q->next) {
		if (q->unit != domain->unit || q->domain != domain->id)
			continue;
		uvdk_lock_acquire(&q->lock);
		q->ended = true;
		uvdk_lock_release(&q->lock);
	}
	if (domain->ioas->mapq)
		viommu_drain(domain->unit, domain->id);
}

void viommu_mapq_restored(struct viommu_domain *domain)
{
	for (struct viommu_mapq *q = domain->ioas->mapq; q; q = q->next) {
		if (q->unit != domain->unit)
			continue;
		uvdk_lock_acquire(&q->lock);
		q->restored = viommu_ring_life(domain->unit->ring);
		uvdk_lock_release(&q->lock);
	}
}
