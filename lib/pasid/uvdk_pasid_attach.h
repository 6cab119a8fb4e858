/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PASID_ATTACH_H
#define UVDK_PASID_ATTACH_H

#include <pthread.h>

#include <uvdk_device.h>
#include <uvdk_hwpt.h>
#include <uvdk_pasid.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: A PASID of an owner, attached to an address space
 *
 * Joins the number (uvdk_pasid.h) and what it selects (uvdk_hwpt.h): freeing
 * the PASID, or destroying its owner, detaches it first, so that its
 * translations are gone before the number can be handed out again.
 */

/**
 * struct uvdk_pasid_attachment - what a PASID of a device is attached to
 * @user: private
 * @lock: private
 * @ioas: private; NULL: attached to nothing
 * @to: private; while that changes
 * @dev: private; NULL once the device was closed
 * @watch: private
 *
 * The caller's memory: nothing is allocated for it here. It must stay where it
 * is, and the address space must live, until uvdk_pasid_detach() or until the
 * PASID has been freed. Closing the device detaches it, too, and leaves the
 * PASID in use until then.
 */
struct uvdk_pasid_attachment {
	struct uvdk_pasid_user user;
	pthread_mutex_t lock;
	struct uvdk_ioas *ioas;
	struct uvdk_ioas *to;
	struct uvdk_device *dev;
	struct uvdk_device_watcher watch;
};

/**
 * uvdk_pasid_attach() - let accesses with a PASID see an address space
 * @owner: who holds the PASID
 * @pasid: PASID
 * @ioas: address space
 * @dev: device
 * @out: attachment, not in use
 *
 * A PASID may be attached on any number of devices, with an attachment each. A
 * WBINVD callback (uvdk_coherency.h) that this call runs may free the PASID;
 * nothing is attached then, although 0 is returned.
 *
 * Return: 0; -EINVAL (NULL); as uvdk_pasid_use() (the PASID is not the owner's); or as
 * uvdk_ioas_attach_pasid().
 */
int uvdk_pasid_attach(struct uvdk_pasid_owner *owner, uint32_t pasid, struct uvdk_ioas *ioas,
		      struct uvdk_device *dev, struct uvdk_pasid_attachment *out);

/**
 * uvdk_pasid_replace() - let it see another address space from now on
 * @at: attachment
 * @ioas: the new address space
 *
 * Without a detach in between, see uvdk_hwpt_replace().
 *
 * Return: 0; -ENOENT (the PASID has been freed meanwhile); -ENODEV (the device
 * was closed); -EPERM (in a child
 * of fork(): the PASID is its parent's); or as uvdk_ioas_replace_pasid().
 */
int uvdk_pasid_replace(struct uvdk_pasid_attachment *at, struct uvdk_ioas *ioas);

/**
 * uvdk_pasid_detach() - end it; never fails
 * @at: attachment; nothing happens if its PASID has been freed
 *
 * The PASID stays the owner's. Thread-safe beside a free of the PASID; not to
 * be called by two threads at once, nor while uvdk_pasid_attach() or
 * uvdk_pasid_replace() of @at runs. In a child of fork() it leaves what the
 * parent has attached alone.
 */
void uvdk_pasid_detach(struct uvdk_pasid_attachment *at);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_PASID_ATTACH_H */
