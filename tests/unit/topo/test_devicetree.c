// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "table.h"

static struct tree_text f;
static size_t at_map;	 /* value of iommu-map */
static size_t at_host;	 /* node of the host bridge */
static size_t at_iommu;	 /* node of the virtio-iommu */
static size_t at_reg;	 /* its reg */
static size_t at_cells;	 /* its #iommu-cells */
static size_t at_handle; /* its phandle */

static struct uvdk_topology *parsed(void)
{
	struct uvdk_topology *topology = NULL;

	cr_assert_eq(parse_fdt(&f.t, &topology), 0, "%s", uvdk_last_error());
	return topology;
}

static bool is_refused(size_t off, const char *words)
{
	return refused(parse_fdt, &f.t, off, words);
}

static void root(void)
{
	fdt_begin(&f);
	fdt_node(&f, "");
	CELLS(&f, "#address-cells", 2);
	CELLS(&f, "#size-cells", 2);
	TEXT(&f, "compatible", "linux,dummy-virt");
}

static void host_begin(const char *name)
{
	at_host = fdt_node(&f, name);
	TEXT(&f, "device_type", "pci");
	TEXT(&f, "compatible", "pci-host-ecam-generic");
	CELLS(&f, "#address-cells", 3);
	CELLS(&f, "#size-cells", 2);
}

static void iommu_node(uint32_t devfn)
{
	at_iommu = fdt_node(&f, "virtio_iommu@5");
	TEXT(&f, "compatible", "pci1af4,1057\0virtio,pci-iommu");
	at_reg = CELLS(&f, "reg", devfn << 8, 0, 0, 0, 0);
	at_cells = CELLS(&f, "#iommu-cells", 1);
	at_handle = CELLS(&f, "phandle", 0x8004);
	fdt_end_node(&f);
}

/* As QEMU's virt machine has it: the virtio-iommu at 00:05.0, all but it behind it. */
static void virt(void)
{
	root();
	host_begin("pcie@10000000");
	CELLS(&f, "linux,pci-domain", 0);
	CELLS(&f, "bus-range", 0, 0xff);
	at_map = CELLS(&f, "iommu-map", 0, 0x8004, 0, 0x28, 0x29, 0x8004, 0x29, 0xffd7);
	iommu_node(0x28);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
}

TestSuite(devicetree, .init = virt);

Test(devicetree, virt_has_all_functions_behind_its_iommu_but_the_iommu)
{
	struct uvdk_topology *topology = parsed();
	const struct uvdk_topology_iommu *iommus;
	unsigned int count;

	cr_expect_str_eq(uvdk_topology_source(topology), "devicetree");
	iommus = uvdk_topology_iommus(topology, &count);
	cr_assert_eq(count, 1);
	cr_expect_eq(iommus[0].bus, UVDK_TOPOLOGY_PCI);
	cr_expect_eq(iommus[0].addr.device, 5);
	cr_expect_str_eq(find(topology, "00:00.0"), "0:0x0");
	cr_expect_str_eq(find(topology, "00:04.7"), "0:0x27");
	cr_expect_str_eq(find(topology, "00:05.0"), "none");
	cr_expect_str_eq(find(topology, "00:05.1"), "0:0x29");
	cr_expect_str_eq(find(topology, "ff:1f.7"), "0:0xffff");
	cr_expect_str_eq(find(topology, "0001:00:04.0"), "none");
	uvdk_topology_ranges(topology, &count);
	cr_expect_eq(count, 2);
	uvdk_topology_free(topology);
}

/* A tree of one host bridge with this map and mask, its iommu elsewhere. */
static void one_map(uint32_t mask, size_t count, const uint32_t *cells)
{
	root();
	fdt_node(&f, "virtio_mmio@a000000");
	TEXT(&f, "compatible", "virtio,mmio");
	CELLS(&f, "reg", 0x1, 0xa000000, 0, 0x200);
	CELLS(&f, "#iommu-cells", 1);
	CELLS(&f, "linux,phandle", 7);
	fdt_end_node(&f);
	host_begin("pcie");
	if (mask != UINT32_MAX)
		CELLS(&f, "iommu-map-mask", mask);
	at_map = fdt_cells(&f, "iommu-map", count, cells);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
}

#define ONE_MAP(mask, ...) \
	one_map(mask, sizeof((const uint32_t[]){__VA_ARGS__}) / 4, (const uint32_t[]){__VA_ARGS__})

