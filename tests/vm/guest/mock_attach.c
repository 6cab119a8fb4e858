// SPDX-License-Identifier: BSD-3-Clause
/*
 * mock_attach: RID and PASIDs of iommufd's mock devices are attached, replaced
 * and detached, and after each step the mock is asked which table it has.
 */
#include "mock.h"

struct tenant {
	struct uvdk_ioas *ioas;
	uint8_t *mem;
	uint32_t hwpt; /* the kernel's number of the table that the device's PASIDs share */
};

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;

static void tenant_create(struct tenant *t, int value)
{
	uvdk_iova_t iova = MOCK_IOVA;

	t->mem = mock_memory(4, value);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &t->ioas), 0);
	CHECK_EQ(uvdk_ioas_map(t->ioas, t->mem, 4 * PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
}

/* The PASID sees the tenant's memory, and no other's, at the same IOVA. */
static void sees(uint32_t pasid, const struct tenant *t, const struct tenant *other)
{
	CHECK(mock_pasid_has(dev, pasid, t->hwpt), "PASID %u", pasid);
	CHECK(mock_maps(t->hwpt, MOCK_IOVA, 4 * PAGE, t->mem), "its memory");
	CHECK(!mock_maps(t->hwpt, MOCK_IOVA, 4 * PAGE, other->mem), "the other's");
	CHECK(!mock_pasid_has(dev, pasid, 0), "attached");
}

static void attach(uint32_t pasid, struct tenant *t)
{
	mock.latest_hwpt = 0;
	CHECK_EQ(uvdk_ioas_attach_pasid(t->ioas, dev, pasid), 0);
	if (mock.latest_hwpt)
		t->hwpt = mock.latest_hwpt;
}

static void replace(uint32_t pasid, struct tenant *t)
{
	mock.latest_hwpt = 0;
	CHECK_EQ(uvdk_ioas_replace_pasid(t->ioas, dev, pasid), 0);
	if (mock.latest_hwpt)
		t->hwpt = mock.latest_hwpt;
}

static void pasids(struct tenant *a, struct tenant *b)
{
	attach(5, a);
	sees(5, a, b);
	attach(6, b);
	sees(6, b, a);
	attach(0xfffff, b);
	sees(0xfffff, b, a);
	replace(5, b);
	sees(5, b, a);
	replace(5, a);
	sees(5, a, b);
	sees(6, b, a);
	uvdk_ioas_detach_pasid(a->ioas, dev, 5);
	CHECK(mock_pasid_has(dev, 5, 0), "detached");
	sees(6, b, a);
	uvdk_ioas_detach_pasid(b->ioas, dev, 6);
	CHECK(mock_pasid_has(dev, 6, 0), "detached");
	sees(0xfffff, b, a);
	uvdk_ioas_detach_pasid(b->ioas, dev, 0xfffff);
	CHECK_ERR(uvdk_ioas_attach_pasid(a->ioas, dev, 0x100000), -ERANGE);
	printf("PASIDs: all good\n");
}

/* Attached before any PASID, the RID moves to a table that goes together with them. */
static void rid_first(struct tenant *a, struct tenant *b)
{
	CHECK_EQ(uvdk_ioas_attach(a->ioas, dev), 0);
	attach(5, b);
	sees(5, b, a);
	CHECK(!mock_pasid_has(dev, 0, b->hwpt), "the RID has a table of its own");
	attach(6, a); /* shares the RID's, which was made on the way */
	CHECK(!mock_pasid_has(dev, 6, b->hwpt), "PASID 6");
	uvdk_ioas_detach(a->ioas, dev);
	sees(5, b, a);
	uvdk_ioas_detach_pasid(b->ioas, dev, 5);
	uvdk_ioas_detach_pasid(a->ioas, dev, 6);
	CHECK(mock_pasid_has(dev, 6, 0), "detached");
	printf("RID first: all good\n");
}

/* The mock refuses, the kernel goes back to what was: so must we. */
static void refused(struct tenant *a, struct tenant *b)
{
	attach(MOCK_FAKED_ERROR, a);
	CHECK_ERR(uvdk_ioas_replace_pasid(b->ioas, dev, MOCK_FAKED_ERROR), -ENOMEM);
	sees(MOCK_FAKED_ERROR, a, b);
	uvdk_ioas_detach_pasid(b->ioas, dev, MOCK_FAKED_ERROR); /* not there: nothing happens */
	sees(MOCK_FAKED_ERROR, a, b);
	uvdk_ioas_detach_pasid(a->ioas, dev, MOCK_FAKED_ERROR);
	CHECK(mock_pasid_has(dev, MOCK_FAKED_ERROR, 0), "detached");
	printf("refused: all good\n");
}

static void without_capability(struct tenant *a)
{
	struct uvdk_device *plain = mock_open(iommu, "mock:plain");

	CHECK_ERR(uvdk_ioas_attach_pasid(a->ioas, plain, 5), -EOPNOTSUPP);
	CHECK(mock_pasid_has(plain, 5, 0), "not attached");
	uvdk_device_close(plain);
	printf("without capability: all good\n");
}

/* A device that is closed with a thousand of them attached. */
static void closed(struct tenant *a, struct tenant *b)
{
	for (uint32_t pasid = 1; pasid <= 1000; pasid++)
		attach(pasid, pasid & 1 ? a : b);
	sees(999, a, b);
	sees(1000, b, a);
	uvdk_device_close(dev);
	printf("closed: all good\n");
}

int main(void)
{
	unsigned int fds = count_fds();
	struct tenant a, b;
	unsigned int objects;
	long pins;

	mock_register();
	pins = mock_system_pins();
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	uvdk_device_close(mock_open(iommu, "mock:first"));
	objects = mock_objects();
	dev = mock_open(iommu, "mock:0");
	tenant_create(&a, 0xaa);
	tenant_create(&b, 0xbb);
	pasids(&a, &b);
	rid_first(&a, &b);
	refused(&a, &b);
	without_capability(&a);
	closed(&a, &b);
	uvdk_ioas_destroy(a.ioas);
	uvdk_ioas_destroy(b.ioas);
	CHECK_EQ(mock_objects(), objects);
	CHECK(mock_pinned(a.mem, 4 * PAGE, 0), "still pinned");
	CHECK_EQ(mock_system_pins(), pins);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
