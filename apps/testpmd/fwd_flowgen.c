// SPDX-License-Identifier: BSD-3-Clause
#include "fwd.h"

static unsigned int forward(struct fwd_stream *s)
{
	struct rte_mbuf *pkts[MAX_BURST];
	uint16_t burst = __atomic_load_n(&s->burst, __ATOMIC_RELAXED);
	struct fwd_template *t = &s->template;
	uint16_t received = fwd_receive(s, pkts);
	uint16_t n = 0;

	if (received)
		rte_pktmbuf_free_bulk(pkts, received);
	if (!s->tx)
		return received;
	while (n < burst && (pkts[n] = fwd_template_make(t, t->next_flow)) != NULL) {
		t->next_flow = t->next_flow + 1 == t->flows ? 0 : t->next_flow + 1;
		n++;
	}
	fwd_send(s, pkts, n);

	return (unsigned int)n + received;
}

const struct fwd_engine fwd_flowgen = {
	.name = "flowgen",
	.what = "send UDP packets of many flows (--flowgen-flows), forget what comes in",
	.forward = forward,
	.receives = true,
	.sends = true,
};
