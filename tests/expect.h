/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_EXPECT_H
#define TESTS_EXPECT_H

#include <stdio.h>

#include <uvdk_base.h>

/* For plain programs of several threads, which Criterion is not made for. */
static unsigned int wrong;

/* The first few say what is wrong; a race goes wrong thousands of times. */
static inline void expect_failed(const char *file, int line, const char *what)
{
	if (__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED) <= 10)
		fprintf(stderr, "%s:%d: not %s (last error: %s)\n", file, line, what,
			uvdk_last_error());
}

#define EXPECT(cond)                                              \
	do {                                                      \
		if (!(cond))                                      \
			expect_failed(__FILE__, __LINE__, #cond); \
	} while (0)

#endif /* TESTS_EXPECT_H */
