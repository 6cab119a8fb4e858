// SPDX-License-Identifier: BSD-3-Clause
/*
 * hwpt_edu BDF: the RID of an edu device is switched between the page tables of
 * two address spaces, which hold other memory at the same IOVA; a PASID is
 * refused, for edu has none. Prints what the I/O MMU says it can do.
 */
#include <inttypes.h>
#include <sys/mman.h>
#include <time.h>

#include <uvdk_dmadev.h>
#include <uvdk_hwpt.h>

#include "dev_common.h"

#define PAGE	 4096u
#define IOVA	 UINT64_C(0x200000)
#define DEADLINE 20

struct tenant {
	struct uvdk_ioas *ioas;
	struct uvdk_hwpt *hwpt;
	uint8_t *mem; /* two pages, at IOVA */
};

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static struct uvdk_dmadev *dma;
static struct uvdk_dmadev_chan *chan;

static void tenant_create(struct tenant *t, unsigned int flags, uint8_t value)
{
	const struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = flags};
	uvdk_iova_t iova = IOVA;

	t->mem = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(t->mem != MAP_FAILED, "memory");
	memset(t->mem, value, PAGE);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &t->ioas), 0);
	/* Before the table is there, and after: it has to have both. */
	CHECK_EQ(uvdk_ioas_map(t->ioas, t->mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	CHECK_EQ(uvdk_hwpt_create(t->ioas, dev, &opts, &t->hwpt), 0);
	iova += PAGE;
	CHECK_EQ(uvdk_ioas_map(t->ioas, t->mem + PAGE, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		 0);
}

static void tenant_destroy(struct tenant *t)
{
	uvdk_hwpt_destroy(t->hwpt);
	uvdk_ioas_destroy(t->ioas);
	munmap(t->mem, 2 * PAGE);
}

/* The first page of whatever is at IOVA to its second. */
static void copy(void)
{
	struct uvdk_dmadev_result result;
	time_t deadline = time(NULL) + DEADLINE;

	CHECK(uvdk_dmadev_copy(chan, IOVA + PAGE, IOVA, PAGE, 0) >= 0, "copy");
	CHECK_EQ(uvdk_dmadev_submit(chan), 0);
	while (!uvdk_dmadev_completed_status(chan, &result, 1)) {
		CHECK(time(NULL) <= deadline, "no end in %d s", DEADLINE);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

/* A copy must change the second page of @in, and nothing of @out (or NULL). */
static void copies_in(struct tenant *in, struct tenant *out)
{
	uint8_t before[2 * PAGE];

	memset(in->mem + PAGE, 0, PAGE);
	if (out)
		memcpy(before, out->mem, sizeof(before));
	copy();
	CHECK(!memcmp(in->mem, in->mem + PAGE, PAGE), "nothing arrived");
	CHECK(!out || !memcmp(out->mem, before, sizeof(before)),
	      "the other tenant's memory changed");
}

static void switch_tables(unsigned int flags)
{
	struct tenant a, b;

	tenant_create(&a, flags, 0xaa);
	tenant_create(&b, flags, 0xbb);
	CHECK_EQ(uvdk_hwpt_attach(a.hwpt, dev, UVDK_PASID_RID), 0);
	for (int i = 0; i < 3; i++) {
		copies_in(&a, &b);
		CHECK_EQ(uvdk_hwpt_replace(b.hwpt, dev, UVDK_PASID_RID), 0);
		copies_in(&b, &a);
		CHECK_EQ(uvdk_hwpt_replace(a.hwpt, dev, UVDK_PASID_RID), 0);
	}
	tenant_destroy(&b);
	copies_in(&a, NULL);
	CHECK_ERR(uvdk_ioas_attach_pasid(a.ioas, dev, 5), -EOPNOTSUPP);
	CHECK_ERR(uvdk_ioas_attach(a.ioas, dev), -EBUSY);
	tenant_destroy(&a);
	printf("  tables with flags 0x%x: all good\n", flags);
}

int main(int argc, char **argv)
{
	struct uvdk_iommu_info info;
	unsigned int fds;

	if (argc < 2)
		return 2;
	fds = count_fds();
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	CHECK_EQ(uvdk_device_open(iommu, argv[1], NULL, &dev), 0);
	CHECK_EQ(uvdk_dmadev_open(dev, NULL, &dma), 0);
	CHECK_EQ(uvdk_dmadev_chan_open(dma, NULL, &chan), 0);
	CHECK_EQ(uvdk_iommu_get_info(dev, &info), 0);
	printf("  %s: pages 0x%" PRIx64
	       ", iova_bits %u, va_bits %u, pasid_bits %u, features 0x%x\n",
	       info.hardware, info.page_sizes, info.iova_bits, info.va_bits, info.pasid_bits,
	       info.features);
	switch_tables(0);
	if (argc > 2)
		switch_tables(UVDK_HWPT_PASID);

	uvdk_dmadev_close(dma);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
