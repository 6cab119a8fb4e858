// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include <uvdk_json_driver.h>
#include <uvdk_topology.h>

#include "iommuctl.h"

/* What is printed: the firmware's word, and the functions of this machine. */
struct view {
	const struct uvdk_topology *topology;
	const struct uvdk_pci_scan *scan;	    /* NULL: a file of another machine */
	const struct uvdk_pci_isolation *isolation; /* likewise */
	const struct uvdk_topology_iommu *iommu;
	const struct uvdk_topology_range *range;
	unsigned int iommus;
	unsigned int ranges;
};

static const char *iommu_name(const struct uvdk_topology_iommu *iommu, char *text, size_t size)
{
	char bdf[UVDK_PCI_ADDR_LEN];

	if (iommu->bus == UVDK_TOPOLOGY_PCI)
		snprintf(text, size, "%s", uvdk_pci_addr_format(&iommu->addr, bdf));
	else
		snprintf(text, size, "mmio@0x%" PRIx64, iommu->base);

	return text;
}

static const char *rid_text(uint16_t segment, uint16_t rid, char *text)
{
	const struct uvdk_pci_addr addr = {.domain = segment,
					   .bus = (uint8_t)(rid >> 8),
					   .device = rid >> 3 & 31,
					   .function = rid & 7};

	return uvdk_pci_addr_format(&addr, text);
}

/* The last endpoint: the numbers follow the requester IDs, of all segments. */
static uint32_t last_endpoint(const struct uvdk_topology_range *r)
{
	return r->bus == UVDK_TOPOLOGY_MMIO ? r->endpoint
					    : r->endpoint + r->rid_last - r->rid_first;
}

static void print_ranges(const struct view *v)
{
	static const char *const head[] = {"VIRTIO-IOMMU", "FIRST", "LAST", "MASK", "ENDPOINTS"};
	struct table table = {5, head, .right = {false}};
	char first[UVDK_PCI_ADDR_LEN], last[UVDK_PCI_ADDR_LEN], name[64];

	for (unsigned int i = 0; i < v->ranges; i++) {
		const struct uvdk_topology_range *r = &v->range[i];

		table_put(&table, "%s", iommu_name(&v->iommu[r->iommu], name, sizeof(name)));
		if (r->bus == UVDK_TOPOLOGY_PCI) {
			table_put(&table, "%s", rid_text(r->segment_first, r->rid_first, first));
			table_put(&table, "%s", rid_text(r->segment_last, r->rid_last, last));
			table_put(&table, "0x%04x", r->rid_mask);
		} else {
			table_put(&table, "mmio@0x%" PRIx64, r->base);
			table_put(&table, "-");
			table_put(&table, "-");
		}
		if (last_endpoint(r) != r->endpoint)
			table_put(&table, "0x%x-0x%x", r->endpoint, last_endpoint(r));
		else
			table_put(&table, "0x%x", r->endpoint);
	}
	if (table.cells)
		table_end(&table);
}

/* The lowest address of those that it can't be isolated from, which may be its own. */
static const char *leader_of(const struct view *v, const struct uvdk_pci_function *fn, char *text)
{
	struct uvdk_pci_addr leader;

	if (uvdk_pci_isolation_leader(v->isolation, &fn->addr, &leader))
		return NULL;

	return uvdk_pci_addr_format(&leader, text);
}

static void put_function(const struct view *v, const struct uvdk_pci_function *fn,
			 struct table *table)
{
	char bdf[UVDK_PCI_ADDR_LEN], name[64];
	const char *leader = leader_of(v, fn, name);
	unsigned int iommu;
	uint32_t endpoint;

	table_put(table, "%s", uvdk_pci_addr_format(&fn->addr, bdf));
	table_put(table, "%s", leader ? leader : "-");
	if (uvdk_topology_find(v->topology, &fn->addr, &iommu, &endpoint)) {
		table_put(table, "-");
		table_put(table, "-");
	} else {
		table_put(table, "%s", iommu_name(&v->iommu[iommu], name, sizeof(name)));
		table_put(table, "0x%x", endpoint);
	}
	if (fn->iommu_group >= 0)
		table_put(table, "%d", fn->iommu_group);
	else
		table_put(table, "-");
	table_put(table, "%s", fn->driver[0] ? fn->driver : "-");
}

static void print_functions(const struct view *v)
{
	static const char *const head[] = {"FUNCTION", "ISOLATION", "VIRTIO-IOMMU",
					   "ENDPOINT", "GROUP",	    "DRIVER"};
	struct table table = {6, head, .right = {[3] = true, [4] = true}};
	const struct uvdk_pci_function *fn;

	for (size_t i = 0; (fn = uvdk_pci_scan_at(v->scan, i)); i++)
		put_function(v, fn, &table);
	if (table.cells) {
		printf("\n");
		table_end(&table);
	}
}

