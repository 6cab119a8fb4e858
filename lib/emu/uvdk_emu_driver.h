/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_DRIVER_H
#define UVDK_EMU_DRIVER_H

#include <uvdk_base_driver.h>
#include <uvdk_emu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Device models
 *
 * A model describes a PCI function (configuration space, BARs), reacts to
 * register accesses, does DMA through the software IOMMU and raises
 * interrupts. It is written from its specification and shares no header with
 * the driver it is tested with.
 *
 * The core serialises create, reset, destroy and step of one function among
 * themselves. bar_read and bar_write come from the driver's threads, at any
 * time, several at once, also while step runs: the model brings its own lock.
 * Doorbells must not block: store an atomic and let step do the work.
 */

struct uvdk_emu_function;

/**
 * enum uvdk_emu_page_code - answer to a page request (PCI Express 10.4.2.1)
 * @UVDK_EMU_PAGE_SUCCESS: the pages are there: ask for the translations again
 * @UVDK_EMU_PAGE_INVALID: one of them can't be had
 * @UVDK_EMU_PAGE_FAILURE: there will be no more answers: stop asking
 */
enum uvdk_emu_page_code {
	UVDK_EMU_PAGE_SUCCESS = 0,
	UVDK_EMU_PAGE_INVALID = 1,
	UVDK_EMU_PAGE_FAILURE = 15,
};

/**
 * struct uvdk_emu_model - a device model
 * @name: as in "emu:NAME"
 * @create: Parse @args, describe the function with the calls below, set
 *	private data. May keep @args only during the call. The core refuses
 *	arguments that were not asked for. On error nothing is left behind.
 * @destroy: Free private data.
 * @reset: Function reset: back to power-on state.
 * @bar_read: register read; @width 1, 2, 4, 8, aligned, inside the BAR
 * @bar_write: register write
 * @step: Do pending work; returns true if there was some. Must not block.
 * @page_response: A group of page requests is answered; any thread, must not
 *	block. NULL: it makes none.
 */
struct uvdk_emu_model {
	const char *name;
	int (*create)(struct uvdk_emu_function *fn, struct uvdk_args *args);
	void (*destroy)(struct uvdk_emu_function *fn);
	void (*reset)(struct uvdk_emu_function *fn);
	uint64_t (*bar_read)(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			     unsigned int width);
	void (*bar_write)(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			  unsigned int width, uint64_t value);
	bool (*step)(struct uvdk_emu_function *fn);
	void (*page_response)(struct uvdk_emu_function *fn, uint32_t pasid, unsigned int group,
			      enum uvdk_emu_page_code code);
};

/* NULL-terminated; defined in drivers/builtin.c, or by a test. */
extern const struct uvdk_emu_model *const uvdk_builtin_models[];

/**
 * uvdk_emu_model_register() - add a model from outside the tree
 * @model: must live as long as the process
 *
 * Return: 0, -EEXIST or -ENOSPC (more than 16).
 */
int uvdk_emu_model_register(const struct uvdk_emu_model *model);

/* ---- for models ---- */

/**
 * uvdk_emu_fn_priv() - the model's private data
 * @fn: function
 *
 * Return: what uvdk_emu_fn_set_priv() stored.
 */
void *uvdk_emu_fn_priv(const struct uvdk_emu_function *fn);

/**
 * uvdk_emu_fn_set_priv() - store the model's private data
 * @fn: function
 * @priv: data
 */
void uvdk_emu_fn_set_priv(struct uvdk_emu_function *fn, void *priv);

/**
 * uvdk_emu_fn_emu() - the machine a function is on
 * @fn: function
 *
 * Return: borrowed.
 */
struct uvdk_emu *uvdk_emu_fn_emu(const struct uvdk_emu_function *fn);

/**
 * uvdk_emu_fn_name() - device name, e.g. "emu:edu#0"
 * @fn: function
 *
 * Return: borrowed string.
 */
const char *uvdk_emu_fn_name(const struct uvdk_emu_function *fn);

/**
 * uvdk_emu_fn_ids() - set the identity; from create()
 * @fn: function
 * @vendor: vendor ID
 * @device: device ID
 * @subvendor: subsystem vendor ID
 * @subdevice: subsystem ID
 * @class_code: 24-bit class code
 * @revision: revision ID
 */
