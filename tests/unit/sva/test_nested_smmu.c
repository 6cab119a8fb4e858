// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

#include <nested.h>

#include "cd_walk.h"
#include "fake_viommu.h"
#include "pgt_walk.h"

/*
 * The nested backend on an SMMUv3 that has substreams: what it would find for a
 * PASID and an address, read from the tables by walkers of the test's.
 */
#define COMMANDS 64

static struct uvdk_device *dev;
static uint64_t commands[COMMANDS][2];
static unsigned int count;
static bool deaf; /* invalidations fail */

static int on_invalidate(const struct uvdk_inval_batch *batch, struct uvdk_inval_result *out)
{
	const uint64_t(*entries)[2] = batch->entries;

	if (deaf) {
		*out = (struct uvdk_inval_result){0};
		return -EIO;
	}
	for (unsigned int i = 0; i < batch->count && count < COMMANDS; i++)
		memcpy(commands[count++], entries[i], sizeof(entries[i]));
	*out = (struct uvdk_inval_result){batch->count, batch->count};
	return 0;
}

static void setup(void)
{
	fake_setup();
	memset(&fake_viommu, 0, sizeof(fake_viommu));
	fake_viommu.asid_bits = 16;
	fake_viommu.ssid_bits = 8;
	fake_viommu.on_invalidate = on_invalidate;
	fake.features = UVDK_IOMMU_NEST_SMMUV3;
	dev = fake_device();
	count = 0;
	deaf = false;
}

TestSuite(nested_smmu, .init = setup);

static void finish(void)
{
	uvdk_device_close(dev);
	fake_teardown();
	cr_assert_eq(fake_viommu.objects, 0);
}

static void start(struct uvdk_sva *sva, uint32_t pasid)
{
	*sva = (struct uvdk_sva){.dev = dev, .pasid = pasid};
	cr_assert_eq(sva_nested.bind(sva), 0, "%s", uvdk_last_error());
}

static struct cd_seen descriptor(const struct nested *n, uint32_t pasid)
{
	const struct nest_memory *t = &n->space->tables, *d = &n->seat->memory;
	const struct cd_memory leaves = {.bytes = t->va, .address = t->iova, .length = t->len};
	const struct cd_memory top = {d->va, d->iova, d->len, &leaves};

	return cd_walk(&top, fake_viommu.nested.smmuv3.ste, pasid);
}

/* What a PASID finds at an address: the process's memory, or NULL. */
static const void *reach(const struct uvdk_sva *sva, const void *at)
{
	const struct nested *n = sva->priv;
	const struct nest_memory *t = &n->space->tables;
	struct cd_seen cd = descriptor(n, sva->pasid);
	const struct walker walker = {.memory = t->va,
				      .address = t->iova,
				      .length = t->len,
				      .root = cd.ttb0,
				      .bits = 48,
				      .arm = true};
	struct seen s;

	cr_assert_null(cd.why, "%s", cd.why);
	s = hw_walk(&walker, (uintptr_t)at);
	return s.ok && s.user ? uvdk_ioas_va(n->space->ioas, s.out) : NULL;
}

static bool was_told(uint64_t word, uint64_t mask)
{
	for (unsigned int i = 0; i < count; i++)
		if ((commands[i][0] & mask) == word)
			return true;
	return false;
}

Test(nested_smmu, each_pasid_of_a_device_has_addresses_of_its_own)
{
	struct uvdk_sva a, b, rid;
	char *p = fake_memory(4 * PAGE);

	start(&a, 5);
	start(&b, 200);
	start(&rid, UVDK_PASID_RID);
	cr_assert_eq(sva_nested.share(&a, (uintptr_t)p, 4 * PAGE, true), 0);
	cr_assert_eq(sva_nested.share(&b, (uintptr_t)p + PAGE, PAGE, true), 0);
	cr_expect_eq(reach(&a, p + 7), p + 7);
	cr_expect_eq(reach(&a, p + PAGE), p + PAGE);
	cr_expect_eq(reach(&b, p + PAGE), p + PAGE);
	cr_expect_null(reach(&b, p));
	cr_expect_null(reach(&rid, p));
	cr_expect_not_null(descriptor(a.priv, 6).why);
	cr_expect_neq(((struct nested *)a.priv)->asid, ((struct nested *)b.priv)->asid);
	/* Descriptors, their first level, tables, and memory once: by one binding for both. */
	cr_expect_eq(fake.maps, 3);
	sva_nested.unbind(&a);
	cr_expect_eq(reach(&b, p + PAGE), p + PAGE);
	sva_nested.unbind(&b);
	cr_expect_null(reach(&rid, p + PAGE));
	sva_nested.unbind(&rid);
	finish();
}

