// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "vfio_pci_priv.h"

/*
 * Part of a BAR as a dma-buf: VFIO_DEVICE_FEATURE_DMA_BUF, which the headers of older
 * distributions lack. The kernel answers with the descriptor. One range: iommufd maps no
 * dma-buf of several. It can't be mapped by mmap().
 */
#define FEATURE_GET	(1u << 16)
#define FEATURE_DMA_BUF 11u

struct dma_buf_feature {
	uint32_t argsz;
	uint32_t flags;
	uint32_t region_index;
	uint32_t open_flags;
	uint32_t buf_flags;
	uint32_t nr_ranges;
	struct {
		uint64_t offset;
		uint64_t length;
	} range[1];
};

_Static_assert(sizeof(struct dma_buf_feature) == 40, "dma_buf_feature");
_Static_assert(FEATURE_GET == VFIO_DEVICE_FEATURE_GET, "FEATURE_GET");
#ifdef VFIO_DEVICE_FEATURE_DMA_BUF
_Static_assert(FEATURE_DMA_BUF == VFIO_DEVICE_FEATURE_DMA_BUF, "FEATURE_DMA_BUF");
#endif

static int explain(const struct vpci *v, unsigned int index, int err)
{
	switch (err) {
	case -ENOTTY:
		return uvdk_fail(-EOPNOTSUPP, VPCI,
				 "the kernel can't export BAR %u of %s: it takes Linux 6.19 with "
				 "CONFIG_VFIO_PCI_DMABUF (and CONFIG_PCI_P2PDMA)",
				 index, v->name);
	case -EOPNOTSUPP:
		return uvdk_fail(err, VPCI, "the kernel's driver of %s exports no BARs", v->name);
	case -EINVAL:
		return uvdk_fail(err, VPCI,
				 "BAR %u of %s can't be exported: it holds no memory that peers "
				 "reach, or is smaller than a page",
				 index, v->name);
	default:
		return uvdk_fail(err, VPCI, "exporting BAR %u of %s: %s", index, v->name,
				 strerror(-err));
	}
}

int vpci_export_bar(struct uvdk_device *dev, unsigned int index, uint64_t offset, uint64_t len,
		    int *fd, void **at)
{
	const struct vpci *v = uvdk_device_priv(dev);
	struct dma_buf_feature feature = {
		.argsz = sizeof(feature),
		.flags = FEATURE_GET | FEATURE_DMA_BUF,
		.region_index = index,
		.open_flags = O_RDWR | O_CLOEXEC,
		.nr_ranges = 1,
		.range = {{offset, len}},
	};
	int ret = vpci_ioctl(v->fd, VFIO_DEVICE_FEATURE, &feature);

	(void)at;
	if (ret < 0)
		return explain(v, index, ret);
	*fd = ret;

	return 0;
}
