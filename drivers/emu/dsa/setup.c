// SPDX-License-Identifier: BSD-3-Clause
/* What must hold before the device, or a queue of it, can be enabled (9.2.11). */
#include "dsa_priv.h"

uint64_t dsa_group_wqs(const struct dsa *dsa, unsigned int group)
{
	return get64(dsa->grpcfg + group * GRPCFG_SIZE);
}

uint64_t dsa_group_engines(const struct dsa *dsa, unsigned int group)
{
	return get64(dsa->grpcfg + group * GRPCFG_SIZE + GRPCFG_ENGINES);
}

/* Queues beyond those that one word has bits for. */
static bool far_wqs(const struct dsa *dsa, unsigned int group)
{
	const uint8_t *cfg = dsa->grpcfg + group * GRPCFG_SIZE;

	return get64(cfg + 8) || get64(cfg + 16) || get64(cfg + 24);
}

static unsigned int total_size(const struct dsa *dsa)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < NR_WQS; i++)
		sum += WQ_SIZE(dsa->wqcfg[i]);

	return sum;
}

/* Each queue with a size is in one group, each without in none. */
static enum cmd_error check_wqs(const struct dsa *dsa)
{
	for (unsigned int g = 0; g < NR_GROUPS; g++)
		if (far_wqs(dsa, g) || dsa_group_wqs(dsa, g) >> dsa->opts.wqs)
			return CE_GROUP_WQ;
	for (unsigned int i = 0; i < NR_WQS; i++) {
		unsigned int groups = 0;

		for (unsigned int g = 0; g < NR_GROUPS; g++)
			groups += (unsigned int)(dsa_group_wqs(dsa, g) >> i & 1);
		if (groups != (WQ_SIZE(dsa->wqcfg[i]) ? 1 : 0))
			return CE_GROUP_WQ;
	}

	return CE_OK;
}

static enum cmd_error check_engines(const struct dsa *dsa)
{
	uint64_t seen = 0;

	for (unsigned int g = 0; g < NR_GROUPS; g++) {
		uint64_t engines = dsa_group_engines(dsa, g);

		if (engines >> NR_ENGINES || engines & seen)
			return CE_GROUP_ENGINE;
		seen |= engines;
	}

	return CE_OK;
}

static enum cmd_error check_groups(const struct dsa *dsa)
{
	unsigned int reserved = 0;

	for (unsigned int g = 0; g < NR_GROUPS; g++) {
		uint64_t flags = get64(dsa->grpcfg + g * GRPCFG_SIZE + GRPCFG_FLAGS);

		if (!dsa_group_wqs(dsa, g) != !dsa_group_engines(dsa, g))
			return CE_GROUP_EMPTY;
		reserved += (unsigned int)(flags >> 8 & 0xff);
		if ((flags >> 20 & 0xff) < (flags >> 8 & 0xff) ||
		    (flags >> 20 & 0xff) > NR_READ_BUFFERS)
			return CE_GROUP_BUFFERS;
	}

	return reserved > NR_READ_BUFFERS ? CE_GROUP_BUFFERS : CE_OK;
}

enum cmd_error dsa_check_device(struct dsa *dsa)
{
	enum cmd_error error;

	if (dsa->state != DEV_DISABLED)
		return CE_NOT_DISABLED;
	if (!dsa->config.master)
		return CE_BUS_MASTER;
	if (dsa->config.prs && (!dsa->config.prs_alloc || dsa->config.prs_alloc > PRS_CAPACITY))
		return CE_PRS_ALLOC;
	if (total_size(dsa) > TOTAL_SIZE)
		return CE_WQ_SIZES;
	error = check_wqs(dsa);
	if (!error)
		error = check_engines(dsa);

	return error ? error : check_groups(dsa);
}

enum cmd_error dsa_check_wq(const struct dsa *dsa, unsigned int wq)
{
	const uint32_t *cfg = dsa->wqcfg[wq];

	if (dsa->state != DEV_ENABLED)
		return CE_NOT_ENABLED;
	if (dsa->queues[wq].state != WQ_DISABLED)
		return CE_WQ_NOT_DISABLED;
	if (!WQ_SIZE(cfg))
		return CE_WQ_SIZE;
	if (!WQ_PRIORITY(cfg))
		return CE_WQ_PRIORITY;
	if (!WQ_DEDICATED(cfg) && dsa->opts.no_shared)
		return CE_WQ_MODE;
	if (WQ_BLOCK(cfg) && (dsa->opts.no_block || !dsa->config.prs))
		return CE_WQ_BLOCK;
	/* Who uses a shared queue is told apart by PASID. */
	if (WQ_PASID_ON(cfg) ? !dsa->config.pasids : !WQ_DEDICATED(cfg))
		return CE_WQ_PASID;
	if (WQ_PRIV(cfg)) /* the PASID capability has no privileged mode */
		return CE_WQ_PRIV;
	if (WQ_BATCH(cfg) > dsa->opts.max_batch)
		return CE_WQ_BATCH;
	if (WQ_TRANSFER(cfg) > dsa->opts.max_size)
		return CE_WQ_TRANSFER;

	return CE_OK;
}
