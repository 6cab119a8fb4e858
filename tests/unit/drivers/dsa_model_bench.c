// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_model_bench.h"

#include <stdlib.h>

static bool may_access(const struct bench *b, const struct dsa_access *a)
{
	uint64_t page = (a->addr - BASE) / PAGE;

	cr_assert(a->len && a->len <= PAGE - a->addr % PAGE, "0x%lx + %u crosses a page", a->addr,
		  a->len);
	if (a->addr < BASE || page >= PAGES || b->absent[page] || (a->write && b->readonly[page]))
		return false;

	return a->tagged ? a->pasid == b->pasid : b->pasid == UINT32_MAX;
}

static bool bench_access(void *arg, const struct dsa_access *a)
{
	struct bench *b = arg;

	b->accesses++;
	if (!may_access(b, a))
		return false;
	if (a->write)
		memcpy(b->mem + (a->addr - BASE), a->data, a->len);
	else
		memcpy(a->data, b->mem + (a->addr - BASE), a->len);
	b->records += a->write && a->addr >= RECORDS && a->addr < LISTS;

	return true;
}

static int bench_ask(void *arg, const struct dsa_access *a, unsigned int group)
{
	struct bench *b = arg;

	b->asked_for[b->asked % 64] = a->addr;
	b->groups[b->asked++ % 64] = group;

	return b->ask;
}

static void bench_irq(void *arg, unsigned int vector)
{
	struct bench *b = arg;

	b->irqs[vector]++;
}

static const struct dsa_ops bench_ops = {
	.access = bench_access,
	.ask = bench_ask,
	.irq = bench_irq,
};

void bench_open(struct bench *b, const struct dsa_opts *opts)
{
	static const struct dsa_opts none;

	memset(b, 0, sizeof(*b));
	b->pasid = UINT32_MAX;
	b->mem = calloc(PAGES, PAGE);
	cr_assert_not_null(b->mem);
	b->dsa = dsa_create(&bench_ops, b, opts ? opts : &none);
	cr_assert_not_null(b->dsa);
	configure(b, true, false, true);
}

void bench_close(struct bench *b)
{
	dsa_destroy(b->dsa);
	free(b->mem);
}

uint32_t get(struct bench *b, uint32_t off)
{
	return (uint32_t)dsa_read(b->dsa, off, 4);
}

uint64_t get_wide(struct bench *b, uint32_t off)
{
	return dsa_read(b->dsa, off, 8);
}

void set(struct bench *b, uint32_t off, uint32_t value)
{
	dsa_write(b->dsa, off, 4, value);
}

/* The n-th table offset, in units of 256 bytes. */
static uint32_t table(struct bench *b, unsigned int n)
{
	return (uint32_t)(get_wide(b, OFFSETS) >> 16 * n & 0xffff) * 0x100;
}

uint32_t wqcfg(struct bench *b, unsigned int wq, unsigned int dword)
{
	uint32_t size = 32u << (get_wide(b, WQCAP) >> 24 & 0xf);

	return table(b, 1) + wq * size + dword * 4;
}

uint32_t grpcfg(struct bench *b, unsigned int group, unsigned int dword)
{
	return table(b, 0) + group * 64 + dword * 4;
}

uint32_t perm(struct bench *b, unsigned int vector)
{
	return table(b, 2) + vector * 8;
}

unsigned int wq_state(struct bench *b, unsigned int wq)
{
	return get(b, wqcfg(b, wq, 6)) >> 30;
}

void set_wq(struct bench *b, unsigned int wq, unsigned int size, unsigned int priority)
{
	set(b, wqcfg(b, wq, 0), size);
	set(b, wqcfg(b, wq, 2), 0x3 | priority << 4);
	set(b, wqcfg(b, wq, 3), 30 | 8 << 5);
}

void set_group(struct bench *b, unsigned int group, uint32_t wqs, uint32_t engines)
{
	set(b, grpcfg(b, group, 0), wqs);
	set(b, grpcfg(b, group, 8), engines);
	set(b, grpcfg(b, group, 10), wqs ? 32u << 20 : 0); /* read buffers allowed */
}

void configure(struct bench *b, bool master, bool pasids, bool prs)
{
	const struct dsa_config config = {
		.master = master, .pasids = pasids, .prs = prs, .prs_alloc = 64};

	dsa_configure(b->dsa, &config);
}

void bench_start(struct bench *b, unsigned int engines)
{
	set_wq(b, 0, 16, 1);
	set_group(b, 0, 1, (1u << engines) - 1);
	cr_assert_eq(command(b, ENABLE_DEV, 0), 0, "0x%x", get(b, CMDSTS));
	cr_assert_eq(command(b, ENABLE_WQ, 0), 0, "0x%x", get(b, CMDSTS));
}

void run(struct bench *b)
{
	unsigned int n = 0;

	while (dsa_step(b->dsa))
		cr_assert_lt(n++, LIMIT, "it never rests");
}

unsigned int command(struct bench *b, unsigned int code, uint32_t operand)
{
	set(b, CMD, code << 20 | operand);
	run(b);
	cr_assert_eq(get(b, CMDSTS) >> 31, 0, "command %u is still active", code);

	return get(b, CMDSTS) & 0xff;
}

uint8_t *at(struct bench *b, uint64_t addr)
{
	return b->mem + (addr - BASE);
}

struct record *record(struct bench *b, unsigned int n)
{
	return (void *)at(b, RECORDS + UINT64_C(32) * n);
}

struct desc describe(unsigned int op, uint64_t src, uint64_t dst, uint32_t size, unsigned int n)
{
	return (struct desc){
		.flags = VALID | RECORD,
		.op = (uint8_t)op,
		.record = RECORDS + UINT64_C(32) * n,
		.src = src,
		.dst = dst,
		.size = size,
	};
}

void submit(struct bench *b, unsigned int wq, const struct desc *d)
{
	static unsigned int slot; /* any of the page does */
	uint64_t portal = (uint64_t)wq * 4 * PAGE + slot++ % 64 * 64;

	for (unsigned int i = 0; i < 8; i++)
		dsa_portal(b->dsa, portal + UINT64_C(8) * i, 8, (const uint8_t *)d + 8 * i);
}

uint8_t do_one(struct bench *b, const struct desc *d)
{
	memset(record(b, 0), 0, sizeof(struct record));
	submit(b, 0, d);
	run(b);

	return record(b, 0)->status;
}

int swerr(struct bench *b)
{
	uint64_t value = get_wide(b, SWERR);

	set(b, SWERR, 3);

	return value & 1 ? (int)(value >> 8 & 0xff) : -1;
}

void scribble(void *p, size_t len, unsigned int seed)
{
	uint8_t *byte = p;
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		byte[i] = (uint8_t)(x >> 24);
	}
}
