// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uvdk_coherency.h>
#include <uvdk_pasid_attach.h>

#include "fake.h"

static struct uvdk_pasid_space *space;
static struct uvdk_pasid_owner *owner;
static struct uvdk_device *dev;
static struct uvdk_ioas *other;

static void setup(void)
{
	fake_setup();
	dev = fake_device();
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &other), 0);
	cr_assert_eq(uvdk_pasid_space_create(NULL, &space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(space, 0, &owner), 0);
}

static void teardown(void)
{
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
	cr_expect_eq(fake.tags, NULL, "a PASID stays attached");
	uvdk_device_close(dev);
	uvdk_ioas_destroy(other);
	fake_teardown();
}

TestSuite(pasid_attach, .init = setup, .timeout = 60);

static const void *sees(uint32_t pasid)
{
	const struct fake_hwpt *hwpt = fake_hwpt_of(dev, pasid);

	return hwpt ? hwpt->space : NULL;
}

static uint32_t take(void)
{
	uint32_t pasid = 0;

	cr_assert_eq(uvdk_pasid_alloc(owner, 1, UINT32_MAX, &pasid), 0);
	return pasid;
}

Test(pasid_attach, freeing_detaches_first)
{
	struct uvdk_pasid_attachment a, b;
	uint32_t first = take();
	uint32_t second = take();

	cr_assert_eq(uvdk_pasid_attach(owner, first, ioas, dev, &a), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_pasid_attach(owner, second, other, dev, &b), 0);
	cr_expect_eq(sees(first), ioas);
	cr_assert_eq(uvdk_pasid_free(owner, first), 0);
	cr_expect_eq(sees(first), NULL);
	cr_expect_eq(sees(second), other);
	/* The number is another's now: nothing of the old one may touch it. */
	cr_assert_eq(take(), first);
	cr_assert_eq(uvdk_ioas_attach_pasid(other, dev, first), 0);
	cr_expect_eq(uvdk_pasid_replace(&a, ioas), -ENOENT);
	uvdk_pasid_detach(&a);
	cr_expect_eq(sees(first), other);
	uvdk_ioas_detach_pasid(other, dev, first);
	teardown(); /* the owner's end detaches the second */
}

Test(pasid_attach, a_device_may_be_closed_first)
{
	struct uvdk_pasid_attachment a, b, c;
	uint32_t first = take(), second = take(), third = take();

	cr_assert_eq(uvdk_pasid_attach(owner, first, ioas, dev, &a), 0);
	cr_assert_eq(uvdk_pasid_attach(owner, second, other, dev, &b), 0);
	cr_assert_eq(uvdk_pasid_attach(owner, third, other, dev, &c), 0);
	uvdk_device_close(dev);
	dev = NULL;
	cr_expect_eq(fake.tags, NULL, "closing detaches");
	cr_expect_eq(uvdk_pasid_replace(&a, other), -ENODEV);
	cr_expect_eq(uvdk_pasid_free(owner, first), 0);
	uvdk_pasid_detach(&b);
	cr_expect_eq(uvdk_pasid_free(owner, second), 0, "it was the owner's all the time");
	teardown(); /* the owner's end comes upon the third */
}

Test(pasid_attach, detaching_keeps_the_number)
{
	struct uvdk_pasid_attachment at;
	struct uvdk_pasid_stats stats;
	uint32_t pasid = take();

	cr_assert_eq(uvdk_pasid_attach(owner, pasid, ioas, dev, &at), 0);
	cr_assert_eq(uvdk_pasid_replace(&at, other), 0);
	cr_expect_eq(sees(pasid), other);
	uvdk_pasid_detach(&at);
	cr_expect_eq(sees(pasid), NULL);
	uvdk_pasid_get_stats(owner, &stats);
	cr_expect_eq(stats.held, 1);
	cr_assert_eq(uvdk_pasid_attach(owner, pasid, ioas, dev, &at), 0,
		     "and may be attached again");
	uvdk_pasid_detach(&at);
	teardown();
}

