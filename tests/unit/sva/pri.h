/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_PRI_H
#define SVA_PRI_H

#include <pthread.h>

#include <uvdk_emu_driver.h>

#include "sva_world.h"

/*
 * "pri", a device with ATS, PRI and PASIDs whose accesses the test makes: what has no
 * translation is asked for, and tried again after the answer.
 */
enum pri_result {
	PRI_DONE,
	PRI_REFUSED, /* answered: never */
	PRI_ENDED,   /* may not ask, or is told to stop */
	PRI_LATE,    /* no answer came */
};

#define PRI_GROUPS 512

struct pri {
	struct uvdk_emu_function *fn;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	unsigned int answers[PRI_GROUPS];
	enum uvdk_emu_page_code code[PRI_GROUPS]; /* the last one */
	unsigned int requests;
};

/* The machine with the device in w->dev; destroyed by world_close(). */
struct pri *pri_open(struct world *w);

/* An access with numbers of groups of its own, so that threads don't mix. PASID 0: none. */
enum pri_result pri_read(struct pri *p, uint32_t pasid, unsigned int group, const void *addr,
			 void *buf, size_t len);
enum pri_result pri_write(struct pri *p, uint32_t pasid, unsigned int group, void *addr,
			  const void *buf, size_t len);
enum pri_result pri_copy(struct pri *p, uint32_t pasid, unsigned int group, void *to,
			 const void *from, size_t len);

/* One access, if it is translated; nothing is asked for. */
bool pri_reads(struct pri *p, uint32_t pasid, const void *addr);
bool pri_writes(struct pri *p, uint32_t pasid, void *addr);

/* Ask, and do not wait. */
int pri_ask(struct pri *p, uint32_t pasid, unsigned int group, const void *addr, bool write,
	    bool last);
/* Whether a group has so many answers in the end. */
bool pri_wait(struct pri *p, unsigned int group, unsigned int answers);
unsigned int pri_requests(struct pri *p);

#endif /* SVA_PRI_H */
