// SPDX-License-Identifier: BSD-3-Clause
#include <malloc.h>
#include <pthread.h>

#include "sva_world.h"

/* First stages of the library's own, over memory pinned once for all bindings. */

#define CHUNK  ((size_t)2 << 20)
#define CYCLES 1000

static struct world w;

static void setup(void)
{
	world_open(&w, true);
}

TestSuite(sva_nested, .init = setup);

static struct uvdk_sva *bind_nested(unsigned int flags)
{
	struct uvdk_sva_opts opts = flags & UVDK_SVA_RID ? with_rid(flags) : with_pasid(&w, flags);

	opts.backend = UVDK_SVA_NESTED;
	return bind_ok(&w, &opts);
}

static void fill(void *at, int value, size_t len)
{
	memset(at, value, len);
}

/* From now on what is cached is held against what the table says. */
static void forget_watched(struct uvdk_sva *sva, void *at, size_t len)
{
	uint32_t pasid = uvdk_sva_pasid(sva);
	int change =
		uvdk_emu_stage1_begin(w.emu, "emu:copier#0", pasid ? pasid : UVDK_EMU_NO_PASID);

	cr_assert_geq(change, 0);
	cr_assert_eq(uvdk_sva_forget(sva, at, len), 0);
	uvdk_emu_stage1_end(w.emu, change);
}

static void finish(void)
{
	struct uvdk_emu_stale stale;

	cr_assert_eq(uvdk_emu_stales(w.emu, &stale, 1), 0, "something stale was used");
	cr_assert_eq(held(&w), 0);
	world_close(&w);
}

