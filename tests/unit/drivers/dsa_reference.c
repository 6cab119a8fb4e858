// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../random.h"
#include "dsa_reference.h"

#define BACKINGS (ARENA_CHUNKS + ARENA_SPARES)
#define POISON	 0xee

static void map(struct arena *a, unsigned int chunk)
{
	uvdk_iova_t iova = ARENA_IOVA + (uint64_t)chunk * ARENA_CHUNK;

	cr_assert_eq(uvdk_ioas_map(a->ioas, a->chunk[chunk], ARENA_CHUNK,
				   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		     0, "%s", uvdk_last_error());
}

void arena_create(struct arena *a, struct uvdk_ioas *ioas)
{
	memset(a, 0, sizeof(*a));
	a->ioas = ioas;
	pthread_mutex_init(&a->lock, NULL);
	a->want = malloc(ARENA_SIZE);
	a->memory = mmap(NULL, BACKINGS * ARENA_CHUNK, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(a->want && a->memory != MAP_FAILED);
	for (unsigned int i = 0; i < ARENA_CHUNKS; i++) {
		a->chunk[i] = a->memory + (size_t)i * ARENA_CHUNK;
		map(a, i);
	}
	for (unsigned int i = 0; i < ARENA_SPARES; i++) {
		a->spare[i] = a->memory + (size_t)(ARENA_CHUNKS + i) * ARENA_CHUNK;
		memset(a->spare[i], POISON, ARENA_CHUNK);
	}
}

void arena_take_out(struct arena *a, unsigned int chunk)
{
	uvdk_iova_t iova = ARENA_IOVA + (uint64_t)chunk * ARENA_CHUNK;

	pthread_mutex_lock(&a->lock);
	if (!a->out[chunk])
		cr_assert_eq(uvdk_ioas_unmap(a->ioas, iova, ARENA_CHUNK), 0, "%s",
			     uvdk_last_error());
	a->out[chunk] = true;
	pthread_mutex_unlock(&a->lock);
}

bool arena_bring_in(struct arena *a, uvdk_iova_t addr)
{
	uint64_t chunk = (addr - ARENA_IOVA) / ARENA_CHUNK;

	if (chunk >= ARENA_CHUNKS)
		return false;
	pthread_mutex_lock(&a->lock);
	if (a->out[chunk])
		map(a, (unsigned int)chunk);
	a->out[chunk] = false;
	pthread_mutex_unlock(&a->lock);

	return true;
}

void arena_destroy(struct arena *a)
{
	for (unsigned int i = 0; i < ARENA_CHUNKS; i++)
		arena_take_out(a, i);
	pthread_mutex_destroy(&a->lock);
	munmap(a->memory, BACKINGS * ARENA_CHUNK);
	free(a->want);
}

void arena_fill(struct arena *a, uint64_t *random)
{
	for (unsigned int at = 0; at < ARENA_SIZE; at += 8) {
		uint64_t x = random_next(random);

		memcpy(a->want + at, &x, 8);
	}
	for (unsigned int i = 0; i < ARENA_CHUNKS; i++)
		memcpy(a->chunk[i], a->want + (size_t)i * ARENA_CHUNK, ARENA_CHUNK);
}

void arena_remap(struct arena *a, unsigned int chunk, unsigned int spare)
{
	uint8_t *old = a->chunk[chunk];

	arena_take_out(a, chunk);
	memcpy(a->spare[spare], old, ARENA_CHUNK);
	memset(old, POISON, ARENA_CHUNK);
	a->chunk[chunk] = a->spare[spare];
	a->spare[spare] = old;
	map(a, chunk);
	a->out[chunk] = false;
}

static void check_chunk(const struct arena *a, unsigned int i)
{
	const uint8_t *want = a->want + (size_t)i * ARENA_CHUNK;
	unsigned int at = 0;

	if (memcmp(a->chunk[i], want, ARENA_CHUNK) == 0)
		return;
	while (a->chunk[i][at] == want[at])
		at++;
	cr_assert_fail("offset 0x%x is 0x%02x and must be 0x%02x", i * ARENA_CHUNK + at,
		       a->chunk[i][at], want[at]);
}

void arena_check(struct arena *a)
{
	for (unsigned int i = 0; i < ARENA_CHUNKS; i++)
		check_chunk(a, i);
	for (unsigned int i = 0; i < ARENA_SPARES; i++)
		cr_assert(a->spare[i][0] == POISON &&
				  !memcmp(a->spare[i], a->spare[i] + 1, ARENA_CHUNK - 1),
			  "memory was written after it was unmapped");
}

void arena_accept(struct arena *a, uint64_t at, uint64_t len)
{
	for (; len && at < ARENA_SIZE; at++, len--)
		a->want[at] = a->chunk[at / ARENA_CHUNK][at % ARENA_CHUNK];
}

/* ---- operations ---- */

/* CRC-32C, a bit at a time is too slow for a million of them: a byte. */
static const uint32_t *crc_table(bool reflect)
{
	static uint32_t table[2][256];

	if (!table[1][1])
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t low = i, high = i << 24;

			for (int bit = 0; bit < 8; bit++) {
				low = low >> 1 ^ (low & 1 ? 0x82f63b78 : 0);
				high = high << 1 ^ (high >> 31 ? 0x1edc6f41 : 0);
			}
			table[1][i] = low;
			table[0][i] = high;
		}

	return table[reflect];
}

static uint32_t crc32c(const uint8_t *p, uint32_t len, const struct uvdk_dmadev_crc_spec *how)
{
	uint32_t flip = how->flags & UVDK_DMADEV_CRC_NO_INVERT ? 0 : UINT32_MAX;
	const uint32_t *table = crc_table(!(how->flags & UVDK_DMADEV_CRC_NO_REFLECT));
	uint32_t crc = how->seed ^ flip;

	if (how->flags & UVDK_DMADEV_CRC_NO_REFLECT)
		for (uint32_t i = 0; i < len; i++)
			crc = crc << 8 ^ table[(uint8_t)(crc >> 24 ^ p[i])];
	else
		for (uint32_t i = 0; i < len; i++)
			crc = crc >> 8 ^ table[(uint8_t)(crc ^ p[i])];

	return crc ^ flip;
}

static uint32_t equal_bytes(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint32_t i = 0;

	if (memcmp(a, b, len) == 0)
		return len;
	while (a[i] == b[i])
		i++;

	return i;
}

static void apply_sg(struct arena *a, const struct op *op, uint32_t done)
{
	const struct uvdk_dma_piece *d = op->segs[0], *s = op->segs[1];
	size_t d_at = 0, s_at = 0;

	while (done--) {
		a->want[d->addr + d_at] = a->want[s->addr + s_at];
		if (++d_at == d->len) {
			d_at = 0;
			d++;
		}
		if (++s_at == s->len) {
			s_at = 0;
			s++;
		}
	}
}

uint32_t op_apply(struct arena *a, const struct op *op, uint32_t done, uint32_t *same)
{
	uint8_t *dst = a->want + op->dst, *src = a->want + op->src;
	uint32_t value = 0;

	*same = done;
	switch (op->kind) {
	case OP_COPY:
		memmove(dst, src, done);
		break;
	case OP_FILL:
		for (uint32_t i = 0; i < done; i++)
			dst[i] = (uint8_t)(op->pattern >> (8 * (i % 8)));
		break;
	case OP_COMPARE:
		*same = equal_bytes(dst, src, done);
		return *same < done;
	case OP_CRC:
		return crc32c(src, done, &op->crc);
	case OP_COPY_CRC:
		value = crc32c(src, done, &op->crc);
		memmove(dst, src, done);
		break;
	case OP_SG:
		apply_sg(a, op, done);
		break;
	case OP_KINDS:
		break;
	}

	return value;
}

void op_accept_rest(struct arena *a, const struct op *op, uint32_t done)
{
	if (!op_writes(op))
		return;
	if (op->kind != OP_SG)
		arena_accept(a, op->dst + done, op->len - done);
	for (unsigned int i = 0; op->kind == OP_SG && i < op->dst_count; i++) {
		const struct uvdk_dma_piece *seg = &op->segs[0][i];
		uint32_t had = done < seg->len ? done : (uint32_t)seg->len;

		arena_accept(a, seg->addr + had, seg->len - had);
		done -= had;
	}
}

bool op_writes(const struct op *op)
{
	return op->kind != OP_COMPARE && op->kind != OP_CRC;
}

bool op_reads(const struct op *op)
{
	return op->kind != OP_FILL;
}

static bool overlap(uint32_t a, uint32_t b, uint32_t a_len, uint32_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* Does one write what the other touches? A comparison reads its destination. */
static bool hits(const struct op *writer, const struct op *other)
{
	bool dst = op_writes(other) || other->kind == OP_COMPARE;

	if (!op_writes(writer))
		return false;

	return (dst && overlap(writer->dst, other->dst, writer->len, other->len)) ||
	       (op_reads(other) && overlap(writer->dst, other->src, writer->len, other->len));
}

bool op_conflicts(const struct op *earlier, const struct op *later)
{
	return hits(earlier, later) || hits(later, earlier);
}
