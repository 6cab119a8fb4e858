// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "sva_priv.h"

static int kernel_probe(struct uvdk_device *dev, const struct uvdk_sva_opts *opts)
{
	(void)dev;
	(void)opts;

	return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT, "kernel: not built");
}

const struct sva_ops sva_kernel = {
	.name = "kernel",
	.id = UVDK_SVA_KERNEL,
	.probe = kernel_probe,
};
