// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "table.h"

static struct table t;

static struct uvdk_topology *parsed(void)
{
	struct uvdk_topology *topology = NULL;

	cr_assert_eq(parse_viot(&t, &topology), 0, "%s", uvdk_last_error());
	return topology;
}

/* As QEMU's q35 has it: the virtio-iommu at 00:05.0, everything on pcie.0 behind it. */
static void q35(void)
{
	viot_begin(&t);
	viot_iommu_pci(&t, 0, 5 << 3);
	viot_pci_range(&t, 0, 0, 0, 0, 0xffff, 48);
}

TestSuite(viot, .init = q35);

Test(viot, q35_has_all_functions_behind_its_iommu_but_the_iommu)
{
	struct uvdk_topology *topology = parsed();
	const struct uvdk_topology_iommu *iommus;
	unsigned int count;

	cr_expect_str_eq(uvdk_topology_source(topology), "viot");
	iommus = uvdk_topology_iommus(topology, &count);
	cr_assert_eq(count, 1);
	cr_expect_eq(iommus[0].bus, UVDK_TOPOLOGY_PCI);
	cr_expect_eq(iommus[0].addr.device, 5);
	cr_expect_eq(iommus[0].addr.bus, 0);
	cr_expect_str_eq(find(topology, "00:00.0"), "0:0x0");
	cr_expect_str_eq(find(topology, "00:03.1"), "0:0x19");
	cr_expect_str_eq(find(topology, "ff:1f.7"), "0:0xffff");
	cr_expect_str_eq(find(topology, "00:05.0"), "none");
	cr_expect_str_eq(find(topology, "00:05.1"), "0:0x29");
	cr_expect_str_eq(find(topology, "0001:00:03.0"), "none");
	cr_expect_str_eq(find(topology, "10000:00:03.0"), "none");
	uvdk_topology_free(topology);
}

Test(viot, a_hole_for_the_iommu_leaves_its_neighbours_their_numbers)
{
	struct uvdk_topology *topology;

	viot_begin(&t);
	viot_pci_range(&t, 0, 0, 0, 0, 0x27, 96);
	viot_pci_range(&t, 0x29, 0, 0, 0x29, 0xffff, 96);
	viot_iommu_pci(&t, 0, 0x28);
	topology = parsed();
	cr_expect_str_eq(find(topology, "00:04.7"), "0:0x27");
	cr_expect_str_eq(find(topology, "00:05.0"), "none");
	cr_expect_str_eq(find(topology, "00:05.1"), "0:0x29");
	uvdk_topology_free(topology);
}

Test(viot, each_range_leads_to_its_own_iommu_and_ends_where_it_says)
{
	const struct uvdk_topology_range *ranges;
	struct uvdk_topology *topology;
	unsigned int count;

	viot_begin(&t);
	viot_iommu_mmio(&t, 0x123456789000);
	viot_pci_range(&t, 0x1000, 0, 0, 0x100, 0x1ff, 112);
	viot_pci_range(&t, 0x80000000, 2, 3, 0x10, 0x20, 48);
	viot_iommu_pci(&t, 0, 0x8);
	viot_mmio(&t, 77, 0xfeed0000, 48);
	topology = parsed();
	cr_expect_eq(uvdk_topology_iommus(topology, &count)[0].base, 0x123456789000);
	cr_expect_eq(count, 2);
	cr_expect_str_eq(find(topology, "01:00.0"), "1:0x1000");
	cr_expect_str_eq(find(topology, "01:1f.7"), "1:0x10ff");
	cr_expect_str_eq(find(topology, "00:1f.7"), "none");
	cr_expect_str_eq(find(topology, "02:00.0"), "none");
	cr_expect_str_eq(find(topology, "0002:00:02.0"), "0:0x80000000");
	cr_expect_str_eq(find(topology, "0003:00:04.0"), "0:0x80010010");
	cr_expect_str_eq(find(topology, "0003:00:04.1"), "none");
	cr_expect_str_eq(find(topology, "0003:00:01.7"), "none");
	ranges = uvdk_topology_ranges(topology, &count);
	cr_assert_eq(count, 3);
	cr_expect_eq(ranges[2].bus, UVDK_TOPOLOGY_MMIO);
	cr_expect_eq(ranges[2].base, 0xfeed0000);
	cr_expect_eq(ranges[2].endpoint, 77);
	cr_expect_eq(ranges[2].iommu, 0);
	cr_expect_eq(ranges[0].rid_mask, 0xffff);
	uvdk_topology_free(topology);
}

