// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "vnet_frame.h"
#include "vnet_priv.h"

static bool ours(const uint8_t *f, size_t len)
{
	return len >= FRAME_PATTERN && get_be16(f + FRAME_ETH_TYPE) == 0x0800 &&
	       f[FRAME_IP] == 0x45 && f[FRAME_IP_PROTO] == 17 &&
	       get_be32(f + FRAME_MAGIC) == FRAME_MAGIC_VALUE;
}

static bool whole(const struct vnet *m, const uint8_t *f, size_t len)
{
	uint16_t stream = get_be16(f + FRAME_STREAM);

	return get_be16(f + FRAME_IP_LEN) == len - FRAME_IP &&
	       get_be16(f + FRAME_UDP_LEN) == len - FRAME_UDP && stream < VNET_STREAMS &&
	       get_be32(f + FRAME_CHECK) ==
		       vnet_frame_check(get_be64(f + FRAME_SEQ), stream, len) &&
	       !memcmp(f + FRAME_PATTERN, m->pattern, len - FRAME_PATTERN) &&
	       vnet_fold(vnet_sum(f + FRAME_IP, 20)) == 0xffff &&
	       (f[FRAME_UDP_SUM] || f[FRAME_UDP_SUM + 1]) &&
	       vnet_fold(vnet_pseudo_sum(f) + vnet_sum(f + FRAME_UDP, len - FRAME_UDP)) == 0xffff;
}

/* Bit k of seen: number next - 1 - k has come. */
static void account(struct vnet *m, struct vnet_stream *s, uint64_t seq)
{
	uint64_t gap = seq - s->next;
	uint64_t back = s->next - 1 - seq;

	if (seq >= s->next) {
		m->stats.missing += gap;
		m->stats.verified++;
		s->seen = gap < 63 ? s->seen << (gap + 1) : 0;
		s->seen |= 1;
		s->next = seq + 1;
	} else if (back < 64 && (s->seen & (UINT64_C(1) << back))) {
		m->stats.duplicates++;
	} else {
		m->stats.out_of_order++;
		if (back < 64) {
			s->seen |= UINT64_C(1) << back;
			m->stats.missing--;
		}
	}
}

void vnet_sink(struct vnet *m, const uint8_t *frame, size_t len)
{
	m->stats.sunk++;
	if (!ours(frame, len))
		m->stats.foreign++;
	else if (!whole(m, frame, len))
		m->stats.bad++;
	else
		account(m, &m->stream[get_be16(frame + FRAME_STREAM)], get_be64(frame + FRAME_SEQ));
}
