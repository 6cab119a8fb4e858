// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "viommu_fake.h"

/* The driver of virtio-iommu: what it takes from a device, and what it tells it. */

static struct fake_world w;

static void setup(void)
{
	fake_world_open(&w);
}

TestSuite(viommu_unit, .init = setup, .timeout = 60);

int viommu_domain_restore(struct viommu_domain *domain)
{
	struct viommu_request attach = {
		.op = VIOMMU_ATTACH, .domain = domain->id, .endpoint = 0x18};

	return viommu_call(domain->unit, &attach);
}

static int call(enum viommu_op op, uint32_t domain, uint64_t first)
{
	uint8_t reply[65536];
	const struct viommu_request r = {
		.op = op,
		.domain = domain,
		.endpoint = 0x20,
		.flags = op == VIOMMU_MAP ? VIOMMU_MAP_READ | VIOMMU_MAP_WRITE : 0,
		.first = first,
		.last = first + 0xfff,
		.phys = 0x123456789000,
		.reply = reply,
	};

	return viommu_call(w.unit, &r);
}

static int map(uint64_t first)
{
	return call(VIOMMU_MAP, 7, first);
}

static void closes(void)
{
	fake_world_close(&w);
}

/* ---- opening ---- */

Test(viommu_unit, bypass_is_off_before_the_device_works)
{
	fake_open(&w);
	cr_expect_eq(fake.bypass, 0);
	cr_expect_not(fake.bypass_at_start);
	cr_expect_not(fake.features & FAKE_BYPASS);
	closes();
	cr_expect_eq(fake.bypass, 0, "and stays off");
	cr_expect_eq(fake.device_status, 0, "the device was not reset");
}

Test(viommu_unit, the_bypass_feature_is_never_accepted)
{
	fake.offered = (FAKE_USUAL | FAKE_BYPASS) & ~FAKE_CONFIG;
	fake.bypass = 0;
	fake_open(&w);
	cr_expect_not(fake.features & FAKE_BYPASS);
	cr_expect_not(fake.bypass_at_start);
	closes();
}

Test(viommu_unit, bypass_that_stays_on_is_refused)
{
	fake.bypass_sticks = true;
	fake_refused(&w, -EPROTO, "bypass reads 1");
	closes();
}

Test(viommu_unit, it_may_reach_memory_only_after_a_reset)
{
	fake_open(&w);
	cr_expect_eq(fake.resets, fake.unmastered, "it was reset while it could reach memory");
	closes();
}

Test(viommu_unit, another_device_is_refused)
{
	fake.device_id = 0x1041;
	fake_refused(&w, -ENODEV, "not a virtio-iommu");
	closes();
}

Test(viommu_unit, without_map_and_unmap_it_is_refused)
{
	fake.offered &= ~FAKE_MAP_UNMAP;
	fake_refused(&w, -EOPNOTSUPP, "MAP_UNMAP");
	closes();
}

Test(viommu_unit, absurd_page_sizes_are_refused)
{
	fake.page_sizes = 0;
	fake_refused(&w, -EPROTO, "page_size_mask reads 0x0");
	fake.page_sizes = 1ull << 21;
	fake_refused(&w, -EPROTO, "page_size_mask reads 0x200000");
	closes();
}

Test(viommu_unit, inverted_ranges_are_refused)
{
	fake.input_first = 0x2000;
	fake.input_last = 0x1fff;
	fake_refused(&w, -EPROTO, "input_range reads 0x2000 to 0x1fff");
	fake.input_first = 0;
	fake.domain_first = 9;
	fake.domain_last = 8;
	fake_refused(&w, -EPROTO, "domain_range reads 9 to 8");
	closes();
}

Test(viommu_unit, an_absurd_probe_size_is_refused)
{
	fake.probe_size = 0x80000000;
	fake_refused(&w, -EPROTO, "probe_size reads 2147483648");
	closes();
}

Test(viommu_unit, a_configuration_that_never_settles_is_refused)
{
	fake.restless = true;
	fake_refused(&w, -EPROTO, "changed on each");
	closes();
}

