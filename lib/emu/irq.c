// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "emu_irq.h"

/* What interrupts a function has, and what becomes of one that it raises. */

UVDK_EXPORT int uvdk_emu_fn_msi(struct uvdk_emu_function *fn, unsigned int vectors)
{
	unsigned int log2 = vectors ? (unsigned int)__builtin_ctz(vectors) : 0;
	uint8_t body[22] = {0};
	int off;

	if (vectors < 1 || vectors > 32 || (vectors & (vectors - 1)) || fn->msi_cap) {
		fn->misdescribed = true;
		return 0;
	}
	emu_put16(body, (uint16_t)(MSI_64BIT | MSI_MASKABLE | log2 << 1));
	off = uvdk_emu_fn_cap(fn, CAP_MSI, body, sizeof(body));
	if (off < 0)
		return off;

	emu_put16(fn->wmask + off + MSI_CTRL, 0x0071); /* enable, vectors in use */
	emu_put32(fn->wmask + off + 4, 0xfffffffc);
	emu_put32(fn->wmask + off + 8, 0xffffffff);
	emu_put16(fn->wmask + off + 12, 0xffff);
	emu_put32(fn->wmask + off + MSI_MASK, (uint32_t)((UINT64_C(1) << vectors) - 1));
	fn->msi_cap = (unsigned int)off;
	fn->msi_vectors = vectors;

	return 0;
}

UVDK_EXPORT unsigned int uvdk_emu_irq_count(const struct uvdk_emu_function *fn, unsigned int kind)
{
	switch (kind) {
	case KIND_INTX:
		return fn->config[CFG_INT_PIN] ? 1 : 0;
	case KIND_MSI:
		return fn->msi_vectors;
	case KIND_MSIX:
		return fn->msix.vectors;
	}

	return 0;
}

int emu_irq_alloc(struct uvdk_emu_function *fn)
{
	struct emu_msix *m = &fn->msix;

	for (unsigned int kind = 0; kind < KINDS; kind++) {
		unsigned int count = uvdk_emu_irq_count(fn, kind);

		fn->nr_routes[kind] = count;
		if (!count)
			continue;
		fn->route[kind] = malloc(count * sizeof(int));
		if (!fn->route[kind])
			goto no_memory;
		memset(fn->route[kind], 0xff, count * sizeof(int));
	}
	if (m->vectors) {
		m->table = calloc(m->vectors, MSIX_ENTRY);
		m->pending = calloc((m->vectors + 63) / 64, sizeof(uint64_t));
		if (!m->table || !m->pending)
			goto no_memory;
		for (unsigned int v = 0; v < m->vectors; v++)
			emu_msix_set_masked(fn, v, true);
	}

	return 0;

no_memory: /* emu_irq_free() takes the rest */
	return uvdk_fail(-ENOMEM, "emu", "%s: no memory for its interrupts", fn->name);
}

void emu_irq_free(struct uvdk_emu_function *fn)
{
	for (unsigned int kind = 0; kind < KINDS; kind++)
		free(fn->route[kind]);
	free(fn->msix.table);
	free(fn->msix.pending);
}

/* ---- delivery; all of it under the function lock ---- */

bool emu_irq_signal(const struct uvdk_emu_function *fn, unsigned int kind, unsigned int vector)
{
	int fd = fn->route[kind][vector];
	uint64_t one = 1;

	return fd >= 0 && write(fd, &one, sizeof(one)) == (ssize_t)sizeof(one);
}

/* A message is a memory write: without bus master it gets nowhere. */
static void send_message(struct uvdk_emu_function *fn, unsigned int kind, unsigned int vector)
{
	if (atomic_load(&fn->command) & CMD_MASTER)
		emu_irq_signal(fn, kind, vector);
}

static uint16_t msix_ctrl(const struct uvdk_emu_function *fn)
{
	return fn->msix_cap ? emu_get16(fn->config + fn->msix_cap + MSIX_CTRL) : 0;
}

static uint16_t msi_ctrl(const struct uvdk_emu_function *fn)
{
	return fn->msi_cap ? emu_get16(fn->config + fn->msi_cap + MSI_CTRL) : 0;
}

