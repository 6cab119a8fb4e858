/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef INVAL_STAGE_H
#define INVAL_STAGE_H

#include "format.h"

/* Entries on their way to a kernel, and how far it is with them. */

/* What an entry is part of. */
struct inval_origin {
	uint64_t piece;
	bool fence; /* no entry: begins another call */
};

/*
 * Pieces up to before @end are in it, those before its first are the former's. If it is @even,
 * each is one entry, there is no fence, and nothing is written into @origin.
 */
struct inval_stage {
	uint8_t *entries;
	struct inval_origin *origin;
	unsigned int size;
	unsigned int head, tail;
	uint64_t end;
	bool even;
};

/* An error to be reported. */
struct inval_trouble {
	int err;
	uint64_t piece;
};

struct inval_kernel {
	struct uvdk_inval_submit how;
	struct inval_smmu smmu;
	unsigned int entry_len;
	unsigned int narrow; /* that many entries go one by one: one of them is refused */
};

int inval_kernel_init(struct inval_kernel *kernel, const struct uvdk_inval_submit *how,
		      struct uvdk_inval_props *props);

int inval_stage_init(struct inval_stage *stage, const struct inval_kernel *kernel);
void inval_stage_fini(struct inval_stage *stage);

static inline bool inval_stage_empty(const struct inval_stage *stage)
{
	return stage->head == stage->tail;
}

/* Piece that an entry is part of. */
static inline uint64_t inval_stage_piece(const struct inval_stage *stage, unsigned int i)
{
	return stage->even ? stage->end - (stage->tail - i) : stage->origin[i].piece;
}

/* Pieces that are over. */
static inline uint64_t inval_stage_done(const struct inval_stage *stage)
{
	return inval_stage_empty(stage) ? stage->end : inval_stage_piece(stage, stage->head);
}

/* Piece number stage->end. 0 or -EAGAIN. */
int inval_stage_push(struct inval_stage *stage, const struct inval_kernel *kernel,
		     const struct uvdk_inval_piece *piece);

/* Pieces from number stage->end on, as &inval_burst_fn. */
bool inval_stage_burst(struct inval_stage *stage, const struct inval_kernel *kernel,
		       const struct inval_span span[2]);

/*
 * Submit until it is empty, an entry is refused (@trouble), or it has to be
 * tried again: 0. Else -errno: nothing works any more. @done follows
 * inval_stage_done() up to the refused entry: it is told together with that.
 */
int inval_stage_run(struct inval_stage *stage, struct inval_kernel *kernel,
		    struct inval_trouble *trouble, uint64_t *done);

#endif /* INVAL_STAGE_H */
