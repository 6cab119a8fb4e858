/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drives QEMU's edu device through an I/O MMU: what is mapped can be copied,
 * what is not mapped, no longer mapped or mapped read-only is not touched, and
 * in another address space the same addresses are other memory.
 *
 * usage: edu_dma BDF IOMMU      (iommufd, type1)
 *        edu_dma emu:edu emu    (then the faults are looked at, too)
 */
#include <uvdk_dmadev.h>
#include <uvdk_emu.h>

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
	struct uvdk_emu *emu; /* NULL: hardware, or a model of it in QEMU */
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;
	struct uvdk_dmadev *dma;
	struct uvdk_dmadev_chan *chan;
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
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};
	struct uvdk_iommu_info info;

	f->src = pages(2);
	f->dst = pages(2);
	f->page = pages(1);
	CHECK("allocate", f->src && f->dst && f->page);
	if (!strcmp(iommu, "emu"))
		CHECK("make an emulated machine", !uvdk_emu_create(NULL, &f->emu));
	opts.emu = f->emu;
	CHECK("open the iommu", !uvdk_iommu_open(iommu, &opts, &f->iommu));
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
	CHECK("open the engine", !uvdk_dmadev_open(f->dev, NULL, &f->dma));
	CHECK("open its channel", !uvdk_dmadev_chan_open(f->dma, NULL, &f->chan));

	return 0;
}

static void fixture_close(struct fixture *f)
{
	uvdk_dmadev_close(f->dma);
	uvdk_ioas_destroy(f->ioas);
	uvdk_device_close(f->dev);
	uvdk_iommu_close(f->iommu);
	uvdk_emu_destroy(f->emu);
}

/*
 * Did the I/O MMU refuse an access at iova, and nothing else? A kernel writes
 * its faults to its log; the emulated one is asked.
 */
static bool refused(struct fixture *f, uvdk_iova_t iova, bool write)
{
	struct uvdk_emu_fault fault[2];

	if (!f->emu)
		return true;

	return uvdk_emu_faults(f->emu, fault, 2, NULL) == 1 && fault[0].iova == iova &&
	       fault[0].write == write;
}

static bool nothing_refused(struct fixture *f)
{
	struct uvdk_emu_fault fault;

	return !f->emu || uvdk_emu_faults(f->emu, &fault, 1, NULL) == 0;
}

/* One copy to its end. The engine cannot tell whether the I/O MMU let it through. */
static int copy(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src, size_t len)
{
	struct timespec nap = {.tv_nsec = 1000000};
	struct uvdk_dmadev_result result;
	time_t deadline = time(NULL) + DEADLINE_SECONDS;

	if (uvdk_dmadev_copy(chan, dst, src, len, UVDK_DMADEV_SUBMIT) < 0)
		return -1;
	while (!uvdk_dmadev_completed_status(chan, &result, 1)) {
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
		CHECK("copy", !copy(f->chan, f->dst_iova + 8, f->src_iova + 16, len));
		CHECK("the bytes arrived", !memcmp(dst + 8, src + 16, len));
		CHECK("and no byte beside them",
		      all(dst, 8, 0xee) && all(dst + 8 + len, 2 * PAGE - 8 - len, 0xee));
	}
	CHECK("no access was refused", nothing_refused(f));

	return 0;
}

/* Map a page of our own, copy to it, unmap it, copy to it again. */
static int unmapped_memory_is_safe(struct fixture *f)
{
	uint8_t *page = f->page;
	uvdk_iova_t iova;

	CHECK("map", !uvdk_ioas_map(f->ioas, page, PAGE, UVDK_MAP_RW, &iova));
	CHECK("copy to the map", !copy(f->chan, iova, f->src_iova, 64));
	CHECK("the bytes arrived", !memcmp(page, f->src, 64));
	memset(page, 0x55, PAGE);
	CHECK("unmap", !uvdk_ioas_unmap(f->ioas, iova, PAGE));
	CHECK("copy to where the map was", !copy(f->chan, iova, f->src_iova, 64));
	CHECK("unmapped memory is not touched", all(page, PAGE, 0x55));
	CHECK("the write was refused", refused(f, iova, true));
	memset(f->dst, 0, PAGE);
	CHECK("copy from where the map was", !copy(f->chan, f->dst_iova, iova, 64));
	CHECK("unmapped memory is not read", !all(f->dst, 64, 0x55));
	CHECK("the read was refused", refused(f, iova, false));

	return 0;
}

