// SPDX-License-Identifier: BSD-3-Clause
#include <poll.h>

#include <uvdk_iommu_driver.h>

#include "edu_testing.h"

/* The emulated bus and iommu, seen through the public device and ioas calls. */

static struct bench b;

static void setup(void)
{
	bench_open(&b, "emu:edu", true);
}

static void teardown(void)
{
	bench_close(&b);
}

TestSuite(emu_bus, .init = setup, .fini = teardown);

/* Let the device write 4 bytes of its buffer to an IOVA; what the IOMMU said. */
static int device_writes(struct bench *at, uvdk_iova_t iova)
{
	struct uvdk_emu_fault fault;

	dma_start(at, 0x40000, iova, 4, 2);
	uvdk_emu_step(at->emu);

	return uvdk_emu_faults(at->emu, &fault, 1, NULL) ? (int)fault.reason : -1;
}

static int device_reads(struct bench *at, uvdk_iova_t iova)
{
	struct uvdk_emu_fault fault;

	dma_start(at, iova, 0x40000, 4, 0);
	uvdk_emu_step(at->emu);

	return uvdk_emu_faults(at->emu, &fault, 1, NULL) ? (int)fault.reason : -1;
}

Test(emu_bus, an_opened_device_tells_who_it_is)
{
	const struct uvdk_device_info *info = uvdk_device_get_info(b.dev);
	struct uvdk_iommu_info iommu;
	uint16_t command = 0;

	cr_expect_str_eq(info->name, "emu:edu#0");
	cr_expect_str_eq(info->bus, "emu");
	cr_expect_str_eq(info->access, "emu");
	cr_expect_gt(info->addr.domain, 0xffff, "no real function is there");
	cr_expect_eq(info->class_code, 0x00ff00);
	cr_expect_eq(info->revision, 0x10);
	cr_expect(info->can_reset);
	cr_assert_eq(uvdk_iommu_get_info(b.dev, &iommu), 0);
	cr_expect_str_eq(iommu.hardware, "emu");
	cr_expect(iommu.coherent);
	cr_expect_eq(iommu.page_sizes & 0xfff, 0);
	cr_expect(iommu.page_sizes & 0x1000);
	cr_assert_eq(uvdk_device_config_read(b.dev, 4, &command, 2), 0);
	cr_expect_eq(command, UVDK_PCI_COMMAND_MEMORY | UVDK_PCI_COMMAND_MASTER);
	cr_expect_geq(uvdk_pci_find_cap(uvdk_device_pci_config(b.dev), 0x05, 0), 0x40);
	cr_expect_geq(uvdk_pci_find_cap(uvdk_device_pci_config(b.dev), 0x10, 0), 0x40);
}

Test(emu_bus, the_emulated_iommu_is_chosen_for_emulated_devices)
{
	cr_expect_str_eq(uvdk_iommu_choose("emu:edu", NULL), "emu");
	cr_expect_null(uvdk_iommu_choose("0000:00:03.0", NULL));
}

static int fake_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	(void)opts;
	*priv = NULL;
	return 0;
}

static void fake_close(void *priv)
{
	(void)priv;
}

static int fake_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	(void)spec;
	(void)opts;
	return -1;
}

Test(emu_bus, an_iommu_of_hardware_is_refused)
{
	static const struct uvdk_iommu_ops fake = {
		.name = "fake",
		.handle = UVDK_IOMMU_HANDLE_CDEV,
		.suits = fake_suits,
		.open = fake_open,
		.close = fake_close,
	};
	unsigned int files = entries("/proc/self/fd");
	struct uvdk_device *dev = NULL;
	struct uvdk_iommu *iommu;

	cr_assert_eq(uvdk_iommu_register(&fake), 0);
	cr_assert_eq(uvdk_iommu_open("fake", NULL, &iommu), 0);
	cr_expect_eq(uvdk_device_open(iommu, "emu:edu", NULL, &dev), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "\"emu\""), "says what to open: %s", uvdk_last_error());
	cr_expect_null(dev);
	uvdk_iommu_close(iommu);
	cr_expect_eq(entries("/proc/self/fd"), files);
}

