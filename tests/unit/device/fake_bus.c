// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_bus.h"

struct fake fake;

static bool fake_match(const char *spec)
{
	return !strncmp(spec, "fake", 4);
}

static int fake_bus_open(struct uvdk_device *dev, struct uvdk_iommu *iommu, const char *spec,
			 const struct uvdk_device_opts *opts, struct uvdk_device_info *info)
{

	(void)dev;
	(void)iommu;
	(void)opts;
	if (fake.fail_open)
		return fake.fail_open;
	info->name = spec;
	info->vendor = 0x1234;
	info->config_size = sizeof(fake.config);
	fake.opened++;
	return 0;
}

static void fake_bus_close(struct uvdk_device *dev)
{
	(void)dev;
	fake.opened--;
}

static int fake_config_read(struct uvdk_device *dev, uint32_t off, void *buf, size_t len)
{
	(void)dev;
	memcpy(buf, fake.config + off, len);
	return 0;
}

static int fake_config_write(struct uvdk_device *dev, uint32_t off, const void *buf, size_t len)
{
	(void)dev;
	memcpy(fake.config + off, buf, len);
	return 0;
}

static int fake_region_info(struct uvdk_device *dev, unsigned int index,
			    struct uvdk_bus_region *out)
{
	(void)dev;
	if (index == 0)
		*out = (struct uvdk_bus_region){
			.size = FAKE_PAGES * FAKE_PAGE,
			.readable = true,
			.writable = true,
			.nr_areas = 2,
			.areas = {{0, FAKE_PAGE}, {2 * FAKE_PAGE, FAKE_PAGE}},
		};
	if (index == 1)
		*out = (struct uvdk_bus_region){256, true, true, 0, {{0}}};
	if (index == 2)
		*out = (struct uvdk_bus_region){16, true, false, 0, {{0}}};
	return 0;
}

static int fake_region_map(struct uvdk_device *dev, unsigned int index, uint64_t off, uint64_t len,
			   void *at)
{
	(void)dev;
	(void)index;
	if (fake.fail_map && fake.mapped == 1)
		return fake.fail_map;
	fake.mapped++;
	return mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fake.memfd,
		    (off_t)off) == at
		       ? 0
		       : -errno;
}

static int fake_region_read(struct uvdk_device *dev, unsigned int index, uint64_t off,
			    unsigned int width, uint64_t *value)
{
	(void)dev;
	fake.reads++;
	*value = 0;
	if (index == 1)
		memcpy(value, fake.bar1 + off, width);
	return 0;
}

static int fake_region_write(struct uvdk_device *dev, unsigned int index, uint64_t off,
			     unsigned int width, uint64_t value)
{
	(void)dev;
	fake.writes++;
	if (index == 1)
		memcpy(fake.bar1 + off, &value, width);
	return 0;
}

static int fake_irq_count(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	(void)dev;
	return type == UVDK_IRQ_MSIX ? 8 : type == UVDK_IRQ_MSI ? 1 : -EOPNOTSUPP;
}

static int fake_irq_set(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int first,
			unsigned int count, const int *fds)
{
	(void)dev;
	(void)type;
	(void)first;
	(void)count;
	(void)fds;
	return 0;
}

static int fake_irq_disable(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	(void)dev;
	(void)type;
	fake.disabled++;
	return 0;
}

static int fake_irq_mask(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector,
			 bool masked)
{
	(void)dev;
	(void)type;
	(void)vector;
	(void)masked;
	return -EOPNOTSUPP;
}

static int fake_irq_trigger(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector)
{
	(void)dev;
	(void)type;
	(void)vector;
	fake.triggered++;
	return 0;
}

/* As hardware does, forget the command register. */
static int fake_reset(struct uvdk_device *dev)
{
	(void)dev;
	fake.resets++;
	memset(fake.config + 4, 0, 2);
	return 0;
}

static int fake_hot_reset_list(struct uvdk_device *dev, struct uvdk_pci_addr *addrs,
			       unsigned int max)
{
	(void)dev;
	(void)addrs;
	(void)max;
	return -EOPNOTSUPP;
}

static int fake_event_fd(const struct uvdk_device *dev)
{
	(void)dev;
	return fake.event_fd;
}

static enum uvdk_device_event fake_next_event(struct uvdk_device *dev)
{
	enum uvdk_device_event event = fake.event;
	uint64_t count;

	(void)dev;
	fake.event = UVDK_DEVICE_EVENT_NONE;
	if (event)
		cr_assert_eq(read(fake.event_fd, &count, sizeof(count)), sizeof(count));
	return event;
}

const struct uvdk_bus_ops fake_bus = {
	.name = "fake",
	.match = fake_match,
	.open = fake_bus_open,
	.close = fake_bus_close,
	.config_read = fake_config_read,
	.config_write = fake_config_write,
	.region_info = fake_region_info,
	.region_map = fake_region_map,
	.region_read = fake_region_read,
	.region_write = fake_region_write,
	.irq_count = fake_irq_count,
	.irq_set = fake_irq_set,
	.irq_disable = fake_irq_disable,
	.irq_mask = fake_irq_mask,
	.irq_trigger = fake_irq_trigger,
	.reset = fake_reset,
	.hot_reset_list = fake_hot_reset_list,
	.hot_reset = fake_reset,
	.event_fd = fake_event_fd,
	.next_event = fake_next_event,
};

const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&fake_bus, NULL};

void fake_setup(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.memfd = memfd_create("bar0", MFD_CLOEXEC);
	cr_assert_geq(fake.memfd, 0);
	cr_assert_eq(ftruncate(fake.memfd, FAKE_PAGES * FAKE_PAGE), 0);
	fake.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	cr_assert_geq(fake.event_fd, 0);
	memcpy(fake.config, "\x34\x12\xe8\x11", 4);
}

/* lib/device passes the iommu on to the bus and looks no further. */
struct uvdk_device *fake_open(void)
{
	struct uvdk_device *dev = NULL;

	cr_assert_eq(uvdk_device_open((struct uvdk_iommu *)&fake, "fake", NULL, &dev), 0, "%s",
		     uvdk_last_error());
	return dev;
}

unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}
