// SPDX-License-Identifier: BSD-3-Clause
#include "device_priv.h"

/*
 * Who must know when a device is closed. One lock for all, for a watch may be given
 * up by another thread while its device is closed, and is freed then.
 */
struct telling {
	const struct uvdk_device_watcher *watch; /* only its address: it may be freed */
	pthread_t thread;
	struct telling *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static struct telling *tellings; /* on the stacks of those who close */

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

/* Who is telling is not here, or is the child itself, which finds nobody waiting. */
static void in_child(void)
{
	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&told, NULL);
	tellings = NULL;
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, in_parent, in_child);
}

static void take_out(struct uvdk_device_watcher *watch)
{
	*watch->link = watch->next;
	if (watch->next)
		watch->next->link = watch->link;
	watch->link = NULL;
}

UVDK_EXPORT void uvdk_device_watch(struct uvdk_device *dev, struct uvdk_device_watcher *watch)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&lock);
	watch->next = dev->watches;
	watch->link = &dev->watches;
	if (watch->next)
		watch->next->link = &watch->next;
	dev->watches = watch;
	pthread_mutex_unlock(&lock);
}

/* By another thread than this: who gives up a watch while it is told does not wait for itself. */
static bool told_elsewhere(const struct uvdk_device_watcher *watch)
{
	for (const struct telling *t = tellings; t; t = t->next)
		if (t->watch == watch && !pthread_equal(t->thread, pthread_self()))
			return true;

	return false;
}

/* The device may be gone: nothing of it is read. */
UVDK_EXPORT void uvdk_device_unwatch(struct uvdk_device *dev, struct uvdk_device_watcher *watch)
{
	(void)dev;
	pthread_mutex_lock(&lock);
	if (watch->link)
		take_out(watch);
	while (told_elsewhere(watch))
		pthread_cond_wait(&told, &lock);
	pthread_mutex_unlock(&lock);
}

static void begin(struct telling *t, struct uvdk_device_watcher *watch)
{
	take_out(watch);
	*t = (struct telling){.watch = watch, .thread = pthread_self(), .next = tellings};
	tellings = t;
}

static void end(const struct telling *t)
{
	struct telling **at = &tellings;

	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	pthread_cond_broadcast(&told);
}

void device_tell_watches(struct uvdk_device *dev)
{
	struct uvdk_device_watcher *watch;
	struct telling telling;

	pthread_mutex_lock(&lock);
	while ((watch = dev->watches)) {
		begin(&telling, watch);
		pthread_mutex_unlock(&lock);
		watch->closes(watch);
		pthread_mutex_lock(&lock);
		end(&telling);
	}
	pthread_mutex_unlock(&lock);
}
