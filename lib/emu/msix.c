// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "emu_priv.h"

/* MSI-X table and pending bits (PCI Local Bus 3.0, 6.8.2). */
#define ENTRY_SIZE 16
#define ENTRY_CTRL 12
#define CTRL_MASK  1u

static uint64_t table_size(const struct emu_msix *m)
{
	return (uint64_t)m->vectors * ENTRY_SIZE;
}

static uint64_t pba_size(const struct emu_msix *m)
{
	return ((uint64_t)m->vectors + 63) / 64 * 8;
}

UVDK_EXPORT int uvdk_emu_fn_msix(struct uvdk_emu_function *fn, unsigned int vectors,
				 unsigned int bar, uint32_t table_off, uint32_t pba_off)
{
	uint8_t body[10];
	int off;

	if (vectors < 1 || vectors > 2048 || bar >= EMU_BARS || fn->msix_cap) {
		fn->misdescribed = true;
		return 0;
	}
	emu_put16(body, (uint16_t)(vectors - 1));
	emu_put32(body + 2, table_off | bar);
	emu_put32(body + 6, pba_off | bar);
	off = uvdk_emu_fn_cap(fn, CAP_MSIX, body, sizeof(body));
	if (off < 0)
		return off;

	emu_put16(fn->wmask + off + 2, 0xc000); /* enable, function mask */
	fn->msix_cap = (unsigned int)off;
	fn->msix.vectors = vectors;
	fn->msix.bar = bar;
	fn->msix.table_off = table_off;
	fn->msix.pba_off = pba_off;

	return 0;
}

/* The BAR may be added after the capability, so this is looked at last. */
bool emu_msix_describes(const struct uvdk_emu_function *fn)
{
	const struct emu_msix *m = &fn->msix;
	uint64_t size = m->vectors ? fn->bar[m->bar].size : 0;
	uint64_t table_end = m->table_off + table_size(m);
	uint64_t pba_end = m->pba_off + pba_size(m);

	if (!m->vectors)
		return true;

	return !(m->table_off & 7) && !(m->pba_off & 7) && table_end <= size && pba_end <= size &&
	       (table_end <= m->pba_off || pba_end <= m->table_off);
}

bool emu_msix_masked(const struct uvdk_emu_function *fn, unsigned int vector)
{
	return fn->msix.table[vector * ENTRY_SIZE + ENTRY_CTRL] & CTRL_MASK;
}

void emu_msix_set_masked(struct uvdk_emu_function *fn, unsigned int vector, bool masked)
{
	uint8_t *entry = fn->msix.table + vector * ENTRY_SIZE;

	entry[ENTRY_CTRL] = masked ? CTRL_MASK : 0;
}

/* Only whole accesses to one of them; a straddling one would be misaligned. */
static bool hits(uint64_t off, uint64_t start, uint64_t size)
{
	return off >= start && off - start < size;
}

static void copy_out(uint64_t *value, const uint8_t *from, unsigned int width)
{
	struct uvdk_le64 le = {0};

	memcpy(&le, from, width);
	*value = uvdk_get64(le);
}

bool emu_msix_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off, unsigned int width,
		   uint64_t *value)
{
	struct emu_msix *m = &fn->msix;
	bool hit = true;

	if (!m->vectors || bar != m->bar)
		return false;

	pthread_mutex_lock(&fn->lock);
	if (hits(off, m->table_off, table_size(m)))
		copy_out(value, m->table + (off - m->table_off), width);
	else if (hits(off, m->pba_off, pba_size(m)))
		*value = m->pending[(off - m->pba_off) / 8] >> (off - m->pba_off) % 8 * 8;
	else
		hit = false;
	pthread_mutex_unlock(&fn->lock);
	if (hit && width < 8)
		*value &= (UINT64_C(1) << 8 * width) - 1;

	return hit;
}

static void write_table(struct uvdk_emu_function *fn, uint64_t off, unsigned int width,
			uint64_t value)
{
	struct uvdk_le64 le = uvdk_to_le64(value);
	uint8_t *entry;

	memcpy(fn->msix.table + off, &le, width);
	entry = fn->msix.table + off / ENTRY_SIZE * ENTRY_SIZE;
	entry[0] &= 0xfc; /* messages are dwords */
	emu_put32(entry + ENTRY_CTRL, entry[ENTRY_CTRL] & CTRL_MASK);
	emu_irq_config_changed(fn);
}

bool emu_msix_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
		    unsigned int width, uint64_t value)
{
	struct emu_msix *m = &fn->msix;
	bool hit = true;

	if (!m->vectors || bar != m->bar)
		return false;

	pthread_mutex_lock(&fn->lock);
	if (hits(off, m->table_off, table_size(m)))
		write_table(fn, off - m->table_off, width, value);
	else
		hit = hits(off, m->pba_off, pba_size(m)); /* read-only */
	pthread_mutex_unlock(&fn->lock);

	return hit;
}
