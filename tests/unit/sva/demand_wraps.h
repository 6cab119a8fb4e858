/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_DEMAND_WRAPS_H
#define SVA_DEMAND_WRAPS_H

#include <uvdk_follow.h>

/* Between the backend and what it calls (linked with --wrap). */
struct wraps {
	bool closed;	      /* nothing is read from fault queues */
	int read_err;	      /* they fail to be read */
	unsigned int reads;   /* that were tried */
	unsigned int answers; /* calls that answer */
	unsigned int groups;  /* answered by them */
	int map_err;	      /* memory is not mapped */
	size_t map_most;      /* nor more than this at once, if set */
	struct uvdk_follower *follower;
	int follow_err;
	unsigned int follows;
	uintptr_t follow_first, follow_last; /* the latest */
	void (*following)(void);	     /* called as it is added */
};

extern struct wraps wraps;

/* Fault queues are read again. */
void wraps_release(void);

#endif /* SVA_DEMAND_WRAPS_H */
