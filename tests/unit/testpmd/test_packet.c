// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "fwd.h"
#include "packet.h"
#include "pkt.h"

/*
 * Packets byte by byte, with checksums computed by hand or by another program:
 * nothing here is built with the code under test.
 */
#define ETH(type) 0x02, 0, 0, 0, 0, 0xdd, 0x02, 0, 0, 0, 0, 0x55, (type) >> 8, (type)&0xff

/* 192.0.2.1:4660 -> 198.51.100.7:53, UDP, payload "uvdk!"; checksums by a script. */
static const uint8_t udp4[] = {
	ETH(0x0800), 0x45, 0,  0,    33,   0x12, 0x34, 0,   0,	 64,   17,   0x7c,
	0x5c,	     192,  0,  2,    1,	   198,	 51,   100, 7,	 0x12, 0x34, 0,
	53,	     0,	   13, 0x06, 0x4d, 'u',	 'v',  'd', 'k', '!',
};

static uint16_t sum16(const uint8_t *p, size_t len, uint32_t start)
{
	uint32_t sum = start;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);

	return (uint16_t)sum;
}

/* Does a receiver accept the UDP or TCP checksum? (IPv4 header of 20 bytes at @ip) */
static bool accepted(const uint8_t *ip)
{
	uint32_t len = (uint32_t)(ip[2] << 8 | ip[3]) - 20;
	uint32_t pseudo = ip[9] + len;

	return sum16(ip + 20, len, sum16(ip + 12, 8, pseudo)) == 0xffff;
}

Test(packet, the_sample_is_a_valid_packet)
{
	cr_assert_eq(sum16(udp4 + 14, 20, 0), 0xffff, "IP checksum should be off by 0x%04x",
		     0xffff - sum16(udp4 + 14, 20, 0));
	cr_assert(accepted(udp4 + 14), "UDP");
}

Test(packet, macswap_swaps_the_two_addresses_and_nothing_else)
{
	struct rte_mbuf *m = pkt_make(udp4, sizeof(udp4), NULL);
	uint8_t out[sizeof(udp4)];

	packet_swap_mac(rte_pktmbuf_mtod(m, struct rte_ether_hdr *));
	pkt_read(m, out);
	cr_expect_arr_eq(out, udp4 + 6, 6);
	cr_expect_arr_eq(out + 6, udp4, 6);
	cr_expect_arr_eq(out + 12, udp4 + 12, sizeof(udp4) - 12);
	pkt_free(m);
}

Test(packet, five_tuple_swap_of_ipv4_keeps_checksums_right)
{
	struct rte_mbuf *m = pkt_make(udp4, sizeof(udp4), NULL);
	uint8_t out[sizeof(udp4)];

	packet_swap_5tuple(m);
	pkt_read(m, out);
	cr_expect_arr_eq(out, udp4 + 6, 6);
	cr_expect_arr_eq(out + 26, udp4 + 30, 4);
	cr_expect_arr_eq(out + 30, udp4 + 26, 4);
	cr_expect_arr_eq(out + 34, udp4 + 36, 2);
	cr_expect_arr_eq(out + 36, udp4 + 34, 2);
	cr_expect_arr_eq(out + 38, udp4 + 38, sizeof(udp4) - 38);
	cr_expect_eq(sum16(out + 14, 20, 0), 0xffff);
	cr_expect(accepted(out + 14));
	/* Twice is not at all. */
	packet_swap_5tuple(m);
	pkt_read(m, out);
	cr_expect_arr_eq(out, udp4, sizeof(udp4));
	pkt_free(m);
}

Test(packet, five_tuple_swap_looks_behind_vlan_tags_and_extension_headers)
{
	uint8_t pkt[14 + 8 + 40 + 8 + 20] = {ETH(0x88a8), 0, 1, 0x81, 0, 0, 2, 0x86, 0xdd, 0x60};
	uint8_t *ip = pkt + 22, *tcp = ip + 48;
	struct rte_mbuf *m;

	ip[5] = 28; /* payload: hop-by-hop header and TCP */
	ip[6] = 0;
	for (int i = 0; i < 32; i++)
		ip[8 + i] = (uint8_t)(0x20 + i);
	ip[40] = 6;
	tcp[1] = 80;
	tcp[3] = 99;
	tcp[12] = 0x50;
	m = pkt_make(pkt, sizeof(pkt), NULL);
	packet_swap_5tuple(m);
	pkt_read(m, pkt);
	cr_expect_eq(ip[8], 0x20 + 16);
	cr_expect_eq(ip[24], 0x20);
	cr_expect_eq(tcp[1], 99);
	cr_expect_eq(tcp[3], 80);
	pkt_free(m);
}

