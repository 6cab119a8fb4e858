/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_VIRTQ_H
#define UVDK_EMU_VIRTQ_H

#include <uvdk_emu_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: The device's side of a split virtqueue, for models of virtio devices
 *
 * Written from virtio 1.2, section 2.7, and shared with no driver. It takes
 * nothing on trust: whatever the driver does that the specification forbids
 * makes the queue *broken*, with a sentence in @why, and a broken queue moves
 * nothing until it is started again.
 *
 * Use: init -> start -> pop, push, flush... -> fini. Chains are pushed in the
 * order in which they were popped. One thread at a time. All memory is reached
 * through uvdk_emu_dma_*(), so through the software IOMMU.
 */

/* Greatest queue size that a model may offer. */
#define UVDK_EMU_VIRTQ_MAX 4096

/* Descriptors fetched with one access. */
#define UVDK_EMU_VIRTQ_AHEAD 32

/**
 * struct uvdk_emu_virtq_desc - descriptor, section 2.7.5
 * @addr: IOVA
 * @len: bytes
 * @flags: next, write, indirect
 * @next: where the chain goes on
 */
struct uvdk_emu_virtq_desc {
	struct uvdk_le64 addr;
	struct uvdk_le32 len;
	struct uvdk_le16 flags;
	struct uvdk_le16 next;
};

/**
 * struct uvdk_emu_virtq_used - element of the used ring, section 2.7.8
 * @id: head of the chain
 * @len: bytes written
 */
struct uvdk_emu_virtq_used {
	struct uvdk_le32 id;
	struct uvdk_le32 len;
};

/**
 * struct uvdk_emu_virtq_seg - one piece of a buffer
 * @iova: address
 * @len: bytes
 */
struct uvdk_emu_virtq_seg {
	uvdk_iova_t iova;
	uint32_t len;
};

/**
 * struct uvdk_emu_virtq_chain - one buffer: what to read, then what to write
 * @head: descriptor it starts at
 * @readable: pieces to read: the first ones of @seg
 * @count: all pieces
 * @read_len: bytes to read
 * @write_len: bytes that may be written
 * @seg: the pieces; room for UVDK_EMU_VIRTQ_MAX, the caller's
 */
struct uvdk_emu_virtq_chain {
	uint16_t head;
	unsigned int readable;
	unsigned int count;
	uint64_t read_len;
	uint64_t write_len;
	struct uvdk_emu_virtq_seg *seg;
};

/**
 * struct uvdk_emu_virtq_conf - how the driver set a queue up
 * @size: entries
 * @desc: descriptor area
 * @driver: available ring
 * @device: used ring
 * @indirect: indirect descriptors were negotiated
 * @event_idx: event indexes were negotiated
 * @in_order: in-order use was negotiated
 * @batch: with @in_order: one used element for all that are flushed together
 */
struct uvdk_emu_virtq_conf {
	uint16_t size;
	uvdk_iova_t desc;
	uvdk_iova_t driver;
	uvdk_iova_t device;
	bool indirect;
	bool event_idx;
	bool in_order;
	bool batch;
};

/**
 * struct uvdk_emu_virtq_lie - untruths for the next flush; it is zeroed then
 * @idx: added to the used index
 * @set_id: replace the first element's id by @id
 * @id: see @set_id
 * @set_len: replace the first element's length by @len
 * @len: see @set_len
 * @twice: report the first element again in place of the second
 */
struct uvdk_emu_virtq_lie {
	uint16_t idx;
	bool set_id;
	uint32_t id;
	bool set_len;
	uint32_t len;
	bool twice;
};

/**
 * struct uvdk_emu_virtq_mark - a place to go back to
 * @next_avail: position in the available ring
 * @next_desc: next descriptor in ring order
 * @pending: pushed and not flushed
 */
struct uvdk_emu_virtq_mark {
	uint16_t next_avail;
	uint16_t next_desc;
	unsigned int pending;
};

/**
 * struct uvdk_emu_virtq - a queue; members are the helper's own but @why and @lie
 * @fn: function that does the accesses
 * @conf: as started
 * @max: greatest size, from init
 * @broken: the driver broke a rule
 * @why: which one: a sentence
 * @lie: what to get wrong on purpose at the next flush
 * @avail_idx: available index as last loaded
 * @next_avail: next entry of the available ring to take
 * @used_idx: used index, the next element to write
 * @next_desc: with in-order: descriptor that the next chain must start at
 * @notify_on: the driver was asked to notify, for @notify_at
 * @notify_at: available index after which it should
 * @heads_at: position of @heads in the available ring
 * @heads_count: entries in @heads
 * @heads: copy of part of the available ring
 * @ahead_at: first descriptor in @ahead
 * @ahead_count: descriptors in @ahead
 * @ahead: copy of part of the descriptor table, good until the available
 *	index is loaded again
 * @pending: elements in @used
 * @used: pushed and not flushed yet
 * @busy: bit per descriptor: head of an element in @used
 */
