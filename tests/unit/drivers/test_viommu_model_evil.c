// SPDX-License-Identifier: BSD-3-Clause
#include "viommu_model_testing.h"

#include <sys/eventfd.h>

/* What a driver has to live through, by argument or by command. */

static struct vio_test m;

#define LAST(pages) (IOVA + (uint64_t)(pages)*PAGE - 1)

static void evil(const char *what)
{
	cr_assert_eq(uvdk_emu_virtio_iommu_misbehave(m.t.emu, NAME, what), 0);
}

static uint8_t attach(void)
{
	return vio_attach(&m, 1, m.ep[0]);
}

Test(viommu_model_evil, every_status_by_command)
{
	vio_start(&m, "");
	for (int status = 0; status < 256; status++) {
		cr_assert_eq(uvdk_emu_virtio_iommu_answer(m.t.emu, NAME, 1, status, 1), 0);
		cr_expect_eq(attach(), status);
		cr_expect_eq(vio_stats(&m).attached, 0, "it was not done");
	}
	cr_assert_eq(uvdk_emu_virtio_iommu_answer(m.t.emu, NAME, 3, S_NOMEM, 2), 0);
	cr_expect_eq(attach(), S_OK, "of another type");
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_NOMEM);
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_NOMEM);
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_OK);
	cr_expect_eq(uvdk_emu_virtio_iommu_answer(m.t.emu, NAME, 6, 0, 1), -EINVAL);
	cr_expect_eq(uvdk_emu_virtio_iommu_answer(m.t.emu, NAME, 1, 256, 1), -EINVAL);
	cr_expect_eq(uvdk_emu_virtio_iommu_answer(m.t.emu, "emu:none#0", 1, 0, 1), -ENOENT);
	vio_end_clean(&m);
}

Test(viommu_model_evil, an_answer_that_never_comes_or_says_nothing)
{
	vio_start(&m, "");
	uvdk_emu_virtio_iommu_answer(m.t.emu, NAME, 0, UVDK_EMU_VIRTIO_IOMMU_UNWRITTEN, 1);
	cr_expect_eq(attach(), S_UNWRITTEN);
	uvdk_emu_virtio_iommu_answer(m.t.emu, NAME, 0, UVDK_EMU_VIRTIO_IOMMU_NEVER, 1);
	cr_expect_eq(attach(), S_NEVER);
	cr_expect_eq(vio_stats(&m).pending, 1);
	cr_expect_eq(attach(), S_OK, "the next one is answered");
	cr_expect_eq(vio_stats(&m).pending, 1);
	vio_end_clean(&m);
}

Test(viommu_model_evil, no_answers_at_all)
{
	vio_start(&m, "");
	evil("no-answer");
	cr_expect_eq(attach(), S_NEVER);
	evil("hang");
	cr_expect_eq(attach(), S_NEVER);
	evil("");
	vio_end(&m);
}

Test(viommu_model_evil, used_rings_that_lie)
{
	uint8_t req[20] = {1};
	uint32_t id, len;
	uint16_t head;

	vio_start(&m, "");
	evil("used-len");
	head = vio_post(&m, req, 20, 4, NULL);
	vt_steps(&m.t, 2);
	cr_assert(vt_take(&m.t.q[0], &id, &len));
	cr_expect_eq(id, head);
	cr_expect_gt(len, 4);
	evil("used-short");
	vio_post(&m, req, 20, 4, NULL);
	vt_steps(&m.t, 2);
	cr_assert(vt_take(&m.t.q[0], &id, &len));
	cr_expect_eq(len, 3);
	evil("used-id");
	vio_post(&m, req, 20, 4, NULL);
	vt_steps(&m.t, 2);
	cr_assert(vt_take(&m.t.q[0], &id, &len));
	cr_expect_geq(id, 16);
	evil("used-idx");
	vio_post(&m, req, 20, 4, NULL);
	vt_steps(&m.t, 2);
	cr_expect_gt(vt_used(&m.t.q[0]), 16);
	vio_end(&m);
}

Test(viommu_model_evil, one_buffer_used_twice)
{
	uint8_t req[20] = {1};
	uint32_t ids[2], len;

	vio_start(&m, "");
	evil("used-twice");
	for (unsigned int i = 0; i < 2; i++)
		vio_post(&m, req, 20, 4, NULL);
	vt_steps(&m.t, 2);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert(vt_take(&m.t.q[0], &ids[i], &len));
	cr_expect_eq(ids[0], ids[1]);
	vio_end(&m);
}

