// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "fwd.h"
#include "packet.h"

/* Most VLAN tags and IPv6 extension headers that are looked behind. */
#define MAX_TAGS 2
#define MAX_EXTS 8

static bool parse_ipv4(struct rte_mbuf *m, struct packet *p)
{
	uint32_t here = rte_pktmbuf_data_len(m);
	struct rte_ipv4_hdr *ip;
	uint32_t ihl, total;

	if (here < p->l2_len + sizeof(*ip))
		return false;
	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, p->l2_len);
	ihl = (ip->version_ihl & 0xfu) * 4;
	total = rte_be_to_cpu_16(ip->total_length);
	if (ip->version_ihl >> 4 != 4 || ihl < sizeof(*ip) || here < p->l2_len + ihl ||
	    total < ihl || rte_pktmbuf_pkt_len(m) < p->l2_len + total)
		return false;

	p->l3 = ip;
	p->l3_len = (uint16_t)ihl;
	p->proto = ip->next_proto_id;
	p->l4_len = total - ihl;
	/* 0x3fff: more fragments, or not the first one. */
	p->fragment = (rte_be_to_cpu_16(ip->fragment_offset) & 0x3fff) != 0;

	return (rte_be_to_cpu_16(ip->fragment_offset) & 0x1fff) == 0;
}

/* Step over one IPv6 extension header (RFC 8200, 4). */
static bool skip_extension(const uint8_t *ext, uint32_t left, uint8_t *next, uint32_t *len,
			   bool *fragment)
{
	if (left < 8)
		return false;
	switch (*next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		*len = (ext[1] + 1u) * 8;
		break;
	case IPPROTO_FRAGMENT:
		*len = 8;
		*fragment = true;
		if ((ext[2] << 8 | ext[3]) & 0xfff8)
			return false;
		break;
	default:
		return false;
	}
	*next = ext[0];

	return *len <= left;
}

static bool is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
	       proto == IPPROTO_FRAGMENT;
}

static bool parse_ipv6(struct rte_mbuf *m, struct packet *p)
{
	uint32_t here = rte_pktmbuf_data_len(m);
	struct rte_ipv6_hdr *ip;
	uint32_t len, left, off = sizeof(*ip);
	uint8_t next;

	if (here < p->l2_len + sizeof(*ip))
		return false;
	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, p->l2_len);
	left = rte_be_to_cpu_16(ip->payload_len);
	if (rte_be_to_cpu_32(ip->vtc_flow) >> 28 != 6 ||
	    rte_pktmbuf_pkt_len(m) < p->l2_len + sizeof(*ip) + left)
		return false;

	p->l3 = ip;
	p->l3_len = sizeof(*ip);
	next = ip->proto;
	for (unsigned int i = 0; i < MAX_EXTS && is_extension(next); i++) {
		if (here < p->l2_len + off + 8 ||
		    !skip_extension((const uint8_t *)ip + off, left, &next, &len, &p->fragment) ||
		    here < p->l2_len + off + len)
			return false;
		off += len;
		left -= len;
	}
	if (is_extension(next))
		return false;
	p->l3_len = (uint16_t)off;
	p->proto = next;
	p->l4_len = left;

	return true;
}

bool packet_parse(struct rte_mbuf *m, struct packet *out)
{
	uint32_t here = rte_pktmbuf_data_len(m);
	bool has_l4 = false;

	memset(out, 0, sizeof(*out));
	if (here < sizeof(*out->eth))
		return false;
	out->eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	out->type = rte_be_to_cpu_16(out->eth->ether_type);
	out->l2_len = sizeof(*out->eth);
	for (unsigned int i = 0; i < MAX_TAGS; i++) {
		if ((out->type != RTE_ETHER_TYPE_VLAN && out->type != RTE_ETHER_TYPE_QINQ) ||
		    here < out->l2_len + sizeof(struct rte_vlan_hdr))
			break;
		out->type = rte_be_to_cpu_16(
			rte_pktmbuf_mtod_offset(m, struct rte_vlan_hdr *, out->l2_len)->eth_proto);
		out->l2_len = (uint16_t)(out->l2_len + sizeof(struct rte_vlan_hdr));
	}

	if (out->type == RTE_ETHER_TYPE_IPV4)
		has_l4 = parse_ipv4(m, out);
	else if (out->type == RTE_ETHER_TYPE_IPV6)
		has_l4 = parse_ipv6(m, out);
	if (has_l4) {
		out->l4_here = RTE_MIN(out->l4_len, here - out->l2_len - out->l3_len);
		out->l4 = rte_pktmbuf_mtod_offset(m, void *, out->l2_len + out->l3_len);
	}

	return true;
}

static void swap_bytes(void *a, void *b, size_t len)
{
	uint8_t was[16];

	memcpy(was, a, len);
	memcpy(a, b, len);
	memcpy(b, was, len);
}

void packet_swap_5tuple(struct rte_mbuf *m)
{
	struct packet p;

	if (!packet_parse(m, &p))
		return;
	packet_swap_mac(p.eth);
	if (p.l3 && p.type == RTE_ETHER_TYPE_IPV4) {
		struct rte_ipv4_hdr *ip = p.l3;

		swap_bytes(&ip->src_addr, &ip->dst_addr, sizeof(ip->src_addr));
	} else if (p.l3) {
		struct rte_ipv6_hdr *ip = p.l3;

		swap_bytes(&ip->src_addr, &ip->dst_addr, sizeof(ip->src_addr));
	}
	/* Source and destination port are the first four bytes of both. */
	if (p.l4 && p.l4_here >= 4 && (p.proto == IPPROTO_TCP || p.proto == IPPROTO_UDP))
		swap_bytes(p.l4, (uint8_t *)p.l4 + 2, 2);
}
