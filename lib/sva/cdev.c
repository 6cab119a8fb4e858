// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <uvdk_explain_driver.h>
#include <uvdk_sva_cdev.h>

#include "sva_priv.h"

/* Linux, include/uapi/misc/uacce/uacce.h: not installed everywhere. */
#define UACCE_START_Q	 _IO('W', 0)
#define UACCE_FLAG_SVA	 1u
#define UACCE_QUEUE_PAGE 1 /* offset in pages of the second region (DUS) */

struct uvdk_sva_cdev {
	struct uvdk_sva_cdev_info info;
	char path[256];
	char dir[256]; /* in sysfs */
};

/* A number or a word of sysfs, without its newline; "" where there is none. */
static void attribute(const struct uvdk_sva_cdev *cdev, const char *name, char *text, size_t size)
{
	char path[320];
	FILE *f;

	*text = '\0';
	snprintf(path, sizeof(path), "%s/%s", cdev->dir, name);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(text, (int)size, f))
		text[strcspn(text, "\n")] = '\0';
	fclose(f);
}

static unsigned long number(const struct uvdk_sva_cdev *cdev, const char *name)
{
	char text[64];

	attribute(cdev, name, text, sizeof(text));
	return strtoul(text, NULL, 0);
}

static int find_kind(struct uvdk_sva_cdev *cdev, const char *sysfs, const struct stat *st)
{
	char link[320], target[256];
	const char *name;
	ssize_t len;

	snprintf(cdev->dir, sizeof(cdev->dir), "%.200s/dev/char/%u:%u", sysfs, major(st->st_rdev),
		 minor(st->st_rdev));
	snprintf(link, sizeof(link), "%s/subsystem", cdev->dir);
	len = S_ISCHR(st->st_mode) ? readlink(link, target, sizeof(target) - 1) : -1;
	target[len < 0 ? 0 : len] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (!strcmp(name, "uacce"))
		cdev->info.kind = UVDK_SVA_CDEV_UACCE;
	else if (!strcmp(name, "dsa"))
		cdev->info.kind = UVDK_SVA_CDEV_IDXD;
	else
		return uvdk_fail(
			-EINVAL, SVA_COMPONENT,
			"%s is a queue neither of uacce nor of idxd: its subsystem is '%s'",
			cdev->path, name);

	return 0;
}

/* Without it the kernel would take physical addresses, or none. */
static int check_sva(struct uvdk_sva_cdev *cdev)
{
	char mode[16];

	if (cdev->info.kind == UVDK_SVA_CDEV_UACCE)
		return number(cdev, "flags") & UACCE_FLAG_SVA
			       ? 0
			       : uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
					   "%s: its driver has no SVA for it (flags in %s): is the "
					   "I/O MMU on, and the driver loaded for user space?",
					   cdev->path, cdev->dir);

	attribute(cdev, "../mode", mode, sizeof(mode));
	cdev->info.shared = !strcmp(mode, "shared");
	if (number(cdev, "../../pasid_enabled") == 1)
		return 0;

	return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
			 "%s: idxd has no PASIDs (pasid_enabled): it needs an I/O MMU in scalable "
			 "mode (intel_iommu=on,sm_on)",
			 cdev->path);
}

static int map(struct uvdk_sva_cdev *cdev, struct uvdk_sva_cdev_region *region, size_t len,
	       int prot, unsigned int page)
{
	off_t off = (off_t)page * sysconf(_SC_PAGESIZE);

	if (!len)
		return 0;
	region->at = mmap(NULL, len, prot, MAP_SHARED, cdev->info.fd, off);
	if (region->at == MAP_FAILED) {
		region->at = NULL;
		return uvdk_fail(-errno, SVA_COMPONENT, "%s: mapping 0x%zx bytes at 0x%llx: %s",
				 cdev->path, len, (unsigned long long)off, strerror(errno));
	}
	region->len = len;
	/* A child's stores would go to the parent's queue. */
	madvise(region->at, len, MADV_DONTFORK);

	return 0;
}

static int map_all(struct uvdk_sva_cdev *cdev)
{
	struct uvdk_sva_cdev_info *info = &cdev->info;
	int err;

	if (info->kind == UVDK_SVA_CDEV_IDXD)
		return map(cdev, &info->portal, (size_t)sysconf(_SC_PAGESIZE), PROT_WRITE, 0);
	err = map(cdev, &info->portal, number(cdev, "region_mmio_size"), PROT_READ | PROT_WRITE, 0);
	if (err)
		return err;

	return map(cdev, &info->queue, number(cdev, "region_dus_size"), PROT_READ | PROT_WRITE,
		   UACCE_QUEUE_PAGE);
}

static void unmap(const struct uvdk_sva_cdev_region *region)
{
	if (region->at)
		munmap(region->at, region->len);
}

static int set_up(struct uvdk_sva_cdev *cdev, const char *sysfs)
{
	struct stat st;
	int err;

	if (stat(cdev->path, &st))
		return uvdk_explain_open(SVA_COMPONENT, cdev->path, errno,
					 "the accelerator's driver has made no such queue");
	err = find_kind(cdev, sysfs, &st);
	if (!err)
		err = check_sva(cdev);
	if (err)
		return err;
	cdev->info.fd = open(cdev->path, O_RDWR | O_CLOEXEC);
	if (cdev->info.fd < 0)
		return errno == EBUSY
			       ? uvdk_fail(-EBUSY, SVA_COMPONENT,
					   "%s: no queue is free, or a dedicated one is taken",
					   cdev->path)
			       : uvdk_explain_open(SVA_COMPONENT, cdev->path, errno,
						   "the queue has vanished");

	return map_all(cdev);
}

UVDK_EXPORT int uvdk_sva_cdev_open(const char *path, const char *sysfs_root,
				   struct uvdk_sva_cdev **out)
{
	struct uvdk_sva_cdev *cdev;
	int err;

	if (!path || !out || strlen(path) >= sizeof(cdev->path))
		return uvdk_fail(-EINVAL, SVA_COMPONENT,
				 "a queue needs a path of at most %zu bytes, and a place for the "
				 "result",
				 sizeof(cdev->path) - 1);
	cdev = calloc(1, sizeof(*cdev));
	if (!cdev)
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "no memory for a queue");
	cdev->info.fd = -1;
	cdev->info.sysfs = cdev->dir;
	strcpy(cdev->path, path);
	err = set_up(cdev, sysfs_root ? sysfs_root : "/sys");
	if (err) {
		uvdk_sva_cdev_close(cdev);
		return err;
	}
	*out = cdev;

	return 0;
}

UVDK_EXPORT int uvdk_sva_cdev_start(struct uvdk_sva_cdev *cdev)
{
	if (cdev->info.kind == UVDK_SVA_CDEV_IDXD || !ioctl(cdev->info.fd, UACCE_START_Q))
		return 0;

	return uvdk_fail(-errno, SVA_COMPONENT, "%s: starting the queue: %s%s", cdev->path,
			 strerror(errno), errno == EINVAL ? "; does it run already?" : "");
}

UVDK_EXPORT const struct uvdk_sva_cdev_info *uvdk_sva_cdev_get_info(
	const struct uvdk_sva_cdev *cdev)
{
	return &cdev->info;
}

UVDK_EXPORT void uvdk_sva_cdev_close(struct uvdk_sva_cdev *cdev)
{
	if (!cdev)
		return;

	unmap(&cdev->info.queue);
	unmap(&cdev->info.portal);
	if (cdev->info.fd >= 0)
		close(cdev->info.fd);
	free(cdev);
}
