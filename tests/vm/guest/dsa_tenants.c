// SPDX-License-Identifier: BSD-3-Clause
/*
 * dsa_tenants BDF: every work queue of a DSA is a tenant's, with a PASID and an address
 * space; the last one is the device's own, without a PASID. All hold other memory at the
 * same IOVA, each has a second piece where nobody else has one. Every operation of the
 * class is right in each, and nobody reaches what is another's.
 */
#include "dsa_guest.h"

#define LEN	 ((size_t)64 << 10)   /* of an area */
#define IOVA	 UINT64_C(0x40000000) /* of all */
#define OWN	 UINT64_C(0x80000000) /* of the first tenant's second piece */
#define APART	 UINT64_C(0x1000000)
#define PAGE	 ((size_t)4096)
#define TENANTS	 64u
#define ROUNDS	 4u
#define PIECES	 16u
#define ODD	 3u /* nothing is aligned */
#define COPY_LEN (LEN - 8)

struct tenant {
	uint32_t pasid;	 /* 0: none */
	uint8_t *mem;	 /* source, destination */
	uint8_t *second; /* at IOVA OWN + APART * number */
	uint8_t *want;	 /* what the three areas should have */
	struct uvdk_ioas *ioas;
	struct uvdk_pasid_attachment at;
	struct uvdk_dmadev_chan *chan;
};

static struct dsa_guest g;
static struct tenant tenants[TENANTS];
static unsigned int count;

static uvdk_iova_t own(unsigned int i)
{
	return OWN + i * APART;
}

/* ---- what should be there ---- */

static void fill_area(unsigned int i, unsigned int round)
{
	struct tenant *t = &tenants[i];
	uint32_t x = (i + 1) * 2654435761u + round;

	for (size_t at = 0; at < 3 * LEN; at++) {
		x = x * 1664525 + 1013904223;
		t->want[at] = (uint8_t)(x >> 24);
	}
	memcpy(t->mem, t->want, 2 * LEN);
	memcpy(t->second, t->want + 2 * LEN, LEN);
}

static void check(unsigned int i, const char *after)
{
	const struct tenant *t = &tenants[i];

	for (size_t at = 0; at < 3 * LEN; at++) {
		uint8_t is = at < 2 * LEN ? t->mem[at] : t->second[at - 2 * LEN];

		CHECK(is == t->want[at], "tenant %u, after %s: byte %zu is 0x%02x, not 0x%02x", i,
		      after, at, is, t->want[at]);
	}
}

static void check_all(const char *after)
{
	for (unsigned int i = 0; i < count; i++)
		check(i, after);
}

/* CRC-32C, bit by bit. */
static uint32_t crc(const uint8_t *at, size_t len)
{
	uint32_t x = ~0u;

	for (size_t i = 0; i < len; i++) {
		x ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			x = x >> 1 ^ (x & 1 ? 0x82f63b78 : 0);
	}

	return ~x;
}

/* ---- tenants ---- */

static void tenant_open(unsigned int i)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts)};
	struct tenant *t = &tenants[i];
	uvdk_iova_t all = IOVA, mine = own(i);

	t->mem = dsa_guest_pages(2 * LEN);
	t->second = dsa_guest_pages(LEN);
	t->want = malloc(3 * LEN);
	CHECK(t->want, "memory");
	CHECK_EQ(uvdk_ioas_create(g.iommu, NULL, &t->ioas), 0);
	CHECK_EQ(uvdk_ioas_map(t->ioas, t->mem, 2 * LEN, UVDK_MAP_RW | UVDK_MAP_FIXED, &all), 0);
	CHECK_EQ(uvdk_ioas_map(t->ioas, t->second, LEN, UVDK_MAP_RW | UVDK_MAP_FIXED, &mine), 0);
	if (i < count - 1) {
		CHECK_EQ(uvdk_pasid_alloc(g.owner, 1 + i * 1000, UINT32_MAX, &t->pasid), 0);
		CHECK_EQ(uvdk_pasid_attach(g.owner, t->pasid, t->ioas, g.dev, &t->at), 0);
	} else {
		CHECK_EQ(uvdk_ioas_attach(t->ioas, g.dev), 0);
	}
	opts.ioas = t->ioas;
	opts.pasid = t->pasid;
	CHECK_EQ(uvdk_dmadev_chan_open(g.dma, &opts, &t->chan), 0);
	fill_area(i, 0);
}

static void tenant_close(struct tenant *t)
{
	uvdk_dmadev_chan_close(t->chan);
	if (t->pasid)
		CHECK_EQ(uvdk_pasid_free(g.owner, t->pasid), 0);
	else
		uvdk_ioas_detach(t->ioas, g.dev);
	uvdk_ioas_destroy(t->ioas);
	munmap(t->mem, 2 * LEN);
	munmap(t->second, LEN);
	free(t->want);
}

