// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <uvdk_eal_thread.h>

#include "eal_priv.h"

struct uvdk_eal_loop {
	unsigned int lcore;
	uvdk_eal_poll_fn fn;
	void *priv;
	bool stop;	/* atomic; by whoever stops */
	bool running;	/* atomic; by the lcore, as the rest */
	uint64_t turns; /* atomic */
	int ret;
	char error[512];
};

/* The last loop that each lcore took up; atomic. */
static const struct uvdk_eal_loop *latest[RTE_MAX_LCORE];

UVDK_EXPORT int uvdk_eal_thread_join(void)
{
	if (!rte_lcore_count())
		return uvdk_fail(-ENODEV, COMPONENT, "call rte_eal_init() first");
	if (rte_lcore_id() != LCORE_ID_ANY)
		return (int)rte_lcore_id();
	if (!rte_thread_register())
		return (int)rte_lcore_id();

	return uvdk_fail(-EAGAIN, COMPONENT,
			 "DPDK can't have this thread as an lcore (%s); it has room for %u, those "
			 "of --lcores included",
			 rte_strerror(rte_errno), RTE_MAX_LCORE);
}

UVDK_EXPORT void uvdk_eal_thread_leave(void)
{
	/* EAL's own have another role, and stay. */
	if (rte_lcore_id() != LCORE_ID_ANY && rte_eal_lcore_role(rte_lcore_id()) == ROLE_NON_EAL)
		rte_thread_unregister();
}

static int run(void *arg)
{
	struct uvdk_eal_loop *loop = arg;
	uint64_t turns = 0;
	int ret = 0;

	__atomic_store_n(&latest[loop->lcore], loop, __ATOMIC_RELEASE);
	while (ret >= 0 && !__atomic_load_n(&loop->stop, __ATOMIC_ACQUIRE)) {
		ret = loop->fn(loop->priv);
		__atomic_store_n(&loop->turns, ++turns, __ATOMIC_RELAXED);
	}
	if (ret < 0) {
		loop->ret = ret;
		snprintf(loop->error, sizeof(loop->error), "%s", uvdk_last_error());
	}
	__atomic_store_n(&loop->running, false, __ATOMIC_RELEASE);

	return 0;
}

/* "1 2 5", for a message */
static void list_workers(char *out, size_t size)
{
	size_t used = 0;
	unsigned int i;

	*out = '\0';
	RTE_LCORE_FOREACH_WORKER(i)
	{
		int n = snprintf(out + used, size - used, "%s%u", used ? " " : "", i);

		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
	if (!used)
		snprintf(out, size, "none: start EAL with more, such as -l 0,1");
}

static int check(unsigned int lcore, uvdk_eal_poll_fn fn)
{
	char workers[128];

	if (!fn)
		return uvdk_fail(-EINVAL, COMPONENT, "a loop needs a function");
	if (!rte_lcore_count())
		return uvdk_fail(-ENODEV, COMPONENT, "call rte_eal_init() first");
	if (lcore < RTE_MAX_LCORE && rte_lcore_is_enabled(lcore) && lcore != rte_get_main_lcore())
		return 0;
	list_workers(workers, sizeof(workers));

	return uvdk_fail(-EINVAL, COMPONENT, "lcore %u is no worker of EAL's; there are: %s", lcore,
			 workers);
}

UVDK_EXPORT int uvdk_eal_loop_start(unsigned int lcore, uvdk_eal_poll_fn fn, void *priv,
				    struct uvdk_eal_loop **out)
{
	struct uvdk_eal_loop *loop;
	int ret = check(lcore, fn);

	if (ret)
		return ret;
	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return uvdk_fail(-ENOMEM, COMPONENT, "out of memory");
	loop->lcore = lcore;
	loop->fn = fn;
	loop->priv = priv;
	loop->running = true;
	ret = rte_eal_remote_launch(run, loop, lcore);
	if (ret) {
		free(loop);
		return uvdk_fail(-EBUSY, COMPONENT, "lcore %u is running something already", lcore);
	}
	*out = loop;

	return 0;
}

UVDK_EXPORT bool uvdk_eal_loop_running(const struct uvdk_eal_loop *loop)
{
	return __atomic_load_n(&loop->running, __ATOMIC_ACQUIRE);
}

UVDK_EXPORT uint64_t uvdk_eal_loop_turns(const struct uvdk_eal_loop *loop)
{
	return __atomic_load_n(&loop->turns, __ATOMIC_RELAXED);
}

/*
 * Until the lcore is done with it, so that the next can be started there. If it
 * ended by itself, the lcore may have another by now, which is not waited for.
 */
static void wait_for(const struct uvdk_eal_loop *loop)
{
	while (uvdk_eal_loop_running(loop))
		sched_yield();
	while (rte_eal_get_lcore_state(loop->lcore) != WAIT &&
	       __atomic_load_n(&latest[loop->lcore], __ATOMIC_ACQUIRE) == loop)
		sched_yield();
}

UVDK_EXPORT int uvdk_eal_loop_stop(struct uvdk_eal_loop *loop)
{
	int ret;

	if (!loop)
		return 0;
	__atomic_store_n(&loop->stop, true, __ATOMIC_RELEASE);
	wait_for(loop);
	ret = loop->ret;
	if (ret) {
		uvdk_log_hush(true);
		uvdk_fail(ret, COMPONENT, "%s", loop->error);
		uvdk_log_hush(false);
	}
	free(loop);

	return ret;
}
