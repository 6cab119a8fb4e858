/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef REG_PRIV_H
#define REG_PRIV_H

#include <pthread.h>
#include <stdlib.h>

#include <uvdk_dma_reg.h>

#include "dma_priv.h"

/**
 * struct reg_map - one map that registrations have made
 * @first: first byte
 * @last: last byte
 * @iova: of @first
 * @flags: its access
 * @pieces: of registrations that use it; never empty
 */
struct reg_map {
	uintptr_t first, last;
	uvdk_iova_t iova;
	unsigned int flags;
	struct reg_piece *pieces;
};

/**
 * struct reg_piece - part of a registration that lies in one map
 * @first: first byte
 * @last: last byte
 * @iova: of @first
 * @map: a map of ours, or NULL: somebody else's
 * @reg: whose it is
 * @next: of the same registration, in descending order
 * @sharing: of the same map
 */
struct reg_piece {
	uintptr_t first, last;
	uvdk_iova_t iova;
	struct reg_map *map;
	struct uvdk_dma_reg *reg;
	struct reg_piece *next, *sharing;
};

/**
 * struct reg_space - what is registered in one address space
 * @ioas: address space; NULL in a child of fork()
 * @lock: guards @maps, and lists of pieces; taken before the ioas's
 * @maps: those that are not aliases, a tree of tsearch()
 * @users: registrations, and calls that are making one; guarded by the list's lock
 * @next: of the list
 */
struct reg_space {
	struct uvdk_ioas *ioas;
	pthread_mutex_t lock;
	void *maps;
	unsigned int users;
	struct reg_space *next;
};

/**
 * struct uvdk_dma_reg - a registration
 * @space: where
 * @first: first byte of its pages
 * @last: last byte of its pages
 * @flags: as asked for
 * @mapped: bytes in maps that were made for it
 * @pieces: what it consists of; guarded by the space's lock until it is out
 */
struct uvdk_dma_reg {
	struct reg_space *space;
	uintptr_t first, last;
	unsigned int flags;
	size_t mapped;
	struct reg_piece *pieces;
};

/**
 * reg_pages() - whole pages, or huge pages, around bytes
 * @va: first byte
 * @len: bytes
 * @granule: page size at least
 * @first: set: first byte
 * @last: set: last byte
 *
 * Return: 0, or -EINVAL with a sentence: nothing there, or past the end.
 */
int reg_pages(const void *va, size_t len, size_t granule, uintptr_t *first, uintptr_t *last);

/**
 * reg_space_get() - the registrations of an address space
 * @ioas: address space
 *
 * Return: with one more user, or NULL with a sentence: no memory.
 */
struct reg_space *reg_space_get(struct uvdk_ioas *ioas);

/**
 * reg_space_put() - one user less; freed with the last
 * @space: space
 */
void reg_space_put(struct reg_space *space);

/**
 * reg_space_is_ours() - false in a child of fork(), which must leave the maps alone
 * @space: space
 *
 * Return: true where it was made.
 */
bool reg_space_is_ours(const struct reg_space *space);

/**
 * reg_map_make() - map a gap, for a piece
 * @space: space, locked
 * @piece: @first, @last and @reg set; gets @map and @iova
 * @flags: access, UVDK_MAP_ALIAS
 *
 * Return: 0, -ENOMEM or as uvdk_ioas_map().
 */
int reg_map_make(struct reg_space *space, struct reg_piece *piece, unsigned int flags);

/**
 * reg_map_find() - the map of ours that holds a byte
 * @space: space, locked
 * @at: byte
 *
 * Return: map or NULL.
 */
struct reg_map *reg_map_find(struct reg_space *space, uintptr_t at);

/**
 * reg_map_live() - do registrations cover a part of a map without a gap?
 * @map: map
 * @first: first byte
 * @last: last byte
 * @gap: set to the first byte that none does
 *
 * Return: true if they do.
 */
bool reg_map_live(const struct reg_map *map, uintptr_t first, uintptr_t last, uintptr_t *gap);

/**
 * reg_map_join() - let a piece use a map
 * @map: map
 * @piece: @first set; gets @map and @iova
 */
void reg_map_join(struct reg_map *map, struct reg_piece *piece);

/**
 * reg_map_leave() - end that; the last one unmaps
 * @space: space, locked
 * @piece: piece
 *
 * Return: 0, or as uvdk_ioas_unmap(): nothing has changed then.
 */
int reg_map_leave(struct reg_space *space, struct reg_piece *piece);

#endif /* REG_PRIV_H */
