// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "vnet_priv.h"

/* Configuration space (PCI Local Bus 3.0, 6.1 and 6.8.2) */
#define PCI_CAP_POINTER	 0x34
#define PCI_INT_PIN	 0x3d
#define PCI_CAP_ID_MSIX	 0x11
#define PCI_MSIX_ENABLE	 0x80 /* high byte of message control */
#define PCI_FIRST_CAP	 0x40
#define PCI_CONFIG_PLAIN 0x100

static int add_cap(struct vnet *m, enum vnet_cap_type type, uint32_t offset, uint32_t length,
		   uint32_t extra)
{
	struct vnet_cap cap = {
		.cap_len = VNET_CAP_LEN,
		.cfg_type = (uint8_t)type,
		.bar = VNET_BAR,
		.offset = uvdk_to_le32(offset),
		.length = uvdk_to_le32(length),
		.extra = uvdk_to_le32(extra),
	};

	if (type == VNET_CAP_NOTIFY || type == VNET_CAP_PCI)
		cap.cap_len = VNET_CAP_LEN_EXTRA;
	if (type == VNET_CAP_COMMON && vnet_evil(m, VNET_EVIL_CAP_SHORT))
		cap.cap_len = 8;
	if (type == VNET_CAP_COMMON && vnet_evil(m, VNET_EVIL_CAP_BAR))
		cap.bar = 2;
	if (type == VNET_CAP_COMMON && vnet_evil(m, VNET_EVIL_CAP_RANGE))
		cap.length = uvdk_to_le32(VNET_BAR_SIZE + 1 - offset);

	return uvdk_emu_fn_cap(m->fn, VNET_CAP_ID, &cap,
			       type == VNET_CAP_NOTIFY || type == VNET_CAP_PCI ? sizeof(cap)
									       : sizeof(cap) - 4);
}

/* Offset of the first capability of an ID, or 0. The list is ours: no loops yet. */
static unsigned int find_cap(const uint8_t *config, uint8_t id, bool last)
{
	unsigned int at = config[PCI_CAP_POINTER];
	unsigned int found = 0;

	for (unsigned int i = 0; i < 48 && at >= PCI_FIRST_CAP && at < 0xff; i++) {
		if (config[at] == id && (!found || last))
			found = at;
		if (config[at + 1] == 0)
			break;
		at = config[at + 1];
	}

	return found;
}

static void spoil_list(struct vnet *m)
{
	uint8_t *config = uvdk_emu_fn_config(m->fn);
	unsigned int last = find_cap(config, VNET_CAP_ID, true);

	if (vnet_evil(m, VNET_EVIL_CAP_LOOP))
		config[last + 1] = config[PCI_CAP_POINTER];
	if (vnet_evil(m, VNET_EVIL_CAP_TRUNCATED)) {
		/* Four bytes before the end: no room for a capability of 16. */
		config[last + 1] = PCI_CONFIG_PLAIN - 4;
		config[PCI_CONFIG_PLAIN - 4] = VNET_CAP_ID;
		config[PCI_CONFIG_PLAIN - 3] = 0;
		config[PCI_CONFIG_PLAIN - 2] = VNET_CAP_LEN;
		config[PCI_CONFIG_PLAIN - 1] = VNET_CAP_COMMON;
	}
}

int vnet_describe(struct vnet *m)
{
	int ret;

	uvdk_emu_fn_ids(m->fn, VNET_VENDOR, VNET_DEVICE, VNET_VENDOR, VNET_SUBDEVICE, VNET_CLASS,
			VNET_REVISION);
	uvdk_emu_fn_config(m->fn)[PCI_INT_PIN] = 1; /* INTA, while MSI-X is off */
	uvdk_emu_fn_bar(m->fn, VNET_BAR_MSIX, 4096, false);
	uvdk_emu_fn_bar(m->fn, VNET_BAR, VNET_BAR_SIZE, true);
	ret = uvdk_emu_fn_msix(m->fn, 2 * m->conf.pairs + 2, VNET_BAR_MSIX, 0, VNET_MSIX_PBA);
	if (ret < 0)
		return ret;

	/* Truncated: the common configuration is the one that is cut off. */
	if (!vnet_evil(m, VNET_EVIL_CAP_MISSING) && !vnet_evil(m, VNET_EVIL_CAP_TRUNCATED))
		ret = add_cap(m, VNET_CAP_COMMON, VNET_AT_COMMON, VNET_C_LENGTH, 0);
	if (ret >= 0)
		ret = add_cap(m, VNET_CAP_ISR, VNET_AT_ISR, 1, 0);
	if (ret >= 0)
		ret = add_cap(m, VNET_CAP_DEVICE, VNET_AT_DEVICE, VNET_D_LENGTH, 0);
	if (ret >= 0)
		ret = add_cap(m, VNET_CAP_NOTIFY, VNET_AT_NOTIFY, VNET_NOTIFY_SPACE,
			      m->conf.multiplier);
	if (ret >= 0)
		ret = add_cap(m, VNET_CAP_PCI, 0, 0, 0);
	if (ret < 0)
		return ret;
	spoil_list(m);

	return 0;
}

bool vnet_msix_on(const struct vnet *m)
{
	const uint8_t *config = uvdk_emu_fn_config(m->fn);
	unsigned int at = find_cap(config, PCI_CAP_ID_MSIX, false);

	return at && (config[at + 3] & PCI_MSIX_ENABLE);
}
