// SPDX-License-Identifier: BSD-3-Clause
#include "virtio_net_model_testing.h"

/* Which frames reach whom: along a link, past the filter, to the pairs in use. */

static struct vt t;
static struct vt peer;

/* Two ports of one machine on a link; the second one runs if @both. */
static void open_linked(const char *spec, bool both)
{
	vt_open(&t, spec);
	vt_open_beside(&peer, &t, "emu:virtio-net,link=A");
	vt_start(&t, F_PLAIN, 2);
	if (both)
		vt_start(&peer, F_PLAIN, 2);
	vt_steps(&t, 1);
}

static void close_linked(void)
{
	vt_close(&peer);
	vt_machine_end(&t);
}

static void send_one(struct vt *from, uint32_t len, uint8_t tag)
{
	vt_send_frame(from, &from->q[1], len, tag);
	vt_ring(from, &from->q[1]);
}

Test(virtio_net_model_delivery, linked_ports_pass_frames_both_ways)
{
	uint8_t *buf_a, *buf_b;
	uint32_t id, len;

	open_linked("emu:virtio-net,link=A", true);
	buf_a = vt_rx_buffers(&t, &t.q[0], 2, 512);
	buf_b = vt_rx_buffers(&peer, &peer.q[0], 2, 512);
	send_one(&t, 200, 0xaa);
	send_one(&peer, 100, 0xbb);
	vt_steps(&t, 3);

	cr_assert(vt_take(&peer.q[0], &id, &len));
	cr_expect_eq(len, HDR + 200);
	cr_expect_eq(buf_b[HDR + 199], 0xaa);
	cr_assert(vt_take(&t.q[0], &id, &len));
	cr_expect_eq(len, HDR + 100);
	cr_expect_eq(buf_a[HDR + 99], 0xbb);
	vt_expect_clean(&t);
	close_linked();
}

/* As many frames as the wire and the ring hold, and then some. */
static unsigned int send_until_full(unsigned int count)
{
	unsigned int sent = 0;
	uint8_t *pkt = vt_alloc(&t, HDR + 1514, 2, NULL);

	memset(pkt, 0, HDR);
	vt_frame(pkt + HDR, 1514, vt_broadcast, 1);
	while (sent < count) {
		uint32_t id, len;

		while (vt_take(&t.q[1], &id, &len))
			;
		if ((uint16_t)(t.q[1].avail_idx - t.q[1].last_used) == t.q[1].size)
			break;
		vt_avail(&t.q[1], vt_put(&t, &t.q[1], pkt, HDR + 1514, 0));
		vt_ring(&t, &t.q[1]);
		vt_steps(&t, 2);
		sent++;
	}

	return sent;
}

Test(virtio_net_model_delivery, a_slow_peer_holds_the_sender_back_and_nothing_is_lost)
{
	unsigned int sent, got = 0;

	open_linked("emu:virtio-net,link=A", true);
	sent = send_until_full(1000);
	cr_expect_lt(sent, 1000, "the wire has no end");
	cr_expect_gt(sent, 100);
	for (unsigned int i = 0; i < 1000 && got < sent; i++) {
		uint32_t id, len;

		peer.taken = VT_MEM / 2 + (1 << 20);
		vt_rx_buffers(&peer, &peer.q[0], 8, 2048);
		vt_steps(&t, 2);
		while (vt_take(&peer.q[0], &id, &len))
			got++;
	}
	cr_expect_eq(got, sent);
	cr_expect_eq(vt_stats(&t).forwarded, sent);
	cr_expect_eq(vt_stats(&t).tx_dropped, 0);
	vt_expect_clean(&t);
	close_linked();
}

Test(virtio_net_model_delivery, a_lossy_link_drops_and_counts)
{
	open_linked("emu:virtio-net,link=A,lossy", true);
	cr_expect_eq(send_until_full(400), 400);
	cr_expect_gt(vt_stats(&t).tx_dropped, 0);
	cr_expect_eq(vt_stats(&t).tx_dropped + vt_stats(&t).forwarded, 400);
	close_linked();
}

static void expect_nothing_waits_for_peer(void)
{
	vt_start(&peer, F_PLAIN, 2);
	vt_rx_buffers(&peer, &peer.q[0], 2, 512);
	vt_steps(&t, 2);
	cr_expect_eq(vt_used(&peer.q[0]), 0);
}

Test(virtio_net_model_delivery, a_peer_that_is_not_running_gets_nothing_later)
{
	open_linked("emu:virtio-net,link=A", false);
	send_one(&t, 64, 1);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[1]), 1, "the sender must not be stuck");
	cr_expect_eq(vt_stats(&t).tx_dropped, 1);
	expect_nothing_waits_for_peer();
	close_linked();
}

