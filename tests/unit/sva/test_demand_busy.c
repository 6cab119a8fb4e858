// SPDX-License-Identifier: BSD-3-Clause
#include "demand_world.h"

/* While the device is at it: bindings come and go, memory does, the device does. */

static struct demand_world d;

#define LEN	((size_t)1 << 20)
#define THREADS 3
#define BINDS	1000

static void setup(void)
{
	demand_open(&d, UVDK_SVA_NO_FOLLOW);
}

TestSuite(sva_demand_busy, .init = setup, .timeout = 300);

/* A queue of the device's, that copies and copies. */
struct queue {
	pthread_t thread;
	unsigned int group;
	uint8_t *from, *to;
	uint64_t copies, wrong, late;
	bool must; /* each must work */
};

static bool stop;
static uint32_t pasid_now;
static struct queue queues[THREADS];

static void *run(void *arg)
{
	struct queue *q = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		uint32_t pasid = __atomic_load_n(&pasid_now, __ATOMIC_ACQUIRE);
		size_t off = q->copies * 7919 % (LEN - 2 * PAGE);
		enum pri_result ret =
			pri_copy(d.p, pasid, q->group, q->to + off, q->from + off, PAGE + 100);

		q->late += ret == PRI_LATE;
		q->wrong += q->must ? ret != PRI_DONE : 0;
		q->wrong += !ret && memcmp(q->to + off, q->from + off, PAGE + 100);
		__atomic_fetch_add(&q->copies, 1, __ATOMIC_RELAXED);
	}

	return NULL;
}

static void queues_start(bool must)
{
	stop = false;
	pasid_now = d.pasid;
	for (unsigned int i = 0; i < THREADS; i++) {
		queues[i] = (struct queue){.group = i + 1,
					   .from = aligned_memory(LEN),
					   .to = aligned_memory(LEN),
					   .must = must};
		for (size_t at = 0; at < LEN; at++)
			queues[i].from[at] = (uint8_t)(at * 31 + i);
		cr_assert_eq(pthread_create(&queues[i].thread, NULL, run, &queues[i]), 0);
	}
}

static uint64_t copies(const struct queue *q)
{
	return __atomic_load_n(&q->copies, __ATOMIC_RELAXED);
}

/* All of them have made some more copies. */
static void progress(unsigned int count)
{
	for (unsigned int i = 0; i < THREADS; i++) {
		uint64_t until = copies(&queues[i]) + count;

		while (copies(&queues[i]) < until)
			sched_yield();
	}
}

static void queues_stop(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(queues[i].thread, NULL);
		cr_assert_eq(queues[i].wrong, 0);
		cr_assert_eq(queues[i].late, 0);
	}
}

Test(sva_demand_busy, a_thousand_bindings_come_and_go)
{
	struct uvdk_sva_opts opts = demand_opts(&d.w, UVDK_SVA_NO_FOLLOW);

	queues_start(false);
	for (unsigned int i = 0; i < BINDS; i++) {
		cr_assert_eq(uvdk_sva_unbind(d.sva), 0);
		d.sva = bind_ok(&d.w, &opts);
		__atomic_store_n(&pasid_now, uvdk_sva_pasid(d.sva), __ATOMIC_RELEASE);
		if (i % 16 == 0)
			progress(1);
	}
	queues_stop();
	demand_close(&d);
}

/* Nobody's copy fails because others lose their memory, or somebody polls. */
Test(sva_demand_busy, memory_that_comes_and_goes_disturbs_nobody)
{
	uint8_t *mem = aligned_memory(LEN);

	queues_start(true);
	for (unsigned int i = 0; i < 2000; i++) {
		uint8_t *neighbour = queues[i % THREADS].from + i * PAGE % LEN;
		uint8_t byte;

		cr_assert_eq(uvdk_sva_forget(d.sva, neighbour, PAGE), 0);
		cr_assert_eq(pri_write(d.p, d.pasid, 100, mem + i % 16 * PAGE, &i, 1), PRI_DONE);
		cr_assert_eq(mem[i % 16 * PAGE], (uint8_t)i);
		cr_assert_eq(uvdk_sva_forget(d.sva, mem, LEN), 0);
		munmap(mem, LEN);
		cr_assert_eq(pri_read(d.p, d.pasid, 100, mem, &byte, 1), PRI_REFUSED);
		cr_assert_eq(mmap(mem, LEN, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
			     mem);
		cr_assert_geq(uvdk_sva_poll(d.sva), 0);
		if (i % 64 == 0)
			progress(1);
	}
	queues_stop();
	demand_close(&d);
}

Test(sva_demand_busy, threads_share_and_forget_at_once)
{
	queues_start(true);
	for (unsigned int i = 0; i < 1000; i++) {
		struct queue *q = &queues[i % THREADS];

		share_ok(d.sva, q->from, LEN);
		cr_assert_eq(uvdk_sva_forget(d.sva, q->from + i * PAGE % LEN, PAGE), 0);
		cr_assert_leq(info_of(d.sva).pinned, (2 * THREADS + 1) * LEN);
	}
	queues_stop();
	for (unsigned int i = 0; i < THREADS; i++) {
		cr_assert_eq(uvdk_sva_forget(d.sva, queues[i].from, LEN), 0);
		cr_assert_eq(uvdk_sva_forget(d.sva, queues[i].to, LEN), 0);
	}
	cr_assert_eq(info_of(d.sva).pinned, 0);
	demand_close(&d);
}

Test(sva_demand_busy, a_device_that_is_pulled_out_leaves_a_binding_to_be_ended)
{
	uint8_t byte;

	queues_start(false);
	progress(10);
	cr_assert_eq(uvdk_emu_unplug(d.w.emu, uvdk_emu_fn_name(d.p->fn), true), 0);
	progress(10);
	cr_assert_eq(pri_read(d.p, d.pasid, 100, &byte, &byte, 1), PRI_ENDED);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(queues[i].thread, NULL);
	demand_close(&d);
}
