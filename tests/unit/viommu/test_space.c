// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_explain_driver.h>

#include "fake_unit.h"

/* Address spaces over virtio-iommus that answer as they are told, with a pagemap of the test's. */

#define PAGE	   4096ul
#define PAGES	   64
#define AT	   UINT64_C(0x40000000)
#define PRESENT	   (UINT64_C(1) << 63)
#define NR_DEVICES 4

static struct viommu viommu;
static struct fake_unit units[FAKE_UNITS];
static struct viommu_endpoint endpoints[NR_DEVICES];
static struct uvdk_iommu_binding bindings[NR_DEVICES];
static struct viommu_ioas *spaces[2];
static unsigned char *mem;
static uint64_t locked_before;
static char path[64];

/* Page @n of the memory is in frame @frame. */
static void frame(unsigned int n, uint64_t frame)
{
	uint64_t entry = frame | PRESENT;
	int fd = open(path, O_WRONLY);

	cr_assert_eq(pwrite(fd, &entry, sizeof(entry), (off_t)((uintptr_t)mem / PAGE + n) * 8),
		     sizeof(entry));
	close(fd);
}

static void endpoint(unsigned int n, struct fake_unit *unit)
{
	endpoints[n] = (struct viommu_endpoint){.viommu = &viommu,
						.unit = &unit->unit,
						.binding = &bindings[n],
						.id = 0x18 + 8 * n,
						.group = 0x18 + 8 * n};
	snprintf(endpoints[n].name, sizeof(endpoints[n].name), "0000:00:%02x.0", n + 3);
	bindings[n].priv = &endpoints[n];
	LIST_INSERT_HEAD(&viommu.endpoints, &endpoints[n], entry);
}

static void begin(void)
{
	void *priv;

	snprintf(path, sizeof(path), "/tmp/uvdk-viommu-XXXXXX");
	viommu.phys = (struct uvdk_phys){
		.component = "test", .pagemap = mkstemp(path), .proc = "/nonexistent"};
	cr_assert_geq(viommu.phys.pagemap, 0);
	mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(mem, MAP_FAILED);
	for (unsigned int i = 0; i < PAGES; i++)
		frame(i, 1000 + i);
	pthread_mutex_init(&viommu.lock, NULL);
	for (unsigned int i = 0; i < FAKE_UNITS; i++)
		unit_begin(&units[i], &viommu, i);
	for (unsigned int i = 0; i < NR_DEVICES; i++)
		endpoint(i, &units[i / 2]);
	for (unsigned int i = 0; i < 2; i++) {
		cr_assert_eq(viommu_ioas_create(&viommu, NULL, &priv), 0);
		spaces[i] = priv;
	}
	locked_before = uvdk_memlock_used();
}

/* Whatever was done: nothing is left. */
static void end(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		cr_expect_null(spaces[i]->maps);
		cr_expect(LIST_EMPTY(&spaces[i]->domains));
		viommu_ioas_destroy(spaces[i]);
	}
	for (unsigned int i = 0; i < FAKE_UNITS; i++) {
		cr_expect(LIST_EMPTY(&units[i].unit.domains));
		unit_end(&units[i]);
	}
	munmap(mem, PAGES * PAGE);
	close(viommu.phys.pagemap);
	unlink(path);
}

static uint64_t locked(void)
{
	return uvdk_memlock_used() - locked_before;
}

static int attach(unsigned int space, unsigned int device)
{
	return viommu_attach(spaces[space], &bindings[device]);
}

static void detach(unsigned int space, unsigned int device)
{
	viommu_detach(spaces[space], &bindings[device]);
}

static int map(unsigned int space, uint64_t iova, unsigned int page, unsigned int pages)
{
	return viommu_ioas_map(spaces[space], &iova, mem + page * PAGE, pages * PAGE, UVDK_MAP_RW);
}

static int unmap(unsigned int space, uint64_t iova, unsigned int pages)
{
	return viommu_ioas_unmap(spaces[space], iova, pages * PAGE);
}

/* Where a device's access goes; 0: nowhere. */
static uint64_t reach(unsigned int device, uint64_t iova)
{
	struct fake_unit *unit = (struct fake_unit *)endpoints[device].unit;
	const struct fake_map *found = unit_find(unit, endpoints[device].id, iova);

	return found ? found->phys + iova - found->first : 0;
}

