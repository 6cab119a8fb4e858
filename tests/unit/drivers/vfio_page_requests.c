// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <uvdk_fault.h>

#include "vfio_sim.h"

/* Page requests, from a kernel whose fault queue is ours. */

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static struct uvdk_ioas *ioas;
static struct uvdk_faultq *queue;
static struct uvdk_hwpt *table;
static struct uvdk_fault got[1024];
static unsigned int fds;

static void setup(void)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = UVDK_HWPT_PASID};

	sim_create();
	sim.pasid_bits = 20;
	fds = sim_count_fds();
	cr_assert_eq(uvdk_iommu_open("iommufd", sim_iommu_opts(), &iommu), 0);
	cr_assert_eq(uvdk_device_open(iommu, SIM_A, sim_device_opts(), &dev), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_faultq_create(iommu, NULL, &queue), 0, "%s", uvdk_last_error());
	opts.faultq = queue;
	cr_assert_eq(uvdk_hwpt_create(ioas, dev, &opts, &table), 0);
	cr_assert_eq(sim.hwpt_flags, 1u << 2 | 1u << 3, "the kernel is told which queue");
	for (uint32_t pasid = 5; pasid <= 6; pasid++)
		cr_assert_eq(uvdk_hwpt_attach(table, dev, pasid), 0);
}

static void teardown(void)
{
	uvdk_hwpt_destroy(table);
	uvdk_faultq_destroy(queue);
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	cr_expect_eq(sim.objects, 0);
	cr_expect_eq(sim_count_fds(), fds);
	sim_destroy();
}

TestSuite(vfio_page_requests, .init = setup);

static int answer(uint64_t group, enum uvdk_fault_code code)
{
	struct uvdk_fault_answer one = {.group = group, .code = code};

	return uvdk_faultq_answer(queue, &one, 1);
}

static bool readable(void)
{
	struct pollfd p = {.fd = uvdk_faultq_fd(queue), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

Test(vfio_page_requests, all_that_the_kernel_says_arrives)
{
	cr_expect_eq(uvdk_faultq_read(queue, got, 1024), 0);
	cr_expect_not(readable());
	sim_ask(6, 0x1ff, 2);
	sim_ask(0, 3, 1);
	cr_expect(readable());
	cr_assert_eq(uvdk_faultq_read(queue, got, 1024), 3);
	cr_expect_not(readable());
	cr_expect_eq(got[1].type, UVDK_FAULT_PAGE_REQUEST);
	cr_expect_eq(got[1].dev, dev);
	cr_expect_eq(got[1].pasid, 6);
	cr_expect_eq(got[1].index, 0x1ff);
	cr_expect_eq(got[1].addr, 0x1ff001);
	cr_expect_eq(got[1].len, 7);
	cr_expect_eq(got[1].access, UVDK_FAULT_READ | UVDK_FAULT_EXEC);
	cr_expect_not(got[0].last);
	cr_expect(got[1].last);
	cr_expect_eq(got[0].group, got[1].group);
	cr_expect_eq(got[2].pasid, UVDK_PASID_RID, "it has none, whatever stands there");
	cr_expect_eq(answer(got[0].group, UVDK_FAULT_SUCCESS), 0);
	cr_expect_eq(answer(got[2].group, UVDK_FAULT_FAILURE), 0);
	cr_expect(sim_faults.groups[0].answered);
	cr_expect_eq(sim_faults.groups[0].code, 0);
	cr_expect_eq(sim_faults.groups[1].code, 1, "the kernel has nothing like FAILURE");
	teardown();
}

Test(vfio_page_requests, a_group_larger_than_any_room_arrives_whole)
{
	unsigned int wrong = 0;

	sim_ask(5, 1, 700);
	sim_ask(5, 2, 1);
	cr_expect_eq(uvdk_faultq_read(queue, got, 5), 5);
	cr_expect_eq(uvdk_faultq_read(queue, got + 5, 1000), 696);
	for (unsigned int i = 0; i < 700; i++)
		wrong += got[i].addr != 0x1000 + i || got[i].last != (i == 699) ||
			 got[i].group != got[0].group;
	cr_expect_eq(wrong, 0, "%u requests", wrong);
	cr_expect_eq(got[700].index, 2);
	teardown();
}

Test(vfio_page_requests, one_late_answer_does_not_hold_up_others)
{
	struct uvdk_fault_answer answers[6];

	for (uint32_t i = 0; i < 6; i++)
		sim_ask(5, i, 1);
	cr_assert_eq(uvdk_faultq_read(queue, got, 1024), 6);
	/* The kernel has answered these itself, and we don't know yet. */
	sim_faults.groups[0].answered = true;
	sim_faults.groups[3].answered = true;
	for (unsigned int i = 0; i < 6; i++)
		answers[i] = (struct uvdk_fault_answer){got[i].group, UVDK_FAULT_SUCCESS, 1};
	cr_expect_eq(uvdk_faultq_answer(queue, answers, 6), -ENOENT);
	for (unsigned int i = 0; i < 6; i++) {
		cr_expect_eq(answers[i].err, i % 3 ? 0 : -ENOENT, "group %u", i);
		cr_expect(sim_faults.groups[i].answered);
	}
	teardown();
}

Test(vfio_page_requests, a_late_answer_does_not_reach_who_has_its_cookie_now)
{
	uint64_t late;

	sim_ask(5, 1, 1);
	cr_assert_eq(uvdk_faultq_read(queue, got, 1024), 1);
	late = got[0].group;
	uvdk_hwpt_detach(table, dev, 5);
	sim_ask(6, 2, 1);
	cr_assert_eq(uvdk_faultq_read(queue, got, 1024), 1);
	cr_expect_eq(sim_faults.groups[1].cookie, sim_faults.groups[0].cookie);
	cr_expect_eq(answer(late, UVDK_FAULT_INVALID), -ENOENT);
	cr_expect_not(sim_faults.groups[1].answered);
	cr_expect_eq(answer(got[0].group, UVDK_FAULT_SUCCESS), 0);
	teardown();
}

Test(vfio_page_requests, a_kernel_that_refuses_says_why)
{
	sim_faults.fail_read = EIO;
	cr_expect_eq(uvdk_faultq_read(queue, got, 1024), -EIO);
	cr_expect(strstr(uvdk_last_error(), "page requests"), "%s", uvdk_last_error());
	sim_faults.fail_read = EAGAIN;
	cr_expect_eq(uvdk_faultq_read(queue, got, 1024), 0);
	sim_ask(5, 1, 1);
	cr_assert_eq(uvdk_faultq_read(queue, got, 1024), 1);
	sim_faults.fail_write = EIO;
	cr_expect_eq(answer(got[0].group, UVDK_FAULT_SUCCESS), -EIO);
	cr_expect_eq(answer(got[0].group, UVDK_FAULT_SUCCESS), 0, "and can be told again");
	teardown();
}

Test(vfio_page_requests, kernels_and_iommus_without_queues_say_so)
{
	struct uvdk_faultq *none = NULL;
	struct uvdk_iommu *type1;

	sim.fail_errno = ENOTTY;
	sim.fail_at = sim.calls + 1;
	cr_expect_eq(uvdk_faultq_create(iommu, NULL, &none), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "Linux 6.11"), "%s", uvdk_last_error());
	cr_assert_eq(uvdk_iommu_open("type1", sim_iommu_opts(), &type1), 0);
	cr_expect_eq(uvdk_faultq_create(type1, NULL, &none), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "iommufd, emu and virtio have"), "%s",
		  uvdk_last_error());
	uvdk_iommu_close(type1);
	teardown();
}

