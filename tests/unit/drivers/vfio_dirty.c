// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_hwpt.h>

#include "vfio_sim.h"

/* Which pages were written, from a kernel that marks those it is told to. */

#define PAGE 4096ul
#define IOVA SIM_DIRTY_IOVA

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static struct uvdk_ioas *ioas;
static struct uvdk_hwpt *hwpt;

static struct uvdk_hwpt *table(unsigned int flags)
{
	const struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = flags};
	struct uvdk_hwpt *made = NULL;

	cr_assert_eq(uvdk_hwpt_create(ioas, dev, &opts, &made), 0, "%s", uvdk_last_error());
	return made;
}

/* Sixteen pages, of which the one in the middle is not mapped. */
static void setup(void)
{
	char *memory =
		mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uvdk_iova_t low = IOVA, high = IOVA + 8 * PAGE;

	sim_create();
	cr_assert_eq(uvdk_iommu_open("iommufd", sim_iommu_opts(), &iommu), 0);
	cr_assert_eq(uvdk_device_open(iommu, SIM_A, sim_device_opts(), &dev), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, memory, 7 * PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &low), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, memory + 8 * PAGE, 4 * PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED,
				   &high),
		     0);
	high += 4 * PAGE;
	cr_assert_eq(uvdk_ioas_map(ioas, memory + 12 * PAGE, 4 * PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED,
				   &high),
		     0);
	hwpt = table(UVDK_HWPT_DIRTY);
}

static void teardown(void)
{
	uvdk_hwpt_destroy(hwpt);
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	cr_expect_eq(sim.objects, 0);
	sim_destroy();
}

TestSuite(vfio_dirty, .init = setup);

#define REFUSED(call, err, text)                                                     \
	do {                                                                         \
		cr_expect_eq(call, err);                                             \
		cr_expect(strstr(uvdk_last_error(), text), "%s is not in: %s", text, \
			  uvdk_last_error());                                        \
	} while (0)

static uint64_t read_bits(uvdk_iova_t iova, size_t len, size_t page_size, unsigned int flags)
{
	uint64_t bits = 0;

	cr_expect_eq(uvdk_hwpt_dirty_read(hwpt, iova, len, page_size, &bits, flags), 0, "%s",
		     uvdk_last_error());
	return bits;
}

Test(vfio_dirty, a_read_clears_and_may_keep)
{
	cr_assert_eq(uvdk_hwpt_dirty_start(hwpt), 0);
	sim.dirty = 0x25;
	cr_expect_eq(read_bits(IOVA, 7 * PAGE, PAGE, UVDK_DIRTY_KEEP), 0x25);
	cr_expect_eq(read_bits(IOVA, 7 * PAGE, PAGE, 0), 0x25);
	cr_expect_eq(read_bits(IOVA, 7 * PAGE, PAGE, 0), 0);
	teardown();
}

Test(vfio_dirty, a_read_takes_its_range_only)
{
	uint64_t bits = 1;

	cr_assert_eq(uvdk_hwpt_dirty_start(hwpt), 0);
	sim.dirty = 0x70f;
	cr_expect_eq(read_bits(IOVA + 2 * PAGE, PAGE, PAGE, 0), 1, "from its first page on");
	cr_expect_eq(read_bits(IOVA + 8 * PAGE, 8 * PAGE, 2 * PAGE, 0), 3, "over two maps");
	cr_expect_eq(sim.dirty, 0xb);
	cr_assert_eq(uvdk_hwpt_dirty_read(hwpt, IOVA + 3 * PAGE, 2 * PAGE, PAGE, &bits, 0), 0);
	cr_expect_eq(bits, 1, "bits that were set stay");
	teardown();
}

Test(vfio_dirty, start_forgets_what_was)
{
	sim.dirty = 3;
	cr_assert_eq(uvdk_hwpt_dirty_start(hwpt), 0);
	cr_expect_eq(read_bits(IOVA, 2 * PAGE, PAGE, 0), 0);
	sim.dirty = 3;
	cr_assert_eq(uvdk_hwpt_dirty_start(hwpt), 0);
	cr_expect_eq(read_bits(IOVA, 2 * PAGE, PAGE, 0), 0);
	cr_expect(sim.dirty_on);
	cr_assert_eq(uvdk_hwpt_dirty_stop(hwpt), 0);
	cr_expect_not(sim.dirty_on);
	cr_expect_eq(uvdk_hwpt_dirty_stop(hwpt), 0, "once more");
	teardown();
}

