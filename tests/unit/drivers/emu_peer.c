// SPDX-License-Identifier: BSD-3-Clause
#include "edu_testing.h"

#include <uvdk_dmabuf.h>

/*
 * An emulated function reaches another's BAR by DMA. The copier copies (registers:
 * tests/vm/README.md); peers are an edu, whose registers say who it is, and another copier,
 * whose descriptors keep what is written.
 */
#define PAGE   0x1000u
#define EDU_ID 0x010000edu
#define SLOTS  0x10000u

enum status { PENDING, DONE, READ_FAULT, WRITE_FAULT };

static struct bench b;
static struct uvdk_device *peer;
static unsigned int submitted;
static struct uvdk_dmabuf_info told;

static void open_with(const char *spec)
{
	bench_open(&b, "emu:copier", true);
	submitted = 0;
	memset(&told, 0, sizeof(told));
	cr_assert_eq(uvdk_device_open(b.iommu, spec, NULL, &peer), 0, "%s", uvdk_last_error());
}

static void close_all(void)
{
	uvdk_device_close(peer);
	bench_close(&b);
}

static enum status copy(uvdk_iova_t dst, uvdk_iova_t src, size_t len)
{
	uint64_t slot = SLOTS + submitted * 64;

	reg_write(&b, slot, 8, UINT64_C(1) << 32);
	reg_write(&b, slot + 8, 8, src);
	reg_write(&b, slot + 16, 8, dst);
	reg_write(&b, slot + 24, 8, len);
	reg_write(&b, 0x100, 4, ++submitted);
	while (uvdk_emu_step(b.emu))
		;
	return (enum status)reg_read(&b, slot + 32, 4);
}

/* Part of BAR 0 of the peer. */
static uvdk_iova_t map_peer(uint64_t offset, size_t len, unsigned int flags)
{
	uvdk_iova_t iova = 0;
	int fd = -1;

	cr_assert_eq(uvdk_device_export_bar(peer, 0, offset, len, &fd), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmabuf_map(b.ioas, fd, 0, len, flags, &iova), 0, "%s", uvdk_last_error());
	close(fd);
	return iova;
}

static uint32_t seen_at(uvdk_iova_t iova)
{
	uint32_t value = 0x55555555;

	memcpy(b.mem, &value, sizeof(value));
	if (copy(b.iova, iova, 4) == READ_FAULT)
		return 0;
	memcpy(&value, b.mem, sizeof(value));
	return value;
}

static uint64_t peer_register(uint64_t off, unsigned int width)
{
	struct uvdk_region bar;
	uint64_t value = 0;

	cr_assert_eq(uvdk_device_region(peer, 0, &bar), 0);
	cr_assert_eq(uvdk_region_read(&bar, off, width, &value), 0);
	return value;
}

static void note(const struct uvdk_dmabuf_info *info, void *arg)
{
	(void)arg;
	told = *info;
}

TestSuite(emu_peer);

Test(emu_peer, registers_of_a_peer_are_read)
{
	struct uvdk_emu_fault fault;
	uvdk_iova_t iova;

	open_with("emu:edu");
	iova = map_peer(0, PAGE, UVDK_MAP_RW);
	cr_expect_eq(seen_at(iova), EDU_ID);
	cr_assert_eq(uvdk_dmabuf_unmap(b.ioas, iova), 0);
	cr_expect_eq(seen_at(iova), 0);
	cr_assert_eq(uvdk_emu_faults(b.emu, &fault, 1, NULL), 1);
	cr_expect_eq(fault.iova, iova);
	close_all();
}

Test(emu_peer, what_is_written_arrives_whatever_its_alignment)
{
	uvdk_iova_t iova;

	open_with("emu:copier");
	iova = map_peer(SLOTS, PAGE, UVDK_MAP_RW);
	for (unsigned int i = 0; i < 32; i++)
		b.mem[i] = (uint8_t)(0x10 + i);
	cr_expect_eq(copy(iova + 1, b.iova, 29), DONE);
	cr_expect_eq(peer_register(SLOTS, 8), 0x1615141312111000);
	cr_expect_eq(peer_register(SLOTS + 24, 8), 0x00002c2b2a292827);
	cr_expect_eq(copy(b.iova + PAGE, iova + 1, 29), DONE);
	cr_expect_arr_eq(b.mem + PAGE, b.mem, 29);
	close_all();
}

