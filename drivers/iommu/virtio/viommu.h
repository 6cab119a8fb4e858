/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_H
#define VIOMMU_H

#include <pthread.h>
#include <sys/queue.h>

#include <uvdk_base_driver.h>
#include <uvdk_iommu_driver.h>
#include <uvdk_lock_driver.h>
#include <uvdk_mapq_driver.h>
#include <uvdk_phys_driver.h>
#include <uvdk_topology.h>
#include <uvdk_virtio_driver.h>

/*
 * The iommu "virtio" (and "virtio-emu", the same on an emulated machine): requests to
 * virtio-iommu functions that this process drives itself. Section numbers are those of
 * virtio 1.2.
 *
 * A *unit* is one virtio-iommu. It, and the functions behind it, are opened through an
 * *inner* iommu: noiommu, or emu. Lock order: that of the ioas, the unit's @lock, its
 * ring's. The ring's is never held across a wait.
 */

#define VIOMMU "iommu.virtio"

struct viommu_unit;
struct viommu_domain;

/* What uvdk_iommu_open() makes. */
struct viommu {
	const char *name;		/* as in uvdk_iommu_open() */
	struct uvdk_topology *topology; /* NULL on an emulated machine */
	char *sysfs_root;
	struct uvdk_pci_isolation *isolation; /* of when the latest device was opened, or NULL */
	struct uvdk_iommu *inner;
	struct uvdk_ioas *memory; /* of @inner: rings and requests */
	struct uvdk_emu *emu;	  /* NULL: real */
	struct uvdk_phys phys;
	pthread_mutex_t lock; /* guards the lists; taken last, but for a device's of its command */
	LIST_HEAD(, viommu_unit) units;
	struct viommu_unit *turn; /* emulated: the latest that a function was put behind */
	LIST_HEAD(, viommu_endpoint) endpoints;
	/* events.c; all zeroes is right to begin with. A leaf, but for the rings'. */
	struct uvdk_lock events_lock;
	LIST_HEAD(, viommu_events) events;  /* of the units */
	LIST_HEAD(, viommu_faultq) faultqs; /* who wants to know */
};

/* Of a PROBE (5.13.6.7.1): an IOVA range that no map may be in. */
struct viommu_reserved {
	uint64_t first, last;
	bool msi; /* writes there are interrupts, else they reach nothing */
};

/* A function behind a unit: the private data of a binding. */
struct viommu_endpoint {
	LIST_ENTRY(viommu_endpoint) entry;     /* in viommu->endpoints */
	LIST_ENTRY(viommu_endpoint) of_domain; /* in domain->endpoints */
	struct viommu *viommu;
	struct viommu_unit *unit;
	struct uvdk_iommu_binding *binding; /* the library's */
	struct uvdk_iommu_binding *inner;
	char name[48];
	uint32_t id;		      /* what the unit calls it */
	uint32_t group;		      /* equal: they can't be isolated from each other */
	struct viommu_domain *domain; /* or NULL; guarded by unit->lock and viommu->lock */
	struct viommu_reserved *reserved;
	unsigned int nr_reserved;
};

/* An address space in one unit: a domain of its own. */
struct viommu_domain {
	LIST_ENTRY(viommu_domain) entry;   /* in viommu_ioas.domains, guarded by the ioas lock */
	LIST_ENTRY(viommu_domain) of_unit; /* in unit->domains */
	struct viommu_ioas *ioas;
	struct viommu_unit *unit;
	uint32_t id;
	LIST_HEAD(, viommu_endpoint) endpoints; /* never empty: else the device forgets it */
};

struct viommu_ioas {
	struct viommu *viommu;
	struct uvdk_ioas *ioas;
	LIST_HEAD(, viommu_domain) domains;
	void *maps; /* tree of struct viommu_map; changed with the locks of all its units */
	bool lost;  /* atomic: devices may still reach it: memory is never unlocked */
	struct viommu_mapq *mapq; /* map queues: a list, guarded by its unit's lock */
};

static inline bool viommu_ioas_lost(const struct viommu_ioas *own)
{
	return __atomic_load_n(&own->lost, __ATOMIC_ACQUIRE);
}

/* ---- unit.c, config.c, events.c: the device ---- */

/* What its configuration says (5.13.4), checked. */
struct viommu_config {
	uint64_t page_sizes;
	uint64_t input_first, input_last;   /* IOVAs, inclusive */
	uint32_t domain_first, domain_last; /* numbers, inclusive */
	uint32_t probe_size;		    /* 0: no PROBE */
	bool mmio;			    /* MAP takes VIRTIO_IOMMU_MAP_F_MMIO */
};

struct viommu_ring;
struct viommu_events;

