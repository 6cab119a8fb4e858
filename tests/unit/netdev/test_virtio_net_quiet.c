// SPDX-License-Identifier: BSD-3-Clause
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net_testing.h"

/* Bursts make no system call: a thread that may make none but exit runs them. */

TestSuite(virtio_net_quiet, .timeout = 100);

#define ROUNDS 20000

static struct net net;

static void forbid_system_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

/* Also what pthread_exit() and Criterion would do on the way out. */
static void leave(void)
{
	__asm__ volatile(""
#if defined(__x86_64__)
			 "syscall"
			 :
			 : "a"(SYS_exit), "D"(0)
			 : "rcx", "r11", "memory"
#else
			 "mov x8, %0; mov x0, #0; svc #0"
			 :
			 : "r"((long)SYS_exit)
			 : "x8", "x0", "memory"
#endif
	);
}

static uint64_t moved;
static int finished;

static uint16_t forward(struct uvdk_netdev *from, struct uvdk_netdev *to)
{
	struct rte_mbuf *pkts[32];
	uint16_t n = uvdk_netdev_rx_burst(from, 0, pkts, 32);
	uint16_t done = uvdk_netdev_tx_burst(to, 0, pkts, n);

	for (uint16_t i = done; i < n; i++)
		rte_pktmbuf_free(pkts[i]);

	return done;
}

static void *forwarder(void *arg)
{
	bool call_one = arg;

	forbid_system_calls();
	if (call_one)
		syscall(SYS_getppid);
	for (int i = 0; i < 200 || (__atomic_load_n(&moved, __ATOMIC_RELAXED) < ROUNDS); i++) {
		uint64_t n = forward(net.port[0].nd, net.port[1].nd);

		n += forward(net.port[1].nd, net.port[0].nd);
		__atomic_fetch_add(&moved, n, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
	leave();

	return NULL;
}

/* In a process of its own: a thread that left like that can't be joined. */
static int run_forked(const char *args, bool call_one)
{
	struct conf conf = {.args = args, .offloads = UVDK_NETDEV_MULTI_SEG};
	pthread_t thread;
	int status;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid) {
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		return status;
	}
	net_create(&net, false, 2047, 2048);
	net_add(&net, &conf);
	net_add(&net, &conf);
	if (pthread_create(&thread, NULL, forwarder, call_one ? &net : NULL))
		_exit(1);
	if (!WITHIN(60, __atomic_load_n(&finished, __ATOMIC_ACQUIRE)))
		_exit(2);
	if (net_seen(&net, 0).verified + net_seen(&net, 1).verified < ROUNDS / 2)
		_exit(3);
	_exit(0);
}

Test(virtio_net_quiet, bursts_make_no_system_call)
{
	cr_expect_eq(run_forked("source", false), 0);
	cr_expect_eq(run_forked("source,len=imix,no-in-order,no-event-idx", false), 0);
}

/* The filter is worth something: one call, and the process is killed. */
Test(virtio_net_quiet, the_filter_would_tell)
{
	int status = run_forked("source", true);

	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status 0x%x", status);
}
