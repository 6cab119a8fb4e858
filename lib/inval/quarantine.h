/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef INVAL_QUARANTINE_H
#define INVAL_QUARANTINE_H

#include <uvdk_inval.h>

#define INVAL_FAILURES 64

/*
 * What must not be reused before a cookie is complete, and the cookies that failed: the same for
 * queues of invalidations and of maps.
 */
struct inval_list {
	struct uvdk_inval_node *first, *last;
};

struct inval_quarantine {
	struct inval_list waiting; /* by cookie */
	struct inval_list held;	   /* waited for something that failed */
	uint64_t inside, released, errors;
	unsigned int failures;
	struct uvdk_inval_error failure[INVAL_FAILURES];
};

void inval_quarantine_put(struct inval_quarantine *qr, struct uvdk_inval_node *node,
			  uint64_t cookie);

/* What waits for cookies up to *@done, which may grow from within. */
void inval_quarantine_release(struct inval_quarantine *qr, const uint64_t *done);

/* Failures are forgotten, and what waited for them is released; in two steps. */
void inval_quarantine_settle(struct inval_quarantine *qr);
void inval_quarantine_release_held(struct inval_quarantine *qr);

/* The latest, by cookie. */
void inval_quarantine_fail(struct inval_quarantine *qr, const struct uvdk_inval_error *error);
const struct uvdk_inval_error *inval_quarantine_failure(const struct inval_quarantine *qr,
							uint64_t cookie);

/* All cookies up to this have completed without an error. */
static inline uint64_t inval_quarantine_safe(const struct inval_quarantine *qr, uint64_t done)
{
	return qr->failures ? qr->failure[0].first - 1 : done;
}

#endif /* INVAL_QUARANTINE_H */
