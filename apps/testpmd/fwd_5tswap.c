// SPDX-License-Identifier: BSD-3-Clause
#include "fwd.h"
#include "packet.h"

static unsigned int forward(struct fwd_stream *s)
{
	struct rte_mbuf *pkts[MAX_BURST];
	uint16_t n = fwd_receive(s, pkts);

	for (uint16_t i = 0; i < n; i++)
		packet_swap_5tuple(pkts[i]);
	fwd_send(s, pkts, n);

	return n;
}

const struct fwd_engine fwd_5tswap = {
	.name = "5tswap",
	.what = "swap MAC and IP addresses and TCP or UDP ports",
	.forward = forward,
	.receives = true,
	.sends = true,
};
