// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"

static void setup(void)
{
	fake_setup();
}

TestSuite(iommu_open, .init = setup);

Test(iommu_open, an_unknown_name_lists_the_known_ones)
{
	struct uvdk_iommu *none = NULL;

	cr_expect_eq(uvdk_iommu_open("nonesuch", NULL, &none), -EINVAL);
	cr_expect(said("fake, fake-picks"), "%s", uvdk_last_error());
	cr_expect_null(none);
	fake_teardown();
}

Test(iommu_open, without_a_name_and_a_reason_it_says_that_one_is_needed)
{
	struct uvdk_iommu *none = NULL;

	cr_expect_eq(uvdk_iommu_open(NULL, NULL, &none), -EINVAL);
	cr_expect(said("needs its name"), "%s", uvdk_last_error());
	cr_expect_null(none);
	fake_teardown();
}

Test(iommu_open, why_none_was_chosen_is_still_there_after_open)
{
	struct uvdk_iommu *none = NULL;

	cr_expect_eq(uvdk_iommu_open(uvdk_iommu_choose("other:0", NULL), NULL, &none), -EINVAL);
	cr_expect(said("neither a PCI address"), "%s", uvdk_last_error());
	cr_expect_null(none);
	fake_teardown();
}

Test(iommu_open, the_driver_gets_roots_even_if_none_are_given)
{
	struct uvdk_iommu_opts opts = {.size = sizeof(opts), .sysfs_root = "/tmp/sys"};
	struct uvdk_iommu *other;

	cr_expect_str_eq(fake.opts.sysfs_root, "/sys");
	cr_expect_str_eq(fake.opts.dev_root, "/dev");
	cr_assert_eq(uvdk_iommu_open("fake", &opts, &other), 0);
	cr_expect_str_eq(fake.opts.sysfs_root, "/tmp/sys");
	cr_expect_str_eq(uvdk_iommu_name(other), "fake");
	cr_expect_eq(uvdk_iommu_priv(other), &fake);
	cr_expect_eq(uvdk_iommu_handle_kind(other), UVDK_IOMMU_HANDLE_EMU);
	uvdk_iommu_close(other);
	uvdk_iommu_close(NULL);
	fake_teardown();
}

Test(iommu_open, options_of_older_and_newer_callers)
{
	struct {
		struct uvdk_ioas_opts now;
		uint64_t later;
	} opts = {.now = {.size = sizeof(size_t)}};
	struct uvdk_ioas *other;

	cr_assert_eq(uvdk_ioas_create(iommu, &opts.now, &other), 0);
	uvdk_ioas_destroy(other);
	opts.now.size = sizeof(opts);
	cr_assert_eq(uvdk_ioas_create(iommu, &opts.now, &other), 0);
	uvdk_ioas_destroy(other);
	opts.later = 1;
	cr_expect_eq(uvdk_ioas_create(iommu, &opts.now, &other), -EINVAL);
	opts.now.size = 0;
	cr_expect_eq(uvdk_ioas_create(iommu, &opts.now, &other), -EINVAL);
	opts.now.size = sizeof(opts.now);
	opts.now.policy = 9;
	cr_expect_eq(uvdk_ioas_create(iommu, &opts.now, &other), -EINVAL);
	fake_teardown();
}

Test(iommu_open, failures_of_the_driver_come_through)
{
	struct uvdk_iommu *other = NULL;
	struct uvdk_ioas *as = NULL;
	struct uvdk_device *dev = NULL;

	fake.open = (struct fake_failure){1, -EACCES};
	cr_expect_eq(uvdk_iommu_open("fake", NULL, &other), -EACCES);
	fake.create = (struct fake_failure){1, -ENODEV};
	cr_expect_eq(uvdk_ioas_create(iommu, NULL, &as), -ENODEV);
	fake.ranges_fail = (struct fake_failure){1, -EIO};
	cr_expect_eq(uvdk_ioas_create(iommu, NULL, &as), -EIO);
	fake.bind = (struct fake_failure){1, -EBUSY};
	cr_expect_eq(uvdk_device_open(iommu, "fake:0", NULL, &dev), -EBUSY);
	cr_expect_null(other);
	cr_expect_null(as);
	cr_expect_null(dev);
	fake_teardown();
}

Test(iommu_open, info_of_the_iommu_in_front_of_a_device)
{
	struct uvdk_device *dev = fake_device();
	struct uvdk_iommu_info info;

	cr_assert_eq(uvdk_iommu_get_info(dev, &info), 0);
	cr_expect_str_eq(info.driver, "fake");
	cr_expect_str_eq(info.hardware, "unknown");
	cr_expect(info.coherent);
	uvdk_device_close(dev);
	fake_teardown();
}

