// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uvdk_base_driver.h>

#include "emu_world.h"
#include "inval_testing.h"

/*
 * Post, kick and poll make no system call where hardware has a ring: a thread
 * that may make none runs them.
 */

#define ROUNDS 500
#define SPINS  UINT64_C(20000000000)

TestSuite(inval_quiet, .timeout = 100);

static void forbid_system_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(99);
}

/* Not even the end of a thread: it is there until the process ends. */
static _Noreturn void stay(void)
{
	for (;;)
		uvdk_cpu_relax();
}

static struct world w;
static struct emu_world emu;
static int outcome = -EINPROGRESS;
static bool call_one;

static int spin(uint64_t cookie)
{
	int err = -EINPROGRESS;

	for (uint64_t i = 0; i < SPINS && err == -EINPROGRESS; i++) {
		err = uvdk_inval_poll(w.q, cookie);
		uvdk_cpu_relax();
	}

	return err;
}

/* A batch of single pages, and one for devices as well. */
static int one_batch(unsigned int round)
{
	uint64_t cookie = 0;
	int err = 0;

	for (unsigned int i = 0; i < 40 && !err; i++) {
		struct uvdk_inval_req req = world_pages(&w, 2 * i + round % 7, 1);

		req.flags = round % 3 ? req.flags : 0;
		err = uvdk_inval_post(w.q, &req, &cookie);
	}
	if (!err)
		err = uvdk_inval_kick(w.q);

	return err ? err : spin(cookie);
}

static void *post_and_poll(void *arg)
{
	int err = 0;

	(void)arg;
	forbid_system_calls();
	if (call_one)
		syscall(SYS_getppid);
	for (unsigned int i = 0; i < ROUNDS && !err; i++)
		err = one_batch(i);
	__atomic_store_n(&outcome, err, __ATOMIC_RELEASE);
	stay();
}

static void expect_quiet(void *(*thread)(void *))
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, thread, NULL), 0);
	while (__atomic_load_n(&outcome, __ATOMIC_ACQUIRE) == -EINPROGRESS)
		usleep(1000);
	cr_expect_eq(outcome, 0, "%d", outcome);
}

Test(inval_quiet, hwqueue_makes_no_system_call)
{
	world_open(&w, &backend_hwqueue, NULL);
	expect_quiet(post_and_poll);
	cr_expect_geq(w.count, SEEN_MAX, "the hardware was not told");
	world_close(&w);
}

Test(inval_quiet, one_call_would_have_been_noticed, .signal = SIGSYS)
{
	call_one = true;
	world_open(&w, &backend_hwqueue, NULL);
	expect_quiet(post_and_poll);
}

/* Unmap by a store, invalidate, and the device has lost it; map by a store, and it has it. */
static int unmap_and_map(unsigned int page)
{
	struct uvdk_inval_req req = world_pages(&w, EMU_WORLD_IOVA / WORLD_PAGE + page, 1);
	uint64_t addr = EMU_WORLD_IOVA + page * WORLD_PAGE, cookie;
	int err;

	if (!asker_writes(emu.asker, emu.pasid, addr))
		return -EFAULT;
	req.flags = 0;
	emu_world_begin(&emu);
	err = emu_world_unmap(&emu, page);
	if (!err)
		err = uvdk_inval_post(w.q, &req, &cookie);
	if (!err)
		err = uvdk_inval_kick(w.q);
	if (!err)
		err = spin(cookie);
	emu_world_end(&emu);
	if (!err && asker_writes(emu.asker, emu.pasid, addr))
		err = -EEXIST;
	if (!err)
		err = emu_world_map(&emu, page, page);
	if (!err && !asker_writes(emu.asker, emu.pasid, addr))
		err = -ENOENT;

	return err;
}

static void *map_and_access(void *arg)
{
	int err = 0;

	(void)arg;
	for (unsigned int i = 0; i < 2 * EMU_WORLD_PAGES && !err; i++)
		err = unmap_and_map(i % EMU_WORLD_PAGES); /* the model's hardware allocates */
	forbid_system_calls();
	for (unsigned int i = 0; i < ROUNDS && !err; i++)
		err = unmap_and_map(i * 7 % EMU_WORLD_PAGES);
	__atomic_store_n(&outcome, err, __ATOMIC_RELEASE);
	stay();
}

static void open_emu(const char *spec, uint32_t pasid)
{
	w.backend = &backend_hwqueue; /* for messages */
	w.pasid = pasid;
	emu_world_open_as(&emu, spec, pasid);
	cr_assert_eq(emu_world_queue(&emu, NULL, &w.q), 0, "%s", uvdk_last_error());
}

static void close_emu(void)
{
	uvdk_invalq_destroy(w.q);
	emu_world_close(&emu);
}

Test(inval_quiet, map_access_unmap_invalidate_poll_on_emu_make_no_system_call)
{
	open_emu("emu:asker", EMU_WORLD_PASID);
	expect_quiet(map_and_access);
	close_emu();
}

Test(inval_quiet, nor_do_they_without_a_pasid)
{
	open_emu("emu:asker", 0);
	expect_quiet(map_and_access);
	close_emu();
}

/* What an invalidation is for, and that the machine notices when there is none. */
static void expect_noticed(const char *spec, uint32_t pasid)
{
	const uint64_t addr = EMU_WORLD_IOVA + 3 * WORLD_PAGE;
	struct uvdk_emu_stale stale;

	open_emu(spec, pasid);
	cr_assert(asker_writes(emu.asker, pasid, addr));
	emu_world_begin(&emu);
	cr_assert_eq(emu_world_unmap(&emu, 3), 0);
	cr_expect(asker_writes(emu.asker, pasid, addr), "it is cached");
	emu_world_end(&emu);
	cr_expect_not(asker_writes(emu.asker, pasid, addr));
	cr_expect_eq(uvdk_emu_stales(emu.world.emu, &stale, 1), 1);
	close_emu();
}

Test(inval_quiet, without_invalidation_the_translation_is_stale_and_noticed)
{
	expect_noticed("emu:asker", EMU_WORLD_PASID);
	expect_noticed("emu:asker,plain", EMU_WORLD_PASID);
	expect_noticed("emu:asker", 0);
	expect_noticed("emu:asker,plain", 0);
}
