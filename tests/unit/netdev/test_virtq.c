// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_virtq_driver.h>

/*
 * The driver's side of a split ring against a device written here by hand,
 * which reads the shared memory by the offsets of virtio 1.2, 2.7.
 */

#define MEM_IOVA 0x40000

static struct uvdk_virtq vq;
static uint8_t *mem;
static unsigned int size;
static unsigned int doorbells;
static unsigned int last_doorbell;

/* The doorbell has no plain pointer here, so it comes this way. */
int uvdk_region_write(const struct uvdk_region *region, uint64_t off, unsigned int width,
		      uint64_t value)
{
	(void)region;
	(void)off;
	cr_assert_eq(width, 2);
	doorbells++;
	last_doorbell = (unsigned int)value;

	return 0;
}

static void make(unsigned int entries)
{
	size = entries;
	mem = aligned_alloc(UVDK_VIRTQ_ALIGN, uvdk_virtq_bytes(size));
	memset(mem, 0x5a, uvdk_virtq_bytes(size));
	cr_assert_eq(uvdk_virtq_init(&vq, 7, size, mem, MEM_IOVA), 0);
	doorbells = 0;
}

static void done(void)
{
	uvdk_virtq_fini(&vq);
	free(mem);
}

/* ---- the device ---- */

static uint16_t dev_seen;	/* avail entries taken */
static uint16_t dev_used;	/* used index */
static uint16_t heads[1 << 16]; /* chains held, oldest first */
static unsigned int held;

static uint16_t get16(size_t off)
{
	uint16_t v;

	memcpy(&v, mem + off, 2);
	return v;
}

static void put16(size_t off, uint16_t v)
{
	memcpy(mem + off, &v, 2);
}

static void put32(size_t off, uint32_t v)
{
	memcpy(mem + off, &v, 4);
}

static size_t avail(void)
{
	return 16 * (size_t)size;
}

static size_t used(void)
{
	return uvdk_virtq_used_offset(size);
}

static unsigned int dev_take(void)
{
	unsigned int n = 0;

	for (; dev_seen != get16(avail() + 2); dev_seen++, n++)
		heads[held++] = get16(avail() + 4 + 2 * (dev_seen % size));

	return n;
}

static void dev_element(uint16_t at, uint32_t id, uint32_t len)
{
	put32(used() + 4 + 8 * (size_t)(at % size), id);
	put32(used() + 8 + 8 * (size_t)(at % size), len);
}

static void dev_publish(uint16_t idx)
{
	dev_used = idx;
	put16(used() + 2, idx);
}

static void dev_use(unsigned int which, uint32_t len)
{
	dev_element(dev_used, heads[which], len);
	memmove(&heads[which], &heads[which + 1], (held - which - 1) * sizeof(heads[0]));
	held--;
	dev_publish((uint16_t)(dev_used + 1));
}

/* ---- helpers ---- */

static int add_in(uint32_t len, void *cookie)
{
	struct uvdk_virtq_seg seg = {0x1000, len};

	return uvdk_virtq_add(&vq, &seg, 0, 1, cookie);
}

static void *cookie_of(uintptr_t n)
{
	return (void *)(n + 1);
}

static void setup(void)
{
	dev_seen = dev_used = 0;
	held = 0;
	make(8);
}

TestSuite(virtq, .init = setup, .fini = done);

/* ---- tests ---- */

Test(virtq, rings_lie_where_the_specification_has_them)
{
	done();
	for (unsigned int n = 1; n <= UVDK_VIRTQ_MAX_SIZE; n *= 2) {
		size_t avail_off = uvdk_virtq_avail_offset(n);
		size_t used_off = uvdk_virtq_used_offset(n);

		cr_expect_geq(avail_off, 16 * (size_t)n);
		cr_expect_eq(avail_off % 2, 0);
		cr_expect_geq(used_off, avail_off + 6 + 2 * (size_t)n);
		cr_expect_eq(used_off % 4, 0);
		cr_expect_geq(uvdk_virtq_bytes(n), used_off + 6 + 8 * (size_t)n);
	}
	make(8);
	cr_expect_eq((uint8_t *)vq.desc - mem, 0);
	cr_expect_eq((uint8_t *)vq.avail - mem, (ptrdiff_t)uvdk_virtq_avail_offset(8));
	cr_expect_eq((uint8_t *)vq.used - mem, (ptrdiff_t)uvdk_virtq_used_offset(8));
}

Test(virtq, absurd_sizes_are_refused)
{
	static const unsigned int bad[] = {0, 3, 100, 65536, 40000};
	struct uvdk_virtq q;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(uvdk_virtq_init(&q, 0, bad[i], mem, 0), -EINVAL, "%u", bad[i]);
	cr_expect_eq(uvdk_virtq_init(&q, 0, 8, mem + 2, 0), -EINVAL);
}

