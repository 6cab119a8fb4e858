/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FOLLOW_RECORD_H
#define FOLLOW_RECORD_H

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_follow.h>

#define RECORDS 8192u

/* A follower that notes what it is told. */
struct record {
	struct uvdk_follower follower; /* first */
	pthread_mutex_t lock;
	unsigned int count;
	struct told {
		uintptr_t first, last;
		enum uvdk_follow_why why;
	} told[RECORDS];
};

static inline void record_gone(struct uvdk_follower *follower, uintptr_t first, uintptr_t last,
			       enum uvdk_follow_why why)
{
	struct record *record = (struct record *)follower;

	pthread_mutex_lock(&record->lock);
	record->told[record->count % RECORDS] = (struct told){first, last, why};
	record->count++;
	pthread_mutex_unlock(&record->lock);
}

static inline int record_start(struct record *record)
{
	record->follower.gone = record_gone;
	record->count = 0;
	pthread_mutex_init(&record->lock, NULL);

	return uvdk_follow_start(&record->follower);
}

/* How often exactly this was told. */
static inline unsigned int record_exact(struct record *record, const void *va, size_t len,
					enum uvdk_follow_why why)
{
	unsigned int found = 0;

	pthread_mutex_lock(&record->lock);
	for (unsigned int i = 0; i < record->count && i < RECORDS; i++) {
		const struct told *t = &record->told[i];

		found += t->first == (uintptr_t)va && t->last == (uintptr_t)va + len - 1 &&
			 t->why == why;
	}
	pthread_mutex_unlock(&record->lock);

	return found;
}

/* Whether anything of a range was told, for whatever reason. */
static inline bool record_touches(struct record *record, const void *va, size_t len)
{
	bool found = false;

	pthread_mutex_lock(&record->lock);
	for (unsigned int i = 0; i < record->count && i < RECORDS; i++) {
		const struct told *t = &record->told[i];

		found |= t->first <= (uintptr_t)va + len - 1 && t->last >= (uintptr_t)va;
	}
	pthread_mutex_unlock(&record->lock);

	return found;
}

static inline unsigned int record_count(struct record *record)
{
	unsigned int count;

	pthread_mutex_lock(&record->lock);
	count = record->count;
	pthread_mutex_unlock(&record->lock);

	return count;
}

/* Forget what was told. */
static inline void record_clear(struct record *record)
{
	pthread_mutex_lock(&record->lock);
	record->count = 0;
	pthread_mutex_unlock(&record->lock);
}

static inline void *anon(size_t len)
{
	void *va = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return va == MAP_FAILED ? NULL : va;
}

/* Memory that is followed, or NULL. */
static inline void *followed(size_t len)
{
	void *va = anon(len);

	if (va && uvdk_follow_add((uintptr_t)va, len)) {
		munmap(va, len);
		return NULL;
	}

	return va;
}

#endif /* FOLLOW_RECORD_H */
