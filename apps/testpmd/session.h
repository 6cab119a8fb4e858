/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTPMD_SESSION_H
#define TESTPMD_SESSION_H

#include "app.h"
#include "cores.h"

/* One run of forwarding, from "start" to "stop". */
struct fwd_session {
	struct cores *cores;
	const struct fwd_engine *engine;
	unsigned int count;
	unsigned int nb_cores;
	uint64_t started_ns;
	uint64_t ended_ns;	   /* 0: still forwarding */
	struct fwd_counters *base; /* [count]; what "clear" hides */
	struct fwd_stream *stream; /* [count] */
};

#endif /* TESTPMD_SESSION_H */
