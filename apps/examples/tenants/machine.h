/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TENANTS_MACHINE_H
#define TENANTS_MACHINE_H

#include <pthread.h>
#include <stdbool.h>

#include <uvdk_emu.h>

/*
 * An emulated machine with a thread of ours, which can be held: while it is, the machine works
 * only when it is told to, and how far it gets depends on nothing else that runs here.
 */
struct machine {
	struct uvdk_emu *emu;
	pthread_t thread;
	bool runs;
	bool stop; /* atomic */
};

/* 0, or -1. */
int machine_create(struct machine *m);
void machine_destroy(struct machine *m); /* of all zeroes, too */

/* From one to the other uvdk_emu_step() is the caller's. 0, or -1. */
void machine_hold(struct machine *m);
int machine_release(struct machine *m);

#endif /* TENANTS_MACHINE_H */
