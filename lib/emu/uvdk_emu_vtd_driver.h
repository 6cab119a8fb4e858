/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_VTD_DRIVER_H
#define UVDK_EMU_VTD_DRIVER_H

#include <uvdk_emu_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: The IOMMU of an emulated machine, as hardware
 *
 * Each unit is a remapping unit of Intel's Virtualization Technology for
 * Directed I/O (revision 4.1), scalable mode. It is programmed through its
 * registers (chapter 11) and tables in memory (chapter 9) only; whoever does
 * so plays the kernel. A host physical address is an address of this process.
 * Every function is behind one unit; its requester ID is bus 0, its slot as
 * device, function 0.
 *
 * What the unit may cache it caches: context entries, PASID table entries,
 * inner entries of page tables, translations, and the translations that
 * functions with ATS asked for. An entry leaves a cache by invalidation alone,
 * or, in machines made so, at random as well.
 *
 * Queued descriptors are executed while a register of the unit is read, and by
 * uvdk_emu_step() or the machine's thread.
 */

/**
 * uvdk_emu_iommu_count() - remapping units of a machine
 * @emu: machine
 *
 * Return: 1 to 4.
 */
unsigned int uvdk_emu_iommu_count(const struct uvdk_emu *emu);

/**
 * uvdk_emu_fn_iommu() - the unit that a function is behind
 * @fn: function
 *
 * Return: number of the unit, from 0.
 */
unsigned int uvdk_emu_fn_iommu(const struct uvdk_emu_function *fn);

/**
 * uvdk_emu_iommu_read() - read a register of a unit
 * @emu: machine
 * @unit: number of the unit
 * @off: byte offset, a multiple of @width
 * @width: 4 or 8
 *
 * Thread-safe. All-ones for what is not there.
 *
 * Return: host byte order.
 */
uint64_t uvdk_emu_iommu_read(struct uvdk_emu *emu, unsigned int unit, uint32_t off,
			     unsigned int width);

/**
 * uvdk_emu_iommu_write() - write a register of a unit
 * @emu: machine
 * @unit: number of the unit
 * @off: byte offset, a multiple of @width
 * @width: 4 or 8
 * @value: host byte order
 *
 * Thread-safe.
 */
void uvdk_emu_iommu_write(struct uvdk_emu *emu, unsigned int unit, uint32_t off, unsigned int width,
			  uint64_t value);

/**
 * enum uvdk_emu_iommu_irq - interrupts of a unit
 * @UVDK_EMU_IOMMU_IRQ_FAULT: fault event (7.3): masked by FECTL
 * @UVDK_EMU_IOMMU_IRQ_PAGE_REQUEST: page request event (7.9): masked by PECTL
 */
enum uvdk_emu_iommu_irq {
	UVDK_EMU_IOMMU_IRQ_FAULT,
	UVDK_EMU_IOMMU_IRQ_PAGE_REQUEST,
};

/**
 * uvdk_emu_iommu_irq_route() - where an interrupt of a unit goes
 * @emu: machine
 * @unit: number of the unit
 * @kind: which interrupt
 * @fd: eventfd that does not block, borrowed until another takes its place; -1:
 *	nowhere
 *
 * Thread-safe.
 */
void uvdk_emu_iommu_irq_route(struct uvdk_emu *emu, unsigned int unit, enum uvdk_emu_iommu_irq kind,
			      int fd);

/**
 * uvdk_emu_iommu_begin() - tables of a unit are about to change
 * @emu: machine
 * @unit: number of the unit
 *
 * From here to the matching uvdk_emu_iommu_end() accesses through translations
 * of before are nobody's mistake. Calls of several threads may overlap.
 */
void uvdk_emu_iommu_begin(struct uvdk_emu *emu, unsigned int unit);

/**
 * uvdk_emu_iommu_end() - the change is over: invalidated, and waited for
 * @emu: machine
 * @unit: number of the unit
 *
 * Once no change is under way, an access through a cached entry that the
 * tables in memory no longer bear out is a *stale translation used*: it is
 * refused and reported, see uvdk_emu_stales().
 */
void uvdk_emu_iommu_end(struct uvdk_emu *emu, unsigned int unit);

/**
 * uvdk_emu_iommu_memory() - say where physical memory is
 * @emu: machine, before its units are switched on
 * @at: the 8 or more bytes, up to a whole page, that are at an address, or NULL
 *	where there is no memory; any thread. NULL: an address is one of this
 *	process, and is believed
 * @arg: passed to @at
 */
void uvdk_emu_iommu_memory(struct uvdk_emu *emu, void *(*at)(void *arg, uint64_t pa), void *arg);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EMU_VTD_DRIVER_H */
