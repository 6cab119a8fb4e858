// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uvdk_json_driver.h>

#include "app.h"

static void put_port(FILE *f, const struct app *app, const struct port *port)
{
	struct uvdk_netdev_stats s;

	port_stats(port, &s);
	fprintf(f, "{\"id\":%u,\"name\":", port->id);
	uvdk_json_text(f, port->name);
	fprintf(f,
		",\"rx_packets\":%" PRIu64 ",\"tx_packets\":%" PRIu64 ",\"rx_bytes\":%" PRIu64
		",\"tx_bytes\":%" PRIu64 ",\"rx_missed\":%" PRIu64 ",\"rx_errors\":%" PRIu64
		",\"tx_dropped\":%" PRIu64 "}",
		s.rx_packets, s.tx_packets, s.rx_bytes, s.tx_bytes, s.rx_missed, s.rx_errors,
		fwd_port_dropped(app, port->id));
}

static void put_all(FILE *f, const struct app *app)
{
	struct fwd_counters sum = fwd_total(app);
	const char *comma = "";

	fputs("{\"ports\":[", f);
	for (unsigned int i = 0; i < MAX_PORTS; i++) {
		if (!app->port[i].name)
			continue;
		fputs(comma, f);
		put_port(f, app, &app->port[i]);
		comma = ",";
	}
	fprintf(f,
		"],\"forward\":{\"rx_packets\":%" PRIu64 ",\"tx_packets\":%" PRIu64
		",\"tx_dropped\":%" PRIu64 ",\"seconds\":%.6f}}\n",
		sum.rx, sum.tx, sum.dropped, fwd_seconds(app));
}

static int fail(const char *path, const char *what)
{
	int err = errno ? errno : EIO;

	complain("--stats-json: '%s' can't be %s: %s", path, what, strerror(err));
	return -err;
}

/* Nothing was created, so there is nothing to remove. */
#define NOT_OURS 1

/* Complaints name the file the user knows. */
static int write_file(const struct app *app, const char *path, int flags)
{
	const char *asked = app->opts.stats_json;
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0666);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	bool bad;

	if (!f) {
		fail(asked, "created");
		if (fd >= 0)
			close(fd);
		return NOT_OURS;
	}
	errno = 0;
	put_all(f, app);
	bad = ferror(f);
	if (fclose(f) || bad)
		return fail(asked, "written");

	return 0;
}

int json_write(const struct app *app)
{
	const char *path = app->opts.stats_json;
	char temp[4096];
	struct stat st;
	int ret;

	if (!path)
		return 0;
	/* A pipe or a device is written as it is; renaming would replace it. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return write_file(app, path, 0);

	if (snprintf(temp, sizeof(temp), "%s.%d.tmp", path, (int)getpid()) >= (int)sizeof(temp)) {
		errno = ENAMETOOLONG;
		return fail(path, "created");
	}
	ret = write_file(app, temp, O_CREAT | O_EXCL | O_NOFOLLOW);
	if (!ret && rename(temp, path))
		ret = fail(path, "replaced");
	/* A file in our way that is not ours stays. */
	if (ret && ret != NOT_OURS)
		unlink(temp);

	return ret;
}

int json_check(const struct app *app)
{
	const char *path = app->opts.stats_json;
	char folder[4096];
	struct stat st;
	char *slash;
	int ret;

	if (!path)
		return 0;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		errno = EISDIR;
		if (S_ISDIR(st.st_mode) || access(path, W_OK))
			return fail(path, "written");
		return 0;
	}
	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	ret = access(slash ? folder : ".", W_OK | X_OK);

	return ret ? fail(path, "created") : 0;
}