static void raise_msix(struct uvdk_emu_function *fn, unsigned int vector)
{
	struct emu_msix *m = &fn->msix;

	if (vector >= m->vectors)
		return;
	if (msix_ctrl(fn) & MSIX_FN_MASK || emu_msix_masked(fn, vector))
		m->pending[vector / 64] |= UINT64_C(1) << vector % 64;
	else
		send_message(fn, KIND_MSIX, vector);
}

static void flush_msix(struct uvdk_emu_function *fn)
{
	struct emu_msix *m = &fn->msix;

	if ((msix_ctrl(fn) & (MSIX_ENABLE | MSIX_FN_MASK)) != MSIX_ENABLE)
		return;
	for (unsigned int i = 0; i < (m->vectors + 63) / 64; i++) {
		for (uint64_t left = m->pending[i]; left; left &= left - 1) {
			unsigned int bit = (unsigned int)__builtin_ctzll(left);

			if (emu_msix_masked(fn, i * 64 + bit))
				continue;
			m->pending[i] &= ~(UINT64_C(1) << bit);
			send_message(fn, KIND_MSIX, i * 64 + bit);
		}
	}
}

static void raise_msi(struct uvdk_emu_function *fn, unsigned int vector)
{
	unsigned int in_use = 1u << (msi_ctrl(fn) >> 4 & 7);
	uint8_t *cap = fn->config + fn->msi_cap;
	uint32_t bit;

	if (in_use > fn->msi_vectors)
		in_use = fn->msi_vectors;
	vector &= in_use - 1; /* fewer granted than wanted: they are shared */
	bit = UINT32_C(1) << vector;
	if (emu_get32(cap + MSI_MASK) & bit)
		emu_put32(cap + MSI_PENDING, emu_get32(cap + MSI_PENDING) | bit);
	else
		send_message(fn, KIND_MSI, vector);
}

static void flush_msi(struct uvdk_emu_function *fn)
{
	uint8_t *cap = fn->config + fn->msi_cap;
	uint32_t ready;

	if (!(msi_ctrl(fn) & MSI_ENABLE))
		return;
	ready = emu_get32(cap + MSI_PENDING) & ~emu_get32(cap + MSI_MASK);
	emu_put32(cap + MSI_PENDING, emu_get32(cap + MSI_PENDING) & ~ready);
	for (; ready; ready &= ready - 1)
		send_message(fn, KIND_MSI, (unsigned int)__builtin_ctz(ready));
}

/* A level: signalled once, then masked until the owner unmasks, as vfio does. */
static void flush_intx(struct uvdk_emu_function *fn)
{
	if (fn->intx_level && !fn->intx_masked && fn->nr_routes[KIND_INTX] &&
	    !(atomic_load(&fn->command) & CMD_INTX_DISABLE))
		fn->intx_masked = emu_irq_signal(fn, KIND_INTX, 0);
}

void emu_irq_config_changed(struct uvdk_emu_function *fn)
{
	flush_msix(fn);
	flush_msi(fn);
	flush_intx(fn);
}

UVDK_EXPORT void uvdk_emu_irq(struct uvdk_emu_function *fn, unsigned int vector)
{
	if (atomic_load(&fn->gone))
		return;

	pthread_mutex_lock(&fn->lock);
	if (msix_ctrl(fn) & MSIX_ENABLE) {
		raise_msix(fn, vector);
	} else if (msi_ctrl(fn) & MSI_ENABLE) {
		raise_msi(fn, vector);
	} else if (vector == 0) {
		fn->intx_level = true;
		emu_set_status(fn, STATUS_INTX, true);
		flush_intx(fn);
	}
	pthread_mutex_unlock(&fn->lock);
}

UVDK_EXPORT void uvdk_emu_irq_lower(struct uvdk_emu_function *fn)
{
	pthread_mutex_lock(&fn->lock);
	fn->intx_level = false;
	emu_set_status(fn, STATUS_INTX, false);
	pthread_mutex_unlock(&fn->lock);
}
