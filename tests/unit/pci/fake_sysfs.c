// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_sysfs.h"

#define DEVICES "sys/devices/pci0000:00"

static void absolute(struct fake *fake, const char *path, char *buf)
{
	snprintf(buf, PATH_MAX, "%s/%s", fake->root, path);
}

static void make_parents(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		cr_assert(mkdir(path, 0755) == 0 || errno == EEXIST, "mkdir %s", path);
		*slash = '/';
	}
}

void fake_create(struct fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->notify = -1;
	strcpy(fake->root, "/tmp/uvdk-fake-XXXXXX");
	cr_assert_not_null(mkdtemp(fake->root));
	chmod(fake->root, 0755);
	snprintf(fake->sys, sizeof(fake->sys), "%s/sys", fake->root);
	snprintf(fake->proc, sizeof(fake->proc), "%s/proc", fake->root);
	snprintf(fake->dev, sizeof(fake->dev), "%s/dev", fake->root);
	snprintf(fake->state, sizeof(fake->state), "%s/state", fake->root);
	fake_dir(fake, "sys/bus/pci/devices");
	fake_dir(fake, "sys/bus/pci/drivers");
	fake_dir(fake, "proc/net");
	fake_dir(fake, "dev");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_destroy(struct fake *fake)
{
	if (fake->notify >= 0) {
		cr_assert_eq(write(fake->stop[1], "x", 1), 1);
		pthread_join(fake->kernel, NULL);
		close(fake->notify);
		close(fake->stop[0]);
		close(fake->stop[1]);
	}
	nftw(fake->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fake_file(struct fake *fake, const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *file;

	absolute(fake, path, full);
	make_parents(full);
	file = fopen(full, "w");
	cr_assert_not_null(file, "%s", full);
	fputs(text, file);
	fclose(file);
}

void fake_link(struct fake *fake, const char *path, const char *target)
{
	char full[PATH_MAX];

	absolute(fake, path, full);
	make_parents(full);
	cr_assert_eq(symlink(target, full), 0, "symlink %s: %s", full, strerror(errno));
}

void fake_dir(struct fake *fake, const char *path)
{
	char full[PATH_MAX];

	absolute(fake, path, full);
	strcat(full, "/");
	make_parents(full);
}

void fake_remove(struct fake *fake, const char *path)
{
	char full[PATH_MAX];

	absolute(fake, path, full);
	nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool fake_exists(struct fake *fake, const char *path)
{
	char full[PATH_MAX];
	struct stat st;

	absolute(fake, path, full);
	return lstat(full, &st) == 0;
}

const char *fake_read(struct fake *fake, const char *path)
{
	static __thread char text[4096];
	char full[PATH_MAX];
	size_t n;
	FILE *file;

	absolute(fake, path, full);
	file = fopen(full, "r");
	if (!file)
		return "";
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	while (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';

	return text;
}

struct fake_driver *fake_driver(struct fake *fake, const char *name, bool claims_all)
{
	struct fake_driver *driver = &fake->drivers[fake->nr_drivers++];
	char path[256];

	snprintf(driver->name, sizeof(driver->name), "%s", name);
	driver->claims_all = claims_all;
	snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/bind", name);
	fake_file(fake, path, "");
	snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/unbind", name);
	fake_file(fake, path, "");

	return driver;
}

void fake_attr(struct fake *fake, const char *bdf, const char *attr, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", bdf, attr);
	fake_file(fake, path, text);
}

static void number(struct fake *fake, const char *bdf, const char *attr, unsigned int value,
		   int digits)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%0*x\n", digits, value);
	fake_attr(fake, bdf, attr, text);
}

static void set_driver(struct fake *fake, const char *bdf, const char *driver)
{
	char path[256];
	char target[256];

	snprintf(path, sizeof(path), DEVICES "/%s/driver", bdf);
	snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
	fake_link(fake, path, target);
}

static void set_group(struct fake *fake, const char *bdf, int group)
{
	char path[256];
	char target[256];

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", bdf);
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d", group);
	fake_link(fake, path, target);
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/devices/%s", group, bdf);
	snprintf(target, sizeof(target), "../../../../devices/pci0000:00/%s", bdf);
	fake_link(fake, path, target);
}

void fake_function(struct fake *fake, const char *bdf, unsigned int vendor, unsigned int device,
		   unsigned int class_code, const char *driver, int group)
{
	char path[256];
	char target[256];

	number(fake, bdf, "vendor", vendor, 4);
	number(fake, bdf, "device", device, 4);
	number(fake, bdf, "class", class_code, 6);
	number(fake, bdf, "revision", 1, 2);
	fake_attr(fake, bdf, "driver_override", "(null)\n");
	fake_attr(fake, bdf, "numa_node", "-1\n");
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s", bdf);
	snprintf(target, sizeof(target), "../../../devices/pci0000:00/%s", bdf);
	fake_link(fake, path, target);
	if (driver)
		set_driver(fake, bdf, driver);
	if (group >= 0)
		set_group(fake, bdf, group);
}

const char *fake_bound(struct fake *fake, const char *bdf)
{
	static __thread char target[256];
	char path[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/" DEVICES "/%s/driver", fake->root, bdf);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';

	return strrchr(target, '/') ? strrchr(target, '/') + 1 : "";
}

static void hang_off(struct fake *fake, const char *class, const char *where, const char *name)
{
	char path[512];
	char target[512];

	fake_dir(fake, where);
	snprintf(path, sizeof(path), "sys/class/%s/%s", class, name);
	snprintf(target, sizeof(target), "../../%s", where + strlen("sys/"));
	fake_link(fake, path, target);
}

void fake_net(struct fake *fake, const char *bdf, const char *below, const char *ifname)
{
	char where[256];

	snprintf(where, sizeof(where), DEVICES "/%s/%s/net/%s", bdf, below, ifname);
	hang_off(fake, "net", where, ifname);
}

void fake_disk(struct fake *fake, const char *bdf, const char *below, const char *disk,
	       const char *dev)
{
	char where[256];
	char path[512];

	snprintf(where, sizeof(where), DEVICES "/%s/%s/%s", bdf, below, disk);
	hang_off(fake, "block", where, disk);
	snprintf(path, sizeof(path), "%s/dev", where);
	fake_file(fake, path, dev);
}

/* ---- the kernel ---- */

static bool accepts(struct fake *fake, const struct fake_driver *driver, const char *bdf)
{
	char path[256];

	if (driver->refuses || fake_bound(fake, bdf)[0])
		return false;
	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", bdf);

	return strcmp(fake_read(fake, path), driver->name) == 0 || driver->claims_all;
}

static void on_write(struct fake *fake, const struct fake_driver *driver, const char *file)
{
	char path[256];
	char bdf[64];

	snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s/%s", driver->name, file);
	snprintf(bdf, sizeof(bdf), "%s", fake_read(fake, path));
	if (!bdf[0])
		return;

	if (strcmp(file, "unbind") == 0 && strcmp(fake_bound(fake, bdf), driver->name) == 0) {
		snprintf(path, sizeof(path), "%s/" DEVICES "/%s/driver", fake->root, bdf);
		unlink(path);
	}
	if (strcmp(file, "bind") == 0 && accepts(fake, driver, bdf))
		set_driver(fake, bdf, driver->name);
}

static void handle(struct fake *fake, const char *buf, ssize_t len)
{
	const struct inotify_event *event;

	for (const char *p = buf; p < buf + len; p += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)p;
		for (int i = 0; i < fake->nr_drivers; i++)
			if (fake->drivers[i].watch == event->wd)
				on_write(fake, &fake->drivers[i], event->name);
	}
}

static void *kernel(void *arg)
{
	char buf[4096] __attribute__((aligned(8)));
	struct fake *fake = arg;
	struct pollfd fds[2] = {
		{.fd = fake->notify, .events = POLLIN},
		{.fd = fake->stop[0], .events = POLLIN},
	};

	while (poll(fds, 2, -1) > 0 && !fds[1].revents)
		handle(fake, buf, read(fake->notify, buf, sizeof(buf)));

	return NULL;
}

void fake_kernel_start(struct fake *fake)
{
	char path[PATH_MAX];

	fake->notify = inotify_init1(IN_CLOEXEC);
	cr_assert_geq(fake->notify, 0);
	cr_assert_eq(pipe2(fake->stop, O_CLOEXEC), 0);
	for (int i = 0; i < fake->nr_drivers; i++) {
		snprintf(path, sizeof(path), "%s/bus/pci/drivers/%s", fake->sys,
			 fake->drivers[i].name);
		fake->drivers[i].watch = inotify_add_watch(fake->notify, path, IN_CLOSE_WRITE);
		cr_assert_geq(fake->drivers[i].watch, 0);
	}
	cr_assert_eq(pthread_create(&fake->kernel, NULL, kernel, fake), 0);
}
