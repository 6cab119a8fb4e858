/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_VIRTIO_IOMMU_H
#define UVDK_EMU_VIRTIO_IOMMU_H

#include <uvdk_emu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: The emulated virtio-iommu function: what to ask for, and how it fared
 *
 * "emu:virtio_iommu[,key[=value]...]" opens one; uvdk_emu_put_behind() puts other
 * functions behind it. Written from virtio 1.2 alone (section 5.13). It checks the
 * driver against the specification and records what the driver must not do; what
 * concerns rings and registers makes it set DEVICE_NEEDS_RESET, too, what concerns
 * requests does not. Keys:
 *
 * Features and configuration
 *   size=N            greatest queue size, 2 to 4096, a power of two (256)
 *   notify=N          notify_off_multiplier: 0 or a power of two, 2 to 128 (4)
 *   features=MASK     offer no feature outside this mask
 *   no-input no-domain no-map no-bypass no-probe no-mmio no-indirect no-event-idx
 *                     do not offer that feature
 *   old-bypass        offer BYPASS in place of BYPASS_CONFIG
 *   in-order          offer IN_ORDER; not with order=random
 *   pages=MASK        page_size_mask (0xfffffffffffff000)
 *   input=FIRST:LAST  input_range (0:0x7fffffffff)
 *   domains=FIRST:LAST   domain_range (0:0xffff)
 *   probe=N           probe_size, 0 to 65536 (512)
 *   bypass=0|1        bypass at start (1); resets of the device leave it as it is
 *   resv=FIRST:LAST[:msi][+...]   what PROBE says is reserved, for all endpoints
 *
 * When requests are done and reported. Section 5.13 promises no order, and the rings
 * promise one only with IN_ORDER (2.6). Translations may be cached, and used until
 * the request that ends them is reported.
 *   order=random      in any order; (by default as they come)
 *   delay=N           no sooner than N steps later; order=random: up to N steps (0)
 *   batch=N           report up to N at once; order=random: 1 to N (64)
 *   early             they have their effect when taken, not when reported
 *   events=drop       events that find no buffer are lost; (by default 64 wait)
 *
 * Misbehaviour: evil=NAME[+NAME...]: those of "emu:virtio-net" that concern neither
 * pairs nor headers (uvdk_emu_virtio_net.h), evil-after=N, and
 *   no-answer         requests are taken and never reported
 *   tail-reserved     reserved bytes of the tail are not 0
 *   page-mask-0, input-empty, domain-empty, probe-huge, bypass-2
 *                     configuration that can't be
 *   bypass-stuck      the bypass field can't be changed
 *   probe-random      properties are random bytes
 *   probe-length      a property is longer than the list
 *   probe-unknown     properties of unknown types among the others
 *   probe-reserved    properties with reserved bits among the others
 *   event-flood       an event for each buffer
 *   event-short       events are reported as shorter than they are
 *
 * An instance is named as its device: "emu:virtio_iommu#0". Every call here is
 * thread-safe, but not for use in a model.
 */

/**
 * struct uvdk_emu_virtio_iommu_stats - what an instance has seen since it was opened
 * @requests: requests taken, by type; [0]: of no known type
 * @answers: requests reported, by status
 * @unwritten: requests reported without a status
 * @pending: requests taken and not reported
 * @notifications: doorbells
 * @interrupts: interrupts of queues
 * @domains: that there are now
 * @maps: that there are now, in all domains
 * @attached: endpoints attached now
 * @bypass: the bypass field
 * @hits: accesses translated out of a cache
 * @walks: accesses translated anew
 * @refused: accesses refused
 * @events: events written
 * @events_lost: events that nobody will see
 * @advice: what the driver should not do (SHOULD NOT), and did
 * @violations: rules (MUST) that the driver broke
 */
struct uvdk_emu_virtio_iommu_stats {
	uint64_t requests[6];
	uint64_t answers[9];
	uint64_t unwritten;
	uint64_t pending;
	uint64_t notifications;
	uint64_t interrupts;
	uint64_t domains;
	uint64_t maps;
	uint64_t attached;
	uint64_t bypass;
	uint64_t hits;
	uint64_t walks;
	uint64_t refused;
	uint64_t events;
	uint64_t events_lost;
	uint64_t advice;
	uint64_t violations;
};

