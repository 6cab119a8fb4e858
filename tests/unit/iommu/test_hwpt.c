// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "fake.h"

static struct uvdk_device *dev;
static struct uvdk_ioas *other;

static void setup(void)
{
	fake_setup();
	dev = fake_device();
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &other), 0);
}

/* Nothing may be left once device and address spaces are gone. */
static void teardown(void)
{
	uvdk_device_close(dev);
	uvdk_ioas_destroy(other);
	fake_teardown();
}

TestSuite(hwpt, .init = setup);

#define REFUSED(call, err, text)                                                        \
	do {                                                                            \
		cr_expect_eq(call, err);                                                \
		cr_expect(said(text), "\"%s\" is not in: %s", text, uvdk_last_error()); \
	} while (0)

static const void *space_of(uint32_t pasid)
{
	const struct fake_hwpt *hwpt = fake_hwpt_of(dev, pasid);

	return hwpt ? hwpt->space : NULL;
}

static struct uvdk_hwpt *table(struct uvdk_ioas *as, unsigned int flags)
{
	const struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = flags};
	struct uvdk_hwpt *hwpt = NULL;

	cr_assert_eq(uvdk_hwpt_create(as, dev, &opts, &hwpt), 0, "%s", uvdk_last_error());
	return hwpt;
}

Test(hwpt, each_pasid_has_its_space)
{
	cr_assert_eq(uvdk_ioas_attach_pasid(ioas, dev, 1), 0);
	cr_assert_eq(uvdk_ioas_attach_pasid(other, dev, 0xfffff), 0);
	cr_assert_eq(uvdk_ioas_attach_pasid(other, dev, 7), 0);
	cr_expect_eq(space_of(1), ioas);
	cr_expect_eq(space_of(0xfffff), other);
	cr_expect_eq(space_of(7), other);
	cr_expect_eq(space_of(0), NULL);
	cr_expect_eq(fake.hwpts, 2, "PASIDs of a device share a table in a space");
	uvdk_ioas_detach_pasid(other, dev, 7);
	cr_expect_eq(space_of(7), NULL);
	cr_expect_eq(space_of(0xfffff), other);
	uvdk_ioas_detach_pasid(other, dev, 1); /* attached elsewhere: nothing happens */
	cr_expect_eq(space_of(1), ioas);
	uvdk_ioas_detach_pasid(other, dev, 0xfffff);
	cr_expect_eq(fake.hwpts, 1, "a table goes with its last PASID");
	teardown();
}

