/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MODEL_TESTING_H
#define VIOMMU_MODEL_TESTING_H

#include <uvdk_emu_driver.h>
#include <uvdk_emu_virtio_iommu.h>

#include "virtio_net_model_testing.h"

/*
 * Requests by hand, for tests of the model of virtio-iommu: written here once more
 * from virtio 1.2, section 5.13. Two functions are behind it; what they access is
 * asked for directly.
 */

#define F_INPUT	     (UINT64_C(1) << 0)
#define F_DOMAIN     (UINT64_C(1) << 1)
#define F_MAP	     (UINT64_C(1) << 2)
#define F_OLD_BYPASS (UINT64_C(1) << 3)
#define F_PROBE	     (UINT64_C(1) << 4)
#define F_MMIO	     (UINT64_C(1) << 5)
#define F_BYPASS     (UINT64_C(1) << 6)
#define F_VIO	     (F_MUST | F_INPUT | F_DOMAIN | F_MAP | F_PROBE | F_MMIO | F_BYPASS)

#define S_OK	     0
#define S_IOERR	     1
#define S_UNSUPP     2
#define S_DEVERR     3
#define S_INVAL	     4
#define S_RANGE	     5
#define S_NOENT	     6
#define S_FAULT	     7
#define S_NOMEM	     8
#define S_UNWRITTEN  0xfe
#define S_NEVER	     0xff

#define READ	     1
#define WRITE_	     2
#define RW	     3
#define MMIO	     4

#define NAME	     "emu:virtio_iommu#0"
#define IOVA	     UINT64_C(0x100000)
#define PAGE	     4096u

struct vio_test {
	struct vt t;
	struct uvdk_emu_function *dev[2];
	uint32_t ep[2];
	uint8_t *page; /* what is mapped: eight pages */
	size_t mark;   /* t.taken, between requests */
};

void vio_open(struct vio_test *m, const char *args);
void vio_open_forgetful(struct vio_test *m, const char *args);
void vio_run(struct vio_test *m, uint64_t features);
void vio_start(struct vio_test *m, const char *args); /* open, run, bypass off */
void vio_end(struct vio_test *m);
void vio_end_clean(struct vio_test *m);

uint16_t vio_post(struct vio_test *m, const void *in, uint32_t len, uint32_t out, uint8_t **reply);
uint8_t vio_send(struct vio_test *m, const void *in, uint32_t len, uint32_t out, uint8_t **reply);
uint8_t vio_attach_flags(struct vio_test *m, uint32_t domain, uint32_t ep, uint32_t flags);
uint8_t vio_attach(struct vio_test *m, uint32_t domain, uint32_t ep);
uint8_t vio_detach(struct vio_test *m, uint32_t domain, uint32_t ep);
void vio_map_words(uint8_t req[36], uint32_t domain, uint64_t first, uint64_t last, uint64_t phys,
		   uint32_t flags);
uint8_t vio_map(struct vio_test *m, uint32_t domain, uint64_t first, uint64_t last,
		const void *phys, uint32_t flags);
void vio_unmap_words(uint8_t req[28], uint32_t domain, uint64_t first, uint64_t last);
uint8_t vio_unmap(struct vio_test *m, uint32_t domain, uint64_t first, uint64_t last);
void vio_set_bypass(struct vio_test *m, uint8_t bypass);

int vio_get(struct vio_test *m, unsigned int dev, uint64_t iova);	   /* a byte, or -errno */
int vio_set(struct vio_test *m, unsigned int dev, uint64_t iova, uint8_t); /* 0 or -errno */
int vio_fault(struct vio_test *m); /* reason of the oldest one; -1: none */

uint8_t *vio_event_buffers(struct vio_test *m, unsigned int count, uint32_t len);
struct uvdk_emu_virtio_iommu_stats vio_stats(struct vio_test *m);
const char *vio_violation(struct vio_test *m, unsigned int index);

#endif /* VIOMMU_MODEL_TESTING_H */
