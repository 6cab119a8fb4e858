// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_emu_virtq.h>

#include "virtq_priv.h"

_Static_assert(sizeof(struct uvdk_emu_virtq_desc) == 16, "virtio 1.2, 2.7.5");
_Static_assert(sizeof(struct uvdk_emu_virtq_used) == 8, "virtio 1.2, 2.7.8");

/* A table being walked: the queue's own or an indirect one. */
struct table {
	uvdk_iova_t at;
	unsigned int size;
	bool indirect;
};

int virtq_load_avail(struct uvdk_emu_virtq *vq)
{
	uint16_t flags;
	uint16_t idx;

	if (uvdk_emu_dma_load16(vq->fn, vq->conf.driver + 2, &idx) ||
	    uvdk_emu_dma_load16(vq->fn, vq->conf.driver, &flags))
		return uvdk_emu_virtq_break(vq, "driver area at 0x%llx can't be read",
					    (unsigned long long)vq->conf.driver);
	if ((uint16_t)(idx - vq->next_avail) > vq->conf.size)
		return uvdk_emu_virtq_break(vq,
					    "available index went from %u to %u in a queue of %u "
					    "(2.7.6)",
					    vq->next_avail, idx, vq->conf.size);
	if (flags & (vq->conf.event_idx ? 0xffffu : 0xfffeu))
		return uvdk_emu_virtq_break(vq, "available ring's flags are 0x%x (2.7.7)", flags);

	vq->avail_idx = idx;
	vq->heads_count = 0;
	vq->ahead_count = 0;

	return 0;
}

static int next_head(struct uvdk_emu_virtq *vq, uint16_t *head)
{
	uint16_t at = (uint16_t)(vq->next_avail - vq->heads_at);
	unsigned int slot = vq->next_avail & (vq->conf.size - 1u);
	unsigned int run = (uint16_t)(vq->avail_idx - vq->next_avail);

	if (at >= vq->heads_count) {
		if (run > vq->conf.size - slot)
			run = vq->conf.size - slot;
		if (run > 64)
			run = 64;
		if (uvdk_emu_dma_read(vq->fn, vq->conf.driver + 4 + 2ull * slot, vq->heads,
				      2ull * run))
			return uvdk_emu_virtq_break(vq, "available ring's entry %u can't be read",
						    slot);
		vq->heads_at = vq->next_avail;
		vq->heads_count = (uint16_t)run;
		at = 0;
	}

	*head = uvdk_get16(vq->heads[at]);
	if (*head >= vq->conf.size)
		return uvdk_emu_virtq_break(vq, "available ring offers descriptor %u of %u", *head,
					    vq->conf.size);
	if (vq->busy[*head / 64] & (UINT64_C(1) << (*head % 64)))
		return uvdk_emu_virtq_break(vq, "descriptor %u offered while it is in use", *head);
	if (vq->conf.in_order && *head != vq->next_desc)
		return uvdk_emu_virtq_break(
			vq, "descriptor %u offered, in order it is %u's turn (2.7.9)", *head,
			vq->next_desc);

	return 0;
}

/* Fetch more than asked while the driver goes through its table in order. */
static int ring_desc(struct uvdk_emu_virtq *vq, unsigned int i, struct uvdk_emu_virtq_desc *out)
{
	unsigned int at = i - vq->ahead_at;
	unsigned int run = 1;

	if (at >= vq->ahead_count) {
		if (vq->ahead_count && at == vq->ahead_count)
			run = 2u * vq->ahead_count;
		if (run > UVDK_EMU_VIRTQ_AHEAD)
			run = UVDK_EMU_VIRTQ_AHEAD;
		if (run > vq->conf.size - i)
			run = vq->conf.size - i;
		if (uvdk_emu_dma_read(vq->fn, vq->conf.desc + 16ull * i, vq->ahead, 16ull * run))
			return uvdk_emu_virtq_break(vq, "descriptor %u can't be read", i);
		vq->ahead_at = (uint16_t)i;
		vq->ahead_count = (uint16_t)run;
		at = 0;
	}
	*out = vq->ahead[at];

	return 0;
}

static int fetch(struct uvdk_emu_virtq *vq, const struct table *table, unsigned int i,
		 struct uvdk_emu_virtq_desc *out)
{
	if (!table->indirect)
		return ring_desc(vq, i, out);
	if (uvdk_emu_dma_read(vq->fn, table->at + 16ull * i, out, 16))
		return uvdk_emu_virtq_break(vq, "indirect descriptor %u at 0x%llx can't be read", i,
					    (unsigned long long)table->at);

	return 0;
}

static int add_piece(struct uvdk_emu_virtq *vq, struct uvdk_emu_virtq_chain *chain,
		     const struct uvdk_emu_virtq_desc *desc, bool write)
{
	uint32_t len = uvdk_get32(desc->len);

	if (chain->count == vq->conf.size)
		return uvdk_emu_virtq_break(
			vq,
			"chain from descriptor %u is longer than the queue, %u, "
			"or a loop (2.7.5)",
			chain->head, vq->conf.size);
	if (!write && chain->count > chain->readable)
		return uvdk_emu_virtq_break(vq,
					    "chain from descriptor %u has a readable part after a "
					    "writable one (2.7.4)",
					    chain->head);

	chain->seg[chain->count].iova = uvdk_get64(desc->addr);
	chain->seg[chain->count].len = len;
	chain->count++;
	if (write) {
		chain->write_len += len;
	} else {
		chain->readable++;
		chain->read_len += len;
	}
	if (chain->read_len + chain->write_len > UINT64_C(1) << 32)
		return uvdk_emu_virtq_break(vq, "chain from descriptor %u is over 4 GiB (2.7.5)",
					    chain->head);

	return 0;
}

