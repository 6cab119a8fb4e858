// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inspect_world.h"

TestSuite(inspect, .init = world_open, .fini = world_close, .timeout = 60);

static char *text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *text(const char *fmt, ...)
{
	static char buf[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);

	return buf;
}

Test(inspect, caps_tell_what_is_in_front_of_each_device)
{
	cr_expect(answer_holds("caps\n", "len(d['caps']) == 1 and d['pid'] > 1 and d['program']"));
	cr_expect(answer_holds("caps\n", "d['caps'][0]['device'] == 'emu:copier#0'"));
	cr_expect(answer_holds("caps\n", "d['caps'][0]['bus'] == d['caps'][0]['access'] == 'emu'"));
	cr_expect(answer_holds("caps\n", "d['caps'][0]['iommu'] == 'emu'"));
	cr_expect(answer_holds("caps\n", "4096 in d['caps'][0]['page_sizes']"));
	cr_expect(answer_holds("caps\n", "d['caps'][0]['coherent'] is True"));
	cr_expect(answer_holds("caps\n", "'snoop-control' in d['caps'][0]['features']"));
	cr_expect(answer_holds("caps\n", "d['caps'][0]['pasid_bits'] >= 16"));
	cr_expect(answer_holds("caps\n", "d['caps'][0]['pasids'] == 2"));
	cr_expect(answer_holds("caps\n", "'ioas' not in d and 'maps' not in d"));
}

Test(inspect, ioas_tell_limits_and_what_is_attached)
{
	cr_expect(answer_holds("ioas\n", "[s['maps'] for s in d['ioas']] == [1, 0]"));
	cr_expect(answer_holds("ioas\n", "d['ioas'][0]['bytes'] == 16384"));
	cr_expect(answer_holds("ioas\n", "d['ioas'][0]['ioas'] < d['ioas'][1]['ioas']"));
	cr_expect(answer_holds("ioas\n", "d['ioas'][0]['apertures'][0]['last'].startswith('0x')"));
	cr_expect(answer_holds("ioas\n", "d['ioas'][0]['attached'] == [{'device': 'emu:copier#0',"
					 "'rid': True, 'nested': False, 'pasids': []}]"));
	cr_expect(answer_holds("ioas\n", text("d['ioas'][1]['attached'] == [{'device': "
					      "'emu:copier#0', 'rid': False, 'nested': False, "
					      "'pasids': [%u, %u]}]",
					      w.pasid[0], w.pasid[1])));
}

Test(inspect, maps_tell_iova_memory_length_and_access)
{
	cr_expect(answer_holds("maps\n", "[len(s['maps']) for s in d['maps']] == [1, 0]"));
	cr_expect(answer_holds("maps\n",
			       text("d['maps'][0]['maps'] == [{'iova': '0x%llx', 'va': '%p', "
				    "'len': %d, 'access': 'r', 'alias': False}]",
				    (unsigned long long)w.iova, (void *)w.mem, WORLD_MEM)));
}

Test(inspect, ioas_tell_windows_of_map_queues)
{
	struct world_mapqs m = {0};
	uint64_t cookie;

	cr_expect(answer_holds("ioas\n", "[s['map_queues'] for s in d['ioas']] == [[], []]"));
	mapqs_open(&m);
	mapqs_map(m.q[0], m.mem[0], MAPQ_LOW + 8192, 3);
	mapqs_map(m.q[0], m.mem[0], MAPQ_LOW + 32768, 2);
	mapqs_map(m.q[1], m.mem[1], MAPQ_HIGH, 1);
	cr_expect(answer_holds(
		"ioas\n", "d['ioas'][2]['map_queues'] == [{'iova': '0x40000000', 'len': 65536, "
			  "'mapped': 5}, {'iova': '0x80000000', 'len': 65536, 'mapped': 1}]"));
	cr_expect(answer_holds("ioas\n", "d['ioas'][2]['maps'] == d['ioas'][2]['bytes'] == 0"));
	cr_assert_eq(uvdk_mapq_unmap(m.q[0], MAPQ_LOW + 8192, 3 * 4096, &cookie), 0);
	uvdk_mapq_close(m.q[1]);
	m.q[1] = NULL;
	cr_expect(answer_holds("ioas\n", "[w['mapped'] for w in d['ioas'][2]['map_queues']] == "
					 "[2]"));
	uvdk_ioas_detach(m.ioas, m.dev);
	cr_expect(answer_holds("ioas\n", "[w['mapped'] for w in d['ioas'][2]['map_queues']] == "
					 "[0]"),
		  "without a device nothing is mapped");
	mapqs_close(&m);
	cr_expect(answer_holds("ioas\n", "len(d['ioas']) == 2"));
}