Test(virtq, a_chain_is_laid_out_as_given)
{
	struct uvdk_virtq_seg segs[] = {{0x1000, 10}, {0x2000, 20}, {0x3000, 30}};
	uint16_t id;

	cr_assert_eq(uvdk_virtq_add(&vq, segs, 2, 1, cookie_of(1)), 0);
	uvdk_virtq_kick(&vq);
	cr_assert_eq(dev_take(), 1);
	id = heads[0];
	for (int i = 0; i < 3; i++) {
		struct uvdk_virtq_desc d;

		memcpy(&d, mem + 16 * (size_t)id, sizeof(d));
		cr_expect_eq(d.addr.raw, segs[i].iova);
		cr_expect_eq(d.len.raw, segs[i].len);
		cr_expect_eq(d.flags.raw & 1, i < 2);
		cr_expect_eq(!!(d.flags.raw & 2), i == 2);
		id = d.next.raw;
	}
}

Test(virtq, a_full_queue_takes_no_more_and_loses_nothing)
{
	struct uvdk_virtq_seg segs[3] = {{1, 1}, {2, 2}, {3, 3}};
	uint32_t len;

	cr_assert_eq(uvdk_virtq_add(&vq, segs, 3, 0, cookie_of(1)), 0);
	cr_assert_eq(uvdk_virtq_add(&vq, segs, 3, 0, cookie_of(2)), 0);
	cr_expect_eq(uvdk_virtq_add(&vq, segs, 3, 0, cookie_of(3)), -ENOSPC);
	cr_expect_eq(uvdk_virtq_free_count(&vq), 2);
	uvdk_virtq_kick(&vq);
	dev_take();
	dev_use(1, 0);
	cr_expect_eq(uvdk_virtq_take(&vq, &len), cookie_of(2));
	cr_expect_null(uvdk_virtq_take(&vq, &len));
	cr_expect_eq(uvdk_virtq_free_count(&vq), 5);
}

/* Long enough for every 16-bit index to wrap several times. */
static void run_long(bool in_order, unsigned int (*pick)(unsigned int held_now))
{
	uintptr_t next = 0;
	uintptr_t expect = 0;
	uint8_t *out = calloc(400000, 1);
	unsigned int outstanding = 0;

	vq.in_order = in_order;
	while (next < 300000) {
		struct uvdk_virtq_seg segs[4] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}};
		unsigned int n = 1 + (unsigned int)rand() % 3;
		void *cookie;
		uint32_t len;

		while (!uvdk_virtq_add(&vq, segs, n - 1, 1, cookie_of(next))) {
			next++;
			outstanding++;
		}
		uvdk_virtq_kick(&vq);
		dev_take();
		cr_assert_eq(held, outstanding);
		for (unsigned int k = 1 + (unsigned int)rand() % held; k; k--)
			dev_use(pick(held), 1);
		while ((cookie = uvdk_virtq_take(&vq, &len))) {
			uintptr_t which = (uintptr_t)cookie - 1;

			cr_assert_eq(out[which]++, 0, "%zu came back twice", which);
			cr_assert_eq(len, 1);
			if (in_order)
				cr_assert_eq(which, expect++);
			outstanding--;
		}
		cr_assert_eq(held, outstanding);
		cr_assert_not(uvdk_virtq_broken(&vq));
	}
	free(out);
}

static unsigned int any(unsigned int n)
{
	return (unsigned int)rand() % n;
}

static unsigned int oldest(unsigned int n)
{
	(void)n;
	return 0;
}

Test(virtq, buffers_come_back_once_whatever_the_order)
{
	run_long(false, any);
}

Test(virtq, in_order_buffers_come_back_in_order)
{
	run_long(true, oldest);
}

Test(virtq, in_order_chains_use_consecutive_descriptors)
{
	struct uvdk_virtq_seg segs[3] = {{1, 1}, {2, 2}, {3, 3}};
	uint16_t expect = 0;
	uint32_t len;

	vq.in_order = true;
	for (unsigned int i = 0; i < 1000; i++) {
		unsigned int n = 1 + i % 3;

		cr_assert_eq(uvdk_virtq_add(&vq, segs, n, 0, cookie_of(i)), 0);
		uvdk_virtq_kick(&vq);
		dev_take();
		cr_assert_eq(heads[0], expect, "chain %u starts at %u", i, heads[0]);
		expect = (uint16_t)((expect + n) % size);
		dev_use(0, 0);
		cr_assert_eq(uvdk_virtq_take(&vq, &len), cookie_of(i));
	}
}

