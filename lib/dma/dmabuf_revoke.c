// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "dmabuf_priv.h"

/* Under the lock of the exports, all of it. */

void dmabuf_tell(struct dmabuf *map)
{
	struct uvdk_dmabuf_info info = map->info;

	if (map->told)
		map->told(&info, map->arg);
}

static void stop(struct dmabuf *map, enum uvdk_dmabuf_state state, const char *why)
{
	if (map->info.state == UVDK_DMABUF_LIVE)
		map->info.revocations++;
	map->info.state = state;
	uvdk_ioas_file_stop(map->info.ioas, map->info.iova);
	uvdk_log(UVDK_LOG_WARN, DMABUF,
		 "IOVA 0x%" PRIx64 "+0x%zx is revoked: %s %s; a device that accesses it faults",
		 map->info.iova, map->info.len, map->name, why);
	dmabuf_tell(map);
}

/* What has ended in the kernel comes back by unmapping and mapping only. */
int dmabuf_redo(struct dmabuf *map)
{
	int err = uvdk_ioas_file_stop(map->info.ioas, map->info.iova);

	if (!err)
		err = uvdk_ioas_file_resume(map->info.ioas, map->info.iova, &map->file);
	map->info.state = err ? UVDK_DMABUF_REVOKED : UVDK_DMABUF_LIVE;

	return err;
}

static void resume(struct dmabuf *map, const char *after)
{
	int err;

	uvdk_log_hush(true);
	err = dmabuf_redo(map);
	uvdk_log_hush(false);
	if (err)
		uvdk_log(UVDK_LOG_WARN, DMABUF,
			 "IOVA 0x%" PRIx64 "+0x%zx, in BAR %u of %s, is not back after %s: %s",
			 map->info.iova, map->info.len, map->info.bar, map->name, after,
			 uvdk_last_error());
	else
		uvdk_log(UVDK_LOG_INFO, DMABUF,
			 "IOVA 0x%" PRIx64 "+0x%zx, in BAR %u of %s, is mapped again after %s",
			 map->info.iova, map->info.len, map->info.bar, map->name, after);
	dmabuf_tell(map);
}

void dmabuf_on_event(struct uvdk_export_watch *watch, enum uvdk_export_event event)
{
	struct dmabuf *map = (struct dmabuf *)watch;
	bool live = map->info.state == UVDK_DMABUF_LIVE;

	switch (event) {
	case UVDK_EXPORT_REVOKED:
		map->info.revocations += live;
		resume(map, "a reset");
		break;
	case UVDK_EXPORT_OFF:
		if (live)
			stop(map, UVDK_DMABUF_REVOKED, "does not decode memory, or is gone");
		break;
	case UVDK_EXPORT_ON:
		if (!live)
			resume(map, "memory enable");
		break;
	case UVDK_EXPORT_ENDED:
		stop(map, UVDK_DMABUF_ENDED, "is closed");
		break;
	}
}