TestSuite(space, .init = begin);

Test(space, what_is_contiguous_is_one_request)
{
	frame(5, 50);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map(0, AT, 0, 10), 0, "%s", uvdk_last_error());
	cr_expect_eq(units[0].requests[VIOMMU_MAP], 3);
	cr_expect_eq(reach(0, AT + 5), 1000 * PAGE + 5);
	cr_expect_eq(reach(0, AT + 5 * PAGE), 50 * PAGE);
	cr_expect_eq(reach(0, AT + 9 * PAGE), 1009 * PAGE);
	cr_expect_eq(locked(), 10 * PAGE);
	cr_assert_eq(unmap(0, AT, 10), 0);
	cr_expect_eq(units[0].requests[VIOMMU_UNMAP], 1);
	cr_expect_eq(reach(0, AT), 0);
	cr_expect_eq(locked(), 0);
	detach(0, 0);
	end();
}

Test(space, access_is_what_was_asked_for)
{
	uint64_t iova = AT;

	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(viommu_ioas_map(spaces[0], &iova, mem, PAGE, UVDK_MAP_READ), 0);
	cr_expect_eq(units[0].maps[0].flags, VIOMMU_MAP_READ);
	iova += PAGE;
	cr_assert_eq(viommu_ioas_map(spaces[0], &iova, mem, PAGE, UVDK_MAP_WRITE), 0);
	cr_expect_eq(units[0].maps[1].flags, VIOMMU_MAP_WRITE);
	detach(0, 0);
	cr_expect_eq(unmap(0, AT, 1), 0);
	cr_expect_eq(unmap(0, AT + PAGE, 1), 0);
	end();
}

Test(space, memory_that_is_mapped_in_two_spaces_stays_locked_for_the_other)
{
	cr_assert_eq(map(0, AT, 0, 8), 0);
	cr_assert_eq(map(1, AT, 4, 8), 0);
	cr_expect_eq(locked(), 12 * PAGE);
	cr_assert_eq(unmap(0, AT, 8), 0);
	cr_expect_eq(locked(), 8 * PAGE);
	cr_assert_eq(unmap(1, AT, 8), 0);
	cr_expect_eq(locked(), 0);
	end();
}

Test(space, devices_of_one_space_share_a_domain_and_each_unit_has_its_own)
{
	cr_assert_eq(map(0, AT, 0, 1), 0);
	for (unsigned int i = 0; i < NR_DEVICES; i++)
		cr_assert_eq(attach(0, i), 0, "%s", uvdk_last_error());
	for (unsigned int i = 0; i < NR_DEVICES; i++)
		cr_expect_eq(reach(i, AT), 1000 * PAGE);
	for (unsigned int i = 0; i < FAKE_UNITS; i++) {
		cr_expect_eq(units[i].nr_maps, 1);
		cr_expect_eq(units[i].requests[VIOMMU_MAP], 1);
	}
	cr_assert_eq(map(0, AT + PAGE, 1, 1), 0);
	cr_expect_eq(reach(3, AT + PAGE), 1001 * PAGE);
	detach(0, 0);
	cr_expect_eq(reach(0, AT), 0);
	cr_expect_eq(reach(1, AT), 1000 * PAGE);
	detach(0, 1);
	cr_expect_eq(units[0].nr_maps, 0);
	cr_assert_eq(unmap(0, AT, 1), 0);
	cr_expect_eq(reach(3, AT), 0);
	cr_expect_eq(reach(3, AT + PAGE), 1001 * PAGE);
	detach(0, 2);
	detach(0, 3);
	cr_assert_eq(unmap(0, AT + PAGE, 1), 0);
	end();
}

Test(space, two_spaces_have_different_numbers)
{
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(attach(1, 1), 0);
	cr_assert_eq(map(0, AT, 0, 1), 0);
	cr_expect_eq(reach(1, AT), 0);
	cr_assert_eq(map(1, AT, 1, 1), 0);
	cr_expect_eq(reach(0, AT), 1000 * PAGE);
	cr_expect_eq(reach(1, AT), 1001 * PAGE);
	detach(0, 0);
	detach(1, 1);
	cr_assert_eq(unmap(0, AT, 1), 0);
	cr_assert_eq(unmap(1, AT, 1), 0);
	end();
}

