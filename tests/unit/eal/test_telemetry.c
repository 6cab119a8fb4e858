// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_telemetry.h>

#include <uvdk_eal_telemetry.h>
#include <uvdk_pasid.h>

#include "asking.h"
#include "eal_world.h"

/* What the process holds, asked for at DPDK's telemetry socket. */

static struct world w;

static void open_all(void)
{
	char *argv[] = {"test",
			"--no-huge",
			"-m",
			"64",
			"--no-pci",
			"--no-shconf",
			"--lcores=0@(0-1)",
			"--log-level=*:3",
			NULL};

	asking_setup();
	cr_assert_geq(rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv), 0, "%s",
		      rte_strerror(rte_errno));
	world_open(&w, 0);
}

TestSuite(eal_telemetry, .timeout = 300);

static void start(void)
{
	cr_assert_eq(uvdk_eal_telemetry_start(), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_eal_telemetry_add_iommu(w.iommu), 0, "%s", uvdk_last_error());
}

static void close_all(void)
{
	uvdk_eal_telemetry_stop();
	world_close(&w);
	rte_eal_cleanup();
	asking_cleanup();
}

Test(eal_telemetry, what_is_there_is_told)
{
	uvdk_iova_t iova = 0x40000000;
	struct uvdk_eal_map *map;
	const char *text;
	char command[64];
	void *va;

	open_all();
	start();
	text = ask("/");
	for (unsigned int i = 0; i < 5; i++) {
		static const char *const names[] = {"devices", "ioas", "maps", "pasids", "eal"};

		snprintf(command, sizeof(command), "\"/uvdk/%s\"", names[i]);
		cr_expect(strstr(text, command), "no %s in %s", command, text);
	}
	cr_expect(strstr(ask("/help,/uvdk/maps"), "I/O address space"));
	text = ask("/uvdk/devices");
	cr_expect(strstr(text, "\"device\": \"emu:copier#0\""), "%s", text);
	cr_expect_eq(number(text, "gone"), 0);
	cr_expect_gt(number(text, "pasid_bits"), 0);
	text = ask("/uvdk/eal");
	cr_expect(strstr(text, "{\"/uvdk/eal\": {}}"), "%s", text);

	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0);
	va = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_eq(uvdk_ioas_map(w.ioas, va, 8192, UVDK_MAP_READ | UVDK_MAP_FIXED, &iova), 0);
	text = ask("/uvdk/ioas");
	cr_expect_eq(number(text, "maps"), 2);
	cr_expect_eq(number(text, "bytes"), (64 << 20) + 8192);
	cr_expect_eq(number(text, "attached"), 1);
	cr_expect_eq(number(text, "buffers"), 0);
	cr_expect_eq(number(text, "registrations"), 0);
	text = ask("/uvdk/eal");
	cr_expect_eq(number(text, "pages"), (64 << 20) / 4096);
	cr_expect_eq(number(text, "bytes"), 64 << 20);
	cr_expect_eq(number(text, "missed"), 0);

	snprintf(command, sizeof(command), "/uvdk/maps,%llu", number(text, "ioas"));
	text = ask(command);
	cr_expect_eq(count_of(text, "\"va\""), 2);
	text = strstr(text, "\"0x40000000\"");
	cr_assert(text);
	cr_expect_eq(number(text, "va"), (uintptr_t)va);
	cr_expect_eq(number(text, "len"), 8192);
	cr_expect(strstr(text, "\"access\": \"r\""));
	strcat(command, ",0x40000001");
	text = ask(command);
	cr_expect_not(strstr(text, "\"0x40000000\""), "%s", text);

	cr_assert_eq(uvdk_ioas_unmap(w.ioas, iova, 8192), 0);
	munmap(va, 8192);
	uvdk_eal_map_destroy(map);
	close_all();
}

Test(eal_telemetry, pasids_are_told)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts), .width = 16};
	struct uvdk_pasid_owner *owner;
	struct uvdk_pasid_space *space;
	unsigned int seen = 0;
	char command[64];
	const char *text;
	uint32_t pasid;

	open_all();
	start();
	cr_assert_eq(uvdk_pasid_space_create(&opts, &space), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_pasid_owner_create(space, 300, &owner), 0);
	cr_expect_eq(uvdk_eal_telemetry_add_pasids("x", NULL), -EINVAL);
	cr_assert_eq(uvdk_eal_telemetry_add_pasids("my \"tenants\"\n", space), 0);
	cr_expect_eq(uvdk_eal_telemetry_add_pasids("again", space), -EEXIST);
	for (int i = 0; i < 300; i++)
		cr_assert_eq(uvdk_pasid_alloc(owner, 1, 65535, &pasid), 0);
	text = ask("/uvdk/pasids");
	cr_expect(strstr(text, "my _tenants__"), "%s", text);
	cr_expect_eq(number(text, "used"), 300);
	cr_expect_eq(number(text, "owners"), 1);
	/* All of them, however many answers it takes. */
	snprintf(command, sizeof(command), "/uvdk/pasids,2");
	for (int i = 0; i < 10; i++) {
		text = ask(command);
		seen += count_of(text, "\"users\"");
		if (!strstr(text, "\"next\""))
			break;
		snprintf(command, sizeof(command), "/uvdk/pasids,2,%llu", number(text, "next"));
	}
	cr_expect_eq(seen, 300);
	cr_expect(strstr(ask("/uvdk/pasids,77"), "there is no PASID space 77"));
	uvdk_eal_telemetry_remove_pasids(space);
	cr_expect(strstr(ask("/uvdk/pasids"), "{}"));
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
	close_all();
}

