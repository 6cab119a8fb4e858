// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "fake.h"

/* One binding and the number of the table that it was given. */
struct fake_auto {
	void *space;
	const struct uvdk_iommu_binding *binding;
	uint32_t kind; /* of the first that had this table */
	struct fake_auto *next;
};

bool fake_fits(uint32_t table, uint32_t kind)
{
	return !((table ^ kind) & FAKE_ODD) && (!(table & FAKE_CC) || kind & FAKE_CC);
}

int fake_auto_attach(void *space, const struct uvdk_iommu_binding *binding)
{
	struct fake_auto **end = &fake.autos;
	struct fake_auto *own = malloc(sizeof(*own));

	if (!own)
		return -ENOMEM;
	*own = (struct fake_auto){space, binding, binding->id, NULL};
	while (*end && ((*end)->space != space || !fake_fits((*end)->kind, binding->id)))
		end = &(*end)->next;
	if (*end)
		own->kind = (*end)->kind;
	while (*end)
		end = &(*end)->next;
	*end = own;
	return 0;
}

static struct fake_auto **find(const struct uvdk_iommu_binding *binding)
{
	struct fake_auto **at = &fake.autos;

	while (*at && (*at)->binding != binding)
		at = &(*at)->next;
	return at;
}

void fake_auto_detach(const struct uvdk_iommu_binding *binding)
{
	struct fake_auto **at = find(binding);
	struct fake_auto *own = *at;

	if (!own)
		return;
	*at = own->next;
	free(own);
}

int fake_auto_enforced(const struct uvdk_iommu_binding *binding)
{
	const struct fake_auto *own = *find(binding);

	return !own ? -1 : own->kind & FAKE_CC ? 1 : 0;
}
