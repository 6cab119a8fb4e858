// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sys/mman.h>

#include "space.h"

/*
 * Huge pages are declined: they would turn a table that is touched here and
 * there into one that is resident as a whole.
 */
void *space_mem_alloc(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	madvise(mem, size, MADV_NOHUGEPAGE);

	return mem;
}

void space_mem_free(void *mem, size_t size)
{
	if (mem)
		munmap(mem, size);
}

int space_create(struct ioas_space *space)
{
	*space = (struct ioas_space){.top = space_mem_alloc(sizeof(*space->top))};

	return space->top ? 0 : -ENOMEM;
}

void space_destroy(struct ioas_space *space)
{
	struct space_top *top = space->top;

	if (!top)
		return;

	for (uint32_t i = ioas_bits_next(&top->leaves, 0); i != IOAS_BITS_NONE;) {
		space_mem_free(top->leaf[i], sizeof(*top->leaf[i]));
		ioas_bits_clear(&top->leaves, i);
		i = ioas_bits_next(&top->leaves, i);
	}
	space_mem_free(top, sizeof(*top));
	space->top = NULL;
}

int space_leaf_make(struct ioas_space *space, uint64_t page)
{
	uint32_t index = (uint32_t)(page >> SPACE_LEAF_SHIFT);
	struct space_leaf *leaf;

	if (space->top->leaf[index])
		return 0;

	leaf = space_mem_alloc(sizeof(*leaf));
	if (!leaf)
		return -ENOMEM;
	leaf->base = (uint64_t)index << SPACE_LEAF_SHIFT;
	space->top->leaf[index] = leaf;
	ioas_bits_set(&space->top->leaves, index);

	return 0;
}
