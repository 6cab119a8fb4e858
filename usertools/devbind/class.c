// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "devbind.h"

#define ANY 0xffff

/* Base class, vendor and up to eight devices; base class ANY, vendor 0: any. */
struct rule {
	uint16_t base;
	uint16_t vendor;
	uint16_t device[8];
};

/* Which devices count as what; the same sets as DPDK, and what uvdk drives besides. */
static const struct {
	const char *name;
	const char *title;
	struct rule rule[10];
} classes[] = {
	{"net",
	 "Network",
	 {
		 {0x02, 0, {0}},
		 {0x08, 0x177d, {0xa059}},
		 {0x12, 0x8086, {0x0b30}},
		 {0x05, 0x1af4, {0x1110}},
	 }},
	{"baseband", "Baseband", {{0x12, 0, {0}}}},
	{"crypto", "Crypto", {{0x10, 0, {0}}, {0x0b, 0, {0}}}},
	{"dma",
	 "DMA",
	 {
		 {0x08, 0x177d, {0xa081}},
		 {0x08, 0x19e5, {0xa122}},
		 {0x08, 0x8086, {0x0b25, 0x11fb, 0x1212}},
		 {0x08, 0x8086, {0x2021, 0x0b00, 0x6f20, 0x6f21, 0x6f22, 0x6f23, 0x6f24, 0x6f25}},
		 {0x08, 0x8086, {0x6f26, 0x6f27, 0x6f2e, 0x6f2f}},
		 {ANY, 0x1234, {0x11e8}}, /* QEMU's edu */
	 }},
	{"event",
	 "Eventdev",
	 {
		 {0x08, 0x177d, {0xa04b, 0xa04d, 0xa050, 0xa051, 0xa0f9, 0xa0fa}},
		 {0x0b, 0x8086, {0x270b, 0x2710, 0x2714}},
	 }},
	{"mempool", "Mempool", {{0x08, 0x177d, {0xa053, 0xa0fb, 0xa0fc}}}},
	{"compress", "Compress", {{0x12, 0x177d, {0xa037}}}},
	{"misc",
	 "Misc (rawdev)",
	 {
		 {0x08, 0x177d, {0xa089, 0xa059, 0xa060, 0xa0f0, 0xa0f1}},
		 {0x06, 0x8086, {0x201c, 0x347e}},
		 {0x01, 0x1af4, {0x1001, 0x1042}}, /* virtio-blk */
	 }},
	{"regex", "Regex", {{0x08, 0x177d, {0xa0f4}}}},
	{"ml", "ML", {{0x08, 0x177d, {0xa092}}}},
};

#define CLASSES (sizeof(classes) / sizeof(classes[0]))

static const char *const generic[] = {"vfio-pci", "uio_pci_generic", "igb_uio", "uio_pci_sva"};

int class_by_name(const char *name)
{
	for (unsigned int i = 0; i < CLASSES; i++)
		if (strcmp(classes[i].name, name) == 0)
			return (int)i;

	return -1;
}

unsigned int class_count(void)
{
	return CLASSES;
}

const char *class_name(unsigned int class)
{
	return classes[class].name;
}

const char *class_title(unsigned int class)
{
	return classes[class].title;
}

static bool rule_matches(const struct rule *rule, const struct uvdk_pci_function *fn)
{
	if (rule->base != ANY && rule->base != fn->class_code >> 16)
		return false;
	if (rule->vendor == 0)
		return true;
	if (rule->vendor != fn->vendor)
		return false;

	for (unsigned int i = 0; i < 8 && rule->device[i]; i++)
		if (rule->device[i] == fn->device)
			return true;

	return false;
}

bool class_matches(unsigned int class, const struct uvdk_pci_function *fn)
{
	const struct rule *rule = classes[class].rule;

	for (unsigned int i = 0; i < 10 && rule[i].base; i++)
		if (rule_matches(&rule[i], fn))
			return true;

	return false;
}

const char *generic_driver(unsigned int index)
{
	return index < sizeof(generic) / sizeof(generic[0]) ? generic[index] : NULL;
}

bool driver_is_generic(const char *driver)
{
	for (unsigned int i = 0; generic_driver(i); i++)
		if (strcmp(driver, generic_driver(i)) == 0)
			return true;

	return false;
}
