// SPDX-License-Identifier: BSD-3-Clause
/*
 * sva_follow kinds|huge|locks|overflow|stop|fork|refused: lib/dma/uvdk_follow.h on a kernel: what
 * is told of each kind of memory, and that nobody who frees waits for anybody but the reader. Run
 * again by tests/unit on the machine's own kernel.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../../follow_record.h"
#include "dev_common.h"

#define PAGE	((size_t)4096)
#define LEN	(16 * PAGE)
#define HUGE	((size_t)2 << 20)
#define THREADS 4
#define ROUNDS	1000

static struct record rec;

static void started(void)
{
	CHECK_EQ(record_start(&rec), 0);
}

static void *follow(size_t len)
{
	void *va = followed(len);

	CHECK(va, "not followed");
	return va;
}

static void told(const void *va, size_t len, enum uvdk_follow_why why)
{
	uvdk_follow_flush();
	CHECK_EQ(record_exact(&rec, va, len, why), 1);
	record_clear(&rec);
}

/* madvise() of the first page, and an end of the mapping. */
static void kind(const char *name, char *va, int advice)
{
	int err;

	CHECK(va != MAP_FAILED, "%s", name);
	err = uvdk_follow_add((uintptr_t)va, LEN);
	if (err) {
		printf("  %s: refused, %d: %s\n", name, err, uvdk_last_error());
		CHECK_EQ(err, -EOPNOTSUPP);
		munmap(va, LEN);
		return;
	}
	CHECK_EQ(madvise(va, PAGE, advice), 0);
	told(va, PAGE, UVDK_FOLLOW_REMOVE);
	CHECK_EQ(munmap(va + PAGE, PAGE), 0);
	told(va + PAGE, PAGE, UVDK_FOLLOW_UNMAP);
	CHECK_EQ(munmap(va, LEN), 0);
	told(va, LEN, UVDK_FOLLOW_UNMAP);
	printf("  %s: told\n", name);
}

static int file_new(void)
{
	char name[] = "/tmp/sva_follow.XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0, "%s", name);
	unlink(name);
	CHECK_EQ(ftruncate(fd, (off_t)LEN), 0);
	return fd;
}

static void *map(int fd, int prot, int flags)
{
	return mmap(NULL, LEN, prot, flags, fd, 0);
}

static void moves(void)
{
	char *va = follow(LEN), *aside = anon(LEN);

	CHECK(mremap(va, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, aside) == aside, "mremap");
	told(va, LEN, UVDK_FOLLOW_REMAP);
	munmap(aside, LEN);
	told(aside, LEN, UVDK_FOLLOW_UNMAP);
	va = follow(LEN);
	CHECK(mmap(va, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == va,
	      "MAP_FIXED");
	told(va, PAGE, UVDK_FOLLOW_UNMAP);
	va = (char *)(((uintptr_t)sbrk(0) + PAGE - 1) & -PAGE);
	CHECK_EQ(brk(va + LEN), 0);
	CHECK_EQ(uvdk_follow_add((uintptr_t)va, LEN), 0);
	CHECK_EQ(brk(va), 0);
	told(va, LEN, UVDK_FOLLOW_UNMAP);
}

static void *shm_new(void)
{
	int id = shmget(IPC_PRIVATE, LEN, 0600);
	void *va = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	CHECK(va != MAP_FAILED, "shmat");
	CHECK_EQ(uvdk_follow_add((uintptr_t)va, LEN), 0);
	return va;
}

/* What the header says is not told; a kernel that does tell is welcome, and this shows it. */
static void silent(const char *what, const void *va)
{
	uvdk_follow_flush();
	printf("  %s: %s\n", what, record_touches(&rec, va, LEN) ? "told" : "not told");
	record_clear(&rec);
}

static void silences(void)
{
	int fd = memfd_create("silent", MFD_CLOEXEC);
	char *va = shm_new();

	shmdt(va);
	silent("shmdt", va);
	CHECK_EQ(ftruncate(fd, (off_t)LEN), 0);
	va = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK_EQ(uvdk_follow_add((uintptr_t)va, LEN), 0);
	fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)PAGE);
	silent("hole punched", va);
	CHECK_EQ(ftruncate(fd, (off_t)PAGE), 0);
	silent("truncated", va);
	va = follow(LEN);
	if (!madvise(va, PAGE, 102)) /* MADV_GUARD_INSTALL */
		silent("guard", va);
	CHECK_EQ(mprotect(va, LEN, PROT_NONE), 0);
	silent("mprotect", va);
}

