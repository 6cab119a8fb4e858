/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTPMD_CORES_H
#define TESTPMD_CORES_H

#include "fwd.h"

/*
 * The threads that forward. Each works on its *plan*, a list of streams that
 * the main thread may exchange at any time: a core looks for a new plan once a
 * round and says which one it is on. So a stream that is in no plan any more is
 * left alone as soon as all cores have gone round once, and none had to stop.
 */

struct cores;

/*
 * Lay out the cores: EAL's workers; threads of our own if there are none, or
 * with --seccomp. 0, or negative errno after a complaint.
 */
int cores_create(const struct options *opts, struct cores **out);

/* Stop and free. Under --seccomp the threads live on until the process ends. */
void cores_destroy(struct cores *cores);

/* Start @count cores on empty plans; refuses more than there are. */
int cores_start(struct cores *cores, unsigned int count);
void cores_stop(struct cores *cores);

/* Give core @index a new plan; a copy of the list is kept. 0 or -ENOMEM. */
int cores_plan(struct cores *cores, unsigned int index, struct fwd_stream *const *streams,
	       unsigned int count);

/* Wait until every core works on the plan it got last. */
void cores_quiesce(struct cores *cores);

/* "lcore 1", or "a thread on lcore 0". */
const char *cores_name(const struct cores *cores, unsigned int index);

#endif /* TESTPMD_CORES_H */
