// SPDX-License-Identifier: BSD-3-Clause
#include <time.h>

#include "machine.h"

#define IDLE_NS 20000

static void *work(void *arg)
{
	const struct timespec idle = {.tv_nsec = IDLE_NS};
	struct machine *m = arg;

	while (!__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE))
		if (!uvdk_emu_step(m->emu))
			nanosleep(&idle, NULL);

	return NULL;
}

int machine_create(struct machine *m)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true};

	if (uvdk_emu_create(&opts, &m->emu))
		return -1;

	return machine_release(m);
}

void machine_hold(struct machine *m)
{
	if (!m->runs)
		return;
	__atomic_store_n(&m->stop, true, __ATOMIC_RELEASE);
	pthread_join(m->thread, NULL);
	m->runs = false;
}

int machine_release(struct machine *m)
{
	if (m->runs)
		return 0;
	m->stop = false;
	if (pthread_create(&m->thread, NULL, work, m))
		return -1;
	m->runs = true;

	return 0;
}

void machine_destroy(struct machine *m)
{
	machine_hold(m);
	uvdk_emu_destroy(m->emu);
}
