/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MAPQ_WINDOW_H
#define MAPQ_WINDOW_H

#include <criterion/criterion.h>

#include <uvdk_iommu_driver.h>
#include <uvdk_mapq.h>
#include <uvdk_mapq_driver.h>

#include "../iommu/fake.h"

/*
 * An I/O MMU with a ring, as strict as virtio-iommu: a map over a map and an unmap that cuts one
 * are refused. It carries out what is in the ring when it likes: in which order, and how much, is
 * the test's choice.
 */
#define WINDOW_PAGE  UINT64_C(4096)
#define WINDOW_IOVA  window_iova_base
#define WINDOW_PAGES 4096u
#define WINDOW_ROOM  4096u
#define WINDOW_ALL   UINT32_MAX
#define WINDOW_NEVER UINT64_MAX

/* A page as the I/O MMU has it: 0: nothing. */
struct window_page {
	uint64_t phys;
	uint32_t flags;
	bool first, last;
};

struct window_done {
	bool map;
	uint64_t first, last;
	int status;
};

struct mapq_world {
	struct uvdk_device *dev;
	uint64_t window; /* where it is, and its pages */
	struct uvdk_mapq *q;
	char *memory; /* WINDOW_PAGES of them */
	struct uvdk_mapq_mem *mem;

	/* the I/O MMU */
	struct window_page page[WINDOW_PAGES];
	unsigned int refs[2 * WINDOW_PAGES]; /* how often a page of memory is mapped */
	struct uvdk_mapq_request *ring[WINDOW_ROOM];
	unsigned int count;  /* in the ring */
	unsigned int room;   /* of the ring */
	unsigned int kicked; /* how many of them it knows of */
	uint32_t allow;	     /* that many are carried out from now on */
	bool (*may)(void);   /* or NULL: may one more be carried out? */
	void (*on_done)(const struct uvdk_mapq_request *r, int status); /* or NULL */
	bool backwards;							/* the latest first */
	uint64_t shuffle; /* or in any order, and only some; 0: no */
	uint64_t refuse;  /* a request with this first byte is none */
	bool dead, reset;
	unsigned int pins, opened, submits, stops, violations;
	bool scattered; /* no two pages are neighbours in physical memory */
	unsigned int done_count;
	struct window_done done[65536];
};

extern struct mapq_world *world;
extern uint64_t window_iova_base; /* 1 GiB */

/* A queue with a window of WINDOW_PAGES, and as much memory pinned. */
void window_open(struct mapq_world *w, unsigned int depth);
void window_close(struct mapq_world *w);
void window_open_space(struct mapq_world *w);
void window_close_space(struct mapq_world *w);

/* Must succeed: page of the window to page of memory. */
uint64_t window_map(struct mapq_world *w, uint64_t page, uint64_t at, uint64_t pages,
		    unsigned int flags);
uint64_t window_unmap(struct mapq_world *w, uint64_t page, uint64_t pages);
void window_kick(struct mapq_world *w);
int window_wait(struct mapq_world *w, uint64_t cookie);

static inline uint64_t window_iova(uint64_t page)
{
	return WINDOW_IOVA + page * WINDOW_PAGE;
}

/* Does the device reach this page of memory there? -1: any */
bool window_reaches(struct mapq_world *w, uint64_t page, int64_t at);

#endif /* MAPQ_WINDOW_H */
