// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "sva_priv.h"

static int demand_probe(struct uvdk_device *dev, const struct uvdk_sva_opts *opts)
{
	(void)dev;
	(void)opts;

	return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT, "demand: not built");
}

const struct sva_ops sva_demand = {
	.name = "demand",
	.id = UVDK_SVA_DEMAND,
	.probe = demand_probe,
};
