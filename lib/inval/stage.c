// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "inval_priv.h"
#include "stage.h"

#define BATCH_DEFAULT 4096u
#define BATCH_MAX     65536u

/*
 * The kernel may check up to 63 commands for an SMMU before it carries out the
 * first: the one that it refuses is among the next 64.
 */
#define NARROW 64u

int inval_kernel_init(struct inval_kernel *kernel, const struct uvdk_inval_submit *how,
		      struct uvdk_inval_props *props)
{
	bool smmu = how->format == UVDK_INVAL_FORMAT_SMMUV3;
	bool mock = how->format == UVDK_INVAL_FORMAT_SELFTEST;
	int err;

	if (!how->submit || how->format > UVDK_INVAL_FORMAT_SELFTEST || how->batch > BATCH_MAX)
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "format %u, %u entries a call (at most %u), %s function to call",
				 how->format, how->batch, BATCH_MAX, how->submit ? "a" : "no");
	*kernel = (struct inval_kernel){.how = *how};
	kernel->how.batch = how->batch ? how->batch : BATCH_DEFAULT;
	kernel->entry_len = smmu   ? sizeof(struct inval_cmd)
			    : mock ? sizeof(struct inval_mock)
				   : sizeof(struct inval_vtd);
	if (smmu) {
		err = inval_smmu_init(&kernel->smmu, &how->smmu);
		if (err)
			return err;
		inval_smmu_props(&kernel->smmu, props);
	} else if (mock) {
		inval_mock_props(props);
	} else {
		inval_vtd_props(props);
	}
	props->caps.scopes = 1u << UVDK_INVAL_ALL | 1u << UVDK_INVAL_PASID | 1u << UVDK_INVAL_RANGE;
	props->caps.batch = kernel->how.batch;

	return 0;
}

/* A piece for every device has to fit, and a fence. */
int inval_stage_init(struct inval_stage *stage, const struct inval_kernel *kernel)
{
	unsigned int size = kernel->how.batch + INVAL_SIDS;

	*stage = (struct inval_stage){.size = size};
	stage->entries = calloc(size, kernel->entry_len);
	stage->origin = calloc(size, sizeof(*stage->origin));
	if (stage->entries && stage->origin)
		return 0;
	inval_stage_fini(stage);

	return uvdk_fail(-ENOMEM, INVAL_COMPONENT, "no memory for %u entries", size);
}

void inval_stage_fini(struct inval_stage *stage)
{
	free(stage->entries);
	free(stage->origin);
}

static void encode(struct inval_stage *stage, const struct inval_kernel *kernel,
		   const struct uvdk_inval_piece *piece, unsigned int index)
{
	void *to = stage->entries + (size_t)stage->tail * kernel->entry_len;

	stage->origin[stage->tail] = (struct inval_origin){
		.piece = stage->end, .fence = piece->target == UVDK_INVAL_FENCE};
	stage->tail++;
	if (piece->target == UVDK_INVAL_FENCE)
		return;
	if (kernel->how.format == UVDK_INVAL_FORMAT_SMMUV3)
		inval_smmu_encode(&kernel->smmu, piece, to, index);
	else if (kernel->how.format == UVDK_INVAL_FORMAT_SELFTEST)
		inval_mock_encode(piece, to);
	else
		inval_vtd_encode(piece, to);
}

/* More is to be known of its entries than their number. */
static void make_uneven(struct inval_stage *stage)
{
	for (unsigned int i = stage->head; stage->even && i != stage->tail; i++)
		stage->origin[i] = (struct inval_origin){.piece = inval_stage_piece(stage, i)};
	stage->even = false;
}

int inval_stage_push(struct inval_stage *stage, const struct inval_kernel *kernel,
		     const struct uvdk_inval_piece *piece)
{
	unsigned int count = inval_smmu_count(&kernel->smmu, piece);

	if (inval_stage_empty(stage))
		stage->head = stage->tail = 0;
	if (stage->size - stage->tail < count)
		return -EAGAIN;
	make_uneven(stage);
	for (unsigned int i = 0; i < count; i++)
		encode(stage, kernel, piece, i);
	stage->end++;

	return 0;
}

bool inval_stage_burst(struct inval_stage *stage, const struct inval_kernel *kernel,
		       const struct inval_span span[2])
{
	const unsigned int count = span[0].count + span[1].count;

	if (inval_stage_empty(stage)) {
		stage->head = stage->tail = 0;
		stage->even = true;
	}
	if (kernel->how.format != UVDK_INVAL_FORMAT_SMMUV3 || !stage->even ||
	    stage->size - stage->tail < count ||
	    !inval_smmu_burst(span, (struct inval_cmd *)(void *)stage->entries + stage->tail))
		return false;
	stage->tail += count;
	stage->end += count;

	return true;
}

/* Entries of the next call. */
static unsigned int next_call(const struct inval_stage *stage, const struct inval_kernel *kernel)
{
	unsigned int most = kernel->narrow ? 1 : kernel->how.batch;
	unsigned int n = 0;

	if (stage->even)
		return most < stage->tail - stage->head ? most : stage->tail - stage->head;
	while (n < most && stage->head + n != stage->tail && !stage->origin[stage->head + n].fence)
		n++;

	return n;
}

/* The call failed and did @count of @n: look closer, or that's the one. */
static void on_refused(struct inval_stage *stage, struct inval_kernel *kernel, unsigned int n,
		       int err, struct inval_trouble *trouble)
{
	if (n > 1) {
		kernel->narrow = NARROW;
		return;
	}
	*trouble =
		(struct inval_trouble){.err = err, .piece = inval_stage_piece(stage, stage->head)};
	stage->head++;
	kernel->narrow = 0;
}

static bool only_later(int err)
{
	return err == -EINTR || err == -EAGAIN;
}

/* 0: go on; -EAGAIN: not now; else all is over. */
static int submit(struct inval_stage *stage, struct inval_kernel *kernel,
		  struct inval_trouble *trouble)
{
	unsigned int n = next_call(stage, kernel);
	unsigned int count = n;
	int err;

	if (!n) {
		stage->head++; /* a fence: what was before it is complete */
		return 0;
	}
	err = kernel->how.submit(kernel->how.priv,
				 stage->entries + (size_t)stage->head * kernel->entry_len,
				 kernel->entry_len, &count);
	if (count > n || (!err && !count))
		return uvdk_fail(-EIO, INVAL_COMPONENT,
				 "%u of %u invalidations are said to be done, without an error",
				 count, n);
	stage->head += count;
	if (kernel->narrow)
		kernel->narrow -= count;
	if (!err || (count == n && only_later(err)))
		return 0;
	if (only_later(err))
		return -EAGAIN;
	if (err == -ENODEV)
		return err;
	if (count == n)
		return uvdk_fail(-EIO, INVAL_COMPONENT,
				 "all of %u invalidations are said to be done, with error %d", n,
				 err);
	on_refused(stage, kernel, n, err, trouble);

	return 0;
}

int inval_stage_run(struct inval_stage *stage, struct inval_kernel *kernel,
		    struct inval_trouble *trouble, uint64_t *done)
{
	int err = 0;

	while (!err && !trouble->err && !inval_stage_empty(stage)) {
		err = submit(stage, kernel, trouble);
		if (!trouble->err)
			__atomic_store_n(done, inval_stage_done(stage), __ATOMIC_RELEASE);
	}

	return err == -EAGAIN ? 0 : err;
}
