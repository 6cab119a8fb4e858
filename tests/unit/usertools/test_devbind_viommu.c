// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

#include "devbind_run.h"

/* A virtio-iommu is bound as any function, unless the kernel isolates devices with it. */

#define UNIT	  "0000:06:00.0"
#define PARAMETER "sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

static void setup(void)
{
	devbind_setup();
	fake_function(&fake, UNIT, 0x1af4, 0x1057, 0x00ff00, "virtio-pci", -1);
	fake_dir(&fake, "sys/devices/pci0000:00/" UNIT "/virtio9");
}

TestSuite(devbind_viommu, .init = setup, .fini = devbind_teardown, .timeout = 60);

Test(devbind_viommu, one_that_the_kernel_uses_is_left_alone)
{
	struct run *run;

	fake_link(&fake, "sys/devices/pci0000:00/" UNIT "/virtio9/driver",
		  "../../../../bus/virtio/drivers/virtio_iommu");
	fake_dir(&fake, "sys/class/iommu/virtio9");
	run = devbind_gives(4, "-b vfio-pci " UNIT);
	cr_expect_not_null(strstr(run->err, "initcall_blacklist=virtio_iommu_drv_init"), "%s",
			   run->err);
	expect_driver(UNIT, "virtio-pci");
	devbind_gives(0, "-b vfio-pci --force " UNIT);
	expect_driver(UNIT, "vfio-pci");
}

Test(devbind_viommu, one_that_nobody_uses_is_offered_and_bound)
{
	struct run *run;

	fake_remove(&fake, "sys/devices/pci0000:00/" NIC "/iommu_group");
	fake_file(&fake, PARAMETER, "N\n");
	run = devbind_gives(7, "-b vfio-pci eth0");
	cr_expect_not_null(strstr(run->err, "virtio-iommu, " UNIT), "%s", run->err);
	run = devbind_gives(0, "-b vfio-pci --noiommu-mode " UNIT " eth0");
	cr_expect_not_null(strstr(run->err, "virtio-iommu"), "%s", run->err);
	expect_driver(UNIT, "vfio-pci");
	expect_driver(NIC, "vfio-pci");
}