/* What is cut short is left alone past the cut, at every length. */
Test(packet, truncated_packets_are_never_read_past_their_end)
{
	for (size_t len = 1; len < sizeof(udp4); len++) {
		struct rte_mbuf *m = pkt_make(udp4, len, NULL);
		uint8_t guard[16];
		struct rte_ether_addr own = {{2, 0, 0, 0, 0, 1}};

		memset(rte_pktmbuf_mtod(m, uint8_t *) + len, 0xa5, 8);
		packet_swap_5tuple(m);
		packet_checksum(m, 0);
		packet_answer_ping(m, &own);
		memcpy(guard, rte_pktmbuf_mtod(m, uint8_t *) + len, 8);
		for (int i = 0; i < 8; i++)
			cr_assert_eq(guard[i], 0xa5, "length %zu wrote behind the end", len);
		pkt_free(m);
	}
}

Test(packet, later_fragments_have_no_ports_to_swap)
{
	uint8_t pkt[sizeof(udp4)], out[sizeof(udp4)];
	struct rte_mbuf *m;

	memcpy(pkt, udp4, sizeof(pkt));
	pkt[21] = 7; /* fragment offset */
	m = pkt_make(pkt, sizeof(pkt), NULL);
	packet_swap_5tuple(m);
	pkt_read(m, out);
	cr_expect_arr_eq(out + 26, udp4 + 30, 4);
	cr_expect_arr_eq(out + 34, udp4 + 34, 4);
	pkt_free(m);
}

/* Right as it is, and not written to. */
static void expect_left_alone(const uint8_t *pkt, size_t len, const uint16_t *segs)
{
	struct rte_mbuf *m = pkt_make(pkt, len, segs);
	uint8_t out[128];

	cr_assert_leq(len, sizeof(out));
	cr_expect_eq(packet_checksum(m, 0), 0);
	pkt_read(m, out);
	cr_expect_arr_eq(out, pkt, len);
	pkt_free(m);
}

Test(packet, checksums_are_verified_and_computed)
{
	uint8_t pkt[sizeof(udp4)], out[sizeof(udp4)];
	struct rte_mbuf *m;

	expect_left_alone(udp4, sizeof(udp4), NULL);

	memcpy(pkt, udp4, sizeof(pkt));
	pkt[24] ^= 0x40;
	pkt[40] ^= 1;
	m = pkt_make(pkt, sizeof(pkt), NULL);
	cr_expect_eq(packet_checksum(m, 0), PACKET_BAD_IP | PACKET_BAD_L4);
	pkt_read(m, out);
	cr_expect_arr_eq(out, udp4, sizeof(udp4), "put right");
	pkt_free(m);
}

Test(packet, checksum_ignores_padding_and_crosses_segments)
{
	static const uint16_t segs[] = {35, 1, 3, 4, 0};
	uint8_t pkt[sizeof(udp4) + 9];

	memset(pkt, 0xee, sizeof(pkt));
	memcpy(pkt, udp4, sizeof(udp4));
	expect_left_alone(pkt, sizeof(pkt), NULL);

	expect_left_alone(udp4, sizeof(udp4), (const uint16_t[]){42, 1, 3, 0});

	/* The UDP header itself in pieces: left alone. */
	expect_left_alone(udp4, sizeof(udp4), segs);
}

Test(packet, udp_without_checksum_stays_without)
{
	uint8_t pkt[sizeof(udp4)];

	memcpy(pkt, udp4, sizeof(pkt));
	pkt[40] = pkt[41] = 0;
	expect_left_alone(pkt, sizeof(pkt), NULL);
}

Test(packet, hardware_checksum_gets_the_pseudo_header_and_the_marks)
{
	struct rte_mbuf *m = pkt_make(udp4, sizeof(udp4), NULL);
	uint8_t out[sizeof(udp4)];
	uint16_t pseudo = sum16(udp4 + 26, 8, 17 + 13);

	cr_expect_eq(packet_checksum(m, CSUM_HW_UDP), 0);
	pkt_read(m, out);
	cr_expect_eq(out[40] << 8 | out[41], pseudo);
	cr_expect_eq(m->l2_len, 14);
	cr_expect_eq(m->l3_len, 20);
	cr_expect_eq(m->ol_flags & RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_UDP_CKSUM);
	cr_expect(m->ol_flags & RTE_MBUF_F_TX_IPV4);
	pkt_free(m);
}

