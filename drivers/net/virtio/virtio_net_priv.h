/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_VIRTIO_NET_PRIV_H
#define UVDK_VIRTIO_NET_PRIV_H

#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <uvdk_dma.h>
#include <uvdk_netdev_driver.h>
#include <uvdk_virtio_driver.h>

/*
 * virtio-net, a poll mode driver. Section numbers are those of "Virtual I/O
 * Device (VIRTIO) Version 1.2".
 */

#define COMPONENT "net.virtio"

/* Feature bits (5.1.3). */
#define F_CSUM		(UINT64_C(1) << 0)
#define F_GUEST_CSUM	(UINT64_C(1) << 1)
#define F_MTU		(UINT64_C(1) << 3)
#define F_MAC		(UINT64_C(1) << 5)
#define F_MRG_RXBUF	(UINT64_C(1) << 15)
#define F_STATUS	(UINT64_C(1) << 16)
#define F_CTRL_VQ	(UINT64_C(1) << 17)
#define F_CTRL_RX	(UINT64_C(1) << 18)
#define F_MQ		(UINT64_C(1) << 22)
#define F_CTRL_MAC_ADDR (UINT64_C(1) << 23)
#define F_SPEED_DUPLEX	(UINT64_C(1) << 63)

/* Device configuration (5.1.4). */
struct net_config {
	uint8_t mac[6];
	struct uvdk_le16 status;
	struct uvdk_le16 max_virtqueue_pairs;
	struct uvdk_le16 mtu;
	struct uvdk_le32 speed;
	uint8_t duplex;
};

_Static_assert(offsetof(struct net_config, status) == 6, "virtio 1.2, 5.1.4");
_Static_assert(offsetof(struct net_config, max_virtqueue_pairs) == 8, "virtio 1.2, 5.1.4");
_Static_assert(offsetof(struct net_config, mtu) == 10, "virtio 1.2, 5.1.4");
_Static_assert(offsetof(struct net_config, speed) == 12, "virtio 1.2, 5.1.4");
_Static_assert(offsetof(struct net_config, duplex) == 16, "virtio 1.2, 5.1.4");

#define S_LINK_UP     1		 /* 5.1.4, status */
#define SPEED_UNKNOWN UINT32_MAX /* 5.1.4, speed */
#define MAX_SPEED     INT32_MAX

/*
 * In front of each packet (5.1.6), which may begin at an odd address: packed.
 * @num_buffers is always there (VERSION_1).
 */
struct net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	struct uvdk_le16 hdr_len;
	struct uvdk_le16 gso_size;
	struct uvdk_le16 csum_start;
	struct uvdk_le16 csum_offset;
	struct uvdk_le16 num_buffers;
} __attribute__((packed));

_Static_assert(sizeof(struct net_hdr) == 12, "virtio 1.2, 5.1.6");
_Static_assert(offsetof(struct net_hdr, csum_start) == 6, "virtio 1.2, 5.1.6");
_Static_assert(offsetof(struct net_hdr, num_buffers) == 10, "virtio 1.2, 5.1.6");

#define HDR_F_NEEDS_CSUM 1 /* 5.1.6 */
#define HDR_F_DATA_VALID 2
#define HDR_LEN		 sizeof(struct net_hdr)

/* Ethernet header, VLAN tag, and a header with two (QinQ, IEEE 802.1ad). */
#define ETH_LEN 14
#define TAG_LEN 4
#define L2_LEN	22

/* The device takes at most so many pairs of queues (5.1.4.1). */
#define MAX_PAIRS 0x8000

/* Buffers are posted, and completions cleaned, in steps of up to so many. */
#define STEP 32

/*
 * Counters of one queue: written by its thread, read by any, never zeroed; what
 * uvdk_netdev_clear_stats() does is move the origin.
 */
struct rx_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t errors;
	uint64_t nombuf;
	uint64_t refills;
	uint64_t doorbells; /* of queues that are gone */
} __attribute__((aligned(64)));

struct tx_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t errors;
	uint64_t too_long; /* of the errors: frames over the MTU */
	uint64_t unsent;   /* taken back at stop */
	uint64_t cleaned;
	uint64_t doorbells;
} __attribute__((aligned(64)));

