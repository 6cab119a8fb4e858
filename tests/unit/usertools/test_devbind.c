// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devbind_run.h"

#define NIC    "0000:03:00.0"
#define NIC2   "0000:03:00.1"
#define DISK   "0000:04:00.0"
#define EDU    "0000:05:00.0"
#define BRIDGE "0000:03:1f.0"

static struct fake fake;

/*
 * Two NICs that share IOMMU group 1 (eth0, eth1), a disk (vda with a
 * partition) in 2, QEMU's edu without a driver in 3, a bridge in none.
 */
static void setup(void)
{
	fake_create(&fake);
	fake_driver(&fake, "virtio-pci", true);
	fake_driver(&fake, "vfio-pci", false);
	fake_driver(&fake, "stubborn", false)->refuses = true;
	fake_function(&fake, NIC, 0x1af4, 0x1041, 0x020000, "virtio-pci", 1);
	fake_function(&fake, NIC2, 0x1af4, 0x1041, 0x020000, "virtio-pci", 1);
	fake_function(&fake, DISK, 0x1af4, 0x1042, 0x010000, "virtio-pci", 2);
	fake_function(&fake, EDU, 0x1234, 0x11e8, 0x00ff00, NULL, 3);
	fake_function(&fake, BRIDGE, 0x8086, 0x0d57, 0x060000, NULL, -1);
	fake_net(&fake, NIC, "virtio0", "eth0");
	fake_net(&fake, NIC2, "virtio1", "eth1");
	fake_disk(&fake, DISK, "virtio2/block", "vda", "254:0\n");
	fake_disk(&fake, DISK, "virtio2/block/vda", "vda1", "254:1\n");
	fake_file(&fake, "proc/self/mountinfo", "22 1 0:21 / /proc rw - proc proc rw\n");
	fake_kernel_start(&fake);
}

static void teardown(void)
{
	fake_destroy(&fake);
}

static void expect_driver(const char *bdf, const char *driver)
{
	cr_expect_str_eq(fake_bound(&fake, bdf), driver, "%s has %s", bdf, fake_bound(&fake, bdf));
}

static void route_through(const char *ifname)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "Iface\tDestination\tGateway\tFlags\n%s\t00000000\t0102000A\t0003\n", ifname);
	fake_file(&fake, "proc/net/route", text);
}