Test(emu_bus, registers_are_reached_by_calls)
{
	struct uvdk_doorbell bell;
	struct uvdk_region none;

	cr_expect_null((void *)uvdk_region_ptr(&b.bar, 0, 4));
	cr_expect_not(b.bar.mappable);
	cr_expect_eq(uvdk_device_region(b.dev, 1, &none), -ENOENT);
	cr_assert_eq(uvdk_doorbell_init(&bell, &b.bar, 0x04, 4), 0);
	uvdk_doorbell_ring32(&bell, 0);
	cr_expect_eq(reg_read(&b, 0x04, 4), UINT32_MAX);
}

Test(emu_bus, ranges_leave_out_the_msi_window)
{
	struct uvdk_ioas *wide;
	struct uvdk_iova_range r[3];
	uvdk_iova_t iova = 0xfee00000;

	cr_assert_eq(uvdk_ioas_create(b.iommu, NULL, &wide), 0);
	cr_assert_eq(uvdk_ioas_ranges(wide, r, 3), 2);
	cr_expect_eq(r[0].first, 0);
	cr_expect_eq(r[0].last, 0xfedfffff);
	cr_expect_eq(r[1].first, 0xfef00000);
	cr_expect_eq(r[1].last, (UINT64_C(1) << 47) - 1, "what a table of either stage takes");
	cr_expect_eq(uvdk_ioas_map(wide, b.mem, 4096, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		     -ERANGE);
	uvdk_ioas_destroy(wide);
}

Test(emu_bus, permissions_of_a_map_bind_the_device)
{
	uint8_t *two = new_memory(8192);
	uvdk_iova_t ro, wo;

	cr_assert_eq(uvdk_ioas_map(b.ioas, two, 4096, UVDK_MAP_READ, &ro), 0);
	cr_assert_eq(uvdk_ioas_map(b.ioas, two + 4096, 4096, UVDK_MAP_WRITE, &wo), 0);
	memset(two, 0x11, 8192);
	cr_expect_eq(device_reads(&b, ro), -1);
	cr_expect_eq(device_reads(&b, wo), UVDK_EMU_FAULT_PERMISSION);
	cr_expect_eq(device_writes(&b, ro), UVDK_EMU_FAULT_PERMISSION);
	cr_expect_eq(two[0], 0x11);
	two[4096] = 0;
	cr_expect_eq(device_writes(&b, wo), -1);
	cr_expect_eq(two[4096], 0x11);
	cr_assert_eq(uvdk_ioas_unmap(b.ioas, ro, 4096), 0);
	cr_expect_eq(device_reads(&b, ro), UVDK_EMU_FAULT_NOT_MAPPED);
	cr_assert_eq(uvdk_ioas_unmap(b.ioas, wo, 4096), 0);
	munmap(two, 8192);
}

Test(emu_bus, memory_that_is_not_there_cannot_be_mapped)
{
	uint8_t *hole = new_memory(3 * 4096);
	struct uvdk_ioas_stats before, after;
	uvdk_iova_t iova;

	uvdk_ioas_get_stats(b.ioas, &before);
	munmap(hole + 4096, 4096);
	cr_expect_eq(uvdk_ioas_map(b.ioas, hole, 3 * 4096, UVDK_MAP_RW, &iova), -EFAULT);
	mprotect(hole, 4096, PROT_READ);
	cr_expect_eq(uvdk_ioas_map(b.ioas, hole, 4096, UVDK_MAP_RW, &iova), -EPERM);
	uvdk_ioas_get_stats(b.ioas, &after);
	cr_expect_eq(after.maps, before.maps);
	cr_assert_eq(uvdk_ioas_map(b.ioas, hole, 4096, UVDK_MAP_READ, &iova), 0);
	cr_assert_eq(uvdk_ioas_unmap(b.ioas, iova, 4096), 0);
	munmap(hole, 3 * 4096);
}

Test(emu_bus, attach_follows_the_address_space)
{
	struct uvdk_ioas *other;
	uvdk_iova_t iova = b.iova;
	uint8_t *theirs = new_memory(4096);

	cr_assert_eq(uvdk_ioas_create(b.iommu, NULL, &other), 0);
	cr_assert_eq(uvdk_ioas_map(other, theirs, 4096, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	cr_expect_eq(uvdk_ioas_attach(other, b.dev), -EBUSY);
	uvdk_ioas_detach(b.ioas, b.dev);
	cr_expect_eq(device_writes(&b, b.iova), UVDK_EMU_FAULT_NO_DOMAIN);
	cr_assert_eq(uvdk_ioas_attach(other, b.dev), 0);
	memset(theirs, 0xaa, 4);
	cr_expect_eq(device_reads(&b, iova), -1);
	memset(theirs, 0, 4);
	cr_expect_eq(device_writes(&b, iova), -1);
	cr_expect_eq(theirs[0], 0xaa);
	cr_expect_eq(b.mem[0], 0);
	uvdk_ioas_destroy(other);
	cr_expect_eq(device_writes(&b, iova), UVDK_EMU_FAULT_NO_DOMAIN);
	munmap(theirs, 4096);
}

Test(emu_bus, two_devices_share_an_address_space)
{
	struct bench two = b;

	cr_assert_eq(uvdk_device_open(b.iommu, "emu:edu", NULL, &two.dev), 0);
	cr_expect_str_eq(uvdk_device_get_info(two.dev)->name, "emu:edu#1");
	cr_assert_eq(uvdk_device_region(two.dev, 0, &two.bar), 0);
	cr_assert_eq(uvdk_device_set_command(two.dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	cr_expect_eq(device_writes(&two, b.iova), UVDK_EMU_FAULT_NO_DOMAIN);
	cr_assert_eq(uvdk_ioas_attach(b.ioas, two.dev), 0);
	cr_expect_eq(device_writes(&two, b.iova), -1);
	uvdk_device_close(two.dev);
	cr_expect_eq(device_writes(&b, b.iova), -1);
	cr_expect_eq(uvdk_device_open(b.iommu, "emu:edu#0", NULL, &two.dev), -ENODEV,
		     "a spec makes a function, it names none");
}

Test(emu_bus, bus_master_and_reset)
{
	uint16_t command = 0;

	cr_assert_eq(uvdk_device_set_command(b.dev, 0, UVDK_PCI_COMMAND_MASTER), 0);
	cr_expect_eq(device_writes(&b, b.iova), UVDK_EMU_FAULT_BUS_MASTER);
	cr_assert_eq(uvdk_device_set_command(b.dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	cr_assert_eq(uvdk_device_reset(b.dev), 0);
	cr_assert_eq(uvdk_device_config_read(b.dev, 4, &command, 2), 0);
	cr_expect_eq(command, UVDK_PCI_COMMAND_MEMORY | UVDK_PCI_COMMAND_MASTER, "put back");
	cr_expect_eq(device_writes(&b, b.iova), -1);
}

Test(emu_bus, hot_reset_takes_only_the_function_along)
{
	struct uvdk_pci_addr addr = {0};

	cr_expect_eq(uvdk_device_hot_reset_list(b.dev, &addr, 1), 1);
	cr_expect_eq(uvdk_pci_addr_cmp(&addr, &uvdk_device_get_info(b.dev)->addr), 0);
	reg_write(&b, 0x04, 4, 5);
	cr_expect_eq(uvdk_device_hot_reset(b.dev), 0);
	cr_expect_eq(reg_read(&b, 0x04, 4), 0);
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

Test(emu_bus, surprise_removal_closes_it_for_business)
{
	int fd = uvdk_device_event_fd(b.dev);
	uint64_t value;

	cr_expect_eq(uvdk_device_next_event(b.dev), UVDK_DEVICE_EVENT_NONE);
	cr_expect_not(readable(fd));
	cr_assert_eq(uvdk_emu_unplug(b.emu, "emu:edu#0", true), 0);
	cr_expect(readable(fd));
	cr_expect_eq(uvdk_region_read(&b.bar, 0, 4, &value), -ENODEV);
	cr_expect(uvdk_device_gone(b.dev));
	cr_expect_eq(uvdk_device_check(b.dev), -ENODEV);
	cr_expect_eq(uvdk_device_config_read(b.dev, 0, &value, 4), -ENODEV);
	cr_expect_eq(uvdk_device_reset(b.dev), -ENODEV);
	cr_expect_eq(uvdk_device_next_event(b.dev), UVDK_DEVICE_EVENT_GONE);
	cr_expect_eq(uvdk_device_next_event(b.dev), UVDK_DEVICE_EVENT_NONE);
	cr_expect_not(readable(fd));
	cr_expect_str_eq(uvdk_device_get_info(b.dev)->name, "emu:edu#0");
}

Test(emu_bus, orderly_removal_is_told_once_and_ends_with_close)
{
	struct uvdk_device *again;

	cr_assert_eq(uvdk_emu_unplug(b.emu, "emu:edu#0", false), 0);
	cr_expect(readable(uvdk_device_event_fd(b.dev)));
	cr_expect_eq(uvdk_device_next_event(b.dev), UVDK_DEVICE_EVENT_REMOVE);
	cr_expect_eq(uvdk_device_next_event(b.dev), UVDK_DEVICE_EVENT_NONE);
	uvdk_device_close(b.dev);
	cr_expect_eq(uvdk_emu_unplug(b.emu, "emu:edu#0", false), -ENOENT);
	cr_assert_eq(uvdk_device_open(b.iommu, "emu:edu", NULL, &again), 0);
	b.dev = again;
}

/* ---- without the fixture ---- */

Test(emu_iommu, everything_is_given_back)
{
	unsigned int files = entries("/proc/self/fd");
	unsigned int threads = entries("/proc/self/task");

	for (int i = 0; i < 3; i++) {
		struct bench x;

		bench_open(&x, "emu:edu", false);
		bench_close(&x);
		bench_open(&x, "emu:edu", false);
		uvdk_emu_unplug(x.emu, "emu:edu#0", true);
		bench_close(&x);
	}
	cr_expect_eq(entries("/proc/self/fd"), files);
	cr_expect_eq(entries("/proc/self/task"), threads);
}

Test(emu_iommu, without_a_machine_each_iommu_has_its_own)
{
	struct uvdk_iommu *one, *two;
	struct uvdk_device *a, *c;

	cr_assert_eq(uvdk_iommu_open("emu", NULL, &one), 0);
	cr_assert_eq(uvdk_iommu_open("emu", NULL, &two), 0);
	cr_assert_eq(uvdk_device_open(one, "emu:edu", NULL, &a), 0);
	cr_assert_eq(uvdk_device_open(two, "emu:edu", NULL, &c), 0);
	cr_expect_str_eq(uvdk_device_get_info(a)->name, "emu:edu#0");
	cr_expect_str_eq(uvdk_device_get_info(c)->name, "emu:edu#0");
	uvdk_device_close(a);
	uvdk_iommu_close(one);
	cr_expect_eq(uvdk_device_check(c), 0);
	uvdk_device_close(c);
	uvdk_iommu_close(two);
}

Test(emu_iommu, a_machine_outlives_its_owner_while_in_use)
{
	struct bench x;

	bench_open(&x, "emu:edu", false);
	uvdk_emu_destroy(x.emu);
	x.emu = NULL;
	dma_start(&x, x.iova, 0x40000, 16, 0);
	WAIT_UNTIL(!(reg_read(&x, 0x98, 8) & 1));
	bench_close(&x);
}
