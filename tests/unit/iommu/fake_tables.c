// SPDX-License-Identifier: BSD-3-Clause
#include "fake.h"

/* Instead of the drivers built into the library. */
const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {&fake_ops, &fake_picks_ops, NULL};
const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&fake_bus, NULL};
