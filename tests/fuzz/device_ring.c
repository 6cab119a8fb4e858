// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "device.h"

/* What the device does to its rings (2.7, 5.13.6): what it should, or what the input says. */

struct buffer {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* A driver that is misled may be wrong about where; outside its map nothing is reached. */
static bool fetch(uint64_t addr, void *to, size_t len)
{
	return !uvdk_emu_dma_read(fuzz_device.fn, addr, to, len);
}

static void store(uint64_t addr, const void *from, size_t len)
{
	uvdk_emu_dma_write(fuzz_device.fn, addr, from, len);
}

static bool pop(struct fuzz_queue *q, uint16_t *head)
{
	uint16_t idx;

	if (q->enable != 1 || !q->size || !fetch(q->avail + 2, &idx, 2) || idx == q->next)
		return false;

	return fetch(q->avail + 4 + 2u * (q->next++ % q->size), head, 2);
}

static void push(struct fuzz_queue *q, uint32_t id, uint32_t len, uint16_t by)
{
	const uint32_t elem[2] = {id, len};

	if (!q->enable || !q->size)
		return;
	store(q->used + 4 + 8u * (q->used_idx % q->size), elem, 8);
	q->used_idx = (uint16_t)(q->used_idx + by);
	store(q->used + 2, &q->used_idx, 2);
	store(q->used + 4 + 8u * q->size, &q->next, 2);
}

/* The last buffer of a chain: what the device writes. */
static bool last_buffer(const struct fuzz_queue *q, uint16_t head, struct buffer *b)
{
	uint64_t table = q->desc;

	if (!fetch(table + 16u * head, b, 16))
		return false;
	if (b->flags & 4) {
		table = b->addr;
		if (!fetch(table, b, 16))
			return false;
	}

	return !(b->flags & 1) || fetch(table + 16u * b->next, b, 16);
}

static void interrupt(const struct fuzz_queue *q)
{
	if (q->vector != 0xffff)
		uvdk_emu_irq(fuzz_device.fn, q->vector);
}

/* Fills the buffer; the last four bytes are a request's status. */
static void write_buffer(const struct buffer *b, bool tail)
{
	uint8_t bytes[256] = {0};
	uint32_t len = b->len < sizeof(bytes) ? b->len : sizeof(bytes);

	for (uint32_t i = 0; i < len && fuzz_device.left; i++)
		bytes[i] = fuzz_byte();
	if (tail && len >= 4)
		bytes[len - 4] = fuzz_byte() & 0x8f;
	store(b->addr, bytes, len);
}

static void answer(bool honest)
{
	struct fuzz_queue *q = &fuzz_device.queue[0];
	const uint8_t ok[4] = {0};
	struct buffer b;
	uint16_t head;

	if (!pop(q, &head) || !last_buffer(q, head, &b))
		return;
	if (honest && b.len >= 4)
		store(b.addr + b.len - 4, ok, 4);
	else
		write_buffer(&b, true);
	push(q, head, b.len, 1);
}

static void answer_all(void)
{
	for (int i = 0; i < 64; i++)
		answer(true);
}

static void event(void)
{
	struct fuzz_queue *q = &fuzz_device.queue[1];
	struct buffer b;
	uint16_t head;

	if (!pop(q, &head) || !last_buffer(q, head, &b))
		return;
	write_buffer(&b, false);
	push(q, head, fuzz_byte() & 0x80 ? (uint32_t)fuzz_value(4) : b.len, 1);
	interrupt(q);
}

/* Bytes anywhere in a ring: descriptors, available or used. */
static void scribble(void)
{
	uint8_t where = fuzz_byte();
	const struct fuzz_queue *q = &fuzz_device.queue[where & 1];
	uint64_t base = where & 2 ? q->used : where & 4 ? q->avail : q->desc;
	uint64_t off = fuzz_value(2) % 4096;
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = fuzz_byte();
	if (q->enable)
		store(base + off, bytes, 1 + (where >> 5));
}

static void lie_used(struct fuzz_queue *q)
{
	uint32_t id = fuzz_byte() & 0x80 ? (uint32_t)fuzz_value(4) : fuzz_byte();
	uint32_t len = fuzz_byte() & 0x80 ? (uint32_t)fuzz_value(4) : fuzz_byte();

	push(q, id, len, fuzz_byte() & 0x80 ? (uint16_t)fuzz_value(2) : 1);
	interrupt(q);
}

static void reconfigure(void)
{
	fuzz_device.config[fuzz_byte() % sizeof(fuzz_device.config)] = fuzz_byte();
	fuzz_device.generation++;
}

static void act(uint8_t what)
{
	struct fuzz_queue *q = &fuzz_device.queue[0];
	uint16_t head;

	switch (what % 12) {
	case 0:
		answer_all();
		break;
	case 1:
		answer(false);
		break;
	case 2:
		lie_used(&fuzz_device.queue[0]);
		break;
	case 3:
		lie_used(&fuzz_device.queue[1]);
		break;
	case 4:
		scribble();
		break;
	case 5:
		event();
		break;
	case 6: /* used, and nothing written */
		if (pop(q, &head))
			push(q, head, (uint32_t)fuzz_byte(), 1);
		break;
	case 7: /* used again */
		push(q, fuzz_byte(), 4, 1);
		push(q, fuzz_byte(), 4, 1);
		break;
	case 8:
		fuzz_device.status = fuzz_byte();
		break;
	case 9:
		reconfigure();
		break;
	case 10: /* taken, and never answered */
		pop(q, &head);
		break;
	case 11:
		answer(true);
		break;
	}
}

bool fuzz_device_work(void)
{
	if (!(fuzz_device.status & 4))
		return false;
	if (fuzz_device.scripted && fuzz_device.left) {
		act(fuzz_byte());
		return true;
	}
	answer_all();

	return false;
}