/* Returns whether a call failed. */
static void *pins_and_unpins(void *arg)
{
	struct world_mapqs *m = arg;
	struct uvdk_mapq_mem *mem[64];
	int err = 0;

	for (int round = 0; round < 100 && !err; round++) {
		for (int i = 0; i < 64; i++)
			err |= uvdk_mapq_pin(m->q[0], w.mem, 4096, UVDK_MAP_RW, &mem[i]);
		for (int i = 0; i < 64 && !err; i++)
			err |= uvdk_mapq_unpin(m->q[0], mem[i]);
	}
	__atomic_store_n(&m->done, true, __ATOMIC_RELEASE);

	return err ? m : NULL;
}

Test(inspect, windows_are_shown_while_their_memory_comes_and_goes)
{
	struct world_mapqs m = {0};
	FILE *null = fopen("/dev/null", "w");
	pthread_t thread;
	void *failed;

	mapqs_open(&m);
	cr_assert_eq(pthread_create(&thread, NULL, pins_and_unpins, &m), 0);
	while (!__atomic_load_n(&m.done, __ATOMIC_ACQUIRE))
		cr_assert_eq(uvdk_inspect_write(w.inspect, "ioas", null), 0);
	pthread_join(thread, &failed);
	cr_expect_null(failed);
	mapqs_close(&m);
	fclose(null);
}

Test(inspect, pasids_tell_accounts_and_numbers)
{
	struct uvdk_pasid_owner *other;
	uint32_t first;

	cr_assert_eq(uvdk_pasid_owner_create(w.space, 500, &other), 0);
	cr_assert_eq(uvdk_pasid_alloc_range(other, 300, 1000, UINT32_MAX, &first), 0);
	cr_expect(answer_holds("pasids\n", "[s['space'] for s in d['pasids']] == ['tenants']"));
	cr_expect(answer_holds("pasids\n", "d['pasids'][0]['used'] == 302"));
	cr_expect(answer_holds("pasids\n", "d['pasids'][0]['highest'] == 65535"));
	cr_expect(answer_holds("pasids\n", "[(o['owner'], o['quota'], o['held']) for o in "
					   "d['pasids'][0]['owners']] == [(1, 10, 2), (2, 500, "
					   "300)]"));
	cr_expect(answer_holds("pasids\n", "[n['pasid'] for n in d['pasids'][0]['numbers']] == "
					   "[5, 6] + list(range(1000, 1300))"));
	cr_expect(answer_holds("pasids\n", "[n['users'] for n in d['pasids'][0]['numbers']] == "
					   "[1, 1] + [0] * 300"));
	cr_expect(answer_holds("pasids\n", "[n['owner'] for n in d['pasids'][0]['numbers']] == "
					   "[1, 1] + [2] * 300"));
	uvdk_pasid_owner_destroy(other);
	cr_expect(answer_holds("pasids\n", "len(d['pasids'][0]['owners']) == 1"));
}

Test(inspect, all_is_everything_in_one_object)
{
	cr_expect(answer_holds("all\n", "all(len(d[k]) for k in ['caps', 'ioas', 'maps', "
					"'pasids'])"));
	cr_expect(answer_holds("all", "'pasids' in d"), "the end of file ends a line, too");
}

Test(inspect, what_is_closed_is_not_shown_any_more)
{
	struct uvdk_device *second;

	cr_assert_eq(uvdk_device_open(w.iommu, "emu:edu", NULL, &second), 0);
	cr_expect(answer_holds("caps\n", "[c['device'] for c in d['caps']] == ['emu:copier#0', "
					 "'emu:edu#0']"));
	cr_expect(answer_holds("caps\n", "d['caps'][1]['ioas'] is None"));
	uvdk_device_close(second);
	world_end_pasid_ioas();
	cr_expect(answer_holds("caps\n", "[c['device'] for c in d['caps']] == ['emu:copier#0']"));
	cr_expect(answer_holds("caps\n", "d['caps'][0]['pasids'] == 0"));
	cr_expect(answer_holds("ioas\n", "len(d['ioas']) == 1"));
}

Test(inspect, what_is_removed_is_not_shown_any_more)
{
	uvdk_inspect_remove_iommu(w.inspect, w.iommu);
	uvdk_inspect_remove_iommu(w.inspect, w.iommu);
	cr_expect(answer_holds("all\n", "d['caps'] == d['ioas'] == d['maps'] == []"));
	cr_expect(answer_holds("all\n", "len(d['pasids']) == 1"));
	uvdk_inspect_remove_pasids(w.inspect, w.space);
	cr_expect(answer_holds("all\n", "d['pasids'] == []"));
	cr_expect_eq(uvdk_inspect_add_iommu(w.inspect, w.iommu), 0);
	cr_expect_eq(uvdk_inspect_add_iommu(w.inspect, w.iommu), -EEXIST);
	cr_expect_eq(uvdk_inspect_add_pasids(w.inspect, "x", NULL), -EINVAL);
	cr_expect_eq(uvdk_inspect_add_iommu(NULL, w.iommu), -EINVAL);
}

