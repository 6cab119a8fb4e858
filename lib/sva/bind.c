// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <unistd.h>

#include <uvdk_device_driver.h>

#include "sva_priv.h"

#define ALL_FLAGS      (UVDK_SVA_RID | UVDK_SVA_PROCESS | UVDK_SVA_NO_FOLLOW)
#define READAHEAD_MIN  4096
#define READAHEAD_NONE 65536 /* where 0 was given */

static int check_readahead(const struct uvdk_sva_opts *o)
{
	if (o->readahead >= READAHEAD_MIN && !(o->readahead & (o->readahead - 1)))
		return 0;

	return uvdk_fail(-EINVAL, SVA_COMPONENT,
			 "read-ahead of %zu bytes: a power of two from %d on is needed",
			 o->readahead, READAHEAD_MIN);
}

/* Where the kernel chooses the PASID, AUTO without an owner means that. */
static void take_kernel(const struct uvdk_device *dev, struct uvdk_sva_opts *o)
{
	if (o->backend == UVDK_SVA_AUTO && !o->owner && !(o->flags & UVDK_SVA_RID) &&
	    uvdk_device_has_sva(dev))
		o->backend = UVDK_SVA_KERNEL;
}

static int check_pasid(const struct uvdk_sva_opts *o)
{
	bool rid = o->flags & UVDK_SVA_RID;

	if (rid && (o->owner || o->pasid))
		return uvdk_fail(-EINVAL, SVA_COMPONENT,
				 "UVDK_SVA_RID means without a PASID: give no owner and no PASID");
	if (o->pasid && !o->owner)
		return uvdk_fail(-EINVAL, SVA_COMPONENT, "PASID %u was given without its owner",
				 o->pasid);
	if (o->backend == UVDK_SVA_KERNEL || rid || o->owner)
		return 0;

	return uvdk_fail(-EINVAL, SVA_COMPONENT,
			 "a binding needs an owner of PASIDs, or UVDK_SVA_RID to do without");
}

static int check_opts(const struct uvdk_device *dev, struct uvdk_sva_opts *o)
{
	int err;

	if (o->flags & ~(unsigned int)ALL_FLAGS)
		return uvdk_fail(-EINVAL, SVA_COMPONENT, "unknown flags 0x%x",
				 o->flags & ~(unsigned int)ALL_FLAGS);
	if (!o->readahead)
		o->readahead = READAHEAD_NONE;
	take_kernel(dev, o);
	err = check_readahead(o);

	return err ? err : check_pasid(o);
}

