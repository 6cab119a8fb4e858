/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VNET_PRIV_H
#define VNET_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include <uvdk_emu_driver.h>
#include <uvdk_emu_virtio_net.h>
#include <uvdk_emu_virtq.h>

#include "vnet_pipe.h"
#include "vnet_regs.h"

#define VNET_MAX_PAIRS	8
#define VNET_MAX_QUEUES (2 * VNET_MAX_PAIRS + 1)
#define VNET_BURST	64 /* frames a queue and step */
#define VNET_FRAME_MIN	14
#define VNET_FRAME_MAX	16384
#define VNET_MACS	64
#define VNET_VIOLATIONS 32
#define VNET_STREAMS	(32 * VNET_MAX_PAIRS) /* slots on the bus, queues */
#define VNET_LOG	"emu.virtio-net"

/* Misbehaviour, bit numbers; see uvdk_emu_virtio_net.h. */
enum vnet_evil {
	VNET_EVIL_CAP_LOOP,
	VNET_EVIL_CAP_TRUNCATED,
	VNET_EVIL_CAP_SHORT,
	VNET_EVIL_CAP_BAR,
	VNET_EVIL_CAP_RANGE,
	VNET_EVIL_CAP_MISSING,
	VNET_EVIL_QUEUE_SIZE_0,
	VNET_EVIL_QUEUE_SIZE_HUGE,
	VNET_EVIL_QUEUE_SIZE_ODD,
	VNET_EVIL_NO_VERSION1,
	VNET_EVIL_FEATURES_OK,
	VNET_EVIL_RESET_STUCK,
	VNET_EVIL_NOTIFY_RANGE,
	VNET_EVIL_PAIRS_0,
	VNET_EVIL_PAIRS_HUGE,
	VNET_EVIL_USED_IDX, /* from here on: data path */
	VNET_EVIL_USED_ID,
	VNET_EVIL_USED_TWICE,
	VNET_EVIL_USED_LEN,
	VNET_EVIL_USED_SHORT,
	VNET_EVIL_NUM_BUFFERS,
	VNET_EVIL_NUM_BUFFERS_0,
	VNET_EVIL_HDR_CSUM,
	VNET_EVIL_NEEDS_RESET,
	VNET_EVIL_HANG,
	VNET_EVILS,
};

enum vnet_csum {
	VNET_CSUM_VALID,
	VNET_CSUM_PARTIAL,
	VNET_CSUM_BAD,
};

/* Arguments; fixed once parsed. */
struct vnet_conf {
	unsigned int pairs;
	uint16_t size;
	uint16_t mtu;
	uint8_t mac[6];
	bool mac_given;
	unsigned int multiplier;
	uint64_t features;
	bool batch;
	char link[32];
	bool lossy;
	bool capture;
	bool source;
	uint64_t frames; /* UINT64_MAX: without end */
	bool imix;
	uint16_t len;
	uint64_t rate;
	enum vnet_csum csum;
	uint32_t evil;
	uint64_t evil_after;
};

/* A frame ready to be sent, and what its checksum is made of. */
struct vnet_template {
	uint16_t len;	 /* of the frame */
	uint64_t pseudo; /* sum of the pseudo header */
	uint64_t fixed;	 /* and of the UDP bytes that never change */
	uint8_t *pkt;	 /* header and frame */
};

struct vnet_source {
	struct vnet_template tpl[3];
	unsigned int templates;
	uint64_t left;
	uint64_t seq[VNET_MAX_PAIRS];
	uint64_t started_ns; /* with a rate: 0 before the first look at the clock */
	uint64_t due;	     /* frames whose time had come at the last look */
	uint64_t paced;	     /* frames made since @started_ns */
};

/* What the sink knows of one stream: the next number and the latest 64. */
struct vnet_stream {
	uint64_t next;
	uint64_t seen;
};

/*
 * Shared by the two ends; zeroed by the machine. Whoever is in fn[] owns that
 * end. The functions are only looked at in step, where none can be unplugged.
 */
struct vnet_link {
	_Atomic(struct uvdk_emu_function *) fn[2];
	atomic_int running[2];
	struct vnet_pipe to[2][VNET_MAX_PAIRS]; /* frames on their way to an end */
};

struct vnet_queue {
	struct uvdk_emu_virtq vq;
	/* registers */
	uint16_t size;
	uint16_t vector;
	bool enabled;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
	/* doorbell side */
	atomic_bool kicked;
	atomic_uint_fast64_t notifications;
	/* step side */
	bool more; /* there may be buffers */
};

struct vnet {
	struct uvdk_emu_function *fn;
	struct vnet_conf conf;

	/* Doorbells look at these without the lock. */
	atomic_uint status;
	atomic_uint queues;	/* that exist with the features negotiated */
	atomic_uint bad_notify; /* 0, or 1 + index | kind << 16 */

	/*
	 * Guards the rest. Registers take it, waiting; step only tries, and
	 * stands aside while somebody waits.
	 */
	pthread_mutex_t lock;
	atomic_uint waiting;

