// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <uvdk_dmadev_walk_driver.h>
#include <uvdk_dsa.h>

#include "../pci/fake_sysfs.h"

/*
 * A queue of the kernel's, which the test plays: its node is a /dev/zero that a sysfs in a
 * temporary directory calls one of idxd's; instructions are functions here, and what they are
 * given is done at once, or later, on plain pointers.
 */

#define DEV  "sys/devices/dsa3/"
#define WQ   DEV "wq3.1/"
#define NODE WQ "node/"
#define LEN  16384u

/* Specification 341204, 8.1 and 8.2; shares nothing with the driver. */
struct desc {
	uint32_t pasid;
	uint32_t op_flags; /* 31:24 opcode */
	uint64_t record;
	uint64_t src; /* list of a batch, pattern of a fill */
	uint64_t dst;
	uint32_t len;
	uint32_t handle;
	uint64_t more[3];
} __attribute__((aligned(64)));

struct record {
	uint8_t status;
	uint8_t result;
	uint16_t reserved;
	uint32_t done;
	uint64_t fault;
	uint64_t value;
	uint64_t more;
} __attribute__((aligned(32)));

static struct fake fake; /* of sysfs */
static char node[128];
static struct uvdk_dmadev *dma;
static struct uvdk_dmadev_chan *chan;
static uint8_t *mem;

static struct {
	bool no_enqcmd, no_movdir;
	unsigned int refuse;  /* as many of the next ENQCMDs */
	unsigned int missing; /* as many of the next copies end at a page after 100 bytes */
	unsigned int lose;    /* of the next batch, this one, from 1: it fails without a record */
	bool hold;
	unsigned int enqcmds, movdirs, took, batches;
	struct desc held[64];
	unsigned int helds;
	void (*waited)(void); /* somebody looks at the clock */
	uint64_t skew_ns;
} cpu;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int ret = (int)syscall(SYS_clock_gettime, clock, ts);

	if (clock != CLOCK_MONOTONIC)
		return ret;
	if (cpu.waited)
		cpu.waited();
	ts->tv_sec += (time_t)(cpu.skew_ns / 1000000000);

	return ret;
}

/* ---- the device ---- */

static uint8_t run(const struct desc *d);

static uint8_t run_batch(const struct desc *d)
{
	const struct desc *list = (const struct desc *)(uintptr_t)d->src;
	uint8_t status = 1;

	cpu.batches++;
	for (uint32_t i = 0; i < d->len; i++)
		if (cpu.lose == i + 1 || run(&list[i]) != 1)
			status = 5;

	return status;
}

static uint8_t run(const struct desc *d)
{
	struct record *rec = (struct record *)(uintptr_t)d->record;
	uint8_t *dst = (uint8_t *)(uintptr_t)d->dst;
	struct record out = {.status = 1};

	cr_assert_eq(d->pasid, 0, "the PASID is the CPU's to fill in");
	switch (d->op_flags >> 24) {
	case 1:
		out.status = run_batch(d);
		out.done = d->len;
		break;
	case 3:
		if (cpu.missing && d->len > 100) {
			cpu.missing--;
			memmove(dst, (void *)(uintptr_t)d->src, 100);
			out = (struct record){.status = 0x83, .done = 100, .fault = d->dst + 100};
		} else {
			memmove(dst, (void *)(uintptr_t)d->src, d->len);
		}
		break;
	case 4:
		for (uint32_t i = 0; i < d->len; i++)
			dst[i] = (uint8_t)(d->src >> 8 * (i % 8));
		break;
	default:
		out.status = 0x10;
	}
	rec->done = out.done;
	rec->fault = out.fault;
	__atomic_store_n(&rec->status, out.status, __ATOMIC_RELEASE);

	return out.status;
}

static void run_held(void)
{
	for (unsigned int i = 0; i < cpu.helds; i++)
		run(&cpu.held[i]);
	cpu.helds = 0;
}

static void take(const void *desc)
{
	cpu.took++;
	if (cpu.hold)
		memcpy(&cpu.held[cpu.helds++], desc, 64);
	else
		run(desc);
}

