// SPDX-License-Identifier: BSD-3-Clause
/*
 * dev_map BDF IOMMU [BDF2]: maps that must work, maps that must not, each with
 * its errno, with and without a device attached. BDF2 joins the address space.
 */
#include <sys/mman.h>

#include "dev_common.h"

#define PAGE 4096u
#define MB   (1u << 20)

/* Where interrupts are written to, which no map may cover. */
#if defined(__aarch64__)
#define MSI_WINDOW 0x8000000
#else
#define MSI_WINDOW 0xfee00000
#endif

static struct uvdk_ioas *ioas;

static char *memory(size_t len, int prot)
{
	char *at = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED, "memory");
	return at;
}

static int map(void *va, size_t len, unsigned int flags, uvdk_iova_t at)
{
	return uvdk_ioas_map(ioas, va, len, flags, &at);
}

static void good_ones(void)
{
	char *mem = memory(4 * MB, PROT_READ | PROT_WRITE);
	uvdk_iova_t a;
	uvdk_iova_t b;

	CHECK_EQ(uvdk_ioas_map(ioas, mem, 2 * MB, UVDK_MAP_RW, &a), 0);
	CHECK_EQ(uvdk_ioas_map(ioas, mem + 2 * MB, PAGE, UVDK_MAP_READ, &b), 0);
	CHECK(uvdk_ioas_va(ioas, a + 5) == mem + 5, "translation");
	CHECK_EQ(uvdk_ioas_unmap(ioas, a, 2 * MB), 0);
	CHECK_EQ(uvdk_ioas_unmap(ioas, b, PAGE), 0);
	munmap(mem, 4 * MB);
}

static void bad_ones(void)
{
	const unsigned int fixed = UVDK_MAP_RW | UVDK_MAP_FIXED;
	char *mem = memory(MB, PROT_READ | PROT_WRITE);
	char *rodata = memory(PAGE, PROT_READ);
	char *hole = memory(2 * PAGE, PROT_READ | PROT_WRITE);

	CHECK_EQ(map(mem, 64 * PAGE, fixed, 16 * MB), 0);
	CHECK_ERR(map(mem + 64 * PAGE, PAGE, fixed, 16 * MB), -EEXIST);
	CHECK_ERR(map(mem + 64 * PAGE, 2 * PAGE, fixed, 16 * MB - PAGE), -EEXIST);
	CHECK_ERR(uvdk_ioas_unmap(ioas, 16 * MB, 32 * PAGE), -EBADE);
	CHECK_ERR(uvdk_ioas_unmap(ioas, 16 * MB + PAGE, PAGE), -EBADE);
	CHECK_ERR(uvdk_ioas_unmap(ioas, 16 * MB, 0), -EINVAL);
	CHECK_ERR(uvdk_ioas_unmap(ioas, 16 * MB + 1, PAGE), -EDOM);
	CHECK_ERR(uvdk_ioas_unmap(ioas, 64 * MB, PAGE), -ENOENT);
	CHECK_ERR(map(mem, 0, fixed, 32 * MB), -EINVAL);
	CHECK_ERR(map(mem + 1, PAGE, fixed, 32 * MB), -EDOM);
	CHECK_ERR(map(mem + 64 * PAGE, 5, fixed, 32 * MB), -EDOM);
	CHECK_ERR(map(mem + 64 * PAGE, PAGE, fixed, 32 * MB + 1), -EDOM);
	CHECK_EQ(uvdk_ioas_unmap(ioas, 16 * MB, 64 * PAGE), 0);

	munmap(hole + PAGE, PAGE);
	CHECK_ERR(map(hole, 2 * PAGE, UVDK_MAP_RW, 0), -EFAULT);
	CHECK_EQ(map(rodata, PAGE, UVDK_MAP_READ | UVDK_MAP_FIXED, 48 * MB), 0);
	CHECK_EQ(uvdk_ioas_unmap(ioas, 48 * MB, PAGE), 0);
	munmap(mem, MB);
	munmap(rodata, PAGE);
	munmap(hole, PAGE);
}

