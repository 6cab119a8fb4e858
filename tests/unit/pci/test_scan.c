// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <pci/pci.h>

#include <uvdk_pci.h>

#include "fake_sysfs.h"

static struct fake fake;

static void setup(void)
{
	fake_create(&fake);
	fake_driver(&fake, "virtio-pci", true);
}

static void teardown(void)
{
	fake_destroy(&fake);
}

TestSuite(scan, .init = setup, .fini = teardown);
TestSuite(identify, .init = setup, .fini = teardown);
TestSuite(group, .init = setup, .fini = teardown);

static int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);

	return n;
}

static struct uvdk_pci_addr addr_of(const char *text)
{
	struct uvdk_pci_addr addr;

	cr_assert_eq(uvdk_pci_addr_parse(text, &addr), 0);

	return addr;
}

Test(scan, functions_come_in_order_and_are_found)
{
	static const char *const order[] = {"0000:00:03.0", "0000:00:03.1", "0000:01:00.0",
					    "10000:00:00.0"};
	struct uvdk_pci_addr absent = addr_of("0000:00:04.0");
	struct uvdk_pci_scan *scan;
	char buf[UVDK_PCI_ADDR_LEN];

	fake_function(&fake, order[2], 0x8086, 0x10c9, 0x020000, NULL, 2);
	fake_function(&fake, order[3], 0x8086, 0x10c9, 0x020000, NULL, -1);
	fake_function(&fake, order[0], 0x1af4, 0x1041, 0x020000, "virtio-pci", 1);
	fake_function(&fake, order[1], 0x1af4, 0x1042, 0x010000, "virtio-pci", 1);

	cr_assert_eq(uvdk_pci_scan_create(fake.sys, &scan), 0);
	cr_assert_eq(uvdk_pci_scan_count(scan), 4);
	for (size_t i = 0; i < 4; i++) {
		const struct uvdk_pci_function *fn = uvdk_pci_scan_at(scan, i);

		cr_expect_str_eq(uvdk_pci_addr_format(&fn->addr, buf), order[i]);
		cr_expect_eq(uvdk_pci_scan_find(scan, &fn->addr), fn);
	}
	cr_expect_null(uvdk_pci_scan_at(scan, 4));
	cr_expect_null(uvdk_pci_scan_find(scan, &absent));
	cr_expect_str_eq(uvdk_pci_scan_at(scan, 0)->driver, "virtio-pci");
	uvdk_pci_scan_destroy(scan);
}

Test(scan, machine_without_pci_is_empty)
{
	struct uvdk_pci_function fn = {.vendor = 0xffff, .device = 0xfffe};
	struct uvdk_pci_scan *scan;
	char name[64];

	fake_remove(&fake, "sys/bus");
	cr_assert_eq(uvdk_pci_scan_create(fake.sys, &scan), 0);
	cr_expect_eq(uvdk_pci_scan_count(scan), 0);
	cr_expect_str_eq(uvdk_pci_name(scan, &fn, name, sizeof(name)), "Device ffff:fffe");
	uvdk_pci_scan_destroy(scan);
}

Test(scan, absent_sysfs_is_an_error_that_names_it)
{
	struct uvdk_pci_scan *scan = NULL;

	cr_expect_eq(uvdk_pci_scan_create("/nonexistent/sys", &scan), -EIO);
	cr_expect_null(scan);
	cr_expect_not_null(strstr(uvdk_last_error(), "/nonexistent/sys"));
}

Test(scan, nonsense_in_sysfs_is_refused_and_leaks_nothing)
{
	struct uvdk_pci_scan *scan = NULL;
	int before = open_descriptors();

	fake_dir(&fake, "sys/bus/pci/devices/what");
	cr_expect_eq(uvdk_pci_scan_create(fake.sys, &scan), -EIO);
	cr_expect_not_null(strstr(uvdk_last_error(), "what"));
	fake_remove(&fake, "sys/bus/pci/devices/what");

	/* libpci, like the kernel, has an int for it. */
	fake_dir(&fake, "sys/bus/pci/devices/80000000:00:00.0");
	cr_expect_eq(uvdk_pci_scan_create(fake.sys, &scan), -EIO);
	cr_expect_not_null(strstr(uvdk_last_error(), "80000000:00:00.0"));
	fake_remove(&fake, "sys/bus/pci/devices/80000000:00:00.0");

	fake_function(&fake, "0000:00:03.0", 0x1af4, 0x1041, 0x020000, NULL, -1);
	fake_attr(&fake, "0000:00:03.0", "vendor", "zzz\n");
	cr_expect_eq(uvdk_pci_scan_create(fake.sys, &scan), -EIO);
	cr_expect_not_null(strstr(uvdk_last_error(), "0000:00:03.0"));
	cr_expect_null(scan);
	cr_expect_eq(open_descriptors(), before);
}