bool __wrap_dsa_pmd_has_movdir64b(void);
bool __wrap_dsa_pmd_has_enqcmd(void);
void __wrap_dsa_pmd_movdir64b(volatile void *portal, const void *desc);
bool __wrap_dsa_pmd_enqcmd(volatile void *portal, const void *desc);

bool __wrap_dsa_pmd_has_movdir64b(void)
{
	return !cpu.no_movdir;
}

bool __wrap_dsa_pmd_has_enqcmd(void)
{
	return !cpu.no_enqcmd;
}

static void check_operands(volatile void *portal, const void *desc)
{
	cr_assert_eq((uintptr_t)portal % 64, 0);
	cr_assert_eq((uintptr_t)desc % 64, 0);
	*(volatile uint64_t *)portal = 1; /* it is mapped, for writing */
}

void __wrap_dsa_pmd_movdir64b(volatile void *portal, const void *desc)
{
	check_operands(portal, desc);
	cpu.movdirs++;
	take(desc);
}

bool __wrap_dsa_pmd_enqcmd(volatile void *portal, const void *desc)
{
	check_operands(portal, desc);
	cpu.enqcmds++;
	if (cpu.refuse) {
		cpu.refuse--;
		return false;
	}
	take(desc);

	return true;
}

/* ---- the machine ---- */

static unsigned int fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static unsigned int fds_before;

static void setup(void)
{
	fake_create(&fake);
	fake_dir(&fake, NODE);
	fake_dir(&fake, "sys/dev/char");
	fake_dir(&fake, "dev/dsa");
	fake_link(&fake, "dev/dsa/wq3.1", "/dev/zero");
	fake_link(&fake, "sys/dev/char/1:5", "../../devices/dsa3/wq3.1/node");
	fake_link(&fake, NODE "subsystem", "../../../../bus/dsa");
	fake_file(&fake, WQ "mode", "shared\n");
	fake_file(&fake, WQ "type", "user\n");
	fake_file(&fake, WQ "size", "16\n");
	fake_file(&fake, WQ "max_batch_size", "32\n");
	fake_file(&fake, WQ "max_transfer_size", "2097152\n");
	fake_file(&fake, WQ "block_on_fault", "0\n");
	fake_file(&fake, DEV "pasid_enabled", "1\n");
	fake_file(&fake, DEV "gen_cap", "0x40915f0107\n");
	fake_file(&fake, DEV "op_cap", "00000000,00000000,00000001,003f03ff\n");
	snprintf(node, sizeof(node), "%s/wq3.1", fake.dev);
	strcpy(strstr(node, "wq3.1"), "dsa/wq3.1");
	mem = mmap(NULL, 2 * LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned int i = 0; i < LEN; i++)
		mem[i] = (uint8_t)(i * 7 + i / 251);
	fds_before = fds();
}

static void teardown(void)
{
	fake_destroy(&fake);
	munmap(mem, 2 * LEN);
}

TestSuite(dsa_cdev, .init = setup, .fini = teardown, .timeout = 60);

static int try_open(unsigned int retries)
{
	struct uvdk_dsa_cdev_opts opts = {
		.size = sizeof(opts), .sysfs_root = fake.sys, .retries = retries};

	return uvdk_dsa_open_cdev(node, &opts, &dma);
}

static void begin(unsigned int flags, unsigned int retries)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts), .ring = 64, .flags = flags};

	cr_assert_eq(try_open(retries), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
}

static void end(void)
{
	uvdk_dmadev_close(dma);
	cr_expect_eq(fds(), fds_before);
}

static int copy(size_t off, size_t len, unsigned int flags)
{
	return uvdk_dmadev_copy(chan, (uintptr_t)mem + LEN + off, (uintptr_t)mem + off, len, flags);
}

static bool copied(size_t off, size_t len)
{
	return !memcmp(mem + LEN + off, mem + off, len);
}

static unsigned int poll(unsigned int polls, unsigned int max)
{
	struct uvdk_dmadev_result r[64];
	unsigned int n = 0;

	while (polls-- && n < max) {
		unsigned int got = uvdk_dmadev_completed_status(chan, r, max - n);

		for (unsigned int i = 0; i < got; i++)
			cr_expect_eq(r[i].status, UVDK_DMADEV_OK, "%u", r[i].status);
		n += got;
	}

	return n;
}

