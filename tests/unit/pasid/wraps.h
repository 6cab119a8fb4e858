/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_PASID_WRAPS_H
#define TEST_PASID_WRAPS_H

#include <stdbool.h>

/*
 * The linker sends the library's allocations here (-Wl,--wrap), those of the
 * test's own files too. While counting: how many there have been, which one is
 * to fail (0: none), and what of them has not been given back.
 */
struct wraps {
	bool counting;
	long fail_at;
	long allocations;
	long heap;
	long mapped;
};

extern struct wraps wraps;

#endif /* TEST_PASID_WRAPS_H */
