// SPDX-License-Identifier: BSD-3-Clause
#include "fwd.h"

static unsigned int forward(struct fwd_stream *s)
{
	struct rte_mbuf *pkts[MAX_BURST];
	uint16_t n = fwd_receive(s, pkts);

	fwd_send(s, pkts, n);
	return n;
}

const struct fwd_engine fwd_io = {
	.name = "io",
	.what = "send what was received, untouched",
	.forward = forward,
	.receives = true,
	.sends = true,
};
