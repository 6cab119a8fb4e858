// SPDX-License-Identifier: BSD-3-Clause
/*
 * Of the running kernel, which has to permit userfaultfd: where it does not (the
 * seccomp filter of a container), the tests say so and the VM tests remain.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uvdk_base_driver.h>

#include "../../follow_record.h"

#define PAGE ((size_t)4096)
#define LEN  (16 * PAGE)

static struct record rec;

static void setup(void)
{
	int err;

	alarm(60); /* what these tests fear is to hang */
	err = record_start(&rec);
	if (err == -EPERM || err == -ENOSYS)
		cr_skip_test("%s; only the VM tests try it", uvdk_last_error());
	cr_assert_eq(err, 0, "%s", uvdk_last_error());
}

static void fini(void)
{
	uvdk_follow_stop(&rec.follower);
}

static void *follow(size_t len)
{
	void *va = followed(len);

	cr_assert_not_null(va, "%s", uvdk_last_error());
	return va;
}

TestSuite(follow, .init = setup, .fini = fini);

Test(follow, a_range_unmapped_is_told)
{
	void *va = follow(LEN);

	cr_assert_eq(munmap(va, LEN), 0);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va, LEN, UVDK_FOLLOW_UNMAP), 1);
}

Test(follow, of_a_part_unmapped_the_part_is_told)
{
	char *va = follow(LEN);

	munmap(va + 4 * PAGE, 2 * PAGE);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va + 4 * PAGE, 2 * PAGE, UVDK_FOLLOW_UNMAP), 1);
	record_clear(&rec);
	munmap(va, LEN); /* both that are left in one call */
	uvdk_follow_flush();
	cr_expect(record_touches(&rec, va, 4 * PAGE));
	cr_expect(record_touches(&rec, va + 6 * PAGE, LEN - 6 * PAGE));
}

Test(follow, pages_given_up_are_told_and_the_mapping_is_followed_on)
{
	char *va = follow(LEN);

	madvise(va, 3 * PAGE, MADV_DONTNEED);
	madvise(va + 8 * PAGE, PAGE, MADV_FREE);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va, 3 * PAGE, UVDK_FOLLOW_REMOVE), 1);
	cr_expect_eq(record_exact(&rec, va + 8 * PAGE, PAGE, UVDK_FOLLOW_REMOVE), 1);
	munmap(va, LEN);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va, LEN, UVDK_FOLLOW_UNMAP), 1);
}

Test(follow, a_range_moved_is_told_and_followed_where_it_is)
{
	char *va = follow(LEN), *aside = anon(LEN), *now;

	now = mremap(va, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, aside);
	cr_assert_eq(now, aside);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va, LEN, UVDK_FOLLOW_REMAP), 1);
	munmap(now, LEN);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, now, LEN, UVDK_FOLLOW_UNMAP), 1);
}

Test(follow, pages_moved_away_from_a_mapping_that_stays_are_told)
{
	void *va = follow(LEN);
	void *now = mremap(va, LEN, LEN, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

	cr_assert_neq(now, MAP_FAILED);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va, LEN, UVDK_FOLLOW_REMAP), 1);
	munmap(va, LEN);
	munmap(now, LEN);
}

Test(follow, a_range_made_smaller_or_larger_is_followed)
{
	char *va = follow(LEN), *now;

	mremap(va, LEN, LEN / 2, 0);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va + LEN / 2, LEN / 2, UVDK_FOLLOW_UNMAP), 1);
	now = mremap(va, LEN / 2, 4 * LEN, MREMAP_MAYMOVE);
	cr_assert_neq(now, MAP_FAILED);
	munmap(now + 2 * LEN, LEN);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, now + 2 * LEN, LEN, UVDK_FOLLOW_UNMAP), 1);
	munmap(now, 4 * LEN);
}

Test(follow, what_is_mapped_over_a_range_is_told)
{
	char *va = follow(LEN);
	void *over =
		mmap(va + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	cr_assert_eq(over, va + PAGE);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va + PAGE, PAGE, UVDK_FOLLOW_UNMAP), 1);
	munmap(va, LEN);
}

Test(follow, the_end_of_the_heap_given_back_is_told)
{
	char *end = (char *)(((uintptr_t)sbrk(0) + PAGE - 1) / PAGE * PAGE);

	cr_assert_eq(brk(end + LEN), 0);
	cr_assert_eq(uvdk_follow_add((uintptr_t)end, LEN), 0, "%s", uvdk_last_error());
	cr_assert_eq(brk(end + LEN / 2), 0);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, end + LEN / 2, LEN / 2, UVDK_FOLLOW_UNMAP), 1);
	brk(end);
}

