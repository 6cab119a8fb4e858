/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef INVAL_THREAD_H
#define INVAL_THREAD_H

#include "stage.h"

/* As uvdk_invalq_create_submit(), for a kernel that is called from a thread. */
int inval_thread_create(const struct inval_kernel *kernel, struct uvdk_inval_props *props,
			const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out);

#endif /* INVAL_THREAD_H */
