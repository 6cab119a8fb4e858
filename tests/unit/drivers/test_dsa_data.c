// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_testing.h"

/* CRC-32C, least significant bit first: the usual one. */
static uint32_t crc_lsb(uint32_t reg, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		reg ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			reg = reg & 1 ? reg >> 1 ^ 0x82f63b78u : reg >> 1;
	}
	return reg;
}

static uint32_t crc_msb(uint32_t reg, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		reg ^= (uint32_t)data[i] << 24;
		for (int bit = 0; bit < 8; bit++)
			reg = reg & 0x80000000u ? reg << 1 ^ 0x1edc6f41u : reg << 1;
	}
	return reg;
}

Test(dsa_data, copies_of_any_length_and_alignment)
{
	static const size_t lens[] = {1, 3, 63, 4095, 4096, 4097, 20000};
	struct uvdk_dmadev_result result;

	begin();
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		memset(b.mem, 0, MEM_LEN);
		pattern(b.mem + 5, lens[i], (unsigned int)i);
		cr_assert_eq(COPY(32768 + 3, 5, lens[i], UVDK_DMADEV_SUBMIT), (int)i);
		drain(&result, 1);
		cr_expect_eq(result.status, UVDK_DMADEV_OK);
		cr_expect_eq(result.index, i);
		cr_expect_eq(result.done, lens[i]);
		cr_expect_eq(memcmp(b.mem + 32768 + 3, b.mem + 5, lens[i]), 0);
		cr_expect_eq(b.mem[32768 + 3 + lens[i]], 0);
	}
	end();
}

Test(dsa_data, what_is_submitted_together_is_one_descriptor)
{
	struct uvdk_dmadev_stats stats;
	uint16_t last = 0;
	unsigned int n = 0;
	bool error = true;

	begin();
	pattern(b.mem, 32 * 64, 1);
	for (unsigned int i = 0; i < 32; i++)
		cr_assert_eq(COPY(8192 + i * 64, i * 64, 64, 0), (int)i);
	cr_expect_eq(fake.posts, 0, "nothing goes out before submit");
	cr_assert_eq(uvdk_dmadev_submit(chan), 0);
	cr_expect_eq(fake.posts, 1);
	cr_expect_eq(fake.batches, 1);
	while (n < 32)
		n += uvdk_dmadev_completed(chan, 5, &last, &error);
	cr_expect_eq(last, 31);
	cr_expect(!error);
	cr_expect_eq(memcmp(b.mem, b.mem + 8192, 32 * 64), 0);
	uvdk_dmadev_chan_get_stats(chan, &stats);
	cr_expect_eq(stats.enqueued, 32);
	cr_expect_eq(stats.submitted, 32);
	cr_expect_eq(stats.completed, 32);
	cr_expect_eq(stats.doorbells, 1);
	cr_expect_eq(stats.bytes, 32 * 64);
	cr_expect_eq(uvdk_dmadev_completed(chan, 5, &last, &error), 0);
	cr_expect_eq(last, 31);
	end();
}

Test(dsa_data, operation_numbers_and_the_ring_wrap)
{
	struct uvdk_dmadev_result results[7];
	unsigned int next = 0;

	device_begin();
	begin_opts((struct uvdk_dmadev_chan_opts){.ring = 16});
	while (next < 70000) {
		for (unsigned int i = 0; i < 7; i++) {
			b.mem[i] = (uint8_t)(next + i);
			cr_assert_eq(COPY(4096 + i, i, 1, 0), (int)((next + i) & 0xffff));
		}
		uvdk_dmadev_submit(chan);
		drain(results, 7);
		for (unsigned int i = 0; i < 7; i++, next++) {
			cr_assert_eq(results[i].index, (uint16_t)next);
			cr_assert_eq(b.mem[4096 + i], (uint8_t)next);
		}
	}
	end();
}

Test(dsa_data, a_full_ring_refuses)
{
	struct uvdk_dmadev_result results[16];

	device_begin();
	begin_opts((struct uvdk_dmadev_chan_opts){.ring = 16});
	cr_expect_eq(uvdk_dmadev_capacity(chan), 16);
	for (int i = 0; i < 16; i++)
		cr_assert_eq(COPY(4096, 0, 8, 0), i);
	cr_expect_eq(COPY(4096, 0, 8, 0), -ENOSPC);
	cr_expect_eq(uvdk_dmadev_capacity(chan), 0);
	uvdk_dmadev_submit(chan);
	cr_expect_eq(COPY(4096, 0, 8, 0), -ENOSPC, "places are free once told");
	drain(results, 16);
	cr_expect_eq(COPY(4096, 0, 8, 0), 16);
	end();
}