/* Section 2.7.5.3 */
static int enter_indirect(struct uvdk_emu_virtq *vq, const struct uvdk_emu_virtq_desc *desc,
			  unsigned int i, struct table *table)
{
	uint32_t len = uvdk_get32(desc->len);

	if (!vq->conf.indirect)
		return uvdk_emu_virtq_break(vq, "descriptor %u is indirect, not negotiated", i);
	if (table->indirect)
		return uvdk_emu_virtq_break(vq, "indirect descriptor %u is indirect again", i);
	if (uvdk_get16(desc->flags) & VIRTQ_DESC_NEXT)
		return uvdk_emu_virtq_break(vq, "descriptor %u is indirect and has a next", i);
	if (len == 0 || len % 16)
		return uvdk_emu_virtq_break(vq, "indirect table of descriptor %u has %u bytes", i,
					    len);

	table->at = uvdk_get64(desc->addr);
	table->size = len / 16;
	table->indirect = true;

	return 0;
}

static int follow(struct uvdk_emu_virtq *vq, const struct table *table, unsigned int *i,
		  uint16_t next)
{
	unsigned int in_order = *i + 1;

	if (next >= table->size)
		return uvdk_emu_virtq_break(vq, "%sdescriptor %u goes on at %u of %u",
					    table->indirect ? "indirect " : "", *i, next,
					    table->size);
	if (!table->indirect)
		in_order &= vq->conf.size - 1u;
	if (vq->conf.in_order && next != in_order)
		return uvdk_emu_virtq_break(vq,
					    "%sdescriptor %u goes on at %u, in order it is %u "
					    "(2.7.5)",
					    table->indirect ? "indirect " : "", *i, next, in_order);
	*i = next;

	return 0;
}

/* Walk one chain; *taken counts the queue's own descriptors. */
static int walk(struct uvdk_emu_virtq *vq, struct uvdk_emu_virtq_chain *chain, unsigned int *taken)
{
	struct table table = {vq->conf.desc, vq->conf.size, false};
	struct uvdk_emu_virtq_desc desc;
	unsigned int i = chain->head;
	uint16_t flags;
	int ret;

	*taken = 0;
	for (;;) {
		ret = fetch(vq, &table, i, &desc);
		if (ret)
			return ret;
		flags = uvdk_get16(desc.flags);
		*taken += !table.indirect;
		if (flags & ~VIRTQ_DESC_KNOWN)
			return uvdk_emu_virtq_break(vq, "descriptor %u has flags 0x%x (2.7.5)", i,
						    flags);
		if (flags & VIRTQ_DESC_INDIRECT) {
			ret = enter_indirect(vq, &desc, i, &table);
			i = 0;
		} else {
			ret = add_piece(vq, chain, &desc, flags & VIRTQ_DESC_WRITE);
			if (!ret && !(flags & VIRTQ_DESC_NEXT))
				return 0;
			if (!ret)
				ret = follow(vq, &table, &i, uvdk_get16(desc.next));
		}
		if (ret)
			return ret;
	}
}

UVDK_EXPORT int uvdk_emu_virtq_pop(struct uvdk_emu_virtq *vq, struct uvdk_emu_virtq_chain *chain)
{
	unsigned int taken;
	int ret;

	if (vq->broken)
		return -EPROTO;
	if (vq->next_avail == vq->avail_idx) {
		ret = virtq_load_avail(vq);
		if (ret)
			return ret;
		if (vq->next_avail == vq->avail_idx)
			return 0;
	}

	chain->readable = chain->count = 0;
	chain->read_len = chain->write_len = 0;
	ret = next_head(vq, &chain->head);
	if (!ret)
		ret = walk(vq, chain, &taken);
	if (ret)
		return ret;

	vq->next_avail++;
	vq->next_desc = (uint16_t)((vq->next_desc + taken) & (vq->conf.size - 1u));

	return 1;
}

UVDK_EXPORT int uvdk_emu_virtq_read(struct uvdk_emu_virtq *vq,
				    const struct uvdk_emu_virtq_chain *chain, uint64_t off,
				    void *buf, size_t len)
{
	uint8_t *to = buf;

	for (unsigned int i = 0; i < chain->readable && len; i++) {
		const struct uvdk_emu_virtq_seg *seg = &chain->seg[i];
		size_t run;

		if (off >= seg->len) {
			off -= seg->len;
			continue;
		}
		run = seg->len - off < len ? (size_t)(seg->len - off) : len;
		if (uvdk_emu_dma_read(vq->fn, seg->iova + off, to, run))
			return uvdk_emu_virtq_break(vq, "buffer at 0x%llx can't be read",
						    (unsigned long long)(seg->iova + off));
		off = 0;
		to += run;
		len -= run;
	}

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtq_write(struct uvdk_emu_virtq *vq,
				     const struct uvdk_emu_virtq_chain *chain, const void *buf,
				     size_t len)
{
	const uint8_t *from = buf;

	for (unsigned int i = chain->readable; i < chain->count && len; i++) {
		const struct uvdk_emu_virtq_seg *seg = &chain->seg[i];
		size_t run = seg->len < len ? seg->len : len;

		if (run && uvdk_emu_dma_write(vq->fn, seg->iova, from, run))
			return uvdk_emu_virtq_break(vq, "buffer at 0x%llx can't be written",
						    (unsigned long long)seg->iova);
		from += run;
		len -= run;
	}

	return 0;
}
