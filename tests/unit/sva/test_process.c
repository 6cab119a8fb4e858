// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../../sanitizer.h"
#include "sva_world.h"

/*
 * All of the process is shared and followed, the memory of the library's own threads
 * included: whatever comes and goes meanwhile, nobody waits for himself.
 */
#define CHURNERS 3
#define ROUNDS	 10

static struct world w;
static atomic_bool quit;

static void setup(void)
{
	alarm(100); /* what these tests fear is to hang */
	world_open(&w, true);
}

TestSuite(sva_process, .init = setup);

static void *ends_at_once(void *arg)
{
	return arg;
}

/* A block from the heap, one of a mapping of its own, a mapping, and a thread's stack. */
static void churn(void)
{
	uint8_t *small = malloc(1000), *large = malloc(600000), *mapped = new_memory(16 * PAGE);
	pthread_t thread;

	memset(small, 1, 1000);
	memset(large, 1, 600000);
	memset(mapped, 1, 16 * PAGE);
	free(large);
	free(small);
	malloc_trim(0);
	madvise(mapped, 4 * PAGE, MADV_DONTNEED);
	mapped = mremap(mapped, 16 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	munmap(mapped, 64 * PAGE);
	if (!pthread_create(&thread, NULL, ends_at_once, NULL))
		pthread_join(thread, NULL);
}

static void *churns(void *arg)
{
	while (!atomic_load(&quit))
		churn();

	return arg;
}

static struct uvdk_sva *bind_process(enum uvdk_sva_backend backend)
{
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_PROCESS);
	struct uvdk_sva *sva = NULL;
	int err;

	opts.backend = backend;
	err = uvdk_sva_bind(w.dev, &opts, &sva);
	if (err == -EPERM)
		cr_skip_test("userfaultfd is not permitted here");
	cr_assert_eq(err, 0, "%s", uvdk_last_error());

	return sva;
}

/* Memory that was there, and is there still, is reached; what has been unmapped is not. */
static void check(struct uvdk_sva *sva, uint8_t *from, uint8_t *gone)
{
	static uint8_t to[PAGE] __attribute__((aligned(4096)));

	bool copied = sva_copy(&w, sva, from, to, 64) == COPIED;
	struct uvdk_sva_info info = info_of(sva);

	/* On a busy machine events may be lost, and then all is lost to the device. */
	cr_assert(copied || info.shared < info.lost, "0x%" PRIx64 " are shared", info.shared);
	munmap(gone, PAGE);
	share_ok(sva, from, 1); /* what was given up before is told then */
	cr_assert_neq(sva_copy(&w, sva, gone, to, 64), COPIED);
}

static void storm(enum uvdk_sva_backend backend)
{
	pthread_t thread[CHURNERS];
	struct uvdk_sva *sva;

#if SANITIZER_ADDRESS
	cr_skip_test("terabytes of shadow are mapped");
#endif
	for (unsigned int i = 0; i < CHURNERS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, churns, NULL), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint8_t *from = new_memory(PAGE), *gone = new_memory(PAGE);

		memset(from, 0x11, PAGE);
		memset(gone, 0x22, PAGE);
		mprotect(gone, PAGE, PROT_READ); /* else one mapping with the other */
		sva = bind_process(backend);
		check(sva, from, gone);
		churn();
		cr_assert_eq(uvdk_sva_unbind(sva), 0);
		munmap(from, PAGE);
	}
	atomic_store(&quit, true);
	for (unsigned int i = 0; i < CHURNERS; i++)
		pthread_join(thread[i], NULL);
	cr_assert_eq(stales(&w), 0);
	cr_assert_eq(held(&w), 0);
	world_close(&w);
}

Test(sva_process, threads_and_memory_come_and_go_while_it_is_bound_pinned)
{
	storm(UVDK_SVA_PINNED);
}

Test(sva_process, threads_and_memory_come_and_go_while_it_is_bound_nested)
{
	storm(UVDK_SVA_NESTED);
}
