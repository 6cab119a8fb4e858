/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TENANTS_QUEUES_PRIV_H
#define TENANTS_QUEUES_PRIV_H

#include <uvdk_dmadev.h>
#include <uvdk_fault.h>
#include <uvdk_pasid.h>

#include "queues.h"

/* A tenant and its attacker; between queues.c and attack.c. */

#define TENANT_BYTES  (64 * 1024u) /* that it copies, and again as many, where to */
#define TENANT_PIECE  (32 * 1024u) /* a copy: the engine is what they wait for */
#define TENANT_WINDOW 16u	   /* copies under way */

struct tenant {
	unsigned int number;
	uint32_t pasid;
	struct uvdk_ioas *ioas;
	struct uvdk_faultq *faultq; /* where its faults are told; NULL: there are none */
	struct uvdk_hwpt *hwpt;
	char *memory; /* source, then destination */
	uvdk_iova_t iova;
	struct uvdk_dmadev_chan *chan;
	bool waits;		/* the engine asks for pages that are missing */
	unsigned int next;	/* piece */
	unsigned int under_way; /* copies */
	uint64_t done;		/* copies, ever */
	uint64_t failed;
	uint64_t faults; /* of them, told by the engine as page faults */
	uint64_t seed;	 /* of what its memory has now */
};

struct attack {
	uint64_t random;
	unsigned int round;
	uint64_t addresses;   /* copies that try what is not the attacker's */
	uint64_t descriptors; /* made up by hand */
	uint64_t longs;	      /* that are right, and take their time */
	uint8_t *wide;	      /* memory for these */
	uint64_t floods;      /* copies of its own memory, to keep the engine busy */
};

struct engine {
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_dmadev *dma;
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_owner *owner;
	struct machine *machine; /* that it is emulated by; NULL: it is a real one */
	bool faultqs;		 /* the I/O MMU has some */
	unsigned int count;
	struct tenant *tenant; /* the last one attacks */
	struct attack attack;
	uint64_t reports;	/* of the I/O MMU, to the attacker about itself */
	uint64_t wrong_reports; /* about others, or to others */
};

/*
 * Tenants, with queues of their own, on @iommu, @dev and, if that is not 0, of @count. 0, or -1;
 * to be closed in any case.
 */
int engine_open(struct engine *e, unsigned int bits);
void engine_close(struct engine *e);

/* A sentence to whoever started this; -1. */
int fail(const char *what);

/* New content to copy; nothing is left of what was copied before. */
void tenant_fill(struct tenant *t, uint64_t seed);

/* Is all of it there, in the source and where it was copied to? */
bool tenant_right(const struct tenant *t);

/* A channel for a tenant; the attacker's reports what it did at once. */
int tenant_channel(struct engine *e, struct tenant *t);

/* Let a tenant copy its memory, and take what has ended. */
int tenant_work(struct tenant *t);

/* Take what has ended. */
void tenant_poll(struct tenant *t);

/* Take what the I/O MMU tells, to each; no page is given. */
void read_faults(struct engine *e);

/* The attacker's own memory, once it is open, and until all are closed. 0, or -1. */
int attack_open(struct engine *e);
void attack_close(struct engine *e);

/* Let the attacker do its worst for a moment. */
void attack_turn(struct engine *e);

/* Its attempts have ended, or are aborted: nothing of it is under way any more. 0, or -1. */
int attack_stop(struct engine *e);

/* ... and a round is over: the next attempts are of another kind. 0, or -1. */
int attack_end(struct engine *e);

#endif /* TENANTS_QUEUES_PRIV_H */
