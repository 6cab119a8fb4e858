/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_NETDEV_H
#define UVDK_NETDEV_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Network ports
 *
 * Call order: uvdk_device_open() -> uvdk_ioas_attach() -> uvdk_eal_map_create()
 * -> uvdk_netdev_open() -> configure -> rx/tx_queue_setup for every queue ->
 * start -> bursts -> stop -> close. stop and start may alternate; after stop a
 * port may be configured anew.
 *
 * Packets are DPDK mbufs from pools in EAL memory that is mapped into the
 * device's address space. One queue is used by one thread at a time; control
 * calls by one thread at a time, and not together with bursts unless a call
 * says so. Bursts make no system call, take no lock and allocate nothing but
 * mbufs.
 */

struct rte_mbuf;
struct rte_mempool;
struct uvdk_netdev;

/* Most queues of each direction. */
#define UVDK_NETDEV_MAX_QUEUES 64

/* Offload capabilities of a port, and what configure() enables. */
#define UVDK_NETDEV_RX_CSUM   (UINT32_C(1) << 0) /* rx checksum verdicts in ol_flags */
#define UVDK_NETDEV_TX_CSUM   (UINT32_C(1) << 1) /* L4 checksum by ol_flags (TCP, UDP) */
#define UVDK_NETDEV_MULTI_SEG (UINT32_C(1) << 2) /* mbuf chains */

/**
 * struct uvdk_netdev_info - what a port can do
 * @driver: driver name
 * @device: its device
 * @max_rx_queues: receive queues
 * @max_tx_queues: transmit queues
 * @min_desc: descriptors a ring needs
 * @max_desc: descriptors a ring may have (power of two)
 * @max_mtu: greatest MTU
 * @offloads: UVDK_NETDEV_* capabilities
 * @features: driver's own feature bits, for show commands (virtio: negotiated)
 */
struct uvdk_netdev_info {
	const char *driver;
	struct uvdk_device *device;
	unsigned int max_rx_queues;
	unsigned int max_tx_queues;
	unsigned int min_desc;
	unsigned int max_desc;
	unsigned int max_mtu;
	uint32_t offloads;
	uint64_t features;
};

/**
 * struct uvdk_netdev_conf - how a port is to work
 * @size: sizeof(struct uvdk_netdev_conf)
 * @rx_queues: receive queues, at least 1
 * @tx_queues: transmit queues, at least 1
 * @offloads: UVDK_NETDEV_* to enable; ones the port lacks are refused
 * @mtu: 0 for the device's own, 1500 in the absence of one
 */
struct uvdk_netdev_conf {
	size_t size;
	unsigned int rx_queues;
	unsigned int tx_queues;
	uint32_t offloads;
	unsigned int mtu;
};

/**
 * struct uvdk_netdev_stats - counters since open or the last clear
 * @rx_packets: handed to the application
 * @tx_packets: taken by the device for good
 * @rx_bytes: without FCS
 * @tx_bytes: without FCS
 * @rx_missed: the device had no buffer (where it counts them)
 * @rx_errors: dropped by the driver: bad length or header
 * @tx_errors: refused by the driver: over the MTU, address not mapped, chain too long
 * @rx_nombuf: refill failed for want of mbufs
 */
struct uvdk_netdev_stats {
	uint64_t rx_packets;
	uint64_t tx_packets;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	uint64_t rx_missed;
	uint64_t rx_errors;
	uint64_t tx_errors;
	uint64_t rx_nombuf;
};

/**
 * struct uvdk_netdev_xstat - one named counter
 * @name: e.g. "rx_q0_doorbells"
 * @value: count
 */
struct uvdk_netdev_xstat {
	char name[48];
	uint64_t value;
};

/**
 * struct uvdk_netdev_link - link state
 * @up: carrier
 * @speed_mbps: speed, 0 where unknown
 * @full_duplex: duplex
 */
struct uvdk_netdev_link {
	bool up;
	uint32_t speed_mbps;
	bool full_duplex;
};

/**
 * uvdk_netdev_open() - start a driver on an opened device
 * @dev: device, attached to an ioas that holds EAL memory; must outlive the port
 * @ioas: that address space
 * @out: new port, owned by the caller
 *
 * Resets the device and negotiates features.
 *
 * Return: 0; -EINVAL (no device or address space); -EOPNOTSUPP (no driver knows
 * the device, or it lacks a feature we need: named); -EBUSY (it is a port or
 * channel already); -EPROTO (it does not behave as specified: what, and where);
 * -ENODEV; -ENOMEM.
 */
int uvdk_netdev_open(struct uvdk_device *dev, struct uvdk_ioas *ioas, struct uvdk_netdev **out);

