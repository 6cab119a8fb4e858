// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_device_driver.h>
#include <uvdk_dmabuf.h>

#include "vfio_sim.h"

#define PAGE 0x1000u

static struct uvdk_iommu *iommu;
static struct uvdk_device *a, *b;
static struct uvdk_ioas *ioas;
static struct uvdk_dmabuf_info told;
static unsigned int tellings;

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
	cr_assert_eq(uvdk_device_set_command(a, UVDK_PCI_COMMAND_MEMORY, 0), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, b), 0, "%s", uvdk_last_error());
}

static void teardown(void)
{
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(a);
	uvdk_device_close(b);
	uvdk_iommu_close(iommu);
	cr_assert_eq(sim.maps, 0, "%u maps are left", sim.maps);
}

static int export_page(void)
{
	int fd = -1;

	cr_assert_eq(uvdk_device_export_bar(a, 0, PAGE, PAGE, &fd), 0, "%s", uvdk_last_error());
	cr_assert_geq(fd, 0);
	return fd;
}

static void note(const struct uvdk_dmabuf_info *info, void *arg)
{
	cr_assert_eq(arg, &told);
	told = *info;
	tellings++;
}

/* BAR 0 of A, mapped and watched. */
static uvdk_iova_t map_page(void)
{
	uvdk_iova_t iova = 0;
	int fd = export_page();

	cr_assert_eq(uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW, &iova), 0, "%s",
		     uvdk_last_error());
	close(fd);
	memset(&told, 0, sizeof(told));
	tellings = 0;
	cr_assert_eq(uvdk_dmabuf_watch(ioas, iova, note, &told), 0);
	return iova;
}

static struct uvdk_dmabuf_info info_of(uvdk_iova_t iova)
{
	struct uvdk_dmabuf_info info = {0};

	cr_assert_eq(uvdk_dmabuf_get_info(ioas, iova, &info), 0);
	return info;
}

TestSuite(vfio_dmabuf, .init = sim_create, .fini = sim_destroy);

Test(vfio_dmabuf, a_bar_is_mapped_by_descriptor_and_nothing_is_left)
{
	struct uvdk_dmabuf_info info;
	struct uvdk_ioas_stats stats;
	struct uvdk_map_info map;
	unsigned int fds;
	uvdk_iova_t iova;

	open_under("iommufd");
	fds = sim_count_fds();
	iova = map_page();
	cr_expect_eq(sim.maps, 1);
	cr_expect_eq(sim.file_iova, iova);
	cr_expect_eq(sim.file_flags, 7);
	cr_assert_eq(uvdk_ioas_find(ioas, iova + 5, &map), 0);
	cr_expect_null(map.va);
	cr_expect_eq(map.flags, UVDK_MAP_RW | UVDK_MAP_ALIAS | UVDK_MAP_FILE);
	cr_expect_null(uvdk_ioas_va(ioas, iova + 5));
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.bytes, PAGE);
	info = info_of(iova);
	cr_expect_eq(info.exporter, a);
	cr_expect_eq(info.kind, UVDK_DMABUF_BAR);
	cr_expect_eq(info.state, UVDK_DMABUF_LIVE);
	cr_expect_eq(info.bar_offset, PAGE);
	cr_expect_eq(info.flags, UVDK_MAP_RW);
	cr_expect_eq(uvdk_ioas_unmap(ioas, iova, PAGE), -EBUSY);
	cr_expect(strstr(uvdk_last_error(), "uvdk_dmabuf_unmap"), "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
	cr_expect_eq(sim.maps, 0);
	cr_expect_eq(uvdk_dmabuf_unmap(ioas, iova), -ENOENT);
	cr_expect_eq(uvdk_ioas_find(ioas, iova, &map), -ENOENT);
	cr_expect_eq(sim_count_fds(), fds);
	teardown();
}

Test(vfio_dmabuf, a_reset_of_the_exporter_maps_anew)
{
	uvdk_iova_t iova;

	open_under("iommufd");
	iova = map_page();
	sim.file_iova = 0;
	cr_assert_eq(uvdk_device_reset(a), 0);
	cr_expect_eq(sim.file_maps, 2);
	cr_expect_eq(sim.file_iova, iova);
	cr_expect_eq(sim.maps, 1);
	cr_expect_eq(tellings, 1);
	cr_expect_eq(told.state, UVDK_DMABUF_LIVE);
	cr_expect_eq(told.revocations, 1);
	cr_assert_eq(uvdk_device_hot_reset(a), 0);
	cr_expect_eq(sim.file_maps, 3);
	cr_expect_eq(told.revocations, 2);
	cr_assert_eq(uvdk_device_reset(b), 0);
	cr_expect_eq(sim.file_maps, 3, "the other's reset has nothing to do with it");
	cr_assert_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
	cr_assert_eq(uvdk_device_reset(a), 0);
	cr_expect_eq(sim.file_maps, 3);
	cr_expect_eq(tellings, 2);
	teardown();
}

