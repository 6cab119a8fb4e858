/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_VIRTIO_H
#define UVDK_EMU_VIRTIO_H

#include <pthread.h>

#include <uvdk_emu_driver.h>
#include <uvdk_emu_virtq.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: The device's side of the modern PCI transport, for models of virtio devices
 *
 * Written from virtio 1.2, section 4.1, and shared with no driver: identity,
 * capabilities, MSI-X, common configuration, status, doorbells and interrupts. BAR
 * 1 holds MSI-X, BAR 4 the rest. Whatever the driver does that the specification
 * forbids is a *violation*: it is kept, with a sentence, and DEVICE_NEEDS_RESET
 * is set.
 *
 * A model has a struct uvdk_emu_virtio as the first member of its private data,
 * fills in what is marked so, and calls uvdk_emu_virtio_init() from its create().
 * Registers take the lock, waiting; step only tries, and stands aside while
 * somebody waits. All but uvdk_emu_virtio_lock() and the callbacks of struct
 * uvdk_emu_model runs under the lock.
 */

/* Status (2.1), ISR (4.1.4.5), and what stands for no vector (4.1.5.1.2). */
#define UVDK_EMU_VIRTIO_S_DRIVER_OK   0x04u
#define UVDK_EMU_VIRTIO_S_FEATURES_OK 0x08u
#define UVDK_EMU_VIRTIO_S_NEEDS_RESET 0x40u
#define UVDK_EMU_VIRTIO_ISR_QUEUE     0x1
#define UVDK_EMU_VIRTIO_ISR_CONFIG    0x2
#define UVDK_EMU_VIRTIO_NO_VECTOR     0xffff

/* Features of the rings and the transport (section 6). */
#define UVDK_EMU_VIRTIO_F_INDIRECT	  (UINT64_C(1) << 28)
#define UVDK_EMU_VIRTIO_F_EVENT_IDX	  (UINT64_C(1) << 29)
#define UVDK_EMU_VIRTIO_F_VERSION_1	  (UINT64_C(1) << 32)
#define UVDK_EMU_VIRTIO_F_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define UVDK_EMU_VIRTIO_F_IN_ORDER	  (UINT64_C(1) << 35)

/* The BAR of MSI-X, and the one of all else. */
#define UVDK_EMU_VIRTIO_BAR_MSIX 1
#define UVDK_EMU_VIRTIO_BAR	 4

/* Violations whose text is kept. */
#define UVDK_EMU_VIRTIO_VIOLATIONS 32

/**
 * enum uvdk_emu_virtio_evil - misbehaviour that all have in common: bit numbers
 * @UVDK_EMU_VIRTIO_CAP_LOOP: cap-loop: the capability list loops
 * @UVDK_EMU_VIRTIO_CAP_TRUNCATED: cap-truncated: a capability reaches past its end
 * @UVDK_EMU_VIRTIO_CAP_SHORT: cap-short: the common configuration's is too short
 * @UVDK_EMU_VIRTIO_CAP_BAR: cap-bar: it is in a BAR that is not there
 * @UVDK_EMU_VIRTIO_CAP_RANGE: cap-range: it reaches past the end of its BAR
 * @UVDK_EMU_VIRTIO_CAP_MISSING: cap-missing: there is none
 * @UVDK_EMU_VIRTIO_QUEUE_SIZE_0: queue-size-0: queues have no entries
 * @UVDK_EMU_VIRTIO_QUEUE_SIZE_HUGE: queue-size-huge: or 65535
 * @UVDK_EMU_VIRTIO_QUEUE_SIZE_ODD: queue-size-odd: or 100
 * @UVDK_EMU_VIRTIO_NO_VERSION1: no-version1: VERSION_1 is not offered
 * @UVDK_EMU_VIRTIO_FEATURES_OK: features-ok: FEATURES_OK does not stick
 * @UVDK_EMU_VIRTIO_RESET_STUCK: reset-stuck: the status never returns to 0
 * @UVDK_EMU_VIRTIO_NOTIFY_RANGE: notify-range: queue_notify_off is out of its area
 * @UVDK_EMU_VIRTIO_USED_IDX: used-idx: the used index jumps ahead
 * @UVDK_EMU_VIRTIO_USED_ID: used-id: a descriptor that is not there is used
 * @UVDK_EMU_VIRTIO_USED_TWICE: used-twice: one buffer is used twice
 * @UVDK_EMU_VIRTIO_USED_LEN: used-len: a length greater than the buffer
 * @UVDK_EMU_VIRTIO_USED_SHORT: used-short: one too short for anything
 * @UVDK_EMU_VIRTIO_NEEDS_RESET: needs-reset: DEVICE_NEEDS_RESET without cause
 * @UVDK_EMU_VIRTIO_HANG: hang: nothing moves any more
 * @UVDK_EMU_VIRTIO_EVILS: where a model's own begin
 */
