// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "emu_virtio_priv.h"

/* Configuration space (PCI Local Bus 3.0, 6.1 and 6.8.2) */
#define PCI_CAP_POINTER	 0x34
#define PCI_INT_PIN	 0x3d
#define PCI_CAP_ID_MSIX	 0x11
#define PCI_MSIX_ENABLE	 0x80 /* high byte of message control */
#define PCI_FIRST_CAP	 0x40
#define PCI_CONFIG_PLAIN 0x100

static int add_cap(struct uvdk_emu_virtio *v, enum virtio_cap_type type, uint32_t offset,
		   uint32_t length, uint32_t extra)
{
	struct virtio_cap cap = {
		.cap_len = VIRTIO_CAP_LEN,
		.cfg_type = (uint8_t)type,
		.bar = UVDK_EMU_VIRTIO_BAR,
		.offset = uvdk_to_le32(offset),
		.length = uvdk_to_le32(length),
		.extra = uvdk_to_le32(extra),
	};

	if (type == VIRTIO_CAP_NOTIFY || type == VIRTIO_CAP_PCI)
		cap.cap_len = VIRTIO_CAP_LEN_EXTRA;
	if (type == VIRTIO_CAP_COMMON && uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_CAP_SHORT))
		cap.cap_len = 8;
	if (type == VIRTIO_CAP_COMMON && uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_CAP_BAR))
		cap.bar = 2;
	if (type == VIRTIO_CAP_COMMON && uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_CAP_RANGE))
		cap.length = uvdk_to_le32(VIRTIO_BAR_SIZE + 1 - offset);

	return uvdk_emu_fn_cap(v->fn, VIRTIO_CAP_ID, &cap,
			       type == VIRTIO_CAP_NOTIFY || type == VIRTIO_CAP_PCI
				       ? sizeof(cap)
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

static void spoil_list(struct uvdk_emu_virtio *v)
{
	uint8_t *config = uvdk_emu_fn_config(v->fn);
	unsigned int last = find_cap(config, VIRTIO_CAP_ID, true);

	if (uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_CAP_LOOP))
		config[last + 1] = config[PCI_CAP_POINTER];
	if (uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_CAP_TRUNCATED)) {
		/* Four bytes before the end: no room for a capability of 16. */
		config[last + 1] = PCI_CONFIG_PLAIN - 4;
		config[PCI_CONFIG_PLAIN - 4] = VIRTIO_CAP_ID;
		config[PCI_CONFIG_PLAIN - 3] = 0;
		config[PCI_CONFIG_PLAIN - 2] = VIRTIO_CAP_LEN;
		config[PCI_CONFIG_PLAIN - 1] = VIRTIO_CAP_COMMON;
	}
}

UVDK_EXPORT int uvdk_emu_virtio_describe(struct uvdk_emu_virtio *v)
{
	int ret;

	uvdk_emu_fn_ids(v->fn, VIRTIO_VENDOR, (uint16_t)(VIRTIO_DEVICE + v->type), VIRTIO_VENDOR,
			VIRTIO_SUBDEVICE, v->class_code, VIRTIO_REVISION);
	uvdk_emu_fn_config(v->fn)[PCI_INT_PIN] = 1; /* INTA, while MSI-X is off */
	uvdk_emu_fn_bar(v->fn, UVDK_EMU_VIRTIO_BAR_MSIX, 4096, false);
	uvdk_emu_fn_bar(v->fn, UVDK_EMU_VIRTIO_BAR, VIRTIO_BAR_SIZE, true);
	ret = uvdk_emu_fn_msix(v->fn, v->max_queues + 1, UVDK_EMU_VIRTIO_BAR_MSIX, 0,
			       VIRTIO_MSIX_PBA);
	if (ret < 0)
		return ret;

	/* Truncated: the common configuration is the one that is cut off. */
	if (!uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_CAP_MISSING) &&
	    !uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_CAP_TRUNCATED))
		ret = add_cap(v, VIRTIO_CAP_COMMON, VIRTIO_AT_COMMON, VIRTIO_C_LENGTH, 0);
	if (ret >= 0)
		ret = add_cap(v, VIRTIO_CAP_ISR, VIRTIO_AT_ISR, 1, 0);
	if (ret >= 0)
		ret = add_cap(v, VIRTIO_CAP_DEVICE, VIRTIO_AT_DEVICE, v->config_len, 0);
	if (ret >= 0)
		ret = add_cap(v, VIRTIO_CAP_NOTIFY, VIRTIO_AT_NOTIFY, VIRTIO_NOTIFY_SPACE,
			      v->multiplier);
	if (ret >= 0)
		ret = add_cap(v, VIRTIO_CAP_PCI, 0, 0, 0);
	if (ret < 0)
		return ret;
	spoil_list(v);

	return 0;
}

bool virtio_msix_on(const struct uvdk_emu_virtio *v)
{
	const uint8_t *config = uvdk_emu_fn_config(v->fn);
	unsigned int at = find_cap(config, PCI_CAP_ID_MSIX, false);

	return at && (config[at + 3] & PCI_MSIX_ENABLE);
}
