// SPDX-License-Identifier: BSD-3-Clause
#include "eal_priv.h"

void missed_add(struct missed **list, char *va, size_t len)
{
	struct missed *m;

	missed_cut(list, va, len);
	m = malloc(sizeof(*m));
	if (!m)
		return;
	*m = (struct missed){.next = *list, .va = va, .len = len};
	*list = m;
}

/* What of @m lies behind @end becomes a piece of its own. */
static void split(struct missed *m, char *end)
{
	struct missed *rest = malloc(sizeof(*rest));

	if (rest) {
		*rest = (struct missed){.next = m->next, .va = end};
		rest->len = (size_t)(m->va + m->len - end);
		m->next = rest;
	}
	m->len = (size_t)(end - m->va);
}

void missed_cut(struct missed **list, const char *va, size_t len)
{
	const char *end = va + len;
	struct missed **link = list;

	while (*link) {
		struct missed *m = *link;

		if (m->va >= end || m->va + m->len <= va) {
			link = &m->next;
			continue;
		}
		if (m->va + m->len > end)
			split(m, m->va + (end - m->va));
		if (m->va < va) {
			m->len = (size_t)(va - m->va);
			link = &m->next;
		} else {
			*link = m->next;
			free(m);
		}
	}
}

uint64_t missed_bytes(const struct missed *list)
{
	uint64_t sum = 0;

	for (; list; list = list->next)
		sum += list->len;

	return sum;
}

void missed_free(struct missed **list)
{
	while (*list) {
		struct missed *m = *list;

		*list = m->next;
		free(m);
	}
}
