/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VNET_PIPE_H
#define VNET_PIPE_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/*
 * A bounded queue of packets between one producer and one consumer, no lock.
 * A record is its length and its bytes, contiguous; one that would not fit
 * before the end of the buffer leaves a mark and starts at the beginning.
 */
#define VNET_PIPE_SIZE (UINT32_C(1) << 18)
#define VNET_PIPE_SKIP UINT32_MAX

struct vnet_pipe {
	atomic_uint head; /* free running: written by the producer */
	uint8_t apart[60];
	atomic_uint tail; /* by the consumer */
	uint8_t apart_too[60];
	uint8_t data[VNET_PIPE_SIZE];
};

static inline uint32_t vnet_pipe_need(uint32_t len)
{
	return 4 + ((len + 3) & ~UINT32_C(3));
}

/* Room for @len contiguous bytes, or NULL. Nothing is seen before the commit. */
static inline uint8_t *vnet_pipe_reserve(struct vnet_pipe *p, uint32_t len)
{
	uint32_t head = atomic_load_explicit(&p->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&p->tail, memory_order_acquire);
	uint32_t to_end = VNET_PIPE_SIZE - head % VNET_PIPE_SIZE;
	uint32_t skip = vnet_pipe_need(len) > to_end ? to_end : 0;
	uint32_t mark = VNET_PIPE_SKIP;

	if (vnet_pipe_need(len) + skip > VNET_PIPE_SIZE - (head - tail))
		return NULL;
	if (skip) {
		memcpy(&p->data[head % VNET_PIPE_SIZE], &mark, 4);
		head += skip;
		atomic_store_explicit(&p->head, head, memory_order_release);
	}

	return &p->data[head % VNET_PIPE_SIZE] + 4;
}

/* @len is what was reserved, or less. */
static inline void vnet_pipe_commit(struct vnet_pipe *p, uint32_t len)
{
	uint32_t head = atomic_load_explicit(&p->head, memory_order_relaxed);

	memcpy(&p->data[head % VNET_PIPE_SIZE], &len, 4);
	atomic_store_explicit(&p->head, head + vnet_pipe_need(len), memory_order_release);
}

/* The oldest packet, or NULL. */
static inline uint8_t *vnet_pipe_peek(struct vnet_pipe *p, uint32_t *len)
{
	uint32_t tail = atomic_load_explicit(&p->tail, memory_order_relaxed);

	while (atomic_load_explicit(&p->head, memory_order_acquire) != tail) {
		memcpy(len, &p->data[tail % VNET_PIPE_SIZE], 4);
		if (*len != VNET_PIPE_SKIP)
			return &p->data[tail % VNET_PIPE_SIZE] + 4;
		tail += VNET_PIPE_SIZE - tail % VNET_PIPE_SIZE;
		atomic_store_explicit(&p->tail, tail, memory_order_release);
	}

	return NULL;
}

static inline void vnet_pipe_pop(struct vnet_pipe *p, uint32_t len)
{
	uint32_t tail = atomic_load_explicit(&p->tail, memory_order_relaxed);

	atomic_store_explicit(&p->tail, tail + vnet_pipe_need(len), memory_order_release);
}

/* By the consumer: forget what waits. */
static inline void vnet_pipe_drain(struct vnet_pipe *p)
{
	atomic_store_explicit(&p->tail, atomic_load_explicit(&p->head, memory_order_acquire),
			      memory_order_release);
}

#endif /* VNET_PIPE_H */
