// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <unistd.h>

#include "sva_priv.h"

/*
 * All bindings of the process and, in a child of fork(), those of its parents.
 * A pointer is looked up here before anything behind it is read.
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t idle; /* a call has returned */
	LIST_HEAD(, uvdk_sva) all;
} registry = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.idle = PTHREAD_COND_INITIALIZER,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
	pthread_mutex_lock(&registry.lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&registry.lock);
}

/* Who slept on it is not here. */
static void in_child(void)
{
	pthread_mutex_init(&registry.lock, NULL);
	pthread_cond_init(&registry.idle, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, in_parent, in_child);
}

static bool same(const struct uvdk_sva *a, const struct uvdk_sva *b)
{
	return !a->ended && a->pid == b->pid && a->dev == b->dev && a->pasid == b->pasid &&
	       a->ops->id != UVDK_SVA_KERNEL && b->ops->id != UVDK_SVA_KERNEL;
}

static int is_bound(const struct uvdk_sva *sva)
{
	const char *name = uvdk_device_get_info(sva->dev)->name;

	if (sva->pasid == UVDK_PASID_RID)
		return uvdk_fail(-EBUSY, SVA_COMPONENT,
				 "%s is bound without a PASID already: unbind that first", name);

	return uvdk_fail(-EBUSY, SVA_COMPONENT,
			 "PASID %u of %s is bound already: unbind that first, or take another",
			 sva->pasid, name);
}

int sva_add(struct uvdk_sva *sva)
{
	const struct uvdk_sva *other;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&registry.lock);
	LIST_FOREACH(other, &registry.all, entry)
	if (same(other, sva))
		break;
	if (!other)
		LIST_INSERT_HEAD(&registry.all, sva, entry);
	pthread_mutex_unlock(&registry.lock);

	return other ? is_bound(sva) : 0;
}

/* Under the lock. */
static int check(const struct uvdk_sva *sva)
{
	const struct uvdk_sva *other;

	LIST_FOREACH(other, &registry.all, entry)
	if (other == sva)
		return sva->pid == getpid() ? 0 : -EPERM;

	return -EINVAL;
}

static int explain(int err)
{
	if (err == -EPERM)
		uvdk_fail(err, SVA_COMPONENT,
			  "this binding is the parent process's: bind anew after fork()");
	if (err == -EINVAL)
		uvdk_fail(err, SVA_COMPONENT, "this is no binding, or none any more");

	return err;
}

int sva_enter(struct uvdk_sva *sva, bool poll)
{
	int err;

	pthread_mutex_lock(&registry.lock);
	err = check(sva);
	if (!err) {
		sva->users++;
		sva->pollers += poll;
	}
	pthread_mutex_unlock(&registry.lock);

	return explain(err);
}

void sva_leave(struct uvdk_sva *sva, bool poll)
{
	pthread_mutex_lock(&registry.lock);
	sva->pollers -= poll;
	sva->users--;
	if (!sva->users || !sva->pollers)
		pthread_cond_broadcast(&registry.idle);
	pthread_mutex_unlock(&registry.lock);
}

int sva_take(struct uvdk_sva *sva)
{
	int err;

	pthread_mutex_lock(&registry.lock);
	err = check(sva);
	if (!err)
		LIST_REMOVE(sva, entry);
	while (!err && sva->users)
		pthread_cond_wait(&registry.idle, &registry.lock);
	pthread_mutex_unlock(&registry.lock);

	return explain(err);
}

void sva_quiesce(struct uvdk_sva *sva)
{
	pthread_mutex_lock(&registry.lock);
	__atomic_store_n(&sva->ended, true,
			 __ATOMIC_RELAXED); /* uvdk_sva_poll() reads it without */
	while (sva->pollers)
		pthread_cond_wait(&registry.idle, &registry.lock);
	pthread_mutex_unlock(&registry.lock);
}
