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
	for (unsigned int i = 0; i < ring->vq.size; i++)
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

static int no_slot(const struct viommu_ring *ring)
{
	int state = viommu_ring_state(ring);

	return state ? state : -EAGAIN;
}

/* The slot that publish() makes the device's, if there is one. */
static struct ring_slot *next_slot(const struct viommu_ring *ring)
{
	return ring->free[ring->count - 1];
}

static void publish(struct viommu_ring *ring, int *status)
{
	struct ring_slot *slot = ring->free[--ring->count];
	struct uvdk_virtq *vq = &ring->vq;

	slot->status = status;
	vq->avail[UVDK_VIRTQ_RING + (vq->avail_idx & vq->mask)] = slot->head;
	vq->avail_idx++;
}

static void fill_attachment(struct ring_slot *slot, const struct viommu_request *r)
{
	union wire_request *wire = slot->request;

	if (r->op == VIOMMU_DETACH) {
		wire->detach = (struct wire_detach){
			.type = uvdk_to_le32(VIOMMU_DETACH),
			.domain = uvdk_to_le32(r->domain),
			.endpoint = uvdk_to_le32(r->endpoint),
		};
		slot->desc[0].len = uvdk_to_le32(WIRE_DETACH_LEN);
		return;
	}
	/* A type that is none goes out as it is: what to say to that is up to the device. */
	wire->attach = (struct wire_attach){
		.type = uvdk_to_le32(r->op),
		.domain = uvdk_to_le32(r->domain),
		.endpoint = uvdk_to_le32(r->endpoint),
		.flags = uvdk_to_le32(r->flags),
	};
	slot->desc[0].len = uvdk_to_le32(WIRE_ATTACH_LEN);
}

static void slot_usual(struct ring_slot *slot)
{
	slot->desc[0].addr = uvdk_to_le64(slot->iova);
	slot->desc[1].addr = uvdk_to_le64(slot->tail_iova);
	slot->desc[1].len = uvdk_to_le32(sizeof(struct wire_tail));
	slot->room = sizeof(struct wire_tail);
	slot->reply = NULL;
	slot->tail->status = TAIL_POISON;
}

/* The descriptors of a slot point elsewhere for as long as a PROBE is under way. */
static void slot_probes(struct viommu_ring *ring, struct ring_slot *slot, uint8_t *reply)
{
	uint32_t len = ring->unit->config.probe_size + (uint32_t)sizeof(struct wire_tail);

	slot->desc[0].addr = uvdk_to_le64(ring->probe.request_iova);
	slot->desc[0].len = uvdk_to_le32(WIRE_PROBE_LEN);
	slot->desc[1].addr = uvdk_to_le64(ring->probe.reply_iova);
	slot->desc[1].len = uvdk_to_le32(len);
	slot->room = len;
	slot->reply = reply;
	ring->probe.busy = true;
}

static int fill_probe(struct viommu_ring *ring, const struct viommu_request *r)
{
	uint32_t size = ring->unit->config.probe_size;

	if (!size || !r->reply)
		return -ENXIO;
	if (ring->probe.busy)
		return -EAGAIN;
	*ring->probe.request = (struct wire_probe){
		.type = uvdk_to_le32(VIOMMU_PROBE),
		.endpoint = uvdk_to_le32(r->endpoint),
	};
	memset(ring->probe.reply, 0, size);
	ring->probe.reply[size] = TAIL_POISON;
	slot_probes(ring, next_slot(ring), r->reply);

	return 0;
}

/* Into the next slot. */
static int fill(struct viommu_ring *ring, const struct viommu_request *r)
{
	struct ring_slot *slot = next_slot(ring);

	if (r->op == VIOMMU_PROBE)
		return fill_probe(ring, r);
	if (r->op == VIOMMU_MAP)
		ring_fill_map(slot, r->domain, r->first, r->last, r->phys, r->flags);
	else if (r->op == VIOMMU_UNMAP)
		ring_fill_unmap(slot, r->domain, r->first, r->last);
	else
		fill_attachment(slot, r);

	return 0;
}

