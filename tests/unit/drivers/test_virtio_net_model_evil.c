// SPDX-License-Identifier: BSD-3-Clause
#include "virtio_net_model_testing.h"

/* Misbehaviour has to be there when asked for, or a driver's tests show nothing. */

static struct vt t;

static uint8_t config(unsigned int at)
{
	uint8_t byte = 0;

	cr_assert_eq(uvdk_device_config_read(t.dev, at, &byte, 1), 0);

	return byte;
}

/* Offset of the first virtio capability of a type within @max steps, or 0. */
static unsigned int find_cap(uint8_t type, unsigned int max)
{
	unsigned int at = config(0x34);

	for (; at && max--; at = config(at + 1))
		if (config(at) == 9 && config(at + 3) == type)
			return at;

	return 0;
}

Test(virtio_net_model_evil, the_capability_list_loops)
{
	unsigned int at, steps = 0;

	vt_open(&t, "emu:virtio-net,evil=cap-loop");
	for (at = config(0x34); at && steps < 100; at = config(at + 1))
		steps++;
	cr_expect_eq(steps, 100);
	vt_machine_end(&t);
}

Test(virtio_net_model_evil, the_capability_list_is_truncated)
{
	vt_open(&t, "emu:virtio-net,evil=cap-truncated");
	cr_expect_eq(find_cap(1, 48), 0xfc);
	vt_machine_end(&t);
}

Test(virtio_net_model_evil, the_common_configuration_is_not_where_it_should_be)
{
	unsigned int at;

	vt_open(&t, "emu:virtio-net,evil=cap-short");
	cr_expect_lt(config(find_cap(1, 48) + 2), 16);
	vt_machine_end(&t);
	vt_open(&t, "emu:virtio-net,evil=cap-missing");
	cr_expect_eq(find_cap(1, 48), 0);
	cr_expect_neq(find_cap(2, 48), 0);
	vt_machine_end(&t);
	vt_open(&t, "emu:virtio-net,evil=cap-bar");
	at = find_cap(1, 48);
	cr_expect_eq(uvdk_device_region(t.dev, config(at + 4), &t.bar), -ENOENT);
	vt_machine_end(&t);
	vt_open(&t, "emu:virtio-net,evil=cap-range");
	at = find_cap(1, 48);
	cr_expect_gt((config(at + 12) | config(at + 13) << 8) +
			     (config(at + 8) | config(at + 9) << 8),
		     (int)t.bar.size);
	vt_machine_end(&t);
}

Test(virtio_net_model_evil, queue_sizes_are_absurd)
{
	static const struct {
		const char *spec;
		uint64_t size;
	} absurd[] = {
		{"emu:virtio-net,evil=queue-size-0", 0},
		{"emu:virtio-net,evil=queue-size-huge", 65535},
		{"emu:virtio-net,evil=queue-size-odd", 100},
	};

	for (unsigned int i = 0; i < 3; i++) {
		vt_open(&t, absurd[i].spec);
		vt_features(&t, F_PLAIN);
		cr_expect_eq(vt_read(&t, t.common + 0x18, 2), absurd[i].size);
		vt_machine_end(&t);
	}
}

Test(virtio_net_model_evil, configuration_lies)
{
	vt_open(&t, "emu:virtio-net,evil=no-version1+pairs-0");
	cr_expect_eq(vt_offered(&t) & F_VERSION, 0);
	cr_expect_eq(vt_read(&t, t.device + 8, 2), 0);
	vt_machine_end(&t);
	vt_open(&t, "emu:virtio-net,evil=features-ok+notify-range+pairs-huge");
	vt_accept(&t, F_PLAIN);
	vt_set_status(&t, 0xb);
	cr_expect_eq(vt_status(&t), 3);
	cr_expect_gt(vt_read(&t, t.common + 0x1e, 2) * t.multiplier, t.notify_len);
	cr_expect_eq(vt_read(&t, t.device + 8, 2), 0x8000);
	vt_machine_end(&t);
}

Test(virtio_net_model_evil, reset_never_ends)
{
	vt_open(&t, "emu:virtio-net,evil=reset-stuck");
	vt_set_status(&t, 0);
	cr_expect_neq(vt_status(&t), 0);
	vt_machine_end(&t);
}

/* One receive of two frames by a port that misbehaves from the second flush on. */
static uint8_t *receive(const char *evil)
{
	char spec[96];
	uint8_t *buf;

	snprintf(spec, sizeof(spec), "emu:virtio-net,source,evil=%s,evil-after=2", evil);
	vt_open(&t, spec);
	vt_start(&t, F_PLAIN | F_GUEST_CSUM, 2);
	vt_rx_buffers(&t, &t.q[0], 2, 256);
	vt_steps(&t, 1);
	cr_assert_eq(vt_used(&t.q[0]), 2, "misbehaved too early");
	t.q[0].last_used = 2;
	buf = vt_rx_buffers(&t, &t.q[0], 2, 256);
	vt_steps(&t, 1);

	return buf;
}

Test(virtio_net_model_evil, the_used_index_jumps)
{
	receive("used-idx");
	cr_expect_gt(vt_used(&t.q[0]), 16);
	vt_machine_end(&t);
}

Test(virtio_net_model_evil, used_elements_lie)
{
	uint32_t id, id2, len;

	receive("used-id");
	cr_assert(vt_take(&t.q[0], &id, &len));
	cr_expect_geq(id, 16);
	vt_machine_end(&t);
	receive("used-twice");
	cr_assert(vt_take(&t.q[0], &id, &len));
	cr_assert(vt_take(&t.q[0], &id2, &len));
	cr_expect_eq(id, id2);
	vt_machine_end(&t);
	receive("used-len");
	cr_assert(vt_take(&t.q[0], &id, &len));
	cr_expect_gt(len, 256);
	vt_machine_end(&t);
	receive("used-short");
	cr_assert(vt_take(&t.q[0], &id, &len));
	cr_expect_lt(len, HDR);
	vt_machine_end(&t);
}

Test(virtio_net_model_evil, network_headers_lie)
{
	uint8_t *hdr = receive("num-buffers");

	cr_expect_eq(hdr[10] | hdr[11] << 8, 0xffff);
	vt_machine_end(&t);
	hdr = receive("num-buffers-0");
	cr_expect_eq(hdr[10] | hdr[11] << 8, 0);
	vt_machine_end(&t);
	hdr = receive("hdr-csum");
	cr_expect_eq(hdr[0], 1);
	cr_expect_gt((hdr[6] | hdr[7] << 8) + (hdr[8] | hdr[9] << 8), 60);
	vt_machine_end(&t);
}

Test(virtio_net_model_evil, the_device_gives_up_or_hangs)
{
	receive("needs-reset");
	cr_expect(vt_status(&t) & 0x40);
	vt_machine_end(&t);
	receive("hang");
	cr_expect_eq(vt_used(&t.q[0]), 0);
	cr_expect_eq(vt_status(&t), 0xf);
	cr_expect_eq(uvdk_emu_virtio_net_misbehave(t.emu, t.name, ""), 0);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[0]), 2, "behaves again");
	cr_expect_eq(uvdk_emu_virtio_net_misbehave(t.emu, t.name, "nonsense"), -EINVAL);
	vt_machine_end(&t);
}
