// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "dsa_pmd.h"

static bool dsa_match(const struct uvdk_device_info *info)
{
	static const uint16_t known[] = {0x0b25, 0x11fb, 0x1212};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (info->vendor == DSA_VENDOR && info->device == known[i])
			return true;

	return false;
}

static int get_regions(struct dsa *dsa)
{
	int ret = uvdk_device_region(dsa->dev, DSA_REGS_BAR, &dsa->regs);

	if (!ret)
		ret = uvdk_device_region(dsa->dev, DSA_PORTAL_BAR, &dsa->portals);
	if (ret == -ENOENT)
		return uvdk_fail(-EPROTO, LOG_NAME, "%s lacks BAR 0 or 2, which every DSA has",
				 dsa->name);
	if (ret)
		return ret;
	if (dsa->regs.size < DSA_TABLES_FIRST)
		return uvdk_fail(-EPROTO, LOG_NAME, "%s: BAR 0 has %llu bytes", dsa->name,
				 (unsigned long long)dsa->regs.size);

	return 0;
}

static int share_out(struct dsa *dsa, unsigned int asked)
{
	const struct dsa_caps *caps = &dsa->caps;
	unsigned int most = caps->wqs < caps->entries ? caps->wqs : caps->entries;

	if (asked > most)
		return uvdk_fail(-EINVAL, LOG_NAME,
				 "%s: %u channels are asked for; it has %u work queues with %u "
				 "entries between them",
				 dsa->name, asked, caps->wqs, caps->entries);
	dsa->channels = asked ? asked : most;
	dsa->wq_entries = caps->entries / dsa->channels;

	return 0;
}

static int start(struct dsa *dsa, unsigned int channels)
{
	int ret = uvdk_device_set_command(dsa->dev, UVDK_PCI_COMMAND_MEMORY, 0);

	if (!ret)
		ret = get_regions(dsa);
	if (!ret)
		ret = dsa_pmd_read_caps(dsa);
	if (!ret)
		ret = share_out(dsa, channels);
	if (!ret)
		ret = dsa_pmd_reset(dsa);
	if (!ret)
		ret = dsa_pmd_configure(dsa);
	if (ret && !uvdk_device_gone(dsa->dev))
		uvdk_device_set_command(dsa->dev, 0, UVDK_PCI_COMMAND_MASTER);

	return ret;
}

void dsa_pmd_tell(const struct dsa *dsa, struct uvdk_dmadev_info *info)
{
	const struct dsa_caps *caps = &dsa->caps;

	info->ops = UVDK_DMADEV_OP_COPY | UVDK_DMADEV_OP_COPY_SG;
	if (caps->opcap[0] & 1u << DSA_OP_FILL)
		info->ops |= UVDK_DMADEV_OP_FILL;
	if (caps->opcap[0] & 1u << DSA_OP_COMPARE)
		info->ops |= UVDK_DMADEV_OP_COMPARE;
	if (caps->opcap[0] & 1u << DSA_OP_CRC)
		info->ops |= UVDK_DMADEV_OP_CRC;
	if (caps->opcap[0] & 1u << DSA_OP_COPY_CRC)
		info->ops |= UVDK_DMADEV_OP_COPY_CRC;
	info->driver = "dsa";
	info->features = UVDK_DMADEV_RESUMES;
	if (caps->pasid_bits)
		info->features |= UVDK_DMADEV_PASIDS;
	if (caps->max_batch_shift)
		info->features |= UVDK_DMADEV_BATCH;
	if (caps->gencap & DSA_GENCAP_OVERLAP)
		info->features |= UVDK_DMADEV_OVERLAP;
	if (caps->gencap & DSA_GENCAP_BOF)
		info->features |= UVDK_DMADEV_BLOCKS;
	if (caps->vectors)
		info->features |= UVDK_DMADEV_IRQ;
	info->max_channels = dsa->channels;
	info->ring_max = RING_MAX;
	info->max_len = (size_t)1 << caps->max_len_shift;
	info->max_batch = 1u << caps->max_batch_shift;
	info->max_sg = SG_MAX;
	info->address_mask = UINT64_MAX;
}

