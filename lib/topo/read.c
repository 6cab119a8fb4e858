// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "topo_priv.h"

#define MAX_BYTES  (16u << 20)
#define FIRST_ROOM 65536u

struct file {
	uint8_t *bytes;
	size_t len;
};

static int failed(int err, const char *path)
{
	if (err != -ENOENT && err != -EACCES && err != -ENOMEM)
		err = -EIO;

	return uvdk_fail(err, "topo", "cannot read %s: %s%s", path, strerror(-err),
			 err == -EACCES ? "; firmware's tables are for root" : "");
}

/* What the kernel has in sysfs does not tell its size before it is read. */
static int read_all(int fd, struct file *file)
{
	size_t room = 0;
	ssize_t n = 1;

	while (n > 0 && file->len <= MAX_BYTES) {
		if (file->len == room) {
			uint8_t *more = realloc(file->bytes, room = room ? room * 2 : FIRST_ROOM);

			if (!more)
				return -ENOMEM;
			file->bytes = more;
		}
		n = read(fd, file->bytes + file->len, room - file->len);
		if (n > 0)
			file->len += (size_t)n;
	}

	return n < 0 ? -errno : 0;
}

/* -ENOENT: without a sentence. */
static int load(const char *path, struct file *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : failed(-errno, path);
	ret = read_all(fd, file);
	close(fd);
	if (ret)
		ret = failed(ret, path);
	else if (file->len > MAX_BYTES)
		ret = uvdk_fail(-EFBIG, "topo", "%s has more than %u MiB: no table of firmware's",
				path, MAX_BYTES >> 20);
	if (ret)
		free(file->bytes);

	return ret;
}

typedef int parse_fn(const void *bytes, size_t len, struct uvdk_topology **out);

static int read_file(const char *path, parse_fn *parse, struct uvdk_topology **out)
{
	struct file file = {0};
	int ret = load(path, &file);

	if (ret)
		return ret;
	ret = parse(file.bytes, file.len, out);
	if (ret == -EBADMSG) {
		char why[512];

		snprintf(why, sizeof(why), "%s", uvdk_last_error());
		uvdk_fail(ret, "topo", "%s: %s", path, why);
	}
	free(file.bytes);

	return ret;
}

static int read_named(const char *path, parse_fn *parse, struct uvdk_topology **out)
{
	int ret = read_file(path, parse, out);

	return ret == -ENOENT ? failed(ret, path) : ret;
}

static int read_sysfs(const char *root, struct uvdk_topology **out)
{
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), "%s/firmware/acpi/tables/VIOT", root);
	ret = read_file(path, uvdk_topology_parse_viot, out);
	if (ret != -ENOENT)
		return ret;
	snprintf(path, sizeof(path), "%s/firmware/fdt", root);
	ret = read_file(path, uvdk_topology_parse_fdt, out);
	if (ret != -ENOENT)
		return ret;
	*out = topo_create("none");

	return *out ? 0 : -ENOMEM;
}

UVDK_EXPORT int uvdk_topology_read(const struct uvdk_topology_opts *opts,
				   struct uvdk_topology **out)
{
	struct uvdk_topology_opts o = {.size = sizeof(o)};
	struct uvdk_topology *topology;
	int ret = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_topology_opts");

	if (ret)
		return ret;
	if (o.viot && o.fdt)
		return uvdk_fail(-EINVAL, "topo", "a VIOT (%s) and a device tree (%s); name one",
				 o.viot, o.fdt);
	if (o.viot)
		ret = read_named(o.viot, uvdk_topology_parse_viot, &topology);
	else if (o.fdt)
		ret = read_named(o.fdt, uvdk_topology_parse_fdt, &topology);
	else
		ret = read_sysfs(o.sysfs_root ? o.sysfs_root : "/sys", &topology);
	if (!ret)
		*out = topology;

	return ret;
}
