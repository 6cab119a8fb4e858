// SPDX-License-Identifier: BSD-3-Clause
#include <sched.h>
#include <time.h>

#include "virtio_net_model_testing.h"

/* What a port makes, verifies, and carries between rings and the wire. */

static struct vt t;

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

/* A running port, reset if it ran before, with @count buffers of @len bytes, after one step. */
static uint8_t *start_and_receive(uint64_t features, unsigned int count, uint32_t len)
{
	uint8_t *buf;

	vt_start(&t, features, 2);
	buf = vt_rx_buffers(&t, &t.q[0], count, len);
	vt_steps(&t, 1);

	return buf;
}

static uint8_t *receive(const char *spec, uint64_t features, unsigned int count, uint32_t len)
{
	vt_open(&t, spec);

	return start_and_receive(features, count, len);
}

Test(virtio_net_model_data, a_source_fills_buffers_with_valid_frames_in_order)
{
	uint32_t id, len;
	uint8_t *buf;

	buf = receive("emu:virtio-net,source=5,len=100", F_PLAIN, 8, 2048);
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
	vt_end_clean(&t);
}

Test(virtio_net_model_data, a_source_waits_for_buffers_and_goes_on)
{
	receive("emu:virtio-net,source", F_PLAIN, 3, 2048);
	vt_steps(&t, 3);
	cr_expect_eq(vt_used(&t.q[0]), 3);
	vt_rx_buffers(&t, &t.q[0], 4, 2048);
	vt_steps(&t, 4);
	cr_expect_eq(vt_used(&t.q[0]), 7);
	cr_expect_eq(vt_stats(&t).rx_dropped, 0);
	vt_end_clean(&t);
}

Test(virtio_net_model_data, a_source_goes_on_after_a_reset)
{
	uint8_t *buf;

	receive("emu:virtio-net,source", F_PLAIN, 3, 256);
	buf = start_and_receive(F_PLAIN, 3, 256);
	cr_expect_eq(vt_used(&t.q[0]), 3);
	cr_expect_eq(seq_of(buf + HDR), 3);
	vt_end_clean(&t);
}

Test(virtio_net_model_data, imix_is_seven_to_four_to_one)
{
	unsigned int small = 0, middle = 0, large = 0;
	uint32_t id, len;

	receive("emu:virtio-net,source=12,len=imix", F_PLAIN, 12, 2048);
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

	buf = receive("emu:virtio-net,source=1,len=1000", F_PLAIN | F_MRG, 2, 256);
	vt_steps(&t, 1);
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
	vt_end_clean(&t);
}

Test(virtio_net_model_data, a_frame_too_long_for_the_buffer_is_dropped_without_merging)
{
	receive("emu:virtio-net,source=2,len=1000", F_PLAIN, 4, 256);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[0]), 0);
	cr_expect_eq(vt_stats(&t).rx_dropped, 2);
	vt_end_clean(&t);
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

	receive("emu:virtio-net,source=10,len=333", F_PLAIN, 10, 512);
	bounce(10);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[1]), 10);
	stats = vt_stats(&t);
	cr_expect_eq(stats.sunk, 10);
	cr_expect_eq(stats.verified, 10);
	cr_expect_eq(stats.bad + stats.missing + stats.duplicates + stats.out_of_order, 0);
	vt_end_clean(&t);
}

Test(virtio_net_model_data, the_sink_tells_damage_loss_repetition_and_disorder)
{
	struct uvdk_emu_virtio_net_stats stats;
	uint8_t *buf, frame[128];

	buf = receive("emu:virtio-net,source=8,len=128", F_PLAIN, 8, 512);
	for (unsigned int i = 0; i < 8; i++)
		memmove(buf + 128 * i, buf + 512 * i + HDR, 128);
	vt_send(&t, &t.q[1], buf, 128);		  /* 0 */
	vt_send(&t, &t.q[1], buf + 128 * 3, 128); /* 3: 1 and 2 are missing */
	vt_send(&t, &t.q[1], buf + 128 * 3, 128); /* again */
	vt_send(&t, &t.q[1], buf + 128 * 1, 128); /* 1 comes late */
	memcpy(frame, buf + 128 * 4, 128);
	frame[100] ^= 1;
	vt_send(&t, &t.q[1], frame, 128); /* damaged */
	vt_frame(frame, 128, vt_broadcast, 1);
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
	vt_frame(frame, sizeof(frame), vt_broadcast, 7);
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
	vt_end_clean(&t);
}

Test(virtio_net_model_data, partial_checksums_go_through_or_are_completed)
{
	uint8_t *buf;

	buf = receive("emu:virtio-net,source=2,len=99,csum=partial", F_PLAIN | F_GUEST_CSUM, 1,
		      256);
	cr_expect_eq(buf[0], 1, "NEEDS_CSUM");
	cr_expect_eq(buf[6], 34);
	cr_expect_eq(buf[8], 6);
	cr_expect_not(udp_valid(buf + HDR, 99));
	buf = start_and_receive(F_PLAIN, 1, 256);
	cr_expect_eq(buf[0], 0);
	cr_expect(udp_valid(buf + HDR, 99), "not completed for a driver that can't");
	vt_machine_end(&t);
}

Test(virtio_net_model_data, a_checksum_that_the_driver_left_is_completed)
{
	uint8_t *buf, *pkt;

	buf = receive("emu:virtio-net,source=1,len=99,csum=partial",
		      F_PLAIN | F_CSUM | F_GUEST_CSUM, 1, 256);
	pkt = vt_send(&t, &t.q[1], buf + HDR, 99);
	pkt[0] = 1;
	pkt[6] = 34;
	pkt[8] = 6;
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	cr_expect_eq(vt_stats(&t).verified, 1);
	cr_expect_eq(vt_stats(&t).bad, 0);
	vt_end_clean(&t);
}

Test(virtio_net_model_data, a_bad_checksum_is_not_called_valid)
{
	uint8_t *buf;

	buf = receive("emu:virtio-net,source=1,csum=bad", F_PLAIN | F_GUEST_CSUM, 1, 256);
	cr_expect_eq(vt_used(&t.q[0]), 1);
	cr_expect_eq(buf[0], 0);
	cr_expect_not(udp_valid(buf + HDR, 60));
	vt_machine_end(&t);
}

Test(virtio_net_model_data, without_carrier_nothing_comes_in_and_what_goes_out_is_dropped)
{
	vt_open(&t, "emu:virtio-net,source");
	vt_start(&t, F_PLAIN | F_STATUS, 2);
	uvdk_emu_virtio_net_set_carrier(t.emu, t.name, false);
	vt_rx_buffers(&t, &t.q[0], 3, 256);
	vt_send_frame(&t, &t.q[1], 64, 1);
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 2);
	cr_expect_eq(vt_used(&t.q[0]), 0);
	cr_expect_eq(vt_stats(&t).tx_dropped, 1);
	uvdk_emu_virtio_net_set_carrier(t.emu, t.name, true);
	vt_steps(&t, 2);
	cr_expect_eq(vt_used(&t.q[0]), 3);
	vt_end_clean(&t);
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