Test(vfio_dmabuf, a_hot_reset_maps_anew_what_it_took_along)
{
	struct uvdk_device *c;

	open_under("type1");
	map_page();
	c = open_device(SIM_C);
	cr_assert_eq(uvdk_device_hot_reset(c), 0);
	cr_expect_eq(sim.map_calls, 2, "A is in the list of C's slot");
	cr_expect_eq(told.revocations, 1);
	uvdk_device_close(c);
	teardown();
}

Test(vfio_dmabuf, memory_enable_ends_a_map_and_brings_it_back)
{
	static const uint8_t off[] = {0, 0}, on[] = {2, 0};
	struct uvdk_map_info map;
	uvdk_iova_t iova;

	open_under("iommufd");
	iova = map_page();
	cr_assert_eq(uvdk_device_set_command(a, UVDK_PCI_COMMAND_MEMORY, 0), 0);
	cr_expect_eq(tellings, 0, "it was on");
	cr_assert_eq(uvdk_device_set_command(a, 0, UVDK_PCI_COMMAND_MEMORY), 0);
	cr_expect_eq(told.state, UVDK_DMABUF_REVOKED);
	cr_expect_eq(sim.maps, 0);
	cr_expect_eq(uvdk_ioas_find(ioas, iova, &map), 0, "the IOVA is taken still");
	cr_assert_eq(uvdk_device_set_command(a, 0, UVDK_PCI_COMMAND_MEMORY), 0);
	cr_expect_eq(tellings, 1);
	cr_assert_eq(uvdk_device_set_command(a, UVDK_PCI_COMMAND_MEMORY, 0), 0);
	cr_expect_eq(told.state, UVDK_DMABUF_LIVE);
	cr_expect_eq(sim.maps, 1);
	cr_assert_eq(uvdk_device_config_write(a, 4, off, 2), 0);
	cr_expect_eq(told.state, UVDK_DMABUF_REVOKED);
	cr_expect_eq(sim.maps, 0);
	cr_assert_eq(uvdk_device_config_write(a, 4, on, 2), 0);
	cr_expect_eq(told.state, UVDK_DMABUF_LIVE);
	cr_expect_eq(told.revocations, 2);
	cr_assert_eq(uvdk_device_config_write(a, 0x3c, off, 1), 0);
	cr_expect_eq(tellings, 4);
	teardown();
}

Test(vfio_dmabuf, what_is_not_back_after_a_reset_is_told_and_may_be_asked_for)
{
	uvdk_iova_t iova;

	open_under("iommufd");
	iova = map_page();
	sim.revoked = true;
	cr_assert_eq(uvdk_device_reset(a), 0);
	cr_expect_eq(told.state, UVDK_DMABUF_REVOKED);
	cr_expect_eq(sim.maps, 0);
	cr_expect_eq(uvdk_dmabuf_redo(ioas, iova), -ENODEV);
	cr_expect(strstr(uvdk_last_error(), "memory enable"), "%s", uvdk_last_error());
	sim.revoked = false;
	cr_expect_eq(uvdk_dmabuf_redo(ioas, iova), 0, "%s", uvdk_last_error());
	cr_expect_eq(info_of(iova).state, UVDK_DMABUF_LIVE);
	cr_expect_eq(sim.maps, 1);
	sim.revoked = true;
	cr_assert_eq(uvdk_device_reset(a), 0);
	uvdk_ioas_destroy(ioas);
	ioas = NULL;
	cr_expect_eq(sim.maps, 0);
	sim.maps = 0;
	uvdk_device_close(a);
	a = NULL;
	teardown();
}

Test(vfio_dmabuf, a_map_ends_with_its_exporter)
{
	uvdk_iova_t iova, other;
	int fd;

	open_under("iommufd");
	iova = map_page();
	fd = export_page();
	uvdk_device_close(a);
	a = NULL;
	cr_expect_eq(told.state, UVDK_DMABUF_ENDED);
	cr_expect_eq(sim.maps, 0);
	cr_expect_eq(uvdk_dmabuf_redo(ioas, iova), -ENODEV);
	tellings = 0;
	cr_assert_eq(uvdk_dmabuf_watch(ioas, iova, note, &told), 0);
	cr_expect_eq(tellings, 1, "who comes late is told, too");
	cr_assert_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
	sim.revoked = true;
	cr_expect_neq(uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW, &other), 0);
	close(fd);
	teardown();
}

