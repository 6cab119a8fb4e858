/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_VIRTQ_DRIVER_H
#define UVDK_VIRTQ_DRIVER_H

#include <uvdk_base_driver.h>
#include <uvdk_device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Split virtqueues
 *
 * A queue of buffers between a driver and a device, virtio 1.2 section 2.7,
 * polled: the device is asked not to interrupt.
 *
 * There are two ways to use one. uvdk_virtq_add(), uvdk_virtq_kick() and
 * uvdk_virtq_take() do all a control queue needs. A data path that wants more
 * works on the fields itself, by the rules below, and uses uvdk_virtq_pending()
 * and uvdk_virtq_kick() around its burst.
 *
 * The device is not trusted. It may scribble over all of the ring memory, so
 * what the driver must know it keeps in memory of its own (@cookie, @chain,
 * @next, @free_ids) and never reads back. A broken rule is recorded with
 * uvdk_virtq_break(); a broken queue hands out nothing any more.
 *
 * A queue is used by one thread at a time; uvdk_virtq_broken() by any.
 */

/* Largest split ring (2.7). */
#define UVDK_VIRTQ_MAX_SIZE 32768

/* Alignment of the ring memory: 16 suffices (2.7), a cache line is better. */
#define UVDK_VIRTQ_ALIGN 64

/* Descriptor flags (2.7.5). */
#define UVDK_VIRTQ_DESC_NEXT	 1
#define UVDK_VIRTQ_DESC_WRITE	 2
#define UVDK_VIRTQ_DESC_INDIRECT 4

/* Where things are in the rings, in units of 16 bits (2.7.6, 2.7.8). */
#define UVDK_VIRTQ_FLAGS 0
#define UVDK_VIRTQ_IDX	 1
#define UVDK_VIRTQ_RING	 2

/* avail flags: no interrupts (2.7.7); used flags: no doorbells (2.7.10) */
#define UVDK_VIRTQ_NO_INTERRUPT 1
#define UVDK_VIRTQ_NO_NOTIFY	1

/* Length of a buffer that an IN_ORDER device skipped: all of it (2.7.9). */
#define UVDK_VIRTQ_LEN_ALL UINT32_MAX

/**
 * struct uvdk_virtq_desc - descriptor (2.7.5)
 * @addr: IOVA
 * @len: bytes
 * @flags: UVDK_VIRTQ_DESC_*
 * @next: next descriptor of the chain, with UVDK_VIRTQ_DESC_NEXT
 */
struct uvdk_virtq_desc {
	struct uvdk_le64 addr;
	struct uvdk_le32 len;
	struct uvdk_le16 flags;
	struct uvdk_le16 next;
};

/**
 * struct uvdk_virtq_used_elem - what the device gives back (2.7.8)
 * @id: first descriptor of the chain
 * @len: bytes written to it
 */
struct uvdk_virtq_used_elem {
	struct uvdk_le32 id;
	struct uvdk_le32 len;
};

/**
 * enum uvdk_virtq_fault - rule that the device broke
 * @UVDK_VIRTQ_FAULT_NONE: none
 * @UVDK_VIRTQ_FAULT_USED_IDX: used index ran past what was outstanding
 * @UVDK_VIRTQ_FAULT_USED_ID: descriptor outside the ring
 * @UVDK_VIRTQ_FAULT_NOT_OUTSTANDING: descriptor the device does not hold
 * @UVDK_VIRTQ_FAULT_USED_LEN: more bytes than the buffer has
 * @UVDK_VIRTQ_FAULT_ORDER: IN_ORDER, and yet a descriptor out of order
 * @UVDK_VIRTQ_FAULT_NUM_BUFFERS: packet of more buffers than were used, or of 0
 */
enum uvdk_virtq_fault {
	UVDK_VIRTQ_FAULT_NONE,
	UVDK_VIRTQ_FAULT_USED_IDX,
	UVDK_VIRTQ_FAULT_USED_ID,
	UVDK_VIRTQ_FAULT_NOT_OUTSTANDING,
	UVDK_VIRTQ_FAULT_USED_LEN,
	UVDK_VIRTQ_FAULT_ORDER,
	UVDK_VIRTQ_FAULT_NUM_BUFFERS,
};

