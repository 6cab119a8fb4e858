/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EDU_PRIV_H
#define UVDK_EDU_PRIV_H

#include <uvdk_dmadev_driver.h>

#include "edu_regs.h"

#define RING	 64 /* a power of two */
#define LOG_NAME "dma.edu"

enum phase {
	PHASE_IDLE,
	PHASE_IN,  /* memory -> buffer */
	PHASE_OUT, /* buffer -> memory */
};

struct copy {
	uvdk_iova_t dst;
	uvdk_iova_t src;
	size_t len;
	bool fence;
};

/* One thread at a time uses all of it. */
struct edu {
	struct uvdk_dmadev_chan chan; /* its only one; first */
	struct uvdk_device *dev;
	struct uvdk_region bar;
	const char *name;
	struct copy ring[RING];
	unsigned int ring_size; /* how much of it is used at most */
	uint16_t head;		/* next to be enqueued */
	uint16_t submitted;	/* next to be submitted; tail..submitted may run */
	uint16_t tail;		/* oldest one not completed: the one that runs */
	enum phase phase;
	size_t done;  /* bytes of the running copy that arrived */
	size_t chunk; /* bytes of the transfer under way */
	unsigned int polls;
	uint64_t deadline;
	bool stale;	     /* a closed channel left a transfer under way, and bus master off */
	bool broken;	     /* the device hangs and can't be reset */
	bool failed;	     /* one since the last fence failed */
	bool cancel;	     /* what was fenced by it is not run ... */
	uint16_t cancel_end; /* ... up to this one */
	struct uvdk_dmadev_result next; /* how the oldest ended, if ended is set */
	bool ended;
	struct uvdk_dmadev_stats stats;
};

/* transfer.c: one transfer between memory and the device's buffer */

/* Is it what it says it is, and does it answer? 0, -EPROTO or what failed. */
int edu_check_identity(struct edu *edu);
/* Start one of edu->chunk bytes. 0 or a negative errno. */
int edu_transfer_start(struct edu *edu, uint64_t src, uint64_t dst, uint64_t cmd);
/* Is the transfer over? 0 not yet, 1 yes, or a negative errno. */
int edu_transfer_poll(struct edu *edu);
/* Somebody may have left in the middle of a transfer: wait for its end. */
int edu_wait_idle(struct edu *edu);
/* After a failure nothing may be under way that writes to memory later. */
void edu_recover(struct edu *edu);

#endif /* UVDK_EDU_PRIV_H */
