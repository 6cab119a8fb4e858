// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "isolation.h"

static int by_addr(const void *a, const void *b)
{
	const struct pci_upstream *x = a;
	const struct pci_upstream *y = b;

	return uvdk_pci_addr_cmp(&x->addr, &y->addr);
}

static const struct pci_upstream *look_up(const struct uvdk_pci_isolation *iso,
					  const struct uvdk_pci_addr *addr)
{
	const struct pci_upstream wanted = {.addr = *addr};

	return iso->count ? bsearch(&wanted, iso->functions, iso->count, sizeof(wanted), by_addr)
			  : NULL;
}

static unsigned int index_of(const struct uvdk_pci_isolation *iso, const struct pci_upstream *up)
{
	return (unsigned int)(up - iso->functions);
}

/* NULL: on a root bus. A parent that is not listed is one, too: it is gone. */
static const struct pci_upstream *parent_of(const struct uvdk_pci_isolation *iso,
					    const struct pci_upstream *up)
{
	return up->has_parent ? look_up(iso, &up->parent) : NULL;
}

unsigned int uvdk_pci_isolation_group(const struct uvdk_pci_isolation *iso, unsigned int i)
{
	while (iso->groups[i] != i)
		i = iso->groups[i];

	return i;
}

static int join(struct uvdk_pci_isolation *iso, const struct pci_upstream *from,
		const struct pci_upstream *to, enum pci_reason reason,
		const struct pci_upstream *culprit)
{
	unsigned int a = uvdk_pci_isolation_group(iso, index_of(iso, from));
	unsigned int b = uvdk_pci_isolation_group(iso, index_of(iso, to));

	/* One link less than members is enough to get from any to any. */
	if (a == b)
		return 0;
	if (iso->nr_links == iso->room_links) {
		unsigned int room = iso->room_links ? iso->room_links * 2 : 32;
		struct pci_link *links = reallocarray(iso->links, room, sizeof(*links));

		if (!links)
			return uvdk_fail(-ENOMEM, "pci", "no memory for %u links", room);
		iso->links = links;
		iso->room_links = room;
	}
	iso->links[iso->nr_links++] = (struct pci_link){
		.from = index_of(iso, from),
		.to = index_of(iso, to),
		.reason = reason,
		.culprit = index_of(iso, culprit),
	};
	iso->groups[a > b ? a : b] = a > b ? b : a;

	return 0;
}

/* Does a bridge put an ID of its own on what comes from below? */
static bool hides_id(const struct pci_upstream *bridge)
{
	switch (bridge->kind) {
	case PCI_KIND_ROOT_PORT:
	case PCI_KIND_UPSTREAM:
	case PCI_KIND_DOWNSTREAM:
		return false;
	default:
		return true;
	}
}

/* The topmost function whose ID a function's requests may carry; joined with those between. */
static int join_aliases(struct uvdk_pci_isolation *iso, const struct pci_upstream **up)
{
	const struct pci_upstream *fn = *up;
	const struct pci_upstream *bridge;
	int ret = 0;

	for (bridge = parent_of(iso, fn); bridge && !ret; bridge = parent_of(iso, bridge)) {
		if (!hides_id(bridge))
			continue;
		ret = join(iso, fn, bridge, REASON_ALIAS, bridge);
		*up = bridge;
	}

	return ret;
}

/* The first on the way to the root bus that lets peers reach each other, or NULL. */
static const struct pci_upstream *open_above(const struct uvdk_pci_isolation *iso,
					     const struct pci_upstream *bridge)
{
	while (bridge && bridge->acs == PCI_ACS_ON)
		bridge = parent_of(iso, bridge);

	return bridge;
}

static int join_peers(struct uvdk_pci_isolation *iso, const struct pci_upstream **up)
{
	const struct pci_upstream *culprit;
	const struct pci_upstream *bridge;
	int ret = 0;

	while (!ret && (bridge = parent_of(iso, *up)) && (culprit = open_above(iso, bridge))) {
		ret = join(iso, *up, bridge, REASON_BELOW, culprit);
		*up = bridge;
	}

	return ret;
}

static bool same_slot(const struct pci_upstream *a, const struct pci_upstream *b)
{
	return a->addr.domain == b->addr.domain && a->addr.bus == b->addr.bus &&
	       a->addr.device == b->addr.device;
}

