// SPDX-License-Identifier: BSD-3-Clause
/*
 * A queue with a thread over a nested table, which another thread detaches or whose
 * vIOMMU gets and loses devices meanwhile: a plain program, for ThreadSanitizer.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_inval.h>

#include "nest_world.h"

#define ROUNDS	50
#define POSTS	200
#define DEVICES 20
#define ASID	9u

static struct nest_world nest;
static unsigned int calls;
static bool begun;

static int on_invalidate(const struct uvdk_inval_batch *batch, struct uvdk_inval_result *out)
{
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	*out = (struct uvdk_inval_result){batch->count, batch->count};
	return 0;
}

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, uvdk_last_error());
	exit(1);
}

static void *come_and_go(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
		sched_yield();
	for (unsigned int i = 0; i < DEVICES; i++) {
		nest_add(&nest, 1, "fake:1-ats", 0x22);
		nest_remove(&nest, 1);
	}
	return NULL;
}

static void *detach(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
		sched_yield();
	uvdk_hwpt_destroy(nest.hwpt[0]);
	nest.hwpt[0] = NULL;
	return NULL;
}

static int wait_for(struct uvdk_invalq *q, uint64_t cookie)
{
	int ret;

	(void)uvdk_inval_kick(q); /* an error is the cookie's, too */
	while ((ret = uvdk_inval_poll(q, cookie)) == -EINPROGRESS)
		sched_yield();
	return ret;
}

/* -ENODEV once, when it ends; else all complete. */
static int work(struct uvdk_invalq *q)
{
	uint64_t cookie = 0;
	int ret = 0;

	for (unsigned int i = 0; i < POSTS && !ret; i++) {
		const struct uvdk_inval_req req = {.first = (uint64_t)i << 13,
						   .last = ((uint64_t)i << 13) + 4095,
						   .asid = ASID,
						   .scope = UVDK_INVAL_RANGE};

		ret = uvdk_inval_post(q, &req, &cookie);
		if (!ret)
			ret = wait_for(q, cookie);
		__atomic_store_n(&begun, true, __ATOMIC_RELEASE);
	}
	return ret;
}

static int once(void *(*meanwhile)(void *))
{
	const struct uvdk_invalq_opts opts = {.size = sizeof(opts), .thread = true};
	struct uvdk_invalq *q = NULL;
	pthread_t thread;
	int ret;

	begun = false;
	fake_viommu.on_invalidate = on_invalidate;
	nest_open(&nest, UVDK_NEST_SMMUV3, true);
	nest_add(&nest, 0, NULL, 0x11);
	check(!uvdk_invalq_open(nest.hwpt[0], nest.dev[0], UVDK_PASID_RID, &opts, &q), "open");
	check(!pthread_create(&thread, NULL, meanwhile, NULL), "thread");
	ret = work(q);
	pthread_join(thread, NULL);
	uvdk_inval_settle(q);
	uvdk_invalq_destroy(q);
	nest_close(&nest);
	return ret;
}

int main(void)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		int ret = once(detach);

		check(!ret || ret == -ENODEV, "detached meanwhile");
	}
	check(!once(come_and_go), "devices come and go");
	check(calls, "nothing was called");
	return 0;
}