void uvdk_emu_fn_ids(struct uvdk_emu_function *fn, uint16_t vendor, uint16_t device,
		     uint16_t subvendor, uint16_t subdevice, uint32_t class_code, uint8_t revision);

/**
 * uvdk_emu_fn_bar() - add a memory BAR; from create()
 * @fn: function
 * @bar: 0 to 5
 * @size: bytes, power of two, at least 16
 * @is64: 64-bit BAR; takes the next number too
 */
void uvdk_emu_fn_bar(struct uvdk_emu_function *fn, unsigned int bar, uint64_t size, bool is64);

/**
 * uvdk_emu_fn_cap() - append a capability; from create()
 * @fn: function
 * @id: capability ID
 * @body: bytes behind the ID and next pointer
 * @len: bytes in @body
 *
 * Return: offset of the capability in configuration space, or -ENOSPC.
 */
int uvdk_emu_fn_cap(struct uvdk_emu_function *fn, uint8_t id, const void *body, size_t len);

/**
 * uvdk_emu_fn_ext_cap() - append an extended capability; from create()
 * @fn: function
 * @id: extended capability ID
 * @version: its version
 * @body: bytes behind the header of 4 bytes
 * @len: bytes in @body
 *
 * ATS (0x000f): while its enable bit is set, the function's accesses go through
 * translations that it asked for and keeps (PCI Express 10.1).
 *
 * Return: offset of the capability in configuration space, or -ENOSPC.
 */
int uvdk_emu_fn_ext_cap(struct uvdk_emu_function *fn, uint16_t id, uint8_t version,
			const void *body, size_t len);

/**
 * uvdk_emu_fn_config_mask() - bits of configuration space that writes change
 * @fn: function
 *
 * 4096 bytes, beside uvdk_emu_fn_config(). The core sets it for the header and
 * for what it adds itself; a capability of the model is read-only otherwise.
 *
 * Return: borrowed.
 */
uint8_t *uvdk_emu_fn_config_mask(struct uvdk_emu_function *fn);

/**
 * uvdk_emu_fn_msix() - add an MSI-X capability with its table; from create()
 * @fn: function
 * @vectors: 1 to 2048
 * @bar: BAR that holds table and PBA; its accesses to them never reach the model
 * @table_off: offset of the table
 * @pba_off: offset of the pending bits
 *
 * Return: 0 or -ENOSPC.
 */
int uvdk_emu_fn_msix(struct uvdk_emu_function *fn, unsigned int vectors, unsigned int bar,
		     uint32_t table_off, uint32_t pba_off);

/**
 * uvdk_emu_fn_msi() - add an MSI capability; from create()
 * @fn: function
 * @vectors: 1, 2, 4, ... 32
 *
 * Return: 0 or -ENOSPC.
 */
int uvdk_emu_fn_msi(struct uvdk_emu_function *fn, unsigned int vectors);

/**
 * uvdk_emu_fn_config() - configuration space itself, 4096 bytes
 * @fn: function
 *
 * For models that misbehave on purpose and for capabilities with registers.
 *
 * Return: borrowed.
 */
uint8_t *uvdk_emu_fn_config(struct uvdk_emu_function *fn);

/**
 * uvdk_emu_dma_read() - device reads memory
 * @fn: function
 * @iova: address
 * @buf: receives @len bytes
 * @len: bytes
 *
 * Checked page by page; a refused page is recorded as a fault and ends the
 * access. Any thread.
 *
 * Return: 0 or -EFAULT.
 */
int uvdk_emu_dma_read(struct uvdk_emu_function *fn, uvdk_iova_t iova, void *buf, size_t len);

/**
 * uvdk_emu_dma_write() - device writes memory
 * @fn: function
 * @iova: address
 * @buf: @len bytes
 * @len: bytes
 *
 * Return: as uvdk_emu_dma_read(); pages before the refused one were written.
 */
int uvdk_emu_dma_write(struct uvdk_emu_function *fn, uvdk_iova_t iova, const void *buf, size_t len);

