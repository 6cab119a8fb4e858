// SPDX-License-Identifier: BSD-3-Clause
#include "viommu_world.h"

/* What is made on a vIOMMU, in which order it goes, and what a failure leaves. */

TestSuite(viommu, .init = world_setup);

static struct uvdk_hwpt *nested_on(struct uvdk_viommu *viommu, struct uvdk_device *d,
				   unsigned int flags)
{
	struct uvdk_nested nested = {.size = sizeof(nested), .flags = flags};
	struct uvdk_hwpt *hwpt = NULL;

	nested.smmuv3.ste[0] = 1 | 5 << 1 | MAPPED;
	nested.vtd = (struct uvdk_nested_vtd){.pgtbl = MAPPED, .addr_width = 48};
	cr_assert_eq(uvdk_hwpt_create_nested(viommu, d, &nested, &hwpt), 0, "%s",
		     uvdk_last_error());
	return hwpt;
}

Test(viommu, each_io_mmu_has_a_parent_of_its_own)
{
	struct uvdk_device *second = fake_device(), *odd = fake_device_named("fake:2-odd");
	struct uvdk_viommu *a = viommu_for(dev, UVDK_NEST_SMMUV3);
	struct uvdk_viommu *b = viommu_for(second, UVDK_NEST_SMMUV3);
	struct uvdk_viommu *c = viommu_for(odd, UVDK_NEST_SMMUV3);

	cr_expect_eq(uvdk_viommu_get_info(a)->parent, uvdk_viommu_get_info(b)->parent);
	cr_expect_neq(uvdk_viommu_get_info(a)->parent, uvdk_viommu_get_info(c)->parent);
	cr_expect_eq(fake.hwpts, 2);
	uvdk_viommu_destroy(a);
	cr_expect_eq(fake.hwpts, 2, "the other still stands on it");
	cr_assert_eq(uvdk_ioas_attach(ioas, second), 0, "plain devices beside them");
	uvdk_viommu_destroy(b);
	uvdk_viommu_destroy(c);
	cr_expect_eq(fake.hwpts, 0);
	uvdk_device_close(second);
	uvdk_device_close(odd);
	world_teardown();
}

Test(viommu, a_parent_may_be_given_if_it_fits)
{
	struct uvdk_hwpt_opts how = {.size = sizeof(how)};
	struct uvdk_viommu_opts opts = {.size = sizeof(opts), .type = UVDK_NEST_SMMUV3};
	struct uvdk_device *odd = fake_device_named("fake:2-odd");
	struct uvdk_viommu *viommu = NULL;
	struct uvdk_hwpt *plain, *parent;
	struct uvdk_ioas *other;

	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &other), 0);
	cr_assert_eq(uvdk_hwpt_create(ioas, dev, &how, &plain), 0);
	how.flags = UVDK_HWPT_NEST_PARENT;
	cr_assert_eq(uvdk_hwpt_create(ioas, dev, &how, &parent), 0);
	opts.parent = plain;
	REFUSED(uvdk_viommu_create(ioas, dev, &opts, &viommu), -EINVAL, "NEST_PARENT");
	opts.parent = parent;
	REFUSED(uvdk_viommu_create(other, dev, &opts, &viommu), -EINVAL, "another's");
	REFUSED(uvdk_viommu_create(ioas, odd, &opts, &viommu), -EINVAL, "another I/O MMU");
	cr_expect_eq(viommu, NULL);
	cr_assert_eq(uvdk_viommu_create(ioas, dev, &opts, &viommu), 0);
	uvdk_hwpt_destroy(parent);
	cr_expect(said("stays"), "its vIOMMU never loses it");
	cr_expect_eq(uvdk_viommu_get_info(viommu)->parent, parent);
	uvdk_viommu_destroy(viommu);
	uvdk_hwpt_destroy(parent);
	uvdk_hwpt_destroy(plain);
	uvdk_device_close(odd);
	uvdk_ioas_destroy(other);
	world_teardown();
}

Test(viommu, what_the_iommu_lacks_is_said)
{
	struct uvdk_viommu_opts opts = {.size = sizeof(opts)};
	struct uvdk_viommu *viommu = NULL;
	struct uvdk_iommu *picks;
	struct uvdk_ioas *as;

	REFUSED(uvdk_viommu_create(ioas, dev, NULL, &viommu), -EOPNOTSUPP, "ECAP.NEST");
	opts.type = UVDK_NEST_SELFTEST + 1;
	REFUSED(uvdk_viommu_create(ioas, dev, &opts, &viommu), -EINVAL, "unknown type");
	cr_assert_eq(uvdk_iommu_open("fake-picks", NULL, &picks), 0);
	cr_assert_eq(uvdk_ioas_create(picks, NULL, &as), 0);
	REFUSED(uvdk_viommu_create(as, dev, NULL, &viommu), -EOPNOTSUPP, "iommufd has");
	uvdk_ioas_destroy(as);
	uvdk_iommu_close(picks);
	cr_expect_eq(fake.hwpts, 0);
	world_teardown();
}

