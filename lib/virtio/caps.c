// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "virtio_priv.h"

/* Finds the structures of the modern transport (virtio 1.2, 4.1.4). */

/* Capabilities that fit into 256 bytes of configuration space: more is a loop. */
#define MAX_CAPS 48

static const struct {
	const char *name;
	uint32_t min_len;
	uint32_t align;
	bool required;
} areas[] = {
	[CAP_COMMON] = {"common configuration", sizeof(struct common), 4, true},
	[CAP_NOTIFY] = {"notification", 2, 2, true},
	[CAP_ISR] = {"ISR status", 1, 1, false},
	[CAP_CONFIG] = {"device configuration", 1, 4, false},
};

static struct uvdk_virtio_area *area_of(struct uvdk_virtio *v, unsigned int type)
{
	switch (type) {
	case CAP_COMMON:
		return &v->common;
	case CAP_NOTIFY:
		return &v->notify;
	case CAP_ISR:
		return &v->isr;
	case CAP_CONFIG:
		return &v->config;
	default:
		return NULL;
	}
}

/* Checks where the capability points, and remembers it. */
static int use_cap(struct uvdk_virtio *v, const struct cap *cap, struct uvdk_virtio_area *area)
{
	uint32_t off = uvdk_get32(cap->offset);
	uint32_t len = uvdk_get32(cap->length);
	const char *what = areas[cap->type].name;
	struct uvdk_region region;
	int ret;

	ret = uvdk_device_region(v->dev, cap->bar, &region);
	if (ret == -ENODEV)
		return ret;
	if (ret)
		return uvdk_fail(-EPROTO, COMPONENT, "%s: the %s is said to be in BAR %u, %s",
				 v->name, what, cap->bar, "which the device does not have");
	if (off > region.size || len > region.size - off)
		return uvdk_fail(-EPROTO, COMPONENT,
				 "%s: the %s is said to be %u bytes at 0x%x of BAR %u, which has "
				 "only %llu bytes",
				 v->name, what, len, off, cap->bar,
				 (unsigned long long)region.size);
	if (len < areas[cap->type].min_len)
		return uvdk_fail(-EPROTO, COMPONENT, "%s: the %s has %u bytes, at least %u needed",
				 v->name, what, len, areas[cap->type].min_len);
	if (off % areas[cap->type].align)
		return uvdk_fail(-EPROTO, COMPONENT, "%s: the %s is misaligned at 0x%x of BAR %u",
				 v->name, what, off, cap->bar);

	area->region = region;
	area->off = off;
	area->len = len;
	if (cap->type == CAP_NOTIFY)
		v->notify_multiplier = uvdk_get32(cap->notify_multiplier);

	return 0;
}

/* Reads the capability at @pos; the first of each type is the preferred one. */
static int visit_cap(struct uvdk_virtio *v, uint32_t pos)
{
	struct uvdk_virtio_area *area;
	struct cap cap = {0};
	uint32_t need;
	int ret;

	if (pos + CAP_LEN > 256)
		return uvdk_fail(-EBADMSG, COMPONENT,
				 "%s: virtio capability at 0x%x is cut short by the end of "
				 "configuration space",
				 v->name, pos);
	ret = uvdk_device_config_read(v->dev, pos, &cap, CAP_LEN);
	if (ret)
		return ret;

	area = area_of(v, cap.type);
	if (!area || area->len || cap.bar > 5)
		return 0; /* reserved values are to be ignored */

	need = cap.type == CAP_NOTIFY ? CAP_NOTIFY_LEN : CAP_LEN;
	if (cap.len < need || pos + need > 256)
		return uvdk_fail(-EBADMSG, COMPONENT,
				 "%s: the capability of the %s at 0x%x has %u bytes, %u needed",
				 v->name, areas[cap.type].name, pos, cap.len, need);
	ret = uvdk_device_config_read(v->dev, pos, &cap, need);
	if (ret)
		return ret;

	return use_cap(v, &cap, area);
}

static int find_areas(struct uvdk_virtio *v)
{
	const struct uvdk_pci_config *config = uvdk_device_pci_config(v->dev);
	uint32_t pos = 0;

	for (unsigned int i = 0; i < MAX_CAPS; i++) {
		int ret = uvdk_pci_find_cap(config, CAP_ID_VENDOR, pos);

		if (ret == -ENOENT)
			return 0;
		if (ret < 0)
			return uvdk_fail(ret, COMPONENT, "%s: its capability list %s", v->name,
					 ret == -ELOOP	   ? "loops"
					 : ret == -EBADMSG ? "is cut short"
							   : "can't be read");
		pos = (uint32_t)ret;
		ret = visit_cap(v, pos);
		if (ret)
			return ret;
	}

	return uvdk_fail(-ELOOP, COMPONENT, "%s: its capability list loops", v->name);
}

UVDK_EXPORT int uvdk_virtio_open(struct uvdk_device *dev, struct uvdk_virtio *out)
{
	struct uvdk_virtio v = {.dev = dev, .name = uvdk_device_get_info(dev)->name};
	int ret = find_areas(&v);

	if (ret)
		return ret;

	for (unsigned int type = CAP_COMMON; type <= CAP_CONFIG; type++)
		if (areas[type].required && !area_of(&v, type)->len)
			return uvdk_fail(-EOPNOTSUPP, COMPONENT,
					 "%s: has no %s capability, so it is no modern virtio "
					 "device; give it disable-legacy=on,disable-modern=off",
					 v.name, areas[type].name);

	ret = uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MEMORY | UVDK_PCI_COMMAND_INTX_DISABLE,
				      0);
	if (ret)
		return ret;
	*out = v;

	return 0;
}
