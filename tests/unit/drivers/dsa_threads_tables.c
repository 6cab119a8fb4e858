// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_dmadev_driver.h>
#include <uvdk_emu_driver.h>
#include <uvdk_iommu_driver.h>
#include <uvdk_sva.h>

/* What dsa_threads.c needs of drivers/builtin.c, and of lib/sva: no channel here is on one. */

extern const struct uvdk_bus_ops uvdk_bus_emu;
extern const struct uvdk_iommu_ops uvdk_iommu_emu;
extern const struct uvdk_emu_model uvdk_model_dsa;
extern const struct uvdk_dmadev_driver uvdk_dmadev_dsa;

const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&uvdk_bus_emu, NULL};
const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {&uvdk_iommu_emu, NULL};
const struct uvdk_emu_model *const uvdk_builtin_models[] = {&uvdk_model_dsa, NULL};
const struct uvdk_dmadev_driver *const uvdk_builtin_dmadevs[] = {&uvdk_dmadev_dsa, NULL};

uint32_t uvdk_sva_pasid(const struct uvdk_sva *sva)
{
	(void)sva;

	return 0;
}

int uvdk_sva_share(struct uvdk_sva *sva, const void *addr, size_t len)
{
	(void)sva, (void)addr, (void)len;

	return -EOPNOTSUPP;
}

int uvdk_sva_forget(struct uvdk_sva *sva, const void *addr, size_t len)
{
	(void)sva, (void)addr, (void)len;

	return -EOPNOTSUPP;
}

void uvdk_sva_get_info(struct uvdk_sva *sva, struct uvdk_sva_info *out)
{
	(void)sva;
	memset(out, 0, sizeof(*out));
}