/**
 * uvdk_netdev_close() - stop, reset, free; never fails, also after removal
 * @nd: port, or NULL
 */
void uvdk_netdev_close(struct uvdk_netdev *nd);

/**
 * uvdk_netdev_get_info() - capabilities
 * @nd: port
 * @out: filled in
 */
void uvdk_netdev_get_info(const struct uvdk_netdev *nd, struct uvdk_netdev_info *out);

/**
 * uvdk_netdev_configure() - set queue counts and offloads of a stopped port
 * @nd: port
 * @conf: configuration
 *
 * Frees queues set up before.
 *
 * Return: 0, -EINVAL (names the field and its limit), -EBUSY (started),
 * -ENODEV or -ENOMEM.
 */
int uvdk_netdev_configure(struct uvdk_netdev *nd, const struct uvdk_netdev_conf *conf);

/**
 * uvdk_netdev_rx_queue_setup() - give a receive queue its ring and pool
 * @nd: configured, stopped port
 * @queue: queue number
 * @descs: ring entries, power of two, min_desc to max_desc; 0: 256 or max_desc
 * @pool: mbufs for reception; must outlive the queue
 *
 * Return: 0, -EINVAL, -EBUSY, -ENODEV, -ENOMEM.
 */
int uvdk_netdev_rx_queue_setup(struct uvdk_netdev *nd, unsigned int queue, unsigned int descs,
			       struct rte_mempool *pool);

/**
 * uvdk_netdev_tx_queue_setup() - give a transmit queue its ring
 * @nd: configured, stopped port
 * @queue: queue number
 * @descs: ring entries, power of two, min_desc to max_desc; 0: 256 or max_desc
 *
 * Return: 0, -EINVAL, -EBUSY, -ENODEV, -ENOMEM.
 */
int uvdk_netdev_tx_queue_setup(struct uvdk_netdev *nd, unsigned int queue, unsigned int descs);

/**
 * uvdk_netdev_start() - fill the rings and let packets flow
 * @nd: port with all queues set up
 *
 * Return: 0, -EINVAL (a queue is not set up: which; its mbufs are too small for
 * the MTU and the port does without UVDK_NETDEV_MULTI_SEG), -EALREADY, -EPROTO,
 * -ENODEV or -ENOMEM (pool too small).
 */
int uvdk_netdev_start(struct uvdk_netdev *nd);

/**
 * uvdk_netdev_stop() - stop the device and take all mbufs back
 * @nd: port; its queues must be idle
 *
 * Packets handed to a transmit queue that the device still has not sent after a
 * short wait are taken back, too; they leave tx_packets again.
 *
 * Return: 0 (also if stopped), -ENODEV, or -EPROTO (it does not stop; it is cut
 * off from memory). Mbufs are taken back all the same.
 */
int uvdk_netdev_stop(struct uvdk_netdev *nd);

/**
 * uvdk_netdev_reset() - reset the device, restore configuration and state
 * @nd: port; its queues must be idle
 *
 * Also brings a port back whose queue was marked broken.
 *
 * Return: as uvdk_netdev_start().
 */
int uvdk_netdev_reset(struct uvdk_netdev *nd);

/**
 * uvdk_netdev_mac() - MAC address
 * @nd: port
 * @mac: receives 6 bytes
 *
 * Return: 0 or -ENODEV.
 */
int uvdk_netdev_mac(const struct uvdk_netdev *nd, uint8_t mac[6]);

/**
 * uvdk_netdev_set_mac() - change the MAC address
 * @nd: port
 * @mac: 6 bytes, unicast
 *
 * On a stopped port it takes effect at the next start. Kept over reset.
 *
 * Return: 0, -EINVAL, -EOPNOTSUPP, -EIO (refused), -ETIMEDOUT (no answer),
 * -EPROTO (broken control queue; see uvdk_netdev_broken()) or -ENODEV.
 */
int uvdk_netdev_set_mac(struct uvdk_netdev *nd, const uint8_t mac[6]);

/**
 * uvdk_netdev_set_promisc() - receive everything, or not
 * @nd: started port
 * @on: promiscuous
 *
 * The setting is kept over stop, start and reset.
 *
 * Return: 0, -EINVAL (not started), -EOPNOTSUPP (the device has no way to set
 * it), -EIO (refused), -ETIMEDOUT (no answer), -EPROTO (broken control queue;
 * see uvdk_netdev_broken()) or -ENODEV.
 */
int uvdk_netdev_set_promisc(struct uvdk_netdev *nd, bool on);

/**
 * uvdk_netdev_promisc() - is it promiscuous?
 * @nd: port
 *
 * Return: true if so.
 */
bool uvdk_netdev_promisc(const struct uvdk_netdev *nd);

