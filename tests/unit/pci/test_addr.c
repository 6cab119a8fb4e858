// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <uvdk_pci.h>

static int parses_as(const char *text, const char *want)
{
	struct uvdk_pci_addr addr;
	char buf[UVDK_PCI_ADDR_LEN];

	return uvdk_pci_addr_parse(text, &addr) == 0 &&
	       strcmp(uvdk_pci_addr_format(&addr, buf), want) == 0;
}

Test(addr, full_and_short_forms_are_read)
{
	cr_expect(parses_as("0000:03:00.0", "0000:03:00.0"));
	cr_expect(parses_as("03:1f.7", "0000:03:1f.7"));
	cr_expect(parses_as("0:2.0", "0000:00:02.0"));
	cr_expect(parses_as("ABCD:Ef:0a.1", "abcd:ef:0a.1"));
	cr_expect(parses_as("10000:e1:00.0", "10000:e1:00.0"));
	cr_expect(parses_as("ffffffff:ff:1f.7", "ffffffff:ff:1f.7"));
}

Test(addr, anything_else_is_refused_and_quoted)
{
	static const char *const bad[] = {
		"",
		"3",
		"03:00",
		"03:00.8",
		"03:20.0",
		"100:0.0x",
		"0000:03:00.0 ",
		" 03:00.0",
		"-1:00.0",
		"0000:03:00.",
		"g:0.0",
		"1:2:3:4.0",
		"123456789:0:0.0",
		"0000:003:00.0",
		"0000:03:00.0\n",
	};
	struct uvdk_pci_addr addr = {.domain = 7};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(uvdk_pci_addr_parse(bad[i], &addr), -EINVAL, "\"%s\"", bad[i]);
		cr_expect_not_null(strstr(uvdk_last_error(), bad[i]));
	}
	cr_expect_eq(addr.domain, 7, "out is written on success only");
}

Test(addr, order_is_domain_bus_device_function)
{
	struct uvdk_pci_addr low = {.domain = 0, .bus = 0xff, .device = 0x1f, .function = 7};
	struct uvdk_pci_addr high = {.domain = 1};
	struct uvdk_pci_addr bus = {.domain = 0, .bus = 0xff};

	cr_expect_lt(uvdk_pci_addr_cmp(&low, &high), 0);
	cr_expect_gt(uvdk_pci_addr_cmp(&high, &low), 0);
	cr_expect_lt(uvdk_pci_addr_cmp(&bus, &low), 0);
	cr_expect_eq(uvdk_pci_addr_cmp(&low, &low), 0);
}