Test(dsa_data, what_no_device_could_do_is_refused)
{
	struct uvdk_dma_piece seg = {b.iova, 8}, bad = {b.iova, 0}, two[2] = {{1, 4}, {2, 5}};

	begin();
	cr_expect_eq(COPY(0, 0, 0, 0), -EINVAL);
	cr_expect_eq(COPY(0, 0, (1 << 20) + 1, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(chan, UINT64_MAX - 3, b.iova, 8, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy_sg(chan, &seg, 1, &bad, 1, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy_sg(chan, &seg, 0, &seg, 0, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy_sg(chan, &seg, 1, two, 2, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_capacity(chan), 512);
	end();
}

Test(dsa_data, opcodes_that_are_not_there_are_refused)
{
	device_begin();
	fake.opcap = 0x8;
	begin_opts((struct uvdk_dmadev_chan_opts){0});
	cr_expect_eq(uvdk_dmadev_fill(chan, b.iova, 1, 8, 0), -EOPNOTSUPP);
	cr_expect_eq(uvdk_dmadev_compare(chan, b.iova, b.iova, 8, 0), -EOPNOTSUPP);
	cr_expect_eq(uvdk_dmadev_crc(chan, UVDK_IOVA_NONE, b.iova, 8, NULL, 0), -EOPNOTSUPP);
	COPY(4096, 0, 8, 0);
	COPY(4096, 8, 8, UVDK_DMADEV_SUBMIT);
	cr_expect_eq(fake.batches, 0);
	cr_expect_eq(fake.posts, 2);
	end();
}

Test(dsa_data, fills_and_comparisons)
{
	struct uvdk_dmadev_result r[4];

	begin();
	uvdk_dmadev_fill(chan, b.iova + 64, 0x0807060504030201, 19, 0);
	uvdk_dmadev_compare(chan, b.iova + 1000, b.iova + 2000, 100, 0);
	b.mem[3000 + 17] = 1;
	uvdk_dmadev_compare(chan, b.iova + 3000, b.iova + 4000, 100, UVDK_DMADEV_SUBMIT);
	drain(r, 3);
	for (int i = 0; i < 19; i++)
		cr_expect_eq(b.mem[64 + i], i % 8 + 1);
	cr_expect_eq(b.mem[64 + 19], 0);
	cr_expect_eq(r[1].status, UVDK_DMADEV_OK);
	cr_expect_eq(r[1].value, 0);
	cr_expect_eq(r[1].done, 100);
	cr_expect_eq(r[2].status, UVDK_DMADEV_OK);
	cr_expect_eq(r[2].value, 1);
	cr_expect_eq(r[2].done, 17);
	end();
}

Test(dsa_data, checksums_of_all_kinds)
{
	struct uvdk_dmadev_result r;
	const uint32_t seed = 0x12345678;
	uint32_t expected[4];

	begin();
	pattern(b.mem, 1000, 9);
	expected[0] = ~crc_lsb(~seed, b.mem, 1000);
	expected[UVDK_DMADEV_CRC_NO_INVERT] = crc_lsb(seed, b.mem, 1000);
	expected[UVDK_DMADEV_CRC_NO_REFLECT] = ~crc_msb(~seed, b.mem, 1000);
	expected[3] = crc_msb(seed, b.mem, 1000);
	for (unsigned int flags = 0; flags < 4; flags++) {
		struct uvdk_dmadev_crc_spec crc = {seed, flags};

		uvdk_dmadev_crc(chan, UVDK_IOVA_NONE, b.iova, 1000, &crc, UVDK_DMADEV_SUBMIT);
		drain(&r, 1);
		cr_expect_eq(r.value, expected[flags], "flags %u: 0x%08x", flags, r.value);
		uvdk_dmadev_crc(chan, b.iova + 4096, b.iova, 1000, &crc, UVDK_DMADEV_SUBMIT);
		drain(&r, 1);
		cr_expect_eq(r.value, expected[flags], "copied, flags %u", flags);
	}
	cr_expect_eq(memcmp(b.mem, b.mem + 4096, 1000), 0);
	memcpy(b.mem, "123456789", 9);
	uvdk_dmadev_crc(chan, UVDK_IOVA_NONE, b.iova, 9, NULL, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.value, 0xe3069283, "the check value of CRC-32C");
	COPY(4096, 0, 8, UVDK_DMADEV_SUBMIT);
	cr_expect_eq(fake.log[fake.ran - 1].seed, 0, "a seed stayed in the ring");
	drain(&r, 1);
	cr_expect_eq(r.value, 0);
	end();
}

Test(dsa_data, scatter_lists_are_one_operation)
{
	struct uvdk_dma_piece dst[] = {{0, 10}, {100, 1000}, {3000, 5}};
	struct uvdk_dma_piece src[] = {{0, 500}, {2000, 515}};
	struct uvdk_dmadev_result r[3];
	uint8_t flat[1015];

	begin();
	pattern(b.mem, 4096, 4);
	memcpy(flat, b.mem, 500);
	memcpy(flat + 500, b.mem + 2000, 515);
	for (int i = 0; i < 3; i++)
		dst[i].addr += b.iova + 8192;
	for (int i = 0; i < 2; i++)
		src[i].addr += b.iova;
	cr_expect_eq(COPY(30000, 0, 8, 0), 0);
	cr_expect_eq(uvdk_dmadev_copy_sg(chan, dst, 3, src, 2, 0), 1);
	cr_expect_eq(uvdk_dmadev_capacity(chan), 512 - 5);
	cr_expect_eq(COPY(30000, 0, 8, UVDK_DMADEV_SUBMIT), 2);
	drain(r, 3);
	cr_expect_eq(r[1].index, 1);
	cr_expect_eq(r[1].done, 1015);
	cr_expect_eq(r[2].index, 2);
	cr_expect_eq(memcmp(b.mem + 8192, flat, 10), 0);
	cr_expect_eq(memcmp(b.mem + 8292, flat + 10, 1000), 0);
	cr_expect_eq(memcmp(b.mem + 8192 + 3000, flat + 1010, 5), 0);
	cr_expect_eq(uvdk_dmadev_capacity(chan), 512);
	end();
}

Test(dsa_data, pieces_of_a_list_are_no_longer_than_the_device_takes)
{
	struct uvdk_dma_piece all = {0, 30000};
	struct uvdk_dmadev_result r;

	device_begin();
	fake.gencap = (fake.gencap & ~(UINT64_C(0x1f) << 16)) | 12 << 16;
	begin_opts((struct uvdk_dmadev_chan_opts){0});
	pattern(b.mem, 30000, 4);
	cr_expect_eq(COPY(32768, 0, 4097, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy_sg(chan, &(struct uvdk_dma_piece){b.iova + 32768, 30000}, 1,
					 &(struct uvdk_dma_piece){b.iova, 30000}, 1,
					 UVDK_DMADEV_SUBMIT),
		     0);
	drain(&r, 1);
	cr_expect_eq(r.done, all.len);
	cr_expect_eq(memcmp(b.mem, b.mem + 32768, 30000), 0);
	end();
}

Test(dsa_data, never_more_descriptors_than_the_queue_has_entries)
{
	begin();
	fake.sleeps = true;
	for (int i = 0; i < 100; i++) {
		COPY(4096, 0, 8, UVDK_DMADEV_SUBMIT);
		uvdk_dmadev_completed(chan, 1, NULL, NULL);
	}
	cr_expect_eq(fake.held, 4);
	end();
}

Test(dsa_data, a_descriptor_of_the_callers_goes_out_as_it_is)
{
	struct fake_desc desc = {.op_flags = 4u << 24 | 0xc, .src = 0x1111111111111111, .len = 64};

	begin();
	desc.record = b.iova + 128;
	desc.dst = b.iova + 4096;
	cr_expect_eq(uvdk_dsa_post(chan, &desc), 0);
	cr_expect_eq(memcmp(&desc, &fake.log[0], 64), 0);
	cr_expect_eq(b.mem[128], 1);
	cr_expect_eq(b.mem[4096 + 63], 0x11);
	cr_expect_eq(uvdk_dmadev_completed(chan, 1, NULL, NULL), 0);
	end();
}
