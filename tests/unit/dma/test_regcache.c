// SPDX-License-Identifier: BSD-3-Clause
/* Of the running kernel, which has to permit userfaultfd; over a driver that counts maps. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uvdk_follow.h>
#include <uvdk_regcache.h>

#include "../iommu/fake.h"

#define LEN (4 * PAGE)

static struct uvdk_regcache *cache;

static void make(unsigned int entries, uint64_t bytes, unsigned int flags)
{
	struct uvdk_regcache_opts opts = {
		.size = sizeof(opts), .max_entries = entries, .max_bytes = bytes, .flags = flags};
	int err;

	alarm(60);
	fake_setup();
	err = uvdk_regcache_create(ioas, &opts, &cache);
	if (err == -EPERM || err == -ENOSYS)
		cr_skip_test("%s; only the VM tests try it", uvdk_last_error());
	cr_assert_eq(err, 0, "%s", uvdk_last_error());
}

static void end(void)
{
	struct uvdk_ioas_stats stats;

	uvdk_regcache_destroy(cache);
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.maps, 0);
	cr_expect_eq(fake.wrong_unmaps, 0);
}

/* Where nobody else maps: huge pages, and behind them others. */
#define HUGE_PLACE ((void *)UINT64_C(0x2b0000000000))

static uint8_t *pages(size_t len)
{
	static uintptr_t next = UINT64_C(0x2c0000000000);
	void *va =
		mmap((void *)next, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(va, MAP_FAILED);
	next += len + (1 << 20);
	return va;
}

static void pages_again(void *va, size_t len)
{
	cr_assert_eq(mmap(va, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
		     va);
}

static struct uvdk_regcache_hold get_ok(const void *va, size_t len)
{
	struct uvdk_regcache_hold hold;

	cr_assert_eq(uvdk_regcache_get(cache, va, len, &hold), 0, "%s", uvdk_last_error());
	return hold;
}

static uvdk_iova_t touch(const void *va, size_t len)
{
	struct uvdk_regcache_hold hold = get_ok(va, len);

	uvdk_regcache_put(cache, &hold);
	return hold.iova;
}

static bool mapped(uvdk_iova_t iova)
{
	struct uvdk_map_info m;

	return !uvdk_ioas_find(ioas, iova, &m);
}

static struct uvdk_regcache_stats stats_of(void)
{
	struct uvdk_regcache_stats stats;

	uvdk_regcache_get_stats(cache, &stats);
	return stats;
}

Test(regcache, a_buffer_is_mapped_once_and_found_then)
{
	uint8_t *p;
	struct uvdk_map_info m;
	uvdk_iova_t iova;

	make(0, 0, 0);
	p = pages(LEN);
	iova = touch(p + 100, 2 * PAGE);
	cr_assert_eq(uvdk_ioas_find(ioas, iova, &m), 0);
	cr_expect_eq((uint8_t *)m.va + (iova - m.iova), p + 100);
	for (int i = 0; i < 100; i++)
		cr_expect_eq(touch(p + 100 + i, PAGE), iova + i);
	cr_expect_eq(fake.map_calls, 1);
	cr_expect_eq(stats_of().misses, 1);
	cr_expect_eq(stats_of().hits, 100);
	cr_expect_eq(stats_of().entries, 1);
	cr_expect_eq(stats_of().bytes, 3 * PAGE);
	cr_expect_eq(stats_of().held, 0);
	munmap(p, LEN);
	end();
}

Test(regcache, what_overlaps_becomes_one)
{
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	touch(p, 2 * PAGE);
	touch(p + PAGE, 2 * PAGE);
	cr_expect_eq(stats_of().entries, 1);
	cr_expect_eq(stats_of().bytes, 3 * PAGE);
	touch(p, 3 * PAGE);
	cr_expect_eq(stats_of().misses, 2);
	munmap(p, LEN);
	end();
}

/* @change gives up the first page of @p, at which other memory is afterwards. */
static void gone_by(void (*change)(uint8_t *p))
{
	uint8_t *p;
	uvdk_iova_t old;
	unsigned int calls;

	make(0, 0, 0);
	p = pages(LEN);
	for (int i = 0; i < 100; i++) {
		memset(p, 1, LEN);
		old = touch(p, LEN);
		calls = fake.map_calls;
		change(p);
		touch(p, LEN);
		cr_assert_eq(fake.map_calls, calls + 1, "round %d: what was there was found", i);
		/* Of the memory that went nothing is left. */
		uvdk_follow_flush();
		cr_assert(stats_of().entries == 1 || !mapped(old));
	}
	cr_expect_geq(stats_of().invalidations, 100);
	munmap(p, LEN);
	end();
}

static void by_munmap(uint8_t *p)
{
	munmap(p, LEN);
	pages_again(p, LEN);
}

static void by_part(uint8_t *p)
{
	munmap(p, PAGE);
	pages_again(p, PAGE);
}

static void by_mremap(uint8_t *p)
{
	uint8_t *other = mremap(p, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, p + (1 << 19));

	cr_assert_eq(other, p + (1 << 19), "%s", strerror(errno));
	munmap(other, LEN);
	pages_again(p, LEN);
}

static void by_discarding(uint8_t *p)
{
	cr_assert_eq(madvise(p, LEN, MADV_DONTNEED), 0);
}

static void by_overmapping(uint8_t *p)
{
	cr_assert_eq(mmap(p, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			  -1, 0),
		     p);
}

static void *unmap_elsewhere(void *p)
{
	munmap(p, LEN);

	return NULL;
}

static void by_another_thread(uint8_t *p)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, unmap_elsewhere, p), 0);
	pthread_join(thread, NULL);
	pages_again(p, LEN);
}

