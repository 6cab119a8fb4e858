/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMABUF_PRIV_H
#define DMABUF_PRIV_H

#include <uvdk_base_driver.h>
#include <uvdk_dmabuf.h>
#include <uvdk_export_driver.h>
#include <uvdk_ioas_file_driver.h>

#define DMABUF "dma"

/* One map. Guarded by the lock of lib/device's exports. */
struct dmabuf {
	struct uvdk_export_watch watch;
	struct uvdk_dmabuf_info info;
	struct uvdk_ioas_file file; /* fd: ours, or -1 where it is not needed again */
	void *own;		    /* a mapping of ours, which holds info.va */
	size_t own_len;		    /* of whole huge pages */
	char name[40];		    /* whose BAR, for messages */
	void (*told)(const struct uvdk_dmabuf_info *info, void *arg);
	void *arg;
	struct dmabuf *next;
};

/* dmabuf_file.c: what @fd is, and how the iommu of map->info.ioas gets at it */
int dmabuf_open(struct dmabuf *map, int fd, const struct uvdk_export *export);
void dmabuf_close(struct dmabuf *map);

/* dmabuf_revoke.c */
void dmabuf_on_event(struct uvdk_export_watch *watch, enum uvdk_export_event event);
void dmabuf_tell(struct dmabuf *map);
int dmabuf_redo(struct dmabuf *map);

#endif /* DMABUF_PRIV_H */
