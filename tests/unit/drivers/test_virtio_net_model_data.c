// SPDX-License-Identifier: BSD-3-Clause
#include <sched.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "virtio_net_model_testing.h"

static struct vt t;
static struct vt peer;

/* What RFC 1071 says, slowly. */
static uint16_t csum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		sum += (uint32_t)(p[len - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);

	return (uint16_t)sum;
}

static bool udp_valid(const uint8_t *f, size_t len)
{
	uint32_t pseudo = csum(f + 26, 8, 17 + (uint32_t)(len - 34));

	return csum(f + 14, 20, 0) == 0xffff && csum(f + 34, len - 34, pseudo) == 0xffff;
}

static uint64_t seq_of(const uint8_t *f)
{
	uint64_t seq = 0;

	for (int i = 0; i < 8; i++)
		seq = seq << 8 | f[48 + i];

	return seq;
}

static void make_frame(uint8_t *f, size_t len, const uint8_t dst[6], uint8_t tag)
{
	memset(f, tag, len);
	memcpy(f, dst, 6);
	memcpy(f + 6, "\x02\x00\x00\x00\x00\x09", 6);
	f[12] = 0x88;
	f[13] = 0xb5;
}

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

Test(virtio_net_model_data, a_source_fills_buffers_with_valid_frames_in_order)
{
	uint32_t id, len;
	uint8_t *buf;

	vt_open(&t, "emu:virtio-net,source=5,len=100");
	vt_start(&t, F_PLAIN, 2);
	buf = vt_rx_buffers(&t, &t.q[0], 8, 2048);
	vt_steps(&t, 1);
	cr_assert_eq(vt_used(&t.q[0]), 5);
	for (unsigned int i = 0; i < 5; i++) {
		const uint8_t *f = buf + 2048 * i + HDR;

		cr_assert(vt_take(&t.q[0], &id, &len));
		cr_expect_eq(id, i);
		cr_expect_eq(len, HDR + 100);
		cr_expect_eq(f[-2], 1, "num_buffers");
		cr_expect_eq(f[-HDR], 0, "flags");
		cr_expect_eq(seq_of(f), i);
		cr_expect(udp_valid(f, 100));
		cr_expect_eq(f[0], vt_read(&t, t.device, 1));
	}
	cr_expect_eq(vt_stats(&t).generated, 5);
	cr_expect_eq(vt_stats(&t).delivered, 5);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, a_source_waits_for_buffers_and_goes_on)
{
	vt_open(&t, "emu:virtio-net,source");
	vt_start(&t, F_PLAIN, 2);
	vt_rx_buffers(&t, &t.q[0], 3, 2048);
	vt_steps(&t, 4);
	cr_expect_eq(vt_used(&t.q[0]), 3);
	vt_rx_buffers(&t, &t.q[0], 4, 2048);
	vt_steps(&t, 4);
	cr_expect_eq(vt_used(&t.q[0]), 7);
	cr_expect_eq(vt_stats(&t).rx_dropped, 0);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, imix_is_seven_to_four_to_one)
{
	unsigned int small = 0, middle = 0, large = 0;
	uint32_t id, len;

	vt_open(&t, "emu:virtio-net,source=12,len=imix");
	vt_start(&t, F_PLAIN, 2);
	vt_rx_buffers(&t, &t.q[0], 12, 2048);
	vt_steps(&t, 1);
	while (vt_take(&t.q[0], &id, &len)) {
		small += len == HDR + 60;
		middle += len == HDR + 590;
		large += len == HDR + 1514;
	}
	cr_expect_eq(small, 7);
	cr_expect_eq(middle, 4);
	cr_expect_eq(large, 1);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, a_frame_is_spread_over_full_buffers_when_merging)
{
	uint32_t id, len, total = 0;
	uint8_t *buf;

	vt_open(&t, "emu:virtio-net,source=1,len=1000");
	vt_start(&t, F_PLAIN | F_MRG, 2);
	buf = vt_rx_buffers(&t, &t.q[0], 2, 256);
	vt_steps(&t, 2);
	cr_expect_eq(vt_used(&t.q[0]), 0, "half a frame was shown");
	vt_rx_buffers(&t, &t.q[0], 3, 256);
	vt_steps(&t, 2);
	cr_assert_eq(vt_used(&t.q[0]), 4);
	cr_expect_eq(buf[10], 4, "num_buffers");
	while (vt_take(&t.q[0], &id, &len)) {
		total += len;
		cr_expect(len == 256 || id == 3);
	}
	cr_expect_eq(total, HDR + 1000);
	cr_expect(udp_valid(buf + HDR, 1000), "pieces out of place");
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, a_frame_too_long_for_the_buffer_is_dropped_without_merging)
{
	vt_open(&t, "emu:virtio-net,source=2,len=1000");
	vt_start(&t, F_PLAIN, 2);
	vt_rx_buffers(&t, &t.q[0], 4, 256);
	vt_steps(&t, 2);
	cr_expect_eq(vt_used(&t.q[0]), 0);
	cr_expect_eq(vt_stats(&t).rx_dropped, 2);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

/* Forward by hand: what was received goes out again in the same buffer. */
static void bounce(unsigned int count)
{
	uint32_t id, len;

	for (unsigned int i = 0; i < count; i++) {
		uint8_t *pkt;

		cr_assert(vt_take(&t.q[0], &id, &len));
		pkt = t.mem + (t.q[0].desc[id].addr - t.iova);
		vt_send(&t, &t.q[1], pkt + HDR, len - HDR);
	}
	vt_ring(&t, &t.q[1]);
}

Test(virtio_net_model_data, the_sink_verifies_what_the_source_made)
{
	struct uvdk_emu_virtio_net_stats stats;

	vt_open(&t, "emu:virtio-net,source=10,len=333");
	vt_start(&t, F_PLAIN, 2);
	vt_rx_buffers(&t, &t.q[0], 10, 512);
	vt_steps(&t, 1);
	bounce(10);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[1]), 10);
	stats = vt_stats(&t);
	cr_expect_eq(stats.sunk, 10);
	cr_expect_eq(stats.verified, 10);
	cr_expect_eq(stats.bad + stats.missing + stats.duplicates + stats.out_of_order, 0);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, the_sink_tells_damage_loss_repetition_and_disorder)
{
	struct uvdk_emu_virtio_net_stats stats;
	uint8_t *buf, frame[128];

	vt_open(&t, "emu:virtio-net,source=8,len=128");
	vt_start(&t, F_PLAIN, 2);
	buf = vt_rx_buffers(&t, &t.q[0], 8, 512);
	vt_steps(&t, 1);
	for (unsigned int i = 0; i < 8; i++)
		memmove(buf + 128 * i, buf + 512 * i + HDR, 128);
	vt_send(&t, &t.q[1], buf, 128);		  /* 0 */
	vt_send(&t, &t.q[1], buf + 128 * 3, 128); /* 3: 1 and 2 are missing */
	vt_send(&t, &t.q[1], buf + 128 * 3, 128); /* again */
	vt_send(&t, &t.q[1], buf + 128 * 1, 128); /* 1 comes late */
	memcpy(frame, buf + 128 * 4, 128);
	frame[100] ^= 1;
	vt_send(&t, &t.q[1], frame, 128); /* damaged */
	make_frame(frame, 128, broadcast, 1);
	vt_send(&t, &t.q[1], frame, 128); /* not from a source */
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	stats = vt_stats(&t);
	cr_expect_eq(stats.sunk, 6);
	cr_expect_eq(stats.verified, 2);
	cr_expect_eq(stats.missing, 1);
	cr_expect_eq(stats.duplicates, 1);
	cr_expect_eq(stats.out_of_order, 1);
	cr_expect_eq(stats.bad, 1);
	cr_expect_eq(stats.foreign, 1);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, chains_and_indirect_tables_carry_the_same_frame)
{
	struct vt_desc *table;
	uint8_t *pkt, frame[64], got[64];
	uint16_t head;

	vt_open(&t, "emu:virtio-net,capture");
	vt_start(&t, F_PLAIN | F_INDIRECT, 2);
	make_frame(frame, sizeof(frame), broadcast, 7);
	pkt = vt_alloc(&t, HDR + 64, 2, NULL);
	memset(pkt, 0, HDR);
	memcpy(pkt + HDR, frame, 64);

	head = vt_put(&t, &t.q[1], pkt, 5, NEXT);
	vt_put(&t, &t.q[1], pkt + 5, 20, NEXT);
	vt_put(&t, &t.q[1], pkt + 25, HDR + 64 - 25, 0);
	vt_avail(&t.q[1], head);

	table = vt_alloc(&t, 3 * 16, 16, NULL);
	table[0] = (struct vt_desc){vt_iova(&t, pkt), HDR, NEXT, 2};
	table[2] = (struct vt_desc){vt_iova(&t, pkt + HDR), 10, NEXT, 1};
	table[1] = (struct vt_desc){vt_iova(&t, pkt + HDR + 10), 54, 0, 0};
	vt_avail(&t.q[1], vt_put(&t, &t.q[1], table, 48, INDIRECT));

	/* A plain descriptor, then an indirect one in the same chain. */
	table = vt_alloc(&t, 16, 16, NULL);
	table[0] = (struct vt_desc){vt_iova(&t, pkt + HDR), 64, 0, 0};
	head = vt_put(&t, &t.q[1], pkt, HDR, NEXT);
	vt_put(&t, &t.q[1], table, 16, INDIRECT | WRITE); /* WRITE is to be ignored here */
	vt_avail(&t.q[1], head);

	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[1]), 3);
	for (int i = 0; i < 3; i++) {
		memset(got, 0, sizeof(got));
		cr_assert_eq(uvdk_emu_virtio_net_capture(t.emu, t.name, got, sizeof(got)), 64);
		cr_expect_arr_eq(got, frame, 64, "frame %d", i);
	}
	cr_expect_eq(uvdk_emu_virtio_net_capture(t.emu, t.name, got, sizeof(got)), 0);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, rings_wrap_around)
{
	uint8_t frame[64];
	uint32_t id, len;

	vt_open(&t, "emu:virtio-net");
	vt_start(&t, F_PLAIN | F_EVENT | F_IN_ORDER, 2);
	make_frame(frame, sizeof(frame), broadcast, 7);
	for (unsigned int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < 13; i++)
			vt_send(&t, &t.q[1], frame, 64);
		vt_ring(&t, &t.q[1]);
		vt_steps(&t, 1);
		cr_expect_eq(vt_used(&t.q[1]), 13);
		/* In order and in one batch: the last one's id stands in the first place. */
		cr_assert(vt_take(&t.q[1], &id, &len));
		cr_expect_eq(id, (13 * (round + 1) - 1) % 16);
		t.q[1].last_used = (uint16_t)(t.q[1].last_used + 12);
	}
	cr_expect_eq(vt_stats(&t).foreign, 130);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, without_batches_every_frame_sent_has_its_element)
{
	uint8_t frame[64];
	uint32_t id, len;

	vt_open(&t, "emu:virtio-net,no-batch");
	vt_start(&t, F_PLAIN | F_IN_ORDER, 2);
	make_frame(frame, sizeof(frame), broadcast, 7);
	for (unsigned int i = 0; i < 5; i++)
		vt_send(&t, &t.q[1], frame, 64);
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	for (unsigned int i = 0; i < 5; i++) {
		cr_assert(vt_take(&t.q[1], &id, &len));
		cr_expect_eq(id, i);
	}
	vt_machine_end(&t);
}