Test(devicetree, an_iommu_may_be_found_by_its_registers_address)
{
	struct uvdk_topology *topology;
	unsigned int count;

	ONE_MAP(UINT32_MAX, 0x100, 7, 0x5000, 0x10);
	topology = parsed();
	cr_expect_eq(uvdk_topology_iommus(topology, &count)[0].base, 0x10a000000);
	cr_expect_eq(count, 1);
	cr_expect_str_eq(find(topology, "01:00.0"), "0:0x5000");
	cr_expect_str_eq(find(topology, "01:01.7"), "0:0x500f");
	cr_expect_str_eq(find(topology, "01:02.0"), "none");
	cr_expect_str_eq(find(topology, "00:1f.7"), "none");
	uvdk_topology_free(topology);
}

Test(devicetree, functions_that_the_mask_makes_equal_have_one_number)
{
	struct uvdk_topology *topology;

	ONE_MAP(0xfff8, 0, 7, 0x100, 0x10000);
	topology = parsed();
	cr_expect_str_eq(find(topology, "00:03.0"), "0:0x118");
	cr_expect_str_eq(find(topology, "00:03.7"), "0:0x118");
	cr_expect_str_eq(find(topology, "00:04.0"), "0:0x120");
	uvdk_topology_free(topology);
	ONE_MAP(0, 0, 7, 9, 1);
	topology = parsed();
	cr_expect_str_eq(find(topology, "00:03.0"), "0:0x9");
	cr_expect_str_eq(find(topology, "ff:1f.7"), "0:0x9");
	uvdk_topology_free(topology);
}

Test(devicetree, entries_that_are_nonsense_are_refused_at_their_offset)
{
	ONE_MAP(UINT32_MAX, 0, 7, 0, 0x10, 0x10, 7, 0);
	cr_expect(is_refused(at_map, "iommu-map has 0x1c bytes"));
	ONE_MAP(UINT32_MAX, 0, 8, 0, 0x10);
	cr_expect(is_refused(at_map + 4, "no node has phandle 0x8"));
	ONE_MAP(UINT32_MAX, 0, 7, 0, 0);
	cr_expect(is_refused(at_map + 12, "0x0 requester IDs from 0x0 on"));
	ONE_MAP(UINT32_MAX, 1, 7, 0, 0x10000);
	cr_expect(is_refused(at_map + 12, "0x10000 requester IDs from 0x1 on"));
	ONE_MAP(UINT32_MAX, 0x10000, 7, 0, 1);
	cr_expect(is_refused(at_map, "not within iommu-map-mask 0xffff"));
	ONE_MAP(0xff00, 8, 7, 0, 1);
	cr_expect(is_refused(at_map, "requester ID 0x8 is not within iommu-map-mask 0xff00"));
	ONE_MAP(UINT32_MAX, 0, 7, 0xfffffff0, 0x11);
	cr_expect(is_refused(at_map + 8, "leave 32 bits"));
	ONE_MAP(UINT32_MAX, 0, 7, 0xfffffff0, 0x10);
	uvdk_topology_free(parsed());
	ONE_MAP(UINT32_MAX, 0x10, 7, 0, 0x10, 0, 7, 0x100, 0x11);
	cr_expect(is_refused(at_map, "requester ID 0x10 is in the entry"));
}

Test(devicetree, a_bridge_without_bits_of_the_map_has_none_behind_it)
{
	struct uvdk_topology *topology;
	unsigned int count;

	root();
	host_begin("pcie");
	CELLS(&f, "linux,pci-domain", 3);
	CELLS(&f, "bus-range", 0x10, 0x1f);
	CELLS(&f, "iommu-map", 0, 0x8004, 0x100000, 0x10000);
	iommu_node(0x1008);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
	topology = parsed();
	cr_expect_str_eq(find(topology, "0003:0f:1f.7"), "none");
	cr_expect_str_eq(find(topology, "0003:10:00.0"), "0:0x101000");
	cr_expect_str_eq(find(topology, "0003:10:01.0"), "none", "the iommu itself");
	cr_expect_str_eq(find(topology, "0003:1f:1f.7"), "0:0x101fff");
	cr_expect_str_eq(find(topology, "0003:20:00.0"), "none");
	cr_expect_eq(uvdk_topology_iommus(topology, &count)[0].addr.domain, 3);
	uvdk_topology_free(topology);
}

