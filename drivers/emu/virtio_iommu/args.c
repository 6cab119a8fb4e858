// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vio_priv.h"

static const char *const evil_names[] = {
	[VIO_EVIL_NO_ANSWER - UVDK_EMU_VIRTIO_EVILS] = "no-answer",
	[VIO_EVIL_TAIL_RESERVED - UVDK_EMU_VIRTIO_EVILS] = "tail-reserved",
	[VIO_EVIL_PAGE_MASK_0 - UVDK_EMU_VIRTIO_EVILS] = "page-mask-0",
	[VIO_EVIL_INPUT_EMPTY - UVDK_EMU_VIRTIO_EVILS] = "input-empty",
	[VIO_EVIL_DOMAIN_EMPTY - UVDK_EMU_VIRTIO_EVILS] = "domain-empty",
	[VIO_EVIL_PROBE_HUGE - UVDK_EMU_VIRTIO_EVILS] = "probe-huge",
	[VIO_EVIL_BYPASS_2 - UVDK_EMU_VIRTIO_EVILS] = "bypass-2",
	[VIO_EVIL_PROBE_RANDOM - UVDK_EMU_VIRTIO_EVILS] = "probe-random",
	[VIO_EVIL_PROBE_LENGTH - UVDK_EMU_VIRTIO_EVILS] = "probe-length",
	[VIO_EVIL_PROBE_UNKNOWN - UVDK_EMU_VIRTIO_EVILS] = "probe-unknown",
	[VIO_EVIL_PROBE_RESERVED - UVDK_EMU_VIRTIO_EVILS] = "probe-reserved",
	[VIO_EVIL_EVENT_FLOOD - UVDK_EMU_VIRTIO_EVILS] = "event-flood",
	[VIO_EVIL_EVENT_SHORT - UVDK_EMU_VIRTIO_EVILS] = "event-short",
	[VIO_EVIL_BYPASS_STUCK - UVDK_EMU_VIRTIO_EVILS] = "bypass-stuck",
};

static const struct {
	const char *key;
	uint64_t features;
} switches[] = {
	{"no-input", VIO_F_INPUT_RANGE},
	{"no-domain", VIO_F_DOMAIN_RANGE},
	{"no-map", VIO_F_MAP_UNMAP},
	{"no-bypass", VIO_F_BYPASS_CONFIG | VIO_F_BYPASS},
	{"no-probe", VIO_F_PROBE},
	{"no-mmio", VIO_F_MMIO},
	{"no-indirect", UVDK_EMU_VIRTIO_F_INDIRECT},
	{"no-event-idx", UVDK_EMU_VIRTIO_F_EVENT_IDX},
};

