// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "vnet_priv.h"

/* What became of a frame for the driver. */
enum outcome {
	DELIVERED,
	DROPPED,
	WAITS,	/* no buffers */
	BROKEN, /* the queue */
};

/* Section 5.1.6.5.2: is the frame for this port? */
static bool wanted(const struct vnet *m, const uint8_t *dst)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (!vnet_has(m, VNET_F_CTRL_RX) || m->promisc || !memcmp(dst, m->mac, 6))
		return true;
	if ((dst[0] & 1) && (m->allmulti || !memcmp(dst, broadcast, 6)))
		return true;
	for (unsigned int i = 0; i < m->macs; i++)
		if (!memcmp(dst, m->mac_table[i], 6))
			return true;

	return false;
}

/* Section 5.1.6.4: the checksum as the driver gets it, by what was negotiated. */
static void settle_csum(struct vnet *m, uint8_t *pkt, size_t len)
{
	struct vnet_hdr hdr;

	memcpy(&hdr, pkt, sizeof(hdr));
	if (!vnet_has(m, VNET_F_GUEST_CSUM)) {
		if (hdr.flags & VNET_HDR_NEEDS_CSUM)
			vnet_complete_csum(&hdr, pkt + VNET_HDR_LEN, len - VNET_HDR_LEN);
		hdr.flags = 0;
	}
	if (m->v.evil && vnet_evil_now(m, VNET_EVIL_HDR_CSUM)) {
		hdr.flags = VNET_HDR_NEEDS_CSUM;
		hdr.csum_start = uvdk_to_le16((uint16_t)len);
		hdr.csum_offset = uvdk_to_le16(0xfffe);
	}
	memcpy(pkt, &hdr, sizeof(hdr));
}

static void set_buffers(struct vnet *m, uint8_t *pkt, uint16_t buffers)
{
	struct uvdk_le16 le;

	if (m->v.evil && vnet_evil_now(m, VNET_EVIL_NUM_BUFFERS))
		buffers = 0xffff;
	if (m->v.evil && vnet_evil_now(m, VNET_EVIL_NUM_BUFFERS_0))
		buffers = 0;
	le = uvdk_to_le16(buffers);
	memcpy(pkt + offsetof(struct vnet_hdr, num_buffers), &le, sizeof(le));
}

static int pop_rx(struct uvdk_emu_virtio_queue *q, struct uvdk_emu_virtq_chain *chain)
{
	int ret = uvdk_emu_virtq_pop(&q->vq, chain);

	if (ret <= 0)
		return ret;
	if (chain->readable)
		return uvdk_emu_virtq_break(&q->vq, "receive buffer %u is not writable (5.1.6.3)",
					    chain->head);
	if (chain->write_len < VNET_HDR_LEN)
		return uvdk_emu_virtq_break(&q->vq,
					    "receive buffer %u has %u bytes, the header 12 "
					    "(5.1.6.3.1)",
					    chain->head, (unsigned int)chain->write_len);

	return ret;
}

/* No buffers left for the rest of a frame; can there ever be enough? */
static enum outcome too_few(struct uvdk_emu_virtio_queue *q, const struct uvdk_emu_virtq_mark *mark,
			    unsigned int buffers)
{
	uvdk_emu_virtq_rewind(&q->vq, mark);

	return buffers == q->size ? DROPPED : WAITS;
}

/* Frame in several buffers, all full but the last (5.1.6.4.1). */
static enum outcome spread(struct vnet *m, struct uvdk_emu_virtio_queue *q, uint8_t *pkt,
			   size_t len, const struct uvdk_emu_virtq_mark *mark)
{
	size_t first = (size_t)m->first.write_len;
	size_t done = first;
	uint16_t buffers = 1;

	uvdk_emu_virtq_push(&q->vq, &m->first, (uint32_t)first);
	while (done < len) {
		size_t run = len - done;
		int ret = pop_rx(q, &m->more);

		if (ret == 0)
			return too_few(q, mark, buffers);
		if (ret < 0)
			return BROKEN;
		if (run > m->more.write_len)
			run = (size_t)m->more.write_len;
		if (uvdk_emu_virtq_write(&q->vq, &m->more, pkt + done, run))
			return BROKEN;
		uvdk_emu_virtq_push(&q->vq, &m->more, (uint32_t)run);
		done += run;
		buffers++;
	}
	set_buffers(m, pkt, buffers);

	return uvdk_emu_virtq_write(&q->vq, &m->first, pkt, first) ? BROKEN : DELIVERED;
}

