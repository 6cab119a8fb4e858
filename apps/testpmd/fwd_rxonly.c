// SPDX-License-Identifier: BSD-3-Clause
#include "fwd.h"

static unsigned int forward(struct fwd_stream *s)
{
	struct rte_mbuf *pkts[MAX_BURST];
	uint16_t n = fwd_receive(s, pkts);

	if (n)
		rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

const struct fwd_engine fwd_rxonly = {
	.name = "rxonly",
	.what = "receive and forget",
	.forward = forward,
	.to_self = true,
	.receives = true,
};