static void two_hosts(uint32_t second_domain, uint32_t second_bus, uint32_t mask)
{
	root();
	host_begin("pcie@1");
	CELLS(&f, "linux,pci-domain", 0);
	CELLS(&f, "bus-range", 0, 0x7f);
	CELLS(&f, "iommu-map", 0, 0x8004, 0, 0x10000);
	iommu_node(0x28);
	fdt_end_node(&f);
	host_begin("pcie@2");
	if (second_domain != UINT32_MAX)
		CELLS(&f, "linux,pci-domain", second_domain);
	CELLS(&f, "bus-range", second_bus, 0xff);
	CELLS(&f, "iommu-map-mask", mask);
	CELLS(&f, "iommu-map", 0, 0x8004, 0x10000, 0x10000);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
}

Test(devicetree, host_bridges_share_a_segment_only_by_buses)
{
	struct uvdk_topology *topology;

	two_hosts(0, 0x80, 0xffff);
	topology = parsed();
	cr_expect_str_eq(find(topology, "7f:1f.7"), "0:0x7fff");
	cr_expect_str_eq(find(topology, "80:00.0"), "0:0x18000");
	uvdk_topology_free(topology);
	two_hosts(1, 0, 0xffff);
	topology = parsed();
	cr_expect_str_eq(find(topology, "0001:00:00.0"), "0:0x10000");
	uvdk_topology_free(topology);
	two_hosts(0, 0x7f, 0xffff);
	cr_expect(is_refused(at_host, "segment 0x0, bus 0x7f is below the host bridge at 0x"));
	two_hosts(UINT32_MAX, 0x80, 0xffff);
	cr_expect(is_refused(at_host, "linux,pci-domain does not tell"));
	two_hosts(0x10000, 0x80, 0xffff);
	cr_expect_eq(parse_fdt(&f.t, &topology), -EBADMSG);
	cr_expect_not_null(strstr(uvdk_last_error(), "more than 16 bits"));
	two_hosts(0, 0x80, 0xff);
	cr_expect_eq(parse_fdt(&f.t, &topology), -EBADMSG, "the mask hides the bus");
}

Test(devicetree, a_bus_range_that_is_none_is_refused)
{
	two_hosts(0, 0x100, 0xffff);
	cr_expect_eq(parse_fdt(&f.t, (struct uvdk_topology *[]){NULL}), -EBADMSG);
	cr_expect_not_null(strstr(uvdk_last_error(), "buses 0x100 to 0xff"));
}

/* A bus "soc" with ranges, an MMIO virtio-iommu there, and two endpoints. */
static void soc(size_t ranges, const uint32_t *cells)
{
	root();
	at_host = fdt_node(&f, "soc");
	CELLS(&f, "#address-cells", 1);
	CELLS(&f, "#size-cells", 1);
	if (ranges != SIZE_MAX)
		at_map = fdt_cells(&f, "ranges", ranges, cells);
	fdt_node(&f, "iommu");
	TEXT(&f, "compatible", "virtio,mmio");
	CELLS(&f, "reg", 0x2000, 0x200);
	CELLS(&f, "#iommu-cells", 1);
	CELLS(&f, "phandle", 1);
	fdt_end_node(&f);
	fdt_node(&f, "smmu");
	CELLS(&f, "#iommu-cells", 2);
	CELLS(&f, "phandle", 2);
	fdt_end_node(&f);
	fdt_node(&f, "disk");
	TEXT(&f, "compatible", "virtio,mmio");
	CELLS(&f, "reg", 0x3000, 0x200);
	CELLS(&f, "iommus", 2, 9, 9, 1, 0x42, 1, 0x43);
	fdt_end_node(&f);
	fdt_node(&f, "off");
	TEXT(&f, "status", "disabled");
	CELLS(&f, "reg", 0x4000, 0x200);
	CELLS(&f, "iommus", 1, 0x44);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
}

