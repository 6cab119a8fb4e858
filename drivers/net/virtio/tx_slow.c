// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include <uvdk_eal_mbuf.h>

#include "tx_priv.h"

/* Packets that are not simple. */

/* Is there room for the header in front of the data, and nobody else's? */
static bool can_prepend(const struct rte_mbuf *m)
{
	return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) && m->data_off >= HDR_LEN;
}

/*
 * The device adds the checksum over the rest to what is in its place, which has
 * to be that of the pseudo header (5.1.6.2).
 */
static void seed_csum(struct rte_mbuf *m, uint32_t csum_at)
{
	void *ip = rte_pktmbuf_mtod_offset(m, void *, m->l2_len);
	uint16_t sum;

	if (m->ol_flags & RTE_MBUF_F_TX_IPV6)
		sum = rte_ipv6_phdr_cksum(ip, m->ol_flags);
	else
		sum = rte_ipv4_phdr_cksum(ip, m->ol_flags);
	/* A packet may begin anywhere, also at an odd address. */
	memcpy(rte_pktmbuf_mtod_offset(m, void *, csum_at), &sum, sizeof(sum));
}

/* Asks for the L4 checksum; false if the lengths in the mbuf make no sense. */
static bool fill_header(const struct txq *q, struct rte_mbuf *m, struct net_hdr *hdr)
{
	uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	uint32_t start = (uint32_t)(m->l2_len + m->l3_len);
	uint32_t at;

	*hdr = (struct net_hdr){0};
	if (!q->csum || (l4 != RTE_MBUF_F_TX_TCP_CKSUM && l4 != RTE_MBUF_F_TX_UDP_CKSUM))
		return true;

	at = l4 == RTE_MBUF_F_TX_TCP_CKSUM ? 16 : 6; /* RFC 9293, 3.1; RFC 768 */
	if (start + at + 2 > m->pkt_len || m->l2_len < 14 || m->l3_len < 20)
		return false;
	hdr->flags = HDR_F_NEEDS_CSUM;
	hdr->csum_start = uvdk_to_le16((uint16_t)start);
	hdr->csum_offset = uvdk_to_le16((uint16_t)at);
	/* Shared data is not ours to write: there the sender has done it. */
	if (start + at + 2 <= m->data_len && rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m))
		seed_csum(m, start + at);

	return true;
}

/* Calls @fn for each piece; how many pieces there are, -1 if one is unmapped. */
static int for_each_piece(struct txq *q, struct rte_mbuf *m, uint16_t slot,
			  void (*fn)(struct txq *q, void *arg, int i, uvdk_iova_t iova,
				     uint32_t len),
			  void *arg)
{
	bool prepend = can_prepend(m);
	int count = 0;

	if (!prepend)
		fn(q, arg, count++, q->slots_iova + slot * sizeof(struct tx_slot), HDR_LEN);

	for (bool first = true; m; m = m->next, first = false) {
		uvdk_iova_t iova = uvdk_eal_mbuf_iova(&q->xlate, m);
		uint32_t in_front = first && prepend ? (uint32_t)HDR_LEN : 0;

		if (iova == UVDK_IOVA_NONE)
			return -1;
		if (m->data_len + in_front && count <= q->vq.mask)
			fn(q, arg, count, iova - in_front, m->data_len + in_front);
		count += m->data_len + in_front ? 1 : 0;
	}

	return count;
}

static void only_count(struct txq *q, void *arg, int i, uvdk_iova_t iova, uint32_t len)
{
	(void)q;
	(void)arg;
	(void)i;
	(void)iova;
	(void)len;
}

/* Piece @i of an indirect table of @arg descriptors. */
static void to_table(struct txq *q, void *arg, int i, uvdk_iova_t iova, uint32_t len)
{
	const int count = *(int *)arg;
	struct uvdk_virtq *vq = &q->vq;
	struct tx_slot *slot = &q->slots[vq->free_ids[vq->free_head & vq->mask]];
	bool last = i + 1 == count;

	slot->desc[i] = (struct uvdk_virtq_desc){
		.addr = uvdk_to_le64(iova),
		.len = uvdk_to_le32(len),
		.flags = uvdk_to_le16(last ? 0 : UVDK_VIRTQ_DESC_NEXT),
		.next = uvdk_to_le16((uint16_t)(last ? 0 : i + 1)),
	};
}

