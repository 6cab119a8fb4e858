// SPDX-License-Identifier: BSD-3-Clause
#include "virtio_net_model_testing.h"

/*
 * Each rule is broken once: the model has to name it and to ask for a reset,
 * and after the reset everything works.
 */

static struct vt t;

static void break_rule(const char *spec, void (*rule)(void), const char *expect)
{
	uint8_t frame[64] = {2};

	vt_open(&t, spec);
	rule();
	vt_steps(&t, 2);
	cr_expect_eq(vt_stats(&t).violations, 1, "%llu violations, the second: %s",
		     (unsigned long long)vt_stats(&t).violations, vt_violation(&t, 1));
	cr_expect(strstr(vt_violation(&t, 0), expect), "\"%s\" does not say \"%s\"",
		  vt_violation(&t, 0), expect);
	cr_expect(vt_status(&t) & 0x40, "no DEVICE_NEEDS_RESET");

	vt_start(&t, F_PLAIN, 2);
	vt_send(&t, &t.q[1], frame, sizeof(frame));
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[1]), 1, "dead after the reset");
	cr_expect_eq(vt_stats(&t).violations, 1);
	vt_machine_end(&t);
}

#define RULE(name, spec, expect)                       \
	static void name##_body(void);                 \
	Test(virtio_net_model_rules, name)             \
	{                                              \
		break_rule(spec, name##_body, expect); \
	}                                              \
	static void name##_body(void)

#define PORT "emu:virtio-net"

static void after_features(uint64_t features)
{
	vt_features(&t, features);
}

/* ---- registers ---- */

RULE(reserved_status_bits, PORT, "reserved bits")
{
	vt_set_status(&t, 0x11);
}

RULE(driver_before_acknowledge, PORT, "DRIVER set too early")
{
	vt_set_status(&t, 2);
}

RULE(driver_ok_before_features_ok, PORT, "DRIVER_OK set too early")
{
	vt_set_status(&t, 3);
	vt_set_status(&t, 7);
}

RULE(driver_ok_together_with_features_ok, PORT, "without reading FEATURES_OK back")
{
	vt_accept(&t, F_PLAIN);
	vt_set_status(&t, 0xf);
}

RULE(cleared_status_bit, PORT, "status bits cleared")
{
	vt_set_status(&t, 3);
	vt_set_status(&t, 1);
}

RULE(needs_reset_written_by_the_driver, PORT, "DEVICE_NEEDS_RESET written")
{
	vt_set_status(&t, 0x41);
}

RULE(feature_not_offered, PORT, "not offered")
{
	vt_accept(&t, F_PLAIN | UINT64_C(1) << 40);
	vt_set_status(&t, 0xb);
	cr_expect_eq(vt_status(&t) & 8, 0);
}

RULE(feature_in_a_word_beyond, PORT, "word 2")
{
	vt_set_status(&t, 3);
	vt_write(&t, t.common + 0x08, 4, 2);
	vt_write(&t, t.common + 0x0c, 4, 1);
}

RULE(feature_without_what_it_needs, PORT ",queues=2", "MQ without CTRL_VQ")
{
	vt_accept(&t, F_PLAIN | F_MQ);
	vt_set_status(&t, 0xb);
}

RULE(features_before_driver, PORT, "before DRIVER")
{
	vt_write(&t, t.common + 0x0c, 4, 1);
}

RULE(features_after_features_ok, PORT, "after FEATURES_OK")
{
	after_features(F_PLAIN);
	vt_write(&t, t.common + 0x0c, 4, 1);
}

RULE(write_to_a_read_only_field, PORT, "read-only")
{
	vt_write(&t, t.common + 0x12, 2, 5);
}

RULE(write_to_the_device_configuration, PORT, "read-only")
{
	vt_write(&t, t.device, 1, 5);
}

RULE(access_of_the_wrong_width, PORT, "write of 4 bytes at 0x18")
{
	after_features(F_PLAIN);
	vt_write(&t, t.common + 0x18, 4, 16);
}

RULE(read_of_the_wrong_width, PORT, "read of 8 bytes at 0x20")
{
	vt_read(&t, t.common + 0x20, 8);
}

RULE(device_configuration_in_words, PORT, "device configuration")
{
	vt_read(&t, t.device, 4);
}

/* ---- queues ---- */

RULE(queue_before_features_ok, PORT, "before FEATURES_OK")
{
	vt_set_status(&t, 3);
	vt_write(&t, t.common + 0x18, 2, 16);
}

RULE(queue_after_driver_ok, PORT, "after DRIVER_OK")
{
	vt_start(&t, F_PLAIN, 2);
	vt_write(&t, t.common + 0x1c, 2, 1);
}

RULE(queue_that_does_not_exist, PORT, "no such queue")
{
	after_features(F_PLAIN);
	vt_write(&t, t.common + 0x16, 2, 2);
	vt_write(&t, t.common + 0x18, 2, 16);
}

RULE(queue_changed_while_enabled, PORT, "while it is enabled")
{
	after_features(F_PLAIN);
	vt_queue(&t, 0, 16);
	vt_write(&t, t.common + 0x20, 4, 0);
}

RULE(queue_size_beyond_the_greatest, PORT ",size=64", "size 128, the greatest is 64")
{
	after_features(F_PLAIN);
	vt_write(&t, t.common + 0x18, 2, 128);
}

RULE(queue_size_not_a_power_of_two, PORT, "size 100")
{
	after_features(F_PLAIN);
	vt_write(&t, t.common + 0x18, 2, 100);
}

RULE(queue_disabled_by_writing_0, PORT, "queue_enable")
{
	after_features(F_PLAIN);
	vt_write(&t, t.common + 0x1c, 2, 0);
}

static void unaligned(unsigned int area)
{
	after_features(F_PLAIN);
	vt_write(&t, t.common + 0x20 + 8 * area, 4, 0x10001);
	vt_write(&t, t.common + 0x1c, 2, 1);
}

RULE(descriptors_unaligned, PORT, "descriptor area at 0x10001")
{
	unaligned(0);
}

RULE(available_ring_unaligned, PORT, "driver area at 0x10001")
{
	unaligned(1);
}

RULE(used_ring_unaligned, PORT, "device area at 0x10001")
{
	unaligned(2);
}

RULE(doorbell_before_driver_ok, PORT, "before DRIVER_OK")
{
	after_features(F_PLAIN);
	vt_queue(&t, 0, 16);
	vt_ring(&t, &t.q[0]);
}

RULE(doorbell_of_a_queue_not_enabled, PORT, "not enabled")
{
	vt_start(&t, F_PLAIN, 1);
	vt_write(&t, t.notify + t.multiplier, 2, 1);
}

RULE(doorbell_of_no_queue, PORT, "no such queue")
{
	vt_start(&t, F_PLAIN, 2);
	vt_write(&t, t.notify + 9 * t.multiplier, 2, 9);
}

RULE(doorbell_with_another_queues_index, PORT, "not the queue's index")
{
	vt_start(&t, F_PLAIN, 2);
	vt_write(&t, t.notify, 2, 1);
}

RULE(doorbell_of_32_bits, PORT, "16 bits wide")
{
	vt_start(&t, F_PLAIN, 2);
	vt_write(&t, t.notify, 4, 0);
}

/* ---- rings ---- */

/* A transmit queue with one good descriptor at 0, offered but not rung. */
static struct vt_queue *tx(uint64_t features)
{
	uint8_t frame[64] = {2};

	vt_start(&t, features, 2);
	vt_send(&t, &t.q[1], frame, sizeof(frame));

	return &t.q[1];
}

RULE(available_index_jumps, PORT, "available index went from 0 to 17")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->avail[1] = 17;
	vt_ring(&t, q);
}

