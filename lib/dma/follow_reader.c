// SPDX-License-Identifier: BSD-3-Clause
/*
 * The thread that reads events. Whoever frees memory waits in the kernel until
 * this thread has read the event, so it must get by without anything that those
 * may hold or that may free memory itself: no lock, no allocation, no message.
 * Its own stack and ring may be followed, too, as all that is mapped may be: it
 * frees and discards nothing from the moment at which others can add ranges (a
 * sanitizer does while a thread begins), and closes the userfaultfd before it ends.
 */
#include "follow_priv.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCH 16

/* Never reset: who remembers a number is to see that it is another one. */
struct follow_count follow_count = {.begun = 1, .ended = 1, .told = 1};

void follow_ring_put(struct follow_ring *ring, const struct follow_event *event)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (tail - atomic_load_explicit(&ring->head, memory_order_acquire) == FOLLOW_EVENTS) {
		atomic_store(&ring->lost, true);
		return;
	}
	ring->event[tail % FOLLOW_EVENTS] = *event;
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

bool follow_ring_take(struct follow_ring *ring, uint32_t end, struct follow_event *event)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head == end)
		return false;
	*event = ring->event[head % FOLLOW_EVENTS];
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);

	return true;
}

static void note(struct follow_ring *ring, const struct uffd_msg *msg)
{
	struct follow_event event;

	switch (msg->event) {
	case UFFD_EVENT_UNMAP:
	case UFFD_EVENT_REMOVE:
		event.first = (uintptr_t)msg->arg.remove.start;
		event.last = (uintptr_t)msg->arg.remove.end - 1;
		event.why = msg->event == UFFD_EVENT_UNMAP ? UVDK_FOLLOW_UNMAP : UVDK_FOLLOW_REMOVE;
		break;
	case UFFD_EVENT_REMAP:
		/* A second mapping of shared memory: nothing is gone. */
		if (!msg->arg.remap.len)
			return;
		event.first = (uintptr_t)msg->arg.remap.from;
		event.last = event.first + (uintptr_t)msg->arg.remap.len - 1;
		event.why = UVDK_FOLLOW_REMAP;
		break;
	default:
		return;
	}
	follow_ring_put(ring, &event);
}

/* Returns whether the descriptor is of use still. */
static bool take_batch(struct follow_reader *r)
{
	struct uffd_msg msg[BATCH];
	ssize_t n = read(r->uffd, msg, sizeof(msg));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		/* Somebody has closed a descriptor of ours: nothing is followed any more. */
		atomic_store(&r->ring->lost, true);
		return false;
	}
	for (size_t i = 0; i < (size_t)n / sizeof(msg[0]); i++)
		note(r->ring, &msg[i]);

	return true;
}

/*
 * What uvdk_follow_counter() relies on: whoever frees goes on only when this read()
 * has taken the event, and so sees what was counted before. The kernel takes and
 * gives back the lock of the queue of events in between, on both sides.
 */
static bool take(struct follow_reader *r)
{
	uint64_t count = __atomic_add_fetch(&follow_count.begun, 1, __ATOMIC_SEQ_CST);
	bool useful = take_batch(r);

	__atomic_store_n(&follow_count.ended, count, __ATOMIC_RELEASE);

	return useful;
}

/*
 * What flush relies on: read() releases the thread that has freed before it
 * returns to us with the event. When @asked is loaded here, no such read() is
 * under way, so whoever asked after its call had returned has its event in the
 * ring by now.
 */
static void *serve(void *arg)
{
	struct follow_reader *r = arg;
	struct pollfd fds[] = {{.fd = r->wake, .events = POLLIN},
			       {.fd = r->uffd, .events = POLLIN}};
	struct uffdio_range home = {(uintptr_t)r->home, (size_t)sysconf(_SC_PAGESIZE)};
	eventfd_t count;

	pthread_setname_np(pthread_self(), "uvdk-follow-rd");
	sem_post(&r->ready);
	while (!atomic_load(&r->stop)) {
		atomic_store(&r->seen, atomic_load(&r->asked));
		sem_post(&r->work);
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents)
			eventfd_read(r->wake, &count);
		if (fds[1].revents && !take(r))
			fds[1].fd = -1;
	}

	/*
	 * The last act: what frees this thread's stack, here or where it is joined, may
	 * free what is followed. All ranges go, and whoever waits for us goes on; but
	 * if a child has the descriptor, too, only the page that we free ourselves.
	 */
	ioctl(r->uffd, UFFDIO_UNREGISTER, &home);
	close(r->uffd);

	return NULL;
}

int follow_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return uvdk_fail(-EAGAIN, FOLLOW_COMPONENT,
				 "memory cannot be followed: no thread: %s; see ulimit -u",
				 strerror(err));

	return 0;
}

static size_t memory_len(size_t page)
{
	return (sizeof(struct follow_ring) + page - 1) / page * page + page;
}

/* Children of fork() shall not have it; pages are there, so that the reader does not fault. */
static int memory_get(struct follow_reader *r)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = memory_len(page);
	void *va = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (va == MAP_FAILED)
		return uvdk_fail(-ENOMEM, FOLLOW_COMPONENT, "no memory for %u events",
				 FOLLOW_EVENTS);
	madvise(va, len, MADV_DONTFORK);
	r->ring = va;
	r->home = (uint8_t *)va + len - page;

	return 0;
}

static void memory_put(struct follow_reader *r)
{
	munmap(r->ring, memory_len((size_t)sysconf(_SC_PAGESIZE)));
}

static int open_all(struct follow_reader *r)
{
	int err;

	r->uffd = follow_uffd_open(&r->files);
	if (r->uffd < 0)
		return r->uffd;
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->wake < 0) {
		err = uvdk_fail(-errno, FOLLOW_COMPONENT, "no eventfd: %s", strerror(errno));
		goto close_uffd;
	}
	err = memory_get(r);
	if (err)
		goto close_wake;

	return 0;

close_wake:
	close(r->wake);
close_uffd:
	close(r->uffd);

	return err;
}

/* The userfaultfd is closed by now, so that no page of the memory is followed. */
static void reader_free(struct follow_reader *r)
{
	close(r->wake);
	memory_put(r);
	sem_destroy(&r->work);
	sem_destroy(&r->ready);
}

int follow_reader_start(struct follow_reader *r)
{
	int err = open_all(r);

	if (err)
		return err;
	/* What was read for others, and not told, concerns nobody. */
	__atomic_store_n(&follow_count.ended, follow_count.begun, __ATOMIC_RELEASE);
	__atomic_store_n(&follow_count.told, follow_count.begun, __ATOMIC_RELEASE);
	atomic_init(&r->asked, 0);
	atomic_init(&r->seen, 0);
	atomic_init(&r->stop, false);
	sem_init(&r->work, 0, 0);
	sem_init(&r->ready, 0, 0);
	err = follow_uffd_register(r->uffd, r->files, (uintptr_t)r->home,
				   (size_t)sysconf(_SC_PAGESIZE));
	if (!err)
		err = follow_thread(&r->thread, serve, r);
	if (err) {
		close(r->uffd);
		reader_free(r);
		return err;
	}
	while (sem_wait(&r->ready)) /* a signal */
		;

	return 0;
}

void follow_reader_wake(struct follow_reader *r)
{
	eventfd_write(r->wake, 1);
}

void follow_reader_stop(struct follow_reader *r)
{
	atomic_store(&r->stop, true);
	follow_reader_wake(r);
	pthread_join(r->thread, NULL);
	reader_free(r);
}

void follow_reader_forked(struct follow_reader *r)
{
	close(r->uffd);
	close(r->wake);
}
