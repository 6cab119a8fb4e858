// SPDX-License-Identifier: BSD-3-Clause
/*
 * mock_dirty: the mock I/O MMU marks pages as written, and what is read must be
 * what it was told, no more and no less.
 */
#include "mock.h"

#define PAGES 200u /* more than three words of a bitmap, the last one not full */
#define WORDS ((PAGES + 63) / 64)

static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas;
static struct uvdk_hwpt *table;
static uint32_t id; /* the kernel's */

static bool same(const uint64_t *a, const uint64_t *b)
{
	return !memcmp(a, b, WORDS * sizeof(*a));
}

static void expect(const uint64_t *want, unsigned int flags)
{
	uint64_t got[WORDS] = {0};

	CHECK_EQ(uvdk_hwpt_dirty_read(table, MOCK_IOVA, PAGES * PAGE, PAGE, got, flags), 0);
	for (unsigned int i = 0; i < WORDS; i++)
		CHECK(got[i] == want[i], "word %u: 0x%llx, not 0x%llx", i,
		      (unsigned long long)got[i], (unsigned long long)want[i]);
}

static void pattern(uint64_t *bits)
{
	memset(bits, 0, WORDS * sizeof(*bits));
	for (unsigned int i = 0; i < PAGES; i++)
		if (random() & 1)
			bits[i / 64] |= UINT64_C(1) << i % 64;
}

static void patterns(void)
{
	const uint64_t none[WORDS] = {0};
	uint64_t first[WORDS], second[WORDS], both[WORDS];

	for (int round = 0; round < 50; round++) {
		pattern(first);
		pattern(second);
		CHECK_EQ(mock_write_pages(id, MOCK_IOVA, PAGES * PAGE, first), 0);
		expect(first, UVDK_DIRTY_KEEP);
		CHECK_EQ(mock_write_pages(id, MOCK_IOVA, PAGES * PAGE, second), 0);
		for (unsigned int i = 0; i < WORDS; i++)
			both[i] = first[i] | second[i];
		expect(both, UVDK_DIRTY_KEEP);
		expect(both, 0);
		expect(none, 0);
		CHECK_EQ(mock_write_pages(id, MOCK_IOVA, PAGES * PAGE, second), 0);
		expect(second, 0);
		CHECK(!same(second, none), "a pattern of nothing");
	}
	printf("patterns: all good\n");
}

static void parts(void)
{
	const uint64_t three = 7, none[WORDS] = {0};
	uint64_t got = 0;

	CHECK_EQ(mock_write_pages(id, MOCK_IOVA + 10 * PAGE, 3 * PAGE, &three), 0);
	CHECK_EQ(uvdk_hwpt_dirty_read(table, MOCK_IOVA + 8 * PAGE, 8 * PAGE, 4 * PAGE, &got,
				      UVDK_DIRTY_KEEP),
		 0);
	CHECK(got == 3, "0x%llx: pages 10 and 11, page 12", (unsigned long long)got);
	got = 0;
	CHECK_EQ(uvdk_hwpt_dirty_read(table, MOCK_IOVA + 11 * PAGE, PAGE, PAGE, &got, 0), 0);
	CHECK(got == 1, "0x%llx", (unsigned long long)got);
	got = 0;
	CHECK_EQ(uvdk_hwpt_dirty_read(table, MOCK_IOVA + 10 * PAGE, 3 * PAGE, PAGE, &got, 0), 0);
	CHECK(got == 5, "0x%llx: page 11 was cleared before, the others were not",
	      (unsigned long long)got);
	expect(none, 0);
	printf("parts: all good\n");
}

static void starts_and_stops(void)
{
	const uint64_t none[WORDS] = {0}, one = 1;
	uint64_t got = 0;

	CHECK_EQ(mock_write_pages(id, MOCK_IOVA, PAGE, &one), 0);
	CHECK_EQ(uvdk_hwpt_dirty_stop(table), 0);
	CHECK_EQ(mock_write_pages(id, MOCK_IOVA, PAGE, &one), -EINVAL); /* nobody watches */
	CHECK_ERR(uvdk_hwpt_dirty_read(table, MOCK_IOVA, PAGE, PAGE, &got, 0), -EINVAL);
	CHECK_EQ(uvdk_hwpt_dirty_start(table), 0);
	expect(none, 0);
	CHECK_ERR(uvdk_hwpt_dirty_read(table, MOCK_IOVA, (PAGES + 1) * PAGE, PAGE, &got, 0),
		  -ENOENT);
	CHECK_ERR(uvdk_hwpt_dirty_read(table, MOCK_IOVA, PAGE, PAGE, (uint64_t *)8, 0), -EFAULT);
	printf("starts and stops: all good\n");
}

int main(void)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts),
				      .flags = UVDK_HWPT_DIRTY | UVDK_HWPT_PASID};
	uint8_t *mem = mock_memory(PAGES, 1);
	unsigned int fds = count_fds();
	struct uvdk_iommu_info info;
	struct uvdk_device *dev;

	mock_register();
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	dev = mock_open(iommu, "mock:0");
	CHECK_EQ(uvdk_iommu_get_info(dev, &info), 0);
	CHECK(info.features & UVDK_IOMMU_DIRTY_TRACKING, "0x%x", info.features);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	/* One by one, so that each has an entry of its own, and a mark of its own. */
	for (unsigned int i = 0; i < PAGES; i++) {
		uvdk_iova_t iova = MOCK_IOVA + i * PAGE;

		CHECK_EQ(uvdk_ioas_map(ioas, mem + i * PAGE, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED,
				       &iova),
			 0);
	}
	CHECK_EQ(uvdk_hwpt_create(ioas, dev, &opts, &table), 0);
	id = mock.latest_hwpt;
	CHECK_EQ(uvdk_hwpt_attach(table, dev, 7), 0);
	CHECK_EQ(uvdk_hwpt_dirty_start(table), 0);
	patterns();
	parts();
	starts_and_stops();
	uvdk_hwpt_destroy(table);
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
