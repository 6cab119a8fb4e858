// SPDX-License-Identifier: BSD-3-Clause
/*
 * Followers, and the thread that tells them. It runs others' code, which may wait
 * for anybody; what must not wait is in follow_reader.c.
 *
 * Two locks, in this order: @life lets the threads come and go, and is never held
 * while @gone runs or is waited for, so that whoever holds a lock that some @gone
 * takes can start another follower. @lock guards the rest, for moments.
 */
#include "follow_priv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct follow {
	pthread_mutex_t life, lock;
	pthread_cond_t changed;	       /* @running, @users or @done */
	bool up;		       /* the threads run; changed under both locks */
	unsigned int users;	       /* calls that use @reader */
	unsigned long done;	       /* flushes that are done */
	struct uvdk_follower *list;    /* newest first */
	struct uvdk_follower *cursor;  /* is told next */
	struct uvdk_follower *running; /* is told now */
	struct follow_reader reader;   /* valid while @up */
	pthread_t worker;
	atomic_bool quit; /* the worker is to end */
} follow = {
	.life = PTHREAD_MUTEX_INITIALIZER,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static void tell(const struct follow_event *event)
{
	struct uvdk_follower *f;

	pthread_mutex_lock(&follow.lock);
	follow.cursor = follow.list;
	while ((f = follow.cursor)) {
		follow.cursor = f->next;
		follow.running = f;
		pthread_mutex_unlock(&follow.lock);
		f->gone(f, event->first, event->last, event->why);
		pthread_mutex_lock(&follow.lock);
		follow.running = NULL;
		pthread_cond_broadcast(&follow.changed);
	}
	pthread_mutex_unlock(&follow.lock);
}

/* @seen and @ended are loaded before the ring's end: what they count is in the ring, or lost. */
static void tell_all(struct follow_reader *r)
{
	static const struct follow_event lost = {0, UINTPTR_MAX, UVDK_FOLLOW_LOST};
	unsigned long seen = atomic_load(&r->seen);
	uint64_t ended = __atomic_load_n(&follow_count.ended, __ATOMIC_ACQUIRE);
	uint32_t end = atomic_load(&r->ring->tail);
	struct follow_event event;

	while (follow_ring_take(r->ring, end, &event))
		tell(&event);
	if (atomic_exchange(&r->ring->lost, false))
		tell(&lost);
	__atomic_store_n(&follow_count.told, ended, __ATOMIC_RELEASE);
	pthread_mutex_lock(&follow.lock);
	follow.done = seen;
	pthread_cond_broadcast(&follow.changed);
	pthread_mutex_unlock(&follow.lock);
}

static void *work(void *arg)
{
	struct follow_reader *r = arg;

	pthread_setname_np(pthread_self(), "uvdk-follow");
	while (!atomic_load(&follow.quit)) {
		if (!sem_wait(&r->work))
			tell_all(r);
	}

	return NULL;
}

/* A child of fork() is to find everything in order. */
static void fork_prepare(void)
{
	pthread_mutex_lock(&follow.life);
	pthread_mutex_lock(&follow.lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&follow.lock);
	pthread_mutex_unlock(&follow.life);
}

/*
 * The threads are not there, and the child's memory is not followed. As long as
 * it had the descriptor, the parent's would stay so beyond the parent's stop.
 */
static void fork_child(void)
{
	if (follow.up)
		follow_reader_forked(&follow.reader);
	memset(&follow, 0, sizeof(follow));
	__atomic_add_fetch(&follow_count.begun, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_init(&follow.life, NULL);
	pthread_mutex_init(&follow.lock, NULL);
	pthread_cond_init(&follow.changed, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

static int bring_up(void)
{
	int err = follow_reader_start(&follow.reader);

	if (err)
		return err;
	follow.done = 0;
	err = follow_thread(&follow.worker, work, &follow.reader);
	if (err)
		follow_reader_stop(&follow.reader);

	return err;
}

/* Nobody is told by now, so the worker waits for nobody. */
static void take_down(void)
{
	/* At its end the worker may unmap what is followed: that has to be read until then. */
	atomic_store(&follow.quit, true);
	sem_post(&follow.reader.work);
	pthread_join(follow.worker, NULL);
	atomic_store(&follow.quit, false);
	follow_reader_stop(&follow.reader);
}

UVDK_EXPORT int uvdk_follow_start(struct uvdk_follower *follower)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int err = 0;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&follow.life);
	if (!follow.up)
		err = bring_up();
	if (!err) {
		pthread_mutex_lock(&follow.lock);
		follow.up = true;
		follower->next = follow.list;
		follow.list = follower;
		pthread_mutex_unlock(&follow.lock);
	}
	pthread_mutex_unlock(&follow.life);

	return err;
}

static bool unlink_follower(const struct uvdk_follower *follower)
{
	for (struct uvdk_follower **at = &follow.list; *at; at = &(*at)->next) {
		if (*at == follower) {
			*at = follower->next;
			return true;
		}
	}

	return false;
}

/* With @life held: whether the threads are to end; then no call begins to use them. */
static bool last_has_gone(void)
{
	bool last;

	pthread_mutex_lock(&follow.lock);
	/* One that runs is being stopped by another thread, which comes here after it. */
	last = follow.up && !follow.list && !follow.running;
	if (last)
		follow.up = false;
	while (last && follow.users)
		pthread_cond_wait(&follow.changed, &follow.lock);
	pthread_mutex_unlock(&follow.lock);

	return last;
}

UVDK_EXPORT void uvdk_follow_stop(struct uvdk_follower *follower)
{
	pthread_mutex_lock(&follow.lock);
	if (!unlink_follower(follower)) {
		pthread_mutex_unlock(&follow.lock);
		return;
	}
	if (follow.cursor == follower)
		follow.cursor = follower->next;
	while (follow.running == follower)
		pthread_cond_wait(&follow.changed, &follow.lock);
	pthread_mutex_unlock(&follow.lock);

	pthread_mutex_lock(&follow.life);
	if (last_has_gone())
		take_down();
	pthread_mutex_unlock(&follow.life);
}

static bool use(void)
{
	bool up;

	pthread_mutex_lock(&follow.lock);
	up = follow.up;
	follow.users += up;
	pthread_mutex_unlock(&follow.lock);

	return up;
}

static void unuse(void)
{
	pthread_mutex_lock(&follow.lock);
	follow.users--;
	pthread_cond_broadcast(&follow.changed);
	pthread_mutex_unlock(&follow.lock);
}

UVDK_EXPORT int uvdk_follow_add(uintptr_t addr, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int err;

	if (!len || addr % page || len % page || len - 1 > UINTPTR_MAX - addr)
		return uvdk_fail(-EINVAL, FOLLOW_COMPONENT,
				 "%zu bytes at %#zx cannot be followed: give whole pages of %zu",
				 len, (size_t)addr, page);
	if (!use())
		return uvdk_fail(-EINVAL, FOLLOW_COMPONENT,
				 "%zu bytes at %#zx cannot be followed: nobody is told; "
				 "uvdk_follow_start() comes first",
				 len, (size_t)addr);
	err = follow_uffd_register(follow.reader.uffd, follow.reader.files, addr, len);
	if (!err)
		follow_uffd_settle(follow.reader.uffd, follow.reader.home);
	unuse();

	return err;
}

UVDK_EXPORT void uvdk_follow_flush(void)
{
	unsigned long want;

	if (!use())
		return;
	if (pthread_equal(pthread_self(), follow.worker)) {
		uvdk_log(UVDK_LOG_ERR, FOLLOW_COMPONENT,
			 "uvdk_follow_flush() in @gone would wait for itself: left out");
		unuse();
		return;
	}
	want = atomic_fetch_add(&follow.reader.asked, 1) + 1;
	follow_reader_wake(&follow.reader);
	pthread_mutex_lock(&follow.lock);
	while (follow.done < want)
		pthread_cond_wait(&follow.changed, &follow.lock);
	pthread_mutex_unlock(&follow.lock);
	unuse();
}

UVDK_EXPORT const uint64_t *uvdk_follow_counter(void)
{
	return &follow_count.begun;
}

UVDK_EXPORT bool uvdk_follow_told(uint64_t count)
{
	return __atomic_load_n(&follow_count.told, __ATOMIC_ACQUIRE) >= count;
}

/* What is read when the ioctl has succeeded was counted before. */
UVDK_EXPORT void uvdk_follow_settle(void)
{
	if (!use())
		return;
	follow_uffd_settle(follow.reader.uffd, follow.reader.home);
	unuse();
	if (!uvdk_follow_told(__atomic_load_n(&follow_count.begun, __ATOMIC_SEQ_CST)))
		uvdk_follow_flush();
}

UVDK_EXPORT bool uvdk_follow_forks(void)
{
	bool up = use();

	if (up)
		unuse();

	return up;
}