Test(dsa_cdev, a_shared_queue_takes_enqcmd_and_plain_pointers)
{
	const struct uvdk_dmadev_info *info;

	begin(UVDK_DMADEV_CHAN_SHARED, 0);
	info = uvdk_dmadev_get_info(dma);
	cr_expect_str_eq(info->driver, "dsa");
	cr_expect_eq(info->max_channels, 1);
	cr_expect_eq(info->max_len, 2097152);
	cr_expect_eq(info->max_batch, 32);
	cr_expect(info->features & UVDK_DMADEV_SHARED);
	cr_expect(info->features & UVDK_DMADEV_OVERLAP);
	cr_expect_not(info->features & (UVDK_DMADEV_IRQ | UVDK_DMADEV_PASIDS | UVDK_DMADEV_BLOCKS));
	cr_expect(info->ops & UVDK_DMADEV_OP_CRC);
	cr_assert_eq(copy(0, 1000, UVDK_DMADEV_SUBMIT), 0);
	cr_expect_eq(poll(1, 1), 1);
	cr_expect(copied(0, 1000));
	for (unsigned int i = 0; i < 8; i++)
		cr_assert_eq(copy(1000 + i * 100, 100, 0), 1 + (int)i);
	cr_assert_eq(uvdk_dmadev_fill(chan, (uintptr_t)mem + LEN + 4096, 0x0807060504030201, 16, 0),
		     9);
	cr_expect_eq(uvdk_dmadev_submit(chan), 0);
	cr_expect_eq(cpu.took, 2, "a batch is one descriptor");
	cr_expect_eq(cpu.batches, 1);
	cr_expect_eq(poll(1, 20), 9);
	cr_expect(copied(1000, 800));
	cr_expect_eq(mem[LEN + 4096 + 9], 2);
	cr_expect_eq(cpu.movdirs, 0);
	end();
}

Test(dsa_cdev, a_dedicated_queue_takes_movdir64b_and_no_more_than_its_entries)
{
	unsigned int n = 0;

	fake_file(&fake, WQ "mode", "dedicated\n");
	fake_file(&fake, WQ "size", "4\n");
	cpu.no_enqcmd = true;
	begin(0, 0);
	cr_expect_not(uvdk_dmadev_get_info(dma)->features & UVDK_DMADEV_SHARED);
	cpu.hold = true;
	for (unsigned int i = 0; i < 10; i++)
		cr_assert_eq(copy(i * 64, 64, UVDK_DMADEV_SUBMIT), (int)i);
	cr_expect_eq(cpu.movdirs, 4);
	while (cpu.helds) {
		run_held();
		n += poll(1, 20);
		cr_expect_leq(cpu.helds, 4);
	}
	cr_expect_eq(n, 10);
	cr_expect(copied(0, 640));
	cr_expect_eq(cpu.enqcmds, 0);
	end();
}

Test(dsa_cdev, what_a_full_queue_refuses_is_offered_again_in_the_call)
{
	begin(0, 10);
	cpu.refuse = 9;
	cr_assert_eq(copy(0, 100, 0), 0);
	cr_expect_eq(uvdk_dmadev_submit(chan), 0);
	cr_expect_eq(cpu.enqcmds, 10);
	cr_expect_eq(poll(1, 1), 1);
	end();
}

Test(dsa_cdev, what_is_refused_for_long_waits_and_is_not_lost)
{
	struct uvdk_dmadev_stats stats;

	begin(0, 10);
	cpu.refuse = 1000000;
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(copy((size_t)i * 200, 100, 0), 2 * i);
		cr_assert_eq(copy((size_t)i * 200 + 100, 100, 0), 2 * i + 1);
		cr_expect_eq(uvdk_dmadev_submit(chan), -ENOSPC);
		cr_expect_eq(cpu.enqcmds, 10 * ((unsigned int)i + 1), "it gives up, and soon");
	}
	cr_expect_eq(cpu.took, 0);
	cr_expect_eq(uvdk_dmadev_capacity(chan), 64 - 6);
	cr_expect_eq(poll(5, 20), 0);
	cr_expect_eq(cpu.enqcmds, 80, "each poll offers the oldest");
	uvdk_dmadev_chan_get_stats(chan, &stats);
	cr_expect_eq(stats.doorbells, 0);
	cr_expect_eq(stats.enqueued, 6);
	cpu.refuse = 0;
	cr_expect_eq(poll(2, 20), 6);
	cr_expect_eq(cpu.took, 3);
	cr_expect_eq(cpu.batches, 3);
	cr_expect(copied(0, 600));
	cr_expect_eq(copy(600, 100, 0), 6);
	cr_expect_eq(uvdk_dmadev_submit(chan), 0);
	cr_expect_eq(poll(1, 1), 1);
	uvdk_dmadev_chan_get_stats(chan, &stats);
	cr_expect_eq(stats.doorbells, 4);
	cr_expect_eq(stats.completed, 7);
	end();
}

