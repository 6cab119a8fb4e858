/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_DEMAND_H
#define SVA_DEMAND_H

#include <uvdk_fault.h>

#include "sva_priv.h"

#define DEMAND_BATCH 64 /* requests read, and groups answered, at once */

/* The group whose requests are being read: it may go on in the next read. */
struct demand_group {
	uint64_t id;
	unsigned int count; /* of requests so far; 0: none is open */
	bool refused;
};

/* Given up a moment ago: see demand_recent.c. */
#define DEMAND_RECENT 16

struct demand_removed {
	uintptr_t first, last;
	uint64_t until; /* ns; 0: none */
};

/*
 * What is mapped stands in the records of @ioas, at IOVA = address. All of it changes
 * under sva->lock; what serves requests is guarded by @serving, which is taken before.
 */
struct demand {
	struct uvdk_sva *sva;
	struct uvdk_ioas *ioas;
	struct uvdk_faultq *faultq;
	struct uvdk_hwpt *hwpt;
	size_t page;			    /* smallest piece that can be mapped */
	size_t readahead;		    /* a power of two, no less than @page */
	struct sva_maps maps;		    /* guarded by the binding's lock */
	bool said_unfollowed, said_failure; /* a device could have it said without end */

	struct demand_removed recent[DEMAND_RECENT];
	unsigned int recent_next;

	int stop; /* eventfd */
	bool stopping;
	pthread_t thread;
	pthread_mutex_t serving;
	struct demand_group group;
	struct uvdk_fault faults[DEMAND_BATCH];
	struct uvdk_fault_answer answers[DEMAND_BATCH];
	unsigned int requests[DEMAND_BATCH]; /* in the group of each answer */
};

/* ---- demand.c, demand_probe.c ---- */

int demand_check_readahead(size_t readahead);
int demand_probe(struct uvdk_device *dev, const struct uvdk_sva_opts *opts);

/* ---- demand_map.c: under sva->lock ---- */

/* Make the page that holds an address reachable: 0, or why not. */
int demand_reach(struct demand *d, uintptr_t addr, bool write);
int demand_share(struct uvdk_sva *sva, uintptr_t addr, size_t len, bool writable);
void demand_forget(struct uvdk_sva *sva, uintptr_t addr, size_t len);

/* ---- demand_recent.c: under sva->lock ---- */

void demand_removed(struct uvdk_sva *sva, uintptr_t first, uintptr_t last);
/* What of [*first, *last] around an address may be mapped along with it. */
void demand_spare_recent(const struct demand *d, uintptr_t addr, uintptr_t *first, uintptr_t *last);

/* ---- demand_serve.c ---- */

int demand_start(struct demand *d);
/* With sva->lock held, which is let go while the thread ends. */
void demand_stop(struct demand *d);
int demand_poll(struct uvdk_sva *sva);

#endif /* SVA_DEMAND_H */
