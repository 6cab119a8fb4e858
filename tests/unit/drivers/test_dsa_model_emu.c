// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "emu_asker.h"

/* "emu:dsa" as an application finds it: identity, capabilities, PASIDs, interrupts, faults. */

#define IOVA   UINT64_C(0x40000000)
#define PASID  77u
#define SRC    IOVA
#define DST    (IOVA + 16 * ASKER_PAGE)
#define RECORD (IOVA + 32 * ASKER_PAGE)
#define HOLE   (IOVA + 64 * ASKER_PAGE) /* not mapped to begin with */
#define SPACE  (64 * ASKER_PAGE)

extern const struct uvdk_emu_model uvdk_model_dsa;

static struct asker_world w;
static struct uvdk_device *dev;
static struct uvdk_ioas *ioas;
static struct uvdk_faultq *queue;
static struct uvdk_hwpt *table;
static struct uvdk_region regs, portals;
static bool manual = true;

static void reg_write(uint64_t off, uint32_t value)
{
	cr_assert_eq(uvdk_region_write(&regs, off, 4, value), 0);
}

static uint64_t reg_read(uint64_t off, unsigned int width)
{
	uint64_t value = 0;

	cr_assert_eq(uvdk_region_read(&regs, off, width, &value), 0);
	return value;
}

static uint64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

static void let_work(void)
{
	if (!manual)
		sched_yield();
	else
		while (uvdk_emu_step(w.emu))
			;
}

static unsigned int command(uint32_t value)
{
	uint64_t give_up = now_s() + 20;

	reg_write(0xa0, value);
	do
		let_work();
	while (reg_read(0xa8, 4) >> 31 && now_s() < give_up);
	return (unsigned int)reg_read(0xa8, 4);
}

static void open_dsa(const char *spec, const struct uvdk_emu_opts *opts)
{
	asker_world_open(&w, opts);
	uvdk_emu_model_register(&uvdk_model_dsa);
	cr_assert_eq(uvdk_device_open(w.iommu, spec, NULL, &dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	cr_assert_eq(uvdk_device_region(dev, 0, &regs), 0);
	cr_assert_eq(uvdk_device_region(dev, 2, &portals), 0);
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &ioas), 0);
}

static void close_dsa(void)
{
	uvdk_device_close(dev);
	uvdk_ioas_destroy(ioas);
	asker_world_close(&w);
}

static void map(uint64_t iova, size_t len)
{
	cr_assert_eq(uvdk_ioas_map(ioas, w.memory + (iova - IOVA), len,
				   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		     0, "%s", uvdk_last_error());
}

/* Queue 0, which blocks on faults if it may, and has a PASID or none. */
static void start(uint32_t dword2)
{
	reg_write(0x500, 64);
	reg_write(0x508, 0x11 | dword2);
	reg_write(0x50c, 20);
	reg_write(0x400, 1);
	reg_write(0x420, 1);
	reg_write(0x428, 32u << 20);
	cr_assert_eq(command(1 << 20), 0);
	cr_assert_eq(command(6 << 20), 0);
}

static void submit(uint32_t flags, uint64_t src, uint64_t dst, uint32_t len, uint16_t handle)
{
	const uint64_t d[8] = {(uint64_t)(3u << 24 | 0xc | flags) << 32, RECORD, src, dst,
			       len | (uint64_t)handle << 32};

	memset(w.memory + (RECORD - IOVA), 0, 32);
	for (unsigned int i = 0; i < 8; i++)
		cr_assert_eq(uvdk_region_write(&portals, 8 * i, 8, d[i]), 0);
}

static uint8_t status(void)
{
	return __atomic_load_n(w.memory + (RECORD - IOVA), __ATOMIC_ACQUIRE);
}

static uint8_t wait_status(void)
{
	uint64_t give_up = now_s() + 20;

	do
		let_work();
	while (!status() && now_s() < give_up);
	return status();
}

Test(dsa_model_emu, has_identity_and_capabilities_of_the_real_one)
{
	uint32_t value = 0;

	open_dsa("emu:dsa", NULL);
	uvdk_device_config_read(dev, 0, &value, 4);
	cr_expect_eq(value, 0x0b258086);
	uvdk_device_config_read(dev, 8, &value, 4);
	cr_expect_eq(value >> 8, 0x088000);
	cr_expect_eq(uvdk_device_irq_count(dev, UVDK_IRQ_MSIX), 9);
	cr_expect_eq(reg_read(0, 4), 0x100);
	close_dsa();
}

Test(dsa_model_emu, moves_without_a_pasid)
{
	open_dsa("emu:dsa", NULL);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	map(IOVA, SPACE);
	start(0);
	memset(w.memory, 0x5a, 5000);
	submit(0, SRC, DST, 5000, 0);
	cr_assert_eq(wait_status(), 1);
	cr_expect_arr_eq(w.memory + (DST - IOVA), w.memory, 5000);
	close_dsa();
}

Test(dsa_model_emu, a_thread_of_the_machine_s_does_the_same)
{
	const struct uvdk_emu_opts opts = {.size = sizeof(opts)};
	uint64_t count;
	int fd;

	manual = false;
	open_dsa("emu:dsa,version=2", &opts);
	fd = eventfd(0, EFD_CLOEXEC);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	map(IOVA, SPACE);
	cr_assert_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 2, 1, &fd), 0, "%s",
		     uvdk_last_error());
	start(0);
	for (unsigned int i = 0; i < 1000; i++) {
		memset(w.memory, (int)i, 5000);
		submit(0x10, SRC, DST, 5000, 2);
		cr_assert_eq(read(fd, &count, sizeof(count)), sizeof(count));
		cr_assert_eq(status(), 1, "the record is there when the interrupt is");
		cr_expect_arr_eq(w.memory + (DST - IOVA), w.memory, 5000);
	}
	uvdk_device_irq_disable(dev, UVDK_IRQ_MSIX);
	close(fd);
	close_dsa();
}