int viommu_ring_submit(struct viommu_ring *ring, const struct viommu_request *r)
{
	int err;

	uvdk_lock_acquire(&ring->lock);
	err = ring->count ? fill(ring, r) : no_slot(ring);
	if (!err)
		publish(ring, r->status);
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

static uint8_t take_reply(struct viommu_ring *ring, struct ring_slot *slot)
{
	const uint32_t size = ring->unit->config.probe_size;
	const uint8_t status = ring->probe.reply[size];

	memcpy(slot->reply, ring->probe.reply, size);
	ring->probe.busy = false;
	slot_usual(slot);

	return status;
}

/* What the device wrote is read once, and then judged. */
static int judge(struct viommu_ring *ring, struct ring_slot *slot, uint32_t len)
{
	uint8_t status;

	if (unlikely(slot->reply)) {
		status = take_reply(ring, slot);
	} else {
		status = __atomic_load_n(&slot->tail->status, __ATOMIC_RELAXED);
		slot->tail->status = TAIL_POISON;
	}
	if (unlikely(len < sizeof(struct wire_tail)))
		return -EPROTO;

	return likely(!status) ? 0 : viommu_errno(status);
}

/* NULL: the device lies. Only where a request begins can one be under way. */
static struct ring_slot *whose(struct viommu_ring *ring, uint32_t id, uint32_t len)
{
	struct uvdk_virtq *vq = &ring->vq;
	struct ring_slot *slot = &ring->slot[id & vq->mask];

	if (unlikely(id > vq->mask))
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_ID, id, vq->mask);
	else if (unlikely(!slot->status))
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_NOT_OUTSTANDING, id, 0);
	else if (unlikely(len > slot->room))
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_LEN, len, slot->room);
	else
		return slot;

	return NULL;
}

/* Local copies: for all the compiler knows, each status that is written changes the ring. */
static void take_used(struct viommu_ring *ring, unsigned int pending)
{
	struct uvdk_virtq *vq = &ring->vq;
	const struct uvdk_virtq_used_elem *used = vq->used_ring;
	struct ring_slot **free = ring->free + ring->count;
	const unsigned int mask = vq->mask, first = vq->used_idx;
	unsigned int n;

	for (n = 0; n != pending; n++) {
		const struct uvdk_virtq_used_elem elem = used[(first + n) & mask];
		const uint32_t len = uvdk_get32(elem.len);
		struct ring_slot *slot = whose(ring, uvdk_get32(elem.id), len);

		if (unlikely(!slot))
			break;
		finish(slot, judge(ring, slot, len));
		free[n] = slot;
	}
	ring->count += n;
	vq->used_idx = (uint16_t)(first + n);
}

static void reap(struct viommu_ring *ring)
{
	struct uvdk_virtq *vq = &ring->vq;

	take_used(ring, uvdk_virtq_pending(vq));
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

/* As many as there is room for up to the end of the avail ring, from where on it begins anew. */
static unsigned int put_straight(struct viommu_ring *ring, uint32_t domain,
				 struct uvdk_mapq_request *requests, unsigned int count)
{
	struct uvdk_virtq *vq = &ring->vq;
	const unsigned int at = vq->avail_idx & vq->mask, straight = vq->size - at;
	struct uvdk_le16 *avail = &vq->avail[UVDK_VIRTQ_RING + at];
	struct ring_slot *const *free;

	count = count < straight ? count : straight;
	count = count < ring->count ? count : ring->count;
	ring->count -= count;
	vq->avail_idx = (uint16_t)(vq->avail_idx + count);
	free = ring->free + ring->count;
	for (unsigned int i = 0; i < count; i++) {
		struct uvdk_mapq_request *r = &requests[i];
		struct ring_slot *slot = free[i];

		if (r->flags)
			ring_fill_map(slot, domain, r->first, r->last, r->phys, r->flags);
		else
			ring_fill_unmap(slot, domain, r->first, r->last);
		slot->status = &r->status;
		avail[i] = slot->head;
	}

	return count;
}

unsigned int viommu_ring_try_submit(struct viommu_ring *ring, uint32_t life, uint32_t domain,
				    struct uvdk_mapq_request *requests, unsigned int count)
{
	unsigned int n = 0;

	if (!uvdk_lock_try(&ring->lock))
		return 0;
	if (ring->life == life) {
		n = put_straight(ring, domain, requests, count);
		n += put_straight(ring, domain, requests + n, count - n);
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
	for (unsigned int i = 0; i < ring->vq.size && !has; i++)
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
		struct ring_slot *slot = ring_slot(ring, i);
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
		ring->free[i] = ring_slot(ring, ring->slots - 1 - i);
	ring->count = ring->slots;
	__atomic_store_n(&ring->state, 0, __ATOMIC_RELEASE);
	uvdk_lock_release(&ring->lock);
}