/* Piece @i of a chain of @arg descriptors in the ring. */
static void to_ring(struct txq *q, void *arg, int i, uvdk_iova_t iova, uint32_t len)
{
	const int count = *(int *)arg;
	struct uvdk_virtq *vq = &q->vq;
	uint16_t id = vq->free_ids[(vq->free_head + i) & vq->mask];
	uint16_t next = vq->free_ids[(vq->free_head + i + 1) & vq->mask];
	bool last = i + 1 == count;

	vq->next[id] = next;
	vq->desc[id] = (struct uvdk_virtq_desc){
		.addr = uvdk_to_le64(iova),
		.len = uvdk_to_le32(len),
		.flags = uvdk_to_le16(last ? 0 : UVDK_VIRTQ_DESC_NEXT),
		.next = uvdk_to_le16(last ? 0 : next),
	};
}

static void point_to_table(struct txq *q, uint16_t id, int count)
{
	uvdk_iova_t table =
		q->slots_iova + id * sizeof(struct tx_slot) + offsetof(struct tx_slot, desc);

	q->vq.desc[id] = (struct uvdk_virtq_desc){
		.addr = uvdk_to_le64(table),
		.len = uvdk_to_le32((uint32_t)count * (uint32_t)sizeof(struct uvdk_virtq_desc)),
		.flags = uvdk_to_le16(UVDK_VIRTQ_DESC_INDIRECT),
	};
}

/* Is there a tag at @at? The outer one of two may be a service tag. */
static bool is_tag(struct rte_mbuf *m, uint32_t at)
{
	rte_be16_t type;

	if (m->data_len < at + TAG_LEN)
		return false;
	memcpy(&type, rte_pktmbuf_mtod_offset(m, void *, at), sizeof(type));

	return type == RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
	       (type == RTE_BE16(RTE_ETHER_TYPE_QINQ) && at < ETH_LEN);
}

/* Tags do not count as payload, but not every frame of four bytes more has one. */
static bool is_too_long(const struct txq *q, struct rte_mbuf *m)
{
	uint32_t at = offsetof(struct rte_ether_hdr, ether_type);
	uint32_t longest = q->longest;

	while (m->pkt_len > longest && longest < q->longest + L2_LEN - ETH_LEN && is_tag(m, at)) {
		longest += TAG_LEN;
		at += TAG_LEN;
	}

	return m->pkt_len > longest;
}

enum verdict send_slowly(struct txq *q, struct rte_mbuf *m)
{
	struct uvdk_virtq *vq = &q->vq;
	uint16_t id = vq->free_ids[vq->free_head & vq->mask];
	struct net_hdr *hdr = &q->slots[id].hdr;
	bool indirect;
	int count;

	if (is_too_long(q, m)) {
		stat_add(&q->stats->too_long, 1);
		return HOPELESS;
	}
	count = for_each_piece(q, m, id, only_count, NULL);
	indirect = q->indirect && count > 1 && count <= TX_SLOT_DESCS;
	if (count <= 0 || (!indirect && count > vq->size))
		return HOPELESS;
	if (uvdk_virtq_free_count(vq) < (indirect ? 1 : count))
		return NO_ROOM;
	if (can_prepend(m))
		hdr = (void *)(rte_pktmbuf_mtod(m, char *) - HDR_LEN);
	if (!fill_header(q, m, hdr))
		return HOPELESS;

	for_each_piece(q, m, id, indirect ? to_table : to_ring, &count);
	if (indirect) {
		point_to_table(q, id, count);
		count = 1;
	}
	q->straight = q->straight && count == 1;
	vq->chain[id] = (uint16_t)count;
	vq->cookie[id] = cookie_of(m);
	vq->free_head = (uint16_t)(vq->free_head + count);
	vq->avail[UVDK_VIRTQ_RING + (vq->avail_idx++ & vq->mask)] = uvdk_to_le16(id);

	return SENT;
}
