// SPDX-License-Identifier: BSD-3-Clause
/*
 * viommu_kernel_cost BDF: what it costs to map and unmap a page of 4 KiB behind a
 * virtio-iommu that the kernel drives: by bare ioctls of iommufd and of type1, a page a
 * call. For ./run bench: nanoseconds a page, the median of some rounds.
 */
#include <sys/mman.h>

#include "cost.h"

#define PAGES 256u
#define FIRST (UINT64_C(1) << 32)

static uint8_t *memory;

static void iommufd(unsigned int count)
{
	cost_ioas_map(FIRST, memory, count);
	cost_ioas_unmap(FIRST, count);
}

static void type1(unsigned int count)
{
	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map),
					       .flags = VFIO_DMA_MAP_FLAG_READ |
							VFIO_DMA_MAP_FLAG_WRITE,
					       .vaddr = (uintptr_t)memory,
					       .iova = FIRST,
					       .size = COST_PAGE};

	for (unsigned int i = 0; i < count; i++) {
		cost_call(kernel.container, VFIO_IOMMU_MAP_DMA, &map);
		map.vaddr += COST_PAGE;
		map.iova += COST_PAGE;
	}
	for (unsigned int i = 0; i < count; i++) {
		struct vfio_iommu_type1_dma_unmap unmap = {
			.argsz = sizeof(unmap), .iova = FIRST + i * COST_PAGE, .size = COST_PAGE};

		cost_call(kernel.container, VFIO_IOMMU_UNMAP_DMA, &unmap);
		CHECK_EQ(unmap.size, COST_PAGE);
	}
}

/* The library only sets the stage: what is timed are calls to the kernel. */
static void measure(const char *name, const char *bdf, void (*fn)(unsigned int count))
{
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;

	CHECK_EQ(uvdk_iommu_open(name, NULL, &iommu), 0);
	CHECK_EQ(uvdk_device_open(iommu, bdf, NULL, &dev), 0);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_ioas_attach(ioas, dev), 0);
	printf("%s_ns=%.2f\n", name, cost_page_ns(fn, PAGES));
	uvdk_ioas_detach(ioas, dev);
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	memory = mmap(NULL, PAGES * COST_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	CHECK(memory != MAP_FAILED, "memory");
	memset(memory, 1, PAGES * COST_PAGE);
	measure("iommufd", argv[1], iommufd);
	measure("type1", argv[1], type1);
	return 0;
}
