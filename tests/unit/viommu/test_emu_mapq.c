// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uvdk_base_driver.h>
#include <uvdk_emu.h>
#include <uvdk_emu_virtio_iommu.h>
#include <uvdk_mapq.h>

#include "../../random.h"
#include "../../sanitizer.h"

/*
 * Map queues over the model of virtio-iommu: it carries out and reports requests in any order, and
 * keeps what it may. The device behind it is edu; it copies between its buffer and memory.
 */
#define PAGE	   4096ul
#define PAGES	   512u
#define AT	   UINT64_C(0x40000000)
#define UNIT	   "emu:virtio_iommu#0"

#define EDU_SRC	   0x80
#define EDU_DST	   0x88
#define EDU_COUNT  0x90
#define EDU_CMD	   0x98
#define EDU_TO_RAM 2
#define EDU_BUFFER 0x40000

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static struct uvdk_ioas *ioas;
static struct uvdk_mapq *q;
static struct uvdk_mapq_mem *mem;
static struct uvdk_region bar;
static uint64_t *memory;

static void begin(const char *unit, unsigned int depth)
{
	struct uvdk_emu_opts machine = {.size = sizeof(machine), .manual = true};
	struct uvdk_iommu_opts opts = {.size = sizeof(opts), .emu_iommus = unit};
	struct uvdk_mapq_opts mapq = {
		.size = sizeof(mapq), .iova = AT, .len = PAGES * PAGE, .depth = depth};
	uvdk_iova_t at = AT;

	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	cr_assert_eq(uvdk_emu_create(&machine, &emu), 0);
	opts.emu = emu;
	cr_assert_eq(uvdk_iommu_open("virtio-emu", &opts, &iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_open(iommu, "emu:edu,dma_mask=0xffffffffffffffff", NULL, &dev), 0);
	cr_assert_eq(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_reserve(ioas, PAGES * PAGE, 0, true, &at), 0);
	cr_assert_eq(uvdk_mapq_open(ioas, &mapq, &q), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_mapq_pin(q, memory, PAGES * PAGE, UVDK_MAP_RW, &mem), 0, "%s",
		     uvdk_last_error());
}

static struct uvdk_emu_virtio_iommu_stats stats(void)
{
	struct uvdk_emu_virtio_iommu_stats s;

	cr_assert_eq(uvdk_emu_virtio_iommu_get_stats(emu, UNIT, &s), 0);
	return s;
}

/* The driver has done nothing that the specification forbids, and nothing is left. */
static void end(void)
{
	struct uvdk_emu_stale stale;
	char text[256] = "";

	uvdk_mapq_close(q);
	cr_expect_eq(stats().maps, 0);
	uvdk_device_close(dev);
	uvdk_emu_virtio_iommu_violation(emu, UNIT, 0, text, sizeof(text));
	cr_expect_eq(stats().violations, 0, "%s", text);
	cr_expect_eq(stats().domains, 0);
	cr_expect_eq(uvdk_emu_stales(emu, &stale, 1), 0);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
	munmap(memory, PAGES * PAGE);
}

static int wait_for(uint64_t cookie)
{
	int err = -EINPROGRESS;

	for (unsigned int i = 0; i < 10000000 && err == -EINPROGRESS; i++)
		err = uvdk_mapq_poll(q, cookie);

	return err;
}

static void start_write(unsigned int page, size_t len)
{
	uvdk_region_write(&bar, EDU_SRC, 8, EDU_BUFFER);
	uvdk_region_write(&bar, EDU_DST, 8, AT + page * PAGE);
	uvdk_region_write(&bar, EDU_COUNT, 8, len);
	uvdk_region_write(&bar, EDU_CMD, 8, EDU_TO_RAM | 1);
}

/* The device writes zeroes there: did it? */
static bool writes(unsigned int page, unsigned int at)
{
	memory[at * PAGE / 8] = 77;
	start_write(page, 8);
	while (uvdk_emu_step(emu))
		;

	return memory[at * PAGE / 8] != 77;
}

static uint64_t map(unsigned int page, unsigned int at, unsigned int pages, unsigned int flags)
{
	uint64_t cookie = 0;

	cr_assert_eq(
		uvdk_mapq_map(q, AT + page * PAGE, mem, at * PAGE, pages * PAGE, flags, &cookie), 0,
		"%s", uvdk_last_error());
	return cookie;
}

static uint64_t unmap(unsigned int page, unsigned int pages)
{
	uint64_t cookie = 0;

	cr_assert_eq(uvdk_mapq_unmap(q, AT + page * PAGE, pages * PAGE, &cookie), 0, "%s",
		     uvdk_last_error());
	return cookie;
}

TestSuite(virtio_emu_mapq, .timeout = 600);

Test(virtio_emu_mapq, a_map_is_reached_and_after_its_unmap_it_is_not)
{
	uint64_t cookie;

	begin(NULL, 0);
	cr_expect_not(writes(3, 7));
	cookie = map(3, 7, 1, UVDK_MAP_RW);
	cr_expect_eq(uvdk_mapq_kick(q), 0);
	cr_expect_eq(wait_for(cookie), 0);
	cr_expect(writes(3, 7));
	cookie = unmap(3, 1);
	cr_expect_eq(uvdk_mapq_kick(q), 0);
	cr_expect_eq(wait_for(cookie), 0);
	cr_expect_not(writes(3, 7));
	end();
}

Test(virtio_emu_mapq, runs_are_one_request)
{
	uint64_t before, cookie = 0;

	begin(NULL, 0);
	before = stats().requests[3];
	map(0, 0, 64, UVDK_MAP_RW);
	for (unsigned int i = 100; i < 164; i++)
		cookie = map(i, i, 1, UVDK_MAP_RW | UVDK_MAPQ_JOIN);
	uvdk_mapq_kick(q);
	cr_expect_eq(wait_for(cookie), 0);
	cr_expect_eq(stats().requests[3] - before, 2);
	cr_expect(writes(63, 63) && writes(163, 163));
	end();
}

Test(virtio_emu_mapq, more_than_the_ring_holds_follows)
{
	uint64_t cookie = 0;

	begin("emu:virtio_iommu,size=4,order=random,delay=3", 1024);
	for (unsigned int i = 0; i < PAGES; i++)
		cookie = map(i, PAGES - 1 - i, 1, UVDK_MAP_RW);
	uvdk_mapq_kick(q);
	cr_expect_eq(wait_for(cookie), 0);
	cr_expect(writes(5, PAGES - 6));
	for (unsigned int i = 0; i < PAGES; i += 2)
		cookie = unmap(i, 1);
	uvdk_mapq_kick(q);
	cr_expect_eq(wait_for(cookie), 0);
	cr_expect(writes(5, PAGES - 6));
	cr_expect_not(writes(6, PAGES - 7));
	end();
}

Test(virtio_emu_mapq, after_a_reset_everything_is_put_back)
{
	uint64_t cookie = 0;
	uvdk_iova_t fixed = AT + 2 * PAGES * PAGE;

	begin("emu:virtio_iommu,order=random,delay=3", 0);
	cr_assert_eq(uvdk_ioas_map(ioas, memory, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &fixed), 0);
	for (unsigned int round = 0; round < 5; round++) {
		for (unsigned int i = 0; i < 200; i++)
			cookie = map(i, i, 1, UVDK_MAP_RW);
		uvdk_mapq_kick(q);
		if (round % 2)
			cr_expect_eq(wait_for(cookie), 0);
		cr_assert_eq(uvdk_emu_virtio_iommu_needs_reset(emu, UNIT), 0);
		cr_expect_eq(wait_for(cookie), 0, "round %u", round);
		/* Without an outstanding request it is seen by and by. */
		for (unsigned int i = 0; i < 200000; i++)
			uvdk_mapq_completed(q);
		cr_expect(writes(0, 0) && writes(199, 199) && writes(2 * PAGES, 0), "round %u",
			  round);
		for (unsigned int i = 0; i < 200; i++)
			cookie = unmap(i, 1);
		uvdk_mapq_kick(q);
		cr_expect_eq(wait_for(cookie), 0);
		cr_expect_not(writes(7, 7));
	}
	cr_expect_eq(uvdk_ioas_unmap(ioas, fixed, PAGE), 0);
	end();
}

/* The others of that batch are under way then: they must not come back to a queue that is gone. */
Test(virtio_emu_mapq, a_queue_that_cannot_be_put_back_leaves_nothing_behind)
{
	uint64_t cookie = 0;

	begin("emu:virtio_iommu,delay=40", 0);
	for (unsigned int i = 0; i < 200; i++)
		cookie = map(i, i, 1, UVDK_MAP_RW);
	uvdk_mapq_kick(q);
	cr_assert_eq(wait_for(cookie), 0);
	cr_assert_eq(uvdk_emu_virtio_iommu_needs_reset(emu, UNIT), 0);
	cr_assert_eq(uvdk_emu_virtio_iommu_answer(emu, UNIT, 3, 8, 1), 0);
	for (unsigned int i = 0; i < 1000000 && !uvdk_mapq_kick(q); i++)
		uvdk_mapq_completed(q);
	cr_expect_eq(uvdk_mapq_kick(q), -ENOMEM);
	cr_expect_eq(stats().maps, 0);
	cr_expect_not(writes(7, 7));
	cr_expect_eq(uvdk_mapq_unpin(q, mem), 0);
	uvdk_mapq_close(q);
	q = NULL;
	for (unsigned int i = 0; i < 1000; i++)
		uvdk_emu_step(emu);
	cr_expect_eq(stats().maps, 0);
	cr_expect_eq(stats().pending, 0);
	end();
}

Test(virtio_emu_mapq, what_the_device_refuses_is_said)
{
	begin(NULL, 0);
	uvdk_emu_virtio_iommu_answer(emu, UNIT, 3, 6, 1);
	map(0, 0, 1, UVDK_MAP_RW);
	map(2, 2, 1, UVDK_MAP_RW);
	uvdk_mapq_kick(q);
	cr_expect_eq(wait_for(2), 0);
	cr_expect_lt(uvdk_mapq_poll(q, 1), 0);
	unmap(0, 1);
	uvdk_mapq_kick(q);
	cr_expect_eq(wait_for(3), 0);
	uvdk_mapq_settle(q);
	end();
}

Test(virtio_emu_mapq, detaching_ends_the_queue_with_requests_under_way)
{
	uint64_t cookie = 0;

	begin("emu:virtio_iommu,order=random,delay=5", 0);
	for (unsigned int i = 0; i < 100; i++)
		cookie = map(i, i, 1, UVDK_MAP_RW);
	uvdk_mapq_kick(q);
	uvdk_ioas_detach(ioas, dev);
	cr_expect_eq(uvdk_mapq_poll(q, cookie), -ENODEV);
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), -EBUSY, "until it is closed");
	uvdk_mapq_close(q);
	q = NULL;
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), 0, "%s", uvdk_last_error());
	cr_expect_not(writes(7, 7));
	end();
}

