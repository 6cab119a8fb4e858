/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FOLLOW_PRIV_H
#define FOLLOW_PRIV_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include <uvdk_base_driver.h>
#include <uvdk_follow.h>

#define FOLLOW_COMPONENT "follow"
#define FOLLOW_EVENTS	 1024u /* of a ring; a power of two */

/**
 * struct follow_count - reads of events, counted over the life of the process
 * @begun: counted up before each read that may take an event; what
 *	uvdk_follow_counter() shows
 * @ended: the last whose events are in the ring
 * @told: the last whose events all followers were told of
 */
struct follow_count {
	uint64_t begun, ended, told;
};

extern struct follow_count follow_count;

/**
 * struct follow_event - one change
 * @first: first byte
 * @last: last byte
 * @why: what has happened
 */
struct follow_event {
	uintptr_t first, last;
	enum uvdk_follow_why why;
};

/**
 * struct follow_ring - events between reader and worker
 * @head: events taken, ever; written by the worker
 * @tail: events put in, ever; written by the reader
 * @lost: some found no room
 * @event: event n is in slot n modulo FOLLOW_EVENTS
 */
struct follow_ring {
	_Atomic uint32_t head, tail;
	atomic_bool lost;
	struct follow_event event[FOLLOW_EVENTS];
};

/**
 * struct follow_reader - the thread that takes events from the kernel
 * @uffd: the userfaultfd, owned; the thread closes it as it ends
 * @wake: eventfd that ends its waiting, owned
 * @files: @uffd follows mappings of files
 * @ring: memory of its own
 * @home: a page that is followed always, behind the ring
 * @asked: flushes asked for, ever
 * @seen: of those, how many began before what is in @ring ends
 * @stop: the thread is to end
 * @work: posted when @ring or @seen have changed, or @stop
 * @ready: posted once, when the thread reads
 * @thread: thread
 */
struct follow_reader {
	int uffd, wake;
	bool files;
	struct follow_ring *ring;
	void *home;
	atomic_ulong asked, seen;
	atomic_bool stop;
	sem_t work, ready;
	pthread_t thread;
};

/**
 * follow_uffd_open() - open a userfaultfd with the events
 * @files: set if it takes mappings of files
 *
 * Return: the descriptor, -EPERM, -ENOSYS or -EOPNOTSUPP with a sentence.
 */
int follow_uffd_open(bool *files);

/**
 * follow_uffd_register() - follow a range
 * @uffd: descriptor
 * @files: as it was opened
 * @addr: first byte
 * @len: bytes
 *
 * Return: 0, or as uvdk_follow_add().
 */
int follow_uffd_register(int uffd, bool files, uintptr_t addr, size_t len);

/**
 * follow_uffd_settle() - wait until no call that frees waits for the reader
 * @uffd: descriptor
 * @home: a page that is registered
 *
 * What has been freed before, also by calls that have not returned, is read then.
 */
void follow_uffd_settle(int uffd, const void *home);

/**
 * follow_ring_put() - note an event, or that one is lost; for the reader
 * @ring: ring
 * @event: event
 */
void follow_ring_put(struct follow_ring *ring, const struct follow_event *event);

/**
 * follow_ring_take() - oldest event; for the worker
 * @ring: ring
 * @end: value of @tail at which to stop
 * @event: set
 *
 * Return: true, or false: there is none before @end.
 */
bool follow_ring_take(struct follow_ring *ring, uint32_t end, struct follow_event *event);

/**
 * follow_reader_start() - open, and start the thread
 * @reader: set
 *
 * Return: 0, or as uvdk_follow_start().
 */
int follow_reader_start(struct follow_reader *reader);

/**
 * follow_reader_wake() - the thread is to look at @asked and @stop
 * @reader: reader
 */
void follow_reader_wake(struct follow_reader *reader);

/**
 * follow_reader_stop() - let go of all ranges, end the thread, and free everything
 * @reader: reader; nobody else uses it any more
 */
void follow_reader_stop(struct follow_reader *reader);

/**
 * follow_reader_forked() - in a child of fork(), which has no such thread
 * @reader: the parent's
 */
void follow_reader_forked(struct follow_reader *reader);

/**
 * follow_thread() - start a thread with all signals blocked
 * @thread: set
 * @run: its function
 * @arg: of it
 *
 * Return: 0, or -EAGAIN with a sentence.
 */
int follow_thread(pthread_t *thread, void *(*run)(void *), void *arg);

#endif /* FOLLOW_PRIV_H */
