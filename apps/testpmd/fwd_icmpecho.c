// SPDX-License-Identifier: BSD-3-Clause
#include "fwd.h"
#include "packet.h"

static unsigned int forward(struct fwd_stream *s)
{
	struct rte_mbuf *pkts[MAX_BURST];
	struct rte_mbuf *other[MAX_BURST];
	uint16_t n = fwd_receive(s, pkts);
	uint16_t answers = 0;
	unsigned int rest = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (packet_answer_ping(pkts[i], &s->tx_mac))
			pkts[answers++] = pkts[i];
		else
			other[rest++] = pkts[i];
	}
	fwd_send(s, pkts, answers);
	if (rest) {
		fwd_count(&s->count.dropped, rest);
		rte_pktmbuf_free_bulk(other, rest);
	}

	return n;
}

const struct fwd_engine fwd_icmpecho = {
	.name = "icmpecho",
	.what = "answer ARP and ICMP echo requests, drop the rest",
	.forward = forward,
	.to_self = true,
	.receives = true,
	.sends = true,
};
