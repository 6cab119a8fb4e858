// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../inspect/inspect_world.h"

/* uvdk-iommuctl as a user runs it; the process it looks into is this one. */

TestSuite(iommuctl, .init = world_open, .fini = world_close, .timeout = 60);

static char out[65536], err[8192];

static void slurp(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "r");

	cr_assert_not_null(f);
	text[fread(text, 1, size - 1, f)] = '\0';
	fclose(f);
	unlink(path);
}

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *fmt, ...)
{
	char command[2048], args[1024], path[128];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	snprintf(command, sizeof(command), IOMMUCTL " %s >%s/out 2>%s/err", args, w.folder,
		 w.folder);
	status = system(command);
	snprintf(path, sizeof(path), "%s/out", w.folder);
	slurp(path, out, sizeof(out));
	snprintf(path, sizeof(path), "%s/err", w.folder);
	slurp(path, err, sizeof(err));

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define expect_out(text) cr_expect(strstr(out, text), "\"%s\" is not in: %s", text, out)
#define expect_err(text) cr_expect(strstr(err, text), "\"%s\" is not in: %s", text, err)

Test(iommuctl, shows_a_process_by_its_socket)
{
	char iova[64], pasids[64];

	cr_assert_eq(run("caps --socket %s", w.path), 0, "%s", err);
	expect_out("emu:copier#0");
	expect_out("snoop-control");
	cr_assert_eq(run("ioas --socket %s", w.path), 0, "%s", err);
	expect_out("16,384 (16 KiB)");
	expect_out("emu:copier#0: RID\n");
	snprintf(pasids, sizeof(pasids), "emu:copier#0: PASID %u-%u\n", w.pasid[0], w.pasid[1]);
	expect_out(pasids);
	cr_assert_eq(run("maps --socket %s", w.path), 0, "%s", err);
	snprintf(iova, sizeof(iova), "0x%llx  %p  16,384 (16 KiB)  r\n", (unsigned long long)w.iova,
		 (void *)w.mem);
	expect_out(iova);
	expect_out("nothing is mapped");
	cr_assert_eq(run("pasids --socket %s", w.path), 0, "%s", err);
	expect_out("space \"tenants\": 2 of 65535 PASIDs in use");
	expect_out("owner 1: holds 2 of 10");
	cr_expect_str_eq(err, "");
}

Test(iommuctl, shows_windows_of_map_queues)
{
	struct world_mapqs m = {0};

	mapqs_open(&m);
	mapqs_map(m.q[0], m.mem[0], MAPQ_LOW, 3);
	cr_assert_eq(run("ioas --socket %s", w.path), 0, "%s", err);
	expect_out("map queue   0x40000000-0x4000ffff, 65,536 (64 KiB): 3 pages mapped\n");
	expect_out("map queue   0x80000000-0x8000ffff, 65,536 (64 KiB): 0 pages mapped\n");
	mapqs_close(&m);
}

Test(iommuctl, shows_a_process_as_json)
{
	static const char *const what[] = {"caps", "ioas", "maps", "pasids"};

	for (int i = 0; i < 4; i++) {
		char expression[64];

		cr_assert_eq(run("%s --json --socket %s", what[i], w.path), 0, "%s", err);
		snprintf(expression, sizeof(expression), "len(d['%s']) >= 1 and d['pid'] > 0",
			 what[i]);
		cr_expect(json_holds(out, expression), "%s", out);
	}
}

/* A place with a server of process 42, one that is gone, and something else. */
static struct uvdk_inspect *new_place(char *folder)
{
	struct uvdk_inspect_opts opts = {.size = sizeof(opts)};
	struct uvdk_inspect *inspect;
	char path[160], aside[160];

	snprintf(path, sizeof(path), "%s/uvdk", folder);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/uvdk/7.sock", folder);
	snprintf(aside, sizeof(aside), "%s/uvdk/aside", folder);
	opts.path = aside;
	cr_assert_eq(uvdk_inspect_create(&opts, &inspect), 0);
	cr_assert_eq(rename(aside, path), 0);
	uvdk_inspect_destroy(inspect);
	snprintf(path, sizeof(path), "%s/uvdk/42.sock", folder);
	opts.path = path;
	cr_assert_eq(uvdk_inspect_create(&opts, &inspect), 0);
	cr_assert_eq(uvdk_inspect_add_pasids(inspect, "of 42", w.space), 0);

	return inspect;
}

static void remove_place(struct uvdk_inspect *inspect, const char *folder)
{
	char command[200];

	uvdk_inspect_destroy(inspect);
	snprintf(command, sizeof(command), "rm -r %s/uvdk", folder);
	cr_expect_eq(system(command), 0);
}

Test(iommuctl, finds_processes_and_passes_over_those_that_are_gone)
{
	struct uvdk_inspect *inspect = new_place(w.folder);

	cr_expect_eq(run("pasids --run-dir %s", w.folder), 0, "%s", err);
	expect_out("space \"of 42\"");
	cr_expect_str_eq(err, "");
	cr_expect_eq(run("pasids --json --run-dir %s", w.folder), 0);
	cr_expect(json_holds(out, "len(d['processes']) == 1"), "%s", out);
	cr_expect_eq(run("pasids --pid 42 --run-dir %s", w.folder), 0);
	expect_out("space \"of 42\"");
	cr_expect_eq(run("pasids --pid 7 --run-dir %s", w.folder), 3);
	expect_err("its process is gone");
	cr_expect_eq(run("pasids --pid 8 --run-dir %s", w.folder), 3);
	expect_err("process 8 has no socket");
	remove_place(inspect, w.folder);
	cr_expect_eq(run("pasids --run-dir %s", w.folder), 0);
	expect_out("no running process");
	cr_expect_eq(run("pasids --json --run-dir %s", w.folder), 0);
	cr_expect(json_holds(out, "d == {'processes': []}"), "%s", out);
}

Test(iommuctl, shows_a_device_without_a_process)
{
	cr_expect_eq(run("caps emu:edu emu:copier"), 0, "%s", err);
	expect_out("emu:edu#0");
	expect_out("emu:copier#0");
	cr_expect_eq(run("caps --iommu emu --json emu:copier"), 0, "%s", err);
	cr_expect(json_holds(out, "d['caps'][0]['pasid_bits'] == 20"), "%s", out);
}

Test(iommuctl, says_which_device_it_can_not_show)
{
	cr_expect_eq(run("caps emu:edu emu:frob"), 3);
	expect_out("emu:edu#0");
	expect_err("frob");
	cr_expect_eq(run("caps --sysfs-root %s 0000:99:00.0", w.folder), 3);
	expect_err("0000:99:00.0");
	cr_expect_eq(run("caps --iommu frob emu:edu"), 1);
	expect_err("iommufd");
}

Test(iommuctl, an_answer_that_is_none_is_not_passed_on)
{
	cr_expect_eq(run("caps --socket %s/nowhere", w.folder), 3);
	expect_err("there is no socket");
	cr_expect_str_eq(out, "");
	cr_expect_eq(run("caps --json --socket /dev/null"), 3);
	cr_expect_str_eq(out, "");
}

Test(iommuctl, wrong_usage_is_told_and_nothing_done)
{
	static const char *const wrong[] = {
		"",
		"frob",
		"ioas emu:edu",
		"maps --pid x",
		"maps --pid 0",
		"maps --pid 1 --socket x",
		"caps --pid 1 emu:edu",
		"caps --iommu emu",
		"topology --pid 1",
		"caps --viot x",
		"topology --viot x --fdt y",
		"reset",
		"reset --all x",
		"ioas --all",
		"ioas --frob",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect_eq(run("%s", wrong[i]), 2, "%s", wrong[i]);
		expect_err("see --help");
		cr_expect_str_eq(out, "", "%s", wrong[i]);
	}
	cr_expect_eq(run("--help"), 0);
	expect_out("usage: uvdk-iommuctl");
	cr_expect_eq(run("--version"), 0);
	expect_out(".");
}

/* ---- topology and reset ---- */

static void put(unsigned char *at, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

/* ACPI 6.5, 5.2.33: a virtio-iommu at 0000:00:01.0, in front of all of bus 2. */
static void write_viot(const char *path)
{
	unsigned char table[88] = "VIOT";
	unsigned char sum = 0;
	FILE *f = fopen(path, "w");

	put(table + 4, sizeof(table), 4);
	table[8] = 0; /* revision */
	put(table + 36, 2, 2);
	put(table + 38, 48, 2);
	table[48] = 3; /* virtio-iommu, PCI */
	put(table + 50, 16, 2);
	put(table + 54, 0x0008, 2);
	table[64] = 1; /* PCI range */
	put(table + 66, 24, 2);
	put(table + 68, 0x1000, 4);
	put(table + 76, 0x0200, 2);
	put(table + 78, 0x02ff, 2);
	put(table + 80, 48, 2);
	for (size_t i = 0; i < sizeof(table); i++)
		sum = (unsigned char)(sum + table[i]);
	table[9] = (unsigned char)-sum;
	cr_assert_eq(fwrite(table, sizeof(table), 1, f), 1);
	fclose(f);
}

Test(iommuctl, topology_tells_which_iommu_is_in_front_of_what)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/viot", w.folder);
	write_viot(path);
	cr_expect_eq(run("topology --viot %s", path), 0, "%s", err);
	expect_out("virtio-iommus, from viot:\n  0000:00:01.0\n");
	expect_out("0000:02:00.0");
	expect_out("0x1000-0x10ff");
	cr_expect_eq(run("topology --json --viot %s", path), 0, "%s", err);
	cr_expect(json_holds(out, "d['iommus'] == ['0000:00:01.0'] and d['source'] == 'viot'"));
	cr_expect(json_holds(out, "d['ranges'] == [{'iommu': '0000:00:01.0', 'first': "
				  "'0000:02:00.0', 'last': '0000:02:1f.7', 'rid_mask': 65535, "
				  "'endpoint': 4096}]"),
		  "%s", out);
	cr_expect_eq(truncate(path, 60), 0);
	cr_expect_eq(run("topology --viot %s", path), 1);
	cr_expect_gt(strlen(err), 20);
	unlink(path);
	cr_expect_eq(run("topology --viot %s", path), 3);
	expect_err(path);
}

/* A machine as far as it is looked at here: functions, and what firmware says. */
static void add_function(const char *bdf, const char *class)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "d=%s/bus/pci/devices/%s; mkdir -p $d; cd $d; echo 0x1af4 >vendor; "
		 "echo 0x1057 >device; echo 0 >subsystem_vendor; echo 0 >subsystem_device; "
		 "echo %s >class; echo 0 >revision; : >resource; : >config",
		 w.folder, bdf, class);
	cr_assert_eq(system(command), 0);
}