Test(regcache, what_munmap_has_returned_for_is_not_found)
{
	gone_by(by_munmap);
}

Test(regcache, what_is_unmapped_in_part_is_not_found)
{
	gone_by(by_part);
}

Test(regcache, what_mremap_has_moved_is_not_found)
{
	gone_by(by_mremap);
}

Test(regcache, what_was_discarded_is_not_found)
{
	gone_by(by_discarding);
}

Test(regcache, what_was_mapped_over_is_not_found)
{
	gone_by(by_overmapping);
}

Test(regcache, what_another_thread_has_unmapped_is_not_found)
{
	gone_by(by_another_thread);
}

Test(regcache, malloc_and_free_need_no_word)
{
	unsigned int calls;

	make(0, 0, 0);
	for (size_t len = PAGE; len < 1 << 20; len += 13 * PAGE) {
		char *p = malloc(len);

		touch(p, len);
		calls = fake.map_calls;
		touch(p, len);
		cr_assert_eq(fake.map_calls, calls);
		p = realloc(p, 2 * len);
		touch(p, 2 * len);
		free(p);
	}
	end();
}

Test(regcache, what_is_held_outlives_its_memory_and_is_found_by_nobody)
{
	struct uvdk_regcache_hold hold, other;
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	hold = get_ok(p, LEN);
	by_munmap(p);
	other = get_ok(p, LEN);
	cr_expect(mapped(hold.iova));
	cr_expect_neq(other.iova, hold.iova);
	cr_expect_eq(stats_of().lingering, 1);
	cr_expect_eq(stats_of().held, 2);
	uvdk_regcache_put(cache, &hold);
	cr_expect(!mapped(hold.iova), "with the last put it is gone");
	cr_expect(mapped(other.iova));
	cr_expect_eq(stats_of().lingering, 0);
	uvdk_regcache_put(cache, &other);
	munmap(p, LEN);
	end();
}

Test(regcache, it_stays_within_its_limits)
{
	uint8_t *p;

	make(8, 10 * PAGE, 0);
	p = pages(64 * PAGE);
	for (int i = 0; i < 64; i += 2) {
		touch(p + i * PAGE, PAGE);
		cr_expect_leq(stats_of().entries, 8);
	}
	cr_expect_eq(stats_of().evictions, 24);
	for (int i = 0; i < 60; i += 4) {
		touch(p + i * PAGE, 3 * PAGE);
		cr_expect_leq(stats_of().bytes, 10 * PAGE);
	}
	munmap(p, 64 * PAGE);
	end();
}

Test(regcache, what_is_held_is_never_evicted)
{
	struct uvdk_regcache_hold holds[8], more;
	uint8_t *p;

	make(8, 0, 0);
	p = pages(64 * PAGE);
	for (int i = 0; i < 4; i++)
		holds[i] = get_ok(p + 2 * i * PAGE, PAGE);
	for (int i = 10; i < 60; i += 2)
		touch(p + i * PAGE, PAGE);
	for (int i = 0; i < 4; i++)
		cr_expect(mapped(holds[i].iova));
	for (int i = 4; i < 8; i++)
		holds[i] = get_ok(p + 2 * i * PAGE, PAGE);
	cr_expect_eq(uvdk_regcache_get(cache, p + 40 * PAGE, PAGE, &more), -ENOSPC);
	cr_expect_eq(stats_of().refused, 1);
	for (int i = 0; i < 8; i++) {
		cr_expect(mapped(holds[i].iova));
		uvdk_regcache_put(cache, &holds[i]);
	}
	touch(p + 40 * PAGE, PAGE);
	cr_expect_eq(stats_of().held, 0);
	munmap(p, 64 * PAGE);
	end();
}

