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

/* The ID at the start of a line of this kind, -1 for another line. */
static int line_id(const char *line, const char *end, unsigned int tabs)
{
	unsigned int id;
	char digits[5];

	if (end - line < (int)tabs + 6 || (tabs && line[0] != '\t'))
		return -1;
	memcpy(digits, line + tabs, 4);
	digits[4] = '\0';
	if (strspn(digits, "0123456789abcdef") != 4 || line[tabs + 4] != ' ' ||
	    sscanf(digits, "%x", &id) != 1)
		return -1;

	return (int)id;
}

/* First vendor's line that starts after p; end if there is none. */
static const char *next_vendor(const char *p, const char *end)
{
	for (p = line_end(p, end); p < end; p = line_end(p + 1, end))
		if (line_id(p + 1, end, 0) >= 0)
			return p + 1;

	return end;
}

/* Vendors are in ascending order, so most of the file need not even be paged in. */
static const char *find_vendor(const struct uvdk_pci_ids *ids, uint16_t vendor)
{
	const char *end = ids->text + ids->len;
	const char *lo = ids->text; /* a vendor wanted starts after lo ... */
	const char *hi = end;	    /* ... and not after hi */

	while (lo < hi) {
		const char *mid = lo + (hi - lo) / 2;
		const char *line = next_vendor(mid, end);
		int id = line < end ? line_id(line, end, 0) : UINT16_MAX + 1;

		if (id == vendor)
			return line;
		if (id < vendor)
			lo = line;
		else
			hi = mid;
	}

	return NULL;
}

static const char *find_device(const char *vendor, const char *end, uint16_t device)
{
	const char *line;

	for (line = line_end(vendor, end); line + 1 < end; line = line_end(line + 1, end)) {
		if (line_id(line + 1, end, 1) == device)
			return line + 1;
		if (line[1] != '\t' && line[1] != '#' && line[1] != '\n')
			break;
	}

	return NULL;
}

int uvdk_pci_ids_name(const struct uvdk_pci_ids *ids, uint16_t vendor, uint16_t device, char *buf,
		      size_t len)
{
	const char *end = ids->text + ids->len;
	const char *v = find_vendor(ids, vendor);
	const char *d = v ? find_device(v, end, device) : NULL;

	if (!d)
		return -ENOENT;

	v += strlen("vvvv  ");
	d += strlen("\tdddd  ");
	snprintf(buf, len, "%.*s %.*s", (int)(line_end(v, end) - v), v, (int)(line_end(d, end) - d),
		 d);

	return 0;
}