Test(viommu, ids_are_checked)
{
	struct uvdk_device *second = fake_device();
	struct uvdk_viommu *viommu = viommu_for(dev, UVDK_NEST_SMMUV3);
	struct uvdk_vdevice *vdev = NULL, *other = NULL;

	REFUSED(uvdk_vdevice_create(viommu, dev, UINT64_C(1) << 32, &vdev), -ERANGE, "32 bits");
	cr_assert_eq(uvdk_vdevice_create(viommu, dev, UINT32_MAX, &vdev), 0);
	cr_expect_eq(fake_viommu.last_id, UINT32_MAX);
	REFUSED(uvdk_vdevice_create(viommu, dev, 2, &other), -EEXIST, "already");
	REFUSED(uvdk_vdevice_create(viommu, second, UINT32_MAX, &other), -EEXIST,
		"another device's");
	cr_expect_eq(other, NULL);
	uvdk_vdevice_destroy(vdev);
	cr_assert_eq(uvdk_vdevice_create(viommu, second, UINT32_MAX, &other), 0);
	uvdk_vdevice_destroy(other);
	uvdk_viommu_destroy(viommu);
	uvdk_device_close(second);
	world_teardown();
}

Test(viommu, a_nested_table_wants_the_id_of_its_vIOMMU)
{
	struct uvdk_viommu *viommu = viommu_for(dev, UVDK_NEST_SMMUV3);
	struct uvdk_viommu *another = viommu_for(dev, UVDK_NEST_SMMUV3);
	struct uvdk_hwpt *hwpt = nested_on(viommu, dev, 0);
	struct uvdk_vdevice *vdev;

	REFUSED(uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID), -ENXIO, "no virtual ID");
	cr_assert_eq(uvdk_vdevice_create(another, dev, 1, &vdev), 0);
	REFUSED(uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID), -ENXIO, "no virtual ID");
	uvdk_vdevice_destroy(vdev);
	cr_assert_eq(uvdk_vdevice_create(viommu, dev, 1, &vdev), 0);
	cr_assert_eq(uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID), 0);
	cr_expect_eq(fake.attached, 1);
	uvdk_vdevice_destroy(vdev);
	cr_expect_eq(fake.attached, 0, "what could not be invalidated is detached");
	uvdk_hwpt_destroy(hwpt);
	uvdk_viommu_destroy(another);
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

