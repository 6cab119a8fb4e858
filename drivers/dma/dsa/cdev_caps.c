// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "dsa_pmd.h"

/*
 * What idxd tells of a queue in sysfs (Linux, Documentation/ABI/stable/sysfs-driver-dma-idxd):
 * attributes of the queue are in the folder above its node's, those of the device one further up.
 */

#define QUEUE  "../"
#define DEVICE "../../"

static bool attribute(const char *sysfs, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	FILE *f;

	*text = '\0';
	if (snprintf(path, sizeof(path), "%s/%s", sysfs, name) >= (int)sizeof(path))
		return false;
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fgets(text, (int)size, f))
		text[strcspn(text, "\n")] = '\0';
	fclose(f);

	return *text;
}

/* 0 where there is none. */
static uint64_t number(const char *sysfs, const char *name)
{
	char text[64];

	return attribute(sysfs, name, text, sizeof(text)) ? strtoull(text, NULL, 0) : 0;
}

/*
 * The lowest 32 operations: the last of several groups of digits behind commas, or, of older
 * kernels, the first word.
 */
static uint32_t operations(const char *sysfs)
{
	char text[256];
	const char *comma;

	if (!attribute(sysfs, QUEUE "op_config", text, sizeof(text)) &&
	    !attribute(sysfs, DEVICE "op_cap", text, sizeof(text)))
		return 1u << DSA_OP_COPY;
	comma = strrchr(text, ',');

	return (uint32_t)strtoull(comma ? comma + 1 : text, NULL, 16);
}

/* idxd's queues of other accelerators (iax) take other descriptors. */
static int check_kind(const struct dsa *dsa, const char *sysfs)
{
	char path[PATH_MAX], device[PATH_MAX] = "", type[32];
	const char *name;

	snprintf(path, sizeof(path), "%s/" DEVICE, sysfs);
	name = realpath(path, device) ? strrchr(device, '/') + 1 : "";
	if (strncmp(name, "dsa", 3))
		return uvdk_fail(-EOPNOTSUPP, LOG_NAME, "%s is a queue of '%s', which is no DSA",
				 dsa->name, name);
	if (attribute(sysfs, QUEUE "type", type, sizeof(type)) && strcmp(type, "user"))
		return uvdk_fail(-EOPNOTSUPP, LOG_NAME,
				 "%s is of type '%s': configure it as one of type 'user'",
				 dsa->name, type);

	return 0;
}

static unsigned int log2_of(uint64_t value, unsigned int most)
{
	unsigned int shift = 0;

	while (shift < most && value >> (shift + 1))
		shift++;

	return shift;
}

int dsa_pmd_cdev_caps(struct dsa *dsa, const char *sysfs)
{
	uint64_t size = number(sysfs, QUEUE "size");
	uint64_t len = number(sysfs, QUEUE "max_transfer_size");
	struct dsa_caps *caps = &dsa->caps;
	int ret = check_kind(dsa, sysfs);

	if (ret)
		return ret;
	if (!size || size > UINT16_MAX || !len)
		return uvdk_fail(-EPROTO, LOG_NAME,
				 "%s: sysfs tells of %llu entries and %llu bytes at most: is it "
				 "enabled?",
				 dsa->name, (unsigned long long)size, (unsigned long long)len);
	caps->opcap[0] = operations(sysfs);
	if (!(caps->opcap[0] & 1u << DSA_OP_COPY))
		return uvdk_fail(-EOPNOTSUPP, LOG_NAME, "%s can't copy: its op_config is 0x%llx",
				 dsa->name, (unsigned long long)caps->opcap[0]);
	caps->gencap = number(sysfs, DEVICE "gen_cap");
	if (!number(sysfs, QUEUE "block_on_fault"))
		caps->gencap &= ~(uint64_t)DSA_GENCAP_BOF;
	caps->entries = dsa->wq_entries = (unsigned int)size;
	caps->wqs = 1;
	caps->max_len_shift = log2_of(len, 31);
	caps->max_batch_shift = log2_of(number(sysfs, QUEUE "max_batch_size"), 15);

	return 0;
}