static void moves(unsigned int flags)
{
	struct uvdk_sva *sva = bind_nested(flags | UVDK_SVA_NO_FOLLOW);
	uint8_t *p = new_memory(4 * PAGE), *other = new_memory(PAGE);

	fill(p, 0x11, 4 * PAGE);
	share_ok(sva, p, 4 * PAGE);
	share_ok(sva, other, PAGE);
	cr_expect_eq(info_of(sva).shared, 5 * PAGE);
	cr_expect_geq(info_of(sva).pinned, 5 * PAGE);
	cr_expect_str_eq(info_of(sva).name, "nested");
	cr_assert_eq(sva_copy(&w, sva, p + PAGE, other, PAGE), COPIED);
	cr_expect_eq(other[PAGE - 1], 0x11);

	forget_watched(sva, p + PAGE, 2 * PAGE);
	cr_assert_eq(mmap(p + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		     p + PAGE);
	fill(p + PAGE, 0x22, 2 * PAGE);
	cr_expect_eq(sva_copy(&w, sva, p + PAGE, other, PAGE), NOT_READ);
	cr_expect_eq(sva_copy(&w, sva, other, p + PAGE, PAGE), NOT_WRITTEN);
	cr_expect_eq(p[PAGE], 0x22);
	cr_expect_eq(sva_copy(&w, sva, p, other, PAGE), COPIED);
	cr_expect_eq(sva_copy(&w, sva, p + 3 * PAGE, other, PAGE), COPIED);

	share_ok(sva, p, 4 * PAGE);
	cr_assert_eq(sva_copy(&w, sva, p + 2 * PAGE, other, PAGE), COPIED);
	cr_expect_eq(other[0], 0x22, "what was there before");
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	if (flags & UVDK_SVA_RID)
		cr_expect_eq(copy(&w, 0, p, other, PAGE), NOT_READ);
	munmap(p, 4 * PAGE);
	munmap(other, PAGE);
	finish();
}

Test(sva_nested, with_a_pasid_what_is_shared_is_reached_and_what_is_forgotten_is_not)
{
	moves(0);
}

Test(sva_nested, without_a_pasid_what_is_shared_is_reached_and_what_is_forgotten_is_not)
{
	moves(UVDK_SVA_RID);
}

Test(sva_nested, a_part_given_up_keeps_no_more_than_its_chunk_pinned)
{
	struct uvdk_sva *sva = bind_nested(UVDK_SVA_NO_FOLLOW);
	uint8_t *raw = new_memory(5 * CHUNK);
	uint8_t *p = (uint8_t *)(((uintptr_t)raw + CHUNK - 1) & ~(CHUNK - 1));

	share_ok(sva, p, 4 * CHUNK);
	cr_expect_eq(info_of(sva).pinned, 4 * CHUNK);
	forget_watched(sva, p, CHUNK);
	cr_expect_eq(info_of(sva).pinned, 3 * CHUNK);
	forget_watched(sva, p + CHUNK, CHUNK - PAGE);
	cr_expect_eq(info_of(sva).pinned, 3 * CHUNK);
	cr_expect_eq(info_of(sva).shared, 2 * CHUNK + PAGE);
	cr_expect_eq(sva_copy(&w, sva, p + 2 * CHUNK - PAGE, p + 2 * CHUNK, PAGE), COPIED);
	cr_expect_eq(sva_copy(&w, sva, p + 2 * CHUNK - 2 * PAGE, p + 2 * CHUNK, PAGE), NOT_READ);
	forget_watched(sva, p, 4 * CHUNK);
	cr_expect_eq(info_of(sva).pinned, 0);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	munmap(raw, 5 * CHUNK);
	finish();
}

Test(sva_nested, bindings_see_only_what_was_shared_with_them)
{
	struct uvdk_sva *a = bind_nested(UVDK_SVA_NO_FOLLOW), *b = bind_nested(UVDK_SVA_NO_FOLLOW);
	uint8_t *p = new_memory(4 * PAGE);

	cr_assert_neq(uvdk_sva_pasid(a), uvdk_sva_pasid(b));
	share_ok(a, p, 4 * PAGE);
	share_ok(b, p + PAGE, 2 * PAGE);
	cr_expect_eq(sva_copy(&w, a, p, p + 3 * PAGE, PAGE), COPIED);
	cr_expect_eq(sva_copy(&w, b, p + PAGE, p + 2 * PAGE, PAGE), COPIED);
	cr_expect_eq(sva_copy(&w, b, p, p + PAGE, PAGE), NOT_READ);
	/* Who made it lets go; the other still has its part. */
	cr_assert_eq(uvdk_sva_unbind(a), 0);
	cr_expect_eq(sva_copy(&w, b, p + PAGE, p + 2 * PAGE, PAGE), COPIED);
	cr_assert_eq(uvdk_sva_unbind(b), 0);
	munmap(p, 4 * PAGE);
	finish();
}

Test(sva_nested, what_becomes_read_only_is_not_written_and_writable_again_is)
{
	struct uvdk_sva *sva = bind_nested(UVDK_SVA_NO_FOLLOW);
	uint8_t *p = new_memory(3 * PAGE);

	share_ok(sva, p, 3 * PAGE);
	cr_expect_eq(sva_copy(&w, sva, p, p + PAGE, PAGE), COPIED);
	cr_assert_eq(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	cr_assert_eq(uvdk_sva_sync(sva, p, 3 * PAGE), 0);
	cr_expect_eq(sva_copy(&w, sva, p, p + PAGE, PAGE), NOT_WRITTEN);
	cr_expect_eq(sva_copy(&w, sva, p + PAGE, p + 2 * PAGE, PAGE), COPIED);
	cr_assert_eq(mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
	cr_assert_eq(uvdk_sva_sync(sva, p, 3 * PAGE), 0);
	cr_expect_eq(sva_copy(&w, sva, p, p + PAGE, PAGE), COPIED);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	munmap(p, 3 * PAGE);
	finish();
}

Test(sva_nested, what_cannot_be_pinned_is_refused_and_nothing_is_shared)
{
	struct uvdk_sva *sva = bind_nested(UVDK_SVA_NO_FOLLOW);
	uint8_t *p = new_memory(3 * PAGE);

	munmap(p + PAGE, PAGE);
	cr_expect_eq(uvdk_sva_share(sva, p, 3 * PAGE), -EFAULT);
	cr_expect_eq(info_of(sva).shared, 0);
	cr_expect_eq(info_of(sva).pinned, 0);
	cr_expect_eq(sva_copy(&w, sva, p, p + 2 * PAGE, PAGE), NOT_READ);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	munmap(p, PAGE);
	munmap(p + 2 * PAGE, PAGE);
	finish();
}

Test(sva_nested, a_device_that_vanishes_leaves_nothing)
{
	struct uvdk_sva *sva = bind_nested(UVDK_SVA_NO_FOLLOW);
	uint8_t *p = new_memory(PAGE);

	share_ok(sva, p, PAGE);
	cr_assert_eq(uvdk_emu_unplug(w.emu, "emu:copier#0", true), 0);
	cr_expect_eq(uvdk_sva_forget(sva, p, PAGE), 0);
	cr_expect_eq(info_of(sva).shared, 0);
	cr_expect_eq(info_of(sva).pinned, 0);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	munmap(p, PAGE);
	finish();
}

Test(sva_nested, a_device_that_is_closed_ends_its_bindings)
{
	struct uvdk_sva *sva = bind_nested(UVDK_SVA_NO_FOLLOW);
	uint8_t *p = new_memory(PAGE);

	share_ok(sva, p, PAGE);
	uvdk_device_close(w.dev);
	w.dev = NULL;
	cr_expect_eq(uvdk_sva_share(sva, p, PAGE), -ENODEV);
	cr_expect_eq(info_of(sva).pinned, 0);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	munmap(p, PAGE);
	finish();
}

Test(sva_nested, is_what_is_chosen_where_it_goes)
{
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva *sva;

	opts.backend = UVDK_SVA_AUTO;
	sva = bind_ok(&w, &opts);
	cr_expect_str_eq(info_of(sva).name, "nested");
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	finish();
}

Test(sva_nested, fifty_bindings_at_once)
{
	enum { MANY = 50 };
	struct uvdk_sva *sva[MANY];
	uint8_t *p = new_memory(MANY * PAGE), *to = new_memory(PAGE);

	for (size_t i = 0; i < MANY; i++) {
		fill(p + i * PAGE, (int)i, PAGE);
		sva[i] = bind_nested(UVDK_SVA_NO_FOLLOW);
		share_ok(sva[i], p + i * PAGE, PAGE);
		share_ok(sva[i], to, PAGE);
	}
	for (size_t i = 0; i < MANY; i++) {
		cr_assert_eq(sva_copy(&w, sva[i], p + i * PAGE, to, PAGE), COPIED);
		cr_expect_eq(to[5], i);
		cr_expect_eq(sva_copy(&w, sva[i], p + (i + 1) % MANY * PAGE, to, PAGE), NOT_READ);
	}
	for (size_t i = 0; i < MANY; i++)
		cr_assert_eq(uvdk_sva_unbind(sva[i]), 0);
	munmap(p, MANY * PAGE);
	munmap(to, PAGE);
	finish();
}

/* Nothing is left of a thousand bindings: neither memory nor descriptors. */
Test(sva_nested, a_thousand_bindings_leave_nothing, .timeout = 120)
{
	uint8_t *p = new_memory(8 * PAGE);
	size_t used = 0;

	for (unsigned int i = 0; i < CYCLES; i++) {
		struct uvdk_sva *sva = bind_nested(UVDK_SVA_NO_FOLLOW | (i & 1 ? UVDK_SVA_RID : 0));

		share_ok(sva, p, 8 * PAGE);
		submit(&w, uvdk_sva_pasid(sva), p, p + 4 * PAGE, 4 * PAGE);
		if (i & 2)
			uvdk_emu_step(w.emu);
		cr_assert_eq(uvdk_sva_unbind(sva), 0);
		fill(p, 0x66, 8 * PAGE);
		while (uvdk_emu_step(w.emu))
			;
		cr_assert_eq(p[4 * PAGE], 0x66, "written after it was unbound");
		if (i == 20)
			used = mallinfo2().uordblks;
	}
	cr_assert_leq(mallinfo2().uordblks, used + 4096);
	munmap(p, 8 * PAGE);
	finish();
}