Test(scan, scan_and_destroy_leave_no_descriptor)
{
	struct uvdk_pci_scan *scan;
	int before = open_descriptors();
	char name[64];

	fake_function(&fake, "0000:00:03.0", 0x1af4, 0x1041, 0x020000, NULL, -1);
	cr_assert_eq(uvdk_pci_scan_create(fake.sys, &scan), 0);
	uvdk_pci_name(scan, uvdk_pci_scan_at(scan, 0), name, sizeof(name));
	uvdk_pci_scan_destroy(scan);
	uvdk_pci_scan_destroy(NULL);
	cr_expect_eq(open_descriptors(), before);
}

/* libpci reads the same file by its own means. */
Test(scan, names_are_those_of_libpci)
{
	static const uint16_t ids[][2] = {{0x1af4, 0x1041}, {0x8086, 0x10c9}, {0x8086, 0x0d57},
					  {0x1234, 0x11e8}, {0x0001, 0x0001}, {0x15b3, 0x1017},
					  {0x10de, 0x1db6}, {0xffff, 0xfffe}, {0x1002, 0x744c},
					  {0x0e11, 0x0001}};
	struct pci_access *access = pci_alloc();
	struct uvdk_pci_scan *scan;
	char want[256];
	char name[256];

	pci_init(access);
	cr_assert_eq(uvdk_pci_scan_create(fake.sys, &scan), 0);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct uvdk_pci_function fn = {.vendor = ids[i][0], .device = ids[i][1]};

		if (!pci_lookup_name(access, want, sizeof(want),
				     PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS,
				     ids[i][0], ids[i][1]))
			snprintf(want, sizeof(want), "Device %04x:%04x", ids[i][0], ids[i][1]);
		cr_expect_str_eq(uvdk_pci_name(scan, &fn, name, sizeof(name)), want);
	}
	uvdk_pci_scan_destroy(scan);
	pci_cleanup(access);
}

Test(scan, long_name_is_cut_to_the_room)
{
	struct uvdk_pci_function fn = {.vendor = 0xffff, .device = 0xfffe};
	struct uvdk_pci_scan *scan;
	char name[8];

	cr_assert_eq(uvdk_pci_scan_create(fake.sys, &scan), 0);
	cr_expect_str_eq(uvdk_pci_name(scan, &fn, name, sizeof(name)), "Device ");
	uvdk_pci_scan_destroy(scan);
}

static const char resource[] = "0x0000004000100000 0x000000400017ffff 0x0000000000140204\n"
			       "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
			       "0x00000000fe000000 0x00000000fe000fff 0x0000000000040200\n"
			       "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
			       "0x000000000000c000 0x000000000000c01f 0x0000000000040101\n"
			       "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
			       "0x00000000fe800000 0x00000000fe87ffff 0x0000000000046200\n";

static void virtual_function(const char *bdf)
{
	fake_function(&fake, bdf, 0x8086, 0x10ca, 0x020000, "virtio-pci", 7);
	fake_attr(&fake, bdf, "subsystem_vendor", "0x1af4\n");
	fake_attr(&fake, bdf, "subsystem_device", "0x1100\n");
	fake_attr(&fake, bdf, "numa_node", "1\n");
	fake_attr(&fake, bdf, "driver_override", "vfio-pci\n");
	fake_attr(&fake, bdf, "resource", resource);
	fake_link(&fake, "sys/devices/pci0000:00/0000:00:03.0/physfn", "../0000:00:02.0");
}