/* 2.7.9: one element, for the last buffer of the batch, where it starts. */
Test(virtq, one_element_may_stand_for_an_in_order_batch)
{
	uint32_t len;

	vq.in_order = true;
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int n = 1 + round % 5;

		for (unsigned int i = 0; i < n; i++)
			cr_assert_eq(add_in(100, cookie_of(i)), 0);
		uvdk_virtq_kick(&vq);
		dev_take();
		dev_element(dev_used, heads[n - 1], 60);
		held = 0;
		dev_publish((uint16_t)(dev_used + n));
		for (unsigned int i = 0; i < n; i++) {
			cr_assert_eq(uvdk_virtq_take(&vq, &len), cookie_of(i));
			cr_assert_eq(len, i + 1 < n ? 100 : 60);
		}
		cr_assert_null(uvdk_virtq_take(&vq, &len));
	}
}

Test(virtq, doorbell_rings_once_a_kick_unless_the_device_says_no)
{
	for (int i = 0; i < 3; i++)
		add_in(1, cookie_of((uintptr_t)i));
	cr_expect_eq(doorbells, 0);
	uvdk_virtq_kick(&vq);
	cr_expect_eq(doorbells, 1);
	cr_expect_eq(last_doorbell, 7);
	put16(used(), 1); /* NO_NOTIFY */
	add_in(1, cookie_of(4));
	uvdk_virtq_kick(&vq);
	cr_expect_eq(doorbells, 1);
	cr_expect_eq(vq.doorbells, 1);
}

/* 2.7.10: with EVENT_IDX the doorbell rings when avail_event is passed. */
Test(virtq, doorbell_rings_when_the_event_index_is_passed)
{
	uint16_t event = 0;
	uint32_t len;

	vq.event_idx = true;
	for (unsigned int i = 0; i < 200000; i++) {
		unsigned int n = 1 + (unsigned int)rand() % 4;
		uint16_t before = vq.avail_idx;
		unsigned int rung = doorbells;
		bool passed = false;

		if (rand() % 3 == 0)
			event = (uint16_t)(before + rand() % 6 - 2);
		put16(used() + 4 + 8 * (size_t)size, event);
		for (unsigned int k = 0; k < n; k++) {
			add_in(1, cookie_of(i));
			passed |= (uint16_t)(before + k) == event;
		}
		uvdk_virtq_kick(&vq);
		cr_assert_eq(doorbells - rung, passed, "event %u, from %u, %u added", event, before,
			     n);
		dev_take();
		while (held)
			dev_use(0, 0);
		while (uvdk_virtq_take(&vq, &len))
			;
	}
}

/* 2.7.7.1: the device interrupts when it uses entry number used_event. */
Test(virtq, the_device_never_has_a_reason_to_interrupt)
{
	uint32_t len;

	vq.event_idx = true;
	uvdk_virtq_quiet(&vq);
	for (unsigned int i = 0; i < 50000; i++) {
		for (unsigned int n = 0; n < size; n++)
			cr_assert_eq(add_in(1, cookie_of(i)), 0);
		uvdk_virtq_kick(&vq);
		dev_take();
		while (held) {
			cr_assert_neq(get16(avail() + 4 + 2 * (size_t)size), dev_used);
			dev_use(0, 0);
		}
		while (uvdk_virtq_take(&vq, &len))
			;
	}
}

/* ---- devices that break the rules ---- */

static void expect_broken(enum uvdk_virtq_fault fault, const char *words)
{
	char why[200];
	uint32_t len;

	cr_expect_null(uvdk_virtq_take(&vq, &len));
	cr_assert(uvdk_virtq_broken(&vq));
	cr_expect_eq(vq.fault, fault);
	uvdk_virtq_why(&vq, "queue 7", why, sizeof(why));
	cr_expect(strstr(why, "queue 7") == why && strstr(why, words), "%s", why);
	cr_expect_eq(add_in(1, cookie_of(1)), -EPROTO);
}

static void hold(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		cr_assert_eq(add_in(100, cookie_of(i)), 0);
	uvdk_virtq_kick(&vq);
	dev_take();
}

Test(virtq, a_used_index_past_what_is_outstanding_breaks_it)
{
	hold(3);
	dev_publish(4);
	expect_broken(UVDK_VIRTQ_FAULT_USED_IDX, "claims 4 buffers, only 3");
}

Test(virtq, a_used_index_that_goes_back_breaks_it)
{
	uint32_t len;

	hold(3);
	dev_use(0, 1);
	cr_assert(uvdk_virtq_take(&vq, &len));
	dev_publish(0);
	expect_broken(UVDK_VIRTQ_FAULT_USED_IDX, "claims 65535");
}