/* ---- no system call ---- */

#if SANITIZER_ADDRESS
/* What the model frees would rest, and it would ask the kernel for more. ASAN_OPTIONS adds to it.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0";
}
#endif

static int outcome = -EINPROGRESS;
static bool call_one;

static void forbid_system_calls(void)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(99);
}

static int pairs(unsigned int count)
{
	uint64_t cookie = 0;
	int err = 0;

	for (unsigned int i = 0; i < count && !err; i++) {
		err = uvdk_mapq_map(q, AT + (i * 7 % PAGES) * PAGE, mem, (i % PAGES) * PAGE, PAGE,
				    UVDK_MAP_RW, &cookie);
		if (!err && i % 64 == 63) {
			err = uvdk_mapq_kick(q);
			if (!err)
				err = wait_for(cookie);
			for (unsigned int j = i - 63; j <= i && !err; j++)
				err = uvdk_mapq_unmap(q, AT + (j * 7 % PAGES) * PAGE, PAGE,
						      &cookie);
			if (!err)
				err = uvdk_mapq_kick(q);
			if (!err)
				err = wait_for(cookie);
		}
	}

	return err;
}

_Noreturn static void *quiet(void *arg)
{
	int err = pairs(6400); /* the model's hardware allocates */

	(void)arg;
	forbid_system_calls();
	if (call_one)
		syscall(SYS_getppid);
	if (!err)
		err = pairs(100032);
	__atomic_store_n(&outcome, err, __ATOMIC_RELEASE);
	for (;;)
		uvdk_cpu_relax();
}