static int read_only_memory_is_safe(struct fixture *f)
{
	uint8_t *page = f->page;
	uvdk_iova_t iova;

	memset(page, 0x66, PAGE);
	memset(f->dst, 0, PAGE);
	CHECK("map read-only", !uvdk_ioas_map(f->ioas, page, PAGE, UVDK_MAP_READ, &iova));
	CHECK("copy from it", !copy(f->chan, f->dst_iova, iova, 64));
	CHECK("the bytes arrived", all(f->dst, 64, 0x66));
	CHECK("copy to it", !copy(f->chan, iova, f->src_iova, 64));
	CHECK("read-only memory is not touched", all(page, PAGE, 0x66));
	CHECK("the write was refused", refused(f, iova, true));
	CHECK("unmap", !uvdk_ioas_unmap(f->ioas, iova, PAGE));

	return 0;
}

static int map_at(struct uvdk_ioas *ioas, uint8_t *mem, size_t count, uvdk_iova_t iova)
{
	return uvdk_ioas_map(ioas, mem, count * PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova);
}

/* The same IOVAs in another space: copies go there, and nowhere in between. */
static int attached_elsewhere(struct fixture *f, struct uvdk_ioas *other)
{
	CHECK("map other memory at the same addresses",
	      !map_at(other, f->page, 1, f->dst_iova) && !map_at(other, f->src, 2, f->src_iova));
	memset(f->page, 0, PAGE);
	memset(f->dst, 0x33, PAGE);
	uvdk_ioas_detach(f->ioas, f->dev);
	CHECK("copy while detached", !copy(f->chan, f->dst_iova, f->src_iova, 64));
	CHECK("detached, it touches no memory", all(f->dst, PAGE, 0x33) && all(f->page, PAGE, 0));
	CHECK("attach to the other space", !uvdk_ioas_attach(other, f->dev));
	CHECK("copy in the other space", !copy(f->chan, f->dst_iova, f->src_iova, 64));
	CHECK("the bytes arrived there", !memcmp(f->page, f->src, 64));
	CHECK("and not in the first space", all(f->dst, PAGE, 0x33));
	uvdk_ioas_detach(other, f->dev);
	CHECK("attach to the first space again", !uvdk_ioas_attach(f->ioas, f->dev));
	memset(f->page, 0x44, PAGE);
	CHECK("copy in the first space", !copy(f->chan, f->dst_iova, f->src_iova, 64));
	CHECK("the bytes arrived", !memcmp(f->dst, f->src, 64));
	CHECK("and not in the other space", all(f->page, PAGE, 0x44));

	return 0;
}

static int another_space_is_other_memory(struct fixture *f)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .iova_last = EDU_LAST};
	struct uvdk_ioas *other;
	int ret;

	CHECK("create another address space", !uvdk_ioas_create(f->iommu, &opts, &other));
	ret = attached_elsewhere(f, other);
	uvdk_ioas_destroy(other);

	return ret;
}

int main(int argc, char **argv)
{
	struct fixture f = {0};
	int failed;

	if (argc != 3) {
		fprintf(stderr, "usage: edu_dma BDF|emu:edu IOMMU\n");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	failed = fixture_open(&f, argv[1], argv[2]) || mapped_memory_is_copied(&f) ||
		 unmapped_memory_is_safe(&f) || read_only_memory_is_safe(&f) ||
		 another_space_is_other_memory(&f);
	fixture_close(&f);
	printf("%s\n", failed ? "FAILED" : "all ok");

	return failed ? 1 : 0;
}
