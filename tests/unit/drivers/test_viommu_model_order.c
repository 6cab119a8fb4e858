// SPDX-License-Identifier: BSD-3-Clause
#include "viommu_model_testing.h"

#include <pthread.h>
#include <stdatomic.h>

/* When requests have their effect, and in which order they are reported. */

static struct vio_test m;

#define LAST(pages) (IOVA + (uint64_t)(pages)*PAGE - 1)

static uint8_t *post_map(uint64_t first, const void *phys)
{
	uint8_t req[36];
	uint8_t *reply;

	vio_map_words(req, 1, first, first + PAGE - 1, (uintptr_t)phys, RW);
	vio_post(&m, req, sizeof(req), 4, &reply);

	return reply;
}

static uint8_t *post_unmap(uint64_t first)
{
	uint8_t req[28];
	uint8_t *reply;

	vio_unmap_words(req, 1, first, first + PAGE - 1);
	vio_post(&m, req, sizeof(req), 4, &reply);

	return reply;
}

/* Steps until @count more are used; how many that took. */
static unsigned int steps_until(unsigned int count)
{
	unsigned int steps = 0;

	while (vt_used(&m.t.q[0]) < count && steps < 1000) {
		vt_steps(&m.t, 1);
		steps++;
	}

	return steps;
}

static void take_all(uint32_t *ids, unsigned int count)
{
	uint32_t len;

	for (unsigned int i = 0; i < count; i++) {
		cr_assert(vt_take(&m.t.q[0], &ids[i], &len));
		cr_expect_eq(len, 4);
	}
	cr_expect_eq(vt_used(&m.t.q[0]), 0);
	m.t.taken = m.mark;
}

static void start_mapped(const char *args)
{
	vio_start(&m, args);
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_assert_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_OK);
	cr_assert_eq(vio_map(&m, 1, IOVA + PAGE, LAST(2), m.page + PAGE, RW), S_OK);
	cr_assert_eq(vio_get(&m, 0, IOVA), 0x11); /* cached; the second page is not */
}

Test(viommu_model_order, requests_are_done_in_order_by_default)
{
	uint8_t *replies[5];
	uint32_t ids[5];

	start_mapped("");
	replies[0] = post_unmap(IOVA);
	replies[1] = post_map(IOVA, m.page + PAGE);
	replies[2] = post_map(IOVA, m.page);
	replies[3] = post_unmap(IOVA);
	replies[4] = post_map(IOVA, m.page + 2ul * PAGE);
	m.page[2 * PAGE] = 0x44;
	steps_until(5);
	for (unsigned int i = 0; i < 5; i++)
		cr_expect_eq(replies[i][0], i == 2 ? S_INVAL : S_OK, "request %u", i);
	take_all(ids, 5);
	for (unsigned int i = 0; i < 5; i++)
		cr_expect_eq(ids[i], (ids[0] + 2 * i) % 16);
	cr_expect_eq(vio_get(&m, 0, IOVA), 0x44);
	vio_end_clean(&m);
}

Test(viommu_model_order, a_delay_keeps_requests_from_having_any_effect)
{
	uint32_t id;

	start_mapped("delay=20");
	post_map(IOVA + 2ul * PAGE, m.page);
	vt_steps(&m.t, 15);
	cr_expect_eq(vio_stats(&m).pending, 1);
	cr_expect_eq(vio_stats(&m).maps, 2);
	cr_expect_eq(vio_get(&m, 0, IOVA + 2ul * PAGE), -EFAULT);
	cr_expect_eq(vt_used(&m.t.q[0]), 0);
	cr_expect_gt(steps_until(1), 2);
	take_all(&id, 1);
	cr_expect_eq(vio_get(&m, 0, IOVA + 2ul * PAGE), 0x11);
	vio_end_clean(&m);
}

Test(viommu_model_order, old_translations_are_used_until_the_unmap_is_reported)
{
	uint32_t ids[2];

	start_mapped("delay=20,early");
	post_unmap(IOVA);
	post_unmap(IOVA + PAGE);
	vt_steps(&m.t, 3);
	cr_expect_eq(vio_stats(&m).maps, 0, "they have had their effect");
	cr_expect_eq(vio_stats(&m).pending, 2);
	cr_expect_eq(vio_get(&m, 0, IOVA), 0x11, "but this one is cached");
	cr_expect_eq(vio_set(&m, 0, IOVA, 0x12), 0);
	cr_expect_eq(vio_get(&m, 0, IOVA + PAGE), -EFAULT, "and this one is not");
	steps_until(2);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	take_all(ids, 2);
	vio_end_clean(&m);
}