struct rxq {
	struct uvdk_virtq vq;
	struct uvdk_xlate xlate;
	const struct uvdk_device *dev;
	struct rte_mempool *pool;
	struct rx_stats *stats;
	uint64_t rearm;	  /* data_off, refcnt, nb_segs and port of a new packet */
	uint32_t buf_len; /* bytes the device may write to a buffer, header included */
	uint16_t step;
	bool straight; /* see rx_priv.h */
	bool multi_seg;
	/* The rest is not for bursts. */
	struct uvdk_dma_buf ring;
	uint16_t descs;
};

/* Behind each descriptor, for packets that need more than one. */
#define TX_SLOT_DESCS 15

struct tx_slot {
	struct net_hdr hdr;
	uint8_t pad[4];
	struct uvdk_virtq_desc desc[TX_SLOT_DESCS]; /* an indirect table (2.7.5.3) */
};

_Static_assert(sizeof(struct tx_slot) == 256, "one slot, four cache lines");

struct txq {
	struct uvdk_virtq vq;
	struct uvdk_xlate xlate;
	const struct uvdk_device *dev;
	struct tx_stats *stats;
	struct tx_slot *slots; /* [size] */
	uvdk_iova_t slots_iova;
	uint32_t longest; /* frame that may be sent, but for VLAN tags */
	bool straight;	  /* see tx_priv.h */
	bool indirect;
	bool csum;
	/* The rest is not for bursts. */
	struct uvdk_dma_buf ring;
	uint16_t descs;
};

/* The control queue (5.1.6.5): one command at a time. */
struct ctrlq {
	struct uvdk_virtq vq;
	struct uvdk_dma_buf ring;
	void *cmd; /* in @ring, behind the virtqueue */
	uvdk_iova_t cmd_iova;
	bool ready;
	const char *unanswered; /* the command that the device still has, or NULL */
};

struct virtio_net {
	struct uvdk_netdev *nd;
	struct uvdk_virtio vio;
	const char *name;
	uint64_t usable; /* features of the device that the driver knows */
	unsigned int max_pairs;
	unsigned int mtu;
	unsigned int own_mtu; /* the device's */
	uint8_t mac[6];
	bool mac_changed; /* by the application: tell the device at each start */
	bool promisc;
	bool promisc_changed;
	struct rxq *rxq[UVDK_NETDEV_MAX_QUEUES];
	struct txq *txq[UVDK_NETDEV_MAX_QUEUES];
	/* Pairs have two sides: rings for sides that nobody asked for. */
	struct txq *spare[UVDK_NETDEV_MAX_QUEUES];
	struct ctrlq ctrl;
	char why[256]; /* of uvdk_netdev_broken() */
	struct rx_stats rx_stats[UVDK_NETDEV_MAX_QUEUES];
	struct tx_stats tx_stats[UVDK_NETDEV_MAX_QUEUES];
	struct rx_stats rx_origin[UVDK_NETDEV_MAX_QUEUES];
	struct tx_stats tx_origin[UVDK_NETDEV_MAX_QUEUES];
};

static inline struct virtio_net *to_net(const struct uvdk_netdev *nd)
{
	return (struct virtio_net *)nd->priv;
}

/* The owner adds, anybody reads. */
static inline void stat_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint64_t stat_get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/*
 * data_off, refcnt, nb_segs and port of an mbuf as one word. DPDK has a marker
 * for it, rearm_data, which compilers take for an empty array.
 */
static inline uint64_t get_rearm(const struct rte_mbuf *m)
{
	uint64_t word;

	memcpy(&word, (const char *)m + offsetof(struct rte_mbuf, data_off), sizeof(word));

	return word;
}

static inline void set_rearm(struct rte_mbuf *m, uint64_t word)
{
	memcpy((char *)m + offsetof(struct rte_mbuf, data_off), &word, sizeof(word));
}

_Static_assert(offsetof(struct rte_mbuf, port) == offsetof(struct rte_mbuf, data_off) + 6,
	       "data_off, refcnt, nb_segs, port");

/*
 * uvdk_translate() for one address after another: most lie in the same GiB, so
 * its slot of the table is kept at hand for the length of a burst.
 */
