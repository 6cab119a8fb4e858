// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_device_driver.h>
#include <uvdk_emu_driver.h>
#include <uvdk_iommu_driver.h>

/* Functions of the emulated machine that the iommu is on. */

/* Beyond every real segment, which has 16 bits: no mistaking one for hardware. */
#define EMU_DOMAIN    0x10000

#define CFG_VENDOR    0x00
#define CFG_COMMAND   0x04
#define CFG_REVISION  0x08
#define CFG_SUBVENDOR 0x2c

extern const struct uvdk_bus_ops uvdk_bus_emu;

struct emu_device {
	struct uvdk_emu_function *fn;
	int event_fd;
	bool told_remove;
};

static struct uvdk_emu_function *fn_of(const struct uvdk_device *dev)
{
	struct emu_device *priv = uvdk_device_priv(dev);

	return priv->fn;
}

static bool emu_match(const char *spec)
{
	return !strncmp(spec, "emu:", 4);
}

/* vfio hands a function over with its memory decoded and bus master off. */
static void enable_memory(struct uvdk_emu_function *fn)
{
	struct uvdk_le16 command;

	uvdk_emu_config_read(fn, CFG_COMMAND, &command, sizeof(command));
	command = uvdk_to_le16(uvdk_get16(command) | UVDK_PCI_COMMAND_MEMORY);
	uvdk_emu_config_write(fn, CFG_COMMAND, &command, sizeof(command));
}

static void fill_info(struct uvdk_emu_function *fn, struct uvdk_device_info *info)
{
	struct uvdk_le16 id[2], sub[2];
	struct uvdk_le32 class_rev;

	uvdk_emu_config_read(fn, CFG_VENDOR, id, sizeof(id));
	uvdk_emu_config_read(fn, CFG_SUBVENDOR, sub, sizeof(sub));
	uvdk_emu_config_read(fn, CFG_REVISION, &class_rev, sizeof(class_rev));
	*info = (struct uvdk_device_info){
		.name = uvdk_emu_fn_name(fn),
		.bus = uvdk_bus_emu.name,
		.access = "emu",
		.addr = {.domain = EMU_DOMAIN, .device = uvdk_emu_fn_slot(fn)},
		.vendor = uvdk_get16(id[0]),
		.device = uvdk_get16(id[1]),
		.subvendor = uvdk_get16(sub[0]),
		.subdevice = uvdk_get16(sub[1]),
		.class_code = uvdk_get32(class_rev) >> 8,
		.revision = (uint8_t)uvdk_get32(class_rev),
		.numa_node = -1,
		.can_reset = true,
	};
}

static int bind_iommu(struct uvdk_device *dev, struct uvdk_iommu *iommu,
		      struct uvdk_emu_function *fn)
{
	struct uvdk_iommu_bind_args args = {
		.dev = dev,
		.name = uvdk_emu_fn_name(fn),
		.cdev_fd = -1,
		.group = -1,
		.emu = fn,
	};
	struct uvdk_iommu_binding *binding;
	int ret = uvdk_iommu_bind(iommu, &args, &binding);

	if (!ret)
		uvdk_device_set_binding(dev, binding);

	return ret;
}

static int emu_open(struct uvdk_device *dev, struct uvdk_iommu *iommu, const char *spec,
		    const struct uvdk_device_opts *opts, struct uvdk_device_info *info)
{
	struct emu_device *priv;
	int ret;

	(void)opts;
	if (uvdk_iommu_handle_kind(iommu) != UVDK_IOMMU_HANDLE_EMU)
		return uvdk_fail(-EOPNOTSUPP, "bus.emu",
				 "\"%s\" is emulated, and iommu \"%s\" serves hardware: open the "
				 "iommu \"emu\" for it",
				 spec, uvdk_iommu_name(iommu));
	priv = calloc(1, sizeof(*priv));
	if (!priv)
		return uvdk_fail(-ENOMEM, "bus.emu", "no memory to open \"%s\"", spec);
	priv->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (priv->event_fd < 0) {
		ret = uvdk_fail(-errno, "bus.emu", "no event descriptor for \"%s\": %s", spec,
				strerror(errno));
		goto err_free;
	}
	ret = uvdk_emu_plug(uvdk_iommu_machine(iommu), spec, &priv->fn);
	if (ret)
		goto err_close;
	ret = bind_iommu(dev, iommu, priv->fn);
	if (ret)
		goto err_unplug;

	uvdk_emu_fn_set_event(priv->fn, priv->event_fd);
	enable_memory(priv->fn);
	fill_info(priv->fn, info);
	uvdk_device_set_priv(dev, priv);

	return 0;

err_unplug:
	uvdk_emu_unplug_fn(priv->fn);
err_close:
	close(priv->event_fd);
err_free:
	free(priv);
	return ret;
}

static void emu_close(struct uvdk_device *dev)
{
	struct emu_device *priv = uvdk_device_priv(dev);

	uvdk_iommu_unbind(uvdk_device_binding(dev));
	uvdk_device_set_binding(dev, NULL);
	uvdk_emu_unplug_fn(priv->fn);
	close(priv->event_fd);
	uvdk_device_set_priv(dev, NULL);
	free(priv);
}

static int emu_config_read(struct uvdk_device *dev, uint32_t off, void *buf, size_t len)
{
	return uvdk_emu_config_read(fn_of(dev), off, buf, len);
}

static int emu_config_write(struct uvdk_device *dev, uint32_t off, const void *buf, size_t len)
{
	return uvdk_emu_config_write(fn_of(dev), off, buf, len);
}

