// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which address spaces have registrations. An ioas is iommu's, and knows nothing of
 * them: the list is searched when one is made, and has as many members as the process
 * has address spaces with some.
 */
#include <errno.h>

#include "reg_priv.h"

static struct {
	pthread_mutex_t lock; /* held over fork() */
	struct reg_space *spaces;
} list = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void fork_prepare(void)
{
	pthread_mutex_lock(&list.lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&list.lock);
}

/* What the parent has registered stays where it is, and is found no more. */
static void fork_child(void)
{
	for (struct reg_space *space = list.spaces; space; space = space->next)
		space->ioas = NULL;
	list.spaces = NULL;
	pthread_mutex_init(&list.lock, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

static struct reg_space *make(struct uvdk_ioas *ioas)
{
	struct reg_space *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	space->ioas = ioas;
	pthread_mutex_init(&space->lock, NULL);
	space->next = list.spaces;
	list.spaces = space;

	return space;
}

struct reg_space *reg_space_get(struct uvdk_ioas *ioas)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct reg_space *space;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&list.lock);
	for (space = list.spaces; space && space->ioas != ioas; space = space->next)
		;
	if (!space)
		space = make(ioas);
	if (space)
		space->users++;
	pthread_mutex_unlock(&list.lock);
	if (!space)
		uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory to note a registration");

	return space;
}

void reg_space_put(struct reg_space *space)
{
	struct reg_space **at = &list.spaces;
	bool last;

	pthread_mutex_lock(&list.lock);
	last = !--space->users;
	while (last && *at && *at != space)
		at = &(*at)->next;
	if (last && *at)
		*at = space->next;
	pthread_mutex_unlock(&list.lock);
	if (last)
		free(space);
}

bool reg_space_is_ours(const struct reg_space *space)
{
	return space->ioas;
}