/**
 * uvdk_netdev_mtu() - MTU in force
 * @nd: port
 *
 * Return: bytes behind the Ethernet header.
 */
unsigned int uvdk_netdev_mtu(const struct uvdk_netdev *nd);

/**
 * uvdk_netdev_set_mtu() - change the MTU of a stopped port
 * @nd: port
 * @mtu: 68 to max_mtu
 *
 * Return: 0, -EINVAL, -EBUSY or -ENODEV.
 */
int uvdk_netdev_set_mtu(struct uvdk_netdev *nd, unsigned int mtu);

/**
 * uvdk_netdev_get_link() - link state, as the device last told
 * @nd: port
 * @out: filled in
 *
 * Return: 0 or -ENODEV.
 */
int uvdk_netdev_get_link(struct uvdk_netdev *nd, struct uvdk_netdev_link *out);

/**
 * uvdk_netdev_get_stats() - counters; may run beside bursts
 * @nd: port; also after removal
 * @out: filled in
 */
void uvdk_netdev_get_stats(struct uvdk_netdev *nd, struct uvdk_netdev_stats *out);

/**
 * uvdk_netdev_xstats() - named counters; may run beside bursts
 * @nd: port
 * @out: filled with up to @max; or NULL
 * @max: room in @out
 *
 * Return: how many there are.
 */
unsigned int uvdk_netdev_xstats(struct uvdk_netdev *nd, struct uvdk_netdev_xstat *out,
				unsigned int max);

/**
 * uvdk_netdev_clear_stats() - set counters to zero
 * @nd: port
 */
void uvdk_netdev_clear_stats(struct uvdk_netdev *nd);

/**
 * uvdk_netdev_broken() - does the port need a reset to work again?
 * @nd: port
 * @why: out: a sentence; or NULL
 *
 * So it does when the device broke the rules of a queue, left a command without
 * an answer, or asks for it. Until uvdk_netdev_reset() a broken queue moves no
 * packets, and a broken control queue takes no command.
 *
 * Return: true if so.
 */
bool uvdk_netdev_broken(const struct uvdk_netdev *nd, const char **why);

/* ---- the data path ---- */

/**
 * typedef uvdk_netdev_burst_fn - a burst on a driver's queue, as in rte_ethdev
 * @queue: the driver's queue
 * @pkts: packets
 * @count: room or packets in @pkts
 */
typedef uint16_t (*uvdk_netdev_burst_fn)(void *queue, struct rte_mbuf **pkts, uint16_t count);

/**
 * struct uvdk_netdev_fast - the documented fast-path struct: first in every port
 * @rx: the driver's receive function
 * @tx: the driver's transmit function
 * @rxq: its receive queues; valid while started
 * @txq: its transmit queues
 */
struct uvdk_netdev_fast {
	uvdk_netdev_burst_fn rx;
	uvdk_netdev_burst_fn tx;
	void *rxq[UVDK_NETDEV_MAX_QUEUES];
	void *txq[UVDK_NETDEV_MAX_QUEUES];
} __attribute__((aligned(64)));

/**
 * uvdk_netdev_rx_burst() - receive up to @count packets
 * @nd: port; stopped, broken or vanished ports yield 0
 * @queue: set-up queue, not checked
 * @pkts: filled in; the caller owns the mbufs
 * @count: room in @pkts
 *
 * Return: packets received.
 */
static inline uint16_t uvdk_netdev_rx_burst(struct uvdk_netdev *nd, unsigned int queue,
					    struct rte_mbuf **pkts, uint16_t count)
{
	struct uvdk_netdev_fast *fast = (struct uvdk_netdev_fast *)(void *)nd;

	return fast->rx(fast->rxq[queue], pkts, count);
}

/**
 * uvdk_netdev_tx_burst() - send up to @count packets, ringing once
 * @nd: port; stopped, broken or vanished ports take 0
 * @queue: set-up queue, not checked
 * @pkts: chains; the first n returned now belong to the port
 * @count: packets in @pkts
 *
 * A packet that can never be sent (longer than MTU, Ethernet header and VLAN tags,
 * up to two if it has them; not mapped; chain too long) is freed, counted in
 * tx_errors, and counts as taken.
 *
 * Return: packets taken, from the front.
 */
static inline uint16_t uvdk_netdev_tx_burst(struct uvdk_netdev *nd, unsigned int queue,
					    struct rte_mbuf **pkts, uint16_t count)
{
	struct uvdk_netdev_fast *fast = (struct uvdk_netdev_fast *)(void *)nd;

	return fast->tx(fast->txq[queue], pkts, count);
}

#ifdef __cplusplus
}
#endif

#endif /* UVDK_NETDEV_H */
