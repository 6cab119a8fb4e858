// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_testing.h"

#include "../../../drivers/dma/dsa/dsa_pmd.h"

/*
 * Slots are counted in 32 bits. What takes a day to count is set here: of an idle channel all
 * counters of slots go up alike, by whole rounds of the ring and of numbers.
 */
#define FAR UINT32_C(0x90000000)

static void skip(uint32_t slots)
{
	struct dsa_chan *c = dsa_chan(chan);

	cr_assert_eq(c->told, c->head, "it is not idle");
	cr_assert_eq(slots % 65536, 0);
	c->head += slots;
	c->told += slots;
	c->end += slots;
	c->pending += slots;
	c->done += slots;
	c->walk += slots;
	c->extra += slots;
	c->extra_submitted += slots;
}

/* Units as well, by whole rounds of the ring. */
static void skip_units(uint32_t units)
{
	struct dsa_chan *c = dsa_chan(chan);

	cr_assert_eq(c->retired, c->made, "it is not idle");
	c->made += units;
	c->posted += units;
	c->retired += units;
}

static bool refuse(const struct fake_desc *d, struct fake_record *rec)
{
	if (d->src != b.iova + 777)
		return false;
	rec->status = 0x10;
	return true;
}

static void expect(const uint8_t *statuses, unsigned int count)
{
	struct uvdk_dmadev_result r[16];

	drain(r, count);
	for (unsigned int i = 0; i < count; i++)
		cr_expect_eq(r[i].status, statuses[i], "%u: %u", i, r[i].status);
}

/* A fence that comes long after a failure does not stand behind it. */
static void goes_on_long_after(void)
{
	skip(FAR);
	for (int i = 0; i < 3; i++)
		COPY(4096, 0, 10, UVDK_DMADEV_FENCE | UVDK_DMADEV_SUBMIT);
	expect((uint8_t[]){UVDK_DMADEV_OK, UVDK_DMADEV_OK, UVDK_DMADEV_OK}, 3);
	/* ... and the next failure does break one. */
	COPY(4096, 777, 10, 0);
	COPY(4096, 0, 10, UVDK_DMADEV_FENCE | UVDK_DMADEV_SUBMIT);
	expect((uint8_t[]){UVDK_DMADEV_INVALID, UVDK_DMADEV_NOT_RUN}, 2);
	end();
}

Test(dsa_wrap, a_failure_alone_is_forgotten)
{
	begin();
	fake.script = refuse;
	COPY(4096, 777, 10, UVDK_DMADEV_SUBMIT);
	expect((uint8_t[]){UVDK_DMADEV_INVALID}, 1);
	goes_on_long_after();
}

/* Those behind it are told by the call that only counts. */
Test(dsa_wrap, a_failure_with_others_behind_it_is_forgotten)
{
	unsigned int n = 0;

	begin();
	fake.script = refuse;
	COPY(4096, 777, 10, 0);
	for (int i = 0; i < 20; i++)
		COPY(4096, 0, 10, 0);
	uvdk_dmadev_submit(chan);
	expect((uint8_t[]){UVDK_DMADEV_INVALID}, 1);
	while (n < 20)
		n += uvdk_dmadev_completed(chan, 20, NULL, NULL);
	goes_on_long_after();
}

Test(dsa_wrap, a_broken_fence_is_forgotten)
{
	begin();
	fake.script = refuse;
	COPY(4096, 777, 10, 0);
	COPY(4096, 0, 10, UVDK_DMADEV_FENCE);
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	expect((uint8_t[]){UVDK_DMADEV_INVALID, UVDK_DMADEV_NOT_RUN, UVDK_DMADEV_NOT_RUN}, 3);
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	expect((uint8_t[]){UVDK_DMADEV_OK}, 1);
	goes_on_long_after();
}

/* Until it is forgotten it counts: the fence was enqueued before the caller knew. */
Test(dsa_wrap, a_failure_counts_for_what_was_enqueued_before_it_was_told)
{
	struct uvdk_dmadev_result r;

	begin();
	fake.script = refuse;
	COPY(4096, 777, 10, UVDK_DMADEV_SUBMIT);
	COPY(4096, 0, 10, UVDK_DMADEV_FENCE);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_INVALID);
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	expect((uint8_t[]){UVDK_DMADEV_NOT_RUN, UVDK_DMADEV_OK}, 2);
	goes_on_long_after();
}

/* The end of a drain is looked for once something stands still again, however much later. */
Test(dsa_wrap, a_drain_of_long_ago_ends_nothing_of_today)
{
	struct fake_record ok = {.status = 1};
	struct uvdk_dmadev_result r;

	begin();
	fake.sleeps = true;
	fake.hang = 8;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	fake.swerr[2] = 0x123000;
	fake.swerr[0] = 1 | 8 | 0x1a << 8 | 1 << 16;
	for (unsigned int i = 0; i < 1200 && !fake.commands[8]; i++) {
		cr_assert_eq(uvdk_dmadev_completed_status(chan, &r, 1), 0);
		clock_skew_ns += 100000;
	}
	cr_assert_eq(fake.commands[8], 1);
	uvdk_emu_dma_write_pasid(fake.fn, UVDK_EMU_NO_PASID, fake.wq[0].portal[1], &ok, sizeof(ok));
	expect((uint8_t[]){UVDK_DMADEV_OK}, 1);
	skip_units(FAR);
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	fake.cmdsts = 0;
	for (unsigned int i = 0; i < 600; i++)
		cr_assert_eq(uvdk_dmadev_completed_status(chan, &r, 1), 0, "status %u", r.status);
	cr_expect_eq(dsa_chan(chan)->ask, 0, "nobody has looked");
	end();
}
