// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pci_priv.h"

/*
 * libpci builds a table of all 35,000 names before it tells one, which takes
 * tens of milliseconds: far more than all else in a status line. Here the file
 * is mapped and searched. Its grammar (see its head): a vendor is
 * "vvvv  name" from column 0, its devices follow as "\tdddd  name".
 */

void uvdk_pci_ids_open(struct uvdk_pci_ids *ids, const char *path)
{
	char plain[PATH_MAX];
	size_t len = strlen(path);
	struct stat st;
	void *text;
	int fd;

	ids->tried = true;
	if (len > 3 && strcmp(path + len - 3, ".gz") == 0)
		len -= 3;
	snprintf(plain, sizeof(plain), "%.*s", (int)len, path);

	fd = open(plain, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (text != MAP_FAILED) {
			ids->text = text;
			ids->len = (size_t)st.st_size;
		}
	}
	close(fd);
}

void uvdk_pci_ids_close(struct uvdk_pci_ids *ids)
{
	union {
		const char *text;
		void *map;
	} u = {.text = ids->text};

	if (ids->text)
		munmap(u.map, ids->len);
	ids->text = NULL;
}

/* End of the line at p, the newline excluded. */
static const char *line_end(const char *p, const char *end)
{
	const char *newline = memchr(p, '\n', (size_t)(end - p));

	return newline ? newline : end;
}

/* What follows key on a line of [p, end) that starts with it; NULL if none. */
static const char *find_line(const char *p, const char *end, const char *key)
{
	size_t len = strlen(key); /* key starts with the newline before the line */
	const char *hit = memmem(p, (size_t)(end - p), key, len);

	return hit ? hit + len : NULL;
}

/* First line at or after p that is neither a device nor a comment. */
static const char *block_end(const char *p, const char *end)
{
	for (p = line_end(p, end); p + 1 < end; p = line_end(p + 1, end))
		if (p[1] != '\t' && p[1] != '#' && p[1] != '\n')
			break;

	return p;
}

int uvdk_pci_ids_name(const struct uvdk_pci_ids *ids, uint16_t vendor, uint16_t device, char *buf,
		      size_t len)
{
	const char *end = ids->text + ids->len;
	const char *v;
	const char *d;
	char key[16];

	snprintf(key, sizeof(key), "\n%04x  ", vendor);
	v = find_line(ids->text, end, key);
	if (!v)
		return -ENOENT;
	snprintf(key, sizeof(key), "\n\t%04x  ", device);
	d = find_line(v, block_end(v, end), key);
	if (!d)
		return -ENOENT;

	snprintf(buf, len, "%.*s %.*s", (int)(line_end(v, end) - v), v, (int)(line_end(d, end) - d),
		 d);

	return 0;
}
