/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PHYS_LOCK_H
#define PHYS_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lock whole pages, counted. 0 or -errno of mlock(), without a sentence; nothing is left then. */
int phys_lock_get(const void *va, size_t len);

/* Can the kernel not even move what is locked there? */
bool phys_lock_pinned(const void *va, size_t len);

/* Undo phys_lock_get(), with the same range. */
void phys_lock_put(const void *va, size_t len);

#endif /* PHYS_LOCK_H */