Test(vfio_dmabuf, a_vanished_exporter_is_noticed)
{
	uvdk_iova_t iova;

	open_under("iommufd");
	iova = map_page();
	uvdk_device_mark_gone(a, "the test says so");
	cr_assert_eq(uvdk_device_next_event(a), UVDK_DEVICE_EVENT_GONE);
	cr_expect_eq(told.state, UVDK_DMABUF_REVOKED);
	cr_expect_eq(sim.maps, 0);
	cr_assert_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
	teardown();
}

Test(vfio_dmabuf, a_kernel_that_is_too_old_is_named)
{
	uvdk_iova_t iova;
	int fd = -1;

	open_under("iommufd");
	sim.no_dma_buf = true;
	cr_expect_eq(uvdk_device_export_bar(a, 0, 0, PAGE, &fd), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "VFIO_PCI_DMABUF"), "%s", uvdk_last_error());
	cr_expect_eq(fd, -1);
	sim.no_dma_buf = false;
	fd = export_page();
	sim.no_map_file = true;
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW, &iova), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "IOMMU_IOAS_MAP_FILE"), "%s", uvdk_last_error());
	close(fd);
	teardown();
}

Test(vfio_dmabuf, each_call_that_fails_leaves_nothing_behind)
{
	unsigned int fds, failed = 0;
	int ret = -1;

	open_under("iommufd");
	cr_assert_eq(uvdk_device_region(a, 0, &(struct uvdk_region){0}), 0);
	fds = sim_count_fds();
	for (unsigned int call = 1; ret; call++) {
		uvdk_iova_t iova;
		int fd = -1;

		sim.fail_at = sim.calls + call;
		ret = uvdk_device_export_bar(a, 0, 0, PAGE, &fd);
		if (!ret)
			ret = uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW, &iova);
		if (fd >= 0)
			close(fd);
		failed += ret != 0;
		if (ret)
			cr_expect_eq(sim_count_fds(), fds);
		else /* the next call is that of the unmap */
			cr_expect_eq(uvdk_dmabuf_unmap(ioas, iova), -EIO,
				     "then it is mapped still");
		if (!ret)
			cr_expect_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
		cr_assert_eq(sim.maps, 0);
	}
	cr_expect_eq(failed, 2);
	cr_expect_eq(sim_count_fds(), fds);
	teardown();
}

Test(vfio_dmabuf, type1_takes_the_bar_as_the_process_has_it)
{
	uvdk_iova_t iova;

	open_under("type1");
	iova = map_page();
	cr_expect_eq(sim.file_maps, 0);
	cr_expect_eq(sim.maps, 1);
	cr_assert_eq(uvdk_device_reset(a), 0);
	cr_expect_eq(sim.map_calls, 2);
	cr_expect_eq(sim.maps, 1);
	cr_assert_eq(uvdk_device_set_command(a, 0, UVDK_PCI_COMMAND_MEMORY), 0);
	cr_expect_eq(sim.maps, 0);
	uvdk_ioas_detach(ioas, b);
	cr_assert_eq(uvdk_ioas_attach(ioas, b), 0, "%s", uvdk_last_error());
	cr_expect_eq(sim.maps, 0, "what is revoked is not made again for who attaches");
	cr_assert_eq(uvdk_device_set_command(a, UVDK_PCI_COMMAND_MEMORY, 0), 0);
	cr_expect_eq(sim.maps, 1);
	cr_assert_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
	teardown();
}

/* 16 KiB, the second page begins with '2'. */
static int memfd(unsigned int flags)
{
	int fd = memfd_create("test", MFD_CLOEXEC | flags);

	cr_assert_eq(ftruncate(fd, 4 * PAGE), 0);
	cr_assert_eq(pwrite(fd, "2", 1, PAGE), 1);
	return fd;
}

