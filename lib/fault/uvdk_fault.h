/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_FAULT_H
#define UVDK_FAULT_H

#include <uvdk_hwpt.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Faults: accesses that an I/O MMU could not translate
 *
 * A device with PRI (PCIe 10.4) asks for a page that is missing, waits for the
 * answer, and tries again: a *page request*. Requests come in groups, of which
 * the last one is marked, and a group is answered as a whole. Any other access
 * without a translation is lost, and the I/O MMU reports an *IOMMU fault*.
 * Both are read from a *fault queue*:
 *
 *   uvdk_faultq_create() -> page tables made with &struct uvdk_hwpt_opts.faultq
 *   -> poll uvdk_faultq_fd() -> uvdk_faultq_read() until it returns 0 -> map
 *   what is missing -> uvdk_faultq_answer() -> ... -> destroy the tables ->
 *   uvdk_faultq_destroy().
 *
 * What is detached, by its owner or because its device is closed or has
 * vanished, leaves nothing here: its requests are forgotten, the iommu has
 * answered them with UVDK_FAULT_INVALID.
 *
 * Every call is thread-safe, and none blocks for a fault.
 */

/**
 * enum uvdk_fault_type - what an entry of a queue tells
 * @UVDK_FAULT_PAGE_REQUEST: a device waits for a page: answer its group
 * @UVDK_FAULT_IOMMU: an access was refused; there is nothing to answer
 * @UVDK_FAULT_LOST: entries were lost, since the last one that says so
 */
enum uvdk_fault_type {
	UVDK_FAULT_PAGE_REQUEST,
	UVDK_FAULT_IOMMU,
	UVDK_FAULT_LOST,
};

/**
 * enum uvdk_fault_access - what was asked for
 * @UVDK_FAULT_READ: read
 * @UVDK_FAULT_WRITE: write
 * @UVDK_FAULT_EXEC: execute (PCIe 6.20)
 * @UVDK_FAULT_PRIV: in privileged mode (PCIe 6.20)
 */
enum uvdk_fault_access {
	UVDK_FAULT_READ = 1 << 0,
	UVDK_FAULT_WRITE = 1 << 1,
	UVDK_FAULT_EXEC = 1 << 2,
	UVDK_FAULT_PRIV = 1 << 3,
};

/**
 * enum uvdk_fault_reason - why an access was refused
 * @UVDK_FAULT_UNKNOWN: the I/O MMU does not say
 * @UVDK_FAULT_DETACHED: device or PASID is attached to nothing
 * @UVDK_FAULT_UNMAPPED: nothing is mapped there
 * @UVDK_FAULT_PERMISSION: what is mapped there does not allow it
 * @UVDK_FAULT_MALFORMED: a table entry that the I/O MMU can't make sense of
 * @UVDK_FAULT_ADDRESS: an address beyond what it can translate
 */
enum uvdk_fault_reason {
	UVDK_FAULT_UNKNOWN,
	UVDK_FAULT_DETACHED,
	UVDK_FAULT_UNMAPPED,
	UVDK_FAULT_PERMISSION,
	UVDK_FAULT_MALFORMED,
	UVDK_FAULT_ADDRESS,
};

/**
 * struct uvdk_fault - one entry of a queue
 * @type: what it tells, and which fields are set; others are 0
 * @access: enum uvdk_fault_access; page request, IOMMU fault
 * @dev: whose access; NULL: the I/O MMU does not say. Page request, IOMMU fault
 * @pasid: UVDK_PASID_RID: without one. Page request, IOMMU fault
 * @addr: I/O virtual address. Page request, IOMMU fault
 * @len: page request: bytes that the device will want from there on, 0: it
 *	does not say
 * @group: page request: its group, for the answer; no number comes twice from
 *	a queue
 * @index: page request: the device's own number for the group (PCIe 10.4.1)
 * @last: page request: the last one of its group
 * @reason: IOMMU fault: why
 * @code: IOMMU fault: the same in the I/O MMU's own numbers (VT-d 7.1.3,
 *	SMMUv3 7.3, virtio 5.13.6.8.1)
 * @lost: lost: how many, as far as that is known
 */
struct uvdk_fault {
	enum uvdk_fault_type type;
	unsigned int access;
	struct uvdk_device *dev;
	uint32_t pasid;
	uint32_t index;
	uint64_t addr;
	uint64_t len;
	uint64_t group;
	bool last;
	enum uvdk_fault_reason reason;
	uint32_t code;
	uint64_t lost;
};

/**
 * enum uvdk_fault_code - how a group is answered (PCIe 10.4.2.1)
 * @UVDK_FAULT_SUCCESS: the pages are there: try again
 * @UVDK_FAULT_INVALID: one of them never will be: give up this access
 * @UVDK_FAULT_FAILURE: give up asking at all; iommufd has no such answer and
 *	passes on UVDK_FAULT_INVALID
 */
