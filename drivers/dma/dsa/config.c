// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "dsa_pmd.h"

#define PRIORITY 10u /* of 15; all alike */

/*
 * Everything is even: as many groups as there are channels, engines and groups to have,
 * engines and queues dealt round them, and each queue the same number of entries.
 */

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static int write_group(struct dsa *dsa, unsigned int group, unsigned int groups)
{
	uint64_t at = dsa->caps.grpcfg + (uint64_t)group * DSA_GRPCFG_SIZE;
	uint64_t wqs[4] = {0}, engines = 0;
	int ret = 0;

	for (unsigned int i = group; i < dsa->channels && group < groups; i += groups)
		wqs[i / 64] |= UINT64_C(1) << i % 64;
	for (unsigned int i = group; i < dsa->caps.engines && group < groups; i += groups)
		engines |= UINT64_C(1) << i;
	for (unsigned int i = 0; i < 4 && !ret; i++)
		ret = uvdk_region_write(&dsa->regs, at + 8 * i, 8, wqs[i]);
	if (!ret)
		ret = uvdk_region_write(&dsa->regs, at + DSA_GRPCFG_ENGINES, 8, engines);
	if (!ret)
		ret = uvdk_region_write(&dsa->regs, at + DSA_GRPCFG_FLAGS, 8,
					group < groups ? DSA_GRP_TC_A(1) | DSA_GRP_TC_B(1) |
								 DSA_GRP_RDBUFS(dsa->caps.rdbufs)
						       : 0);

	return ret;
}

static uint64_t wqcfg(const struct dsa *dsa, unsigned int wq, unsigned int reg)
{
	return dsa->caps.wqcfg + wq * dsa->caps.wqcfg_size + reg;
}

static uint32_t mode(const struct dsa *dsa)
{
	return DSA_WQ_DEDICATED |
	       (dsa->caps.wqcap & DSA_WQCAP_PRIORITY ? DSA_WQ_PRIORITY(PRIORITY) : 0);
}

static int write_wq(struct dsa *dsa, unsigned int wq)
{
	const struct dsa_caps *caps = &dsa->caps;
	uint32_t entries = wq < dsa->channels ? dsa->wq_entries : 0;
	int ret = uvdk_region_write(&dsa->regs, wqcfg(dsa, wq, DSA_WQCFG_ENTRIES), 4, entries);

	if (ret || !entries)
		return ret;
	ret = uvdk_region_write(&dsa->regs, wqcfg(dsa, wq, DSA_WQCFG_THRESH), 4, 0);
	if (!ret)
		ret = uvdk_region_write(&dsa->regs, wqcfg(dsa, wq, DSA_WQCFG_MODE), 4, mode(dsa));
	if (!ret)
		ret = uvdk_region_write(&dsa->regs, wqcfg(dsa, wq, DSA_WQCFG_LIMITS), 4,
					DSA_WQ_LIMITS(caps->max_len_shift, caps->max_batch_shift));
	for (unsigned int i = 0; i < 4 && !ret && caps->wqcap & DSA_WQCAP_OPCFG; i++)
		ret = uvdk_region_write(&dsa->regs, wqcfg(dsa, wq, DSA_WQCFG_OPS + 8 * i), 8,
					caps->opcap[i]);

	return ret;
}

int dsa_pmd_configure(struct dsa *dsa)
{
	unsigned int groups = min3(dsa->channels, dsa->caps.groups, dsa->caps.engines);
	int ret = 0;

	for (unsigned int i = 0; i < dsa->caps.wqs && !ret; i++)
		ret = write_wq(dsa, i);
	for (unsigned int i = 0; i < dsa->caps.groups && !ret; i++)
		ret = write_group(dsa, i, groups);
	if (!ret)
		ret = uvdk_device_set_command(dsa->dev, UVDK_PCI_COMMAND_MASTER, 0);
	if (!ret)
		ret = dsa_pmd_command(dsa, DSA_CMD_ENABLE_DEVICE, 0, NULL);

	return ret;
}

static int check_enabled(struct dsa_chan *c, bool enabled)
{
	uint64_t state = 0;
	int ret = uvdk_region_read(&c->dsa->regs, wqcfg(c->dsa, c->wq, DSA_WQCFG_STATE), 4, &state);

	if (ret)
		return ret;
	if ((DSA_WQ_STATE(state) == 1) != enabled)
		return uvdk_fail(
			-EPROTO, LOG_NAME, "%s: work queue %u was to be %s, and its state is %u",
			c->dsa->name, c->wq, enabled ? "enabled" : "disabled", DSA_WQ_STATE(state));

	return 0;
}

int dsa_pmd_wq_enable(struct dsa_chan *c)
{
	uint32_t value = mode(c->dsa);
	int ret;

	if (c->flags & UVDK_DMADEV_CHAN_BLOCK)
		value |= DSA_WQ_BOF;
	if (c->pasid)
		value |= DSA_WQ_PASID_EN | DSA_WQ_PASID(c->pasid);
	ret = uvdk_region_write(&c->dsa->regs, wqcfg(c->dsa, c->wq, DSA_WQCFG_MODE), 4, value);
	if (!ret)
		ret = dsa_pmd_command(c->dsa, DSA_CMD_ENABLE_WQ, c->wq, NULL);
	if (!ret)
		ret = check_enabled(c, true);
	if (ret)
		dsa_pmd_wq_disable(c);

	return ret;
}

int dsa_pmd_wq_abort(struct dsa_chan *c)
{
	if (!dsa_pmd_has_command(c->dsa, DSA_CMD_ABORT_WQ))
		return uvdk_fail(-EOPNOTSUPP, LOG_NAME, "%s can't abort a work queue",
				 c->dsa->name);

	return dsa_pmd_command(c->dsa, DSA_CMD_ABORT_WQ, DSA_WQ_OPERAND(c->wq), NULL);
}

/* By a command that waits for what runs, or else by taking all of the device off memory. */
void dsa_pmd_wq_disable(struct dsa_chan *c)
{
	uint64_t state = 0;
	int ret = uvdk_region_read(&c->dsa->regs, wqcfg(c->dsa, c->wq, DSA_WQCFG_STATE), 4, &state);

	if (ret || c->dsa->broken || !DSA_WQ_STATE(state))
		return;
	if ((c->posted != c->retired || c->by_hand) &&
	    dsa_pmd_has_command(c->dsa, DSA_CMD_ABORT_WQ))
		dsa_pmd_wq_abort(c);
	ret = dsa_pmd_command(c->dsa, DSA_CMD_DISABLE_WQ, DSA_WQ_OPERAND(c->wq), NULL);
	if (!ret)
		ret = check_enabled(c, false);
	if (ret)
		dsa_pmd_give_up(c->dsa);
}
