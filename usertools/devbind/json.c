// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_json_driver.h>

#include "devbind.h"

static void member(const char *key, const char *value)
{
	printf(",\"%s\":", key);
	if (value)
		uvdk_json_text(stdout, value);
	else
		printf("null");
}

static void number_or_null(const char *key, int value)
{
	if (value < 0)
		printf(",\"%s\":null", key);
	else
		printf(",\"%s\":%d", key, value);
}

/* Names of interfaces or disks that hang off the function. */
static void names(const char *key, const struct class_links *links,
		  const struct uvdk_pci_function *fn)
{
	const char *before = "";

	printf(",\"%s\":[", key);
	for (size_t i = 0; i < links->count; i++) {
		if (!links->link[i].on_pci ||
		    uvdk_pci_addr_cmp(&links->link[i].addr, &fn->addr) != 0)
			continue;
		printf("%s", before);
		uvdk_json_text(stdout, links->link[i].name);
		before = ",";
	}
	printf("]");
}

static void place(const struct uvdk_pci_function *fn)
{
	char bdf[UVDK_PCI_ADDR_LEN];

	number_or_null("iommu_group", fn->iommu_group);
	number_or_null("numa_node", fn->numa_node);
	printf(",\"sriov_total\":%u,\"sriov_num\":%u", fn->sriov_total, fn->sriov_num);
	member("pf", fn->is_vf ? uvdk_pci_addr_format(&fn->pf, bdf) : NULL);
}

static void use(struct devbind *db, const struct uvdk_pci_function *fn)
{
	char why[512];
	bool in_use = net_in_use(db, fn, why, sizeof(why)) ||
		      disk_in_use(db, fn, why, sizeof(why)) ||
		      iommu_in_use(db, fn, why, sizeof(why));

	names("interfaces", net_links(db), fn);
	names("disks", disk_links(db), fn);
	member("in_use", in_use ? why : NULL);
}

static void function(struct devbind *db, const struct uvdk_pci_function *fn, const char *class)
{
	char bdf[UVDK_PCI_ADDR_LEN];
	char name[256];
	char former[64];
	bool known = !uvdk_pci_previous_driver(&db->binder, &fn->addr, former, sizeof(former));

	printf("\n{\"address\":\"%s\"", uvdk_pci_addr_format(&fn->addr, bdf));
	member("class", class);
	member("name", uvdk_pci_name(db->scan, fn, name, sizeof(name)));
	printf(",\"vendor\":\"%04x\",\"device\":\"%04x\",\"subvendor\":\"%04x\","
	       "\"subdevice\":\"%04x\",\"class_code\":\"%06x\",\"revision\":\"%02x\"",
	       fn->vendor, fn->device, fn->subvendor, fn->subdevice, fn->class_code, fn->revision);
	member("driver", fn->driver[0] ? fn->driver : NULL);
	member("driver_override", fn->driver_override[0] ? fn->driver_override : NULL);
	member("previous_driver", known ? former : NULL);
	place(fn);
	use(db, fn);
	printf("}");
}

/* The first class that wants it and is asked for; NULL if none. */
static const char *class_of(const struct devbind *db, const struct uvdk_pci_function *fn)
{
	for (unsigned int class = 0; class < class_count(); class ++)
		if (db->classes & 1u << class && class_matches(class, fn))
			return class_name(class);

	return NULL;
}

/* All functions, also those of no class, unless one class is asked for. */
void json_status(struct devbind *db)
{
	bool all = db->classes == (1u << class_count()) - 1;
	const struct uvdk_pci_function *fn;
	const char *before = "";

	printf("\"devices\":[");
	for (size_t i = 0; (fn = uvdk_pci_scan_at(db->scan, i)); i++) {
		const char *class = class_of(db, fn);

		if (!class && !all)
			continue;
		printf("%s", before);
		function(db, fn, class);
		before = ",";
	}
	printf("]");
}