Test(viommu, a_device_that_is_closed_takes_its_id_along)
{
	struct uvdk_device *second = fake_device();
	struct uvdk_viommu *viommu = viommu_for(second, UVDK_NEST_SMMUV3);
	struct uvdk_hwpt *hwpt = nested_on(viommu, second, 0);
	struct uvdk_vdevice *vdev, *next;

	cr_assert_eq(uvdk_vdevice_create(viommu, second, 1, &vdev), 0);
	cr_assert_eq(uvdk_hwpt_attach(hwpt, second, UVDK_PASID_RID), 0);
	uvdk_device_close(second);
	cr_expect_eq(fake_viommu.objects, 1, "the vIOMMU alone");
	cr_assert_eq(uvdk_vdevice_create(viommu, dev, 1, &next), 0, "%s", uvdk_last_error());
	uvdk_vdevice_destroy(vdev);
	cr_expect_eq(fake_viommu.objects, 2, "that of another device stays");
	uvdk_vdevice_destroy(next);
	uvdk_hwpt_destroy(hwpt);
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

Test(viommu, nested_tables_of_vtd_are_attached_by_pasid)
{
	struct uvdk_viommu *viommu = viommu_for(dev, UVDK_NEST_VTD);
	struct uvdk_hwpt *a = nested_on(viommu, dev, UVDK_HWPT_PASID);
	struct uvdk_hwpt *b = nested_on(viommu, dev, UVDK_HWPT_PASID);
	struct uvdk_hwpt *rid = nested_on(viommu, dev, 0);

	cr_assert_eq(uvdk_hwpt_attach(a, dev, UVDK_PASID_RID), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_attach(a, dev, 5), 0);
	cr_assert_eq(uvdk_hwpt_replace(b, dev, 5), 0);
	REFUSED(uvdk_hwpt_replace(rid, dev, UVDK_PASID_RID), -EINVAL, "UVDK_HWPT_PASID");
	uvdk_hwpt_detach(b, dev, 5);
	cr_assert_eq(uvdk_hwpt_replace(rid, dev, UVDK_PASID_RID), 0);
	uvdk_viommu_destroy(viommu);
	cr_expect(said("stays"), "three tables are left");
	uvdk_hwpt_destroy(a);
	uvdk_hwpt_destroy(b);
	uvdk_hwpt_destroy(rid);
	cr_expect_eq(fake.attached, 0);
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

static int map_one(unsigned int flags, uvdk_iova_t *iova)
{
	return uvdk_ioas_map(ioas, fake_memory(PAGE), PAGE, flags, iova);
}

Test(viommu, nothing_is_read_only_below_a_parent_that_does_not_enforce_it)
{
	struct uvdk_viommu_opts opts = {.size = sizeof(opts), .type = UVDK_NEST_VTD};
	struct uvdk_viommu *viommu = NULL;
	struct uvdk_ioas *other;
	uvdk_iova_t readable, written;
	char *two = fake_memory(2 * PAGE);

	fake.errata = UVDK_IOMMU_NO_READONLY_PARENT;
	cr_assert_eq(map_one(UVDK_MAP_READ, &readable), 0);
	REFUSED(uvdk_viommu_create(ioas, dev, &opts, &viommu), -EOPNOTSUPP, "772415");
	cr_expect(said("mapped for reading only"));
	cr_expect_eq(fake.hwpts, 0);
	cr_assert_eq(uvdk_ioas_unmap(ioas, readable, PAGE), 0);

	viommu = viommu_for(dev, UVDK_NEST_VTD);
	REFUSED(map_one(UVDK_MAP_READ, &readable), -EOPNOTSUPP, "UVDK_MAP_RW");
	REFUSED(uvdk_ioas_map(ioas, two, 2 * PAGE, UVDK_MAP_READ, &readable), -EOPNOTSUPP,
		"772415");
	cr_expect_eq(fake.maps, 1, "what was mapped before");
	cr_expect_eq(map_one(UVDK_MAP_WRITE, &written), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_unmap(ioas, written, PAGE), 0);

	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &other), 0);
	cr_assert_eq(uvdk_ioas_map(other, two, 2 * PAGE, UVDK_MAP_RW, &readable), 0,
		     "others are as ever");
	REFUSED(uvdk_ioas_copy(ioas, other, readable, PAGE, UVDK_MAP_READ), -EOPNOTSUPP, "772415");
	uvdk_ioas_destroy(other);

	uvdk_viommu_destroy(viommu);
	cr_expect_eq(map_one(UVDK_MAP_READ, &readable), 0, "%s", uvdk_last_error());
	world_teardown();
}

/* Everything that can be made, in order; what fails is left out, and so is what comes after. */
static int make_all(void)
{
	const struct uvdk_viommu_opts opts = {.size = sizeof(opts), .type = UVDK_NEST_TEGRA241};
	struct uvdk_nested nested = {.size = sizeof(nested)};
	struct uvdk_viommu *viommu = NULL;
	struct uvdk_vdevice *vdev = NULL;
	struct uvdk_hwpt *hwpt = NULL;
	struct uvdk_hw_queue *queue = NULL;
	struct uvdk_veventq *events = NULL;
	int err = uvdk_viommu_create(ioas, dev, &opts, &viommu);

	nested.smmuv3.ste[0] = 1 | 5 << 1 | MAPPED;
	err = err ? err : uvdk_vdevice_create(viommu, dev, 1, &vdev);
	err = err ? err : uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt);
	err = err ? err : uvdk_hw_queue_create(viommu, MAPPED, 4096, &queue);
	err = err ? err : uvdk_veventq_create(viommu, UVDK_VEVENTQ_SMMUV3, 8, &events);
	err = err ? err : uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID);
	uvdk_veventq_destroy(events);
	uvdk_hw_queue_destroy(queue);
	uvdk_hwpt_destroy(hwpt);
	uvdk_vdevice_destroy(vdev);
	uvdk_viommu_destroy(viommu);
	return err;
}

static void nothing_left(const char *what)
{
	cr_expect_eq(fake_viommu.objects, 0, "%s", what);
	cr_expect_eq(fake.hwpts, 0, "%s", what);
	cr_expect_eq(fake.attached, 0, "%s", what);
}

Test(viommu, a_failure_anywhere_leaves_nothing_behind)
{
	struct fake_failure *others[] = {&fake.hwpt_create, &fake.hwpt_attach};

	for (unsigned int call = 0; call < FAKE_VEVENTQ_READ; call++) {
		fake_viommu.fail[call] = (struct fake_failure){1, -ENOMEM};
		cr_expect_eq(make_all(), -ENOMEM, "call %u", call);
		nothing_left("a call of vIOMMUs");
	}
	for (unsigned int i = 0; i < 2; i++) {
		*others[i] = (struct fake_failure){1, -EIO};
		cr_expect_eq(make_all(), -EIO);
		nothing_left("a call of tables");
	}
	cr_expect_eq(make_all(), 0, "%s", uvdk_last_error());
	nothing_left("none");
	world_teardown();
}