enum uvdk_emu_virtio_evil {
	UVDK_EMU_VIRTIO_CAP_LOOP,
	UVDK_EMU_VIRTIO_CAP_TRUNCATED,
	UVDK_EMU_VIRTIO_CAP_SHORT,
	UVDK_EMU_VIRTIO_CAP_BAR,
	UVDK_EMU_VIRTIO_CAP_RANGE,
	UVDK_EMU_VIRTIO_CAP_MISSING,
	UVDK_EMU_VIRTIO_QUEUE_SIZE_0,
	UVDK_EMU_VIRTIO_QUEUE_SIZE_HUGE,
	UVDK_EMU_VIRTIO_QUEUE_SIZE_ODD,
	UVDK_EMU_VIRTIO_NO_VERSION1,
	UVDK_EMU_VIRTIO_FEATURES_OK,
	UVDK_EMU_VIRTIO_RESET_STUCK,
	UVDK_EMU_VIRTIO_NOTIFY_RANGE,
	UVDK_EMU_VIRTIO_USED_IDX,
	UVDK_EMU_VIRTIO_USED_ID,
	UVDK_EMU_VIRTIO_USED_TWICE,
	UVDK_EMU_VIRTIO_USED_LEN,
	UVDK_EMU_VIRTIO_USED_SHORT,
	UVDK_EMU_VIRTIO_NEEDS_RESET,
	UVDK_EMU_VIRTIO_HANG,
	UVDK_EMU_VIRTIO_EVILS,
};

struct uvdk_emu_virtio;

/**
 * struct uvdk_emu_virtio_ops - what a device type adds
 * @log: name for messages
 * @queues: how many queues there are with the features negotiated
 * @features_wrong: a combination of accepted features that the driver must not
 *	make, in words; NULL: none
 * @reset: device reset: its own state
 * @running: it goes live, or stops
 * @work: one step: registers apart, all that it does. True: there was something.
 * @config_read: device configuration; false: not accessible so (4.1.3.1)
 * @config_write: the same; NULL: it is read-only
 */
struct uvdk_emu_virtio_ops {
	const char *log;
	unsigned int (*queues)(const struct uvdk_emu_virtio *v);
	const char *(*features_wrong)(const struct uvdk_emu_virtio *v);
	void (*reset)(struct uvdk_emu_virtio *v);
	void (*running)(struct uvdk_emu_virtio *v, bool running);
	bool (*work)(struct uvdk_emu_virtio *v);
	bool (*config_read)(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width,
			    uint64_t *value);
	bool (*config_write)(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width,
			     uint64_t value);
};

/**
 * struct uvdk_emu_virtio_queue - a queue and its registers
 * @vq: its rings
 * @size: entries
 * @vector: MSI-X vector
 * @enabled: queue_enable is 1
 * @desc: descriptor area
 * @driver: available ring
 * @device: used ring
 * @kicked: the doorbell rang; atomic
 * @notifications: doorbells; atomic
 * @more: there may be buffers
 * @batch: with IN_ORDER: one used element for all that are flushed together
 */
struct uvdk_emu_virtio_queue {
	struct uvdk_emu_virtq vq;
	uint16_t size;
	uint16_t vector;
	bool enabled;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
	bool kicked;
	uint64_t notifications;
	bool more;
	bool batch;
};