Test(vfio_dmabuf, a_memfd_needs_no_address_under_iommufd)
{
	int fd = memfd(0);
	uvdk_iova_t iova;

	open_under("iommufd");
	cr_assert_eq(uvdk_dmabuf_map(ioas, fd, PAGE, 2 * PAGE, UVDK_MAP_READ, &iova), 0, "%s",
		     uvdk_last_error());
	cr_expect_eq(sim.file_start, PAGE);
	cr_expect_eq(sim.file_flags, 5);
	cr_expect_null(info_of(iova).va);
	cr_expect_eq(info_of(iova).kind, UVDK_DMABUF_MEMORY);
	cr_expect_eq(uvdk_dmabuf_redo(ioas, iova), 0);
	cr_expect_eq(sim.file_maps, 1, "memory is never revoked");
	cr_assert_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
	close(fd);
	teardown();
}

Test(vfio_dmabuf, a_memfd_is_mapped_into_the_process_under_type1)
{
	int fd = memfd(0);
	uvdk_iova_t iova;
	const char *va;

	open_under("type1");
	cr_assert_eq(uvdk_dmabuf_map(ioas, fd, PAGE, PAGE, UVDK_MAP_RW, &iova), 0, "%s",
		     uvdk_last_error());
	va = info_of(iova).va;
	cr_assert_not_null(va);
	cr_expect_eq(*va, '2');
	cr_expect_eq(sim.maps, 1);
	cr_assert_eq(uvdk_dmabuf_unmap(ioas, iova), 0);
	close(fd);
	teardown();
}

static int try(int fd, uint64_t offset, size_t len, unsigned int flags)
{
	uvdk_iova_t iova = 0x800;
	int ret = uvdk_dmabuf_map(ioas, fd, offset, len, flags, &iova);

	cr_expect_eq(iova, 0x800, "written though it failed");
	cr_expect(*uvdk_last_error());
	return ret;
}

Test(vfio_dmabuf, what_makes_no_sense_is_refused)
{
	int fd = memfd(MFD_ALLOW_SEALING);
	unsigned int fds;
	char path[64];
	int readonly, null;

	open_under("iommufd");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readonly = open(path, O_RDONLY | O_CLOEXEC);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds = sim_count_fds();
	cr_expect_eq(try(fd, 0, 0, UVDK_MAP_RW), -EINVAL);
	cr_expect_eq(try(fd, 0, PAGE, 0), -EINVAL);
	cr_expect_eq(try(fd, 0, PAGE, UVDK_MAP_RW | UVDK_MAP_ALIAS), -EINVAL);
	cr_expect_eq(try(fd, 0x800, PAGE, UVDK_MAP_RW), -EDOM);
	cr_expect_eq(try(fd, 0, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED), -EDOM);
	cr_expect_eq(try(fd, PAGE, 4 * PAGE, UVDK_MAP_RW), -EINVAL);
	cr_expect_eq(try(fd, UINT64_MAX - PAGE + 1, PAGE, UVDK_MAP_RW), -EINVAL);
	cr_expect_eq(try(-1, 0, PAGE, UVDK_MAP_RW), -EINVAL);
	cr_expect_eq(try(null, 0, PAGE, UVDK_MAP_RW), -EINVAL);
	cr_expect_eq(try(readonly, 0, PAGE, UVDK_MAP_RW), -EPERM);
	cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	cr_expect_eq(try(fd, 0, PAGE, UVDK_MAP_RW), -EPERM);
	cr_expect_eq(uvdk_dmabuf_map(NULL, fd, 0, PAGE, UVDK_MAP_RW, &(uvdk_iova_t){0}), -EINVAL);
	cr_expect_eq(uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW, NULL), -EINVAL);
	cr_expect_eq(sim_count_fds(), fds);
	cr_expect_eq(sim.maps, 0);
	close(readonly);
	close(null);
	close(fd);
	teardown();
}

Test(vfio_dmabuf, an_address_space_by_addresses_wants_a_place)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .policy = UVDK_IOVA_VA};
	uvdk_iova_t iova = 0x100000;
	struct uvdk_ioas *by_va;
	int fd = memfd(0);

	open_under("iommufd");
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &by_va), 0);
	cr_expect_eq(uvdk_dmabuf_map(by_va, fd, 0, PAGE, UVDK_MAP_RW, &iova), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "UVDK_MAP_FIXED"), "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmabuf_map(by_va, fd, 0, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0,
		     "%s", uvdk_last_error());
	cr_expect_eq(uvdk_ioas_copy(ioas, by_va, iova, PAGE, UVDK_MAP_RW), -EOPNOTSUPP);
	cr_assert_eq(uvdk_dmabuf_unmap(by_va, iova), 0);
	uvdk_ioas_destroy(by_va);
	close(fd);
	teardown();
}
