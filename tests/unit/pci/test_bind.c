// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uvdk_pci.h>

#include "fake_sysfs.h"

#define BDF	 "0000:00:03.0"
#define OVERRIDE "sys/devices/pci0000:00/" BDF "/driver_override"
#define STATE	 "state/" BDF

static struct fake fake;
static struct uvdk_pci_binder binder;
static const struct uvdk_pci_addr addr = {.device = 3};
static char told[4096];

static void listen(void *priv, enum uvdk_log_level level, const char *component, const char *msg)
{
	(void)priv;
	(void)component;
	if (level == UVDK_LOG_INFO)
		snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s\n", msg);
}

static void setup(void)
{
	fake_create(&fake);
	binder.sysfs_root = fake.sys;
	binder.state_dir = fake.state;
	fake_driver(&fake, "virtio-pci", true);
	fake_driver(&fake, "vfio-pci", false);
	fake_driver(&fake, "uio_pci_generic", false);
	uvdk_log_set_sink(listen, NULL);
	uvdk_log_set_level(NULL, UVDK_LOG_INFO);
}

static void teardown(void)
{
	fake_destroy(&fake);
}

/* The function, bound to a driver (or NULL), and the kernel at work. */
static void start(const char *driver)
{
	fake_function(&fake, BDF, 0x1af4, 0x1041, 0x020000, driver, 1);
	fake_kernel_start(&fake);
}

static const char *previous(void)
{
	static char driver[64];

	return uvdk_pci_previous_driver(&binder, &addr, driver, sizeof(driver)) ? "?" : driver;
}

TestSuite(bind, .init = setup, .fini = teardown, .timeout = 30);

Test(bind, changes_the_driver_and_leaves_the_override_as_it_was)
{
	start("virtio-pci");
	cr_assert_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), 0);
	cr_expect_str_eq(fake_bound(&fake, BDF), "vfio-pci");
	cr_expect_str_eq(fake_read(&fake, OVERRIDE), "");
	cr_expect_str_eq(previous(), "virtio-pci");
}

Test(bind, override_of_somebody_else_survives)
{
	start("virtio-pci");
	fake_file(&fake, OVERRIDE, "mine\n");
	cr_assert_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), 0);
	cr_expect_str_eq(fake_read(&fake, OVERRIDE), "mine");
}

Test(bind, already_bound_is_fine_and_remembers_nothing)
{
	start("vfio-pci");
	cr_expect_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), 0);
	cr_expect_str_eq(previous(), "?");
	cr_expect_str_eq(fake_read(&fake, "sys/bus/pci/drivers/vfio-pci/unbind"), "");
}

Test(bind, first_driver_is_remembered_over_several_changes)
{
	start("virtio-pci");
	cr_assert_eq(uvdk_pci_bind(&binder, &addr, "uio_pci_generic", 0), 0);
	cr_assert_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), 0);
	cr_assert_eq(uvdk_pci_unbind(&binder, &addr, 0), 0);
	cr_expect_str_eq(previous(), "virtio-pci");
	cr_assert_eq(uvdk_pci_restore(&binder, &addr, 0), 0);
	cr_expect_str_eq(fake_bound(&fake, BDF), "virtio-pci");
	cr_expect_not(fake_exists(&fake, STATE));
}

Test(bind, going_home_by_name_forgets)
{
	start("virtio-pci");
	cr_assert_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), 0);
	cr_assert_eq(uvdk_pci_bind(&binder, &addr, "virtio-pci", 0), 0);
	cr_expect_str_eq(previous(), "?");
	cr_expect_eq(uvdk_pci_restore(&binder, &addr, 0), -ENOENT);
	cr_expect_str_eq(fake_bound(&fake, BDF), "virtio-pci");
}

Test(bind, restore_to_no_driver)
{
	start(NULL);
	cr_assert_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), 0);
	cr_expect_str_eq(previous(), "");
	cr_assert_eq(uvdk_pci_restore(&binder, &addr, 0), 0);
	cr_expect_str_eq(fake_bound(&fake, BDF), "");
	cr_expect_not(fake_exists(&fake, STATE));
}

Test(bind, unbind_without_driver_does_nothing)
{
	start(NULL);
	cr_expect_eq(uvdk_pci_unbind(&binder, &addr, 0), 0);
	cr_expect_not(fake_exists(&fake, STATE));
}

Test(bind, refusal_puts_everything_back)
{
	fake.drivers[1].refuses = true;
	start("virtio-pci");
	cr_expect_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), -EBUSY);
	cr_expect_not_null(strstr(uvdk_last_error(), "vfio-pci refused " BDF));
	cr_expect_str_eq(fake_bound(&fake, BDF), "virtio-pci");
	cr_expect_str_eq(fake_read(&fake, OVERRIDE), "");
	cr_expect_not(fake_exists(&fake, STATE));
}

/* Linux has a list; whether it counts is a parameter of the module. */
Test(bind, a_device_that_vfio_denies_is_told_with_the_parameter)
{
	static const char *const values[] = {"N\n", "Y\n"};

	fake.drivers[1].refuses = true;
	fake_function(&fake, BDF, 0x8086, 0x0b25, 0x088000, NULL, 1);
	fake_kernel_start(&fake);
	for (int i = 0; i < 2; i++) {
		fake_file(&fake, "sys/module/vfio_pci/parameters/disable_denylist", values[i]);
		cr_expect_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), -EBUSY);
		cr_expect_eq(!!strstr(uvdk_last_error(), "vfio_pci.disable_denylist=1"), !i, "%s",
			     uvdk_last_error());
	}
}