Test(emu_peer, a_map_for_reading_is_not_written)
{
	uvdk_iova_t iova;

	open_with("emu:copier");
	iova = map_peer(SLOTS, PAGE, UVDK_MAP_READ);
	b.mem[0] = 0x77;
	cr_expect_eq(copy(iova, b.iova, 1), WRITE_FAULT);
	cr_expect_eq(peer_register(SLOTS, 1), 0);
	close_all();
}

Test(emu_peer, resets_and_memory_enable_are_followed)
{
	uvdk_iova_t iova;

	open_with("emu:edu");
	iova = map_peer(0, PAGE, UVDK_MAP_RW);
	cr_assert_eq(uvdk_dmabuf_watch(b.ioas, iova, note, NULL), 0);
	cr_assert_eq(uvdk_device_reset(peer), 0);
	cr_expect_eq(told.revocations, 1);
	cr_expect_eq(seen_at(iova), EDU_ID);
	cr_assert_eq(uvdk_device_set_command(peer, 0, UVDK_PCI_COMMAND_MEMORY), 0);
	cr_expect_eq(told.state, UVDK_DMABUF_REVOKED);
	cr_expect_eq(seen_at(iova), 0);
	/* An address space that is attached meanwhile has no such map either. */
	uvdk_ioas_detach(b.ioas, b.dev);
	cr_assert_eq(uvdk_ioas_attach(b.ioas, b.dev), 0);
	cr_expect_eq(seen_at(iova), 0);
	cr_assert_eq(uvdk_device_set_command(peer, UVDK_PCI_COMMAND_MEMORY, 0), 0);
	cr_expect_eq(seen_at(iova), EDU_ID);
	uvdk_device_close(peer);
	peer = NULL;
	cr_expect_eq(told.state, UVDK_DMABUF_ENDED);
	cr_expect_eq(seen_at(iova), 0);
	close_all();
}

Test(emu_peer, a_peer_that_is_torn_out_reads_as_ones)
{
	uvdk_iova_t iova;

	open_with("emu:edu");
	iova = map_peer(0, PAGE, UVDK_MAP_RW);
	cr_assert_eq(uvdk_emu_unplug(b.emu, "emu:edu#0", true), 0);
	cr_expect_eq(seen_at(iova), UINT32_MAX);
	cr_assert_eq(uvdk_device_next_event(peer), UVDK_DEVICE_EVENT_GONE);
	cr_expect_eq(seen_at(iova), 0);
	close_all();
}

Test(emu_peer, nobody_is_its_own_peer)
{
	uvdk_iova_t iova;
	int fd = -1;

	open_with("emu:edu");
	cr_assert_eq(uvdk_device_export_bar(b.dev, 0, 0, PAGE, &fd), 0);
	cr_assert_eq(uvdk_dmabuf_map(b.ioas, fd, 0, PAGE, UVDK_MAP_RW, &iova), 0);
	close(fd);
	cr_expect_eq(seen_at(iova), UINT32_MAX);
	cr_expect_eq(copy(iova + 8, b.iova, 4), DONE);
	close_all();
}

Test(emu_peer, a_memfd_is_mapped)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint32_t value = 0xc0ffee;
	uvdk_iova_t iova;

	open_with("emu:edu");
	cr_assert_eq(ftruncate(fd, 2 * PAGE), 0);
	cr_assert_eq(pwrite(fd, &value, 4, PAGE), 4);
	cr_assert_eq(uvdk_dmabuf_map(b.ioas, fd, PAGE, PAGE, UVDK_MAP_RW, &iova), 0, "%s",
		     uvdk_last_error());
	cr_expect_eq(seen_at(iova), value);
	cr_expect_eq(copy(iova + 8, b.iova, 4), DONE);
	cr_assert_eq(pread(fd, &value, 4, PAGE + 8), 4);
	cr_expect_eq(value, 0xc0ffee);
	cr_assert_eq(uvdk_dmabuf_unmap(b.ioas, iova), 0);
	cr_expect_eq(seen_at(iova), 0);
	close(fd);
	close_all();
}
