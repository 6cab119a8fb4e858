// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uio_sva_priv.h"

/*
 * Configuration space is a file of sysfs. One bit of it is ours: bus master is on
 * in the hardware only while the process is bound. What the application wrote
 * is what it reads.
 */

#define COMMAND 4 /* low byte of the command register */

static int fail(const struct usva *v, const char *what, uint32_t off, ssize_t got)
{
	int err = got < 0 ? -errno : -EIO;

	return uvdk_fail(err == -ENODEV ? -ENODEV : -EIO, USVA,
			 "%s: %s configuration space at 0x%x: %s", v->name, what, off,
			 got < 0 ? strerror(-err) : "cut short");
}

/* Two openers would have one binding in the kernel, which ends with the first of them. */
static int lock(const struct usva *v)
{
	if (!flock(v->config_fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return uvdk_fail(-errno, USVA, "%s: locking %s/config: %s", v->name, v->dir,
				 strerror(errno));

	return uvdk_fail(-EBUSY, USVA,
			 "%s is in use by another process, or open already in this one: the "
			 "kernel's driver " USVA_DRIVER " serves one at a time",
			 v->name);
}

int usva_config_open(struct usva *v)
{
	struct stat st;
	char path[300];
	int ret;

	snprintf(path, sizeof(path), "%s/config", v->dir);
	v->config_fd = open(path, O_RDWR | O_CLOEXEC);
	if (v->config_fd < 0)
		return uvdk_explain_open(USVA, path, errno, "the function has vanished");
	v->config_size = !fstat(v->config_fd, &st) && st.st_size > 256 ? 4096 : 256;
	ret = lock(v);
	/* The kernel's driver has left it on. */
	if (!ret)
		ret = usva_set_master(v, false);
	if (ret) {
		close(v->config_fd);
		v->config_fd = -1;
	}

	return ret;
}

int usva_set_master(const struct usva *v, bool on)
{
	ssize_t got;
	uint8_t command;

	got = pread(v->config_fd, &command, 1, COMMAND);
	if (got != 1)
		return fail(v, "reading", COMMAND, got);
	if (command == UINT8_MAX)
		return uvdk_fail(-ENODEV, USVA, "%s: its configuration space reads all ones",
				 v->name);
	command &= (uint8_t)~UVDK_PCI_COMMAND_MASTER;
	command |= on ? UVDK_PCI_COMMAND_MASTER : 0;
	got = pwrite(v->config_fd, &command, 1, COMMAND);

	return got == 1 ? 0 : fail(v, "writing", COMMAND, got);
}

static bool has_command(uint32_t off, size_t len)
{
	return off <= COMMAND && COMMAND < off + len;
}

int usva_config_read(struct uvdk_device *dev, uint32_t off, void *buf, size_t len)
{
	const struct usva *v = uvdk_device_priv(dev);
	ssize_t got = pread(v->config_fd, buf, len, off);
	uint8_t *bytes = buf;

	if (got != (ssize_t)len)
		return fail(v, "reading", off, got);
	if (has_command(off, len) && v->master && bytes[COMMAND - off] != UINT8_MAX)
		bytes[COMMAND - off] |= UVDK_PCI_COMMAND_MASTER;

	return 0;
}

static int write_all(const struct usva *v, uint32_t off, const uint8_t *bytes, size_t len)
{
	ssize_t got = len ? pwrite(v->config_fd, bytes, len, off) : 0;

	return got == (ssize_t)len ? 0 : fail(v, "writing", off, got);
}

int usva_config_write(struct uvdk_device *dev, uint32_t off, const void *buf, size_t len)
{
	struct usva *v = uvdk_device_priv(dev);
	const uint8_t *bytes = buf;
	uint8_t command;
	size_t before;
	int ret;

	if (!has_command(off, len))
		return write_all(v, off, bytes, len);
	before = COMMAND - off;
	command = bytes[before];
	v->master = command & UVDK_PCI_COMMAND_MASTER;
	if (v->uio_fd < 0)
		command &= (uint8_t)~UVDK_PCI_COMMAND_MASTER;
	ret = write_all(v, off, bytes, before);
	if (!ret)
		ret = write_all(v, COMMAND, &command, 1);
	if (!ret)
		ret = write_all(v, COMMAND + 1, bytes + before + 1, len - before - 1);

	return ret;
}
