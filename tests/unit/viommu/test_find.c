// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_iommu.h>

#include "../pci/fake_sysfs.h"
#include "../topo/table.h"

/* The iommu "virtio" on machines made of files: 00:05.0 is a virtio-iommu, 00:03.0 behind it. */

#define UNIT   "0000:00:05.0"
#define BEHIND "0000:00:03.0"

static struct fake fake;

static void viot(void)
{
	char path[128];
	struct table t;
	FILE *f;

	viot_begin(&t);
	viot_iommu_pci(&t, 0, 0x28);
	viot_pci_range(&t, 0, 0, 0, 0, 0xff, 48);
	fake_dir(&fake, "sys/firmware/acpi/tables");
	snprintf(path, sizeof(path), "%s/firmware/acpi/tables/VIOT", fake.sys);
	f = fopen(path, "w");
	cr_assert_not_null(f);
	cr_assert_eq(fwrite(t.bytes, 1, t.len, f), t.len);
	fclose(f);
}

static void begin(const char *driver)
{
	fake_create(&fake);
	viot();
	fake_function(&fake, UNIT, 0x1af4, 0x1057, 0x080600, driver, 5);
	fake_function(&fake, BEHIND, 0x1234, 0x11e8, 0xff0000, "vfio-pci", 3);
	fake_file(&fake, "dev/vfio/noiommu-3", "");
	if (driver && !strcmp(driver, "vfio-pci"))
		fake_file(&fake, "dev/vfio/noiommu-5", "");
}

static struct uvdk_iommu_opts opts(void)
{
	return (struct uvdk_iommu_opts){.size = sizeof(struct uvdk_iommu_opts),
					.sysfs_root = fake.sys,
					.dev_root = fake.dev};
}

static const char *choose(const char *spec)
{
	struct uvdk_iommu_opts o = opts();
	const char *name = uvdk_iommu_choose(spec, &o);

	return name ? name : "none";
}

static int try_open(void)
{
	struct uvdk_iommu_opts o = opts();
	struct uvdk_iommu *iommu;

	return uvdk_iommu_open("virtio", &o, &iommu);
}

static void expect_said(const char *what)
{
	cr_expect(strstr(uvdk_last_error(), what), "%s", uvdk_last_error());
}

Test(find, a_function_in_a_noiommu_group_behind_a_unit_that_is_free_gets_virtio)
{
	begin("vfio-pci");
	cr_expect_str_eq(choose(BEHIND), "virtio");
	fake_destroy(&fake);
}

Test(find, the_unit_itself_gets_nothing)
{
	begin("vfio-pci");
	cr_expect_str_eq(choose(UNIT), "none");
	fake_destroy(&fake);
}

Test(find, a_function_in_a_group_of_a_real_iommu_gets_type1)
{
	begin("vfio-pci");
	fake_remove(&fake, "dev/vfio/noiommu-3");
	fake_file(&fake, "dev/vfio/3", "");
	cr_expect_str_eq(choose(BEHIND), "type1");
	fake_destroy(&fake);
}

Test(find, a_unit_that_the_kernel_drives_is_left_to_it_and_the_way_out_is_named)
{
	begin("virtio-pci");
	fake_dir(&fake, "sys/bus/virtio/drivers/virtio_iommu");
	fake_link(&fake, "sys/bus/pci/devices/" UNIT "/virtio0/driver",
		  "../../../../../bus/virtio/drivers/virtio_iommu");
	cr_expect_str_eq(choose(BEHIND), "none");
	cr_expect_eq(try_open(), -EBUSY);
	expect_said("initcall_blacklist=virtio_iommu_drv_init");
	fake_destroy(&fake);
}

Test(find, a_unit_with_another_driver_or_none_has_to_be_bound)
{
	begin("virtio-pci");
	cr_expect_str_eq(choose(BEHIND), "none");
	expect_said("no virtio-iommu that could be driven");
	cr_expect_eq(try_open(), -EBUSY);
	expect_said("bound to virtio-pci");
	expect_said("uvdk-devbind");
	fake_destroy(&fake);
	begin(NULL);
	cr_expect_eq(try_open(), -EBUSY);
	expect_said("no driver");
	fake_destroy(&fake);
}

Test(find, without_noiommu_mode_the_parameter_is_named)
{
	begin("vfio-pci");
	fake_remove(&fake, "dev/vfio/noiommu-5");
	cr_expect_str_eq(choose(BEHIND), "none");
	cr_expect_eq(try_open(), -ENOENT);
	expect_said("enable_unsafe_noiommu_mode");
	fake_destroy(&fake);
}

Test(find, a_machine_without_a_virtio_iommu_says_so)
{
	begin("vfio-pci");
	fake_remove(&fake, "sys/firmware/acpi/tables/VIOT");
	cr_expect_str_eq(choose(BEHIND), "none");
	cr_expect_eq(try_open(), -ENODEV);
	expect_said("firmware");
	fake_destroy(&fake);
}

Test(find, a_unit_that_cannot_be_opened_fails_the_open_with_the_reason)
{
	begin("vfio-pci");
	cr_expect_lt(try_open(), 0);
	expect_said("vfio");
	fake_destroy(&fake);
}
