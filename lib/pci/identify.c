// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pci_priv.h"

/*
 * One read of uevent tells what five other files would. It is the kernel's
 * own text; anything missing makes read_ids() ask the five.
 */
static bool ids_from_uevent(int dir, struct uvdk_pci_function *fn)
{
	char text[1024];
	const char *class_code;
	const char *id;
	const char *subsys;
	unsigned int vendor;
	unsigned int device;
	unsigned int subvendor;
	unsigned int subdevice;

	if (uvdk_pci_read_attr(dir, "uevent", text, sizeof(text)) < 0)
		return false;
	class_code = strstr(text, "PCI_CLASS=");
	id = strstr(text, "PCI_ID=");
	subsys = strstr(text, "PCI_SUBSYS_ID=");
	if (!class_code || !id || !subsys ||
	    sscanf(class_code, "PCI_CLASS=%x", &fn->class_code) != 1 ||
	    sscanf(id, "PCI_ID=%4x:%4x", &vendor, &device) != 2 ||
	    sscanf(subsys, "PCI_SUBSYS_ID=%4x:%4x", &subvendor, &subdevice) != 2)
		return false;

	fn->vendor = (uint16_t)vendor;
	fn->device = (uint16_t)device;
	fn->subvendor = (uint16_t)subvendor;
	fn->subdevice = (uint16_t)subdevice;

	return true;
}

static int ids_from_files(int dir, struct uvdk_pci_function *fn)
{
	int64_t vendor;
	int64_t device;
	int64_t class_code;
	int64_t value;
	int ret;

	if ((ret = uvdk_pci_read_number(dir, "vendor", &vendor)) ||
	    (ret = uvdk_pci_read_number(dir, "device", &device)) ||
	    (ret = uvdk_pci_read_number(dir, "class", &class_code)))
		return ret;

	fn->vendor = (uint16_t)vendor;
	fn->device = (uint16_t)device;
	fn->class_code = (uint32_t)class_code & 0xffffff;
	/* A bridge has no subsystem. */
	if (!uvdk_pci_read_number(dir, "subsystem_vendor", &value))
		fn->subvendor = (uint16_t)value;
	if (!uvdk_pci_read_number(dir, "subsystem_device", &value))
		fn->subdevice = (uint16_t)value;

	return 0;
}

static void read_resources(int dir, struct uvdk_pci_function *fn)
{
	char text[4096];
	char *line = text;

	if (uvdk_pci_read_attr(dir, "resource", text, sizeof(text)) < 0)
		return;

	for (unsigned int i = 0; i < 7 && line; i++) {
		struct uvdk_pci_resource *r = &fn->resources[i];
		unsigned long long start;
		unsigned long long last;
		unsigned long long flags;
		char *next = strchr(line, '\n');

		if (sscanf(line, "%llx %llx %llx", &start, &last, &flags) != 3)
			return;
		r->start = start;
		r->size = flags && last >= start ? last - start + 1 : 0;
		r->flags = flags;
		line = next ? next + 1 : NULL;
	}
}

static void read_sriov(int dir, struct uvdk_pci_function *fn)
{
	char name[UVDK_PCI_ADDR_LEN];
	int64_t value;

	if (!uvdk_pci_read_number(dir, "sriov_totalvfs", &value)) {
		fn->sriov_total = (unsigned int)value;
		if (!uvdk_pci_read_number(dir, "sriov_numvfs", &value))
			fn->sriov_num = (unsigned int)value;
	}
	if (!uvdk_pci_link_name(dir, "physfn", name, sizeof(name)))
		fn->is_vf = uvdk_pci_addr_parse(name, &fn->pf) == 0;
}

static void read_place(int dir, struct uvdk_pci_function *fn)
{
	char name[32];
	int64_t value;

	fn->iommu_group = -1;
	if (!uvdk_pci_link_name(dir, "iommu_group", name, sizeof(name)))
		if (sscanf(name, "%d", &fn->iommu_group) != 1)
			fn->iommu_group = -1;

	fn->numa_node = -1;
	if (!uvdk_pci_read_number(dir, "numa_node", &value))
		fn->numa_node = (int)value;
}

static int read_function(int dir, struct uvdk_pci_function *fn)
{
	int64_t value;
	int ret;

	if (!ids_from_uevent(dir, fn) && (ret = ids_from_files(dir, fn)))
		return ret;
	if (!uvdk_pci_read_number(dir, "revision", &value))
		fn->revision = (uint8_t)value;

	if ((ret = uvdk_pci_read_driver(dir, fn->driver, sizeof(fn->driver))) ||
	    (ret = uvdk_pci_read_override(dir, fn->driver_override, sizeof(fn->driver_override))))
		return ret;

	read_place(dir, fn);
	read_sriov(dir, fn);
	read_resources(dir, fn);

	return 0;
}

UVDK_EXPORT int uvdk_pci_identify(const char *sysfs_root, const struct uvdk_pci_addr *addr,
				  struct uvdk_pci_function *out)
{
	struct uvdk_pci_function fn = {.addr = *addr};
	char bdf[UVDK_PCI_ADDR_LEN];
	int dir = uvdk_pci_open_function(sysfs_root, addr);
	int ret;

	if (dir < 0)
		return dir;

	ret = read_function(dir, &fn);
	close(dir);
	if (ret)
		return uvdk_fail(-EIO, "pci", "cannot read the identity of %s below %s: %s",
				 uvdk_pci_addr_format(addr, bdf), uvdk_pci_root(sysfs_root),
				 strerror(-ret));
	*out = fn;

	return 0;
}