	uint32_t device_select;
	uint32_t driver_select;
	uint64_t offered;
	uint64_t features;
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t generation;
	uint8_t isr;
	bool config_irq; /* to be raised by step */
	bool live;	 /* DRIVER_OK, and nothing wrong since */
	struct vnet_queue queue[VNET_MAX_QUEUES];
	unsigned int pairs; /* in use */

	uint8_t mac[6];
	bool promisc;
	bool allmulti;
	unsigned int macs;
	uint8_t mac_table[VNET_MACS][6];

	bool carrier;
	bool cable; /* not pulled by uvdk_emu_virtio_net_set_carrier() */
	struct vnet_link *link;
	unsigned int end; /* of the link: 0 or 1 */

	struct vnet_source source;
	struct vnet_stream *stream; /* [VNET_STREAMS] */
	uint8_t *pattern;	    /* payload of every frame: VNET_FRAME_MAX bytes */
	struct vnet_pipe *inject;
	struct vnet_pipe *captured;
	struct uvdk_emu_virtq_chain first;
	struct uvdk_emu_virtq_chain more;
	uint8_t *pkt; /* header and frame being worked on */

	uint32_t evil;
	uint64_t used_total;
	struct uvdk_emu_virtio_net_stats stats;
	char violation[VNET_VIOLATIONS][192];
};

/* args.c */
int vnet_parse(struct vnet_conf *conf, struct uvdk_args *args);
int vnet_parse_evil(const char *text, uint32_t *evil);

/* layout.c */
int vnet_describe(struct vnet *m);
bool vnet_msix_on(const struct vnet *m);

/* device.c: everything below runs under the lock */
void vnet_reset(struct vnet *m);
void vnet_violate(struct vnet *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vnet_needs_reset(struct vnet *m);
void vnet_config_changed(struct vnet *m);
unsigned int vnet_ctrl_index(const struct vnet *m);
unsigned int vnet_pairs_possible(const struct vnet *m);
void vnet_set_carrier(struct vnet *m);

static inline bool vnet_has(const struct vnet *m, uint64_t feature)
{
	return m->features & feature;
}

static inline bool vnet_evil(const struct vnet *m, enum vnet_evil evil)
{
	return m->evil & (UINT32_C(1) << evil);
}

/* The data path's misbehaviour starts late, if asked to. */
static inline bool vnet_evil_now(const struct vnet *m, enum vnet_evil evil)
{
	return vnet_evil(m, evil) && m->used_total >= m->conf.evil_after;
}

/* common.c */
uint64_t vnet_common_read(struct vnet *m, uint64_t off, unsigned int width);
void vnet_common_write(struct vnet *m, uint64_t off, unsigned int width, uint64_t value);

/* status.c */
void vnet_write_status(struct vnet *m, uint8_t value);
void vnet_write_features(struct vnet *m, uint32_t value);

/* queue.c */
uint64_t vnet_queue_read(struct vnet *m, uint64_t off);
void vnet_queue_write(struct vnet *m, uint64_t off, uint64_t value);
void vnet_notify(struct vnet *m, uint64_t off, unsigned int width, uint64_t value);
bool vnet_check_notify(struct vnet *m);
bool vnet_looking(struct vnet *m, struct vnet_queue *q);
void vnet_irq(struct vnet *m, uint16_t vector, uint8_t isr);
void vnet_flush(struct vnet *m, struct vnet_queue *q, bool rx);
bool vnet_rest(struct vnet *m, struct vnet_queue *q);
void vnet_queue_broken(struct vnet *m, struct vnet_queue *q);

/* rx.c, tx.c, ctrl.c: true if there was something to do */
bool vnet_rx(struct vnet *m, unsigned int pair);
bool vnet_tx(struct vnet *m, unsigned int pair);
bool vnet_ctrl(struct vnet *m);

/* source.c; sink.c */
int vnet_source_init(struct vnet *m);
void vnet_source_fini(struct vnet *m);
uint8_t *vnet_source_make(struct vnet *m, unsigned int pair, size_t *len);
void vnet_source_take(struct vnet *m, unsigned int pair);
void vnet_sink(struct vnet *m, const uint8_t *frame, size_t len);

/* frame.c */
uint64_t vnet_sum(const void *data, size_t len);
uint16_t vnet_fold(uint64_t sum);
uint64_t vnet_pseudo_sum(const uint8_t *frame);
uint32_t vnet_frame_check(uint64_t seq, uint16_t stream, size_t len);
void vnet_fill_pattern(uint8_t *pattern);
void vnet_complete_csum(struct vnet_hdr *hdr, uint8_t *frame, size_t len);

/* link.c */
int vnet_link_join(struct vnet *m);
void vnet_link_leave(struct vnet *m);
void vnet_link_running(struct vnet *m, bool running);
bool vnet_link_carrier(const struct vnet *m);
void vnet_link_look(struct vnet *m);

/* model.c */
void vnet_lock(struct vnet *m);
void vnet_unlock(struct vnet *m);

/* control.c */
int vnet_ports_add(struct vnet *m);
void vnet_ports_remove(struct vnet *m);

#endif /* VNET_PRIV_H */
