// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_dmadev_driver.h>
#include <uvdk_emu_driver.h>
#include <uvdk_iommu_driver.h>

/* What these tests need of drivers/builtin.c: the emulated world and edu. */

extern const struct uvdk_bus_ops uvdk_bus_emu;
extern const struct uvdk_iommu_ops uvdk_iommu_emu;
extern const struct uvdk_emu_model uvdk_model_copier;
extern const struct uvdk_emu_model uvdk_model_edu;
extern const struct uvdk_dmadev_driver uvdk_dmadev_edu;

const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&uvdk_bus_emu, NULL};
const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {&uvdk_iommu_emu, NULL};
const struct uvdk_emu_model *const uvdk_builtin_models[] = {&uvdk_model_edu, &uvdk_model_copier,
							    NULL};
const struct uvdk_dmadev_driver *const uvdk_builtin_dmadevs[] = {&uvdk_dmadev_edu, NULL};
