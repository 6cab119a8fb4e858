// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

#include "devbind_run.h"

/* What uvdk-devbind shows of a machine: status and groups. */

TestSuite(status, .init = devbind_setup, .fini = devbind_teardown, .timeout = 60);
TestSuite(groups, .init = devbind_setup, .fini = devbind_teardown, .timeout = 60);

/* @what stands between @first and the @last that follows it. */
static void expect_in_order(const char *text, const char *first, const char *what, const char *last)
{
	const char *from = strstr(text, first);
	const char *to = from ? strstr(from, last) : NULL;
	const char *at = from ? strstr(from, what) : NULL;

	cr_expect(at && to && at < to, "no \"%s\" between \"%s\" and \"%s\" in\n%s", what, first,
		  last, text);
}

Test(status, each_device_is_under_what_holds_it)
{
	struct run *run;
	const char *user = "Network devices using DPDK-compatible driver\n====";
	const char *kernel = "Network devices using kernel driver\n====";

	devbind_gives(0, "-b vfio-pci eth1");
	run = devbind_gives(0, "--status");
	expect_in_order(run->out, user, NIC2, kernel);
	expect_in_order(run->out, user, "drv=vfio-pci unused=uio_pci_sva,virtio-pci", kernel);
	expect_in_order(run->out, kernel, NIC, "Other DMA devices");
	expect_in_order(run->out, kernel, "if=eth0 drv=virtio-pci unused=vfio-pci,uio_pci_sva",
			"Other DMA devices");
	cr_expect_not_null(strstr(run->out, "Other DMA devices"));
	cr_expect_not_null(strstr(run->out, "Misc (rawdev) devices using kernel driver"));
	cr_expect_not_null(strstr(run->out, "No 'Crypto' devices detected"));
	cr_expect_null(strstr(run->out, BRIDGE));
	cr_expect_str_eq(run->err, "");
}

Test(status, uio_pci_sva_hands_devices_to_user_space)
{
	struct run *run;

	devbind_gives(0, "-b uio_pci_sva eth1");
	run = devbind_gives(0, "--status");
	expect_in_order(run->out, "Network devices using DPDK-compatible driver\n====",
			"drv=uio_pci_sva unused=vfio-pci,virtio-pci",
			"Network devices using kernel driver\n====");
	devbind_gives(0, "-u dpdk");
	expect_driver(NIC2, "");
}

Test(status, one_class_only)
{
	struct run *run = devbind_gives(0, "--status-dev misc");

	cr_expect_not_null(strstr(run->out, DISK));
	cr_expect_null(strstr(run->out, "Network"));
}

Test(status, active_marks_what_is_in_use)
{
	struct run *run;

	route_through("eth0");
	run = devbind("-s");
	cr_assert_not_null(strstr(run->out, "*Active*"));
	cr_expect_null(strstr(strstr(run->out, "*Active*") + 1, "*Active*"), "only one is");
}

Test(status, json_tells_everything)
{
	route_through("eth0");
	devbind_gives(0, "-b vfio-pci eth1");
	devbind_gives(0, "--status --json");
	cr_expect(json_holds("len(d['devices']) == 5"));
	cr_expect(json_holds("[x['address'] for x in d['devices']] == "
			     "sorted(x['address'] for x in d['devices'])"));
	cr_expect(json_holds("{x['address']: x['class'] for x in d['devices']} == "
			     "{'" NIC "': 'net', '" NIC2 "': 'net', '" BRIDGE "': None, "
			     "'" DISK "': 'misc', '" EDU "': 'dma'}"));
	cr_expect(json_holds("d['devices'][0]['interfaces'] == ['eth0'] and "
			     "'eth0' in d['devices'][0]['in_use'] and "
			     "d['devices'][0]['previous_driver'] is None"));
	cr_expect(json_holds("d['devices'][1]['driver'] == 'vfio-pci' and "
			     "d['devices'][1]['previous_driver'] == 'virtio-pci' and "
			     "d['devices'][1]['in_use'] is None and "
			     "d['devices'][1]['iommu_group'] == 1"));
	cr_expect(json_holds("d['devices'][3]['disks'] != [] and "
			     "d['devices'][4]['driver'] is None"));
	devbind_gives(0, "--status-dev net --json");
	cr_expect(json_holds("len(d['devices']) == 2"));
}

Test(status, json_survives_names_of_any_bytes)
{
	fake_net(&fake, NIC, "virtio9", "a\"b\\c\td\377\303\274\355\240\200");
	devbind_gives(0, "--status --json --groups");
	cr_expect(json_holds("any(n.startswith('a\"b\\\\c\\td\\ufffd\\u00fc\\ufffd') "
			     "for n in d['devices'][0]['interfaces'])"));
}

Test(status, machine_without_pci_has_none)
{
	fake_remove(&fake, "sys/bus/pci/devices");
	devbind_gives(0, "-s");
	cr_expect_not_null(strstr(devbind("-s")->out, "No 'Network' devices detected"));
	devbind_gives(0, "-s --json");
	cr_expect(json_holds("d == {'devices': []}"));
}

Test(groups, half_a_group_is_warned_about)
{
	struct run *run = devbind_gives(0, "-b vfio-pci eth0");

	cr_expect_not_null(strstr(run->err, NIC2), "%s", run->err);
	cr_expect_not_null(strstr(run->err, "virtio-pci"));
	run = devbind("-b vfio-pci eth1");
	cr_expect_str_eq(run->err, "");
}

Test(groups, whole_group_at_once_is_not)
{
	cr_expect_str_eq(devbind("-b vfio-pci eth0 eth1")->err, "");
}

Test(groups, view_tells_members_and_viability)
{
	struct run *run;
	const char *one = "IOMMU group 1: not viable";
	const char *two = "IOMMU group 2:";

	devbind_gives(0, "-b vfio-pci eth0");
	run = devbind_gives(0, "--groups");
	expect_in_order(run->out, one, NIC, two);
	expect_in_order(run->out, one, NIC2, two);
	cr_expect_not_null(strstr(run->out, "IOMMU group 3: viable"), "no driver is no harm");

	devbind_gives(0, "--groups --json");
	cr_expect(json_holds("[g['group'] for g in d['groups']] == [1, 2, 3]"));
	cr_expect(json_holds("[g['viable'] for g in d['groups']] == [False, False, True]"));
	cr_expect(json_holds("d['groups'][0]['members'][0] == "
			     "{'address': '" NIC "', 'driver': 'vfio-pci'}"));
}