Test(iommu_open, what_failed_to_open_is_refused_where_it_is_needed)
{
	struct uvdk_device *dev = fake_device();
	struct uvdk_ioas *none = NULL;

	cr_expect_eq(uvdk_ioas_create(NULL, NULL, &none), -EINVAL);
	cr_expect(said("needs an iommu"), "%s", uvdk_last_error());
	cr_expect_null(none);
	cr_expect_eq(uvdk_ioas_attach(NULL, dev), -EINVAL);
	cr_expect(said("has creating it failed"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_ioas_attach(ioas, NULL), -EINVAL);
	cr_expect(said("has opening it failed"), "%s", uvdk_last_error());
	uvdk_device_close(dev);
	fake_teardown();
}

/* ---- registry and choice ---- */

static int eager(const char *spec, const struct uvdk_iommu_opts *opts)
{
	cr_expect_str_eq(opts->dev_root, "/dev");
	return strcmp(spec, "fake:eager") == 0 ? 50 : 1;
}

static int open_ok(const struct uvdk_iommu_opts *opts, void **priv)
{
	(void)opts;
	*priv = NULL;
	return 0;
}

Test(iommu_open, the_best_that_suits_is_chosen)
{
	static struct uvdk_iommu_ops ops = {.name = "eager", .suits = eager, .open = open_ok};

	cr_expect_str_eq(uvdk_iommu_choose("fake:0", NULL), "fake");
	cr_expect_null(uvdk_iommu_choose("other:0", NULL));
	cr_expect(said("neither a PCI address"), "%s", uvdk_last_error());
	cr_expect_null(uvdk_iommu_choose(NULL, NULL)); /* a program started without its argument */
	cr_expect(said("needs the device's spec"), "%s", uvdk_last_error());
	cr_assert_eq(uvdk_iommu_register(&ops), 0);
	cr_expect_str_eq(uvdk_iommu_choose("fake:0", NULL), "fake");
	cr_expect_str_eq(uvdk_iommu_choose("fake:eager", NULL), "eager");
	cr_expect_str_eq(uvdk_iommu_choose("other:0", NULL), "eager");
	fake_teardown();
}

Test(iommu_open, names_are_registered_once_and_sixteen_at_most)
{
	static struct uvdk_iommu_ops ops[17];
	static char names[17][8];

	ops[0].name = "fake";
	cr_expect_eq(uvdk_iommu_register(&ops[0]), -EEXIST);
	for (int i = 0; i < 17; i++) {
		names[i][0] = 'a' + (char)i;
		ops[i].name = names[i];
		cr_expect_eq(uvdk_iommu_register(&ops[i]), i < 16 ? 0 : -ENOSPC);
	}
	cr_expect_eq(uvdk_iommu_register(&ops[3]), -EEXIST);
	fake_teardown();
}

/* A tree with one function: absent, without a driver, with another's, with ours. */
Test(iommu_open, what_keeps_a_function_from_us_is_named)
{
	char root[] = "/tmp/uvdk-choose-XXXXXX";
	char command[512];
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};
	const char *function = "0000:07:00.0";

	cr_assert_not_null(mkdtemp(root));
	opts.sysfs_root = root;
	snprintf(
		command, sizeof(command),
		"d=%s/bus/pci/devices/%s; mkdir -p $d %s/drivers/nic %s/drivers/vfio-pci; cd $d; "
		"for f in vendor device subsystem_vendor subsystem_device class; do echo 0x1 > $f; "
		"done; echo 0x0 > revision; : > resource",
		root, function, root, root);
	cr_assert_eq(system(command), 0);

	cr_expect_null(uvdk_iommu_choose("0000:08:00.0", &opts));
	cr_expect(said("no PCI function 0000:08:00.0"), "%s", uvdk_last_error());
	cr_expect_null(uvdk_iommu_choose(function, &opts));
	cr_expect(said("bound to no driver"), "%s", uvdk_last_error());
	snprintf(command, sizeof(command), "ln -s %s/drivers/nic %s/bus/pci/devices/%s/driver",
		 root, root, function);
	cr_assert_eq(system(command), 0);
	cr_expect_null(uvdk_iommu_choose(function, &opts));
	cr_expect(said("bound to nic"), "%s", uvdk_last_error());
	snprintf(command, sizeof(command),
		 "ln -sfn %s/drivers/vfio-pci %s/bus/pci/devices/%s/driver", root, root, function);
	cr_assert_eq(system(command), 0);
	cr_expect_null(uvdk_iommu_choose(function, &opts));
	cr_expect(said("no IOMMU group"), "%s", uvdk_last_error());

	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_expect_eq(system(command), 0);
	fake_teardown();
}

/* Maps of one page take a short way, which is closed to some address spaces. */
Test(iommu_open, no_length_is_no_length_where_iova_is_va)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .policy = UVDK_IOVA_VA};
	struct uvdk_ioas_stats stats;
	struct uvdk_ioas *flat;
	uvdk_iova_t iova = 7;
	char *page = NULL;

	cr_assert_eq(posix_memalign((void **)&page, 4096, 8192), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &flat), 0);
	cr_expect_eq(uvdk_ioas_map(flat, page, 4096, UVDK_MAP_RW, &iova), 0);
	cr_expect_eq(iova, (uintptr_t)page);
	cr_expect_eq(uvdk_ioas_map(flat, page + 4096, 0, UVDK_MAP_RW, &iova), -EINVAL);
	cr_expect_eq(uvdk_ioas_unmap(flat, iova, 0), -EINVAL);
	uvdk_ioas_get_stats(flat, &stats);
	cr_expect_eq(stats.maps, 1);
	uvdk_ioas_destroy(flat);
	free(page);
	fake_teardown();
}
