// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "ring.h"

/* The request queue: what happens to one request after another. */

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

int viommu_ring_state(const struct viommu_ring *ring)
{
	return __atomic_load_n(&ring->state, __ATOMIC_ACQUIRE);
}

/* ---- under the lock ---- */

static void stop(struct viommu_ring *ring, int state)
{
	ring->count = 0;
	__atomic_store_n(&ring->state, state, __ATOMIC_RELEASE);
}

static void finish(struct ring_slot *slot, int err)
{
	int *status = slot->status;

	slot->status = NULL;
	__atomic_store_n(status, err, __ATOMIC_RELEASE); /* the last that is seen of it */
}

static void fail_all(struct viommu_ring *ring, int err)
{
	for (unsigned int i = 0; i < ring->slots; i++)
		if (ring->slot[i].status)
			finish(&ring->slot[i], err);
	ring->probe.busy = false;
}

/* A device that lies about its ring is not spoken to again; viommu_unit_check() resets it. */
static void broken(struct viommu_ring *ring)
{
	char why[160];

	uvdk_log(UVDK_LOG_ERR, VIOMMU, "%s: given up",
		 uvdk_virtq_why(&ring->vq, ring->unit->virtio.name, why, sizeof(why)));
	__atomic_store_n(&ring->unit->dead, true, __ATOMIC_RELEASE);
	stop(ring, -ENODEV);
	fail_all(ring, -ENODEV);
}

/* ---- requests on their way to the device ---- */

int ring_no_slot(const struct viommu_ring *ring)
{
	int state = viommu_ring_state(ring);

	return state ? state : -EAGAIN;
}

static uint32_t fill_attachment(union wire_request *wire, const struct viommu_request *r)
{
	if (r->op == VIOMMU_DETACH) {
		wire->detach = (struct wire_detach){
			.type = uvdk_to_le32(VIOMMU_DETACH),
			.domain = uvdk_to_le32(r->domain),
			.endpoint = uvdk_to_le32(r->endpoint),
		};
		return WIRE_DETACH_LEN;
	}
	/* A type that is none goes out as it is: what to say to that is up to the device. */
	wire->attach = (struct wire_attach){
		.type = uvdk_to_le32(r->op),
		.domain = uvdk_to_le32(r->domain),
		.endpoint = uvdk_to_le32(r->endpoint),
		.flags = uvdk_to_le32(r->flags),
	};

	return WIRE_ATTACH_LEN;
}

static void slot_usual(struct ring_slot *slot)
{
	slot->desc[0].addr = uvdk_to_le64(slot->iova);
	slot->desc[1].addr = uvdk_to_le64(slot->tail_iova);
	slot->desc[1].len = uvdk_to_le32(sizeof(struct wire_tail));
	slot->room = sizeof(struct wire_tail);
	slot->reply = NULL;
}

/* The descriptors of a slot point elsewhere for as long as a PROBE is under way. */
static void slot_probes(struct viommu_ring *ring, struct ring_slot *slot, uint8_t *reply)
{
	uint32_t len = ring->unit->config.probe_size + (uint32_t)sizeof(struct wire_tail);

	slot->desc[0].addr = uvdk_to_le64(ring->probe.request_iova);
	slot->desc[1].addr = uvdk_to_le64(ring->probe.reply_iova);
	slot->desc[1].len = uvdk_to_le32(len);
	slot->room = len;
	slot->reply = reply;
	ring->probe.busy = true;
}

__attribute__((noinline, cold)) static int put_probe(struct viommu_ring *ring,
						     const struct viommu_request *r)
{
	uint32_t size = ring->unit->config.probe_size;
	struct ring_slot *slot;

	if (!size || !r->reply)
		return -ENXIO;
	if (!ring->count)
		return ring_no_slot(ring);
	if (ring->probe.busy)
		return -EAGAIN;
	slot = ring->free[ring->count - 1];
	*ring->probe.request = (struct wire_probe){
		.type = uvdk_to_le32(VIOMMU_PROBE),
		.endpoint = uvdk_to_le32(r->endpoint),
	};
	memset(ring->probe.reply, 0, size);
	ring->probe.reply[size] = TAIL_POISON;
	slot_probes(ring, slot, r->reply);
	ring_publish(ring, slot, WIRE_PROBE_LEN, r->status);

	return 0;
}

