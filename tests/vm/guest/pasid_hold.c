// SPDX-License-Identifier: BSD-3-Clause
/*
 * pasid_hold BDF COUNT: attaches as many PASIDs, each to an address space of
 * its own, sets copies going that will not end, says so, and waits to be killed.
 */
#include "pasid_copy.h"

#define PAGES 4u
#define LONG  (PAGES / 2 * PAGE)
#define PACE  100000 /* us */

int main(int argc, char **argv)
{
	struct uvdk_pasid_owner *owner;
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_attachment *at;
	struct copier copier;
	unsigned int count;
	uint32_t first;

	if (argc != 3)
		return 2;
	count = (unsigned int)atoi(argv[2]);
	at = calloc(count, sizeof(*at));
	CHECK(at, "memory");
	copier_open(&copier, argv[1]);
	copier_set_pace(&copier, PACE);
	CHECK_EQ(uvdk_pasid_space_create(NULL, &space), 0);
	CHECK_EQ(uvdk_pasid_owner_create(space, count, &owner), 0);
	CHECK_EQ(uvdk_pasid_alloc_range(owner, count, 1, UINT32_MAX, &first), 0);
	for (unsigned int i = 0; i < count; i++) {
		struct uvdk_ioas *ioas = ioas_over(&copier, pages_new(PAGES * PAGE), PAGES * PAGE);

		CHECK_EQ(uvdk_pasid_attach(owner, first + i, ioas, copier.dev, &at[i]), 0);
	}
	for (unsigned int i = 0; i < COPY_QUEUES * COPY_SLOTS; i++)
		copier_submit(&copier, i % COPY_QUEUES, (first + i % count) | COPY_TAGGED,
			      IOVA + LONG, IOVA, LONG);
	CHECK(!copier_idle(&copier, 0), "nothing is in flight");
	printf("holding %u\n", count);
	fflush(stdout);
	for (;;)
		pause();
}
