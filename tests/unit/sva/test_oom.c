// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "sva_world.h"

/*
 * The n-th allocation fails, for every n: the linker sends the library's calls here
 * (-Wl,--wrap). What fails has changed nothing; what can't fail takes away more
 * rather than less. That nothing is left, the leak checker says.
 */
#define LEN (16 * PAGE)

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);

static bool armed, for_good;
static long allocations, fail_at;

static bool refuse(void)
{
	if (!armed)
		return false;
	allocations++;
	return for_good ? allocations >= fail_at : allocations == fail_at;
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

static struct world w;
static struct uvdk_sva *sva;
static uint8_t *mem, *other;

/* The errors of a call under which memory was short. */
static bool fair(int err)
{
	return !err || (err == -ENOMEM && *uvdk_last_error());
}

static void bind_short(const struct uvdk_sva_opts *opts)
{
	int err;

	sva = NULL;
	armed = true;
	err = uvdk_sva_bind(w.dev, opts, &sva);
	armed = false;
	cr_assert(fair(err), "%d: %s", err, uvdk_last_error());
	if (!err)
		return;
	cr_assert_null(sva);
	cr_assert_eq(held(&w), 0);
	sva = bind_ok(&w, opts);
}

static void share_short(void)
{
	int err;

	share_ok(sva, other, PAGE);
	armed = true;
	err = uvdk_sva_share(sva, mem, LEN);
	armed = false;
	cr_assert(fair(err), "%d: %s", err, uvdk_last_error());
	if (err) {
		cr_assert_eq(info_of(sva).shared, PAGE);
		cr_assert_eq(info_of(sva).pinned, PAGE);
		cr_assert_eq(sva_copy(&w, sva, mem, other, 8), NOT_READ);
		share_ok(sva, mem, LEN);
	}
	cr_assert_eq(sva_copy(&w, sva, mem, other, 8), COPIED);
}

static void forget_short(void)
{
	armed = true;
	cr_assert_eq(uvdk_sva_forget(sva, mem + 4 * PAGE, PAGE), 0);
	armed = false;
	cr_assert_eq(sva_copy(&w, sva, mem + 4 * PAGE, other, 8), NOT_READ);
	cr_assert_eq(sva_copy(&w, sva, other, mem + 4 * PAGE, 8), NOT_WRITTEN);
	/* What has been lost more than asked for can be had again. */
	cr_assert_eq(uvdk_sva_forget(sva, mem, LEN), 0);
	cr_assert_eq(info_of(sva).pinned, PAGE);
	share_ok(sva, mem, LEN);
}

static void sync_short(void)
{
	cr_assert_eq(mprotect(mem + 8 * PAGE, 2 * PAGE, PROT_READ), 0);
	armed = true;
	cr_assert(fair(uvdk_sva_sync(sva, mem, LEN)));
	armed = false;
	cr_assert_eq(uvdk_sva_sync(sva, mem, LEN), 0);
	cr_assert_eq(sva_copy(&w, sva, other, mem + 8 * PAGE, 8), NOT_WRITTEN);
	cr_assert_eq(mprotect(mem, LEN, PROT_READ | PROT_WRITE), 0);
}

static void run(const struct uvdk_sva_opts *opts)
{
	allocations = 0;
	bind_short(opts);
	share_short();
	forget_short();
	sync_short();
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(held(&w), 0);
	cr_assert_eq(uvdk_emu_stales(w.emu, NULL, 0), 0);
}

static void sweep(bool rid)
{
	mem = new_memory(LEN);
	other = new_memory(PAGE);
	for (fail_at = 1; fail_at == 1 || allocations >= fail_at - 1; fail_at++) {
		struct uvdk_sva_opts opts;

		world_open(&w, true);
		opts = rid ? with_rid(UVDK_SVA_NO_FOLLOW) : with_pasid(&w, UVDK_SVA_NO_FOLLOW);
		run(&opts);
		world_close(&w);
	}
	cr_assert_gt(fail_at, 10, "hardly anything was allocated");
	munmap(mem, LEN);
	munmap(other, PAGE);
}

Test(sva_oom, with_a_pasid_one_allocation_fails)
{
	sweep(false);
}

Test(sva_oom, without_a_pasid_one_allocation_fails)
{
	sweep(true);
}

Test(sva_oom, memory_stays_short_from_some_point_on)
{
	for_good = true;
	sweep(false);
}
