// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_device_driver.h>
#include <uvdk_dmadev_driver.h>
#include <uvdk_emu_driver.h>
#include <uvdk_iommu_driver.h>

/* Every driver built into libuvdk. Adding one is adding two lines here. */

extern const struct uvdk_bus_ops uvdk_bus_uio_sva;
extern const struct uvdk_bus_ops uvdk_bus_vfio_pci;
extern const struct uvdk_bus_ops uvdk_bus_emu;

const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {
	&uvdk_bus_emu,
	&uvdk_bus_uio_sva,
	&uvdk_bus_vfio_pci,
	NULL,
};

extern const struct uvdk_iommu_ops uvdk_iommu_iommufd;
extern const struct uvdk_iommu_ops uvdk_iommu_type1;
extern const struct uvdk_iommu_ops uvdk_iommu_noiommu;
extern const struct uvdk_iommu_ops uvdk_iommu_kernel;
extern const struct uvdk_iommu_ops uvdk_iommu_emu;
extern const struct uvdk_iommu_ops uvdk_iommu_virtio;
extern const struct uvdk_iommu_ops uvdk_iommu_virtio_emu;

const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {
	&uvdk_iommu_iommufd, &uvdk_iommu_type1,	 &uvdk_iommu_noiommu,	 &uvdk_iommu_kernel,
	&uvdk_iommu_emu,     &uvdk_iommu_virtio, &uvdk_iommu_virtio_emu, NULL,
};

extern const struct uvdk_emu_model uvdk_model_copier;
extern const struct uvdk_emu_model uvdk_model_dsa;
extern const struct uvdk_emu_model uvdk_model_edu;
extern const struct uvdk_emu_model uvdk_model_virtio_iommu;
extern const struct uvdk_emu_model uvdk_model_virtio_net;

const struct uvdk_emu_model *const uvdk_builtin_models[] = {
	&uvdk_model_copier,	  &uvdk_model_dsa,	  &uvdk_model_edu,
	&uvdk_model_virtio_iommu, &uvdk_model_virtio_net, NULL,
};

extern const struct uvdk_dmadev_driver uvdk_dmadev_dsa;
extern const struct uvdk_dmadev_driver uvdk_dmadev_edu;

const struct uvdk_dmadev_driver *const uvdk_builtin_dmadevs[] = {
	&uvdk_dmadev_dsa,
	&uvdk_dmadev_edu,
	NULL,
};
