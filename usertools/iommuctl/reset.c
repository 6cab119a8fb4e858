// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "iommuctl.h"

/*
 * Opening the iommu "virtio" resets the virtio-iommus of this machine, and turns bypass off;
 * closing it leaves them like that: nothing behind them reaches any memory.
 */
enum ctl_exit reset_units(const struct ctl *ctl)
{
	const struct uvdk_iommu_opts opts = {
		.size = sizeof(opts), .sysfs_root = ctl->sysfs_root, .dev_root = ctl->dev_root};
	struct uvdk_iommu *iommu;
	int err = uvdk_iommu_open("virtio", &opts, &iommu);

	if (err == -ENOENT || err == -ENODEV)
		return EXIT_NO_IOMMU;
	if (err)
		return exit_of(err);
	uvdk_iommu_close(iommu);
	if (ctl->json)
		printf("{\"reset\":true}\n");
	else
		printf("every virtio-iommu was reset: bypass is off, nothing is attached\n");

	return EXIT_DONE;
}
