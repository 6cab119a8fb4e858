/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_INVAL_DRIVER_H
#define UVDK_INVAL_DRIVER_H

#include <uvdk_inval.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: What a backend of lib/inval does
 *
 * The library checks and coalesces requests, splits them into *pieces* as the
 * backend's properties say, numbers these from 0 on, and pushes them in order.
 * A backend turns a piece into entries of its own and says how many pieces are
 * complete. A batch is pushed for the I/O MMU first; where devices have TLBs, a
 * fence and the same once more for them, because a device could ask again for
 * what the I/O MMU still has (VT-d 6.5.2.5, SMMUv3 3.9.1).
 *
 * A backend is called by one thread at a time.
 */

/**
 * enum uvdk_inval_target - what a piece is for
 * @UVDK_INVAL_IOTLB: the I/O MMU
 * @UVDK_INVAL_DEVTLB: the devices
 * @UVDK_INVAL_FENCE: nobody; what follows begins when all before is complete
 */
enum uvdk_inval_target {
	UVDK_INVAL_IOTLB,
	UVDK_INVAL_DEVTLB,
	UVDK_INVAL_FENCE,
};

/**
 * struct uvdk_inval_piece - part of a request
 * @req: with the range of this piece, as the rule for its target has it, and
 *	the granule set
 * @target: for whom
 */
struct uvdk_inval_piece {
	struct uvdk_inval_req req;
	enum uvdk_inval_target target;
};

/**
 * struct uvdk_inval_progress - how far a backend is
 * @done: pieces that are over, successful or not; all before them are
 * @err: 0, or what went wrong with @failed; one a call
 * @failed: number of the piece that failed
 */
struct uvdk_inval_progress {
	uint64_t done;
	int err;
	uint64_t failed;
};

/**
 * struct uvdk_inval_ops - a backend
 * @push: Take a piece, whose number is one above that of the one before. 0, or
 *	-EAGAIN: no room now, nothing is taken. Not called after @poll or @kick
 *	failed.
 * @kick: Start what was pushed, and what was not yet started for want of room.
 *	0 or a negative errno after which nothing works any more.
 * @poll: Fill in @out; fields are zeroes before. As long as @err is set it is
 *	called again. What waits for room is started. 0, or a negative errno
 *	after which nothing works any more (-ENODEV: gone).
 * @stop: Nothing is read or written for this queue any more, nor is anything
 *	under way; once, before @destroy.
 * @destroy: Free it.
 *
 * None is NULL.
 */
struct uvdk_inval_ops {
	int (*push)(void *priv, const struct uvdk_inval_piece *piece);
	int (*kick)(void *priv);
	int (*poll)(void *priv, struct uvdk_inval_progress *out);
	void (*stop)(void *priv);
	void (*destroy)(void *priv);
};

/**
 * struct uvdk_inval_props - what a backend is
 * @caps: as the application sees it, @depth and options aside; @flush_entries
 *	is the default
 * @pasid_min: least PASID that may be named
 * @pasid_max: greatest, inclusive
 * @asid_max: greatest ASID, inclusive
 */
struct uvdk_inval_props {
	struct uvdk_inval_caps caps;
	uint32_t pasid_min;
	uint32_t pasid_max;
	uint32_t asid_max;
};

/**
 * uvdk_invalq_create() - make a queue on a backend
 * @ops: backend
 * @priv: its data; the queue's, on success
 * @props: what it is
 * @opts: the application's options, or NULL
 * @out: new queue
 *
 * Return: 0, -EINVAL (options), -ENOMEM.
 */
int uvdk_invalq_create(const struct uvdk_inval_ops *ops, void *priv,
		       const struct uvdk_inval_props *props, const struct uvdk_invalq_opts *opts,
		       struct uvdk_invalq **out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_INVAL_DRIVER_H */
