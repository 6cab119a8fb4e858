// SPDX-License-Identifier: BSD-3-Clause
#include "virtio_net_model_testing.h"

static struct vt t;

Test(virtio_net_model_setup, identity_is_a_modern_virtio_net)
{
	const struct uvdk_device_info *info;

	vt_open(&t, "emu:virtio-net");
	info = uvdk_device_get_info(t.dev);
	cr_expect_eq(info->vendor, 0x1af4);
	cr_expect_eq(info->device, 0x1041);
	cr_expect_eq(info->revision, 1);
	cr_expect_eq(info->class_code, 0x020000);
	cr_expect_geq(info->subdevice, 0x40);
	cr_expect_eq(uvdk_device_irq_count(t.dev, UVDK_IRQ_MSIX), 4);
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, capabilities_lie_inside_the_bar)
{
	vt_open(&t, "emu:virtio-net,queues=8,notify=128");
	cr_expect_lt(t.common + 0x3c, t.bar.size);
	cr_expect_leq(t.notify + t.notify_len, t.bar.size);
	cr_expect_eq(t.multiplier, 128);
	vt_features(&t, F_PLAIN | F_CTRL | F_MQ);
	vt_write(&t, t.common + 0x16, 2, 16);
	cr_expect_leq(vt_read(&t, t.common + 0x1e, 2) * 128 + 2, t.notify_len);
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, features_follow_the_arguments)
{
	vt_open(&t, "emu:virtio-net,no-mrg,no-event-idx,no-ctrl");
	vt_features(&t, F_PLAIN);
	cr_expect_eq(t.offered & (F_MRG | F_EVENT | F_CTRL | F_CTRL_RX | F_MQ), 0);
	cr_expect_eq(t.offered & (F_PLAIN | F_INDIRECT | F_IN_ORDER | F_STATUS | F_MTU),
		     F_PLAIN | F_INDIRECT | F_IN_ORDER | F_STATUS | F_MTU);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, device_configuration_is_as_asked)
{
	vt_open(&t, "emu:virtio-net,queues=4,mac=02:11:22:33:44:55,mtu=9000");
	cr_expect_eq(vt_read(&t, t.device, 1), 0x02);
	cr_expect_eq(vt_read(&t, t.device + 5, 1), 0x55);
	cr_expect_eq(vt_read(&t, t.device + 6, 2), 1);
	cr_expect_eq(vt_read(&t, t.device + 8, 2), 4);
	cr_expect_eq(vt_read(&t, t.device + 10, 2), 9000);
	cr_expect_eq(vt_read(&t, t.common + 0x12, 2), 9);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, wrong_arguments_are_refused_by_name)
{
	static const char *const specs[] = {
		"queues=9", "size=100",	  "mac=01:00:00:00:00:01", "mac=xyz",	  "mtu=67",
		"len=59",   "csum=maybe", "evil=unheard-of",	   "notify=3",	  "colour=blue",
		"len=1515", "source=0",	  "source,link=A",	   "queues=four",
	};

	vt_machine(&t);
	for (unsigned int i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct uvdk_device *dev = NULL;
		char spec[64], key[16];

		snprintf(spec, sizeof(spec), "emu:virtio-net,%s", specs[i]);
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(specs[i], "="), specs[i]);
		cr_expect_lt(uvdk_device_open(t.iommu, spec, NULL, &dev), 0, "%s", spec);
		cr_expect_null(dev);
		cr_expect(strstr(uvdk_last_error(), key) || strstr(key, "source"), "%s: %s", spec,
			  uvdk_last_error());
	}
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, a_queue_beyond_the_last_has_no_size)
{
	vt_open(&t, "emu:virtio-net,queues=2,size=128");
	vt_features(&t, F_PLAIN | F_CTRL); /* no MQ: one pair, then the control queue */
	for (unsigned int i = 0; i < 4; i++) {
		vt_write(&t, t.common + 0x16, 2, i);
		cr_expect_eq(vt_read(&t, t.common + 0x18, 2), i < 3 ? 128 : 0);
	}
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, features_ok_needs_version_1_and_access_platform)
{
	vt_open(&t, "emu:virtio-net");
	vt_reset(&t);
	vt_accept(&t, F_MAC | F_VERSION);
	vt_set_status(&t, 0xb);
	cr_expect_eq(vt_status(&t), 3);
	vt_reset(&t);
	vt_accept(&t, F_MAC | F_PLATFORM);
	vt_set_status(&t, 0xb);
	cr_expect_eq(vt_status(&t), 3);
	vt_expect_clean(&t); /* a driver may try */
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, reset_forgets_queues_and_features)
{
	vt_open(&t, "emu:virtio-net,size=64");
	vt_start(&t, F_PLAIN, 2);
	vt_reset(&t);
	vt_write(&t, t.common + 0x08, 4, 1);
	cr_expect_eq(vt_read(&t, t.common + 0x0c, 4), 0);
	vt_write(&t, t.common + 0x16, 2, 0);
	cr_expect_eq(vt_read(&t, t.common + 0x18, 2), 64);
	cr_expect_eq(vt_read(&t, t.common + 0x1c, 2), 0);
	cr_expect_eq(vt_read(&t, t.common + 0x1a, 2), 0xffff);
	vt_start(&t, F_PLAIN, 2);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, vectors_out_of_range_are_not_taken)
{
	vt_open(&t, "emu:virtio-net");
	vt_features(&t, F_PLAIN);
	vt_write(&t, t.common + 0x10, 2, 3);
	cr_expect_eq(vt_read(&t, t.common + 0x10, 2), 3);
	vt_write(&t, t.common + 0x10, 2, 4);
	cr_expect_eq(vt_read(&t, t.common + 0x10, 2), 0xffff);
	vt_write(&t, t.common + 0x16, 2, 1);
	vt_write(&t, t.common + 0x1a, 2, 99);
	cr_expect_eq(vt_read(&t, t.common + 0x1a, 2), 0xffff);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, a_lone_link_has_no_carrier_until_its_peer_comes)
{
	struct vt peer;
	uint64_t before;

	vt_open(&t, "emu:virtio-net,link=A");
	vt_start(&t, F_PLAIN | F_STATUS, 2);
	cr_expect_eq(vt_read(&t, t.device + 6, 2), 0);
	before = vt_read(&t, t.common + 0x15, 1);
	vt_open_beside(&peer, &t, "emu:virtio-net,link=A");
	vt_steps(&t, 1);
	cr_expect_eq(vt_read(&t, t.device + 6, 2), 1);
	cr_expect_neq(vt_read(&t, t.common + 0x15, 1), before);
	cr_expect_eq(vt_read(&t, t.isr, 1), 2, "no configuration interrupt");
	cr_expect_eq(vt_read(&t, t.isr, 1), 0, "reading clears it");
	uvdk_emu_virtio_net_set_carrier(t.emu, t.name, false);
	cr_expect_eq(vt_read(&t, t.device + 6, 2), 0);
	uvdk_emu_virtio_net_set_carrier(t.emu, t.name, true);
	vt_close(&peer);
	vt_steps(&t, 1);
	cr_expect_eq(vt_read(&t, t.device + 6, 2), 0);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, a_link_has_two_ends)
{
	struct vt b, c;

	vt_open(&t, "emu:virtio-net,link=A");
	vt_open_beside(&b, &t, "emu:virtio-net,link=A");
	cr_expect_eq(uvdk_device_open(t.iommu, "emu:virtio-net,link=A", NULL, &c.dev), -EBUSY);
	cr_expect(strstr(uvdk_last_error(), "link=A"));
	vt_close(&b);
	vt_open_beside(&c, &t, "emu:virtio-net,link=A");
	vt_close(&c);
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, a_port_that_is_pulled_out_takes_the_carrier_along)
{
	struct vt b;

	vt_open(&t, "emu:virtio-net,link=A");
	vt_open_beside(&b, &t, "emu:virtio-net,link=A");
	vt_steps(&t, 1);
	cr_expect_eq(vt_read(&t, t.device + 6, 2), 1);
	cr_assert_eq(uvdk_emu_unplug(t.emu, b.name, true), 0);
	vt_steps(&t, 1);
	cr_expect_eq(vt_read(&t, t.device + 6, 2), 0);
	vt_close(&b);
	vt_machine_end(&t);
}

Test(virtio_net_model_setup, ports_are_found_by_name_only_while_open)
{
	struct uvdk_emu_virtio_net_stats stats;
	char name[48];

	vt_open(&t, "emu:virtio-net");
	snprintf(name, sizeof(name), "%s", t.name);
	cr_expect_eq(uvdk_emu_virtio_net_get_stats(t.emu, name, &stats), 0);
	cr_expect_eq(uvdk_emu_virtio_net_get_stats(t.emu, "emu:virtio-net#7", &stats), -ENOENT);
	vt_close(&t);
	cr_expect_eq(uvdk_emu_virtio_net_get_stats(t.emu, name, &stats), -ENOENT);
	vt_machine_end(&t);
}
