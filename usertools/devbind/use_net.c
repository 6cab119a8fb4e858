// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <limits.h>
#include <string.h>

#include "devbind.h"

#define MAX_STACK 8 /* bridge over bond over VLAN over NIC, and some */

static FILE *open_routes(const struct devbind *db, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/net/%s", db->proc_root, name);

	return fopen(path, "re");
}

/* "Iface Destination ..." hexadecimal in network order, read on a little-endian CPU. */
static bool has_route4(const struct devbind *db, const char *ifname)
{
	char line[512];
	char name[64];
	unsigned int dest;
	bool found = false;
	FILE *file = open_routes(db, "route");

	if (!file)
		return false;

	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%63s %x", name, &dest) == 2 && strcmp(name, ifname) == 0 &&
			(dest & 0xffff) != 0xfea9; /* 169.254/16: the kernel made it up */
	fclose(file);

	return found;
}

/* Ten columns, the last is the interface; link-local and multicast are on every one that is up. */
static bool has_route6(const struct devbind *db, const char *ifname)
{
	char line[512];
	char dest[33];
	char name[64];
	bool found = false;
	FILE *file = open_routes(db, "ipv6_route");

	if (!file)
		return false;

	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%32s %*s %*s %*s %*s %*s %*s %*s %*s %63s", dest, name) ==
				2 &&
			strcmp(name, ifname) == 0 && strncmp(dest, "fe8", 3) != 0 &&
			strncmp(dest, "ff", 2) != 0;
	fclose(file);

	return found;
}

/* A route through it, or through what is stacked on it (bridge, bond, VLAN). */
static bool routed(const struct devbind *db, const char *ifname, char *via, size_t len,
		   unsigned int depth)
{
	char path[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	if (has_route4(db, ifname) || has_route6(db, ifname)) {
		snprintf(via, len, "%s", ifname);
		return true;
	}

	snprintf(path, sizeof(path), "%s/class/net/%s", db->sysfs_root, ifname);
	dir = depth < MAX_STACK ? opendir(path) : NULL;
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "upper_", 6) == 0)
			found = routed(db, entry->d_name + 6, via, len, depth + 1);
	closedir(dir);

	return found;
}

bool net_in_use(struct devbind *db, const struct uvdk_pci_function *fn, char *why, size_t len)
{
	const struct class_links *nets = net_links(db);
	char via[64];

	for (size_t i = 0; i < nets->count; i++) {
		const struct class_link *net = &nets->link[i];

		if (!net->on_pci || uvdk_pci_addr_cmp(&net->addr, &fn->addr) != 0 ||
		    !routed(db, net->name, via, sizeof(via), 0))
			continue;
		if (strcmp(via, net->name) == 0)
			snprintf(why, len, "the routing table uses its interface %s", via);
		else
			snprintf(why, len, "the routing table uses %s, on top of its interface %s",
				 via, net->name);
		return true;
	}

	return false;
}
