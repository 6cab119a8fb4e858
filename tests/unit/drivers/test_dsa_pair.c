// SPDX-License-Identifier: BSD-3-Clause
#include "../../random.h"

#include "edu_testing.h"

#include <uvdk_dmadev.h>
#include <uvdk_hwpt.h>

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

Test(dsa_pair, interrupts_arrive)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts), .flags = UVDK_DMADEV_CHAN_IRQ};
	struct uvdk_dmadev_result r[3];
	uint64_t count = 0;

	begin(0);
	uvdk_dmadev_chan_close(chan);
	opts.ioas = b.ioas;
	opts.event_fd = eventfd(0, EFD_NONBLOCK);
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
	for (int i = 0; i < 3; i++)
		uvdk_dmadev_copy(chan, b.iova, b.iova + 4096, 64, 0);
	uvdk_dmadev_submit(chan);
	WAIT_UNTIL(count || read(opts.event_fd, &count, 8) == 8);
	drain(r, 3);
	end();
	close(opts.event_fd);
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
