// SPDX-License-Identifier: BSD-3-Clause
#include "fwd.h"

static unsigned int forward(struct fwd_stream *s)
{
	struct rte_mbuf *pkts[MAX_BURST];
	uint16_t n = fwd_receive(s, pkts);

	for (uint16_t i = 0; i < n; i++)
		fwd_address(s, pkts[i]);
	fwd_send(s, pkts, n);

	return n;
}

const struct fwd_engine fwd_mac = {
	.name = "mac",
	.what = "send to the peer's MAC address (--eth-peer), from the port's own",
	.forward = forward,
	.receives = true,
	.sends = true,
};