Test(viommu_unit, ranges_that_are_not_offered_are_not_looked_at)
{
	fake.offered &= ~(FAKE_INPUT_RANGE | FAKE_DOMAIN_RANGE | FAKE_PROBE | FAKE_MMIO);
	fake.input_first = 5;
	fake.input_last = fake.domain_last = 0;
	fake.domain_first = 5;
	fake.probe_size = UINT32_MAX;
	fake_open(&w);
	cr_expect_eq(w.unit->config.input_first, 0);
	cr_expect_eq(w.unit->config.input_last, UINT64_MAX);
	cr_expect_eq(w.unit->config.domain_first, 0);
	cr_expect_eq(w.unit->config.domain_last, UINT32_MAX);
	cr_expect_eq(w.unit->config.probe_size, 0);
	cr_expect_not(w.unit->config.mmio);
	cr_expect_eq(call(VIOMMU_PROBE, 0, 0), -ENXIO);
	closes();
}

Test(viommu_unit, a_device_that_never_resets_is_refused)
{
	fake.never_resets = true;
	fake.begun = 0xf;
	fake_refused(&w, -EPROTO, "asked it to reset");
	cr_expect_eq(fake.resets, fake.unmastered, "it could reach memory");
	closes();
}

Test(viommu_unit, a_queue_of_an_absurd_size_is_refused)
{
	fake.queue_size = 3;
	fake_refused(&w, -EPROTO, "power of two");
	closes();
}

/* ---- requests ---- */

static uint64_t field(const struct fake_request *r, unsigned int off, unsigned int width)
{
	uint64_t value = 0;

	memcpy(&value, r->data + off, width);
	return value;
}

Test(viommu_unit, requests_are_laid_out_as_the_specification_has_them)
{
	const struct fake_request *r = fake.log;

	fake_open(&w);
	cr_expect_eq(call(VIOMMU_ATTACH, 7, 0), 0);
	cr_expect_eq(r->len, 20);
	cr_expect_eq(field(r, 0, 4), 1);
	cr_expect_eq(field(r, 4, 4), 7);
	cr_expect_eq(field(r, 8, 4), 0x20);
	cr_expect_eq(field(r, 12, 8), 0);

	r++;
	cr_expect_eq(call(VIOMMU_MAP, 7, 0x1000), 0);
	cr_expect_eq(r->len, 36);
	cr_expect_eq(r->writable, 4);
	cr_expect_eq(field(r, 0, 4), 3);
	cr_expect_eq(field(r, 4, 4), 7);
	cr_expect_eq(field(r, 8, 8), 0x1000);
	cr_expect_eq(field(r, 16, 8), 0x1fff);
	cr_expect_eq(field(r, 24, 8), 0x123456789000);
	cr_expect_eq(field(r, 32, 4), 3);

	r++;
	cr_expect_eq(call(VIOMMU_UNMAP, 7, 0x1000), 0);
	cr_expect_eq(r->len, 28);
	cr_expect_eq(field(r, 0, 4), 4);
	cr_expect_eq(field(r, 8, 8), 0x1000);
	cr_expect_eq(field(r, 16, 8), 0x1fff);
	cr_expect_eq(field(r, 24, 4), 0);

	r++;
	cr_expect_eq(call(VIOMMU_DETACH, 7, 0), 0);
	cr_expect_eq(r->len, 20);
	cr_expect_eq(field(r, 0, 4), 2);
	cr_expect_eq(field(r, 4, 4), 7);
	cr_expect_eq(field(r, 8, 4), 0x20);
	cr_expect_eq(field(r, 12, 8), 0);
	closes();
}

Test(viommu_unit, a_probe_brings_what_the_device_says)
{
	uint8_t reply[512] = {0};
	const struct viommu_request r = {.op = VIOMMU_PROBE, .endpoint = 0x30, .reply = reply};

	fake.probed = 0x5a;
	fake_open(&w);
	cr_expect_eq(viommu_call(w.unit, &r), 0);
	cr_expect_eq(fake.log[0].len, 72);
	cr_expect_eq(fake.log[0].writable, 516);
	cr_expect_eq(field(&fake.log[0], 0, 4), 5);
	cr_expect_eq(field(&fake.log[0], 4, 4), 0x30);
	cr_expect_eq(reply[0], 0x5a);
	cr_expect_eq(reply[511], 0x5a);
	/* The place is an ordinary one again. */
	for (unsigned int i = 1; i < 300; i++) {
		cr_expect_eq(map(0), 0);
		cr_expect_eq(field(&fake.log[i], 0, 4), 3);
	}
	closes();
}

