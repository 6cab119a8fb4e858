// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include <uvdk_base_driver.h>

#include "../../sanitizer.h"
#include "emu_storm.h"

/* Ten million random operations, and no stale translation. */

#if SANITIZED
#define OPS 300000
#else
#define OPS 10000000
#endif

static void blow(enum uvdk_emu_caching caching, bool absence, uint64_t seed, uint64_t ops)
{
	struct uvdk_emu_stale stale;
	struct storm s;

	uvdk_log_set_level(NULL, UVDK_LOG_ERR);
	storm_open(&s, caching, absence, seed);
	storm_run(&s, ops);
	cr_expect_eq(uvdk_emu_stales(s.world.emu, &stale, 1), 0, "missing: %s", stale.missing);
	cr_expect_eq(s.wrong, 0, "%llu times wrong, first %s", (unsigned long long)s.wrong,
		     s.first_wrong);
	cr_expect_gt(s.accesses, ops / 20);
	cr_expect_gt(s.refusals, ops / 20);
	cr_expect_gt(s.asked, ops / 20000);
	storm_close(&s);
}

Test(emu_storm, where_caches_keep_what_is_not_invalidated)
{
	blow(UVDK_EMU_CACHE_KEEPS, false, 12345, OPS);
}

Test(emu_storm, where_caches_forget_at_random)
{
	blow(UVDK_EMU_CACHE_FORGETS, false, 12345, OPS);
}

Test(emu_storm, where_absence_is_cached_too)
{
	blow(UVDK_EMU_CACHE_KEEPS, true, 12345, OPS);
}

Test(emu_storm, where_units_differ_and_tables_are_replaced_for_that)
{
	blow(UVDK_EMU_CACHE_KEEPS, true, 12346, OPS / 4);
}
