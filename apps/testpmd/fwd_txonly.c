// SPDX-License-Identifier: BSD-3-Clause
#include "fwd.h"

static unsigned int forward(struct fwd_stream *s)
{
	struct rte_mbuf *pkts[MAX_BURST];
	uint16_t burst = __atomic_load_n(&s->burst, __ATOMIC_RELAXED);
	uint16_t n = 0;

	if (!s->tx)
		return 0;
	while (n < burst && (pkts[n] = fwd_template_make(&s->template, 0)) != NULL)
		n++;
	fwd_send(s, pkts, n);

	return n;
}

const struct fwd_engine fwd_txonly = {
	.name = "txonly",
	.what = "send one UDP packet (--txpkts) over and over",
	.forward = forward,
	.to_self = true,
	.sends = true,
};
