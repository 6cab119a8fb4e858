// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <uvdk_fault.h>

#include "demand_wraps.h"

struct wraps wraps;

int __real_uvdk_faultq_read(struct uvdk_faultq *q, struct uvdk_fault *out, unsigned int max);
int __wrap_uvdk_faultq_read(struct uvdk_faultq *q, struct uvdk_fault *out, unsigned int max);
int __real_uvdk_faultq_answer(struct uvdk_faultq *q, struct uvdk_fault_answer *answers,
			      unsigned int count);
int __wrap_uvdk_faultq_answer(struct uvdk_faultq *q, struct uvdk_fault_answer *answers,
			      unsigned int count);
int __real_uvdk_ioas_map(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags,
			 uvdk_iova_t *iova);
int __wrap_uvdk_ioas_map(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags,
			 uvdk_iova_t *iova);
int __wrap_uvdk_follow_start(struct uvdk_follower *follower);
void __wrap_uvdk_follow_stop(struct uvdk_follower *follower);
int __wrap_uvdk_follow_add(uintptr_t addr, size_t len);
void __wrap_uvdk_follow_flush(void);

void wraps_release(void)
{
	__atomic_store_n(&wraps.closed, false, __ATOMIC_RELEASE);
}

int __wrap_uvdk_faultq_read(struct uvdk_faultq *q, struct uvdk_fault *out, unsigned int max)
{
	int err = __atomic_load_n(&wraps.read_err, __ATOMIC_ACQUIRE);

	__atomic_fetch_add(&wraps.reads, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&wraps.closed, __ATOMIC_ACQUIRE) || err)
		return err;

	return __real_uvdk_faultq_read(q, out, max);
}

int __wrap_uvdk_faultq_answer(struct uvdk_faultq *q, struct uvdk_fault_answer *answers,
			      unsigned int count)
{
	__atomic_fetch_add(&wraps.answers, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&wraps.groups, count, __ATOMIC_RELAXED);

	return __real_uvdk_faultq_answer(q, answers, count);
}

int __wrap_uvdk_ioas_map(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags,
			 uvdk_iova_t *iova)
{
	if (wraps.map_err && len > wraps.map_most)
		return wraps.map_err;

	return __real_uvdk_ioas_map(ioas, va, len, flags, iova);
}

int __wrap_uvdk_follow_start(struct uvdk_follower *follower)
{
	wraps.follower = follower;
	return 0;
}

void __wrap_uvdk_follow_stop(struct uvdk_follower *follower)
{
	if (wraps.follower == follower)
		wraps.follower = NULL;
}

int __wrap_uvdk_follow_add(uintptr_t addr, size_t len)
{
	wraps.follows++;
	wraps.follow_first = addr;
	wraps.follow_last = addr + len - 1;
	if (wraps.following)
		wraps.following();

	return wraps.follow_err;
}

void __wrap_uvdk_follow_flush(void)
{
}