enum uvdk_fault_code {
	UVDK_FAULT_SUCCESS,
	UVDK_FAULT_INVALID,
	UVDK_FAULT_FAILURE,
};

/**
 * struct uvdk_fault_answer - answer to one group
 * @group: &struct uvdk_fault.group
 * @code: the answer
 * @err: filled in: 0; -ENOENT (no such group any more: answered already, or
 *	its device was detached, closed or has vanished); -EAGAIN (not all of
 *	the group has been read yet); -EINVAL (unknown code); else the iommu's
 *	error, and the group still waits
 */
struct uvdk_fault_answer {
	uint64_t group;
	enum uvdk_fault_code code;
	int err;
};

struct uvdk_faultq;

/**
 * struct uvdk_faultq_opts - how to make a fault queue
 * @size: sizeof(struct uvdk_faultq_opts)
 * @groups_max: most groups that are in the library's hands, from their first
 *	request to their answer; 0: 1,024. Further ones stay with the kernel or
 *	the I/O MMU.
 */
struct uvdk_faultq_opts {
	size_t size;
	unsigned int groups_max;
};

/**
 * struct uvdk_faultq_stats - what has happened to a queue
 * @requests: page requests handed out
 * @faults: IOMMU faults handed out
 * @lost: entries lost, as far as it is known how many
 * @overflows: times that the iommu said that it lost entries
 * @answered: groups answered
 * @abandoned: groups forgotten because their device was detached
 * @waiting: groups in the library's hands now
 */
struct uvdk_faultq_stats {
	uint64_t requests;
	uint64_t faults;
	uint64_t lost;
	uint64_t overflows;
	uint64_t answered;
	uint64_t abandoned;
	unsigned int waiting;
};

/**
 * uvdk_faultq_create() - make a fault queue
 * @iommu: for devices under it
 * @opts: options, or NULL
 * @out: new queue, owned by the caller; to be destroyed before @iommu is closed
 *
 * Page requests are those of page tables that were made with it; IOMMU faults
 * are those of every device under @iommu, where the iommu driver reports them.
 *
 * Return: 0; -EOPNOTSUPP (the iommu has no fault queues: says what is missing);
 * -EINVAL (no iommu, options); -ENOMEM; -EMFILE.
 */
int uvdk_faultq_create(struct uvdk_iommu *iommu, const struct uvdk_faultq_opts *opts,
		       struct uvdk_faultq **out);

/**
 * uvdk_faultq_destroy() - free a fault queue
 * @q: queue, or NULL; page tables made with it must be destroyed before, else
 *	it stays and an error is logged
 *
 * Whoever still waits for an answer gets UVDK_FAULT_INVALID.
 */
void uvdk_faultq_destroy(struct uvdk_faultq *q);

/**
 * uvdk_faultq_fd() - descriptor that becomes readable when there is an entry
 * @q: queue
 *
 * For poll(2) alone. What uvdk_faultq_read() took from the kernel in one go and
 * had no room for does not make it readable: wait only after a read that
 * returned 0.
 *
 * Return: descriptor, the queue's own.
 */
int uvdk_faultq_fd(const struct uvdk_faultq *q);

/**
 * uvdk_faultq_read() - take entries; does not wait
 * @q: queue
 * @out: filled in
 * @max: room in @out
 *
 * Requests of a group stand together, in the order of their arrival, the last
 * one marked; only whole groups are handed out. A group that does not fit in
 * what is left of @out goes on at the start of the next read. A group whose
 * last request was lost is forgotten, and a UVDK_FAULT_LOST entry says so; the
 * device asks again.
 *
 * Return: how many; 0: none now; -EINVAL (no room); -ENOBUFS (none can be taken
 * before groups have been answered: &struct uvdk_faultq_opts.groups_max);
 * -ENOMEM; else the kernel's error.
 */
int uvdk_faultq_read(struct uvdk_faultq *q, struct uvdk_fault *out, unsigned int max);

/**
 * uvdk_faultq_answer() - answer groups, each for itself
 * @q: queue
 * @answers: answers, whose @err is filled in
 * @count: how many
 *
 * Return: 0, or the first @err that is not.
 */
int uvdk_faultq_answer(struct uvdk_faultq *q, struct uvdk_fault_answer *answers,
		       unsigned int count);

/**
 * uvdk_faultq_get_stats() - what has happened to a queue so far
 * @q: queue
 * @out: filled in
 */
void uvdk_faultq_get_stats(struct uvdk_faultq *q, struct uvdk_faultq_stats *out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_FAULT_H */
