// SPDX-License-Identifier: BSD-3-Clause
#include <fnmatch.h>
#include <string.h>

#include "devbind.h"

#define BASE_BRIDGE 0x06

/* A glob is for endpoints: nobody who writes 0000:00:* means the host bridge. */
static bool glob_matches(const char *glob, const struct uvdk_pci_function *fn)
{
	char bdf[UVDK_PCI_ADDR_LEN];

	if (fn->class_code >> 16 == BASE_BRIDGE)
		return false;

	uvdk_pci_addr_format(&fn->addr, bdf);
	if (fnmatch(glob, bdf, 0) == 0)
		return true;

	return fn->addr.domain == 0 && fnmatch(glob, strchr(bdf, ':') + 1, 0) == 0;
}

static bool interface_matches(struct devbind *db, const char *arg,
			      const struct uvdk_pci_function *fn)
{
	const struct class_links *nets = net_links(db);

	for (size_t i = 0; i < nets->count; i++)
		if (nets->link[i].on_pci && strcmp(nets->link[i].name, arg) == 0 &&
		    uvdk_pci_addr_cmp(&nets->link[i].addr, &fn->addr) == 0)
			return true;

	return false;
}

static bool matches(struct devbind *db, const char *arg, const struct uvdk_pci_function *fn)
{
	/* "dpdk" with -u, as dpdk-devbind.py has it: whatever user space holds */
	if (db->action == ACTION_UNBIND && strcmp(arg, "dpdk") == 0)
		return driver_is_generic(fn->driver);
	if (strpbrk(arg, "*?["))
		return glob_matches(arg, fn);

	return interface_matches(db, arg, fn);
}

size_t select_functions(struct devbind *db, const char *arg, const struct uvdk_pci_function **fns,
			size_t max)
{
	const struct uvdk_pci_function *fn;
	struct uvdk_pci_addr addr;
	size_t n = 0;

	if (strchr(arg, ':') && !strpbrk(arg, "*?[")) {
		fn = uvdk_pci_addr_parse(arg, &addr) ? NULL : uvdk_pci_scan_find(db->scan, &addr);
		if (fn && max)
			fns[n++] = fn;
		return n;
	}

	for (size_t i = 0; n < max && (fn = uvdk_pci_scan_at(db->scan, i)); i++)
		if (matches(db, arg, fn))
			fns[n++] = fn;

	return n;
}
