/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_MAPQ_WINDOW_DRIVER_H
#define UVDK_MAPQ_WINDOW_DRIVER_H

#include <uvdk_iommu_driver.h>
#include <uvdk_mapq_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Windows of map queues, for lib/inval
 *
 * A window is a range of an address space in which a map queue alone maps:
 * uvdk_ioas_map() is refused there, and the reservation that it lies in stays.
 */

/**
 * struct uvdk_mapq_window - a window
 * @iova: first byte. Set by the caller
 * @len: its bytes. Likewise
 * @gone: called once, when the last device of the address space is detached, with
 *	locks of the iommu's. Likewise
 * @mapped: how many pages are mapped there, for those who show it: from any thread, with
 *	locks of the iommu's, while the window is taken. Likewise
 * @ops: what the iommu driver does for it
 * @priv: of the driver, for @ops
 * @page_size: of the address space; stays as it is
 * @ioas: private
 * @next: private
 */
struct uvdk_mapq_window {
	uvdk_iova_t iova;
	uint64_t len;
	void (*gone)(struct uvdk_mapq_window *window);
	uint64_t (*mapped)(struct uvdk_mapq_window *window);
	const struct uvdk_mapq_ops *ops;
	void *priv;
	size_t page_size;
	struct uvdk_ioas *ioas;
	struct uvdk_mapq_window *next;
};

/**
 * uvdk_mapq_window_take() - have a window of one's own
 * @ioas: address space
 * @window: with what the caller sets; the caller's memory, until it is dropped
 *
 * Return: as uvdk_mapq_open().
 */
int uvdk_mapq_window_take(struct uvdk_ioas *ioas, struct uvdk_mapq_window *window);

/**
 * uvdk_mapq_window_drop() - undo uvdk_mapq_window_take()
 * @window: window; nothing is under way for it
 */
void uvdk_mapq_window_drop(struct uvdk_mapq_window *window);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_MAPQ_WINDOW_DRIVER_H */