Test(viommu_unit, each_status_is_an_errno_and_a_sentence)
{
	static const struct {
		int err;
		const char *words;
	} want[] = {
		{0, ""},
		{-EIO, "IOERR"},
		{-EOPNOTSUPP, "UNSUPP"},
		{-EREMOTEIO, "DEVERR"},
		{-EINVAL, "INVAL"},
		{-ERANGE, "RANGE"},
		{-ENOENT, "NOENT"},
		{-EFAULT, "FAULT"},
		{-ENOMEM, "NOMEM"},
	};

	fake_open(&w);
	for (fake.status = 0; fake.status < 9; fake.status++) {
		cr_expect_eq(map(0x4000), want[fake.status].err);
		if (fake.status)
			cr_expect(strstr(uvdk_last_error(), want[fake.status].words) &&
					  strstr(uvdk_last_error(), "MAP of 0x4000 to 0x4fff"),
				  "%s", uvdk_last_error());
	}
	fake.status = 200;
	cr_expect_eq(map(0), -EPROTO);
	fake.status = 0;
	cr_expect_eq(map(0), 0, "and the next one works");
	closes();
}

Test(viommu_unit, a_request_of_no_known_type_is_sent_as_it_is)
{
	fake_open(&w);
	fake.status = 2;
	cr_expect_eq(call((enum viommu_op)99, 7, 0), -EOPNOTSUPP);
	cr_expect_eq(field(&fake.log[0], 0, 4), 99);
	cr_expect(strstr(uvdk_last_error(), "request type 99"), "%s", uvdk_last_error());
	fake.status = 0;
	closes();
}

/* ---- the ring ---- */

static int statuses[600];

static int submit(unsigned int i)
{
	const struct viommu_request r = {.op = VIOMMU_MAP,
					 .domain = 1,
					 .first = i * UINT64_C(4096),
					 .last = i * UINT64_C(4096) + 4095,
					 .status = &statuses[i]};

	statuses[i] = UVDK_MAPQ_PENDING;
	return viommu_ring_submit(w.unit->ring, &r);
}

/* As many as fit; how many. */
static unsigned int fill(void)
{
	unsigned int n = 0;
	int err = 0;

	while (n < 600 && !(err = submit(n)))
		n++;
	cr_expect_eq(err, -EAGAIN);
	cr_expect_eq(n, viommu_ring_room(w.unit->ring));

	return n;
}

static unsigned int over(unsigned int count, int err)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < count; i++)
		n += statuses[i] == err;

	return n;
}

static void works_in_full(uint64_t offered)
{
	unsigned int n;

	fake.offered = offered;
	fake_open(&w);
	for (int round = 0; round < 3; round++) {
		unsigned int doorbells = fake.doorbells;

		n = fill();
		cr_expect_eq(over(n, UVDK_MAPQ_PENDING), n);
		viommu_ring_kick(w.unit->ring);
		cr_expect_eq(fake.doorbells, doorbells + 1, "one doorbell for all of them");
		viommu_ring_kick(w.unit->ring);
		cr_expect_eq(fake.doorbells, doorbells + 1, "and none for nothing");
		cr_expect_eq(viommu_ring_busy(w.unit->ring), n);
		uvdk_emu_step(w.emu);
		cr_expect_eq(viommu_ring_poll(w.unit->ring), 0);
		cr_expect_eq(over(n, 0), n);
		cr_expect_eq(viommu_ring_busy(w.unit->ring), 0);
	}
	closes();
}

Test(viommu_unit, a_ring_takes_as_many_requests_as_it_has_places)
{
	works_in_full(FAKE_USUAL);
}

Test(viommu_unit, a_ring_without_event_idx)
{
	works_in_full(FAKE_USUAL & ~FAKE_EVENT_IDX);
}

Test(viommu_unit, without_indirect_descriptors_a_request_takes_two_places)
{
	works_in_full(FAKE_USUAL & ~FAKE_INDIRECT);
}

Test(viommu_unit, a_small_ring)
{
	fake.queue_size = 2;
	works_in_full(FAKE_USUAL & ~FAKE_INDIRECT);
}

