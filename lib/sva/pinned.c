// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "sva_priv.h"

static int pinned_probe(struct uvdk_device *dev, const struct uvdk_sva_opts *opts)
{
	(void)dev;
	(void)opts;

	return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT, "pinned: not built");
}

const struct sva_ops sva_pinned = {
	.name = "pinned",
	.id = UVDK_SVA_PINNED,
	.probe = pinned_probe,
};
