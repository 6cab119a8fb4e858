// SPDX-License-Identifier: BSD-3-Clause
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "devbind.h"

/* The sections that dpdk-devbind.py has, for scripts that read them. */
enum section {
	SECTION_USER,
	SECTION_KERNEL,
	SECTION_OTHER,
	SECTIONS,
};

static enum section section_of(const struct uvdk_pci_function *fn)
{
	if (!fn->driver[0])
		return SECTION_OTHER;

	return driver_is_generic(fn->driver) ? SECTION_USER : SECTION_KERNEL;
}

static void title(const char *text)
{
	printf("\n%s\n", text);
	for (size_t i = 0; i < strlen(text); i++)
		putchar('=');
	putchar('\n');
}

static void print_interfaces(struct devbind *db, const struct uvdk_pci_function *fn)
{
	const struct class_links *nets = net_links(db);
	const char *before = "if=";

	for (size_t i = 0; i < nets->count; i++) {
		if (!nets->link[i].on_pci || uvdk_pci_addr_cmp(&nets->link[i].addr, &fn->addr) != 0)
			continue;
		printf("%s%s", before, nets->link[i].name);
		before = ",";
	}
	printf("%s ", before[0] == 'i' ? "if=" : "");
}

static bool is_loaded(struct devbind *db, unsigned int index)
{
	char path[PATH_MAX];

	if (db->generic_loaded < 0) {
		db->generic_loaded = 0;
		for (unsigned int i = 0; generic_driver(i); i++) {
			snprintf(path, sizeof(path), "%s/bus/pci/drivers/%s", db->sysfs_root,
				 generic_driver(i));
			db->generic_loaded |= (access(path, F_OK) == 0) << i;
		}
	}

	return db->generic_loaded & 1 << index;
}

/* Drivers it could have: those of VFIO and UIO that are loaded, and its former one. */
static void print_unused(struct devbind *db, const struct uvdk_pci_function *fn)
{
	const char *before = "unused=";
	char former[64];

	for (unsigned int i = 0; generic_driver(i); i++) {
		if (strcmp(fn->driver, generic_driver(i)) == 0 || !is_loaded(db, i))
			continue;
		printf("%s%s", before, generic_driver(i));
		before = ",";
	}
	if (!uvdk_pci_previous_driver(&db->binder, &fn->addr, former, sizeof(former)) &&
	    former[0] && !driver_is_generic(former)) {
		printf("%s%s", before, former);
		before = ",";
	}
	printf("%s ", before[0] == 'u' ? "unused=" : "");
}

static void print_function(struct devbind *db, const struct uvdk_pci_function *fn, bool is_net)
{
	enum section section = section_of(fn);
	char bdf[UVDK_PCI_ADDR_LEN];
	char name[256];
	char why[512];

	printf("%s '%s %04x' ", uvdk_pci_addr_format(&fn->addr, bdf),
	       uvdk_pci_name(db->scan, fn, name, sizeof(name)), fn->device);
	if (section == SECTION_KERNEL && is_net)
		print_interfaces(db, fn);
	if (section != SECTION_OTHER)
		printf("drv=%s ", fn->driver);
	print_unused(db, fn);
	if (section == SECTION_KERNEL &&
	    (is_net ? net_in_use(db, fn, why, sizeof(why)) : disk_in_use(db, fn, why, sizeof(why))))
		printf("*Active*");
	putchar('\n');
}

static size_t print_section(struct devbind *db, unsigned int class, enum section section)
{
	static const char *const titles[SECTIONS] = {
		[SECTION_USER] = "%s devices using DPDK-compatible driver",
		[SECTION_KERNEL] = "%s devices using kernel driver",
		[SECTION_OTHER] = "Other %s devices",
	};
	const struct uvdk_pci_function *fn;
	char text[128];
	size_t n = 0;

	for (size_t i = 0; (fn = uvdk_pci_scan_at(db->scan, i)); i++) {
		if (!class_matches(class, fn) || section_of(fn) != section)
			continue;
		if (n++ == 0) {
			snprintf(text, sizeof(text), titles[section], class_title(class));
			title(text);
		}
		print_function(db, fn, class == 0);
	}

	return n;
}

void print_status(struct devbind *db)
{
	char text[128];

	for (unsigned int class = 0; class < class_count(); class ++) {
		size_t n = 0;

		if (!(db->classes & 1u << class))
			continue;
		for (int section = 0; section < SECTIONS; section++)
			n += print_section(db, class, section);
		if (n == 0) {
			snprintf(text, sizeof(text), "No '%s' devices detected",
				 class_title(class));
			title(text);
		}
	}
}
