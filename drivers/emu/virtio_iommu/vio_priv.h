/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIO_PRIV_H
#define VIO_PRIV_H

#include <sys/queue.h>

#include <uvdk_emu_virtio.h>
#include <uvdk_emu_virtio_iommu.h>

#include "vio_regs.h"

#define VIO_LOG	      "emu.virtio_iommu"
#define VIO_SLOTS     32 /* device numbers behind it */
#define VIO_CACHE     256
#define VIO_FAULTS    64
#define VIO_RESV_MAX  16
#define VIO_BATCH     64 /* requests reported together */
#define VIO_PROBE_MAX 65536
#define VIO_PAGE      UINT64_C(4096)

/* Misbehaviour of its own, bit numbers; see uvdk_emu_virtio_iommu.h. */
enum vio_evil {
	VIO_EVIL_NO_ANSWER = UVDK_EMU_VIRTIO_EVILS,
	VIO_EVIL_TAIL_RESERVED,
	VIO_EVIL_PAGE_MASK_0,
	VIO_EVIL_INPUT_EMPTY,
	VIO_EVIL_DOMAIN_EMPTY,
	VIO_EVIL_PROBE_HUGE,
	VIO_EVIL_BYPASS_2,
	VIO_EVIL_PROBE_RANDOM,
	VIO_EVIL_PROBE_LENGTH,
	VIO_EVIL_PROBE_UNKNOWN,
	VIO_EVIL_PROBE_RESERVED,
	VIO_EVIL_EVENT_FLOOD,
	VIO_EVIL_EVENT_SHORT,
	VIO_EVIL_BYPASS_STUCK,
	VIO_EVILS,
};

struct vio_resv {
	uint64_t first, last;
	uint8_t subtype;
};

/* Arguments; fixed once parsed. */
struct vio_conf {
	uint64_t features;
	uint16_t size;
	unsigned int multiplier;
	struct uvdk_emu_virtio_iommu_config config;
	struct vio_resv resv[VIO_RESV_MAX];
	unsigned int nr_resv;
	bool random; /* order */
	bool early;  /* requests have their effect when they are taken */
	bool drop;   /* events that find no buffer */
	unsigned int delay;
	unsigned int batch;
	uint64_t evil;
	uint64_t evil_after;
};

/* One MAP request: a node of a treap, by first address. */
struct vio_map {
	struct vio_map *left, *right;
	uint64_t first, last;
	uint64_t phys;
	uint32_t flags;
	uint32_t priority;
};

struct vio_domain {
	LIST_ENTRY(vio_domain) entry;
	uint32_t id;
	bool bypass;
	unsigned int endpoints;
	struct vio_map *maps;
	uint64_t nr_maps;
};

/* A page of an endpoint, once looked up. */
struct vio_cached {
	bool valid;
	uint8_t right;	 /* VIO_MAP_F_READ, _WRITE */
	uint64_t doomed; /* 0, or the request that ends it and is not reported yet */
	uint64_t page;	 /* address >> 12 */
	uint64_t pa;
};

struct vio_endpoint {
	struct vio_domain *domain; /* NULL: none */
	struct vio_cached cache[VIO_CACHE];
	unsigned int doomed; /* of these */
};

/* One that was taken and is not reported as used yet. */
struct vio_request {
	TAILQ_ENTRY(vio_request) entry;
	struct uvdk_emu_virtq_chain chain;
	unsigned int room; /* of chain.seg */
	uint8_t in[VIO_READ_MAX];
	uint64_t number;
	unsigned int due; /* steps from now */
	bool done;	  /* it has had its effect */
	bool ends;	  /* it ends translations: caches may hold some until it is reported */
	bool mute;	  /* goes back unwritten */
	bool never;	  /* will not go back */
	uint8_t status;
};

TAILQ_HEAD(vio_requests, vio_request);

/* The next ones of a type are answered so, and not done. */
struct vio_answer {
	int status;
	unsigned int count;
};

