// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dsa_fake.h"

#define GRPCFG 0x1000
#define WQCFG  0x2000
#define PERM   0x3000

struct fake fake;

void fake_init(void)
{
	struct uvdk_emu_function *fn = fake.fn;

	fake = (struct fake){
		.fn = fn,
		.version = 0x100,
		/* block on fault, overlaps, cache control, CMDCAP; 1 MiB, 32 a batch; config */
		.gencap = 0x17 | 20u << 16 | 5u << 21 | UINT64_C(1) << 31,
		/* 16 entries, 4 queues of 32 bytes; shared, dedicated, priority */
		.wqcap = 16 | FAKE_WQS << 16 | UINT64_C(0xb) << 48,
		.grpcap = 2 | 8 << 8,
		.engcap = 3,
		.opcap = 0x3003f,
		.cmdcap = 0x1ffe,
		.offsets = GRPCFG >> 8 | WQCFG >> 8 << 16 | (uint64_t)PERM >> 8 << 32,
		.portal_bar = FAKE_WQS << 14,
	};
}

/* ---- descriptors ---- */

static uint32_t pasid_of(const struct fake_wq *wq)
{
	return wq->cfg[2] & 1u << 28 ? wq->cfg[2] >> 8 & 0xfffff : UVDK_EMU_NO_PASID;
}

static int fetch(const struct fake_wq *wq, uint64_t addr, void *to, size_t len)
{
	return uvdk_emu_dma_read_pasid(fake.fn, pasid_of(wq), addr, to, len);
}

static int store(const struct fake_wq *wq, uint64_t addr, const void *from, size_t len)
{
	return uvdk_emu_dma_write_pasid(fake.fn, pasid_of(wq), addr, from, len);
}

static uint32_t reverse(uint32_t v, unsigned int bits)
{
	uint32_t out = 0;

	for (unsigned int i = 0; i < bits; i++)
		out |= (v >> i & 1) << (bits - 1 - i);
	return out;
}

/* 8.3.13 and the flags of it: 17 raw, 18 bytes as they are. */
static uint32_t crc(const struct fake_desc *d, const uint8_t *data)
{
	bool raw = d->op_flags & 1u << 17, as_is = d->op_flags & 1u << 18;
	uint32_t reg = raw ? d->seed : reverse(~d->seed, 32);

	for (uint32_t i = 0; i < d->len; i++) {
		reg ^= (as_is ? data[i] : reverse(data[i], 8)) << 24;
		for (int bit = 0; bit < 8; bit++)
			reg = reg & 0x80000000u ? reg << 1 ^ 0x1edc6f41u : reg << 1;
	}

	return raw ? reg : ~reverse(reg, 32);
}

static void compare(const struct fake_desc *d, const uint8_t *a, const uint8_t *b,
		    struct fake_record *rec)
{
	while (rec->done < d->len && a[rec->done] == b[rec->done])
		rec->done++;
	rec->result = rec->done != d->len;
}

static void operate(const struct fake_wq *wq, const struct fake_desc *d, struct fake_record *rec)
{
	uint8_t *a = calloc(2, d->len + 8), *b = a + d->len + 8;
	int ret = 0;

	rec->status = 1;
	if (fake_op(d) == 4)
		for (uint32_t i = 0; i < d->len; i++)
			a[i] = (uint8_t)(d->src >> 8 * (i % 8));
	else if (fake_op(d))
		ret = fetch(wq, d->src, a, d->len);
	if (!ret && fake_op(d) == 5)
		ret = fetch(wq, d->dst, b, d->len);
	if (!ret && fake_op(d) == 5)
		compare(d, a, b, rec);
	if (!ret && fake_op(d) >= 0x10)
		rec->value = crc(d, a);
	if (!ret && (fake_op(d) == 3 || fake_op(d) == 4 || fake_op(d) == 0x11))
		ret = store(wq, d->dst, a, d->len);
	if (ret) {
		rec->status = 3;
		rec->fault = d->src;
	}
	free(a);
}

static void tell(const struct fake_wq *wq, uint64_t addr, const struct fake_record *rec)
{
	if (fake.loses)
		return;
	store(wq, addr + 1, (const uint8_t *)rec + 1, sizeof(*rec) - 1);
	store(wq, addr, rec, 1);
}

/* Did it succeed? */
static bool run(const struct fake_wq *wq, const struct fake_desc *d)
{
	struct fake_record rec = {0};

	fake.log[fake.ran++ % FAKE_LOG] = *d;
	if (!fake.script || !fake.script(d, &rec))
		operate(wq, d, &rec);
	if (rec.status && d->op_flags & 4)
		tell(wq, d->record, &rec);

	return rec.status == 1;
}

static void run_batch(const struct fake_wq *wq, const struct fake_desc *d)
{
	struct fake_record rec = {.status = 1};
	struct fake_desc one;

	fake.batches++;
	for (; rec.done < d->len; rec.done++) {
		if (fetch(wq, d->src + rec.done * 64, &one, 64)) {
			rec.status = 6;
			break;
		}
		if (rec.status != 1 && one.op_flags & 1) /* a fence behind a failure */
			break;
		if (!run(wq, &one))
			rec.status = 5;
	}
	tell(wq, d->record, &rec);
}

static void take(struct fake_wq *wq)
{
	struct fake_desc d;

	memcpy(&d, wq->portal, sizeof(d));
	fake.posts++;
	if (fake.sleeps || !wq->state || fake.state != 1) {
		fake.held++;
		return;
	}
	cr_expect(!(d.op_flags & 1), "a fence outside of a batch");
	if (fake_op(&d) == 1)
		run_batch(wq, &d);
	else
		run(wq, &d);
}

