// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dsa_pages.h"

#define MAX 16u

static void serve(struct pages *p, const struct uvdk_fault *fault)
{
	struct uvdk_fault_answer answer = {.group = fault->group};

	if (fault->type != UVDK_FAULT_PAGE_REQUEST || !fault->last)
		return;
	if (arena_bring_in(p->arena, fault->addr)) {
		answer.code = UVDK_FAULT_SUCCESS;
		p->given++;
	} else {
		answer.code = UVDK_FAULT_INVALID;
		p->refused++;
	}
	cr_assert_eq(uvdk_faultq_answer(p->q, &answer, 1), 0, "%s", uvdk_last_error());
}

static void serve_all(struct pages *p)
{
	struct uvdk_fault faults[MAX];
	int count = uvdk_faultq_read(p->q, faults, MAX);

	for (int i = 0; i < count; i++)
		serve(p, &faults[i]);
}

static void *work(void *arg)
{
	struct pages *p = arg;
	struct pollfd fds[2] = {{.fd = uvdk_faultq_fd(p->q), .events = POLLIN},
				{.fd = p->stop, .events = POLLIN}};

	while (!(fds[1].revents & POLLIN)) {
		poll(fds, 2, -1);
		serve_all(p);
	}

	return NULL;
}

void pages_start(struct pages *p, struct uvdk_faultq *q, struct arena *arena)
{
	*p = (struct pages){.q = q, .arena = arena, .stop = eventfd(0, EFD_CLOEXEC)};
	cr_assert_eq(pthread_create(&p->thread, NULL, work, p), 0);
}

void pages_stop(struct pages *p)
{
	cr_assert_eq(eventfd_write(p->stop, 1), 0);
	pthread_join(p->thread, NULL);
	close(p->stop);
}
