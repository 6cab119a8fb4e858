// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "app.h"
#include "cores.h"
#include "seal.h"

struct plan {
	unsigned int count;
	struct fwd_stream *stream[];
};

/* Life of a thread of our own. */
enum thread_state { THREAD_STARTING, THREAD_READY, THREAD_FAILED };

struct core {
	struct plan *plan;    /* written by the main thread; NULL: stop */
	struct plan *retired; /* the one before, until the core has left it */
	unsigned int lcore;
	bool own_thread; /* ours, else EAL's worker */
	bool sealed;
	bool yields; /* shares its CPU with the main thread */
	bool created;
	char name[32];
	pthread_t thread;
	sem_t wake;
	bool finish;
	int state; /* enum thread_state */
	int error;
	/* Written by the core; on a line of its own. */
	struct plan *seen __attribute__((aligned(64)));
} __attribute__((aligned(64)));

struct cores {
	unsigned int count;
	unsigned int running;
	struct core core[];
};

/* No system call from here until the plan is NULL, unless the core yields. */
static int forward(void *arg)
{
	struct core *core = arg;
	struct plan *plan;
	unsigned int moved;

	while ((plan = __atomic_load_n(&core->plan, __ATOMIC_ACQUIRE)) != NULL) {
		if (plan != core->seen)
			__atomic_store_n(&core->seen, plan, __ATOMIC_RELEASE);
		moved = 0;
		for (unsigned int i = 0; i < plan->count; i++)
			moved += plan->stream[i]->engine->forward(plan->stream[i]);
		if (moved)
			continue;
		if (core->yields)
			sched_yield();
		else
			rte_pause();
	}
	__atomic_store_n(&core->seen, NULL, __ATOMIC_RELEASE);

	return 0;
}

static void report(struct core *core, int error)
{
	core->error = error;
	__atomic_store_n(&core->state, error ? THREAD_FAILED : THREAD_READY, __ATOMIC_RELEASE);
}

static void *thread_main(void *arg)
{
	struct core *core = arg;
	rte_cpuset_t cpus = rte_lcore_cpuset(core->lcore);
	int ret = 0;

	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	/* For a cache in each mempool; it works without, only slower. */
	rte_thread_register();
	if (core->sealed)
		ret = seal_thread();
	report(core, ret);
	while (!ret && !__atomic_load_n(&core->finish, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&core->plan, __ATOMIC_ACQUIRE))
			forward(core);
		else if (core->sealed)
			rte_pause();
		else
			sem_wait(&core->wake);
	}
	rte_thread_unregister();

	return NULL;
}

static void nap(void)
{
	struct timespec ts = {.tv_nsec = 20000};

	nanosleep(&ts, NULL);
}

static int create_thread(struct core *core)
{
	int ret;

	sem_init(&core->wake, 0, 0);
	ret = pthread_create(&core->thread, NULL, thread_main, core);
	if (ret)
		return -ret;
	while (__atomic_load_n(&core->state, __ATOMIC_ACQUIRE) == THREAD_STARTING)
		nap();
	if (core->state == THREAD_FAILED) {
		pthread_join(core->thread, NULL);
		return core->error;
	}
	core->created = true;

	return 0;
}

static void add(struct cores *cores, const struct options *opts, unsigned int lcore)
{
	struct core *core = &cores->core[cores->count++];
	bool is_main = lcore == rte_get_main_lcore();

	core->lcore = lcore;
	core->own_thread = is_main || opts->seccomp;
	core->sealed = opts->seccomp;
	core->yields = is_main && !opts->seccomp;
	snprintf(core->name, sizeof(core->name), "%slcore %u",
		 core->own_thread ? "a thread on " : "", lcore);
}

