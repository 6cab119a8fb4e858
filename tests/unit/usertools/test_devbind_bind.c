// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devbind_run.h"

/* What it does: bind, unbind, restore, and who owns the nodes then. */

TestSuite(bind, .init = devbind_setup, .fini = devbind_teardown, .timeout = 60);
TestSuite(owner, .init = devbind_setup, .fini = devbind_teardown, .timeout = 60);

Test(bind, by_full_and_short_address_and_interface)
{
	devbind_gives(0, "-b vfio-pci " NIC);
	expect_driver(NIC, "vfio-pci");
	devbind_gives(0, "--bind=vfio-pci 04:00.0");
	expect_driver(DISK, "vfio-pci");
	devbind_gives(0, "-b vfio-pci eth1");
	expect_driver(NIC2, "vfio-pci");
}

Test(bind, interface_behind_a_bridge_is_its_nic_s)
{
	fake_net(&fake, BRIDGE, NIC "/virtio0", "eth9");
	devbind_gives(0, "-b vfio-pci eth9");
	expect_driver(NIC, "vfio-pci");
}

Test(bind, by_glob_but_never_a_bridge)
{
	devbind_gives(0, "-b vfio-pci 0000:03:*");
	expect_driver(NIC, "vfio-pci");
	expect_driver(NIC2, "vfio-pci");
	expect_driver(BRIDGE, "");
	expect_driver(DISK, "virtio-pci");
	devbind_gives(0, "-u 0[34]:00.?");
	expect_driver(NIC2, "");
	expect_driver(DISK, "");
}

Test(bind, already_bound_is_done)
{
	struct run *run;

	devbind_gives(0, "-b vfio-pci " NIC);
	run = devbind_gives(0, "-b vfio-pci " NIC);
	cr_expect_not_null(strstr(run->err, "already"));
}

Test(bind, none_unbinds_and_restore_puts_back)
{
	devbind_gives(0, "-b none " NIC);
	expect_driver(NIC, "");
	devbind_gives(0, "--restore " NIC);
	expect_driver(NIC, "virtio-pci");
	devbind_gives(0, "-b vfio-pci " EDU);
	devbind_gives(0, "--restore " EDU);
	expect_driver(EDU, "");
}

Test(bind, dpdk_means_all_that_user_space_has)
{
	devbind_gives(0, "-b vfio-pci eth0 " EDU);
	devbind_gives(0, "-u dpdk");
	expect_driver(NIC, "");
	expect_driver(EDU, "");
	expect_driver(NIC2, "virtio-pci");
	cr_expect_eq(devbind("-u dpdk")->status, 0, "none is left, nothing to do");
}

Test(bind, dry_run_prints_the_writes_and_does_none)
{
	struct run *run = devbind("--dry-run -b vfio-pci eth0 -U 7 " NIC);
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
	struct run *run = devbind_gives(0, "-s -b vfio-pci eth0");

	cr_expect_not_null(strstr(run->out, "drv=vfio-pci"));
}

Test(bind, one_failure_does_not_stop_the_others)
{
	struct run *run;

	route_through("eth0");
	run = devbind_gives(3, "-b vfio-pci eth0 eth7 " NIC2 " " NIC2);
	cr_expect_not_null(strstr(run->err, "eth7"));
	cr_expect_not_null(strstr(run->err, NIC " is in use"));
	expect_driver(NIC, "virtio-pci");
	expect_driver(NIC2, "vfio-pci");
}

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
	devbind_gives(0, "-b vfio-pci -U 1234 -G 2345 eth0");
	cr_expect(owned_by("dev/vfio/1", 1234, 2345));
	cr_expect(owned_by("dev/vfio/devices/vfio3", 1234, 2345));
	cr_expect(owned_by("dev/iommu", 1234, 2345));
	cr_expect(owned_by("dev/vfio/2", 0, 0));

	/* Also when it is bound already, and by half. */
	devbind_gives(0, "-b vfio-pci --gid=root " NIC);
	cr_expect(owned_by("dev/vfio/1", 1234, 0));
}

Test(owner, noiommu_group_node)
{
	if (geteuid() != 0)
		cr_skip_test("needs root to give files away");
	fake_file(&fake, "dev/vfio/noiommu-1", "");
	devbind_gives(0, "-b vfio-pci -U 1234 eth0");
	cr_expect(owned_by("dev/vfio/noiommu-1", 1234, 0));
}

Test(owner, no_node_is_told)
{
	struct run *run = devbind_gives(1, "-b vfio-pci -U 1234 eth0");

	cr_expect_not_null(strstr(run->err, "no device node"));
}
