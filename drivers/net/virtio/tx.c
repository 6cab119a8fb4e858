// SPDX-License-Identifier: BSD-3-Clause
#include "tx_priv.h"

/* The burst, and simple packets. */

/*
 * Memory of somebody else, or something to be done to the packet. All of it is in
 * the upper half of ol_flags, which a test takes in one instruction.
 */
#define NOT_SIMPLE (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_TX_L4_MASK)

static __rte_always_inline bool is_plain(const struct rte_mbuf *m)
{
	return !((uint32_t)(m->ol_flags >> 32) & (uint32_t)(NOT_SIMPLE >> 32));
}

_Static_assert((uint32_t)NOT_SIMPLE == 0, "upper half of ol_flags");

/* refcnt and nb_segs at once: 1 and 1 */
static __rte_always_inline bool is_one(const struct rte_mbuf *m)
{
	uint32_t word;

	memcpy(&word, (const char *)m + offsetof(struct rte_mbuf, refcnt), sizeof(word));

	return word == 0x00010001;
}

_Static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2,
	       "refcnt, nb_segs");

static __rte_always_inline bool is_simple(const struct rte_mbuf *m, uint32_t len, uint32_t longest)
{
	return is_one(m) && is_plain(m) && m->data_off >= HDR_LEN && len <= longest;
}

/* An empty header in front of the data; where the device finds both. */
static __rte_always_inline bool put_header(const struct uvdk_xlate *xlate, struct near *near,
					   const struct rte_mbuf *m, uvdk_iova_t *iova)
{
	struct net_hdr *hdr = (void *)((char *)m->buf_addr + m->data_off - HDR_LEN);

	if (unlikely(!translate_near(xlate, near, hdr, iova)))
		return false;
	*hdr = (struct net_hdr){0};

	return true;
}

static __rte_always_inline void put_desc(struct uvdk_virtq_desc *desc, uvdk_iova_t iova,
					 uint32_t len)
{
	uint64_t rest = UVDK_LE(64, len + (uint64_t)HDR_LEN); /* no flags, no next */

	desc->addr = uvdk_to_le64(iova);
	memcpy((char *)desc + offsetof(struct uvdk_virtq_desc, len), &rest, sizeof(rest));
}

/*
 * Straight, up to the end of the ring or the first that is not simple; how many.
 * A function of its own has a register for each of its variables.
 */
static __attribute__((noinline)) unsigned int send_straight(struct txq *q, struct rte_mbuf **pkts,
							    unsigned int count, uint64_t *bytes)
{
	struct uvdk_virtq *vq = &q->vq;
	const struct uvdk_xlate xlate = q->xlate;
	const uint32_t longest = q->longest;
	uint32_t slot = vq->free_head & vq->mask;
	struct uvdk_virtq_desc *desc = vq->desc + slot;
	void **cookie = vq->cookie + slot;
	struct near near = NEAR_NOTHING;
	uint64_t sum = 0;
	size_t i;

	if (count > vq->size - slot)
		count = vq->size - slot;
	for (i = 0; i < count; i++) {
		struct rte_mbuf *m = pkts[i];
		const uint32_t len = m->data_len;
		uvdk_iova_t iova;

		if (unlikely(!is_simple(m, len, longest)) ||
		    unlikely(!put_header(&xlate, &near, m, &iova)))
			break;
		cookie[i] = m;
		put_desc(&desc[i], iova, len);
		sum += len;
	}
	vq->free_head = (uint16_t)(vq->free_head + i);
	vq->avail_idx = (uint16_t)(vq->avail_idx + i);
	*bytes += sum;

	return (unsigned int)i;
}

/* With descriptors in any order. */
static __attribute__((noinline)) unsigned int send_any(struct txq *q, struct rte_mbuf **pkts,
						       unsigned int count, uint64_t *bytes)
{
	struct uvdk_virtq *vq = &q->vq;
	struct uvdk_le16 *ring = vq->avail + UVDK_VIRTQ_RING;
	const uint16_t *free_ids = vq->free_ids;
	uint32_t mask = vq->mask;
	uint32_t head = vq->free_head;
	uint32_t avail = vq->avail_idx;
	struct near near = NEAR_NOTHING;
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < count; i++) {
		struct rte_mbuf *m = pkts[i];
		const uint32_t len = m->data_len;
		uvdk_iova_t iova;
		uint16_t id;

		if (unlikely(!is_simple(m, len, q->longest)) ||
		    unlikely(!put_header(&q->xlate, &near, m, &iova)))
			break;
		id = free_ids[(head + i) & mask];
		vq->cookie[id] = m;
		put_desc(&vq->desc[id], iova, len);
		ring[(avail + i) & mask] = uvdk_to_le16(id);
		sum += len;
	}
	vq->free_head = (uint16_t)(head + i);
	vq->avail_idx = (uint16_t)(avail + i);
	*bytes += sum;

	return i;
}

/* Simple packets from the front. */
static __rte_always_inline unsigned int send_simple(struct txq *q, struct rte_mbuf **pkts,
						    unsigned int count, uint64_t *bytes)
{
	unsigned int room = uvdk_virtq_free_count(&q->vq);
	unsigned int done;

	if (count > room)
		count = room;
	if (unlikely(!q->straight))
		return send_any(q, pkts, count, bytes);
	done = send_straight(q, pkts, count, bytes);
	if (unlikely(done < count)) /* from the start of the ring, perhaps */
		done += send_straight(q, pkts + done, count - done, bytes);

	return done;
}

/* SENT also for one that was given up: it is gone either way. */
static enum verdict send_otherwise(struct txq *q, struct rte_mbuf *m)
{
	enum verdict verdict = send_slowly(q, m);

	if (verdict == NO_ROOM) {
		txq_clean(q);
		if (!q->vq.fault)
			verdict = send_slowly(q, m);
	}
	if (verdict == HOPELESS) {
		stat_add(&q->stats->errors, 1);
		rte_pktmbuf_free(m);
	}

	return verdict;
}

/* Packets from the front that were taken; @sent of them are on their way. */
static uint16_t send_all(struct txq *q, struct rte_mbuf **pkts, uint16_t count, uint64_t *sent,
			 uint64_t *bytes)
{
	unsigned int i = 0;

	while (!q->vq.fault) {
		unsigned int run = send_simple(q, pkts + i, count - i, bytes);
		enum verdict verdict;
		uint32_t len;

		i += run;
		*sent += run;
		if (likely(i == count))
			break;
		len = pkts[i]->pkt_len;
		verdict = send_otherwise(q, pkts[i]);
		if (verdict == NO_ROOM)
			break;
		i++;
		*sent += verdict == SENT;
		*bytes += verdict == SENT ? len : 0;
	}

	return (uint16_t)i;
}

uint16_t tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	struct txq *q = queue;
	struct uvdk_virtq *vq = &q->vq;
	uint64_t sent = 0;
	uint64_t bytes = 0;

	if (unlikely(vq->fault) || unlikely(uvdk_device_gone(q->dev)))
		return 0;
	if (uvdk_virtq_free_count(vq) < vq->size / 2u || uvdk_virtq_free_count(vq) < count)
		txq_clean(q);

	count = send_all(q, pkts, count, &sent, &bytes);
	if (sent) {
		stat_add(&q->stats->packets, sent);
		stat_add(&q->stats->bytes, bytes);
		uvdk_virtq_kick(vq);
	}

	return count;
}
