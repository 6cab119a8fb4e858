/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_VIRTIO_DRIVER_H
#define UVDK_VIRTIO_DRIVER_H

#include <uvdk_base_driver.h>
#include <uvdk_device.h>
#include <uvdk_virtq_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Virtio over PCI, the modern transport
 *
 * What every driver of a virtio function shares. Section numbers are those of
 * "Virtual I/O Device (VIRTIO) Version 1.2".
 *
 * Call order: uvdk_virtio_open() -> uvdk_virtio_begin() ->
 * uvdk_virtio_negotiate() -> configuration and queues ->
 * uvdk_virtio_driver_ok() -> work -> uvdk_virtio_reset(). From a reset it may
 * begin anew. One thread at a time.
 *
 * Nothing the device says is trusted: what is out of bounds is -EPROTO with a
 * sentence that names the register and the value, and waiting has a deadline.
 */

/* Feature bits that belong to no device type (6). */
#define UVDK_VIRTIO_F_INDIRECT_DESC   (UINT64_C(1) << 28)
#define UVDK_VIRTIO_F_EVENT_IDX	      (UINT64_C(1) << 29)
#define UVDK_VIRTIO_F_VERSION_1	      (UINT64_C(1) << 32)
#define UVDK_VIRTIO_F_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define UVDK_VIRTIO_F_RING_PACKED     (UINT64_C(1) << 34)
#define UVDK_VIRTIO_F_IN_ORDER	      (UINT64_C(1) << 35)
#define UVDK_VIRTIO_F_ORDER_PLATFORM  (UINT64_C(1) << 36)

/* Device status bits (2.1). */
#define UVDK_VIRTIO_STATUS_ACKNOWLEDGE 0x01
#define UVDK_VIRTIO_STATUS_DRIVER      0x02
#define UVDK_VIRTIO_STATUS_DRIVER_OK   0x04
#define UVDK_VIRTIO_STATUS_FEATURES_OK 0x08
#define UVDK_VIRTIO_STATUS_NEEDS_RESET 0x40
#define UVDK_VIRTIO_STATUS_FAILED      0x80

/**
 * struct uvdk_virtio_area - one structure that a capability points to (4.1.4)
 * @region: BAR that holds it
 * @off: its first byte
 * @len: bytes; 0: the device has none
 */
struct uvdk_virtio_area {
	struct uvdk_region region;
	uint64_t off;
	uint64_t len;
};

/**
 * struct uvdk_virtio - the transport of one device
 * @dev: the function; must outlive this
 * @name: its name, for messages
 * @common: common configuration (4.1.4.3)
 * @notify: doorbells (4.1.4.4)
 * @isr: interrupt status (4.1.4.5)
 * @config: device-specific configuration (4.1.4.6); @len 0 if there is none
 * @notify_multiplier: bytes between doorbells
 * @offered: features the device offers, as of uvdk_virtio_begin()
 * @features: features in force, as of uvdk_virtio_negotiate()
 * @nr_queues: queues the device has, as of uvdk_virtio_begin()
 */
struct uvdk_virtio {
	struct uvdk_device *dev;
	const char *name;
	struct uvdk_virtio_area common;
	struct uvdk_virtio_area notify;
	struct uvdk_virtio_area isr;
	struct uvdk_virtio_area config;
	uint32_t notify_multiplier;
	uint64_t offered;
	uint64_t features;
	unsigned int nr_queues;
};

/**
 * uvdk_virtio_open() - find the device's structures
 * @dev: opened function
 * @out: filled in; holds nothing that needs freeing
 *
 * Turns on memory decoding, and INTx off: these drivers poll. Bus mastering is
 * left alone until uvdk_virtio_begin() has reset the device.
 *
 * Return: 0; -EOPNOTSUPP (no modern transport: says which structure is
 * missing); -EPROTO (a structure lies outside its BAR); -ELOOP or -EBADMSG
 * (capability list); -ENODEV; -EIO.
 */
int uvdk_virtio_open(struct uvdk_device *dev, struct uvdk_virtio *out);

