/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PHYS_URING_H
#define PHYS_URING_H

#include <stddef.h>

/* Most bytes that one pin can have. */
#define PHYS_URING_MAX ((size_t)1 << 30)

/*
 * Keep the kernel from moving pages: they are registered as a buffer with an io_uring that is
 * used for nothing else. A number with one user, or -1: it can't be done here (no io_uring, no
 * room, read-only memory, files that it does not take). The caller serialises these calls.
 */
int phys_uring_pin(const void *va, size_t len);

/* One more user, and one less, of a number; -1 is ignored. The last one unpins. */
void phys_uring_get(int number);
void phys_uring_put(int number);

#endif /* PHYS_URING_H */