Test(viot, functions_of_one_segment_and_number_are_found_by_range_and_by_find_alike)
{
	struct uvdk_topology *topology;
	unsigned int iommu;
	uint32_t endpoint;

	viot_begin(&t);
	viot_iommu_pci(&t, 0, 0x28);
	viot_pci_range(&t, 0x500, 0, 0, 0x10, 0x7f, 48);
	topology = parsed();
	for (unsigned int rid = 0; rid < 0x10000; rid++) {
		struct uvdk_pci_addr addr = {0, (uint8_t)(rid >> 8), rid >> 3 & 31, rid & 7};
		bool behind = rid >= 0x10 && rid <= 0x7f && rid != 0x28;

		cr_assert_eq(uvdk_topology_find(topology, &addr, &iommu, &endpoint),
			     behind ? 0 : -ENOENT, "0x%x", rid);
		if (behind)
			cr_assert_eq(endpoint, 0x500 + rid - 0x10);
	}
	uvdk_topology_free(topology);
}

Test(viot, a_table_without_nodes_is_an_empty_topology)
{
	struct uvdk_topology *topology;

	viot_begin(&t);
	topology = parsed();
	cr_expect_str_eq(uvdk_topology_source(topology), "none");
	cr_expect_str_eq(find(topology, "00:05.0"), "none");
	uvdk_topology_free(topology);
}

Test(viot, nodes_may_begin_later)
{
	viot_begin(&t);
	t.len = 64;
	put16(&t, 38, 64);
	viot_iommu_pci(&t, 0, 0x28);
	uvdk_topology_free(parsed());
}

Test(viot, every_shorter_table_is_refused)
{
	size_t len = t.len;

	for (t.len = 0; t.len < 48; t.len++)
		cr_expect(refused(parse_viot, &t, t.len, "ends in its header"), "%zu", t.len);
	for (; t.len < len; t.len++)
		cr_expect(refused(parse_viot, &t, 4, "the length is 88"), "%zu", t.len);
}

Test(viot, a_header_that_lies_is_refused)
{
	t.bytes[0] = 'v';
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 0, "signature"));
	t.bytes[0] = 'V';
	t.bytes[8] = 1;
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 8, "revision 1"));
	t.bytes[8] = 0;
	viot_seal(&t);
	put32(&t, 4, 89);
	cr_expect(refused(parse_viot, &t, 4, "the length is 89, but there are 88 bytes"));
	viot_seal(&t);
	t.bytes[9]++;
	cr_expect(refused(parse_viot, &t, 9, "add up to 0x01"));
	for (size_t i = 40; i < 48; i++) {
		t.bytes[i] = 3;
		viot_seal(&t);
		cr_expect(refused(parse_viot, &t, i, "reserved byte is 0x03"));
		t.bytes[i] = 0;
	}
}

Test(viot, nodes_outside_the_table_are_refused)
{
	put16(&t, 38, 47);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 38, "the first node is at 0x2f"));
	put16(&t, 38, 89);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 38, "the first node is at 0x59"));
	put16(&t, 38, 48);
	put16(&t, 36, 3);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 88, "begins 0 bytes before the end"));
	put16(&t, 36, 1);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 64, "24 bytes follow the last of 1 nodes"));
	put16(&t, 36, 2);
	t.len = 80;
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 64, "a node of 24 bytes begins 16 bytes before the end"));
}

Test(viot, nodes_of_another_type_or_length_are_refused)
{
	static const uint8_t types[] = {0, 5, 0xff};

	for (size_t i = 0; i < sizeof(types); i++) {
		t.bytes[64] = types[i];
		viot_seal(&t);
		cr_expect(refused(parse_viot, &t, 64, "is not known"));
	}
	t.bytes[64] = 1;
	for (unsigned int len = 0; len < 40; len++) {
		put16(&t, 66, (uint16_t)len);
		viot_seal(&t);
		cr_expect(len == 24 || refused(parse_viot, &t, 66, ", not 24"));
	}
	put16(&t, 66, 24);
	put16(&t, 50, 24);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 50, "a node of type 3 has length 24, not 16"));
}

