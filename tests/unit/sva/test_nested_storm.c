// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>

#include "../../random.h"
#include "sva_world.h"

/*
 * Threads share, forget and use memory at random, through bindings that they have
 * in common, while the device goes on writing wherever it can. What is shared it
 * reaches, what is forgotten it does not, and nothing stale is ever used.
 */
#define THREADS	 4
#define BINDINGS 3
#define OWN	 ((size_t)640) /* pages of a thread's own: in two chunks at least */
#define ROUNDS	 3000

static struct world w;
static struct uvdk_sva *sva[BINDINGS];
static pthread_mutex_t device = PTHREAD_MUTEX_INITIALIZER;
static unsigned int wrong, copied, refused;

struct storm {
	pthread_t thread;
	uint64_t random;
	uint8_t *memory;
	bool shared[BINDINGS][OWN];
};

static struct storm storms[THREADS];

static void expect(bool ok)
{
	if (!ok)
		__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
}

static size_t draw(struct storm *s, size_t below)
{
	return random_next(&s->random) % below;
}

/* Ten seconds at most for the device to have done all so far. */
static uint32_t device_copy(uint32_t pasid, const void *src, void *dst)
{
	time_t end = time(NULL) + 10;
	uint32_t status = 0;
	uint64_t slot;

	pthread_mutex_lock(&device);
	slot = submit(&w, pasid, src, dst, PAGE);
	while ((uint32_t)reg_read(&w, 0x104) != w.tail && time(NULL) < end)
		sched_yield();
	status = (uint32_t)reg_read(&w, slot + 32);
	pthread_mutex_unlock(&device);

	return status;
}

static void share(struct storm *s, unsigned int b, size_t first, size_t count)
{
	expect(!uvdk_sva_share(sva[b], s->memory + first * PAGE, count * PAGE));
	memset(&s->shared[b][first], 1, count);
}

static void forget(struct storm *s, unsigned int b, size_t first, size_t count)
{
	int change = uvdk_emu_stage1_begin(w.emu, "emu:copier#0", uvdk_sva_pasid(sva[b]));

	expect(change >= 0);
	expect(!uvdk_sva_forget(sva[b], s->memory + first * PAGE, count * PAGE));
	uvdk_emu_stage1_end(w.emu, change);
	memset(&s->shared[b][first], 0, count);
}

/* The pages become others where nobody has them any more. */
static void exchange(struct storm *s, size_t first, size_t count)
{
	void *at = s->memory + first * PAGE;

	for (unsigned int b = 0; b < BINDINGS; b++)
		forget(s, b, first, count);
	expect(mmap(at, count * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
}

static void copy_page(struct storm *s, unsigned int b, size_t from, size_t to)
{
	uint8_t *src = s->memory + from * PAGE, *dst = s->memory + to * PAGE;
	uint8_t value = (uint8_t)draw(s, 255) + 1;
	uint32_t status;

	*src = value;
	*dst = 0;
	status = device_copy(uvdk_sva_pasid(sva[b]), src, dst);
	if (s->shared[b][from] && s->shared[b][to]) {
		expect(status == COPIED && *dst == value);
		__atomic_add_fetch(&copied, 1, __ATOMIC_RELAXED);
	} else {
		expect(status == (s->shared[b][from] ? NOT_WRITTEN : NOT_READ) && !*dst);
		__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
	}
}

static void *run(void *arg)
{
	struct storm *s = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int b = (unsigned int)draw(s, BINDINGS);
		size_t first = draw(s, OWN), count = 1 + draw(s, OWN - first), to = draw(s, OWN);
		size_t few = count < 8 ? count : 8;

		switch (draw(s, 8)) {
		case 0:
			share(s, b, first, count);
			break;
		case 1:
			share(s, b, first, few);
			break;
		case 2:
			forget(s, b, first, draw(s, 8) ? few : count);
			break;
		case 3:
			exchange(s, first, few);
			break;
		default:
			copy_page(s, b, first, to == first ? (first + 1) % OWN : to);
		}
	}

	return NULL;
}

Test(sva_nested_storm, what_is_shared_is_reached_and_nothing_stale_is_used, .timeout = 240)
{
	struct uvdk_emu_stale stale;

	world_open(&w, false);
	for (unsigned int b = 0; b < BINDINGS; b++) {
		struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);

		opts.backend = UVDK_SVA_NESTED;
		sva[b] = bind_ok(&w, &opts);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		storms[i].random = 0x9e3779b97f4a7c15 * (i + 1);
		storms[i].memory = new_memory(OWN * PAGE);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&storms[i].thread, NULL, run, &storms[i]), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(storms[i].thread, NULL);
	cr_expect_eq(wrong, 0, "%u times", wrong);
	cr_expect_gt(copied, THREADS * ROUNDS / 20);
	cr_expect_gt(refused, THREADS * ROUNDS / 20);
	cr_expect_eq(uvdk_emu_stales(w.emu, &stale, 1), 0, "something stale was used");
	for (unsigned int i = 0; i < THREADS; i++)
		for (unsigned int b = 0; b < BINDINGS; b++)
			forget(&storms[i], b, 0, OWN);
	for (unsigned int b = 0; b < BINDINGS; b++) {
		cr_expect_eq(info_of(sva[b]).pinned, 0);
		cr_expect_eq(info_of(sva[b]).shared, 0);
		cr_assert_eq(uvdk_sva_unbind(sva[b]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		munmap(storms[i].memory, OWN * PAGE);
	world_close(&w);
}