struct viommu_unit {
	LIST_ENTRY(viommu_unit) entry; /* in viommu->units */
	struct viommu *viommu;
	unsigned int index; /* in the topology */
	struct uvdk_device *dev;
	struct uvdk_virtio virtio;
	struct viommu_config config;
	struct viommu_ring *ring;
	struct viommu_events *events;
	pthread_mutex_t lock; /* guards domains, attachments, and putting them back */
	LIST_HEAD(, viommu_domain) domains;
	bool dead;   /* atomic: it has vanished, does not answer, or could not be put back */
	bool shrunk; /* atomic: it can do less than it said at first: no more attachments */

	pthread_mutex_t
		transport; /* guards @virtio, and what is below; then viommu->lock, rings' */
	bool stopped;	   /* it has been reset, and is not to work again */
	int generation;	   /* of its configuration, as of the latest look */
};

/*
 * Open the function and bring it to a known state: reset, features, bypass off before it may
 * work, queues. @spec: PCI address, or "emu:...". 0 or -errno with a sentence; nothing is left
 * behind then. The caller sets @entry.
 */
int viommu_unit_open(struct viommu *viommu, const char *spec, unsigned int index,
		     struct viommu_unit **out);

/* Resets it: no endpoint is attached any more. Bypass stays off where it can be told. */
void viommu_unit_close(struct viommu_unit *unit);

/*
 * Has the device asked for a reset, or been reset behind our back, or is its ring stopped? Then
 * everything is put back: attachments and maps; what was under way ends with -ECANCELED, or
 * -ENODEV. 0, or -ENODEV with @dead set: the device has been reset then, but may keep what was
 * attached (QEMU does). Under unit->lock. A few register reads.
 */
int viommu_unit_check(struct viommu_unit *unit);

/*
 * Give the device up: what is under way ends with @err, @dead is set, and it is reset: its queues
 * are no longer used. Endpoints that were attached reach nothing any more if it forgets them on a
 * reset (QEMU does not). Once; any thread. Return: @err.
 */
int viommu_unit_bury(struct viommu_unit *unit, int err);

/* stop.c: bus mastering off of all that is attached; no lock but unit->lock and @transport. */
void viommu_stop_endpoints(struct viommu_unit *unit);

static inline bool viommu_unit_dead(const struct viommu_unit *unit)
{
	return __atomic_load_n(&unit->dead, __ATOMIC_ACQUIRE);
}

/* config.c: features this driver can use; what the device says, checked; bypass off */
extern const uint64_t viommu_features;
int viommu_config_read(struct uvdk_virtio *virtio, struct viommu_config *out);
int viommu_bypass_off(struct uvdk_virtio *virtio);

/* Has the device become able to do less than @was? Logs what. */
bool viommu_config_shrunk(const char *name, const struct viommu_config *was,
			  const struct viommu_config *now);

/* ---- ring.c: requests ---- */

/* enum viommu_op - request types (5.13.6) */
enum viommu_op {
	VIOMMU_ATTACH = 1,
	VIOMMU_DETACH = 2,
	VIOMMU_MAP = 3,
	VIOMMU_UNMAP = 4,
	VIOMMU_PROBE = 5,
};

/* MAP flags (5.13.6.5) */
#define VIOMMU_MAP_READ	 1u
#define VIOMMU_MAP_WRITE 2u
#define VIOMMU_MAP_MMIO	 4u

/*
 * One request. It is copied; @reply and @status stay where they are until *@status is no longer
 * what the caller set it to, UVDK_MAPQ_PENDING: stored with release order by whoever looks at the
 * ring.
 */
struct viommu_request {
	enum viommu_op op;
	uint32_t domain;
	uint32_t endpoint;    /* ATTACH, DETACH, PROBE */
	uint32_t flags;	      /* MAP: VIOMMU_MAP_*; ATTACH: 1: bypass domain */
	uint64_t first, last; /* MAP, UNMAP: IOVAs, inclusive */
	uint64_t phys;	      /* MAP */
	uint8_t *reply;	      /* PROBE: receives unit->config.probe_size bytes */
	int *status;	      /* 0 or -errno, see viommu_errno() */
};

int viommu_ring_open(struct viommu_unit *unit, struct viommu_ring **out);

/* The device has been reset, or can't reach memory: nobody uses the ring's any more. */
void viommu_ring_close(struct viommu_ring *ring);

/* Give an empty queue to a device that was reset; requests are taken from _resume() on. */
int viommu_ring_start(struct viommu_ring *ring);
void viommu_ring_resume(struct viommu_ring *ring);

/*
 * 0; -EAGAIN: full; -ENODEV: dead; -ECANCELED: stopped, viommu_unit_check() may put it right;
 * -ENXIO: a PROBE, and there is none.
 * Not told to the device yet. Any thread; no system call.
 */