Test(space, numbers_that_run_out_are_refused)
{
	units[0].unit.config.domain_last = units[0].unit.config.domain_first;
	cr_assert_eq(attach(0, 0), 0);
	cr_expect_eq(attach(1, 1), -ENOSPC);
	cr_expect_eq(attach(0, 1), 0);
	detach(0, 0);
	detach(0, 1);
	cr_expect_eq(attach(1, 1), 0);
	detach(1, 1);
	end();
}

/* ---- every status, of every request ---- */

static const int statuses[] = {-EIO,	-EOPNOTSUPP, -ENXIO,  -EINVAL,
			       -ERANGE, -ENOENT,     -EFAULT, -ENOMEM};

#define EACH_STATUS(i) (unsigned int i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)

Test(space, an_attach_that_is_refused_leaves_nothing)
{
	cr_assert_eq(map(0, AT, 0, 2), 0);
	for
		EACH_STATUS(i)
		{
			unit_answer(&units[0], VIOMMU_ATTACH, 0, statuses[i]);
			cr_expect_eq(attach(0, 0), statuses[i]);
			cr_expect_eq(units[0].nr_attached, 0);
			cr_expect(LIST_EMPTY(&spaces[0]->domains));
		}
	cr_expect_eq(attach(0, 0), 0);
	cr_expect_eq(reach(0, AT), 1000 * PAGE);
	detach(0, 0);
	cr_assert_eq(unmap(0, AT, 2), 0);
	end();
}

Test(space, a_map_that_is_refused_halfway_on_attach_undoes_the_attach)
{
	frame(1, 77);
	cr_assert_eq(map(0, AT, 0, 3), 0);
	cr_assert_eq(map(0, 2 * AT, 8, 1), 0);
	for
		EACH_STATUS(i)
		{
			unit_answer(&units[0], VIOMMU_MAP, i % 4, statuses[i]);
			cr_expect_eq(attach(0, 0), statuses[i]);
			cr_expect_eq(units[0].nr_attached, 0);
			cr_expect_eq(units[0].nr_maps, 0);
			cr_expect(LIST_EMPTY(&spaces[0]->domains));
			cr_expect_null(endpoints[0].domain);
		}
	cr_expect_not(spaces[0]->lost);
	cr_assert_eq(unmap(0, AT, 3), 0);
	cr_assert_eq(unmap(0, 2 * AT, 1), 0);
	end();
}

Test(space, a_map_that_is_refused_halfway_is_undone_in_all_units)
{
	frame(1, 77);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(attach(0, 2), 0);
	for
		EACH_STATUS(i)
		{
			unit_answer(&units[i & 1], VIOMMU_MAP, i % 3, statuses[i]);
			cr_expect_eq(map(0, AT, 0, 3), statuses[i]);
			cr_expect_eq(units[0].nr_maps, 0);
			cr_expect_eq(units[1].nr_maps, 0);
			cr_expect_eq(locked(), 0);
		}
	cr_expect_not(spaces[0]->lost);
	detach(0, 0);
	detach(0, 2);
	end();
}

Test(space, an_unmap_that_is_refused_leaves_the_map_and_the_memory_locked)
{
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(attach(0, 2), 0);
	cr_assert_eq(map(0, AT, 0, 3), 0);
	for
		EACH_STATUS(i)
		{
			unit_answer(&units[i & 1], VIOMMU_UNMAP, 0, statuses[i]);
			cr_expect_eq(unmap(0, AT, 3), statuses[i]);
			cr_expect_eq(reach(0, AT), 1000 * PAGE);
			cr_expect_eq(reach(2, AT), 1000 * PAGE);
			cr_expect_eq(locked(), 3 * PAGE);
		}
	cr_expect_eq(unmap(0, AT, 3), 0);
	cr_expect_eq(locked(), 0);
	detach(0, 0);
	detach(0, 2);
	end();
}

Test(space, memory_of_a_device_that_could_not_be_detached_stays_locked_and_that_is_said)
{
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map(0, AT, 0, 3), 0);
	unit_answer(&units[0], VIOMMU_DETACH, 0, -EIO);
	detach(0, 0);
	cr_expect(spaces[0]->lost);
	cr_expect_eq(unmap(0, AT, 3), 0);
	cr_expect_eq(locked(), 3 * PAGE);
	end();
}

