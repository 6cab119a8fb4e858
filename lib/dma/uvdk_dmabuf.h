/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMABUF_H
#define UVDK_DMABUF_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: What devices reach by a descriptor
 *
 * A memfd, or the BAR of another device, mapped in an address space without an address in
 * this process: uvdk_device_export_bar() makes a descriptor of a BAR, uvdk_dmabuf_map()
 * takes it, and one device reads and writes the other (peer to peer).
 *
 * The map of a BAR is *revoked* when the device that it belongs to is reset or decodes
 * memory no longer; from then on it is as if nothing were mapped there, and the I/O MMU
 * refuses accesses. The IOVAs stay taken. What this process does to devices of its own the
 * library knows: what uvdk_device_reset() and uvdk_device_hot_reset() revoke is mapped
 * again before they return; what memory enable off revokes, when it is on again
 * (uvdk_device_set_command(), uvdk_device_config_write()). When the device is closed the
 * map has *ended* for good. Each change is logged, and told to who has asked for it with
 * uvdk_dmabuf_watch(). A reset that the application starts in another way (a bit in
 * configuration space), or another process's device: see uvdk_dmabuf_redo().
 *
 * Between revocation and return devices that go on accessing it fault: stop them first if
 * that matters.
 *
 * Every call is thread-safe. uvdk_ioas_destroy() ends what is left in its address space.
 */

/**
 * enum uvdk_dmabuf_kind - what a map is of
 * @UVDK_DMABUF_MEMORY: a file in memory: memfd, tmpfs, hugetlbfs
 * @UVDK_DMABUF_BAR: a BAR that this process exported
 * @UVDK_DMABUF_FOREIGN: a dma-buf of somebody else. Under iommufd those of vfio-pci, that is
 *	BARs of other processes, from Linux 6.19 on; seen refused on Linux 7.2: udmabuf's. Under
 *	the others one that its exporter lets be mapped in this process, and whose pages
 *	can be pinned then: udmabuf's can't (-EFAULT)
 */
enum uvdk_dmabuf_kind {
	UVDK_DMABUF_MEMORY,
	UVDK_DMABUF_BAR,
	UVDK_DMABUF_FOREIGN,
};

/**
 * enum uvdk_dmabuf_state - can it be reached?
 * @UVDK_DMABUF_LIVE: yes
 * @UVDK_DMABUF_REVOKED: not now
 * @UVDK_DMABUF_ENDED: never again: the device was closed
 */
enum uvdk_dmabuf_state {
	UVDK_DMABUF_LIVE,
	UVDK_DMABUF_REVOKED,
	UVDK_DMABUF_ENDED,
};

/**
 * struct uvdk_dmabuf_info - one map
 * @ioas: address space
 * @iova: start
 * @len: bytes
 * @offset: first byte in the file
 * @flags: UVDK_MAP_READ, UVDK_MAP_WRITE
 * @kind: what it is of
 * @state: as far as the library knows: of a foreign dma-buf nobody tells it
 * @revocations: how often it was revoked
 * @exporter: whose BAR, or NULL; not to be used once it is closed
 * @bar: number of the BAR
 * @bar_offset: where in the BAR it begins
 * @va: where the library has mapped it in this process because the iommu maps by address,
 *	or NULL
 */
struct uvdk_dmabuf_info {
	struct uvdk_ioas *ioas;
	uvdk_iova_t iova;
	size_t len;
	uint64_t offset;
	unsigned int flags;
	enum uvdk_dmabuf_kind kind;
	enum uvdk_dmabuf_state state;
	uint64_t revocations;
	struct uvdk_device *exporter;
	unsigned int bar;
	uint64_t bar_offset;
	void *va;
};

/**
 * uvdk_dmabuf_map() - make a file or BAR reachable for the attached devices
 * @ioas: address space
 * @fd: memfd, other file in memory, or dma-buf; the caller may close it afterwards
 * @offset: first byte, a multiple of the page size
 * @len: bytes, a multiple of the page size, not 0
 * @flags: enum uvdk_map_flags; READ or WRITE or both
 * @iova: out: where the device finds it; in, with UVDK_MAP_FIXED
 *
 * iommufd maps files as they are. Under the others memory is mapped into this process
 * first, which takes addresses and nothing else (of hugetlbfs whole huge pages, of which the
 * device reaches what was asked for), and so is a BAR of our own where the
 * kernel lets it be mapped (type1); a dma-buf that can't be mapped so is refused. Memory
 * must keep its size: seal a memfd against shrinking.
 *
 * uvdk_ioas_find() finds it, uvdk_ioas_unmap() does not unmap it, uvdk_translate() knows
 * nothing of it.
 *
 * Return: 0; -EINVAL (no @iova, not in the file, no such descriptor, neither memory nor a
 * dma-buf, no access); -EDOM (not whole pages); -EPERM (to be written, and the descriptor
 * is open for reading only or sealed); -ENODEV (revoked now, or its device is closed);
 * -EOPNOTSUPP (this iommu, kernel or exporter can't: the message says which; with
 * UVDK_IOVA_VA and no UVDK_MAP_FIXED, what has no address); -EMFILE; and as
 * uvdk_ioas_map().
 */
int uvdk_dmabuf_map(struct uvdk_ioas *ioas, int fd, uint64_t offset, size_t len, unsigned int flags,
		    uvdk_iova_t *iova);

/**
 * uvdk_dmabuf_unmap() - end a map, whatever its state
 * @ioas: address space
 * @iova: as uvdk_dmabuf_map() gave it
 *
 * On return no device reaches it, and what was to be told has returned.
 *
 * Return: 0; -ENOENT (no such map); or what the driver said: then it is still mapped.
 */
int uvdk_dmabuf_unmap(struct uvdk_ioas *ioas, uvdk_iova_t iova);

/**
 * uvdk_dmabuf_get_info() - one map
 * @ioas: address space
 * @iova: as uvdk_dmabuf_map() gave it
 * @out: filled in
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_dmabuf_get_info(struct uvdk_ioas *ioas, uvdk_iova_t iova, struct uvdk_dmabuf_info *out);

/**
 * uvdk_dmabuf_watch() - be told when a map is revoked, is back, or has ended
 * @ioas: address space
 * @iova: as uvdk_dmabuf_map() gave it
 * @told: called with what is true now, by the thread that reset, closed or changed the
 *	device, before that call returns; it may not call uvdk_dmabuf_* and not reset, open
 *	or close a device, and should do no more than stop the device that accesses
 *	(uvdk_device_set_command(), bus master off). NULL: nobody
 * @arg: passed to @told
 *
 * A reset is told once, after the map is back, as UVDK_DMABUF_LIVE with one revocation
 * more. If it is not live when this is called, that is told at once.
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_dmabuf_watch(struct uvdk_ioas *ioas, uvdk_iova_t iova,
		      void (*told)(const struct uvdk_dmabuf_info *info, void *arg), void *arg);

/**
 * uvdk_dmabuf_redo() - unmap and map again at the same IOVA
 * @ioas: address space
 * @iova: as uvdk_dmabuf_map() gave it
 *
 * For what the library can't know: the exporter lies in another process and has been
 * reset, or the device was reset by a write of the application to its configuration space.
 * The kernel does not say whether a map is revoked; this ends the doubt. In between
 * accesses fault. Nothing happens to memory, which is never revoked.
 *
 * Return: 0; -ENOENT; -ENODEV (revoked still, or for good); or as uvdk_dmabuf_map(): then
 * it is revoked.
 */
int uvdk_dmabuf_redo(struct uvdk_ioas *ioas, uvdk_iova_t iova);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMABUF_H */
