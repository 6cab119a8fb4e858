// SPDX-License-Identifier: BSD-3-Clause
#include <unistd.h>

#include <uvdk_device_driver.h>

#include "sva_priv.h"

/* In a child of fork() everything of it is the parent's: the device, the thread, a lock's holder.
 */
static bool is_parents(const struct uvdk_sva *sva)
{
	return sva->pid != getpid();
}

void sva_end(struct uvdk_sva *sva, bool pasid_freed)
{
	if (is_parents(sva))
		return;
	sva_quiesce(sva);
	pthread_mutex_lock(&sva->lock);
	if (pasid_freed)
		sva->released = true;
	if (sva->live) {
		sva->live = false;
		sva->ops->unbind(sva);
		sva->ranges.count = 0;
		sva->info.shared = 0;
		sva->info.pinned = 0;
	}
	pthread_mutex_unlock(&sva->lock);
}

/* The number may be another's when this returns. */
void sva_pasid_freed(void *arg, uint32_t pasid)
{
	(void)pasid;
	sva_end(arg, true);
}

void sva_device_closes(struct uvdk_device_watcher *watcher)
{
	struct uvdk_sva *sva =
		(struct uvdk_sva *)((char *)watcher - offsetof(struct uvdk_sva, watcher));

	if (is_parents(sva))
		return;
	sva_end(sva, false);
	pthread_mutex_lock(&sva->lock);
	sva->dev = NULL;
	pthread_mutex_unlock(&sva->lock);
}

/* Nobody is told of it any more once this returns. */
static void stop_being_told(struct uvdk_sva *sva)
{
	if (sva->following)
		uvdk_follow_stop(&sva->follower);
	uvdk_pasid_unuse(&sva->user);
	uvdk_device_unwatch(sva->dev, &sva->watcher);
}

/* Of a binding that is not, or no more, in the registry. */
void sva_free(struct uvdk_sva *sva)
{
	sva_end(sva, false);
	stop_being_told(sva);
	if (sva->own_pasid && !sva->released)
		uvdk_pasid_free(sva->opts.owner, sva->pasid);
	sva_ranges_free(&sva->ranges);
	pthread_mutex_destroy(&sva->lock);
	free(sva);
}

UVDK_EXPORT int uvdk_sva_unbind(struct uvdk_sva *sva)
{
	int err = sva_take(sva);

	if (!err)
		sva_free(sva);

	return err;
}
