// SPDX-License-Identifier: BSD-3-Clause
/*
 * dev_edu BDF IOMMU: everything that lib/device offers, on QEMU's edu device
 * (docs/specs/edu in QEMU): registers, configuration space, interrupts, reset.
 */
#include <sys/eventfd.h>

#include "dev_common.h"

#define EDU_ID	     0x00 /* 0x010000ed */
#define EDU_LIVENESS 0x04 /* reads back inverted */
#define EDU_IRQ_STAT 0x24
#define EDU_RAISE    0x60
#define EDU_ACK	     0x64

static struct uvdk_device *dev;
static struct uvdk_region bar;

static uint32_t rd(uint64_t off)
{
	uint64_t value;

	CHECK_EQ(uvdk_region_read(&bar, off, 4, &value), 0);
	return (uint32_t)value;
}

static void wr(uint64_t off, uint32_t value)
{
	CHECK_EQ(uvdk_region_write(&bar, off, 4, value), 0);
}

static void registers(void)
{
	volatile uint32_t *reg;

	CHECK_EQ(uvdk_device_region(dev, 0, &bar), 0);
	CHECK_EQ(bar.size, 1 << 20);
	CHECK(bar.mappable, "BAR 0");
	CHECK_EQ(rd(EDU_ID), 0x010000ed);
	wr(EDU_LIVENESS, 0x12345678);
	CHECK_EQ(rd(EDU_LIVENESS), ~0x12345678u);
	reg = uvdk_region_ptr(&bar, EDU_LIVENESS, 4);
	CHECK(reg, "pointer");
	*reg = 0xffff0000;
	CHECK_EQ(*reg, 0x0000ffff);
	CHECK_ERR(uvdk_device_region(dev, 1, &bar), -ENOENT);
	CHECK_EQ(uvdk_device_region(dev, 0, &bar), 0);
	printf("registers\n");
}

static void config_space(void)
{
	const struct uvdk_pci_config *config = uvdk_device_pci_config(dev);
	uint16_t ids[2];
	uint16_t command;
	uint32_t word;

	CHECK_EQ(uvdk_device_config_read(dev, 0, ids, sizeof(ids)), 0);
	CHECK(ids[0] == 0x1234 && ids[1] == 0x11e8, "%x:%x", ids[0], ids[1]);
	CHECK(uvdk_pci_find_cap(config, 0x05, 0) > 0, "no MSI capability");
	CHECK_EQ(uvdk_pci_find_cap(config, 0x11, 0), -ENOENT);
	CHECK_ERR(uvdk_device_config_read(dev, config->size, &word, 4), -EINVAL);
	CHECK_EQ(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY, 0),
		 0);
	CHECK_EQ(uvdk_device_config_read(dev, 4, &command, 2), 0);
	CHECK_EQ(command & 6, 6);
	CHECK_EQ(uvdk_device_check(dev), 0);
	printf("configuration space of %u bytes\n", config->size);
}

static void msi(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int none = -1;

	CHECK_EQ(uvdk_device_irq_count(dev, UVDK_IRQ_MSI), 1);
	CHECK_EQ(uvdk_device_irq_count(dev, UVDK_IRQ_MSIX), 0);
	CHECK_ERR(uvdk_device_irq_set(dev, UVDK_IRQ_MSI, 0, 2, (int[]){fd, fd}), -EINVAL);
	CHECK_EQ(uvdk_device_irq_set(dev, UVDK_IRQ_MSI, 0, 1, &fd), 0);
	CHECK_ERR(uvdk_device_irq_set(dev, UVDK_IRQ_INTX, 0, 1, &fd), -EBUSY);
	CHECK_ERR(uvdk_device_irq_mask(dev, UVDK_IRQ_MSI, 0, true), -EOPNOTSUPP);

	CHECK_EQ(uvdk_device_irq_trigger(dev, UVDK_IRQ_MSI, 0), 0);
	CHECK_EQ(take_count(fd), 1);
	wr(EDU_RAISE, 1);
	CHECK_EQ(take_count(fd), 1);
	CHECK_EQ(rd(EDU_IRQ_STAT), 1);
	wr(EDU_ACK, 1);

	CHECK_EQ(uvdk_device_irq_set(dev, UVDK_IRQ_MSI, 0, 1, &none), 0);
	CHECK_ERR(uvdk_device_irq_trigger(dev, UVDK_IRQ_MSI, 0), -EINVAL);
	CHECK_EQ(uvdk_device_irq_set(dev, UVDK_IRQ_MSI, 0, 1, &fd), 0);
	wr(EDU_RAISE, 2);
	CHECK_EQ(take_count(fd), 1);
	wr(EDU_ACK, 2);
	CHECK_EQ(uvdk_device_irq_disable(dev, UVDK_IRQ_MSI), 0);
	close(fd);
	printf("MSI\n");
}