/* ---- commands ---- */

static void wq_command(unsigned int cmd, uint32_t operand)
{
	for (unsigned int i = 0; i < FAKE_WQS; i++) {
		if (cmd == 6 ? operand != i : !(operand & 1u << i))
			continue;
		if (cmd == 6)
			fake.wq[i].state = 1;
		else if (cmd == 7 && !fake.stays_enabled)
			fake.wq[i].state = 0;
	}
}

static void forget(void)
{
	memset(fake.wq, 0, sizeof(fake.wq));
	memset(fake.groups, 0, sizeof(fake.groups));
}

static void command(uint32_t value)
{
	unsigned int cmd = value >> 20 & 0x1f;

	fake.commands[cmd]++;
	fake.cmdsts = 0;
	if (cmd == fake.hang)
		fake.cmdsts = 1u << 31;
	else if (cmd == fake.refuse)
		fake.cmdsts = fake.error;
	else if (cmd == 1)
		fake.state = 1;
	else if ((cmd == 2 || cmd == 5) && !fake.stays_enabled)
		fake.state = 0;
	else if (cmd >= 6 && cmd <= 10)
		wq_command(cmd, value & 0xfffff);
	if (cmd == 5 && cmd != fake.hang && !fake.stays_enabled)
		forget();
}

/* ---- registers ---- */

static uint64_t table_read(uint64_t off)
{
	uint64_t value = 0;

	if (off >= PERM)
		return fake.perm[(off - PERM) / 8 % 16];
	if (off >= WQCFG) {
		const struct fake_wq *wq = &fake.wq[(off - WQCFG) / 32 % FAKE_WQS];

		if (off % 32 == 0x18)
			return wq->state << 30;
		memcpy(&value, (const char *)wq->cfg + off % 32, 4);
		return value;
	}

	return fake.groups[(off - GRPCFG) / 64 % 4][off / 8 % 8];
}

static uint64_t reg_read(uint64_t off)
{
	switch (off) {
	case 0x00:
		return fake.version;
	case 0x10:
		return fake.gencap;
	case 0x20:
		return fake.wqcap;
	case 0x30:
		return fake.grpcap;
	case 0x38:
		return fake.engcap;
	case 0x40:
		return fake.opcap;
	case 0x60:
		return fake.offsets;
	case 0x90:
		return fake.state;
	case 0xa8:
		if (fake.on_status)
			fake.on_status();
		return fake.cmdsts;
	case 0xb0:
		return fake.cmdcap;
	case 0xc0 ... 0xdf:
		return fake.swerr[(off - 0xc0) / 8];
	default:
		return off >= GRPCFG ? table_read(off) : 0;
	}
}

static uint64_t bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			 unsigned int width)
{
	(void)fn, (void)width;
	return bar == 0 ? reg_read(off) : 0;
}

static void portal_write(uint64_t off, unsigned int width, uint64_t value)
{
	struct fake_wq *wq = &fake.wq[off >> 14];

	cr_assert_eq(width, 8);
	wq->portal[off / 8 % 8] = value;
	if (off % 64 == 56)
		take(wq);
}

static void bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
		      unsigned int width, uint64_t value)
{
	(void)fn;
	if (bar == 2)
		portal_write(off, width, value);
	else if (off == 0xa0)
		command((uint32_t)value);
	else if (off == 0xc0)
		fake.acks++, memset(fake.swerr, 0, sizeof(fake.swerr));
	else if (off >= PERM)
		fake.perm[(off - PERM) / 8 % 16] = (uint32_t)value;
	else if (off >= WQCFG)
		memcpy((char *)fake.wq[(off - WQCFG) / 32 % FAKE_WQS].cfg + off % 32, &value,
		       width);
	else if (off >= GRPCFG)
		fake.groups[(off - GRPCFG) / 64 % 4][off / 8 % 8] = value;
}

static void reset(struct uvdk_emu_function *fn)
{
	(void)fn;
	fake.resets++;
	fake.hang = 0;
	fake.cmdsts = 0;
	if (fake.state != 3 || fake.resets >= fake.resets_cured_by)
		fake.state = 0;
	forget();
}

static int create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	static const uint8_t pasid[4] = {0, 20, 0, 0};

	(void)args;
	fake.fn = fn;
	uvdk_emu_fn_ids(fn, 0x8086, 0x0b25, 0, 0, 0x088000, 0);
	uvdk_emu_fn_bar(fn, 0, 0x10000, true);
	uvdk_emu_fn_bar(fn, 2, fake.portal_bar, true);
	if (uvdk_emu_fn_ext_cap(fn, 0x1b, 1, pasid, sizeof(pasid)) < 0)
		return -1;

	return uvdk_emu_fn_msix(fn, 5, 0, 0xe000, 0xf000);
}

static void destroy(struct uvdk_emu_function *fn)
{
	(void)fn;
}

static bool step(struct uvdk_emu_function *fn)
{
	(void)fn;
	return false;
}

void fake_register(void)
{
	static const struct uvdk_emu_model model = {
		.name = "dsa-fake",
		.create = create,
		.destroy = destroy,
		.reset = reset,
		.bar_read = bar_read,
		.bar_write = bar_write,
		.step = step,
	};

	fake_init();
	uvdk_emu_model_register(&model);
}
