// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "virtio_priv.h"

_Static_assert(sizeof(struct uvdk_virtq_desc) == 16, "virtio 1.2, 2.7.5");
_Static_assert(offsetof(struct uvdk_virtq_desc, len) == 8, "virtio 1.2, 2.7.5");
_Static_assert(offsetof(struct uvdk_virtq_desc, flags) == 12, "virtio 1.2, 2.7.5");
_Static_assert(offsetof(struct uvdk_virtq_desc, next) == 14, "virtio 1.2, 2.7.5");
_Static_assert(sizeof(struct uvdk_virtq_used_elem) == 8, "virtio 1.2, 2.7.8");

static size_t align_up(size_t n)
{
	return (n + UVDK_VIRTQ_ALIGN - 1) & ~(size_t)(UVDK_VIRTQ_ALIGN - 1);
}

UVDK_EXPORT size_t uvdk_virtq_avail_offset(unsigned int size)
{
	return size * sizeof(struct uvdk_virtq_desc);
}

/* On a cache line of its own: the device writes it, the avail ring we write. */
UVDK_EXPORT size_t uvdk_virtq_used_offset(unsigned int size)
{
	return align_up(uvdk_virtq_avail_offset(size) + sizeof(uint16_t) * (3 + (size_t)size));
}

UVDK_EXPORT size_t uvdk_virtq_bytes(unsigned int size)
{
	return align_up(uvdk_virtq_used_offset(size) + sizeof(uint16_t) * 3 +
			sizeof(struct uvdk_virtq_used_elem) * size);
}

UVDK_EXPORT void uvdk_virtq_reset(struct uvdk_virtq *vq)
{
	size_t used = uvdk_virtq_used_offset(vq->size);

	/* The used index is looked at by others, now and then, without a lock. */
	memset(vq->desc, 0, used);
	__atomic_store_n(&vq->used[UVDK_VIRTQ_FLAGS].raw, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&vq->used[UVDK_VIRTQ_IDX].raw, 0, __ATOMIC_RELAXED);
	memset(vq->used_ring, 0,
	       uvdk_virtq_bytes(vq->size) - used - UVDK_VIRTQ_RING * sizeof(vq->used[0]));
	memset(vq->cookie, 0, vq->size * sizeof(vq->cookie[0]));
	for (unsigned int i = 0; i < vq->size; i++) {
		vq->free_ids[i] = (uint16_t)i;
		vq->chain[i] = 1;
	}
	vq->avail_idx = 0;
	vq->kicked = 0;
	vq->used_idx = 0;
	vq->free_head = 0;
	vq->free_tail = vq->size;
	vq->next_head = 0;
	vq->batch = 0;
	vq->fault = UVDK_VIRTQ_FAULT_NONE;
}

UVDK_EXPORT int uvdk_virtq_init(struct uvdk_virtq *vq, unsigned int index, unsigned int size,
				void *mem, uvdk_iova_t iova)
{
	struct uvdk_virtq q = {.index = index, .iova = iova};

	if (!size || size > UVDK_VIRTQ_MAX_SIZE || (size & (size - 1)))
		return uvdk_fail(-EINVAL, COMPONENT,
				 "queue %u: %u entries; a power of two up to %u is needed", index,
				 size, UVDK_VIRTQ_MAX_SIZE);
	if ((uintptr_t)mem % UVDK_VIRTQ_ALIGN || iova % 16)
		return uvdk_fail(-EINVAL, COMPONENT, "queue %u: misaligned ring memory", index);

	q.size = (uint16_t)size;
	q.mask = (uint16_t)(size - 1);
	q.cookie = calloc(size, sizeof(q.cookie[0]));
	q.room = calloc(size, sizeof(q.room[0]));
	q.chain = calloc(size, 3 * sizeof(q.chain[0]));
	if (!q.cookie || !q.room || !q.chain) {
		uvdk_virtq_fini(&q);
		return uvdk_fail(-ENOMEM, COMPONENT, "queue %u: no memory for %u entries", index,
				 size);
	}
	q.next = q.chain + size;
	q.free_ids = q.next + size;
	q.desc = mem;
	q.avail = (void *)((char *)mem + uvdk_virtq_avail_offset(size));
	q.used = (void *)((char *)mem + uvdk_virtq_used_offset(size));
	q.used_ring = (void *)(q.used + UVDK_VIRTQ_RING);
	uvdk_virtq_reset(&q);
	*vq = q;

	return 0;
}

UVDK_EXPORT void uvdk_virtq_fini(struct uvdk_virtq *vq)
{
	free(vq->cookie);
	free(vq->room);
	free(vq->chain);
	memset(vq, 0, sizeof(*vq));
}

UVDK_EXPORT int uvdk_virtq_add(struct uvdk_virtq *vq, const struct uvdk_virtq_seg *segs,
			       unsigned int nr_out, unsigned int nr_in, void *cookie)
{
	unsigned int count = nr_out + nr_in;
	uint16_t head = vq->free_ids[vq->free_head & vq->mask];
	uint32_t room = 0;

	if (!count || !cookie)
		return -EINVAL;
	if (vq->fault)
		return -EPROTO;
	if (count > uvdk_virtq_free_count(vq))
		return -ENOSPC;

	for (unsigned int i = 0; i < count; i++) {
		uint16_t id = vq->free_ids[vq->free_head++ & vq->mask];
		uint16_t next = vq->free_ids[vq->free_head & vq->mask];
		bool last = i + 1 == count;
		unsigned int flags = (i >= nr_out ? UVDK_VIRTQ_DESC_WRITE : 0) |
				     (last ? 0 : UVDK_VIRTQ_DESC_NEXT);

		if (i >= nr_out)
			room += segs[i].len;
		vq->next[id] = next;
		vq->desc[id] = (struct uvdk_virtq_desc){
			.addr = uvdk_to_le64(segs[i].iova),
			.len = uvdk_to_le32(segs[i].len),
			.flags = uvdk_to_le16((uint16_t)flags),
			.next = uvdk_to_le16(last ? 0 : next),
		};
	}
	vq->cookie[head] = cookie;
	vq->chain[head] = (uint16_t)count;
	vq->room[head] = room;
	vq->avail[UVDK_VIRTQ_RING + (vq->avail_idx++ & vq->mask)] = uvdk_to_le16(head);

	return 0;
}