Test(viot, reserved_bytes_of_nodes_have_to_be_zero)
{
	static const struct {
		uint8_t node, first, count;
	} reserved[] = {{48, 1, 1}, {48, 8, 8},	 {64, 1, 1},  {64, 18, 6},
			{88, 1, 1}, {88, 18, 6}, {112, 1, 1}, {112, 4, 4}};

	viot_begin(&t);
	viot_iommu_pci(&t, 0, 0x28);
	viot_pci_range(&t, 0, 0, 0, 0, 0xffff, 48);
	viot_mmio(&t, 0x10000, 0x1000, 48);
	viot_iommu_mmio(&t, 0x2000);
	uvdk_topology_free(parsed());
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		for (size_t j = 0; j < reserved[i].count; j++) {
			size_t off = reserved[i].node + reserved[i].first + j;

			t.bytes[off] = 0x80;
			viot_seal(&t);
			cr_expect(refused(parse_viot, &t, off, "reserved byte is 0x80"));
			t.bytes[off] = 0;
		}
}

Test(viot, an_output_that_is_no_virtio_iommu_is_refused_and_so_no_loop_can_be)
{
	put16(&t, 80, 64);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 80, "the output node at 0x40 is no virtio-iommu"));
	put16(&t, 80, 56);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 80, "no node begins at 0x38"));
	put16(&t, 80, 0);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 80, "no node begins at 0x0"));
	put16(&t, 80, 88);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 80, "no node begins at 0x58"));
}

Test(viot, ranges_that_end_before_they_begin_or_run_over_are_refused)
{
	viot_begin(&t);
	viot_iommu_pci(&t, 0, 0x28);
	viot_pci_range(&t, 0, 2, 1, 0, 0xffff, 48);
	cr_expect(refused(parse_viot, &t, 74, "last segment 0x1"));
	put16(&t, 74, 2);
	put16(&t, 76, 9);
	put16(&t, 78, 8);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 78, "last requester ID 0x8"));
	put16(&t, 78, 9);
	put32(&t, 68, 0xffffffff);
	viot_seal(&t);
	uvdk_topology_free(parsed());
	put16(&t, 78, 10);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 68, "leave 32 bits"));
	put16(&t, 78, 9);
	put16(&t, 74, 3);
	put32(&t, 68, 0xffff0000);
	viot_seal(&t);
	cr_expect(refused(parse_viot, &t, 68, "leave 32 bits"));
}

static bool overlap_refused(uint16_t segment_first, uint16_t segment_last, uint16_t rid_first,
			    uint16_t rid_last)
{
	struct uvdk_topology *topology;
	int ret;

	viot_begin(&t);
	viot_iommu_pci(&t, 0, 0x28);
	viot_pci_range(&t, 0, 2, 3, 0x100, 0x1ff, 48);
	viot_pci_range(&t, 0, segment_first, segment_last, rid_first, rid_last, 48);
	ret = parse_viot(&t, &topology);
	if (ret)
		return refused(parse_viot, &t, 88, "in one before it");
	uvdk_topology_free(topology);

	return false;
}

Test(viot, a_function_in_two_ranges_is_refused)
{
	cr_expect(overlap_refused(2, 3, 0x100, 0x1ff));
	cr_expect(overlap_refused(0, 0xffff, 0, 0xffff));
	cr_expect(overlap_refused(3, 9, 0x1ff, 0x300));
	cr_expect(overlap_refused(0, 2, 0, 0x100));
	cr_expect(overlap_refused(2, 2, 0x110, 0x110));
	cr_expect_not(overlap_refused(2, 3, 0, 0xff));
	cr_expect_not(overlap_refused(2, 3, 0x200, 0xffff));
	cr_expect_not(overlap_refused(0, 1, 0, 0xffff));
	cr_expect_not(overlap_refused(4, 9, 0, 0xffff));
}

Test(viot, two_nodes_of_one_thing_are_refused)
{
	viot_iommu_pci(&t, 0, 0x28);
	cr_expect(refused(parse_viot, &t, 88, "has a node already"));
	viot_begin(&t);
	viot_iommu_mmio(&t, 0x1000);
	viot_iommu_mmio(&t, 0x1000);
	cr_expect(refused(parse_viot, &t, 64, "has a node already"));
	viot_begin(&t);
	viot_iommu_mmio(&t, 0x1000);
	viot_mmio(&t, 1, 0x2000, 48);
	viot_mmio(&t, 2, 0x2000, 48);
	cr_expect(refused(parse_viot, &t, 88, "in one before it"));
}

Test(viot, a_flipped_bit_anywhere_is_seen)
{
	for (size_t i = 0; i < t.len * 8; i++) {
		struct uvdk_topology *topology;

		t.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		cr_expect_eq(parse_viot(&t, &topology), -EBADMSG, "bit %zu", i);
		t.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}
