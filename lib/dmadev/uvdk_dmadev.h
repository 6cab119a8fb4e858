/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMADEV_H
#define UVDK_DMADEV_H

#include <uvdk_dma_sg.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: DMA engines
 *
 * Engines that copy, fill, compare and check memory, in the shape of DPDK's dmadev: a
 * device has *channels*; operations are enqueued on one, submitted together, and polled.
 *
 * A channel may have a PASID of its own. Then all it touches, its own records too, is in
 * the address space of that PASID, and channels of one device serve tenants that cannot
 * reach each other's memory. Addresses are IOVAs of that address space; with a channel on
 * a &struct uvdk_sva they are plain pointers.
 *
 * Operations are numbered from 0 in the order of enqueueing, modulo 65536, and complete
 * in that order towards the caller. The device may run them in any order unless
 * UVDK_DMADEV_FENCE says otherwise.
 *
 * Fences cut the operations of a channel into groups: one with UVDK_DMADEV_FENCE begins a
 * group. If one of a group fails, those of later groups are not run and end with
 * UVDK_DMADEV_NOT_RUN, up to what was enqueued before the failure was told. What is
 * enqueued after that begins anew.
 *
 * Opening and closing are thread-safe. A channel is used by one thread at a time,
 * different channels by any.
 */

struct uvdk_dmadev;
struct uvdk_sva;

/**
 * enum uvdk_dmadev_op - bits of &struct uvdk_dmadev_info.ops
 * @UVDK_DMADEV_OP_COPY: uvdk_dmadev_copy()
 * @UVDK_DMADEV_OP_COPY_SG: uvdk_dmadev_copy_sg()
 * @UVDK_DMADEV_OP_FILL: uvdk_dmadev_fill()
 * @UVDK_DMADEV_OP_COMPARE: uvdk_dmadev_compare()
 * @UVDK_DMADEV_OP_CRC: uvdk_dmadev_crc()
 * @UVDK_DMADEV_OP_COPY_CRC: uvdk_dmadev_crc() with a destination
 */
enum uvdk_dmadev_op {
	UVDK_DMADEV_OP_COPY = 1 << 0,
	UVDK_DMADEV_OP_COPY_SG = 1 << 1,
	UVDK_DMADEV_OP_FILL = 1 << 2,
	UVDK_DMADEV_OP_COMPARE = 1 << 3,
	UVDK_DMADEV_OP_CRC = 1 << 4,
	UVDK_DMADEV_OP_COPY_CRC = 1 << 5,
};

/**
 * enum uvdk_dmadev_feature - bits of &struct uvdk_dmadev_info.features
 * @UVDK_DMADEV_PASIDS: channels may have PASIDs
 * @UVDK_DMADEV_BATCH: what is submitted together goes to the device as one descriptor
 * @UVDK_DMADEV_OVERLAP: source and destination of a copy may overlap
 * @UVDK_DMADEV_RESUMES: an operation that met a page fault is continued where it ended
 * @UVDK_DMADEV_BLOCKS: the device can wait for a page that it asked for
 * @UVDK_DMADEV_IRQ: channels may have interrupts
 * @UVDK_DMADEV_SHARED: shared queues (ENQCMD) are there
 */
enum uvdk_dmadev_feature {
	UVDK_DMADEV_PASIDS = 1 << 0,
	UVDK_DMADEV_BATCH = 1 << 1,
	UVDK_DMADEV_OVERLAP = 1 << 2,
	UVDK_DMADEV_RESUMES = 1 << 3,
	UVDK_DMADEV_BLOCKS = 1 << 4,
	UVDK_DMADEV_IRQ = 1 << 5,
	UVDK_DMADEV_SHARED = 1 << 6,
};

/**
 * struct uvdk_dmadev_info - what an engine can do
 * @driver: driver name
 * @ops: enum uvdk_dmadev_op
 * @features: enum uvdk_dmadev_feature
 * @max_channels: channels that may be open at once
 * @ring_max: most operations a channel can have outstanding, a power of two
 * @max_len: bytes one operation may have
 * @max_batch: operations that go to the device in one descriptor; 1: no batches
 * @max_sg: pieces a side of a uvdk_dmadev_copy_sg()
 * @address_mask: highest IOVA it can reach, of the form 2^n - 1: give it to
 *	the address space as uvdk_ioas_opts.iova_last
 */
struct uvdk_dmadev_info {
	const char *driver;
	unsigned int ops;
	unsigned int features;
	unsigned int max_channels;
	unsigned int ring_max;
	size_t max_len;
	unsigned int max_batch;
	unsigned int max_sg;
	uint64_t address_mask;
};

