// SPDX-License-Identifier: BSD-3-Clause
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtio_net_model_testing.h"

/* How rings advance, and who tells whom: doorbells, event indexes, interrupts. */

static struct vt t;

static void send_frames(unsigned int count)
{
	while (count--)
		vt_send_frame(&t, &t.q[1], 64, 7);
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
}

Test(virtio_net_model_rings, rings_wrap_around)
{
	uint32_t id, len;

	vt_open(&t, "emu:virtio-net");
	vt_start(&t, F_PLAIN | F_EVENT | F_IN_ORDER, 2);
	for (unsigned int round = 0; round < 10; round++) {
		send_frames(13);
		cr_expect_eq(vt_used(&t.q[1]), 13);
		/* In order and in one batch: the last one's id stands in the first place. */
		cr_assert(vt_take(&t.q[1], &id, &len));
		cr_expect_eq(id, (13 * (round + 1) - 1) % 16);
		t.q[1].last_used = (uint16_t)(t.q[1].last_used + 12);
	}
	cr_expect_eq(vt_stats(&t).foreign, 130);
	vt_end_clean(&t);
}

Test(virtio_net_model_rings, without_batches_every_frame_sent_has_its_element)
{
	uint32_t id, len;

	vt_open(&t, "emu:virtio-net,no-batch");
	vt_start(&t, F_PLAIN | F_IN_ORDER, 2);
	send_frames(5);
	for (unsigned int i = 0; i < 5; i++) {
		cr_assert(vt_take(&t.q[1], &id, &len));
		cr_expect_eq(id, i);
	}
	vt_machine_end(&t);
}

Test(virtio_net_model_rings, nothing_moves_without_a_doorbell)
{
	vt_open(&t, "emu:virtio-net");
	vt_start(&t, F_PLAIN, 2);
	vt_send_frame(&t, &t.q[1], 64, 7);
	vt_steps(&t, 5);
	cr_expect_eq(vt_used(&t.q[1]), 0);
	vt_ring(&t, &t.q[1]);
	vt_steps(&t, 1);
	cr_expect_eq(vt_used(&t.q[1]), 1);
	cr_expect_eq(vt_stats(&t).notifications, 1);
	vt_machine_end(&t);
}

Test(virtio_net_model_rings, the_device_asks_for_the_next_doorbell_by_event_index)
{
	volatile uint16_t *avail_event;

	vt_open(&t, "emu:virtio-net");
	vt_start(&t, F_PLAIN | F_EVENT, 2);
	avail_event = &t.q[1].used[2 + 4 * t.q[1].size];
	for (uint16_t i = 1; i < 40; i++) {
		send_frames(1);
		cr_expect_eq(*avail_event, i);
	}
	cr_expect_eq(t.q[1].used[0], 0);
	vt_end_clean(&t);
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

/* A running port whose transmit queue interrupts through the descriptor that is returned. */
static int start_with_vector(uint64_t features)
{
	int fd;

	vt_open(&t, "emu:virtio-net");
	fd = route(2);
	vt_features(&t, features);
	for (unsigned int i = 0; i < 2; i++) {
		vt_write(&t, t.common + 0x16, 2, i);
		vt_write(&t, t.common + 0x1a, 2, i + 1);
		vt_queue(&t, i, 16);
	}
	vt_set_status(&t, 0xf);

	return fd;
}

static void end_with_vector(int fd)
{
	uvdk_device_irq_disable(t.dev, UVDK_IRQ_MSIX);
	close(fd);
	vt_machine_end(&t);
}

Test(virtio_net_model_rings, an_interrupt_comes_when_the_used_event_is_passed)
{
	volatile uint16_t *used_event;
	int fd = start_with_vector(F_PLAIN | F_EVENT);

	used_event = &t.q[1].avail[2 + t.q[1].size];
	*used_event = 4; /* tell me when element 4 is used */
	for (unsigned int i = 0; i < 10; i++) {
		send_frames(1);
		cr_expect_eq(count_irqs(fd), i == 4, "after %u", i);
	}
	cr_expect_eq(vt_stats(&t).interrupts, 1);
	cr_expect_eq(vt_read(&t, t.isr, 1), 0, "with MSI-X the ISR is not used");
	end_with_vector(fd);
}

Test(virtio_net_model_rings, flags_silence_interrupts_without_event_indexes)
{
	int fd = start_with_vector(F_PLAIN);

	t.q[1].avail[0] = 1;
	send_frames(1);
	cr_expect_eq(count_irqs(fd), 0);
	t.q[1].avail[0] = 0;
	send_frames(1);
	cr_expect_eq(count_irqs(fd), 1);
	end_with_vector(fd);
}
