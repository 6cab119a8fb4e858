// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <uvdk_procmap_driver.h>

#include "sva_priv.h"

/* Names that fit: nothing in the kernel's file systems is longer than a page. */
int sva_maps_query(struct sva_maps *maps, uintptr_t from, struct sva_mapping *out)
{
	struct uvdk_procmap q = {.size = sizeof(q),
				 .flags = UVDK_PROCMAP_COVERING_OR_NEXT,
				 .addr = from,
				 .name_size = sizeof(maps->buf),
				 .name_addr = (uintptr_t)maps->buf};
	int ret;

	maps->buf[0] = '\0';
	ret = uvdk_procmap_query(maps->fd, &q);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	out->first = (uintptr_t)q.start;
	out->last = (uintptr_t)q.end - 1;
	out->page = (size_t)q.page_size;
	out->readable = q.vma_flags & UVDK_PROCMAP_READABLE;
	out->writable = q.vma_flags & UVDK_PROCMAP_WRITABLE;
	out->shared = q.vma_flags & UVDK_PROCMAP_SHARED;
	if (!q.name_size)
		maps->buf[0] = '\0';
	sva_mapping_name(out, maps->buf);

	return 1;
}
