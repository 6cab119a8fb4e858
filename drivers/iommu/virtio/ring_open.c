// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "ring.h"

/* The request queue: its memory. */

#define QUEUE	    0
#define ENTRIES_MAX 1024

static int choose_size(struct viommu_ring *ring, unsigned int *out)
{
	struct uvdk_virtio *virtio = &ring->unit->virtio;
	int offered = uvdk_virtio_queue_size(virtio, QUEUE);
	unsigned int size;

	if (offered < 0)
		return offered;
	size = offered < ENTRIES_MAX ? (unsigned int)offered : ENTRIES_MAX;
	while (uvdk_virtq_bytes(size) > ring_memory_piece(&ring->memory))
		size /= 2;
	if (size >> ring->shift == 0)
		return uvdk_fail(
			-EPROTO, VIOMMU,
			"%s: its request queue has %u entries, and without INDIRECT_DESC a "
			"request needs two",
			virtio->name, size);
	if (!ring->memory.huge)
		uvdk_log(UVDK_LOG_INFO, VIOMMU,
			 "%s: no huge page of 2 MiB is free, so its request queue has %u of %d "
			 "entries, in single pages",
			 virtio->name, size, offered);
	*out = size;

	return 0;
}

static int get_ring(struct viommu_ring *ring)
{
	unsigned int size = 0;
	uvdk_iova_t iova;
	void *mem;
	int err = choose_size(ring, &size);

	if (err)
		return err;
	mem = ring_memory_get(&ring->memory, uvdk_virtq_bytes(size), UVDK_VIRTQ_ALIGN, &iova);
	if (!mem)
		return -ENOMEM;
	err = uvdk_virtq_init(&ring->vq, QUEUE, size, mem, iova);
	if (!err)
		ring->slots = size >> ring->shift;

	return err;
}

/* Each kind for itself: what the device writes shares no cache line with what we write. */
static int get_slots(struct viommu_ring *ring)
{
	struct ring_memory *memory = &ring->memory;
	unsigned int i;

	for (i = 0; i < ring->slots; i++) {
		struct ring_slot *s = ring_slot(ring, i);

		s->request = ring_memory_get(memory, sizeof(*s->request), 64, &s->iova);
		if (!s->request)
			return -ENOMEM;
	}
	for (i = 0; i < ring->slots; i++) {
		struct ring_slot *s = ring_slot(ring, i);

		s->desc = ring->shift ? &ring->vq.desc[2 * i]
				      : ring_memory_get(memory, 2 * sizeof(*s->desc), 32,
							&s->table_iova);
		if (!s->desc)
			return -ENOMEM;
	}
	for (i = 0; i < ring->slots; i++) {
		struct ring_slot *s = ring_slot(ring, i);

		s->tail = ring_memory_get(memory, sizeof(*s->tail), i ? 4 : 64, &s->tail_iova);
		if (!s->tail)
			return -ENOMEM;
	}

	return 0;
}

static int get_probe(struct viommu_ring *ring)
{
	struct ring_probe *probe = &ring->probe;
	uint32_t size = ring->unit->config.probe_size;

	if (!size)
		return 0;
	probe->request =
		ring_memory_get(&ring->memory, sizeof(*probe->request), 64, &probe->request_iova);
	probe->reply = ring_memory_get(&ring->memory, size + sizeof(struct wire_tail), 64,
				       &probe->reply_iova);

	return probe->request && probe->reply ? 0 : -ENOMEM;
}

/* Where memory lacks, who looked for it has said so. */
int viommu_ring_open(struct viommu_unit *unit, struct viommu_ring **out)
{
	struct viommu_ring *ring = calloc(1, sizeof(*ring));
	int err;

	if (!ring)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for a ring");
	ring->unit = unit;
	ring->state = -ECANCELED;
	ring->shift = unit->virtio.features & UVDK_VIRTIO_F_INDIRECT_DESC ? 0 : 1;
	ring_memory_open(&ring->memory, unit->viommu->memory);
	err = get_ring(ring);
	if (!err) {
		ring->slot = calloc(ring->vq.size, sizeof(*ring->slot));
		ring->free = calloc(ring->slots, sizeof(*ring->free));
		err = ring->slot && ring->free ? 0 : -ENOMEM;
	}
	if (!err)
		err = get_slots(ring);
	if (!err)
		err = get_probe(ring);
	if (err) {
		viommu_ring_close(ring);
		return err;
	}
	*out = ring;

	return 0;
}

void viommu_ring_close(struct viommu_ring *ring)
{
	if (!ring)
		return;
	uvdk_virtq_fini(&ring->vq);
	free(ring->slot);
	free(ring->free);
	ring_memory_close(&ring->memory);
	free(ring);
}

unsigned int viommu_ring_room(const struct viommu_ring *ring)
{
	return ring->slots;
}

unsigned int viommu_ring_busy(struct viommu_ring *ring)
{
	unsigned int busy;

	uvdk_lock_acquire(&ring->lock);
	busy = ring->state ? 0 : ring->slots - ring->count;
	uvdk_lock_release(&ring->lock);

	return busy;
}

uint64_t viommu_ring_doorbells(const struct viommu_ring *ring)
{
	return __atomic_load_n(&ring->vq.doorbells, __ATOMIC_RELAXED);
}