Test(virtio_net_model_delivery, a_restarted_peer_does_not_get_what_waited_before)
{
	open_linked("emu:virtio-net,link=A", true);
	send_one(&t, 64, 1);
	vt_steps(&t, 1);
	cr_expect_eq(vt_stats(&t).forwarded, 1);
	expect_nothing_waits_for_peer();
	close_linked();
}

static unsigned int inject(const uint8_t dst[6])
{
	uint8_t frame[64];
	unsigned int before = vt_used(&t.q[0]);

	vt_frame(frame, sizeof(frame), dst, 3);
	cr_assert_eq(uvdk_emu_virtio_net_inject(t.emu, t.name, 0, frame, sizeof(frame)), 0);
	vt_steps(&t, 1);

	return vt_used(&t.q[0]) - before;
}

Test(virtio_net_model_delivery, the_filter_passes_what_the_driver_asked_for)
{
	static const uint8_t own[6] = {2, 1, 1, 1, 1, 1};
	static const uint8_t other[6] = {2, 9, 9, 9, 9, 9};
	static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};
	uint8_t on = 1, off = 0,
		table[20] = {1, 0, 0, 0, 2, 9, 9, 9, 9, 9, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1};

	vt_open(&t, "emu:virtio-net,mac=02:01:01:01:01:01");
	vt_start(&t, F_PLAIN | F_CTRL | F_CTRL_RX, 3);
	vt_rx_buffers(&t, &t.q[0], 14, 256);
	cr_expect_eq(inject(own), 1);
	cr_expect_eq(inject(vt_broadcast), 1);
	cr_expect_eq(inject(other), 0);
	cr_expect_eq(inject(group), 0);
	cr_expect_eq(vt_stats(&t).filtered, 2);

	cr_expect_eq(vt_ctrl(&t, 0, 0, &on, 1), 0);
	cr_expect_eq(inject(other), 1, "promiscuous");
	cr_expect_eq(vt_ctrl(&t, 0, 0, &off, 1), 0);
	cr_expect_eq(inject(other), 0);

	cr_expect_eq(vt_ctrl(&t, 0, 1, &on, 1), 0);
	cr_expect_eq(inject(group), 1, "all multicast");
	cr_expect_eq(inject(other), 0);
	cr_expect_eq(vt_ctrl(&t, 0, 1, &off, 1), 0);

	cr_expect_eq(vt_ctrl(&t, 1, 0, table, sizeof(table)), 0);
	cr_expect_eq(inject(group), 1, "in the table");
	cr_expect_eq(inject(other), 1, "in the table");
	cr_expect_eq(vt_ctrl(&t, 9, 9, &on, 1), 1, "unknown commands are errors");
	vt_end_clean(&t);
}

Test(virtio_net_model_delivery, the_address_can_be_changed)
{
	static const uint8_t mac[6] = {2, 5, 5, 5, 5, 5};

	vt_open(&t, "emu:virtio-net");
	vt_start(&t, F_PLAIN | F_CTRL | F_CTRL_RX | F_CTRL_MAC, 3);
	vt_rx_buffers(&t, &t.q[0], 4, 256);
	cr_expect_eq(inject(mac), 0);
	cr_expect_eq(vt_ctrl(&t, 1, 1, mac, 6), 0);
	cr_expect_eq(vt_read(&t, t.device + 5, 1), 5);
	cr_expect_eq(inject(mac), 1);
	cr_expect_eq(vt_ctrl(&t, 1, 1, "\x01\x00\x5e\x00\x00\x01", 6), 1, "a group address");
	vt_end_clean(&t);
}

Test(virtio_net_model_delivery, more_pairs_are_used_when_asked_for)
{
	const uint16_t pairs = 3, too_many = 5;

	vt_open(&t, "emu:virtio-net,queues=4,source");
	vt_start(&t, F_PLAIN | F_CTRL | F_MQ, 9);
	for (unsigned int i = 0; i < 4; i++)
		vt_rx_buffers(&t, &t.q[2 * i], 4, 256);
	vt_steps(&t, 2);
	for (unsigned int i = 0; i < 4; i++)
		cr_expect_eq(vt_used(&t.q[2 * i]), i ? 0 : 4, "queue %u", i);
	cr_expect_eq(vt_ctrl(&t, 4, 0, &too_many, 2), 1);
	cr_expect_eq(vt_ctrl(&t, 4, 0, &pairs, 2), 0);
	vt_steps(&t, 2);
	for (unsigned int i = 0; i < 4; i++)
		cr_expect_eq(vt_used(&t.q[2 * i]), i < 3 ? 4 : 0, "queue %u", i);
	vt_send_frame(&t, &t.q[5], 64, 1);
	vt_ring(&t, &t.q[5]);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[5]), 1);
	vt_end_clean(&t);
}