Test(viommu_model_order, old_translations_are_used_until_the_detach_is_reported)
{
	uint8_t req[20] = {2, [4] = 1};
	uint32_t id;

	start_mapped("delay=20,early");
	req[8] = (uint8_t)m.ep[0];
	vio_post(&m, req, 20, 4, NULL);
	vt_steps(&m.t, 3);
	cr_expect_eq(vio_stats(&m).attached, 0);
	cr_expect_eq(vio_get(&m, 0, IOVA), 0x11);
	steps_until(1);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	take_all(&id, 1);
	vio_end_clean(&m);
}

Test(viommu_model_order, bypass_is_used_until_the_attach_is_reported)
{
	uint8_t req[20] = {1, [4] = 1};
	uint64_t at;
	uint32_t id;

	vio_open(&m, "delay=20,early");
	vio_run(&m, F_VIO);
	at = (uintptr_t)m.page;
	cr_expect_eq(vio_get(&m, 0, at), 0x11);
	req[8] = (uint8_t)m.ep[0];
	vio_post(&m, req, 20, 4, NULL);
	vt_steps(&m.t, 3);
	cr_expect_eq(vio_get(&m, 0, at), 0x11);
	cr_expect_eq(vio_get(&m, 0, at + PAGE), -EFAULT);
	steps_until(1);
	cr_expect_eq(vio_get(&m, 0, at), -EFAULT);
	take_all(&id, 1);
	vio_end_clean(&m);
}

Test(viommu_model_order, translations_may_be_forgotten_at_any_time)
{
	unsigned int kept = 0;

	vio_open_forgetful(&m, "delay=20,early");
	vio_run(&m, F_VIO);
	vio_set_bypass(&m, 0);
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	for (unsigned int i = 0; i < 64; i++) {
		uint32_t id;

		cr_assert_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_OK);
		cr_expect_eq(vio_get(&m, 0, IOVA), 0x11);
		cr_expect_eq(vio_get(&m, 0, IOVA), 0x11);
		post_unmap(IOVA);
		vt_steps(&m.t, 3);
		kept += vio_get(&m, 0, IOVA) == 0x11;
		steps_until(1);
		cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
		take_all(&id, 1);
	}
	cr_expect_gt(kept, 0);
	cr_expect_lt(kept, 64);
	vio_end_clean(&m);
}

Test(viommu_model_order, in_random_order_each_request_is_reported_once)
{
	unsigned int overtaken = 0;

	vio_start(&m, "order=random,delay=5,batch=3");
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	for (unsigned int round = 0; round < 20; round++) {
		uint32_t ids[8];
		uint32_t seen = 0;

		for (unsigned int i = 0; i < 8; i++)
			post_map(IOVA + (uint64_t)i * PAGE, m.page + (size_t)i * PAGE);
		steps_until(8);
		take_all(ids, 8);
		for (unsigned int i = 0; i < 8; i++) {
			overtaken += i && (ids[i] & 14) < (ids[i - 1] & 14);
			seen |= 1u << ids[i];
		}
		cr_expect_eq(seen, 0x5555);
		cr_expect_eq(vio_stats(&m).maps, 8);
		cr_assert_eq(vio_unmap(&m, 1, IOVA, LAST(8)), S_OK);
	}
	cr_expect_gt(overtaken, 10);
	cr_expect_eq(vio_stats(&m).pending, 0);
	vio_end_clean(&m);
}

Test(viommu_model_order, in_random_order_nothing_waits_for_what_came_before)
{
	unsigned int failed = 0;

	vio_start(&m, "order=random,delay=3");
	for (unsigned int round = 0; round < 40; round++) {
		uint8_t req[20] = {1, [4] = 1};
		uint32_t ids[2];
		uint8_t *map;

		req[8] = (uint8_t)m.ep[0];
		vio_post(&m, req, 20, 4, NULL);
		map = post_map(IOVA, m.page);
		steps_until(2);
		failed += map[0] == S_NOENT;
		take_all(ids, 2);
		cr_assert_eq(vio_detach(&m, 1, m.ep[0]), S_OK);
	}
	cr_expect_gt(failed, 5);
	cr_expect_lt(failed, 35);
	vio_end_clean(&m);
}

/* ---- random maps and unmaps of sixteen pages, held against a record of them ---- */

#define SLOTS 16

static struct {
	int page;    /* mapped to, or -1 */
	int pending; /* -2: nothing; else what it will be */
	uint8_t *reply;
} slot[SLOTS];

static uint64_t dice = 88172645463325252u;