/* Now and then, at random, with batches, single ones and fences: all end, in order, as asked. */
Test(dsa_cdev, a_queue_that_refuses_half_of_it_does_all_in_order)
{
	unsigned int next = 0, told = 0, seed = 1;
	struct uvdk_dmadev_result r[16];

	begin(0, 2);
	for (unsigned int turns = 0; told < 2000 && turns < 200000; turns++) {
		seed = seed * 1103515245 + 12345;
		if (next < 2000 &&
		    copy(next % 100 * 160, 160, seed >> 16 & UVDK_DMADEV_FENCE) == (int)next)
			next++;
		cpu.refuse = seed >> 20 & 3;
		cpu.missing = seed >> 22 & 1;
		if (seed >> 24 & 1)
			uvdk_dmadev_submit(chan);
		if (seed >> 25 & 1) {
			unsigned int n = uvdk_dmadev_completed_status(chan, r, 16);

			for (unsigned int i = 0; i < n; i++, told++) {
				cr_assert_eq(r[i].index, told);
				cr_assert_eq(r[i].status, UVDK_DMADEV_OK);
				cr_assert_eq(r[i].done, 160);
				cr_assert(copied(told % 100 * 160, 160));
			}
		}
	}
	cr_expect_eq(told, 2000);
	end();
}

/* With entries for one only, and others behind it: polling must come back. */
Test(dsa_cdev, an_operation_that_met_a_page_goes_on_when_there_is_room)
{
	struct uvdk_dmadev_stats stats;

	fake_file(&fake, WQ "size", "1\n");
	begin(0, 3);
	cpu.missing = 1;
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(copy((size_t)i * 1000, 1000, 0), i);
		uvdk_dmadev_submit(chan);
	}
	cpu.refuse = 1000;
	cr_expect_eq(poll(10, 20), 0);
	cr_expect_gt(cpu.refuse, 900);
	cpu.refuse = 0;
	cr_expect_eq(poll(10, 20), 3);
	cr_expect(copied(0, 3000));
	uvdk_dmadev_chan_get_stats(chan, &stats);
	cr_expect_eq(stats.resumed, 1);
	cr_expect_eq(stats.bytes, 3000);
	end();
}

Test(dsa_cdev, experts_are_told_that_there_is_no_room)
{
	struct record rec = {0};
	struct desc desc = {.op_flags = 4u << 24, .record = (uintptr_t)&rec, .len = 8};

	desc.dst = (uintptr_t)mem;
	begin(0, 5);
	cpu.refuse = 5;
	cr_expect_eq(uvdk_dsa_post(chan, &desc), -ENOSPC);
	cr_expect_eq(rec.status, 0);
	cr_expect_eq(uvdk_dsa_post(chan, &desc), 0);
	cr_expect_eq(rec.status, 1);
	end();
}

/* The register that names such records is the kernel's. */
Test(dsa_cdev, a_record_that_is_missing_in_a_batch_ends_its_operation)
{
	struct uvdk_dmadev_result r[3];

	begin(0, 0);
	cpu.lose = 2;
	for (int i = 0; i < 3; i++)
		cr_assert_eq(copy((size_t)i * 100, 100, 0), i);
	uvdk_dmadev_submit(chan);
	cr_assert_eq(uvdk_dmadev_completed_status(chan, r, 3), 3);
	cr_expect_eq(r[0].status, UVDK_DMADEV_OK);
	cr_expect_eq(r[1].status, UVDK_DMADEV_ERROR);
	cr_expect_eq(r[2].status, UVDK_DMADEV_OK);
	end();
}

