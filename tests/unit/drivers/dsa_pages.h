/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DSA_PAGES_H
#define DSA_PAGES_H

#include <pthread.h>

#include <uvdk_fault.h>

#include "dsa_reference.h"

/* A thread that is asked for pages of an arena, and brings them in, or says that there are none. */
struct pages {
	struct uvdk_faultq *q;
	struct arena *arena;
	pthread_t thread;
	int stop;	  /* eventfd */
	uint64_t given;	  /* requests; once it has stopped */
	uint64_t refused; /* the same */
};

void pages_start(struct pages *p, struct uvdk_faultq *q, struct arena *arena);
void pages_stop(struct pages *p);

#endif /* DSA_PAGES_H */