Test(hwpt, the_rid_is_made_ready_before_the_first_pasid)
{
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_expect_eq(space_of(0), NULL, "the RID needs no table without PASIDs");
	cr_assert_eq(uvdk_ioas_attach_pasid(other, dev, 3), 0, "%s", uvdk_last_error());
	cr_expect_eq(space_of(0), ioas);
	cr_expect_eq(fake.attached, 1);
	uvdk_ioas_detach_pasid(other, dev, 3);
	uvdk_ioas_detach(ioas, dev);
	cr_expect_eq(fake.attached, 0);
	cr_expect_eq(fake.hwpts, 0);
	/* And the other way about. */
	cr_assert_eq(uvdk_ioas_attach_pasid(other, dev, 3), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_expect_eq(space_of(0), ioas);
	cr_assert_eq(uvdk_ioas_attach_pasid(ioas, dev, 4), 0);
	cr_expect_eq(fake.hwpts, 2, "RID and PASIDs share a table in a space");
	teardown();
}

Test(hwpt, wrong_numbers_are_refused)
{
	fake.pasid_bits = 5;
	REFUSED(uvdk_ioas_attach_pasid(ioas, dev, 0), -EINVAL, "uvdk_ioas_attach()");
	REFUSED(uvdk_ioas_attach_pasid(ioas, dev, 32), -ERANGE, "5 bits");
	cr_assert_eq(uvdk_ioas_attach_pasid(ioas, dev, 31), 0);
	REFUSED(uvdk_ioas_attach_pasid(other, dev, 31), -EBUSY, "attached already");
	REFUSED(uvdk_ioas_replace_pasid(other, dev, 30), -ENOENT, "PASID 30");
	cr_expect_eq(space_of(31), ioas);
	teardown();
}

Test(hwpt, a_device_without_pasids_says_so)
{
	fake.pasid_bits = 0;
	REFUSED(uvdk_ioas_attach_pasid(ioas, dev, 5), -EOPNOTSUPP, "PASID capability");
	cr_expect_eq(fake.hwpts, 0);
	teardown();
}

Test(hwpt, replace_leaves_nothing_of_the_old)
{
	cr_assert_eq(uvdk_ioas_attach_pasid(ioas, dev, 5), 0);
	cr_assert_eq(uvdk_ioas_replace_pasid(other, dev, 5), 0);
	cr_expect_eq(space_of(5), other);
	cr_expect_eq(fake.hwpts, 1);
	cr_assert_eq(uvdk_ioas_replace_pasid(other, dev, 5), 0, "by itself");
	cr_expect_eq(fake.hwpts, 1);
	/* The kernel says no: what was there stays. */
	fake.hwpt_attach = (struct fake_failure){1, -EADDRINUSE};
	cr_expect_eq(uvdk_ioas_replace_pasid(ioas, dev, 5), -EADDRINUSE);
	cr_expect_eq(space_of(5), other);
	cr_expect_eq(fake.hwpts, 1);
	teardown();
}

Test(hwpt, the_application_may_make_its_own)
{
	struct uvdk_hwpt *plain = table(ioas, 0), *tagged = table(other, UVDK_HWPT_PASID);

	cr_assert_eq(uvdk_hwpt_attach(plain, dev, UVDK_PASID_RID), 0);
	cr_expect_eq(space_of(0), ioas);
	REFUSED(uvdk_ioas_attach(ioas, dev), -EBUSY, "attached to this");
	REFUSED(uvdk_hwpt_attach(plain, dev, 5), -EINVAL, "UVDK_HWPT_PASID");
	REFUSED(uvdk_hwpt_attach(tagged, dev, 5), -EINVAL, "UVDK_HWPT_PASID");
	cr_assert_eq(uvdk_hwpt_replace(tagged, dev, UVDK_PASID_RID), 0);
	cr_expect_eq(space_of(0), other);
	cr_expect_eq(fake.attached, 1);
	cr_assert_eq(uvdk_hwpt_attach(tagged, dev, 5), 0);
	REFUSED(uvdk_hwpt_replace(plain, dev, UVDK_PASID_RID), -EINVAL, "UVDK_HWPT_PASID");
	cr_assert_eq(uvdk_hwpt_replace(tagged, dev, 5), 0);
	uvdk_hwpt_detach(plain, dev, 5); /* attached to another: nothing happens */
	cr_expect_eq(space_of(5), other);
	uvdk_hwpt_destroy(plain);
	uvdk_hwpt_destroy(tagged); /* detaches both */
	cr_expect_eq(space_of(0), NULL);
	cr_expect_eq(space_of(5), NULL);
	cr_expect_eq(fake.attached, 0);
	REFUSED(uvdk_hwpt_create(ioas, dev,
				 &(struct uvdk_hwpt_opts){sizeof(struct uvdk_hwpt_opts), 64},
				 &plain),
		-EINVAL, "0x40");
	teardown();
}

/* Whoever looks at no error hands on what was never made. */
Test(hwpt, what_was_never_made_is_refused)
{
	struct uvdk_hwpt *hwpt = table(ioas, UVDK_HWPT_PASID);
	struct uvdk_hwpt *none = NULL;

	REFUSED(uvdk_hwpt_create(NULL, dev, NULL, &none), -EINVAL, "has creating it failed?");
	REFUSED(uvdk_hwpt_create(ioas, NULL, NULL, &none), -EINVAL, "has opening it failed?");
	REFUSED(uvdk_hwpt_attach(NULL, dev, 5), -EINVAL, "needs a page table");
	REFUSED(uvdk_hwpt_attach(hwpt, NULL, 5), -EINVAL, "has opening it failed?");
	REFUSED(uvdk_hwpt_replace(NULL, dev, 5), -EINVAL, "needs a page table");
	REFUSED(uvdk_hwpt_replace(hwpt, NULL, 5), -EINVAL, "has opening it failed?");
	REFUSED(uvdk_ioas_attach_pasid(NULL, dev, 5), -EINVAL, "needs an address space");
	REFUSED(uvdk_ioas_attach_pasid(ioas, NULL, 5), -EINVAL, "has opening it failed?");
	REFUSED(uvdk_ioas_replace_pasid(NULL, dev, 5), -EINVAL, "needs an address space");
	REFUSED(uvdk_ioas_replace_pasid(ioas, NULL, 5), -EINVAL, "has opening it failed?");
	uvdk_hwpt_detach(NULL, dev, 5);
	uvdk_hwpt_detach(hwpt, NULL, 5);
	uvdk_ioas_detach_pasid(NULL, dev, 5);
	uvdk_ioas_detach_pasid(ioas, NULL, 5);
	uvdk_ioas_detach(NULL, dev);
	uvdk_ioas_detach(ioas, NULL);
	cr_expect_eq(none, NULL);
	uvdk_hwpt_destroy(hwpt);
	teardown();
}

Test(hwpt, a_space_with_tables_left_stays)
{
	struct uvdk_hwpt *hwpt = table(other, UVDK_HWPT_PASID);

	cr_assert_eq(uvdk_hwpt_attach(hwpt, dev, 9), 0);
	uvdk_ioas_destroy(other);
	cr_expect(said("page tables"), "%s", uvdk_last_error());
	cr_expect_eq(space_of(9), NULL, "but nothing reaches it any more");
	uvdk_hwpt_destroy(hwpt);
	teardown();
}

Test(hwpt, a_device_that_is_closed_leaves_every_space)
{
	struct uvdk_device *second = fake_device();

	cr_assert_eq(uvdk_ioas_attach(ioas, second), 0);
	for (uint32_t pasid = 1; pasid <= 1000; pasid++)
		cr_assert_eq(uvdk_ioas_attach_pasid(pasid & 1 ? ioas : other, second, pasid), 0);
	uvdk_device_close(second);
	cr_expect_eq(fake.tags, NULL);
	cr_expect_eq(fake.hwpts, 0);
	teardown();
}

Test(hwpt, a_driver_that_cannot_tell_what_was_written_says_so)
{
	struct uvdk_hwpt *hwpt = table(ioas, UVDK_HWPT_DIRTY);
	uint64_t bits = 0;

	REFUSED(uvdk_hwpt_dirty_start(hwpt), -EOPNOTSUPP, "iommufd can");
	REFUSED(uvdk_hwpt_dirty_stop(hwpt), -EOPNOTSUPP, "iommufd can");
	REFUSED(uvdk_hwpt_dirty_read(hwpt, 0, 4096, 4096, &bits, 0), -EOPNOTSUPP, "iommufd can");
	uvdk_hwpt_destroy(hwpt);
	teardown();
}

/* Two tables are made and attached: the RID's and the PASID's. Each call fails in turn. */
static void fails_cleanly(struct fake_failure *failure, unsigned int at, int err)
{
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	*failure = (struct fake_failure){at, err};
	cr_expect_eq(uvdk_ioas_attach_pasid(other, dev, 5), err);
	cr_expect_eq(failure->at, 0);
	cr_expect_eq(space_of(5), NULL);
	cr_expect_eq(fake.attached, 1);
	cr_expect_eq(fake.hwpts, at - 1, "the RID may have been made ready, no more");
	uvdk_ioas_detach(ioas, dev);
	cr_expect_eq(fake.hwpts, 0);
}

Test(hwpt, a_failure_anywhere_leaves_nothing_behind)
{
	for (unsigned int at = 1; at <= 2; at++) {
		fails_cleanly(&fake.hwpt_create, at, -ENOMEM);
		fails_cleanly(&fake.hwpt_attach, at, -EADDRINUSE);
	}
	teardown();
}