static void expect_quiet(void)
{
	pthread_t t;

	begin("emu:virtio_iommu,order=random", 256);
	cr_assert_eq(pthread_create(&t, NULL, quiet, NULL), 0);
	while (__atomic_load_n(&outcome, __ATOMIC_ACQUIRE) == -EINPROGRESS)
		usleep(1000);
	cr_expect_eq(outcome, 0, "%d", outcome);
	end();
}

Test(virtio_emu_mapq, a_hundred_thousand_pairs_make_no_system_call)
{
	expect_quiet();
}

Test(virtio_emu_mapq, one_would_have_been_noticed, .signal = SIGSYS)
{
	call_one = true;
	expect_quiet();
}

/* ---- the storm ---- */

#if SANITIZER_ADDRESS
#define OPERATIONS 1000000u
#else
#define OPERATIONS 10000000u
#endif

struct frame {
	struct uvdk_inval_node node; /* first */
	bool taken;
};

static struct frame frame[PAGES];
static struct {
	bool mapped;
	unsigned int frame;
} window[PAGES];
static uint64_t rnd = 88172645463325252u;
static uint64_t posted, overwritten;
static bool quarantine = true;

static unsigned int any(unsigned int n)
{
	return (unsigned int)(random_next(&rnd) % n);
}

/* What is free has a mark; the device, which writes zeroes, must not take it off. */
static void on_release(struct uvdk_inval_node *node)
{
	struct frame *f = (struct frame *)node;
	volatile uint64_t *mark = &memory[(f - frame) * PAGE / 8];

	f->taken = false;
	*mark = 77;
}