Test(regcache, what_is_used_stays_longer_than_what_is_not)
{
	uint8_t *p;

	make(8, 0, 0);
	p = pages(256 * PAGE);
	for (int i = 2; i < 256; i += 2) {
		touch(p, PAGE);
		touch(p + i * PAGE, PAGE);
	}
	cr_expect_lt(stats_of().misses, 127 + 32, "the one in use was mapped again and again");
	munmap(p, 256 * PAGE);
	end();
}

Test(regcache, a_buffer_that_is_larger_than_the_cache_is_refused)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;

	make(0, 4 * PAGE, 0);
	p = pages(8 * PAGE);
	cr_expect_eq(uvdk_regcache_get(cache, p, 5 * PAGE, &hold), -ENOSPC);
	cr_expect_eq(uvdk_regcache_get(cache, p, 0, &hold), -EINVAL);
	cr_expect_eq(uvdk_regcache_get(cache, p, SIZE_MAX, &hold), -EINVAL);
	touch(p, 4 * PAGE);
	munmap(p, 8 * PAGE);
	end();
}

Test(regcache, memory_that_is_not_there_is_refused)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	munmap(p + PAGE, PAGE);
	cr_expect_eq(uvdk_regcache_get(cache, p, 3 * PAGE, &hold), -EFAULT);
	touch(p, PAGE);
	munmap(p, LEN);
	end();
}

Test(regcache, huge_pages_are_taken_whole_and_lost_whole)
{
	size_t huge = (size_t)2 << 20;
	unsigned int calls;
	uint8_t *p;

	make(0, 0, 0);
	p = mmap(HUGE_PLACE, huge, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	/* Where there are none, or others take them meanwhile, there is nothing to see. */
	for (int i = 0; i < 10 && p != MAP_FAILED; i++) {
		touch(p + 5 * PAGE + 1, 10);
		cr_expect_eq(stats_of().bytes, huge);
		calls = fake.map_calls;
		touch(p, huge);
		cr_expect_eq(fake.map_calls, calls);
		munmap(p, huge);
		cr_assert_eq(mmap(p, huge, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
			     p);
		touch(p + 5 * PAGE + 1, 10);
		cr_expect_eq(fake.map_calls, calls + 1);
		cr_expect_eq(stats_of().bytes, PAGE);
		munmap(p, huge);
		p = mmap(p, huge, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED_NOREPLACE, -1, 0);
	}
	if (p != MAP_FAILED)
		munmap(p, huge);
	end();
}

Test(regcache, without_following_the_application_says_what_it_frees)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;

	make(0, 0, UVDK_REGCACHE_NO_FOLLOW);
	p = pages(LEN);
	touch(p, LEN);
	hold = get_ok(p, LEN);
	cr_expect_eq(fake.map_calls, 1);
	cr_expect_eq(uvdk_regcache_forget(cache, p + PAGE, 1), 0);
	cr_expect(mapped(hold.iova));
	touch(p, LEN);
	cr_expect_eq(fake.map_calls, 2);
	uvdk_regcache_put(cache, &hold);
	cr_expect(!mapped(hold.iova));
	munmap(p, LEN);
	end();
}

Test(regcache, strict_ones_work_too)
{
	uint8_t *p;

	make(0, 0, UVDK_REGCACHE_STRICT);
	p = pages(LEN);
	for (int i = 0; i < 10; i++) {
		touch(p, LEN);
		touch(p, LEN);
		by_munmap(p);
	}
	cr_expect_eq(stats_of().misses, 10);
	cr_expect_eq(stats_of().hits, 10);
	munmap(p, LEN);
	end();
}

Test(regcache, more_caches_than_threads_have_places_for)
{
	struct uvdk_regcache *caches[20];
	struct uvdk_regcache_hold hold;
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20; i++) {
			cr_assert_eq(uvdk_regcache_create(ioas, NULL, &caches[i]), 0);
			for (int n = 0; n < 3; n++) {
				cr_assert_eq(uvdk_regcache_get(caches[i], p, LEN, &hold), 0);
				uvdk_regcache_put(caches[i], &hold);
			}
		}
		cr_expect_eq(fake.maps, 20);
		for (int i = 0; i < 20; i++)
			uvdk_regcache_destroy(caches[i]);
		cr_expect_eq(fake.maps, 0);
	}
	munmap(p, LEN);
	end();
}

/* ---- threads ---- */

static void *get_there(void *arg)
{
	struct uvdk_regcache_hold *hold = arg;

	return (void *)(intptr_t)uvdk_regcache_get(cache, (void *)(uintptr_t)hold->iova, LEN, hold);
}

