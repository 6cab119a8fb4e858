// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devbind.h"

/*
 * The links in class/net and class/block tell in one pass what hangs off
 * every PCI function; walking the devices' own folders would take a pass each.
 */

static bool looks_like_bdf(const char *text)
{
	size_t len = strspn(text, "0123456789abcdef:.");

	return text[len] == '\0' && len >= strlen("0000:00:00.0") && text[len - 2] == '.' &&
	       text[len - 5] == ':' && text[len - 8] == ':';
}

/* The innermost PCI function on the way; bridges stand before it. */
static void find_function(struct class_link *link)
{
	char path[sizeof(link->path)];
	char *rest = path;
	char *part;

	memcpy(path, link->path, sizeof(path));
	while ((part = strsep(&rest, "/")))
		if (looks_like_bdf(part) && !uvdk_pci_addr_parse(part, &link->addr))
			link->on_pci = true;
}

static bool add_link(struct class_links *links, int dir, const char *name)
{
	struct class_link *grown;
	struct class_link *link;
	ssize_t n;

	grown = realloc(links->link, (links->count + 1) * sizeof(*grown));
	if (!grown)
		return false;
	links->link = grown;

	link = &grown[links->count];
	memset(link, 0, sizeof(*link));
	n = readlinkat(dir, name, link->path, sizeof(link->path) - 1);
	if (n < 0 || strlen(name) >= sizeof(link->name))
		return true; /* e.g. the file bonding_masters */
	memcpy(link->name, name, strlen(name) + 1);
	find_function(link);
	links->count++;

	return true;
}

static const struct class_links *load(struct devbind *db, const char *class,
				      struct class_links *links)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	if (links->loaded)
		return links;

	links->loaded = true;
	snprintf(path, sizeof(path), "%s/class/%s", db->sysfs_root, class);
	dir = opendir(path);
	if (!dir)
		return links;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !add_link(links, dirfd(dir), entry->d_name))
			break;
	closedir(dir);

	return links;
}

const struct class_links *net_links(struct devbind *db)
{
	return load(db, "net", &db->nets);
}

const struct class_links *disk_links(struct devbind *db)
{
	return load(db, "block", &db->disks);
}

void links_free(struct class_links *links)
{
	free(links->link);
	memset(links, 0, sizeof(*links));
}