static int dsa_open(struct uvdk_device *dev, const struct uvdk_dmadev_opts *opts,
		    struct uvdk_dmadev_info *info, void **priv)
{
	const char *name = uvdk_device_get_info(dev)->name;
	struct dsa *dsa = calloc(1, sizeof(*dsa));
	int ret;

	if (!dsa)
		return uvdk_fail(-ENOMEM, LOG_NAME, "no memory for %s", name);
	dsa->dev = dev;
	dsa->name = name;
	ret = start(dsa, opts->channels);
	if (ret) {
		free(dsa);
		return ret;
	}
	pthread_mutex_init(&dsa->lock, NULL);
	pthread_mutex_init(&dsa->swerr, NULL);
	dsa_pmd_tell(dsa, info);
	*priv = dsa;

	return 0;
}

/* Whatever it says to the command: without bus master it reaches no memory. */
static void dsa_close(void *priv)
{
	struct dsa *dsa = priv;

	if (!uvdk_device_gone(dsa->dev)) {
		dsa_pmd_check_swerr(dsa);
		if (!dsa->broken)
			dsa_pmd_command(dsa, DSA_CMD_DISABLE_DEVICE, 0, NULL);
		uvdk_device_set_command(dsa->dev, 0, UVDK_PCI_COMMAND_MASTER);
	}
	pthread_mutex_destroy(&dsa->lock);
	pthread_mutex_destroy(&dsa->swerr);
	free(dsa);
}

/*
 * The channel's thread counts without a lock, which it has no time for: each number is one
 * word. What is enqueued and not submitted is taken from a count of 32 bits, which fits that
 * of what was submitted at any time but for one moment of a copy_sg(); head is read first,
 * and never ahead of end.
 */
__attribute__((no_sanitize("thread"))) void dsa_pmd_chan_see(const struct uvdk_dmadev_chan *chan,
							     struct uvdk_dmadev_chan_seen *out)
{
	const volatile struct dsa_chan *c = (const volatile struct dsa_chan *)chan;
	uint64_t submitted = c->submitted;
	uint32_t head = c->head;
	int32_t pending = (int32_t)(head - c->extra - (uint32_t)submitted);
	int32_t left = (int32_t)(c->end - head);

	*out = (struct uvdk_dmadev_chan_seen){.pasid = c->pasid, .ring = c->mask + 1};
	out->free = left < 0 ? 0 : (unsigned int)left;
	if (out->free > out->ring)
		out->free = out->ring;
	out->stats.submitted = submitted;
	out->stats.enqueued = submitted + (pending < 0 ? 0 : (uint32_t)pending);
	out->stats.completed = c->completed;
	out->stats.failed = c->failures;
	out->stats.resumed = c->resumed;
	out->stats.doorbells = c->doorbells;
	out->stats.bytes = c->bytes;
}

void dsa_pmd_chan_stats(const struct uvdk_dmadev_chan *chan, struct uvdk_dmadev_stats *out)
{
	struct uvdk_dmadev_chan_seen seen;

	dsa_pmd_chan_see(chan, &seen);
	*out = seen.stats;
}

UVDK_EXPORT int uvdk_dsa_post(struct uvdk_dmadev_chan *chan, const void *desc)
{
	struct dsa_chan *c = dsa_chan(chan);
	uint64_t words[DSA_DESC_WORDS] __attribute__((aligned(DSA_DESC_SIZE)));

	if (chan->ops->copy != dsa_pmd_copy)
		return uvdk_fail(-EINVAL, LOG_NAME, "this channel is no DSA's");
	if (c->stopped || dsa_gone(c->dsa))
		return -ENODEV;
	memcpy(words, desc, sizeof(words));
	c->by_hand = true;
	if (!dsa_pmd_portal_write(c, words))
		return -ENOSPC;
	c->doorbells++;

	return 0;
}

extern const struct uvdk_dmadev_driver uvdk_dmadev_dsa;

const struct uvdk_dmadev_driver uvdk_dmadev_dsa = {
	.name = "dsa",
	.match = dsa_match,
	.open = dsa_open,
	.close = dsa_close,
	.chan_open = dsa_pmd_chan_open,
	.chan_close = dsa_pmd_chan_close,
	.chan_stats = dsa_pmd_chan_stats,
	.chan_see = dsa_pmd_chan_see,
};