/* Nothing to map: registers of a model are reached by calls. */
static int emu_region_info(struct uvdk_device *dev, unsigned int index, struct uvdk_bus_region *out)
{
	*out = (struct uvdk_bus_region){.size = uvdk_emu_bar_size(fn_of(dev), index)};
	out->readable = out->size != 0;
	out->writable = out->size != 0;

	return 0;
}

static int emu_region_map(struct uvdk_device *dev, unsigned int index, uint64_t off, uint64_t len,
			  void *at)
{
	(void)dev;
	(void)index;
	(void)off;
	(void)len;
	(void)at;

	return -EOPNOTSUPP;
}

static int emu_region_read(struct uvdk_device *dev, unsigned int index, uint64_t off,
			   unsigned int width, uint64_t *value)
{
	return uvdk_emu_bar_read(fn_of(dev), index, off, width, value);
}

static int emu_region_write(struct uvdk_device *dev, unsigned int index, uint64_t off,
			    unsigned int width, uint64_t value)
{
	return uvdk_emu_bar_write(fn_of(dev), index, off, width, value);
}

/* A descriptor that stands for it in this process: there is nothing in the file. */
static int emu_export_bar(struct uvdk_device *dev, unsigned int index, uint64_t off, uint64_t len,
			  int *fd, void **at)
{
	struct uvdk_emu_function *fn = fn_of(dev);
	void *window = NULL;
	int ret = uvdk_emu_bar_window(fn, index, &window);
	int file;

	if (ret)
		return ret;
	file = memfd_create("uvdk-emu-bar", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file < 0)
		return uvdk_fail(-errno, "bus.emu", "no descriptor for BAR %u of %s: %s", index,
				 uvdk_emu_fn_name(fn), strerror(errno));
	if (ftruncate(file, (off_t)len) ||
	    fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)) {
		ret = uvdk_fail(-errno, "bus.emu", "descriptor for BAR %u of %s: %s", index,
				uvdk_emu_fn_name(fn), strerror(errno));
		close(file);
		return ret;
	}
	*at = (char *)window + off;
	*fd = file;

	return 0;
}

static unsigned int kind_of(enum uvdk_irq_type type)
{
	switch (type) {
	case UVDK_IRQ_INTX:
		return 0;
	case UVDK_IRQ_MSI:
		return 1;
	case UVDK_IRQ_MSIX:
		return 2;
	}

	return UINT32_MAX;
}

static int emu_irq_count(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	return (int)uvdk_emu_irq_count(fn_of(dev), kind_of(type));
}

static int emu_irq_set(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int first,
		       unsigned int count, const int *fds)
{
	return uvdk_emu_irq_route(fn_of(dev), kind_of(type), first, count, fds);
}

static int emu_irq_disable(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	struct uvdk_emu_function *fn = fn_of(dev);
	unsigned int kind = kind_of(type);

	return uvdk_emu_irq_route(fn, kind, 0, uvdk_emu_irq_count(fn, kind), NULL);
}

static int emu_irq_mask(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector,
			bool masked)
{
	return uvdk_emu_irq_mask(fn_of(dev), kind_of(type), vector, masked);
}

static int emu_irq_trigger(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector)
{
	return uvdk_emu_irq_trigger(fn_of(dev), kind_of(type), vector);
}

static int emu_reset(struct uvdk_device *dev)
{
	uvdk_emu_fn_reset(fn_of(dev));
	enable_memory(fn_of(dev));

	return 0;
}

/* Each emulated function is alone in its slot. */
static int emu_hot_reset_list(struct uvdk_device *dev, struct uvdk_pci_addr *addrs,
			      unsigned int max)
{
	if (addrs && max)
		*addrs = (struct uvdk_pci_addr){
			.domain = EMU_DOMAIN,
			.device = uvdk_emu_fn_slot(fn_of(dev)),
		};

	return 1;
}

static int emu_event_fd(const struct uvdk_device *dev)
{
	struct emu_device *priv = uvdk_device_priv(dev);

	return priv->event_fd;
}

static enum uvdk_device_event emu_next_event(struct uvdk_device *dev)
{
	struct emu_device *priv = uvdk_device_priv(dev);
	uint64_t count;

	/* Drain first: what happens after the look below makes it readable again. */
	if (read(priv->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		uvdk_log(UVDK_LOG_DEBUG, "bus.emu", "%s: event descriptor: %s",
			 uvdk_emu_fn_name(priv->fn), strerror(errno));
	if (uvdk_emu_fn_gone(priv->fn))
		return UVDK_DEVICE_EVENT_GONE; /* lib/device tells it once */
	if (uvdk_emu_fn_removal_asked(priv->fn) && !priv->told_remove) {
		priv->told_remove = true;
		return UVDK_DEVICE_EVENT_REMOVE;
	}

	return UVDK_DEVICE_EVENT_NONE;
}

const struct uvdk_bus_ops uvdk_bus_emu = {
	.name = "emu",
	.match = emu_match,
	.open = emu_open,
	.close = emu_close,
	.config_read = emu_config_read,
	.config_write = emu_config_write,
	.region_info = emu_region_info,
	.region_map = emu_region_map,
	.region_read = emu_region_read,
	.region_write = emu_region_write,
	.irq_count = emu_irq_count,
	.irq_set = emu_irq_set,
	.irq_disable = emu_irq_disable,
	.irq_mask = emu_irq_mask,
	.irq_trigger = emu_irq_trigger,
	.reset = emu_reset,
	.hot_reset_list = emu_hot_reset_list,
	.hot_reset = emu_reset,
	.export_bar = emu_export_bar,
	.event_fd = emu_event_fd,
	.next_event = emu_next_event,
};