Test(viommu_model_evil, reserved_bytes_of_the_tail)
{
	uint8_t req[20] = {1, [4] = 1};
	uint8_t *reply;

	vio_start(&m, "");
	req[8] = (uint8_t)m.ep[0];
	evil("tail-reserved");
	cr_expect_eq(vio_send(&m, req, 20, 4, &reply), S_OK);
	cr_expect_neq(reply[1] | reply[2] | reply[3], 0);
	vio_end_clean(&m);
}

Test(viommu_model_evil, a_reset_is_asked_for_out_of_nothing)
{
	vio_start(&m, "");
	cr_assert_eq(attach(), S_OK);
	cr_assert_eq(uvdk_emu_virtio_iommu_needs_reset(m.t.emu, NAME), 0);
	cr_expect_eq(vt_status(&m.t), 0x4f);
	cr_expect_eq(vio_detach(&m, 1, m.ep[0]), S_NEVER);
	vio_run(&m, F_VIO);
	cr_expect_eq(vio_stats(&m).attached, 0);
	cr_expect_eq(attach(), S_OK);
	evil("needs-reset");
	cr_expect_eq(vio_detach(&m, 1, m.ep[0]), S_OK);
	cr_expect_eq(vt_status(&m.t), 0x4f, "after the next used buffer");
	vio_end(&m);
}

Test(viommu_model_evil, configuration_that_cannot_be)
{
	uint64_t at;

	vio_start(&m, "");
	at = m.t.device;
	evil("page-mask-0+input-empty+domain-empty+probe-huge+bypass-2");
	cr_expect_eq(vt_read(&m.t, at, 4) | vt_read(&m.t, at + 4, 4), 0);
	cr_expect_gt(vt_read(&m.t, at + 8, 4), vt_read(&m.t, at + 0x10, 4));
	cr_expect_gt(vt_read(&m.t, at + 0x18, 4), vt_read(&m.t, at + 0x1c, 4));
	cr_expect_eq(vt_read(&m.t, at + 0x20, 4), 0xffffffff);
	cr_expect_eq(vt_read(&m.t, at + 0x24, 1), 2);
	evil("bypass-stuck");
	vio_set_bypass(&m, 1);
	cr_expect_eq(vt_read(&m.t, at + 0x24, 1), 0);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT);
	vio_end_clean(&m);
}

Test(viommu_model_evil, configuration_that_changes_is_told)
{
	struct uvdk_emu_virtio_iommu_config config;
	uint64_t generation;

	vio_start(&m, "");
	generation = vt_read(&m.t, m.t.common + 0x15, 1);
	cr_assert_eq(uvdk_emu_virtio_iommu_get_config(m.t.emu, NAME, &config), 0);
	config.input_end = 0xfffff;
	config.bypass = 1;
	cr_assert_eq(uvdk_emu_virtio_iommu_set_config(m.t.emu, NAME, &config), 0);
	vt_steps(&m.t, 1);
	cr_expect_neq(vt_read(&m.t, m.t.common + 0x15, 1), generation);
	cr_expect_eq(vt_read(&m.t, m.t.isr, 1), 2);
	cr_expect_eq(vt_read(&m.t, m.t.device + 0x10, 4), 0xfffff);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), 0x11, "bypass is on");
	cr_assert_eq(attach(), S_OK);
	cr_expect_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_RANGE);
	config.probe_size = 65537;
	cr_expect_eq(uvdk_emu_virtio_iommu_set_config(m.t.emu, NAME, &config), -EINVAL);
	vio_end(&m);
}

static uint8_t *probe(void)
{
	uint8_t req[72] = {5};
	uint8_t *reply = NULL;

	req[4] = (uint8_t)m.ep[0];
	cr_assert_eq(vio_send(&m, req, sizeof(req), 132, &reply), S_OK);

	return reply;
}

Test(viommu_model_evil, properties_that_must_be_skipped_or_mistrusted)
{
	uint8_t *reply;

	vio_start(&m, "probe=128,resv=0x1000:0x1fff");
	evil("probe-unknown+probe-reserved");
	reply = probe();
	cr_expect_eq(reply[0] | reply[1] << 8, 0x7ff);
	cr_expect_eq(reply[2], 6);
	cr_expect_eq(reply[10] | reply[11] << 8, 0x2001, "a reserved bit");
	cr_expect_eq(reply[34] | reply[35] << 8, 1, "the true one");
	cr_expect_eq(reply[36], 20);
	evil("probe-length");
	reply = probe();
	cr_expect_eq(reply[2] | reply[3] << 8, 0xffff);
	evil("probe-random");
	cr_expect_arr_neq(probe(), reply, 128);
	vio_end_clean(&m);
}

