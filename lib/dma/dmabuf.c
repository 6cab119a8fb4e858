// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "dmabuf_priv.h"

static struct dmabuf *maps; /* guarded by the lock of the exports */

static struct dmabuf **find(const struct uvdk_ioas *ioas, uvdk_iova_t iova)
{
	struct dmabuf **at = &maps;

	while (*at && ((*at)->info.ioas != ioas || (*at)->info.iova != iova))
		at = &(*at)->next;

	return at;
}

static void add(struct dmabuf *map)
{
	map->next = maps;
	maps = map;
}

static int no_such_map(uvdk_iova_t iova)
{
	return uvdk_fail(-ENOENT, DMABUF, "no map of a file begins at IOVA 0x%" PRIx64, iova);
}

/* Nothing is attached that could reach it any more once the address space goes. */
static void ioas_gone(struct uvdk_ioas *ioas)
{
	struct dmabuf **at = &maps;

	uvdk_export_lock();
	while (*at) {
		struct dmabuf *map = *at;

		if (map->info.ioas != ioas) {
			at = &map->next;
			continue;
		}
		uvdk_ioas_file_unmap(ioas, map->info.iova);
		*at = map->next;
		uvdk_export_remove_watch(&map->watch);
		dmabuf_close(map);
		free(map);
	}
	uvdk_export_unlock();
}

static int map_it(struct dmabuf *map)
{
	map->file.gone = ioas_gone;
	return uvdk_ioas_file_map(map->info.ioas, &map->file, map->info.len, map->info.flags,
				  &map->info.iova);
}

/* Of a BAR of ours: under the lock, or a reset just now would not be known of. */
static int map_export(struct dmabuf *map, int fd, bool *is_export)
{
	const struct uvdk_export *export;
	int err = 0;

	uvdk_export_lock();
	export = uvdk_export_find(fd);
	*is_export = export != NULL;
	if (export) {
		err = dmabuf_open(map, fd, export);
		if (!err)
			err = map_it(map);
		if (!err) {
			map->watch.tell = dmabuf_on_event;
			uvdk_export_add_watch(export->dev, &map->watch);
			add(map);
		}
	}
	uvdk_export_unlock();

	return err;
}

/* Pinning memory may take long: without the lock. */
static int map_other(struct dmabuf *map, int fd)
{
	int err = dmabuf_open(map, fd, NULL);

	if (!err)
		err = map_it(map);
	if (err)
		return err;
	uvdk_export_lock();
	add(map);
	uvdk_export_unlock();

	return 0;
}

UVDK_EXPORT int uvdk_dmabuf_map(struct uvdk_ioas *ioas, int fd, uint64_t offset, size_t len,
				unsigned int flags, uvdk_iova_t *iova)
{
	struct dmabuf *map;
	bool is_export;
	int err;

	if (!ioas || !iova || !len)
		return uvdk_fail(-EINVAL, DMABUF,
				 "mapping a file takes an address space, a length and @iova");
	map = calloc(1, sizeof(*map));
	if (!map)
		return uvdk_fail(-ENOMEM, DMABUF, "no memory to map a file");
	map->info = (struct uvdk_dmabuf_info){.ioas = ioas,
					      .iova = flags & UVDK_MAP_FIXED ? *iova : 0,
					      .len = len,
					      .offset = offset,
					      .flags = flags};
	map->file.fd = -1;
	err = map_export(map, fd, &is_export);
	if (!err && !is_export)
		err = map_other(map, fd);
	if (err) {
		dmabuf_close(map);
		free(map);
		return err;
	}
	*iova = map->info.iova;

	return 0;
}

UVDK_EXPORT int uvdk_dmabuf_unmap(struct uvdk_ioas *ioas, uvdk_iova_t iova)
{
	struct dmabuf **at, *map;
	int err = -ENOENT;

	uvdk_export_lock();
	at = find(ioas, iova);
	map = *at;
	if (map)
		err = uvdk_ioas_file_unmap(ioas, iova);
	if (!err) {
		*at = map->next;
		uvdk_export_remove_watch(&map->watch);
	}
	uvdk_export_unlock();
	if (!map)
		return no_such_map(iova);
	if (err)
		return err;

	dmabuf_close(map);
	free(map);
	return 0;
}

UVDK_EXPORT int uvdk_dmabuf_get_info(struct uvdk_ioas *ioas, uvdk_iova_t iova,
				     struct uvdk_dmabuf_info *out)
{
	struct dmabuf *map;

	uvdk_export_lock();
	map = *find(ioas, iova);
	if (map) {
		*out = map->info;
		out->flags &= UVDK_MAP_RW;
	}
	uvdk_export_unlock();

	return map ? 0 : -ENOENT;
}

UVDK_EXPORT int uvdk_dmabuf_watch(struct uvdk_ioas *ioas, uvdk_iova_t iova,
				  void (*told)(const struct uvdk_dmabuf_info *info, void *arg),
				  void *arg)
{
	struct dmabuf *map;

	uvdk_export_lock();
	map = *find(ioas, iova);
	if (map) {
		map->told = told;
		map->arg = arg;
		if (map->info.state != UVDK_DMABUF_LIVE)
			dmabuf_tell(map);
	}
	uvdk_export_unlock();

	return map ? 0 : no_such_map(iova);
}

UVDK_EXPORT int uvdk_dmabuf_redo(struct uvdk_ioas *ioas, uvdk_iova_t iova)
{
	struct dmabuf *map;
	int err = 0;

	uvdk_export_lock();
	map = *find(ioas, iova);
	if (!map)
		err = no_such_map(iova);
	else if (map->info.state == UVDK_DMABUF_ENDED)
		err = uvdk_fail(-ENODEV, DMABUF,
				"IOVA 0x%" PRIx64 " was in a BAR of %s, which is closed: unmap it",
				iova, map->name);
	else if (map->info.kind != UVDK_DMABUF_MEMORY)
		err = dmabuf_redo(map);
	uvdk_export_unlock();

	return err;
}
