// SPDX-License-Identifier: BSD-3-Clause
#include "sva_world.h"

/* Binding, and its end. */

static struct world w;

static void setup(void)
{
	world_open(&w, true);
}

static void teardown(void)
{
	world_close(&w);
}

TestSuite(sva_bind, .init = setup, .fini = teardown);

Test(sva_bind, the_device_takes_pointers_of_the_process_by_pasid)
{
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva *sva = bind_ok(&w, &opts);
	char *from = malloc(100000), *to = malloc(100000);

	memset(from, 7, 100000);
	memset(to, 0, 100000);
	share_ok(sva, from, 100000);
	share_ok(sva, to, 100000);
	cr_assert_eq(sva_copy(&w, sva, from + 5, to + 3, 99990), COPIED);
	cr_assert_eq(memcmp(to + 3, from + 5, 99990), 0);
	cr_assert_eq(to[2], 0);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(copy(&w, 1, from, to, 8), NOT_READ);
	cr_assert_eq(held(&w), 0);
	free(from);
	free(to);
}

Test(sva_bind, the_device_takes_pointers_of_the_process_without_a_pasid)
{
	struct uvdk_sva_opts opts = with_rid(UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva *sva = bind_ok(&w, &opts);
	char from[64] = "on the stack", to[64] = "";

	cr_assert_eq(uvdk_sva_pasid(sva), UVDK_PASID_RID);
	share_ok(sva, from, sizeof(from));
	share_ok(sva, to, sizeof(to));
	cr_assert_eq(sva_copy(&w, sva, from, to, sizeof(from)), COPIED);
	cr_assert_str_eq(to, "on the stack");
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(copy(&w, 0, from, to, 8), NOT_READ);
}

Test(sva_bind, what_is_bound_is_refused_and_stays_as_it_is)
{
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva_opts rid = with_rid(UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva *sva = bind_ok(&w, &opts), *other = NULL;
	char from[64] = "still there", to[64] = "";

	opts.pasid = uvdk_sva_pasid(sva);
	share_ok(sva, from, sizeof(from));
	share_ok(sva, to, sizeof(to));
	cr_assert_eq(uvdk_sva_bind(w.dev, &opts, &other), -EBUSY);
	cr_assert_not_null(strstr(uvdk_last_error(), "PASID 1"), "%s", uvdk_last_error());
	cr_assert_null(other);
	cr_assert_eq(sva_copy(&w, sva, from, to, sizeof(from)), COPIED);
	cr_assert_str_eq(to, "still there");
	other = bind_ok(&w, &rid);
	cr_assert_eq(uvdk_sva_bind(w.dev, &rid, &sva), -EBUSY);
	cr_assert_eq(uvdk_sva_unbind(other), 0);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(held(&w), 0);
}

Test(sva_bind, what_is_attached_is_refused)
{
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva_opts rid = with_rid(UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva *sva = NULL;
	struct uvdk_ioas *ioas;

	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_pasid_alloc(w.owner, 9, 9, &opts.pasid), 0);
	cr_assert_eq(uvdk_ioas_attach_pasid(ioas, w.dev, 9), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, w.dev), 0);
	cr_assert_eq(uvdk_sva_bind(w.dev, &opts, &sva), -EBUSY);
	cr_assert_eq(uvdk_sva_bind(w.dev, &rid, &sva), -EBUSY);
	uvdk_ioas_destroy(ioas);
	cr_assert_eq(held(&w), 1, "a PASID that was given stays");
	sva = bind_ok(&w, &opts);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(held(&w), 1);
}

Test(sva_bind, unbinding_twice_is_refused_and_touches_nothing)
{
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva *sva = bind_ok(&w, &opts);
	char buf[64];

	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(uvdk_sva_unbind(sva), -EINVAL);
	cr_assert_eq(uvdk_sva_unbind(NULL), -EINVAL);
	cr_assert_eq(uvdk_sva_share(sva, buf, sizeof(buf)), -EINVAL);
	cr_assert_eq(uvdk_sva_forget(sva, buf, sizeof(buf)), -EINVAL);
	cr_assert_eq(uvdk_sva_sync(sva, buf, sizeof(buf)), -EINVAL);
	cr_assert_eq(uvdk_sva_poll(sva), -EINVAL);
}

Test(sva_bind, options_that_make_no_sense_are_refused)
{
	struct uvdk_sva_opts good = with_pasid(&w, UVDK_SVA_NO_FOLLOW), o;
	struct uvdk_sva *sva = NULL;

	cr_assert_eq(uvdk_sva_bind(NULL, &good, &sva), -EINVAL);
	cr_assert_eq(uvdk_sva_bind(w.dev, &good, NULL), -EINVAL);
	cr_assert_eq(uvdk_sva_bind(w.dev, NULL, &sva), -EINVAL);
	o = good, o.size = 0;
	cr_assert_eq(uvdk_sva_bind(w.dev, &o, &sva), -EINVAL);
	o = good, o.flags |= 1u << 31;
	cr_assert_eq(uvdk_sva_bind(w.dev, &o, &sva), -EINVAL);
	o = good, o.backend = (enum uvdk_sva_backend)77;
	cr_assert_eq(uvdk_sva_bind(w.dev, &o, &sva), -EINVAL);
	o = good, o.flags |= UVDK_SVA_RID;
	cr_assert_eq(uvdk_sva_bind(w.dev, &o, &sva), -EINVAL);
	o = good, o.owner = NULL, o.pasid = 3;
	cr_assert_eq(uvdk_sva_bind(w.dev, &o, &sva), -EINVAL);
	o = good, o.readahead = 5000;
	cr_assert_eq(uvdk_sva_bind(w.dev, &o, &sva), -EINVAL);
	o = good, o.pasid = 3;
	cr_assert_eq(uvdk_sva_bind(w.dev, &o, &sva), -EPERM, "nobody holds it");
	cr_assert_null(sva);
	cr_assert_eq(held(&w), 0);
}

Test(sva_bind, freeing_the_pasid_ends_the_access_and_unbind_then_frees_only)
{
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva *sva = bind_ok(&w, &opts);
	char from[64] = "x", to[64] = "";
	uint32_t pasid;

	share_ok(sva, from, sizeof(from));
	share_ok(sva, to, sizeof(to));
	cr_assert_eq(uvdk_pasid_free(w.owner, uvdk_sva_pasid(sva)), 0);
	cr_assert_eq(copy(&w, 1, from, to, 8), NOT_READ);
	cr_assert_eq(info_of(sva).pinned, 0);
	cr_assert_eq(uvdk_sva_share(sva, from, sizeof(from)), -ENODEV);
	cr_assert_eq(uvdk_sva_forget(sva, from, sizeof(from)), 0);
	cr_assert_eq(uvdk_pasid_alloc(w.owner, 1, 1, &pasid), 0, "another has it now");
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(held(&w), 1);
}

Test(sva_bind, destroying_the_owner_ends_the_access)
{
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva *sva;
	char from[64] = "x", to[64] = "";

	cr_assert_eq(uvdk_pasid_owner_create(w.space, 0, &opts.owner), 0);
	sva = bind_ok(&w, &opts);
	share_ok(sva, from, sizeof(from));
	share_ok(sva, to, sizeof(to));
	cr_assert_eq(sva_copy(&w, sva, from, to, 8), COPIED);
	uvdk_pasid_owner_destroy(opts.owner);
	cr_assert_eq(copy(&w, 1, from, to, 8), NOT_READ);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
}

Test(sva_bind, closing_the_device_ends_the_access_and_unbind_then_frees_only)
{
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva_opts rid = with_rid(UVDK_SVA_NO_FOLLOW);
	struct uvdk_sva *a = bind_ok(&w, &opts), *b = bind_ok(&w, &rid);
	char buf[64];

	share_ok(a, buf, sizeof(buf));
	share_ok(b, buf, sizeof(buf));
	uvdk_device_close(w.dev);
	w.dev = NULL;
	cr_assert_eq(uvdk_sva_share(a, buf, sizeof(buf)), -ENODEV);
	cr_assert_eq(info_of(b).shared, 0);
	cr_assert_eq(uvdk_sva_unbind(a), 0);
	cr_assert_eq(uvdk_sva_unbind(b), 0);
	cr_assert_eq(held(&w), 0);
}

Test(sva_bind, auto_takes_what_goes_and_says_what_each_lacks_where_nothing_does)
{
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);
	struct uvdk_device *edu;
	struct uvdk_sva *sva;

	opts.backend = UVDK_SVA_AUTO;
	sva = bind_ok(&w, &opts);
	cr_assert_neq(info_of(sva).backend, UVDK_SVA_AUTO);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(uvdk_device_open(w.iommu, "emu:edu", NULL, &edu), 0);
	cr_assert_eq(uvdk_sva_bind(edu, &opts, &sva), -EOPNOTSUPP);
	for (const char *const *name =
		     (const char *const[]){"kernel:", "nested:", "demand:", "pinned:", NULL};
	     *name; name++)
		cr_assert_not_null(strstr(uvdk_last_error(), *name), "%s", uvdk_last_error());
	cr_assert_eq(held(&w), 0);
	uvdk_device_close(edu);
}