/**
 * uvdk_emu_dma_read_pasid() - device reads memory, with a PASID
 * @fn: function
 * @pasid: PASID of 20 bits, or UVDK_EMU_NO_PASID
 * @iova: address
 * @buf: receives @len bytes
 * @len: bytes
 *
 * Return: as uvdk_emu_dma_read().
 */
int uvdk_emu_dma_read_pasid(struct uvdk_emu_function *fn, uint32_t pasid, uvdk_iova_t iova,
			    void *buf, size_t len);

/**
 * uvdk_emu_dma_write_pasid() - device writes memory, with a PASID
 * @fn: function
 * @pasid: PASID of 20 bits, or UVDK_EMU_NO_PASID
 * @iova: address
 * @buf: @len bytes
 * @len: bytes
 *
 * Return: as uvdk_emu_dma_write().
 */
int uvdk_emu_dma_write_pasid(struct uvdk_emu_function *fn, uint32_t pasid, uvdk_iova_t iova,
			     const void *buf, size_t len);

/**
 * uvdk_emu_dma_no_snoop() - device asks that the CPUs' caches are not looked at
 * @fn: function
 * @pasid: PASID of 20 bits, or UVDK_EMU_NO_PASID
 * @iova: address
 * @buf: receives @len bytes, or has them
 * @len: bytes
 * @write: a write
 *
 * An access with the No Snoop attribute (PCI Express 2.2.6.5). Whether a device
 * may set it (Enable No Snoop, 7.5.3.4) is for the model to see. The bytes are
 * those of any other access; uvdk_emu_fn_incoherent() counts what real ones
 * might have missed.
 *
 * Return: as uvdk_emu_dma_read().
 */
int uvdk_emu_dma_no_snoop(struct uvdk_emu_function *fn, uint32_t pasid, uvdk_iova_t iova, void *buf,
			  size_t len, bool write);

/**
 * uvdk_emu_fn_incoherent() - accesses of a function that were not coherent
 * @fn: function
 *
 * Of uvdk_emu_dma_no_snoop(), page by page, those that were not refused and that
 * the IOMMU let have their way: it can't force them to be coherent, or its tables
 * don't say so (snoop control: SNP, PGSNP; PCI Express 10.2.3: N).
 *
 * Return: pages accessed so, since the function was made. Thread-safe.
 */
uint64_t uvdk_emu_fn_incoherent(const struct uvdk_emu_function *fn);

/**
 * uvdk_emu_page_request() - ask for a page (PCI Express 10.4)
 * @fn: function
 * @pasid: PASID, or UVDK_EMU_NO_PASID
 * @iova: any address in the page
 * @write: the access would write
 * @group: group of requests that are answered together, 0 to 511
 * @last: the last of its group: the answer comes by page_response()
 *
 * Return: 0; -EPERM (nobody takes page requests of this function; the group, if
 * complete, was answered with a failure, unless the function is gone); -EAGAIN (the queue is full:
 * lost; the group, if complete, was answered); -EINVAL (@group).
 */
int uvdk_emu_page_request(struct uvdk_emu_function *fn, uint32_t pasid, uvdk_iova_t iova,
			  bool write, unsigned int group, bool last);

/**
 * uvdk_emu_dma_load16() - 16-bit atomic acquire load by the device
 * @fn: function
 * @iova: address, 2-byte aligned
 * @value: host byte order of the little-endian field
 *
 * Return: 0 or -EFAULT.
 */
int uvdk_emu_dma_load16(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint16_t *value);

/**
 * uvdk_emu_dma_store16() - 16-bit atomic release store by the device
 * @fn: function
 * @iova: address, 2-byte aligned
 * @value: host byte order
 *
 * Return: 0 or -EFAULT.
 */
int uvdk_emu_dma_store16(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint16_t value);

/**
 * uvdk_emu_irq() - raise an interrupt
 * @fn: function
 * @vector: MSI-X or MSI vector, whichever is on; 0 also raises INTx if neither is
 */
void uvdk_emu_irq(struct uvdk_emu_function *fn, unsigned int vector);