/* A table with a fault queue for PASID. */
static void attach_pasid(void)
{
	struct uvdk_faultq_opts fopts = {.size = sizeof(fopts), .groups_max = 64};
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = UVDK_HWPT_PASID};

	cr_assert_eq(uvdk_faultq_create(w.iommu, &fopts, &queue), 0, "%s", uvdk_last_error());
	opts.faultq = queue;
	cr_assert_eq(uvdk_hwpt_create(ioas, dev, &opts, &table), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_attach(table, dev, PASID), 0, "%s", uvdk_last_error());
}

static void close_pasid(void)
{
	uvdk_device_close(dev);
	uvdk_hwpt_destroy(table);
	uvdk_faultq_destroy(queue);
	uvdk_ioas_destroy(ioas);
	asker_world_close(&w);
}

static uint64_t asked(struct uvdk_fault *fault)
{
	cr_assert_eq(uvdk_faultq_read(queue, fault, 1), 1);
	cr_expect_eq(fault->type, UVDK_FAULT_PAGE_REQUEST);
	cr_expect_eq(fault->pasid, PASID);
	return fault->group;
}

static void answer(uint64_t group, enum uvdk_fault_code code)
{
	struct uvdk_fault_answer one = {.group = group, .code = code};

	cr_assert_eq(uvdk_faultq_answer(queue, &one, 1), 0);
}

#define BLOCKING (0x2 | 1u << 28 | PASID << 8)

Test(dsa_model_emu, asks_for_a_page_and_goes_on_with_it)
{
	struct uvdk_fault fault;
	uint64_t group;

	open_dsa("emu:dsa", NULL);
	attach_pasid();
	map(IOVA, SPACE);
	start(BLOCKING);
	memset(w.memory, 0x77, 8000);
	submit(0x2, SRC, HOLE, 8000, 0);
	let_work();
	cr_assert_eq(status(), 0, "it waits");
	group = asked(&fault);
	cr_expect_eq(fault.addr, HOLE);
	map(HOLE, 2 * ASKER_PAGE);
	answer(group, UVDK_FAULT_SUCCESS);
	cr_assert_eq(wait_status(), 1);
	cr_expect_arr_eq(w.memory + (HOLE - IOVA), w.memory, 8000);
	close_pasid();
}

Test(dsa_model_emu, ends_with_the_fault_when_the_page_is_refused)
{
	struct uvdk_fault fault;

	open_dsa("emu:dsa", NULL);
	attach_pasid();
	map(IOVA, SPACE);
	start(BLOCKING);
	submit(0x2, HOLE, DST, 8000, 0);
	let_work();
	answer(asked(&fault), UVDK_FAULT_INVALID);
	cr_assert_eq(wait_status(), 4);
	close_pasid();
}

Test(dsa_model_emu, without_blocking_the_fault_is_told_at_once)
{
	open_dsa("emu:dsa", NULL);
	attach_pasid();
	map(IOVA, SPACE);
	start(BLOCKING);
	submit(0, SRC, HOLE - 100, 200, 0);
	cr_assert_eq(wait_status(), 0x83);
	cr_expect_eq(*(uint32_t *)(void *)(w.memory + (RECORD - IOVA) + 4), 100);
	cr_expect_eq(*(uint64_t *)(void *)(w.memory + (RECORD - IOVA) + 8), HOLE);
	close_pasid();
}

Test(dsa_model_emu, a_reset_leaves_nothing_under_way)
{
	struct uvdk_fault fault;

	open_dsa("emu:dsa", NULL);
	attach_pasid();
	map(IOVA, SPACE);
	start(BLOCKING);
	submit(0x2, SRC, HOLE, 8000, 0);
	let_work();
	asked(&fault);
	cr_assert_eq(uvdk_device_reset(dev), 0);
	cr_assert_eq(reg_read(0x90, 4), 1 << 2);
	cr_assert_eq(reg_read(0x500, 4), 0);
	close_pasid();
}

Test(dsa_model_emu, vanished_it_is_all_ones)
{
	uint32_t id = 0;

	open_dsa("emu:dsa,evil=vanish", NULL);
	let_work();
	uvdk_device_config_read(dev, 0, &id, 4);
	cr_expect_eq(id, UINT32_MAX);
	close_dsa();
}

Test(dsa_model_emu, arguments_that_make_no_sense_are_refused)
{
	static const char *const specs[] = {"emu:dsa,version=3",    "emu:dsa,evil=nothing",
					    "emu:dsa,evil=status+", "emu:dsa,max-batch=16",
					    "emu:dsa,fault-rate=0", "emu:dsa,unknown"};

	asker_world_open(&w, NULL);
	uvdk_emu_model_register(&uvdk_model_dsa);
	for (unsigned int i = 0; i < 6; i++)
		cr_expect_neq(uvdk_device_open(w.iommu, specs[i], NULL, &dev), 0, "%s", specs[i]);
	asker_world_close(&w);
}