Test(virtio_net_model_data, nothing_moves_without_a_doorbell)
{
	uint8_t frame[64];

	vt_open(&t, "emu:virtio-net");
	vt_start(&t, F_PLAIN, 2);
	make_frame(frame, sizeof(frame), broadcast, 7);
	vt_send(&t, &t.q[1], frame, 64);
	vt_steps(&t, 5);
	cr_expect_eq(vt_used(&t.q[1]), 0);
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[1]), 1);
	cr_expect_eq(vt_stats(&t).notifications, 1);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, the_device_asks_for_the_next_doorbell_by_event_index)
{
	volatile uint16_t *avail_event;
	uint8_t frame[64];

	vt_open(&t, "emu:virtio-net");
	vt_start(&t, F_PLAIN | F_EVENT, 2);
	avail_event = &t.q[1].used[2 + 4 * t.q[1].size];
	make_frame(frame, sizeof(frame), broadcast, 7);
	for (uint16_t i = 1; i < 40; i++) {
		vt_send(&t, &t.q[1], frame, 64);
		vt_ring(&t, &t.q[1]);
		vt_steps(&t, 1);
		cr_expect_eq(*avail_event, i);
	}
	cr_expect_eq(t.q[1].used[0], 0);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

/* MSI-X vector of a queue on an eventfd; the queue's vector is set before it is enabled. */
static int route(unsigned int vector)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	cr_assert_geq(fd, 0);
	cr_assert_eq(uvdk_device_irq_set(t.dev, UVDK_IRQ_MSIX, vector, 1, &fd), 0, "%s",
		     uvdk_last_error());

	return fd;
}

