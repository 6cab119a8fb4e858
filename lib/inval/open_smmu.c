// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include <uvdk_viommu.h>

#include "open.h"

/* Commands for a vIOMMU of SMMUv3, by system calls. */

#define CMD_OP	    0xffu
#define CMD_ATC_INV 0x40u
#define CMD_SID(n)  ((uint64_t)(n) << 32)

/* Lists that are too long are those of too many devices: then nothing is told to any. */
static int read_ids(struct open_smmu *smmu, const struct uvdk_nest_hold *hold)
{
	unsigned int generation = uvdk_nest_ids_generation(hold);
	unsigned int n = uvdk_nest_ids(hold, smmu->sid, INVAL_SIDS);

	if (n > INVAL_SIDS)
		return uvdk_fail(-EIO, INVAL_COMPONENT,
				 "%u devices of the vIOMMU cache translations: a queue can tell %u",
				 n, INVAL_SIDS);
	smmu->sids = n;
	smmu->generation = generation;

	return 0;
}

int open_smmu_init(struct open_smmu *smmu, const struct uvdk_nest_hold *hold)
{
	*smmu = (struct open_smmu){0};
	if (!hold->info->ats)
		return 0;
	smmu->cmd = calloc(UVDK_INVAL_BATCH, sizeof(*smmu->cmd));
	if (!smmu->cmd)
		return uvdk_fail(-ENOMEM, INVAL_COMPONENT, "no memory for %d commands",
				 UVDK_INVAL_BATCH);

	return read_ids(smmu, hold);
}

void open_smmu_fini(struct open_smmu *smmu)
{
	free(smmu->cmd);
}

static bool is_atc(const struct inval_cmd *cmd)
{
	return (uvdk_get64(cmd->w[0]) & CMD_OP) == CMD_ATC_INV;
}

/* Commands of one entry. */
static unsigned int width(const struct open_smmu *smmu, const struct inval_cmd *cmd)
{
	return is_atc(cmd) ? smmu->sids : 1;
}

static void fan_out(struct open_smmu *smmu, const struct inval_cmd *cmd, unsigned int at)
{
	if (!is_atc(cmd)) {
		smmu->cmd[at] = *cmd;
		return;
	}
	for (unsigned int i = 0; i < smmu->sids; i++) {
		smmu->cmd[at + i] = *cmd;
		smmu->cmd[at + i].w[0] =
			uvdk_to_le64(uvdk_get64(cmd->w[0]) | CMD_SID(smmu->sid[i]));
	}
}

/* As many of @count entries as there is room for, and how many commands they make. */
static unsigned int expand(struct open_smmu *smmu, const struct inval_cmd *cmd, unsigned int count,
			   unsigned int *commands)
{
	unsigned int n = 0;

	*commands = 0;
	while (n < count && *commands + width(smmu, &cmd[n]) <= UVDK_INVAL_BATCH) {
		fan_out(smmu, &cmd[n], *commands);
		*commands += width(smmu, &cmd[n++]);
	}

	return n;
}

/* Entries all of whose commands are among the first @done. */
static unsigned int whole(const struct open_smmu *smmu, const struct inval_cmd *cmd,
			  unsigned int count, unsigned int done)
{
	unsigned int n = 0;

	while (n < count && width(smmu, &cmd[n]) <= done)
		done -= width(smmu, &cmd[n++]);

	return n;
}

/*
 * Commands for the SMMU are right as they are made (tests/unit/inval/test_checked.c). Those for
 * devices name IDs and PASIDs that not every vIOMMU has.
 */
static int give(const struct uvdk_nest_hold *hold, const struct inval_cmd *cmd, unsigned int count,
		bool check, struct uvdk_inval_result *result)
{
	return check ? uvdk_viommu_invalidate(hold->viommu, cmd, sizeof(*cmd), count, result)
		     : uvdk_nest_invalidate(hold, cmd, count, result);
}

/*
 * The kernel's count claims nothing on failure but which one it refused: those
 * before are given once more, so that they are surely done.
 */
static int call(const struct uvdk_nest_hold *hold, const struct inval_cmd *cmd, unsigned int count,
		bool check, unsigned int *done)
{
	struct uvdk_inval_result result = {0}, again;
	int err = give(hold, cmd, count, check, &result);
	unsigned int before = result.failed < count ? result.failed : 0;

	*done = result.done;
	if (err && err != -ENODEV && !result.done && before &&
	    !give(hold, cmd, before, check, &again))
		*done = before;

	return err;
}

/* How many there are before the first ATC_INV: those go as they are. */
static unsigned int for_smmu(const struct open_smmu *smmu, const struct inval_cmd *cmd,
			     unsigned int count)
{
	unsigned int n = 0;

	if (!smmu->cmd)
		return count;
	while (n < count && !is_atc(&cmd[n]))
		n++;

	return n;
}

int open_smmu_submit(struct open_queue *own, const struct inval_cmd *cmd, unsigned int *count)
{
	struct open_smmu *smmu = &own->smmu;
	unsigned int n, commands, done = 0;
	int err = 0;

	n = for_smmu(smmu, cmd, *count);
	if (n) {
		*count = n;
		return call(&own->hold, cmd, n, false, count);
	}
	if (smmu->generation != uvdk_nest_ids_generation(&own->hold))
		err = read_ids(smmu, &own->hold);
	if (err) {
		*count = 0;
		return -ENODEV; /* nothing that follows could be right */
	}
	n = expand(smmu, cmd, *count, &commands);
	if (commands)
		err = call(&own->hold, smmu->cmd, commands, true, &done);
	*count = whole(smmu, cmd, n, done);
	/* An ID went meanwhile: its device is detached, and has nothing to forget. */
	if (err && smmu->generation != uvdk_nest_ids_generation(&own->hold))
		return -EAGAIN;

	return err;
}