/**
 * uvdk_virtio_reset() - reset the device and wait until it says so (2.4)
 * @v: transport
 *
 * After it the device touches no memory. Should it not answer within the
 * deadline its bus mastering is turned off, so that this holds all the same.
 *
 * Return: 0, -EPROTO (it never finished), or -ENODEV.
 */
int uvdk_virtio_reset(struct uvdk_virtio *v);

/**
 * uvdk_virtio_begin() - reset, then steps 1 to 3 of initialisation (3.1.1)
 * @v: transport
 *
 * Reads what is offered and how many queues there are. Bus mastering is on
 * afterwards.
 *
 * Return: 0, -EPROTO or -ENODEV.
 */
int uvdk_virtio_begin(struct uvdk_virtio *v);

/**
 * uvdk_virtio_negotiate() - accept features (3.1.1, steps 4 to 6)
 * @v: transport, begun
 * @wanted: features the driver can use
 *
 * VERSION_1 is always required. ACCESS_PLATFORM is always accepted; a device
 * without it bypasses the IOMMU, so it is refused unless there is none.
 *
 * Return: 0 with @v->features in force; -EOPNOTSUPP (VERSION_1 or
 * ACCESS_PLATFORM missing); -EPROTO (the device takes the choice back);
 * -ENODEV.
 */
int uvdk_virtio_negotiate(struct uvdk_virtio *v, uint64_t wanted);

/**
 * uvdk_virtio_driver_ok() - the device may start to work (3.1.1, step 8)
 * @v: transport, negotiated, queues enabled
 *
 * Return: 0, -EPROTO or -ENODEV.
 */
int uvdk_virtio_driver_ok(struct uvdk_virtio *v);

/**
 * uvdk_virtio_status() - device status register
 * @v: transport
 *
 * Return: UVDK_VIRTIO_STATUS_* bits, or -ENODEV.
 */
int uvdk_virtio_status(struct uvdk_virtio *v);

/**
 * uvdk_virtio_config_read() - read device configuration in one piece (2.5)
 * @v: transport
 * @off: offset of the first field
 * @width: bytes a field: 1, 2 or 4
 * @count: fields
 * @buf: receives the fields in host byte order
 *
 * All fields come from one generation of the configuration.
 *
 * Return: 0; -EPROTO (the structure is too short, or its generation never
 * settles); -ENODEV; -EIO.
 */
int uvdk_virtio_config_read(struct uvdk_virtio *v, uint32_t off, unsigned int width,
			    unsigned int count, void *buf);

/**
 * uvdk_virtio_config_write8() - write a byte of device configuration
 * @v: transport, negotiated
 * @off: its offset
 * @value: what to write; the device need not take it
 *
 * Return: 0; -EPROTO (the structure is too short); -ENODEV; -EIO.
 */
int uvdk_virtio_config_write8(struct uvdk_virtio *v, uint32_t off, uint8_t value);

/**
 * uvdk_virtio_generation() - changes whenever the device changes its configuration (2.5.1)
 * @v: transport
 *
 * Return: 0 to 255, or -ENODEV.
 */
int uvdk_virtio_generation(struct uvdk_virtio *v);

/**
 * uvdk_virtio_queue_size() - entries a queue may have
 * @v: transport, negotiated
 * @index: queue
 *
 * Return: 1 to 32768, a power of two; -ENOENT (no such queue); -EPROTO (absurd
 * size: named); -ENODEV.
 */
int uvdk_virtio_queue_size(struct uvdk_virtio *v, unsigned int index);

/**
 * uvdk_virtio_queue_enable() - give a queue to the device (4.1.5.1.3)
 * @v: transport, negotiated
 * @vq: empty queue; its doorbell and options are filled in
 *
 * Return: 0, -EPROTO (doorbell outside its structure, size or enable not
 * taken), or -ENODEV.
 */
int uvdk_virtio_queue_enable(struct uvdk_virtio *v, struct uvdk_virtq *vq);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_VIRTIO_DRIVER_H */