TestSuite(status, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(bind, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(in_use, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(exit_status, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(owner, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(groups, .init = setup, .fini = teardown, .timeout = 60);

/* ---- status ---- */

Test(status, each_device_is_under_what_holds_it)
{
	struct run *run;
	const char *user;
	const char *kernel;

	cr_assert_eq(devbind(&fake, "-b vfio-pci eth1")->status, 0);
	run = devbind(&fake, "--status");
	cr_expect_eq(run->status, 0);
	user = strstr(run->out, "Network devices using DPDK-compatible driver\n====");
	kernel = strstr(run->out, "Network devices using kernel driver\n====");
	cr_assert(user && kernel && user < kernel, "%s", run->out);
	cr_expect(strstr(run->out, NIC2) > user && strstr(run->out, NIC2) < kernel);
	cr_expect_gt(strstr(run->out, NIC), kernel);
	cr_expect_not_null(strstr(user, "drv=vfio-pci unused=virtio-pci"), "%s", user);
	cr_expect_not_null(strstr(kernel, "if=eth0 drv=virtio-pci unused=vfio-pci"));
	cr_expect_not_null(strstr(run->out, "Other DMA devices"));
	cr_expect_not_null(strstr(run->out, "Misc (rawdev) devices using kernel driver"));
	cr_expect_not_null(strstr(run->out, "No 'Crypto' devices detected"));
	cr_expect_null(strstr(run->out, BRIDGE));
	cr_expect_str_eq(run->err, "");
}

Test(status, one_class_only)
{
	struct run *run = devbind(&fake, "--status-dev misc");

	cr_expect_eq(run->status, 0);
	cr_expect_not_null(strstr(run->out, DISK));
	cr_expect_null(strstr(run->out, "Network"));
}

Test(status, active_marks_what_is_in_use)
{
	struct run *run;

	route_through("eth0");
	run = devbind(&fake, "-s");
	cr_assert_not_null(strstr(run->out, "*Active*"));
	cr_expect_null(strstr(strstr(run->out, "*Active*") + 1, "*Active*"), "only one is");
}

Test(status, json_tells_everything)
{
	route_through("eth0");
	cr_assert_eq(devbind(&fake, "-b vfio-pci eth1")->status, 0);
	cr_assert_eq(devbind(&fake, "--status --json")->status, 0);
	cr_expect(json_holds(&fake, "len(d['devices']) == 5"));
	cr_expect(json_holds(&fake, "[x['address'] for x in d['devices']] == "
				    "sorted(x['address'] for x in d['devices'])"));
	cr_expect(json_holds(&fake, "{x['address']: x['class'] for x in d['devices']} == "
				    "{'" NIC "': 'net', '" NIC2 "': 'net', '" BRIDGE "': None, "
				    "'" DISK "': 'misc', '" EDU "': 'dma'}"));
	cr_expect(json_holds(&fake, "d['devices'][0]['interfaces'] == ['eth0'] and "
				    "'eth0' in d['devices'][0]['in_use'] and "
				    "d['devices'][0]['previous_driver'] is None"));
	cr_expect(json_holds(&fake, "d['devices'][1]['driver'] == 'vfio-pci' and "
				    "d['devices'][1]['previous_driver'] == 'virtio-pci' and "
				    "d['devices'][1]['in_use'] is None and "
				    "d['devices'][1]['iommu_group'] == 1"));
	cr_expect(json_holds(&fake, "d['devices'][3]['disks'] != [] and "
				    "d['devices'][4]['driver'] is None"));
	cr_assert_eq(devbind(&fake, "--status-dev net --json")->status, 0);
	cr_expect(json_holds(&fake, "len(d['devices']) == 2"));
}

Test(status, json_survives_names_of_any_bytes)
{
	fake_net(&fake, NIC, "virtio9", "a\"b\\c\td\377\303\274\355\240\200");
	cr_assert_eq(devbind(&fake, "--status --json --groups")->status, 0);
	cr_expect(json_holds(&fake, "any(n.startswith('a\"b\\\\c\\td\\ufffd\\u00fc\\ufffd') "
				    "for n in d['devices'][0]['interfaces'])"));
}

Test(status, machine_without_pci_has_none)
{
	fake_remove(&fake, "sys/bus/pci/devices");
	cr_expect_eq(devbind(&fake, "-s")->status, 0);
	cr_expect_not_null(strstr(devbind(&fake, "-s")->out, "No 'Network' devices detected"));
	cr_expect_eq(devbind(&fake, "-s --json")->status, 0);
	cr_expect(json_holds(&fake, "d == {'devices': []}"));
}

/* ---- bind, unbind, restore ---- */

Test(bind, by_full_and_short_address_and_interface)
{
	cr_expect_eq(devbind(&fake, "-b vfio-pci " NIC)->status, 0);
	expect_driver(NIC, "vfio-pci");
	cr_expect_eq(devbind(&fake, "--bind=vfio-pci 04:00.0")->status, 0);
	expect_driver(DISK, "vfio-pci");
	cr_expect_eq(devbind(&fake, "-b vfio-pci eth1")->status, 0);
	expect_driver(NIC2, "vfio-pci");
}

Test(bind, interface_behind_a_bridge_is_its_nic_s)
{
	fake_net(&fake, BRIDGE, NIC "/virtio0", "eth9");
	cr_expect_eq(devbind(&fake, "-b vfio-pci eth9")->status, 0);
	expect_driver(NIC, "vfio-pci");
}

Test(bind, by_glob_but_never_a_bridge)
{
	cr_expect_eq(devbind(&fake, "-b vfio-pci 0000:03:*")->status, 0);
	expect_driver(NIC, "vfio-pci");
	expect_driver(NIC2, "vfio-pci");
	expect_driver(BRIDGE, "");
	expect_driver(DISK, "virtio-pci");
	cr_expect_eq(devbind(&fake, "-u 0[34]:00.?")->status, 0);
	expect_driver(NIC2, "");
	expect_driver(DISK, "");
}

Test(bind, already_bound_is_done)
{
	struct run *run;

	cr_assert_eq(devbind(&fake, "-b vfio-pci " NIC)->status, 0);
	run = devbind(&fake, "-b vfio-pci " NIC);
	cr_expect_eq(run->status, 0);
	cr_expect_not_null(strstr(run->err, "already"));
}

Test(bind, none_unbinds_and_restore_puts_back)
{
	cr_expect_eq(devbind(&fake, "-b none " NIC)->status, 0);
	expect_driver(NIC, "");
	cr_expect_eq(devbind(&fake, "--restore " NIC)->status, 0);
	expect_driver(NIC, "virtio-pci");
	cr_expect_eq(devbind(&fake, "-b vfio-pci " EDU)->status, 0);
	cr_expect_eq(devbind(&fake, "--restore " EDU)->status, 0);
	expect_driver(EDU, "");
}

Test(bind, dpdk_means_all_that_user_space_has)
{
	cr_assert_eq(devbind(&fake, "-b vfio-pci eth0 " EDU)->status, 0);
	cr_expect_eq(devbind(&fake, "-u dpdk")->status, 0);
	expect_driver(NIC, "");
	expect_driver(EDU, "");
	expect_driver(NIC2, "virtio-pci");
	cr_expect_eq(devbind(&fake, "-u dpdk")->status, 0, "none is left, nothing to do");
}

Test(bind, dry_run_prints_the_writes_and_does_none)
{
	struct run *run = devbind(&fake, "--dry-run -b vfio-pci eth0 -U 7 " NIC);
	const char *unbind = strstr(run->out, "drivers/virtio-pci/unbind");

	cr_expect_eq(run->status, 0);
	cr_assert_not_null(unbind);
	cr_expect_null(strstr(unbind + 1, "drivers/virtio-pci/unbind"), "named twice, done once");
	cr_expect_not_null(strstr(run->out, "driver_override"));
	cr_expect_not_null(strstr(run->out, "drivers/vfio-pci/bind"));
	cr_expect_not_null(strstr(run->out, "vfio/1 to user 7"));
	expect_driver(NIC, "virtio-pci");
	cr_expect_not(fake_exists(&fake, "state"));
}

Test(bind, status_after_it_shows_the_change)
{
	struct run *run = devbind(&fake, "-s -b vfio-pci eth0");

	cr_expect_eq(run->status, 0);
	cr_expect_not_null(strstr(run->out, "drv=vfio-pci"));
}

Test(bind, one_failure_does_not_stop_the_others)
{
	struct run *run;

	route_through("eth0");
	run = devbind(&fake, "-b vfio-pci eth0 eth7 " NIC2 " " NIC2);
	cr_expect_eq(run->status, 3);
	cr_expect_not_null(strstr(run->err, "eth7"));
	cr_expect_not_null(strstr(run->err, NIC " is in use"));
	expect_driver(NIC, "virtio-pci");
	expect_driver(NIC2, "vfio-pci");
}

/* ---- in use ---- */

static void expect_refused(const char *device, const char *bdf, const char *why)
{
	char args[128];
	struct run *run;

	snprintf(args, sizeof(args), "-b vfio-pci %s", device);
	run = devbind(&fake, args);
	cr_expect_eq(run->status, 4, "%s: %s", why, run->err);
	cr_expect_not_null(strstr(run->err, why), "%s", run->err);
	expect_driver(bdf, "virtio-pci");
	snprintf(args, sizeof(args), "-u %s", device);
	cr_expect_eq(devbind(&fake, args)->status, 4);
	expect_driver(bdf, "virtio-pci");
}

Test(in_use, nic_with_a_route_unless_forced)
{
	route_through("eth0");
	expect_refused("eth0", NIC, "eth0");
	cr_expect_eq(devbind(&fake, "--force -b vfio-pci eth0")->status, 0);
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
	cr_expect_eq(devbind(&fake, "-b vfio-pci eth1")->status, 0);
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
	cr_expect_eq(devbind(&fake, "-b vfio-pci eth0")->status, 0);
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
	cr_expect_eq(devbind(&fake, "-b vfio-pci " DISK)->status, 0);
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
	cr_assert_eq(devbind(&fake, "-b stubborn --force eth0")->status, 1);
	cr_assert_eq(devbind(&fake, "-u eth0")->status, 0);
	cr_assert_eq(devbind(&fake, "--restore " NIC)->status, 0);
	expect_driver(NIC, "virtio-pci");
	route_through("eth0");
	fake_file(&fake, "state/" NIC, "driver=vfio-pci\nid=1af4:1041\n");
	cr_expect_eq(devbind(&fake, "--restore eth0")->status, 4);
	expect_driver(NIC, "virtio-pci");
}

/* ---- exit status ---- */

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
		struct run *run = devbind(&fake, wrong[i]);

		cr_expect_eq(run->status, 2, "\"%s\" gives %d", wrong[i], run->status);
		cr_expect_str_neq(run->err, "");
	}
	expect_driver(NIC, "virtio-pci");
}

Test(exit_status, unknown_device_is_3)
{
	cr_expect_eq(devbind(&fake, "-b vfio-pci 0000:09:00.0")->status, 3);
	cr_expect_eq(devbind(&fake, "-b vfio-pci eth9")->status, 3);
	cr_expect_eq(devbind(&fake, "-u 0000:09:*")->status, 3);
	cr_expect_eq(devbind(&fake, "-b vfio-pci dpdk")->status, 3);
	cr_expect_not_null(strstr(devbind(&fake, "-u 1:2:3:4")->err, "1:2:3:4"));
}

Test(exit_status, refusal_by_the_driver_is_1_and_rolled_back)
{
	struct run *run = devbind(&fake, "-b stubborn eth0");

	cr_expect_eq(run->status, 1);
	cr_expect_not_null(strstr(run->err, "stubborn refused " NIC));
	expect_driver(NIC, "virtio-pci");
}

Test(exit_status, nothing_to_restore_is_1)
{
	cr_expect_eq(devbind(&fake, "--restore eth0")->status, 1);
}

Test(exit_status, driver_not_loaded_is_6)
{
	struct run *run = devbind(&fake, "-b igb_uio eth0");

	cr_expect_eq(run->status, 6);
	cr_expect_not_null(strstr(run->err, "modprobe igb_uio"));
	fake_file(&fake, "state/" NIC, "driver=gone\nid=1af4:1041\n");
	cr_expect_eq(devbind(&fake, "--restore eth0")->status, 6);
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
	run = devbind(&fake, "-b vfio-pci eth0");
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
	cr_expect_eq(devbind(&fake, "-s")->status, 1);
}

#define PARAMETER "sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

Test(exit_status, without_iommu_is_7_until_noiommu_mode_is_asked_for)
{
	struct run *run;

	fake_remove(&fake, "sys/devices/pci0000:00/" NIC "/iommu_group");
	fake_file(&fake, PARAMETER, "N\n");
	run = devbind(&fake, "-b vfio-pci eth0");
	cr_expect_eq(run->status, 7);
	cr_expect_not_null(strstr(run->err, "--noiommu-mode"));
	expect_driver(NIC, "virtio-pci");

	run = devbind(&fake, "-b vfio-pci --noiommu-mode eth0");
	cr_expect_eq(run->status, 0);
	cr_expect_str_eq(fake_read(&fake, PARAMETER), "1");
	cr_expect_not_null(strstr(run->err, "warning"), "it is not safe, so it is told");
	expect_driver(NIC, "vfio-pci");
}

Test(exit_status, noiommu_mode_is_left_alone_where_there_is_an_iommu)
{
	fake_remove(&fake, "sys/devices/pci0000:00/" NIC "/iommu_group");
	fake_file(&fake, PARAMETER, "N\n");
	fake_dir(&fake, "sys/class/iommu/dmar0");
	cr_expect_eq(devbind(&fake, "-b vfio-pci --noiommu-mode eth0")->status, 0);
	cr_expect_str_eq(fake_read(&fake, PARAMETER), "N");
}

Test(exit_status, noiommu_mode_is_not_enabled_for_nothing)
{
	fake_remove(&fake, "sys/devices/pci0000:00/" NIC "/iommu_group");
	fake_remove(&fake, "sys/bus/pci/drivers/vfio-pci");
	fake_file(&fake, PARAMETER, "N\n");
	cr_expect_eq(devbind(&fake, "-b vfio-pci --noiommu-mode eth0")->status, 6);
	cr_expect_str_eq(fake_read(&fake, PARAMETER), "N");
}

Test(exit_status, help_and_version_are_0)
{
	cr_expect_eq(devbind(&fake, "--help")->status, 0);
	cr_expect_not_null(strstr(devbind(&fake, "-h")->out, "--restore"));
	cr_expect_eq(devbind(&fake, "--version")->status, 0);
}

/* ---- owner ---- */

static bool owned_by(const char *path, unsigned int uid, unsigned int gid)
{
	char full[PATH_MAX];
	struct stat st;

	snprintf(full, sizeof(full), "%s/%s", fake.root, path);

	return stat(full, &st) == 0 && st.st_uid == uid && st.st_gid == gid;
}

Test(owner, group_node_device_node_and_iommu_change_hands)
{
	if (geteuid() != 0)
		cr_skip_test("needs root to give files away");
	fake_file(&fake, "dev/vfio/1", "");
	fake_file(&fake, "dev/vfio/2", "");
	fake_file(&fake, "dev/vfio/devices/vfio3", "");
	fake_file(&fake, "dev/iommu", "");
	fake_dir(&fake, "sys/devices/pci0000:00/" NIC "/vfio-dev/vfio3");
	cr_expect_eq(devbind(&fake, "-b vfio-pci -U 1234 -G 2345 eth0")->status, 0);
	cr_expect(owned_by("dev/vfio/1", 1234, 2345));
	cr_expect(owned_by("dev/vfio/devices/vfio3", 1234, 2345));
	cr_expect(owned_by("dev/iommu", 1234, 2345));
	cr_expect(owned_by("dev/vfio/2", 0, 0));

	/* Also when it is bound already, and by half. */
	cr_expect_eq(devbind(&fake, "-b vfio-pci --gid=root " NIC)->status, 0);
	cr_expect(owned_by("dev/vfio/1", 1234, 0));
}

Test(owner, noiommu_group_node)
{
	if (geteuid() != 0)
		cr_skip_test("needs root to give files away");
	fake_file(&fake, "dev/vfio/noiommu-1", "");
	cr_expect_eq(devbind(&fake, "-b vfio-pci -U 1234 eth0")->status, 0);
	cr_expect(owned_by("dev/vfio/noiommu-1", 1234, 0));
}

Test(owner, no_node_is_told)
{
	struct run *run = devbind(&fake, "-b vfio-pci -U 1234 eth0");

	cr_expect_eq(run->status, 1);
	cr_expect_not_null(strstr(run->err, "no device node"));
}

/* ---- groups ---- */

Test(groups, half_a_group_is_warned_about)
{
	struct run *run = devbind(&fake, "-b vfio-pci eth0");

	cr_expect_eq(run->status, 0);
	cr_expect_not_null(strstr(run->err, NIC2), "%s", run->err);
	cr_expect_not_null(strstr(run->err, "virtio-pci"));
	run = devbind(&fake, "-b vfio-pci eth1");
	cr_expect_str_eq(run->err, "");
}

Test(groups, whole_group_at_once_is_not)
{
	cr_expect_str_eq(devbind(&fake, "-b vfio-pci eth0 eth1")->err, "");
}

Test(groups, view_tells_members_and_viability)
{
	struct run *run;
	const char *one;
	const char *two;

	cr_assert_eq(devbind(&fake, "-b vfio-pci eth0")->status, 0);
	run = devbind(&fake, "--groups");
	cr_expect_eq(run->status, 0);
	one = strstr(run->out, "IOMMU group 1: not viable");
	two = strstr(run->out, "IOMMU group 2:");
	cr_assert(one && two && one < two, "%s", run->out);
	cr_expect(strstr(one, NIC) < two && strstr(one, NIC2) < two);
	cr_expect_not_null(strstr(run->out, "IOMMU group 3: viable"), "no driver is no harm");

	cr_assert_eq(devbind(&fake, "--groups --json")->status, 0);
	cr_expect(json_holds(&fake, "[g['group'] for g in d['groups']] == [1, 2, 3]"));
	cr_expect(json_holds(&fake, "[g['viable'] for g in d['groups']] == [False, False, True]"));
	cr_expect(json_holds(&fake, "d['groups'][0]['members'][0] == "
				    "{'address': '" NIC "', 'driver': 'vfio-pci'}"));
}
