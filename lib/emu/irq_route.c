// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "emu_irq.h"

/* What the owner of a function does to its interrupts: routes, masks, resets them. */

static int check_vectors(const struct uvdk_emu_function *fn, unsigned int kind, unsigned int first,
			 unsigned int count)
{
	unsigned int have = kind < KINDS ? fn->nr_routes[kind] : 0;

	if (first > have || count > have - first)
		return uvdk_fail(-EINVAL, "emu", "%s: vectors %u to %u of kind %u: it has %u",
				 fn->name, first, first + count - 1, kind, have);

	return 0;
}

static void set_ctrl(struct uvdk_emu_function *fn, unsigned int cap, uint16_t set, uint16_t clear)
{
	uint8_t *ctrl = fn->config + cap + MSI_CTRL;

	emu_put16(ctrl, (uint16_t)((emu_get16(ctrl) & ~clear) | set));
}

/* What a kernel does to the function to make messages come, or stop. */
static void program(struct uvdk_emu_function *fn, unsigned int kind, bool on)
{
	uint16_t log2;

	if (kind == KIND_MSIX) {
		set_ctrl(fn, fn->msix_cap, on ? MSIX_ENABLE : 0, MSIX_ENABLE | MSIX_FN_MASK);
	} else if (kind == KIND_MSI) {
		log2 = (uint16_t)__builtin_ctz(fn->msi_vectors);
		set_ctrl(fn, fn->msi_cap, (uint16_t)(on ? MSI_ENABLE | log2 << 4 : 0), 0x71);
		emu_put32(fn->config + fn->msi_cap + 4, on ? MSG_ADDRESS : 0);
	} else {
		fn->intx_masked = false;
	}
	fn->irq_on[kind] = on;
}

static void program_vector(struct uvdk_emu_function *fn, unsigned int kind, unsigned int vector)
{
	bool routed = fn->route[kind][vector] >= 0;
	uint8_t *entry;

	if (kind != KIND_MSIX)
		return;
	entry = fn->msix.table + vector * MSIX_ENTRY;
	emu_put32(entry, routed ? MSG_ADDRESS : 0);
	emu_put32(entry + 8, routed ? vector : 0);
	emu_msix_set_masked(fn, vector, !routed);
}

static void route_locked(struct uvdk_emu_function *fn, unsigned int kind, unsigned int first,
			 unsigned int count, const int *fds)
{
	for (unsigned int i = 0; i < count; i++) {
		fn->route[kind][first + i] = fds ? fds[i] : -1;
		program_vector(fn, kind, first + i);
	}
	program(fn, kind, fds != NULL);
	emu_irq_config_changed(fn);
}

UVDK_EXPORT int uvdk_emu_irq_route(struct uvdk_emu_function *fn, unsigned int kind,
				   unsigned int first, unsigned int count, const int *fds)
{
	int ret = check_vectors(fn, kind, first, count);

	if (ret)
		return ret;
	if (!fds && (first || count != fn->nr_routes[kind]))
		return uvdk_fail(-EINVAL, "emu", "%s: without descriptors all %u vectors are meant",
				 fn->name, fn->nr_routes[kind]);
	if (!count)
		return 0;

	pthread_mutex_lock(&fn->lock);
	for (unsigned int k = 0; fds && k < KINDS; k++)
		if (k != kind && fn->irq_on[k])
			ret = -EBUSY;
	if (!ret)
		route_locked(fn, kind, first, count, fds);
	pthread_mutex_unlock(&fn->lock);
	if (ret)
		return uvdk_fail(ret, "emu",
				 "%s: another kind of interrupt is on: disable it first", fn->name);

	return 0;
}

UVDK_EXPORT int uvdk_emu_irq_mask(struct uvdk_emu_function *fn, unsigned int kind,
				  unsigned int vector, bool masked)
{
	int ret = check_vectors(fn, kind, vector, 1);
	uint8_t *mask;

	if (ret)
		return ret;

	pthread_mutex_lock(&fn->lock);
	if (kind == KIND_MSIX) {
		emu_msix_set_masked(fn, vector, masked);
	} else if (kind == KIND_MSI) {
		mask = fn->config + fn->msi_cap + MSI_MASK;
		emu_put32(mask, masked ? emu_get32(mask) | UINT32_C(1) << vector
				       : emu_get32(mask) & ~(UINT32_C(1) << vector));
	} else {
		fn->intx_masked = masked;
	}
	emu_irq_config_changed(fn);
	pthread_mutex_unlock(&fn->lock);

	return 0;
}

UVDK_EXPORT int uvdk_emu_irq_trigger(struct uvdk_emu_function *fn, unsigned int kind,
				     unsigned int vector)
{
	int ret = check_vectors(fn, kind, vector, 1);
	bool sent;

	if (ret)
		return ret;

	pthread_mutex_lock(&fn->lock);
	sent = emu_irq_signal(fn, kind, vector);
	pthread_mutex_unlock(&fn->lock);
	if (!sent)
		return uvdk_fail(-EINVAL, "emu", "%s: vector %u of kind %u is routed nowhere",
				 fn->name, vector, kind);

	return 0;
}

/*
 * Power-on state, but for the routes: they belong to the owner and outlive a
 * reset, as they do under vfio.
 */
void emu_irq_reset(struct uvdk_emu_function *fn)
{
	struct emu_msix *m = &fn->msix;

	fn->intx_level = false;
	fn->intx_masked = false;
	if (m->vectors) {
		memset(m->table, 0, (size_t)m->vectors * MSIX_ENTRY);
		memset(m->pending, 0, (m->vectors + 63) / 64 * sizeof(uint64_t));
	}
	for (unsigned int v = 0; v < m->vectors; v++)
		program_vector(fn, KIND_MSIX, v);
	for (unsigned int kind = 0; kind < KINDS; kind++)
		if (fn->irq_on[kind])
			program(fn, kind, true);
}
