// SPDX-License-Identifier: BSD-3-Clause
/*
 * pasid_tenants BDF COUNT: as many PASIDs on one device, each with an address
 * space of its own, and the RID with another; all of them hold other memory at
 * the same IOVAs. Copies with a PASID reach its tenant's memory and nothing
 * else; after the detach they fault.
 */
#include "pasid_copy.h"

#define HALF  (8 * PAGE) /* the first half of a tenant's memory is the source */
#define WORDS (HALF / sizeof(uint64_t))

struct tenant {
	uint32_t pasid;	     /* 0: the RID */
	unsigned int copies; /* that have been made in it */
	struct uvdk_ioas *ioas;
	uint64_t *mem;
	struct uvdk_pasid_attachment at;
};

static struct copier copier;
static struct uvdk_pasid_space *space;
static struct uvdk_pasid_owner *owner;
static struct tenant *tenants;
static unsigned int count; /* the RID's, at 0, not counted */

/* No two words of all tenants' sources are equal, over all copies. */
static uint64_t word(unsigned int tenant, unsigned int copy, size_t i)
{
	return (uint64_t)(tenant + 1) << 48 | (uint64_t)(copy + 1) << 32 | i;
}

/* New content for the source; what is in the other half stays. */
static void fill(unsigned int tenant)
{
	struct tenant *t = &tenants[tenant];

	for (size_t i = 0; i < WORDS; i++)
		t->mem[i] = word(tenant, t->copies, i);
}

/* Every byte: the source as it was filled, the rest as the latest copy left it. */
static void check(unsigned int tenant)
{
	struct tenant *t = &tenants[tenant];

	for (size_t i = 0; i < WORDS; i++) {
		uint64_t want = t->copies ? word(tenant, t->copies - 1, i) : 0;

		CHECK(t->mem[i] == word(tenant, t->copies, i),
		      "tenant %u: source word %zu is 0x%" PRIx64, tenant, i, t->mem[i]);
		CHECK(t->mem[WORDS + i] == want,
		      "tenant %u: word %zu is 0x%" PRIx64 ", not 0x%" PRIx64, tenant, i,
		      t->mem[WORDS + i], want);
	}
}

static void check_all(void)
{
	for (unsigned int i = 0; i <= count; i++)
		check(i);
}

/* PASIDs from the whole range, the highest among them. */
static void pasid_for(unsigned int tenant, unsigned int bits, uint32_t *pasid)
{
	uint32_t highest = (UINT32_C(1) << bits) - 1;

	CHECK_EQ(uvdk_pasid_alloc(owner, highest / count * tenant, highest, pasid), 0);
	if (tenant < count)
		return;
	CHECK_EQ(uvdk_pasid_free(owner, *pasid), 0);
	CHECK_EQ(uvdk_pasid_alloc(owner, highest, highest, pasid), 0);
}

static void tenant_create(unsigned int tenant, unsigned int bits)
{
	struct tenant *t = &tenants[tenant];

	t->mem = pages_new((size_t)2 * HALF);
	t->ioas = ioas_over(&copier, t->mem, (size_t)2 * HALF);
	fill(tenant);
	if (!tenant) {
		CHECK_EQ(uvdk_ioas_attach(t->ioas, copier.dev), 0);
		return;
	}
	pasid_for(tenant, bits, &t->pasid);
	CHECK_EQ(uvdk_pasid_attach(owner, t->pasid, t->ioas, copier.dev, &t->at), 0);
}

static void tenant_destroy(struct tenant *t)
{
	if (!t->pasid)
		uvdk_ioas_detach(t->ioas, copier.dev);
	uvdk_ioas_destroy(t->ioas);
	munmap(t->mem, (size_t)2 * HALF);
}

static uint32_t submit(unsigned int tenant)
{
	const struct tenant *t = &tenants[tenant];

	return copier_submit(&copier, tenant % COPY_QUEUES, t->pasid ? t->pasid | COPY_TAGGED : 0,
			     IOVA + HALF, IOVA, HALF);
}

