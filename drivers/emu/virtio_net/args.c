// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vnet_priv.h"

static const char *const evil_names[] = {
	[VNET_EVIL_PAIRS_0 - UVDK_EMU_VIRTIO_EVILS] = "pairs-0",
	[VNET_EVIL_PAIRS_HUGE - UVDK_EMU_VIRTIO_EVILS] = "pairs-huge",
	[VNET_EVIL_NUM_BUFFERS - UVDK_EMU_VIRTIO_EVILS] = "num-buffers",
	[VNET_EVIL_NUM_BUFFERS_0 - UVDK_EMU_VIRTIO_EVILS] = "num-buffers-0",
	[VNET_EVIL_HDR_CSUM - UVDK_EMU_VIRTIO_EVILS] = "hdr-csum",
};

static const struct {
	const char *key;
	uint64_t features;
} switches[] = {
	{"no-mrg", VNET_F_MRG_RXBUF},
	{"no-indirect", UVDK_EMU_VIRTIO_F_INDIRECT},
	{"no-event-idx", UVDK_EMU_VIRTIO_F_EVENT_IDX},
	{"no-in-order", UVDK_EMU_VIRTIO_F_IN_ORDER},
	{"no-mq", VNET_F_MQ},
	{"no-ctrl", VNET_F_CTRL_VQ | VNET_F_CTRL_RX | VNET_F_CTRL_MAC_ADDR | VNET_F_MQ},
	{"no-csum", VNET_F_CSUM | VNET_F_GUEST_CSUM},
};

int vnet_parse_evil(const char *text, uint64_t *evil)
{
	return uvdk_emu_virtio_parse_evil(
		text, evil_names, sizeof(evil_names) / sizeof(evil_names[0]), VNET_LOG, evil);
}

/* One number that fits an unsigned int. */
static int number(struct uvdk_args *args, const char *key, unsigned int min, unsigned int max,
		  unsigned int *value)
{
	uint64_t wide = *value;
	int ret = uvdk_args_u64(args, key, min, max, &wide);

	*value = (unsigned int)wide;

	return ret;
}

static int parse_mac(struct vnet_conf *conf, const char *text)
{
	unsigned int b[6];
	int end = 0;

	if (!text)
		return 0;
	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    text[end])
		return uvdk_fail(-EINVAL, VNET_LOG, "mac=%s is not of the form 02:00:00:00:00:01",
				 text);
	if (b[0] & 1)
		return uvdk_fail(
			-EINVAL, VNET_LOG,
			"mac=%s is a group address: a port needs its own (even first byte)", text);
	for (int i = 0; i < 6; i++)
		conf->mac[i] = (uint8_t)b[i];
	conf->mac_given = true;

	return 0;
}

static bool power_of_two(unsigned int v)
{
	return v && !(v & (v - 1));
}

static int parse_queues(struct vnet_conf *conf, struct uvdk_args *args)
{
	unsigned int size = 256;
	unsigned int mtu = 1500;
	int ret;

	conf->pairs = 1;
	conf->multiplier = 4;
	ret = number(args, "queues", 1, VNET_MAX_PAIRS, &conf->pairs);
	if (!ret)
		ret = number(args, "size", 2, UVDK_EMU_VIRTQ_MAX, &size);
	if (!ret)
		ret = number(args, "mtu", 68, 9216, &mtu);
	if (!ret)
		ret = number(args, "notify", 0, 128, &conf->multiplier);
	if (ret)
		return ret;
	if (!power_of_two(size))
		return uvdk_fail(-EINVAL, VNET_LOG, "size=%u is not a power of two", size);
	if (conf->multiplier == 1 || (conf->multiplier && !power_of_two(conf->multiplier)))
		return uvdk_fail(-EINVAL, VNET_LOG, "notify=%u is neither 0 nor 2, 4, ... 128",
				 conf->multiplier);
	conf->size = (uint16_t)size;
	conf->mtu = (uint16_t)mtu;

	return parse_mac(conf, uvdk_args_str(args, "mac", NULL));
}

