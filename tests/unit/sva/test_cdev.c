// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <uvdk_sva_cdev.h>

#include "../pci/fake_sysfs.h"

/* /dev/zero can be mapped; sysfs says here what it is. */
#define NODE "/dev/zero"
#define DEV  "sys/devices/dsa0/wq0.0/node/"

static struct fake fake;
static unsigned int starts;

int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	(void)fd;
	if (request != _IO('W', 0)) {
		errno = ENOTTY;
		return -1;
	}
	if (starts++) {
		errno = EINVAL;
		return -1;
	}

	return 0;
}

static void setup(void)
{
	fake_create(&fake);
	fake_dir(&fake, DEV);
	fake_dir(&fake, "sys/dev/char");
	fake_link(&fake, "sys/dev/char/1:5", "../../devices/dsa0/wq0.0/node");
}

static void teardown(void)
{
	fake_destroy(&fake);
}

static unsigned int fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void uacce(const char *flags)
{
	fake_link(&fake, DEV "subsystem", "../../../../class/uacce");
	fake_file(&fake, DEV "flags", flags);
	fake_file(&fake, DEV "region_mmio_size", "16384\n");
	fake_file(&fake, DEV "region_dus_size", "4096\n");
}

static void idxd(const char *mode, const char *pasids)
{
	fake_remove(&fake, DEV "subsystem");
	fake_link(&fake, DEV "subsystem", "../../../../bus/dsa");
	fake_file(&fake, "sys/devices/dsa0/wq0.0/mode", mode);
	fake_file(&fake, "sys/devices/dsa0/pasid_enabled", pasids);
}

static void refused(const char *path, int err, const char *word)
{
	struct uvdk_sva_cdev *cdev = NULL;
	unsigned int before = fds();

	cr_expect_eq(uvdk_sva_cdev_open(path, fake.sys, &cdev), err);
	cr_expect_null(cdev);
	cr_expect(strstr(uvdk_last_error(), word), "%s", uvdk_last_error());
	cr_expect_eq(fds(), before);
}

TestSuite(sva_cdev, .init = setup, .fini = teardown, .timeout = 60);

Test(sva_cdev, a_queue_of_uacce_is_mapped_and_started_once)
{
	const struct uvdk_sva_cdev_info *info;
	struct uvdk_sva_cdev *cdev;
	unsigned int before = fds();

	uacce("1\n");
	cr_assert_eq(uvdk_sva_cdev_open(NODE, fake.sys, &cdev), 0, "%s", uvdk_last_error());
	info = uvdk_sva_cdev_get_info(cdev);
	cr_expect_eq(info->kind, UVDK_SVA_CDEV_UACCE);
	cr_expect_eq(info->portal.len, 16384);
	cr_expect_eq(info->queue.len, 4096);
	*(volatile char *)info->portal.at = 1;
	cr_expect_neq(info->queue.at, info->portal.at);
	cr_expect_eq(starts, 0, "it is the application that starts it");
	cr_expect_eq(uvdk_sva_cdev_start(cdev), 0);
	cr_expect_eq(uvdk_sva_cdev_start(cdev), -EINVAL);
	uvdk_sva_cdev_close(cdev);
	cr_expect_eq(fds(), before);
}

Test(sva_cdev, a_queue_of_idxd_has_one_page_to_submit_to)
{
	const struct uvdk_sva_cdev_info *info;
	struct uvdk_sva_cdev *cdev;

	idxd("shared\n", "1\n");
	cr_assert_eq(uvdk_sva_cdev_open(NODE, fake.sys, &cdev), 0, "%s", uvdk_last_error());
	info = uvdk_sva_cdev_get_info(cdev);
	cr_expect_eq(info->kind, UVDK_SVA_CDEV_IDXD);
	cr_expect(info->shared);
	cr_expect_eq(info->portal.len, (size_t)sysconf(_SC_PAGESIZE));
	cr_expect_null(info->queue.at);
	cr_expect_eq(uvdk_sva_cdev_start(cdev), 0);
	cr_expect_eq(starts, 0);
	uvdk_sva_cdev_close(cdev);

	idxd("dedicated\n", "1\n");
	cr_assert_eq(uvdk_sva_cdev_open(NODE, fake.sys, &cdev), 0);
	cr_expect_not(uvdk_sva_cdev_get_info(cdev)->shared);
	uvdk_sva_cdev_close(cdev);
	uvdk_sva_cdev_close(NULL);
}

Test(sva_cdev, without_sva_it_is_not_opened)
{
	uacce("0\n");
	refused(NODE, -EOPNOTSUPP, "no SVA");
	idxd("shared\n", "0\n");
	refused(NODE, -EOPNOTSUPP, "pasid_enabled");
}

Test(sva_cdev, other_nodes_and_none_are_refused)
{
	refused(NODE, -EINVAL, "neither");
	fake_link(&fake, DEV "subsystem", "../../../../class/mem");
	refused(NODE, -EINVAL, "'mem'");
	refused(fake.sys, -EINVAL, "neither");
	refused("/dev/no such node", -ENOENT, "no such queue");
	refused(NULL, -EINVAL, "path");
}
