/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PROCMAP_DRIVER_H
#define UVDK_PROCMAP_DRIVER_H

#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: The mapping at an address, in one call
 *
 * Linux 6.11 (uapi linux/fs.h, PROCMAP_QUERY); not in the headers of older systems.
 *
 * Not for applications: may change in any release.
 */

/**
 * enum uvdk_procmap_flags - what is asked for, and what is told
 * @UVDK_PROCMAP_READABLE: told in vma_flags
 * @UVDK_PROCMAP_WRITABLE: told in vma_flags
 * @UVDK_PROCMAP_SHARED: told in vma_flags
 * @UVDK_PROCMAP_COVERING_OR_NEXT: asked in flags: where nothing is mapped, the next mapping
 */
enum uvdk_procmap_flags {
	UVDK_PROCMAP_READABLE = 0x01,
	UVDK_PROCMAP_WRITABLE = 0x02,
	UVDK_PROCMAP_SHARED = 0x08,
	UVDK_PROCMAP_COVERING_OR_NEXT = 0x10,
};

/**
 * struct uvdk_procmap - question and answer; what is not set is 0
 * @size: sizeof(struct uvdk_procmap)
 * @flags: asked: enum uvdk_procmap_flags
 * @addr: asked: address
 * @start: first byte of the mapping
 * @end: behind its last one
 * @vma_flags: enum uvdk_procmap_flags
 * @page_size: bytes of its pages
 * @offset: in the file
 * @inode: of the file, or 0
 * @dev_major: of the file
 * @dev_minor: of the file
 * @name_size: asked: room for the name; told: its bytes with the NUL, 0 without a name
 * @build_id_size: asked: 0
 * @name_addr: asked: where the name goes
 * @build_id_addr: asked: 0
 */
struct uvdk_procmap {
	uint64_t size;
	uint64_t flags;
	uint64_t addr;
	uint64_t start;
	uint64_t end;
	uint64_t vma_flags;
	uint64_t page_size;
	uint64_t offset;
	uint64_t inode;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint32_t name_size;
	uint32_t build_id_size;
	uint64_t name_addr;
	uint64_t build_id_addr;
};

#ifndef __cplusplus
_Static_assert(sizeof(struct uvdk_procmap) == 104, "struct procmap_query");
#endif

/**
 * uvdk_procmap_query() - ask
 * @fd: /proc/PID/maps
 * @q: question, and the answer
 *
 * Return: 0; -ENOENT (nothing is mapped there); -ENOTTY (an older kernel); the kernel's error.
 */
static inline int uvdk_procmap_query(int fd, struct uvdk_procmap *q)
{
	return ioctl(fd, _IOWR('f', 17, struct uvdk_procmap), q) ? -errno : 0;
}

#ifdef __cplusplus
}
#endif

#endif /* UVDK_PROCMAP_DRIVER_H */