/* A line is masked by the kernel when it fires, until it is unmasked. */
static void intx(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (uvdk_device_irq_count(dev, UVDK_IRQ_INTX) == 0) {
		printf("no INTx\n");
		return;
	}
	CHECK_EQ(uvdk_device_irq_set(dev, UVDK_IRQ_INTX, 0, 1, &fd), 0);
	CHECK_EQ(uvdk_device_irq_trigger(dev, UVDK_IRQ_INTX, 0), 0);
	CHECK_EQ(take_count(fd), 1);
	wr(EDU_RAISE, 1);
	CHECK_EQ(take_count(fd), 1);
	wr(EDU_ACK, 1);
	wr(EDU_RAISE, 1);
	CHECK(!readable_within(fd, 50), "the line is not masked");
	CHECK_EQ(uvdk_device_irq_mask(dev, UVDK_IRQ_INTX, 0, false), 0);
	CHECK_EQ(take_count(fd), 1);
	wr(EDU_ACK, 1);
	CHECK_EQ(uvdk_device_irq_mask(dev, UVDK_IRQ_INTX, 0, true), 0);
	CHECK_EQ(uvdk_device_irq_disable(dev, UVDK_IRQ_INTX), 0);
	close(fd);
	printf("INTx\n");
}

static void reset(void)
{
	uint16_t command;

	if (uvdk_device_get_info(dev)->can_reset)
		CHECK_EQ(uvdk_device_reset(dev), 0);
	else
		CHECK_ERR(uvdk_device_reset(dev), -EOPNOTSUPP);
	CHECK_EQ(uvdk_device_config_read(dev, 4, &command, 2), 0);
	CHECK_EQ(command & 6, 6);
	CHECK_EQ(rd(EDU_ID), 0x010000ed);
	CHECK_EQ(uvdk_device_next_event(dev), UVDK_DEVICE_EVENT_NONE);
	CHECK(!readable_within(uvdk_device_event_fd(dev), 0), "an event waits");
	printf("reset\n");
}

int main(int argc, char **argv)
{
	struct uvdk_iommu_info info;
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	unsigned int fds;
	unsigned int maps;

	if (argc != 3)
		return 2;
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	fds = count_fds();
	CHECK_EQ(uvdk_iommu_open(argv[2], NULL, &iommu), 0);
	CHECK_EQ(uvdk_device_open(iommu, argv[1], NULL, &dev), 0);
	CHECK_EQ(uvdk_iommu_get_info(dev, &info), 0);
	printf("%s by %s; iommu %s, %s, pages 0x%llx\n", uvdk_device_get_info(dev)->name,
	       uvdk_device_get_info(dev)->access, info.driver, info.hardware,
	       (unsigned long long)info.page_sizes);

	registers();
	config_space();
	/* An MSI is a write: on Arm it goes through the I/O MMU like any other. */
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_ioas_attach(ioas, dev), 0);
	msi();
	intx();
	reset();
	uvdk_device_close(dev);
	uvdk_ioas_destroy(ioas);

	maps = count_lines("/proc/self/maps");
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(uvdk_device_open(iommu, argv[1], NULL, &dev), 0);
		CHECK_EQ(uvdk_device_region(dev, 0, &bar), 0);
		CHECK_EQ(rd(EDU_ID), 0x010000ed);
		uvdk_device_close(dev);
	}
	CHECK_EQ(count_lines("/proc/self/maps"), maps);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	printf("all good\n");
	return 0;
}
