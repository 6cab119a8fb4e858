/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PHYS_LOCK_H
#define PHYS_LOCK_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Lock whole pages, counted. 0 or -errno of mlock(), without a sentence; nothing is left then.
 * @pin: out: by which the kernel can't even move the pages that are there now; -1: it can
 */
int phys_lock_get(const void *va, size_t len, int *pin);

/* Undo phys_lock_get(), with the same range, and the pin that it gave. */
void phys_lock_put(const void *va, size_t len, int pin);

#endif /* PHYS_LOCK_H */