static struct uvdk_sva *sva_new(struct uvdk_device *dev, const struct sva_ops *ops,
				const struct uvdk_sva_opts *opts)
{
	struct uvdk_sva *sva = calloc(1, sizeof(*sva));
	pthread_mutexattr_t attr;

	if (!sva)
		return NULL;
	sva->ops = ops;
	sva->dev = dev;
	sva->opts = *opts;
	sva->pid = getpid();
	sva->pasid = opts->pasid;
	sva->user = (struct uvdk_pasid_user){.release = sva_pasid_freed, .arg = sva};
	sva->follower.gone = sva_gone;
	/* Recursive: what binding calls back (uvdk_coherency.h) may free the PASID. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&sva->lock, &attr);
	pthread_mutexattr_destroy(&attr);

	return sva;
}

/* The kernel's backend is told its PASID. */
static bool has_owner(const struct uvdk_sva *sva)
{
	return sva->opts.owner && sva->ops->id != UVDK_SVA_KERNEL;
}

static int take_pasid(struct uvdk_sva *sva)
{
	struct uvdk_iommu_info info;
	int err;

	if (!has_owner(sva) || sva->pasid)
		return 0;
	err = uvdk_iommu_get_info(sva->dev, &info);
	if (err)
		return err;
	err = uvdk_pasid_alloc(sva->opts.owner, 1,
			       info.pasid_bits ? (UINT32_C(1) << info.pasid_bits) - 1 : UINT32_MAX,
			       &sva->pasid);
	sva->own_pasid = !err;

	return err == -EDQUOT ? -ENOSPC : err;
}

/* It is the same to the caller who says that it is not his. */
static int use_pasid(struct uvdk_sva *sva)
{
	int err;

	if (!has_owner(sva))
		return 0;
	err = uvdk_pasid_use(sva->opts.owner, sva->pasid, &sva->user);

	return err == -ENOENT || err == -EACCES || err == -ERANGE ? -EPERM : err;
}

static int start_following(struct uvdk_sva *sva)
{
	int err;

	sva->info.follows = sva->ops->follows;
	if (sva->opts.flags & UVDK_SVA_NO_FOLLOW || sva->ops->follows & UVDK_SVA_FOLLOW_UNMAP)
		return 0;
	err = uvdk_follow_start(&sva->follower);
	if (err)
		return err == -ENOSYS ? -EPERM : err;
	sva->following = true;
	sva->info.follows |= UVDK_SVA_FOLLOW_UNMAP | UVDK_SVA_FOLLOW_REMOVE;
	if (uvdk_follow_forks())
		sva->info.follows |= UVDK_SVA_FOLLOW_FORK;

	return 0;
}

/* Known as a user first: a free of the PASID meanwhile waits, and then ends it. */
static int bind_backend(struct uvdk_sva *sva)
{
	int err;

	pthread_mutex_lock(&sva->lock);
	err = use_pasid(sva);
	if (!err)
		err = sva->ops->bind(sva);
	sva->live = !err;
	if (!err && sva->released) {
		sva->live = false;
		sva->ops->unbind(sva);
		err = uvdk_fail(-ENODEV, SVA_COMPONENT, "PASID %u was freed while it was bound",
				sva->pasid);
	}
	if (!err && sva->opts.flags & UVDK_SVA_PROCESS)
		err = sva_share_process(sva);
	pthread_mutex_unlock(&sva->lock);

	return err;
}

/* What it leaves behind on failure sva_free() undoes. */
static int set_up(struct uvdk_sva *sva)
{
	int err;

	sva->watcher.closes = sva_device_closes;
	uvdk_device_watch(sva->dev, &sva->watcher);
	err = start_following(sva);
	if (!err && sva->opts.flags & UVDK_SVA_PROCESS)
		err = sva_follow_mapped(sva, 0, UINTPTR_MAX, true);

	return err ? err : bind_backend(sva);
}

struct request {
	struct uvdk_device *dev;
	struct uvdk_sva_opts opts;
	struct uvdk_sva *sva;
};

static int bind_with(const struct sva_ops *ops, void *arg)
{
	struct request *request = arg;
	struct uvdk_sva *sva = sva_new(request->dev, ops, &request->opts);
	int err;

	if (!sva)
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "no memory for a binding");
	sva->info.backend = ops->id;
	sva->info.name = ops->name;
	err = take_pasid(sva);
	if (!err)
		err = sva_add(sva);
	if (err) {
		sva->dev = NULL; /* not told of its close yet */
		sva_free(sva);
		return err;
	}
	err = set_up(sva);
	if (err) {
		uvdk_sva_unbind(sva);
		return err;
	}
	request->sva = sva;

	return 0;
}

UVDK_EXPORT int uvdk_sva_bind(struct uvdk_device *dev, const struct uvdk_sva_opts *opts,
			      struct uvdk_sva **out)
{
	struct request request = {.dev = dev, .opts = {.size = sizeof(request.opts)}};
	int err;

	if (!dev || !out)
		return uvdk_fail(-EINVAL, SVA_COMPONENT,
				 "binding needs a device and a place for the result: has opening "
				 "it failed?");
	err = uvdk_opts_copy(&request.opts, sizeof(request.opts), opts, "uvdk_sva_opts");
	if (!err)
		err = check_opts(dev, &request.opts);
	if (!err)
		err = sva_choose(dev, &request.opts, bind_with, &request);
	if (!err)
		*out = request.sva;

	return err;
}
