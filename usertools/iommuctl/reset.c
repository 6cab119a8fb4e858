// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_json_driver.h>
#include <uvdk_topology.h>

#include "iommuctl.h"

/*
 * Opening the iommu "virtio" resets a virtio-iommu, and turns bypass off; closing it leaves it
 * like that: nothing behind it reaches any memory. One after the other, so that one which is
 * in use keeps nobody from the rest.
 */
struct reset {
	const struct ctl *ctl;
	const struct uvdk_topology *topology;
	const struct uvdk_topology_iommu *unit;
	unsigned int units;
	struct uvdk_json json;
};

static enum ctl_exit reset_unit(struct reset *r, const struct uvdk_pci_addr *addr)
{
	char name[UVDK_PCI_ADDR_LEN];
	const struct uvdk_iommu_opts opts = {.size = sizeof(opts),
					     .sysfs_root = r->ctl->sysfs_root,
					     .dev_root = r->ctl->dev_root,
					     .unit = uvdk_pci_addr_format(addr, name)};
	struct uvdk_iommu *iommu;
	int err = uvdk_iommu_open("virtio", &opts, &iommu);

	if (err)
		return exit_of(err);
	uvdk_iommu_close(iommu);
	if (r->ctl->json)
		uvdk_json_string(&r->json, NULL, name);
	else
		printf("%s: reset; bypass is off, nothing is attached\n", name);

	return EXIT_DONE;
}

/* A virtio-iommu, or a function behind one. */
static enum ctl_exit reset_device(struct reset *r, const char *spec)
{
	struct uvdk_pci_addr addr;
	unsigned int index;
	uint32_t endpoint;

	if (uvdk_pci_addr_parse(spec, &addr)) {
		say("\"%s\" is no PCI address; see --help", spec);
		return EXIT_USAGE;
	}
	for (unsigned int i = 0; i < r->units; i++)
		if (r->unit[i].bus == UVDK_TOPOLOGY_PCI &&
		    !uvdk_pci_addr_cmp(&r->unit[i].addr, &addr))
			return reset_unit(r, &addr);
	if (uvdk_topology_find(r->topology, &addr, &index, &endpoint)) {
		say("%s is no virtio-iommu that firmware knows, nor behind one: see uvdk-iommuctl "
		    "topology",
		    spec);
		return EXIT_NO_DEVICE;
	}
	if (r->unit[index].bus != UVDK_TOPOLOGY_PCI) {
		say("the virtio-iommu in front of %s is no PCI function: uvdk can't drive it",
		    spec);
		return EXIT_FAILED;
	}

	return reset_unit(r, &r->unit[index].addr);
}

static enum ctl_exit reset_all(struct reset *r)
{
	enum ctl_exit status = EXIT_DONE;

	for (unsigned int i = 0; i < r->units; i++) {
		enum ctl_exit one = EXIT_DONE;

		if (r->unit[i].bus == UVDK_TOPOLOGY_PCI)
			one = reset_unit(r, &r->unit[i].addr);
		status = status ? status : one;
	}
	if (r->units)
		return status;
	say("firmware knows no virtio-iommu on this machine: there is nothing to reset");

	return EXIT_NO_IOMMU;
}

enum ctl_exit reset_units(const struct ctl *ctl)
{
	const struct uvdk_topology_opts opts = {.size = sizeof(opts),
						.sysfs_root = ctl->sysfs_root};
	struct reset r = {.ctl = ctl, .json = {.to = stdout}};
	struct uvdk_topology *topology;
	enum ctl_exit status = EXIT_DONE;
	int err = uvdk_topology_read(&opts, &topology);

	if (err)
		return exit_of(err);
	r.topology = topology;
	r.unit = uvdk_topology_iommus(topology, &r.units);
	if (ctl->json) {
		uvdk_json_open(&r.json, '{');
		uvdk_json_key(&r.json, "reset");
		uvdk_json_open(&r.json, '[');
	}
	for (unsigned int i = 0; i < ctl->devices; i++) {
		enum ctl_exit one = reset_device(&r, ctl->device[i]);

		status = status ? status : one;
	}
	if (ctl->all)
		status = reset_all(&r);
	if (ctl->json) {
		uvdk_json_close(&r.json, ']');
		uvdk_json_close(&r.json, '}');
		printf("\n");
	}
	uvdk_topology_free(topology);

	return status;
}