/**
 * struct uvdk_emu_virtio - registers of a virtio device
 * @fn: function; filled in by the model, as is what follows
 * @ops: device type
 * @type: its number (section 5)
 * @class_code: of PCI
 * @config_len: bytes of device configuration
 * @device_features: what it can do
 * @multiplier: notify_off_multiplier: 0 or a power of two from 2
 * @max_size: greatest queue size
 * @max_queues: queues, if all features are accepted
 * @queue: that many; by uvdk_emu_virtio_init()
 * @evil: misbehaviour: bits of enum uvdk_emu_virtio_evil and the model's own
 * @evil_after: that of the data path starts after so many used buffers
 * @status: device status; atomic, as are the next two: doorbells take no lock
 * @queues: queues that exist with the features negotiated
 * @bad_notify: 0, or index | kind << 16
 * @lock: guards the rest
 * @waiting: threads that want it; atomic
 * @device_select: device_feature_select
 * @driver_select: driver_feature_select
 * @offered: features
 * @features: accepted
 * @config_vector: MSI-X vector of configuration changes
 * @queue_select: register of that name
 * @generation: config_generation
 * @isr: register of that name
 * @config_irq: to be raised by step
 * @live: DRIVER_OK, and nothing wrong since
 * @used_total: buffers used so far
 * @interrupts: interrupts of queues
 * @violations: rules the driver broke
 * @violation: the first of them, in words
 */
struct uvdk_emu_virtio {
	struct uvdk_emu_function *fn;
	const struct uvdk_emu_virtio_ops *ops;
	uint16_t type;
	uint32_t class_code;
	uint32_t config_len;
	uint64_t device_features;
	unsigned int multiplier;
	uint16_t max_size;
	unsigned int max_queues;
	struct uvdk_emu_virtio_queue *queue;
	uint64_t evil;
	uint64_t evil_after;

	unsigned int status;
	unsigned int queues;
	unsigned int bad_notify;
	pthread_mutex_t lock;
	unsigned int waiting;
	uint32_t device_select;
	uint32_t driver_select;
	uint64_t offered;
	uint64_t features;
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t generation;
	uint8_t isr;
	bool config_irq;
	bool live;
	uint64_t used_total;
	uint64_t interrupts;
	uint64_t violations;
	char violation[UVDK_EMU_VIRTIO_VIOLATIONS][192];
};

/**
 * uvdk_emu_virtio_init() - lock and queues; from create(), first of all
 * @v: zeroed, but for what the model fills in
 *
 * Return: 0 or -ENOMEM. uvdk_emu_virtio_fini() is due in any case.
 */
