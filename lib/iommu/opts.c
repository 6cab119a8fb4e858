// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "iommu_priv.h"

/*
 * Every options struct begins with its size: older callers leave the tail at
 * its default, newer ones are refused if they ask for what we don't know.
 */
int ioas_copy_opts(void *to, size_t size, const void *from, const char *what)
{
	const unsigned char *bytes = from;
	size_t given;

	if (!from)
		return 0;
	memcpy(&given, from, sizeof(given));
	if (given < sizeof(given))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "%s.size is %zu; set it to sizeof(struct %s)", what, given, what);
	for (size_t i = size; i < given; i++) {
		if (bytes[i])
			return uvdk_fail(-EINVAL, IOAS_COMPONENT,
					 "%s has options that this version (%s) does not know",
					 what, UVDK_VERSION);
	}
	memcpy(to, from, given < size ? given : size);
	memcpy(to, &size, sizeof(size));

	return 0;
}

int ioas_iommu_opts(struct uvdk_iommu_opts *to, const struct uvdk_iommu_opts *from)
{
	int err;

	*to = (struct uvdk_iommu_opts){.size = sizeof(*to)};
	err = ioas_copy_opts(to, sizeof(*to), from, "uvdk_iommu_opts");
	to->sysfs_root = to->sysfs_root ? to->sysfs_root : "/sys";
	to->dev_root = to->dev_root ? to->dev_root : "/dev";

	return err;
}
