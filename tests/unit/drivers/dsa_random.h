/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DSA_RANDOM_H
#define DSA_RANDOM_H

#include <criterion/criterion.h>

#include <uvdk_hwpt.h>

#include "../../random.h"
#include "dsa_pages.h"

/* Random operations against the CPU: one world at a time, between the parts of the test. */

#define MAX_LEN (128u * 1024) /* "max-size=17" */
#define EPOCH	200u	      /* operations until all is compared */

struct plan {
	const char *spec;
	unsigned int count; /* operations */
	uint64_t seed;
	unsigned int flags; /* of the channel */
	unsigned int holes; /* one operation in so many leaves the arena; 0: none */
	bool pasid;
	bool lost;    /* records may not be written */
	bool waits;   /* the device asks for pages, of which some are missing */
	bool absence; /* the I/O MMU caches that nothing is there */
};

struct world {
	const struct plan *plan;
	uint64_t random;
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_dmadev *dma;
	struct uvdk_ioas *ioas;
	struct uvdk_dmadev_chan *chan;
	struct arena arena;
	struct uvdk_faultq *faultq; /* of plans that wait */
	struct uvdk_hwpt *hwpt;
	struct pages pages;
	/* Numbers of operations, counted up and never wrapped. */
	uint32_t enqueued;
	uint32_t told;
	uint32_t group; /* first of the present one */
	struct op ops[EPOCH];
	bool partly[EPOCH]; /* it met a fault, behind so many bytes: */
	uint32_t done[EPOCH];
	uint32_t first;	  /* ops[0] */
	struct op copied; /* to be compared some time */
	bool group_failed;
	bool cancelled;
	bool failure; /* one was told: enqueue nothing before all has ended */
	uint64_t kinds[OP_KINDS], fences, failures, not_run, lost;
};

extern struct world w;

/* dsa_random_ops.c: the next operation, and how it is enqueued: its number, or -errno. */
uint32_t dice(uint32_t sides);
void make_op(struct op *op);
int enqueue(const struct op *op);

/* dsa_random_results.c: take some results, and check them. How many. */
unsigned int take_results(void);
unsigned int take_successes(void);

#endif /* DSA_RANDOM_H */