/**
 * struct uvdk_dmadev_opts - how to start an engine
 * @size: sizeof(struct uvdk_dmadev_opts)
 * @channels: channels that it is set up for: they share its queue space and its engines
 *	evenly; 0: as many as it can have
 */
struct uvdk_dmadev_opts {
	size_t size;
	unsigned int channels;
};

/**
 * uvdk_dmadev_open() - start a driver on an opened device
 * @dev: device; must outlive the engine
 * @opts: options, or NULL
 * @out: new engine, owned by the caller
 *
 * Whatever state a process before left it in, the device is reset.
 *
 * Return: 0, -EINVAL (no device, bad options: says what the device has), -EOPNOTSUPP (no
 * driver knows it), -EBUSY (it is an engine or port already), -EPROTO (it does not behave
 * as its driver expects: says what), -ETIMEDOUT (a command did not end), -ENODEV or -ENOMEM.
 */
int uvdk_dmadev_open(struct uvdk_device *dev, const struct uvdk_dmadev_opts *opts,
		     struct uvdk_dmadev **out);

/**
 * uvdk_dmadev_close() - close its channels, stop and free
 * @dma: engine, or NULL
 *
 * On return the device makes no access any more.
 */
void uvdk_dmadev_close(struct uvdk_dmadev *dma);

/**
 * uvdk_dmadev_get_info() - capabilities
 * @dma: engine
 *
 * Return: borrowed.
 */
const struct uvdk_dmadev_info *uvdk_dmadev_get_info(const struct uvdk_dmadev *dma);

/* ---- channels ---- */

/**
 * enum uvdk_dmadev_chan_flags - how a channel behaves
 * @UVDK_DMADEV_CHAN_IRQ: completions are signalled to @event_fd as well: poll then. While an
 *	operation pauses between two tries at a missing page, each poll signals the next one
 *	itself. That the device stalls, or has vanished, is found by polls only: wait with a
 *	timeout (a second, say), and poll when it is over
 * @UVDK_DMADEV_CHAN_BLOCK: on a page fault the device asks for the page and waits for the
 *	answer (block on fault); otherwise the operation ends there and the driver continues
 *	it, or reports it
 * @UVDK_DMADEV_CHAN_NO_RESUME: an operation that ended at a page fault is reported as it
 *	is, not continued
 * @UVDK_DMADEV_CHAN_SHARED: a queue that others may submit to as well
 */
enum uvdk_dmadev_chan_flags {
	UVDK_DMADEV_CHAN_IRQ = 1 << 0,
	UVDK_DMADEV_CHAN_BLOCK = 1 << 1,
	UVDK_DMADEV_CHAN_NO_RESUME = 1 << 2,
	UVDK_DMADEV_CHAN_SHARED = 1 << 3,
};

/*
 * Most retries of a channel: with the pauses between them they take five seconds or so, less
 * than what a driver takes for a device that is stuck.
 */
#define UVDK_DMADEV_RETRIES_MAX 100

/**
 * struct uvdk_dmadev_chan_opts - how to open a channel
 * @size: sizeof(struct uvdk_dmadev_chan_opts)
 * @ring: operations that may be outstanding, a power of two; 0: the driver's choice
 * @flags: enum uvdk_dmadev_chan_flags
 * @ioas: address space of the channel's own records, and of the addresses it is given;
 *	attached to the device, or to @pasid of it. May be NULL for engines that keep nothing
 *	in memory, and with @sva
 * @pasid: PASID of the channel; 0: none, and the device itself is attached to @ioas.
 *	Not with @sva
 * @sva: addresses are pointers of this process; its PASID is the channel's. NULL: by @ioas
 * @event_fd: eventfd for UVDK_DMADEV_CHAN_IRQ; stays open until the channel is closed
 * @retries: with a page fault that nobody has served: how often an operation is continued
 *	without progress before it is reported, UVDK_DMADEV_RETRIES_MAX at most; 0: 8. The pause
 *	before each grows from 0.1 to 51 ms: 8 take 13 ms, 100 take 4.7 s
 */
struct uvdk_dmadev_chan_opts {
	size_t size;
	unsigned int ring;
	unsigned int flags;
	struct uvdk_ioas *ioas;
	uint32_t pasid;
	struct uvdk_sva *sva;
	int event_fd;
	unsigned int retries;
};