static void kinds(void)
{
	int mem = memfd_create("kinds", MFD_CLOEXEC), file = file_new();

	CHECK_EQ(ftruncate(mem, (off_t)LEN), 0);
	started();
	kind("anonymous", anon(LEN), MADV_DONTNEED);
	kind("anonymous, MADV_FREE", anon(LEN), MADV_FREE);
	kind("shared memory", map(mem, PROT_READ | PROT_WRITE, MAP_SHARED), MADV_REMOVE);
	kind("shared memory, private", map(mem, PROT_READ | PROT_WRITE, MAP_PRIVATE),
	     MADV_DONTNEED);
	kind("file", map(file, PROT_READ | PROT_WRITE, MAP_SHARED), MADV_DONTNEED);
	kind("file, private", map(file, PROT_READ | PROT_WRITE, MAP_PRIVATE), MADV_DONTNEED);
	kind("file, private, to be read", map(file, PROT_READ, MAP_PRIVATE), MADV_DONTNEED);
	moves();
	silences();
	uvdk_follow_stop(&rec.follower);
}

/* With hugepages to be had. */
static void huge(void)
{
	char *va = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);

	CHECK(va != MAP_FAILED, "no hugepages");
	started();
	CHECK_ERR(uvdk_follow_add((uintptr_t)va, HUGE / 2), -EINVAL);
	CHECK_EQ(uvdk_follow_add((uintptr_t)va, 2 * HUGE), 0);
	memset(va, 1, 2 * HUGE);
	CHECK_EQ(madvise(va, HUGE, MADV_DONTNEED), 0);
	told(va, HUGE, UVDK_FOLLOW_REMOVE);
	munmap(va, HUGE);
	told(va, HUGE, UVDK_FOLLOW_UNMAP);
	munmap(va + HUGE, HUGE);
	told(va + HUGE, HUGE, UVDK_FOLLOW_UNMAP);
	uvdk_follow_stop(&rec.follower);
}

static pthread_mutex_t heap = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint gone_count;

/* Takes the lock that those hold who free, frees itself, and is slow. */
static void awkward(struct uvdk_follower *follower, uintptr_t first, uintptr_t last,
		    enum uvdk_follow_why why)
{
	void *own;

	(void)follower, (void)first, (void)last, (void)why;
	pthread_mutex_lock(&heap);
	if (atomic_fetch_add(&gone_count, 1) % 4 == 0) {
		own = followed(PAGE);
		if (own && !(atomic_load(&gone_count) % 64))
			munmap(own, PAGE); /* tells of itself again, but not for ever */
	}
	free(malloc((size_t)1 << 20));
	pthread_mutex_unlock(&heap);
	for (int i = 0; i < 50; i++)
		sched_yield();
}

static void *freer(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		void *va = NULL;

		pthread_mutex_lock(&heap);
		va = follow(LEN);
		if (i % 3)
			madvise(va, LEN, MADV_DONTNEED);
		munmap(va, LEN);
		pthread_mutex_unlock(&heap);
		if (i % 64 == 0)
			uvdk_follow_flush();
	}
	return arg;
}

static void with_threads(void *(*run)(void *), void (*meanwhile)(void))
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, run, NULL), 0);
	if (meanwhile)
		meanwhile();
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
}

static void locks(void)
{
	struct uvdk_follower follower = {.gone = awkward};

	CHECK_EQ(uvdk_follow_start(&follower), 0);
	with_threads(freer, NULL);
	uvdk_follow_flush();
	printf("  told %u times\n", atomic_load(&gone_count));
	uvdk_follow_stop(&follower);
}

static sem_t held, let_go;

static void holding(struct uvdk_follower *follower, uintptr_t first, uintptr_t last,
		    enum uvdk_follow_why why)
{
	if (!atomic_fetch_add(&gone_count, 1)) {
		sem_post(&held);
		sem_wait(&let_go);
	}
	record_gone(follower, first, last, why);
}

