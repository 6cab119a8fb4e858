// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>

#include "fault_testing.h"

/*
 * One thread asks for pages, reads and answers; another detaches, replaces and
 * closes what asks. Whatever the order, a group is answered or forgotten.
 */
#define ROUNDS 3000

static bool stop;
static uint32_t second_id;
static unsigned int wrong, answered, late;

static void expect(bool ok)
{
	if (!ok)
		__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
}

static void ask(uint32_t dev_id, uint32_t pasid, uint32_t cookie, bool last)
{
	put_record(&(struct uvdk_fault_record){
		.fault = {.pasid = pasid, .index = cookie, .addr = cookie, .last = last},
		.dev_id = dev_id,
		.cookie = cookie});
}

static void answer_all(int count)
{
	struct uvdk_fault_answer one;

	for (int i = 0; i < count; i++) {
		if (got[i].type != UVDK_FAULT_PAGE_REQUEST || !got[i].last)
			continue;
		one = (struct uvdk_fault_answer){.group = got[i].group};
		uvdk_faultq_answer(queue, &one, 1);
		expect(!one.err || one.err == -ENOENT);
		answered += !one.err;
		late += one.err == -ENOENT;
	}
}

/* Alone in asking and reading, so that the fake needs no lock. */
static void *reader(void *arg)
{
	uint32_t own = uvdk_device_binding(dev)->id;
	uint32_t id;
	int count;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		id = __atomic_load_n(&second_id, __ATOMIC_RELAXED);
		fake_faults.head = 0;
		fake_faults.tail = 0;
		fake_faults.nr_replies = 0;
		ask(own, 5, 1, false);
		ask(id, 5, 2, true);
		ask(own, 5, 1, true);
		ask(id, 6, 3, true);
		do {
			count = uvdk_faultq_read(queue, got, 2);
			expect(count >= 0);
			answer_all(count);
		} while (count > 0);
	}
	return NULL;
}

static void change_second(void)
{
	expect(!uvdk_hwpt_attach(table, second, 5));
	expect(!uvdk_hwpt_attach(table, second, 6));
	uvdk_hwpt_detach(table, second, 5);
	uvdk_device_close(second);
	second = fake_device();
	__atomic_store_n(&second_id, uvdk_device_binding(second)->id, __ATOMIC_RELAXED);
}

static void *changer(void *arg)
{
	struct uvdk_faultq_stats now;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		expect(!uvdk_hwpt_replace(table, dev, 5));
		change_second();
		uvdk_faultq_get_stats(queue, &now);
		expect(now.waiting <= 8);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	return NULL;
}

Test(fault_threads, answers_and_detaches_at_once)
{
	pthread_t a, b;

	fault_setup();
	uvdk_hwpt_detach(table, second, 5);
	uvdk_hwpt_detach(table, second, 6);
	second_id = uvdk_device_binding(second)->id;
	cr_assert_eq(pthread_create(&a, NULL, reader, NULL), 0);
	cr_assert_eq(pthread_create(&b, NULL, changer, NULL), 0);
	pthread_join(b, NULL);
	pthread_join(a, NULL);
	cr_expect_eq(wrong, 0, "%u", wrong);
	cr_expect_gt(answered, 0);
	fault_teardown();
}
