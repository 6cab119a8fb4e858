/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_INVAL_BACKEND_DRIVER_H
#define UVDK_INVAL_BACKEND_DRIVER_H

#include <uvdk_inval_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Backends for iommu drivers to put queues on
 *
 * *ioctl* gives each batch to the kernel in one call, *thread* does so in a
 * thread of its own, *hwqueue* writes commands where an SMMU reads them. The
 * software IOMMU has its backend beside its driver.
 */

/**
 * struct uvdk_inval_smmu - what SMMUv3 commands need to know
 * @sids: stream IDs of devices that cache translations (ATS), as the vIOMMU
 *	numbers them; copied
 * @sid_count: how many, up to 64
 * @granule: log2 of the translation granule of the tables: 12, 14 or 16; 0: 12
 * @range: the SMMU has range invalidation (IDR3.RIL)
 * @asid_bits: 8 or 16; 0: 16
 */
struct uvdk_inval_smmu {
	const uint32_t *sids;
	unsigned int sid_count;
	unsigned int granule;
	bool range;
	unsigned int asid_bits;
};

/**
 * enum uvdk_inval_format - entries that a kernel takes
 * @UVDK_INVAL_FORMAT_VTD: 24 bytes, IOMMU_HWPT_INVALIDATE_DATA_VTD_S1: for one
 *	nested table; the kernel tells devices itself
 * @UVDK_INVAL_FORMAT_SMMUV3: 16 bytes, IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3:
 *	commands of SMMUv3 (4.3 and on), for a vIOMMU
 * @UVDK_INVAL_FORMAT_SELFTEST: 8 bytes, as the kernel's mock has them for its
 *	tables: the page with number n is entry n of its TLB
 */
enum uvdk_inval_format {
	UVDK_INVAL_FORMAT_VTD,
	UVDK_INVAL_FORMAT_SMMUV3,
	UVDK_INVAL_FORMAT_SELFTEST,
};

/**
 * struct uvdk_inval_submit - a kernel that takes batches
 * @submit: Carry out @count entries of @len bytes; @count is how many on
 *	return, on failure, too. 0: without an error, maybe not all; -EINTR or
 *	-EAGAIN: nothing wrong, try again; -ENODEV: the object is gone; else one
 *	of the entries after @count is refused, and those between have not been
 *	carried out or may be once more. One system call.
 * @priv: passed to @submit
 * @format: of entries
 * @smmu: UVDK_INVAL_FORMAT_SMMUV3: details
 * @batch: most entries of a call, up to 65,536; 0: 4,096
 * @thread: call @submit in a thread of the queue's
 */
struct uvdk_inval_submit {
	int (*submit)(void *priv, const void *entries, unsigned int len, unsigned int *count);
	void *priv;
	enum uvdk_inval_format format;
	struct uvdk_inval_smmu smmu;
	unsigned int batch;
	bool thread;
};

/**
 * uvdk_invalq_create_submit() - a queue on a kernel that takes batches
 * @how: the kernel
 * @opts: the application's options, or NULL
 * @out: new queue
 *
 * A kick makes one call; on SMMUv3 with devices that cache translations two,
 * since the kernel puts no barrier between the entries of one. The latter is
 * what UVDK_INVAL_KEEP_DEVTLB saves.
 *
 * Return: 0, -EINVAL, -ENOMEM, -EAGAIN (no thread).
 */
int uvdk_invalq_create_submit(const struct uvdk_inval_submit *how,
			      const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out);

/**
 * struct uvdk_inval_hwqueue - a virtual command queue of a Tegra241 CMDQV
 * @ring: commands of 16 bytes, in memory that the hardware reads as the queue's
 *	base; zeroed by the caller or not
 * @log2size: log2 of its commands, 2 to 19
 * @page0: registers of the queue: CONS, PROD, CONFIG, STATUS, GERROR, GERRORN at
 *	0x00, 0x04, 0x08, 0x0c, 0x10, 0x14
 * @smmu: details of the SMMU
 */
struct uvdk_inval_hwqueue {
	void *ring;
	unsigned int log2size;
	volatile void *page0;
	struct uvdk_inval_smmu smmu;
};

/**
 * uvdk_invalq_create_hwqueue() - a queue that the hardware reads by itself
 * @how: where it is; memory and registers stay mapped until the queue is gone
 * @opts: the application's options, or NULL
 * @out: new queue
 *
 * The hardware's queue is emptied and switched on. It takes TLBI_NH_ASID,
 * TLBI_NH_VA and ATC_INV alone, so there is no UVDK_INVAL_ALL. No system calls.
 *
 * Return: 0, -EINVAL, -ENOMEM, -ETIMEDOUT (it does not switch on).
 */
int uvdk_invalq_create_hwqueue(const struct uvdk_inval_hwqueue *how,
			       const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_INVAL_BACKEND_DRIVER_H */
