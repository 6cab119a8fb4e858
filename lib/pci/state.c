// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pci_priv.h"

/*
 * One file a function, named by its address: "driver=NAME\nid=VVVV:DDDD\n".
 * The IDs tell whether another device sits at the address by now.
 */

#define DEFAULT_DIR "/run/uvdk"

static const char *dir_of(const char *state_dir)
{
	return state_dir ? state_dir : DEFAULT_DIR;
}

bool uvdk_pci_driver_name_ok(const char *driver)
{
	return driver[0] && strlen(driver) < PCI_DRIVER_LEN && !strpbrk(driver, "/\n") &&
	       strcmp(driver, ".") != 0 && strcmp(driver, "..") != 0;
}

static bool parse(const char *text, struct uvdk_pci_previous *prev)
{
	const char *id = strstr(text, "\nid=");
	size_t len = strcspn(text, "\n");
	unsigned int vendor;
	unsigned int device;

	if (strncmp(text, "driver=", 7) != 0 || len - 7 >= sizeof(prev->driver) || !id ||
	    sscanf(id, "\nid=%4x:%4x", &vendor, &device) != 2)
		return false;

	snprintf(prev->driver, sizeof(prev->driver), "%.*s", (int)(len - 7), text + 7);
	prev->vendor = (uint16_t)vendor;
	prev->device = (uint16_t)device;

	return prev->driver[0] == '\0' || uvdk_pci_driver_name_ok(prev->driver);
}

int uvdk_pci_state_load(const char *state_dir, const struct uvdk_pci_addr *addr,
			struct uvdk_pci_previous *out)
{
	char bdf[UVDK_PCI_ADDR_LEN];
	char path[PATH_MAX];
	char text[256];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", dir_of(state_dir), uvdk_pci_addr_format(addr, bdf));
	ret = uvdk_pci_read_attr(AT_FDCWD, path, text, sizeof(text));
	if (ret == -ENOENT || ret == -ENOTDIR)
		return -ENOENT;
	if (ret < 0)
		return uvdk_fail(-EIO, "pci", "cannot read %s: %s", path, strerror(-ret));
	if (!parse(text, out))
		return uvdk_fail(-EIO, "pci",
				 "%s is damaged; remove it, and bind %s to its driver by name",
				 path, bdf);

	return 0;
}

/* The directory and, as in mkdir -p, those above it. */
static int make_dir(const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
	}

	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

static int write_new(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;

	n = write(fd, text, strlen(text));
	err = errno;
	if (close(fd) && n >= 0) {
		err = errno;
		n = -1;
	}
	if (n < 0)
		return -err;

	return (size_t)n == strlen(text) ? 0 : -EIO;
}

int uvdk_pci_state_save(const char *state_dir, const struct uvdk_pci_addr *addr,
			const struct uvdk_pci_previous *prev)
{
	char bdf[UVDK_PCI_ADDR_LEN];
	char path[PATH_MAX];
	char temp[PATH_MAX];
	char text[256];
	int ret;

	uvdk_pci_addr_format(addr, bdf);
	snprintf(path, sizeof(path), "%s/%s", dir_of(state_dir), bdf);
	snprintf(temp, sizeof(temp), "%s/.%s.%d", dir_of(state_dir), bdf, (int)getpid());
	snprintf(text, sizeof(text), "driver=%s\nid=%04x:%04x\n", prev->driver, prev->vendor,
		 prev->device);

	ret = make_dir(dir_of(state_dir));
	if (!ret) {
		unlink(temp); /* left by a process of the same number that died */
		ret = write_new(temp, text);
		if (!ret && rename(temp, path))
			ret = -errno;
		if (ret)
			unlink(temp);
	}
	if (ret)
		return uvdk_fail(ret == -EPERM ? -EACCES : ret, "pci",
				 "cannot remember the driver of %s in %s: %s; run as root or name "
				 "another state directory",
				 bdf, path, strerror(-ret));

	return 0;
}

int uvdk_pci_state_forget(const char *state_dir, const struct uvdk_pci_addr *addr)
{
	char bdf[UVDK_PCI_ADDR_LEN];
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir_of(state_dir), uvdk_pci_addr_format(addr, bdf));
	if (unlink(path) && errno != ENOENT)
		return uvdk_fail(-errno, "pci", "cannot remove %s: %s", path, strerror(errno));

	return 0;
}