int vio_parse_evil(const char *text, uint64_t *evil)
{
	return uvdk_emu_virtio_parse_evil(
		text, evil_names, sizeof(evil_names) / sizeof(evil_names[0]), VIO_LOG, evil);
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

/* "FIRST:LAST", and where it ends. */
static bool scan_range(const char *text, uint64_t *first, uint64_t *last, const char **end)
{
	char *at;

	errno = 0;
	*first = strtoull(text, &at, 0);
	if (at == text || *at != ':')
		return false;
	text = at + 1;
	*last = strtoull(text, &at, 0);
	*end = at;

	return at != text && !errno && *first <= *last;
}

static int range(struct uvdk_args *args, const char *key, uint64_t max, uint64_t *first,
		 uint64_t *last)
{
	const char *text = uvdk_args_str(args, key, NULL);
	const char *end;

	if (!text)
		return 0;
	if (!scan_range(text, first, last, &end) || *end || *last > max)
		return uvdk_fail(-EINVAL, VIO_LOG,
				 "%s=%s is not of the form FIRST:LAST, LAST at most 0x%llx", key,
				 text, (unsigned long long)max);

	return 0;
}

static int parse_config(struct vio_conf *conf, struct uvdk_args *args)
{
	struct uvdk_emu_virtio_iommu_config *c = &conf->config;
	uint64_t first = 0, last = 0xffff;
	unsigned int probe = 512, bypass = 1;
	int ret;

	c->page_size_mask = UINT64_C(0xfffffffffffff000);
	c->input_end = UINT64_C(0x7fffffffff);
	ret = uvdk_args_u64(args, "pages", 1, UINT64_MAX, &c->page_size_mask);
	if (!ret)
		ret = range(args, "input", UINT64_MAX, &c->input_start, &c->input_end);
	if (!ret)
		ret = range(args, "domains", UINT32_MAX, &first, &last);
	if (!ret)
		ret = number(args, "probe", 0, VIO_PROBE_MAX, &probe);
	if (!ret)
		ret = number(args, "bypass", 0, 1, &bypass);
	c->domain_start = (uint32_t)first;
	c->domain_end = (uint32_t)last;
	c->probe_size = probe;
	c->bypass = (uint8_t)bypass;

	return ret;
}

/* "FIRST:LAST[:msi][+...]" */
static int parse_resv(struct vio_conf *conf, const char *text)
{
	const char *at = text;

	while (*at) {
		struct vio_resv *resv = &conf->resv[conf->nr_resv];

		if (conf->nr_resv == VIO_RESV_MAX ||
		    !scan_range(at, &resv->first, &resv->last, &at))
			break;
		if (!strncmp(at, ":msi", 4)) {
			resv->subtype = VIO_RESV_MSI;
			at += 4;
		}
		conf->nr_resv++;
		if (*at == '+' && at[1])
			at++;
		else if (*at)
			break;
	}
	if (*at)
		return uvdk_fail(-EINVAL, VIO_LOG,
				 "resv=%s is not of the form FIRST:LAST[:msi][+...], %d at most",
				 text, VIO_RESV_MAX);

	return 0;
}

static bool power_of_two(unsigned int v)
{
	return v && !(v & (v - 1));
}

static int parse_queues(struct vio_conf *conf, struct uvdk_args *args)
{
	unsigned int size = 256;
	int ret;

	conf->multiplier = 4;
	ret = number(args, "size", 2, UVDK_EMU_VIRTQ_MAX, &size);
	if (!ret)
		ret = number(args, "notify", 0, 128, &conf->multiplier);
	if (ret)
		return ret;
	if (!power_of_two(size))
		return uvdk_fail(-EINVAL, VIO_LOG, "size=%u is not a power of two", size);
	if (conf->multiplier == 1 || (conf->multiplier && !power_of_two(conf->multiplier)))
		return uvdk_fail(-EINVAL, VIO_LOG, "notify=%u is neither 0 nor 2, 4, ... 128",
				 conf->multiplier);
	conf->size = (uint16_t)size;

	return 0;
}

static int parse_features(struct vio_conf *conf, struct uvdk_args *args)
{
	uint64_t mask = UINT64_MAX;
	int ret;

	ret = uvdk_args_u64(args, "features", 0, UINT64_MAX, &mask);
	if (ret)
		return ret;

	conf->features = VIO_F_INPUT_RANGE | VIO_F_DOMAIN_RANGE | VIO_F_MAP_UNMAP | VIO_F_PROBE |
			 VIO_F_MMIO | UVDK_EMU_VIRTIO_F_INDIRECT | UVDK_EMU_VIRTIO_F_EVENT_IDX |
			 UVDK_EMU_VIRTIO_F_VERSION_1 | UVDK_EMU_VIRTIO_F_ACCESS_PLATFORM;
	conf->features |=
		uvdk_args_str(args, "old-bypass", NULL) ? VIO_F_BYPASS : VIO_F_BYPASS_CONFIG;
	if (uvdk_args_str(args, "in-order", NULL))
		conf->features |= UVDK_EMU_VIRTIO_F_IN_ORDER;
	conf->features &= mask;
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (uvdk_args_str(args, switches[i].key, NULL))
			conf->features &= ~switches[i].features;

	return 0;
}

static int parse_order(struct vio_conf *conf, struct uvdk_args *args)
{
	const char *order = uvdk_args_str(args, "order", "in");
	const char *events = uvdk_args_str(args, "events", "wait");
	int ret;

	conf->batch = VIO_BATCH;
	ret = number(args, "delay", 0, 1000000, &conf->delay);
	if (!ret)
		ret = number(args, "batch", 1, VIO_BATCH, &conf->batch);
	if (ret)
		return ret;
	conf->random = !strcmp(order, "random");
	conf->drop = !strcmp(events, "drop");
	conf->early = uvdk_args_str(args, "early", NULL) != NULL;
	if ((!conf->random && strcmp(order, "in")) || (!conf->drop && strcmp(events, "wait")))
		return uvdk_fail(-EINVAL, VIO_LOG,
				 "order=%s is not in or random, or events=%s not wait or drop",
				 order, events);
	if (conf->random && (conf->features & UVDK_EMU_VIRTIO_F_IN_ORDER))
		return uvdk_fail(-EINVAL, VIO_LOG, "order=random and in-order exclude each other");

	return 0;
}

int vio_parse(struct vio_conf *conf, struct uvdk_args *args)
{
	int ret;

	ret = parse_queues(conf, args);
	if (!ret)
		ret = parse_features(conf, args);
	if (!ret)
		ret = parse_config(conf, args);
	if (!ret)
		ret = parse_order(conf, args);
	if (!ret)
		ret = parse_resv(conf, uvdk_args_str(args, "resv", ""));
	if (!ret)
		ret = uvdk_args_u64(args, "evil-after", 0, UINT64_MAX, &conf->evil_after);
	if (!ret)
		ret = vio_parse_evil(uvdk_args_str(args, "evil", ""), &conf->evil);

	return ret;
}
