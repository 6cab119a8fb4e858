/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTPMD_PACKET_H
#define TESTPMD_PACKET_H

#include <rte_ether.h>
#include <rte_mbuf.h>

/*
 * What engines do to a packet. Packets come from a wire: every length in them
 * is checked against the bytes that are there.
 */

/* Where the headers of a packet are; all in its first segment. */
struct packet {
	struct rte_ether_hdr *eth;
	uint16_t type;	  /* ethertype behind VLAN tags, host order */
	uint16_t l2_len;  /* VLAN tags included */
	void *l3;	  /* IPv4 or IPv6 header, or NULL */
	uint16_t l3_len;  /* with options or extension headers */
	uint8_t proto;	  /* L4 protocol when @l4 is not NULL */
	bool fragment;	  /* not the whole datagram: its L4 checksum is not ours to judge */
	void *l4;	  /* TCP, UDP or other header, or NULL */
	uint32_t l4_len;  /* bytes of L4 header and payload, as IP says; all present */
	uint32_t l4_here; /* how many of them are in the first segment */
};

/* false: too short even for an Ethernet header. */
bool packet_parse(struct rte_mbuf *m, struct packet *out);

/* Swap destination and source MAC address. */
static inline void packet_swap_mac(struct rte_ether_hdr *eth)
{
	struct rte_ether_addr was = eth->dst_addr;

	eth->dst_addr = eth->src_addr;
	eth->src_addr = was;
}

/* Swap MAC and IP addresses and TCP or UDP ports, as far as there are any. */
void packet_swap_5tuple(struct rte_mbuf *m);

/*
 * Turn an ARP request or an ICMP echo request into its answer.
 * false: it is neither, and has not been touched.
 */
bool packet_answer_ping(struct rte_mbuf *m, const struct rte_ether_addr *own);

/* What packet_checksum() found, before it put things right. */
#define PACKET_BAD_IP 1u
#define PACKET_BAD_L4 2u

/*
 * Verify, then compute IPv4 header and TCP or UDP checksum. @hw: CSUM_HW_*,
 * protocols whose checksum the transmit port computes: the mbuf is marked.
 */
unsigned int packet_checksum(struct rte_mbuf *m, uint32_t hw);

#endif /* TESTPMD_PACKET_H */