Test(space, a_unit_that_has_vanished_ends_calls_but_not_the_teardown)
{
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map(0, AT, 0, 3), 0);
	units[0].gone = true;
	units[0].unit.dead = true;
	cr_expect_eq(map(0, 2 * AT, 4, 1), -ENODEV);
	cr_expect_eq(unmap(0, AT, 3), -ENODEV);
	cr_expect_eq(attach(0, 1), -ENODEV);
	detach(0, 0);
	cr_expect_not(spaces[0]->lost);
	cr_expect_eq(unmap(0, AT, 3), 0);
	cr_expect_eq(locked(), 0);
	end();
}

/* ---- resets ---- */

Test(space, after_a_reset_all_spaces_of_the_unit_are_put_back)
{
	frame(1, 77);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(attach(1, 1), 0);
	cr_assert_eq(map(0, AT, 0, 3), 0);
	cr_assert_eq(map(1, AT, 8, 1), 0);
	unit_reset(&units[0], true);
	cr_assert_eq(map(0, 2 * AT, 9, 1), 0);
	cr_expect_eq(units[0].resets, 1);
	cr_expect_eq(reach(0, AT), 1000 * PAGE);
	cr_expect_eq(reach(0, AT + PAGE), 77 * PAGE);
	cr_expect_eq(reach(0, 2 * AT), 1009 * PAGE);
	cr_expect_eq(reach(1, AT), 1008 * PAGE);
	cr_expect_eq(units[0].nr_maps, 5);
	detach(0, 0);
	detach(1, 1);
	cr_assert_eq(unmap(0, AT, 3), 0);
	cr_assert_eq(unmap(0, 2 * AT, 1), 0);
	cr_assert_eq(unmap(1, AT, 1), 0);
	end();
}

Test(space, a_reset_in_the_middle_of_a_map_loses_none_of_it)
{
	for (unsigned int i = 0; i < 3; i++)
		frame(i, 50 + 10 * i);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map(0, 2 * AT, 9, 1), 0);
	for (unsigned int run = 0; run < 3; run++) {
		unit_answer(&units[0], VIOMMU_MAP, run, -ECANCELED);
		cr_assert_eq(map(0, AT, 0, 3), 0);
		for (unsigned int i = 0; i < 3; i++)
			cr_expect_eq(reach(0, AT + i * PAGE), (50 + 10 * i) * PAGE);
		cr_expect_eq(reach(0, 2 * AT), 1009 * PAGE);
		cr_expect_eq(units[0].nr_maps, 4);
		cr_assert_eq(unmap(0, AT, 3), 0);
	}
	detach(0, 0);
	cr_assert_eq(unmap(0, 2 * AT, 1), 0);
	end();
}

Test(space, a_reset_in_the_middle_of_an_unmap_does_not_bring_the_map_back)
{
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map(0, AT, 0, 3), 0);
	unit_answer(&units[0], VIOMMU_UNMAP, 0, -ECANCELED);
	cr_assert_eq(unmap(0, AT, 3), 0);
	cr_expect_eq(units[0].nr_maps, 0);
	cr_expect_eq(locked(), 0);
	detach(0, 0);
	end();
}

Test(space, a_reset_in_the_middle_of_an_attach_or_detach_is_as_if_it_came_before)
{
	cr_assert_eq(map(0, AT, 0, 1), 0);
	cr_assert_eq(map(0, 2 * AT, 1, 1), 0);
	unit_answer(&units[0], VIOMMU_ATTACH, 0, -ECANCELED);
	cr_assert_eq(attach(0, 0), 0);
	unit_answer(&units[0], VIOMMU_ATTACH, 0, -ECANCELED);
	cr_assert_eq(attach(0, 1), 0);
	cr_expect_eq(reach(0, AT), 1000 * PAGE);
	cr_expect_eq(reach(1, 2 * AT), 1001 * PAGE);
	unit_answer(&units[0], VIOMMU_DETACH, 0, -ECANCELED);
	detach(0, 0);
	cr_expect_eq(reach(0, AT), 0);
	cr_expect_eq(reach(1, AT), 1000 * PAGE);
	detach(0, 1);
	unit_answer(&units[0], VIOMMU_MAP, 1, -ECANCELED);
	cr_assert_eq(attach(0, 0), 0);
	cr_expect_eq(reach(0, AT), 1000 * PAGE);
	cr_expect_eq(reach(0, 2 * AT), 1001 * PAGE);
	cr_expect_eq(units[0].nr_maps, 2);
	detach(0, 0);
	cr_expect_not(spaces[0]->lost);
	cr_assert_eq(unmap(0, AT, 1), 0);
	cr_assert_eq(unmap(0, 2 * AT, 1), 0);
	end();
}

