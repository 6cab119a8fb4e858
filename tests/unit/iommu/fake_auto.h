/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_AUTO_H
#define FAKE_AUTO_H

#include <stdlib.h>

#include "fake.h"

/*
 * Part of fake.c: the tables that the driver picks itself, when a device is
 * attached without one. As Linux does: the first that fits, so that it shows
 * who came before.
 */

/* One binding and the number of the table that it was given. */
struct fake_auto {
	void *space;
	const struct uvdk_iommu_binding *binding;
	uint32_t kind; /* of the first that had this table */
	struct fake_auto *next;
};

static inline bool fake_fits(uint32_t table, uint32_t kind)
{
	return !((table ^ kind) & FAKE_ODD) && (!(table & FAKE_CC) || kind & FAKE_CC);
}

static inline int fake_auto_attach(void *space, const struct uvdk_iommu_binding *binding)
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

static inline struct fake_auto **fake_auto_find(const struct uvdk_iommu_binding *binding)
{
	struct fake_auto **at = &fake.autos;

	while (*at && (*at)->binding != binding)
		at = &(*at)->next;
	return at;
}

static inline void fake_auto_detach(const struct uvdk_iommu_binding *binding)
{
	struct fake_auto **at = fake_auto_find(binding);
	struct fake_auto *own = *at;

	if (!own)
		return;
	*at = own->next;
	free(own);
}

static inline int fake_auto_enforced(const struct uvdk_iommu_binding *binding)
{
	const struct fake_auto *own = *fake_auto_find(binding);

	return !own ? -1 : own->kind & FAKE_CC ? 1 : 0;
}

#endif /* FAKE_AUTO_H */
