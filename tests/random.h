/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stdint.h>

/* The same numbers in every run (Marsaglia, Xorshift RNGs, 2003). @state: any but 0. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;

	return *state;
}

#endif /* TESTS_RANDOM_H */