static uint64_t count_irqs(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? n : 0;
}

static void start_with_vector(uint64_t features)
{
	vt_features(&t, features);
	for (unsigned int i = 0; i < 2; i++) {
		vt_write(&t, t.common + 0x16, 2, i);
		vt_write(&t, t.common + 0x1a, 2, i + 1);
		vt_queue(&t, i, 16);
	}
	vt_set_status(&t, 0xf);
}

Test(virtio_net_model_data, an_interrupt_comes_when_the_used_event_is_passed)
{
	volatile uint16_t *used_event;
	uint8_t frame[64];
	int fd;

	vt_open(&t, "emu:virtio-net");
	fd = route(2);
	start_with_vector(F_PLAIN | F_EVENT);
	used_event = &t.q[1].avail[2 + t.q[1].size];
	make_frame(frame, sizeof(frame), broadcast, 7);
	*used_event = 4; /* tell me when element 4 is used */
	for (unsigned int i = 0; i < 10; i++) {
		vt_send(&t, &t.q[1], frame, 64);
		vt_ring(&t, &t.q[1]);
		vt_steps(&t, 1);
		cr_expect_eq(count_irqs(fd), i == 4, "after %u", i);
	}
	cr_expect_eq(vt_stats(&t).interrupts, 1);
	cr_expect_eq(vt_read(&t, t.isr, 1), 0, "with MSI-X the ISR is not used");
	uvdk_device_irq_disable(t.dev, UVDK_IRQ_MSIX);
	close(fd);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, flags_silence_interrupts_without_event_indexes)
{
	uint8_t frame[64];
	int fd;

	vt_open(&t, "emu:virtio-net");
	fd = route(2);
	start_with_vector(F_PLAIN);
	make_frame(frame, sizeof(frame), broadcast, 7);
	t.q[1].avail[0] = 1;
	vt_send(&t, &t.q[1], frame, 64);
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	cr_expect_eq(count_irqs(fd), 0);
	t.q[1].avail[0] = 0;
	vt_send(&t, &t.q[1], frame, 64);
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	cr_expect_eq(count_irqs(fd), 1);
	uvdk_device_irq_disable(t.dev, UVDK_IRQ_MSIX);
	close(fd);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, linked_ports_pass_frames_both_ways)
{
	uint8_t *buf_a, *buf_b, frame[200];
	uint32_t id, len;

	vt_open(&t, "emu:virtio-net,link=A");
	vt_open_beside(&peer, &t, "emu:virtio-net,link=A");
	vt_start(&t, F_PLAIN, 2);
	vt_start(&peer, F_PLAIN, 2);
	buf_a = vt_rx_buffers(&t, &t.q[0], 2, 512);
	buf_b = vt_rx_buffers(&peer, &peer.q[0], 2, 512);
	vt_steps(&t, 1);

	make_frame(frame, sizeof(frame), broadcast, 0xaa);
	vt_send(&t, &t.q[1], frame, 200);
	vt_ring(&t, &t.q[1]);
	make_frame(frame, sizeof(frame), broadcast, 0xbb);
	vt_send(&peer, &peer.q[1], frame, 100);
	vt_ring(&peer, &peer.q[1]);
	vt_steps(&t, 3);

	cr_assert(vt_take(&peer.q[0], &id, &len));
	cr_expect_eq(len, HDR + 200);
	cr_expect_eq(buf_b[HDR + 199], 0xaa);
	cr_assert(vt_take(&t.q[0], &id, &len));
	cr_expect_eq(len, HDR + 100);
	cr_expect_eq(buf_a[HDR + 99], 0xbb);
	vt_expect_clean(&t);
	vt_close(&peer);
	vt_machine_end(&t);
}

