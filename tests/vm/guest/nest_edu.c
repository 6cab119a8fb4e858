// SPDX-License-Identifier: BSD-3-Clause
/*
 * nest_edu BDF: an edu device (docs/specs/edu in QEMU) behind an SMMUv3 is given
 * the process's own pointers, through a first stage that this program writes:
 * one context descriptor (Arm IHI 0070, 5.4) and four levels of 4 KiB tables (Arm
 * DDI 0487, D8.3), in memory that is mapped in the second stage.
 */
#include <limits.h>
#include <sys/mman.h>
#include <time.h>

#include <uvdk_viommu.h>

#include "dev_common.h"

#define PAGE	 4096u
#define TABLES	 64u
#define ASID	 7u
#define ID	 0x1234u /* by which commands and events name the device */
#define DEADLINE 20

/* Registers of edu, and where its buffer lies. */
#define EDU_SRC	   0x80
#define EDU_DST	   0x88
#define EDU_COUNT  0x90
#define EDU_CMD	   0x98
#define EDU_START  1u
#define EDU_TO_RAM 2u
#define EDU_BUFFER 0x40000u

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static struct uvdk_ioas *ioas;
static struct uvdk_region bar;
static struct uvdk_viommu *viommu;

/* Tables, each a page: the first holds the context descriptor, the second is the top. */
static uint64_t (*arena)[PAGE / 8];
static uvdk_iova_t arena_iova;
static unsigned int used = 2;

static uvdk_iova_t iova_of(const void *va)
{
	return arena_iova + (uintptr_t)va - (uintptr_t)arena;
}

/* The leaf entry of an address; the tables above it are made as needed. */
static uint64_t *leaf(const void *va)
{
	uint64_t *table = arena[1];
	uint64_t *entry;

	for (unsigned int shift = 39; shift > 12; shift -= 9) {
		entry = &table[(uintptr_t)va >> shift & 511];
		if (!*entry) {
			CHECK(used < TABLES, "tables");
			*entry = iova_of(arena[used++]) | 3;
		}
		table = arena[((*entry & ~UINT64_C(4095)) - arena_iova) / PAGE];
	}
	return &table[(uintptr_t)va >> 12 & 511];
}

/* A page: valid, attributes 0 of MAIR, for all to read and write, inner shareable, accessed. */
static void map_page(const void *va, uvdk_iova_t iova)
{
	__atomic_store_n(leaf(va), iova | 3 | 1 << 6 | 3 << 8 | 1 << 10 | 1 << 11,
			 __ATOMIC_RELEASE);
}

/*
 * 48 bits of address, granule 4 KiB, write-back and inner shareable walks, no upper half;
 * 44 bits behind it, AArch64, faults are recorded and abort, ASIDs are its own.
 */
static void fill_cd(void)
{
	uint64_t *cd = arena[0];

	cd[0] = 16 | 1 << 8 | 1 << 10 | 3 << 12 | UINT64_C(1) << 30 | UINT64_C(1) << 31 |
		UINT64_C(4) << 32 | UINT64_C(1) << 41 | UINT64_C(1) << 45 | UINT64_C(1) << 46 |
		UINT64_C(1) << 47 | (uint64_t)ASID << 48;
	cd[1] = iova_of(arena[1]);
	cd[3] = 0xff; /* MAIR: attributes 0 are write-back */
}

static struct uvdk_hwpt *make_nested(uint64_t cds)
{
	struct uvdk_nested nested = {.size = sizeof(nested), .type = UVDK_NEST_SMMUV3};
	struct uvdk_hwpt *hwpt = NULL;

	/* V, Config 5; the descriptor is read write-back and inner shareable. */
	nested.smmuv3.ste[0] = 1 | 5 << 1 | cds;
	nested.smmuv3.ste[1] = 1 << 2 | 1 << 4 | 3 << 6;
	CHECK_EQ(uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt), 0);
	return hwpt;
}

/* Whole pages of the heap. */
static uint8_t *heap_pages(unsigned int count, int value, uvdk_iova_t *iova)
{
	uint8_t *raw = malloc((count + 1) * PAGE);
	uint8_t *page = (uint8_t *)(((uintptr_t)raw + PAGE - 1) & ~(uintptr_t)(PAGE - 1));

	CHECK(raw, "memory");
	memset(page, value, count * PAGE);
	CHECK_EQ(uvdk_ioas_map(ioas, page, count * PAGE, UVDK_MAP_RW, iova), 0);
	return page;
}

/* ---- edu ---- */

static void edu_write(uint64_t off, uint64_t value)
{
	CHECK_EQ(uvdk_region_write(&bar, off, 8, value), 0);
}

static bool edu_busy(void)
{
	uint64_t value;

	CHECK_EQ(uvdk_region_read(&bar, EDU_CMD, 8, &value), 0);
	return value & EDU_START;
}

