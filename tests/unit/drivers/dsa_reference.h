/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DSA_REFERENCE_H
#define DSA_REFERENCE_H

#include <pthread.h>

#include <uvdk_dmadev.h>

/*
 * What memory must be, by the CPU: an arena of IOVAs whose chunks have backings that come and go,
 * beside a copy on which every operation is done once more.
 */

#define ARENA_IOVA   UINT64_C(0x10000000)
#define ARENA_CHUNK  (64u * 1024)
#define ARENA_CHUNKS 16u
#define ARENA_SIZE   (ARENA_CHUNK * ARENA_CHUNKS)
#define ARENA_SPARES 2u
#define ARENA_SG     8u

struct arena {
	struct uvdk_ioas *ioas;
	uint8_t *chunk[ARENA_CHUNKS];
	uint8_t *spare[ARENA_SPARES]; /* unmapped: nobody may write them */
	uint8_t *memory;	      /* all of these */
	uint8_t *want;		      /* the copy */
	pthread_mutex_t lock;	      /* around what is mapped */
	bool out[ARENA_CHUNKS];	      /* not mapped, until the device asks for it */
};

enum op_kind { OP_COPY, OP_FILL, OP_COMPARE, OP_CRC, OP_COPY_CRC, OP_SG, OP_KINDS };

/* An operation; addresses are offsets into the arena, and may go beyond its end. */
struct op {
	enum op_kind kind;
	uint32_t dst;
	uint32_t src;
	uint32_t len;
	uint64_t pattern;
	struct uvdk_dmadev_crc_spec crc;
	bool fence;
	unsigned int dst_count;
	unsigned int src_count;
	struct uvdk_dma_piece segs[2][ARENA_SG]; /* OP_SG: destinations, sources */
};

void arena_create(struct arena *a, struct uvdk_ioas *ioas);
void arena_destroy(struct arena *a);

/* New noise everywhere. */
void arena_fill(struct arena *a, uint64_t *random);

/* Put another backing behind a chunk; nothing may be under way. */
void arena_remap(struct arena *a, unsigned int chunk, unsigned int spare);

/* Unmap a chunk; nothing may be under way. */
void arena_take_out(struct arena *a, unsigned int chunk);

/* Map the chunk of an IOVA, if it is not; from any thread. False: there is none. */
bool arena_bring_in(struct arena *a, uvdk_iova_t addr);

/* What is there is taken for right. */
void arena_accept(struct arena *a, uint64_t at, uint64_t len);

/* Is all as it must be? Nothing may be under way. */
void arena_check(struct arena *a);

/*
 * Do the first @done bytes of an operation, by the CPU. What its result must have as value; of a
 * comparison, *@same is how many bytes are equal.
 */
uint32_t op_apply(struct arena *a, const struct op *op, uint32_t done, uint32_t *same);

/* Behind the first @done bytes that an operation wrote, what is there is taken for right. */
void op_accept_rest(struct arena *a, const struct op *op, uint32_t done);

/* Does the operation write, read? */
bool op_writes(const struct op *op);
bool op_reads(const struct op *op);

/* Must the later one wait for the earlier? */
bool op_conflicts(const struct op *earlier, const struct op *later);

#endif /* DSA_REFERENCE_H */
