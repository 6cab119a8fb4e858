// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_base_driver.h>

#include "args.h"

/*
 * What comes behind "emu:dsa":
 *
 *  version=1|2         of the specification (1); 2: queues admit operations one by one
 *  wqs=N               work queues, 1 to 16 (8)
 *  max-batch=N         descriptors of a batch, as a power of two, 1 to 15 (10)
 *  max-size=N          bytes of a transfer, the same, 4 to 31 (31)
 *  cmd-delay=N         steps that a command takes
 *  cmd-hang=CODE       commands of this code never end
 *  fault-rate=N        one access in N finds no translation, whatever the IOMMU says
 *  spare-records       but those to completion records find theirs
 *  seed=N              of what is left to chance
 *  reorder             descriptors of a queue, and of a batch, overtake each other
 *  handles             interrupts have handles (command 13)
 *  no-block, no-overlap, no-shared  capabilities that are not there
 *  no-pasid, no-pri    the same, of configuration space
 *  evil=NAME[+NAME...]  lies: enum dsa_evil
 *  evil-after=N        but not before so many descriptors
 */
static const char *const evil_names[DSA_EVILS] = {
	[DSA_EVIL_STATUS] = "status",	    [DSA_EVIL_NO_RECORD] = "no-record",
	[DSA_EVIL_EARLY] = "early",	    [DSA_EVIL_TWICE] = "twice",
	[DSA_EVIL_BYTES] = "bytes",	    [DSA_EVIL_FAULT] = "fault",
	[DSA_EVIL_NO_DATA] = "no-data",	    [DSA_EVIL_GENCAP] = "gencap",
	[DSA_EVIL_WQCAP] = "wqcap",	    [DSA_EVIL_OFFSETS] = "offsets",
	[DSA_EVIL_ONES] = "ones",	    [DSA_EVIL_CMD_HANG] = "cmd-hang",
	[DSA_EVIL_CMD_ERROR] = "cmd-error", [DSA_EVIL_CMD_LIE] = "cmd-lie",
	[DSA_EVIL_VANISH] = "vanish",	    [DSA_EVIL_HALT] = "halt",
	[DSA_EVIL_IRQ_STORM] = "irq-storm", [DSA_EVIL_SWERR_STORM] = "swerr-storm",
};

static int one_evil(const char *name, size_t len, uint64_t *evil)
{
	for (unsigned int i = 0; i < DSA_EVILS; i++)
		if (strlen(evil_names[i]) == len && !memcmp(evil_names[i], name, len)) {
			*evil |= UINT64_C(1) << i;
			return 0;
		}

	return uvdk_fail(-EINVAL, "emu.dsa", "evil=%.*s: there is no such lie; see drivers/emu/dsa",
			 (int)len, name);
}

static int parse_evil(const char *text, uint64_t *evil)
{
	int ret = 0;

	while (text && !ret) {
		size_t len = strcspn(text, "+");

		ret = one_evil(text, len, evil);
		text = text[len] ? text + len + 1 : NULL;
	}

	return ret;
}

/* A number that fits an unsigned int. */
static int number(struct uvdk_args *args, const char *key, unsigned int min, unsigned int max,
		  unsigned int *value)
{
	uint64_t wide = *value;
	int ret = uvdk_args_u64(args, key, min, max, &wide);

	*value = (unsigned int)wide;

	return ret;
}

static bool given(struct uvdk_args *args, const char *key)
{
	return uvdk_args_str(args, key, NULL) != NULL;
}

int dsa_parse(struct uvdk_args *args, struct dsa_opts *opts, struct dsa_lacks *lacks)
{
	unsigned int version = 1;
	int ret = parse_evil(uvdk_args_str(args, "evil", NULL), &opts->evil);

	opts->reorder = given(args, "reorder");
	opts->handles = given(args, "handles");
	opts->spare_records = given(args, "spare-records");
	opts->no_block = given(args, "no-block");
	opts->no_shared = given(args, "no-shared");
	opts->no_overlap = given(args, "no-overlap");
	lacks->pasid = given(args, "no-pasid");
	lacks->pri = given(args, "no-pri");
	if (!ret)
		ret = number(args, "version", 1, 2, &version);
	if (!ret)
		ret = number(args, "wqs", 1, 16, &opts->wqs);
	if (!ret)
		ret = number(args, "max-batch", 1, 15, &opts->max_batch);
	if (!ret)
		ret = number(args, "max-size", 4, 31, &opts->max_size);
	if (!ret)
		ret = number(args, "cmd-delay", 0, UINT32_MAX, &opts->cmd_delay);
	if (!ret)
		ret = number(args, "cmd-hang", 1, 31, &opts->cmd_hang);
	if (!ret)
		ret = number(args, "fault-rate", 1, UINT32_MAX, &opts->fault_rate);
	if (!ret)
		ret = uvdk_args_u64(args, "seed", 0, UINT64_MAX, &opts->seed);
	if (!ret)
		ret = uvdk_args_u64(args, "evil-after", 0, UINT64_MAX, &opts->evil_after);
	opts->version = version << 8;

	return ret;
}