/* As many frames as the wire and the ring hold, and then some. */
static unsigned int send_until_full(uint8_t *frame, unsigned int count)
{
	unsigned int sent = 0;
	uint8_t *pkt = vt_alloc(&t, HDR + 1514, 2, NULL);

	memset(pkt, 0, HDR);
	memcpy(pkt + HDR, frame, 1514);
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

Test(virtio_net_model_data, a_slow_peer_holds_the_sender_back_and_nothing_is_lost)
{
	unsigned int sent, got = 0;
	uint8_t frame[1514];

	vt_open(&t, "emu:virtio-net,link=A");
	vt_open_beside(&peer, &t, "emu:virtio-net,link=A");
	vt_start(&t, F_PLAIN, 2);
	vt_start(&peer, F_PLAIN, 2);
	vt_steps(&t, 1);
	make_frame(frame, sizeof(frame), broadcast, 1);
	sent = send_until_full(frame, 1000);
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
	vt_close(&peer);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, a_lossy_link_drops_and_counts)
{
	uint8_t frame[1514];

	vt_open(&t, "emu:virtio-net,link=A,lossy");
	vt_open_beside(&peer, &t, "emu:virtio-net,link=A");
	vt_start(&t, F_PLAIN, 2);
	vt_start(&peer, F_PLAIN, 2);
	vt_steps(&t, 1);
	make_frame(frame, sizeof(frame), broadcast, 1);
	cr_expect_eq(send_until_full(frame, 400), 400);
	cr_expect_gt(vt_stats(&t).tx_dropped, 0);
	cr_expect_eq(vt_stats(&t).tx_dropped + vt_stats(&t).forwarded, 400);
	vt_close(&peer);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, a_peer_that_is_not_running_gets_nothing_later)
{
	uint8_t frame[64];

	vt_open(&t, "emu:virtio-net,link=A");
	vt_open_beside(&peer, &t, "emu:virtio-net,link=A");
	vt_start(&t, F_PLAIN, 2);
	vt_steps(&t, 1);
	make_frame(frame, sizeof(frame), broadcast, 1);
	vt_send(&t, &t.q[1], frame, 64);
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[1]), 1, "the sender must not be stuck");
	cr_expect_eq(vt_stats(&t).tx_dropped, 1);
	vt_start(&peer, F_PLAIN, 2);
	vt_rx_buffers(&peer, &peer.q[0], 2, 512);
	vt_steps(&t, 2);
	cr_expect_eq(vt_used(&peer.q[0]), 0);
	vt_close(&peer);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, a_restarted_peer_does_not_get_what_waited_before)
{
	uint8_t frame[64];

	vt_open(&t, "emu:virtio-net,link=A");
	vt_open_beside(&peer, &t, "emu:virtio-net,link=A");
	vt_start(&t, F_PLAIN, 2);
	vt_start(&peer, F_PLAIN, 2);
	vt_steps(&t, 1);
	make_frame(frame, sizeof(frame), broadcast, 1);
	vt_send(&t, &t.q[1], frame, 64);
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	cr_expect_eq(vt_stats(&t).forwarded, 1);
	vt_start(&peer, F_PLAIN, 2);
	vt_rx_buffers(&peer, &peer.q[0], 2, 512);
	vt_steps(&t, 2);
	cr_expect_eq(vt_used(&peer.q[0]), 0);
	vt_close(&peer);
	vt_machine_end(&t);
}