#define MANY  250u
#define FIRST UINT64_C(0x7fff00000000)

/* EAL drops in silence what its 16 KiB don't hold: each answer must be whole, and all get there. */
Test(eal_telemetry, long_lists_come_in_parts)
{
	struct uvdk_ioas *ioas[100];
	char command[64];
	unsigned int seen = 0, parts;
	unsigned long long id;
	char *va;

	open_all();
	start();
	for (unsigned int i = 0; i < 100; i++)
		cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &ioas[i]), 0);
	va = mmap(NULL, MANY * 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned int i = 0; i < MANY; i++) {
		uvdk_iova_t iova = FIRST + i * 8192;

		cr_assert_eq(uvdk_ioas_map(w.ioas, va + i * 8192, 4096,
					   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
			     0, "%s", uvdk_last_error());
	}

	snprintf(command, sizeof(command), "/uvdk/ioas");
	for (parts = 0, seen = 0; parts < 20; parts++) {
		const char *text = ask(command);

		seen += count_of(text, "\"page_size\"");
		cr_expect_eq(count_of(text, "\"page_size\""), count_of(text, "\"iova_last\""));
		if (!strstr(text, "\"next\""))
			break;
		snprintf(command, sizeof(command), "/uvdk/ioas,%llu", number(text, "next"));
	}
	cr_expect_eq(seen, 101);
	cr_expect_gt(parts, 0);
	id = number(ask("/uvdk/devices"), "ioas");
	for (parts = 0, seen = 0, snprintf(command, sizeof(command), "/uvdk/maps,%llu", id);
	     parts < 20; parts++) {
		const char *text = ask(command);

		seen += count_of(text, "\"len\": 4096, \"access\": \"rw\"}");
		if (!strstr(text, "\"next\""))
			break;
		snprintf(command, sizeof(command), "/uvdk/maps,%llu,0x%llx", id,
			 number(text, "next"));
	}
	cr_expect_eq(seen, MANY);
	for (unsigned int i = 0; i < 100; i++)
		uvdk_ioas_destroy(ioas[i]);
	for (unsigned int i = 0; i < MANY; i++)
		cr_assert_eq(uvdk_ioas_unmap(w.ioas, FIRST + i * 8192, 4096), 0);
	munmap(va, MANY * 8192);
	close_all();
}

#define SPACES 70u

/* All that "key" names, asked for with @command and then @more and a number; how many answers. */
static unsigned int gather(const char *command, const char *more, const char *key,
			   unsigned int expected)
{
	unsigned int seen = 0, parts = 0;
	char next[64];

	snprintf(next, sizeof(next), "%s", command);
	while (parts++ < 20) {
		const char *text = ask(next);

		seen += count_of(text, key);
		if (!strstr(text, "\"next\""))
			break;
		snprintf(next, sizeof(next), "%s,%llu", more, number(text, "next"));
	}
	cr_expect_eq(seen, expected, "%u of %s", seen, command);

	return parts;
}

Test(eal_telemetry, so_do_those_of_pasid_spaces_and_of_dpdks_memory)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts), .width = 16};
	struct uvdk_pasid_space *space[SPACES];
	struct uvdk_eal_map *map[SPACES];
	struct uvdk_ioas *ioas[SPACES];

	open_all();
	start();
	for (unsigned int i = 0; i < SPACES; i++) {
		cr_assert_eq(uvdk_pasid_space_create(&opts, &space[i]), 0);
		cr_assert_eq(uvdk_eal_telemetry_add_pasids("tenants", space[i]), 0);
		cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &ioas[i]), 0);
		cr_assert_eq(uvdk_eal_map_create(ioas[i], &map[i]), 0, "%s", uvdk_last_error());
	}
	cr_expect_eq(gather("/uvdk/pasids", "/uvdk/pasids,spaces", "\"highest\"", SPACES), 3);
	cr_expect_eq(gather("/uvdk/pasids,spaces", "/uvdk/pasids,spaces", "\"owners\"", SPACES), 3);
	cr_expect_eq(gather("/uvdk/eal", "/uvdk/eal", "\"listens\"", SPACES), 3);
	for (unsigned int i = 0; i < SPACES; i++) {
		uvdk_eal_telemetry_remove_pasids(space[i]);
		uvdk_pasid_space_destroy(space[i]);
		uvdk_eal_map_destroy(map[i]);
		uvdk_ioas_destroy(ioas[i]);
	}
	close_all();
}

