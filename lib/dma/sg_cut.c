// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "sg_priv.h"

#define PAGE 4096ul /* of the translation table */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static __attribute__((cold)) bool wrong(struct sg_cut *cut, enum sg_wrong what, uint64_t at,
					uint64_t len)
{
	cut->wrong = what;
	cut->wrong_at = at;
	cut->wrong_len = len;

	return false;
}

static bool check_run(struct sg_cut *cut, uvdk_iova_t addr, uint64_t len)
{
	const struct uvdk_dma_sg *sg = cut->sg;

	if (addr & sg->addr_low)
		return wrong(cut, SG_ADDR_ALIGN, addr, len);
	if (len & sg->len_low)
		return wrong(cut, SG_LEN_ALIGN, addr, len);
	if ((addr | (addr + len - 1)) & sg->addr_never)
		return wrong(cut, SG_ADDR_MASK, addr, len);

	return true;
}

/* The longest piece that may start here; 0: none. */
static uint64_t piece_len(const struct uvdk_dma_sg *sg, uvdk_iova_t addr, uint64_t len)
{
	uint64_t n = least(len, sg->len_max);

	if (sg->boundary)
		n = least(n, sg->boundary - (addr & (sg->boundary - 1)));

	return n < len ? n & ~sg->unit_low : n;
}

bool sg_cut(struct sg_cut *cut)
{
	uvdk_iova_t addr = cut->addr;
	uint64_t len = cut->len;

	cut->len = 0;
	if (len && !check_run(cut, addr, len))
		return false;
	while (len) {
		uint64_t n = piece_len(cut->sg, addr, len);

		if (!n)
			return wrong(cut, SG_BOUNDARY, addr, len);
		if (cut->count == cut->max)
			return wrong(cut, SG_TOO_MANY, addr, len);
		cut->piece[cut->count++] = (struct uvdk_dma_piece){addr, n};
		addr += n;
		len -= n;
	}

	return true;
}

bool sg_join(struct sg_cut *cut, uvdk_iova_t addr, uint64_t len)
{
	if (cut->len && cut->addr + cut->len == addr) {
		cut->len += len;
		return true;
	}
	if (!sg_cut(cut))
		return false;
	cut->addr = addr;
	cut->len = len;

	return true;
}

/* Pages that follow each other in IOVAs are joined here already: mostly all do. */
static bool walk_one(struct sg_cut *cut, const char *va, uint64_t len)
{
	const struct uvdk_xlate *xlate = cut->sg->xlate;
	uvdk_iova_t next = uvdk_translate(xlate, va);

	while (len) {
		uvdk_iova_t addr = next;
		uint64_t n = least(len, PAGE - ((uintptr_t)va & (PAGE - 1)));

		if (addr == UVDK_IOVA_NONE)
			return wrong(cut, SG_UNMAPPED, (uint64_t)(uintptr_t)va, len);
		while (n < len) {
			next = uvdk_translate(xlate, va + n);
			if (next != addr + n)
				break;
			n += least(len - n, PAGE);
		}
		if (!sg_join(cut, addr, n))
			return false;
		va += n;
		len -= n;
	}

	return true;
}

bool sg_walk(struct sg_cut *cut, const struct iovec *iov, unsigned int iov_count, uint64_t *len)
{
	uint64_t total = 0;
	bool good = true;

	for (unsigned int i = 0; i < iov_count; i++) {
		good = good && walk_one(cut, iov[i].iov_base, iov[i].iov_len);
		total += iov[i].iov_len;
	}
	*len = total;

	return good && sg_cut(cut);
}

int sg_say(const struct sg_cut *cut)
{
	const struct uvdk_dma_sg *sg = cut->sg;
	char what[128];

	snprintf(what, sizeof(what), "piece %u, IOVA 0x%" PRIx64 "+0x%" PRIx64, cut->count,
		 cut->wrong_at, cut->wrong_len);
	switch (cut->wrong) {
	case SG_UNMAPPED:
		return uvdk_fail(-EFAULT, DMA_COMPONENT,
				 "piece %u, VA 0x%" PRIx64 "+0x%" PRIx64
				 ": not mapped in this address space: map or register it before",
				 cut->count, cut->wrong_at, cut->wrong_len);
	case SG_ADDR_ALIGN:
		return uvdk_fail(-EDOM, DMA_COMPONENT,
				 "%s: the device takes addresses that are a multiple of %" PRIu64,
				 what, sg->addr_low + 1);
	case SG_LEN_ALIGN:
		return uvdk_fail(-EDOM, DMA_COMPONENT,
				 "%s: the device takes lengths that are a multiple of %" PRIu64,
				 what, sg->len_low + 1);
	case SG_ADDR_MASK:
		return uvdk_fail(-ERANGE, DMA_COMPONENT,
				 "%s: the device reaches addresses within mask 0x%" PRIx64
				 ": set iova_last of the address space",
				 what, ~sg->addr_never);
	case SG_BOUNDARY:
		return uvdk_fail(-EDOM, DMA_COMPONENT,
				 "%s: no length that is a multiple of %" PRIu64
				 " ends at a multiple of 0x%" PRIx64 ", which no piece may cross",
				 what, sg->unit_low + 1, sg->boundary);
	default:
		return uvdk_fail(-E2BIG, DMA_COMPONENT, "%s: there is room for %u pieces", what,
				 cut->max);
	}
}