/**
 * enum uvdk_dmadev_status - how an operation ended
 * @UVDK_DMADEV_OK: done
 * @UVDK_DMADEV_FAULT: an address has no translation that permits it: &struct
 *	uvdk_dmadev_result.fault; the first @done bytes are done
 * @UVDK_DMADEV_INVALID: the device refused the descriptor; nothing was done
 * @UVDK_DMADEV_NOT_RUN: not run, since one before it that it was fenced by failed
 * @UVDK_DMADEV_ERROR: the device failed; the destination is undefined
 * @UVDK_DMADEV_GONE: the device vanished, or was stopped
 */
enum uvdk_dmadev_status {
	UVDK_DMADEV_OK,
	UVDK_DMADEV_FAULT,
	UVDK_DMADEV_INVALID,
	UVDK_DMADEV_NOT_RUN,
	UVDK_DMADEV_ERROR,
	UVDK_DMADEV_GONE,
};

/**
 * struct uvdk_dmadev_result - the end of an operation
 * @index: its number
 * @status: enum uvdk_dmadev_status
 * @code: the device's own code, or 0
 * @value: the checksum; or of a comparison 0 (equal) or 1 (@done bytes are equal, the
 *	difference follows)
 * @done: bytes completed
 * @fault: with UVDK_DMADEV_FAULT: the address
 */
struct uvdk_dmadev_result {
	uint16_t index;
	uint8_t status;
	uint8_t code;
	uint32_t value;
	uint64_t done;
	uvdk_iova_t fault;
};

/**
 * enum uvdk_dmadev_flags - of an operation
 * @UVDK_DMADEV_FENCE: it starts when all before it on this channel have ended, and only if
 *	those since the last fence succeeded
 * @UVDK_DMADEV_SUBMIT: submit it, and all before it. What that returned is lost, since the
 *	number is returned: that a shared queue is full is said by uvdk_dmadev_submit() only,
 *	and -ENODEV by the next call
 * @UVDK_DMADEV_CACHE: the destination will be read soon: keep it in the CPUs' caches
 */
enum uvdk_dmadev_flags {
	UVDK_DMADEV_FENCE = 1 << 0,
	UVDK_DMADEV_SUBMIT = 1 << 1,
	UVDK_DMADEV_CACHE = 1 << 2,
};

/**
 * struct uvdk_dmadev_crc_spec - how to compute a checksum
 * @seed: to start from
 * @flags: enum uvdk_dmadev_crc_flags
 */
struct uvdk_dmadev_crc_spec {
	uint32_t seed;
	unsigned int flags;
};

/**
 * enum uvdk_dmadev_crc_flags - variants of CRC-32C (polynomial 0x11edc6f41)
 * @UVDK_DMADEV_CRC_NO_INVERT: neither the seed nor the result is inverted
 * @UVDK_DMADEV_CRC_NO_REFLECT: bits of each byte are taken from the highest, and the highest
 *	bit of seed and result belongs to x^31; without it, to x^0
 */
enum uvdk_dmadev_crc_flags {
	UVDK_DMADEV_CRC_NO_INVERT = 1 << 0,
	UVDK_DMADEV_CRC_NO_REFLECT = 1 << 1,
};

/**
 * struct uvdk_dmadev_stats - counts of a channel, since it was opened
 * @enqueued: operations
 * @submitted: of them, given to the device
 * @completed: of them, ended and told
 * @failed: of these, other than UVDK_DMADEV_OK
 * @resumed: times an operation was continued after a page fault
 * @doorbells: descriptors written to the device: a batch counts once
 * @bytes: completed, of all operations
 */
struct uvdk_dmadev_stats {
	uint64_t enqueued;
	uint64_t submitted;
	uint64_t completed;
	uint64_t failed;
	uint64_t resumed;
	uint64_t doorbells;
	uint64_t bytes;
};

struct uvdk_dmadev_chan;

/**
 * struct uvdk_dmadev_chan_ops - the documented fast-path struct: calls of one channel
 * @copy: uvdk_dmadev_copy()
 * @fill: uvdk_dmadev_fill()
 * @compare: uvdk_dmadev_compare()
 * @crc: uvdk_dmadev_crc()
 * @copy_sg: uvdk_dmadev_copy_sg()
 * @submit: uvdk_dmadev_submit()
 * @completed: uvdk_dmadev_completed()
 * @completed_status: uvdk_dmadev_completed_status()
 * @capacity: uvdk_dmadev_capacity()
 *
 * None is NULL: what an engine can't do is a call that returns -EOPNOTSUPP.
 */