/* dpdk-telemetry.py takes answers for UTF-8 and for JSON, or dies. */
Test(eal_telemetry, any_name_is_told)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts), .width = 16};
	struct uvdk_pasid_space *space[3];
	const char *text;
	char name[80];

	open_all();
	start();
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(uvdk_pasid_space_create(&opts, &space[i]), 0);
	/* 62 letters, and half of one. */
	memset(name, 'a', sizeof(name));
	strcpy(name + 62, "\xc3\xa4");
	cr_assert_eq(uvdk_eal_telemetry_add_pasids(name, space[0]), 0);
	cr_assert_eq(uvdk_eal_telemetry_add_pasids("M\xfc\xff\x80 \x7f\x1b\t\\\"z", space[1]), 0);
	cr_assert_eq(uvdk_eal_telemetry_add_pasids(NULL, space[2]), 0);
	text = ask("/uvdk/pasids");
	cr_expect_eq(count_of(text, "\"highest\""), 3, "%s", text);
	cr_expect(strstr(text, "aaaa_\""), "%s", text);
	cr_expect(strstr(text, "\"M___ _____z\""), "%s", text);
	text = ask("/uvdk/maps,\303\244");
	cr_expect(strstr(text, "makes no sense"), "%s", text);
	for (unsigned int i = 0; i < 3; i++) {
		uvdk_eal_telemetry_remove_pasids(space[i]);
		uvdk_pasid_space_destroy(space[i]);
	}
	close_all();
}

#define NONSENSE 15u

Test(eal_telemetry, nonsense_is_answered_with_a_sentence)
{
	static const char *const nonsense[NONSENSE] = {
		"/uvdk/maps",
		"/uvdk/maps,",
		"/uvdk/maps,x",
		"/uvdk/maps,1,2,3",
		"/uvdk/maps,-1",
		"/uvdk/maps,1,",
		"/uvdk/ioas,1 2",
		"/uvdk/eal,x",
		"/uvdk/devices,0x",
		"/uvdk/devices,99999999999999999999999",
		"/uvdk/maps,999",
		"/uvdk/pasids,1,2,3",
		"/uvdk/eal,1,2",
		"/uvdk/pasids,spaces2",
		"/uvdk/pasids,spaces,1,2",
	};
	char commands[1024] = "";
	const char *text;

	open_all();
	start();
	for (unsigned int i = 0; i < NONSENSE; i++)
		snprintf(commands + strlen(commands), sizeof(commands) - strlen(commands), "%s\\n",
			 nonsense[i]);
	text = ask(commands);
	cr_expect_eq(count_of(text, "{\"error\": \""), NONSENSE, "%s", text);
	close_all();
}

static int asked;

static int own_answer(void *priv, const char *params, struct rte_tel_data *out)
{
	asked++;
	cr_assert_eq(priv, &asked);
	rte_tel_data_start_dict(out);
	rte_tel_data_add_dict_string(out, "heard", params ? params : "nothing");

	return 0;
}

Test(eal_telemetry, commands_come_and_go)
{
	open_all();
	cr_assert_eq(uvdk_eal_telemetry_add("mine", "help", own_answer, &asked), 0);
	cr_expect_not(strstr(ask("/"), "/uvdk/"), "not started");
	start();
	cr_expect_eq(uvdk_eal_telemetry_start(), -EALREADY);
	cr_expect(strstr(ask("/uvdk/mine,abc"), "\"heard\": \"abc\""));
	cr_expect_eq(uvdk_eal_telemetry_add("mine", "help", own_answer, &asked), -EEXIST);
	cr_expect_eq(uvdk_eal_telemetry_add("eal", "help", own_answer, &asked), -EEXIST);
	cr_expect_eq(uvdk_eal_telemetry_add("a b", "help", own_answer, &asked), -EINVAL);
	cr_expect_eq(uvdk_eal_telemetry_add(NULL, "help", own_answer, &asked), -EINVAL);
	cr_expect_eq(uvdk_eal_telemetry_add("x", "help", NULL, &asked), -EINVAL);
	uvdk_eal_telemetry_remove("mine");
	cr_expect(strstr(ask("/uvdk/mine"), "nobody answers"));
	cr_expect_eq(asked, 1);
	/* The other way: after the start. */
	cr_assert_eq(uvdk_eal_telemetry_add("later", "help", own_answer, &asked), 0);
	cr_assert_eq(uvdk_eal_telemetry_add("mine", "help", own_answer, &asked), 0);
	cr_expect(strstr(ask("/uvdk/later"), "\"heard\": \"nothing\""));
	cr_expect(strstr(ask("/uvdk/mine"), "\"heard\": \"nothing\""));
	uvdk_eal_telemetry_stop();
	uvdk_eal_telemetry_stop();
	cr_expect(strstr(ask("/uvdk/later"), "is stopped"));
	cr_expect(strstr(ask("/uvdk/devices"), "is stopped"));
	cr_expect_eq(asked, 3);
	start();
	cr_expect(strstr(ask("/uvdk/later"), "\"heard\""));
	cr_expect(strstr(ask("/uvdk/devices"), "emu:copier"));
	cr_expect_eq(count_of(ask("/"), "/uvdk/devices"), 1);
	uvdk_eal_telemetry_remove_iommu(w.iommu);
	cr_expect_not(strstr(ask("/uvdk/devices"), "emu:copier"));
	close_all();
}

