/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_RING_H
#define VIOMMU_RING_H

#include <uvdk_dma.h>

#include "viommu.h"
#include "wire.h"

/* ---- memory.c: what the device reads and writes ---- */

#define RING_BUFS_MAX 16

/*
 * Each piece is physically contiguous: out of one huge page, or, where there is none, each out of
 * a page of its own kind.
 */
struct ring_memory {
	struct uvdk_ioas *ioas;
	struct uvdk_dma_buf buf[RING_BUFS_MAX];
	unsigned int bufs;
	size_t used; /* of the latest */
	bool huge;
};

void ring_memory_open(struct ring_memory *memory, struct uvdk_ioas *ioas);
void ring_memory_close(struct ring_memory *memory);

/* Largest piece. */
size_t ring_memory_piece(const struct ring_memory *memory);

/* Zeroed memory; @align: at least @len's next power of two where pieces must not cross pages. */
void *ring_memory_get(struct ring_memory *memory, size_t len, size_t align, uvdk_iova_t *iova);

/* ---- ring.c ---- */

/* What the device reads of a request. */
union wire_request {
	struct wire_attach attach;
	struct wire_detach detach;
	struct wire_map map;
	struct wire_unmap unmap;
	uint8_t line[64]; /* a cache line */
};

/*
 * A request's place: @desc, two descriptors, first what the device reads, then what it writes.
 * All in here is ours; what it points to, the device may scribble on.
 */
struct ring_slot {
	union wire_request *request;
	struct uvdk_virtq_desc *desc;
	struct wire_tail *tail;
	int *status;	       /* NULL: not under way */
	struct uvdk_le16 head; /* of its chain */
	uint32_t domain;       /* of a MAP or an UNMAP */
	uint8_t *reply;
	uint32_t room;	  /* bytes that the device may write */
	uvdk_iova_t iova; /* of @request */
	uvdk_iova_t tail_iova;
	uvdk_iova_t table_iova; /* of @desc, if it is an indirect table */
};

/* PROBE has its own memory: it is larger. One at a time. */
struct ring_probe {
	struct wire_probe *request;
	uint8_t *reply; /* and a tail */
	uvdk_iova_t request_iova, reply_iova;
	bool busy;
};

struct viommu_ring {
	struct uvdk_lock lock; /* guards all below */
	unsigned int count;    /* free slots in @free; 0 while stopped */
	struct ring_slot **free;
	struct ring_slot *slot; /* by the first descriptor in the ring */
	unsigned int shift;	/* of a request's number to that */
	struct uvdk_virtq vq;
	unsigned int slots;
	uint32_t life; /* atomic: how often it was started */
	int state;     /* atomic: 0 or why it takes nothing */
	uint16_t
		seen; /* atomic: used index up to which all is taken, for a look without the lock */
	struct viommu_unit *unit;
	struct ring_probe probe;
	struct ring_memory memory;
};

static inline struct ring_slot *ring_slot(const struct viommu_ring *ring, unsigned int number)
{
	return &ring->slot[number << ring->shift];
}

/* What a device leaves that writes no status: a tail has it whenever its slot is free. */
#define TAIL_POISON 0xff

static inline void ring_fill_map(struct ring_slot *slot, uint32_t domain, uint64_t first,
				 uint64_t last, uint64_t phys, uint32_t flags)
{
	slot->request->map = (struct wire_map){
		.type = uvdk_to_le32(VIOMMU_MAP),
		.domain = uvdk_to_le32(domain),
		.first = uvdk_to_le64(first),
		.last = uvdk_to_le64(last),
		.phys = uvdk_to_le64(phys),
		.flags = uvdk_to_le32(flags),
	};
	slot->domain = domain;
	slot->desc[0].len = uvdk_to_le32(WIRE_MAP_LEN);
}

static inline void ring_fill_unmap(struct ring_slot *slot, uint32_t domain, uint64_t first,
				   uint64_t last)
{
	slot->request->unmap = (struct wire_unmap){
		.type = uvdk_to_le32(VIOMMU_UNMAP),
		.domain = uvdk_to_le32(domain),
		.first = uvdk_to_le64(first),
		.last = uvdk_to_le64(last),
	};
	slot->domain = domain;
	slot->desc[0].len = uvdk_to_le32(WIRE_UNMAP_LEN);
}

#endif /* VIOMMU_RING_H */