Test(regcache, what_a_thread_holds_may_be_put_by_another_after_its_end)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;
	pthread_t thread;
	void *err;

	make(0, 0, 0);
	p = pages(LEN);
	for (int i = 0; i < 20; i++) {
		hold.iova = (uintptr_t)p;
		cr_assert_eq(pthread_create(&thread, NULL, get_there, &hold), 0);
		pthread_join(thread, &err);
		cr_assert_null(err);
		cr_expect_eq(stats_of().held, 1);
		by_munmap(p);
		touch(p, LEN);
		cr_expect(mapped(hold.iova));
		uvdk_regcache_put(cache, &hold);
		cr_expect(!mapped(hold.iova));
		cr_expect_eq(stats_of().entries, 1);
	}
	munmap(p, LEN);
	end();
}

Test(regcache, a_child_is_refused_and_the_parent_goes_on)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;
	unsigned int calls;
	int status;
	pid_t child;

	make(0, 0, 0);
	p = pages(LEN);
	touch(p, LEN);
	calls = fake.map_calls;
	child = fork();
	if (!child) {
		int bad = uvdk_regcache_get(cache, p, LEN, &hold) != -EPERM;

		bad |= uvdk_regcache_forget(cache, p, LEN) != -EPERM;
		uvdk_regcache_settle(cache);
		munmap(p, LEN);
		uvdk_regcache_destroy(cache);
		_exit(bad || fake.maps != 1 || fake.unmap_calls);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect_eq(status, 0);
	touch(p, LEN);
	cr_expect_eq(fake.map_calls, calls);
	by_munmap(p);
	touch(p, LEN);
	cr_expect_eq(fake.map_calls, calls + 1);
	munmap(p, LEN);
	end();
}

/* ---- while the library reads events ---- */

/* Hold up the thread that reads events: 1: once there is one; 2: when it has been read. */
static atomic_int hold_up, held_up;

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);

static void stand(int where)
{
	if (atomic_load(&hold_up) != where)
		return;
	atomic_store(&held_up, where);
	while (atomic_load(&hold_up))
		sched_yield();
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int ret = __real_poll(fds, n, timeout);

	if (n == 2 && fds[1].revents)
		stand(1);

	return ret;
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	ssize_t n = __real_read(fd, buf, len);

	if (n > 0 && len % sizeof(struct uffd_msg) == 0)
		stand(2);

	return n;
}

struct race {
	uint8_t *p;
	bool settle;
	pthread_t freeing;
	atomic_bool trying, got;
	unsigned int calls, calls_then;
	uvdk_iova_t old, new;
};

static bool is_mapped(void *p)
{
	return !msync(p, PAGE, MS_ASYNC);
}

/* Knows the memory already; finds it again when other memory has come to its place. */
static void *find_again(void *arg)
{
	struct race *r = arg;

	r->old = touch(r->p, LEN);
	r->calls = fake.map_calls;
	atomic_store(&r->trying, true);
	while (!atomic_load(&held_up))
		sched_yield();
	while (is_mapped(r->p))
		sched_yield();
	pages_again(r->p, LEN);
	if (r->settle)
		uvdk_regcache_settle(cache);
	r->new = touch(r->p, LEN);
	r->calls_then = fake.map_calls;
	atomic_store(&r->got, true);

	return NULL;
}

static void race(int where)
{
	struct race r = {.settle = where == 1};
	pthread_t thread;

	make(0, 0, 0);
	r.p = pages(LEN);
	cr_assert_eq(pthread_create(&thread, NULL, find_again, &r), 0);
	while (!atomic_load(&r.trying))
		sched_yield();
	atomic_store(&hold_up, where);
	cr_assert_eq(pthread_create(&r.freeing, NULL, unmap_elsewhere, r.p), 0);
	if (where == 2)
		pthread_join(r.freeing, NULL); /* the read has let it go */
	while (!is_mapped(r.p) || !atomic_load(&held_up))
		sched_yield();
	/* It may have found what it should not by now; if it waits, it waits for this. */
	for (int i = 0; i < 1000; i++)
		sched_yield();
	cr_expect(!atomic_load(&r.got));
	atomic_store(&hold_up, 0);
	if (where == 1)
		pthread_join(r.freeing, NULL);
	pthread_join(thread, NULL);
	cr_expect_eq(r.calls_then, r.calls + 1, "what was there before was found");
	cr_expect(!mapped(r.old) || r.new == r.old);
	munmap(r.p, LEN);
	end();
}

Test(regcache, munmap_has_returned_and_its_event_is_not_handled_yet)
{
	race(2);
}

Test(regcache, munmap_has_not_returned_and_other_memory_is_there_already)
{
	race(1);
}