Test(pasid_attach, what_is_refused_leaves_nothing)
{
	struct uvdk_pasid_attachment at;
	uint32_t pasid = take();

	cr_expect_eq(uvdk_pasid_attach(owner, pasid + 1, ioas, dev, &at), -ENOENT);
	cr_expect_eq(sees(pasid + 1), NULL);
	cr_expect_eq(uvdk_pasid_attach(owner, pasid, NULL, dev, &at), -EINVAL);
	cr_expect(said("needs an owner, an address space and a device"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_pasid_attach(owner, pasid, ioas, NULL, &at), -EINVAL);
	cr_expect_eq(uvdk_pasid_attach(NULL, pasid, ioas, dev, &at), -EINVAL);
	fake.hwpt_attach = (struct fake_failure){1, -EADDRINUSE};
	cr_expect_eq(uvdk_pasid_attach(owner, pasid, ioas, dev, &at), -EADDRINUSE);
	cr_expect_eq(fake.hwpts, 0);
	cr_assert_eq(uvdk_pasid_attach(owner, pasid, ioas, dev, &at), 0);
	fake.hwpt_attach = (struct fake_failure){1, -EADDRINUSE};
	cr_expect_eq(uvdk_pasid_replace(&at, other), -EADDRINUSE);
	cr_expect_eq(sees(pasid), ioas);
	uvdk_pasid_detach(&at);
	teardown();
}

struct race {
	bool enough;
	unsigned long freed;
};

/* One thread frees what the other attaches and detaches. */
static void *free_again(void *arg)
{
	struct race *r = arg;

	while (!__atomic_load_n(&r->enough, __ATOMIC_ACQUIRE)) {
		unsigned long n = (unsigned long)uvdk_pasid_free_range(owner, 1, UINT32_MAX);

		__atomic_fetch_add(&r->freed, n, __ATOMIC_RELAXED);
	}
	return NULL;
}

Test(pasid_attach, a_free_may_come_at_any_moment)
{
	struct uvdk_pasid_attachment at;
	unsigned int attached = 0;
	struct race race = {0};
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, free_again, &race), 0);
	/* A busy machine may let the other thread begin late. */
	for (int i = 0; i < 20000 || !__atomic_load_n(&race.freed, __ATOMIC_RELAXED); i++) {
		uint32_t pasid = take();

		if (!uvdk_pasid_attach(owner, pasid, i & 1 ? ioas : other, dev, &at)) {
			attached++;
			uvdk_pasid_detach(&at);
		}
		uvdk_pasid_free(owner, pasid); /* or the other thread has */
	}
	__atomic_store_n(&race.enough, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	cr_expect_gt(attached, 0);
	teardown();
}

/* What the callback frees when coherency is no longer enforced: while it is being attached. */
static uint32_t doomed;
static unsigned int calls;

static void free_doomed(struct uvdk_ioas *as, bool needed, void *arg)
{
	(void)as, (void)arg;
	calls++;
	if (needed)
		cr_expect_eq(uvdk_pasid_free(owner, doomed), 0);
}

Test(pasid_attach, a_callback_may_free_what_is_being_attached)
{
	struct uvdk_pasid_attachment at;

	uvdk_ioas_set_wbinvd_cb(other, free_doomed, NULL);
	doomed = take();
	cr_expect_eq(uvdk_pasid_attach(owner, doomed, other, dev, &at), 0);
	cr_expect_eq(calls, 2);
	cr_expect_eq(sees(doomed), NULL);
	cr_expect_eq(uvdk_pasid_replace(&at, ioas), -ENOENT);
	uvdk_pasid_detach(&at);

	doomed = take();
	cr_assert_eq(uvdk_pasid_attach(owner, doomed, ioas, dev, &at), 0);
	cr_expect_eq(uvdk_pasid_replace(&at, other), 0);
	cr_expect_eq(calls, 4);
	cr_expect_eq(sees(doomed), NULL);
	uvdk_pasid_detach(&at);
	cr_expect_eq(take(), doomed, "it is free");
	uvdk_ioas_set_wbinvd_cb(other, NULL, NULL);
	teardown();
}

/* Its descriptors are the parent's, so that a detach there would be one here. */
Test(pasid_attach, a_child_detaches_nothing)
{
	struct uvdk_pasid_attachment at;
	uint32_t pasid = take();
	int status = -1;
	pid_t child;

	cr_assert_eq(uvdk_pasid_attach(owner, pasid, ioas, dev, &at), 0);
	child = fork();
	if (child == 0) {
		bool good = uvdk_pasid_replace(&at, other) == -EPERM;

		alarm(20);
		uvdk_pasid_detach(&at);
		uvdk_pasid_detach(&at);
		_exit(good && sees(pasid) == ioas ? 0 : 1);
	}
	cr_assert_gt(child, 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect_eq(status, 0, "the child called the driver");
	uvdk_pasid_detach(&at);
	cr_expect_eq(sees(pasid), NULL);
	teardown();
}
