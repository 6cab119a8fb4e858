// SPDX-License-Identifier: BSD-3-Clause
/*
 * dev_msix BDF IOMMU: MSI-X, function reset and hot reset on a PCI Express
 * function with several vectors (QEMU's igb: 10, e1000e: 5).
 */
#include <sys/eventfd.h>

#include "dev_common.h"

#define VECTORS_MAX 16

static struct uvdk_device *dev;
static unsigned int vectors;

static void expect_only(const int *fds, unsigned int fired)
{
	CHECK_EQ(uvdk_device_irq_trigger(dev, UVDK_IRQ_MSIX, fired), 0);
	for (unsigned int i = 0; i < vectors; i++)
		CHECK_EQ(readable_within(fds[i], 0), i == fired);
	CHECK_EQ(take_count(fds[fired]), 1);
}

static void interrupts(void)
{
	int fds[VECTORS_MAX];

	for (unsigned int i = 0; i < vectors; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK_EQ(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 0, 2, fds), 0);
	expect_only(fds, 1);

	/* More than were turned on at first; the first ones must live on. */
	CHECK_EQ(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 3, vectors - 3, fds + 3), 0);
	expect_only(fds, 0);
	expect_only(fds, 1);
	expect_only(fds, vectors - 1);
	CHECK_ERR(uvdk_device_irq_trigger(dev, UVDK_IRQ_MSIX, 2), -EINVAL);
	CHECK_EQ(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 2, 1, fds + 2), 0);
	expect_only(fds, 2);
	CHECK_EQ(uvdk_device_irq_disable(dev, UVDK_IRQ_MSIX), 0);
	CHECK_EQ(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 0, vectors, fds), 0);
	expect_only(fds, vectors - 1);
	CHECK_EQ(uvdk_device_irq_disable(dev, UVDK_IRQ_MSIX), 0);
	for (unsigned int i = 0; i < vectors; i++)
		close(fds[i]);
	printf("%u vectors\n", vectors);
}

static void resets(void)
{
	struct uvdk_pci_addr addrs[8];
	uint16_t command;
	int count;

	CHECK(uvdk_device_get_info(dev)->can_reset, "function reset");
	CHECK_EQ(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY, 0),
		 0);
	CHECK_EQ(uvdk_device_reset(dev), 0);
	CHECK_EQ(uvdk_device_config_read(dev, 4, &command, 2), 0);
	CHECK_EQ(command & 6, 6);

	count = uvdk_device_hot_reset_list(dev, addrs, 8);
	if (count < 0) {
		CHECK_ERR(count, -EOPNOTSUPP);
		return;
	}
	for (int i = 0; i < count; i++) {
		char name[UVDK_PCI_ADDR_LEN];

		printf("  a hot reset affects %s\n", uvdk_pci_addr_format(&addrs[i], name));
	}
	CHECK_EQ(uvdk_device_hot_reset(dev), 0);
	CHECK_EQ(uvdk_device_config_read(dev, 4, &command, 2), 0);
	CHECK_EQ(command & 6, 6);
	printf("reset, %d function(s) by hot reset\n", count);
}

int main(int argc, char **argv)
{
	struct uvdk_iommu *iommu;
	struct uvdk_region bar;
	unsigned int fds = count_fds();

	if (argc != 3)
		return 2;
	CHECK_EQ(uvdk_iommu_open(argv[2], NULL, &iommu), 0);
	CHECK_EQ(uvdk_device_open(iommu, argv[1], NULL, &dev), 0);
	vectors = (unsigned int)uvdk_device_irq_count(dev, UVDK_IRQ_MSIX);
	CHECK(vectors >= 5 && vectors <= VECTORS_MAX, "%u vectors", vectors);
	for (unsigned int i = 0; i < 6; i++)
		if (!uvdk_device_region(dev, i, &bar))
			printf("BAR %u: 0x%llx bytes, %s\n", i, (unsigned long long)bar.size,
			       bar.mappable ? "mapped" : "by calls");
	interrupts();
	resets();
	interrupts();
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	printf("all good\n");
	return 0;
}