static unsigned int roll(unsigned int limit)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;

	return (unsigned int)((dice >> 20) % limit);
}

static void change(unsigned int i)
{
	uint64_t iova = IOVA + (uint64_t)i * PAGE;

	if (slot[i].page < 0) {
		slot[i].pending = (int)roll(8);
		slot[i].reply = post_map(iova, m.page + (size_t)slot[i].pending * PAGE);
	} else {
		slot[i].pending = -1;
		slot[i].reply = post_unmap(iova);
	}
}

static void look(unsigned int i)
{
	int got = vio_get(&m, 0, IOVA + (uint64_t)i * PAGE);
	int page = got < 0 ? -1 : got;

	cr_assert(page == slot[i].page || (slot[i].pending != -2 && page == slot[i].pending),
		  "page %u leads to %d: it is %d, and will be %d", i, page, slot[i].page,
		  slot[i].pending);
}

static void storm(const char *args)
{
	vio_open_forgetful(&m, args);
	vio_run(&m, F_VIO);
	vio_set_bypass(&m, 0);
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	for (unsigned int i = 0; i < 8; i++)
		m.page[i * PAGE] = (uint8_t)i;
	for (unsigned int i = 0; i < SLOTS; i++)
		slot[i].page = -1;
	for (unsigned int round = 0; round < 2000; round++) {
		uint32_t ids[8];
		uint32_t touched = 0;
		unsigned int count = 1 + roll(8);

		for (unsigned int i = 0; i < SLOTS; i++)
			slot[i].pending = -2;
		for (unsigned int n = 0; n < count; n++) {
			unsigned int i = roll(SLOTS);

			while (touched & 1u << i)
				i = (i + 1) % SLOTS;
			touched |= 1u << i;
			change(i);
		}
		while (vt_used(&m.t.q[0]) < count) {
			vt_steps(&m.t, 1);
			for (unsigned int n = 0; n < 4; n++)
				look(roll(SLOTS));
		}
		for (unsigned int i = 0; i < SLOTS; i++) {
			if (slot[i].pending == -2)
				continue;
			cr_assert_eq(slot[i].reply[0], S_OK);
			slot[i].page = slot[i].pending;
			slot[i].pending = -2;
		}
		take_all(ids, count);
		for (unsigned int i = 0; i < SLOTS; i++)
			look(i);
	}
	vio_end_clean(&m);
}

Test(viommu_model_order, storm_in_order)
{
	storm("");
}

Test(viommu_model_order, storm_in_random_order)
{
	storm("order=random,delay=6");
}

Test(viommu_model_order, storm_in_random_order_with_early_effects)
{
	storm("order=random,delay=6,early");
}

/* ---- resets, and threads ---- */

Test(viommu_model_order, a_reset_ends_what_is_pending)
{
	uint16_t before;

	start_mapped("delay=20,early");
	post_unmap(IOVA);
	post_map(IOVA + 5ul * PAGE, m.page);
	vt_steps(&m.t, 3);
	before = m.t.q[0].used[1];
	vt_reset(&m.t);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	vt_steps(&m.t, 50);
	cr_expect_eq(m.t.q[0].used[1], before);
	cr_expect_eq(vio_stats(&m).pending, 0);
	vio_run(&m, F_VIO);
	cr_expect_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	vio_end_clean(&m);
}

static atomic_bool stop;

static void *writer(void *arg)
{
	uint8_t bytes[PAGE];

	(void)arg;
	memset(bytes, 0x55, sizeof(bytes));
	while (!atomic_load(&stop))
		uvdk_emu_dma_write(m.dev[0], IOVA, bytes, sizeof(bytes));

	return NULL;
}

/* As with freed memory: whoever finds a byte of the device's there has lost. */
Test(viommu_model_order, no_access_is_under_way_once_the_unmap_is_reported)
{
	pthread_t thread;

	vio_start(&m, "");
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_assert_eq(pthread_create(&thread, NULL, writer, NULL), 0);
	for (unsigned int i = 0; i < 500; i++) {
		cr_assert_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_OK);
		for (unsigned int n = 0; n < 20; n++)
			sched_yield();
		cr_assert_eq(vio_unmap(&m, 1, IOVA, LAST(1)), S_OK);
		memset(m.page, 0, PAGE);
		sched_yield();
		for (unsigned int n = 0; n < PAGE; n++)
			cr_assert_eq(m.page[n], 0, "byte %u in round %u", n, i);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	cr_expect_gt(vio_stats(&m).hits + vio_stats(&m).walks, 0);
	vio_end_clean(&m);
}
