// SPDX-License-Identifier: BSD-3-Clause
#include <limits.h>

#include "viommu_world.h"

/* Hardware queues and event queues. */

TestSuite(viommu_queues, .init = world_setup);

Test(viommu_queues, the_driver_sees_them_ascend_and_descend)
{
	struct uvdk_viommu *viommu = viommu_for(dev, UVDK_NEST_TEGRA241);
	struct uvdk_hw_queue *queue[4], *late;

	for (unsigned int i = 0; i < 4; i++) {
		cr_assert_eq(uvdk_hw_queue_create(viommu, MAPPED + i * 4096, 4096, &queue[i]), 0);
		cr_expect_eq(uvdk_hw_queue_index(queue[i]), i);
	}
	uvdk_hw_queue_destroy(queue[1]);
	uvdk_hw_queue_destroy(queue[0]);
	cr_expect_eq(fake_viommu.objects, 5, "those above are left: nothing goes yet");
	uvdk_hw_queue_destroy(queue[3]);
	cr_expect_eq(fake_viommu.next_queue, 3);
	cr_assert_eq(uvdk_hw_queue_create(viommu, MAPPED, 4096, &late), 0);
	cr_expect_eq(uvdk_hw_queue_index(late), 3);
	uvdk_hw_queue_destroy(queue[2]);
	uvdk_viommu_destroy(viommu);
	cr_expect(said("stays"), "%s", uvdk_last_error());
	uvdk_hw_queue_destroy(late);
	cr_expect_eq(fake_viommu.next_queue, 0, "all at once");
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

Test(viommu_queues, memory_is_checked)
{
	struct uvdk_viommu *viommu = viommu_for(dev, UVDK_NEST_TEGRA241);
	struct uvdk_viommu *plain = viommu_for(dev, UVDK_NEST_SMMUV3);
	struct uvdk_hw_queue *queue = NULL;

	REFUSED(uvdk_hw_queue_create(viommu, MAPPED, 0, &queue), -EINVAL, "none");
	REFUSED(uvdk_hw_queue_create(viommu, UINT64_MAX - 31, 64, &queue), -EINVAL, "wrap");
	REFUSED(uvdk_hw_queue_create(viommu, MAPPED, 16, &queue), -EINVAL, "32 on");
	REFUSED(uvdk_hw_queue_create(viommu, MAPPED, 96, &queue), -EINVAL, "power of two");
	REFUSED(uvdk_hw_queue_create(viommu, MAPPED + 4096, 8192, &queue), -EINVAL, "aligned");
	REFUSED(uvdk_hw_queue_create(viommu, MAPPED, 2 * MAPPED_LEN, &queue), -EFAULT, "mapped");
	REFUSED(uvdk_hw_queue_create(plain, MAPPED, 4096, &queue), -EOPNOTSUPP, "Tegra241 has");
	cr_expect_eq(queue, NULL);
	uvdk_viommu_destroy(viommu);
	uvdk_viommu_destroy(plain);
	world_teardown();
}

static struct uvdk_viommu *viommu;
static struct uvdk_veventq *events;

static void open_events(void)
{
	viommu = viommu_for(dev, UVDK_NEST_SMMUV3);
	cr_assert_eq(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SMMUV3, 8, &events), 0);
}

static void close_events(void)
{
	uvdk_veventq_destroy(events);
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

static void report(bool tail, uint32_t sequence)
{
	fake_viommu.records[fake_viommu.nr_records++] =
		(struct uvdk_vevent_record){tail, sequence, {100 + sequence, 0, 0, 0}};
}

/* Reads one by one, or all at once: the same comes out. */
static void expect(bool one_by_one, unsigned int count, const uint32_t (*want)[2])
{
	struct uvdk_vevent got[16] = {{0}};
	int n = 0;

	if (one_by_one)
		while (n < 16 && uvdk_veventq_read(events, &got[n], 1) == 1)
			n++;
	else
		n = uvdk_veventq_read(events, got, 16);
	cr_assert_eq(n, (int)count, "%d", n);
	for (unsigned int i = 0; i < count; i++) {
		cr_expect_eq(got[i].lost, want[i][0], "entry %u: %u", i, got[i].lost);
		cr_expect_eq(got[i].sequence, want[i][1]);
		cr_expect_eq(got[i].data[0], want[i][0] ? 0 : 100 + want[i][1]);
	}
}

Test(viommu_queues, lost_events_are_told)
{
	static const uint32_t want[][2] = {{2, 2}, {0, 2}, {0, 3}, {1, 5}, {0, 5}, {2, 7}};
	static const uint32_t after[][2] = {{0, 8}, {1, 9}};

	open_events();
	for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
		report(false, 2); /* 0 and 1 are missing */
		report(false, 3);
		report(false, 5);
		report(true, 7); /* the latest of two */
		expect(one_by_one, 6, want);
		report(false, 8);
		report(true, 9);
		expect(one_by_one, 2, after);
		uvdk_veventq_destroy(events);
		cr_assert_eq(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SMMUV3, 8, &events), 0);
	}
	close_events();
}

Test(viommu_queues, numbers_begin_anew_after_the_last)
{
	static const uint32_t first[][2] = {{INT_MAX, INT_MAX}, {0, INT_MAX}};
	static const uint32_t want[][2] = {{0, 0}, {1, 2}, {0, 2}};

	open_events();
	report(false, INT_MAX);
	expect(false, 2, first);
	report(false, 0);
	report(false, 2);
	expect(false, 3, want);
	close_events();
}

Test(viommu_queues, a_read_that_fails_takes_nothing)
{
	static const uint32_t want[][2] = {{0, 0}};
	struct uvdk_vevent got;

	open_events();
	report(false, 0);
	fake_viommu.fail[FAKE_VEVENTQ_READ] = (struct fake_failure){1, -EIO};
	cr_expect_eq(uvdk_veventq_read(events, &got, 1), -EIO);
	expect(false, 1, want);
	cr_expect_eq(uvdk_veventq_read(events, &got, 1), 0);
	REFUSED(uvdk_veventq_read(events, &got, 0), -EINVAL, "room");
	cr_expect_eq(uvdk_veventq_fd(events), 77);
	close_events();
}

Test(viommu_queues, wrong_event_queues_are_refused)
{
	struct uvdk_veventq *other = NULL;

	open_events();
	REFUSED(uvdk_veventq_create(viommu, UVDK_VEVENTQ_TEGRA241, 8, &other), -EINVAL, "SMMUv3");
	REFUSED(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SMMUV3, 0, &other), -EINVAL, "524288");
	REFUSED(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SMMUV3, 524289, &other), -EINVAL,
		"524288");
	cr_expect_eq(other, NULL);
	close_events();
}
