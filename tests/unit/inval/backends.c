// SPDX-License-Identifier: BSD-3-Clause
#include "inval_testing.h"

const struct backend *const backends[] = {&backend_fake,   &backend_ioctl_vtd, &backend_ioctl_smmu,
					  &backend_thread, &backend_hwqueue,   &backend_emu};

unsigned int backend_count(void)
{
	return sizeof(backends) / sizeof(backends[0]);
}
