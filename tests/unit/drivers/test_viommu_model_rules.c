// SPDX-License-Identifier: BSD-3-Clause
#include "viommu_model_testing.h"

/* What a driver must not do: the model keeps it, with a sentence. */

static struct vio_test m;

static void expect_broken(const char *text, bool reset)
{
	cr_expect_eq(vio_stats(&m).violations, 1, "%llu, the second: %s",
		     (unsigned long long)vio_stats(&m).violations, vio_violation(&m, 1));
	cr_expect(strstr(vio_violation(&m, 0), text), "\"%s\" does not say \"%s\"",
		  vio_violation(&m, 0), text);
	cr_expect_eq(!!(vt_status(&m.t) & 0x40), reset);
	if (reset) {
		vio_run(&m, m.t.features);
		cr_expect_eq(vio_attach(&m, 1, m.ep[0]), S_OK, "dead after the reset");
	}
	vio_end(&m);
}

Test(viommu_model_rules, requests_of_no_type_go_back_unwritten)
{
	uint8_t req[20] = {6};

	vio_start(&m, "");
	cr_expect_eq(vio_send(&m, req, sizeof(req), 4, NULL), S_UNWRITTEN);
	expect_broken("type 6", false);
}

Test(viommu_model_rules, requests_that_are_cut_go_back_unwritten)
{
	uint8_t req[36] = {3};

	vio_start(&m, "");
	cr_expect_eq(vio_send(&m, req, 35, 4, NULL), S_UNWRITTEN);
	expect_broken("MAP of 35 bytes", false);
}

Test(viommu_model_rules, requests_that_are_too_long_go_back_unwritten)
{
	uint8_t req[21] = {1};

	vio_start(&m, "");
	cr_expect_eq(vio_send(&m, req, 21, 4, NULL), S_UNWRITTEN);
	expect_broken("ATTACH of 21 bytes", false);
}

Test(viommu_model_rules, requests_without_room_for_the_tail_go_back_unwritten)
{
	uint8_t req[20] = {1};

	vio_start(&m, "");
	cr_expect_eq(vio_send(&m, req, 20, 3, NULL), S_UNWRITTEN);
	expect_broken("and 3 to write", false);
}

Test(viommu_model_rules, requests_that_end_before_the_head_go_back_unwritten)
{
	uint8_t req[3] = {1};

	vio_start(&m, "");
	cr_expect_eq(vio_send(&m, req, 3, 4, NULL), S_UNWRITTEN);
	expect_broken("in 3 bytes", false);
}

Test(viommu_model_rules, properties_are_as_long_as_the_device_says)
{
	uint8_t req[72] = {5};

	vio_start(&m, "");
	cr_expect_eq(vio_send(&m, req, 72, 517, NULL), S_UNWRITTEN);
	expect_broken("PROBE of 72", false);
}

Test(viommu_model_rules, map_needs_its_feature)
{
	vio_open(&m, "");
	vio_run(&m, F_VIO & ~F_MAP);
	cr_assert_eq(vio_attach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vio_map(&m, 1, IOVA, IOVA + PAGE - 1, m.page, RW), S_UNWRITTEN);
	expect_broken("MAP without the feature", false);
}

Test(viommu_model_rules, probe_needs_its_feature)
{
	uint8_t req[72] = {5};

	vio_open(&m, "no-probe");
	vio_run(&m, F_VIO & ~F_PROBE);
	cr_expect_eq(vio_send(&m, req, 72, 516, NULL), S_UNWRITTEN);
	expect_broken("PROBE without the feature", false);
}

Test(viommu_model_rules, domains_are_in_their_range)
{
	vio_start(&m, "domains=3:9");
	cr_expect_eq(vio_attach(&m, 3, m.ep[0]), S_OK);
	cr_expect_eq(vio_attach(&m, 9, m.ep[0]), S_OK);
	cr_expect_eq(vio_attach(&m, 10, m.ep[0]), S_RANGE);
	expect_broken("domain 10", false);
}

Test(viommu_model_rules, maps_are_in_the_input_range)
{
	vio_start(&m, "input=0x100000:0x1fffff");
	cr_assert_eq(vio_attach(&m, 3, m.ep[0]), S_OK);
	cr_expect_eq(vio_map(&m, 3, IOVA, IOVA + 0xfffff, m.page, RW), S_OK);
	cr_expect_eq(vio_map(&m, 3, IOVA - PAGE, IOVA - 1, m.page, RW), S_RANGE);
	expect_broken("0xff000 to 0xfffff", false);
}

Test(viommu_model_rules, unmaps_are_in_the_input_range)
{
	vio_start(&m, "input=0x100000:0x1fffff");
	cr_assert_eq(vio_attach(&m, 3, m.ep[0]), S_OK);
	cr_expect_eq(vio_unmap(&m, 3, IOVA, IOVA + 0x100000), S_RANGE);
	expect_broken("0x100000 to 0x200000", false);
}

Test(viommu_model_rules, a_map_ends_after_it_begins)
{
	vio_start(&m, "pages=1");
	cr_assert_eq(vio_attach(&m, 3, m.ep[0]), S_OK);
	cr_expect_eq(vio_map(&m, 3, IOVA, IOVA, m.page, RW), S_INVAL);
	expect_broken("MAP from", false);
}