struct uvdk_dmadev_chan_ops {
	int (*copy)(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src, size_t len,
		    unsigned int flags);
	int (*fill)(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uint64_t pattern, size_t len,
		    unsigned int flags);
	int (*compare)(struct uvdk_dmadev_chan *chan, uvdk_iova_t a, uvdk_iova_t b, size_t len,
		       unsigned int flags);
	int (*crc)(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src, size_t len,
		   const struct uvdk_dmadev_crc_spec *crc, unsigned int flags);
	int (*copy_sg)(struct uvdk_dmadev_chan *chan, const struct uvdk_dma_piece *dst,
		       unsigned int dst_count, const struct uvdk_dma_piece *src,
		       unsigned int src_count, unsigned int flags);
	int (*submit)(struct uvdk_dmadev_chan *chan);
	unsigned int (*completed)(struct uvdk_dmadev_chan *chan, unsigned int max, uint16_t *last,
				  bool *error);
	unsigned int (*completed_status)(struct uvdk_dmadev_chan *chan,
					 struct uvdk_dmadev_result *results, unsigned int max);
	unsigned int (*capacity)(struct uvdk_dmadev_chan *chan);
};

/**
 * struct uvdk_dmadev_chan - a channel; the start of what its driver has of it
 * @ops: calls
 * @dma: engine
 */
struct uvdk_dmadev_chan {
	const struct uvdk_dmadev_chan_ops *ops;
	struct uvdk_dmadev *dma;
};

/**
 * uvdk_dmadev_chan_open() - open a channel
 * @dma: engine
 * @opts: options, or NULL for all zeroes, which suffices for engines that keep nothing in
 *	memory
 * @out: new channel; owned by the caller until uvdk_dmadev_chan_close()
 *
 * Return: 0; -EINVAL (no engine, options that contradict each other, no @ioas where one is
 * needed, ring not a power of two or too large, too many retries); -EBUSY (all channels are
 * open: says how many there are); -EOPNOTSUPP (PASID, IRQ, shared queue or blocking where there
 * is none, SVA where addresses are too narrow for pointers, IRQ where no vector is left for this
 * queue: says which);
 * -EPROTO, -ETIMEDOUT (the device did not enable the queue: says its code); -ENOMEM; -ENODEV.
 */
int uvdk_dmadev_chan_open(struct uvdk_dmadev *dma, const struct uvdk_dmadev_chan_opts *opts,
			  struct uvdk_dmadev_chan **out);

/**
 * uvdk_dmadev_chan_close() - stop a channel and free it
 * @chan: channel, or NULL; outstanding operations are abandoned
 *
 * On return the device makes no access for it any more.
 */
void uvdk_dmadev_chan_close(struct uvdk_dmadev_chan *chan);

/**
 * uvdk_dmadev_chan_get_stats() - counts
 * @chan: channel; by the thread that uses it
 * @out: filled in
 */
void uvdk_dmadev_chan_get_stats(const struct uvdk_dmadev_chan *chan, struct uvdk_dmadev_stats *out);

/* ---- the data path ---- */

/**
 * uvdk_dmadev_copy() - enqueue a copy
 * @chan: channel
 * @dst: destination
 * @src: source
 * @len: bytes, 1 to max_len
 * @flags: enum uvdk_dmadev_flags
 *
 * Return: number of the operation (0 to 65535), -ENOSPC (ring full: poll), -EINVAL
 * (length, or address beyond the device's mask), -EOPNOTSUPP or -ENODEV. No sentences
 * here: this is a data path.
 */
static inline int uvdk_dmadev_copy(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src,
				   size_t len, unsigned int flags)
{
	return chan->ops->copy(chan, dst, src, len, flags);
}

/**
 * uvdk_dmadev_fill() - enqueue a fill
 * @chan: channel
 * @dst: destination
 * @pattern: 8 bytes, repeated, the lowest first
 * @len: bytes, 1 to max_len
 * @flags: enum uvdk_dmadev_flags
 *
 * Return: as uvdk_dmadev_copy().
 */
static inline int uvdk_dmadev_fill(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uint64_t pattern,
				   size_t len, unsigned int flags)
{
	return chan->ops->fill(chan, dst, pattern, len, flags);
}

/**
 * uvdk_dmadev_compare() - enqueue a comparison
 * @chan: channel
 * @a: one
 * @b: the other
 * @len: bytes of each, 1 to max_len
 * @flags: enum uvdk_dmadev_flags
 *
 * What came of it: &struct uvdk_dmadev_result.value. A difference is no failure.
 *
 * Return: as uvdk_dmadev_copy().
 */