/**
 * uvdk_emu_virtio_iommu_get_stats() - counters of an instance
 * @emu: machine
 * @name: instance
 * @out: filled in
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_emu_virtio_iommu_get_stats(struct uvdk_emu *emu, const char *name,
				    struct uvdk_emu_virtio_iommu_stats *out);

/**
 * uvdk_emu_virtio_iommu_violation() - a rule the driver broke
 * @emu: machine
 * @name: instance
 * @index: 0 is the first; 32 are kept, and they survive resets
 * @text: receives a sentence with the section of the specification
 * @len: room in @text
 *
 * Return: 0 or -ENOENT (no such instance, or not so many violations).
 */
int uvdk_emu_virtio_iommu_violation(struct uvdk_emu *emu, const char *name, unsigned int index,
				    char *text, size_t len);

/**
 * uvdk_emu_virtio_iommu_misbehave() - start or end misbehaviour
 * @emu: machine
 * @name: instance
 * @evil: as after "evil=", or "" to behave
 *
 * Misbehaviour in capabilities is fixed when the instance is opened.
 *
 * Return: 0, -EINVAL (no such misbehaviour) or -ENOENT.
 */
int uvdk_emu_virtio_iommu_misbehave(struct uvdk_emu *emu, const char *name, const char *evil);

/* In place of a status: the request is never reported; it goes back unwritten. */
#define UVDK_EMU_VIRTIO_IOMMU_NEVER	(-1)
#define UVDK_EMU_VIRTIO_IOMMU_UNWRITTEN (-2)

/**
 * uvdk_emu_virtio_iommu_answer() - answer the next requests of a type by command
 * @emu: machine
 * @name: instance
 * @type: 1 to 5 (5.13.6), or 0: any
 * @status: 0 to 255, or one of the above
 * @count: how many; those that follow are done as ever
 *
 * They are answered so and not done, whatever is in them.
 *
 * Return: 0, -EINVAL or -ENOENT.
 */
int uvdk_emu_virtio_iommu_answer(struct uvdk_emu *emu, const char *name, unsigned int type,
				 int status, unsigned int count);

/**
 * uvdk_emu_virtio_iommu_event() - write an event, whatever it says
 * @emu: machine
 * @name: instance
 * @event: 24 bytes (5.13.6.9)
 * @count: how many times; 64 events wait, what is beyond is lost
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_emu_virtio_iommu_event(struct uvdk_emu *emu, const char *name, const void *event,
				unsigned int count);

/**
 * struct uvdk_emu_virtio_iommu_config - device configuration (5.13.4)
 * @page_size_mask: as there
 * @input_start: first IOVA
 * @input_end: last IOVA
 * @domain_start: first domain
 * @domain_end: last domain
 * @probe_size: bytes of properties
 * @bypass: 0 or 1; 2 to 255 are shown, and mean 1
 */
struct uvdk_emu_virtio_iommu_config {
	uint64_t page_size_mask;
	uint64_t input_start;
	uint64_t input_end;
	uint32_t domain_start;
	uint32_t domain_end;
	uint32_t probe_size;
	uint8_t bypass;
};

/**
 * uvdk_emu_virtio_iommu_get_config() - device configuration as it is now
 * @emu: machine
 * @name: instance
 * @config: filled in
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_emu_virtio_iommu_get_config(struct uvdk_emu *emu, const char *name,
				     struct uvdk_emu_virtio_iommu_config *config);

/**
 * uvdk_emu_virtio_iommu_set_config() - change it, and tell the driver
 * @emu: machine
 * @name: instance
 * @config: contents, also such as can't be
 *
 * What is mapped and attached stays. Requests are held against the new contents.
 *
 * Return: 0, -EINVAL (@probe_size over 65536) or -ENOENT.
 */
int uvdk_emu_virtio_iommu_set_config(struct uvdk_emu *emu, const char *name,
				     const struct uvdk_emu_virtio_iommu_config *config);

/**
 * uvdk_emu_virtio_iommu_needs_reset() - ask for a reset, out of nothing
 * @emu: machine
 * @name: instance
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_emu_virtio_iommu_needs_reset(struct uvdk_emu *emu, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EMU_VIRTIO_IOMMU_H */