static void expect(unsigned int i, const char *what, uint64_t done, uint32_t value)
{
	struct uvdk_dmadev_result r = dsa_guest_wait(tenants[i].chan);

	CHECK(r.status == UVDK_DMADEV_OK && r.done == done && r.value == value,
	      "tenant %u, %s: status %u, code 0x%02x, %llu bytes done, value 0x%x", i, what,
	      r.status, r.code, (unsigned long long)r.done, r.value);
}

/* ---- each operation in each tenant at once ---- */

static void enqueue(int number)
{
	CHECK(number >= 0, "%d", number);
}

/* A copy of all, then one of pieces that have to be in order, with a fence: one batch. */
static void copies(void)
{
	for (unsigned int i = 0; i < count; i++) {
		struct uvdk_dmadev_chan *c = tenants[i].chan;
		uint8_t *want = tenants[i].want;

		enqueue(uvdk_dmadev_copy(c, IOVA + LEN + ODD, IOVA + 1, COPY_LEN, 0));
		memcpy(want + LEN + ODD, want + 1, COPY_LEN);
		for (unsigned int p = 0; p < PIECES; p++) {
			size_t from = LEN + ODD + p * 100, to = 2 * LEN + p * 1000;

			enqueue(uvdk_dmadev_copy(c, own(i) + p * 1000, IOVA + from, 999,
						 p ? 0 : UVDK_DMADEV_FENCE));
			memcpy(want + to, want + from, 999);
		}
		CHECK_EQ(uvdk_dmadev_submit(c), 0);
	}
	for (unsigned int i = 0; i < count; i++) {
		expect(i, "copy", COPY_LEN, 0);
		for (unsigned int p = 0; p < PIECES; p++)
			expect(i, "copy of a piece", 999, 0);
	}
	check_all("copies");
	printf("  copies\n");
}

static void fills(void)
{
	for (unsigned int i = 0; i < count; i++) {
		uint64_t pattern = UINT64_C(0x0102030405060708) * (i + 1);

		enqueue(uvdk_dmadev_fill(tenants[i].chan, IOVA + ODD, pattern, 1001,
					 UVDK_DMADEV_SUBMIT));
		for (size_t at = 0; at < 1001; at++)
			tenants[i].want[ODD + at] = (uint8_t)(pattern >> at % 8 * 8);
	}
	for (unsigned int i = 0; i < count; i++)
		expect(i, "fill", 1001, 0);
	check_all("fills");
	printf("  fills\n");
}

/* Equal, and different from the last byte but one on. */
static void compares(void)
{
	for (unsigned int i = 0; i < count; i++) {
		struct tenant *t = &tenants[i];

		memcpy(t->mem + LEN, t->mem, 5000);
		t->mem[LEN + 4998] ^= 1;
		memcpy(t->want + LEN, t->mem + LEN, 5000);
		enqueue(uvdk_dmadev_compare(t->chan, IOVA, IOVA + LEN, 4998, 0));
		enqueue(uvdk_dmadev_compare(t->chan, IOVA, IOVA + LEN, 5000, UVDK_DMADEV_SUBMIT));
	}
	for (unsigned int i = 0; i < count; i++) {
		expect(i, "compare", 4998, 0);
		expect(i, "compare", 4998, 1);
	}
	check_all("comparisons");
	printf("  comparisons\n");
}

static void checksums(void)
{
	for (unsigned int i = 0; i < count; i++) {
		struct tenant *t = &tenants[i];

		enqueue(uvdk_dmadev_crc(t->chan, UVDK_IOVA_NONE, IOVA + 5, 7777, NULL, 0));
		enqueue(uvdk_dmadev_crc(t->chan, own(i) + ODD, IOVA + 5, 7777, NULL,
					UVDK_DMADEV_SUBMIT));
		memcpy(t->want + 2 * LEN + ODD, t->want + 5, 7777);
	}
	for (unsigned int i = 0; i < count; i++) {
		uint32_t want = crc(tenants[i].want + 5, 7777);

		expect(i, "CRC", 7777, want);
		expect(i, "copy with CRC", 7777, want);
	}
	check_all("checksums");
	printf("  checksums\n");
}

/* Three pieces become two. */
static void scatters(void)
{
	for (unsigned int i = 0; i < count; i++) {
		const struct uvdk_dma_piece src[] = {
			{IOVA + 10, 1000}, {IOVA + 9000, 3333}, {own(i) + 7, 667}};
		const struct uvdk_dma_piece dst[] = {{IOVA + LEN + 50, 4999},
						     {own(i) + LEN / 2, 1}};
		uint8_t *want = tenants[i].want, all[5000];

		enqueue(uvdk_dmadev_copy_sg(tenants[i].chan, dst, 2, src, 3, UVDK_DMADEV_SUBMIT));
		memcpy(all, want + 10, 1000);
		memcpy(all + 1000, want + 9000, 3333);
		memcpy(all + 4333, want + 2 * LEN + 7, 667);
		memcpy(want + LEN + 50, all, 4999);
		want[2 * LEN + LEN / 2] = all[4999];
	}
	for (unsigned int i = 0; i < count; i++)
		expect(i, "scatter list", 5000, 0);
	check_all("scatter lists");
	printf("  scatter lists\n");
}