static int file_new(void)
{
	char name[] = "/tmp/uvdk-follow.XXXXXX";
	int fd = mkstemp(name);

	cr_assert_geq(fd, 0);
	unlink(name);
	cr_assert_eq(ftruncate(fd, (off_t)LEN), 0);
	return fd;
}

static void check_file(int fd, int prot, int flags)
{
	void *va = mmap(NULL, LEN, prot, flags, fd, 0);
	int err;

	cr_assert_neq(va, MAP_FAILED);
	err = uvdk_follow_add((uintptr_t)va, LEN);
	if (!err) {
		madvise(va, PAGE, MADV_DONTNEED);
		munmap(va, LEN);
		uvdk_follow_flush();
		cr_expect_eq(record_exact(&rec, va, PAGE, UVDK_FOLLOW_REMOVE), 1);
		cr_expect_eq(record_exact(&rec, va, LEN, UVDK_FOLLOW_UNMAP), 1);
	} else {
		cr_expect_eq(err, -EOPNOTSUPP, "%d: %s", err, uvdk_last_error());
		munmap(va, LEN);
	}
	record_clear(&rec);
}

Test(follow, a_mapping_of_a_file_is_followed_or_refused)
{
	int fd = file_new();

	check_file(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	check_file(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	check_file(fd, PROT_READ, MAP_PRIVATE);
	close(fd);
}

Test(follow, shared_memory_is_followed)
{
	int fd = memfd_create("follow", MFD_CLOEXEC);
	void *va;

	cr_assert_eq(ftruncate(fd, (off_t)LEN), 0);
	va = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (uvdk_follow_add((uintptr_t)va, LEN)) /* Linux before 5.19 */
		cr_skip_test("%s", uvdk_last_error());
	madvise(va, PAGE, MADV_REMOVE);
	munmap(va, LEN);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va, PAGE, UVDK_FOLLOW_REMOVE), 1);
	cr_expect_eq(record_exact(&rec, va, LEN, UVDK_FOLLOW_UNMAP), 1);
	close(fd);
}

Test(follow, what_is_followed_already_is_no_error)
{
	char *va = follow(LEN);

	cr_expect_eq(uvdk_follow_add((uintptr_t)va, LEN), 0, "%s", uvdk_last_error());
	cr_expect_eq(uvdk_follow_add((uintptr_t)(va + PAGE), PAGE), 0, "%s", uvdk_last_error());
	munmap(va, LEN);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va, LEN, UVDK_FOLLOW_UNMAP), 1);
}

Test(follow, what_is_no_range_is_refused)
{
	char *va = anon(LEN);
	uintptr_t at = (uintptr_t)va;

	cr_expect_eq(uvdk_follow_add(at + 1, PAGE), -EINVAL);
	cr_expect_eq(uvdk_follow_add(at, PAGE + 1), -EINVAL);
	cr_expect_eq(uvdk_follow_add(at, 0), -EINVAL);
	cr_expect_eq(uvdk_follow_add((uintptr_t)-PAGE, 2 * PAGE), -EINVAL);
	munmap(va + 4 * PAGE, PAGE);
	cr_expect_eq(uvdk_follow_add(at, LEN), -ENOMEM, "a hole");
	cr_expect_eq(uvdk_follow_add(at + 4 * PAGE, PAGE), -ENOMEM, "not mapped");
	munmap(va, LEN);
	uvdk_follow_flush();
	cr_expect_not(record_touches(&rec, va, LEN), "refused, and yet followed");
}

Test(follow, a_range_of_another_userfaultfd_is_busy)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1);
	struct uffdio_api api = {.api = UFFD_API};
	void *va = anon(LEN);
	struct uffdio_register reg = {.range = {(uintptr_t)va, LEN},
				      .mode = UFFDIO_REGISTER_MODE_MISSING};

	cr_assert_eq(ioctl(fd, UFFDIO_API, &api), 0);
	cr_assert_eq(ioctl(fd, UFFDIO_REGISTER, &reg), 0);
	cr_expect_eq(uvdk_follow_add((uintptr_t)va, LEN), -EBUSY);
	close(fd);
	cr_expect_eq(uvdk_follow_add((uintptr_t)va, LEN), 0, "%s", uvdk_last_error());
	munmap(va, LEN);
}

Test(follow, all_followers_are_told_until_they_stop)
{
	static struct record other;
	void *va[2] = {follow(LEN), follow(LEN)};

	cr_assert_eq(record_start(&other), 0);
	munmap(va[0], LEN);
	uvdk_follow_flush();
	uvdk_follow_stop(&rec.follower);
	munmap(va[1], LEN);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va[0], LEN, UVDK_FOLLOW_UNMAP), 1);
	cr_expect_eq(record_exact(&other, va[0], LEN, UVDK_FOLLOW_UNMAP), 1);
	cr_expect_not(record_touches(&rec, va[1], LEN) && va[0] != va[1]);
	cr_expect_eq(record_exact(&other, va[1], LEN, UVDK_FOLLOW_UNMAP), 1);
	uvdk_follow_stop(&other.follower);
}

