/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EAL_THREAD_H
#define UVDK_EAL_THREAD_H

#include <uvdk_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Threads and lcores
 *
 * Bursts may be called by any thread: nothing of ours asks which. What asks is
 * DPDK's mempool, whose cache belongs to an lcore: a thread without one takes
 * each mbuf from the common ring. Threads that EAL started are lcores; one that
 * was made by pthread_create() becomes one by uvdk_eal_thread_join(). The threads
 * that the library makes itself (invalidation queues, followers of memory, the
 * server of uvdk_inspect.h) have no mbufs in hand and join nothing.
 */

/**
 * uvdk_eal_thread_join() - make the calling thread an lcore, with mempool caches of its own
 *
 * It keeps the CPUs that it may run on. Ends with uvdk_eal_thread_leave().
 *
 * Return: its lcore number; the number it has if it is one already; -ENODEV (EAL
 * not initialised); -EAGAIN (all RTE_MAX_LCORE numbers are taken, or DPDK can't
 * have it).
 */
int uvdk_eal_thread_join(void);

/**
 * uvdk_eal_thread_leave() - it is none any more, before it ends
 *
 * What its caches hold goes back to the pools with rte_mempool_cache_flush() or
 * with the next thread of its number. Nothing happens to a thread of EAL's.
 */
void uvdk_eal_thread_leave(void);

/**
 * typedef uvdk_eal_poll_fn - one turn of a loop
 * @priv: as given to uvdk_eal_loop_start()
 *
 * Return: 0 or more to go on, negative errno to end the loop.
 */
typedef int (*uvdk_eal_poll_fn)(void *priv);

struct uvdk_eal_loop;

/**
 * uvdk_eal_loop_start() - have an lcore of EAL's poll
 * @lcore: a worker that waits, not the main lcore
 * @fn: called again and again there
 * @priv: passed to @fn
 * @out: new loop, owned by the caller
 *
 * Return: 0; -EINVAL (no worker lcore of that number: the message says which
 * there are); -EBUSY (it is running something); -ENODEV (EAL not initialised); -ENOMEM.
 */
int uvdk_eal_loop_start(unsigned int lcore, uvdk_eal_poll_fn fn, void *priv,
			struct uvdk_eal_loop **out);

/**
 * uvdk_eal_loop_running() - has it not ended by itself?
 * @loop: loop; any thread
 *
 * Return: false once @fn has returned an error.
 */
bool uvdk_eal_loop_running(const struct uvdk_eal_loop *loop);

/**
 * uvdk_eal_loop_turns() - how often it has called
 * @loop: loop; any thread
 *
 * Return: count.
 */
uint64_t uvdk_eal_loop_turns(const struct uvdk_eal_loop *loop);

/**
 * uvdk_eal_loop_stop() - let the present turn end, wait for that, and free the loop
 * @loop: loop, or NULL
 *
 * If it has ended by itself, its lcore may run another loop meanwhile: that goes on.
 * What the application launched there by itself since is waited for.
 *
 * The sentence of the error that ended it (uvdk_last_error() of its thread) becomes the
 * calling thread's; it is not logged again.
 *
 * Return: 0, or what @fn returned when it ended the loop.
 */
int uvdk_eal_loop_stop(struct uvdk_eal_loop *loop);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EAL_THREAD_H */
