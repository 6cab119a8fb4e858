// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stddef.h>

#include <uvdk_base_driver.h>
#include <uvdk_pasid_attach.h>

#include "pasid_priv.h"

/*
 * While it is attached the number can't be another's: a free waits for our
 * release(). So whoever detaches does it under the lock, and once. The lock is
 * recursive: attaching and replacing may call back (uvdk_ioas_set_wbinvd_cb()),
 * and the callback may free the PASID.
 */
static void detach(struct uvdk_pasid_attachment *at, uint32_t pasid)
{
	pthread_mutex_lock(&at->lock);
	if (at->to)
		uvdk_ioas_detach_pasid(at->to, at->dev, pasid);
	if (at->ioas)
		uvdk_ioas_detach_pasid(at->ioas, at->dev, pasid);
	at->ioas = NULL;
	at->to = NULL;
	pthread_mutex_unlock(&at->lock);
}

/* Nobody knows the memory afterwards. */
static void release(void *arg, uint32_t pasid)
{
	struct uvdk_pasid_attachment *at = arg;

	detach(at, pasid);
	uvdk_device_unwatch(at->dev, &at->watch);
}

/* The PASID stays in use: the owner's word ends that. */
static void closes(struct uvdk_device_watcher *watch)
{
	struct uvdk_pasid_attachment *at =
		(struct uvdk_pasid_attachment *)((char *)watch -
						 offsetof(struct uvdk_pasid_attachment, watch));

	pthread_mutex_lock(&at->lock);
	detach(at, at->user.pasid);
	at->dev = NULL;
	pthread_mutex_unlock(&at->lock);
}

static void init(struct uvdk_pasid_attachment *at, struct uvdk_device *dev)
{
	pthread_mutexattr_t attr;

	*at = (struct uvdk_pasid_attachment){
		.user = {.release = release, .arg = at}, .dev = dev, .watch = {.closes = closes}};
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&at->lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

/* Under the lock. What frees the PASID meanwhile finds in @to what it may see. */
static int attach(struct uvdk_pasid_attachment *at, struct uvdk_ioas *ioas, uint32_t pasid)
{
	int err;

	at->to = ioas;
	err = uvdk_ioas_attach_pasid(ioas, at->dev, pasid);
	if (!err)
		at->ioas = at->to;
	at->to = NULL;

	return err;
}

UVDK_EXPORT int uvdk_pasid_attach(struct uvdk_pasid_owner *owner, uint32_t pasid,
				  struct uvdk_ioas *ioas, struct uvdk_device *dev,
				  struct uvdk_pasid_attachment *out)
{
	int err;

	if (!owner || !ioas || !dev)
		return uvdk_fail(-EINVAL, PASID_COMPONENT,
				 "attaching PASID %u needs an owner, an address space and a "
				 "device: has making one failed?",
				 pasid);
	init(out, dev);
	/* Known as a user first: a free meanwhile waits, and then finds it attached. */
	pthread_mutex_lock(&out->lock);
	uvdk_device_watch(dev, &out->watch);
	err = uvdk_pasid_use(owner, pasid, &out->user);
	if (!err)
		err = attach(out, ioas, pasid);
	pthread_mutex_unlock(&out->lock);
	if (err)
		uvdk_pasid_detach(out);

	return err;
}

static int replace(struct uvdk_pasid_attachment *at, struct uvdk_ioas *ioas)
{
	int err;

	if (!at->dev)
		return uvdk_fail(-ENODEV, PASID_COMPONENT,
				 "the device that PASID %u was attached on has been closed",
				 at->user.pasid);
	if (!at->ioas)
		return uvdk_fail(-ENOENT, PASID_COMPONENT,
				 "PASID %u has been freed, and with it detached", at->user.pasid);
	at->to = ioas;
	err = uvdk_ioas_replace_pasid(ioas, at->dev, at->user.pasid);
	if (!err && at->ioas) /* else freed by a callback, and detached */
		at->ioas = ioas;
	at->to = NULL;

	return err;
}

UVDK_EXPORT int uvdk_pasid_replace(struct uvdk_pasid_attachment *at, struct uvdk_ioas *ioas)
{
	int err;

	if (pasid_user_orphaned(&at->user))
		return pasid_fail_orphaned(at->user.space);
	pthread_mutex_lock(&at->lock);
	err = replace(at, ioas);
	pthread_mutex_unlock(&at->lock);

	return err;
}

/* The descriptors of a child are its parent's: detaching there would detach here. */
UVDK_EXPORT void uvdk_pasid_detach(struct uvdk_pasid_attachment *at)
{
	uvdk_device_unwatch(at->dev, &at->watch);
	if (pasid_user_orphaned(&at->user)) {
		at->ioas = NULL;
		uvdk_pasid_unuse(&at->user);
		return;
	}
	detach(at, at->user.pasid);
	uvdk_pasid_unuse(&at->user);
	pthread_mutex_destroy(&at->lock);
}