/**
 * struct uvdk_virtq - one split virtqueue, the driver's side
 * @desc: descriptor table, shared
 * @avail: flags, idx, ring, used_event; shared
 * @used: flags, idx, ring, avail_event; shared
 * @used_ring: elements inside @used
 * @cookie: [size] by first descriptor: whose chain; NULL: not outstanding
 * @chain: [size] descriptors of the chain that starts here; 1 when idle
 * @next: [size] the driver's own chain links
 * @free_ids: [size] FIFO of descriptors that are free; starts as 0, 1, 2, ...
 *	A device that uses buffers in order keeps it in ring order, as IN_ORDER
 *	wants (2.7.5.2).
 * @room: [size] by first descriptor: bytes the device may write
 * @size: entries
 * @mask: @size - 1
 * @avail_idx: next slot of the avail ring; everything below is published by
 *	uvdk_virtq_kick()
 * @kicked: @avail_idx as of the latest uvdk_virtq_kick()
 * @used_idx: next slot of the used ring
 * @free_head: takes from @free_ids
 * @free_tail: gives to @free_ids
 * @next_head: IN_ORDER: first descriptor of the oldest chain outstanding
 * @batch: IN_ORDER: chains left of the batch that one element stands for
 * @batch_len: IN_ORDER: length of the last chain of it
 * @event_idx: EVENT_IDX was negotiated
 * @in_order: IN_ORDER was negotiated
 * @fault: enum uvdk_virtq_fault
 * @fault_value: what the device said
 * @fault_limit: what it may have said
 * @doorbells: times the doorbell rang
 * @doorbell: the doorbell
 * @index: number of the queue
 * @iova: where the device finds the ring memory
 * @irq: set before uvdk_virtio_queue_enable(): the device interrupts by @vector;
 *	cleared there if the device does not take it. The driver keeps the
 *	EVENT_IDX index itself (2.7.7.1).
 * @vector: MSI-X vector
 */
struct uvdk_virtq {
	struct uvdk_virtq_desc *desc;
	struct uvdk_le16 *avail;
	struct uvdk_le16 *used;
	struct uvdk_virtq_used_elem *used_ring;
	void **cookie;
	uint16_t *chain;
	uint16_t *next;
	uint16_t *free_ids;
	uint32_t *room;
	uint16_t size;
	uint16_t mask;
	uint16_t avail_idx;
	uint16_t kicked;
	uint16_t used_idx;
	uint16_t free_head;
	uint16_t free_tail;
	uint16_t next_head;
	uint16_t batch;
	bool event_idx;
	bool in_order;
	uint32_t batch_len;
	uint32_t fault;
	uint32_t fault_value;
	uint32_t fault_limit;
	uint64_t doorbells;
	struct uvdk_doorbell doorbell;
	unsigned int index;
	uvdk_iova_t iova;
	bool irq;
	uint16_t vector;
};

/**
 * uvdk_virtq_bytes() - ring memory a queue needs
 * @size: entries, power of two up to UVDK_VIRTQ_MAX_SIZE
 *
 * Return: bytes, a multiple of UVDK_VIRTQ_ALIGN.
 */
size_t uvdk_virtq_bytes(unsigned int size);

/**
 * uvdk_virtq_init() - make an empty queue
 * @vq: filled in; undo with uvdk_virtq_fini()
 * @index: number of the queue
 * @size: entries, power of two up to UVDK_VIRTQ_MAX_SIZE
 * @mem: uvdk_virtq_bytes() of memory, aligned to UVDK_VIRTQ_ALIGN; stays the
 *	caller's and must outlive the queue
 * @iova: where the device finds it
 *
 * Return: 0, -EINVAL (size or alignment) or -ENOMEM.
 */
int uvdk_virtq_init(struct uvdk_virtq *vq, unsigned int index, unsigned int size, void *mem,
		    uvdk_iova_t iova);