Test(vfio_dirty, wrong_ranges_are_refused)
{
	uint64_t bits = 0;

	cr_assert_eq(uvdk_hwpt_dirty_start(hwpt), 0);
	sim.dirty = UINT64_MAX;
#define READ(iova, len, page) uvdk_hwpt_dirty_read(hwpt, iova, len, page, &bits, 0)
	REFUSED(READ(IOVA, 8 * PAGE, PAGE), -ENOENT, "0x107000");
	REFUSED(READ(IOVA + 14 * PAGE, 3 * PAGE, PAGE), -ENOENT, "0x110000");
	REFUSED(READ(0, PAGE, PAGE), -ENOENT, "IOVA 0x0");
	REFUSED(READ(IOVA + 1, PAGE, PAGE), -EINVAL, "whole pages");
	REFUSED(READ(IOVA, PAGE + 1, PAGE), -EINVAL, "whole pages");
	REFUSED(READ(IOVA + PAGE, 2 * PAGE, 2 * PAGE), -EINVAL, "whole pages");
	REFUSED(READ(IOVA, 0, PAGE), -EINVAL, "whole pages");
	REFUSED(READ(IOVA, 3 * PAGE, 3 * PAGE), -EINVAL, "power of two");
	REFUSED(READ(IOVA, PAGE, 2048), -EINVAL, "power of two");
	REFUSED(READ(IOVA, PAGE, 0), -EINVAL, "power of two");
	REFUSED(READ(UINT64_MAX - PAGE + 1, 2 * PAGE, PAGE), -EINVAL, "wraps");
	REFUSED(uvdk_hwpt_dirty_read(hwpt, IOVA, PAGE, PAGE, &bits, 2), -EINVAL, "0x2");
	REFUSED(uvdk_hwpt_dirty_read(hwpt, IOVA, PAGE, PAGE, NULL, 0), -EFAULT, "no memory");
	cr_expect_eq(bits, 0);
	cr_expect_eq(sim.dirty, UINT64_MAX, "nothing has been cleared");
	teardown();
}

Test(vfio_dirty, what_was_not_asked_for_is_not_told)
{
	struct uvdk_hwpt *plain = table(0);
	uint64_t bits = 0;

	cr_expect_eq(sim.hwpt_flags & 2, 0);
	REFUSED(uvdk_hwpt_dirty_start(plain), -EINVAL, "UVDK_HWPT_DIRTY");
	REFUSED(uvdk_hwpt_dirty_stop(plain), -EINVAL, "UVDK_HWPT_DIRTY");
	REFUSED(uvdk_hwpt_dirty_read(hwpt, IOVA, PAGE, PAGE, &bits, 0), -EINVAL, "dirty_start");
	cr_assert_eq(uvdk_hwpt_dirty_start(hwpt), 0);
	cr_assert_eq(uvdk_hwpt_dirty_stop(hwpt), 0);
	REFUSED(uvdk_hwpt_dirty_read(hwpt, IOVA, PAGE, PAGE, &bits, 0), -EINVAL, "dirty_start");
	uvdk_hwpt_destroy(plain);
	teardown();
}

Test(vfio_dirty, a_kernel_that_refuses_changes_nothing)
{
	uint64_t bits = 0;

	sim.fail_errno = EOPNOTSUPP;
	sim.fail_at = sim.calls + 1;
	REFUSED(uvdk_hwpt_dirty_start(hwpt), -EOPNOTSUPP, "can't begin");
	REFUSED(uvdk_hwpt_dirty_read(hwpt, IOVA, PAGE, PAGE, &bits, 0), -EINVAL, "dirty_start");
	cr_assert_eq(uvdk_hwpt_dirty_start(hwpt), 0);
	sim.fail_at = sim.calls + 1;
	REFUSED(uvdk_hwpt_dirty_read(hwpt, IOVA, PAGE, PAGE, &bits, 0), -EOPNOTSUPP, "0x100000");
	sim.fail_at = sim.calls + 1;
	REFUSED(uvdk_hwpt_dirty_stop(hwpt), -EOPNOTSUPP, "can't end");
	cr_expect_eq(read_bits(IOVA, PAGE, PAGE, 0), 0, "it is still watched");
	teardown();
}
