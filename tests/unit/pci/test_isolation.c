// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uvdk_pci.h>

#include "fake_sysfs.h"

/* Device/port types of PCI Express; CONVENTIONAL: no such capability */
#define ENDPOINT     0
#define ROOT_PORT    4
#define UPSTREAM     5
#define DOWNSTREAM   6
#define TO_PCI	     7
#define RC_ENDPOINT  9
#define CONVENTIONAL (-1)

#define NO_ACS	     (-1)
#define ALL_ACS	     0x1f
#define MULTI	     0x100 /* of acs: the header says multifunction */
#define CUT	     0x200 /* configuration space ends after 64 bytes */

static struct fake fake;
static struct uvdk_pci_isolation *iso;

static void setup(void)
{
	fake_create(&fake);
	iso = NULL;
}

static void teardown(void)
{
	uvdk_pci_isolation_destroy(iso);
	fake_destroy(&fake);
}

TestSuite(isolation, .init = setup, .fini = teardown);

static void write_config(const char *folder, int type, int control, int caps, int flags)
{
	unsigned char config[4096] = {0xf4, 0x1a, 0x45, 0x10};
	char path[PATH_MAX];
	FILE *file;

	config[0x0e] = flags & MULTI ? 0x80 : 0;
	config[0x06] = 0x10;
	config[0x34] = 0x40;
	config[0x40] = type < 0 ? 0x09 : 0x10; /* vendor-specific, or PCI Express */
	config[0x42] = (unsigned char)(2 | (type < 0 ? 0 : type) << 4);
	if (control != NO_ACS) {
		config[0x100] = 0x01; /* AER first */
		config[0x102] = 0x01;
		config[0x103] = 0x14;
		config[0x140] = 0x0d;
		config[0x142] = 0x01;
		config[0x144] = (unsigned char)caps;
		config[0x146] = (unsigned char)control;
	}
	snprintf(path, sizeof(path), "%s/%s/config", fake.root, folder);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	fwrite(config, flags & CUT ? 64 : sizeof(config), 1, file);
	fclose(file);
}

/* where: folders above it, e.g. "pci0000:00/0000:00:01.0" */
static void function_with_caps(const char *where, const char *bdf, int type, int acs, int caps)
{
	char path[256];
	char target[256];

	snprintf(path, sizeof(path), "sys/devices/%s/%s/vendor", where, bdf);
	fake_file(&fake, path, "0x1af4\n");
	snprintf(path, sizeof(path), "sys/devices/%s/%s/device", where, bdf);
	fake_file(&fake, path, "0x1045\n");
	snprintf(path, sizeof(path), "sys/devices/%s/%s/class", where, bdf);
	fake_file(&fake, path, "0x020000\n");
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s", bdf);
	snprintf(target, sizeof(target), "../../../devices/%s/%s", where, bdf);
	fake_link(&fake, path, target);
	snprintf(path, sizeof(path), "sys/devices/%s/%s", where, bdf);
	write_config(path, type,
		     acs == NO_ACS ? NO_ACS
		     : acs & 0xff  ? acs & 0xff
				   : NO_ACS,
		     caps, acs == NO_ACS ? 0 : acs);
}

static void function(const char *where, const char *bdf, int type, int acs)
{
	function_with_caps(where, bdf, type, acs, 0x1f);
}

static const char *leader(const char *text)
{
	static char buf[UVDK_PCI_ADDR_LEN];
	struct uvdk_pci_addr addr;
	struct uvdk_pci_addr found;

	cr_assert_eq(uvdk_pci_addr_parse(text, &addr), 0);
	if (!iso)
		cr_assert_eq(uvdk_pci_isolation_create(fake.sys, &iso), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_pci_isolation_leader(iso, &addr, &found), 0);

	return uvdk_pci_addr_format(&found, buf) + strlen("0000:");
}

static const char *why(const char *a, const char *b)
{
	static char buf[512];
	struct uvdk_pci_addr one;
	struct uvdk_pci_addr other;
	int ret;

	uvdk_pci_addr_parse(a, &one);
	uvdk_pci_addr_parse(b, &other);
	ret = uvdk_pci_isolation_why(iso, &one, &other, buf, sizeof(buf));
	cr_assert(ret == 0 || ret == -ENOENT);

	return ret ? "" : buf;
}

#define ROOT "pci0000:00"