static unsigned int inject(const uint8_t dst[6])
{
	uint8_t frame[64];
	unsigned int before = vt_used(&t.q[0]);

	make_frame(frame, sizeof(frame), dst, 3);
	cr_assert_eq(uvdk_emu_virtio_net_inject(t.emu, t.name, 0, frame, sizeof(frame)), 0);
	vt_steps(&t, 1);

	return vt_used(&t.q[0]) - before;
}

Test(virtio_net_model_data, the_filter_passes_what_the_driver_asked_for)
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
	cr_expect_eq(inject(broadcast), 1);
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
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, the_address_can_be_changed)
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
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, more_pairs_are_used_when_asked_for)
{
	const uint16_t pairs = 3, too_many = 5;
	uint8_t frame[64];

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
	make_frame(frame, sizeof(frame), broadcast, 1);
	vt_send(&t, &t.q[5], frame, 64);
	vt_ring(&t, &t.q[5]);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[5]), 1);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, partial_checksums_go_through_or_are_completed)
{
	uint8_t *buf;

	vt_open(&t, "emu:virtio-net,source=2,len=99,csum=partial");
	vt_start(&t, F_PLAIN | F_GUEST_CSUM, 2);
	buf = vt_rx_buffers(&t, &t.q[0], 1, 256);
	vt_steps(&t, 1);
	cr_expect_eq(buf[0], 1, "NEEDS_CSUM");
	cr_expect_eq(buf[6], 34);
	cr_expect_eq(buf[8], 6);
	cr_expect_not(udp_valid(buf + HDR, 99));
	vt_start(&t, F_PLAIN, 2);
	buf = vt_rx_buffers(&t, &t.q[0], 1, 256);
	vt_steps(&t, 1);
	cr_expect_eq(buf[0], 0);
	cr_expect(udp_valid(buf + HDR, 99), "not completed for a driver that can't");
	vt_machine_end(&t);
}