Test(viommu_unit, a_ring_too_small_for_one_request_is_refused)
{
	fake.queue_size = 1;
	fake.offered &= ~FAKE_INDIRECT;
	fake_refused(&w, -EPROTO, "needs two");
	closes();
}

Test(viommu_unit, a_call_waits_for_room)
{
	fake_open(&w);
	fill();
	cr_expect_eq(map(0), 0, "%s", uvdk_last_error());
	closes();
}

/* ---- devices that break the rules ---- */

/* Under way when it happens: nothing stays so. */
static void is_given_up(enum fake_lie lie, unsigned int after, int err)
{
	unsigned int n;

	fake.lie = lie;
	fake.after = after;
	fake_open(&w);
	for (unsigned int i = 0; i < after; i++)
		cr_expect_eq(map(i * 4096), 0);
	n = fill();
	cr_expect_eq(map(0), err, "%s", uvdk_last_error());
	cr_expect_eq(over(n, UVDK_MAPQ_PENDING), 0);
	cr_expect(w.unit->dead);
	cr_expect_eq(submit(0), -ENODEV);
	cr_expect_eq(viommu_ring_poll(w.unit->ring), -ENODEV);
	cr_expect_eq(viommu_unit_check(w.unit), -ENODEV);
	cr_expect_eq(fake.device_status, 0, "it was not stopped");
	cr_expect_eq(map(0), -ENODEV);
	closes();
}

Test(viommu_unit, used_index_that_jumps)
{
	is_given_up(FAKE_USED_IDX, 3, -ENODEV);
}

Test(viommu_unit, used_descriptor_that_is_not_there)
{
	is_given_up(FAKE_USED_ID, 0, -ENODEV);
}

Test(viommu_unit, request_answered_twice)
{
	is_given_up(FAKE_USED_TWICE, 300, -ENODEV);
}

Test(viommu_unit, one_request_answered_twice_while_others_wait)
{
	fake.lies_left = 1;
	fake.then = FAKE_HANG;
	is_given_up(FAKE_USED_TWICE, 3, -ENODEV);
}

Test(viommu_unit, answer_longer_than_its_place)
{
	is_given_up(FAKE_USED_LEN, 1, -ENODEV);
}

Test(viommu_unit, device_that_never_answers)
{
	is_given_up(FAKE_HANG, 2, -ETIMEDOUT);
}

Test(viommu_unit, answers_without_a_status_are_no_success)
{
	fake_open(&w);
	cr_expect_eq(map(0), 0, "%s", uvdk_last_error());
	fake.lie = FAKE_NO_TAIL;
	cr_expect_eq(map(0), -EPROTO, "the status of the one before does not count");
	fake.lie = FAKE_SHORT;
	cr_expect_eq(map(0), -EPROTO);
	closes();
}

Test(viommu_unit, device_that_vanishes)
{
	unsigned int n;

	fake.lie = FAKE_HANG;
	fake_open(&w);
	n = fill();
	viommu_ring_kick(w.unit->ring);
	cr_assert_eq(uvdk_emu_unplug(w.emu, "emu:fake#0", true), 0);
	cr_expect_eq(map(0), -ENODEV, "%s", uvdk_last_error());
	cr_expect_eq(over(n, UVDK_MAPQ_PENDING), 0);
	cr_expect(w.unit->dead);
	cr_expect_eq(viommu_unit_check(w.unit), -ENODEV);
	closes();
}

/* ---- putting it right ---- */

static struct viommu_domain domain;

static void with_domain(void)
{
	fake_open(&w);
	domain.unit = w.unit;
	domain.id = 4242;
	LIST_INSERT_HEAD(&w.unit->domains, &domain, of_unit);
}

/* All is as it was before, and what had been attached is attached again. */
static void is_put_right(void)
{
	unsigned int before = fake.requests;

	cr_expect_eq(viommu_unit_check(w.unit), 0, "%s", uvdk_last_error());
	cr_expect_not(w.unit->dead);
	cr_expect_eq(fake.device_status, 0xf);
	cr_expect_not(fake.bypass_at_start);
	cr_expect_eq(fake.requests, before + 1);
	cr_expect_eq(field(&fake.log[before], 0, 4), 1);
	cr_expect_eq(field(&fake.log[before], 4, 4), 4242);
	for (int i = 0; i < 300; i++)
		cr_expect_eq(map(0), 0, "%s", uvdk_last_error());
	before = fake.requests;
	cr_expect_eq(viommu_unit_check(w.unit), 0);
	cr_expect_eq(fake.requests, before, "once is enough");
	closes();
}

