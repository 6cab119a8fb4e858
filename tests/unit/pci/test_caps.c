// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <uvdk_pci.h>

static struct space {
	uint8_t bytes[4096];
	uint32_t size;
	unsigned int reads;
	uint32_t fails_at;
} space;

static int read_space(void *priv, uint32_t off, void *buf, size_t len)
{
	struct space *s = priv;

	s->reads++;
	if (off == s->fails_at)
		return -EPERM;
	if (off > s->size || len > s->size - off)
		return -EINVAL; /* nobody may read outside */
	memcpy(buf, s->bytes + off, len);

	return 0;
}

static const struct uvdk_pci_config *config(uint32_t size)
{
	static struct uvdk_pci_config c = {.read = read_space, .priv = &space};

	space.size = c.size = size;

	return &c;
}

static void cap(uint8_t off, uint8_t id, uint8_t next)
{
	space.bytes[off] = id;
	space.bytes[off + 1] = next;
}

static void ext(uint32_t off, uint16_t id, uint32_t next)
{
	uint32_t header = id | 1u << 16 | next << 20;

	memcpy(space.bytes + off, &header, 4); /* tests run on little-endian CPUs */
}

static void setup(void)
{
	memset(&space, 0, sizeof(space));
	space.fails_at = UINT32_MAX;
	space.bytes[0x06] = 0x10;
	space.bytes[0x34] = 0x40;
}

TestSuite(caps, .init = setup);

Test(caps, found_in_order_first_and_next)
{
	cap(0x40, 0x01, 0x50);
	cap(0x50, 0x09, 0x60);
	cap(0x60, 0x09, 0xfc);
	cap(0xfc, 0x11, 0);

	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x01, 0), 0x40);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x09, 0), 0x50);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x09, 0x50), 0x60);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x09, 0x60), -ENOENT);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x11, 0), 0xfc);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x05, 0), -ENOENT);
}

Test(caps, no_list_when_the_status_register_says_so)
{
	cap(0x40, 0x01, 0);
	space.bytes[0x06] = 0;
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x01, 0), -ENOENT);
}

Test(caps, cardbus_bridges_keep_the_pointer_elsewhere)
{
	space.bytes[0x0e] = 0x82;
	space.bytes[0x14] = 0x80;
	cap(0x80, 0x01, 0);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x01, 0), 0x80);
}

Test(caps, reserved_low_bits_of_pointers_are_masked)
{
	space.bytes[0x34] = 0x43;
	cap(0x40, 0x01, 0x52);
	cap(0x50, 0x09, 0x03);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x09, 0), 0x50);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x05, 0), -ENOENT);
}

Test(caps, loop_is_told_and_ends)
{
	cap(0x40, 0x01, 0x50);
	cap(0x50, 0x09, 0x60);
	cap(0x60, 0x05, 0x50);

	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x11, 0), -ELOOP);
	cr_expect_lt(space.reads, 10);
	cr_expect_not_null(strstr(uvdk_last_error(), "0x50"));
}

Test(caps, asking_for_the_next_ends_in_a_loop)
{
	int off = 0;
	int steps = 0;

	cap(0x40, 0x09, 0x50);
	cap(0x50, 0x09, 0x40);
	while ((off = uvdk_pci_find_cap(config(256), 0x09, (uint32_t)off)) > 0)
		cr_assert_lt(steps++, 3);
	cr_expect_eq(off, -ELOOP);
	cr_expect_eq(steps, 2);
}

Test(caps, capability_that_points_at_itself)
{
	cap(0x40, 0x01, 0x40);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x11, 0), -ELOOP);
}

Test(caps, pointer_into_the_header_or_past_a_short_space)
{
	cap(0x40, 0x01, 0x10);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x11, 0), -EBADMSG);
	cr_expect_eq(uvdk_pci_find_cap(config(64), 0x01, 0), -EBADMSG);
	cr_expect_eq(uvdk_pci_find_cap(config(65), 0x01, 0), -EBADMSG, "half an entry");
}