static void expect_soc(uint64_t base)
{
	struct uvdk_topology *topology = parsed();
	const struct uvdk_topology_range *ranges;
	unsigned int count;

	cr_expect_eq(uvdk_topology_iommus(topology, &count)[0].base, base + 0x2000);
	cr_expect_eq(count, 1);
	ranges = uvdk_topology_ranges(topology, &count);
	cr_assert_eq(count, 2);
	for (unsigned int i = 0; i < 2; i++) {
		cr_expect_eq(ranges[i].bus, UVDK_TOPOLOGY_MMIO);
		cr_expect_eq(ranges[i].base, base + 0x3000);
		cr_expect_eq(ranges[i].endpoint, 0x42 + i);
		cr_expect_eq(ranges[i].iommu, 0);
	}
	uvdk_topology_free(topology);
}

Test(devicetree, mmio_endpoints_have_physical_addresses)
{
	static const uint32_t one[] = {0x1000, 0x10, 0x1000, 0x10000};
	static const uint32_t second[] = {0x100000, 0, 0, 0x1000, 0, 8, 0, 0x10000};

	soc(0, NULL);
	expect_soc(0);
	soc(4, one);
	expect_soc(0x1000000000);
	soc(8, second);
	expect_soc(0x800000000);
	soc(3, one);
	cr_expect(is_refused(at_map, "ranges has 0xc bytes, no multiple of 16"));
	soc(4, second);
	cr_expect(is_refused(at_map, "address 0x2000 is in none of the ranges"));
	soc(SIZE_MAX, NULL);
	cr_expect(is_refused(at_host, "no ranges"));
}

static size_t with_iommus(size_t count, const uint32_t *cells)
{
	size_t off;

	root();
	fdt_node(&f, "iommu");
	TEXT(&f, "compatible", "virtio,mmio");
	CELLS(&f, "reg", 0, 0x2000, 0, 0x200);
	CELLS(&f, "#iommu-cells", 1);
	CELLS(&f, "phandle", 1);
	fdt_end_node(&f);
	fdt_node(&f, "clock");
	CELLS(&f, "phandle", 3);
	fdt_end_node(&f);
	fdt_node(&f, "disk");
	CELLS(&f, "reg", 0, 0x3000, 0, 0x200);
	off = fdt_cells(&f, "iommus", count, cells);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);

	return off;
}

Test(devicetree, iommus_that_is_nonsense_is_refused_at_its_offset)
{
	size_t off = with_iommus(4, (const uint32_t[]){1, 5, 9, 6});

	cr_expect(is_refused(off + 8, "no node has phandle 0x9"));
	off = with_iommus(3, (const uint32_t[]){1, 5, 1});
	cr_expect(is_refused(off + 8, "iommus ends within the 1 cells"));
	off = with_iommus(2, (const uint32_t[]){3, 5});
	cr_expect(is_refused(off, "has no #iommu-cells"));
	off = with_iommus(2, (const uint32_t[]){1, 5});
	put_be32(&f.t, off - 8, 6);
	cr_expect(is_refused(off, "iommus ends within the 1 cells"));
	off = with_iommus(2, (const uint32_t[]){1, 4}); /* 4: nothing, as a token */
	put_be32(&f.t, off - 8, 2);
	cr_expect(is_refused(off, "2 bytes into a phandle"));
}

Test(devicetree, an_iommu_that_is_not_as_the_binding_says_is_refused)
{
	put_be32(&f.t, at_cells, 2);
	cr_expect(is_refused(at_cells, "#iommu-cells of a virtio-iommu is not 1"));
	put_be32(&f.t, at_cells, 1);
	put_be32(&f.t, at_reg - 8, 16);
	f.t.bytes[at_reg + 19] = 4; /* the last cell is a token now: NOP */
	cr_expect(is_refused(at_reg, "reg of a PCI function has 16 bytes, not 20"));

	root();
	iommu_node(0x28);
	fdt_end_node(&f);
	fdt_seal(&f);
	cr_expect(is_refused(at_iommu, "not below a PCI bridge"));

	root();
	host_begin("pcie");
	iommu_node(0x28);
	iommu_node(0x28);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
	cr_expect(is_refused(at_iommu, "has a node already"));

	root();
	host_begin("pcie");
	iommu_node(0x28);
	iommu_node(0x30);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
	cr_expect(is_refused(at_iommu, "phandle 0x8004 is also that of"));
}