Test(virtio_net_model_data, a_checksum_that_the_driver_left_is_completed)
{
	uint8_t *buf, *pkt;

	vt_open(&t, "emu:virtio-net,source=1,len=99,csum=partial");
	vt_start(&t, F_PLAIN | F_CSUM | F_GUEST_CSUM, 2);
	buf = vt_rx_buffers(&t, &t.q[0], 1, 256);
	vt_steps(&t, 1);
	pkt = vt_send(&t, &t.q[1], buf + HDR, 99);
	pkt[0] = 1;
	pkt[6] = 34;
	pkt[8] = 6;
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	cr_expect_eq(vt_stats(&t).verified, 1);
	cr_expect_eq(vt_stats(&t).bad, 0);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, a_bad_checksum_is_not_called_valid)
{
	uint8_t *buf;

	vt_open(&t, "emu:virtio-net,source=1,csum=bad");
	vt_start(&t, F_PLAIN | F_GUEST_CSUM, 2);
	buf = vt_rx_buffers(&t, &t.q[0], 1, 256);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[0]), 1);
	cr_expect_eq(buf[0], 0);
	cr_expect_not(udp_valid(buf + HDR, 60));
	vt_machine_end(&t);
}

Test(virtio_net_model_data, a_source_goes_on_after_a_reset)
{
	uint8_t *buf;

	vt_open(&t, "emu:virtio-net,source");
	vt_start(&t, F_PLAIN, 2);
	vt_rx_buffers(&t, &t.q[0], 3, 256);
	vt_steps(&t, 1);
	vt_start(&t, F_PLAIN, 2);
	buf = vt_rx_buffers(&t, &t.q[0], 3, 256);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[0]), 3);
	cr_expect_eq(seq_of(buf + HDR), 3);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

