// SPDX-License-Identifier: BSD-3-Clause
#include "fault_testing.h"

struct uvdk_device *dev, *second;
struct uvdk_faultq *queue;
struct uvdk_hwpt *table;
struct uvdk_fault got[256];

void fault_setup(void)
{
	struct uvdk_faultq_opts opts = {.size = sizeof(opts), .groups_max = 8};
	struct uvdk_hwpt_opts hwpt_opts = {.size = sizeof(hwpt_opts), .flags = UVDK_HWPT_PASID};

	fake_reset();
	fake_faults_register();
	cr_assert_eq(uvdk_iommu_open("fake-faults", NULL, &iommu), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	dev = fake_device();
	second = fake_device();
	cr_assert_eq(uvdk_faultq_create(iommu, &opts, &queue), 0, "%s", uvdk_last_error());
	hwpt_opts.faultq = queue;
	cr_assert_eq(uvdk_hwpt_create(ioas, dev, &hwpt_opts, &table), 0, "%s", uvdk_last_error());
	cr_assert_eq(fake_faults.table_queue, &fake_faults);
	for (uint32_t pasid = 5; pasid <= 6; pasid++) {
		cr_assert_eq(uvdk_hwpt_attach(table, dev, pasid), 0);
		cr_assert_eq(uvdk_hwpt_attach(table, second, pasid), 0);
	}
}

/* Nothing may be left. */
void fault_teardown(void)
{
	uvdk_hwpt_destroy(table);
	cr_expect_eq(stats().waiting, 0);
	uvdk_faultq_destroy(queue);
	uvdk_device_close(dev);
	uvdk_device_close(second);
	cr_expect_eq(fake_faults.queues, 0);
	fake_teardown();
}
