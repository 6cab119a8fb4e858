// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <rte_lcore.h>
#include <rte_mempool.h>

#include <uvdk_base_driver.h>
#include <uvdk_eal_thread.h>

#include "eal_world.h"

/* Threads that are lcores, and lcores that poll. */

TestSuite(eal_thread, .timeout = 60);

#define WITHIN_A_MINUTE(condition)                             \
	({                                                     \
		time_t deadline_ = time(NULL) + 60;            \
		while (!(condition) && time(NULL) < deadline_) \
			sched_yield();                         \
		(condition);                                   \
	})

static struct rte_mempool *pool;

static void *burst(void *arg)
{
	unsigned int *lcore = arg;
	int ret = uvdk_eal_thread_join();
	struct rte_mbuf *m[8];

	cr_assert_geq(ret, 0, "%s", uvdk_last_error());
	*lcore = (unsigned int)ret;
	cr_expect_eq(uvdk_eal_thread_join(), ret, "once is enough");
	cr_assert_eq(rte_pktmbuf_alloc_bulk(pool, m, 8), 0);
	rte_pktmbuf_free_bulk(m, 8);
	/* They are in its own cache, not in the ring. */
	cr_expect_gt(rte_mempool_default_cache(pool, rte_lcore_id())->len, 0);
	rte_mempool_cache_flush(rte_mempool_default_cache(pool, rte_lcore_id()), pool);
	uvdk_eal_thread_leave();
	cr_expect_eq(rte_lcore_id(), LCORE_ID_ANY);
	uvdk_eal_thread_leave();

	return NULL;
}

Test(eal_thread, a_thread_that_joins_has_a_cache_of_its_own)
{
	unsigned int lcore = 0;
	pthread_t thread;

	cr_expect_eq(uvdk_eal_thread_join(), -ENODEV);
	eal_start();
	pool = rte_pktmbuf_pool_create("p", 511, 64, 0, 1024, SOCKET_ID_ANY);
	cr_assert(pool);
	for (int i = 0; i < 300; i++) {
		cr_assert_eq(pthread_create(&thread, NULL, burst, &lcore), 0);
		pthread_join(thread, NULL);
		cr_expect_gt(lcore, 1);
	}
	/* EAL's own is one already, and stays one. */
	cr_expect_eq(uvdk_eal_thread_join(), (int)rte_get_main_lcore());
	uvdk_eal_thread_leave();
	cr_expect_eq(rte_lcore_id(), rte_get_main_lcore());
	cr_expect(rte_mempool_full(pool));
	rte_mempool_free(pool);
}

static int turn(void *priv)
{
	unsigned int *left = priv;

	if (left && !(*left)--)
		return uvdk_fail(-EPROTO, "test", "turned enough on lcore %u", rte_lcore_id());
	return 0;
}

Test(eal_thread, a_loop_polls_until_it_is_stopped)
{
	struct uvdk_eal_loop *loop, *none = NULL;

	cr_expect_eq(uvdk_eal_loop_start(1, turn, NULL, &none), -ENODEV);
	eal_start();
	cr_expect_eq(uvdk_eal_loop_start(0, turn, NULL, &none), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "there are: 1"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_eal_loop_start(9999, turn, NULL, &none), -EINVAL);
	cr_expect_eq(uvdk_eal_loop_start(1, NULL, NULL, &none), -EINVAL);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uvdk_eal_loop_start(1, turn, NULL, &loop), 0, "%s", uvdk_last_error());
		cr_expect_eq(uvdk_eal_loop_start(1, turn, NULL, &none), -EBUSY);
		cr_expect(WITHIN_A_MINUTE(uvdk_eal_loop_turns(loop) > 1000));
		cr_expect(uvdk_eal_loop_running(loop));
		cr_expect_eq(uvdk_eal_loop_stop(loop), 0);
	}
	cr_expect_eq(uvdk_eal_loop_stop(NULL), 0);
	cr_expect_null(none);
}

Test(eal_thread, why_a_loop_ended_is_told_to_who_stops_it)
{
	struct uvdk_eal_loop *loop;
	unsigned int left = 5;

	eal_start();
	cr_assert_eq(uvdk_eal_loop_start(1, turn, &left, &loop), 0, "%s", uvdk_last_error());
	cr_expect(WITHIN_A_MINUTE(!uvdk_eal_loop_running(loop)));
	cr_expect_eq(uvdk_eal_loop_turns(loop), 6);
	cr_expect_str_empty(uvdk_last_error());
	cr_expect_eq(uvdk_eal_loop_stop(loop), -EPROTO);
	cr_expect_str_eq(uvdk_last_error(), "turned enough on lcore 1");
}

/* Its lcore may have yet to come back from the one before. */
static bool started(struct uvdk_eal_loop **out)
{
	return *out || !uvdk_eal_loop_start(1, turn, NULL, out);
}

/* What runs there since is not what is stopped. */
Test(eal_thread, a_loop_that_ended_is_freed_while_another_has_its_lcore)
{
	struct uvdk_eal_loop *ended, *other = NULL;
	unsigned int left = 0;

	eal_start();
	cr_assert_eq(uvdk_eal_loop_start(1, turn, &left, &ended), 0, "%s", uvdk_last_error());
	cr_assert(WITHIN_A_MINUTE(!uvdk_eal_loop_running(ended)));
	cr_assert(WITHIN_A_MINUTE(started(&other)), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_eal_loop_stop(ended), -EPROTO);
	cr_expect(uvdk_eal_loop_running(other));
	cr_expect_eq(uvdk_eal_loop_stop(other), 0);
}

/* Stopping one that ended by itself leaves its lcore ready for the next. */
Test(eal_thread, one_loop_after_another)
{
	struct uvdk_eal_loop *loop;

	eal_start();
	for (int i = 0; i < 1000; i++) {
		unsigned int left = 0;

		cr_assert_eq(uvdk_eal_loop_start(1, turn, &left, &loop), 0, "turn %d: %s", i,
			     uvdk_last_error());
		while (i % 2 && uvdk_eal_loop_running(loop))
			sched_yield();
		uvdk_eal_loop_stop(loop);
	}
}