Test(inspect, the_socket_is_its_owners_alone_and_goes_with_the_server)
{
	struct stat st;

	cr_assert_eq(stat(w.path, &st), 0);
	cr_expect(S_ISSOCK(st.st_mode));
	cr_expect_eq(st.st_mode & 0777, 0600);
	cr_expect_str_eq(uvdk_inspect_path(w.inspect), w.path);
	uvdk_inspect_destroy(w.inspect);
	w.inspect = NULL;
	cr_expect_neq(stat(w.path, &st), 0);
}

Test(inspect, a_second_server_at_the_path_is_refused)
{
	const struct uvdk_inspect_opts opts = {.size = sizeof(opts), .path = w.path};
	struct uvdk_inspect *second = NULL;

	cr_expect_eq(uvdk_inspect_create(&opts, &second), -EADDRINUSE);
	cr_expect_null(second);
	cr_expect_not_null(strstr(uvdk_last_error(), w.path));
	cr_expect(answer_holds("caps\n", "len(d['caps']) == 1"), "the first one answers on");
}

Test(inspect, a_socket_without_a_process_is_replaced)
{
	const struct uvdk_inspect_opts opts = {.size = sizeof(opts), .path = w.path};
	struct uvdk_inspect *second = NULL;
	char aside[128];

	/* The name outlives its server. */
	snprintf(aside, sizeof(aside), "%s/aside", w.folder);
	cr_assert_eq(rename(w.path, aside), 0);
	uvdk_inspect_destroy(w.inspect);
	w.inspect = NULL;
	cr_assert_eq(rename(aside, w.path), 0);
	cr_assert_eq(uvdk_inspect_create(&opts, &second), 0, "%s", uvdk_last_error());
	cr_expect(answer_holds("caps\n", "d['caps'] == []"));
	uvdk_inspect_destroy(second);
	cr_expect_neq(access(w.path, F_OK), 0);
}

Test(inspect, a_file_in_the_way_stays)
{
	struct uvdk_inspect_opts opts = {.size = sizeof(opts)};
	struct uvdk_inspect *second;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/file", w.folder);
	f = fopen(path, "w");
	fputs("keep", f);
	fclose(f);
	opts.path = path;
	cr_expect_eq(uvdk_inspect_create(&opts, &second), -EADDRINUSE);
	cr_expect_eq(access(path, F_OK), 0);
	unlink(path);
}

Test(inspect, paths_that_can_not_be_are_refused)
{
	struct uvdk_inspect_opts opts = {.size = sizeof(opts)};
	struct uvdk_inspect *second;
	char path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	opts.path = path;
	cr_expect_eq(uvdk_inspect_create(&opts, &second), -ENAMETOOLONG);
	opts.path = "/nowhere/at/all";
	cr_expect_eq(uvdk_inspect_create(&opts, &second), -ENOENT);
	cr_expect_not_null(strstr(uvdk_last_error(), "/nowhere/at/all"));
}

Test(inspect, the_answer_is_to_be_had_without_a_socket)
{
	const struct uvdk_inspect_opts opts = {.size = sizeof(opts), .path = ""};
	struct uvdk_inspect *quiet;
	char *json = NULL;
	size_t len;
	FILE *to = open_memstream(&json, &len);
	FILE *full = fopen("/dev/full", "w");

	cr_assert_eq(uvdk_inspect_create(&opts, &quiet), 0);
	cr_assert_eq(uvdk_inspect_add_iommu(quiet, w.iommu), 0);
	cr_expect_str_eq(uvdk_inspect_path(quiet), "");
	cr_expect_eq(uvdk_inspect_write(quiet, "maps", to), 0);
	fclose(to);
	cr_expect(json_holds(json, "len(d['maps']) == 2"));
	free(json);
	cr_expect_eq(uvdk_inspect_write(quiet, "everything", full), -EINVAL);
	cr_expect_not_null(strstr(uvdk_last_error(), "\"pasids\""));
	cr_expect_eq(uvdk_inspect_write(quiet, "all", full), -ENOSPC);
	fclose(full);
	uvdk_inspect_destroy(quiet);
}

static int in_child(void)
{
	char *json = NULL;
	size_t len;
	FILE *to = open_memstream(&json, &len);
	int bad = 0;

	bad |= uvdk_inspect_write(w.inspect, "all", to) != -EPERM;
	bad |= uvdk_inspect_add_iommu(w.inspect, w.iommu) != -EPERM;
	uvdk_inspect_remove_iommu(w.inspect, w.iommu);
	uvdk_inspect_destroy(w.inspect);
	bad |= access(w.path, F_OK) != 0;
	fclose(to);
	free(json);

	return bad;
}

Test(inspect, a_child_of_fork_leaves_the_parents_server_alone)
{
	int status;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (!pid)
		_exit(in_child());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0);
	cr_expect(answer_holds("all\n", "len(d['caps']) == 1 and len(d['pasids']) == 1"));
}
