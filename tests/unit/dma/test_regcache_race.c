// SPDX-License-Identifier: BSD-3-Clause
/* While the library reads events. */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "regcache_world.h"

static void *unmap_elsewhere(void *p)
{
	munmap(p, LEN);

	return NULL;
}

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

Test(regcache_race, munmap_has_returned_and_its_event_is_not_handled_yet)
{
	race(2);
}

Test(regcache_race, munmap_has_not_returned_and_other_memory_is_there_already)
{
	race(1);
}
