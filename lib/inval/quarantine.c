// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "quarantine.h"

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

static void give_back(struct inval_quarantine *qr, struct uvdk_inval_node *node)
{
	qr->inside--;
	qr->released++;
	node->release(node);
}

void inval_quarantine_put(struct inval_quarantine *qr, struct uvdk_inval_node *node,
			  uint64_t cookie)
{
	node->cookie = cookie;
	insert(&qr->waiting, node);
	qr->inside++;
}

/* A release may defer and poll: each node is out of the list before it is called. */
void inval_quarantine_release(struct inval_quarantine *qr, const uint64_t *done)
{
	while (qr->waiting.first && qr->waiting.first->cookie <= *done) {
		struct uvdk_inval_node *node = take(&qr->waiting);

		if (inval_quarantine_failure(qr, node->cookie))
			insert(&qr->held, node);
		else
			give_back(qr, node);
	}
}

void inval_quarantine_settle(struct inval_quarantine *qr)
{
	qr->failures = 0;
}

void inval_quarantine_release_held(struct inval_quarantine *qr)
{
	while (qr->held.first)
		give_back(qr, take(&qr->held));
}

/* What can't be remembered apart is remembered together: nothing failed is ever forgotten. */
void inval_quarantine_fail(struct inval_quarantine *qr, const struct uvdk_inval_error *error)
{
	if (qr->failures == INVAL_FAILURES) {
		qr->failure[0].last = qr->failure[1].last;
		memmove(&qr->failure[1], &qr->failure[2],
			(INVAL_FAILURES - 2) * sizeof(qr->failure[0]));
		qr->failures--;
	}
	qr->failure[qr->failures++] = *error;
	qr->errors++;
}

const struct uvdk_inval_error *inval_quarantine_failure(const struct inval_quarantine *qr,
							uint64_t cookie)
{
	for (unsigned int i = 0; i < qr->failures; i++)
		if (cookie >= qr->failure[i].first && cookie <= qr->failure[i].last)
			return &qr->failure[i];

	return NULL;
}