Test(virtio_net_model_data, without_carrier_nothing_comes_in_and_what_goes_out_is_dropped)
{
	uint8_t frame[64];

	vt_open(&t, "emu:virtio-net,source");
	vt_start(&t, F_PLAIN | F_STATUS, 2);
	uvdk_emu_virtio_net_set_carrier(t.emu, t.name, false);
	vt_rx_buffers(&t, &t.q[0], 3, 256);
	make_frame(frame, sizeof(frame), broadcast, 1);
	vt_send(&t, &t.q[1], frame, 64);
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 2);
	cr_expect_eq(vt_used(&t.q[0]), 0);
	cr_expect_eq(vt_stats(&t).tx_dropped, 1);
	uvdk_emu_virtio_net_set_carrier(t.emu, t.name, true);
	vt_steps(&t, 2);
	cr_expect_eq(vt_used(&t.q[0]), 3);
	vt_expect_clean(&t);
	vt_machine_end(&t);
}

/* Send every frame back as it is and offer its buffer again; returns frames moved. */
static unsigned int forward_some(void)
{
	unsigned int moved = 0;
	uint32_t id, len;

	while (vt_take(&t.q[1], &id, &len)) {
		t.q[0].desc[id] = t.q[1].desc[id];
		t.q[0].desc[id].len = 256;
		t.q[0].desc[id].flags = WRITE;
		vt_avail(&t.q[0], (uint16_t)id);
		moved++;
	}
	if (moved)
		vt_ring(&t, &t.q[0]);
	while (vt_take(&t.q[0], &id, &len)) {
		uint8_t *hdr = t.mem + (t.q[0].desc[id].addr - t.iova);

		memset(hdr, 0, HDR);
		t.q[1].desc[id] = t.q[0].desc[id];
		t.q[1].desc[id].len = len;
		t.q[1].desc[id].flags = 0;
		vt_avail(&t.q[1], (uint16_t)id);
		moved++;
	}
	if (moved)
		vt_ring(&t, &t.q[1]);

	return moved;
}

static bool before(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	return now.tv_sec < deadline->tv_sec;
}

Test(virtio_net_model_data, a_machine_with_a_thread_forwards_and_registers_answer_meanwhile)
{
	struct timespec deadline;
	unsigned int reads = 0;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += 60;
	vt_open_threaded(&t, "emu:virtio-net,source=5000,len=100");
	vt_start(&t, F_PLAIN | F_EVENT, 2);
	vt_rx_buffers(&t, &t.q[0], 16, 256);
	while (vt_stats(&t).sunk < 5000 && before(&deadline)) {
		for (unsigned int i = 0; i < 100; i++)
			if (!forward_some())
				sched_yield();
		cr_assert_eq(vt_status(&t), 0xf, "%s", vt_violation(&t, 0));
		reads++;
	}
	cr_expect_gt(reads, 0);
	cr_expect_eq(vt_stats(&t).verified, 5000);
	cr_expect_eq(vt_stats(&t).missing, 0);
	vt_expect_clean(&t);
	vt_reset(&t);
	vt_machine_end(&t);
}
