// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_emu_space.h"

/* Address spaces: each map is in each page table that serves one. */

int emu_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv)
{
	struct emu_machine *machine = emu_machine_get(priv);
	struct emu_space *space;

	if (!machine)
		return -ENOMEM;
	space = calloc(1, sizeof(*space));
	if (!space)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for an address space");
	*space = (struct emu_space){.machine = machine, .ioas = ioas};
	LIST_INIT(&space->domains);
	*ioas_priv = space;

	return 0;
}

void emu_ioas_destroy(void *ioas_priv)
{
	free(ioas_priv);
}

static unsigned int access_of(unsigned int flags)
{
	return (flags & UVDK_MAP_READ ? EMU_TABLE_READ : 0) |
	       (flags & UVDK_MAP_WRITE ? EMU_TABLE_WRITE : 0);
}

static int replay(const struct uvdk_map_info *map, void *arg)
{
	return emu_domain_map(arg, map->iova, map->va, map->len, access_of(map->flags));
}

static int add(struct emu_space *space, struct emu_unit *unit, const struct emu_kind *kind,
	       struct emu_domain **out)
{
	struct emu_domain *dom;
	int err = emu_domain_create(unit, kind, &dom);

	if (err)
		return err;
	err = uvdk_ioas_for_each(space->ioas, replay, dom);
	if (err) {
		emu_domain_put(dom);
		return err;
	}
	LIST_INSERT_HEAD(&space->domains, dom, entry);
	*out = dom;

	return 0;
}

static bool same(const struct emu_kind *a, const struct emu_kind *b)
{
	return a->stage == b->stage && a->enforced == b->enforced && !a->special && !b->special;
}

int emu_space_table(struct emu_space *space, struct emu_unit *unit, struct emu_kind kind,
		    struct emu_domain **out)
{
	struct emu_domain *dom;

	if (!emu_unit_levels(unit, kind.stage))
		kind.stage = kind.stage == EMU_FIRST_STAGE ? EMU_SECOND_STAGE : EMU_FIRST_STAGE;
	LIST_FOREACH(dom, &space->domains, entry)
	{
		if (same(&dom->kind, &kind) && emu_domain_fits(dom, unit)) {
			emu_domain_get(dom);
			*out = dom;
			return 0;
		}
	}

	return add(space, unit, &kind, out);
}

/* In all its tables, or in none. */
static int map_all(struct emu_space *space, uvdk_iova_t iova, void *va, size_t len,
		   unsigned int flags)
{
	struct emu_domain *dom, *failed;
	int err = 0;

	LIST_FOREACH(dom, &space->domains, entry)
	{
		err = emu_domain_map(dom, iova, va, len, access_of(flags));
		if (err)
			break;
	}
	if (!err)
		return 0;

	failed = dom;
	LIST_FOREACH(dom, &space->domains, entry)
	{
		if (dom == failed)
			break;
		emu_domain_unmap(dom, iova, len);
	}

	return err;
}

/* Memory, or what stands for a BAR of the machine. */
static int check(const struct emu_space *space, void *va, size_t len, bool write)
{
	return uvdk_emu_is_window(space->machine->emu, va, len) ? 0
								: emu_memory_check(va, len, write);
}

int emu_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags)
{
	int err = check(ioas_priv, va, len, flags & UVDK_MAP_WRITE);

	return err ? err : map_all(ioas_priv, *iova, va, len, flags);
}

/* Nothing is pinned here: what is mapped at @va now is what is reached. */
int emu_copy(void *ioas_priv, void *from_priv, uvdk_iova_t iova, void *va, size_t len,
	     unsigned int flags)
{
	(void)from_priv;

	return map_all(ioas_priv, iova, va, len, flags);
}

int emu_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len)
{
	struct emu_space *space = ioas_priv;
	struct emu_domain *dom;

	LIST_FOREACH(dom, &space->domains, entry)
	emu_domain_unmap(dom, iova, len);

	return 0;
}

/*
 * As a kernel does: the first that others were attached to so, if it fits, or
 * else one for this unit. The second stage has maps that may be written and not
 * read; the first has not.
 */
static int pick(struct emu_space *space, struct emu_unit *unit, struct emu_domain **out)
{
	const struct emu_kind kind = {.stage = EMU_SECOND_STAGE,
				      .enforced = VTD_ECAP_SC(unit->ecap)};
	struct emu_domain *dom;

	LIST_FOREACH(dom, &space->domains, entry)
	{
		if (dom->plain && emu_domain_fits(dom, unit)) {
			emu_domain_get(dom);
			*out = dom;
			return 0;
		}
	}

	return emu_space_table(space, unit, kind, out);
}

int emu_attach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	struct emu_device *dev = binding->priv;
	struct emu_domain *dom;
	int err = pick(ioas_priv, dev->unit, &dom);

	if (err)
		return err;
	err = emu_domain_attach(dom, dev, UVDK_PASID_RID, true, NULL);
	emu_domain_put(dom);

	return err;
}

/* What is there is replaced. */
int emu_rid_restore(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	return emu_attach(ioas_priv, binding);
}

void emu_detach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	(void)ioas_priv;
	emu_domain_detach(binding->priv, UVDK_PASID_RID);
}