static void print_text(const struct view *v)
{
	char name[64];

	if (v->iommus)
		printf("virtio-iommus, from %s:\n", uvdk_topology_source(v->topology));
	else
		printf("firmware tells of no virtio-iommu\n");
	for (unsigned int i = 0; i < v->iommus; i++)
		printf("  %s\n", iommu_name(&v->iommu[i], name, sizeof(name)));
	if (v->ranges) {
		printf("\n");
		print_ranges(v);
	}
	if (v->scan)
		print_functions(v);
}

static void json_ranges(const struct view *v, struct uvdk_json *json)
{
	char text[64];

	for (unsigned int i = 0; i < v->ranges; i++) {
		const struct uvdk_topology_range *r = &v->range[i];

		uvdk_json_open(json, '{');
		uvdk_json_string(json, "iommu",
				 iommu_name(&v->iommu[r->iommu], text, sizeof(text)));
		if (r->bus == UVDK_TOPOLOGY_PCI) {
			uvdk_json_string(json, "first",
					 rid_text(r->segment_first, r->rid_first, text));
			uvdk_json_string(json, "last",
					 rid_text(r->segment_last, r->rid_last, text));
			uvdk_json_number(json, "rid_mask", r->rid_mask);
		} else {
			uvdk_json_address(json, "base", r->base);
		}
		uvdk_json_number(json, "endpoint", r->endpoint);
		uvdk_json_close(json, '}');
	}
}

static void json_functions(const struct view *v, struct uvdk_json *json)
{
	const struct uvdk_pci_function *fn;
	char text[64];

	for (size_t i = 0; v->scan && (fn = uvdk_pci_scan_at(v->scan, i)); i++) {
		unsigned int iommu;
		uint32_t endpoint;
		bool behind = !uvdk_topology_find(v->topology, &fn->addr, &iommu, &endpoint);

		uvdk_json_open(json, '{');
		uvdk_json_string(json, "address", uvdk_pci_addr_format(&fn->addr, text));
		uvdk_json_string(json, "isolation", leader_of(v, fn, text));
		uvdk_json_string(json, "iommu",
				 behind ? iommu_name(&v->iommu[iommu], text, sizeof(text)) : NULL);
		uvdk_json_limit(json, "endpoint", behind ? endpoint : UINT64_MAX, UINT64_MAX);
		uvdk_json_limit(json, "group",
				fn->iommu_group >= 0 ? (uint64_t)fn->iommu_group : UINT64_MAX,
				UINT64_MAX);
		uvdk_json_string(json, "driver", fn->driver[0] ? fn->driver : NULL);
		uvdk_json_close(json, '}');
	}
}

static void print_json(const struct view *v)
{
	struct uvdk_json json = {.to = stdout};
	char name[64];

	uvdk_json_open(&json, '{');
	uvdk_json_string(&json, "source", uvdk_topology_source(v->topology));
	uvdk_json_key(&json, "iommus");
	uvdk_json_open(&json, '[');
	for (unsigned int i = 0; i < v->iommus; i++)
		uvdk_json_string(&json, NULL, iommu_name(&v->iommu[i], name, sizeof(name)));
	uvdk_json_close(&json, ']');
	uvdk_json_key(&json, "ranges");
	uvdk_json_open(&json, '[');
	json_ranges(v, &json);
	uvdk_json_close(&json, ']');
	uvdk_json_key(&json, "functions");
	uvdk_json_open(&json, '[');
	json_functions(v, &json);
	uvdk_json_close(&json, ']');
	uvdk_json_close(&json, '}');
	printf("\n");
}

/* A file is of some machine: this one's functions are not shown with it, unless given, too. */
static int read_machine(const struct ctl *ctl, struct uvdk_pci_scan **scan,
			struct uvdk_pci_isolation **isolation)
{
	const char *root = ctl->sysfs_root ? ctl->sysfs_root : "/sys";
	int err;

	if ((ctl->viot || ctl->fdt) && !ctl->sysfs_root)
		return 0;
	err = uvdk_pci_scan_create(root, scan);

	return err ? err : uvdk_pci_isolation_create(root, isolation);
}

enum ctl_exit show_topology(const struct ctl *ctl)
{
	const struct uvdk_topology_opts opts = {.size = sizeof(opts),
						.sysfs_root = ctl->sysfs_root,
						.viot = ctl->viot,
						.fdt = ctl->fdt};
	struct uvdk_pci_isolation *isolation = NULL;
	struct uvdk_topology *topology = NULL;
	struct uvdk_pci_scan *scan = NULL;
	struct view v = {0};
	int err = uvdk_topology_read(&opts, &topology);

	if (!err)
		err = read_machine(ctl, &scan, &isolation);
	if (err)
		goto out;
	v.topology = topology;
	v.scan = scan;
	v.isolation = isolation;
	v.iommu = uvdk_topology_iommus(topology, &v.iommus);
	v.range = uvdk_topology_ranges(topology, &v.ranges);
	if (ctl->json)
		print_json(&v);
	else
		print_text(&v);
out:
	uvdk_pci_isolation_destroy(isolation);
	uvdk_pci_scan_destroy(scan);
	uvdk_topology_free(topology);
	return exit_of(err);
}