/**
 * uvdk_emu_irq_lower() - the device no longer asserts its INTx line
 * @fn: function
 *
 * The line stays asserted from uvdk_emu_irq() until this is called, and is
 * signalled again each time its owner unmasks it. Call it when the driver has
 * acknowledged the interrupt. Does nothing to MSI and MSI-X.
 */
void uvdk_emu_irq_lower(struct uvdk_emu_function *fn);

/**
 * uvdk_emu_kick() - tell the machine's thread that step() has work; never blocks
 * @fn: function
 *
 * One atomic store: no system call.
 */
void uvdk_emu_kick(struct uvdk_emu_function *fn);

/**
 * uvdk_emu_shared() - object that functions of one machine share by name
 * @emu: machine
 * @key: name, e.g. "virtio-net.link:A"
 * @size: bytes of it, zeroed when first asked for
 *
 * How back-to-back ports find each other. Lives as long as the machine.
 *
 * Return: the object or NULL (out of memory, or asked for with another size).
 */
void *uvdk_emu_shared(struct uvdk_emu *emu, const char *key, size_t size);

/**
 * uvdk_emu_forgets() - may caches forget at any time? (enum uvdk_emu_caching)
 * @emu: machine
 *
 * Return: true with UVDK_EMU_CACHE_FORGETS.
 */
bool uvdk_emu_forgets(const struct uvdk_emu *emu);

/**
 * uvdk_emu_seed() - of what is left to chance
 * @emu: machine
 *
 * Return: as in struct uvdk_emu_opts.
 */
uint64_t uvdk_emu_seed(const struct uvdk_emu *emu);

/**
 * struct uvdk_emu_translator - a function that translates for others
 * @translate: An access of @fn, or part of one, inside a page of 4 KiB: sets *@pa to
 *	the physical address of its first byte, and *@len, which comes as the length
 *	asked about, to how many of its bytes are as @pa says (at least 1, if fewer
 *	than asked for it is called again for the rest); 0, or any other value with
 *	*@why set. Any thread, one at a time for each @iommu, with a lock of @iommu
 *	held until the access is over: see uvdk_emu_translator_settle(). It must
 *	not block, nor access memory as a device.
 * @left: @fn is removed from behind it: whoever comes next may have its number.
 *	Not while @translate runs for @fn. From where the machine's lock is held, as
 *	for the callbacks of struct uvdk_emu_model.
 *
 * For models of I/O MMUs that are functions themselves (virtio-iommu). Accesses of
 * the functions that were put behind it go through @translate in place of the
 * machine's remapping unit. Physical addresses are those of uvdk_emu_iommu_memory():
 * by default, addresses in this process.
 */
struct uvdk_emu_translator {
	int (*translate)(struct uvdk_emu_function *iommu, struct uvdk_emu_function *fn,
			 uvdk_iova_t iova, bool write, uint64_t *pa, size_t *len,
			 enum uvdk_emu_fault_reason *why);
	void (*left)(struct uvdk_emu_function *iommu, struct uvdk_emu_function *fn);
};

/**
 * uvdk_emu_translator_set() - this function translates; from create()
 * @iommu: function
 * @ops: must live as long as the process
 */
void uvdk_emu_translator_set(struct uvdk_emu_function *iommu,
			     const struct uvdk_emu_translator *ops);

/**
 * uvdk_emu_translator_settle() - wait for accesses that were translated already
 * @iommu: function that translates
 *
 * On return no access is under way that @translate answered before. Not from
 * within @translate.
 */
void uvdk_emu_translator_settle(struct uvdk_emu_function *iommu);

/**
 * uvdk_emu_translator_has() - is there such a function behind it?
 * @iommu: function that translates
 * @endpoint: as uvdk_emu_fn_endpoint()
 *
 * Return: true if so. Any thread.
 */
bool uvdk_emu_translator_has(const struct uvdk_emu_function *iommu, uint32_t endpoint);

/**
 * uvdk_emu_fn_endpoint() - the number of a function, for the I/O MMU in front of it
 * @fn: function
 *
 * Return: its requester ID on bus 0: device << 3.
 */
uint32_t uvdk_emu_fn_endpoint(const struct uvdk_emu_function *fn);

/* ---- for the emulated bus and iommu drivers ---- */

