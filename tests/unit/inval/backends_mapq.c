// SPDX-License-Identifier: BSD-3-Clause
#include "inval_testing.h"

const struct backend *const backends[] = {&backend_mapq};

unsigned int backend_count(void)
{
	return 1;
}