Test(devicetree, an_iommu_below_a_bridge_is_in_the_segment_of_the_host)
{
	const struct uvdk_topology_iommu *iommus;
	struct uvdk_topology *topology;
	unsigned int count;

	root();
	host_begin("pcie");
	CELLS(&f, "linux,pci-domain", 2);
	fdt_node(&f, "pci@1");
	TEXT(&f, "device_type", "pci");
	iommu_node(0x108);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
	topology = parsed();
	iommus = uvdk_topology_iommus(topology, &count);
	cr_assert_eq(count, 1);
	cr_expect_eq(iommus[0].addr.domain, 2);
	cr_expect_eq(iommus[0].addr.bus, 1);
	cr_expect_eq(iommus[0].addr.device, 1);
	uvdk_topology_free(topology);
}

Test(devicetree, what_is_off_or_somebody_elses_is_not_in_the_topology)
{
	struct uvdk_topology *topology;

	root();
	host_begin("pcie");
	TEXT(&f, "status", "disabled");
	CELLS(&f, "iommu-map", 0, 0x8004, 0, 0x10000);
	iommu_node(0x28);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
	topology = parsed();
	cr_expect_str_eq(uvdk_topology_source(topology), "none");
	uvdk_topology_free(topology);

	root();
	fdt_node(&f, "smmuv3");
	CELLS(&f, "#iommu-cells", 1);
	CELLS(&f, "phandle", 9);
	fdt_end_node(&f);
	host_begin("pcie");
	CELLS(&f, "iommu-map", 0, 9, 0, 0x10000);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
	topology = parsed();
	cr_expect_str_eq(find(topology, "00:03.0"), "none");
	uvdk_topology_free(topology);
}

/* ---- the flattened form ---- */

Test(devicetree, every_shorter_tree_is_refused)
{
	struct uvdk_topology *topology;
	size_t len = f.t.len;

	for (f.t.len = 0; f.t.len < 40; f.t.len++)
		cr_expect(is_refused(f.t.len, "ends in its header"), "%zu", f.t.len);
	for (; f.t.len < len; f.t.len++)
		cr_expect(is_refused(4, "the size is"), "%zu", f.t.len);
	for (f.t.len = 40; f.t.len < len; f.t.len++) {
		put_be32(&f.t, 4, (uint32_t)f.t.len);
		cr_expect_eq(parse_fdt(&f.t, &topology), -EBADMSG, "%zu", f.t.len);
	}
}

Test(devicetree, a_header_that_lies_is_refused)
{
	static const struct {
		uint32_t off, value;
		const char *words;
	} lies[] = {
		{0, 0xd00dfeee, "is not the magic"},
		{4, 39, "the size is 0x27"},
		{4, 0xffffffff, "the size is"},
		{8, 39, "the structure begins at 0x27"},
		{8, 0xfffffffc, "the structure begins at"},
		{8, 58, "no multiple of 4"},
		{12, 0xffffffff, "the strings begins at"},
		{32, 0xffffffff, "the strings of 0xffffffff bytes"},
		{36, 0xffffffff, "the structure of 0xffffffff bytes"},
		{16, 0x20, "memory reservations can't begin at 0x20"},
		{16, 0x2c, "memory reservations can't begin at 0x2c"},
		{20, 16, "version 16"},
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint32_t truth = get_be32(&f.t, lies[i].off);

		put_be32(&f.t, lies[i].off, lies[i].value);
		if (lies[i].off == 8 && lies[i].value == 58)
			put_be32(&f.t, 36, 8);
		cr_expect(is_refused(lies[i].off, lies[i].words));
		put_be32(&f.t, lies[i].off, truth);
		if (lies[i].off == 8)
			put_be32(&f.t, 36, get_be32(&f.t, 12) - 56);
	}
	put_be32(&f.t, 24, 18);
	cr_expect(is_refused(20, "back to 18"));
	put_be32(&f.t, 24, 16);
	put_be32(&f.t, 16, 0xfffffff8);
	cr_expect(is_refused(0xfffffff8, "memory reservations have no end"));
	put_be32(&f.t, 16, 40);
	uvdk_topology_free(parsed());
}