/* ---- who may come in ---- */

Test(space, devices_that_cannot_be_isolated_share_a_space_or_are_refused)
{
	endpoints[1].group = endpoints[0].group;
	cr_assert_eq(attach(0, 0), 0);
	cr_expect_eq(attach(1, 1), -EBUSY);
	cr_expect(strstr(uvdk_last_error(), endpoints[0].name), "%s", uvdk_last_error());
	cr_expect(strstr(uvdk_last_error(), endpoints[1].name), "%s", uvdk_last_error());
	cr_expect_eq(attach(0, 1), 0);
	detach(0, 0);
	detach(0, 1);
	cr_expect_eq(attach(1, 1), 0);
	detach(1, 1);
	end();
}

Test(space, devices_with_one_number_are_not_isolated_and_leave_one_by_one)
{
	endpoints[1].id = endpoints[0].id;
	cr_assert_eq(map(0, AT, 0, 1), 0);
	cr_assert_eq(attach(0, 0), 0);
	cr_expect_eq(attach(1, 1), -EBUSY);
	cr_assert_eq(attach(0, 1), 0);
	detach(0, 0);
	cr_expect_eq(reach(1, AT), 1000 * PAGE);
	detach(0, 1);
	cr_expect_eq(reach(1, AT), 0);
	cr_assert_eq(unmap(0, AT, 1), 0);
	end();
}

Test(space, the_same_number_behind_another_unit_is_somebody_else)
{
	endpoints[2].id = endpoints[0].id;
	cr_assert_eq(attach(0, 0), 0);
	cr_expect_eq(attach(1, 2), 0);
	detach(0, 0);
	detach(1, 2);
	end();
}

Test(space, a_device_that_cannot_reach_what_is_mapped_is_refused)
{
	struct viommu_reserved msi = {0xfee00000, 0xfeefffff, true};

	endpoints[0].reserved = &msi;
	endpoints[0].nr_reserved = 1;
	units[0].unit.config.input_last = 2 * AT - 1;
	cr_assert_eq(map(0, 0xfee00000, 0, 1), 0);
	units[0].unit.config.input_last = UINT64_MAX;
	cr_expect_eq(attach(0, 0), -EADDRINUSE);
	cr_expect(strstr(uvdk_last_error(), "0xfee00000"), "%s", uvdk_last_error());
	cr_assert_eq(unmap(0, 0xfee00000, 1), 0);
	cr_assert_eq(map(0, 2 * AT, 0, 1), 0);
	units[0].unit.config.input_last = 2 * AT - 1;
	cr_expect_eq(attach(0, 0), -EADDRINUSE);
	cr_expect_eq(units[0].requests[VIOMMU_ATTACH], 0);
	cr_expect_eq(attach(0, 2), 0);
	detach(0, 2);
	cr_assert_eq(unmap(0, 2 * AT, 1), 0);
	end();
}

Test(space, apertures_are_what_all_units_and_devices_leave)
{
	struct viommu_reserved a[] = {{0xfee00000, 0xfeefffff, true}, {0x1000, 0x1fff, false}};
	struct viommu_reserved b[] = {{0xfee80000, 0xfef7ffff, false},
				      {0xfee10000, 0xfee1ffff, false}};
	struct uvdk_iova_range r[8];

	endpoints[0].reserved = a;
	endpoints[0].nr_reserved = 2;
	endpoints[2].reserved = b;
	endpoints[2].nr_reserved = 2;
	units[1].unit.config.input_first = 0x800;
	units[1].unit.config.input_last = UINT64_C(0xffffffffff);
	cr_expect_eq(viommu_ranges(spaces[0], r, 8), 1);
	cr_expect_eq(r[0].last, UINT64_MAX);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(attach(0, 2), 0);
	cr_assert_eq(viommu_ranges(spaces[0], r, 8), 3);
	cr_expect_eq(r[0].first, 0x800);
	cr_expect_eq(r[0].last, 0xfff);
	cr_expect_eq(r[1].first, 0x2000);
	cr_expect_eq(r[1].last, 0xfedfffff);
	cr_expect_eq(r[2].first, 0xfef80000);
	cr_expect_eq(r[2].last, (UINT64_C(1) << 39) - 1);
	detach(0, 0);
	detach(0, 2);
	end();
}