static int join_slot(struct uvdk_pci_isolation *iso, const struct pci_upstream *up)
{
	int ret = 0;

	if (!up->multifunction || up->acs == PCI_ACS_ON)
		return 0;
	for (unsigned int i = 0; i < iso->count && !ret; i++) {
		const struct pci_upstream *other = &iso->functions[i];

		if (other != up && same_slot(up, other) && other->acs != PCI_ACS_ON)
			ret = join(iso, up, other, REASON_SLOT, other);
	}

	return ret;
}

/* What is below a root bus of a function's own has that function's ID, as deep as it may be. */
static int join_host(struct uvdk_pci_isolation *iso, const struct pci_upstream *fn)
{
	const struct pci_upstream *top = fn;
	const struct pci_upstream *above;
	const struct pci_upstream *host;

	while ((above = parent_of(iso, top)))
		top = above;
	host = top->has_host ? look_up(iso, &top->parent) : NULL;

	return host ? join(iso, fn, host, REASON_HOST, host) : 0;
}

/* The steps of Linux' pci_device_group(), in their order. */
static int join_function(struct uvdk_pci_isolation *iso, const struct pci_upstream *fn)
{
	const struct pci_upstream *up = fn;
	int ret = join_aliases(iso, &up);

	if (!ret)
		ret = join_peers(iso, &up);
	if (!ret)
		ret = join_slot(iso, up);
	if (!ret)
		ret = join_host(iso, fn);

	return ret;
}

static int read_all(struct uvdk_pci_isolation *iso, const char *sysfs_root,
		    struct uvdk_pci_scan *scan)
{
	size_t n = uvdk_pci_scan_count(scan);
	int ret;

	iso->functions = calloc(n ? n : 1, sizeof(*iso->functions));
	iso->groups = calloc(n ? n : 1, sizeof(*iso->groups));
	if (!iso->functions || !iso->groups)
		return uvdk_fail(-ENOMEM, "pci", "no memory for %zu PCI functions", n);
	for (size_t i = 0; i < n; i++) {
		ret = uvdk_pci_read_upstream(sysfs_root, uvdk_pci_scan_at(scan, i),
					     &iso->functions[iso->count]);
		if (ret == -ENODEV) /* unplugged since it was listed */
			continue;
		if (ret)
			return ret;
		iso->groups[iso->count] = iso->count;
		iso->count++;
	}

	return 0;
}

UVDK_EXPORT int uvdk_pci_isolation_create(const char *sysfs_root, struct uvdk_pci_isolation **out)
{
	struct uvdk_pci_isolation *iso = calloc(1, sizeof(*iso));
	struct uvdk_pci_scan *scan = NULL;
	int ret;

	if (!iso)
		return uvdk_fail(-ENOMEM, "pci", "no memory for isolation groups");
	ret = uvdk_pci_scan_create(sysfs_root, &scan);
	if (!ret)
		ret = read_all(iso, sysfs_root, scan);
	uvdk_pci_scan_destroy(scan);
	for (unsigned int i = 0; i < iso->count && !ret; i++)
		ret = join_function(iso, &iso->functions[i]);
	if (ret) {
		uvdk_pci_isolation_destroy(iso);
		return ret;
	}
	*out = iso;

	return 0;
}

UVDK_EXPORT void uvdk_pci_isolation_destroy(struct uvdk_pci_isolation *iso)
{
	if (!iso)
		return;
	free(iso->functions);
	free(iso->groups);
	free(iso->links);
	free(iso);
}

const struct pci_upstream *uvdk_pci_isolation_find(const struct uvdk_pci_isolation *iso,
						   const struct uvdk_pci_addr *addr)
{
	const struct pci_upstream *up = look_up(iso, addr);
	char bdf[UVDK_PCI_ADDR_LEN];

	if (!up)
		uvdk_fail(-ENODEV, "pci",
			  "there was no PCI function %s when isolation was looked at; look again",
			  uvdk_pci_addr_format(addr, bdf));

	return up;
}

UVDK_EXPORT int uvdk_pci_isolation_leader(const struct uvdk_pci_isolation *iso,
					  const struct uvdk_pci_addr *addr,
					  struct uvdk_pci_addr *leader)
{
	const struct pci_upstream *up = uvdk_pci_isolation_find(iso, addr);

	if (!up)
		return -ENODEV;
	*leader = iso->functions[uvdk_pci_isolation_group(iso, index_of(iso, up))].addr;

	return 0;
}
