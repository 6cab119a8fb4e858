// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "emu_priv.h"
#include "gate.h"

/*
 * A domain is a radix tree of 512-entry tables. Entries of inner tables are
 * pointers; entries of the last level are the page's address with the
 * permissions in the low bits. Walks take no lock: they happen inside a
 * function's gate, and whoever removes something passes every gate before the
 * page or the table is given back.
 */
#define LEVEL_BITS 9
#define ENTRIES	   (1u << LEVEL_BITS)

struct table {
	_Atomic uint64_t entry[ENTRIES];
	unsigned int used;    /* entries that are not 0; under the domain lock */
	struct table *unused; /* next table to free once all gates were passed */
};

struct uvdk_emu_domain {
	struct uvdk_emu *emu;
	unsigned int levels;
	pthread_mutex_t lock; /* guards fns, and changes of the tables */
	struct uvdk_emu_function *fns[EMU_SLOTS];
	struct table *root;
};

static unsigned int entry_index(uvdk_iova_t iova, unsigned int level)
{
	return (unsigned int)(iova >> (EMU_PAGE_SHIFT + LEVEL_BITS * level)) & (ENTRIES - 1);
}

static struct table *child(const struct table *t, unsigned int idx)
{
	uint64_t e = atomic_load_explicit(&t->entry[idx], memory_order_acquire);

	return (struct table *)(uintptr_t)e;
}

static void set_entry(struct table *t, unsigned int idx, uint64_t value)
{
	atomic_store_explicit(&t->entry[idx], value, memory_order_release);
	t->used += value ? 1u : -1u;
}

/* The last-level table of an IOVA, or NULL. */
static struct table *find_leaf(const struct uvdk_emu_domain *dom, uvdk_iova_t iova)
{
	struct table *t = dom->root;

	for (unsigned int level = dom->levels - 1; t && level > 0; level--)
		t = child(t, entry_index(iova, level));

	return t;
}

uint64_t emu_domain_lookup(const struct uvdk_emu_domain *dom, uvdk_iova_t iova)
{
	struct table *leaf = find_leaf(dom, iova);

	if (!leaf)
		return 0;

	return atomic_load_explicit(&leaf->entry[entry_index(iova, 0)], memory_order_acquire);
}

/* As find_leaf(), making what is missing; NULL when out of memory. */
static struct table *make_leaf(struct uvdk_emu_domain *dom, uvdk_iova_t iova)
{
	struct table *t = dom->root;

	for (unsigned int level = dom->levels - 1; level > 0; level--) {
		unsigned int idx = entry_index(iova, level);
		struct table *next = child(t, idx);

		if (!next) {
			next = calloc(1, sizeof(*next));
			if (!next)
				return NULL;
			set_entry(t, idx, (uintptr_t)next);
		}
		t = next;
	}

	return t;
}

/* Unhook the empty tables on the way to an IOVA, the lowest first. */
static struct table *prune(struct uvdk_emu_domain *dom, uvdk_iova_t iova, struct table *unused)
{
	struct table *path[EMU_IOVA_BITS_MAX / LEVEL_BITS + 1];
	unsigned int level = dom->levels - 1;

	path[level] = dom->root;
	while (level > 0) {
		path[level - 1] = child(path[level], entry_index(iova, level));
		if (!path[level - 1])
			break;
		level--;
	}
	for (; level + 1 < dom->levels && path[level]->used == 0; level++) {
		set_entry(path[level + 1], entry_index(iova, level + 1), 0);
		path[level]->unused = unused;
		unused = path[level];
	}

	return unused;
}

/* Clear [iova, iova + len); returns the tables that became empty. */
static struct table *clear_range(struct uvdk_emu_domain *dom, uvdk_iova_t iova, uint64_t len)
{
	struct table *unused = NULL;

	while (len) {
		struct table *leaf = find_leaf(dom, iova);
		uvdk_iova_t at = iova;

		do {
			set_entry(leaf, entry_index(iova, 0), 0);
			iova += EMU_PAGE_SIZE;
			len -= EMU_PAGE_SIZE;
		} while (len && entry_index(iova, 0));
		if (leaf->used == 0)
			unused = prune(dom, at, unused);
	}

	return unused;
}

/* Wait for the accesses in flight, then free what they may have walked. */
static void retire(struct uvdk_emu_domain *dom, struct table *unused)
{
	for (unsigned int i = 0; i < EMU_SLOTS; i++)
		if (dom->fns[i])
			emu_gate_pass(&dom->fns[i]->gate);

	while (unused) {
		struct table *t = unused;

		unused = t->unused;
		free(t);
	}
}

static void free_tables(struct table *t, unsigned int level)
{
	for (unsigned int i = 0; level > 0 && i < ENTRIES; i++)
		if (child(t, i))
			free_tables(child(t, i), level - 1);
	free(t);
}

/* Bytes from iova on that are mapped (or, with mapped false, free), up to len. */
static uint64_t run_of(const struct uvdk_emu_domain *dom, uvdk_iova_t iova, uint64_t len,
		       bool mapped)
{
	uint64_t done = 0;

	while (done < len) {
		struct table *leaf = find_leaf(dom, iova + done);

		do {
			if ((leaf && atomic_load_explicit(&leaf->entry[entry_index(iova + done, 0)],
							  memory_order_relaxed)) != mapped)
				return done;
			done += EMU_PAGE_SIZE;
		} while (done < len && entry_index(iova + done, 0));
	}

	return done;
}

