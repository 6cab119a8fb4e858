// SPDX-License-Identifier: BSD-3-Clause
#include "pasid_bits.h"

/* Bits of a word at or above position i; 64 is past its end. */
static uint64_t bits_from(uint64_t word, uint32_t i)
{
	return i < 64 ? word & (UINT64_MAX << i) : 0;
}

static uint32_t first_of(uint64_t word)
{
	return (uint32_t)__builtin_ctzll(word);
}

void pasid_bits_filled(struct pasid_bits *bits, uint32_t word)
{
	bits->mid[word >> 6] |= UINT64_C(1) << (word & 63);
	if (!~bits->mid[word >> 6])
		bits->top[word >> 12] |= UINT64_C(1) << (word >> 6 & 63);
}

void pasid_bits_opened(struct pasid_bits *bits, uint32_t word)
{
	bits->mid[word >> 6] &= ~(UINT64_C(1) << (word & 63));
	bits->top[word >> 12] &= ~(UINT64_C(1) << (word >> 6 & 63));
}

uint32_t pasid_bits_beyond(const struct pasid_bits *bits, uint32_t word)
{
	uint32_t group = word >> 6;
	uint32_t part = word >> 12;
	uint64_t hit = bits_from(~bits->mid[group], (word & 63) + 1);

	if (!hit) {
		hit = bits_from(~bits->top[part], (group & 63) + 1);
		while (!hit) {
			if (++part == PASID_BITS_WORDS >> 12)
				return PASID_BITS_NONE;
			hit = ~bits->top[part];
		}
		group = part << 6 | first_of(hit);
		hit = ~bits->mid[group];
	}
	word = group << 6 | first_of(hit);

	return word << 6 | first_of(~bits->low[word]);
}

/* Positions where @count set bits begin, 1 to 64. */
static uint64_t runs_of(uint64_t word, uint32_t count)
{
	for (uint32_t have = 1, step; have < count; have += step) {
		step = have < count - have ? have : count - have;
		word &= word >> step;
	}

	return word;
}

/* The numbers of a word that are in first..last and not in the set. */
static uint64_t gaps_of(const struct pasid_bits *bits, uint32_t word, uint32_t first, uint32_t last)
{
	uint64_t gaps = ~bits->low[word];

	if (word == first >> 6)
		gaps = bits_from(gaps, first & 63);
	if (word == last >> 6)
		gaps &= UINT64_MAX >> (63 - (last & 63));

	return gaps;
}

/* Word by word; @run is how much of the end of the word before is free. */
uint32_t pasid_bits_next_gap(const struct pasid_bits *bits, uint32_t count, uint32_t first,
			     uint32_t last)
{
	uint32_t run = 0;

	for (uint32_t word = first >> 6; word <= last >> 6; word++) {
		uint64_t gaps = gaps_of(bits, word, first, last);
		uint32_t head = ~gaps ? first_of(~gaps) : 64;

		if (run + head >= count)
			return (word << 6) - run;
		if (head == 64) {
			run += 64;
			continue;
		}
		if (count <= 64 && runs_of(gaps, count))
			return word << 6 | first_of(runs_of(gaps, count));
		run = (uint32_t)__builtin_clzll(~gaps);
	}

	return PASID_BITS_NONE;
}
