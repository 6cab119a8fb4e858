// SPDX-License-Identifier: BSD-3-Clause
#include "../../random.h"

#include "edu_testing.h"

#include <poll.h>

#include <uvdk_dmadev.h>
#include <uvdk_hwpt.h>
#include <uvdk_sva.h>

/* The driver over the model: neither knows the other. */
#define ROUNDS 3000
#define BURST  40
#define AREA   (MEM_LEN / 4)

static struct bench b;
static struct uvdk_dmadev *dma;
static struct uvdk_dmadev_chan *chan;
static uint8_t expected[MEM_LEN];

static void begin(uint32_t pasid)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts), .pasid = pasid};

	bench_open(&b, "emu:dsa", false);
	if (pasid) {
		uvdk_ioas_detach(b.ioas, b.dev);
		cr_assert_eq(uvdk_ioas_attach_pasid(b.ioas, b.dev, pasid), 0, "%s",
			     uvdk_last_error());
	}
	opts.ioas = b.ioas;
	cr_assert_eq(uvdk_dmadev_open(b.dev, NULL, &dma), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
}

static void end(void)
{
	uvdk_dmadev_close(dma);
	bench_close(&b);
}

static void pattern(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + i / 251);
}

static void drain(struct uvdk_dmadev_result *results, unsigned int count)
{
	uint64_t give_up = wall_ns() + UINT64_C(20000000000);
	unsigned int n = 0;

	while (n < count && wall_ns() < give_up)
		n += uvdk_dmadev_completed_status(chan, results + n, count - n);
	cr_assert_eq(n, count, "%u of %u ended", n, count);
}

static uint32_t crc32c(const uint8_t *data, size_t len)
{
	uint32_t reg = ~0u;

	for (size_t i = 0; i < len; i++) {
		reg ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			reg = reg & 1 ? reg >> 1 ^ 0x82f63b78u : reg >> 1;
	}
	return ~reg;
}

/* One operation of the device, and the same by hand: what it must have as a value. */
static uint32_t one(uint64_t *seed, unsigned int flags)
{
	size_t len = 1 + random_next(seed) % 3000;
	size_t dst = random_next(seed) % (MEM_LEN - len), src = random_next(seed) % (MEM_LEN - len);
	uint64_t word = random_next(seed);
	uint32_t value = 0;
	int ret = -1;

	switch (random_next(seed) % 4) {
	case 0:
		ret = uvdk_dmadev_copy(chan, b.iova + dst, b.iova + src, len, flags);
		memmove(expected + dst, expected + src, len);
		break;
	case 1:
		ret = uvdk_dmadev_fill(chan, b.iova + dst, word, len, flags);
		for (size_t i = 0; i < len; i++)
			expected[dst + i] = (uint8_t)(word >> 8 * (i % 8));
		break;
	case 2:
		ret = uvdk_dmadev_compare(chan, b.iova + dst, b.iova + src, len, flags);
		value = memcmp(expected + dst, expected + src, len) != 0;
		break;
	default:
		ret = uvdk_dmadev_crc(chan, UVDK_IOVA_NONE, b.iova + src, len, NULL, flags);
		value = crc32c(expected + src, len);
	}
	cr_assert_geq(ret, 0, "%d", ret);

	return value;
}

static void all_kinds(uint32_t pasid)
{
	struct uvdk_dmadev_result r[BURST];
	uint32_t values[BURST];
	uint64_t seed = 0x5eed;

	begin(pasid);
	for (int round = 0; round < ROUNDS / BURST; round++) {
		unsigned int count = 1 + random_next(&seed) % BURST;

		for (unsigned int i = 0; i < count; i++)
			values[i] = one(&seed,
					UVDK_DMADEV_FENCE |
						(random_next(&seed) % 8 ? 0 : UVDK_DMADEV_SUBMIT));
		uvdk_dmadev_submit(chan);
		drain(r, count);
		for (unsigned int i = 0; i < count; i++) {
			cr_assert_eq(r[i].status, UVDK_DMADEV_OK, "%u: code 0x%02x", r[i].status,
				     r[i].code);
			cr_assert_eq(r[i].value, values[i], "round %d, %u", round, i);
		}
		cr_assert_eq(memcmp(b.mem, expected, MEM_LEN), 0, "round %d", round);
	}
	end();
}

Test(dsa_pair, all_kinds_in_order)
{
	all_kinds(0);
}

Test(dsa_pair, all_kinds_with_a_pasid)
{
	all_kinds(5);
}

Test(dsa_pair, a_missing_page_is_the_end_of_a_copy)
{
	uvdk_iova_t far = 0x08000000;
	struct uvdk_dmadev_result r;
	uint8_t *page = new_memory(4096);

	begin(0);
	memset(page, 7, 4096);
	cr_assert_eq(uvdk_ioas_map(b.ioas, page, 4096, UVDK_MAP_RW | UVDK_MAP_FIXED, &far), 0);
	uvdk_dmadev_copy(chan, b.iova, far + 4096 - 100, 5000, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_FAULT, "%u", r.status);
	cr_expect_eq(r.fault & ~UINT64_C(4095), far + 4096, "0x%llx", (unsigned long long)r.fault);
	cr_expect_leq(r.done, 100);
	cr_expect(r.done == 0 || b.mem[r.done - 1] == 7);
	uvdk_dmadev_copy(chan, b.iova, b.iova + 4096, 5000, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_OK);
	end();
	munmap(page, 4096);
}

static int reopen_with_irq(uint32_t pasid, unsigned int retries)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts),
					     .flags = UVDK_DMADEV_CHAN_IRQ,
					     .pasid = pasid,
					     .retries = retries};

	begin(pasid);
	uvdk_dmadev_chan_close(chan);
	opts.ioas = b.ioas;
	opts.event_fd = eventfd(0, EFD_NONBLOCK);
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());

	return opts.event_fd;
}

