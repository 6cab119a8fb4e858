// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "nested.h"

/* Enough for 8 GiB; less where locked memory is scarce. */
#define TABLES_MAX (16u << 20)
#define TABLES_MIN (256u << 10)

static LIST_HEAD(, nest_space) spaces = LIST_HEAD_INITIALIZER(spaces);
static pthread_mutex_t spaces_lock = PTHREAD_MUTEX_INITIALIZER;

void nest_lock(void)
{
	pthread_mutex_lock(&spaces_lock);
}

void nest_unlock(void)
{
	pthread_mutex_unlock(&spaces_lock);
}

/* A child of fork() gets none of it: its writes would not be the hardware's to see. */
int nest_memory_get(struct nest_space *space, size_t len, struct nest_memory *out)
{
	struct nest_memory m = {.len = len};
	int err;

	m.va = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m.va == MAP_FAILED)
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "nested: no %zu bytes for tables", len);
	madvise(m.va, len, MADV_DONTFORK);
	err = uvdk_ioas_map(space->ioas, m.va, len, UVDK_MAP_RW, &m.iova);
	if (err) {
		munmap(m.va, len);
		return err;
	}
	*out = m;

	return 0;
}

void nest_memory_put(struct nest_space *space, struct nest_memory *memory)
{
	if (!memory->va)
		return;
	uvdk_ioas_unmap(space->ioas, memory->iova, memory->len);
	munmap(memory->va, memory->len);
	memory->va = NULL;
}

/* An eighth of what may be locked is enough for tables. */
static size_t tables_len(const struct nest_space *space)
{
	struct uvdk_ioas_stats stats;
	size_t len = TABLES_MAX;

	uvdk_ioas_get_stats(space->ioas, &stats);
	while (len > TABLES_MIN && len > stats.memlock_max / 8)
		len /= 2;

	return len;
}

static int make_tables(struct nest_space *space)
{
	struct uvdk_pgtable_arena_opts opts = {.size = sizeof(opts)};
	int err = nest_memory_get(space, tables_len(space), &space->tables);

	if (err)
		return err;
	opts.va = space->tables.va;
	opts.address = space->tables.iova;
	opts.length = space->tables.len;
	err = uvdk_pgtable_arena_create(&opts, &space->arena);
	if (err)
		nest_memory_put(space, &space->tables);

	return err;
}

static int make_space(struct uvdk_iommu *iommu, struct nest_space **out)
{
	struct nest_space *space = calloc(1, sizeof(*space));
	int err;

	if (!space)
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "nested: no memory for a second stage");
	space->iommu = iommu;
	space->asids[0] = 1; /* what is all zeroes is no ASID of ours */
	err = uvdk_ioas_create(iommu, NULL, &space->ioas);
	if (err)
		goto free;
	err = make_tables(space);
	if (err)
		goto destroy;
	pthread_mutex_init(&space->lock, NULL);
	LIST_INSERT_HEAD(&spaces, space, entry);
	*out = space;

	return 0;
destroy:
	uvdk_ioas_destroy(space->ioas);
free:
	free(space);
	return err;
}

int nest_space_get(struct uvdk_iommu *iommu, struct nest_space **out)
{
	struct nest_space *space;
	int err;

	LIST_FOREACH(space, &spaces, entry)
	if (space->iommu == iommu)
		break;
	if (!space) {
		err = make_space(iommu, &space);
		if (err)
			return err;
	}
	space->refs++;
	*out = space;

	return 0;
}

void nest_space_put(struct nest_space *space)
{
	if (--space->refs)
		return;
	LIST_REMOVE(space, entry);
	pthread_mutex_destroy(&space->lock);
	uvdk_pgtable_arena_destroy(space->arena);
	nest_memory_put(space, &space->tables);
	uvdk_ioas_destroy(space->ioas);
	free(space);
}

/*
 * Units of one second stage share a VMID where they are of one I/O MMU, so that
 * ASIDs are the space's.
 */
int nest_asid_get(struct nest_space *space, unsigned int bits, uint16_t *out)
{
	unsigned int count = 1u << (bits ? bits : 8);

	for (unsigned int word = 0; word < count / 64; word++) {
		uint64_t free_ones = ~space->asids[word];
		unsigned int bit;

		if (!free_ones)
			continue;
		bit = (unsigned int)__builtin_ctzll(free_ones);
		space->asids[word] |= UINT64_C(1) << bit;
		*out = (uint16_t)(64 * word + bit);
		return 0;
	}

	return uvdk_fail(-ENOSPC, SVA_COMPONENT,
			 "nested: all %u ASIDs of the SMMU are in use: unbind others", count - 1);
}

void nest_asid_put(struct nest_space *space, uint16_t asid)
{
	space->asids[asid / 64] &= ~(UINT64_C(1) << asid % 64);
}
