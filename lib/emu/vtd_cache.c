// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "vtd_priv.h"

/*
 * What the unit caches, of whatever kind, in one hash table under the gate.
 * Nothing leaves it but by invalidation, or, in a forgetful unit, by chance.
 */
#define ENTRIES_MAX (1ul << 20)

static unsigned int hash(const struct vtd_key *key)
{
	uint64_t h = key->addr * UINT64_C(0x9e3779b97f4a7c15);

	h ^= ((uint64_t)key->pasid << 28 ^ (uint64_t)key->id << 12 ^ (uint64_t)key->kind << 8 ^
	      key->level) *
	     UINT64_C(0xc2b2ae3d27d4eb4f);

	return (unsigned int)(h >> 40) % VTD_BUCKETS;
}

static bool same(const struct vtd_key *a, const struct vtd_key *b)
{
	return a->addr == b->addr && a->pasid == b->pasid && a->id == b->id && a->kind == b->kind &&
	       a->level == b->level;
}

/* xorshift64: the same seed, the same evictions */
bool vtd_chance(struct vtd *vtd, unsigned int one_in)
{
	vtd->random ^= vtd->random << 13;
	vtd->random ^= vtd->random >> 7;
	vtd->random ^= vtd->random << 17;

	return (vtd->random >> 20) % one_in == 0;
}

struct vtd_entry *vtd_lookup(struct vtd *vtd, const struct vtd_key *key)
{
	struct vtd_entry *e;

	LIST_FOREACH(e, &vtd->bucket[hash(key)], hash)
	if (same(&e->key, key))
		return e;

	return NULL;
}

struct vtd_entry *vtd_find(struct vtd *vtd, const struct vtd_key *key)
{
	struct vtd_entry *e = vtd_lookup(vtd, key);

	if (e && vtd->forgetful && vtd_chance(vtd, 4)) {
		vtd_drop(vtd, e);
		return NULL;
	}

	return e;
}

static struct vtd_entry *entry_new(struct vtd *vtd)
{
	struct vtd_entry *e = LIST_FIRST(&vtd->unused);

	if (e) {
		LIST_REMOVE(e, hash);
		return e;
	}
	if (vtd->entries == ENTRIES_MAX)
		return NULL;
	e = malloc(sizeof(*e));
	if (e)
		vtd->entries++;

	return e;
}

/*
 * What goes by PASID is found by PASID, so that thousands of others cost nothing.
 * PASID table entries are named with no requester: all of them are in one list.
 */
struct vtd_list *vtd_tag_list(struct vtd *vtd, unsigned int kind, uint16_t id, uint32_t pasid)
{
	uint64_t h = (uint64_t)pasid << 20 ^ (uint64_t)(kind == VTD_PASID ? 0 : id) << 4 ^ kind;

	return &vtd->tag[(h * UINT64_C(0x9e3779b97f4a7c15) >> 40) % VTD_TAGS];
}

/* Is it a translation of one PASID? */
static bool is_tagged(const struct vtd_key *key)
{
	return key->kind == VTD_IOTLB && key->pasid != VTD_NO_PASID;
}

/* From here on tables are read. What is read while they change may be out of date already. */
void vtd_fetch(struct vtd *vtd)
{
	unsigned long ended = atomic_load(&vtd->ended);

	vtd->since = atomic_load(&vtd->begun) == ended ? ended : ended - 1;
}

/* Add, or find it; zeroed; what it is to hold was read since vtd_fetch(). NULL: it is not cached,
 * which is always right. */
struct vtd_entry *vtd_add(struct vtd *vtd, const struct vtd_key *key)
{
	struct vtd_entry *e = vtd_lookup(vtd, key);

	if (e)
		vtd_drop(vtd, e);
	e = entry_new(vtd);
	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->key = *key;
	e->settled = vtd->since;
	vtd->tagged[key->id % VTD_GROUPS] += is_tagged(key);
	LIST_INSERT_HEAD(&vtd->bucket[hash(key)], e, hash);
	LIST_INSERT_HEAD(&vtd->group[key->kind][key->id % VTD_GROUPS], e, group);
	LIST_INSERT_HEAD(vtd_tag_list(vtd, key->kind, key->id, key->pasid), e, tag);

	return e;
}

void vtd_drop(struct vtd *vtd, struct vtd_entry *e)
{
	vtd->tagged[e->key.id % VTD_GROUPS] -= is_tagged(&e->key);
	LIST_REMOVE(e, hash);
	LIST_REMOVE(e, group);
	LIST_REMOVE(e, tag);
	LIST_INSERT_HEAD(&vtd->unused, e, hash);
}

static void leave(struct vtd_entry *e, uint64_t flags)
{
	static _Alignas(EMU_PAGE_SIZE) const uint64_t empty[EMU_PAGE_SIZE / 8];

	if (!e)
		return;
	e->val[0] = (uintptr_t)empty | flags; /* a table in which nothing is present */
	e->settled = UINT64_MAX;
}

/*
 * What whoever ran before left behind. Setting a root table does not clear the
 * caches (CAP.ESRTPS is clear): they must be invalidated, all three (6.6).
 */
void vtd_cache_leftovers(struct vtd *vtd)
{
	for (uint16_t slot = 0; slot < EMU_SLOTS; slot++) {
		const struct vtd_key context = {.id = (uint16_t)(slot << 3), .kind = VTD_CONTEXT};
		struct vtd_key pasid = context;
		struct vtd_entry *e = vtd_add(vtd, &context);

		leave(e, CTX_PRESENT);
		pasid.kind = VTD_PASID;
		pasid.pasid = slot & 1 ? VTD_RID : slot;
		e = vtd_add(vtd, &pasid);
		leave(e, PTE_PRESENT);
	}
	for (uint16_t did = 0; did < 16; did++) {
		struct vtd_key inner = {.id = did, .kind = VTD_INNER, .level = 4};
		struct vtd_entry *e;

		for (inner.pasid = 0; inner.pasid < 4; inner.pasid++) {
			e = vtd_add(vtd, &inner);
			leave(e, FS_P);
		}
		inner.pasid = VTD_NO_PASID;
		inner.level = 4 + VTD_SECOND;
		e = vtd_add(vtd, &inner);
		leave(e, SS_R);
	}
}

static void list_free(struct vtd_list *list)
{
	struct vtd_entry *e;

	while ((e = LIST_FIRST(list))) {
		LIST_REMOVE(e, hash);
		free(e);
	}
}

void vtd_cache_free(struct vtd *vtd)
{
	for (unsigned int i = 0; i < VTD_BUCKETS; i++)
		list_free(&vtd->bucket[i]);
	list_free(&vtd->unused);
}