/* What only the kernel can find, once a device is attached. */
static void bad_with_device(void)
{
	struct uvdk_iova_range ranges[32];
	unsigned int count = uvdk_ioas_ranges(ioas, ranges, 32);
	char *rodata = memory(PAGE, PROT_READ);
	char *mem = memory(PAGE, PROT_READ | PROT_WRITE);

	for (unsigned int i = 0; i < count && i < 32; i++)
		printf("  aperture 0x%llx to 0x%llx\n", (unsigned long long)ranges[i].first,
		       (unsigned long long)ranges[i].last);
	CHECK_ERR(map(rodata, PAGE, UVDK_MAP_RW, 0), -EPERM);
	CHECK(ranges[count - 1].last < UINT64_MAX, "the hardware has a limit");
	CHECK_ERR(map(mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, ranges[count - 1].last + 1),
		  -ERANGE);
	munmap(rodata, PAGE);
	munmap(mem, PAGE);
}

static struct uvdk_device *open_device(struct uvdk_iommu *iommu, const char *bdf)
{
	struct uvdk_device *dev;

	CHECK_EQ(uvdk_device_open(iommu, bdf, NULL, &dev), 0);
	return dev;
}

static void attach_twice(struct uvdk_iommu *iommu, struct uvdk_device *dev)
{
	struct uvdk_ioas *other;

	CHECK_ERR(uvdk_ioas_attach(ioas, dev), -EBUSY);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &other), 0);
	CHECK_ERR(uvdk_ioas_attach(other, dev), -EBUSY);
	uvdk_ioas_destroy(other);
}

/* A map made beforehand in a range that turns out to be reserved (MSI window). */
static void reserved_for_device(struct uvdk_iommu *iommu, struct uvdk_device *dev)
{
	char *mem = memory(PAGE, PROT_READ | PROT_WRITE);
	struct uvdk_ioas *early;
	uvdk_iova_t msi = MSI_WINDOW;

	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &early), 0);
	CHECK_EQ(uvdk_ioas_map(early, mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &msi), 0);
	CHECK_ERR(uvdk_ioas_attach(early, dev), -EADDRINUSE);
	CHECK_EQ(uvdk_ioas_unmap(early, msi, PAGE), 0);
	CHECK_EQ(uvdk_ioas_attach(early, dev), 0);
	CHECK_ERR(uvdk_ioas_map(early, mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &msi), -ERANGE);
	uvdk_ioas_destroy(early);
	munmap(mem, PAGE);
}

int main(int argc, char **argv)
{
	struct uvdk_device *second = NULL;
	struct uvdk_device *dev;
	struct uvdk_iommu *iommu;
	struct uvdk_ioas_stats stats;
	unsigned int fds = count_fds();
	char *mem;
	uvdk_iova_t iova;

	if (argc < 3)
		return 2;
	CHECK_EQ(uvdk_iommu_open(argv[2], NULL, &iommu), 0);
	dev = open_device(iommu, argv[1]);
	if (argc > 3)
		second = open_device(iommu, argv[3]);
	if (!strcmp(argv[2], "type1") || !strcmp(argv[2], "iommufd"))
		reserved_for_device(iommu, dev);

	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	good_ones();
	bad_ones();
	mem = memory(MB, PROT_READ | PROT_WRITE);
	CHECK_EQ(uvdk_ioas_map(ioas, mem, MB, UVDK_MAP_RW, &iova), 0);
	for (int i = 0; i < 10; i++) { /* what is mapped follows each attach */
		CHECK_EQ(uvdk_ioas_attach(ioas, dev), 0);
		uvdk_ioas_detach(ioas, dev);
	}
	CHECK_EQ(uvdk_ioas_attach(ioas, dev), 0);
	attach_twice(iommu, dev);
	if (second)
		CHECK_EQ(uvdk_ioas_attach(ioas, second), 0);
	good_ones();
	bad_ones();
	bad_with_device();
	CHECK_EQ(uvdk_ioas_unmap(ioas, iova, MB), 0);
	uvdk_ioas_get_stats(ioas, &stats);
	CHECK_EQ(stats.maps, 0);
	CHECK_EQ(stats.bytes, 0);

	uvdk_device_close(dev); /* while attached */
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(second);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	printf("all good\n");
	return 0;
}
