// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_device_driver.h>
#include <uvdk_emu_driver.h>
#include <uvdk_iommu_driver.h>

/* Only what is emulated, and of the models only the one under test. */

extern const struct uvdk_bus_ops uvdk_bus_emu;
extern const struct uvdk_iommu_ops uvdk_iommu_emu;
extern const struct uvdk_emu_model uvdk_model_virtio_net;

const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&uvdk_bus_emu, NULL};
const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {&uvdk_iommu_emu, NULL};
const struct uvdk_emu_model *const uvdk_builtin_models[] = {&uvdk_model_virtio_net, NULL};
