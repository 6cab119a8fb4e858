/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PHYS_URING_H
#define PHYS_URING_H

#include <stddef.h>

/*
 * Keep the kernel from moving pages: they are registered as buffers with an io_uring that is
 * used for nothing else. A number, or -1: it can't be done here (no io_uring, no room, read-only
 * memory, files that it does not take). The caller serialises these calls.
 */
int phys_uring_pin(const void *va, size_t len);

/* Undo phys_uring_pin(), whatever is at those addresses by now; -1 is ignored. */
void phys_uring_put(int number);

#endif /* PHYS_URING_H */