__attribute__((noinline, cold)) static int put_attachment(struct viommu_ring *ring,
							  const struct viommu_request *r)
{
	struct ring_slot *slot;

	if (!ring->count)
		return ring_no_slot(ring);
	slot = ring->free[ring->count - 1];
	slot->tail->status = TAIL_POISON;
	ring_publish(ring, slot, fill_attachment(slot->request, r), r->status);

	return 0;
}

int viommu_ring_submit(struct viommu_ring *ring, const struct viommu_request *r)
{
	int err;

	uvdk_lock_acquire(&ring->lock);
	if (r->op == VIOMMU_MAP)
		err = ring_put_map(ring, r->domain, r->first, r->last, r->phys, r->flags,
				   r->status);
	else if (r->op == VIOMMU_UNMAP)
		err = ring_put_unmap(ring, r->domain, r->first, r->last, r->status);
	else if (r->op == VIOMMU_PROBE)
		err = put_probe(ring, r);
	else
		err = put_attachment(ring, r);
	uvdk_lock_release(&ring->lock);

	return err;
}

void viommu_ring_kick(struct viommu_ring *ring)
{
	uvdk_lock_acquire(&ring->lock);
	if (ring->vq.avail_idx != ring->vq.kicked && !ring->state)
		uvdk_virtq_kick(&ring->vq);
	uvdk_lock_release(&ring->lock);
}

/* ---- requests on their way back ---- */

/* The reply is read once, and then judged. */
static int judge(struct viommu_ring *ring, struct ring_slot *slot, uint32_t len)
{
	uint32_t size = ring->unit->config.probe_size;
	uint8_t status;

	if (unlikely(slot->reply)) {
		status = ring->probe.reply[size];
		memcpy(slot->reply, ring->probe.reply, size);
		ring->probe.busy = false;
		slot_usual(slot);
	} else {
		status = __atomic_load_n(&slot->tail->status, __ATOMIC_RELAXED);
	}

	return likely(len >= sizeof(struct wire_tail)) ? viommu_errno(status) : -EPROTO;
}

static bool complete(struct viommu_ring *ring, uint32_t id, uint32_t len)
{
	uint32_t number = id >> ring->shift;
	struct ring_slot *slot = &ring->slot[number];

	if (unlikely(number >= ring->slots)) {
		uvdk_virtq_break(&ring->vq, UVDK_VIRTQ_FAULT_USED_ID, id, ring->vq.mask);
		return false;
	}
	if (unlikely(!slot->status || number << ring->shift != id)) {
		uvdk_virtq_break(&ring->vq, UVDK_VIRTQ_FAULT_NOT_OUTSTANDING, id, 0);
		return false;
	}
	if (unlikely(len > slot->room)) {
		uvdk_virtq_break(&ring->vq, UVDK_VIRTQ_FAULT_USED_LEN, len, slot->room);
		return false;
	}
	finish(slot, judge(ring, slot, len));
	ring->free[ring->count++] = slot;

	return true;
}

static void reap(struct viommu_ring *ring)
{
	struct uvdk_virtq *vq = &ring->vq;
	uint16_t pending = uvdk_virtq_pending(vq);

	for (; pending; pending--) {
		struct uvdk_virtq_used_elem elem = vq->used_ring[vq->used_idx & vq->mask];

		if (!complete(ring, uvdk_get32(elem.id), uvdk_get32(elem.len)))
			break;
		vq->used_idx++;
	}
	__atomic_store_n(&ring->seen, vq->used_idx, __ATOMIC_RELAXED);
	uvdk_virtq_quiet(vq);
	if (unlikely(uvdk_virtq_broken(vq)))
		broken(ring);
}

int viommu_ring_poll(struct viommu_ring *ring)
{
	uint16_t raw = __atomic_load_n(&ring->vq.used[UVDK_VIRTQ_IDX].raw, __ATOMIC_RELAXED);

	if (UVDK_LE(16, raw) != __atomic_load_n(&ring->seen, __ATOMIC_RELAXED)) {
		uvdk_lock_acquire(&ring->lock);
		if (!ring->state)
			reap(ring);
		uvdk_lock_release(&ring->lock);
	}

	return viommu_ring_state(ring);
}

/* ---- without waiting for the lock ---- */

static int put(struct viommu_ring *ring, uint32_t domain, struct uvdk_mapq_request *r)
{
	return r->map ? ring_put_map(ring, domain, r->first, r->last, r->phys, r->flags, &r->status)
		      : ring_put_unmap(ring, domain, r->first, r->last, &r->status);
}