struct vio {
	struct uvdk_emu_virtio v; /* first; its lock guards what does not say otherwise */
	struct vio_conf conf;
	struct uvdk_emu_virtio_iommu_config config; /* as shown now */
	struct vio_requests pending;		    /* oldest first */
	struct vio_requests unused;
	unsigned int nr_pending;
	uint64_t number;			 /* of the latest request */
	uint64_t heads[UVDK_EMU_VIRTQ_MAX / 64]; /* bit a descriptor: its chain is pending */
	uint64_t random;
	struct vio_answer answer[VIO_TYPES];
	struct uvdk_emu_virtq_chain event; /* buffer being filled */
	uint8_t *reply;			   /* VIO_PROBE_MAX and a tail */
	struct uvdk_emu_virtio_iommu_stats stats;

	/* Taken after v.lock, and in accesses; guards the rest. Nothing is taken under it. */
	pthread_mutex_t lock;
	bool bypass;	 /* the configuration field */
	bool old_bypass; /* VIO_F_BYPASS was negotiated */
	LIST_HEAD(, vio_domain) domains;
	struct vio_endpoint endpoint[VIO_SLOTS];
	uint64_t chance;
	uint64_t hits, walks, refused; /* accesses */
	struct vio_fault fault[VIO_FAULTS];
	unsigned int fault_first, fault_count;
	uint64_t faults_lost;
};

/* args.c */
int vio_parse(struct vio_conf *conf, struct uvdk_args *args);
int vio_parse_evil(const char *text, uint64_t *evil);

/* config.c */
bool vio_config_read(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width, uint64_t *value);
bool vio_config_write(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width, uint64_t value);

void vio_config_set(struct vio *m, const struct uvdk_emu_virtio_iommu_config *config);

/* queue.c */
bool vio_requests_work(struct vio *m);
void vio_requests_reset(struct vio *m);
void vio_requests_free(struct vio *m);

/* request.c: does it; sets status, mute, ends */
void vio_execute(struct vio *m, struct vio_request *r);
bool vio_check_shape(struct vio *m, struct vio_request *r);

bool vio_own_reserved(const struct vio_request *r);
bool vio_domain_in_range(struct vio *m, uint32_t id);
void vio_advise(struct vio *m, const char *what);

/* mapping.c: what they are answered with */
uint8_t vio_do_map(struct vio *m, struct vio_request *r);
uint8_t vio_do_unmap(struct vio *m, struct vio_request *r);

/* probe.c: writes m->reply */
uint8_t vio_probe_reply(struct vio *m, const struct vio_request *r);
bool vio_resv_overlaps(const struct vio *m, uint64_t first, uint64_t last);

/* domain.c; under m->lock */
struct vio_domain *vio_domain_find(struct vio *m, uint32_t id);
struct vio_domain *vio_domain_get(struct vio *m, uint32_t id, bool bypass);
void vio_join(struct vio_endpoint *ep, struct vio_domain *domain);
void vio_leave(struct vio *m, struct vio_endpoint *ep);
void vio_domains_free(struct vio *m);

/* maps.c; under m->lock */
struct vio_map *vio_maps_find(const struct vio_domain *domain, uint64_t first, uint64_t last);
void vio_maps_insert(struct vio *m, struct vio_domain *domain, struct vio_map *map);
void vio_maps_remove(struct vio_domain *domain, uint64_t first, uint64_t last);
void vio_maps_clear(struct vio_domain *domain);

/* translate.c */
extern const struct uvdk_emu_translator vio_translator;
bool vio_chance(uint64_t *state, unsigned int one_in);
void vio_doom(struct vio_endpoint *ep, uint64_t first, uint64_t last, uint64_t number);
void vio_forget(struct vio *m, uint64_t number); /* takes m->lock */
void vio_forget_all(struct vio *m);		 /* the same */

/* event.c */
void vio_fault_put(struct vio *m, const struct vio_fault *fault); /* under m->lock */
bool vio_events_work(struct vio *m);

#endif /* VIO_PRIV_H */