RULE(head_out_of_range, PORT, "offers descriptor 16 of 16")
{
	struct vt_queue *q = tx(F_PLAIN);

	vt_avail(q, 16);
	vt_ring(&t, q);
}

RULE(head_offered_twice, PORT, "while it is in use")
{
	struct vt_queue *q = tx(F_PLAIN);

	vt_avail(q, 0);
	vt_ring(&t, q);
}

RULE(reserved_descriptor_flags, PORT, "flags 0x8")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->desc[0].flags = 8;
	vt_ring(&t, q);
}

RULE(next_out_of_range, PORT, "goes on at 99")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->desc[0].flags = NEXT;
	q->desc[0].next = 99;
	vt_ring(&t, q);
}

RULE(chain_that_loops, PORT, "a loop")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->desc[0].flags = NEXT;
	q->desc[0].next = 0;
	vt_ring(&t, q);
}

RULE(readable_after_writable, PORT, "readable part after a writable")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->desc[1] = q->desc[0];
	q->desc[0].flags = NEXT | WRITE;
	q->desc[0].next = 1;
	vt_ring(&t, q);
}

RULE(chain_over_4_gib, PORT, "4 GiB")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->desc[1] = q->desc[0];
	q->desc[0].flags = NEXT;
	q->desc[0].next = 1;
	q->desc[0].len = 0xffffffff;
	vt_ring(&t, q);
}

