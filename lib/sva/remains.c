// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <unistd.h>

#include "sva_priv.h"

/*
 * A mapping is shared at once, and can't be if part of it has gone since it was looked
 * up: its neighbours, which the kernel has made one with it, have another owner, who
 * frees them when he likes. What has stayed is shared in smaller pieces then.
 */
#define CHUNK ((uintptr_t)2 << 20)

/* 0, or -ENOMEM. */
static int try(struct uvdk_sva *sva, uintptr_t first, uintptr_t last)
{
	int err;

	uvdk_log_hush(true);
	err = sva_share_mapped(sva, first, last);
	uvdk_log_hush(false);

	return err;
}

/* Of a file, what can't be shared is rather what lies behind its end. */
static int share_chunk(struct uvdk_sva *sva, const struct sva_mapping *m, uintptr_t first,
		       uintptr_t last)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	int err = try(sva, first, last);

	if (err != -EFAULT || m->name[0] == '/')
		return err;
	for (uintptr_t at = first; at < last; at += page) {
		err = try(sva, at, at + page - 1);
		if (err == -ENOMEM)
			return err;
	}

	return 0;
}

static int share_mapping(struct uvdk_sva *sva, const struct sva_mapping *m, uintptr_t first,
			 uintptr_t last)
{
	uintptr_t at = first;

	for (;;) {
		uintptr_t end = at | (CHUNK - 1);

		if (end > last)
			end = last;
		if (share_chunk(sva, m, at, end) == -ENOMEM)
			return -ENOMEM;
		if (end == last)
			return 0;
		at = end + 1;
	}
}

int sva_share_remains(struct uvdk_sva *sva, uintptr_t first, uintptr_t last)
{
	struct sva_mapping m;
	struct sva_maps maps;
	int err = sva_maps_open(&maps);

	if (err)
		return err;
	while (!err && sva_maps_next(&maps, first, &m) > 0 && m.first <= last) {
		uintptr_t end = m.last < last ? m.last : last;

		err = share_mapping(sva, &m, m.first > first ? m.first : first, end);
		if (end == last)
			break;
		first = end + 1;
	}
	sva_maps_close(&maps);

	return err;
}