/* ---- events ---- */

Test(viommu_model_evil, events_may_say_anything)
{
	uint8_t event[24];
	uint8_t *buf;
	uint32_t id, len;

	vio_start(&m, "");
	buf = vio_event_buffers(&m, 4, 24);
	memset(event, 0xc7, sizeof(event));
	cr_assert_eq(uvdk_emu_virtio_iommu_event(m.t.emu, NAME, event, 2), 0);
	vt_steps(&m.t, 2);
	cr_assert_eq(vt_used(&m.t.q[1]), 2);
	cr_expect_arr_eq(buf, event, 24);
	cr_expect_arr_eq(buf + 24, event, 24);
	evil("event-short");
	uvdk_emu_virtio_iommu_event(m.t.emu, NAME, event, 1);
	vt_steps(&m.t, 2);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert(vt_take(&m.t.q[1], &id, &len));
	cr_expect_eq(len, 5);
	vio_end_clean(&m);
}

Test(viommu_model_evil, a_flood_fills_every_buffer)
{
	vio_start(&m, "");
	vio_event_buffers(&m, 16, 24);
	evil("event-flood");
	vt_steps(&m.t, 3);
	cr_expect_eq(vt_used(&m.t.q[1]), 16);
	cr_expect_eq(vio_attach(&m, 1, m.ep[0]), S_OK, "requests go on");
	vio_end_clean(&m);
}

Test(viommu_model_evil, events_wait_for_buffers_and_the_64th_is_the_last)
{
	vio_start(&m, "");
	for (unsigned int i = 0; i < 70; i++)
		vio_get(&m, 0, IOVA);
	vt_steps(&m.t, 2);
	cr_expect_eq(vio_stats(&m).events, 0);
	cr_expect_eq(vio_stats(&m).events_lost, 6);
	vio_event_buffers(&m, 16, 24);
	vt_steps(&m.t, 2);
	cr_expect_eq(vt_used(&m.t.q[1]), 16);
	vio_end_clean(&m);
}

Test(viommu_model_evil, events_without_a_buffer_may_be_lost)
{
	vio_start(&m, "events=drop");
	vio_event_buffers(&m, 1, 24);
	for (unsigned int i = 0; i < 3; i++) {
		vio_get(&m, 0, IOVA);
		vt_steps(&m.t, 2);
	}
	cr_expect_eq(vt_used(&m.t.q[1]), 1);
	cr_expect_eq(vio_stats(&m).events_lost, 2);
	vio_event_buffers(&m, 1, 24);
	vt_steps(&m.t, 2);
	cr_expect_eq(vt_used(&m.t.q[1]), 1, "they do not come later");
	vio_end_clean(&m);
}

/* ---- functions that come and go ---- */

Test(viommu_model_evil, an_endpoint_that_is_removed_leaves_nothing_behind)
{
	vio_start(&m, "");
	cr_assert_eq(attach(), S_OK);
	cr_assert_eq(vio_map(&m, 1, IOVA, LAST(1), m.page, RW), S_OK);
	cr_expect_eq(vio_get(&m, 0, IOVA), 0x11);
	uvdk_emu_unplug_fn(m.dev[0]);
	m.dev[0] = NULL;
	cr_expect_eq(vio_stats(&m).domains, 0);
	cr_expect_eq(attach(), S_NOENT);
	cr_assert_eq(uvdk_emu_plug(m.t.emu, "emu:edu", &m.dev[0]), 0);
	cr_expect_eq(uvdk_emu_fn_endpoint(m.dev[0]), m.ep[0], "the same number");
	cr_expect_eq(attach(), S_NOENT, "not behind it yet");
	cr_assert_eq(uvdk_emu_put_behind(m.dev[0], NAME), 0);
	uvdk_emu_config_write(m.dev[0], 4, "\6", 2);
	cr_expect_eq(vio_get(&m, 0, IOVA), -EFAULT);
	cr_expect_eq(attach(), S_OK);
	vio_end_clean(&m);
}

Test(viommu_model_evil, without_the_iommu_nothing_is_reached)
{
	vio_open(&m, "");
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), 0x11);
	cr_assert_eq(uvdk_emu_unplug(m.t.emu, NAME, true), 0);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT);
	cr_expect_eq(vio_fault(&m), UVDK_EMU_FAULT_NO_DOMAIN);
	vt_close(&m.t);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT);
	cr_expect_eq(vio_fault(&m), UVDK_EMU_FAULT_NO_DOMAIN);
	vio_end(&m);
}

