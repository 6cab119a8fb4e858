/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_COHERENCY_H
#define UVDK_COHERENCY_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Cache coherency of an address space
 *
 * A device may ask, access by access, not to have the CPUs' caches looked at
 * (PCIe 2.2.6.5, No Snoop). Some iommus can overrule that (snoop control,
 * UVDK_IOMMU_SNOOP_CONTROL); coherency is then *enforced*. Where it is not, a
 * guest's driver of such a device writes caches back by WBINVD, and whoever
 * runs the guest (a VMM) has to carry that instruction out for it.
 *
 * An address space may hold devices of both kinds. With UVDK_COHERENCY_SHARE
 * the weakest decides for all; tables are replaced, without a gap, when the
 * first such device comes and when the last goes. With UVDK_COHERENCY_SEPARATE
 * there is a table for each kind, and what a device gets depends on that device
 * alone. This holds for uvdk_ioas_attach() and uvdk_ioas_attach_pasid(); a
 * table of uvdk_hwpt_create() enforces coherency exactly if the iommu of the
 * device it was made for can.
 *
 * type1 has a table for each group: there UVDK_COHERENCY_SHARE takes nothing
 * from a device whose iommu can enforce coherency. The same happens, with a
 * line in the log, to a device whose iommu can't use the table of the others.
 * emu behaves as the kernel does with VT-d, for units with and without snoop
 * control (&struct uvdk_emu_opts.no_snoop).
 */

/**
 * enum uvdk_coherency_table - which table of an address space a device goes through
 * @UVDK_COHERENCY_TABLE_SHARED: the one for all
 * @UVDK_COHERENCY_TABLE_OPEN: the one of those whose coherency is not enforced
 * @UVDK_COHERENCY_TABLE_ENFORCED: the one of those whose coherency is
 * @UVDK_COHERENCY_TABLE_OWN: one of uvdk_hwpt_create()
 *
 * Devices whose iommus differ in format have tables of their own that hold and
 * do the same; here they count as one.
 */
enum uvdk_coherency_table {
	UVDK_COHERENCY_TABLE_SHARED,
	UVDK_COHERENCY_TABLE_OPEN,
	UVDK_COHERENCY_TABLE_ENFORCED,
	UVDK_COHERENCY_TABLE_OWN,
};

/**
 * struct uvdk_coherency - what a device gets in an address space
 * @enforced: all its accesses are coherent, whatever it asks for
 * @table: through which table it goes; by RID, or else by its PASIDs
 */
struct uvdk_coherency {
	bool enforced;
	enum uvdk_coherency_table table;
};

/**
 * uvdk_ioas_device_coherency() - what a device gets now
 * @ioas: address space
 * @dev: device that is attached to it, by RID or by PASID
 * @out: filled in
 *
 * Thread-safe, as all here.
 *
 * Return: 0 or -ENOENT (not attached to @ioas).
 */
int uvdk_ioas_device_coherency(struct uvdk_ioas *ioas, struct uvdk_device *dev,
			       struct uvdk_coherency *out);

/**
 * uvdk_ioas_needs_wbinvd() - whether a VMM would have to carry out WBINVD now
 * @ioas: address space
 *
 * Return: true while coherency is not enforced for some device that is attached,
 * by RID or by PASID.
 */
bool uvdk_ioas_needs_wbinvd(struct uvdk_ioas *ioas);

/**
 * uvdk_ioas_set_wbinvd_cb() - be told when uvdk_ioas_needs_wbinvd() changes
 * @ioas: address space
 * @fn: callback, or NULL for none
 * @arg: passed to @fn
 *
 * @fn runs in the thread whose call changed it (attach, detach, replace, the
 * close of a device, uvdk_ioas_destroy()), after the change is in force and
 * before that call returns; where another thread is in @fn already, that one
 * calls again, and the other waits, unless it is in a callback itself. @needed
 * alternates from one call to the next. No lock is held: @fn may call whatever
 * is thread-safe, on this address space, too, but must not destroy it, nor close
 * the device whose call this is, nor wait for another thread that attaches or
 * detaches. What is being closed or destroyed it can't attach again (-ENODEV,
 * -EBUSY).
 *
 * On return no other thread runs what was set before, unless this is called from
 * a callback.
 *
 * Return: what uvdk_ioas_needs_wbinvd() is now; @fn hears of all that follows.
 */
bool uvdk_ioas_set_wbinvd_cb(struct uvdk_ioas *ioas,
			     void (*fn)(struct uvdk_ioas *ioas, bool needed, void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_COHERENCY_H */
