// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "../unit/iommu/fake.h"
#include "backend.h"

/* The fake driver of the unit tests: shows that the tests themselves are sound. */

static struct uvdk_iommu *open_fake(void)
{
	struct uvdk_iommu *opened = NULL;
	int err = uvdk_iommu_register(&fake_ops);

	cr_assert(err == 0 || err == -EEXIST);
	err = uvdk_bus_register(&fake_bus);
	cr_assert(err == 0 || err == -EEXIST);
	fake_reset();
	cr_assert_eq(uvdk_iommu_open("fake", NULL, &opened), 0);
	return opened;
}

static void close_fake(struct uvdk_iommu *opened)
{
	uvdk_iommu_close(opened);
	cr_assert_eq(fake.maps + fake.attached + fake.bindings + fake.ioas + fake.opened, 0);
}

static struct uvdk_device *device_fake(struct uvdk_iommu *under)
{
	struct uvdk_device *dev = NULL;

	cr_assert_eq(uvdk_device_open(under, "fake:0", NULL, &dev), 0, "%s", uvdk_last_error());
	return dev;
}

static int copy_fake(struct uvdk_device *dev, uvdk_iova_t dst, uvdk_iova_t src, size_t len)
{
	for (size_t done = 0; done < len; done++) {
		struct fake_map *from = fake_seen_by(dev, src + done);
		struct fake_map *to = fake_seen_by(dev, dst + done);

		if (!from || !to || !(from->flags & UVDK_MAP_READ) || !(to->flags & UVDK_MAP_WRITE))
			return -EFAULT;
		to->va[dst + done - to->iova] = from->va[src + done - from->iova];
	}
	return 0;
}

const struct backend backend_fake = {
	.name = "fake",
	.open = open_fake,
	.close = close_fake,
	.device = device_fake,
	.copy = copy_fake,
};
