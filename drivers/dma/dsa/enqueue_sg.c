// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "dsa_pmd.h"

/* Two lists walked side by side: a piece reaches to the next edge of either. */
struct walk {
	const struct uvdk_dma_piece *seg;
	unsigned int count;
	size_t off; /* in seg[0] */
};

static size_t left(const struct walk *w)
{
	return w->seg->len - w->off;
}

static void move(struct walk *w, size_t len)
{
	w->off += len;
	if (w->off < w->seg->len)
		return;
	w->seg++;
	w->count--;
	w->off = 0;
}

static size_t piece(const struct dsa_chan *c, const struct walk *dst, const struct walk *src)
{
	size_t len = left(dst) < left(src) ? left(dst) : left(src);

	return len < c->max_len ? len : c->max_len;
}

static bool is_good(const struct uvdk_dma_piece *seg, unsigned int count, size_t *sum)
{
	*sum = 0;
	if (!count || count > SG_MAX)
		return false;
	for (unsigned int i = 0; i < count; i++) {
		if (!seg[i].len || !uvdk_dmadev_below(UINT64_MAX, seg[i].addr, seg[i].len) ||
		    __builtin_add_overflow(*sum, seg[i].len, sum))
			return false;
	}

	return true;
}

static uint64_t count_pieces(const struct dsa_chan *c, struct walk dst, struct walk src)
{
	uint64_t pieces = 0;

	while (dst.count) {
		size_t len = piece(c, &dst, &src);

		pieces++;
		if (pieces > c->mask + 1)
			break;
		move(&dst, len);
		move(&src, len);
	}

	return pieces;
}

int dsa_pmd_copy_sg(struct uvdk_dmadev_chan *chan, const struct uvdk_dma_piece *dst,
		    unsigned int dst_count, const struct uvdk_dma_piece *src,
		    unsigned int src_count, unsigned int flags)
{
	struct dsa_chan *c = dsa_chan(chan);
	struct walk to = {dst, dst_count, 0}, from = {src, src_count, 0};
	uint16_t number = (uint16_t)(c->head - c->extra);
	uint64_t pieces;
	uint32_t first = c->head;
	size_t dst_sum, src_sum;

	if (c->stopped)
		return -ENODEV;
	if (!is_good(dst, dst_count, &dst_sum) || !is_good(src, src_count, &src_sum) ||
	    dst_sum != src_sum)
		return -EINVAL;
	pieces = count_pieces(c, to, from);
	if (pieces > c->mask + 1)
		return -EINVAL;
	if (pieces > dsa_pmd_capacity(chan))
		return -ENOSPC;
	while (to.count) {
		size_t len = piece(c, &to, &from);

		dsa_pmd_copy(chan, to.seg->addr + to.off, from.seg->addr + from.off, len, 0);
		if (flags & UVDK_DMADEV_CACHE)
			dsa_pmd_special(c, c->head - 1, UVDK_DMADEV_CACHE);
		move(&to, len);
		move(&from, len);
		if (to.count)
			dsa_pmd_mark(c, c->head - 1, SLOT_MORE);
	}
	c->extra += (uint32_t)pieces - 1;
	dsa_pmd_special(c, first, flags & UVDK_DMADEV_FENCE);
	if (flags & UVDK_DMADEV_SUBMIT)
		dsa_pmd_submit(chan);

	return number;
}
