/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMU_BITS_H
#define UVDK_IOMMU_BITS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A set of 18-bit numbers that finds neighbours in three steps: a bit of @mid
 * and @top is set where the word below it is not zero.
 */
#define IOAS_BITS_NONE UINT32_MAX

struct ioas_bits {
	uint64_t top;
	uint64_t mid[64];
	uint64_t low[4096];
};

/* A word of @low was 0 and is not. */
static inline void ioas_bits_filled(struct ioas_bits *bits, uint32_t word)
{
	bits->mid[word >> 6] |= UINT64_C(1) << (word & 63);
	bits->top |= UINT64_C(1) << (word >> 6);
}

/* A word of @low has become 0. */
static inline void ioas_bits_emptied(struct ioas_bits *bits, uint32_t word)
{
	bits->mid[word >> 6] &= ~(UINT64_C(1) << (word & 63));
	if (!bits->mid[word >> 6])
		bits->top &= ~(UINT64_C(1) << (word >> 6));
}

static inline void ioas_bits_set(struct ioas_bits *bits, uint32_t i)
{
	uint64_t old = bits->low[i >> 6];

	bits->low[i >> 6] = old | UINT64_C(1) << (i & 63);
	if (!old)
		ioas_bits_filled(bits, i >> 6);
}

static inline void ioas_bits_clear(struct ioas_bits *bits, uint32_t i)
{
	uint64_t left = bits->low[i >> 6] & ~(UINT64_C(1) << (i & 63));

	bits->low[i >> 6] = left;
	if (!left)
		ioas_bits_emptied(bits, i >> 6);
}

/* Bits of a word at or above position i; 64 is past its end. */
static inline uint64_t ioas_bits_from(uint64_t word, uint32_t i)
{
	return i < 64 ? word & (UINT64_MAX << i) : 0;
}

/* Bits of a word below position i. */
static inline uint64_t ioas_bits_below(uint64_t word, uint32_t i)
{
	return i < 64 ? word & ~(UINT64_MAX << i) : word;
}

static inline uint32_t ioas_bits_low(uint64_t word)
{
	return (uint32_t)__builtin_ctzll(word);
}

static inline uint32_t ioas_bits_high(uint64_t word)
{
	return 63 - (uint32_t)__builtin_clzll(word);
}

/* Lowest member at or above i, or IOAS_BITS_NONE. */
static inline uint32_t ioas_bits_next(const struct ioas_bits *bits, uint32_t i)
{
	uint32_t word = i >> 6;
	uint32_t group = i >> 12;
	uint64_t hit = ioas_bits_from(bits->low[word], i & 63);

	if (hit)
		return word << 6 | ioas_bits_low(hit);

	hit = ioas_bits_from(bits->mid[group], (word & 63) + 1);
	if (!hit) {
		hit = ioas_bits_from(bits->top, group + 1);
		if (!hit)
			return IOAS_BITS_NONE;
		group = ioas_bits_low(hit);
		hit = bits->mid[group];
	}
	word = group << 6 | ioas_bits_low(hit);

	return word << 6 | ioas_bits_low(bits->low[word]);
}

/* Highest member at or below i, or IOAS_BITS_NONE. */
static inline uint32_t ioas_bits_prev(const struct ioas_bits *bits, uint32_t i)
{
	uint32_t word = i >> 6;
	uint32_t group = i >> 12;
	uint64_t hit = ioas_bits_below(bits->low[word], (i & 63) + 1);

	if (hit)
		return word << 6 | ioas_bits_high(hit);

	hit = ioas_bits_below(bits->mid[group], word & 63);
	if (!hit) {
		hit = ioas_bits_below(bits->top, group);
		if (!hit)
			return IOAS_BITS_NONE;
		group = ioas_bits_high(hit);
		hit = bits->mid[group];
	}
	word = group << 6 | ioas_bits_high(hit);

	return word << 6 | ioas_bits_high(bits->low[word]);
}

/* Empty the set, touching only what was set. */
static inline void ioas_bits_reset(struct ioas_bits *bits)
{
	for (; bits->top; bits->top &= bits->top - 1) {
		uint32_t group = ioas_bits_low(bits->top);

		for (; bits->mid[group]; bits->mid[group] &= bits->mid[group] - 1)
			bits->low[group << 6 | ioas_bits_low(bits->mid[group])] = 0;
	}
}

#endif /* UVDK_IOMMU_BITS_H */
