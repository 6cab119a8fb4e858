// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vfio_sim.h"

static struct uvdk_iommu *iommu;
static struct uvdk_device *a, *b, *c;
static int kvm;

static struct uvdk_device *open_device(const char *name)
{
	struct uvdk_device *dev = NULL;

	cr_assert_eq(uvdk_device_open(iommu, name, sim_device_opts(), &dev), 0, "%s",
		     uvdk_last_error());
	return dev;
}

static void open_under(const char *name)
{
	cr_assert_eq(uvdk_iommu_open(name, sim_iommu_opts(), &iommu), 0, "%s", uvdk_last_error());
	a = open_device(SIM_A);
	b = open_device(SIM_B);
}

static void setup(void)
{
	sim_create();
	kvm = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void teardown(void)
{
	uvdk_device_close(a);
	uvdk_device_close(b);
	uvdk_device_close(c);
	uvdk_iommu_close(iommu);
	close(kvm);
}

static unsigned int known(void)
{
	unsigned int count = 0;

	for (int i = 0; i < 4; i++)
		count += sim.kvm_files[i] != 0;
	return count;
}

TestSuite(vfio_kvm, .init = setup, .fini = sim_destroy);

Test(vfio_kvm, a_character_device_is_announced_until_it_closes)
{
	unsigned int fds;

	open_under("iommufd");
	fds = sim_count_fds();
	cr_assert_eq(uvdk_device_kvm_announce(a, kvm), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_kvm_announce(b, kvm), 0);
	cr_expect_eq(known(), 2);
	cr_expect_eq(uvdk_device_kvm_announce(a, kvm), -EBUSY);
	uvdk_device_kvm_withdraw(a);
	uvdk_device_kvm_withdraw(a);
	cr_expect_eq(known(), 1);
	cr_assert_eq(uvdk_device_kvm_announce(a, kvm), 0);
	uvdk_device_kvm_withdraw(a);
	uvdk_device_close(b);
	b = NULL;
	cr_expect_eq(known(), 0);
	cr_expect_leq(sim_count_fds(), fds);
	teardown();
}

Test(vfio_kvm, a_group_is_announced_once_and_withdrawn_last)
{
	open_under("type1");
	c = open_device(SIM_C);
	cr_assert_eq(uvdk_device_kvm_announce(a, kvm), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_kvm_announce(c, kvm), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_kvm_announce(b, kvm), 0);
	cr_expect_eq(known(), 2);
	uvdk_device_kvm_withdraw(a);
	cr_expect_eq(known(), 2, "the other member is still there");
	sim.kvm_forgets = true;
	cr_expect_eq(uvdk_device_kvm_announce(a, kvm), -EBUSY, "to another machine");
	cr_expect(strstr(uvdk_last_error(), "another"), "%s", uvdk_last_error());
	cr_expect_eq(known(), 2);
	teardown();
	cr_expect_eq(known(), 0);
}

Test(vfio_kvm, what_is_no_kvm_device_is_refused)
{
	static const int said[][2] = {
		{ENOTTY, EINVAL}, {ENXIO, EINVAL}, {EINVAL, EOPNOTSUPP}, {ENOMEM, ENOMEM}};
	unsigned int fds;

	open_under("iommufd");
	fds = sim_count_fds();
	for (int i = 0; i < 4; i++) {
		sim.fail_errno = said[i][0];
		sim.fail_at = sim.calls + 1;
		cr_expect_eq(uvdk_device_kvm_announce(a, kvm), -said[i][1], "%s",
			     uvdk_last_error());
	}
	cr_expect_eq(uvdk_device_kvm_announce(a, -1), -EINVAL);
	cr_expect_eq(sim_count_fds(), fds);
	cr_expect_eq(known(), 0);
	teardown();
}

Test(vfio_kvm, an_emulated_device_has_no_file)
{
	struct uvdk_iommu *emu;
	struct uvdk_device *dev;

	open_under("type1");
	cr_assert_eq(uvdk_iommu_open("emu", NULL, &emu), 0);
	cr_assert_eq(uvdk_device_open(emu, "emu:edu", NULL, &dev), 0, "%s", uvdk_last_error());
	cr_expect_eq(uvdk_device_kvm_announce(dev, kvm), -EOPNOTSUPP);
	uvdk_device_kvm_withdraw(dev);
	uvdk_device_close(dev);
	uvdk_iommu_close(emu);
	teardown();
}