/* ---- closing ---- */

Test(dsa_cdev, closing_waits_for_what_is_under_way)
{
	begin(0, 0);
	cpu.hold = true;
	cr_assert_eq(copy(0, 100, UVDK_DMADEV_SUBMIT), 0);
	cr_assert_eq(copy(100, 100, 0), 1);
	cr_assert_eq(copy(200, 100, UVDK_DMADEV_SUBMIT), 2);
	cpu.waited = run_held;
	uvdk_dmadev_chan_close(chan);
	cpu.waited = NULL;
	cr_expect_eq(cpu.helds, 0, "its memory went while it was under way");
	cr_expect(copied(0, 300));
	cpu.hold = false;
	/* There is a place again. */
	cr_assert_eq(uvdk_dmadev_chan_open(dma, NULL, &chan), 0, "%s", uvdk_last_error());
	cr_expect_eq(copy(300, 100, UVDK_DMADEV_SUBMIT), 0);
	cr_expect_eq(poll(1, 1), 1);
	end();
}

static void hours_go_by(void)
{
	cpu.skew_ns += UINT64_C(11000000000);
}

Test(dsa_cdev, closing_ends_the_binding_when_nothing_else_helps)
{
	begin(0, 0);
	cpu.hold = true;
	cr_assert_eq(copy(0, 100, UVDK_DMADEV_SUBMIT), 0);
	cpu.waited = hours_go_by;
	uvdk_dmadev_chan_close(chan);
	cpu.waited = NULL;
	cr_expect_eq(fds(), fds_before, "closing its node makes the kernel wait for it");
	cr_expect_eq(uvdk_dmadev_chan_open(dma, NULL, &chan), -EPROTO);
	cr_expect(strstr(uvdk_last_error(), "open it again"), "%s", uvdk_last_error());
	end();
}

/* ---- what is refused ---- */

static void refused(int err, const char *word)
{
	cr_expect_eq(try_open(0), err, "%s", word);
	cr_expect(strstr(uvdk_last_error(), word), "%s", uvdk_last_error());
	cr_expect_eq(fds(), fds_before);
}

Test(dsa_cdev, what_does_not_fit_is_refused_with_a_sentence)
{
	cpu.no_enqcmd = true;
	refused(-EOPNOTSUPP, "ENQCMD, which this CPU");
	fake_file(&fake, WQ "mode", "dedicated\n");
	cpu.no_movdir = true;
	refused(-EOPNOTSUPP, "MOVDIR64B, which this CPU");
	cpu.no_movdir = false;
	fake_file(&fake, WQ "type", "kernel\n");
	refused(-EOPNOTSUPP, "'kernel'");
	fake_file(&fake, WQ "type", "user\n");
	fake_file(&fake, WQ "size", "0\n");
	refused(-EPROTO, "0 entries");
	fake_file(&fake, WQ "size", "8\n");
	fake_file(&fake, WQ "op_config", "00000000,003f03f7\n");
	refused(-EOPNOTSUPP, "can't copy");
	fake_remove(&fake, WQ "op_config");
	fake_file(&fake, DEV "pasid_enabled", "0\n");
	refused(-EOPNOTSUPP, "pasid_enabled");
	strcpy(node, "/dev/no such node");
	refused(-ENOENT, "no such queue");
	cr_expect_eq(uvdk_dsa_open_cdev(NULL, NULL, &dma), -EINVAL);
}

Test(dsa_cdev, a_queue_of_another_accelerator_is_refused)
{
	fake_dir(&fake, "sys/devices/iax1/wq1.0/node");
	fake_link(&fake, "sys/devices/iax1/wq1.0/node/subsystem", "../../../../bus/dsa");
	fake_file(&fake, "sys/devices/iax1/wq1.0/mode", "shared\n");
	fake_file(&fake, "sys/devices/iax1/pasid_enabled", "1\n");
	fake_remove(&fake, "sys/dev/char/1:5");
	fake_link(&fake, "sys/dev/char/1:5", "../../devices/iax1/wq1.0/node");
	refused(-EOPNOTSUPP, "'iax1'");
}

