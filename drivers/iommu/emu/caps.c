// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_emu_device.h"

/* Extended capabilities of a function: PCI Express Base 6.0, 7.6.3, 7.8.9, 10.5. */

#define EXT_FIRST	0x100
#define EXT_END		0x1000
#define EXT_ATS		0x000f
#define EXT_PRI		0x0013
#define EXT_PASID	0x001b

#define ATS_CAP		0x04
#define ATS_CTRL	0x06
#define ATS_DEPTH	0x1f
#define ATS_ENABLE	0x8000
#define PRI_CTRL	0x04
#define PRI_CAPACITY	0x08
#define PRI_ALLOC	0x0c
#define PRI_ENABLE	0x0001
#define PASID_CAP	0x04
#define PASID_CTRL	0x06
#define PASID_ENABLE	0x0001
#define PASID_WIDTH(c)	((unsigned int)(c) >> 8 & 0x1f)
#define PASID_WIDTH_MAX 20

static uint16_t read16(const struct emu_device *dev, uint32_t off)
{
	struct uvdk_le16 v = {0xffff};

	uvdk_emu_config_read(dev->fn, off, &v, sizeof(v));

	return uvdk_get16(v);
}

/* A chain that loops, or leads nowhere, ends. */
static uint16_t find(const struct emu_device *dev, uint16_t id)
{
	uint32_t off = EXT_FIRST;

	for (unsigned int turns = (EXT_END - EXT_FIRST) / 8; turns; turns--) {
		struct uvdk_le32 header = {0};

		if (off < EXT_FIRST || off > EXT_END - 8 || off & 3)
			break;
		uvdk_emu_config_read(dev->fn, off, &header, sizeof(header));
		if (!uvdk_get32(header) || uvdk_get32(header) == UINT32_MAX)
			break;
		if ((uint16_t)uvdk_get32(header) == id)
			return (uint16_t)off;
		off = uvdk_get32(header) >> 20;
	}

	return 0;
}

void emu_caps_read(struct emu_device *dev)
{
	unsigned int pss = (unsigned int)VTD_ECAP_PSS(dev->unit->ecap) + 1;
	uint16_t cap;

	dev->pasid_cap = VTD_ECAP_PASID(dev->unit->ecap) ? find(dev, EXT_PASID) : 0;
	if (dev->pasid_cap) {
		cap = read16(dev, dev->pasid_cap + PASID_CAP);
		dev->pasid_modes = cap & (EMU_PASID_EXEC | EMU_PASID_PRIV);
		dev->pasid_bits = PASID_WIDTH(cap) < pss ? PASID_WIDTH(cap) : pss;
		if (dev->pasid_bits > PASID_WIDTH_MAX)
			dev->pasid_bits = PASID_WIDTH_MAX;
	}
	dev->ats_cap = VTD_ECAP_DT(dev->unit->ecap) ? find(dev, EXT_ATS) : 0;
	if (dev->ats_cap)
		dev->asker.depth = (uint8_t)(read16(dev, dev->ats_cap + ATS_CAP) & ATS_DEPTH);
	dev->pri_cap = dev->ats_cap && VTD_ECAP_PRS(dev->unit->ecap) ? find(dev, EXT_PRI) : 0;
	dev->asker.sid = dev->sid;
}

/* Does it take? */
static int set16(struct emu_device *dev, uint32_t off, uint16_t bit, const char *what)
{
	struct uvdk_le16 v = uvdk_to_le16((uint16_t)(read16(dev, off) | bit));

	if (uvdk_emu_fn_gone(dev->fn))
		return uvdk_fail(-ENODEV, EMU_COMPONENT, "%s is gone", uvdk_emu_fn_name(dev->fn));
	uvdk_emu_config_write(dev->fn, off, &v, sizeof(v));
	if (read16(dev, off) & bit)
		return 0;

	return uvdk_fail(-EIO, EMU_COMPONENT,
			 "%s has the capability, but %s can't be enabled (control at 0x%x)",
			 uvdk_emu_fn_name(dev->fn), what, off);
}

static void clear16(struct emu_device *dev, uint32_t off, uint16_t bit)
{
	struct uvdk_le16 v = uvdk_to_le16((uint16_t)(read16(dev, off) & ~bit));

	if (!uvdk_emu_fn_gone(dev->fn))
		uvdk_emu_config_write(dev->fn, off, &v, sizeof(v));
}

/* PASIDs can't be switched while ATS is on (PCIe 7.8.9.3). */
int emu_caps_enable(struct emu_device *dev)
{
	int err = 0;

	if (dev->pasid_on)
		err = set16(dev, dev->pasid_cap + PASID_CTRL, PASID_ENABLE, "PASID");
	if (err || !dev->ats_on)
		return err;
	err = set16(dev, dev->ats_cap + ATS_CTRL, ATS_ENABLE, "ATS");
	if (err && dev->pasid_on)
		clear16(dev, dev->pasid_cap + PASID_CTRL, PASID_ENABLE);

	return err;
}

void emu_caps_disable(struct emu_device *dev)
{
	if (dev->ats_cap)
		clear16(dev, dev->ats_cap + ATS_CTRL, ATS_ENABLE);
	if (dev->pasid_cap)
		clear16(dev, dev->pasid_cap + PASID_CTRL, PASID_ENABLE);
}

/* As many at once as it can have. */
int emu_caps_enable_requests(struct emu_device *dev)
{
	struct uvdk_le32 most = {0};

	uvdk_emu_config_read(dev->fn, dev->pri_cap + PRI_CAPACITY, &most, sizeof(most));
	if (!uvdk_emu_fn_gone(dev->fn))
		uvdk_emu_config_write(dev->fn, dev->pri_cap + PRI_ALLOC, &most, sizeof(most));

	return set16(dev, dev->pri_cap + PRI_CTRL, PRI_ENABLE, "PRI");
}

void emu_caps_disable_requests(struct emu_device *dev)
{
	clear16(dev, dev->pri_cap + PRI_CTRL, PRI_ENABLE);
}