static void expect_virtual_function(const struct uvdk_pci_function *fn)
{
	cr_expect_eq(fn->vendor, 0x8086);
	cr_expect_eq(fn->device, 0x10ca);
	cr_expect_eq(fn->subvendor, 0x1af4);
	cr_expect_eq(fn->subdevice, 0x1100);
	cr_expect_eq(fn->class_code, 0x020000);
	cr_expect_eq(fn->revision, 1);
	cr_expect_str_eq(fn->driver, "virtio-pci");
	cr_expect_str_eq(fn->driver_override, "vfio-pci");
	cr_expect_eq(fn->iommu_group, 7);
	cr_expect_eq(fn->numa_node, 1);
	cr_expect(fn->is_vf);
	cr_expect_eq(fn->pf.device, 2);
	cr_expect_eq(fn->resources[0].start, 0x4000100000);
	cr_expect_eq(fn->resources[0].size, 0x80000);
	cr_expect_eq(fn->resources[0].flags, 0x140204);
	cr_expect_eq(fn->resources[1].size, 0);
	cr_expect_eq(fn->resources[2].size, 0x1000);
	cr_expect_eq(fn->resources[4].size, 0x20);
	cr_expect_eq(fn->resources[6].size, 0x80000);
}

Test(identify, everything_sysfs_tells)
{
	struct uvdk_pci_addr addr = addr_of("00:03.0");
	struct uvdk_pci_function fn;

	virtual_function("0000:00:03.0");
	cr_assert_eq(uvdk_pci_identify(fake.sys, &addr, &fn), 0);
	expect_virtual_function(&fn);
}

Test(identify, uevent_tells_the_same_in_one_read)
{
	struct uvdk_pci_addr addr = addr_of("00:03.0");
	struct uvdk_pci_function fn;

	virtual_function("0000:00:03.0");
	fake_attr(&fake, "0000:00:03.0", "uevent",
		  "DRIVER=virtio-pci\nPCI_CLASS=20000\nPCI_ID=8086:10CA\n"
		  "PCI_SUBSYS_ID=1AF4:1100\nPCI_SLOT_NAME=0000:00:03.0\n");
	fake_remove(&fake, "sys/devices/pci0000:00/0000:00:03.0/vendor");
	cr_assert_eq(uvdk_pci_identify(fake.sys, &addr, &fn), 0);
	expect_virtual_function(&fn);
}

Test(identify, physical_function_tells_its_vfs)
{
	struct uvdk_pci_addr addr = addr_of("00:02.0");
	struct uvdk_pci_function fn;

	fake_function(&fake, "0000:00:02.0", 0x8086, 0x10c9, 0x020000, NULL, -1);
	fake_attr(&fake, "0000:00:02.0", "sriov_totalvfs", "7\n");
	fake_attr(&fake, "0000:00:02.0", "sriov_numvfs", "2\n");
	cr_assert_eq(uvdk_pci_identify(fake.sys, &addr, &fn), 0);
	cr_expect_eq(fn.sriov_total, 7);
	cr_expect_eq(fn.sriov_num, 2);
	cr_expect_not(fn.is_vf);
	cr_expect_eq(fn.iommu_group, -1);
	cr_expect_eq(fn.numa_node, -1);
	cr_expect_str_eq(fn.driver, "");
	cr_expect_str_eq(fn.driver_override, "");
}

Test(identify, absent_function_is_named)
{
	struct uvdk_pci_addr addr = addr_of("00:09.0");
	struct uvdk_pci_function fn;

	cr_expect_eq(uvdk_pci_identify(fake.sys, &addr, &fn), -ENODEV);
	cr_expect_not_null(strstr(uvdk_last_error(), "0000:00:09.0"));
}

Test(group, members_are_listed_in_order_also_when_room_is_short)
{
	struct uvdk_pci_addr addrs[3] = {0};

	fake_function(&fake, "0000:00:03.1", 0x8086, 1, 0x020000, NULL, 5);
	fake_function(&fake, "0000:00:03.0", 0x8086, 1, 0x020000, NULL, 5);
	fake_function(&fake, "0000:00:02.0", 0x8086, 1, 0x020000, NULL, 5);
	fake_function(&fake, "0000:00:04.0", 0x8086, 1, 0x020000, NULL, 6);

	cr_assert_eq(uvdk_pci_group_members(fake.sys, 5, addrs, 3), 3);
	cr_expect_eq(addrs[0].device, 2);
	cr_expect_eq(addrs[1].function, 0);
	cr_expect_eq(addrs[2].function, 1);
	addrs[1].device = 9;
	cr_expect_eq(uvdk_pci_group_members(fake.sys, 5, addrs, 1), 3);
	cr_expect_eq(addrs[0].device, 2);
	cr_expect_eq(addrs[1].device, 9, "written past max");
	cr_expect_eq(uvdk_pci_group_members(fake.sys, 5, NULL, 0), 3);
	cr_expect_eq(uvdk_pci_group_members(fake.sys, 44, addrs, 3), -ENOENT);
}
