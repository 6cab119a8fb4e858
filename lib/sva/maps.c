// SPDX-License-Identifier: BSD-3-Clause
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sva_priv.h"

#define MAPS "/proc/self/maps"

int sva_maps_open(struct sva_maps *maps)
{
	maps->have = 0;
	maps->next = 0;
	maps->text = false;
	maps->fd = open(MAPS, O_RDONLY | O_CLOEXEC);
	if (maps->fd < 0)
		return uvdk_fail(-errno, SVA_COMPONENT,
				 "%s, which tells what the process has mapped, can't be opened: %s",
				 MAPS, strerror(errno));

	return 0;
}

void sva_maps_close(struct sva_maps *maps)
{
	close(maps->fd);
}

/* The next character; 0: no more; or negative errno. */
static int get(struct sva_maps *maps)
{
	ssize_t n;

	if (maps->next == maps->have) {
		n = read(maps->fd, maps->buf, sizeof(maps->buf));
		if (n < 0)
			return -errno;
		maps->have = (size_t)n;
		maps->next = 0;
		if (!n)
			return 0;
	}

	return (unsigned char)maps->buf[maps->next++];
}

/* One line, what does not fit left out: 1; 0: no more; or negative errno. */
static int get_line(struct sva_maps *maps, char *line, size_t size)
{
	size_t len = 0;
	int c;

	while ((c = get(maps)) > 0 && c != '\n')
		if (len + 1 < size)
			line[len++] = (char)c;
	line[len] = '\0';
	if (c < 0)
		return uvdk_fail(c, SVA_COMPONENT, "%s can't be read: %s", MAPS, strerror(-c));

	return c ? 1 : 0;
}

/* Past a field and the blanks behind it. */
static const char *skip(const char *at)
{
	while (*at && *at != ' ')
		at++;
	while (*at == ' ')
		at++;

	return at;
}

void sva_mapping_name(struct sva_mapping *mapping, const char *name)
{
	size_t len = strnlen(name, sizeof(mapping->name) - 1);

	memcpy(mapping->name, name, len);
	mapping->name[len] = '\0';
}

/* proc_pid_maps(5): FIRST-END PERM OFFSET DEV INODE NAME */
static int parse(const char *line, struct sva_mapping *out)
{
	char *at;
	uintptr_t end;

	out->first = strtoul(line, &at, 16);
	if (*at != '-')
		return -EPROTO;
	end = strtoul(at + 1, &at, 16);
	if (end <= out->first || strlen(at) < 5)
		return -EPROTO;
	out->last = end - 1;
	out->page = (size_t)sysconf(_SC_PAGESIZE);
	out->readable = at[1] == 'r';
	out->writable = at[2] == 'w';
	out->shared = at[4] == 's';
	sva_mapping_name(out, skip(skip(skip(skip(at + 1)))));

	return 0;
}

static int next_line(struct sva_maps *maps, uintptr_t from, struct sva_mapping *out)
{
	char line[256];
	int ret;

	while ((ret = get_line(maps, line, sizeof(line))) > 0) {
		ret = parse(line, out);
		if (ret)
			return uvdk_fail(ret, SVA_COMPONENT, "a line of %s is not understood: %s",
					 MAPS, line);
		if (out->last >= from)
			return 1;
	}

	return ret;
}

int sva_maps_next(struct sva_maps *maps, uintptr_t from, struct sva_mapping *out)
{
	int ret = maps->text ? -ENOTTY : sva_maps_query(maps, from, out);

	if (ret >= 0)
		return ret;
	/* A kernel before 6.11, or something it can't say so: read, from the start. */
	maps->text = true;

	return next_line(maps, from, out);
}

int sva_maps_find(struct sva_maps *maps, uintptr_t addr, struct sva_mapping *out)
{
	int ret;

	if (maps->text && lseek(maps->fd, 0, SEEK_SET))
		return uvdk_fail(-errno, SVA_COMPONENT, "%s can't be read again: %s", MAPS,
				 strerror(errno));
	maps->have = maps->next = 0;
	ret = sva_maps_next(maps, addr, out);
	if (ret < 0)
		return ret;

	return ret && out->first <= addr ? 0 : -EFAULT;
}

static bool starts(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

/* Memory of a device, and not of a file in a file system that lies under /dev. */
static bool is_device(const char *name)
{
	struct stat st;

	if (starts(name, "/sys/"))
		return true;

	return starts(name, "/dev/") && !starts(name, "/dev/zero") && !stat(name, &st) &&
	       !S_ISREG(st.st_mode);
}

const char *sva_mapping_special(const struct sva_mapping *mapping)
{
	const char *name = mapping->name;

	if (starts(name, "[") && !starts(name, "[heap]") && !starts(name, "[stack") &&
	    !starts(name, "[anon"))
		return "it is the kernel's";
	if (starts(name, "anon_inode:") || is_device(name))
		return "it is no memory, but a device's or the kernel's";

	return NULL;
}