unsigned int viommu_ring_try_submit(struct viommu_ring *ring, uint32_t life, uint32_t domain,
				    struct uvdk_mapq_request *const *requests, unsigned int count)
{
	unsigned int n = 0;

	if (!uvdk_lock_try(&ring->lock))
		return 0;
	for (; ring->life == life && n < count; n++) {
		if (put(ring, domain, requests[n]))
			break;
	}
	uvdk_lock_release(&ring->lock);

	return n;
}

bool viommu_ring_try_kick(struct viommu_ring *ring)
{
	if (!uvdk_lock_try(&ring->lock))
		return false;
	if (ring->vq.avail_idx != ring->vq.kicked && !ring->state)
		uvdk_virtq_kick(&ring->vq);
	uvdk_lock_release(&ring->lock);

	return true;
}

int viommu_ring_try_poll(struct viommu_ring *ring)
{
	uint16_t raw = __atomic_load_n(&ring->vq.used[UVDK_VIRTQ_IDX].raw, __ATOMIC_RELAXED);

	if (UVDK_LE(16, raw) != __atomic_load_n(&ring->seen, __ATOMIC_RELAXED) &&
	    uvdk_lock_try(&ring->lock)) {
		if (!ring->state)
			reap(ring);
		uvdk_lock_release(&ring->lock);
	}

	return viommu_ring_state(ring);
}

uint32_t viommu_ring_life(const struct viommu_ring *ring)
{
	return __atomic_load_n(&ring->life, __ATOMIC_ACQUIRE);
}

bool viommu_ring_has(struct viommu_ring *ring, uint32_t domain)
{
	bool has = false;

	uvdk_lock_acquire(&ring->lock);
	for (unsigned int i = 0; i < ring->slots && !has; i++)
		has = ring->slot[i].status && ring->slot[i].domain == domain;
	uvdk_lock_release(&ring->lock);

	return has;
}

void viommu_ring_fail(struct viommu_ring *ring, int err)
{
	uvdk_lock_acquire(&ring->lock);
	if (!ring->state)
		reap(ring); /* what it has answered is not lost */
	stop(ring, viommu_unit_dead(ring->unit) ? -ENODEV : err);
	fail_all(ring, err);
	uvdk_lock_release(&ring->lock);
}

/* ---- starting anew ---- */

/* What stays as it is from one request to the next. */
static void prefill(struct viommu_ring *ring)
{
	struct uvdk_virtq *vq = &ring->vq;

	for (unsigned int i = 0; i < ring->slots; i++) {
		struct ring_slot *slot = &ring->slot[i];
		struct uvdk_virtq_desc *in = &slot->desc[1];

		slot->head = uvdk_to_le16((uint16_t)(i << ring->shift));
		if (ring->shift) { /* both are in the ring itself */
			slot->desc[0].next = uvdk_to_le16((uint16_t)(2 * i + 1));
		} else {
			slot->desc[0].next = uvdk_to_le16(1);
			vq->desc[i].flags = uvdk_to_le16(UVDK_VIRTQ_DESC_INDIRECT);
			vq->desc[i].len = uvdk_to_le32(2 * sizeof(*in));
			vq->desc[i].addr = uvdk_to_le64(slot->table_iova);
		}
		slot->desc[0].flags = uvdk_to_le16(UVDK_VIRTQ_DESC_NEXT);
		in->flags = uvdk_to_le16(UVDK_VIRTQ_DESC_WRITE);
		slot_usual(slot);
	}
}

int viommu_ring_start(struct viommu_ring *ring)
{
	int err;

	uvdk_lock_acquire(&ring->lock);
	uvdk_virtq_reset(&ring->vq);
	prefill(ring);
	__atomic_store_n(&ring->seen, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->life, ring->life + 1, __ATOMIC_RELEASE);
	uvdk_lock_release(&ring->lock);
	err = uvdk_virtio_queue_enable(&ring->unit->virtio, &ring->vq);

	return err;
}

void viommu_ring_resume(struct viommu_ring *ring)
{
	uvdk_lock_acquire(&ring->lock);
	for (unsigned int i = 0; i < ring->slots; i++)
		ring->free[i] = &ring->slot[ring->slots - 1 - i];
	ring->count = ring->slots;
	__atomic_store_n(&ring->state, 0, __ATOMIC_RELEASE);
	uvdk_lock_release(&ring->lock);
}
