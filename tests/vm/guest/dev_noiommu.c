// SPDX-License-Identifier: BSD-3-Clause
/*
 * dev_noiommu BDF: physical addresses that edu really finds; memory that is
 * not contiguous is refused.
 */
#include <sys/mman.h>
#include <time.h>

#include "dev_common.h"

#define MB (1u << 20)

/* docs/specs/edu in QEMU: a DMA engine with a buffer of 4 KiB at 0x40000 */
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_CNT 0x90
#define EDU_DMA_CMD 0x98
#define EDU_BUFFER  0x40000
#define CMD_RUN	    1
#define CMD_TO_RAM  2

static struct uvdk_region bar;

static void transfer(uint64_t src, uint64_t dst, uint64_t cmd)
{
	time_t deadline = time(NULL) + 10;
	uint64_t busy;

	CHECK_EQ(uvdk_region_write(&bar, EDU_DMA_SRC, 8, src), 0);
	CHECK_EQ(uvdk_region_write(&bar, EDU_DMA_DST, 8, dst), 0);
	CHECK_EQ(uvdk_region_write(&bar, EDU_DMA_CNT, 8, 4096), 0);
	CHECK_EQ(uvdk_region_write(&bar, EDU_DMA_CMD, 8, cmd | CMD_RUN), 0);
	do {
		CHECK_EQ(uvdk_region_read(&bar, EDU_DMA_CMD, 8, &busy), 0);
		CHECK(time(NULL) < deadline, "the transfer does not end");
	} while (busy & CMD_RUN);
}

static char *memory(size_t len, int flags)
{
	char *at =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	CHECK(at != MAP_FAILED, "memory");
	return at;
}

/* Neighbours are first touched at different times, so they get frames far apart. */
static void scatter(char *mem, size_t pages)
{
	CHECK_EQ(madvise(mem, pages * 4096, MADV_NOHUGEPAGE), 0);
	for (size_t i = 0; i < pages; i += 2)
		mem[i * 4096] = 1;
	for (size_t i = 1; i < pages; i += 2)
		mem[i * 4096] = 1;
}

int main(int argc, char **argv)
{
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;
	unsigned int fds = count_fds();
	uvdk_iova_t iova = 0;
	uvdk_iova_t other;
	char *huge;
	char *small;

	if (argc != 2)
		return 2;
	CHECK_EQ(uvdk_iommu_open("noiommu", NULL, &iommu), 0);
	CHECK_EQ(uvdk_device_open(iommu, argv[1], NULL, &dev), 0);
	CHECK_EQ(uvdk_device_region(dev, 0, &bar), 0);
	CHECK_EQ(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_ioas_attach(ioas, dev), 0);

	huge = memory(2 * MB, MAP_HUGETLB);
	CHECK_EQ(uvdk_ioas_map(ioas, huge, 2 * MB, UVDK_MAP_RW, &iova), 0);
	printf("2 MiB at physical 0x%llx\n", (unsigned long long)iova);
	memset(huge + MB, 0x5a, 4096);
	transfer(iova + MB, EDU_BUFFER, 0);
	transfer(EDU_BUFFER, iova + 2 * MB - 4096, CMD_TO_RAM);
	CHECK_EQ(memcmp(huge + MB, huge + 2 * MB - 4096, 4096), 0);

	small = memory(MB, 0);
	scatter(small, MB / 4096);
	CHECK_ERR(uvdk_ioas_map(ioas, small, MB, UVDK_MAP_RW, &other), -EOPNOTSUPP);
	CHECK_EQ(uvdk_ioas_map(ioas, small, 4096, UVDK_MAP_RW, &other), 0);
	transfer(EDU_BUFFER, other, CMD_TO_RAM);
	CHECK_EQ(memcmp(small, huge + MB, 4096), 0);
	CHECK_EQ(uvdk_ioas_unmap(ioas, other, 4096), 0);
	CHECK_EQ(uvdk_ioas_unmap(ioas, iova, 2 * MB), 0);

	uvdk_device_close(dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	printf("all good\n");
	return 0;
}
