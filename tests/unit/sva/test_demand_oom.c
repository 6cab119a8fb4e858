// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>

#include "demand_world.h"

/* The n-th allocation fails, for every n, in whatever thread; or there is no thread. */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg);

static bool armed, no_thread;
static long allocations, fail_at;

static bool refuse(void)
{
	if (!__atomic_load_n(&armed, __ATOMIC_ACQUIRE))
		return false;

	return __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED) == fail_at;
}

void *__wrap_malloc(size_t size)
{
	return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return refuse() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return refuse() ? NULL : __real_realloc(old, size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg)
{
	return no_thread ? EAGAIN : __real_pthread_create(thread, attr, run, arg);
}

static void arm(bool on)
{
	__atomic_store_n(&armed, on, __ATOMIC_RELEASE);
}

static struct demand_world d;
static uint8_t *mem;

#define LEN ((size_t)1 << 20)

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);

	return n;
}

static void bind_short(const struct uvdk_sva_opts *opts)
{
	unsigned int fds = count_fds();
	int err;

	d.sva = NULL;
	arm(true);
	err = uvdk_sva_bind(d.w.dev, opts, &d.sva);
	arm(false);
	cr_assert(!err || (err == -ENOMEM && *uvdk_last_error()), "%d", err);
	if (!err)
		return;
	cr_assert_null(d.sva);
	cr_assert_eq(held(&d.w), 0);
	cr_assert_eq(count_fds(), fds);
	d.sva = bind_ok(&d.w, opts);
}

/* The device is refused a page, or not; and has it once there is memory. */
static void touch_short(void)
{
	uint32_t pasid = uvdk_sva_pasid(d.sva);
	enum pri_result ret;

	arm(true);
	ret = pri_write(d.p, pasid, 1, mem, "x", 1);
	arm(false);
	cr_assert(ret == PRI_DONE || ret == PRI_REFUSED, "%d", ret);
	cr_assert_leq(info_of(d.sva).refused, ret == PRI_REFUSED); /* or lib/fault did */
	cr_assert_eq(pri_write(d.p, pasid, 1, mem, "x", 1), PRI_DONE);
	arm(true);
	ret = (enum pri_result)uvdk_sva_share(d.sva, mem + LEN / 2, LEN / 2);
	cr_assert_eq(uvdk_sva_forget(d.sva, mem, PAGE), 0);
	arm(false);
	cr_assert(!ret || (int)ret == -ENOMEM);
	cr_assert_not(pri_writes(d.p, pasid, mem));
	share_ok(d.sva, mem, LEN);
	cr_assert(pri_writes(d.p, pasid, mem + LEN - 1));
}

Test(sva_demand_oom, one_allocation_fails, .timeout = 300)
{
	mem = aligned_memory(LEN);
	for (fail_at = 1; fail_at == 1 || allocations >= fail_at - 1; fail_at++) {
		struct uvdk_sva_opts opts;

		d.p = pri_open(&d.w);
		opts = demand_opts(&d.w, UVDK_SVA_NO_FOLLOW);
		allocations = 0;
		bind_short(&opts);
		touch_short();
		demand_close(&d);
	}
	cr_assert_gt(fail_at, 10, "hardly anything was allocated");
}

Test(sva_demand_oom, no_thread_is_to_be_had)
{
	struct uvdk_sva_opts opts;
	unsigned int fds;

	d.p = pri_open(&d.w);
	opts = demand_opts(&d.w, UVDK_SVA_NO_FOLLOW);
	fds = count_fds();
	no_thread = true;
	cr_assert_eq(uvdk_sva_bind(d.w.dev, &opts, &d.sva), -EAGAIN);
	cr_assert_not_null(strstr(uvdk_last_error(), "thread"));
	no_thread = false;
	cr_assert_eq(count_fds(), fds);
	d.sva = bind_ok(&d.w, &opts);
	demand_close(&d);
}