/* The kernel says no in write(2): /dev/full stands in for it. */
Test(bind, errno_of_the_kernel_is_told)
{
	fake_remove(&fake, "sys/bus/pci/drivers/vfio-pci/bind");
	fake_link(&fake, "sys/bus/pci/drivers/vfio-pci/bind", "/dev/full");
	start("virtio-pci");
	cr_expect_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), -EBUSY);
	cr_expect_not_null(strstr(uvdk_last_error(), strerror(ENOSPC)), "%s", uvdk_last_error());
	cr_expect_str_eq(fake_bound(&fake, BDF), "virtio-pci");
}

Test(bind, driver_not_loaded_is_told_before_anything_changes)
{
	start("virtio-pci");
	cr_expect_eq(uvdk_pci_bind(&binder, &addr, "igb_uio", 0), -ENOENT);
	cr_expect_not_null(strstr(uvdk_last_error(), "modprobe igb_uio"));
	cr_expect_str_eq(fake_bound(&fake, BDF), "virtio-pci");
	cr_expect_not(fake_exists(&fake, STATE));
}

Test(bind, names_that_escape_the_drivers_folder_are_refused)
{
	static const char *const bad[] = {"", ".", "..", "../../x", "vfio-pci/../vfio-pci"};

	start("virtio-pci");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(uvdk_pci_bind(&binder, &addr, bad[i], 0), -EINVAL, "\"%s\"", bad[i]);
}

Test(bind, absent_function_is_told)
{
	fake_kernel_start(&fake);
	cr_expect_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), -ENODEV);
	cr_expect_eq(uvdk_pci_unbind(&binder, &addr, 0), -ENODEV);
	cr_expect_eq(uvdk_pci_restore(&binder, &addr, 0), -ENODEV);
}

Test(bind, dry_run_tells_each_write_and_does_none)
{
	start("virtio-pci");
	cr_assert_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", UVDK_PCI_BIND_DRY_RUN), 0);
	cr_expect_not_null(strstr(told, "would write \"vfio-pci\" to "));
	cr_expect_not_null(strstr(told, "drivers/virtio-pci/unbind"));
	cr_expect_not_null(strstr(told, "drivers/vfio-pci/bind"));
	cr_expect_str_eq(fake_bound(&fake, BDF), "virtio-pci");
	cr_expect_str_eq(fake_read(&fake, OVERRIDE), "(null)");
	cr_expect_not(fake_exists(&fake, "state"));
	cr_expect_str_eq(fake_read(&fake, "sys/bus/pci/drivers/virtio-pci/unbind"), "");
}

Test(bind, another_device_at_the_address_has_no_former_driver)
{
	start("vfio-pci");
	fake_file(&fake, STATE, "driver=virtio-pci\nid=8086:10c9\n");
	cr_expect_str_eq(previous(), "?");
	cr_expect_eq(uvdk_pci_restore(&binder, &addr, 0), -ENOENT);
	cr_expect_str_eq(fake_bound(&fake, BDF), "vfio-pci");
}

Test(bind, damaged_memory_is_told_and_nothing_is_done)
{
	static const char *const bad[] = {"", "x", "driver=\n", "driver=../x\nid=1af4:1041\n",
					  "driver=virtio-pci\nid=zz\n"};

	start("virtio-pci");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fake_file(&fake, STATE, bad[i]);
		cr_expect_eq(uvdk_pci_restore(&binder, &addr, 0), -EIO, "%s", bad[i]);
		cr_expect_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), -EIO);
		cr_expect_not_null(strstr(uvdk_last_error(), STATE));
	}
	cr_expect_str_eq(fake_bound(&fake, BDF), "virtio-pci");
}

/* What cannot be remembered is not done: it could not be put back. */
Test(bind, no_change_without_memory)
{
	start("virtio-pci");
	fake_file(&fake, "state", "a file where the folder should be");
	cr_expect_lt(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), 0);
	cr_expect_str_eq(fake_bound(&fake, BDF), "virtio-pci");
	cr_expect_str_eq(fake_read(&fake, OVERRIDE), "(null)");
}

Test(bind, state_folder_holds_one_whole_file_a_function)
{
	char path[128];
	struct stat st;

	start("virtio-pci");
	cr_assert_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), 0);
	cr_expect_str_eq(fake_read(&fake, STATE), "driver=virtio-pci\nid=1af4:1041");
	snprintf(path, sizeof(path), "%s/state", fake.root);
	cr_assert_eq(stat(path, &st), 0);
	fake_remove(&fake, STATE);
	cr_expect_eq(rmdir(path), 0, "temporary files are left in it");
}

Test(bind, leftover_of_a_dead_process_is_no_obstacle)
{
	char path[128];

	start("virtio-pci");
	snprintf(path, sizeof(path), "state/.%s.%d", BDF, (int)getpid());
	fake_file(&fake, path, "half a li");
	cr_expect_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), 0);
	cr_expect_not(fake_exists(&fake, path));
	cr_expect_str_eq(previous(), "virtio-pci");
}

Test(bind, no_permission_names_the_file_and_its_owner)
{
	if (geteuid() != 0)
		cr_skip_test("needs root to give root up");
	start("virtio-pci");
	fake_dir(&fake, "state");
	cr_assert_eq(chmod(fake.state, 0777), 0);
	cr_assert_eq(seteuid(65534), 0);
	cr_expect_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", 0), -EACCES);
	cr_expect_not_null(strstr(uvdk_last_error(), "driver_override"));
	cr_expect_not_null(strstr(uvdk_last_error(), "user 0"));
	cr_expect_eq(uvdk_pci_bind(&binder, &addr, "vfio-pci", UVDK_PCI_BIND_DRY_RUN), -EACCES);
	cr_assert_eq(seteuid(0), 0);
	cr_expect_str_eq(fake_bound(&fake, BDF), "virtio-pci");
	cr_expect_not(fake_exists(&fake, STATE));
}
