/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_H
#define UVDK_EMU_H

#include <uvdk_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: An emulated machine: PCI bus and software IOMMU in this process
 *
 * A *uvdk_emu* is a PCI bus whose functions are models, behind an IOMMU that
 * translates and checks every access they make. Functions appear on it when a
 * device "emu:MODEL[,...]" is opened under an "emu" iommu. Models run on a
 * thread of their own, or only inside uvdk_emu_step(). Every call is
 * thread-safe; after uvdk_emu_destroy() its caller uses the machine no more.
 *
 * A machine belongs to the process that created it. It goes on there over a
 * fork(); a child has no such thread, finds locks as they were at that moment,
 * and its copy of memory is not the one that devices reach. So in a child no
 * device can be opened on its parent's machine (-EPERM), and uvdk_emu_step() and
 * uvdk_emu_unplug() do nothing; uvdk_emu_destroy() leaves all as it is. What was
 * opened on the machine before must not be called there at all: with devices of
 * vfio, whose descriptors it shares, the child would even take them from its
 * parent. Let it execute another program, end with _exit(), or create a machine
 * of its own.
 */

struct uvdk_emu;

/**
 * enum uvdk_emu_caching - when the IOMMU's caches forget
 * @UVDK_EMU_CACHE_KEEPS: by invalidation alone: what was not invalidated stays
 * @UVDK_EMU_CACHE_FORGETS: at random as well: what is relied on to be cached is
 *	not
 */
enum uvdk_emu_caching {
	UVDK_EMU_CACHE_KEEPS,
	UVDK_EMU_CACHE_FORGETS,
};

/**
 * struct uvdk_emu_opts - how to build the machine
 * @size: sizeof(struct uvdk_emu_opts)
 * @manual: no thread: models run in uvdk_emu_step()
 * @iova_bits: address width of the IOMMUs, 0: 48
 * @iommus: how many there are, 1 to 4, 0: 1; "emu:MODEL,iommu=N" is behind the
 *	N-th, from 0
 * @no_snoop: bit n set: IOMMU n can't force accesses to be coherent
 * @caching: when their caches forget
 * @absence: they also cache that nothing is there (VT-d: caching mode), so that
 *	what is mapped or attached must be invalidated, too
 * @seed: of what is left to chance
 */
struct uvdk_emu_opts {
	size_t size;
	bool manual;
	unsigned int iova_bits;
	unsigned int iommus;
	unsigned int no_snoop;
	enum uvdk_emu_caching caching;
	bool absence;
	uint64_t seed;
};

/**
 * uvdk_emu_create() - build an emulated machine
 * @opts: options, or NULL
 * @out: new machine, owned by the caller
 *
 * Return: 0, -EINVAL, -ENOMEM or -EAGAIN (no thread).
 */
int uvdk_emu_create(const struct uvdk_emu_opts *opts, struct uvdk_emu **out);

/**
 * uvdk_emu_destroy() - give a machine up
 * @emu: machine, or NULL
 *
 * It is torn down once the last iommu that was opened on it is closed, too.
 */
void uvdk_emu_destroy(struct uvdk_emu *emu);

/**
 * uvdk_emu_step() - let every model work once, in the order of their slots
 * @emu: machine
 *
 * For manual machines: the same calls give the same result each time.
 *
 * Return: number of models that had something to do; 0 in a child of fork().
 */
unsigned int uvdk_emu_step(struct uvdk_emu *emu);

/**
 * enum uvdk_emu_fault_reason - why the IOMMU refused an access
 * @UVDK_EMU_FAULT_NO_DOMAIN: the function is attached to no address space
 * @UVDK_EMU_FAULT_NOT_MAPPED: nothing is mapped at the address
 * @UVDK_EMU_FAULT_PERMISSION: mapped, but not for this kind of access
 * @UVDK_EMU_FAULT_BUS_MASTER: the function's bus master enable is off
 * @UVDK_EMU_FAULT_RANGE: beyond the IOMMU's address width
 * @UVDK_EMU_FAULT_TABLES: the IOMMU's tables are malformed
 * @UVDK_EMU_FAULT_STALE: a translation that should have been invalidated, see
 *	uvdk_emu_stales()
 */
