// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include "fwd.h"

/*
 * RFC 2544, C.2.6.2: addresses for benchmarks; port 9 discards (RFC 863).
 * RTE_IPV4() shifts: an int has no room for 198 << 24.
 */
#define SRC_IP	RTE_IPV4(198u, 18, 0, 1)
#define DST_IP	RTE_IPV4(198u, 18, 0, 2)
#define FLOW_IP RTE_IPV4(198u, 19, 0, 0)
#define PORT	9

struct headers {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
};

_Static_assert(sizeof(struct headers) == sizeof(((struct fwd_template *)0)->header), "headers");

void fwd_template_init(struct fwd_template *t, const struct options *opts, struct rte_mempool *pool,
		       const struct rte_ether_addr *src, const struct rte_ether_addr *dst)
{
	struct headers h;

	memset(t, 0, sizeof(*t));
	t->pool = pool;
	t->flows = opts->flows;
	t->segs = opts->tx_segs;
	memcpy(t->seg_len, opts->txpkts, sizeof(t->seg_len));
	for (unsigned int i = 0; i < t->segs; i++)
		t->total = (uint16_t)(t->total + t->seg_len[i]);

	memset(&h, 0, sizeof(h));
	h.eth.src_addr = *src;
	h.eth.dst_addr = *dst;
	h.eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	h.ip.version_ihl = 0x45;
	h.ip.total_length = rte_cpu_to_be_16((uint16_t)(t->total - sizeof(h.eth)));
	h.ip.time_to_live = 64;
	h.ip.next_proto_id = IPPROTO_UDP;
	h.ip.src_addr = RTE_BE32(SRC_IP);
	h.ip.dst_addr = RTE_BE32(DST_IP);
	h.ip.hdr_checksum = rte_ipv4_cksum(&h.ip);
	h.udp.src_port = RTE_BE16(PORT);
	h.udp.dst_port = RTE_BE16(PORT);
	h.udp.dgram_len = rte_cpu_to_be_16((uint16_t)(t->total - sizeof(h.eth) - sizeof(h.ip)));
	memcpy(t->header, &h, sizeof(h));
}

/* The headers may stretch over short segments; the payload is zero. */
static void fill(struct rte_mbuf *m, const struct headers *h)
{
	size_t done = 0;

	for (; m; m = m->next) {
		size_t part = RTE_MIN(sizeof(*h) - done, (size_t)m->data_len);
		uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

		memcpy(data, (const uint8_t *)h + done, part);
		memset(data + part, 0, m->data_len - part);
		done += part;
	}
}

static struct rte_mbuf *chain(const struct fwd_template *t)
{
	struct rte_mbuf *segs[MAX_TX_SEGS];

	if (rte_pktmbuf_alloc_bulk(t->pool, segs, t->segs))
		return NULL;
	for (unsigned int i = 0; i < t->segs; i++) {
		segs[i]->data_len = t->seg_len[i];
		segs[i]->next = i + 1 < t->segs ? segs[i + 1] : NULL;
	}
	segs[0]->nb_segs = (uint16_t)t->segs;
	segs[0]->pkt_len = t->total;

	return segs[0];
}

struct rte_mbuf *fwd_template_make(const struct fwd_template *t, unsigned int flow)
{
	struct rte_mbuf *m = chain(t);
	struct headers h;

	if (!m)
		return NULL;
	memcpy(&h, t->header, sizeof(h));
	if (flow) {
		h.ip.dst_addr = rte_cpu_to_be_32(FLOW_IP + (flow & 0xffff));
		h.udp.src_port = rte_cpu_to_be_16((uint16_t)(1024 + (flow >> 16)));
		h.ip.hdr_checksum = 0;
		h.ip.hdr_checksum = rte_ipv4_cksum(&h.ip);
	}
	fill(m, &h);

	return m;
}
