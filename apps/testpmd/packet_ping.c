// SPDX-License-Identifier: BSD-3-Clause
#include <rte_arp.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#include "packet.h"

/* RFC 792; DPDK's names for them changed in 24.03. */
#define ICMP_ECHO_REPLY	  0
#define ICMP_ECHO_REQUEST 8

static bool answer_arp(struct rte_mbuf *m, struct packet *p, const struct rte_ether_addr *own)
{
	struct rte_arp_hdr *arp;
	struct rte_arp_ipv4 was;

	if (rte_pktmbuf_data_len(m) < p->l2_len + sizeof(*arp))
		return false;
	arp = rte_pktmbuf_mtod_offset(m, struct rte_arp_hdr *, p->l2_len);
	if (arp->arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
	    arp->arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) || arp->arp_hlen != 6 ||
	    arp->arp_plen != 4 || arp->arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST))
		return false;

	was = arp->arp_data;
	arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	arp->arp_data.arp_sha = *own;
	arp->arp_data.arp_sip = was.arp_tip;
	arp->arp_data.arp_tha = was.arp_sha;
	arp->arp_data.arp_tip = was.arp_sip;
	p->eth->dst_addr = p->eth->src_addr;
	p->eth->src_addr = *own;

	return true;
}

/* A field of a checksummed header changes: RFC 1624, equation 3. */
static rte_be16_t adjust(rte_be16_t sum, rte_be16_t was, rte_be16_t is)
{
	uint32_t n = (uint16_t)~sum + (uint32_t)(uint16_t)~was + is;

	n = (n & 0xffff) + (n >> 16);
	return (rte_be16_t) ~((n & 0xffff) + (n >> 16));
}

static bool answer_echo(struct packet *p)
{
	struct rte_ipv4_hdr *ip = p->l3;
	struct rte_icmp_hdr *icmp = p->l4;
	rte_be32_t asked;

	if (!p->l4 || p->fragment || p->proto != IPPROTO_ICMP || p->l4_here < sizeof(*icmp) ||
	    icmp->icmp_type != ICMP_ECHO_REQUEST || icmp->icmp_code != 0)
		return false;

	asked = ip->dst_addr;
	/* A ping to a group is answered by one of it: the sender's own address will do. */
	if ((rte_be_to_cpu_32(asked) & 0xf0000000) == 0xe0000000)
		asked = ip->src_addr;
	if (asked == ip->src_addr) {
		ip->dst_addr = ip->src_addr;
		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, p->l3_len);
	} else {
		ip->dst_addr = ip->src_addr;
		ip->src_addr = asked;
	}
	icmp->icmp_type = ICMP_ECHO_REPLY;
	icmp->icmp_cksum = adjust(icmp->icmp_cksum, RTE_BE16(ICMP_ECHO_REQUEST << 8),
				  RTE_BE16(ICMP_ECHO_REPLY << 8));
	packet_swap_mac(p->eth);

	return true;
}

bool packet_answer_ping(struct rte_mbuf *m, const struct rte_ether_addr *own)
{
	struct packet p;

	if (!packet_parse(m, &p))
		return false;
	if (p.type == RTE_ETHER_TYPE_ARP)
		return answer_arp(m, &p, own);
	if (p.type != RTE_ETHER_TYPE_IPV4 || !answer_echo(&p))
		return false;
	if (rte_is_multicast_ether_addr(&p.eth->src_addr))
		p.eth->src_addr = *own;

	return true;
}
