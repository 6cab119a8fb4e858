/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SG_WORLD_H
#define SG_WORLD_H

#include <criterion/criterion.h>
#include <string.h>

#include <uvdk_dma_sg.h>

#include "../../random.h"
#include "../iommu/fake.h"

/*
 * Pages of memory, some of which are neighbours for the device, too, some not, one
 * beyond 32 bits, one not mapped. A device of the test's reads and writes pieces.
 */
#define WORLD_PAGES 12
#define UNMAPPED    10
#define HIGH	    5

static char *world;

static inline void world_setup(void)
{
	/* In pages from 16 MiB; neighbours: 0-1-2, 7-3, 8-9. */
	static const uint64_t at[WORLD_PAGES] = {0, 1, 2, 41, 20, 0x200000, 30, 40, 50, 51, 0, 70};

	fake_setup();
	world = aligned_alloc(PAGE, WORLD_PAGES * PAGE);
	cr_assert_not_null(world);
	for (unsigned int i = 0; i < WORLD_PAGES; i++) {
		uvdk_iova_t iova = 0x1000000 + at[i] * PAGE;

		if (i != UNMAPPED)
			cr_assert_eq(uvdk_ioas_map(ioas, world + i * PAGE, PAGE,
						   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
				     0, "%s", uvdk_last_error());
	}
}

static inline void world_teardown(void)
{
	fake_teardown();
	free(world);
}

static inline struct uvdk_dma_sg *sg_of(const struct uvdk_dma_limits *limits,
					struct uvdk_dma_pool_cache *bounce)
{
	struct uvdk_dma_sg_opts opts = {.size = sizeof(opts), .bounce = bounce};
	struct uvdk_dma_sg *sg = NULL;

	if (limits)
		opts.limits = *limits;
	cr_assert_eq(uvdk_dma_sg_create(ioas, &opts, &sg), 0, "%s", uvdk_last_error());
	return sg;
}

/* Does a piece keep the limits? */
static inline bool keeps(const struct uvdk_dma_limits *l, uvdk_iova_t addr, uint64_t len)
{
	uvdk_iova_t last = addr + len - 1;

	return len && (!l->len_max || len <= l->len_max) &&
	       (!l->len_align || len % l->len_align == 0) &&
	       (!l->addr_align || addr % l->addr_align == 0) &&
	       (!l->boundary || addr / l->boundary == last / l->boundary) &&
	       (!l->addr_mask || !((addr | last) & ~l->addr_mask));
}

static inline uint64_t random_power(uint64_t *seed, unsigned int bits)
{
	return random_next(seed) >> 20 & 1 ? UINT64_C(1) << (random_next(seed) >> 20) % bits : 0;
}

/* Limits that go together. */
static inline struct uvdk_dma_limits random_limits(uint64_t *seed)
{
	struct uvdk_dma_limits l = {
		.len_align = random_power(seed, 5),
		.addr_align = random_power(seed, 5),
	};
	uint64_t unit = l.len_align > l.addr_align ? l.len_align : l.addr_align;

	unit = unit ? unit : 1;
	l.len_max = random_next(seed) >> 20 & 1 ? unit + (random_next(seed) >> 20) % 100 : 0;
	l.boundary = random_next(seed) >> 20 & 1 ? unit << (random_next(seed) >> 20) % 8 : 0;
	l.addr_mask = random_next(seed) >> 20 & 1 ? UINT32_MAX : 0;
	l.count_max = (random_next(seed) >> 20) % 4 ? 0 : 1 + (random_next(seed) >> 20) % 20;
	return l;
}

/* A few short buffers around the edges of pages; how many. */
static inline unsigned int random_buffers(uint64_t *seed, struct iovec *iov, unsigned int most)
{
	unsigned int n = 1 + (unsigned int)((random_next(seed) >> 20) % most);
	uint64_t step = UINT64_C(1) << (random_next(seed) >> 20) % 6;
	char *follow = NULL;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t dice = random_next(seed) >> 16;
		uint64_t back = dice % 64 / step * step;
		uint64_t pages = (WORLD_PAGES - 1) * PAGE;
		char *at = world + ((dice >> 8) % (WORLD_PAGES - 1) + 1) * PAGE - back;

		if (follow && dice >> 20 & 1 && follow < world + pages)
			at = follow;
		iov[i] = (struct iovec){at, (dice >> 24) % 100 / step * step};
		follow = at + iov[i].iov_len;
	}
	return n;
}

#endif /* SG_WORLD_H */