/* With room for one group, what the kernel gave beyond it stays with the driver. */
Test(vfio_page_requests, what_was_read_ahead_goes_with_its_pasid)
{
	struct uvdk_faultq_opts opts = {.size = sizeof(opts), .groups_max = 1};
	struct uvdk_hwpt_opts of = {.size = sizeof(of), .flags = UVDK_HWPT_PASID};
	struct uvdk_faultq_stats stats;
	uint64_t group;

	uvdk_hwpt_destroy(table);
	uvdk_faultq_destroy(queue);
	cr_assert_eq(uvdk_faultq_create(iommu, &opts, &queue), 0);
	of.faultq = queue;
	cr_assert_eq(uvdk_hwpt_create(ioas, dev, &of, &table), 0);
	for (uint32_t pasid = 5; pasid <= 6; pasid++)
		cr_assert_eq(uvdk_hwpt_attach(table, dev, pasid), 0);
	sim_ask(5, 1, 6);
	sim_ask(6, 2, 1);
	sim_ask(5, 3, 1);
	cr_assert_eq(uvdk_faultq_read(queue, got, 1024), 6);
	group = got[0].group;

	sim_answer_all(6);
	uvdk_hwpt_detach(table, dev, 6);
	cr_assert_eq(uvdk_hwpt_attach(table, dev, 6), 0);
	sim_ask(6, 4, 1);
	for (uint32_t index = 3; index <= 4; index++) {
		cr_assert_eq(answer(group, UVDK_FAULT_SUCCESS), 0);
		cr_assert_eq(uvdk_faultq_read(queue, got, 1024), 1);
		cr_expect_eq(got[0].index, index, "%u was answered by the kernel", got[0].index);
		group = got[0].group;
	}
	cr_expect_eq(answer(group, UVDK_FAULT_SUCCESS), 0);
	cr_expect_eq(sim_faults.groups[3].code, 0);
	uvdk_faultq_get_stats(queue, &stats);
	cr_expect_eq(stats.abandoned, 1);
	teardown();
}