Test(space, pages_of_a_unit_that_are_larger_than_pieces_of_memory_are_refused)
{
	units[0].unit.config.page_sizes = ~UINT64_C(0xffff);
	frame(0, 1024);
	for (unsigned int i = 1; i < 16; i++)
		frame(i, 1024 + i);
	cr_assert_eq(attach(0, 0), 0);
	cr_expect_eq(viommu_page_sizes(spaces[0]) & 0x1f000, 0x10000);
	cr_expect_eq(map(0, AT, 0, 16), 0, "%s", uvdk_last_error());
	cr_expect_eq(map(0, 2 * AT, 16, 16), -EDOM);
	cr_expect(strstr(uvdk_last_error(), "huge pages"), "%s", uvdk_last_error());
	detach(0, 0);
	cr_assert_eq(unmap(0, AT, 16), 0);
	end();
}

/* ---- PROBE ---- */

static int probe(const void *properties, size_t len)
{
	units[0].properties = properties;
	units[0].nr_properties = len;

	return viommu_probe(&endpoints[0]);
}

Test(space, reserved_regions_come_from_probe_and_what_is_not_known_is_skipped)
{
	static const uint8_t properties[] = {
		7,    0,    4,	  0,	1, 2, 3, 4, /* not known */
		1,    0,    20,	  0,	1, 0, 0, 0,
		0,    0,    0xe0, 0xfe, 0, 0, 0, 0, /* MSI: 0xfee00000 */
		0xff, 0xff, 0xef, 0xfe, 0, 0, 0, 0, /* 0xfeefffff */
		1,    0xf0, 20,	  0,	0, 0, 0, 0,
		0,    0x10, 0,	  0,	0, 0, 0, 0, /* reserved bits of the type */
		0xff, 0x1f, 0,	  0,	0, 0, 0, 0,
	};

	cr_assert_eq(probe(properties, sizeof(properties)), 0, "%s", uvdk_last_error());
	cr_assert_eq(endpoints[0].nr_reserved, 2);
	cr_expect(endpoints[0].reserved[0].msi);
	cr_expect_eq(endpoints[0].reserved[0].first, 0xfee00000);
	cr_expect_eq(endpoints[0].reserved[0].last, 0xfeefffff);
	cr_expect_not(endpoints[0].reserved[1].msi);
	cr_expect_eq(endpoints[0].reserved[1].first, 0x1000);
	cr_expect_eq(endpoints[0].reserved[1].last, 0x1fff);
	free(endpoints[0].reserved);
	end();
}

Test(space, properties_that_cannot_be_are_refused)
{
	static const uint8_t too_long[] = {1, 0, 0xfd, 1};
	static const uint8_t too_short[] = {1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t backwards[] = {1, 0, 20, 0, 0, 0, 0, 0, 2, 0, 0, 0,
					    0, 0, 0,  0, 1, 0, 0, 0, 0, 0, 0, 0};

	cr_expect_eq(probe(too_long, sizeof(too_long)), -EPROTO);
	cr_expect_eq(probe(too_short, sizeof(too_short)), -EPROTO);
	cr_expect_eq(probe(backwards, sizeof(backwards)), -EPROTO);
	cr_expect_null(endpoints[0].reserved);
	cr_expect_eq(endpoints[0].nr_reserved, 0);
	unit_answer(&units[0], VIOMMU_PROBE, 0, -EIO);
	cr_expect_eq(viommu_probe(&endpoints[0]), -EIO);
	units[0].unit.config.probe_size = 0;
	cr_expect_eq(viommu_probe(&endpoints[0]), 0);
	end();
}