static enum outcome deliver(struct vnet *m, struct uvdk_emu_virtio_queue *q, uint8_t *pkt,
			    size_t len)
{
	struct uvdk_emu_virtq_mark mark = uvdk_emu_virtq_get_mark(&q->vq);
	int ret = pop_rx(q, &m->first);

	if (ret <= 0)
		return ret ? BROKEN : WAITS;
	settle_csum(m, pkt, len);
	if (m->first.write_len >= len) {
		set_buffers(m, pkt, 1);
		if (uvdk_emu_virtq_write(&q->vq, &m->first, pkt, len))
			return BROKEN;
		uvdk_emu_virtq_push(&q->vq, &m->first, (uint32_t)len);
		return DELIVERED;
	}
	if (vnet_has(m, VNET_F_MRG_RXBUF))
		return spread(m, q, pkt, len, &mark);
	uvdk_emu_virtq_rewind(&q->vq, &mark);

	return DROPPED;
}

/* One frame through filter and carrier. */
static enum outcome receive(struct vnet *m, struct uvdk_emu_virtio_queue *q, uint8_t *pkt,
			    size_t len)
{
	enum outcome out;

	if (!m->carrier) {
		m->stats.rx_dropped++;
		return DROPPED;
	}
	if (!wanted(m, pkt + VNET_HDR_LEN)) {
		m->stats.filtered++;
		return DROPPED;
	}

	out = deliver(m, q, pkt, len);
	m->stats.delivered += out == DELIVERED;
	m->stats.rx_dropped += out == DROPPED;
	if (out == BROKEN)
		uvdk_emu_virtio_broken(&m->v, q);

	return out;
}

static unsigned int from_pipe(struct vnet *m, struct uvdk_emu_virtio_queue *q,
			      struct vnet_pipe *pipe, unsigned int budget, enum outcome *out)
{
	unsigned int done = 0;
	uint32_t len;
	uint8_t *pkt;

	while (done < budget && (pkt = vnet_pipe_peek(pipe, &len))) {
		*out = receive(m, q, pkt, len);
		if (*out == WAITS || *out == BROKEN)
			break;
		vnet_pipe_pop(pipe, len);
		done++;
	}

	return done;
}

static unsigned int from_source(struct vnet *m, struct uvdk_emu_virtio_queue *q, unsigned int pair,
				unsigned int budget, enum outcome *out)
{
	unsigned int done = 0;
	uint8_t *pkt;
	size_t len;

	while (done < budget && m->carrier && (pkt = vnet_source_make(m, pair, &len))) {
		*out = receive(m, q, pkt, len);
		if (*out == BROKEN || (*out == WAITS && !m->conf.rate))
			break;
		m->stats.rx_dropped += *out == WAITS;
		vnet_source_take(m, pair);
		done++;
	}

	return done;
}

static void head_of_inject(struct vnet *m, unsigned int pair, struct vnet_pipe **pipe)
{
	uint32_t len;
	uint8_t *pkt = m->inject ? vnet_pipe_peek(m->inject, &len) : NULL;
	struct vnet_hdr hdr;

	/* num_buffers carries the queue asked for: it is set on delivery. */
	*pipe = NULL;
	if (!pkt)
		return;
	memcpy(&hdr, pkt, sizeof(hdr));
	if (uvdk_get16(hdr.num_buffers) % m->pairs == pair)
		*pipe = m->inject;
}

/* Injected frames name their queue one by one, so one at a time. */
static unsigned int from_inject(struct vnet *m, struct uvdk_emu_virtio_queue *q, unsigned int pair,
				unsigned int budget, enum outcome *out)
{
	struct vnet_pipe *pipe;
	unsigned int done = 0;

	for (;;) {
		head_of_inject(m, pair, &pipe);
		if (!pipe || done == budget || !from_pipe(m, q, pipe, 1, out))
			return done;
		done++;
	}
}

/* Frames from the peer's queue go to the one of that number, modulo ours. */
static unsigned int from_link(struct vnet *m, struct uvdk_emu_virtio_queue *q, unsigned int pair,
			      unsigned int budget, enum outcome *out)
{
	unsigned int done = 0;

	for (unsigned int i = pair; i < VNET_MAX_PAIRS && *out != WAITS && *out != BROKEN;
	     i += m->pairs)
		done += from_pipe(m, q, &m->link->to[m->end][i], budget, out);

	return done;
}

bool vnet_rx(struct vnet *m, unsigned int pair)
{
	struct uvdk_emu_virtio_queue *q = &m->v.queue[2 * pair];
	enum outcome out = DELIVERED;
	unsigned int done = 0;

	/* With a rate, time passes for a queue without buffers too. */
	if (!uvdk_emu_virtio_looking(&m->v, q) && (!m->conf.rate || !q->enabled || !m->v.live))
		return false;

	done = from_inject(m, q, pair, VNET_BURST, &out);
	if (m->link && out != WAITS && out != BROKEN)
		done += from_link(m, q, pair, VNET_BURST, &out);
	if (m->conf.source && out != WAITS && out != BROKEN)
		done += from_source(m, q, pair, VNET_BURST, &out);
	if (out == BROKEN)
		return true;
	uvdk_emu_virtio_flush(&m->v, q, true);
	if (out == WAITS && m->v.live && uvdk_emu_virtio_rest(&m->v, q))
		done++;

	return done > 0;
}