Test(isolation, devices_on_the_root_bus_are_alone)
{
	function(ROOT, "0000:00:02.0", CONVENTIONAL, NO_ACS);
	function(ROOT, "0000:00:03.0", CONVENTIONAL, NO_ACS);
	function(ROOT, "0000:00:04.0", RC_ENDPOINT, NO_ACS);
	cr_expect_str_eq(leader("00:02.0"), "00:02.0");
	cr_expect_str_eq(leader("00:03.0"), "00:03.0");
	cr_expect_str_eq(leader("00:04.0"), "00:04.0");
	cr_expect_str_eq(why("00:02.0", "00:03.0"), "");
	cr_expect_str_eq(why("00:02.0", "00:02.0"), "it is the same function");
}

Test(isolation, functions_of_a_device_without_acs_are_together)
{
	function(ROOT, "0000:00:03.0", CONVENTIONAL, MULTI);
	function(ROOT, "0000:00:03.1", CONVENTIONAL, NO_ACS);
	function(ROOT, "0000:00:04.0", ENDPOINT, MULTI);
	function(ROOT, "0000:00:04.7", ENDPOINT, NO_ACS);
	function(ROOT, "0000:00:05.0", ENDPOINT, MULTI | ALL_ACS);
	function(ROOT, "0000:00:05.1", ENDPOINT, MULTI | ALL_ACS);
	cr_expect_str_eq(leader("00:03.1"), "00:03.0");
	cr_expect_str_eq(leader("00:04.7"), "00:04.0");
	cr_expect_str_eq(leader("00:05.1"), "00:05.1");
	cr_expect_not_null(strstr(why("00:03.1", "00:03.0"), "a function of one device with"));
	cr_expect_not_null(strstr(why("00:03.1", "00:03.0"), "which has no ACS"));
}

Test(isolation, each_of_the_four_controls_counts_unless_it_is_not_there)
{
	static const int needed[] = {0x01, 0x04, 0x08, 0x10};
	char bdf[16];

	for (int i = 0; i < 4; i++) {
		snprintf(bdf, sizeof(bdf), "0000:00:%02x.0", i);
		function(ROOT, bdf, ENDPOINT, MULTI | (ALL_ACS & ~needed[i]));
		snprintf(bdf, sizeof(bdf), "0000:00:%02x.1", i);
		function(ROOT, bdf, ENDPOINT, MULTI | (ALL_ACS & ~needed[i]));
		snprintf(bdf, sizeof(bdf), "0000:00:%02x.0", i + 16);
		function_with_caps(ROOT, bdf, ENDPOINT, MULTI | (ALL_ACS & ~needed[i]),
				   0x1f & ~needed[i]);
		snprintf(bdf, sizeof(bdf), "0000:00:%02x.1", i + 16);
		function_with_caps(ROOT, bdf, ENDPOINT, MULTI | (ALL_ACS & ~needed[i]),
				   0x1f & ~needed[i]);
	}
	cr_expect_str_eq(leader("00:00.1"), "00:00.0");
	cr_expect_str_eq(leader("00:01.1"), "00:01.0");
	cr_expect_str_eq(leader("00:02.1"), "00:02.0");
	cr_expect_str_eq(leader("00:03.1"), "00:03.0");
	cr_expect_str_eq(leader("00:10.1"), "00:10.1");
	cr_expect_str_eq(leader("00:11.1"), "00:11.1");
	cr_expect_str_eq(leader("00:12.1"), "00:12.1");
	cr_expect_str_eq(leader("00:13.1"), "00:13.1");
	cr_expect_not_null(strstr(why("00:00.1", "00:00.0"), "not all switched on"));
}

Test(isolation, a_device_below_a_port_with_acs_is_alone)
{
	function(ROOT, "0000:00:01.0", ROOT_PORT, ALL_ACS);
	function(ROOT "/0000:00:01.0", "0000:01:00.0", ENDPOINT, NO_ACS);
	cr_expect_str_eq(leader("01:00.0"), "01:00.0");
	cr_expect_str_eq(leader("00:01.0"), "00:01.0");
}

