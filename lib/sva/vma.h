/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_VMA_H
#define SVA_VMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A mapping of the process, [first, last]. */
struct sva_vma {
	uintptr_t first, last;
	size_t page; /* what it is made of */
	bool readable, writable;
};

/* A descriptor for sva_vma_find(), or negative errno with a sentence. */
int sva_vma_open(void);

/* The mapping that holds an address: 0; -EFAULT: none does; or negative errno. No sentence. */
int sva_vma_find(int fd, uintptr_t addr, struct sva_vma *out);

#endif /* SVA_VMA_H */