enum uvdk_emu_fault_reason {
	UVDK_EMU_FAULT_NO_DOMAIN,
	UVDK_EMU_FAULT_NOT_MAPPED,
	UVDK_EMU_FAULT_PERMISSION,
	UVDK_EMU_FAULT_BUS_MASTER,
	UVDK_EMU_FAULT_RANGE,
	UVDK_EMU_FAULT_TABLES,
	UVDK_EMU_FAULT_STALE,
};

/* In place of a PASID: an access without one. */
#define UVDK_EMU_NO_PASID UINT32_MAX

/**
 * struct uvdk_emu_fault - one refused access
 * @function: name of the device, e.g. "emu:edu#0"
 * @iova: address, first byte that was refused
 * @len: bytes of the access
 * @write: it was a write
 * @reason: why
 * @pasid: PASID of the access, or UVDK_EMU_NO_PASID
 */
struct uvdk_emu_fault {
	char function[48];
	uvdk_iova_t iova;
	uint64_t len;
	bool write;
	enum uvdk_emu_fault_reason reason;
	uint32_t pasid;
};

/**
 * struct uvdk_emu_stale - a stale translation used: somebody did not invalidate
 * @function: name of the device whose access it was
 * @iova: address of the access
 * @pasid: its PASID, or UVDK_EMU_NO_PASID
 * @write: it was a write
 * @cache: which cache held the entry
 * @entry: the entry
 * @missing: the invalidation that should have removed it, and did not, or came
 *	before the tables changed, or after the change was called done
 */
struct uvdk_emu_stale {
	char function[48];
	uvdk_iova_t iova;
	uint32_t pasid;
	bool write;
	const char *cache;
	char entry[96];
	char missing[128];
};

/**
 * uvdk_emu_stales() - take reports of stale translations, oldest first
 * @emu: machine
 * @out: filled with up to @max reports
 * @max: room in @out
 *
 * Each is also logged as an error. The access was refused. 64 are kept.
 *
 * Return: reports written.
 */
unsigned int uvdk_emu_stales(struct uvdk_emu *emu, struct uvdk_emu_stale *out, unsigned int max);

/**
 * uvdk_emu_stage1_begin() - a first stage of the caller's is about to change
 * @emu: machine
 * @name: name of a device that goes through it, e.g. "emu:copier#0"
 * @pasid: by this PASID, or UVDK_EMU_NO_PASID
 *
 * The first stage of a nested table (uvdk_hwpt_create_nested()) is changed by plain
 * stores, of which nobody is told. So what is cached of it is not held against
 * what memory says, unless its owner takes part: from the first call on, and
 * for as long as the device is there, accesses of this device with this PASID
 * through what the first stage no longer has are stale (uvdk_emu_stales()),
 * but between this and uvdk_emu_stage1_end(): the owner calls this before the
 * first store, and that when the invalidation has completed. Changes may overlap.
 * What changes in the second stage is checked in any case.
 *
 * Thread-safe; not from within a model.
 *
 * Return: a number for uvdk_emu_stage1_end(), or -ENOENT (no such device), -ENOMEM.
 */
int uvdk_emu_stage1_begin(struct uvdk_emu *emu, const char *name, uint32_t pasid);

/**
 * uvdk_emu_stage1_end() - the change has been invalidated
 * @emu: machine
 * @change: what uvdk_emu_stage1_begin() returned; nothing happens if negative
 *
 * The device may be gone by now. Thread-safe.
 */
void uvdk_emu_stage1_end(struct uvdk_emu *emu, int change);

/**
 * uvdk_emu_faults() - take recorded faults, oldest first
 * @emu: machine
 * @out: filled with up to @max records
 * @max: room in @out
 * @lost: out: records dropped since the last call because none took them; or NULL
 *
 * 256 records are kept.
 *
 * Return: records written.
 */
unsigned int uvdk_emu_faults(struct uvdk_emu *emu, struct uvdk_emu_fault *out, unsigned int max,
			     uint64_t *lost);

/**
 * uvdk_emu_unplug() - remove a function
 * @emu: machine
 * @name: device name, e.g. "emu:edu#0"
 * @surprise: true: it vanishes at once and reads all-ones; false: its owner
 *	gets UVDK_DEVICE_EVENT_REMOVE and it vanishes at close
 *
 * Return: 0, -ENOENT, or -EPERM (in a child of fork()).
 */
int uvdk_emu_unplug(struct uvdk_emu *emu, const char *name, bool surprise);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EMU_H */
