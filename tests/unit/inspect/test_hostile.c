// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inspect_world.h"

/* SIGPIPE kills a test: none of the clients here may cause one. */
TestSuite(hostile, .init = world_open, .fini = world_close, .timeout = 100);

#define PAGE 4096ul

static bool still_answers(void)
{
	return answer_holds("caps\n", "len(d['caps']) == 1");
}

Test(hostile, garbage_gets_a_sentence_that_is_json)
{
	cr_expect(answer_holds("frob\n", "'maps' in d['error'] and 'frob' in d['error']"));
	cr_expect(answer_holds("\n", "'error' in d"));
	cr_expect(answer_holds("\xff\xfe\x01\n", "'error' in d"));
	cr_expect(answer_holds("caps caps\n", "'error' in d"));
	cr_expect(answer_holds("GET / HTTP/1.1 and far more than a word", "'error' in d"));
	cr_expect(still_answers());
}

Test(hostile, whoever_says_nothing_delays_nobody)
{
	int fds[40];

	for (int i = 0; i < 40; i++) {
		fds[i] = client_connect();
		cr_assert_geq(fds[i], 0);
		if (i % 2)
			cr_assert_eq(send(fds[i], "ca", 2, MSG_NOSIGNAL), 2);
	}
	cr_expect(still_answers());
	for (int i = 0; i < 40; i++) {
		char *text = client_read(fds[i]);

		cr_expect_str_eq(text, "", "left without an answer, and not waited for for ever");
		free(text);
		close(fds[i]);
	}
}

Test(hostile, a_thousand_that_come_and_go)
{
	for (int i = 0; i < 1000; i++) {
		int fd = client_connect();

		cr_assert_geq(fd, 0);
		if (i % 3)
			(void)!send(fd, "all\n", i % 3 == 1 ? 4 : 2, MSG_NOSIGNAL);
		close(fd);
	}
	cr_expect(still_answers());
}

static unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);

	return count;
}

Test(hostile, no_descriptor_is_left_behind)
{
	unsigned int before = descriptors();

	for (int i = 0; i < 50; i++) {
		int fd = client_connect();

		(void)!send(fd, "pasids\n", 7, MSG_NOSIGNAL);
		close(fd);
	}
	/* It answers one after the other: this one was the last. */
	cr_expect(still_answers());
	free(client_ask("x\n"));
	uvdk_inspect_destroy(w.inspect);
	w.inspect = NULL;
	cr_expect_leq(descriptors(), before - 2, "its socket and its eventfd are closed");
}

/* Many maps, none of which joins its neighbour. */
#define MANY 262144ul

static char *map_many(size_t count)
{
	char *mem = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	cr_assert_neq(mem, MAP_FAILED);
	for (size_t i = 0; i < count; i++) {
		uvdk_iova_t iova;

		cr_assert_eq(
			uvdk_ioas_map(w.pasid_ioas, mem + i * PAGE, PAGE, UVDK_MAP_READ, &iova), 0);
	}

	return mem;
}

Test(hostile, as_many_maps_as_there_are)
{
	char *mem = map_many(MANY);

	cr_expect(answer_holds("maps\n", "len(d['maps'][1]['maps']) == 262144"));
	cr_expect(answer_holds("maps\n", "(lambda m: all(int(a['iova'], 16) < int(b['iova'], 16) "
					 "for a, b in zip(m, m[1:])))(d['maps'][1]['maps'])"));
	cr_expect(answer_holds("ioas\n", "d['ioas'][1]['maps'] == 262144"));
	world_end_pasid_ioas();
	munmap(mem, MANY * PAGE);
}

Test(hostile, whoever_leaves_in_the_middle_of_an_answer)
{
	char *mem = map_many(16384);

	for (int i = 0; i < 20; i++) {
		int fd = client_connect();
		char some[1000];

		cr_assert_geq(fd, 0);
		cr_assert_eq(send(fd, "maps\n", 5, MSG_NOSIGNAL), 5);
		cr_assert_gt(recv(fd, some, sizeof(some), 0), 0);
		close(fd);
	}
	cr_expect(still_answers());
	world_end_pasid_ioas();
	munmap(mem, 16384 * PAGE);
}

Test(hostile, whoever_does_not_read_holds_up_neither_maps_nor_the_end)
{
	char *mem = map_many(16384);
	uvdk_iova_t iova;
	char some[1];
	int fd = client_connect();

	cr_assert_eq(send(fd, "maps\n", 5, MSG_NOSIGNAL), 5);
	cr_assert_eq(recv(fd, some, 1, 0), 1, "it has begun, and can't go on");
	for (int i = 0; i < 1000; i++) {
		cr_assert_eq(uvdk_ioas_unmap(w.rid_ioas, w.iova, WORLD_MEM), 0);
		cr_assert_eq(uvdk_ioas_map(w.rid_ioas, w.mem, WORLD_MEM, UVDK_MAP_READ, &iova), 0);
		cr_assert_eq(iova, w.iova);
	}
	uvdk_inspect_remove_iommu(w.inspect, w.iommu);
	uvdk_inspect_destroy(w.inspect);
	w.inspect = NULL;
	close(fd);
	world_end_pasid_ioas();
	munmap(mem, 16384 * PAGE);
}

Test(hostile, whoever_does_not_read_is_left)
{
	char *mem = map_many(16384);
	int fd = client_connect();
	char some[1];

	cr_assert_eq(send(fd, "maps\n", 5, MSG_NOSIGNAL), 5);
	cr_assert_eq(recv(fd, some, 1, 0), 1);
	cr_expect(still_answers(), "after a while");
	close(fd);
	world_end_pasid_ioas();
	munmap(mem, 16384 * PAGE);
}
