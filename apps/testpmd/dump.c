// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>

#include "fwd.h"

/* Called from forwarding cores; one printf a packet keeps lines whole. */
void fwd_dump(const struct fwd_stream *s, bool rx, struct rte_mbuf **pkts, uint16_t count)
{
	char src[RTE_ETHER_ADDR_FMT_SIZE];
	char dst[RTE_ETHER_ADDR_FMT_SIZE];

	printf("port %u/queue %u: %s %u packets\n", rx ? s->rx_port : s->tx_port,
	       rx ? s->rx_queue : s->tx_queue, rx ? "received" : "sent", count);
	for (uint16_t i = 0; i < count; i++) {
		const struct rte_ether_hdr *eth =
			rte_pktmbuf_mtod(pkts[i], const struct rte_ether_hdr *);

		rte_ether_format_addr(src, sizeof(src), &eth->src_addr);
		rte_ether_format_addr(dst, sizeof(dst), &eth->dst_addr);
		printf("  src=%s - dst=%s - type=0x%04x - length=%u - nb_segs=%u\n", src, dst,
		       rte_be_to_cpu_16(eth->ether_type), rte_pktmbuf_pkt_len(pkts[i]),
		       pkts[i]->nb_segs);
	}
}