static void remove_machine(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -r %s/bus %s/firmware", w.folder, w.folder);
	cr_expect_eq(system(command), 0);
}

static void add_machine(void)
{
	char path[128], command[256];

	add_function("0000:00:01.0", "0x080600");
	add_function("0000:00:02.0", "0x020000");
	add_function("0000:02:00.0", "0x020000");
	snprintf(command, sizeof(command), "mkdir -p %s/firmware/acpi/tables", w.folder);
	cr_assert_eq(system(command), 0);
	snprintf(path, sizeof(path), "%s/firmware/acpi/tables/VIOT", w.folder);
	write_viot(path);
}

Test(iommuctl, topology_shows_each_function_of_the_machine)
{
	add_machine();
	cr_expect_eq(run("topology --sysfs-root %s", w.folder), 0, "%s", err);
	expect_out("0x1000");
	cr_expect_eq(run("topology --json --sysfs-root %s", w.folder), 0, "%s", err);
	cr_expect(json_holds(out, "[(f['address'], f['iommu'], f['endpoint']) for f in "
				  "d['functions']] == [('0000:00:01.0', None, None), "
				  "('0000:00:02.0', None, None), "
				  "('0000:02:00.0', '0000:00:01.0', 4096)]"),
		  "%s", out);
	cr_expect(json_holds(out, "all(f['isolation'] for f in d['functions'])"), "%s", out);
	remove_machine();
}

Test(iommuctl, reset_says_which_it_can_not_reset)
{
	add_machine();
	cr_expect_eq(run("reset --all --sysfs-root %s --dev-root %s", w.folder, w.folder), 4, "%s",
		     err);
	expect_err("0000:00:01.0");
	expect_err("vfio-pci");
	cr_expect_eq(run("reset 02:00.0 --sysfs-root %s --dev-root %s", w.folder, w.folder), 4);
	expect_err("0000:00:01.0");
	cr_expect_eq(run("reset 00:02.0 --json --sysfs-root %s", w.folder), 3);
	expect_err("00:02.0 is no virtio-iommu");
	cr_expect(json_holds(out, "d == {'reset': []}"), "%s", out);
	cr_expect_eq(run("reset frob --sysfs-root %s", w.folder), 2);
	remove_machine();
	cr_expect_eq(run("reset --all --sysfs-root %s", w.folder), 7);
	expect_err("nothing to reset");
}