/**
 * uvdk_emu_put_behind() - have a function translated for by another one
 * @fn: function, not in use yet
 * @iommu: name of a device on the same machine that translates, e.g.
 *	"emu:virtio_iommu#0"; must not be removed while @fn is there: accesses are
 *	refused then
 *
 * What firmware would say (VIOT). For good. Such a function has no PASIDs: accesses
 * with one are refused, and so are its page requests.
 *
 * Return: 0, -ENOENT (no such device), -EOPNOTSUPP (it does not translate), -EBUSY (@fn
 * is behind one already), -EINVAL (@iommu is @fn, or behind it).
 */
int uvdk_emu_put_behind(struct uvdk_emu_function *fn, const char *iommu);

/**
 * uvdk_emu_plug() - make a function
 * @emu: machine
 * @spec: "emu:MODEL[,key=value...]"
 * @out: new function
 *
 * Return: 0, -EINVAL (arguments), -ENODEV (no such model: the message lists
 * them), -ENOSPC (bus full) or -ENOMEM.
 */
int uvdk_emu_plug(struct uvdk_emu *emu, const char *spec, struct uvdk_emu_function **out);

/**
 * uvdk_emu_unplug_fn() - remove and free a function
 * @fn: function; nobody else may use it any more
 */
void uvdk_emu_unplug_fn(struct uvdk_emu_function *fn);

/**
 * uvdk_emu_fn_gone() - was it removed by surprise?
 * @fn: function
 *
 * Return: true if so.
 */
bool uvdk_emu_fn_gone(const struct uvdk_emu_function *fn);

/**
 * uvdk_emu_fn_set_event() - eventfd written when the function is unplugged
 * @fn: function
 * @fd: eventfd, or -1
 */
void uvdk_emu_fn_set_event(struct uvdk_emu_function *fn, int fd);

/**
 * uvdk_emu_fn_slot() - device number on the emulated bus
 * @fn: function
 *
 * Return: 0 to 31.
 */
uint8_t uvdk_emu_fn_slot(const struct uvdk_emu_function *fn);

/**
 * uvdk_emu_fn_removal_asked() - was its removal asked for with uvdk_emu_unplug()?
 * @fn: function
 *
 * Return: true if so; an orderly removal, see uvdk_emu_fn_gone() for a surprise.
 */
bool uvdk_emu_fn_removal_asked(const struct uvdk_emu_function *fn);

/**
 * uvdk_emu_config_read() - read configuration space
 * @fn: function
 * @off: byte offset
 * @buf: receives @len bytes; all-ones once the function is gone
 * @len: bytes
 *
 * Return: 0 or -EINVAL (past 4096).
 */
int uvdk_emu_config_read(struct uvdk_emu_function *fn, uint32_t off, void *buf, size_t len);

/**
 * uvdk_emu_config_write() - write configuration space
 * @fn: function
 * @off: byte offset
 * @buf: @len bytes
 * @len: bytes
 *
 * Read-only bits keep their value, BARs can be sized, and "initiate function
 * level reset" does that. On return from clearing bus master no DMA is in
 * flight.
 *
 * Return: 0 or -EINVAL (past 4096).
 */
int uvdk_emu_config_write(struct uvdk_emu_function *fn, uint32_t off, const void *buf, size_t len);

/**
 * uvdk_emu_bar_size() - size of a BAR
 * @fn: function
 * @bar: 0 to 5
 *
 * Return: bytes, 0: not implemented (also the upper half of a 64-bit BAR).
 */
uint64_t uvdk_emu_bar_size(const struct uvdk_emu_function *fn, unsigned int bar);

/**
 * uvdk_emu_bar_read() - register read
 * @fn: function
 * @bar: 0 to 5
 * @off: byte offset
 * @width: 1, 2, 4 or 8
 * @value: host byte order; all-ones if the function is gone or its memory
 *	enable is off
 *
 * Return: 0 or -EINVAL (outside the BAR, misaligned, width).
 */
int uvdk_emu_bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
		      unsigned int width, uint64_t *value);

/**
 * uvdk_emu_bar_write() - register write
 * @fn: function
 * @bar: 0 to 5
 * @off: byte offset
 * @width: 1, 2, 4 or 8
 * @value: host byte order
 *
 * Dropped if the function is gone or its memory enable is off.
 *
 * Return: as uvdk_emu_bar_read().
 */
