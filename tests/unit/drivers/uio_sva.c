// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uvdk_device_driver.h>
#include <uvdk_iommu.h>
#include <uvdk_sva.h>

#include "../pci/fake_sysfs.h"

/* Functions under uio_pci_sva, all of whose files are plain ones. */
#define BDF    "0000:00:03.0"
#define MASTER UVDK_PCI_COMMAND_MASTER
#define MEMORY UVDK_PCI_COMMAND_MEMORY

static struct fake fake;
static struct uvdk_iommu *iommu;
static unsigned int fds_before;

static unsigned int fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int open_file(const char *attr)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", fake.sys, BDF, attr);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	cr_assert_geq(fd, 0, "%s", path);
	return fd;
}

static uint8_t hardware_command(void)
{
	int fd = open_file("config");
	uint8_t command;

	cr_assert_eq(pread(fd, &command, 1, 4), 1);
	close(fd);
	return command;
}

static void setup(void)
{
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};
	uint8_t config[4096] = {0x34, 0x12, 0x56, 0x70, MASTER | MEMORY};
	int fd;

	fake_create(&fake);
	fake_driver(&fake, "uio_pci_sva", false);
	fake_driver(&fake, "vfio-pci", false);
	fake_function(&fake, BDF, 0x1234, 0x7056, 0x120000, "uio_pci_sva", 1);
	fake_file(&fake, "sys/kernel/iommu_groups/1/type", "DMA-FQ\n");
	fake_attr(&fake, BDF, "pasid", "7\n");
	fake_attr(&fake, BDF, "uio/uio0/name", "uio_pci_sva\n");
	fake_attr(&fake, BDF, "resource",
		  "0x00000000febc0000 0x00000000febc1fff 0x0000000000040200\n"
		  "0x000000000000c000 0x000000000000c03f 0x0000000000040101\n");
	fake_file(&fake, "dev/uio0", "");
	fd = open_file("config");
	cr_assert_eq(write(fd, config, sizeof(config)), sizeof(config));
	close(fd);
	fd = open_file("resource0");
	cr_assert_eq(ftruncate(fd, 0x2000), 0);
	close(fd);
	fd = open_file("resource1");
	cr_assert_eq(ftruncate(fd, 0x40), 0);
	close(fd);

	opts.sysfs_root = fake.sys;
	opts.dev_root = fake.dev;
	cr_assert_str_eq(uvdk_iommu_choose(BDF, &opts), "kernel");
	cr_assert_eq(uvdk_iommu_open("kernel", &opts, &iommu), 0);
	fds_before = fds();
}

static void teardown(void)
{
	uvdk_iommu_close(iommu);
	fake_destroy(&fake);
}

static int try_open(struct uvdk_device **dev)
{
	struct uvdk_device_opts opts = {
		.size = sizeof(opts), .sysfs_root = fake.sys, .dev_root = fake.dev};

	return uvdk_device_open(iommu, BDF, &opts, dev);
}

static struct uvdk_device *opened(void)
{
	struct uvdk_device *dev = NULL;

	cr_assert_eq(try_open(&dev), 0, "%s", uvdk_last_error());
	return dev;
}

static void refused(int err, const char *word)
{
	struct uvdk_device *dev = NULL;
	unsigned int before = fds();

	cr_expect_eq(try_open(&dev), err);
	cr_expect_null(dev);
	cr_expect(strstr(uvdk_last_error(), word), "%s", uvdk_last_error());
	cr_expect_eq(fds(), before);
}

static bool shown_master(struct uvdk_device *dev)
{
	uint8_t command;

	cr_assert_eq(uvdk_device_config_read(dev, 4, &command, 1), 0);
	return command & MASTER;
}

TestSuite(uio_sva, .init = setup, .fini = teardown, .timeout = 60);

Test(uio_sva, bus_master_is_on_only_while_a_process_is_bound)
{
	struct uvdk_device *dev = opened();
	uint32_t pasid = 0;

	cr_expect_not(hardware_command() & MASTER, "as the kernel's driver has left it");
	cr_expect_eq(uvdk_device_set_command(dev, MASTER, 0), 0);
	cr_expect_not(hardware_command() & MASTER);
	cr_expect(shown_master(dev), "what was written is what is read");
	cr_expect_eq(uvdk_device_sva_bind(dev, &pasid), 0);
	cr_expect_eq(pasid, 7);
	cr_expect(hardware_command() & MASTER);
	cr_expect_eq(uvdk_device_sva_bind(dev, &pasid), -EBUSY);
	uvdk_device_sva_unbind(dev);
	uvdk_device_sva_unbind(dev);
	cr_expect_not(hardware_command() & MASTER);
	cr_expect(hardware_command() & MEMORY);
	cr_expect_eq(uvdk_device_sva_bind(dev, &pasid), 0);
	cr_expect(hardware_command() & MASTER, "as the application wants it");
	cr_expect_eq(uvdk_device_set_command(dev, 0, MASTER), 0);
	cr_expect_not(hardware_command() & MASTER);
	cr_expect_eq(uvdk_device_set_command(dev, MASTER, 0), 0);
	uvdk_device_close(dev);
	cr_expect_not(hardware_command() & MASTER, "closed while it was bound");
	cr_expect_eq(fds(), fds_before);
}

