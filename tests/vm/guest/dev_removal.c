// SPDX-License-Identifier: BSD-3-Clause
/*
 * dev_removal BDF IOMMU: open edu, print "ready" and go on reading a register
 * through a plain pointer until the kernel wants the device back; close it,
 * print "closed".
 */
#include "dev_common.h"

int main(int argc, char **argv)
{
	volatile uint32_t *id;
	enum uvdk_device_event event = UVDK_DEVICE_EVENT_NONE;
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_region bar;
	unsigned int fds = count_fds();
	uint64_t value;

	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	CHECK_EQ(uvdk_iommu_open(argv[2], NULL, &iommu), 0);
	CHECK_EQ(uvdk_device_open(iommu, argv[1], NULL, &dev), 0);
	CHECK_EQ(uvdk_device_region(dev, 0, &bar), 0);
	id = uvdk_region_ptr(&bar, 0, 4);
	CHECK(id && *id == 0x010000ed, "register");
	printf("ready\n");

	while (!readable_within(uvdk_device_event_fd(dev), 10))
		CHECK(*id == 0x010000ed || *id == UINT32_MAX, "0x%x", *id);
	event = uvdk_device_next_event(dev);
	CHECK(event == UVDK_DEVICE_EVENT_REMOVE || event == UVDK_DEVICE_EVENT_GONE, "%d", event);
	printf("event %s\n", event == UVDK_DEVICE_EVENT_REMOVE ? "remove" : "gone");
	CHECK(uvdk_device_gone(dev), "closed for business");
	CHECK_EQ(uvdk_region_read(&bar, 0, 4, &value), -ENODEV);
	(void)*id; /* must not kill us, whatever it reads */
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	printf("closed\n");
	return 0;
}
