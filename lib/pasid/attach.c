// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <uvdk_base_driver.h>
#include <uvdk_pasid_attach.h>

/*
 * While it is attached the number can't be another's: a free waits for our
 * release(). So whoever detaches does it under the lock, and once.
 */
static void detach(struct uvdk_pasid_attachment *at, uint32_t pasid)
{
	pthread_mutex_lock(&at->lock);
	if (at->ioas)
		uvdk_ioas_detach_pasid(at->ioas, at->dev, pasid);
	at->ioas = NULL;
	pthread_mutex_unlock(&at->lock);
}

static void release(void *arg, uint32_t pasid)
{
	detach(arg, pasid);
}

UVDK_EXPORT int uvdk_pasid_attach(struct uvdk_pasid_owner *owner, uint32_t pasid,
				  struct uvdk_ioas *ioas, struct uvdk_device *dev,
				  struct uvdk_pasid_attachment *out)
{
	int err;

	if (!owner || !ioas || !dev)
		return uvdk_fail(-EINVAL, "pasid",
				 "attaching PASID %u needs an owner, an address space and a "
				 "device: has making one failed?",
				 pasid);
	*out = (struct uvdk_pasid_attachment){.user = {.release = release, .arg = out}, .dev = dev};
	pthread_mutex_init(&out->lock, NULL);
	/* Known as a user first: a free meanwhile waits, and then finds it attached. */
	pthread_mutex_lock(&out->lock);
	err = uvdk_pasid_use(owner, pasid, &out->user);
	if (!err)
		err = uvdk_ioas_attach_pasid(ioas, dev, pasid);
	if (!err)
		out->ioas = ioas;
	pthread_mutex_unlock(&out->lock);
	if (err)
		uvdk_pasid_detach(out);

	return err;
}

UVDK_EXPORT int uvdk_pasid_replace(struct uvdk_pasid_attachment *at, struct uvdk_ioas *ioas)
{
	int err;

	pthread_mutex_lock(&at->lock);
	if (at->ioas)
		err = uvdk_ioas_replace_pasid(ioas, at->dev, at->user.pasid);
	else
		err = uvdk_fail(-ENOENT, "pasid", "PASID %u has been freed, and with it detached",
				at->user.pasid);
	if (!err)
		at->ioas = ioas;
	pthread_mutex_unlock(&at->lock);

	return err;
}

UVDK_EXPORT void uvdk_pasid_detach(struct uvdk_pasid_attachment *at)
{
	detach(at, at->user.pasid);
	uvdk_pasid_unuse(&at->user);
	pthread_mutex_destroy(&at->lock);
}
