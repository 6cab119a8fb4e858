// SPDX-License-Identifier: BSD-3-Clause
/*
 * nest_calls BDF: what a batch of invalidations costs in system calls, on a real
 * SMMUv3. The program traces itself: a child does the work and calls getppid()
 * between its steps, the parent counts what each thread of it calls in a step.
 */
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <uvdk_inval.h>

#include "nest_edu.h"

#define ASID   7u
#define ID     0x1234u
#define PAGES  256u
#define ROUNDS 8u
#define STEPS  128u

/* Steps of a round, in this order; what is between rounds counts nowhere. */
enum step { POSTING, KICKING, POLLING, ROUND };

/* ---- child ---- */

static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas;
static struct edu edu;
static struct stage1 stage1;

static void mark(void)
{
	syscall(SYS_getppid);
}

/* Every other page, so that each is an entry. */
static uint8_t *page_at(uint8_t *base, unsigned int i)
{
	return base + 2 * i * PAGE;
}

static uint64_t unmap_and_post(struct uvdk_invalq *q, uint8_t *base)
{
	uint64_t cookie = 0;

	for (unsigned int i = 0; i < PAGES; i++) {
		const uintptr_t va = (uintptr_t)page_at(base, i);
		const struct uvdk_inval_req req = {.first = va,
						   .last = va + PAGE - 1,
						   .asid = ASID,
						   .scope = UVDK_INVAL_RANGE,
						   .flags = UVDK_INVAL_LEAF};

		__atomic_store_n(stage1_leaf(&stage1, (void *)va), 0, __ATOMIC_RELEASE);
		CHECK_EQ(uvdk_inval_post(q, &req, &cookie), 0);
	}
	return cookie;
}

static void rounds(struct uvdk_hwpt *hwpt, bool thread, uint8_t *base, uvdk_iova_t iova)
{
	const struct uvdk_invalq_opts opts = {.size = sizeof(opts), .thread = thread};
	struct uvdk_inval_stats stats;
	struct uvdk_invalq *q = NULL;
	uint64_t cookie;

	CHECK_EQ(uvdk_invalq_open(hwpt, edu.dev, UVDK_PASID_RID, &opts, &q), 0);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < PAGES; i++)
			stage1_map(&stage1, page_at(base, i), iova + 2 * i * PAGE);
		mark();
		cookie = unmap_and_post(q, base);
		mark();
		CHECK_EQ(uvdk_inval_kick(q), 0);
		mark();
		while (uvdk_inval_poll(q, cookie) == -EINPROGRESS)
			;
		mark();
	}
	uvdk_inval_get_stats(q, &stats);
	CHECK_EQ(stats.entries, ROUNDS * PAGES);
	uvdk_invalq_destroy(q);
}

static void child(const char *bdf)
{
	struct uvdk_viommu *viommu;
	struct uvdk_vdevice *vdev;
	struct uvdk_hwpt *hwpt;
	uvdk_iova_t iova;
	uint8_t *base;

	CHECK(!ptrace(PTRACE_TRACEME, 0, NULL, NULL), "ptrace: %s", strerror(errno));
	raise(SIGSTOP);
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	edu_open(&edu, iommu, bdf);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	stage1_create(&stage1, ioas, ASID);
	base = heap_pages(ioas, 2 * PAGES, 0, &iova);
	CHECK_EQ(uvdk_viommu_create(ioas, edu.dev, NULL, &viommu), 0);
	hwpt = stage1_nested(&stage1, viommu, edu.dev);
	CHECK_EQ(uvdk_vdevice_create(viommu, edu.dev, ID, &vdev), 0);
	CHECK_EQ(uvdk_hwpt_attach(hwpt, edu.dev, UVDK_PASID_RID), 0);
	rounds(hwpt, false, base, iova);
	rounds(hwpt, true, base, iova);
	uvdk_vdevice_destroy(vdev);
	uvdk_hwpt_destroy(hwpt);
	uvdk_viommu_destroy(viommu);
	uvdk_device_close(edu.dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	exit(0);
}

/* ---- parent ---- */

struct count {
	unsigned int ioctls, futexes, others;
};

/* In a step: of the thread that makes it, and of the others. */
static struct {
	struct count mine, theirs;
} seen[STEPS];

static void count_call(struct count *count, uint64_t number)
{
	if (number == SYS_ioctl)
		count->ioctls++;
	else if (number == SYS_futex)
		count->futexes++;
	else
		count->others++;
}

static void trace(pid_t main_thread)
{
	unsigned int step = 0;
	int status;
	pid_t pid;

	CHECK_EQ(waitpid(main_thread, &status, 0), main_thread);
	CHECK(!ptrace(PTRACE_SETOPTIONS, main_thread, NULL,
		      PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL),
	      "ptrace: %s", strerror(errno));
	ptrace(PTRACE_SYSCALL, main_thread, NULL, NULL);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		struct __ptrace_syscall_info info;
		int signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;

		if (!WIFSTOPPED(status)) {
			if (pid != main_thread)
				continue;
			CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "status 0x%x", status);
			break;
		}
		if (signal == (SIGTRAP | 0x80) &&
		    ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
		    info.op == PTRACE_SYSCALL_INFO_ENTRY) {
			if (pid == main_thread && info.entry.nr == SYS_getppid)
				step++;
			else if (step < STEPS)
				count_call(pid == main_thread ? &seen[step].mine
							      : &seen[step].theirs,
					   info.entry.nr);
		}
		if (signal == SIGTRAP || signal == SIGSTOP || signal == (SIGTRAP | 0x80))
			signal = 0;
		ptrace(PTRACE_SYSCALL, pid, NULL, signal);
	}
	CHECK_EQ(step, 2 * ROUNDS * (ROUND + 1));
}

/* Futexes wake the queue's thread, or wait for its lock: how many is a matter of luck. */
static bool is(const struct count *c, unsigned int ioctls, bool futexes)
{
	return c->ioctls == ioctls && (futexes || !c->futexes) && !c->others;
}

/* Step 0 is before the first mark. */
static void judge(void)
{
	unsigned int wakes = 0, theirs = 0;

	for (unsigned int round = 0; round < 2 * ROUNDS; round++) {
		const unsigned int first = 1 + round * (ROUND + 1);
		bool thread = round >= ROUNDS;

		for (unsigned int step = POSTING; step < ROUND; step++) {
			const struct count *mine = &seen[first + step].mine;
			bool kick = step == KICKING;

			CHECK(is(mine, kick && !thread, thread && step != POSTING),
			      "round %u, step %u: %u ioctls, %u futexes, %u others", round, step,
			      mine->ioctls, mine->futexes, mine->others);
			wakes += mine->futexes;
			theirs += seen[first + step].theirs.ioctls;
		}
		if (round == ROUNDS - 1)
			CHECK_EQ(theirs, 0);
	}
	CHECK_EQ(theirs, ROUNDS);
	printf("ioctl: all good\n");
	printf("thread: all good (%u futexes for %u kicks)\n", wakes, ROUNDS);
}

int main(int argc, char **argv)
{
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (!pid)
		child(argv[1]);
	trace(pid);
	judge();
	return 0;
}
