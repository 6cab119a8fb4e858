/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef INVAL_TESTING_H
#define INVAL_TESTING_H

#include <criterion/criterion.h>
#include <pthread.h>

#include <uvdk_inval_backend_driver.h>

/*
 * Hardware that a queue talks to, as a test sees it: what it was told, and how
 * much of it it does. Each backend brings its own.
 */
#define SEEN_MAX     16384
#define WORLD_PAGE   UINT64_C(4096)
#define WORLD_SIDS   2
#define NEVER	     UINT64_MAX
#define WORLD_ANYHOW UINT32_MAX /* any number of entries */

struct seen {
	enum uvdk_inval_target target;
	enum uvdk_inval_scope scope;
	uint64_t first, last;
	uint32_t asid, pasid, sid;
	bool leaf;
};

struct world;

/*
 * @scopes: as in the caps. @devtlb: devices cache translations. @once: a page can be told once, and
 * there are few: it is unmapped by that.
 */
struct backend {
	const char *name; /* of the test's variant */
	const char *caps; /* what the queue says that it is */
	bool devtlb, once;
	unsigned int asid_max;
	int (*open)(struct world *w, const struct uvdk_invalq_opts *opts);
	void (*close)(struct world *w); /* after the queue was destroyed */
	void (*remove)(struct world *w);
	void (*let)(struct world *w); /* @allow has changed; may be NULL */
};

struct world {
	const struct backend *backend;
	struct uvdk_invalq *q;
	uint32_t pasid;
	uint16_t asid;
	void *priv;

	/* What hardware and test share. */
	pthread_mutex_t lock;
	uint32_t allow;	 /* entries that are done from now on */
	uint64_t refuse; /* the entry with this first byte is none */
	bool removed;
	unsigned int calls;
	unsigned int count;
	struct seen seen[SEEN_MAX];
};

extern const struct backend *const backends[];
unsigned int backend_count(void);

extern const struct backend backend_fake, backend_ioctl_vtd, backend_ioctl_smmu, backend_thread,
	backend_hwqueue, backend_emu, backend_mapq;

/* Each with a queue of its own and nothing held back. */
void world_open(struct world *w, const struct backend *backend,
		const struct uvdk_invalq_opts *opts);
void world_close(struct world *w);

/* Hardware does @n more entries and stops then. */
void world_let(struct world *w, uint32_t n);
void world_remove(struct world *w);

/* For backends, under the lock. May the hardware do one more? */
bool world_allowed(struct world *w);
void world_see(struct world *w, const struct seen *seen);

/* Entries for a target that the hardware has done. */
unsigned int world_count(struct world *w, enum uvdk_inval_target target);
const struct seen *world_nth(struct world *w, enum uvdk_inval_target target, unsigned int n);

/* A range of pages, leaf entries alone, devices left alone. */
struct uvdk_inval_req world_pages(const struct world *w, uint64_t page, uint64_t pages);

/* Must succeed. */
uint64_t world_post(struct world *w, uint64_t page, uint64_t pages);
void world_kick(struct world *w);

/* Poll until it is over, with a deadline; what came of it. */
int world_wait(struct world *w, uint64_t cookie);

/* Poll until the hardware has done so many entries for a target. */
void world_wait_seen(struct world *w, enum uvdk_inval_target target, unsigned int n);

#endif /* INVAL_TESTING_H */