/* Whoever frees goes on while the worker stands still, and what is lost is told to be lost. */
static void overflow(void)
{
	rec.follower.gone = holding;
	pthread_mutex_init(&rec.lock, NULL);
	CHECK_EQ(uvdk_follow_start(&rec.follower), 0);
	munmap(follow(PAGE), PAGE);
	sem_wait(&held);
	for (int i = 0; i < 3 * ROUNDS; i++)
		munmap(follow(PAGE), PAGE);
	sem_post(&let_go);
	uvdk_follow_flush();
	CHECK_EQ(record_exact(&rec, NULL, (size_t)UINTPTR_MAX + 1, UVDK_FOLLOW_LOST), 1);
	CHECK(record_count(&rec) > ROUNDS && record_count(&rec) < 3 * ROUNDS, "%u",
	      record_count(&rec));
	record_clear(&rec);
	void *va = follow(LEN);

	munmap(va, LEN);
	told(va, LEN, UVDK_FOLLOW_UNMAP);
	uvdk_follow_stop(&rec.follower);
}

static atomic_bool enough;

/* Sometimes nobody follows, sometimes somebody. */
static void *always_freeing(void *arg)
{
	while (!atomic_load(&enough)) {
		void *va = anon(LEN);

		if (uvdk_follow_add((uintptr_t)va, LEN))
			CHECK(strstr(uvdk_last_error(), "nobody is told"), "another error");
		madvise(va, PAGE, MADV_DONTNEED);
		munmap(va, LEN);
		uvdk_follow_flush();
	}
	return arg;
}

static void start_and_stop(void)
{
	static struct record other;

	for (int i = 0; i < ROUNDS / 2; i++) {
		CHECK_EQ(record_start(&rec), 0);
		CHECK_EQ(record_start(&other), 0);
		uvdk_follow_stop(i % 2 ? &rec.follower : &other.follower);
		uvdk_follow_stop(i % 2 ? &other.follower : &rec.follower);
	}
	atomic_store(&enough, true);
}

static void stop(void)
{
	unsigned int fds = count_fds();

	with_threads(always_freeing, start_and_stop);
	CHECK_EQ(count_fds(), fds);
}

static void child(char *va)
{
	int err = uvdk_follow_add((uintptr_t)va, LEN);

	alarm(60);
	uvdk_follow_flush();
	uvdk_follow_stop(&rec.follower);
	_exit(err != -EINVAL || munmap(va, LEN));
}

static void check_forks(void)
{
	char shell[] = "/bin/sh", minus[] = "-c", nothing[] = ":";
	char *argv[] = {shell, minus, nothing, NULL}, *env[] = {NULL};
	char *va = follow(LEN);
	int status;
	pid_t pid;

	uvdk_follow_flush(); /* of what was another thread's at this address */
	record_clear(&rec);
	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (!pid)
			child(va);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(posix_spawn(&pid, argv[0], NULL, NULL, argv, env), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	uvdk_follow_flush();
	CHECK(!record_touches(&rec, va, LEN), "a child's memory was told");
	munmap(va, LEN);
	uvdk_follow_flush();
	/* More than once, if another thread has mapped there meanwhile. */
	CHECK(record_exact(&rec, va, LEN, UVDK_FOLLOW_UNMAP), "the parent's is not told");
	record_clear(&rec);
	atomic_store(&enough, true);
}

/* While others free: a child may be made at any moment. */
static void forks(void)
{
	started();
	check_forks();
	atomic_store(&enough, false);
	with_threads(always_freeing, check_forks);
	uvdk_follow_stop(&rec.follower);
}

/* The system call is refused, as containers do: /dev/userfaultfd is left, or a sentence. */
static void refused(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};
	int fd = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);

	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
	if (fd < 0) {
		CHECK_ERR(record_start(&rec), -EPERM);
		return;
	}
	close(fd);
	started();
	uvdk_follow_stop(&rec.follower);
	printf("  there is /dev/userfaultfd\n");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} all[] = {
		{"kinds", kinds},	{"huge", huge}, {"locks", locks}, {"refused", refused},
		{"overflow", overflow}, {"stop", stop}, {"fork", forks},
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(300);
	sem_init(&held, 0, 0);
	sem_init(&let_go, 0, 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (argc < 2 || strcmp(argv[1], all[i].name))
			continue;
		all[i].run();
		printf("%s: all good\n", argv[1]);
		return 0;
	}
	return 2;
}
