// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "type1_priv.h"

/*
 * Two address spaces may race for the group, each under its own lock.
 * The first device of a group that is attached takes the maps into the
 * group's container; the last that is detached takes them out.
 */

static int claim(struct type1_ioas *own, struct type1_group *group, const char *name, bool *first)
{
	int ret = 0;

	pthread_mutex_lock(&own->type1->lock);
	if (group->ioas && group->ioas != own) {
		ret = uvdk_fail(-EBUSY, TYPE1,
				"%s can't be attached: group %d is attached to another address "
				"space, and its members share one",
				name, group->number);
	} else {
		group->ioas = own;
		*first = group->attached++ == 0;
	}
	pthread_mutex_unlock(&own->type1->lock);

	return ret;
}

static bool is_last(const struct type1_ioas *own, const struct type1_group *group)
{
	bool last;

	pthread_mutex_lock(&own->type1->lock);
	last = group->attached == 1;
	pthread_mutex_unlock(&own->type1->lock);

	return last;
}

/* After this another address space may claim the group. */
static void release(const struct type1_ioas *own, struct type1_group *group)
{
	pthread_mutex_lock(&own->type1->lock);
	if (--group->attached == 0)
		group->ioas = NULL;
	pthread_mutex_unlock(&own->type1->lock);
}

struct replay {
	const struct type1_ioas *own;
	const struct type1_group *group;
};

static int refuse_reserved(const struct replay *replay, const struct uvdk_map_info *map)
{
	const struct type1 *type1 = replay->own->type1;
	uint64_t last = map->iova + map->len - 1;
	struct uvdk_iova_range reserved;

	if (!uvdk_explain_reserved(type1->sysfs_root, replay->group->number, map->iova, last,
				   &reserved))
		return uvdk_fail(-EADDRINUSE, TYPE1,
				 "the map at IOVA 0x%" PRIx64 " of 0x%zx bytes is outside what "
				 "group %d can address: attach it before mapping, and map within "
				 "uvdk_ioas_ranges()",
				 map->iova, map->len, replay->group->number);

	return uvdk_fail(-EADDRINUSE, TYPE1,
			 "the map at IOVA 0x%" PRIx64 " of 0x%zx bytes lies in 0x%" PRIx64
			 " to 0x%" PRIx64 ", which is reserved for group %d",
			 map->iova, map->len, reserved.first, reserved.last, replay->group->number);
}

static int replay_one(const struct uvdk_map_info *map, void *arg)
{
	const struct replay *replay = arg;
	int ret = type1_group_map(replay->own, replay->group, map->iova, map->va, map->len,
				  map->flags);

	return ret == -ERANGE ? refuse_reserved(replay, map) : ret;
}

static void drop_maps(const struct type1_group *group)
{
	int ret = type1_group_unmap_all(group);

	if (ret)
		uvdk_log(UVDK_LOG_WARN, TYPE1, "group %d keeps maps until it is closed: %s",
			 group->number, strerror(-ret));
}

static void join(struct type1_ioas *own, struct type1_group *group)
{
	group->peer = own->groups;
	own->groups = group;
}

static void leave(struct type1_ioas *own, struct type1_group *group)
{
	struct type1_group **link = &own->groups;

	while (*link != group)
		link = &(*link)->peer;
	*link = group->peer;
	group->peer = NULL;
}

int type1_attach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	struct type1_group *group = binding->priv;
	struct type1_ioas *own = ioas_priv;
	struct replay replay = {own, group};
	bool first = false;
	int ret;

	ret = claim(own, group, uvdk_device_get_info(binding->dev)->name, &first);
	if (ret || !first)
		return ret;

	join(own, group); /* before the replay: each group is charged, and so counts */
	ret = uvdk_ioas_for_each(own->ioas, replay_one, &replay);
	if (!ret)
		return 0;

	drop_maps(group);
	leave(own, group);
	release(own, group);
	return ret;
}

void type1_detach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	struct type1_group *group = binding->priv;
	struct type1_ioas *own = ioas_priv;

	if (is_last(own, group)) {
		drop_maps(group);
		leave(own, group);
	}
	release(own, group);
}
