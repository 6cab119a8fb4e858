// SPDX-License-Identifier: BSD-3-Clause
/*
 * pasid_cost BDF ours|bare|both ROUNDS: a PASID attached to an address space
 * and detached, by the library and by the ioctls that do the same and no more:
 * make a page table for PASIDs, attach it, detach, destroy it. Both on one
 * device, each with an address space of its own that maps as much. For
 * ./run bench: "both" alternates and tells the median time of each.
 */
#include "cost.h"
#include "pasid_copy.h"

#define LEN	   (16 * PAGE)
#define OURS	   5
#define BARE	   6
#define ROUNDS_MAX 10000

static void bare_ioas(void)
{
	struct iofd_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iofd_ioas_map map = {.size = sizeof(map),
				    .flags = IOFD_MAP_FIXED_IOVA | IOFD_MAP_WRITEABLE |
					     IOFD_MAP_READABLE,
				    .user_va = (uintptr_t)pages_new(LEN),
				    .length = LEN,
				    .iova = IOVA};

	cost_call(kernel.iommufd, IOFD_IOAS_ALLOC, &alloc);
	kernel.ioas = alloc.out_ioas_id;
	map.ioas_id = kernel.ioas;
	cost_call(kernel.iommufd, IOFD_IOAS_MAP, &map);
}

static void bare_once(void)
{
	struct iofd_hwpt_alloc alloc = {.size = sizeof(alloc),
					.flags = IOFD_HWPT_PASID,
					.dev_id = kernel.id,
					.pt_id = kernel.ioas};
	struct iofd_vfio_attach attach = {
		.argsz = sizeof(attach), .flags = IOFD_VFIO_PASID, .pasid = BARE};
	struct iofd_vfio_detach detach = {
		.argsz = sizeof(detach), .flags = IOFD_VFIO_PASID, .pasid = BARE};
	struct iofd_destroy destroy = {.size = sizeof(destroy)};

	cost_call(kernel.iommufd, IOFD_HWPT_ALLOC, &alloc);
	attach.pt_id = alloc.out_hwpt_id;
	cost_call(kernel.device, IOFD_VFIO_ATTACH, &attach);
	cost_call(kernel.device, IOFD_VFIO_DETACH, &detach);
	destroy.id = alloc.out_hwpt_id;
	cost_call(kernel.iommufd, IOFD_DESTROY, &destroy);
}

static void bare(unsigned int rounds)
{
	while (rounds--)
		bare_once();
}

static struct copier copier;
static struct uvdk_ioas *ioas;
static struct uvdk_pasid_owner *owner;

static void ours(unsigned int rounds)
{
	struct uvdk_pasid_attachment at;

	while (rounds--) {
		CHECK_EQ(uvdk_pasid_attach(owner, OURS, ioas, copier.dev, &at), 0);
		uvdk_pasid_detach(&at);
	}
}

static void both(unsigned int rounds)
{
	static uint64_t mine[ROUNDS_MAX], theirs[ROUNDS_MAX];

	for (unsigned int i = 0; i < rounds; i++) {
		mine[i] = cost_of(ours, 1);
		theirs[i] = cost_of(bare, 1);
	}
	printf("ours_ns=%" PRIu64 " bare_ns=%" PRIu64 "\n", cost_median(mine, rounds),
	       cost_median(theirs, rounds));
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc == 4 ? (unsigned int)atoi(argv[3]) : 0;
	struct uvdk_pasid_space *space;
	struct uvdk_ioas *rid;
	uint32_t pasid;

	if (!rounds || rounds > ROUNDS_MAX)
		return 2;
	copier_open(&copier, argv[1]);
	bare_ioas();
	/* A PASID beside the RID, and one that is there already, as for a tenant more. */
	rid = ioas_over(&copier, pages_new(LEN), LEN);
	CHECK_EQ(uvdk_ioas_attach(rid, copier.dev), 0);
	CHECK_EQ(uvdk_ioas_attach_pasid(rid, copier.dev, OURS + 2), 0);
	ioas = ioas_over(&copier, pages_new(LEN), LEN);
	CHECK_EQ(uvdk_pasid_space_create(NULL, &space), 0);
	CHECK_EQ(uvdk_pasid_owner_create(space, 0, &owner), 0);
	CHECK_EQ(uvdk_pasid_alloc(owner, OURS, OURS, &pasid), 0);

	if (strcmp(argv[2], "both") == 0)
		both(rounds);
	else if (strcmp(argv[2], "bare") == 0)
		bare(rounds);
	else
		ours(rounds);

	uvdk_ioas_destroy(ioas);
	uvdk_ioas_destroy(rid);
	copier_close(&copier);
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
	return 0;
}