RULE(indirect_not_negotiated, PORT, "not negotiated")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->desc[0].flags = INDIRECT;
	vt_ring(&t, q);
}

RULE(indirect_with_next, PORT, "indirect and has a next")
{
	struct vt_queue *q = tx(F_PLAIN | F_INDIRECT);

	q->desc[0].flags = INDIRECT | NEXT;
	q->desc[0].next = 1;
	vt_ring(&t, q);
}

RULE(indirect_table_of_odd_length, PORT, "has 24 bytes")
{
	struct vt_queue *q = tx(F_PLAIN | F_INDIRECT);

	q->desc[0].flags = INDIRECT;
	q->desc[0].len = 24;
	vt_ring(&t, q);
}

static struct vt_desc *indirect(unsigned int entries)
{
	struct vt_queue *q = tx(F_PLAIN | F_INDIRECT);
	struct vt_desc *table = vt_alloc(&t, 16ul * entries, 16, NULL);

	for (unsigned int i = 0; i < entries; i++) {
		table[i] = q->desc[0];
		table[i].flags = i + 1 < entries ? NEXT : 0;
		table[i].next = (uint16_t)(i + 1);
	}
	q->desc[0].addr = vt_iova(&t, table);
	q->desc[0].len = 16 * entries;
	q->desc[0].flags = INDIRECT;

	return table;
}

RULE(indirect_in_an_indirect_table, PORT, "indirect again")
{
	indirect(1)[0].flags = INDIRECT;
	vt_ring(&t, &t.q[1]);
}

RULE(indirect_chain_longer_than_the_queue, PORT, "longer than the queue")
{
	indirect(17);
	vt_ring(&t, &t.q[1]);
}

RULE(indirect_table_that_loops, PORT, "a loop")
{
	indirect(2)[1] = (struct vt_desc){vt_iova(&t, t.mem), 0, NEXT, 0};
	vt_ring(&t, &t.q[1]);
}

RULE(indirect_next_out_of_range, PORT, "goes on at 2 of 2")
{
	indirect(2)[0].next = 2;
	vt_ring(&t, &t.q[1]);
}

RULE(flags_with_event_index, PORT, "flags are 0x1")
{
	struct vt_queue *q = tx(F_PLAIN | F_EVENT);

	q->avail[0] = 1;
	vt_ring(&t, q);
}

RULE(unknown_ring_flags, PORT, "flags are 0x2")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->avail[0] = 2;
	vt_ring(&t, q);
}

RULE(descriptors_out_of_order, PORT, "in order it is 1's turn")
{
	struct vt_queue *q = tx(F_PLAIN | F_IN_ORDER);

	q->desc[5] = q->desc[0];
	vt_avail(q, 5);
	vt_ring(&t, q);
}

RULE(chain_out_of_order, PORT, "in order it is 1")
{
	struct vt_queue *q = tx(F_PLAIN | F_IN_ORDER);

	q->desc[5] = q->desc[0];
	q->desc[0].flags = NEXT;
	q->desc[0].next = 5;
	vt_ring(&t, q);
}

RULE(indirect_table_out_of_order, PORT, "in order it is 1")
{
	struct vt_queue *q;
	struct vt_desc *table;

	q = tx(F_PLAIN | F_IN_ORDER | F_INDIRECT);
	table = vt_alloc(&t, 48, 16, NULL);
	table[0] = table[2] = q->desc[0];
	table[0].flags = NEXT;
	table[0].next = 2;
	q->desc[0] = (struct vt_desc){vt_iova(&t, table), 48, INDIRECT, 0};
	vt_ring(&t, q);
}

/* ---- network ---- */

RULE(receive_buffer_that_is_not_writable, PORT ",source", "not writable")
{
	uint8_t frame[64] = {2};

	vt_start(&t, F_PLAIN, 2);
	vt_send(&t, &t.q[0], frame, sizeof(frame));
	vt_ring(&t, &t.q[0]);
}

RULE(receive_buffer_smaller_than_the_header, PORT ",source", "the header 12")
{
	vt_start(&t, F_PLAIN | F_MRG, 2);
	vt_rx_buffers(&t, &t.q[0], 1, 11);
}

RULE(transmit_buffer_that_is_writable, PORT, "writable part")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->desc[0].flags = WRITE;
	vt_ring(&t, q);
}

RULE(frame_shorter_than_its_headers, PORT, "25 bytes")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->desc[0].len = 25;
	vt_ring(&t, q);
}

