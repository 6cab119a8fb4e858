// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <time.h>

#include "vnet_frame.h"
#include "vnet_priv.h"

static void build(struct vnet *m, struct vnet_template *t)
{
	uint8_t *f = t->pkt + VNET_HDR_LEN;
	uint8_t slot = uvdk_emu_fn_slot(m->v.fn);
	const uint8_t src[6] = {0x02, 0x73, 0x72, 0x63, 0x00, slot};
	const uint8_t addresses[8] = {10, slot, 0, 1, 10, slot, 0, 2};
	uint16_t sum;

	memcpy(f + 6, src, sizeof(src));
	put_be16(f + FRAME_ETH_TYPE, 0x0800);
	f[FRAME_IP] = 0x45;
	put_be16(f + FRAME_IP_LEN, (uint16_t)(t->len - FRAME_IP));
	put_be16(f + FRAME_IP + 6, 0x4000); /* don't fragment */
	f[FRAME_IP + 8] = 64;
	f[FRAME_IP_PROTO] = 17;
	memcpy(f + FRAME_IP_SRC, addresses, sizeof(addresses));
	sum = (uint16_t)~vnet_fold(vnet_sum(f + FRAME_IP, 20));
	memcpy(f + FRAME_IP_SUM, &sum, sizeof(sum));

	put_be16(f + FRAME_UDP, 4097);
	put_be16(f + FRAME_UDP + 2, 4098);
	put_be16(f + FRAME_UDP_LEN, (uint16_t)(t->len - FRAME_UDP));
	put_be32(f + FRAME_MAGIC, FRAME_MAGIC_VALUE);
	memcpy(f + FRAME_PATTERN, m->pattern, t->len - FRAME_PATTERN);

	t->pseudo = vnet_pseudo_sum(f);
	t->fixed = t->pseudo + vnet_sum(f + FRAME_UDP, t->len - FRAME_UDP);
}

int vnet_source_init(struct vnet *m)
{
	static const uint16_t imix[3] = {60, 590, 1514};
	struct vnet_source *s = &m->source;

	if (!m->conf.source)
		return 0;
	s->left = m->conf.frames;
	s->templates = m->conf.imix ? 3 : 1;
	for (unsigned int i = 0; i < s->templates; i++) {
		struct vnet_template *t = &s->tpl[i];

		t->len = m->conf.imix ? imix[i] : m->conf.len;
		t->pkt = calloc(1, VNET_HDR_LEN + t->len);
		if (!t->pkt)
			return -ENOMEM; /* fini frees the others */
		build(m, t);
	}

	return 0;
}

void vnet_source_fini(struct vnet *m)
{
	for (unsigned int i = 0; i < m->source.templates; i++)
		free(m->source.tpl[i].pkt);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* With a rate: has the next frame's time come? */
static bool is_due(struct vnet *m)
{
	struct vnet_source *s = &m->source;
	uint64_t passed;

	if (!m->conf.rate)
		return true;
	if (!s->started_ns) {
		s->started_ns = now_ns();
		s->due = s->paced = 0;
	}
	if (s->paced < s->due)
		return true;
	passed = now_ns() - s->started_ns;
	s->due = passed / 1000000000u * m->conf.rate +
		 passed % 1000000000u * m->conf.rate / 1000000000u;

	return s->paced < s->due;
}

/* 7 : 4 : 1, the same in every run */
static struct vnet_template *choose(struct vnet_source *s, uint64_t seq)
{
	unsigned int i = (unsigned int)(seq % 12);

	if (s->templates == 1)
		return &s->tpl[0];

	return &s->tpl[i < 7 ? 0 : i < 11 ? 1 : 2];
}

static void set_checksum(struct vnet *m, const struct vnet_template *t)
{
	struct vnet_hdr hdr = {.flags = VNET_HDR_DATA_VALID};
	uint8_t *f = t->pkt + VNET_HDR_LEN;
	uint16_t sum;

	sum = (uint16_t)~vnet_fold(t->fixed +
				   vnet_sum(f + FRAME_STREAM, FRAME_PATTERN - FRAME_STREAM));
	if (sum == 0)
		sum = 0xffff;
	if (m->conf.csum == VNET_CSUM_PARTIAL) {
		hdr.flags = VNET_HDR_NEEDS_CSUM;
		hdr.csum_start = uvdk_to_le16(FRAME_UDP);
		hdr.csum_offset = uvdk_to_le16(FRAME_UDP_SUM - FRAME_UDP);
		sum = vnet_fold(t->pseudo);
	} else if (m->conf.csum == VNET_CSUM_BAD) {
		hdr.flags = 0;
		sum ^= 0x5555;
	}
	memcpy(f + FRAME_UDP_SUM, &sum, sizeof(sum));
	memcpy(t->pkt, &hdr, sizeof(hdr));
}

/* The next frame for a queue, or NULL; it stays the next until it is taken. */
uint8_t *vnet_source_make(struct vnet *m, unsigned int pair, size_t *len)
{
	struct vnet_source *s = &m->source;
	uint16_t stream = (uint16_t)(uvdk_emu_fn_slot(m->v.fn) * VNET_MAX_PAIRS + pair);
	uint64_t seq = s->seq[pair];
	struct vnet_template *t = choose(s, seq);
	uint8_t *f = t->pkt + VNET_HDR_LEN;

	if (s->left == 0 || !is_due(m))
		return NULL;

	memcpy(f, m->mac, 6);
	put_be16(f + FRAME_STREAM, stream);
	put_be64(f + FRAME_SEQ, seq);
	put_be32(f + FRAME_CHECK, vnet_frame_check(seq, stream, t->len));
	set_checksum(m, t);
	*len = VNET_HDR_LEN + t->len;

	return t->pkt;
}

void vnet_source_take(struct vnet *m, unsigned int pair)
{
	struct vnet_source *s = &m->source;

	s->seq[pair]++;
	s->paced++;
	if (s->left != UINT64_MAX)
		s->left--;
	m->stats.generated++;
}
