/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drives QEMU's edu device through a real I/O MMU: what is mapped can be copied,
 * what is not mapped, no longer mapped or mapped read-only is not touched.
 *
 * usage: edu_dma BDF IOMMU      (iommufd, type1)
 */
#include <uvdk_dmadev.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE		 ((size_t)4096)
#define EDU_LAST	 ((UINT64_C(1) << 28) - 1) /* QEMU docs/specs/edu: 28 address bits */
#define DEADLINE_SECONDS 20

#define CHECK(what, cond)                                           \
	do {                                                        \
		bool holds_ = (cond);                               \
		printf("%s: %s\n", holds_ ? "ok" : "FAILED", what); \
		if (!holds_)                                        \
			return -1;                                  \
	} while (0)

struct fixture {
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;
	struct uvdk_dmadev *dma;
	uint8_t *src; /* two pages, mapped at src_iova */
	uint8_t *dst;
	uvdk_iova_t src_iova;
	uvdk_iova_t dst_iova;
	uint8_t *page; /* one page, not mapped */
};

static uint8_t *pages(size_t count)
{
	void *mem = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static int fixture_open(struct fixture *f, const char *bdf, const char *iommu)
{
	struct uvdk_ioas_opts space = {.size = sizeof(space), .iova_last = EDU_LAST};
	struct uvdk_iommu_info info;

	f->src = pages(2);
	f->dst = pages(2);
	f->page = pages(1);
	CHECK("allocate", f->src && f->dst && f->page);
	CHECK("open the iommu", !uvdk_iommu_open(iommu, NULL, &f->iommu));
	CHECK("open the device", !uvdk_device_open(f->iommu, bdf, NULL, &f->dev));
	CHECK("create an address space", !uvdk_ioas_create(f->iommu, &space, &f->ioas));
	CHECK("attach", !uvdk_ioas_attach(f->ioas, f->dev));
	CHECK("ask the iommu", !uvdk_iommu_get_info(f->dev, &info));
	printf("iommu: %s, hardware %s, page sizes 0x%" PRIx64 "\n", info.driver, info.hardware,
	       info.page_sizes);
	CHECK("map the source",
	      !uvdk_ioas_map(f->ioas, f->src, 2 * PAGE, UVDK_MAP_RW, &f->src_iova));
	CHECK("map the destination",
	      !uvdk_ioas_map(f->ioas, f->dst, 2 * PAGE, UVDK_MAP_RW, &f->dst_iova));
	CHECK("open the engine", !uvdk_dmadev_open(f->dev, &f->dma));

	return 0;
}

static void fixture_close(struct fixture *f)
{
	uvdk_dmadev_close(f->dma);
	uvdk_ioas_destroy(f->ioas);
	uvdk_device_close(f->dev);
	uvdk_iommu_close(f->iommu);
}

/* One copy to its end. The engine cannot tell whether the I/O MMU let it through. */
static int copy(struct uvdk_dmadev *dma, uvdk_iova_t dst, uvdk_iova_t src, size_t len)
{
	struct timespec nap = {.tv_nsec = 1000000};
	enum uvdk_dma_status status;
	time_t deadline = time(NULL) + DEADLINE_SECONDS;

	if (uvdk_dmadev_copy(dma, dst, src, len) < 0 || uvdk_dmadev_submit(dma))
		return -1;
	while (!uvdk_dmadev_completed(dma, &status, 1, NULL)) {
		if (time(NULL) > deadline) {
			printf("the copy did not end in %d s\n", DEADLINE_SECONDS);
			return -1;
		}
		nanosleep(&nap, NULL);
	}
	return 0;
}

static bool all(const uint8_t *mem, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++) {
		if (mem[i] != value)
			return false;
	}
	return true;
}

static int mapped_memory_is_copied(struct fixture *f)
{
	static const size_t lengths[] = {1, 63, 1000, 4096};
	uint8_t *src = f->src;
	uint8_t *dst = f->dst;

	for (size_t i = 0; i < 2 * PAGE; i++)
		src[i] = (uint8_t)(i * 7 + i / 251);
	for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
		size_t len = lengths[n];

		memset(dst, 0xee, 2 * PAGE);
		CHECK("copy", !copy(f->dma, f->dst_iova + 8, f->src_iova + 16, len));
		CHECK("the bytes arrived", !memcmp(dst + 8, src + 16, len));
		CHECK("and no byte beside them",
		      all(dst, 8, 0xee) && all(dst + 8 + len, 2 * PAGE - 8 - len, 0xee));
	}
	return 0;
}

/* Map a page of our own, copy to it, unmap it, copy to it again. */
static int unmapped_memory_is_safe(struct fixture *f)
{
	uint8_t *page = f->page;
	uvdk_iova_t iova;

	CHECK("map", !uvdk_ioas_map(f->ioas, page, PAGE, UVDK_MAP_RW, &iova));
	CHECK("copy to the map", !copy(f->dma, iova, f->src_iova, 64));
	CHECK("the bytes arrived", !memcmp(page, f->src, 64));
	memset(page, 0x55, PAGE);
	CHECK("unmap", !uvdk_ioas_unmap(f->ioas, iova, PAGE));
	CHECK("copy to where the map was", !copy(f->dma, iova, f->src_iova, 64));
	CHECK("unmapped memory is not touched", all(page, PAGE, 0x55));

	return 0;
}

static int read_only_memory_is_safe(struct fixture *f)
{
	uint8_t *page = f->page;
	uvdk_iova_t iova;

	memset(page, 0x66, PAGE);
	memset(f->dst, 0, PAGE);
	CHECK("map read-only", !uvdk_ioas_map(f->ioas, page, PAGE, UVDK_MAP_READ, &iova));
	CHECK("copy from it", !copy(f->dma, f->dst_iova, iova, 64));
	CHECK("the bytes arrived", all(f->dst, 64, 0x66));
	CHECK("copy to it", !copy(f->dma, iova, f->src_iova, 64));
	CHECK("read-only memory is not touched", all(page, PAGE, 0x66));
	CHECK("unmap", !uvdk_ioas_unmap(f->ioas, iova, PAGE));

	return 0;
}

int main(int argc, char **argv)
{
	struct fixture f = {0};
	int failed;

	if (argc != 3) {
		fprintf(stderr, "usage: edu_dma BDF IOMMU\n");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	failed = fixture_open(&f, argv[1], argv[2]) || mapped_memory_is_copied(&f) ||
		 unmapped_memory_is_safe(&f) || read_only_memory_is_safe(&f);
	fixture_close(&f);
	printf("%s\n", failed ? "FAILED" : "all ok");

	return failed ? 1 : 0;
}
