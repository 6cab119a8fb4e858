/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOAS_GONE_DRIVER_H
#define UVDK_IOAS_GONE_DRIVER_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Maps whose memory has gone
 *
 * For lib/dma. Memory may be freed while a device still needs it: where the iommu has pinned
 * it, the pages stay until the map ends. By its virtual address it can't be had any more:
 * something else may be there. So such a map is never made again, for a device that is
 * attached later or after an unmap that has failed half way.
 */

/**
 * uvdk_ioas_gone() - the memory of a range of IOVAs is not at its virtual addresses any more
 * @ioas: address space
 * @iova: first byte
 * @len: bytes, not 0
 * @sure: it has gone; else it may have, or may go from now on
 *
 * Each map with a byte in it keeps its IOVAs until uvdk_ioas_unmap(), and devices that are
 * attached reach it as before; what is attached from then on may not. Where nothing is ever
 * pinned (emu) a map of which all has gone for sure is unmapped for all, so that a device's
 * access is a fault. Thread-safe.
 */
void uvdk_ioas_gone(struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len, bool sure);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_IOAS_GONE_DRIVER_H */