Test(uio_sva, what_holds_no_pasid_is_not_bound)
{
	static const char *const texts[] = {"0\n", "-1\n", "1048576\n", "none\n"};
	struct uvdk_device *dev = opened();
	unsigned int before = fds();
	uint32_t pasid = 1;

	uvdk_device_set_command(dev, MASTER, 0);
	for (unsigned int i = 0; i < 4; i++) {
		fake_attr(&fake, BDF, "pasid", texts[i]);
		cr_expect_eq(uvdk_device_sva_bind(dev, &pasid), -EIO);
		cr_expect(strstr(uvdk_last_error(), "no PASID"), "%s", uvdk_last_error());
		cr_expect_not(hardware_command() & MASTER);
		cr_expect_eq(fds(), before);
	}
	fake_remove(&fake, "dev/uio0");
	cr_expect_eq(uvdk_device_sva_bind(dev, &pasid), -ENOENT);
	uvdk_device_close(dev);
}

Test(uio_sva, bars_are_mapped_and_ports_are_read_and_written)
{
	struct uvdk_device *dev = opened();
	struct uvdk_region bar, ports;
	uint64_t value;
	uint32_t raw;
	int fd;

	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	cr_expect(bar.mappable && bar.size == 0x2000);
	cr_expect_eq(uvdk_region_write(&bar, 0x1ffc, 4, 0x12345678), 0);
	fd = open_file("resource0");
	cr_expect_eq(pread(fd, &raw, 4, 0x1ffc), 4);
	cr_expect_eq(raw, 0x12345678);
	close(fd);
	cr_assert_eq(uvdk_device_region(dev, 1, &ports), 0);
	cr_expect(!ports.mappable && ports.size == 0x40);
	cr_expect_eq(uvdk_region_write(&ports, 8, 2, 0xabcd), 0);
	cr_expect_eq(uvdk_region_read(&ports, 8, 4, &value), 0);
	cr_expect_eq(value, 0xabcd);
	cr_expect_eq(uvdk_device_region(dev, 2, &ports), -ENOENT);
	uvdk_device_close(dev);
	cr_expect_eq(fds(), fds_before);
}

Test(uio_sva, one_at_a_time_and_the_right_driver)
{
	struct uvdk_device *dev = opened();

	refused(-EBUSY, "one at a time");
	uvdk_device_close(dev);
	uvdk_device_close(opened());
	fake_file(&fake, "sys/kernel/iommu_groups/1/type", "identity\n");
	refused(-EOPNOTSUPP, "all memory");
	fake_file(&fake, "sys/kernel/iommu_groups/1/type", "DMA\n");
	fake_remove(&fake, "sys/bus/pci/devices/" BDF "/driver");
	refused(-ENXIO, "uvdk-devbind -b uio_pci_sva " BDF);
	cr_expect_eq(fds(), fds_before);
}

Test(uio_sva, another_driver_s_function_is_refused)
{
	fake_remove(&fake, "sys/bus/pci/devices/" BDF "/driver");
	fake_link(&fake, "sys/bus/pci/devices/" BDF "/driver", "../../../bus/pci/drivers/vfio-pci");
	refused(-EBUSY, "held by driver vfio-pci");
}

Test(uio_sva, there_are_no_address_spaces)
{
	struct uvdk_ioas *ioas;

	cr_expect_eq(uvdk_ioas_create(iommu, NULL, &ioas), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "uvdk_sva_bind()"), "%s", uvdk_last_error());
}

/* Else it would keep the parent's memory bound, and the device locked. */
Test(uio_sva, a_child_has_no_descriptor)
{
	struct uvdk_device *dev = opened();
	unsigned int with = fds();
	uint32_t pasid;
	int status;
	pid_t pid;

	cr_assert_eq(uvdk_device_sva_bind(dev, &pasid), 0);
	pid = fork();
	if (!pid)
		_exit(fds() == with - 1 ? 0 : 1); /* neither the node nor configuration space */
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0);
	uvdk_device_close(dev);
	uvdk_device_close(opened());
	cr_expect_eq(fds(), fds_before);
}

Test(uio_sva, a_binding_without_backend_and_owner_is_the_kernel_s)
{
	struct uvdk_sva_opts opts = {.size = sizeof(opts)};
	struct uvdk_device *dev = opened();
	struct uvdk_sva_info info;
	struct uvdk_sva *sva = NULL;

	cr_assert_eq(uvdk_sva_bind(dev, &opts, &sva), 0, "%s", uvdk_last_error());
	uvdk_sva_get_info(sva, &info);
	cr_expect_str_eq(info.name, "kernel");
	cr_expect_eq(uvdk_sva_pasid(sva), 7);
	cr_expect_eq(uvdk_sva_unbind(sva), 0);
	opts.flags = UVDK_SVA_PROCESS;
	cr_assert_eq(uvdk_sva_bind(dev, &opts, &sva), 0, "%s", uvdk_last_error());
	cr_expect_eq(uvdk_sva_unbind(sva), 0);
	opts.flags = UVDK_SVA_RID;
	cr_expect_eq(uvdk_sva_bind(dev, &opts, &sva), -EOPNOTSUPP);
	opts = (struct uvdk_sva_opts){.size = sizeof(opts), .backend = UVDK_SVA_PINNED};
	cr_expect_eq(uvdk_sva_bind(dev, &opts, &sva), -EINVAL, "that needs an owner");
	uvdk_device_close(dev);
	cr_expect_eq(fds(), fds_before);
}
