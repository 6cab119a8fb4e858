// SPDX-License-Identifier: BSD-3-Clause
#include "fwd.h"
#include "packet.h"

static unsigned int forward(struct fwd_stream *s)
{
	struct rte_mbuf *pkts[MAX_BURST];
	uint16_t n = fwd_receive(s, pkts);

	for (uint16_t i = 0; i < n; i++)
		if (rte_pktmbuf_data_len(pkts[i]) >= sizeof(struct rte_ether_hdr))
			packet_swap_mac(rte_pktmbuf_mtod(pkts[i], struct rte_ether_hdr *));
	fwd_send(s, pkts, n);

	return n;
}

const struct fwd_engine fwd_macswap = {
	.name = "macswap",
	.what = "swap source and destination MAC address",
	.forward = forward,
	.receives = true,
	.sends = true,
};
