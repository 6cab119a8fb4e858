// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <pthread.h>

#include <uvdk_coherency.h>

#include "fake.h"

#define DEVICES 4

/*
 * Four devices behind iommus of two kinds, and an iommu driver that knows what
 * they really get (or NULL). Nothing below knows more of them than this.
 */
struct world {
	const char *specs[DEVICES];
	bool enforces[DEVICES]; /* their iommu can */
	int (*truth)(struct uvdk_device *dev, uint32_t pasid);
};

static const struct world fake_world = {
	.specs = {"fake:0-cc", "fake:1", "fake:2-cc", "fake:3"},
	.enforces = {true, false, true, false},
	.truth = fake_enforced,
};

/* How a device is attached. */
enum manner { BY_RID = 1, BY_PASID = 2, BY_BOTH = 3 };

static const struct world *world;
static struct uvdk_device *devs[DEVICES];
static struct uvdk_ioas *space;
static enum uvdk_coherency_policy policy;
static enum manner manner;
static bool in[DEVICES];

/* What the callback heard. */
static unsigned int calls, wrong_calls;
static bool heard;

static void on_wbinvd(struct uvdk_ioas *as, bool needed, void *arg)
{
	wrong_calls += as != space || arg != &calls || needed == heard ||
		       uvdk_ioas_needs_wbinvd(as) != needed;
	heard = needed;
	calls++;
}

static struct uvdk_ioas *space_create(enum uvdk_coherency_policy how)
{
	const struct uvdk_ioas_opts opts = {.size = sizeof(opts), .coherency = how};
	struct uvdk_ioas *as = NULL;

	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &as), 0, "%s", uvdk_last_error());
	return as;
}

static void begin(enum uvdk_coherency_policy how, enum manner way)
{
	policy = how;
	manner = way;
	space = space_create(how);
	memset(in, 0, sizeof(in));
	calls = wrong_calls = 0;
	heard = false;
	cr_assert_not(uvdk_ioas_set_wbinvd_cb(space, on_wbinvd, &calls));
}

static void setup(void)
{
	world = &fake_world;
	fake_setup();
	for (int i = 0; i < DEVICES; i++)
		devs[i] = fake_device_named(world->specs[i]);
}

static void teardown(void)
{
	for (int i = 0; i < DEVICES; i++)
		uvdk_device_close(devs[i]);
	uvdk_ioas_destroy(space);
	fake_teardown();
}

TestSuite(coherency, .init = setup, .timeout = 60);

static bool all_enforce(void)
{
	bool all = true;

	for (int i = 0; i < DEVICES; i++)
		all = all && (!in[i] || world->enforces[i]);
	return all;
}

static void check_device(int i)
{
	bool want = policy == UVDK_COHERENCY_SHARE ? all_enforce() : world->enforces[i];
	struct uvdk_coherency got = {0};

	if (!in[i]) {
		cr_assert_eq(uvdk_ioas_device_coherency(space, devs[i], &got), -ENOENT);
		return;
	}
	cr_assert_eq(uvdk_ioas_device_coherency(space, devs[i], &got), 0);
	cr_assert_eq(got.enforced, want, "device %d", i);
	cr_assert_eq(got.table, policy == UVDK_COHERENCY_SHARE ? UVDK_COHERENCY_TABLE_SHARED
				: want			       ? UVDK_COHERENCY_TABLE_ENFORCED
							       : UVDK_COHERENCY_TABLE_OPEN);
	for (uint32_t pasid = 0; world->truth && pasid < 2; pasid++)
		cr_assert_eq(world->truth(devs[i], pasid),
			     manner & (pasid ? BY_PASID : BY_RID) ? want : -1,
			     "device %d, PASID %u is not what is said of it", i, pasid);
}

/* Attach or detach one, and look at all of them: only who is attached may matter. */
static void toggle(int i)
{
	unsigned int before = calls;
	bool needed = uvdk_ioas_needs_wbinvd(space);

	if (in[i]) {
		uvdk_ioas_detach_pasid(space, devs[i], 1);
		uvdk_ioas_detach(space, devs[i]);
	} else {
		if (manner & BY_PASID)
			cr_assert_eq(uvdk_ioas_attach_pasid(space, devs[i], 1), 0);
		if (manner & BY_RID)
			cr_assert_eq(uvdk_ioas_attach(space, devs[i]), 0);
	}
	in[i] = !in[i];
	for (int j = 0; j < DEVICES; j++)
		check_device(j);
	cr_assert_eq(uvdk_ioas_needs_wbinvd(space), !all_enforce());
	cr_assert_eq(calls - before, needed == all_enforce());
	cr_assert_eq(heard, !all_enforce());
	cr_assert_eq(wrong_calls, 0);
}

/* Each device comes once and goes once: every order in which that can be. */
static unsigned int every_order(unsigned int came, unsigned int gone)
{
	unsigned int orders = gone == (1 << DEVICES) - 1;

	for (int i = 0; i < DEVICES; i++) {
		unsigned int bit = 1u << i;

		if (gone & bit)
			continue;
		toggle(i);
		orders +=
			came & bit ? every_order(came, gone | bit) : every_order(came | bit, gone);
		toggle(i);
	}
	return orders;
}

static void all_manners(enum uvdk_coherency_policy how)
{
	for (enum manner way = BY_RID; way <= BY_BOTH; way++) {
		begin(how, way);
		cr_expect_eq(every_order(0, 0), 2520);
		uvdk_ioas_destroy(space);
		space = NULL;
		cr_expect_eq(fake.hwpts, 0);
	}
	teardown();
}

Test(coherency, separate_shows_no_history)
{
	all_manners(UVDK_COHERENCY_SEPARATE);
}

Test(coherency, share_is_the_weakest)
{
	all_manners(UVDK_COHERENCY_SHARE);
}

/* They differ in how they are attached, and keep coming and going. */
Test(coherency, a_long_history_does_not_show)
{
	unsigned int seed = 1;

	for (int how = 0; how < 2; how++) {
		begin(how ? UVDK_COHERENCY_SEPARATE : UVDK_COHERENCY_SHARE, BY_BOTH);
		for (int i = 0; i < 20000; i++) {
			seed = seed * 1103515245 + 12345;
			toggle(seed >> 16 & 3);
		}
		uvdk_ioas_destroy(space);
		space = NULL;
	}
	teardown();
}