int viommu_ring_submit(struct viommu_ring *ring, const struct viommu_request *request);
void viommu_ring_kick(struct viommu_ring *ring);

/*
 * Look which are over. 0, or -ENODEV or -ECANCELED as above: those that were under way are over,
 * with an error. What they, and all maps, let endpoints reach is safe to use again only after
 * viommu_unit_check() has returned 0. No system call.
 */
int viommu_ring_poll(struct viommu_ring *ring);

/*
 * The device will not answer any more: all that is under way ends with @err, and nothing is taken
 * until it is started again. Slots of requests that never came back rest until then, too.
 */
void viommu_ring_fail(struct viommu_ring *ring, int err);

/*
 * Maps and unmaps of a domain, as many as there is room for: how many. 0, too, if the ring was
 * started anew since it had this @life: all maps are gone then. Like those below it does not wait:
 * if another thread has the lock nothing happens now. try_kick(): false then. No system call, but
 * to wake a thread that waits for the lock meanwhile.
 */
unsigned int viommu_ring_try_submit(struct viommu_ring *ring, uint32_t life, uint32_t domain,
				    struct uvdk_mapq_request *requests, unsigned int count);
bool viommu_ring_try_kick(struct viommu_ring *ring);
int viommu_ring_try_poll(struct viommu_ring *ring);

/* How often it was started; is anything of a domain under way? */
uint32_t viommu_ring_life(const struct viommu_ring *ring);
bool viommu_ring_has(struct viommu_ring *ring, uint32_t domain);

/* 0, or why it takes nothing: -ENODEV, -ECANCELED. */
int viommu_ring_state(const struct viommu_ring *ring);

/* Requests that fit in it at once; those under way; doorbells so far. */
unsigned int viommu_ring_room(const struct viommu_ring *ring);
unsigned int viommu_ring_busy(struct viommu_ring *ring);
uint64_t viommu_ring_doorbells(const struct viommu_ring *ring);

/*
 * call.c: submit, kick, and wait, with a deadline: 0 or -errno with a sentence that has the
 * request, what the device answered, and what would help. @status is its own. -ETIMEDOUT and
 * -ENODEV: the unit is dead. -ECANCELED: the device wants a reset, or has had one:
 * viommu_unit_check(), then once more. Not with the ring's lock.
 */
int viommu_call(struct viommu_unit *unit, const struct viommu_request *request);

/*
 * call.c: nothing is mapped in a domain that we are about to use. A reset should have seen to that
 * (5.13.6), but QEMU 11.1 keeps domains, their maps, and who is attached, until the machine is
 * reset. As viommu_call(); a domain that the device does not know is empty.
 */
int viommu_empty(struct viommu_unit *unit, uint32_t domain);
/* Until nothing of a domain is under way; with the same deadline. */
void viommu_drain(struct viommu_unit *unit, uint32_t domain);

/* Status of a reply (5.13.6) as an errno, which no other status has, and in words. */
int viommu_errno(uint8_t status);
const char *viommu_status_text(uint8_t status);

/* The words of the status that an errno stands for; NULL: none does. */
const char *viommu_errno_text(int err);

/* ---- events.c, faultq.c: faults (5.13.6.8) ---- */

/* As with the ring; _resume() after DRIVER_OK. */
int viommu_events_open(struct viommu_unit *unit, struct viommu_events **out);
void viommu_events_close(struct viommu_events *events);
int viommu_events_start(struct viommu_events *events);
void viommu_events_resume(struct viommu_events *events);

/*
 * priv is the struct viommu; every fault queue gets the faults of all units. Whoever reads one
 * empties the units' event queues. Its descriptor is readable when there are faults, if the unit
 * has an MSI-X vector that the inner iommu can route; else 50 times a second: read what there is.
 * A unit does not say that it dropped faults: UVDK_FAULT_LOST with a count of 0 stands where all
 * of its buffers were in use.
 */
extern const struct uvdk_fault_ops viommu_fault_ops;

/* ---- bind.c, domain.c, map.c, probe.c: as an iommu of the library ---- */

int viommu_probe(struct viommu_endpoint *endpoint);
int viommu_ioas_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags);
int viommu_ioas_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len);

/* Once more after a reset: ATTACH, and each MAP. Under unit->lock. */
int viommu_domain_restore(struct viommu_domain *domain);

/* ---- mapq.c ---- */

/*
 * Under unit->lock: the domain's last endpoint is about to be detached, so that nothing is mapped
 * there any more; it is there again after a reset, attached, but without what map queues map.
 */
void viommu_mapq_end(struct viommu_domain *domain);
void viommu_mapq_restored(struct viommu_domain *domain);

extern const struct uvdk_mapq_ops viommu_mapq_ops;

#endif /* VIOMMU_H */