Test(virtq, a_used_id_outside_the_ring_breaks_it)
{
	hold(3);
	dev_element(0, 8, 0);
	dev_publish(1);
	expect_broken(UVDK_VIRTQ_FAULT_USED_ID, "descriptor 8");
}

Test(virtq, a_used_id_that_is_not_outstanding_breaks_it)
{
	hold(3);
	dev_element(0, 5, 0);
	dev_publish(1);
	expect_broken(UVDK_VIRTQ_FAULT_NOT_OUTSTANDING, "descriptor 5");
}

Test(virtq, a_buffer_used_twice_breaks_it)
{
	uint32_t len;

	hold(3);
	dev_element(0, 1, 0);
	dev_element(1, 1, 0);
	dev_publish(2);
	cr_expect_eq(uvdk_virtq_take(&vq, &len), cookie_of(1));
	expect_broken(UVDK_VIRTQ_FAULT_NOT_OUTSTANDING, "descriptor 1");
}

Test(virtq, a_length_greater_than_the_buffer_breaks_it)
{
	hold(3);
	dev_use(0, 101);
	expect_broken(UVDK_VIRTQ_FAULT_USED_LEN, "101 bytes to a buffer of 100");
}

Test(virtq, out_of_order_breaks_an_in_order_queue)
{
	vq.in_order = true;
	hold(3);
	dev_element(0, 2, 0);
	dev_publish(1);
	expect_broken(UVDK_VIRTQ_FAULT_ORDER, "descriptor 2 out of order");
}

Test(virtq, the_middle_of_a_chain_is_not_a_buffer)
{
	struct uvdk_virtq_seg segs[3] = {{1, 1}, {2, 2}, {3, 3}};

	vq.in_order = true;
	cr_assert_eq(uvdk_virtq_add(&vq, segs, 3, 0, cookie_of(1)), 0);
	uvdk_virtq_kick(&vq);
	dev_element(0, 1, 0);
	dev_publish(1);
	expect_broken(UVDK_VIRTQ_FAULT_NOT_OUTSTANDING, "descriptor 1");
}

Test(virtq, a_reset_mends_a_broken_queue)
{
	unsigned int cursor = 0;
	unsigned int back = 0;
	uint32_t len;

	hold(3);
	dev_publish(100);
	cr_expect_null(uvdk_virtq_take(&vq, &len));
	while (uvdk_virtq_reclaim(&vq, &cursor))
		back++;
	cr_expect_eq(back, 3);
	uvdk_virtq_reset(&vq);
	cr_expect_not(uvdk_virtq_broken(&vq));
	dev_seen = dev_used = 0;
	held = 0;
	hold(8);
	dev_use(3, 100);
	cr_expect_eq(uvdk_virtq_take(&vq, &len), cookie_of(3));
	cr_expect_eq(len, 100);
}

/* The device scribbles anywhere: each cookie comes back exactly once, or by reclaim. */
static void fuzz(unsigned int seed, bool in_order)
{
	uint8_t state[4096] = {0}; /* 1: with the device */
	uintptr_t next = 0;
	unsigned int cursor = 0;
	void *cookie;
	uint32_t len;

	srand(seed);
	vq.in_order = in_order;
	vq.event_idx = seed & 1;
	for (unsigned int i = 0; i < 500; i++) {
		struct uvdk_virtq_seg segs[4] = {{1, 9}, {2, 9}, {3, 9}, {4, 9}};
		unsigned int n = 1 + (unsigned int)rand() % 4;

		if (next < sizeof(state) && !uvdk_virtq_add(&vq, segs, n - 1, 1, cookie_of(next)))
			state[next++] = 1;
		uvdk_virtq_kick(&vq);
		dev_take();
		if (held && rand() % 2)
			dev_use(in_order ? 0 : (unsigned int)rand() % held, 9);
		if (rand() % 20 == 0)
			mem[(size_t)rand() % uvdk_virtq_bytes(size)] = (uint8_t)rand();
		held = held > 1000 ? 0 : held;
		while ((cookie = uvdk_virtq_take(&vq, &len))) {
			cr_assert_leq(len, 36);
			cr_assert_eq(state[(uintptr_t)cookie - 1]--, 1);
		}
	}
	while ((cookie = uvdk_virtq_reclaim(&vq, &cursor)))
		cr_assert_eq(state[(uintptr_t)cookie - 1]--, 1);
	for (size_t i = 0; i < sizeof(state); i++)
		cr_assert_eq(state[i], 0);
}

Test(virtq, random_corruption_loses_and_repeats_nothing)
{
	for (unsigned int seed = 0; seed < 2000; seed++) {
		done();
		dev_seen = dev_used = 0;
		held = 0;
		make(1u << (seed % 6));
		fuzz(seed, seed % 3 == 0);
	}
}