int cores_create(const struct options *opts, struct cores **out)
{
	unsigned int lcores = rte_lcore_count();
	size_t size = sizeof(struct cores) + lcores * sizeof(struct core);
	struct cores *cores = aligned_alloc(64, RTE_ALIGN_CEIL(size, 64));
	unsigned int lcore;
	int ret;

	if (!cores)
		return -ENOMEM;
	memset(cores, 0, size);
	RTE_LCORE_FOREACH_WORKER(lcore)
	add(cores, opts, lcore);
	if (cores->count == 0)
		add(cores, opts, rte_get_main_lcore());

	if (opts->nb_cores > cores->count) {
		complain("--nb-cores: '%u' is not possible; allowed: 1 to %u, for -l gives %u "
			 "lcores and one of them serves commands and events",
			 opts->nb_cores, cores->count, lcores);
		free(cores);
		return -EINVAL;
	}
	cores->count = opts->nb_cores;
	for (unsigned int i = 0; i < cores->count; i++) {
		if (!cores->core[i].own_thread)
			continue;
		ret = create_thread(&cores->core[i]);
		if (ret) {
			complain("%s can't be started: %s", cores->core[i].name, strerror(-ret));
			cores_destroy(cores);
			return ret;
		}
	}
	*out = cores;

	return 0;
}

void cores_destroy(struct cores *cores)
{
	bool alive = false;

	if (!cores)
		return;
	cores_stop(cores);
	for (unsigned int i = 0; i < cores->count; i++) {
		struct core *core = &cores->core[i];

		if (!core->created)
			continue;
		if (core->sealed) {
			alive = true; /* and it reads its struct core for ever */
			continue;
		}
		__atomic_store_n(&core->finish, true, __ATOMIC_RELEASE);
		sem_post(&core->wake);
		pthread_join(core->thread, NULL);
		sem_destroy(&core->wake);
	}
	if (!alive)
		free(cores);
}

static struct plan *make_plan(struct fwd_stream *const *streams, unsigned int count)
{
	struct plan *plan = malloc(sizeof(*plan) + count * sizeof(plan->stream[0]));

	if (!plan)
		return NULL;
	plan->count = count;
	if (count)
		memcpy(plan->stream, streams, count * sizeof(plan->stream[0]));

	return plan;
}

static void wait_seen(struct core *core)
{
	while (__atomic_load_n(&core->seen, __ATOMIC_ACQUIRE) != core->plan)
		nap();
	free(core->retired);
	core->retired = NULL;
}

int cores_plan(struct cores *cores, unsigned int index, struct fwd_stream *const *streams,
	       unsigned int count)
{
	struct core *core = &cores->core[index];
	struct plan *plan = make_plan(streams, count);

	if (!plan)
		return -ENOMEM;
	wait_seen(core);
	core->retired = core->plan;
	__atomic_store_n(&core->plan, plan, __ATOMIC_RELEASE);

	return 0;
}

void cores_quiesce(struct cores *cores)
{
	for (unsigned int i = 0; i < cores->running; i++)
		wait_seen(&cores->core[i]);
}

int cores_start(struct cores *cores, unsigned int count)
{
	if (count > cores->count)
		return -EINVAL;
	for (unsigned int i = 0; i < count; i++) {
		struct core *core = &cores->core[i];

		core->seen = NULL;
		if (cores_plan(cores, i, NULL, 0))
			return -ENOMEM;
		cores->running = i + 1;
		if (!core->own_thread)
			rte_eal_remote_launch(forward, core, core->lcore);
		else if (!core->sealed)
			sem_post(&core->wake);
	}
	cores_quiesce(cores);

	return 0;
}

void cores_stop(struct cores *cores)
{
	for (unsigned int i = 0; i < cores->running; i++) {
		struct core *core = &cores->core[i];

		wait_seen(core);
		core->retired = core->plan;
		__atomic_store_n(&core->plan, NULL, __ATOMIC_RELEASE);
	}
	for (unsigned int i = 0; i < cores->running; i++) {
		wait_seen(&cores->core[i]);
		if (!cores->core[i].own_thread)
			rte_eal_wait_lcore(cores->core[i].lcore);
	}
	cores->running = 0;
}

const char *cores_name(const struct cores *cores, unsigned int index)
{
	return cores->core[index].name;
}
