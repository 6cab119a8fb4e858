// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inspect_priv.h"

static int too_long(const char *path, size_t max)
{
	return uvdk_fail(-ENAMETOOLONG, INSPECT_COMPONENT,
			 "the path of a socket has at most %zu bytes, not as many as %s", max - 1,
			 path);
}

/* Made if it is not there; its parent must be. */
static int default_path(char *path, size_t size)
{
	const char *dir = getuid() ? getenv("XDG_RUNTIME_DIR") : "/run";
	char folder[sizeof(((struct uvdk_inspect *)0)->path)];
	int len;

	if (!dir || *dir != '/')
		return uvdk_fail(
			-ENOENT, INSPECT_COMPONENT,
			"no place for a socket: XDG_RUNTIME_DIR is not set; set it, or give "
			"a path");
	if (snprintf(folder, sizeof(folder), "%s/uvdk", dir) >= (int)sizeof(folder))
		return too_long(dir, size);
	if (mkdir(folder, getuid() ? 0700 : 0755) && errno != EEXIST)
		return uvdk_fail(-errno, INSPECT_COMPONENT, "can't make %s for a socket: %s",
				 folder, strerror(errno));
	len = snprintf(path, size, "%s/%d.sock", folder, (int)getpid());

	return len >= (int)size ? too_long(folder, size) : 0;
}

static int take_path(struct uvdk_inspect *inspect, const char *path)
{
	if (!path)
		return default_path(inspect->path, sizeof(inspect->path));
	if (strlen(path) >= sizeof(inspect->path))
		return too_long(path, sizeof(inspect->path));
	strcpy(inspect->path, path);

	return 0;
}

static void address_of(const struct uvdk_inspect *inspect, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(addr->sun_path, inspect->path, sizeof(addr->sun_path));
}

/* A socket whose process is gone refuses connections. */
static bool is_stale(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	bool stale;

	if (fd < 0)
		return false;
	stale = !lstat(addr->sun_path, &st) && S_ISSOCK(st.st_mode) &&
		connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno == ECONNREFUSED;
	close(fd);

	return stale;
}

static int bind_to(struct uvdk_inspect *inspect)
{
	struct sockaddr_un addr;
	int ret;

	address_of(inspect, &addr);
	ret = bind(inspect->listen_fd, (const struct sockaddr *)&addr, sizeof(addr));
	if (ret && errno == EADDRINUSE && is_stale(&addr)) {
		unlink(addr.sun_path);
		ret = bind(inspect->listen_fd, (const struct sockaddr *)&addr, sizeof(addr));
	}
	if (!ret)
		return 0;
	if (errno == EADDRINUSE)
		return uvdk_fail(
			-EADDRINUSE, INSPECT_COMPONENT,
			"%s is taken: by a process that answers there, or by a file that is "
			"no socket",
			inspect->path);

	return uvdk_fail(-errno, INSPECT_COMPONENT, "no socket can be made at %s: %s",
			 inspect->path, strerror(errno));
}

static void remember(struct uvdk_inspect *inspect)
{
	struct stat st;

	if (lstat(inspect->path, &st))
		return;
	inspect->dev = st.st_dev;
	inspect->ino = st.st_ino;
}

int inspect_listen(struct uvdk_inspect *inspect, const char *path)
{
	int err = take_path(inspect, path);

	if (err)
		return err;
	inspect->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (inspect->listen_fd < 0)
		return uvdk_fail(-errno, INSPECT_COMPONENT, "no socket to be looked into: %s",
				 strerror(errno));
	/* Before bind(), which takes the mode over: there is no moment with another. */
	if (fchmod(inspect->listen_fd, 0600)) {
		err = uvdk_fail(-errno, INSPECT_COMPONENT, "a socket can't be kept private: %s",
				strerror(errno));
		goto close;
	}
	err = bind_to(inspect);
	if (err)
		goto close;
	remember(inspect);
	if (listen(inspect->listen_fd, 64)) {
		err = uvdk_fail(-errno, INSPECT_COMPONENT, "nobody can connect to %s: %s",
				inspect->path, strerror(errno));
		inspect_unlisten(inspect);
		return err;
	}

	return 0;
close:
	close(inspect->listen_fd);
	inspect->listen_fd = -1;
	return err;
}

void inspect_unlisten(struct uvdk_inspect *inspect)
{
	struct stat st;

	if (inspect->listen_fd < 0)
		return;
	if (inspect->pid == getpid() && !lstat(inspect->path, &st) && S_ISSOCK(st.st_mode) &&
	    st.st_dev == inspect->dev && st.st_ino == inspect->ino)
		unlink(inspect->path);
	close(inspect->listen_fd);
	inspect->listen_fd = -1;
}