/**
 * uvdk_virtq_fini() - free what uvdk_virtq_init() took
 * @vq: queue; nothing happens if it is all zero
 */
void uvdk_virtq_fini(struct uvdk_virtq *vq);

/**
 * uvdk_virtq_reset() - make a queue empty again
 * @vq: queue the device no longer uses; take the cookies out first
 */
void uvdk_virtq_reset(struct uvdk_virtq *vq);

/**
 * uvdk_virtq_avail_offset() - where the available ring begins
 * @size: queue size
 *
 * Return: bytes from the start of the ring memory.
 */
size_t uvdk_virtq_avail_offset(unsigned int size);

/**
 * uvdk_virtq_used_offset() - where the used ring begins
 * @size: queue size
 *
 * Return: bytes from the start of the ring memory.
 */
size_t uvdk_virtq_used_offset(unsigned int size);

/**
 * struct uvdk_virtq_seg - one piece of a buffer
 * @iova: where
 * @len: bytes, not 0
 */
struct uvdk_virtq_seg {
	uvdk_iova_t iova;
	uint32_t len;
};

/**
 * uvdk_virtq_add() - put a buffer into the queue; the device learns of it from
 * uvdk_virtq_kick()
 * @vq: queue
 * @segs: @nr_out pieces the device reads, then @nr_in it writes
 * @nr_out: pieces to read
 * @nr_in: pieces to write
 * @cookie: comes back from uvdk_virtq_take(); not NULL
 *
 * Return: 0, -EINVAL (no pieces), -ENOSPC (not enough free descriptors), or
 * -EPROTO (queue broken).
 */
int uvdk_virtq_add(struct uvdk_virtq *vq, const struct uvdk_virtq_seg *segs, unsigned int nr_out,
		   unsigned int nr_in, void *cookie);

/**
 * uvdk_virtq_take() - take back a buffer the device has used
 * @vq: queue
 * @len: out: bytes the device wrote
 *
 * Return: the cookie, or NULL if there is none (or the queue is broken).
 */
void *uvdk_virtq_take(struct uvdk_virtq *vq, uint32_t *len);

/**
 * uvdk_virtq_reclaim() - take back any buffer, used or not
 * @vq: queue the device no longer uses; needs uvdk_virtq_reset() afterwards
 * @cursor: 0 at first; where the search goes on
 *
 * Return: a cookie, or NULL when none is left.
 */
void *uvdk_virtq_reclaim(struct uvdk_virtq *vq, unsigned int *cursor);

/**
 * uvdk_virtq_why() - say what rule was broken
 * @vq: queue
 * @who: for the sentence, e.g. "0000:00:03.0: receive queue 0"
 * @buf: receives the sentence
 * @len: room in @buf
 *
 * Return: @buf.
 */
char *uvdk_virtq_why(const struct uvdk_virtq *vq, const char *who, char *buf, size_t len);

/**
 * uvdk_virtq_take_in_order() - next used chain of an IN_ORDER queue
 * @vq: queue
 * @pending: chains known to be used, from uvdk_virtq_pending(); not 0
 * @len: out: bytes written, UVDK_VIRTQ_LEN_ALL for one the device skipped
 *
 * Advances @used_idx. The caller takes the cookie and frees the descriptors.
 *
 * Return: first descriptor of the chain, or -EPROTO.
 */
int uvdk_virtq_take_in_order(struct uvdk_virtq *vq, uint16_t pending, uint32_t *len);

/**
 * uvdk_virtq_break() - record that the device broke a rule; the first counts
 * @vq: queue
 * @fault: which
 * @value: what the device said
 * @limit: what it may have said
 *
 * No message here: this runs on data paths.
 */
static inline void uvdk_virtq_break(struct uvdk_virtq *vq, enum uvdk_virtq_fault fault,
				    uint32_t value, uint32_t limit)
{
	if (vq->fault)
		return;
	vq->fault_value = value;
	vq->fault_limit = limit;
	__atomic_store_n(&vq->fault, (uint32_t)fault, __ATOMIC_RELEASE);
}