/* Gives the descriptors of a chain back, in chain order. */
static void free_chain(struct uvdk_virtq *vq, uint16_t head)
{
	unsigned int count = vq->chain[head];
	uint16_t id = head;

	for (unsigned int i = 0; i < count; i++) {
		vq->free_ids[vq->free_tail++ & vq->mask] = id;
		id = vq->next[id];
	}
	vq->chain[head] = 1;
}

/* Is @id one that the device may give back? */
static bool check_id(struct uvdk_virtq *vq, uint32_t id)
{
	if (id >= vq->size)
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_ID, id, vq->mask);
	else if (!vq->cookie[id])
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_NOT_OUTSTANDING, id, 0);

	return !vq->fault;
}

/* Reads the element that ends a batch and counts the chains up to it (2.7.9). */
static bool start_batch(struct uvdk_virtq *vq, uint16_t pending)
{
	struct uvdk_virtq_used_elem elem = vq->used_ring[vq->used_idx & vq->mask];
	uint32_t id = uvdk_get32(elem.id);
	uint16_t head = vq->next_head;
	uint16_t batch = 1;

	if (!check_id(vq, id))
		return false;
	for (; head != id; batch++) {
		if (batch == pending) {
			uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_ORDER, id, head);
			return false;
		}
		head = (head + vq->chain[head]) & vq->mask;
	}
	vq->batch = batch;
	vq->batch_len = uvdk_get32(elem.len);

	return true;
}

UVDK_EXPORT int uvdk_virtq_take_in_order(struct uvdk_virtq *vq, uint16_t pending, uint32_t *len)
{
	uint16_t id;

	if (!vq->batch && !start_batch(vq, pending))
		return -EPROTO;
	id = vq->next_head;
	if (!check_id(vq, id))
		return -EPROTO;

	*len = --vq->batch ? UVDK_VIRTQ_LEN_ALL : vq->batch_len;
	vq->next_head = (id + vq->chain[id]) & vq->mask;
	vq->used_idx++;

	return id;
}

/* Next used chain in whatever order the device likes. */
static int take_any(struct uvdk_virtq *vq, uint32_t *len)
{
	struct uvdk_virtq_used_elem elem = vq->used_ring[vq->used_idx & vq->mask];
	uint32_t id = uvdk_get32(elem.id);

	if (!check_id(vq, id))
		return -EPROTO;
	vq->used_idx++;
	*len = uvdk_get32(elem.len);

	return (int)id;
}

UVDK_EXPORT void *uvdk_virtq_take(struct uvdk_virtq *vq, uint32_t *len)
{
	uint16_t pending;
	void *cookie;
	int id;

	if (vq->fault)
		return NULL;
	pending = uvdk_virtq_pending(vq);
	if (!pending)
		return NULL;
	id = vq->in_order ? uvdk_virtq_take_in_order(vq, pending, len) : take_any(vq, len);
	if (id < 0)
		return NULL;

	if (*len == UVDK_VIRTQ_LEN_ALL && vq->in_order)
		*len = vq->room[id];
	if (*len > vq->room[id]) {
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_LEN, *len, vq->room[id]);
		return NULL;
	}
	cookie = vq->cookie[id];
	vq->cookie[id] = NULL;
	free_chain(vq, (uint16_t)id);
	uvdk_virtq_quiet(vq);

	return cookie;
}

UVDK_EXPORT void *uvdk_virtq_reclaim(struct uvdk_virtq *vq, unsigned int *cursor)
{
	while (*cursor < vq->size) {
		void *cookie = vq->cookie[*cursor];

		vq->cookie[(*cursor)++] = NULL;
		if (cookie)
			return cookie;
	}

	return NULL;
}

UVDK_EXPORT char *uvdk_virtq_why(const struct uvdk_virtq *vq, const char *who, char *buf,
				 size_t len)
{
	static const char *const text[] = {
		[UVDK_VIRTQ_FAULT_NONE] = "is in order (%u, %u)",
		[UVDK_VIRTQ_FAULT_USED_IDX] =
			"the device's used index claims %u buffers, only %u are outstanding",
		[UVDK_VIRTQ_FAULT_USED_ID] =
			"the device used descriptor %u, the last of the ring is %u",
		[UVDK_VIRTQ_FAULT_NOT_OUTSTANDING] =
			"the device used descriptor %u, which it does not hold",
		[UVDK_VIRTQ_FAULT_USED_LEN] = "the device says it wrote %u bytes to a buffer of %u",
		[UVDK_VIRTQ_FAULT_ORDER] =
			"the device used descriptor %u out of order, %u was due at the latest",
		[UVDK_VIRTQ_FAULT_NUM_BUFFERS] =
			"the device says a packet has %u buffers, but %u were used",
	};
	uint32_t fault = __atomic_load_n(&vq->fault, __ATOMIC_ACQUIRE);
	int n = snprintf(buf, len, "%s: ", who);

	if (n >= 0 && (size_t)n < len)
		snprintf(buf + n, len - (size_t)n, text[fault], vq->fault_value, vq->fault_limit);

	return buf;
}