Test(isolation, what_is_below_a_port_without_acs_is_with_the_port)
{
	function(ROOT, "0000:00:01.0", ROOT_PORT, NO_ACS);
	function(ROOT "/0000:00:01.0", "0000:01:00.0", ENDPOINT, NO_ACS);
	function(ROOT, "0000:00:02.0", ROOT_PORT, NO_ACS);
	function(ROOT "/0000:00:02.0", "0000:02:00.0", ENDPOINT, NO_ACS);
	cr_expect_str_eq(leader("01:00.0"), "00:01.0");
	cr_expect_str_eq(leader("02:00.0"), "00:02.0");
	cr_expect_str_eq(why("01:00.0", "00:01.0"),
			 "0000:01:00.0 is below bridge 0000:00:01.0, which has no ACS");
}

Test(isolation, ports_of_one_device_without_acs_bring_all_below_together)
{
	function(ROOT, "0000:00:01.0", ROOT_PORT, MULTI);
	function(ROOT, "0000:00:01.1", ROOT_PORT, MULTI);
	function(ROOT "/0000:00:01.0", "0000:01:00.0", ENDPOINT, NO_ACS);
	function(ROOT "/0000:00:01.1", "0000:02:00.0", ENDPOINT, NO_ACS);
	cr_expect_str_eq(leader("01:00.0"), "00:01.0");
	cr_expect_str_eq(leader("02:00.0"), "00:01.0");
	cr_expect_str_eq(why("01:00.0", "02:00.0"),
			 "0000:01:00.0 is below bridge 0000:00:01.0, which has no ACS; "
			 "0000:00:01.0 is a function of one device with 0000:00:01.1, which has no "
			 "ACS; 0000:02:00.0 is below bridge 0000:00:01.1, which has no ACS");
}

static void switch_with(int root_acs, int down_acs)
{
	function(ROOT, "0000:00:01.0", ROOT_PORT, root_acs);
	function(ROOT "/0000:00:01.0", "0000:01:00.0", UPSTREAM, NO_ACS);
	function(ROOT "/0000:00:01.0/0000:01:00.0", "0000:02:00.0", DOWNSTREAM, down_acs);
	function(ROOT "/0000:00:01.0/0000:01:00.0", "0000:02:01.0", DOWNSTREAM, down_acs);
	function(ROOT "/0000:00:01.0/0000:01:00.0/0000:02:00.0", "0000:03:00.0", ENDPOINT, NO_ACS);
	function(ROOT "/0000:00:01.0/0000:01:00.0/0000:02:01.0", "0000:04:00.0", ENDPOINT, NO_ACS);
}

Test(isolation, a_switch_with_acs_keeps_what_is_below_apart)
{
	switch_with(ALL_ACS, ALL_ACS);
	cr_expect_str_eq(leader("03:00.0"), "03:00.0");
	cr_expect_str_eq(leader("04:00.0"), "04:00.0");
}

Test(isolation, a_switch_without_acs_below_a_port_with_it_is_a_group_of_each_port)
{
	/* As Linux has it: the way up from a downstream port is fine. */
	switch_with(ALL_ACS, NO_ACS);
	cr_expect_str_eq(leader("03:00.0"), "02:00.0");
	cr_expect_str_eq(leader("04:00.0"), "02:01.0");
	cr_expect_str_eq(leader("02:00.0"), "02:00.0");
}

Test(isolation, acs_further_up_is_needed_too_and_the_sentence_tells_whose)
{
	switch_with(NO_ACS, ALL_ACS);
	cr_expect_str_eq(leader("03:00.0"), "00:01.0");
	cr_expect_str_eq(leader("04:00.0"), "00:01.0");
	cr_expect_not_null(strstr(why("03:00.0", "04:00.0"),
				  "0000:03:00.0 is below bridge 0000:02:00.0, that below "
				  "0000:00:01.0, which has no ACS"));
}

Test(isolation, a_bridge_to_pci_puts_its_id_on_all_below)
{
	function(ROOT, "0000:00:01.0", ROOT_PORT, ALL_ACS);
	function(ROOT "/0000:00:01.0", "0000:01:00.0", TO_PCI, NO_ACS);
	function(ROOT "/0000:00:01.0/0000:01:00.0", "0000:02:03.0", CONVENTIONAL, NO_ACS);
	function(ROOT "/0000:00:01.0/0000:01:00.0", "0000:02:04.0", CONVENTIONAL, NO_ACS);
	cr_expect_str_eq(leader("02:03.0"), "01:00.0");
	cr_expect_str_eq(leader("02:04.0"), "01:00.0");
	cr_expect_str_eq(leader("00:01.0"), "00:01.0");
	cr_expect_not_null(
		strstr(why("02:03.0", "02:04.0"), "may carry the ID of bridge 0000:01:00.0"));
}