static int check_range(const struct uvdk_emu_domain *dom, uvdk_iova_t iova, const void *va,
		       uint64_t len)
{
	uint64_t limit = UINT64_C(1) << dom->emu->iova_bits;

	if (!len || ((iova | len | (uintptr_t)va) & (EMU_PAGE_SIZE - 1)))
		return uvdk_fail(
			-EINVAL, "emu.iommu",
			"IOVA 0x%llx, length 0x%llx: both and the memory must be multiples "
			"of 4096, and the length not 0",
			(unsigned long long)iova, (unsigned long long)len);
	if (iova >= limit || len > limit - iova)
		return uvdk_fail(-ERANGE, "emu.iommu",
				 "IOVA 0x%llx, length 0x%llx: beyond the %u bits of this IOMMU",
				 (unsigned long long)iova, (unsigned long long)len,
				 dom->emu->iova_bits);

	return 0;
}

/* Returns how far it came; less than len when out of memory. */
static uint64_t fill_range(struct uvdk_emu_domain *dom, uvdk_iova_t iova, uint64_t pte,
			   uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		struct table *leaf = make_leaf(dom, iova + done);

		if (!leaf)
			return done;
		do {
			set_entry(leaf, entry_index(iova + done, 0), pte + done);
			done += EMU_PAGE_SIZE;
		} while (done < len && entry_index(iova + done, 0));
	}

	return done;
}

static int map_locked(struct uvdk_emu_domain *dom, uvdk_iova_t iova, uint64_t pte, uint64_t len)
{
	uint64_t done = run_of(dom, iova, len, false);
	struct table *unused;

	if (done < len)
		return uvdk_fail(-EEXIST, "emu.iommu", "IOVA 0x%llx is mapped already",
				 (unsigned long long)(iova + done));

	done = fill_range(dom, iova, pte, len);
	if (done == len)
		return 0;

	unused = clear_range(dom, iova, done);
	retire(dom, prune(dom, iova + done, unused));

	return uvdk_fail(-ENOMEM, "emu.iommu", "no memory for page tables of IOVA 0x%llx",
			 (unsigned long long)iova);
}

UVDK_EXPORT int uvdk_emu_domain_map(struct uvdk_emu_domain *dom, uvdk_iova_t iova, void *va,
				    size_t len, unsigned int prot)
{
	int ret = check_range(dom, iova, va, len);

	if (ret)
		return ret;
	if (!prot || (prot & ~(UVDK_EMU_PROT_READ | UVDK_EMU_PROT_WRITE)))
		return uvdk_fail(-EINVAL, "emu.iommu", "permissions 0x%x: read is 1, write is 2",
				 prot);

	pthread_mutex_lock(&dom->lock);
	ret = map_locked(dom, iova, (uintptr_t)va | prot, len);
	pthread_mutex_unlock(&dom->lock);

	return ret;
}

UVDK_EXPORT int uvdk_emu_domain_unmap(struct uvdk_emu_domain *dom, uvdk_iova_t iova, size_t len)
{
	int ret = check_range(dom, iova, NULL, len);
	uint64_t mapped;

	if (ret)
		return ret;

	pthread_mutex_lock(&dom->lock);
	mapped = run_of(dom, iova, len, true);
	if (mapped == len)
		retire(dom, clear_range(dom, iova, len));
	pthread_mutex_unlock(&dom->lock);
	if (mapped < len)
		return uvdk_fail(-ENOENT, "emu.iommu", "IOVA 0x%llx is not mapped",
				 (unsigned long long)(iova + mapped));

	return 0;
}

UVDK_EXPORT int uvdk_emu_domain_create(struct uvdk_emu *emu, struct uvdk_emu_domain **out)
{
	struct uvdk_emu_domain *dom = calloc(1, sizeof(*dom));

	if (dom)
		dom->root = calloc(1, sizeof(*dom->root));
	if (!dom || !dom->root) {
		free(dom);
		return uvdk_fail(-ENOMEM, "emu.iommu", "no memory for an address space");
	}
	pthread_mutex_init(&dom->lock, NULL);
	dom->emu = emu;
	dom->levels = (emu->iova_bits - EMU_PAGE_SHIFT + LEVEL_BITS - 1) / LEVEL_BITS;
	*out = dom;

	return 0;
}

UVDK_EXPORT int uvdk_emu_domain_attach(struct uvdk_emu_domain *dom, struct uvdk_emu_function *fn)
{
	bool taken;

	pthread_mutex_lock(&dom->lock);
	emu_gate_enter(&fn->gate);
	taken = fn->domain != NULL;
	if (!taken)
		fn->domain = dom;
	emu_gate_leave(&fn->gate);
	if (!taken)
		dom->fns[fn->slot] = fn;
	pthread_mutex_unlock(&dom->lock);

	if (taken)
		return uvdk_fail(-EBUSY, "emu.iommu",
				 "%s is attached to an address space: detach it first", fn->name);

	return 0;
}

UVDK_EXPORT void uvdk_emu_domain_detach(struct uvdk_emu_function *fn)
{
	struct uvdk_emu_domain *dom = fn->domain;

	if (!dom)
		return;

	pthread_mutex_lock(&dom->lock);
	emu_gate_enter(&fn->gate);
	fn->domain = NULL;
	emu_gate_leave(&fn->gate);
	dom->fns[fn->slot] = NULL;
	pthread_mutex_unlock(&dom->lock);
}

UVDK_EXPORT void uvdk_emu_domain_destroy(struct uvdk_emu_domain *dom)
{
	if (!dom)
		return;

	for (unsigned int i = 0; i < EMU_SLOTS; i++)
		if (dom->fns[i])
			uvdk_emu_domain_detach(dom->fns[i]);
	free_tables(dom->root, dom->levels - 1);
	pthread_mutex_destroy(&dom->lock);
	free(dom);
}