Test(viommu_model_evil, bus_master_is_asked_first)
{
	vio_open(&m, "");
	uvdk_emu_config_write(m.dev[0], 4, "\2", 2);
	cr_expect_eq(vio_get(&m, 0, (uintptr_t)m.page), -EFAULT);
	cr_expect_eq(vio_fault(&m), UVDK_EMU_FAULT_BUS_MASTER);
	cr_expect_eq(vio_stats(&m).refused, 0);
	cr_expect_eq(uvdk_emu_page_request(m.dev[0], UVDK_EMU_NO_PASID, IOVA, false, 0, false),
		     -EPERM);
	vio_end(&m);
}

Test(viommu_model_evil, only_what_translates_can_be_in_front)
{
	struct uvdk_emu_function *fn;

	vio_open(&m, "");
	cr_assert_eq(uvdk_emu_plug(m.t.emu, "emu:virtio_iommu", &fn), 0);
	cr_expect_eq(uvdk_emu_put_behind(fn, "emu:nothing#0"), -ENOENT);
	cr_expect_eq(uvdk_emu_put_behind(fn, "emu:edu#0"), -EOPNOTSUPP);
	cr_expect_eq(uvdk_emu_put_behind(fn, "emu:virtio_iommu#1"), -EINVAL, "itself");
	cr_expect_eq(uvdk_emu_put_behind(m.dev[0], "emu:virtio_iommu#1"), -EBUSY);
	uvdk_emu_unplug_fn(fn);
	vio_end(&m);
}

/* ---- arguments ---- */

Test(viommu_model_evil, arguments_that_make_no_sense_are_refused)
{
	static const char *const wrong[] = {
		"size=3",
		"size=1",
		"notify=3",
		"pages=0",
		"input=5",
		"input=5:4",
		"domains=0:0x100000000",
		"probe=65537",
		"bypass=2",
		"resv=1:2:x",
		"resv=1:2+",
		"order=none",
		"events=none",
		"evil=no-such",
		"nothing=1",
		"order=random,in-order",
	};
	struct uvdk_emu_function *fn;

	vio_open(&m, "");
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char spec[80];

		snprintf(spec, sizeof(spec), "emu:virtio_iommu,%s", wrong[i]);
		cr_expect_lt(uvdk_emu_plug(m.t.emu, spec, &fn), 0, "%s", spec);
	}
	vio_end(&m);
}

Test(viommu_model_evil, features_can_be_left_out)
{
	static const struct {
		const char *arg;
		uint64_t bit;
	} out[] = {{"no-input", F_INPUT},	{"no-domain", F_DOMAIN},  {"no-map", F_MAP},
		   {"no-bypass", F_BYPASS},	{"no-probe", F_PROBE},	  {"no-mmio", F_MMIO},
		   {"no-indirect", F_INDIRECT}, {"no-event-idx", F_EVENT}};

	for (unsigned int i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		vio_open(&m, out[i].arg);
		cr_expect_eq(vt_offered(&m.t), (F_VIO | F_INDIRECT | F_EVENT) & ~out[i].bit, "%s",
			     out[i].arg);
		vio_end(&m);
	}
	vio_open(&m, "in-order,features=0xf00000057");
	cr_expect_eq(vt_offered(&m.t), (F_VIO & ~F_MMIO) | F_IN_ORDER);
	vio_end(&m);
}

Test(viommu_model_evil, its_identity_is_that_of_a_virtio_iommu)
{
	uint32_t id = 0;
	uint16_t command = 0;

	vio_open(&m, "");
	cr_assert_eq(uvdk_device_config_read(m.t.dev, 0, &id, 4), 0);
	cr_expect_eq(id, 0x10571af4);
	cr_assert_eq(uvdk_device_config_read(m.t.dev, 10, &command, 2), 0);
	cr_expect_eq(command, 0x0806, "class: an I/O MMU");
	vio_end(&m);
}

Test(viommu_model_evil, with_event_indexes_and_in_order_it_works_the_same)
{
	uint32_t id, len;

	vio_open(&m, "in-order,bypass=0");
	vio_run(&m, F_VIO | F_EVENT | F_IN_ORDER);
	for (unsigned int i = 0; i < 40; i++) {
		cr_assert_eq(attach(), S_OK);
		cr_assert_eq(vio_detach(&m, 1, m.ep[0]), S_OK);
	}
	cr_expect_not(vt_take(&m.t.q[0], &id, &len));
	vio_end_clean(&m);
}