/* As many names as the header says, and no more. */
Test(eal_telemetry, there_is_room_for_18_commands)
{
	char name[32];

	open_all();
	start();
	for (unsigned int i = 0; i < 18; i++) {
		snprintf(name, sizeof(name), "mine%u", i);
		cr_assert_eq(uvdk_eal_telemetry_add(name, "help", own_answer, &asked), 0, "%u: %s",
			     i, uvdk_last_error());
	}
	cr_expect_eq(uvdk_eal_telemetry_add("more", "help", own_answer, &asked), -ENOSPC);
	uvdk_eal_telemetry_remove("mine0");
	cr_expect_eq(uvdk_eal_telemetry_add("mine0", "help", own_answer, &asked), 0);
	close_all();
}

/* ---- several clients, while things change ---- */

#define CLIENTS 4

static bool over;

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char hello[1024];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dpdk/rte/dpdk_telemetry.v2", asking_dir);
	cr_assert_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_gt(recv(fd, hello, sizeof(hello), 0), 0);

	return fd;
}

/* Whole, and about what was asked. */
static bool whole(const char *answer, const char *command)
{
	int depth = 0;

	for (const char *c = answer; *c; c++)
		depth += *c == '{' ? 1 : *c == '}' ? -1 : 0;

	return !depth && !strncmp(answer + 2, command, strlen(command));
}

static void *client(void *arg)
{
	static const char *const commands[] = {"/uvdk/devices", "/uvdk/ioas", "/uvdk/eal",
					       "/uvdk/pasids"};
	unsigned int *answers = arg;
	char buf[32768];
	int fd = dial();

	for (unsigned int i = 0; !__atomic_load_n(&over, __ATOMIC_ACQUIRE); i++) {
		const char *command = commands[i % 4];
		ssize_t n;

		cr_assert_gt(send(fd, command, strlen(command), 0), 0);
		n = recv(fd, buf, sizeof(buf) - 1, 0);
		cr_assert_gt(n, 0);
		buf[n] = '\0';
		cr_assert(whole(buf, command), "%s: %s", command, buf);
		__atomic_add_fetch(answers, 1, __ATOMIC_RELEASE);
	}
	close(fd);

	return NULL;
}

static void change_everything(struct uvdk_iommu *second)
{
	struct uvdk_device *dev;
	struct uvdk_eal_map *map;
	struct uvdk_ioas *ioas;

	cr_assert_eq(uvdk_eal_telemetry_add_iommu(second), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(second, NULL, &ioas), 0);
	cr_assert_eq(uvdk_device_open(second, "emu:copier", NULL, &dev), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_assert_eq(uvdk_eal_map_create(ioas, &map), 0, "%s", uvdk_last_error());
	uvdk_eal_map_destroy(map);
	uvdk_ioas_destroy(ioas);
	uvdk_eal_telemetry_remove_iommu(second);
	uvdk_device_close(dev);
}

Test(eal_telemetry, several_ask_while_everything_changes)
{
	unsigned int answers[CLIENTS] = {0};
	pthread_t thread[CLIENTS];
	struct uvdk_iommu *second;
	unsigned int done = 0;

	open_all();
	start();
	for (int i = 0; i < CLIENTS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, client, &answers[i]), 0);
	for (int turns = 0; turns < 30 || done < CLIENTS; turns++) {
		/* It is gone at the end of each turn: whoever still looks at it is found out. */
		cr_assert_eq(uvdk_iommu_open("emu", NULL, &second), 0);
		change_everything(second);
		uvdk_iommu_close(second);
		for (done = 0; done < CLIENTS; done++)
			if (__atomic_load_n(&answers[done], __ATOMIC_ACQUIRE) < 40)
				break;
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(thread[i], NULL);
	cr_expect_eq(count_of(ask("/uvdk/devices"), "emu:copier"), 1);
	close_all();
}