Test(nested_smmu, is_told_of_what_has_changed)
{
	struct uvdk_sva sva;
	char *p = fake_memory(2 * PAGE);
	uint64_t asid, sid;

	start(&sva, 9);
	asid = (uint64_t)((struct nested *)sva.priv)->asid << 48;
	sid = fake_viommu.last_id << 32;
	cr_expect(was_told(0x05 | 9 << 12 | sid, UINT64_MAX), "CFGI_CD of a new descriptor");
	cr_assert_eq(sva_nested.share(&sva, (uintptr_t)p, 2 * PAGE, true), 0);
	count = 0;
	sva_nested.forget(&sva, (uintptr_t)p, PAGE);
	cr_expect(was_told(0x12 | asid, 0xff | UINT64_C(0xffff) << 48), "TLBI_NH_VA");
	cr_expect_null(reach(&sva, p));
	count = 0;
	sva_nested.unbind(&sva);
	cr_expect(was_told(0x05 | 9 << 12 | sid, UINT64_MAX), "CFGI_CD");
	cr_expect(was_told(0x11 | asid, UINT64_MAX), "TLBI_NH_ASID");
	finish();
}

Test(nested_smmu, a_device_that_cannot_be_told_loses_everything)
{
	struct uvdk_sva a, b;
	char *p = fake_memory(2 * PAGE);

	start(&a, 1);
	start(&b, 2);
	cr_assert_eq(sva_nested.share(&a, (uintptr_t)p, 2 * PAGE, true), 0);
	cr_assert_eq(sva_nested.share(&b, (uintptr_t)p, 2 * PAGE, true), 0);
	cr_assert_not_null(fake_hwpt_of(dev, UVDK_PASID_RID));
	deaf = true;
	sva_nested.forget(&a, (uintptr_t)p, PAGE);
	cr_expect_null(fake_hwpt_of(dev, UVDK_PASID_RID), "the device is still there");
	cr_expect_eq(sva_nested.share(&a, (uintptr_t)p, PAGE, true), -ENODEV);
	deaf = false;
	sva_nested.forget(&b, (uintptr_t)p, PAGE);
	sva_nested.unbind(&a);
	sva_nested.unbind(&b);
	finish();
}

Test(nested_smmu, an_asid_that_may_be_cached_is_not_used_again)
{
	struct uvdk_device *second = fake_device_named("fake:1");
	struct uvdk_sva a, c = {.dev = dev, .pasid = 3}, b = {.dev = second, .pasid = 2};
	uint16_t lost;

	cr_assert_eq(sva_nested.bind(&b), 0); /* keeps the second stage */
	start(&a, 1);
	lost = ((struct nested *)a.priv)->asid;
	sva_nested.unbind(&a);
	start(&a, 1);
	cr_expect_eq(((struct nested *)a.priv)->asid, lost, "free again");
	cr_assert_eq(sva_nested.bind(&c), 0);
	deaf = true;
	sva_nested.unbind(&a);
	deaf = false;
	cr_expect_eq(sva_nested.bind(&a), -EBUSY);
	cr_expect(said("unbind its other PASIDs"));
	sva_nested.unbind(&c);
	start(&a, 1);
	cr_expect_neq(((struct nested *)a.priv)->asid, lost);
	sva_nested.unbind(&a);
	sva_nested.unbind(&b);
	uvdk_device_close(second);
	finish();
}

Test(nested_smmu, addresses_beyond_the_first_stage_are_refused)
{
	struct uvdk_sva sva;

	start(&sva, 1);
	cr_expect_eq(sva_nested.share(&sva, (UINT64_C(1) << 48) - PAGE, 2 * PAGE, true), -ERANGE);
	cr_expect(said("0xffffffffffff"), "%s", uvdk_last_error());
	cr_expect_eq(sva.info.pinned, 0);
	sva_nested.unbind(&sva);
	finish();
}

Test(nested_smmu, whatever_fails_at_bind_leaves_nothing)
{
	for (unsigned int call = 0; call < 3; call++) {
		struct uvdk_sva sva = {.dev = dev, .pasid = 1};

		fake_viommu.fail[call] = (struct fake_failure){1, -EIO};
		cr_expect_eq(sva_nested.bind(&sva), -EIO, "%u", call);
		cr_expect_null(sva.priv);
		cr_expect_eq(fake_viommu.objects, 0);
		cr_expect_eq(fake.maps, 0);
	}
	deaf = true;
	for (unsigned int i = 0; i < 2; i++) {
		struct uvdk_sva sva = {.dev = dev, .pasid = 1};

		cr_expect_eq(sva_nested.bind(&sva), -EIO);
		cr_expect_eq(fake.maps, 0);
	}
	finish();
}