Test(viommu_model_rules, mmio_needs_its_feature)
{
	vio_open(&m, "");
	vio_run(&m, F_VIO & ~F_MMIO);
	cr_assert_eq(vio_attach(&m, 3, m.ep[0]), S_OK);
	cr_expect_eq(vio_map(&m, 3, IOVA, IOVA + PAGE - 1, m.page, RW | MMIO), S_INVAL);
	expect_broken("MMIO", false);
}

Test(viommu_model_rules, bypass_is_0_or_1)
{
	vio_start(&m, "");
	vio_set_bypass(&m, 2);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x24, 1), 0);
	expect_broken("2 written to bypass", true);
}

Test(viommu_model_rules, bypass_is_not_written_without_its_feature)
{
	vio_open(&m, "");
	vio_run(&m, F_VIO & ~F_BYPASS);
	vio_set_bypass(&m, 0);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x24, 1), 1);
	expect_broken("not for the driver to write", true);
}

Test(viommu_model_rules, nothing_else_of_the_configuration_is_written)
{
	vio_start(&m, "");
	vt_write(&m.t, m.t.device + 0x20, 4, 0);
	expect_broken("at 0x20", true);
}

Test(viommu_model_rules, fields_of_64_bits_are_read_by_halves)
{
	vio_start(&m, "pages=0x123456789abcd000,input=0x1000:0x7fffffffff");
	cr_expect_eq(vt_read(&m.t, m.t.device + 0, 4), 0x9abcd000);
	cr_expect_eq(vt_read(&m.t, m.t.device + 4, 4), 0x12345678);
	cr_expect_eq(vt_read(&m.t, m.t.device + 8, 4), 0x1000);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x10, 4), 0xffffffff);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x14, 4), 0x7f);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x1c, 4), 0xffff);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x20, 4), 512);
	vt_read(&m.t, m.t.device + 0x20, 2);
	expect_broken("read of 2 bytes at 0x20", true);
}

Test(viommu_model_rules, event_buffers_hold_an_event)
{
	vio_start(&m, "");
	vio_event_buffers(&m, 1, 16);
	vio_get(&m, 0, IOVA);
	vt_steps(&m.t, 2);
	expect_broken("event buffer of 16 bytes", false);
}

Test(viommu_model_rules, event_buffers_are_for_the_device_to_write)
{
	struct vt_queue *q;
	uint8_t *buf;

	vio_start(&m, "");
	q = &m.t.q[1];
	buf = vt_alloc(&m.t, 32, 8, NULL);
	vt_avail(q, vt_put(&m.t, q, buf, 24, 0));
	vt_ring(&m.t, q);
	vio_get(&m, 0, IOVA);
	vt_steps(&m.t, 2);
	cr_expect_geq(vio_stats(&m).violations, 1);
	cr_expect(strstr(vio_violation(&m, 0), "readable part"), "%s", vio_violation(&m, 0));
	vio_end(&m);
}

Test(viommu_model_rules, a_descriptor_that_is_in_use_is_not_offered)
{
	uint8_t req[20] = {1};
	uint16_t head;

	vio_start(&m, "delay=50");
	head = vio_post(&m, req, 20, 4, NULL);
	vt_steps(&m.t, 2);
	vt_avail(&m.t.q[0], head);
	vt_ring(&m.t, &m.t.q[0]);
	vt_steps(&m.t, 2);
	expect_broken("while it is in use", true);
}

Test(viommu_model_rules, a_request_may_be_in_pieces)
{
	struct vt_queue *q;
	uint8_t *buf;
	uint16_t head;
	uint32_t id, len;

	vio_start(&m, "");
	q = &m.t.q[0];
	buf = vt_alloc(&m.t, 64, 8, NULL);
	memset(buf, 0, 64);
	buf[0] = 1;
	buf[4] = 1;
	buf[8] = (uint8_t)m.ep[0];
	head = vt_put(&m.t, q, buf, 1, NEXT);
	vt_put(&m.t, q, buf + 1, 12, NEXT);
	vt_put(&m.t, q, buf + 13, 7, NEXT);
	vt_put(&m.t, q, buf + 20, 1, NEXT | WRITE);
	vt_put(&m.t, q, buf + 21, 3, WRITE);
	buf[20] = 0xee;
	vt_avail(q, head);
	vt_ring(&m.t, q);
	vt_steps(&m.t, 2);
	cr_assert(vt_take(q, &id, &len));
	cr_expect_eq(len, 4);
	cr_expect_eq(buf[20], S_OK);
	cr_expect_eq(vio_stats(&m).attached, 1);
	vio_end_clean(&m);
}

Test(viommu_model_rules, features_that_should_be_accepted_are_missed)
{
	vio_open(&m, "");
	vio_run(&m, F_VIO & ~F_INPUT);
	cr_expect_eq(vio_stats(&m).advice, 1);
	cr_expect_eq(vio_stats(&m).violations, 0);
	vio_end(&m);
}
