// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include <uvdk_emu.h>

#include "queues_priv.h"

/*
 * The example's tenants and attacker on a machine that works step by step, so that what a tenant
 * gets is a count and no time.
 */

#define TENANTS 16u
#define STEPS	300u
#define ROUNDS	4u

static struct uvdk_emu *emu;
static struct engine e;

/* Steps the machine while the driver waits for it. */
struct helper {
	pthread_t thread;
	bool stop; /* atomic */
};

static void *help(void *arg)
{
	struct helper *helper = arg;

	while (!__atomic_load_n(&helper->stop, __ATOMIC_ACQUIRE))
		uvdk_emu_step(emu);

	return NULL;
}

static void help_begin(struct helper *helper)
{
	helper->stop = false;
	cr_assert_eq(pthread_create(&helper->thread, NULL, help, helper), 0);
}

static void help_end(struct helper *helper)
{
	__atomic_store_n(&helper->stop, true, __ATOMIC_RELEASE);
	pthread_join(helper->thread, NULL);
}

static void begin(void)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true};
	struct uvdk_iommu_opts iommu = {.size = sizeof(iommu)};
	struct helper helper;

	cr_assert_eq(uvdk_emu_create(&opts, &emu), 0);
	help_begin(&helper);
	iommu.emu = emu;
	e = (struct engine){.count = TENANTS, .attack.random = 7};
	cr_assert_eq(uvdk_iommu_open("emu", &iommu, &e.iommu), 0);
	cr_assert_eq(uvdk_device_open(e.iommu, "emu:dsa,wqs=16", NULL, &e.dev), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(engine_open(&e, 20), 0, "%s", uvdk_last_error());
	help_end(&helper);
}

static void end(void)
{
	struct uvdk_emu_stale stale;
	struct helper helper;

	help_begin(&helper);
	engine_close(&e);
	uvdk_device_close(e.dev);
	help_end(&helper);
	uvdk_iommu_close(e.iommu);
	cr_expect_eq(uvdk_emu_stales(emu, &stale, 1), 0);
	uvdk_emu_destroy(emu);
}

/* Copies of the victims that end within so many steps. */
static uint64_t steps(bool attacked)
{
	uint64_t before = 0, after = 0;

	for (unsigned int i = 0; i < TENANTS - 1; i++)
		before += e.tenant[i].done;
	for (unsigned int step = 0; step < STEPS; step++) {
		for (unsigned int i = 0; i < TENANTS - 1; i++)
			cr_assert_eq(tenant_work(&e.tenant[i]), 0);
		if (attacked)
			attack_turn(&e);
		uvdk_emu_step(emu);
		read_faults(&e);
	}
	for (unsigned int i = 0; i < TENANTS - 1; i++)
		after += e.tenant[i].done;

	return after - before;
}

static void settle(void)
{
	for (unsigned int i = 0; i < TENANTS - 1; i++)
		while (e.tenant[i].under_way) {
			uvdk_emu_step(emu);
			tenant_poll(&e.tenant[i]);
		}
}

Test(dsa_tenants, an_attacker_meets_faults_and_the_others_keep_their_data_and_their_rate,
     .timeout = 300)
{
	const struct tenant *attacker;
	struct helper helper;
	uint64_t quiet = 0, loud = 0;

	begin();
	attacker = &e.tenant[TENANTS - 1];
	for (unsigned int round = 0; round < ROUNDS; round++) {
		quiet += steps(false);
		loud += steps(true);
		help_begin(&helper);
		cr_assert_eq(attack_end(&e), 0);
		help_end(&helper);
	}
	settle();
	for (unsigned int i = 0; i < TENANTS - 1; i++) {
		cr_expect_eq(e.tenant[i].failed, 0, "copies of tenant %u failed", i);
		cr_expect(tenant_right(&e.tenant[i]), "tenant %u", i);
	}
	cr_expect_gt(attacker->faults, 0);
	cr_expect_gt(e.attack.descriptors, 0);
	cr_expect_gt(e.reports, 0, "no page was asked for");
	cr_expect_eq(e.wrong_reports, 0);
	cr_expect_geq(loud * 10, quiet * 7, "%llu copies instead of %llu", (unsigned long long)loud,
		      (unsigned long long)quiet);
	end();
}