struct uvdk_emu_virtq {
	struct uvdk_emu_function *fn;
	struct uvdk_emu_virtq_conf conf;
	uint16_t max;
	bool broken;
	char why[192];
	struct uvdk_emu_virtq_lie lie;
	uint16_t avail_idx;
	uint16_t next_avail;
	uint16_t used_idx;
	uint16_t next_desc;
	bool notify_on;
	uint16_t notify_at;
	uint16_t heads_at;
	uint16_t heads_count;
	struct uvdk_le16 heads[64];
	uint16_t ahead_at;
	uint16_t ahead_count;
	struct uvdk_emu_virtq_desc ahead[UVDK_EMU_VIRTQ_AHEAD];
	unsigned int pending;
	struct uvdk_emu_virtq_used *used;
	uint64_t *busy;
};

/**
 * uvdk_emu_virtq_init() - allocate a stopped queue
 * @vq: filled in
 * @fn: function that does the accesses
 * @max: greatest size, a power of two, at most UVDK_EMU_VIRTQ_MAX
 *
 * Return: 0 or -ENOMEM.
 */
int uvdk_emu_virtq_init(struct uvdk_emu_virtq *vq, struct uvdk_emu_function *fn, uint16_t max);

/**
 * uvdk_emu_virtq_fini() - free what init allocated
 * @vq: queue; nothing happens if it is all zero
 */
void uvdk_emu_virtq_fini(struct uvdk_emu_virtq *vq);

/**
 * uvdk_emu_virtq_start() - begin at index 0
 * @vq: queue
 * @conf: as the driver set it up
 *
 * Return: 0, or -EPROTO with @vq->why (size, alignment, or areas that wrap
 * around the address space).
 */
int uvdk_emu_virtq_start(struct uvdk_emu_virtq *vq, const struct uvdk_emu_virtq_conf *conf);

/**
 * uvdk_emu_virtq_pop() - take the next buffer the driver offers
 * @vq: started queue
 * @chain: filled in; its @seg has to be there
 *
 * Return: 1, 0 (none), or -EPROTO with @vq->why: the queue is broken.
 */
int uvdk_emu_virtq_pop(struct uvdk_emu_virtq *vq, struct uvdk_emu_virtq_chain *chain);

/**
 * uvdk_emu_virtq_get_mark() - remember the present place
 * @vq: queue
 *
 * Return: for uvdk_emu_virtq_rewind().
 */
struct uvdk_emu_virtq_mark uvdk_emu_virtq_get_mark(const struct uvdk_emu_virtq *vq);

/**
 * uvdk_emu_virtq_rewind() - put back what was popped and pushed since a mark
 * @vq: queue; not flushed since
 * @mark: the place
 */
void uvdk_emu_virtq_rewind(struct uvdk_emu_virtq *vq, const struct uvdk_emu_virtq_mark *mark);

/**
 * uvdk_emu_virtq_push() - a buffer is used; the driver sees it after a flush
 * @vq: queue
 * @chain: as popped
 * @len: bytes written into it
 */
void uvdk_emu_virtq_push(struct uvdk_emu_virtq *vq, const struct uvdk_emu_virtq_chain *chain,
			 uint32_t len);

/**
 * uvdk_emu_virtq_flush() - publish used buffers
 * @vq: queue
 * @interrupt: out: the driver wants to be told (section 2.7.7)
 *
 * Return: 0, or -EPROTO with @vq->why.
 */
int uvdk_emu_virtq_flush(struct uvdk_emu_virtq *vq, bool *interrupt);

/**
 * uvdk_emu_virtq_notify_off() - the driver need not notify: we are looking
 * @vq: queue
 *
 * Return: 0, or -EPROTO with @vq->why.
 */
int uvdk_emu_virtq_notify_off(struct uvdk_emu_virtq *vq);

/**
 * uvdk_emu_virtq_notify_on() - ask for a notification, then look once more
 * @vq: queue that has been popped empty
 *
 * Return: 0 (it is empty: wait), 1 (buffers came meanwhile), or -EPROTO with
 * @vq->why.
 */
int uvdk_emu_virtq_notify_on(struct uvdk_emu_virtq *vq);

/**
 * uvdk_emu_virtq_read() - copy out of the readable part of a buffer
 * @vq: queue
 * @chain: as popped
 * @off: offset in the readable part
 * @buf: receives @len bytes
 * @len: bytes; off + len is at most @chain->read_len
 *
 * Return: 0, or -EPROTO with @vq->why.
 */
int uvdk_emu_virtq_read(struct uvdk_emu_virtq *vq, const struct uvdk_emu_virtq_chain *chain,
			uint64_t off, void *buf, size_t len);

/**
 * uvdk_emu_virtq_write() - copy to the start of the writable part of a buffer
 * @vq: queue
 * @chain: as popped
 * @buf: @len bytes
 * @len: bytes, at most @chain->write_len
 *
 * Return: 0, or -EPROTO with @vq->why.
 */
int uvdk_emu_virtq_write(struct uvdk_emu_virtq *vq, const struct uvdk_emu_virtq_chain *chain,
			 const void *buf, size_t len);

/**
 * uvdk_emu_virtq_break() - mark a queue broken
 * @vq: queue
 * @fmt: printf format of the sentence
 *
 * Return: -EPROTO.
 */
int uvdk_emu_virtq_break(struct uvdk_emu_virtq *vq, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EMU_VIRTQ_H */
