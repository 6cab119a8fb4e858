// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../pci/fake_sysfs.h"
#include "table.h"

static struct fake fake;
static char viot_path[128];
static char fdt_path[128];

static void setup(void)
{
	fake_create(&fake);
	fake_dir(&fake, "sys/firmware/acpi/tables");
	snprintf(viot_path, sizeof(viot_path), "%s/firmware/acpi/tables/VIOT", fake.sys);
	snprintf(fdt_path, sizeof(fdt_path), "%s/firmware/fdt", fake.sys);
}

static void teardown(void)
{
	fake_destroy(&fake);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void write_viot(const char *path, uint16_t rid)
{
	struct table t;

	viot_begin(&t);
	viot_iommu_pci(&t, 0, rid);
	viot_pci_range(&t, 0, 0, 0, 0, 0xffff, 48);
	write_file(path, t.bytes, t.len);
}

static void write_fdt(const char *path)
{
	static struct tree_text f;

	fdt_begin(&f);
	fdt_node(&f, "");
	fdt_node(&f, "pcie");
	TEXT(&f, "device_type", "pci");
	CELLS(&f, "iommu-map", 0, 1, 0, 0x10000);
	fdt_node(&f, "iommu");
	TEXT(&f, "compatible", "virtio,pci-iommu");
	CELLS(&f, "reg", 0x800, 0, 0, 0, 0);
	CELLS(&f, "#iommu-cells", 1);
	CELLS(&f, "phandle", 1);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_end_node(&f);
	fdt_seal(&f);
	write_file(path, f.t.bytes, f.t.len);
}

static const char *source_of(const struct uvdk_topology_opts *opts)
{
	struct uvdk_topology *topology;
	const char *source;
	int ret = uvdk_topology_read(opts, &topology);

	cr_assert_eq(ret, 0, "%s", uvdk_last_error());
	source = uvdk_topology_source(topology);
	uvdk_topology_free(topology);

	return source;
}

TestSuite(read, .init = setup, .fini = teardown);

Test(read, what_sysfs_has_is_read_and_nothing_is_an_empty_topology)
{
	struct uvdk_topology_opts opts = {.size = sizeof(opts), .sysfs_root = fake.sys};

	cr_expect_str_eq(source_of(&opts), "none");
	write_fdt(fdt_path);
	cr_expect_str_eq(source_of(&opts), "devicetree");
	write_viot(viot_path, 8);
	cr_expect_str_eq(source_of(&opts), "viot");
}

Test(read, a_file_that_is_named_is_read_instead)
{
	struct uvdk_topology_opts opts = {.size = sizeof(opts), .sysfs_root = fake.sys};
	struct uvdk_topology *topology;
	char path[128];

	write_viot(viot_path, 8);
	snprintf(path, sizeof(path), "%s/mine", fake.root);
	opts.viot = path;
	cr_expect_eq(uvdk_topology_read(&opts, &topology), -ENOENT);
	cr_expect_not_null(strstr(uvdk_last_error(), path));
	write_viot(path, 0x10);
	cr_assert_eq(uvdk_topology_read(&opts, &topology), 0);
	cr_expect_str_eq(find(topology, "00:02.0"), "none");
	cr_expect_str_eq(find(topology, "00:01.0"), "0:0x8");
	uvdk_topology_free(topology);
	opts.fdt = path;
	cr_expect_eq(uvdk_topology_read(&opts, &topology), -EINVAL);
	opts.viot = NULL;
	cr_expect_eq(uvdk_topology_read(&opts, &topology), -EBADMSG, "a VIOT is no device tree");
	write_fdt(path);
	cr_expect_str_eq(source_of(&opts), "devicetree");
}

Test(read, a_bad_table_is_refused_with_its_path_and_offset)
{
	struct uvdk_topology_opts opts = {.size = sizeof(opts), .sysfs_root = fake.sys};
	struct uvdk_topology *topology;

	write_file(viot_path, "VIOT", 4);
	write_fdt(fdt_path);
	cr_expect_eq(uvdk_topology_read(&opts, &topology), -EBADMSG, "the other is no way out");
	cr_expect_not_null(strstr(uvdk_last_error(), viot_path));
	cr_expect_not_null(strstr(uvdk_last_error(), "offset 0x4: "));
	write_file(viot_path, "", 0);
	cr_expect_eq(uvdk_topology_read(&opts, &topology), -EBADMSG);
}

Test(read, a_file_beyond_16_mib_is_refused)
{
	struct uvdk_topology_opts opts = {.size = sizeof(opts), .viot = viot_path};
	struct uvdk_topology *topology;

	write_file(viot_path, "VIOT", 4);
	cr_assert_eq(truncate(viot_path, (16 << 20) + 1), 0);
	cr_expect_eq(uvdk_topology_read(&opts, &topology), -EFBIG);
	cr_assert_eq(truncate(viot_path, 16 << 20), 0);
	cr_expect_eq(uvdk_topology_read(&opts, &topology), -EBADMSG);
}

Test(read, what_cannot_be_read_is_told)
{
	struct uvdk_topology_opts opts = {.size = sizeof(opts), .viot = fake.sys};
	struct uvdk_topology *topology;

	cr_expect_eq(uvdk_topology_read(&opts, &topology), -EIO, "a folder");
	cr_expect_not_null(strstr(uvdk_last_error(), fake.sys));
	opts.size = 1;
	cr_expect_eq(uvdk_topology_read(&opts, &topology), -EINVAL);
	uvdk_topology_free(NULL);
}
