// SPDX-License-Identifier: BSD-3-Clause
#include <unistd.h>

#include "uio_sva_priv.h"

/*
 * A descriptor of a child's would keep the parent's memory bound to the device
 * after the parent has closed its own, and the lock that says "in use". So a
 * child of fork() loses them at once. exec() closes them by O_CLOEXEC.
 */

static struct {
	pthread_mutex_t lock; /* guards the rest, and is held over fork() */
	struct usva *first;
} open_functions = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t once = PTHREAD_ONCE_INIT;

void usva_fork_lock(void)
{
	pthread_mutex_lock(&open_functions.lock);
}

void usva_fork_unlock(void)
{
	pthread_mutex_unlock(&open_functions.lock);
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void in_child(void)
{
	for (struct usva *v = open_functions.first; v; v = v->next) {
		drop(&v->config_fd);
		drop(&v->uio_fd);
	}
	usva_fork_unlock();
}

static void watch_forks(void)
{
	if (pthread_atfork(usva_fork_lock, usva_fork_unlock, in_child))
		uvdk_log(UVDK_LOG_WARN, USVA,
			 "no memory to watch for fork(): children will keep devices bound");
}

void usva_list_add(struct usva *v)
{
	pthread_once(&once, watch_forks);
	usva_fork_lock();
	v->next = open_functions.first;
	open_functions.first = v;
	usva_fork_unlock();
}

void usva_list_remove(struct usva *v)
{
	struct usva **link = &open_functions.first;

	usva_fork_lock();
	while (*link != v)
		link = &(*link)->next;
	*link = v->next;
	usva_fork_unlock();
}
