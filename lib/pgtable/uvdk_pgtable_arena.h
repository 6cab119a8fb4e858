/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PGTABLE_ARENA_H
#define UVDK_PGTABLE_ARENA_H

#include <uvdk_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Memory for page tables, and when it may be used again
 *
 * An arena is memory that hardware can walk already: in the stage 2, or at its
 * physical address. Table pages that a table gives up are gathered by the call
 * that takes them out, wait in quarantine under the number of the invalidation
 * that covers them, and are free when somebody says that this number has
 * completed. Whoever completes invalidations needs the arena, not its tables.
 */

struct uvdk_pgtable_arena;

/**
 * struct uvdk_pgtable_arena_opts - memory that tables are made of
 * @size: sizeof(struct uvdk_pgtable_arena_opts)
 * @va: where it is in this process; a multiple of 4096
 * @address: where the hardware that walks sees it, byte for byte: an address of
 *	the stage 2, else a physical one; a multiple of 4096
 * @length: bytes; a multiple of 4096, at most 2^43
 */
struct uvdk_pgtable_arena_opts {
	size_t size;
	void *va;
	uint64_t address;
	uint64_t length;
};

/**
 * struct uvdk_pgtable_arena_stats - pages of 4 KiB, by what they are
 * @total: all
 * @free: ready for use
 * @quarantined: in quarantine, until their cookie is released
 * @tables: the rest: part of a table, or in a gather
 */
struct uvdk_pgtable_arena_stats {
	uint64_t total;
	uint64_t free;
	uint64_t quarantined;
	uint64_t tables;
};

/**
 * uvdk_pgtable_arena_create() - take over memory for tables
 * @opts: where it is; all members
 * @out: the arena
 *
 * The memory stays the caller's, who keeps it mapped, and out of other use,
 * until the arena is destroyed. Several tables may share an arena.
 *
 * Return: 0, -EINVAL (misaligned, empty, too long), -ERANGE (@address wraps, or
 * is beyond 52 bits), -ENOMEM.
 */
int uvdk_pgtable_arena_create(const struct uvdk_pgtable_arena_opts *opts,
			      struct uvdk_pgtable_arena **out);

/**
 * uvdk_pgtable_arena_destroy() - give the memory back
 * @arena: arena without tables, or NULL
 *
 * Quarantine ends with it: whatever may still look there has been invalidated.
 */
void uvdk_pgtable_arena_destroy(struct uvdk_pgtable_arena *arena);

/**
 * uvdk_pgtable_arena_get_stats() - count pages
 * @arena: arena
 * @stats: filled in
 *
 * Thread-safe.
 */
void uvdk_pgtable_arena_get_stats(struct uvdk_pgtable_arena *arena,
				  struct uvdk_pgtable_arena_stats *stats);

/**
 * struct uvdk_pgtable_gather - what is to be invalidated
 * @first: lowest input address
 * @last: highest input address, inclusive
 * @pending: there is something to invalidate; the two above mean nothing else
 * @tables: table pages among it: invalidate more than leaf entries
 * @dirty: bytes in pages that were dirty when they were unmapped or lost the
 *	mark; where marks are kept
 * @head: of the library's: first of the table pages
 * @tail: of the library's: last of them
 *
 * All zeroes to begin with. Several calls may add to one, also for several tables
 * of an arena that are invalidated together. It may outlive its table.
 */
struct uvdk_pgtable_gather {
	uint64_t first;
	uint64_t last;
	bool pending;
	uint32_t tables;
	uint64_t dirty;
	uint32_t head;
	uint32_t tail;
};

/**
 * uvdk_pgtable_quarantine() - table pages wait for an invalidation
 * @arena: arena of the tables
 * @gather: what was gathered; all zeroes afterwards
 * @cookie: number of the invalidation that covers it
 *
 * Cookies of one arena come from one sequence, and complete in its order. Calls
 * of several threads need not come in that order. What a gather holds is in use
 * until this is called.
 *
 * Thread-safe.
 */
void uvdk_pgtable_quarantine(struct uvdk_pgtable_arena *arena, struct uvdk_pgtable_gather *gather,
			     uint64_t cookie);

/**
 * uvdk_pgtable_release() - invalidations have completed
 * @arena: arena
 * @cookie: the last that has; all before it have, too
 *
 * To be called by whoever sees an invalidation complete; cheap when nothing
 * waits. Thread-safe.
 *
 * Return: pages that became free.
 */
uint64_t uvdk_pgtable_release(struct uvdk_pgtable_arena *arena, uint64_t cookie);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_PGTABLE_ARENA_H */