Test(viommu_unit, a_device_that_asks_for_a_reset_is_put_right)
{
	unsigned int n;

	fake.lie = FAKE_NEEDS_RESET;
	fake.after = 5;
	fake.bypass = 1;
	with_domain();
	n = fill();
	cr_expect_eq(map(0), -ECANCELED, "%s", uvdk_last_error());
	cr_expect_eq(over(n, UVDK_MAPQ_PENDING), 0);
	cr_expect_eq(over(n, 0), 5, "those that were answered");
	cr_expect_eq(submit(0), -ECANCELED);
	cr_expect_eq(viommu_ring_poll(w.unit->ring), -ECANCELED);
	fake.lie = FAKE_HONEST;
	fake.bypass = 1; /* it may have forgotten that, too */
	is_put_right();
}

Test(viommu_unit, a_device_that_was_reset_behind_our_back_is_put_right)
{
	fake.lie = FAKE_RESET;
	fake.after = 5;
	with_domain();
	fill();
	cr_expect_eq(map(0), -ECANCELED, "%s", uvdk_last_error());
	fake.lie = FAKE_HONEST;
	is_put_right();
}

Test(viommu_unit, a_reset_that_nobody_noticed_yet_is_put_right)
{
	with_domain();
	cr_assert_eq(uvdk_device_reset(w.unit->dev), 0);
	is_put_right();
}

Test(viommu_unit, a_device_that_lost_bus_master_is_put_right)
{
	const uint8_t command[2] = {2, 4};

	with_domain();
	cr_assert_eq(uvdk_device_config_write(w.unit->dev, 4, command, 2), 0);
	is_put_right();
}

Test(viommu_unit, a_device_that_breaks_again_while_it_is_put_right_is_given_up)
{
	with_domain();
	fake.lie = FAKE_HANG;
	fake.device_status |= 0x40;
	cr_expect_eq(viommu_unit_check(w.unit), -ENODEV);
	cr_expect(w.unit->dead);
	cr_expect_eq(fake.device_status, 0, "it was not stopped");
	closes();
}

Test(viommu_unit, a_device_that_asks_for_a_reset_while_it_is_put_right_is_put_right)
{
	with_domain();
	fake.lie = FAKE_NEEDS_RESET;
	fake.lies_left = 2;
	fake.device_status |= 0x40;
	cr_expect_eq(viommu_unit_check(w.unit), 0, "%s", uvdk_last_error());
	cr_expect_eq(map(0), 0);
	closes();
}

Test(viommu_unit, a_device_that_asks_for_resets_all_the_time_is_given_up)
{
	with_domain();
	fake.lie = FAKE_NEEDS_RESET;
	fake.device_status |= 0x40;
	cr_expect_eq(viommu_unit_check(w.unit), -ENODEV);
	cr_expect(w.unit->dead);
	cr_expect_eq(fake.device_status, 0, "it was not stopped");
	closes();
}

Test(viommu_unit, a_device_that_can_do_less_after_a_reset_takes_no_more_attachments)
{
	with_domain();
	fake.input_last = 0xffffffff;
	fake.device_status |= 0x40;
	cr_expect_eq(viommu_unit_check(w.unit), 0);
	cr_expect_eq(map(0), 0);
	cr_expect_eq(call(VIOMMU_ATTACH, 1, 0), -ENODEV);
	cr_expect(strstr(uvdk_last_error(), "less"), "%s", uvdk_last_error());
	closes();
}

Test(viommu_unit, a_range_that_shrinks_in_use_is_noticed)
{
	fake_open(&w);
	fake.page_sizes = 1 << 12;
	cr_expect_eq(viommu_unit_check(w.unit), 0);
	cr_expect_eq(call(VIOMMU_ATTACH, 1, 0), 0, "nothing said that it changed");
	fake_reconfigure();
	cr_expect_eq(viommu_unit_check(w.unit), 0);
	cr_expect_eq(call(VIOMMU_ATTACH, 1, 0), -ENODEV);
	cr_expect_eq(call(VIOMMU_UNMAP, 1, 0), 0);
	closes();
}