static int parse_features(struct vnet_conf *conf, struct uvdk_args *args)
{
	uint64_t mask = UINT64_MAX;
	int ret;

	ret = uvdk_args_u64(args, "features", 0, UINT64_MAX, &mask);
	if (ret)
		return ret;

	conf->features = VNET_F_CSUM | VNET_F_GUEST_CSUM | VNET_F_MTU | VNET_F_MAC |
			 VNET_F_MRG_RXBUF | VNET_F_STATUS | VNET_F_CTRL_VQ | VNET_F_CTRL_RX |
			 VNET_F_CTRL_MAC_ADDR | UVDK_EMU_VIRTIO_F_INDIRECT |
			 UVDK_EMU_VIRTIO_F_EVENT_IDX | UVDK_EMU_VIRTIO_F_VERSION_1 |
			 UVDK_EMU_VIRTIO_F_ACCESS_PLATFORM | UVDK_EMU_VIRTIO_F_IN_ORDER;
	if (conf->pairs > 1)
		conf->features |= VNET_F_MQ;
	conf->features &= mask;
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (uvdk_args_str(args, switches[i].key, NULL))
			conf->features &= ~switches[i].features;
	conf->batch = !uvdk_args_str(args, "no-batch", NULL);

	return 0;
}

static int parse_source(struct vnet_conf *conf, struct uvdk_args *args)
{
	const char *frames = uvdk_args_str(args, "source", NULL);
	const char *len = uvdk_args_str(args, "len", "60");
	unsigned int bytes = 60;
	int ret = 0;

	conf->source = frames != NULL;
	conf->frames = UINT64_MAX;
	if (frames && *frames)
		ret = uvdk_args_u64(args, "source", 1, UINT64_MAX - 1, &conf->frames);
	if (ret)
		return ret;

	conf->imix = !strcmp(len, "imix");
	if (conf->imix && conf->mtu < 1500)
		return uvdk_fail(-EINVAL, VNET_LOG,
				 "len=imix has frames for an mtu of 1500, not %u", conf->mtu);
	if (!conf->imix)
		ret = number(args, "len", 60, 14u + conf->mtu, &bytes);
	conf->len = (uint16_t)bytes;
	if (!ret)
		ret = uvdk_args_u64(args, "rate", 1, 1000000000, &conf->rate);

	return ret;
}

static int parse_csum(struct vnet_conf *conf, const char *text)
{
	if (!strcmp(text, "valid"))
		conf->csum = VNET_CSUM_VALID;
	else if (!strcmp(text, "partial"))
		conf->csum = VNET_CSUM_PARTIAL;
	else if (!strcmp(text, "bad"))
		conf->csum = VNET_CSUM_BAD;
	else
		return uvdk_fail(-EINVAL, VNET_LOG, "csum=%s is not valid, partial or bad", text);

	return 0;
}

static int parse_link(struct vnet_conf *conf, struct uvdk_args *args)
{
	const char *name = uvdk_args_str(args, "link", "");

	conf->lossy = uvdk_args_str(args, "lossy", NULL) != NULL;
	conf->capture = uvdk_args_str(args, "capture", NULL) != NULL;
	if (strlen(name) >= sizeof(conf->link))
		return uvdk_fail(-EINVAL, VNET_LOG, "link=%s is longer than %zu characters", name,
				 sizeof(conf->link) - 1);
	strcpy(conf->link, name);
	if (conf->source && *name)
		return uvdk_fail(
			-EINVAL, VNET_LOG,
			"source and link=%s exclude each other: frames come from the one or "
			"the other",
			name);

	return 0;
}

int vnet_parse(struct vnet_conf *conf, struct uvdk_args *args)
{
	int ret;

	ret = parse_queues(conf, args);
	if (!ret)
		ret = parse_features(conf, args);
	if (!ret)
		ret = parse_source(conf, args);
	if (!ret)
		ret = parse_csum(conf, uvdk_args_str(args, "csum", "valid"));
	if (!ret)
		ret = parse_link(conf, args);
	if (!ret)
		ret = vnet_parse_evil(uvdk_args_str(args, "evil", ""), &conf->evil);
	if (!ret)
		ret = uvdk_args_u64(args, "evil-after", 0, UINT64_MAX, &conf->evil_after);
	if (!ret)
		ret = uvdk_args_finish(args, "virtio-net");

	return ret;
}
