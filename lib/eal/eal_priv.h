/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EAL_PRIV_H
#define UVDK_EAL_PRIV_H

#include <uvdk_base_driver.h>
#include <uvdk_eal.h>

#define COMPONENT "eal"

/*
 * One memory segment list: a range of virtual addresses, some pages of which
 * are there. Changed only while EAL's memory hotplug lock is held (by a walk,
 * or around an event callback), or when no callback can come any more.
 */
struct window {
	struct window *next;
	char *va;
	size_t len;
	size_t page;
	uvdk_iova_t iova; /* of @va */
	bool scattered;	  /* the iommu decides where each page goes: no window */
	bool keeps;	  /* pages never leave: map whole runs at once */
	bool external;
};

/* Reserve IOVAs for [va, va + len); on error nothing is left. */
int window_create(struct uvdk_ioas *ioas, struct window *w);
/* Unmap what is mapped in it and give the IOVAs back. */
void window_destroy(struct uvdk_ioas *ioas, struct window *w);
/* Map what is not mapped of [va, va + len), which lies inside. */
int window_map(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len);
/* Unmap what is mapped of [va, va + len). */
void window_unmap(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len);

#endif /* UVDK_EAL_PRIV_H */