int uvdk_emu_bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
		       unsigned int width, uint64_t value);

/**
 * uvdk_emu_bar_window() - addresses that stand for a BAR
 * @fn: function
 * @bar: 0 to 5
 * @at: receives the start of as many bytes as the BAR has, rounded up to whole pages
 *
 * Nothing can be accessed there, but what a device is translated to there goes to the
 * BAR, in words of up to four bytes. They are taken until the machine is destroyed; the
 * same BAR has the same.
 *
 * Return: 0, -ENOENT (no such BAR), -EOPNOTSUPP (a function that translates), -ENOMEM.
 */
int uvdk_emu_bar_window(struct uvdk_emu_function *fn, unsigned int bar, void **at);

/**
 * uvdk_emu_is_window() - do addresses stand for a BAR?
 * @emu: machine
 * @at: first
 * @len: bytes, not 0
 *
 * Return: whether all of them lie in what uvdk_emu_bar_window() gave for one BAR.
 */
bool uvdk_emu_is_window(struct uvdk_emu *emu, const void *at, size_t len);

/**
 * uvdk_emu_fn_reset() - function reset: model and configuration space
 * @fn: function
 *
 * BAR addresses and interrupt routes stay, as they do for a function reset
 * under vfio; the command register is 0. Not from a model.
 */
void uvdk_emu_fn_reset(struct uvdk_emu_function *fn);

/**
 * uvdk_emu_irq_count() - interrupt vectors of a kind
 * @fn: function
 * @kind: 0 INTx, 1 MSI, 2 MSI-X
 *
 * Return: vectors, 0 if it has none of that kind.
 */
unsigned int uvdk_emu_irq_count(const struct uvdk_emu_function *fn, unsigned int kind);

/**
 * uvdk_emu_irq_route() - route vectors to eventfds, and switch the kind on
 * @fn: function
 * @kind: as above
 * @first: first vector
 * @count: vectors
 * @fds: @count eventfds or -1, borrowed until unrouted; NULL: unroute, mask and
 *	switch off; then @first and @count must cover the kind
 *
 * INTx is signalled once and then masked until uvdk_emu_irq_mask() unmasks it.
 *
 * Return: 0, -EINVAL (vectors out of range) or -EBUSY (another kind is on).
 */
int uvdk_emu_irq_route(struct uvdk_emu_function *fn, unsigned int kind, unsigned int first,
		       unsigned int count, const int *fds);

/**
 * uvdk_emu_irq_mask() - mask or unmask one vector; what came meanwhile is sent
 * @fn: function
 * @kind: as above
 * @vector: vector
 * @masked: true to mask
 *
 * Return: 0 or -EINVAL.
 */
int uvdk_emu_irq_mask(struct uvdk_emu_function *fn, unsigned int kind, unsigned int vector,
		      bool masked);

/**
 * uvdk_emu_irq_trigger() - signal a vector's eventfd by hand, masked or not
 * @fn: function
 * @kind: as above
 * @vector: vector
 *
 * Return: 0 or -EINVAL (out of range or not routed).
 */
int uvdk_emu_irq_trigger(struct uvdk_emu_function *fn, unsigned int kind, unsigned int vector);

/**
 * uvdk_emu_get() - share a machine: one more uvdk_emu_destroy() is needed
 * @emu: machine
 *
 * How an iommu holds the machine it was given.
 */
void uvdk_emu_get(struct uvdk_emu *emu);

/**
 * uvdk_emu_work() - what models have to do, where the machine has no thread for it
 * @emu: machine
 *
 * For drivers that poll: as uvdk_emu_step() of a manual machine, without a system call
 * of its own, and so not in a child of fork().
 *
 * Return: how many models were busy.
 */
unsigned int uvdk_emu_work(struct uvdk_emu *emu);

/**
 * uvdk_emu_iova_bits() - address width of the software IOMMU
 * @emu: machine
 *
 * Return: bits.
 */
unsigned int uvdk_emu_iova_bits(const struct uvdk_emu *emu);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EMU_DRIVER_H */
