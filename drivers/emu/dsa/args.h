/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ARGS_H
#define ARGS_H

#include <uvdk_base_driver.h>

#include "dsa.h"

/* Capabilities of configuration space that are not there. */
struct dsa_lacks {
	bool pasid;
	bool pri;
};

/* What comes behind "emu:dsa"; @opts and @lacks come zeroed. 0 or -EINVAL. */
int dsa_parse(struct uvdk_args *args, struct dsa_opts *opts, struct dsa_lacks *lacks);

#endif /* ARGS_H */