/* A copy in every tenant at once; @live tells which of them arrive. */
static void copy_all(bool (*live)(unsigned int tenant))
{
	uint32_t *index = calloc(count + 1, sizeof(*index));
	unsigned int faults = 0;

	CHECK(index, "memory");
	for (unsigned int i = 0; i <= count; i++)
		index[i] = submit(i);
	for (unsigned int queue = 0; queue < COPY_QUEUES; queue++)
		copier_wait(&copier, queue);
	for (unsigned int i = 0; i <= count; i++) {
		struct copy_result r = copier_result(&copier, i % COPY_QUEUES, index[i]);

		CHECK(r.status == (live(i) ? COPY_DONE : COPY_READ_FAULT),
		      "tenant %u: status %u, fault %u at 0x%" PRIx64, i, r.status, r.fault, r.addr);
		CHECK_EQ(r.done, live(i) ? HALF : 0);
		tenants[i].copies += live(i);
		faults += !live(i);
	}
	/* The source is still what was copied: look before it is filled anew. */
	for (unsigned int i = 0; i <= count; i++)
		if (live(i))
			fill(i);
	check_all();
	printf("  %u copies at once, %u of them faulted\n", count + 1, faults);
	free(index);
}

static bool always(unsigned int tenant)
{
	(void)tenant;
	return true;
}

static bool odd_or_rid(unsigned int tenant)
{
	return tenant % 2 || !tenant;
}

static bool only_rid(unsigned int tenant)
{
	return !tenant;
}

/* Outside of the map, and where the map is read-only: a fault, and nothing changes. */
static void outside(void)
{
	uint32_t tag = tenants[1].pasid | COPY_TAGGED;
	void *mem = pages_new(PAGE);
	uvdk_iova_t iova = IOVA - PAGE;
	struct copy_result r;

	r = copier_copy(&copier, tag, IOVA + 2 * HALF, IOVA, PAGE);
	CHECK_EQ(r.status, COPY_WRITE_FAULT);
	CHECK_EQ(r.addr, IOVA + 2 * HALF);
	r = copier_copy(&copier, tag, IOVA, IOVA - PAGE, PAGE);
	CHECK_EQ(r.status, COPY_READ_FAULT);
	CHECK_EQ(uvdk_ioas_map(tenants[1].ioas, mem, PAGE, UVDK_MAP_READ | UVDK_MAP_FIXED, &iova),
		 0);
	r = copier_copy(&copier, tag, iova, IOVA, PAGE);
	CHECK_EQ(r.status, COPY_WRITE_FAULT);
	CHECK_EQ(*(uint64_t *)mem, 0);
	CHECK_EQ(uvdk_ioas_unmap(tenants[1].ioas, iova, PAGE), 0);
	r = copier_copy(&copier, tag, IOVA, iova, PAGE);
	CHECK_EQ(r.status, COPY_READ_FAULT);
	munmap(mem, PAGE);
	check_all();
	printf("  outside of the map: nothing\n");
}

/* Half of them by detaching, the others by giving the PASID back. */
static void detach(void)
{
	for (unsigned int i = 2; i <= count; i += 2)
		uvdk_pasid_detach(&tenants[i].at);
	copy_all(odd_or_rid);
	for (unsigned int i = 1; i <= count; i += 2)
		CHECK_EQ(uvdk_pasid_free(owner, tenants[i].pasid), 0);
	copy_all(only_rid);
}

int main(int argc, char **argv)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts)};
	struct uvdk_iommu_info info;
	unsigned int fds = count_fds();

	if (argc != 3)
		return 2;
	count = (unsigned int)atoi(argv[2]);
	tenants = calloc(count + 1, sizeof(*tenants));
	CHECK(tenants, "memory");
	copier_open(&copier, argv[1]);
	CHECK_EQ(uvdk_iommu_get_info(copier.dev, &info), 0);
	printf("  %s: pasid_bits %u\n", info.hardware, info.pasid_bits);
	opts.width = info.pasid_bits;
	CHECK_EQ(uvdk_pasid_space_create(&opts, &space), 0);
	CHECK_EQ(uvdk_pasid_owner_create(space, count, &owner), 0);

	for (unsigned int i = 0; i <= count; i++)
		tenant_create(i, info.pasid_bits);
	check_all();
	copy_all(always);
	copy_all(always);
	outside();
	detach();

	for (unsigned int i = 0; i <= count; i++)
		tenant_destroy(&tenants[i]);
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
	copier_close(&copier);
	free(tenants);
	CHECK_EQ(count_fds(), fds);
	printf("  %u tenants: all good\n", count);
	return 0;
}
