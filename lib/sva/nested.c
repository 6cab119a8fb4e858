// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "sva_priv.h"

static int nested_probe(struct uvdk_device *dev, const struct uvdk_sva_opts *opts)
{
	(void)dev;
	(void)opts;

	return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT, "nested: not built");
}

const struct sva_ops sva_nested = {
	.name = "nested",
	.id = UVDK_SVA_NESTED,
	.probe = nested_probe,
};
