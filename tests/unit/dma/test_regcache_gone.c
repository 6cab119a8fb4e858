// SPDX-License-Identifier: BSD-3-Clause
/* Memory that is freed while it is held, and devices that come after that. */
#include "regcache_world.h"

static unsigned int visited;

static int visit(const struct uvdk_map_info *map, void *arg)
{
	(void)map;
	(void)arg;
	visited++;

	return 0;
}

/* As a driver does that maps by address what there is, for a device of another group. */
static int replay(struct uvdk_ioas *as)
{
	visited = 0;

	return uvdk_ioas_for_each(as, visit, NULL);
}

static struct uvdk_device *attach(void)
{
	struct uvdk_device *dev = fake_device();

	fake.on_attach = replay;
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0, "%s", uvdk_last_error());
	return dev;
}

static void lose(uint8_t *p)
{
	by_munmap(p);
	uvdk_follow_flush();
}

Test(regcache_gone, no_other_memory_is_mapped_where_it_was)
{
	struct uvdk_regcache_hold hold;
	struct uvdk_device *dev;
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	hold = get_ok(p, LEN);
	lose(p);
	dev = attach();
	cr_expect_eq(visited, 0, "the map would be of what is there now");
	cr_expect(mapped(hold.iova), "who has it already keeps it");
	cr_expect_not_null(fake_find(hold.iova));
	uvdk_regcache_put(cache, &hold);
	cr_expect_null(fake_find(hold.iova));
	touch(p, LEN);
	uvdk_device_close(dev);
	dev = attach();
	cr_expect_eq(visited, 1);
	uvdk_device_close(dev);
	munmap(p, LEN);
	end();
}

Test(regcache_gone, what_goes_after_it_was_mapped_in_a_larger_one_is_known_too)
{
	struct uvdk_regcache_hold hold;
	struct uvdk_device *dev;
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	hold = get_ok(p, PAGE);
	touch(p, 2 * PAGE); /* has the page in a map of its own, and the first lingers */
	cr_expect_eq(stats_of().lingering, 1);
	lose(p);
	dev = attach();
	cr_expect_eq(visited, 0);
	uvdk_regcache_put(cache, &hold);
	cr_expect_eq(fake.maps, 0);
	uvdk_device_close(dev);
	munmap(p, LEN);
	end();
}

Test(regcache_gone, it_is_not_put_back_by_an_unmap_that_failed)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	hold = get_ok(p, LEN);
	lose(p);
	fake.unmap.at = 1;
	fake.unmap.err = -EIO;
	uvdk_regcache_put(cache, &hold);
	cr_expect(mapped(hold.iova));
	cr_expect_eq(uvdk_regcache_forget(cache, p, LEN), 0);
	cr_expect(!mapped(hold.iova));
	munmap(p, LEN);
	end();
}
