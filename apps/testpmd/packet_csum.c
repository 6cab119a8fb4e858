// SPDX-License-Identifier: BSD-3-Clause
#include <stddef.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "fwd.h"
#include "packet.h"

/* What the pseudo header adds (RFC 9293, 3.1; RFC 8200, 8.1); not complemented. */
static uint16_t pseudo_sum(const struct packet *p)
{
	struct {
		rte_be32_t len;
		uint8_t zero[3];
		uint8_t proto;
	} tail = {.len = rte_cpu_to_be_32(p->l4_len), .proto = p->proto};
	uint32_t sum = rte_raw_cksum(&tail, sizeof(tail));

	if (p->type == RTE_ETHER_TYPE_IPV4) {
		const struct rte_ipv4_hdr *ip = p->l3;

		sum += rte_raw_cksum(&ip->src_addr, 2 * sizeof(ip->src_addr));
	} else {
		const struct rte_ipv6_hdr *ip = p->l3;

		sum += rte_raw_cksum(&ip->src_addr, 2 * sizeof(ip->src_addr));
	}
	sum = (sum & 0xffff) + (sum >> 16);

	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Sum over header and payload, however many segments; 0xffff: it is right. */
static bool l4_sum(struct rte_mbuf *m, const struct packet *p, uint16_t *sum)
{
	uint16_t raw;
	uint32_t all;

	if (rte_raw_cksum_mbuf(m, p->l2_len + p->l3_len, p->l4_len, &raw))
		return false;
	all = (uint32_t)raw + pseudo_sum(p);
	*sum = (uint16_t)((all & 0xffff) + (all >> 16));

	return true;
}

/* The checksum field, at any alignment. */
static rte_be16_t get(const uint8_t *field)
{
	rte_be16_t sum;

	memcpy(&sum, field, sizeof(sum));
	return sum;
}

static void put(uint8_t *field, rte_be16_t sum)
{
	memcpy(field, &sum, sizeof(sum));
}

/* Where it is, or NULL where there is none to look after. */
static uint8_t *l4_field(const struct packet *p, bool *optional)
{
	*optional = false;
	if (!p->l4 || p->fragment)
		return NULL;
	if (p->proto == IPPROTO_UDP && p->l4_here >= sizeof(struct rte_udp_hdr)) {
		*optional = p->type == RTE_ETHER_TYPE_IPV4;
		return (uint8_t *)p->l4 + offsetof(struct rte_udp_hdr, dgram_cksum);
	}
	if (p->proto == IPPROTO_TCP && p->l4_here >= sizeof(struct rte_tcp_hdr))
		return (uint8_t *)p->l4 + offsetof(struct rte_tcp_hdr, cksum);

	return NULL;
}

static unsigned int checksum_l4(struct rte_mbuf *m, struct packet *p, uint32_t hw)
{
	bool udp = p->proto == IPPROTO_UDP;
	bool optional;
	uint8_t *field = l4_field(p, &optional);
	unsigned int bad = 0;
	uint16_t sum;

	/* UDP over IPv4 may do without: 0 says so (RFC 768) and stays. */
	if (!field || (optional && get(field) == 0) || !l4_sum(m, p, &sum))
		return 0;
	/* Between guests a checksum may not have been computed yet. */
	if (sum != 0xffff &&
	    (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE)
		bad = PACKET_BAD_L4;

	if (hw & (udp ? CSUM_HW_UDP : CSUM_HW_TCP)) {
		put(field, pseudo_sum(p));
		m->ol_flags |= udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM;
		m->ol_flags |=
			p->type == RTE_ETHER_TYPE_IPV4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
		m->tx_offload = rte_mbuf_tx_offload(p->l2_len, p->l3_len, 0, 0, 0, 0, 0);
		return bad;
	}
	put(field, 0);
	l4_sum(m, p, &sum);
	sum = (uint16_t)~sum;
	put(field, sum == 0 && udp ? 0xffff : sum);

	return bad;
}

unsigned int packet_checksum(struct rte_mbuf *m, uint32_t hw)
{
	unsigned int bad = 0;
	struct packet p;

	if (!packet_parse(m, &p) || !p.l3)
		return 0;
	if (p.type == RTE_ETHER_TYPE_IPV4) {
		struct rte_ipv4_hdr *ip = p.l3;

		if (rte_raw_cksum(ip, p.l3_len) != 0xffff)
			bad = PACKET_BAD_IP;
		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, p.l3_len);
	}
	if (p.l4)
		bad |= checksum_l4(m, &p, hw);

	return bad;
}
