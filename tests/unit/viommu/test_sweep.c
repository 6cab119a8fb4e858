// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_emu_driver.h>

#include "../pci/fake_sysfs.h"
#include "../topo/table.h"
#include "fake_unit.h"

/*
 * A virtio-iommu that keeps what is attached over a reset, on a machine with three functions, whose
 * owner has died: the first two share a domain, the third has one of its own.
 */

#define OURS  1u
#define OTHER 2u
#define AT    UINT64_C(0x40000000)

const struct uvdk_emu_model *const uvdk_builtin_models[] = {NULL};

static struct viommu viommu;
static struct fake_unit unit;
static struct fake fake;
static unsigned int warnings;
static char warning[256];

static void sink(void *priv, enum uvdk_log_level level, const char *component, const char *msg)
{
	(void)priv, (void)component;
	if (level > UVDK_LOG_WARN)
		return;
	warnings++;
	snprintf(warning, sizeof(warning), "%s", msg);
}

static void left(uint32_t endpoint, uint32_t domain)
{
	unit.attached[unit.nr_attached].endpoint = endpoint;
	unit.attached[unit.nr_attached++].domain = domain;
	if (unit.nr_maps < domain)
		unit.maps[unit.nr_maps++] =
			(struct fake_map){domain, AT, AT + 4095, 0x1000, VIOMMU_MAP_WRITE};
}

static void begin(void)
{
	struct table t;

	fake_create(&fake);
	for (unsigned int slot = 3; slot <= 5; slot++) {
		char name[16];

		snprintf(name, sizeof(name), "0000:00:%02x.0", slot);
		fake_function(&fake, name, 0x1234, 0x11e8, 0xff0000, NULL, (int)slot);
	}
	viot_begin(&t);
	viot_iommu_pci(&t, 0, 0x30);
	viot_pci_range(&t, 0, 0, 0, 0, 0xff, 48);
	viot_seal(&t);
	cr_assert_eq(parse_viot(&t, &viommu.topology), 0);
	viommu.sysfs_root = fake.sys;
	pthread_mutex_init(&viommu.lock, NULL);
	unit_begin(&unit, &viommu, 0);
	unit.unit.virtio.name = "0000:00:06.0";
	left(0x18, OURS);
	left(0x20, OURS);
	left(0x28, OTHER);
	uvdk_log_set_sink(sink, NULL);
}

static void end(void)
{
	uvdk_log_set_sink(NULL, NULL);
	unit_end(&unit);
	pthread_mutex_destroy(&viommu.lock);
	uvdk_topology_free(viommu.topology);
	fake_destroy(&fake);
}

TestSuite(sweep, .init = begin, .fini = end);

Test(sweep, what_an_owner_before_left_attached_reaches_nothing)
{
	cr_assert_not_null(unit_find(&unit, 0x18, AT));
	cr_assert_not_null(unit_find(&unit, 0x28, AT));
	cr_expect_eq(viommu_sweep(&viommu), 0);
	cr_expect_eq(unit.nr_attached, 0);
	cr_expect_eq(unit.nr_maps, 0);
	cr_expect_eq(warnings, 0);
}

Test(sweep, a_function_that_is_no_endpoint_is_passed_over)
{
	unit_answer(&unit, VIOMMU_ATTACH, 0, -ENOENT);
	cr_expect_eq(viommu_sweep(&viommu), 0);
	cr_expect_eq(unit.nr_attached, 1);
	cr_expect_eq(unit.attached[0].endpoint, 0x18);
	cr_expect_eq(warnings, 0);
}

Test(sweep, a_function_that_is_not_let_go_of_is_told_and_the_others_are_detached)
{
	unit_answer(&unit, VIOMMU_ATTACH, 1, -EIO);
	cr_expect_eq(viommu_sweep(&viommu), 0);
	cr_expect_eq(unit.nr_attached, 1);
	cr_expect_eq(unit.attached[0].endpoint, 0x20);
	cr_expect_eq(warnings, 1);
	cr_expect(strstr(warning, "0000:00:04.0"), "%s", warning);
}

Test(sweep, a_unit_that_does_not_answer_is_an_error)
{
	unit.unit.dead = true;
	cr_expect_eq(viommu_sweep(&viommu), -ENODEV);
}

Test(sweep, units_of_others_are_left_alone)
{
	unit.unit.index = 7;
	cr_expect_eq(viommu_sweep(&viommu), 0);
	cr_expect_eq(unit.nr_attached, 3);
}
