// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "iommufd_priv.h"

/* What the visitor of the maps looks for once an attach has failed. */
struct search {
	const struct iofd *iofd;
	int group;
	size_t bytes;
	const void *first_va;
	struct uvdk_map_info map;
	struct uvdk_iova_range reserved;
};

static int add_up(const struct uvdk_map_info *map, void *arg)
{
	struct search *search = arg;

	if (!search->bytes)
		search->first_va = map->va;
	search->bytes += map->len;
	return 0;
}

static int find_reserved(const struct uvdk_map_info *map, void *arg)
{
	struct search *search = arg;

	search->map = *map;
	return uvdk_explain_reserved(search->iofd->sysfs_root, search->group, map->iova,
				     map->iova + map->len - 1, &search->reserved);
}

static int find_unmapped(const struct uvdk_map_info *map, void *arg)
{
	struct search *search = arg;

	search->map = *map;
	return map->va && !uvdk_memory_mapped(map->va, map->len);
}

static int explain_in_use(struct iofd_ioas *own, struct search *search, const char *name)
{
	if (!uvdk_ioas_for_each(own->ioas, find_reserved, search))
		return uvdk_fail(-EADDRINUSE, IOFD,
				 "something is mapped where %s can't address: attach it before "
				 "mapping, and map within uvdk_ioas_ranges()",
				 name);

	return uvdk_fail(-EADDRINUSE, IOFD,
			 "the map at IOVA 0x%" PRIx64 " of 0x%zx bytes lies in 0x%" PRIx64
			 " to 0x%" PRIx64 ", which is reserved for %s",
			 search->map.iova, search->map.len, search->reserved.first,
			 search->reserved.last, name);
}

/* An attach pins everything mapped so far, so it fails as a map would. */
int iofd_explain_attach(struct iofd_ioas *own, const char *name, int err)
{
	struct search search = {.iofd = own->iofd};
	struct uvdk_pin_failure pin = {.err = -err, .charged = 1, .per = "user"};

	switch (err) {
	case -EADDRINUSE:
		search.group = iofd_group_of(own->iofd, name);
		return explain_in_use(own, &search, name);
	case -ENOMEM:
		uvdk_ioas_for_each(own->ioas, add_up, &search);
		pin.va = search.first_va;
		pin.len = search.bytes;
		return uvdk_explain_pin(IOFD, &pin);
	case -EFAULT:
		uvdk_ioas_for_each(own->ioas, find_unmapped, &search);
		pin.va = search.map.va;
		pin.len = search.map.len;
		pin.write = search.map.flags & UVDK_MAP_WRITE;
		return uvdk_explain_pin(IOFD, &pin);
	case -EBUSY:
		return uvdk_fail(err, IOFD,
				 "%s, or another member of its group, is attached to another "
				 "address space",
				 name);
	default:
		return uvdk_fail(err, IOFD, "attaching %s to address space %u: %s", name, own->id,
				 strerror(-err));
	}
}

int iofd_attach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	struct iofd_ioas *own = ioas_priv;
	struct iofd_vfio_attach attach = {.argsz = sizeof(attach), .pt_id = own->id};
	int ret = iofd_ioctl(binding->fd, IOFD_VFIO_ATTACH, &attach);

	if (ret)
		return iofd_explain_attach(own, uvdk_device_get_info(binding->dev)->name, ret);

	own->attached++;
	return 0;
}

/* Closing the device detaches as well, so a refusal here is nothing to act on. */
void iofd_detach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	struct iofd_ioas *own = ioas_priv;
	struct iofd_vfio_detach detach = {.argsz = sizeof(detach)};
	int ret = iofd_ioctl(binding->fd, IOFD_VFIO_DETACH, &detach);

	if (ret)
		uvdk_log(UVDK_LOG_WARN, IOFD, "detaching %s: %s",
			 uvdk_device_get_info(binding->dev)->name, strerror(-ret));
	own->attached--;
}