Test(devicetree, tokens_out_of_order_are_refused)
{
	size_t off;

	fdt_begin(&f);
	off = fdt_token(&f, 2);
	fdt_seal(&f);
	cr_expect(is_refused(off, "has not begun"));

	fdt_begin(&f);
	off = f.t.len;
	CELLS(&f, "reg", 1);
	fdt_seal(&f);
	cr_expect(is_refused(off, "outside any node"));

	fdt_begin(&f);
	off = f.t.len;
	fdt_seal(&f);
	cr_expect(is_refused(off, "before any node"));

	fdt_begin(&f);
	fdt_node(&f, "");
	off = f.t.len;
	fdt_seal(&f);
	cr_expect(is_refused(off, "1 nodes not ended"));

	fdt_begin(&f);
	fdt_node(&f, "");
	fdt_end_node(&f);
	off = fdt_node(&f, "");
	fdt_end_node(&f);
	fdt_seal(&f);
	cr_expect(is_refused(off, "second root"));

	fdt_begin(&f);
	fdt_node(&f, "");
	fdt_node(&f, "a");
	fdt_end_node(&f);
	off = f.t.len;
	CELLS(&f, "reg", 1);
	fdt_end_node(&f);
	fdt_seal(&f);
	cr_expect(is_refused(off, "behind a node"));

	fdt_begin(&f);
	fdt_node(&f, "");
	off = fdt_token(&f, 5);
	fdt_end_node(&f);
	fdt_seal(&f);
	cr_expect(is_refused(off, "0x5 is no token"));

	fdt_begin(&f);
	fdt_node(&f, "");
	fdt_end_node(&f);
	fdt_token(&f, 9);
	off = f.t.len;
	fdt_seal(&f);
	cr_expect(is_refused(off, "0x4 bytes of structure behind its end"));
}

Test(devicetree, tokens_that_say_nothing_are_passed_over)
{
	fdt_begin(&f);
	fdt_token(&f, 4);
	fdt_node(&f, "");
	fdt_token(&f, 4);
	fdt_end_node(&f);
	fdt_token(&f, 4);
	fdt_seal(&f);
	uvdk_topology_free(parsed());
}

Test(devicetree, properties_that_leave_the_structure_or_the_strings_are_refused)
{
	size_t off;

	fdt_begin(&f);
	fdt_node(&f, "");
	off = CELLS(&f, "reg", 1);
	fdt_end_node(&f);
	fdt_seal(&f);
	put_be32(&f.t, off - 8, 0x100);
	cr_expect(is_refused(off, "a property of 0x100 bytes leaves the structure"));
	put_be32(&f.t, off - 8, 0xffffffff);
	cr_expect(is_refused(off, "a property of 0xffffffff bytes leaves the structure"));
	put_be32(&f.t, off - 8, 4);
	put_be32(&f.t, off - 4, 4);
	cr_expect(is_refused(off - 12 + 8, "a name at 0x4, but the strings have 0x4 bytes"));
	put_be32(&f.t, off - 4, 0);
	put_be32(&f.t, 32, 3);
	cr_expect(is_refused(get_be32(&f.t, 12), "has no end in 0x3 bytes"));

	fdt_begin(&f);
	fdt_node(&f, "");
	CELLS(&f, "reg", 1);
	off = CELLS(&f, "reg", 1);
	fdt_end_node(&f);
	fdt_seal(&f);
	cr_expect(is_refused(off - 12, "has reg already"));
}

Test(devicetree, nodes_in_each_other_have_a_limit)
{
	size_t off = 0;

	fdt_begin(&f);
	for (int i = 0; i < 65; i++)
		off = fdt_node(&f, "");
	for (int i = 0; i < 65; i++)
		fdt_end_node(&f);
	fdt_seal(&f);
	cr_expect(is_refused(off, "more than 64 nodes in each other"));
}

Test(devicetree, a_name_without_an_end_is_refused)
{
	fdt_begin(&f);
	fdt_node(&f, "abc");
	fdt_seal(&f);
	memset(f.t.bytes + 60, 'x', 8);
	put_be32(&f.t, 36, 12);
	cr_expect(is_refused(60, "the name of a node has no end"));
}

Test(devicetree, a_flipped_bit_is_refused_or_understood_but_never_followed_outside)
{
	for (size_t i = 0; i < f.t.len * 8; i++) {
		struct uvdk_topology *topology = NULL;
		int ret;

		f.t.bytes[i / 8] ^= (uint8_t)(0x80 >> i % 8);
		ret = parse_fdt(&f.t, &topology);
		cr_expect(ret == 0 || ret == -EBADMSG, "bit %zu: %d", i, ret);
		uvdk_topology_free(topology);
		f.t.bytes[i / 8] ^= (uint8_t)(0x80 >> i % 8);
	}
}