Test(isolation, a_conventional_bridge_on_the_root_bus_does_so_too)
{
	function(ROOT, "0000:00:1e.0", CONVENTIONAL, NO_ACS);
	function(ROOT "/0000:00:1e.0", "0000:01:01.0", CONVENTIONAL, NO_ACS);
	function(ROOT "/0000:00:1e.0", "0000:01:02.0", CONVENTIONAL, NO_ACS);
	cr_expect_str_eq(leader("01:01.0"), "00:1e.0");
	cr_expect_str_eq(leader("01:02.0"), "00:1e.0");
}

Test(isolation, what_cannot_be_read_counts_as_together_and_says_so)
{
	function(ROOT, "0000:00:01.0", ROOT_PORT, CUT | ALL_ACS);
	function(ROOT "/0000:00:01.0", "0000:01:00.0", ENDPOINT, CUT);
	function(ROOT, "0000:00:02.0", ENDPOINT, CUT | MULTI);
	function(ROOT, "0000:00:02.1", ENDPOINT, CUT | MULTI);
	cr_expect_str_eq(leader("01:00.0"), "00:01.0");
	cr_expect_str_eq(leader("00:02.1"), "00:02.0");
	cr_expect_not_null(
		strstr(why("01:00.0", "00:01.0"), "can't be read far enough (root may)"));
	cr_expect_not_null(
		strstr(why("00:02.0", "00:02.1"), "can't be read far enough (root may)"));
}

Test(isolation, virtual_functions_of_a_device_are_apart)
{
	function(ROOT, "0000:00:01.0", ROOT_PORT, ALL_ACS);
	function(ROOT "/0000:00:01.0", "0000:01:00.0", ENDPOINT, NO_ACS);
	function(ROOT "/0000:00:01.0", "0000:01:00.1", ENDPOINT, NO_ACS);
	fake_link(&fake, "sys/devices/" ROOT "/0000:00:01.0/0000:01:00.1/physfn",
		  "../0000:01:00.0");
	cr_expect_str_eq(leader("01:00.0"), "01:00.0");
	cr_expect_str_eq(leader("01:00.1"), "01:00.1");
}

Test(isolation, a_root_bus_that_a_function_makes_is_behind_that_function)
{
	function(ROOT, "0000:00:0e.0", RC_ENDPOINT, NO_ACS);
	function(ROOT "/0000:00:0e.0/pci1000:e0", "1000:e0:06.0", ROOT_PORT, ALL_ACS);
	function(ROOT "/0000:00:0e.0/pci1000:e0/1000:e0:06.0", "1000:e1:00.0", ENDPOINT, NO_ACS);
	cr_expect_str_eq(leader("1000:e1:00.0"), "00:0e.0");
	cr_expect_str_eq(leader("1000:e0:06.0"), "00:0e.0");
	cr_expect_not_null(strstr(why("1000:e0:06.0", "00:0e.0"), "which makes its bus"));
}

Test(isolation, an_absent_function_is_named_and_a_short_buffer_is_kept_to)
{
	struct uvdk_pci_addr absent = {.device = 9};
	struct uvdk_pci_addr a = {.device = 3};
	struct uvdk_pci_addr b = {.device = 3, .function = 1};
	char buf[8] = "xxxxxxx";

	function(ROOT, "0000:00:03.0", CONVENTIONAL, MULTI);
	function(ROOT, "0000:00:03.1", CONVENTIONAL, NO_ACS);
	leader("00:03.0");
	cr_expect_eq(uvdk_pci_isolation_leader(iso, &absent, &a), -ENODEV);
	cr_expect_not_null(strstr(uvdk_last_error(), "0000:00:09.0"));
	cr_expect_eq(uvdk_pci_isolation_why(iso, &a, &absent, buf, 8), -ENODEV);
	cr_expect_eq(uvdk_pci_isolation_why(iso, &a, &b, buf, 4), 0);
	cr_expect_eq(strlen(buf), 3);
	cr_expect_str_eq(buf + 4, "xxx");
	cr_expect_eq(uvdk_pci_isolation_why(iso, &a, &b, buf, 0), 0);
}