static int try_map(unsigned int page)
{
	unsigned int f = any(PAGES);
	int err;

	if (frame[f].taken)
		return 0;
	err = uvdk_mapq_map(q, AT + page * PAGE, mem, f * PAGE, PAGE, UVDK_MAP_RW, &posted);
	if (err)
		return err;
	overwritten += memory[f * PAGE / 8] != 77;
	frame[f].taken = window[page].mapped = true;
	window[page].frame = f;

	return 0;
}

static int try_unmap(unsigned int page)
{
	struct frame *f = &frame[window[page].frame];
	int err = uvdk_mapq_unmap(q, AT + page * PAGE, PAGE, &posted);

	if (err)
		return err;
	window[page].mapped = false;
	f->node.release = on_release;
	if (quarantine)
		cr_assert_eq(uvdk_mapq_defer(q, &f->node, posted), 0);
	else
		on_release(&f->node);

	return 0;
}

/* It is made to look now and then; what it may not reach is a fault, and no more. */
static void device_writes(void)
{
	struct uvdk_emu_fault faults[16];

	start_write(any(PAGES), 8);
	uvdk_emu_step(emu);
	uvdk_emu_faults(emu, faults, 16, NULL);
}

static void storm(unsigned int operations)
{
	for (unsigned int i = 0; i < PAGES; i++)
		on_release(&frame[i].node);
	while (posted < operations) {
		unsigned int page = any(PAGES);
		int err = window[page].mapped ? try_unmap(page) : try_map(page);

		cr_assert(!err || err == -EAGAIN, "%s", uvdk_last_error());
		if (err || !any(32)) {
			cr_assert_eq(uvdk_mapq_kick(q), 0);
			uvdk_mapq_completed(q);
			device_writes();
		}
	}
	cr_assert_eq(uvdk_mapq_kick(q), 0);
	cr_assert_eq(wait_for(posted), 0);
	for (unsigned int i = 0; i < PAGES; i++)
		overwritten += !frame[i].taken && memory[i * PAGE / 8] != 77;
}

Test(virtio_emu_mapq, ten_million_operations_and_no_stale_use)
{
	struct uvdk_emu_virtio_iommu_stats s;

	begin("emu:virtio_iommu,order=random,delay=2", 256);
	storm(OPERATIONS);
	cr_expect_eq(overwritten, 0, "%lu", (unsigned long)overwritten);
	s = stats();
	cr_expect_gt(s.hits + s.walks, 10000);
	/* 6: a domain is emptied before it is made */
	cr_expect_eq(s.answers[0] + s.answers[6],
		     s.requests[1] + s.requests[2] + s.requests[3] + s.requests[4] + s.requests[5]);
	end();
}

Test(virtio_emu_mapq, without_quarantine_memory_would_be_overwritten)
{
	begin("emu:virtio_iommu,order=random,delay=2", 256);
	quarantine = false;
	storm(OPERATIONS / 20);
	cr_expect_gt(overwritten, 0);
	end();
}
