// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pci_priv.h"

/*
 * One hexadecimal field of at most max_digits, ended by the character end,
 * which is skipped. strtoul() and sscanf() would take signs and blanks.
 */
static bool field(const char **text, size_t max_digits, uint32_t max, char end, uint32_t *out)
{
	const char *p = *text;
	uint64_t value = 0;
	size_t digits = strspn(p, "0123456789abcdefABCDEF");

	if (digits == 0 || digits > max_digits || p[digits] != end)
		return false;
	for (size_t i = 0; i < digits; i++)
		value = value * 16 +
			(uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	if (value > max)
		return false;

	*text = p + digits + 1;
	*out = (uint32_t)value;
	return true;
}

UVDK_EXPORT int uvdk_pci_addr_parse(const char *text, struct uvdk_pci_addr *out)
{
	const char *colon = strchr(text, ':');
	bool has_domain = colon && strchr(colon + 1, ':');
	const char *p = text;
	uint32_t domain = 0;
	uint32_t bus;
	uint32_t device;
	uint32_t function;

	if ((has_domain && !field(&p, 8, UINT32_MAX, ':', &domain)) ||
	    !field(&p, 2, 0xff, ':', &bus) || !field(&p, 2, 0x1f, '.', &device) ||
	    !field(&p, 1, 7, '\0', &function))
		return uvdk_fail(-EINVAL, "pci",
				 "\"%s\" is not a PCI address; write [domain:]bus:device.function, "
				 "hexadecimal, as in 0000:03:00.0",
				 text);

	out->domain = domain;
	out->bus = (uint8_t)bus;
	out->device = (uint8_t)device;
	out->function = (uint8_t)function;

	return 0;
}

UVDK_EXPORT char *uvdk_pci_addr_format(const struct uvdk_pci_addr *addr,
				       char buf[UVDK_PCI_ADDR_LEN])
{
	snprintf(buf, UVDK_PCI_ADDR_LEN, "%04x:%02x:%02x.%x", addr->domain, addr->bus,
		 addr->device & 0x1f, addr->function & 7);

	return buf;
}

static uint64_t key(const struct uvdk_pci_addr *addr)
{
	return (uint64_t)addr->domain << 32 | (uint32_t)addr->bus << 16 |
	       (uint32_t)addr->device << 8 | addr->function;
}

UVDK_EXPORT int uvdk_pci_addr_cmp(const struct uvdk_pci_addr *a, const struct uvdk_pci_addr *b)
{
	return (key(a) > key(b)) - (key(a) < key(b));
}
