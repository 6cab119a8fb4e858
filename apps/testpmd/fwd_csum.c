// SPDX-License-Identifier: BSD-3-Clause
#include "fwd.h"
#include "packet.h"

static unsigned int forward(struct fwd_stream *s)
{
	struct rte_mbuf *pkts[MAX_BURST];
	uint16_t n = fwd_receive(s, pkts);
	unsigned int bad;

	for (uint16_t i = 0; i < n; i++) {
		bad = packet_checksum(pkts[i], s->tx_offload);
		fwd_count(&s->count.bad_ip, bad & PACKET_BAD_IP ? 1 : 0);
		fwd_count(&s->count.bad_l4, bad & PACKET_BAD_L4 ? 1 : 0);
		fwd_address(s, pkts[i]);
	}
	fwd_send(s, pkts, n);

	return n;
}

const struct fwd_engine fwd_csum = {
	.name = "csum",
	.what = "as mac, and verify and compute IP, TCP and UDP checksums",
	.forward = forward,
	.receives = true,
	.sends = true,
};