RULE(frame_over_the_mtu, PORT ",mtu=1000", "1015 bytes, over the MTU")
{
	static uint8_t frame[1015];

	vt_start(&t, F_PLAIN | F_MTU, 2);
	vt_send(&t, &t.q[1], frame, sizeof(frame));
	vt_ring(&t, &t.q[1]);
}

static void header_byte(uint64_t features, unsigned int at, uint8_t value)
{
	uint8_t frame[64] = {2};
	uint8_t *hdr;

	vt_start(&t, features, 2);
	hdr = vt_send(&t, &t.q[1], frame, sizeof(frame));
	hdr[at] = value;
	vt_ring(&t, &t.q[1]);
}

RULE(checksum_not_negotiated, PORT, "NEEDS_CSUM without CSUM")
{
	header_byte(F_PLAIN, 0, 1);
}

RULE(data_valid_on_transmit, PORT, "flags other than")
{
	header_byte(F_PLAIN | F_CSUM, 0, 2);
}

RULE(segmentation_not_negotiated, PORT, "gso_type")
{
	header_byte(F_PLAIN, 1, 1);
}

RULE(num_buffers_on_transmit, PORT, "num_buffers")
{
	header_byte(F_PLAIN, 10, 1);
}

RULE(checksum_outside_of_the_frame, PORT, "outside of the frame")
{
	uint8_t frame[64] = {2};
	uint8_t *hdr;

	vt_start(&t, F_PLAIN | F_CSUM, 2);
	hdr = vt_send(&t, &t.q[1], frame, sizeof(frame));
	hdr[0] = 1;
	hdr[6] = 63;
	vt_ring(&t, &t.q[1]);
}

RULE(frames_in_a_pair_that_is_not_in_use, PORT ",queues=2", "transmit queue 1 of 1")
{
	uint8_t frame[64] = {2};

	vt_start(&t, F_PLAIN | F_CTRL | F_MQ, 5);
	vt_send(&t, &t.q[3], frame, sizeof(frame));
	vt_ring(&t, &t.q[3]);
}

RULE(pairs_that_are_not_enabled, PORT ",queues=2", "queue 2 is not enabled")
{
	const uint16_t two = 2;

	vt_features(&t, F_PLAIN | F_CTRL | F_MQ);
	vt_queue(&t, 0, 16);
	vt_queue(&t, 1, 16);
	vt_queue(&t, 4, 16);
	vt_set_status(&t, 0xf);
	cr_expect_eq(vt_ctrl(&t, 4, 0, &two, 2), 1);
}

RULE(command_not_negotiated, PORT, "not negotiated")
{
	uint8_t on = 1;

	vt_start(&t, F_PLAIN | F_CTRL, 3);
	cr_expect_eq(vt_ctrl(&t, 0, 0, &on, 1), 1);
}

RULE(command_cut_short, PORT, "1 bytes of data")
{
	uint8_t data = 2;

	vt_start(&t, F_PLAIN | F_CTRL | F_CTRL_MAC, 3);
	cr_expect_eq(vt_ctrl(&t, 1, 1, &data, 1), 1);
}

RULE(command_without_room_for_the_answer, PORT, "room for the answer")
{
	uint8_t frame[64] = {2};

	vt_start(&t, F_PLAIN | F_CTRL, 3);
	vt_send(&t, &t.q[2], frame, sizeof(frame));
	vt_ring(&t, &t.q[2]);
}

/* ---- memory ---- */

static void expect_fault(uint64_t iova)
{
	struct uvdk_emu_fault fault;

	vt_steps(&t, 1);
	cr_expect_eq(uvdk_emu_faults(t.emu, &fault, 1, NULL), 1);
	cr_expect_eq(fault.iova, iova);
}

RULE(buffer_that_is_not_mapped, PORT, "can't be read")
{
	struct vt_queue *q = tx(F_PLAIN);

	q->desc[0].addr = t.iova + VT_MEM + 4096;
	vt_ring(&t, q);
	expect_fault(t.iova + VT_MEM + 4096);
}

RULE(rings_that_are_not_mapped, PORT, "device area at 0x7000000000")
{
	vt_features(&t, F_PLAIN);
	vt_write(&t, t.common + 0x18, 2, 16);
	for (unsigned int area = 0; area < 3; area++)
		vt_write(&t, t.common + 0x24 + 8 * area, 4, 0x70);
	vt_write(&t, t.common + 0x1c, 2, 1);
	vt_set_status(&t, 0xf);
	vt_write(&t, t.notify, 2, 0);
}
