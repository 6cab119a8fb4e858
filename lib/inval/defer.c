// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "inval_priv.h"

/* Quarantine: two lists by cookie, of what waits and of what waited for something that failed. */

static void insert(struct inval_list *list, struct uvdk_inval_node *node)
{
	struct uvdk_inval_node *before = list->last;

	while (before && before->cookie > node->cookie)
		before = before->prev;
	node->prev = before;
	node->next = before ? before->next : list->first;
	if (node->next)
		node->next->prev = node;
	else
		list->last = node;
	if (before)
		before->next = node;
	else
		list->first = node;
}

static struct uvdk_inval_node *take(struct inval_list *list)
{
	struct uvdk_inval_node *node = list->first;

	list->first = node->next;
	if (node->next)
		node->next->prev = NULL;
	else
		list->last = NULL;

	return node;
}

static void give_back(struct inval_queue *q, struct uvdk_inval_node *node)
{
	q->stats.quarantined--;
	q->stats.released++;
	node->release(node);
}

/* A release may defer and poll: each node is out of the list before it is called. */
void inval_release(struct inval_queue *q)
{
	while (q->waiting.first && q->waiting.first->cookie <= q->done) {
		struct uvdk_inval_node *node = take(&q->waiting);

		if (inval_failure(q, node->cookie))
			insert(&q->held, node);
		else
			give_back(q, node);
	}
}

void inval_release_held(struct inval_queue *q)
{
	while (q->held.first)
		give_back(q, take(&q->held));
}

UVDK_EXPORT int uvdk_inval_defer(struct uvdk_invalq *pub, struct uvdk_inval_node *node,
				 uint64_t cookie)
{
	struct inval_queue *q = inval_queue_of(pub);

	if (!cookie || cookie > pub->cookie || !node->release)
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "quarantine for cookie %" PRIu64 ": the last one is %" PRIu64
				 ", and a release function is needed",
				 cookie, pub->cookie);
	node->cookie = cookie;
	insert(&q->waiting, node);
	q->stats.quarantined++;

	return 0;
}
