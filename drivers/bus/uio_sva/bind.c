// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "uio_sva_priv.h"

/*
 * Opening /dev/uioN joins the address space of whoever opens it to a PASID, the
 * last close ends it. The PASID stands in sysfs; what stands there means
 * nothing unless it is bound.
 */

#define PASID_MAX 0xfffff /* 20 bits */

/* sysfs tells the node's name: .../uio/uioN */
int usva_find_node(struct usva *v, const char *dev_root)
{
	struct dirent *entry;
	char path[300];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/uio", v->dir);
	dir = opendir(path);
	if (!dir)
		return uvdk_fail(-ENOENT, USVA, "%s: driver " USVA_DRIVER " has made no %s: %s",
				 v->name, path, strerror(errno));

	while (!*v->node && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "uio", 3) && strlen(entry->d_name) < 32)
			snprintf(v->node, sizeof(v->node), "%.200s/%.32s", dev_root, entry->d_name);
	closedir(dir);

	return *v->node ? 0 : uvdk_fail(-ENOENT, USVA, "%s: %s is empty", v->name, path);
}

static int read_pasid(const struct usva *v, uint32_t *pasid)
{
	char path[300];
	long value;
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "%s/pasid", v->dir);
	f = fopen(path, "re");
	if (!f)
		return uvdk_fail(-errno, USVA, "%s: the kernel does not tell its PASID: %s: %s",
				 v->name, path, strerror(errno));
	n = fscanf(f, "%ld", &value);
	fclose(f);
	if (n != 1 || value < 1 || value > PASID_MAX)
		return uvdk_fail(-EIO, USVA, "%s: what %s holds is no PASID", v->name, path);

	*pasid = (uint32_t)value;
	return 0;
}

static int open_node(struct usva *v, const struct uvdk_pci_config *config)
{
	/* fork() waits, so that no child has the descriptor unseen. */
	usva_fork_lock();
	v->uio_fd = open(v->node, O_RDWR | O_CLOEXEC);
	usva_fork_unlock();
	if (v->uio_fd >= 0)
		return 0;

	switch (errno) {
	case EINVAL:
		return usva_explain(v, config);
	case ENODEV:
	case ENXIO:
		return uvdk_fail(-ENODEV, USVA, "%s has vanished, and %s with it", v->name,
				 v->node);
	default:
		return uvdk_explain_open(USVA, v->node, errno,
					 "the function has vanished or has another driver now, or "
					 "udev has not made the node");
	}
}

int usva_bind(struct uvdk_device *dev, uint32_t *pasid)
{
	struct usva *v = uvdk_device_priv(dev);
	int ret = open_node(v, uvdk_device_pci_config(dev));

	if (ret)
		return ret;
	ret = read_pasid(v, &v->pasid);
	if (!ret && v->master)
		ret = usva_set_master(v, true);
	if (ret) {
		usva_end(v);
		return ret;
	}

	*pasid = v->pasid;
	return 0;
}

/* A program that knows nothing of our lock may have opened the node, too. */
static void check_alone(const struct usva *v)
{
	uint32_t now;

	if (read_pasid(v, &now) || now == v->pasid)
		return;
	uvdk_log(UVDK_LOG_ERR, USVA,
		 "%s: another process has opened %s meanwhile: the kernel knows its binding "
		 "(PASID %u) only, ends that one now, and may keep ours (PASID %u)",
		 v->name, v->node, now, v->pasid);
}

void usva_end(struct usva *v)
{
	if (v->uio_fd < 0)
		return;

	/* It may have vanished; then it reaches nothing anyway. */
	if (usva_set_master(v, false))
		uvdk_log(UVDK_LOG_DEBUG, USVA, "%s: unbound without an answer", v->name);
	else
		check_alone(v);
	usva_fork_lock();
	close(v->uio_fd);
	v->uio_fd = -1;
	usva_fork_unlock();
}

void usva_unbind(struct uvdk_device *dev)
{
	usva_end(uvdk_device_priv(dev));
}