Test(packet, an_arp_request_is_answered)
{
	static const uint8_t request[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x55, 8, 6,
		/* Ethernet, IPv4, lengths, request */
		0, 1, 8, 0, 6, 4, 0, 1,
		/* who asks, and for whom */
		2, 0, 0, 0, 0, 0x55, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2};
	static const uint8_t answer[42] = {/* destination, source, type */
					   2, 0, 0, 0, 0, 0x55, 2, 0, 0, 0, 0, 0xdd, 8, 6,
					   /* Ethernet, IPv4, lengths, answer */
					   0, 1, 8, 0, 6, 4, 0, 2,
					   /* who has it, and who asked */
					   2, 0, 0, 0, 0, 0xdd, 192, 0, 2, 2, 2, 0, 0, 0, 0, 0x55,
					   192, 0, 2, 1};
	struct rte_ether_addr own = {{2, 0, 0, 0, 0, 0xdd}};
	struct rte_mbuf *m = pkt_make(request, sizeof(request), NULL);
	uint8_t out[42];

	cr_expect(packet_answer_ping(m, &own));
	pkt_read(m, out);
	for (int i = 0; i < 42; i++)
		cr_expect_eq(out[i], answer[i], "byte %d: %02x, not %02x", i, out[i], answer[i]);
	/* An answer is not answered. */
	cr_expect_not(packet_answer_ping(m, &own));
	pkt_free(m);
}

static void make_ping(uint8_t pkt[14 + 20 + 12], const uint8_t target[4])
{
	static const uint8_t start[14 + 20 + 12] = {
		ETH(0x0800), 0x45, 0, 0, 32, 0, 1, 0, 0, 64, 1, 0, 0,	192, 0,	  2,  1,
		0,	     0,	   0, 0, 8,  0, 0, 0, 0, 7,  0, 1, 'p', 'i', 'n', 'g'};
	uint16_t sum;

	memcpy(pkt, start, sizeof(start));
	memcpy(pkt + 30, target, 4);
	sum = (uint16_t)~sum16(pkt + 14, 20, 0);
	pkt[24] = (uint8_t)(sum >> 8);
	pkt[25] = (uint8_t)sum;
	sum = (uint16_t)~sum16(pkt + 34, 12, 0);
	pkt[36] = (uint8_t)(sum >> 8);
	pkt[37] = (uint8_t)sum;
}

Test(packet, a_ping_is_answered_with_right_checksums)
{
	struct rte_ether_addr own = {{2, 0, 0, 0, 0, 0xdd}};
	uint8_t pkt[46], out[46];
	struct rte_mbuf *m;

	make_ping(pkt, (const uint8_t[]){192, 0, 2, 2});
	m = pkt_make(pkt, sizeof(pkt), NULL);
	cr_assert(packet_answer_ping(m, &own));
	pkt_read(m, out);
	cr_expect_arr_eq(out, pkt + 6, 6);
	cr_expect_arr_eq(out + 6, pkt, 6);
	cr_expect_arr_eq(out + 26, pkt + 30, 4);
	cr_expect_arr_eq(out + 30, pkt + 26, 4);
	cr_expect_eq(out[34], 0, "echo reply");
	cr_expect_eq(sum16(out + 14, 20, 0), 0xffff);
	cr_expect_eq(sum16(out + 34, 12, 0), 0xffff);
	cr_expect_arr_eq(out + 38, pkt + 38, 8);
	cr_expect_not(packet_answer_ping(m, &own), "a reply is not answered");
	pkt_free(m);
}

Test(packet, a_ping_to_a_group_is_answered_from_a_host)
{
	struct rte_ether_addr own = {{2, 0, 0, 0, 0, 0x77}};
	uint8_t pkt[46], out[46];
	struct rte_mbuf *m;

	make_ping(pkt, (const uint8_t[]){224, 0, 0, 1});
	pkt[0] = 1;
	m = pkt_make(pkt, sizeof(pkt), NULL);
	cr_assert(packet_answer_ping(m, &own));
	pkt_read(m, out);
	cr_expect_arr_eq(out + 6, own.addr_bytes, 6, "no group address as a source");
	cr_expect_neq(out[26] & 0xf0, 0xe0);
	cr_expect_eq(sum16(out + 14, 20, 0), 0xffff);
	cr_expect_eq(sum16(out + 34, 12, 0), 0xffff);
	pkt_free(m);
}

Test(packet, other_packets_are_not_answered)
{
	struct rte_ether_addr own = {{2, 0, 0, 0, 0, 0xdd}};
	struct rte_mbuf *m = pkt_make(udp4, sizeof(udp4), NULL);
	uint8_t out[sizeof(udp4)];

	cr_expect_not(packet_answer_ping(m, &own));
	pkt_read(m, out);
	cr_expect_arr_eq(out, udp4, sizeof(udp4));
	pkt_free(m);
}
