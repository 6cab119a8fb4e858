/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_GATE_H
#define UVDK_EMU_GATE_H

#include <sched.h>

#include "emu_priv.h"

#define GATE_SPINS 128

static inline void emu_gate_enter(struct emu_gate *gate)
{
	unsigned int me = atomic_fetch_add_explicit(&gate->next, 1, memory_order_acq_rel);
	unsigned int spins = 0;

	while (atomic_load_explicit(&gate->serving, memory_order_acquire) != me) {
		if (++spins < GATE_SPINS)
			uvdk_cpu_relax();
		else
			sched_yield(); /* whoever is served may wait for our CPU */
	}
}

static inline void emu_gate_leave(struct emu_gate *gate)
{
	unsigned int now = atomic_load_explicit(&gate->serving, memory_order_relaxed);

	atomic_store_explicit(&gate->serving, now + 1, memory_order_release);
}

/* On return every access that began before has ended. */
static inline void emu_gate_pass(struct emu_gate *gate)
{
	emu_gate_enter(gate);
	emu_gate_leave(gate);
}

#endif /* UVDK_EMU_GATE_H */
