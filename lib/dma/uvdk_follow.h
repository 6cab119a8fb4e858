/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_FOLLOW_H
#define UVDK_FOLLOW_H

#include <uvdk_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Following what the process does to its memory
 *
 * Whoever lets a device use memory that the application may free at any time is
 * told when it does: munmap(), mremap(), mmap(MAP_FIXED) over it, brk() and
 * madvise(MADV_DONTNEED, MADV_REMOVE, MADV_FREE) of followed ranges are reported
 * by the kernel through userfaultfd(2) events. There is one userfaultfd for the
 * process, since a mapping takes no second one, and any number of followers.
 *
 * The kernel keeps the thread that frees waiting until the event has been read,
 * not until it has been handled: whoever follows keeps the pages themselves
 * (pinned) until the device has lost access.
 *
 * UVDK_FOLLOW_UNMAP and UVDK_FOLLOW_REMAP come when the range is unmapped
 * already. UVDK_FOLLOW_REMOVE comes *before* the kernel takes the pages away:
 * what is pinned between @gone and the return of madvise() may be the old page,
 * and no second event tells. So pages of such a range are pinned anew only when
 * the application asks for it.
 *
 * There is no event for mprotect(), for shmdt(), remap_file_pages() and
 * madvise(MADV_GUARD_INSTALL), nor for the truncation of a file that is mapped or
 * a hole punched into it. Where userfaultfd is not permitted, or a mapping does
 * not take it, uvdk_follow_start() or uvdk_follow_add() says so, and the owner
 * needs a call by the application.
 *
 * A child of fork() has followers no more, its memory is not followed, and what it
 * does to it is not told here; it may start anew. (One made by clone() or _Fork(),
 * which run no pthread_atfork() handlers, has to exec or end before the last
 * uvdk_follow_stop(): it holds the userfaultfd until then.)
 */

/**
 * enum uvdk_follow_why - what has happened to a range
 * @UVDK_FOLLOW_UNMAP: munmap(), or another mapping put over it
 * @UVDK_FOLLOW_REMAP: mremap() has moved it away
 * @UVDK_FOLLOW_REMOVE: its pages were given up (MADV_DONTNEED and the like); the
 *	mapping is still there
 * @UVDK_FOLLOW_LOST: events may have been lost: nothing is known of the range
 */
enum uvdk_follow_why {
	UVDK_FOLLOW_UNMAP,
	UVDK_FOLLOW_REMAP,
	UVDK_FOLLOW_REMOVE,
	UVDK_FOLLOW_LOST,
};

/**
 * struct uvdk_follower - somebody who is told
 * @gone: the pages of a range are the process's no more; called from a thread of
 *	the library's, one call at a time, with nothing locked. @last is inclusive.
 *	Ranges that the follower has not added may be among it. May take locks that
 *	are held while memory is freed or mapped, but must not wait for
 *	uvdk_follow_flush().
 * @next: private
 */
struct uvdk_follower {
	void (*gone)(struct uvdk_follower *follower, uintptr_t first, uintptr_t last,
		     enum uvdk_follow_why why);
	struct uvdk_follower *next;
};

/**
 * uvdk_follow_start() - be told of ranges from now on
 * @follower: with @gone set; the library's until uvdk_follow_stop()
 *
 * The first starts two threads, which have no signal unblocked, and run where and
 * as urgently as the thread that calls this. Whoever frees waits for one of them:
 * a thread that is bound to a processor and never sleeps should not call it.
 *
 * Return: 0; -EPERM or -ENOSYS (no userfaultfd here: says what to allow);
 * -EOPNOTSUPP (the kernel's has no such events); -ENOMEM; -EAGAIN (no thread).
 */
int uvdk_follow_start(struct uvdk_follower *follower);

/**
 * uvdk_follow_stop() - end it
 * @follower: follower; @gone does not run any more when it returns. Not to be
 *	called from @gone, nor with a lock held that @gone takes. One that has not
 *	been started, or not in this process, is left alone.
 *
 * With the last one all ranges are let go, and the threads end.
 */
void uvdk_follow_stop(struct uvdk_follower *follower);

/**
 * uvdk_follow_add() - follow a range, for all followers
 * @addr: first byte, a multiple of the page size
 * @len: bytes, likewise
 *
 * As long as the mapping lives, also where mremap() puts it; what is followed
 * already is no error.
 *
 * What was at these addresses before may be told of still, even if the thread that
 * unmapped it has not returned, but a uvdk_follow_flush() after this call lets all
 * of that pass: who adds, flushes and then pins is told of nothing older. May be
 * called from @gone, and with locks held that @gone takes.
 *
 * Return: 0; -EOPNOTSUPP (a mapping that the kernel does not follow: of a file, or part
 * of a hugepage, before Linux 6.7; a shared one of a file open for reading only; none is
 * followed then); -EBUSY (another userfaultfd of the process has it); -ENOMEM (part of it
 * is not mapped); -EINVAL (from Linux 6.7 on also part of a hugepage; without
 * uvdk_follow_start()).
 */
int uvdk_follow_add(uintptr_t addr, size_t len);

/**
 * uvdk_follow_flush() - every change that has returned has been told
 *
 * When it returns, @gone has returned for all that happened before it was
 * called; if events were lost, it has been told that. Returns at once where nobody
 * follows. Not from @gone, nor with a lock held that @gone takes.
 */
void uvdk_follow_flush(void);

/**
 * uvdk_follow_settle() - the same, and for calls that have not returned
 *
 * When memory is unmapped, its addresses are free for another mapping before the
 * event is there to be read: another thread may get them while the one that unmaps
 * is still in the kernel. When this returns, @gone has returned for each unmapping
 * that had given addresses free when it was called. A system call and no more while
 * nobody frees. Not from @gone, nor with a lock held that @gone takes.
 */
void uvdk_follow_settle(void);

/**
 * uvdk_follow_counter() - a number that changes when followed memory is given up
 *
 * When a call that gave up followed memory has returned, the number is larger than it
 * was before that call, for all who know that it has returned: it is counted up
 * before the event is read. It may be counted up without cause, is never 0, and is
 * another one in a child of fork(). Read it with one atomic load.
 *
 * Return: where it is, for the life of the process.
 */
const uint64_t *uvdk_follow_counter(void);

/**
 * uvdk_follow_told() - has @gone been told of all that is counted in a number?
 * @count: a number that uvdk_follow_counter() has shown
 *
 * What is remembered under such a number, when this is true, is right for as long
 * as the number is the same.
 *
 * Return: true if @gone has returned for all of it.
 */
bool uvdk_follow_told(uint64_t count);

/**
 * uvdk_follow_forks() - are children of fork() cared for?
 *
 * The kernel takes a child's copies out of the registration itself, so no event is
 * needed, and the parent's memory is followed as before.
 *
 * Return: true while somebody follows.
 */
bool uvdk_follow_forks(void);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_FOLLOW_H */