/**
 * uvdk_virtq_broken() - did the device break a rule?
 * @vq: queue
 *
 * Return: true if so.
 */
static inline bool uvdk_virtq_broken(const struct uvdk_virtq *vq)
{
	return __atomic_load_n(&vq->fault, __ATOMIC_ACQUIRE) != UVDK_VIRTQ_FAULT_NONE;
}

/**
 * uvdk_virtq_free_count() - descriptors that are free
 * @vq: queue
 *
 * Return: count.
 */
static inline uint16_t uvdk_virtq_free_count(const struct uvdk_virtq *vq)
{
	return (uint16_t)(vq->free_tail - vq->free_head);
}

/**
 * uvdk_virtq_pending() - chains that the device has used and nobody took
 * @vq: queue
 *
 * What the device wrote before it raised its index is visible afterwards.
 *
 * Return: count; 0 if the index makes no sense, which breaks the queue.
 */
static inline uint16_t uvdk_virtq_pending(struct uvdk_virtq *vq)
{
	uint16_t idx = __atomic_load_n(&vq->used[UVDK_VIRTQ_IDX].raw, __ATOMIC_ACQUIRE);
	uint16_t outstanding = (uint16_t)(vq->avail_idx - vq->used_idx);
	uint16_t pending = (uint16_t)(UVDK_LE(16, idx) - vq->used_idx);

	uvdk_io_rmb();
	if (__builtin_expect(pending > outstanding, 0)) {
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_IDX, pending, outstanding);
		return 0;
	}

	return pending;
}

/**
 * uvdk_virtq_quiet() - keep interrupts off after having taken chains
 * @vq: queue
 *
 * With EVENT_IDX there is no flag for that: the index at which the device is
 * to interrupt is kept half the number space away (2.7.7.1).
 */
static inline void uvdk_virtq_quiet(struct uvdk_virtq *vq)
{
	uint16_t far = (uint16_t)(vq->used_idx + 0x8000);

	if (vq->event_idx)
		__atomic_store_n(&vq->avail[UVDK_VIRTQ_RING + vq->size].raw, UVDK_LE(16, far),
				 __ATOMIC_RELAXED);
}

/* Does the device want the doorbell for entries kicked..avail_idx? (2.7.10) */
static inline bool uvdk_virtq_wants_kick(const struct uvdk_virtq *vq)
{
	uint16_t raw;

	if (!vq->event_idx) {
		raw = __atomic_load_n(&vq->used[UVDK_VIRTQ_FLAGS].raw, __ATOMIC_RELAXED);
		return !(UVDK_LE(16, raw) & UVDK_VIRTQ_NO_NOTIFY);
	}
	raw = __atomic_load_n(&vq->used[UVDK_VIRTQ_RING + 4u * vq->size].raw, __ATOMIC_RELAXED);

	return (uint16_t)(vq->avail_idx - UVDK_LE(16, raw) - 1) <
	       (uint16_t)(vq->avail_idx - vq->kicked);
}

/**
 * uvdk_virtq_kick() - publish what was added, and ring if the device wants it
 * @vq: queue
 *
 * Call once a burst, with something added.
 */
static inline void uvdk_virtq_kick(struct uvdk_virtq *vq)
{
	uvdk_io_wmb();
	__atomic_store_n(&vq->avail[UVDK_VIRTQ_IDX].raw, UVDK_LE(16, vq->avail_idx),
			 __ATOMIC_RELEASE);
	uvdk_mb(); /* the index must be out before we ask whether to ring */
	if (uvdk_virtq_wants_kick(vq)) {
		uvdk_doorbell_ring16(&vq->doorbell, (uint16_t)vq->index);
		__atomic_store_n(&vq->doorbells, vq->doorbells + 1, __ATOMIC_RELAXED);
	}
	vq->kicked = vq->avail_idx;
}

#ifdef __cplusplus
}
#endif

#endif /* UVDK_VIRTQ_DRIVER_H */
