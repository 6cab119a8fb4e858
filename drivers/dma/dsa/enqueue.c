// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "dsa_pmd.h"

/*
 * The fast path: a descriptor is written where it stays. Of its eight words the second never
 * changes, and the last three are zero but for checksums.
 */

void dsa_pmd_mark(struct dsa_chan *c, uint32_t slot, unsigned int flags)
{
	struct dsa_slot *s = &c->slots[slot & c->mask];

	if (!s->flags)
		c->odd++;
	s->flags |= (uint8_t)(SLOT_ODD | flags);
}

__attribute__((noinline, cold)) void dsa_pmd_special(struct dsa_chan *c, uint32_t slot,
						     unsigned int flags)
{
	if (flags & UVDK_DMADEV_FENCE) {
		dsa_pmd_mark(c, slot, SLOT_FENCE);
		dsa_desc(c, slot)[0] |= UVDK_LE(64, DSA_W0(0, DSA_FLAG_FENCE));
		c->fences++;
	}
	if (flags & UVDK_DMADEV_CACHE && c->dsa->caps.gencap & DSA_GENCAP_CACHE)
		dsa_desc(c, slot)[0] |= UVDK_LE(64, DSA_W0(0, DSA_FLAG_CACHE));
}

/* An address has 64 bits: all there is to refuse is an end behind the last. */
static inline bool fits(const struct dsa_chan *c, uvdk_iova_t iova, size_t len)
{
	return len - 1 < c->max_len && iova <= ~(len - 1);
}

/* Called last, so that the way without flags saves no registers. */
static __attribute__((noinline)) int finish(struct dsa_chan *c, uint32_t slot, int number,
					    unsigned int flags)
{
	if (flags & ~(unsigned int)UVDK_DMADEV_SUBMIT)
		dsa_pmd_special(c, slot, flags);
	if (flags & UVDK_DMADEV_SUBMIT)
		dsa_pmd_submit(&c->chan);

	return number;
}

/* The record is cleared with the others of its unit, by dsa_pmd_submit(). */
static inline int put(struct dsa_chan *c, uint64_t w0, uint64_t w2, uint64_t w3, size_t len,
		      unsigned int flags)
{
	uint32_t slot = c->head;
	uint64_t *desc = dsa_desc(c, slot);
	int number = (uint16_t)(slot - c->extra);

	if (__builtin_expect(slot == c->end, 0))
		return c->stopped ? -ENODEV : -ENOSPC;
	desc[0] = UVDK_LE(64, w0);
	desc[2] = UVDK_LE(64, w2);
	desc[3] = UVDK_LE(64, w3);
	desc[4] = UVDK_LE(64, (uint64_t)len);
	c->pending_bytes += len;
	c->head = slot + 1;
	if (__builtin_expect(flags != 0, 0))
		return finish(c, slot, number, flags);

	return number;
}

int dsa_pmd_copy(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src, size_t len,
		 unsigned int flags)
{
	struct dsa_chan *c = dsa_chan(chan);

	if (__builtin_expect(!fits(c, dst, len) || !fits(c, src, len), 0))
		return -EINVAL;

	return put(c, c->copy, src, dst, len, flags);
}

static inline bool has(const struct dsa_chan *c, enum dsa_op op)
{
	return c->dsa->caps.opcap[0] & 1u << op;
}

int dsa_pmd_fill(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uint64_t pattern, size_t len,
		 unsigned int flags)
{
	struct dsa_chan *c = dsa_chan(chan);

	if (__builtin_expect(!has(c, DSA_OP_FILL), 0))
		return -EOPNOTSUPP;
	if (__builtin_expect(!fits(c, dst, len), 0))
		return -EINVAL;

	return put(c, c->w0 | DSA_W0(DSA_OP_FILL, 0), pattern, dst, len, flags);
}

int dsa_pmd_compare(struct uvdk_dmadev_chan *chan, uvdk_iova_t a, uvdk_iova_t b, size_t len,
		    unsigned int flags)
{
	struct dsa_chan *c = dsa_chan(chan);

	if (__builtin_expect(!has(c, DSA_OP_COMPARE), 0))
		return -EOPNOTSUPP;
	if (__builtin_expect(!fits(c, a, len) || !fits(c, b, len), 0))
		return -EINVAL;

	return put(c, c->w0 | DSA_W0(DSA_OP_COMPARE, 0), a, b, len, flags & ~UVDK_DMADEV_CACHE);
}

/*
 * The device inverts and reverses both seed and result, or neither (DSA_FLAG_CRC_RAW). What
 * the class wants between these is an inversion here.
 */
int dsa_pmd_crc(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src, size_t len,
		const struct uvdk_dmadev_crc_spec *crc, unsigned int flags)
{
	static const struct uvdk_dmadev_crc_spec plain;
	struct dsa_chan *c = dsa_chan(chan);
	bool copies = dst != UVDK_IOVA_NONE;
	enum dsa_op op = copies ? DSA_OP_COPY_CRC : DSA_OP_CRC;
	uint32_t slot = c->head;
	bool msb, invert;
	int ret;

	if (!has(c, op))
		return -EOPNOTSUPP;
	if (!fits(c, src, len) || (copies && !fits(c, dst, len)))
		return -EINVAL;
	crc = crc ? crc : &plain;
	msb = crc->flags & UVDK_DMADEV_CRC_NO_REFLECT;
	invert = msb == !(crc->flags & UVDK_DMADEV_CRC_NO_INVERT);
	ret = put(c, c->w0 | DSA_W0(op, msb ? DSA_FLAG_CRC_RAW | DSA_FLAG_CRC_MSB : 0), src,
		  copies ? dst : 0, len, 0);
	if (ret < 0)
		return ret;
	dsa_desc(c, slot)[5] = UVDK_LE(64, (uint64_t)(invert ? ~crc->seed : crc->seed));
	dsa_pmd_mark(c, slot, invert ? SLOT_INVERT : 0);
	if (!copies)
		flags &= ~UVDK_DMADEV_CACHE;
	dsa_pmd_special(c, slot, flags);
	if (flags & UVDK_DMADEV_SUBMIT)
		dsa_pmd_submit(chan);

	return ret;
}

unsigned int dsa_pmd_capacity(struct uvdk_dmadev_chan *chan)
{
	const struct dsa_chan *c = dsa_chan(chan);

	return c->end - c->head;
}
