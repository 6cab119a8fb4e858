// SPDX-License-Identifier: BSD-3-Clause
/*
 * Drives a DSA without its driver, register by register: it is enabled, moves
 * memory, signals its end, reports a fault, and is reset.
 *
 * usage: dsa_raw BDF IOMMU      (iommufd, type1)
 *        dsa_raw emu:dsa emu
 */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include <uvdk_emu.h>

#include "dev_common.h"

#define LEN	   ((size_t)1 << 20)
#define MOVED	   (LEN / 4) /* bytes, not aligned */
#define RECORD_OFF (LEN - 4096)
#define VECTOR	   3

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static struct uvdk_ioas *ioas;
static struct uvdk_region regs, portals;
static uint8_t *mem;
static uvdk_iova_t iova;

static void set(uint64_t off, uint32_t value)
{
	CHECK_EQ(uvdk_region_write(&regs, off, 4, value), 0);
}

static uint64_t get(uint64_t off, unsigned int width)
{
	uint64_t value = 0;

	CHECK_EQ(uvdk_region_read(&regs, off, width, &value), 0);

	return value;
}

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);

	return t.tv_sec;
}

static void command(uint32_t code, uint32_t operand)
{
	time_t give_up = now_s() + 20;

	set(0xa0, code << 20 | operand);
	while (get(0xa8, 4) >> 31)
		CHECK(now_s() < give_up, "command %u does not end", code);
	CHECK_EQ(get(0xa8, 4), 0);
}

static void open_all(const char *bdf, const char *name)
{
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};

	if (!strcmp(name, "emu"))
		CHECK_EQ(uvdk_emu_create(NULL, &emu), 0);
	opts.emu = emu;
	CHECK_EQ(uvdk_iommu_open(name, &opts, &iommu), 0);
	CHECK_EQ(uvdk_device_open(iommu, bdf, NULL, &dev), 0);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_ioas_attach(ioas, dev), 0);
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(mem != MAP_FAILED, "memory");
	CHECK_EQ(uvdk_ioas_map(ioas, mem, LEN, UVDK_MAP_RW, &iova), 0);
	CHECK_EQ(uvdk_device_region(dev, 0, &regs), 0);
	CHECK_EQ(uvdk_device_region(dev, 2, &portals), 0);
	CHECK_EQ(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY, 0),
		 0);
}

static void close_all(void)
{
	uvdk_device_close(dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
	munmap(mem, LEN);
}

/* Queue 0 of 16 entries, dedicated, and engine 0, in group 0. */
static void start(void)
{
	uint64_t offsets = get(0x60, 8);
	uint64_t groups = (offsets & 0xffff) * 0x100, wqs = (offsets >> 16 & 0xffff) * 0x100;

	set(wqs, 16);
	set(wqs + 8, 0x11);
	set(wqs + 12, 20);
	set(groups, 1);
	set(groups + 32, 1);
	set(groups + 40, 32u << 20);
	command(1, 0);
	command(6, 0);
	CHECK_EQ(get(0x90, 4) & 3, 1);
}

/* Returns the status of the record. */
static uint8_t move(uint64_t src, uint64_t dst, uint32_t len, uint32_t flags)
{
	const uint64_t d[8] = {(uint64_t)(3u << 24 | 0xc | flags) << 32, iova + RECORD_OFF, src,
			       dst, len | (uint64_t)VECTOR << 32};
	volatile uint8_t *status = mem + RECORD_OFF;
	time_t give_up = now_s() + 20;

	*status = 0;
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(uvdk_region_write(&portals, 8 * i, 8, d[i]), 0);
	while (!*status)
		CHECK(now_s() < give_up, "no record");

	return *status;
}

static void moves(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	CHECK_EQ(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, VECTOR, 1, &fd), 0);
	for (size_t i = 0; i < MOVED; i++)
		mem[i + 1] = (uint8_t)(i * 7 + i / 251);
	CHECK_EQ(move(iova + 1, iova + LEN / 2 + 5, MOVED, 0x10), 1);
	CHECK_EQ(take_count(fd), 1);
	CHECK_EQ(memcmp(mem + LEN / 2 + 5, mem + 1, MOVED), 0);
	CHECK_EQ(uvdk_device_irq_disable(dev, UVDK_IRQ_MSIX), 0);
	close(fd);
	printf("moved\n");

	CHECK_EQ(move(iova, iova + LEN, 100, 0), 0x83);
	printf("a fault is a fault\n");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_all(argv[1], argv[2]);
	printf("version 0x%x, %d vectors\n", (unsigned int)get(0, 4),
	       uvdk_device_irq_count(dev, UVDK_IRQ_MSIX));
	for (unsigned int round = 0; round < 2; round++) {
		start();
		moves();
		CHECK_EQ(uvdk_device_reset(dev), 0);
		CHECK_EQ(get(0x90, 4) & 3, 0);
		CHECK_EQ(uvdk_device_set_command(
				 dev, UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY, 0),
			 0);
		printf("reset\n");
	}
	close_all();
	printf("all good\n");

	return 0;
}
