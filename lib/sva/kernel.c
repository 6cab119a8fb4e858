// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <uvdk_device_driver.h>

#include "sva_priv.h"

/* The device walks the CPU's tables: all that is to be done is to begin and to end it. */

static int kernel_probe(struct uvdk_device *dev, const struct uvdk_sva_opts *opts)
{
	if (!uvdk_device_has_sva(dev))
		return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
				 "kernel: %s is under %s, it must be bound to uio_pci_sva "
				 "(uvdk-devbind -b uio_pci_sva) and opened under iommu 'kernel'",
				 uvdk_device_get_info(dev)->name, uvdk_device_get_info(dev)->bus);
	if (opts->flags & UVDK_SVA_RID)
		return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
				 "kernel: accesses without a PASID stay with the kernel's own "
				 "table: bind without UVDK_SVA_RID");
	if (opts->pasid)
		return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
				 "kernel: PASID %u was asked for, but here the kernel chooses: "
				 "leave it 0",
				 opts->pasid);

	return 0;
}

static int kernel_bind(struct uvdk_sva *sva)
{
	return uvdk_device_sva_bind(sva->dev, &sva->pasid);
}

static void kernel_unbind(struct uvdk_sva *sva)
{
	uvdk_device_sva_unbind(sva->dev);
}

static int kernel_share(struct uvdk_sva *sva, uintptr_t addr, size_t len, bool writable)
{
	(void)sva;
	(void)addr;
	(void)len;
	(void)writable;

	return 0;
}

static void kernel_forget(struct uvdk_sva *sva, uintptr_t addr, size_t len)
{
	(void)sva;
	(void)addr;
	(void)len;
}

const struct sva_ops sva_kernel = {
	.name = "kernel",
	.id = UVDK_SVA_KERNEL,
	.follows = UVDK_SVA_FOLLOW_UNMAP | UVDK_SVA_FOLLOW_REMOVE | UVDK_SVA_FOLLOW_PROTECT |
		   UVDK_SVA_FOLLOW_FORK,
	.probe = kernel_probe,
	.bind = kernel_bind,
	.unbind = kernel_unbind,
	.share = kernel_share,
	.forget = kernel_forget,
};
