// SPDX-License-Identifier: BSD-3-Clause
/*
 * dev_open BDF IOMMU hold: open, print "open", wait to be killed.
 * dev_open BDF IOMMU ERRNO TEXT...: opening must fail with that errno (its
 * name), the sentence must hold each TEXT, and nothing may be left behind.
 * dev_open BDF IOMMU twice: the second open in one process must fail with EBUSY.
 */
#include "dev_common.h"

static int expect(const char *name, int ret, char **texts)
{
	printf("%s: %s\n", ret ? strerrorname_np(-ret) : "success", uvdk_last_error());
	if (!ret || strcmp(strerrorname_np(-ret), name)) {
		printf("FAILED: wanted %s\n", name);
		return 1;
	}
	for (; *texts; texts++) {
		if (!strstr(uvdk_last_error(), *texts)) {
			printf("FAILED: the sentence does not say '%s'\n", *texts);
			return 1;
		}
	}

	return 0;
}

int main(int argc, char **argv)
{
	struct uvdk_device *dev = NULL;
	struct uvdk_device *second;
	struct uvdk_iommu *iommu = NULL;
	unsigned int fds = count_fds();
	int ret;

	if (argc < 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	ret = uvdk_iommu_open(argv[2], NULL, &iommu);
	if (!ret)
		ret = uvdk_device_open(iommu, argv[1], NULL, &dev);
	if (!strcmp(argv[3], "hold")) {
		CHECK_EQ(ret, 0);
		printf("open\n");
		pause();
	}
	if (!strcmp(argv[3], "twice")) {
		CHECK_EQ(ret, 0);
		CHECK_ERR(uvdk_device_open(iommu, argv[1], NULL, &second), -EBUSY);
	} else if (expect(argv[3], ret, argv + 4)) {
		return 1;
	}

	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
