// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vtd_priv.h"

/* An idle machine first spins, then naps longer and longer, up to NAP_MAX. */
#define IDLE_SPINS 256
#define NAP_MIN_NS 20000
#define NAP_MAX_NS 400000
#define LOG_NAME   "emu"

/*
 * The stepper takes the lock again as soon as it gave it back, and a mutex is
 * not fair; so others announce themselves and the stepper stands aside.
 */
void emu_lock(struct uvdk_emu *emu)
{
	atomic_fetch_add(&emu->waiting, 1);
	pthread_mutex_lock(&emu->lock);
	atomic_fetch_sub(&emu->waiting, 1);
}

void emu_unlock(struct uvdk_emu *emu)
{
	pthread_mutex_unlock(&emu->lock);
}

int emu_check_owner(const struct uvdk_emu *emu)
{
	if (getpid() == emu->owner)
		return 0;

	return uvdk_fail(-EPERM, LOG_NAME,
			 "this emulated machine runs in process %d, not in %d, its child: create "
			 "one here",
			 (int)emu->owner, (int)getpid());
}

static unsigned int step_locked(struct uvdk_emu *emu)
{
	unsigned int busy = 0;

	for (unsigned int i = 0; i < emu->nr_units; i++)
		vtd_queue_run(emu->vtd[i]);

	for (unsigned int i = 0; i < EMU_SLOTS; i++) {
		struct uvdk_emu_function *fn = emu->fns[i];

		if (fn && !atomic_load_explicit(&fn->gone, memory_order_relaxed))
			busy += fn->model->step(fn);
	}

	return busy;
}

static void nap(unsigned int ns)
{
	struct timespec ts = {.tv_nsec = ns};

	nanosleep(&ts, NULL);
}

/* Back off while there is nothing to do; returns the new idle count. */
static unsigned int idle_wait(struct uvdk_emu *emu, unsigned int idle)
{
	unsigned int shift;

	if (atomic_load_explicit(&emu->kicked, memory_order_relaxed)) {
		atomic_store_explicit(&emu->kicked, false, memory_order_relaxed);
		return 0;
	}
	if (idle < IDLE_SPINS) {
		uvdk_cpu_relax();
		return idle + 1;
	}
	shift = idle - IDLE_SPINS;
	if ((NAP_MIN_NS << shift) >= NAP_MAX_NS) {
		nap(NAP_MAX_NS);
		return idle;
	}
	nap((unsigned int)NAP_MIN_NS << shift);

	return idle + 1;
}

static void *stepper(void *arg)
{
	struct uvdk_emu *emu = arg;
	unsigned int idle = 0;
	bool stop = false;

	while (!stop) {
		unsigned int busy;

		while (atomic_load_explicit(&emu->waiting, memory_order_relaxed))
			sched_yield();
		pthread_mutex_lock(&emu->lock);
		while (!emu->stop && emu->nr_fns == 0)
			pthread_cond_wait(&emu->plugged, &emu->lock);
		busy = step_locked(emu);
		stop = emu->stop;
		pthread_mutex_unlock(&emu->lock);
		idle = busy ? 0 : idle_wait(emu, idle);
	}

	return NULL;
}

/* The application's signals are for the application's threads. */
static int start_thread(struct uvdk_emu *emu)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&emu->thread, NULL, stepper, emu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		return uvdk_fail(-EAGAIN, LOG_NAME, "no thread for the emulated machine: %s",
				 strerror(ret));

	return 0;
}

static void stop_thread(struct uvdk_emu *emu)
{
	emu_lock(emu);
	emu->stop = true;
	pthread_cond_broadcast(&emu->plugged);
	emu_unlock(emu);
	pthread_join(emu->thread, NULL);
}

static void free_machine(struct uvdk_emu *emu)
{
	struct emu_shared *next;

	for (struct emu_shared *s = emu->shared; s; s = next) {
		next = s->next;
		free(s->key);
		free(s);
	}
	for (unsigned int i = 0; i < emu->nr_units; i++)
		vtd_destroy(emu->vtd[i]);
	emu_windows_free(emu);
	pthread_mutex_destroy(&emu->fault_lock);
	pthread_mutex_destroy(&emu->shared_lock);
	pthread_cond_destroy(&emu->plugged);
	pthread_mutex_destroy(&emu->lock);
	free(emu);
}

static int check_opts(const struct uvdk_emu_opts *o)
{
	if (o->iova_bits < EMU_IOVA_BITS_MIN || o->iova_bits > EMU_IOVA_BITS_MAX)
		return uvdk_fail(-EINVAL, LOG_NAME,
				 "an IOMMU of %u address bits was asked for: %u to %u are possible",
				 o->iova_bits, EMU_IOVA_BITS_MIN, EMU_IOVA_BITS_MAX);
	if (!o->iommus || o->iommus > EMU_UNITS_MAX)
		return uvdk_fail(-EINVAL, LOG_NAME,
				 "%u IOMMUs were asked for: 1 to %d are possible", o->iommus,
				 EMU_UNITS_MAX);
	if (o->no_snoop >> o->iommus || o->caching > UVDK_EMU_CACHE_FORGETS)
		return uvdk_fail(-EINVAL, LOG_NAME,
				 "no_snoop 0x%x names IOMMUs that are not there, or caching %u is "
				 "unknown",
				 o->no_snoop, (unsigned int)o->caching);

	return 0;
}

