// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devbind_run.h"

/* What it refuses, and the exit status that tells why. */

TestSuite(in_use, .init = devbind_setup, .fini = devbind_teardown, .timeout = 60);
TestSuite(exit_status, .init = devbind_setup, .fini = devbind_teardown, .timeout = 60);

static void expect_refused(const char *device, const char *bdf, const char *why)
{
	char args[128];
	struct run *run;

	snprintf(args, sizeof(args), "-b vfio-pci %s", device);
	run = devbind(args);
	cr_expect_eq(run->status, 4, "%s: %s", why, run->err);
	cr_expect_not_null(strstr(run->err, why), "%s", run->err);
	expect_driver(bdf, "virtio-pci");
	snprintf(args, sizeof(args), "-u %s", device);
	devbind_gives(4, args);
	expect_driver(bdf, "virtio-pci");
}

Test(in_use, nic_with_a_route_unless_forced)
{
	route_through("eth0");
	expect_refused("eth0", NIC, "eth0");
	devbind_gives(0, "--force -b vfio-pci eth0");
	expect_driver(NIC, "vfio-pci");
}

/* "Destination" begins like a hexadecimal number. */
Test(in_use, the_heading_of_the_routes_is_none)
{
	fake_link(&fake, "sys/class/net/Iface",
		  "../../devices/pci0000:00/" NIC "/virtio0/net/Iface");
	route_through("eth1");
	devbind_gives(0, "-b vfio-pci Iface");
	expect_driver(NIC, "vfio-pci");
}

Test(in_use, nic_below_a_bridge_with_a_route)
{
	fake_link(&fake, "sys/devices/pci0000:00/" NIC "/virtio0/net/eth0/upper_bond0",
		  "../../../../../virtual/net/bond0");
	fake_dir(&fake, "sys/devices/virtual/net/bond0");
	fake_link(&fake, "sys/class/net/bond0", "../../devices/virtual/net/bond0");
	fake_link(&fake, "sys/devices/virtual/net/bond0/upper_br0", "../br0");
	route_through("br0");
	expect_refused("eth0", NIC, "br0");
	devbind_gives(0, "-b vfio-pci eth1");
}

Test(in_use, nic_with_a_global_ipv6_address)
{
	fake_file(
		&fake, "proc/net/ipv6_route",
		"fd000000000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n");
	expect_refused("eth0", NIC, "eth0");
}

Test(in_use, link_local_routes_are_on_every_nic_and_do_not_count)
{
	fake_file(&fake, "proc/net/route", "Iface\tDestination\neth0\t0000FEA9\t00000000\t0001\n");
	fake_file(
		&fake, "proc/net/ipv6_route",
		"fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
		"ff000000000000000000000000000000 08 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n");
	devbind_gives(0, "-b vfio-pci eth0");
}

Test(in_use, disk_with_a_mounted_partition_by_number_and_by_name)
{
	fake_file(&fake, "proc/self/mountinfo",
		  "22 1 254:1 / /home rw,relatime shared:1 - ext4 /dev/root rw\n");
	expect_refused(DISK, DISK, "vda1 is mounted on /home");
	fake_file(&fake, "proc/self/mountinfo",
		  "22 1 0:44 /@ /data rw,relatime - btrfs /dev/vda rw\n");
	expect_refused(DISK, DISK, "vda is mounted on /data");
	fake_file(&fake, "proc/self/mountinfo", "");
	fake_file(&fake, "proc/1/mountinfo", "22 1 254:0 / /host rw - ext4 /dev/vda rw\n");
	expect_refused(DISK, DISK, "/host");
	fake_file(&fake, "proc/1/mountinfo", "22 1 254:2 / /other rw - ext4 /dev/vda2 rw\n");
	devbind_gives(0, "-b vfio-pci " DISK);
}

Test(in_use, disk_with_swap)
{
	fake_file(&fake, "proc/swaps", "Filename Type Size\n/dev/vda1   partition 1000 0 -2\n");
	expect_refused(DISK, DISK, "vda1 is used for swap");
}

Test(in_use, disk_that_is_part_of_something)
{
	fake_link(&fake, "sys/devices/pci0000:00/" DISK "/virtio2/block/vda/vda1/holders/dm-0",
		  "../../dm-0");
	expect_refused(DISK, DISK, "vda1 is part of dm-0");
}

