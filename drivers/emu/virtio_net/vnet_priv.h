/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VNET_PRIV_H
#define VNET_PRIV_H

#include <uvdk_emu_virtio.h>
#include <uvdk_emu_virtio_net.h>

#include "vnet_pipe.h"
#include "vnet_regs.h"

#define VNET_MAX_PAIRS	8
#define VNET_MAX_QUEUES (2 * VNET_MAX_PAIRS + 1)
#define VNET_BURST	64 /* frames a queue and step */
#define VNET_FRAME_MIN	14
#define VNET_FRAME_MAX	16384
#define VNET_MACS	64
#define VNET_STREAMS	(32 * VNET_MAX_PAIRS) /* slots on the bus, queues */
#define VNET_LOG	"emu.virtio-net"

/* Misbehaviour of its own, bit numbers; see uvdk_emu_virtio_net.h. */
enum vnet_evil {
	VNET_EVIL_PAIRS_0 = UVDK_EMU_VIRTIO_EVILS,
	VNET_EVIL_PAIRS_HUGE,
	VNET_EVIL_NUM_BUFFERS, /* from here on: data path */
	VNET_EVIL_NUM_BUFFERS_0,
	VNET_EVIL_HDR_CSUM,
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
	uint64_t evil;
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

struct vnet {
	struct uvdk_emu_virtio v; /* first; its lock guards the rest */
	struct vnet_conf conf;
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

	struct uvdk_emu_virtio_net_stats stats;
};

/* args.c */
int vnet_parse(struct vnet_conf *conf, struct uvdk_args *args);
int vnet_parse_evil(const char *text, uint64_t *evil);

/* device.c: everything below runs under the lock */
void vnet_reset(struct uvdk_emu_virtio *v);
const char *vnet_features_wrong(const struct uvdk_emu_virtio *v);
unsigned int vnet_queues(const struct uvdk_emu_virtio *v);
unsigned int vnet_ctrl_index(const struct vnet *m);
unsigned int vnet_pairs_possible(const struct vnet *m);
void vnet_set_carrier(struct vnet *m);

static inline bool vnet_has(const struct vnet *m, uint64_t feature)
{
	return uvdk_emu_virtio_has(&m->v, feature);
}

static inline bool vnet_evil(const struct vnet *m, unsigned int evil)
{
	return uvdk_emu_virtio_evil(&m->v, evil);
}

/* The data path's misbehaviour starts late, if asked to. */
static inline bool vnet_evil_now(const struct vnet *m, unsigned int evil)
{
	return vnet_evil(m, evil) && m->v.used_total >= m->conf.evil_after;
}

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

#endif /* VNET_PRIV_H */
