// SPDX-License-Identifier: BSD-3-Clause
#include <search.h>

#include "iommu_emu_route.h"

/* Whose page requests go where, and which groups of them wait. */

static int compare(const void *a, const void *b)
{
	const struct emu_route *x = a;
	const struct emu_route *y = b;

	if (x->dev->slot != y->dev->slot)
		return x->dev->slot < y->dev->slot ? -1 : 1;

	return x->pasid < y->pasid ? -1 : x->pasid > y->pasid;
}

struct emu_route *emu_route_find(const struct emu_machine *machine, uint32_t slot, uint32_t pasid)
{
	struct emu_device dev = {.slot = slot};
	const struct emu_route key = {.dev = &dev, .pasid = pasid};
	struct emu_route **node = tfind(&key, &machine->events.routes, compare);

	return node ? *node : NULL;
}

struct emu_group *emu_group_find(const struct emu_route *route, unsigned int index)
{
	struct emu_group *group;

	LIST_FOREACH(group, &route->groups, entry)
	{
		if (group->index == index)
			return group;
	}

	return NULL;
}

void emu_group_free(struct emu_group *group)
{
	LIST_REMOVE(group, entry);
	free(group);
}

/* Its function waits for the one that came last. */
struct emu_group *emu_group_get(struct emu_route *route, unsigned int index, bool has_pasid)
{
	struct emu_group *group = emu_group_find(route, index);

	if (group && !group->whole)
		return group;
	if (group)
		emu_group_free(group);
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->index = index;
	group->cookie = route->q->machine->events.cookie++;
	group->has_pasid = has_pasid;
	LIST_INSERT_HEAD(&route->groups, group, entry);

	return group;
}

struct emu_route *emu_route_add(struct emu_device *dev, uint32_t pasid, struct emu_faultq *q)
{
	struct emu_route *route = calloc(1, sizeof(*route));

	if (!route)
		return NULL;
	*route = (struct emu_route){.dev = dev, .pasid = pasid, .q = q};
	LIST_INIT(&route->groups);
	if (tsearch(route, &q->machine->events.routes, compare))
		return route;
	free(route);

	return NULL;
}

void emu_route_drop(struct emu_route *route)
{
	tdelete(route, &route->q->machine->events.routes, compare);
	free(route);
}