static void refused_chan(struct uvdk_dmadev_chan_opts opts, int err, const char *word)
{
	opts.size = sizeof(opts);
	cr_expect_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), err, "%s", word);
	cr_expect(strstr(uvdk_last_error(), word), "%s", uvdk_last_error());
}

Test(dsa_cdev, options_of_a_channel_that_do_not_fit_are_refused)
{
	fake_file(&fake, WQ "mode", "dedicated\n");
	cr_assert_eq(try_open(0), 0, "%s", uvdk_last_error());
	refused_chan((struct uvdk_dmadev_chan_opts){.flags = UVDK_DMADEV_CHAN_SHARED}, -EOPNOTSUPP,
		     "dedicated");
	refused_chan((struct uvdk_dmadev_chan_opts){.flags = UVDK_DMADEV_CHAN_IRQ}, -EOPNOTSUPP,
		     "interrupts");
	refused_chan((struct uvdk_dmadev_chan_opts){.flags = UVDK_DMADEV_CHAN_BLOCK}, -EOPNOTSUPP,
		     "wait for a page");
	refused_chan((struct uvdk_dmadev_chan_opts){.pasid = 5}, -EOPNOTSUPP, "no PASIDs");
	refused_chan((struct uvdk_dmadev_chan_opts){.ioas = (struct uvdk_ioas *)mem}, -EINVAL,
		     "leave ioas");
	cr_assert_eq(uvdk_dmadev_chan_open(dma, NULL, &chan), 0, "%s", uvdk_last_error());
	refused_chan((struct uvdk_dmadev_chan_opts){0}, -EBUSY, "all of its 1");
	end();
}

Test(dsa_cdev, what_kernels_tell_in_their_ways_is_understood)
{
	static const char *const old[] = {"0x1003f03ff 0 0 0\n", "0x1003f03ff\n",
					  "00000001,003f03ff\n"};

	fake_file(&fake, WQ "block_on_fault", "1\n");
	for (unsigned int i = 0; i < 3; i++) {
		fake_file(&fake, DEV "op_cap", old[i]);
		cr_assert_eq(try_open(0), 0, "%s", uvdk_last_error());
		cr_expect(uvdk_dmadev_get_info(dma)->ops & UVDK_DMADEV_OP_COPY_CRC, "%s", old[i]);
		cr_expect(uvdk_dmadev_get_info(dma)->features & UVDK_DMADEV_BLOCKS);
		end();
	}
	fake_file(&fake, WQ "op_config", "00000000,0000001a\n");
	fake_remove(&fake, WQ "max_batch_size");
	cr_assert_eq(try_open(0), 0, "%s", uvdk_last_error());
	cr_expect_not(uvdk_dmadev_get_info(dma)->ops & UVDK_DMADEV_OP_CRC);
	cr_expect_eq(uvdk_dmadev_get_info(dma)->max_batch, 1);
	cr_assert_eq(uvdk_dmadev_chan_open(dma, NULL, &chan), 0);
	cr_expect_eq(uvdk_dmadev_crc(chan, UVDK_IOVA_NONE, (uintptr_t)mem, 8, NULL, 0),
		     -EOPNOTSUPP);
	end();
}

Test(dsa_cdev, it_is_seen_as_other_engines_are)
{
	struct uvdk_seen_dmadev_chan seen;
	struct uvdk_seen_dmadev engine;

	begin(0, 0);
	cr_assert_eq(copy(0, 100, 0), 0);
	cr_assert_eq(uvdk_dmadev_see(0, &engine), 0);
	cr_expect_str_eq(engine.name, node);
	cr_expect_eq(engine.channels, 1);
	cr_assert_eq(uvdk_dmadev_see_chan(0, &seen), 0);
	cr_expect_str_eq(seen.name, node);
	cr_expect_eq(seen.dma, engine.id);
	cr_expect_eq(seen.seen.free, 63);
	cr_expect_eq(seen.seen.stats.enqueued, 1);
	uvdk_dmadev_chan_close(chan);
	cr_expect_eq(uvdk_dmadev_see_chan(0, &seen), -ENOENT);
	end();
	cr_expect_eq(uvdk_dmadev_see(0, &engine), -ENOENT);
}
