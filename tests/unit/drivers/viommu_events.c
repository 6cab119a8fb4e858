// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <uvdk_fault_driver.h>

#include "viommu_fake.h"

/* Faults that a virtio-iommu reports, on their way to fault queues. */

#define READ	1u
#define WRITE	2u
#define ADDRESS 0x100u

static struct fake_world w;
static void *q;
static struct uvdk_fault_record r[512];

static struct uvdk_iommu_binding binding = {.id = 77};
static struct viommu_endpoint endpoint = {.id = 0x18, .binding = &binding};

int viommu_domain_restore(struct viommu_domain *domain)
{
	(void)domain;
	return 0;
}

static void setup(void)
{
	fake_world_open(&w);
	fake.vectors = 1;
}

TestSuite(viommu_events, .init = setup, .timeout = 60);

static void opens(void)
{
	fake_open(&w);
	endpoint.unit = w.unit;
	LIST_INSERT_HEAD(&w.viommu.endpoints, &endpoint, entry);
	cr_assert_eq(viommu_fault_ops.create(&w.viommu, &q), 0);
}

static void closes(void)
{
	viommu_fault_ops.destroy(q);
	fake_world_close(&w);
}

static int reads(void)
{
	return viommu_fault_ops.read(q, r, 512);
}

static bool readable(void *queue, int ms)
{
	struct pollfd p = {.fd = viommu_fault_ops.fd(queue), .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

Test(viommu_events, a_fault_says_who_where_and_why)
{
	opens();
	cr_expect_eq(reads(), 0);
	cr_assert(fake_event(2, WRITE | ADDRESS, 0x18, 0x123456789abc));
	cr_assert(fake_event(1, READ, 0x20, 0x5000));
	cr_assert(fake_event(0, READ | WRITE, 0x18, 0));
	cr_expect_eq(reads(), 3);
	cr_expect_eq(r[0].fault.type, UVDK_FAULT_IOMMU);
	cr_expect_eq(r[0].fault.reason, UVDK_FAULT_UNMAPPED);
	cr_expect_eq(r[0].fault.access, UVDK_FAULT_WRITE);
	cr_expect_eq(r[0].fault.addr, 0x123456789abc);
	cr_expect_eq(r[0].fault.code, 2);
	cr_expect_eq(r[0].fault.pasid, UVDK_PASID_RID);
	cr_expect_eq(r[0].dev_id, 77);
	cr_expect_eq(r[1].fault.reason, UVDK_FAULT_DETACHED);
	cr_expect_eq(r[1].fault.access, UVDK_FAULT_READ);
	cr_expect_eq(r[1].fault.addr, 0, "an address that it does not vouch for");
	cr_expect_eq(r[1].dev_id, UVDK_FAULT_NO_DEVICE);
	cr_expect_eq(r[2].fault.reason, UVDK_FAULT_UNKNOWN);
	cr_expect_eq(reads(), 0);
	closes();
}

Test(viommu_events, a_queue_is_readable_exactly_if_there_is_something)
{
	opens();
	cr_expect_not(readable(q, 0));
	for (int i = 0; i < 200; i++) {
		cr_assert(fake_event(2, READ, 0x18, 0));
		cr_assert(readable(q, 1000), "event %d", i);
		cr_expect_eq(reads(), 1);
		cr_expect_eq(reads(), 0);
		cr_assert_not(readable(q, 0), "event %d", i);
	}
	closes();
}

Test(viommu_events, likewise_without_event_idx)
{
	fake.offered &= ~FAKE_EVENT_IDX;
	opens();
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect(readable(q, 1000));
	cr_expect_eq(reads(), 1);
	cr_expect_not(readable(q, 0));
	closes();
}

Test(viommu_events, without_interrupts_who_waits_is_woken_to_look)
{
	fake.vectors = 0;
	opens();
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect(readable(q, 1000));
	cr_expect_eq(reads(), 1);
	closes();
}

Test(viommu_events, every_queue_gets_every_fault)
{
	void *other;

	opens();
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect_eq(reads(), 1);
	cr_assert_eq(viommu_fault_ops.create(&w.viommu, &other), 0);
	cr_expect_eq(viommu_fault_ops.read(other, r, 512), 0, "that was before its time");
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect_eq(reads(), 1);
	cr_expect(readable(other, 1000));
	cr_expect_eq(viommu_fault_ops.read(other, r, 512), 1);
	cr_expect_not(readable(other, 0));
	viommu_fault_ops.destroy(other);
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect_eq(reads(), 1);
	closes();
}

Test(viommu_events, a_unit_that_comes_later_is_heard_of)
{
	cr_assert_eq(viommu_fault_ops.create(&w.viommu, &q), 0);
	fake_open(&w);
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect(readable(q, 1000));
	cr_expect_eq(reads(), 1);
	viommu_unit_close(w.unit);
	w.unit = NULL;
	cr_expect_eq(reads(), 0);
	closes();
}

Test(viommu_events, when_buffers_ran_out_that_is_said)
{
	unsigned int n = 0;
	int got;

	opens();
	while (fake_event(2, READ, 0x18, 0))
		n++;
	got = reads();
	while (got > 0 && got < (int)n)
		got += viommu_fault_ops.read(q, r + got, (unsigned int)(512 - got));
	cr_expect_eq(viommu_fault_ops.read(q, r + got, 512), 1);
	cr_expect_eq(got, n);
	cr_expect_eq(r[got].fault.type, UVDK_FAULT_LOST);
	cr_expect_eq(r[got].fault.lost, 0, "nobody knows how many");
	cr_expect_eq(reads(), 0);
	cr_assert(fake_event(2, READ, 0x18, 0), "there are buffers again");
	cr_expect_eq(reads(), 1);
	closes();
}

Test(viommu_events, a_queue_that_nobody_reads_loses_and_says_how_many)
{
	void *slow;
	uint64_t lost = 0;
	unsigned int n = 0;
	int got;

	opens();
	cr_assert_eq(viommu_fault_ops.create(&w.viommu, &slow), 0);
	for (int i = 0; i < 300; i++) {
		cr_assert(fake_event(2, READ, 0x18, 0));
		cr_assert_eq(reads(), 1);
	}
	while ((got = viommu_fault_ops.read(slow, r, 512)) > 0)
		for (int i = 0; i < got; i++) {
			n += r[i].fault.type == UVDK_FAULT_IOMMU;
			lost += r[i].fault.lost;
		}
	cr_expect_eq(n + lost, 300);
	cr_expect_gt(lost, 0);
	cr_expect_not(readable(slow, 0));
	viommu_fault_ops.destroy(slow);
	closes();
}

Test(viommu_events, what_is_no_fault_is_not_reported)
{
	opens();
	cr_assert(fake_event_raw("123", 3, 3));
	cr_assert(fake_event_raw("", 0, 0));
	cr_expect_eq(reads(), 0);
	cr_expect_not(readable(q, 0));
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect(readable(q, 1000));
	cr_expect_eq(reads(), 1);
	closes();
}

Test(viommu_events, a_device_that_lies_is_not_heard_until_it_is_reset)
{
	opens();
	cr_assert(fake_event_raw("", 0, 25));
	cr_expect_eq(reads(), 0);
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect_eq(reads(), 0);
	fake.device_status |= 0x40;
	cr_expect_eq(viommu_unit_check(w.unit), 0);
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect(readable(q, 1000));
	cr_expect_eq(reads(), 1);
	closes();
}

Test(viommu_events, what_came_before_a_reset_is_told)
{
	opens();
	cr_assert(fake_event(2, READ | ADDRESS, 0x18, 0x7000));
	fake.device_status |= 0x40;
	cr_expect_eq(viommu_unit_check(w.unit), 0);
	cr_expect_eq(reads(), 1);
	cr_expect_eq(r[0].fault.addr, 0x7000);
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect(readable(q, 1000));
	cr_expect_eq(reads(), 1);
	closes();
}

Test(viommu_events, a_vector_that_the_device_refuses_is_done_without)
{
	fake.no_vector = true;
	opens();
	cr_assert(fake_event(2, READ, 0x18, 0));
	cr_expect(readable(q, 1000));
	cr_expect_eq(reads(), 1);
	closes();
}
