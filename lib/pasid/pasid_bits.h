/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PASID_BITS_H
#define UVDK_PASID_BITS_H

#include <stdint.h>

/*
 * A set of 20-bit numbers, those taken, that finds the lowest one missing in
 * three steps: a bit of @mid and @top is set where the word below it is full.
 */
#define PASID_BITS_WORDS (1u << 14)
#define PASID_BITS_NONE	 UINT32_MAX

struct pasid_bits {
	uint64_t top[PASID_BITS_WORDS >> 12];
	uint64_t mid[PASID_BITS_WORDS >> 6];
	uint64_t low[PASID_BITS_WORDS];
};

/* bits.c: a word of @low has become full; was full; the first free number beyond a word. */
void pasid_bits_filled(struct pasid_bits *bits, uint32_t word);
void pasid_bits_opened(struct pasid_bits *bits, uint32_t word);
uint32_t pasid_bits_beyond(const struct pasid_bits *bits, uint32_t word);

/*
 * bits.c: the lowest of @count adjacent numbers in first..last that are not in
 * the set, or PASID_BITS_NONE.
 */
uint32_t pasid_bits_next_gap(const struct pasid_bits *bits, uint32_t count, uint32_t first,
			     uint32_t last);

static inline void pasid_bits_set(struct pasid_bits *bits, uint32_t i)
{
	uint64_t word = bits->low[i >> 6] | UINT64_C(1) << (i & 63);

	bits->low[i >> 6] = word;
	if (__builtin_expect(!~word, 0))
		pasid_bits_filled(bits, i >> 6);
}

static inline void pasid_bits_clear(struct pasid_bits *bits, uint32_t i)
{
	uint64_t word = bits->low[i >> 6];

	bits->low[i >> 6] = word & ~(UINT64_C(1) << (i & 63));
	if (__builtin_expect(!~word, 0))
		pasid_bits_opened(bits, i >> 6);
}

/* Lowest number at or above i that is not in the set, or PASID_BITS_NONE. */
static inline uint32_t pasid_bits_next_free(const struct pasid_bits *bits, uint32_t i)
{
	uint64_t hit = ~bits->low[i >> 6] >> (i & 63);

	if (__builtin_expect(hit != 0, 1))
		return i + (uint32_t)__builtin_ctzll(hit);

	return pasid_bits_beyond(bits, i >> 6);
}

#endif /* UVDK_PASID_BITS_H */