static inline int uvdk_dmadev_compare(struct uvdk_dmadev_chan *chan, uvdk_iova_t a, uvdk_iova_t b,
				      size_t len, unsigned int flags)
{
	return chan->ops->compare(chan, a, b, len, flags);
}

/**
 * uvdk_dmadev_crc() - enqueue a CRC-32C
 * @chan: channel
 * @dst: where to copy what is read; UVDK_IOVA_NONE: nowhere
 * @src: source
 * @len: bytes, 1 to max_len
 * @crc: how; NULL: seed 0, as iSCSI's, inverted and reflected
 * @flags: enum uvdk_dmadev_flags
 *
 * What came of it: &struct uvdk_dmadev_result.value.
 *
 * Return: as uvdk_dmadev_copy().
 */
static inline int uvdk_dmadev_crc(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src,
				  size_t len, const struct uvdk_dmadev_crc_spec *crc,
				  unsigned int flags)
{
	return chan->ops->crc(chan, dst, src, len, crc, flags);
}

/**
 * uvdk_dmadev_copy_sg() - enqueue a copy between scatter lists
 * @chan: channel
 * @dst: destinations, as uvdk_dma_sg_map() makes them, say
 * @dst_count: 1 to max_sg
 * @src: sources
 * @src_count: 1 to max_sg
 * @flags: enum uvdk_dmadev_flags
 *
 * The sums of both sides' lengths are equal; pieces need not match, and may be longer than
 * max_len. One operation, with one number. It takes as many places of the ring as there are
 * pieces between the edges of both lists, up to dst_count + src_count - 1, and more where these
 * are cut at max_len.
 *
 * Return: as uvdk_dmadev_copy(), with -ENOSPC for too few free places; -EINVAL also for too many
 * pieces, an empty one, sums that differ, and lists that take more places than the ring has.
 */
static inline int uvdk_dmadev_copy_sg(struct uvdk_dmadev_chan *chan,
				      const struct uvdk_dma_piece *dst, unsigned int dst_count,
				      const struct uvdk_dma_piece *src, unsigned int src_count,
				      unsigned int flags)
{
	return chan->ops->copy_sg(chan, dst, dst_count, src, src_count, flags);
}

/**
 * uvdk_dmadev_submit() - let the device start what was enqueued
 * @chan: channel
 *
 * Return: 0; -ENODEV; of a shared queue -ENOSPC, too: it is full of others' work, and what it did
 * not take goes out with a later poll or submit.
 */
static inline int uvdk_dmadev_submit(struct uvdk_dmadev_chan *chan)
{
	return chan->ops->submit(chan);
}

/**
 * uvdk_dmadev_completed() - poll for success
 * @chan: channel
 * @max: most to take
 * @last: out: number of the latest that is told, or of the one before the next to end
 *	if none is; or NULL
 * @error: out: true if the next one failed: take it with uvdk_dmadev_completed_status();
 *	or NULL
 *
 * In order; stops before the first that failed. Does not wait for what the device is to do; with
 * &struct uvdk_dmadev_chan_opts.sva a page that was missing may be brought in, as by an access of
 * the CPU. An engine without a command to abort its work, such as edu, is reset by the poll that
 * finds it hanging: that takes as long as a function reset does (0.1 s or more), and is once for
 * each operation that does not end.
 *
 * Return: how many have succeeded since the last call.
 */
static inline unsigned int uvdk_dmadev_completed(struct uvdk_dmadev_chan *chan, unsigned int max,
						 uint16_t *last, bool *error)
{
	return chan->ops->completed(chan, max, last, error);
}

/**
 * uvdk_dmadev_completed_status() - poll, with what came of each
 * @chan: channel
 * @results: filled, in order
 * @max: room in @results
 *
 * In order; waits as little as uvdk_dmadev_completed().
 *
 * Return: how many have ended since the last call.
 */
static inline unsigned int uvdk_dmadev_completed_status(struct uvdk_dmadev_chan *chan,
							struct uvdk_dmadev_result *results,
							unsigned int max)
{
	return chan->ops->completed_status(chan, results, max);
}

/**
 * uvdk_dmadev_capacity() - operations that can be enqueued now
 * @chan: channel
 *
 * Return: places of the ring that are free.
 */
static inline unsigned int uvdk_dmadev_capacity(struct uvdk_dmadev_chan *chan)
{
	return chan->ops->capacity(chan);
}

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMADEV_H */
