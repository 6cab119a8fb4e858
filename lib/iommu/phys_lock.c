// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "phys_lock.h"
#include "phys_uring.h"

/*
 * mlock() does not count, but the same addresses may be locked by several address spaces, or
 * twice in one. So what is locked is kept as pieces that do not overlap, each with the number
 * of its users; where locks begin and end there is always an edge between pieces.
 *
 * Locked memory is pinned, too, where that can be done: mlock() keeps it from being paged out,
 * and not from being moved. A piece is addresses, and other memory may be there by the time that
 * somebody locks them again. So each lock has a pin of its own, of the pages that are there now,
 * and locks the piece anew.
 */

struct piece {
	uintptr_t first, last; /* inclusive */
	unsigned int users;
};

static struct {
	pthread_mutex_t lock; /* guards pieces and pins, and is held while they are made */
	void *pieces;	      /* tree of struct piece */
} locked = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Pieces that overlap compare as equal: a search finds any that does. */
static int compare(const void *a, const void *b)
{
	const struct piece *x = a;
	const struct piece *y = b;

	return x->last < y->first ? -1 : x->first > y->last;
}

/* The first piece with a byte in a range, or NULL. */
static struct piece *first_in(uintptr_t first, uintptr_t last)
{
	struct piece key = {.first = first, .last = last};
	struct piece *best = NULL;
	struct piece **node;

	while ((node = tfind(&key, &locked.pieces, compare))) {
		best = *node;
		if (best->first <= first)
			break;
		key.last = best->first - 1;
	}

	return best;
}

static int insert(uintptr_t first, uintptr_t last, unsigned int users)
{
	struct piece *piece = malloc(sizeof(*piece));

	if (!piece)
		return -ENOMEM;
	*piece = (struct piece){.first = first, .last = last, .users = users};
	if (!tsearch(piece, &locked.pieces, compare)) {
		free(piece);
		return -ENOMEM;
	}

	return 0;
}

/* Make an edge in front of an address. */
static int split(uintptr_t at)
{
	struct piece *piece = first_in(at, at);
	uintptr_t last;
	int err;

	if (!piece || piece->first == at)
		return 0;
	last = piece->last;
	piece->last = at - 1;
	err = insert(at, last, piece->users);
	if (err)
		piece->last = last;

	return err;
}

static void release(uintptr_t first, uintptr_t last)
{
	struct piece *piece;

	while (first <= last && (piece = first_in(first, last))) {
		uintptr_t end = piece->last;

		if (!--piece->users) {
			syscall(SYS_munlock, piece->first, piece->last - piece->first + 1);
			tdelete(piece, &locked.pieces, compare);
			free(piece);
		}
		if (end == UINTPTR_MAX)
			break;
		first = end + 1;
	}
}

static int lock_pages(uintptr_t first, uintptr_t last)
{
	/* Not mlock(), which does nothing under a sanitizer. */
	if (!syscall(SYS_mlock, first, last - first + 1))
		return 0;

	return errno == EAGAIN || errno == EPERM ? -ENOMEM : -errno;
}

/* What nobody has locked yet. */
static int lock_gap(uintptr_t first, uintptr_t last)
{
	int err = lock_pages(first, last);

	if (!err)
		err = insert(first, last, 1);
	if (err)
		syscall(SYS_munlock, first, last - first + 1);

	return err;
}

static int acquire(uintptr_t first, uintptr_t last)
{
	uintptr_t at = first;

	while (at <= last && at >= first) {
		struct piece *piece = first_in(at, last);
		uintptr_t end;
		int err;

		if (piece && piece->first == at) {
			end = piece->last;
			err = lock_pages(at, end);
			piece->users += !err;
		} else {
			end = piece ? piece->first - 1 : last;
			err = lock_gap(at, end);
		}
		if (err) {
			if (at > first)
				release(first, at - 1);
			return err;
		}
		at = end + 1;
	}

	return 0;
}

int phys_lock_get(const void *va, size_t len, int *pin)
{
	uintptr_t first = (uintptr_t)va;
	int err;

	pthread_mutex_lock(&locked.lock);
	err = split(first);
	if (!err)
		err = split(first + len);
	if (!err)
		err = acquire(first, first + len - 1);
	if (!err)
		*pin = phys_uring_pin(va, len);
	pthread_mutex_unlock(&locked.lock);

	return err;
}

void phys_lock_put(const void *va, size_t len, int pin)
{
	pthread_mutex_lock(&locked.lock);
	phys_uring_put(pin);
	release((uintptr_t)va, (uintptr_t)va + len - 1);
	pthread_mutex_unlock(&locked.lock);
}