struct near {
	uint64_t slot;
	uint64_t leaf;
};

#define NEAR_NOTHING          \
	{                     \
		UINT64_MAX, 0 \
	}

static __rte_always_inline bool translate_near(const struct uvdk_xlate *x, struct near *near,
					       const void *va, uvdk_iova_t *iova)
{
	uint64_t addr = (uintptr_t)va;
	uint64_t slot = addr >> UVDK_XLATE_ROOT_SHIFT;
	uint64_t entry;

	if (unlikely(slot != near->slot)) {
		uint64_t leaf;

		if (slot >= UVDK_XLATE_ROOT_COUNT)
			return false;
		leaf = __atomic_load_n(&x->root[slot], __ATOMIC_ACQUIRE);
		if (!leaf)
			return false;
		near->slot = slot;
		near->leaf = leaf;
	}
	entry = near->leaf + (addr >> UVDK_XLATE_LEAF_SHIFT) * sizeof(uint64_t);
	entry = __atomic_load_n((const uint64_t *)(uintptr_t)entry, __ATOMIC_RELAXED);
	*iova = addr + entry - 1;

	return likely(entry);
}

/* features.c */
int net_probe(struct virtio_net *net);
int net_negotiate(struct virtio_net *net, const struct uvdk_netdev_conf *conf);

/* queue.c */
int rxq_create(struct virtio_net *net, unsigned int queue, unsigned int descs,
	       struct rte_mempool *pool, struct rxq **out);
int txq_create(struct virtio_net *net, unsigned int queue, unsigned int descs, struct txq **out);
void rxq_destroy(struct rxq *q);
void txq_destroy(struct txq *q);

/* port.c */
int net_configure(struct uvdk_netdev *nd, const struct uvdk_netdev_conf *conf);
int net_rx_queue_setup(struct uvdk_netdev *nd, unsigned int queue, unsigned int descs,
		       struct rte_mempool *pool);
int net_tx_queue_setup(struct uvdk_netdev *nd, unsigned int queue, unsigned int descs);
int net_start(struct uvdk_netdev *nd);
int net_stop(struct uvdk_netdev *nd);
int net_reset(struct uvdk_netdev *nd);
void net_free_queues(struct virtio_net *net);

/* rx.c, rx_fill.c */
uvdk_netdev_burst_fn rx_burst_for(const struct virtio_net *net);
int rxq_fill(struct virtio_net *net, struct rxq *q);
void rxq_drain(struct rxq *q);

/* tx.c, tx_clean.c */
uint16_t tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t count);
void txq_prepare(struct txq *q);
void txq_clean(struct txq *q);
void txq_drain(struct txq *q);

/* ctrl.c */
int ctrl_start(struct virtio_net *net);
void ctrl_stop(struct virtio_net *net);
/* -EPROTO (broken) or -ETIMEDOUT (no answer) and a sentence in @why; or 0. */
int ctrl_trouble(const struct virtio_net *net, char *why, size_t len);
int ctrl_set_pairs(struct virtio_net *net, unsigned int pairs);
int ctrl_set_promisc(struct virtio_net *net, bool on);
int ctrl_set_mac(struct virtio_net *net, const uint8_t mac[6]);

/* info.c */
int net_mac(const struct uvdk_netdev *nd, uint8_t mac[6]);
int net_set_mac(struct uvdk_netdev *nd, const uint8_t mac[6]);
int net_set_promisc(struct uvdk_netdev *nd, bool on);
bool net_promisc(const struct uvdk_netdev *nd);
unsigned int net_mtu(const struct uvdk_netdev *nd);
int net_set_mtu(struct uvdk_netdev *nd, unsigned int mtu);
int net_link(struct uvdk_netdev *nd, struct uvdk_netdev_link *out);
void net_stats(struct uvdk_netdev *nd, struct uvdk_netdev_stats *out);
unsigned int net_xstats(struct uvdk_netdev *nd, struct uvdk_netdev_xstat *out, unsigned int max);
void net_clear_stats(struct uvdk_netdev *nd);
bool net_broken(const struct uvdk_netdev *nd, const char **why);

#endif /* UVDK_VIRTIO_NET_PRIV_H */