static void interrupts(uint32_t pasid)
{
	int fd = reopen_with_irq(pasid, 0);
	struct uvdk_dmadev_result r[3];
	uint64_t count = 0;

	for (int i = 0; i < 3; i++)
		uvdk_dmadev_copy(chan, b.iova, b.iova + 4096, 64, 0);
	uvdk_dmadev_submit(chan);
	WAIT_UNTIL(count || read(fd, &count, 8) == 8);
	drain(r, 3);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(r[i].status, UVDK_DMADEV_OK);
	end();
	close(fd);
}

Test(dsa_pair, interrupts_arrive)
{
	interrupts(0);
}

Test(dsa_pair, interrupts_arrive_with_a_pasid)
{
	interrupts(5);
}

/* Is there something to poll for? Who waits like that polls at no other time. */
static bool told(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint64_t count;

	return poll(&wait, 1, 10000) == 1 && read(fd, &count, 8) == 8;
}

Test(dsa_pair, who_polls_when_told_to_learns_of_a_fault_that_nobody_serves)
{
	int fd = reopen_with_irq(0, 5);
	uvdk_iova_t far = 0x08000000;
	struct uvdk_dmadev_result r;
	struct uvdk_dmadev_stats stats;

	uvdk_dmadev_copy(chan, b.iova, far, 100, UVDK_DMADEV_SUBMIT);
	do
		cr_assert(told(fd), "the eventfd is silent");
	while (!uvdk_dmadev_completed_status(chan, &r, 1));
	cr_expect_eq(r.status, UVDK_DMADEV_FAULT, "%u", r.status);
	cr_expect_eq(r.fault & ~UINT64_C(4095), far);
	uvdk_dmadev_chan_get_stats(chan, &stats);
	cr_expect_eq(stats.resumed, 5);
	end();
	close(fd);
}

/*
 * A destination inside of the source is written from the end, until the source's first page is
 * missing. What is done then is not at the start.
 */
Test(dsa_pair, of_a_copy_that_ran_backwards_and_failed_nothing_counts_as_done)
{
	uvdk_iova_t far = 0x08000000, second = far + 4096;
	struct uvdk_dmadev_result r;
	struct uvdk_dmadev_stats stats;
	uint8_t *pages = new_memory(12288);

	begin(0);
	pattern(pages, 12288);
	cr_assert_eq(uvdk_ioas_map(b.ioas, pages, 12288, UVDK_MAP_RW | UVDK_MAP_FIXED, &second), 0);
	uvdk_dmadev_copy(chan, far + 4096, far, 12288, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_FAULT, "%u", r.status);
	cr_expect_eq(r.fault & ~UINT64_C(4095), far);
	cr_expect_eq(r.done, 0, "%llu bytes are said to be done", (unsigned long long)r.done);
	uvdk_dmadev_chan_get_stats(chan, &stats);
	cr_expect_gt(stats.resumed, 0);
	cr_expect_eq(stats.bytes, 0);
	end();
	munmap(pages, 12288);
}

Test(dsa_pair, channels_are_opened_and_closed_with_work_under_way)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts)};

	begin(0);
	opts.ioas = b.ioas;
	for (int i = 0; i < 30; i++) {
		for (int n = 0; n < 40; n++)
			uvdk_dmadev_copy(chan, b.iova, b.iova + AREA, AREA, 0);
		uvdk_dmadev_submit(chan);
		uvdk_dmadev_chan_close(chan);
		cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
	}
	end();
}

static struct uvdk_sva *bind_process(struct uvdk_pasid_space **space,
				     struct uvdk_pasid_owner **owner)
{
	struct uvdk_sva_opts opts = {
		.size = sizeof(opts), .backend = UVDK_SVA_PINNED, .flags = UVDK_SVA_NO_FOLLOW};
	struct uvdk_sva *sva = NULL;

	cr_assert_eq(uvdk_pasid_space_create(NULL, space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(*space, 4, owner), 0);
	opts.owner = *owner;
	cr_assert_eq(uvdk_sva_bind(b.dev, &opts, &sva), 0, "%s", uvdk_last_error());

	return sva;
}

Test(dsa_pair, with_sva_addresses_are_pointers)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts)};
	uint8_t *from = new_memory(20000), *to = new_memory(20000);
	struct uvdk_dmadev_result r;
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_owner *owner;

	begin(0);
	opts.sva = bind_process(&space, &owner);
	uvdk_dmadev_chan_close(chan);
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
	memset(from, 7, 20000);
	cr_assert_eq(uvdk_sva_share(opts.sva, from, 20000), 0);
	cr_assert_eq(uvdk_sva_share(opts.sva, to, 20000), 0);
	uvdk_dmadev_copy(chan, (uintptr_t)to + 3, (uintptr_t)from, 19990, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_OK, "%u, code 0x%02x", r.status, r.code);
	cr_expect_eq(memcmp(to + 3, from, 19990), 0);
	cr_assert_eq(uvdk_sva_forget(opts.sva, from, 20000), 0);
	uvdk_dmadev_copy(chan, (uintptr_t)to, (uintptr_t)from, 100, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_FAULT, "what is shared no more");
	cr_expect_eq(r.fault & ~UINT64_C(4095), (uintptr_t)from & ~UINT64_C(4095));
	uvdk_dmadev_chan_close(chan);
	cr_expect_eq(uvdk_sva_unbind(opts.sva), 0);
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
	end();
	munmap(from, 20000);
	munmap(to, 20000);
}
