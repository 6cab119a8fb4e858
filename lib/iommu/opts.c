// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "iommu_priv.h"

int ioas_iommu_opts(struct uvdk_iommu_opts *to, const struct uvdk_iommu_opts *from)
{
	int err;

	*to = (struct uvdk_iommu_opts){.size = sizeof(*to)};
	err = uvdk_opts_copy(to, sizeof(*to), from, "uvdk_iommu_opts");
	to->sysfs_root = to->sysfs_root ? to->sysfs_root : "/sys";
	to->dev_root = to->dev_root ? to->dev_root : "/dev";

	return err;
}
