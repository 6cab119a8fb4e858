/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_VIRTIO_NET_H
#define UVDK_EMU_VIRTIO_NET_H

#include <uvdk_emu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: The emulated virtio-net function: what to ask for, and how it fared
 *
 * "emu:virtio-net[,key[=value]...]" opens one. Written from virtio 1.2 alone;
 * it checks the driver against the specification, records every violation and
 * then sets DEVICE_NEEDS_RESET. Keys:
 *
 * Queues and features
 *   queues=N          queue pairs, 1 to 8 (1)
 *   size=N            greatest queue size, 2 to 4096, a power of two (256)
 *   mac=XX:XX:..      address (02:75:76:64:6b:SLOT)
 *   mtu=N             68 to 9216 (1500)
 *   notify=N          notify_off_multiplier: 0 or a power of two, 2 to 128 (4)
 *   features=MASK     offer no feature outside this mask
 *   no-mrg no-indirect no-event-idx no-in-order no-mq no-ctrl no-csum
 *                     do not offer that feature
 *   no-batch          with IN_ORDER: an element of the used ring for every
 *                     frame sent, rather than one a batch
 *
 * Where frames come from and go to
 *   source[=N]        receive queues get frames as fast as there are buffers:
 *                     N in all, or without end
 *   len=N|imix        length of them, 60 to 14 + mtu (60); imix: 60, 590 and
 *                     1514 bytes as 7 to 4 to 1
 *   rate=N            frames a second; those without a buffer are dropped
 *   csum=valid|partial|bad   what the driver finds of the UDP checksum
 *   link=NAME         two ports with one NAME on one machine are wired back to
 *                     back; one alone has no carrier. Frames wait, up to a few
 *                     hundred a queue, for the peer to have buffers
 *   lossy             with link: drop rather than wait
 *   capture           keep what is sent, for uvdk_emu_virtio_net_capture()
 * Without link, frames sent end in a sink that counts and verifies them.
 *
 * Misbehaviour: evil=NAME[+NAME...]
 *   cap-loop          the capability list loops
 *   cap-truncated     a capability reaches past the end of the list's space
 *   cap-short         the common configuration's capability is too short
 *   cap-bar           the common configuration is in a BAR that is not there
 *   cap-range         it reaches past the end of its BAR
 *   cap-missing       there is no common configuration
 *   queue-size-0, queue-size-huge, queue-size-odd
 *                     queues have 0, 65535, 100 entries
 *   no-version1       VERSION_1 is not offered
 *   features-ok       FEATURES_OK does not stick
 *   reset-stuck       the status never returns to 0
 *   notify-range      queue_notify_off points past the notification area
 *   pairs-0, pairs-huge   max_virtqueue_pairs is 0, or 0x8000 with few queues
 *   used-idx          the used index jumps ahead
 *   used-id           the used ring names a descriptor that is not there
 *   used-twice        it names one buffer twice
 *   used-len          a length greater than the buffer
 *   used-short        a length less than the network header
 *   num-buffers       a frame claims to be spread over 65535 buffers
 *   num-buffers-0     or over none
 *   hdr-csum          the header asks for a checksum outside of the frame
 *   needs-reset       DEVICE_NEEDS_RESET without cause
 *   hang              nothing moves any more
 *   evil-after=N      the ones of the data path (used-idx and below) start
 *                     after N used buffers (0)
 *
 * A port is named as its device: "emu:virtio-net#0". Every call here is
 * thread-safe.
 */

/**
 * struct uvdk_emu_virtio_net_stats - what a port has seen since it was opened
 * @generated: frames its source made
 * @delivered: frames put into receive buffers
 * @filtered: frames for other addresses, dropped as the driver asked
 * @rx_dropped: frames dropped for want of buffers, or too long for them
 * @sunk: frames taken from the driver into the sink
 * @verified: of these: from a source, whole, in order and for the first time
 * @bad: of these: damaged
 * @duplicates: of these: seen before
 * @out_of_order: of these: overtaken by a later one
 * @missing: frames of a source that were skipped and have not come since
 * @foreign: of @sunk: not from a source
 * @forwarded: frames taken from the driver to the link's other end
 * @tx_dropped: frames taken from the driver without carrier or peer
 * @notifications: doorbells
 * @interrupts: interrupts of queues
 * @violations: rules the driver broke
 */
struct uvdk_emu_virtio_net_stats {
	uint64_t generated;
	uint64_t delivered;
	uint64_t filtered;
	uint64_t rx_dropped;
	uint64_t sunk;
	uint64_t verified;
	uint64_t bad;
	uint64_t duplicates;
	uint64_t out_of_order;
	uint64_t missing;
	uint64_t foreign;
	uint64_t forwarded;
	uint64_t tx_dropped;
	uint64_t notifications;
	uint64_t interrupts;
	uint64_t violations;
};

/**
 * uvdk_emu_virtio_net_get_stats() - counters of a port
 * @emu: machine
 * @name: port
 * @out: filled in
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_emu_virtio_net_get_stats(struct uvdk_emu *emu, const char *name,
				  struct uvdk_emu_virtio_net_stats *out);

/**
 * uvdk_emu_virtio_net_violation() - a rule the driver broke
 * @emu: machine
 * @name: port
 * @index: 0 is the first; 32 are kept, and they survive resets
 * @text: receives a sentence with the section of the specification
 * @len: room in @text
 *
 * Return: 0 or -ENOENT (no such port, or not so many violations).
 */
int uvdk_emu_virtio_net_violation(struct uvdk_emu *emu, const char *name, unsigned int index,
				  char *text, size_t len);

/**
 * uvdk_emu_virtio_net_set_carrier() - pull the cable, or put it back
 * @emu: machine
 * @name: port
 * @up: carrier, where the link has one
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_emu_virtio_net_set_carrier(struct uvdk_emu *emu, const char *name, bool up);

/**
 * uvdk_emu_virtio_net_misbehave() - start or end misbehaviour
 * @emu: machine
 * @name: port
 * @evil: as after "evil=", or "" to behave
 *
 * Misbehaviour in capabilities is fixed when the port is opened.
 *
 * Return: 0, -EINVAL (no such misbehaviour) or -ENOENT.
 */
int uvdk_emu_virtio_net_misbehave(struct uvdk_emu *emu, const char *name, const char *evil);

/**
 * uvdk_emu_virtio_net_inject() - let a port receive a frame
 * @emu: machine
 * @name: port
 * @queue: receive queue, modulo the ones in use
 * @frame: Ethernet frame without FCS
 * @len: 14 to 16384
 *
 * Return: 0, -EINVAL (length), -EAGAIN (too many wait already), -ENOMEM or
 * -ENOENT.
 */
int uvdk_emu_virtio_net_inject(struct uvdk_emu *emu, const char *name, unsigned int queue,
			       const void *frame, size_t len);

/**
 * uvdk_emu_virtio_net_capture() - take the oldest captured frame
 * @emu: machine
 * @name: port opened with "capture"
 * @frame: receives the frame, with its checksum completed
 * @room: bytes in @frame; a longer frame is cut
 *
 * Return: length of the frame, 0 (none), or -ENOENT.
 */
int uvdk_emu_virtio_net_capture(struct uvdk_emu *emu, const char *name, void *frame, size_t room);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EMU_VIRTIO_NET_H */
