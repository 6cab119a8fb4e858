/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_TESTPMD_PKT_H
#define TEST_TESTPMD_PKT_H

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

/*
 * Packets in mbufs that no pool owns, so that no EAL is needed: engines that
 * are tested here must not free them. Segments as given, 0-terminated.
 */
static inline struct rte_mbuf *pkt_make(const void *bytes, size_t len, const uint16_t *segs)
{
	struct rte_mbuf *first = NULL, **link = &first;
	size_t done = 0;

	for (unsigned int i = 0; done < len; i++) {
		size_t part = segs && segs[i] ? segs[i] : len - done;
		struct rte_mbuf *m = aligned_alloc(64, sizeof(*m));

		memset((void *)m, 0, sizeof(*m));
		m->buf_addr = malloc(part + 16);
		m->data_off = 2; /* as after odd headrooms: nothing is aligned */
		m->data_len = (uint16_t)part;
		m->buf_len = (uint16_t)(part + 16);
		m->nb_segs = 1;
		memcpy(rte_pktmbuf_mtod(m, char *), (const char *)bytes + done, part);
		done += part;
		*link = m;
		link = &m->next;
		if (m != first)
			first->nb_segs++;
	}
	first->pkt_len = (uint32_t)len;

	return first;
}

static inline void pkt_free(struct rte_mbuf *m)
{
	while (m) {
		struct rte_mbuf *next = m->next;

		free(m->buf_addr);
		free(m);
		m = next;
	}
}

/* All bytes of a packet, in one piece. */
static inline void pkt_read(const struct rte_mbuf *m, void *out)
{
	for (size_t at = 0; m; m = m->next) {
		memcpy((char *)out + at, rte_pktmbuf_mtod(m, char *), m->data_len);
		at += m->data_len;
	}
}

#endif /* TEST_TESTPMD_PKT_H */