static int read_opts(const struct uvdk_emu_opts *opts, struct uvdk_emu_opts *o)
{
	int ret;

	*o = (struct uvdk_emu_opts){.size = sizeof(*o)};
	ret = uvdk_opts_copy(o, sizeof(*o), opts, "uvdk_emu_opts");
	if (ret)
		return ret;
	if (!o->iova_bits)
		o->iova_bits = 48;
	if (!o->iommus)
		o->iommus = 1;

	return check_opts(o);
}

static int make_units(struct uvdk_emu *emu, unsigned int count)
{
	int ret = 0;

	while (!ret && emu->nr_units < count) {
		ret = vtd_create(emu, emu->nr_units, &emu->vtd[emu->nr_units]);
		if (!ret)
			emu->nr_units++;
	}

	return ret;
}

UVDK_EXPORT int uvdk_emu_create(const struct uvdk_emu_opts *opts, struct uvdk_emu **out)
{
	struct uvdk_emu_opts o;
	struct uvdk_emu *emu;
	int ret;

	ret = read_opts(opts, &o);
	if (ret)
		return ret;

	emu = calloc(1, sizeof(*emu));
	if (!emu)
		return uvdk_fail(-ENOMEM, LOG_NAME, "no memory for an emulated machine");
	atomic_init(&emu->refs, 1);
	emu->owner = getpid();
	emu->manual = o.manual;
	emu->iova_bits = o.iova_bits;
	emu->forgetful = o.caching == UVDK_EMU_CACHE_FORGETS;
	emu->absence = o.absence;
	emu->no_snoop = o.no_snoop;
	emu->seed = o.seed;
	pthread_mutex_init(&emu->lock, NULL);
	pthread_cond_init(&emu->plugged, NULL);
	pthread_mutex_init(&emu->shared_lock, NULL);
	pthread_rwlock_init(&emu->windows_lock, NULL);
	pthread_mutex_init(&emu->fault_lock, NULL);

	ret = make_units(emu, o.iommus);
	if (!ret && !o.manual)
		ret = start_thread(emu);
	if (ret) {
		free_machine(emu);
		return ret;
	}
	*out = emu;

	return 0;
}

UVDK_EXPORT void uvdk_emu_get(struct uvdk_emu *emu)
{
	atomic_fetch_add(&emu->refs, 1);
}

UVDK_EXPORT void uvdk_emu_destroy(struct uvdk_emu *emu)
{
	if (!emu || getpid() != emu->owner || atomic_fetch_sub(&emu->refs, 1) != 1)
		return;

	if (!emu->manual)
		stop_thread(emu);
	for (unsigned int i = 0; i < EMU_SLOTS; i++)
		if (emu->fns[i])
			uvdk_emu_unplug_fn(emu->fns[i]);
	free_machine(emu);
}

UVDK_EXPORT unsigned int uvdk_emu_step(struct uvdk_emu *emu)
{
	unsigned int busy;

	if (emu_check_owner(emu))
		return 0;
	emu_lock(emu);
	busy = step_locked(emu);
	emu_unlock(emu);

	return busy;
}

UVDK_EXPORT unsigned int uvdk_emu_work(struct uvdk_emu *emu)
{
	unsigned int busy;

	if (!emu->manual)
		return 0;
	emu_lock(emu);
	busy = step_locked(emu);
	emu_unlock(emu);

	return busy;
}

UVDK_EXPORT void uvdk_emu_kick(struct uvdk_emu_function *fn)
{
	atomic_store_explicit(&fn->emu->kicked, true, memory_order_release);
}

UVDK_EXPORT unsigned int uvdk_emu_iova_bits(const struct uvdk_emu *emu)
{
	return emu->iova_bits;
}

UVDK_EXPORT bool uvdk_emu_forgets(const struct uvdk_emu *emu)
{
	return emu->forgetful;
}

UVDK_EXPORT uint64_t uvdk_emu_seed(const struct uvdk_emu *emu)
{
	return emu->seed;
}

static struct emu_shared *shared_new(const char *key, size_t size)
{
	struct emu_shared *s = calloc(1, sizeof(*s) + size);

	if (!s)
		return NULL;
	s->size = size;
	s->key = strdup(key);
	if (!s->key) {
		free(s);
		return NULL;
	}

	return s;
}

UVDK_EXPORT void *uvdk_emu_shared(struct uvdk_emu *emu, const char *key, size_t size)
{
	struct emu_shared *s;

	pthread_mutex_lock(&emu->shared_lock);
	for (s = emu->shared; s && strcmp(s->key, key); s = s->next)
		;
	if (!s) {
		s = shared_new(key, size);
		if (s) {
			s->next = emu->shared;
			emu->shared = s;
		}
	}
	pthread_mutex_unlock(&emu->shared_lock);

	return s && s->size == size ? s->data : NULL;
}