Test(caps, list_of_all_ones_is_broken)
{
	cap(0x40, 0xff, 0xff);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x11, 0), -EBADMSG);
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0xff, 0), -EBADMSG);
}

Test(caps, vanished_device_is_told)
{
	memset(space.bytes, 0xff, sizeof(space.bytes));
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x01, 0), -ENODEV);
}

Test(caps, failed_read_is_told)
{
	cap(0x40, 0x01, 0x50);
	space.fails_at = 0x50;
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x09, 0), -EIO);
	space.fails_at = 0x06;
	cr_expect_eq(uvdk_pci_find_cap(config(256), 0x01, 0), -EIO);
}

Test(ext_caps, found_in_order_first_and_next, .init = setup)
{
	ext(0x100, 0x0001, 0x140);
	ext(0x140, 0x0010, 0xffc);
	ext(0xffc, 0x0010, 0);

	cr_expect_eq(uvdk_pci_find_ext_cap(config(4096), 0x0001, 0), 0x100);
	cr_expect_eq(uvdk_pci_find_ext_cap(config(4096), 0x0010, 0), 0x140);
	cr_expect_eq(uvdk_pci_find_ext_cap(config(4096), 0x0010, 0x140), 0xffc);
	cr_expect_eq(uvdk_pci_find_ext_cap(config(4096), 0x0010, 0xffc), -ENOENT);
}

Test(ext_caps, none_without_express_space, .init = setup)
{
	ext(0x100, 0x0001, 0);
	cr_expect_eq(uvdk_pci_find_ext_cap(config(256), 0x0001, 0), -ENOENT);
	cr_expect_eq(space.reads, 0);
}

Test(ext_caps, none_when_the_first_header_is_zero_or_all_ones, .init = setup)
{
	cr_expect_eq(uvdk_pci_find_ext_cap(config(4096), 0x0000, 0), -ENOENT);
	memset(space.bytes + 0x100, 0xff, 4);
	cr_expect_eq(uvdk_pci_find_ext_cap(config(4096), 0xffff, 0), -ENOENT);
}

Test(ext_caps, broken_lists_are_told, .init = setup)
{
	ext(0x100, 0x0001, 0x140);
	memset(space.bytes + 0x140, 0xff, 4);
	cr_expect_eq(uvdk_pci_find_ext_cap(config(4096), 0x0010, 0), -EBADMSG, "all ones inside");
	ext(0x140, 0x0002, 0x100);
	cr_expect_eq(uvdk_pci_find_ext_cap(config(4096), 0x0010, 0), -ELOOP);
	ext(0x140, 0x0002, 0x080);
	cr_expect_eq(uvdk_pci_find_ext_cap(config(4096), 0x0010, 0), -EBADMSG, "into the header");
	ext(0x140, 0x0002, 0x400);
	cr_expect_eq(uvdk_pci_find_ext_cap(config(0x400), 0x0010, 0), -EBADMSG, "cut short");
}

Test(ext_caps, zero_header_inside_ends_the_list, .init = setup)
{
	ext(0x100, 0x0001, 0x140);
	cr_expect_eq(uvdk_pci_find_ext_cap(config(4096), 0x0010, 0), -ENOENT);
}

/* Whatever the bytes: an end, and no read outside (read_space() would say EINVAL, so -EIO). */
Test(caps, random_spaces_end, .init = setup)
{
	uint32_t seed = 1;

	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < sizeof(space.bytes); i++) {
			seed = seed * 1664525 + 1013904223;
			space.bytes[i] = (uint8_t)(seed >> 24);
		}
		space.bytes[0x06] = 0x10;
		cr_assert_neq(uvdk_pci_find_cap(config(256), 0x100 - 1, 0), -EIO);
		cr_assert_neq(uvdk_pci_find_ext_cap(config(4096), 0x1234, 0), -EIO);
	}
}