static void edu_dma(uint64_t dst, uint64_t src, uint64_t command)
{
	time_t deadline = time(NULL) + DEADLINE;

	edu_write(EDU_SRC, src);
	edu_write(EDU_DST, dst);
	edu_write(EDU_COUNT, 64);
	edu_write(EDU_CMD, command | EDU_START);
	while (edu_busy()) {
		CHECK(time(NULL) <= deadline, "no end in %d s", DEADLINE);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

/* The device reads at one pointer, and writes what it has read at another. */
static void copy(volatile uint8_t *dst, const uint8_t *src)
{
	dst[0] = 0;
	dst[63] = 0;
	edu_dma(EDU_BUFFER, (uintptr_t)src, 0);
	edu_dma((uintptr_t)dst, EDU_BUFFER, EDU_TO_RAM);
}

#define COPIES(dst, src, value)                                            \
	do {                                                               \
		copy(dst, src);                                            \
		CHECK((dst)[0] == (value) && (dst)[63] == (value), "0x%x", \
		      *(volatile uint8_t *)(dst));                         \
	} while (0)

/* ---- what is to be shown ---- */

static int invalidate(uint64_t word0, uint64_t word1)
{
	const struct uvdk_inval_smmuv3 command = {{word0, word1}};
	struct uvdk_inval_result result;
	int ret = uvdk_viommu_invalidate(viommu, &command, sizeof(command), 1, &result);

	CHECK_EQ(result.done, !ret);
	return ret;
}

static void refused(void)
{
	struct uvdk_nested nested = {.size = sizeof(nested), .type = UVDK_NEST_SMMUV3};
	struct uvdk_hwpt *hwpt = NULL;

	nested.smmuv3.ste[0] = 1 | 5 << 1 | (arena_iova + 16 * TABLES * PAGE);
	CHECK_ERR(uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt), -EFAULT);
	nested.smmuv3.ste[0] = 1 | 6 << 1;
	CHECK_ERR(uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt), -EINVAL);
	nested.type = UVDK_NEST_VTD;
	CHECK_ERR(uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt), -EINVAL);
	CHECK_ERR(invalidate(0x05 | UINT64_C(0x99) << 32, 0), -ENOENT); /* another's StreamID */
	CHECK_ERR(invalidate(0x11 | UINT64_C(1) << 32, 0), -EINVAL);	/* another's VMID */
	CHECK_ERR(invalidate(0x04, 0), -EINVAL);			/* CFGI_ALL */
	printf("refused: all good\n");
}

static void pointers(uint8_t *dst, const uint8_t *src)
{
	uvdk_iova_t other_iova;
	const uint8_t *other = heap_pages(1, 0xbb, &other_iova);

	COPIES(dst, src, 0xaa);
	COPIES(dst, src + 100, 0xaa);
	/* Another page of the heap takes the place of the first. */
	map_page(src, other_iova);
	COPIES(dst, src, 0xaa);
	printf("stale: all good\n");
	/* TLBI_NH_VA, leaf */
	CHECK_EQ(invalidate(0x12 | (uint64_t)ASID << 48, (uintptr_t)src | 1), 0);
	COPIES(dst, src, other[0]);
	printf("invalidated: all good\n");
}

/* An address without a translation: F_TRANSLATION (7.3.12), of the device by its ID. */
static void event(struct uvdk_veventq *queue, uint8_t *dst)
{
	uint64_t va = (uintptr_t)dst ^ UINT64_C(1) << 40;
	struct uvdk_vevent got = {0};

	CHECK_EQ(uvdk_veventq_read(queue, &got, 1), 0);
	edu_dma(EDU_BUFFER, va, 0);
	CHECK(readable_within(uvdk_veventq_fd(queue), 1000 * DEADLINE), "no event");
	CHECK_EQ(uvdk_veventq_read(queue, &got, 1), 1);
	CHECK_EQ(got.lost, 0);
	CHECK_EQ(got.data[0] & 0xff, 0x10);
	CHECK_EQ(got.data[0] >> 32, ID);
	CHECK_EQ(got.data[2] & ~(uint64_t)(PAGE - 1), va & ~(uint64_t)(PAGE - 1));
	printf("event: all good\n");
}

static void run(void)
{
	struct uvdk_veventq *queue;
	struct uvdk_vdevice *vdev;
	struct uvdk_hwpt *hwpt;
	uvdk_iova_t src_iova, dst_iova;
	uint8_t *src = heap_pages(1, 0xaa, &src_iova), *dst = heap_pages(1, 0, &dst_iova);

	map_page(src, src_iova);
	map_page(dst, dst_iova);
	CHECK_EQ(uvdk_viommu_create(ioas, dev, NULL, &viommu), 0);
	CHECK_EQ(uvdk_viommu_get_info(viommu)->type, UVDK_NEST_SMMUV3);
	hwpt = make_nested(iova_of(arena[0]));
	CHECK_ERR(uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID), -ENXIO);
	CHECK_EQ(uvdk_vdevice_create(viommu, dev, ID, &vdev), 0);
	CHECK_EQ(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SMMUV3, 16, &queue), 0);
	CHECK_EQ(uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID), 0);
	refused();
	pointers(dst, src);
	event(queue, dst);
	/* Without a first stage: the second alone, by IOVA. */
	CHECK_EQ(uvdk_hwpt_replace(uvdk_viommu_get_info(viommu)->parent, dev, UVDK_PASID_RID), 0);
	edu_dma(EDU_BUFFER, src_iova, 0);
	edu_dma(dst_iova, EDU_BUFFER, EDU_TO_RAM);
	CHECK_EQ(*(volatile uint8_t *)dst, 0xaa);
	printf("second stage: all good\n");
	uvdk_veventq_destroy(queue);
	uvdk_vdevice_destroy(vdev);
	uvdk_hwpt_destroy(hwpt);
	uvdk_viommu_destroy(viommu);
}

int main(int argc, char **argv)
{
	unsigned int fds = count_fds();

	if (argc < 2)
		return 2;
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	CHECK_EQ(uvdk_device_open(iommu, argv[1], NULL, &dev), 0);
	CHECK_EQ(uvdk_device_region(dev, 0, &bar), 0);
	CHECK_EQ(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY, 0),
		 0);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	arena = mmap(NULL, TABLES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	CHECK(arena != MAP_FAILED, "memory");
	CHECK_EQ(uvdk_ioas_map(ioas, arena, TABLES * PAGE, UVDK_MAP_RW, &arena_iova), 0);
	fill_cd();
	run();
	uvdk_device_close(dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