int uvdk_emu_virtio_init(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_fini() - free what init allocated
 * @v: after uvdk_emu_virtio_init()
 */
void uvdk_emu_virtio_fini(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_describe() - identity, BARs, capabilities; from create()
 * @v: registers, with their misbehaviour
 *
 * Return: 0 or -ENOSPC.
 */
int uvdk_emu_virtio_describe(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_reset() - device reset (2.4)
 * @v: registers
 */
void uvdk_emu_virtio_reset(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_lock() - take the lock
 * @v: registers
 */
void uvdk_emu_virtio_lock(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_unlock() - give it back
 * @v: registers
 */
void uvdk_emu_virtio_unlock(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_add() - can be found by name; from create(), last of all
 * @v: described; uvdk_emu_virtio_remove() is due on success
 *
 * Return: 0, -ENOMEM or -ENOSPC.
 */
int uvdk_emu_virtio_add(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_remove() - undo uvdk_emu_virtio_add(); from destroy(), first of all
 * @v: registers
 */
void uvdk_emu_virtio_remove(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_hold() - find a device, and keep it: with its lock, and against removal
 * @emu: machine
 * @type: of this type
 * @name: name of the function; uvdk_emu_virtio_release() is due on success
 *
 * Return: registers, or NULL (no sentence).
 */
struct uvdk_emu_virtio *uvdk_emu_virtio_hold(struct uvdk_emu *emu, uint16_t type, const char *name);

/**
 * uvdk_emu_virtio_release() - undo uvdk_emu_virtio_hold()
 * @v: registers
 */
void uvdk_emu_virtio_release(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_notifications() - doorbells of all queues
 * @v: registers
 *
 * Return: how many rang.
 */
uint64_t uvdk_emu_virtio_notifications(const struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_violation() - a rule that the driver broke, in words
 * @v: registers
 * @index: from 0
 * @text: receives the sentence
 * @len: room in @text
 *
 * Return: 0 or -ENOENT (no such, or its text was not kept).
 */
int uvdk_emu_virtio_violation(const struct uvdk_emu_virtio *v, unsigned int index, char *text,
			      size_t len);

/**
 * uvdk_emu_virtio_note() - the driver broke a rule, and the device goes on
 * @v: registers
 * @fmt: printf format of a sentence with the section of the specification
 */
void uvdk_emu_virtio_note(struct uvdk_emu_virtio *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * uvdk_emu_virtio_violate() - the driver broke a rule: the device needs a reset
 * @v: registers
 * @fmt: as in uvdk_emu_virtio_note()
 */
void uvdk_emu_virtio_violate(struct uvdk_emu_virtio *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * uvdk_emu_virtio_needs_reset() - nothing moves any more, and the driver is told
 * @v: registers
 */
void uvdk_emu_virtio_needs_reset(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_config_changed() - device configuration has other contents now
 * @v: registers
 */
void uvdk_emu_virtio_config_changed(struct uvdk_emu_virtio *v);

/**
 * uvdk_emu_virtio_looking() - is there reason to look at a queue?
 * @v: registers
 * @q: queue
 *
 * Return: true if so, and then the driver need not ring.
 */
bool uvdk_emu_virtio_looking(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q);

/**
 * uvdk_emu_virtio_rest() - the queue is empty: sleep until the doorbell
 * @v: registers
 * @q: queue
 *
 * Return: true if something came meanwhile.
 */
bool uvdk_emu_virtio_rest(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q);

/**
 * uvdk_emu_virtio_flush() - publish used buffers, and tell the driver
 * @v: registers
 * @q: queue; its lies are told
 * @written: its buffers are for the device to write
 */
void uvdk_emu_virtio_flush(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q,
			   bool written);

/**
 * uvdk_emu_virtio_broken() - a queue's helper found a rule broken
 * @v: registers
 * @q: queue
 */
void uvdk_emu_virtio_broken(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q);

/**
 * uvdk_emu_virtio_parse_evil() - misbehaviour by name
 * @text: names with "+" between
 * @own: the model's own names, in the order of their bits
 * @count: of them
 * @log: name for the message
 * @evil: out
 *
 * Return: 0 or -EINVAL.
 */
int uvdk_emu_virtio_parse_evil(const char *text, const char *const *own, unsigned int count,
			       const char *log, uint64_t *evil);

/* ---- callbacks of struct uvdk_emu_model, for functions whose private data begin so ---- */

/**
 * uvdk_emu_virtio_bar_read() - register read
 * @fn: function
 * @bar: BAR
 * @off: offset
 * @width: bytes
 *
 * Return: value.
 */
uint64_t uvdk_emu_virtio_bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
				  unsigned int width);

/**
 * uvdk_emu_virtio_bar_write() - register write
 * @fn: function
 * @bar: BAR
 * @off: offset
 * @width: bytes
 * @value: value
 */
void uvdk_emu_virtio_bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			       unsigned int width, uint64_t value);

/**
 * uvdk_emu_virtio_step() - do pending work
 * @fn: function
 *
 * Return: true if there was some.
 */
bool uvdk_emu_virtio_step(struct uvdk_emu_function *fn);

/**
 * uvdk_emu_virtio_fn_reset() - function reset
 * @fn: function
 */
void uvdk_emu_virtio_fn_reset(struct uvdk_emu_function *fn);

/**
 * uvdk_emu_virtio_has() - was a feature negotiated?
 * @v: registers
 * @feature: its bit
 *
 * Return: true if so.
 */
static inline bool uvdk_emu_virtio_has(const struct uvdk_emu_virtio *v, uint64_t feature)
{
	return v->features & feature;
}

/**
 * uvdk_emu_virtio_evil() - does it misbehave so?
 * @v: registers
 * @evil: bit number
 *
 * Return: true if so.
 */
static inline bool uvdk_emu_virtio_evil(const struct uvdk_emu_virtio *v, unsigned int evil)
{
	return v->evil & (UINT64_C(1) << evil);
}

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EMU_VIRTIO_H */