static unsigned int entries(const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

Test(follow, after_the_last_nothing_is_left)
{
	unsigned int fds = 0, threads = 0;
	void *va;

	for (int i = 0; i < 20; i++) {
		va = follow(LEN);
		uvdk_follow_stop(&rec.follower);
		if (!i) {
			fds = entries("/proc/self/fd");
			threads = entries("/proc/self/task");
		}
		cr_assert_eq(entries("/proc/self/fd"), fds);
		cr_assert_eq(entries("/proc/self/task"), threads);
		munmap(va, LEN); /* nobody reads: it must not wait */
		cr_expect_eq(uvdk_follow_add((uintptr_t)anon(PAGE), PAGE), -EINVAL);
		uvdk_follow_flush();
		cr_expect_not(uvdk_follow_forks());
		cr_assert_eq(record_start(&rec), 0, "%s", uvdk_last_error());
	}
}

/* What the library's own threads have, too: their stacks, and all that they may free. */
static void follow_whatever_is_mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long first, end;
	char line[512];

	uvdk_log_hush(true);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx", &first, &end) == 2)
			(void)uvdk_follow_add(first, end - first);
	}
	uvdk_log_hush(false);
	fclose(maps);
}

static void *ends_at_once(void *arg)
{
	return arg;
}

Test(follow, whatever_is_mapped_can_be_followed_and_threads_end)
{
	pthread_t thread;

	for (int i = 0; i < 20; i++) {
		follow_whatever_is_mapped();
		cr_assert_eq(pthread_create(&thread, NULL, ends_at_once, NULL), 0);
		follow_whatever_is_mapped();
		cr_assert_eq(pthread_join(thread, NULL), 0);
		uvdk_follow_stop(&rec.follower);
		cr_assert_eq(record_start(&rec), 0, "%s", uvdk_last_error());
	}
}

static void *churns(void *arg)
{
	atomic_bool *quit = arg;

	while (!atomic_load(quit)) {
		void *va = anon(LEN);

		madvise(va, LEN, MADV_DONTNEED);
		munmap(va, LEN);
		free(memset(malloc(4 * 65536), 1, 65536));
	}
	return NULL;
}

Test(follow, others_free_and_add_while_it_stops_and_starts_again)
{
	atomic_bool quit = false;
	pthread_t thread[2];

	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, churns, &quit), 0);
	for (int i = 0; i < 20; i++) {
		follow_whatever_is_mapped();
		uvdk_follow_stop(&rec.follower);
		cr_assert_eq(record_start(&rec), 0, "%s", uvdk_last_error());
	}
	atomic_store(&quit, true);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

/* Returns the exit status of a child that does this. */
static int in_child(int (*act)(void *), void *arg)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(act(arg));
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "%#x", (unsigned int)status);
	return WEXITSTATUS(status);
}

static int child_frees(void *va)
{
	alarm(20);
	uvdk_follow_flush();
	if (uvdk_follow_add((uintptr_t)va, LEN) != -EINVAL)
		return 1;
	uvdk_follow_stop(&rec.follower);
	return !!munmap(va, LEN);
}

static int child_begins_anew(void *arg)
{
	void *va = anon(LEN);

	(void)arg;
	alarm(20);
	if (record_start(&rec) || uvdk_follow_add((uintptr_t)va, LEN))
		return 1;
	munmap(va, LEN);
	uvdk_follow_flush();
	if (record_exact(&rec, va, LEN, UVDK_FOLLOW_UNMAP) != 1)
		return 2;
	uvdk_follow_stop(&rec.follower);
	return 0;
}

Test(follow, a_child_frees_its_copy_unnoticed)
{
	void *va = follow(LEN);

	cr_expect(uvdk_follow_forks());
	cr_expect_eq(in_child(child_frees, va), 0);
	uvdk_follow_flush();
	cr_expect_eq(record_count(&rec), 0);
	munmap(va, LEN);
	uvdk_follow_flush();
	cr_expect_eq(record_exact(&rec, va, LEN, UVDK_FOLLOW_UNMAP), 1, "the parent's goes on");
}

Test(follow, a_child_can_begin_anew)
{
	cr_expect_eq(in_child(child_begins_anew, NULL), 0);
}

/* A child that lives on must not keep the parent's memory registered. */
Test(follow, a_child_that_stays_does_not_hold_the_parent_up)
{
	void *va = follow(LEN);
	pid_t pid = fork();

	if (!pid) {
		alarm(60);
		pause();
		_exit(0);
	}
	uvdk_follow_stop(&rec.follower);
	/* The child's handlers may not have run yet; then this waits for them. */
	cr_expect_eq(munmap(va, LEN), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
