/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DECODE_H
#define DECODE_H

#include "inval_testing.h"

/*
 * SMMUv3 commands read once more, from the architecture (IHI 0070, chapter 4)
 * and from nothing of the library's. False: no such command, or reserved bits.
 */
enum decoded {
	DECODED_NONE,
	DECODED_INVAL,
	DECODED_SYNC,
};

enum decoded decode_smmu(const uint64_t *cmd, bool guest, struct seen *out);

/* backend_kernel.c: a kernel as &struct uvdk_inval_submit has it, for a struct world. */
int kernel_submit(void *priv, const void *entries, unsigned int len, unsigned int *count);

/* backend_hwqueue.c: a model of the queue's hardware, over memory of 64 commands. */
#define HWQUEUE_LOG2SIZE 6

struct hwqueue_model;

struct hwqueue_model *hwqueue_start(struct world *w, void *ring, void *regs);
void hwqueue_stop(struct hwqueue_model *m);

#endif /* DECODE_H */
