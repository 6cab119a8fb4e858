// SPDX-License-Identifier: BSD-3-Clause
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "devbind.h"

#define MAX_STACK 8 /* bridge over bond over VLAN over NIC, and some */

static bool is_routed(const struct routed *routed, const char *ifname)
{
	for (size_t i = 0; i < routed->count; i++)
		if (strcmp(routed->name[i], ifname) == 0)
			return true;

	return false;
}

static void add_routed(struct routed *routed, const char *ifname)
{
	void *grown;

	if (strcmp(ifname, "lo") == 0 || is_routed(routed, ifname))
		return;
	grown = realloc(routed->name, (routed->count + 1) * sizeof(routed->name[0]));
	if (!grown)
		return;
	routed->name = grown;
	snprintf(routed->name[routed->count++], sizeof(routed->name[0]), "%s", ifname);
}

/* "Iface Destination ..." hexadecimal in network order, read on a little-endian CPU. */
static void parse_route4(struct routed *routed, const char *line)
{
	char name[64];
	unsigned int dest;
	int end;

	/* Nothing may follow the number: the "De" of the heading is one, too. */
	if (sscanf(line, "%63s %x%n", name, &dest, &end) == 2 &&
	    isspace((unsigned char)line[end]) &&
	    (dest & 0xffff) != 0xfea9) /* 169.254/16: the kernel made it up */
		add_routed(routed, name);
}

/* Ten columns, the last is the interface; link-local and multicast are on every one that is up. */
static void parse_route6(struct routed *routed, const char *line)
{
	char dest[33];
	char name[64];

	if (sscanf(line, "%32s %*s %*s %*s %*s %*s %*s %*s %*s %63s", dest, name) == 2 &&
	    strncmp(dest, "fe8", 3) != 0 && strncmp(dest, "ff", 2) != 0)
		add_routed(routed, name);
}

static void read_routes(struct devbind *db, const char *table,
			void (*parse)(struct routed *routed, const char *line))
{
	char path[PATH_MAX];
	char line[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/net/%s", db->proc_root, table);
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		parse(&db->routed, line);
	fclose(file);
}

static bool is_pci(struct devbind *db, const char *ifname)
{
	const struct class_links *nets = net_links(db);

	for (size_t i = 0; i < nets->count; i++)
		if (nets->link[i].on_pci && strcmp(nets->link[i].name, ifname) == 0)
			return true;

	return false;
}

static const struct routed *routed_names(struct devbind *db)
{
	struct routed *routed = &db->routed;

	if (routed->loaded)
		return routed;

	routed->loaded = true;
	read_routes(db, "route", parse_route4);
	read_routes(db, "ipv6_route", parse_route6);
	for (size_t i = 0; i < routed->count; i++)
		routed->stacked |= !is_pci(db, routed->name[i]);

	return routed;
}

void routed_free(struct routed *routed)
{
	free(routed->name);
	memset(routed, 0, sizeof(*routed));
}

/* A route through it, or through what is stacked on it (bridge, bond, VLAN). */
static bool find_route(struct devbind *db, const char *ifname, char *via, size_t len,
		       unsigned int depth)
{
	const struct routed *routed = routed_names(db);
	char path[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	if (is_routed(routed, ifname)) {
		snprintf(via, len, "%s", ifname);
		return true;
	}
	if (!routed->stacked || depth == MAX_STACK)
		return false;

	snprintf(path, sizeof(path), "%s/class/net/%s", db->sysfs_root, ifname);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "upper_", 6) == 0)
			found = find_route(db, entry->d_name + 6, via, len, depth + 1);
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
		    !find_route(db, net->name, via, sizeof(via), 0))
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
