// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "vnet_priv.h"

/* Section 5.1.6.2.1: NULL, or what is wrong with a header. */
static const char *check_header(const struct vnet *m, const struct vnet_hdr *hdr, size_t len)
{
	unsigned int start = uvdk_get16(hdr->csum_start);
	unsigned int offset = uvdk_get16(hdr->csum_offset);

	if (hdr->flags & ~VNET_HDR_NEEDS_CSUM)
		return "flags other than NEEDS_CSUM";
	if (hdr->flags && !vnet_has(m, VNET_F_CSUM))
		return "NEEDS_CSUM without CSUM";
	if (hdr->gso_type)
		return "gso_type, and segmentation was not negotiated";
	if (uvdk_get16(hdr->num_buffers))
		return "num_buffers is not 0";
	if (hdr->flags && start + offset + 2 > len)
		return "the checksum lies outside of the frame";

	return NULL;
}

static size_t greatest_frame(const struct vnet *m, const uint8_t *frame)
{
	size_t most = 14u + (vnet_has(m, VNET_F_MTU) ? m->conf.mtu : 1500u);

	/* VLAN tags are part of the header: one, or two with a service tag outside. */
	if ((frame[12] != 0x81 || frame[13] != 0x00) && (frame[12] != 0x88 || frame[13] != 0xa8))
		return most;

	return frame[16] == 0x81 && frame[17] == 0x00 ? most + 8 : most + 4;
}

static int check_frame(struct vnet *m, struct uvdk_emu_virtio_queue *q, const uint8_t *pkt,
		       size_t len)
{
	const char *wrong;
	struct vnet_hdr hdr;

	memcpy(&hdr, pkt, sizeof(hdr));
	len -= VNET_HDR_LEN;
	wrong = check_header(m, &hdr, len);
	if (wrong)
		return uvdk_emu_virtq_break(&q->vq, "header of a frame: %s (5.1.6.2.1)", wrong);
	if (len > greatest_frame(m, pkt + VNET_HDR_LEN))
		return uvdk_emu_virtq_break(&q->vq, "frame of %zu bytes, over the MTU (5.1.4.2)",
					    len);

	return 0;
}

static int check_chain(struct uvdk_emu_virtio_queue *q, const struct uvdk_emu_virtq_chain *chain)
{
	if (chain->count != chain->readable)
		return uvdk_emu_virtq_break(&q->vq, "frame %u has a writable part (5.1.6.2)",
					    chain->head);
	if (chain->read_len < VNET_HDR_LEN + VNET_FRAME_MIN ||
	    chain->read_len > VNET_HDR_LEN + VNET_FRAME_MAX)
		return uvdk_emu_virtq_break(&q->vq, "frame %u has %llu bytes with its header",
					    chain->head, (unsigned long long)chain->read_len);

	return 0;
}

static void keep_copy(struct vnet *m, const uint8_t *pkt, size_t len)
{
	uint8_t *to = vnet_pipe_reserve(m->captured, (uint32_t)len);
	struct vnet_hdr hdr;

	if (!to)
		return;
	memcpy(to, pkt, len);
	memcpy(&hdr, to, sizeof(hdr));
	if (hdr.flags & VNET_HDR_NEEDS_CSUM)
		vnet_complete_csum(&hdr, to + VNET_HDR_LEN, len - VNET_HDR_LEN);
	vnet_pipe_commit(m->captured, (uint32_t)len);
}

static void sink(struct vnet *m, uint8_t *pkt, size_t len)
{
	struct vnet_hdr hdr;

	memcpy(&hdr, pkt, sizeof(hdr));
	if (hdr.flags & VNET_HDR_NEEDS_CSUM)
		vnet_complete_csum(&hdr, pkt + VNET_HDR_LEN, len - VNET_HDR_LEN);
	vnet_sink(m, pkt + VNET_HDR_LEN, len - VNET_HDR_LEN);
}

/* Where frames of a queue go now: the pipe to the peer, or NULL. */
static struct vnet_pipe *way_out(struct vnet *m, unsigned int pair)
{
	if (!m->link || !m->carrier || !atomic_load(&m->link->running[!m->end]))
		return NULL;

	return &m->link->to[!m->end][pair];
}

static int send_one(struct vnet *m, struct uvdk_emu_virtio_queue *q, struct vnet_pipe *out,
		    uint8_t *pkt)
{
	size_t len = (size_t)m->first.read_len;
	int ret = uvdk_emu_virtq_read(&q->vq, &m->first, 0, pkt, len);

	if (!ret)
		ret = check_frame(m, q, pkt, len);
	if (ret)
		return ret;

	if (m->captured)
		keep_copy(m, pkt, len);
	if (out) {
		vnet_pipe_commit(out, (uint32_t)len);
		m->stats.forwarded++;
	} else if (m->link || !m->carrier) {
		m->stats.tx_dropped++;
	} else {
		sink(m, pkt, len);
	}
	uvdk_emu_virtq_push(&q->vq, &m->first, 0);

	return 0;
}

/* 1: sent, 0: none, -EAGAIN: the peer is slow, -EPROTO */
static int take_one(struct vnet *m, struct uvdk_emu_virtio_queue *q, unsigned int pair)
{
	struct uvdk_emu_virtq_mark mark = uvdk_emu_virtq_get_mark(&q->vq);
	struct vnet_pipe *out = way_out(m, pair);
	uint8_t *pkt = m->pkt;
	int ret;

	ret = uvdk_emu_virtq_pop(&q->vq, &m->first);
	if (ret <= 0)
		return ret;
	ret = check_chain(q, &m->first);
	if (ret)
		return ret;

	if (out) {
		pkt = vnet_pipe_reserve(out, (uint32_t)m->first.read_len);
		if (!pkt && !m->conf.lossy) {
			uvdk_emu_virtq_rewind(&q->vq, &mark);
			return -EAGAIN;
		}
		if (!pkt) {
			out = NULL;
			pkt = m->pkt;
		}
	}
	ret = send_one(m, q, out, pkt);

	return ret ? ret : 1;
}

bool vnet_tx(struct vnet *m, unsigned int pair)
{
	struct uvdk_emu_virtio_queue *q = &m->v.queue[2 * pair + 1];
	unsigned int done = 0;
	int ret = 1;

	if (!uvdk_emu_virtio_looking(&m->v, q))
		return false;
	if (pair >= m->pairs) {
		uvdk_emu_virtio_violate(&m->v,
					"frames in transmit queue %u of %u in use (5.1.6.5.5)",
					pair, m->pairs);
		return true;
	}

	while (done < VNET_BURST && ret > 0) {
		ret = take_one(m, q, pair);
		done += ret > 0;
	}
	if (ret == -EPROTO) {
		uvdk_emu_virtio_broken(&m->v, q);
		return true;
	}
	uvdk_emu_virtio_flush(&m->v, q, false);
	if (ret == 0 && m->v.live && uvdk_emu_virtio_rest(&m->v, q))
		done++;

	return done > 0;
}