/* ---- what is another's ---- */

static void refused(unsigned int i, uvdk_iova_t dst, uvdk_iova_t src, uvdk_iova_t fault)
{
	struct uvdk_dmadev_result r;

	enqueue(uvdk_dmadev_copy(tenants[i].chan, dst, src, 2000, UVDK_DMADEV_SUBMIT));
	r = dsa_guest_wait(tenants[i].chan);
	CHECK(r.status == UVDK_DMADEV_FAULT && !r.done && r.fault / PAGE == fault / PAGE,
	      "tenant %u, 0x%llx to 0x%llx: status %u, code 0x%02x, %llu bytes, fault at 0x%llx", i,
	      (unsigned long long)src, (unsigned long long)dst, r.status, r.code,
	      (unsigned long long)r.done, (unsigned long long)r.fault);
}

/* Each tries the memory of each, to read and to write, while all copy; only it is told. */
static void foreign(void)
{
	unsigned int tries = 0;

	for (unsigned int i = 0; i < count; i++)
		for (unsigned int victim = 0; victim < count; victim++) {
			struct tenant *t = &tenants[victim];

			if (victim == i)
				continue;
			enqueue(uvdk_dmadev_copy(t->chan, IOVA + LEN, IOVA, COPY_LEN,
						 UVDK_DMADEV_SUBMIT));
			memcpy(t->want + LEN, t->want, COPY_LEN);
			refused(i, IOVA, own(victim), own(victim));
			refused(i, own(victim), IOVA, own(victim));
			refused(i, IOVA, (uintptr_t)t->second, (uintptr_t)t->second);
			expect(victim, "copy beside an attack", COPY_LEN, 0);
			tries += 3;
		}
	check_all("attacks");
	printf("  %u attempts on the memory of others: refused\n", tries);
}

/* Half of a copy is beyond one's own memory: what was done is told, and no more is done. */
static void beyond(void)
{
	struct tenant *t = &tenants[0];
	struct uvdk_dmadev_result r;

	enqueue(uvdk_dmadev_copy(t->chan, own(0) + LEN - PAGE, IOVA, 2 * PAGE, UVDK_DMADEV_SUBMIT));
	r = dsa_guest_wait(t->chan);
	CHECK(r.status == UVDK_DMADEV_FAULT && r.done == PAGE && r.fault == own(0) + LEN,
	      "status %u, %llu bytes, fault at 0x%llx", r.status, (unsigned long long)r.done,
	      (unsigned long long)r.fault);
	memcpy(t->want + 3 * LEN - PAGE, t->want, PAGE);
	check_all("a copy beyond the end");
	printf("  beyond the end: refused there\n");
}

/* A PASID that was given back reaches nothing, the channel's records neither; others go on. */
static void detached(void)
{
	struct tenant *t = &tenants[0];
	struct uvdk_dmadev_result r;

	uvdk_pasid_detach(&t->at);
	enqueue(uvdk_dmadev_copy(t->chan, IOVA + LEN, IOVA, LEN, UVDK_DMADEV_SUBMIT));
	r = dsa_guest_wait(t->chan);
	CHECK(r.status != UVDK_DMADEV_OK, "a detached PASID copies");
	for (unsigned int i = 1; i < count; i++) {
		enqueue(uvdk_dmadev_copy(tenants[i].chan, own(i), IOVA, LEN, UVDK_DMADEV_SUBMIT));
		memcpy(tenants[i].want + 2 * LEN, tenants[i].want, LEN);
	}
	for (unsigned int i = 1; i < count; i++)
		expect(i, "copy", LEN, 0);
	check_all("a detach");
	printf("  detached: nothing\n");
}

int main(int argc, char **argv)
{
	unsigned int fds = count_fds();

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	dsa_guest_open(&g, argv[1], TENANTS);
	dsa_guest_start(&g, 0);
	count = g.info->max_channels;
	CHECK(g.info->features & UVDK_DMADEV_PASIDS && count > 2 && count <= TENANTS, "%u", count);
	CHECK_EQ(g.info->ops, 2 * UVDK_DMADEV_OP_COPY_CRC - 1);
	for (unsigned int i = 0; i < count; i++)
		tenant_open(i);
	check_all("the start");
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < count; i++)
			fill_area(i, round);
		copies();
		fills();
		compares();
		checksums();
		scatters();
	}
	foreign();
	beyond();
	detached();
	for (unsigned int i = 0; i < count; i++)
		tenant_close(&tenants[i]);
	dsa_guest_close(&g);
	CHECK_EQ(count_fds(), fds);
	printf("  %u tenants: all good\n", count);

	return 0;
}
