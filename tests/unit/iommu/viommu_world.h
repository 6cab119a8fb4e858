/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WORLD_H
#define VIOMMU_WORLD_H

#include <criterion/criterion.h>
#include <string.h>

#include "fake_viommu.h"

/* A device, and 64 KiB that are mapped at MAPPED. */
#define MAPPED	   0x100000u
#define MAPPED_LEN 0x10000u

static struct uvdk_device *dev;

#define REFUSED(call, err, text)                                                        \
	do {                                                                            \
		cr_expect_eq(call, err, "%s", uvdk_last_error());                       \
		cr_expect(said(text), "\"%s\" is not in: %s", text, uvdk_last_error()); \
	} while (0)

static inline void world_setup(void)
{
	uvdk_iova_t iova = MAPPED;

	fake_setup();
	memset(&fake_viommu, 0, sizeof(fake_viommu));
	fake_viommu.asid_bits = 16;
	fake_viommu.ssid_bits = 8;
	dev = fake_device();
	cr_assert_eq(uvdk_ioas_map(ioas, fake_memory(MAPPED_LEN), MAPPED_LEN,
				   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		     0);
}

static inline void world_teardown(void)
{
	uvdk_device_close(dev);
	fake_teardown();
	cr_assert_eq(fake_viommu.objects, 0);
	cr_assert_eq(fake_viommu.wrong_orders, 0);
}

static inline struct uvdk_viommu *viommu_for(struct uvdk_device *d, enum uvdk_nest_type type)
{
	const struct uvdk_viommu_opts opts = {.size = sizeof(opts), .type = type};
	struct uvdk_viommu *viommu = NULL;

	cr_assert_eq(uvdk_viommu_create(ioas, d, &opts, &viommu), 0, "%s", uvdk_last_error());
	return viommu;
}

#endif /* VIOMMU_WORLD_H */
