/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMA_REG_H
#define UVDK_DMA_REG_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Memory that others own
 *
 * A *registration* makes memory reachable that something else has allocated: malloc(),
 * mmap() of any kind, memfds, hugetlbfs, DPDK's external memory. Whole pages around the
 * bytes are mapped, whole huge pages where the kernel tells of them (Linux 6.11;
 * before, the base pages around).
 *
 * Registrations may overlap and repeat. Pages that another one has mapped are shared
 * with it, and stay until the last goes; only what is missing is mapped. An I/O MMU takes
 * out whole maps only: pages of a registration that has gone stay reachable, too, as long
 * as another uses the same map. Until then their memory can't be registered anew (-EBUSY),
 * because something else may be at these addresses by now; UVDK_MAP_ALIAS does
 * without sharing.
 *
 * Pages that are mapped otherwise (uvdk_ioas_map(), uvdk_dma_alloc(), uvdk_eal_map_create())
 * count as reachable, and stay their owner's: who unmaps them ends the
 * devices' access, also for registrations that rely on them.
 *
 * A map keeps the access that it was made with. A registration for writing over one for
 * reading only gets maps of its own, see UVDK_MAP_ALIAS; uvdk_translate() may show the
 * other, uvdk_dma_reg_iova() does not. One for reading only shares what can be written.
 *
 * Whoever frees the memory unregisters it before. A registration cache (uvdk_regcache.h)
 * does without such calls. All is thread-safe. A child of fork() leaves the registrations
 * of its parent alone, and registers nothing in its address spaces. Counts:
 * uvdk_ioas_get_stats().
 */

struct uvdk_dma_reg;

/**
 * uvdk_dma_register() - make memory reachable that others own
 * @ioas: address space; must outlive the registration
 * @va: first byte, of any alignment
 * @len: bytes, not 0
 * @flags: UVDK_MAP_READ, UVDK_MAP_WRITE or both; with UVDK_MAP_ALIAS one map of its own,
 *	shared with nobody and not found by uvdk_translate()
 * @out: new registration, owned by the caller
 *
 * Return: 0; -EINVAL (no ioas, nothing to register, no access, other flags); -EBUSY (a
 * registration that has gone has left part of a map: see above); -EFAULT (not memory
 * of this process); -EPERM (memory is read-only: register it with UVDK_MAP_READ; or a
 * child of fork()); -EAGAIN (others map and unmap the same memory all the time); or as
 * uvdk_ioas_map(). Nothing is mapped then.
 */
int uvdk_dma_register(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags,
		      struct uvdk_dma_reg **out);

/**
 * uvdk_dma_unregister() - end a registration
 * @reg: registration, or NULL; freed, but for an error
 *
 * Return: 0; or what uvdk_ioas_unmap() said: then devices may still reach some of
 * the memory, which must stay, and the call may be repeated.
 */
int uvdk_dma_unregister(struct uvdk_dma_reg *reg);

/**
 * uvdk_dma_reg_iova() - where the device finds a byte
 * @reg: registration
 * @va: a byte of what was registered, or of the pages around it
 * @run: out: bytes that follow one another from there on, for the device, too; or NULL
 *
 * Return: IOVA, or UVDK_IOVA_NONE: not of this registration.
 */
uvdk_iova_t uvdk_dma_reg_iova(const struct uvdk_dma_reg *reg, const void *va, size_t *run);

/**
 * struct uvdk_dma_reg_info - a registration
 * @va: first byte of its pages
 * @len: bytes of them
 * @flags: as it was made
 * @pieces: runs of bytes that follow one another for the device; 1: uvdk_dma_reg_iova() of the
 *	first byte serves all
 * @mapped: bytes that it has mapped itself
 */
struct uvdk_dma_reg_info {
	void *va;
	size_t len;
	unsigned int flags;
	unsigned int pieces;
	size_t mapped;
};

/**
 * uvdk_dma_reg_get_info() - what a registration has become
 * @reg: registration
 * @out: filled in
 */
void uvdk_dma_reg_get_info(const struct uvdk_dma_reg *reg, struct uvdk_dma_reg_info *out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMA_REG_H */
