// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pci_priv.h"

const char *uvdk_pci_root(const char *sysfs_root)
{
	return sysfs_root ? sysfs_root : "/sys";
}

int uvdk_pci_open_function(const char *sysfs_root, const struct uvdk_pci_addr *addr)
{
	char bdf[UVDK_PCI_ADDR_LEN];
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", uvdk_pci_root(sysfs_root),
		 uvdk_pci_addr_format(addr, bdf));
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return uvdk_fail(-ENODEV, "pci", "there is no PCI function %s (no %s)", bdf, path);

	return uvdk_fail(-EIO, "pci", "cannot open %s: %s", path, strerror(errno));
}

int uvdk_pci_read_attr(int dir, const char *name, char *buf, size_t len)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;

	n = read(fd, buf, len - 1);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;

	while (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';

	return (int)n;
}

int uvdk_pci_read_number(int dir, const char *name, int64_t *out)
{
	char text[32];
	char *end;
	int64_t value;
	int ret = uvdk_pci_read_attr(dir, name, text, sizeof(text));

	if (ret < 0)
		return ret;

	errno = 0;
	value = strtoll(text, &end, 0);
	if (errno || end == text || *end)
		return -EIO;
	*out = value;

	return 0;
}

int uvdk_pci_link_name(int dir, const char *name, char *buf, size_t len)
{
	char target[PATH_MAX];
	const char *base;
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;

	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (strlen(base) >= len)
		return -ENAMETOOLONG;
	memcpy(buf, base, strlen(base) + 1);

	return 0;
}

int uvdk_pci_write_attr(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;

	n = write(fd, text, strlen(text));
	err = errno;
	close(fd);
	if (n < 0)
		return -err;

	return (size_t)n == strlen(text) ? 0 : -EIO;
}

int uvdk_pci_read_driver(int dir, char *buf, size_t len)
{
	int ret = uvdk_pci_link_name(dir, "driver", buf, len);

	if (ret == -ENOENT) {
		buf[0] = '\0';
		return 0;
	}

	return ret ? -EIO : 0;
}

int uvdk_pci_read_override(int dir, char *buf, size_t len)
{
	int ret = uvdk_pci_read_attr(dir, "driver_override", buf, len);

	if (ret == -ENOENT || (ret >= 0 && strcmp(buf, "(null)") == 0)) {
		buf[0] = '\0';
		return 0;
	}

	return ret < 0 ? ret : 0;
}