/* nvme0n1 is a virtual device there; below the function is only nvme0c0n1. */
Test(in_use, nvme_with_multipath)
{
	const char *head = "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1";
	char path[256];

	fake_disk(&fake, DISK, "nvme/nvme0", "nvme0c0n1", "259:9\n");
	snprintf(path, sizeof(path), "%s/nvme0n1p2/dev", head);
	fake_file(&fake, path, "259:2\n");
	fake_link(&fake, "sys/class/block/nvme0n1",
		  "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
	fake_link(&fake, "sys/class/block/nvme0n1p2",
		  "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p2");
	fake_file(&fake, "proc/self/mountinfo", "22 1 259:2 / / rw - ext4 /dev/root rw\n");
	expect_refused(DISK, DISK, "nvme0n1p2 is mounted on /");
}

Test(in_use, restore_refuses_too)
{
	devbind_gives(1, "-b stubborn --force eth0");
	devbind_gives(0, "-u eth0");
	devbind_gives(0, "--restore " NIC);
	expect_driver(NIC, "virtio-pci");
	route_through("eth0");
	fake_file(&fake, "state/" NIC, "driver=vfio-pci\nid=1af4:1041\n");
	devbind_gives(4, "--restore eth0");
	expect_driver(NIC, "virtio-pci");
}

Test(exit_status, wrong_usage_is_2)
{
	static const char *const wrong[] = {
		"",
		"--what",
		"-b vfio-pci",
		"-u",
		"eth0",
		"-s eth0",
		"-b x -u eth0",
		"--restore -u eth0",
		"--status-dev x",
		"-s -U 7",
		"--json",
		"-u -G 7 eth0",
		"-b",
		"-b x -U nobody-of-that-name eth0",
		"-b x -G -7 eth0",
		"-b eth0 eth1",
		"-b " NIC " eth1",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct run *run = devbind(wrong[i]);

		cr_expect_eq(run->status, 2, "\"%s\" gives %d", wrong[i], run->status);
		cr_expect_str_neq(run->err, "");
	}
	expect_driver(NIC, "virtio-pci");
}

Test(exit_status, unknown_device_is_3)
{
	devbind_gives(3, "-b vfio-pci 0000:09:00.0");
	devbind_gives(3, "-b vfio-pci eth9");
	devbind_gives(3, "-u 0000:09:*");
	devbind_gives(3, "-b vfio-pci dpdk");
	cr_expect_not_null(strstr(devbind("-u 1:2:3:4")->err, "1:2:3:4"));
}

Test(exit_status, refusal_by_the_driver_is_1_and_rolled_back)
{
	struct run *run = devbind_gives(1, "-b stubborn eth0");

	cr_expect_not_null(strstr(run->err, "stubborn refused " NIC));
	expect_driver(NIC, "virtio-pci");
}

Test(exit_status, nothing_to_restore_is_1)
{
	devbind_gives(1, "--restore eth0");
}

Test(exit_status, driver_not_loaded_is_6)
{
	struct run *run = devbind_gives(6, "-b igb_uio eth0");

	cr_expect_not_null(strstr(run->err, "modprobe igb_uio"));
	fake_file(&fake, "state/" NIC, "driver=gone\nid=1af4:1041\n");
	devbind_gives(6, "--restore eth0");
}

Test(exit_status, no_permission_is_5_and_names_the_file)
{
	struct run *run;

	if (geteuid() != 0)
		cr_skip_test("needs root to give root up");
	fake_dir(&fake, "state");
	cr_assert_eq(chmod(fake.state, 0777), 0);
	chmod(fake.root, 0777);
	cr_assert_eq(setresuid(65534, 65534, 0), 0);
	run = devbind("-b vfio-pci eth0");
	cr_assert_eq(seteuid(0), 0);
	if (run->status == 127)
		cr_skip_test("the build folder is closed to other users");
	cr_expect_eq(run->status, 5, "%s", run->err);
	cr_expect_not_null(strstr(run->err, "driver_override"));
	expect_driver(NIC, "virtio-pci");
}

Test(exit_status, sysfs_that_cannot_be_read_is_1)
{
	fake_remove(&fake, "sys");
	devbind_gives(1, "-s");
}

#define PARAMETER "sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

Test(exit_status, without_iommu_is_7_until_noiommu_mode_is_asked_for)
{
	struct run *run;

	fake_remove(&fake, "sys/devices/pci0000:00/" NIC "/iommu_group");
	fake_file(&fake, PARAMETER, "N\n");
	run = devbind_gives(7, "-b vfio-pci eth0");
	cr_expect_not_null(strstr(run->err, "--noiommu-mode"));
	expect_driver(NIC, "virtio-pci");

	run = devbind_gives(0, "-b vfio-pci --noiommu-mode eth0");
	cr_expect_str_eq(fake_read(&fake, PARAMETER), "1");
	cr_expect_not_null(strstr(run->err, "warning"), "it is not safe, so it is told");
	expect_driver(NIC, "vfio-pci");
}

Test(exit_status, noiommu_mode_is_left_alone_where_there_is_an_iommu)
{
	fake_remove(&fake, "sys/devices/pci0000:00/" NIC "/iommu_group");
	fake_file(&fake, PARAMETER, "N\n");
	fake_dir(&fake, "sys/class/iommu/dmar0");
	devbind_gives(0, "-b vfio-pci --noiommu-mode eth0");
	cr_expect_str_eq(fake_read(&fake, PARAMETER), "N");
}

Test(exit_status, noiommu_mode_is_not_enabled_for_nothing)
{
	fake_remove(&fake, "sys/devices/pci0000:00/" NIC "/iommu_group");
	fake_remove(&fake, "sys/bus/pci/drivers/vfio-pci");
	fake_file(&fake, PARAMETER, "N\n");
	devbind_gives(6, "-b vfio-pci --noiommu-mode eth0");
	cr_expect_str_eq(fake_read(&fake, PARAMETER), "N");
}

Test(exit_status, help_and_version_are_0)
{
	devbind_gives(0, "--help");
	cr_expect_not_null(strstr(devbind("-h")->out, "--restore"));
	devbind_gives(0, "--version");
}
