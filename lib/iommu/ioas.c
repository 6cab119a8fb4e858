// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "iommu_priv.h"

static int check_opts(const struct uvdk_ioas_opts *opts)
{
	if ((unsigned int)opts->policy > UVDK_IOVA_HUGE)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "unknown IOVA policy %d",
				 (int)opts->policy);
	if (opts->coherency != UVDK_COHERENCY_SHARE && opts->coherency != UVDK_COHERENCY_SEPARATE)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "unknown coherency policy %d",
				 (int)opts->coherency);

	return 0;
}

static int create_tables(struct uvdk_ioas *ioas)
{
	if (ioas_xlate_create(ioas) || space_create(&ioas->space))
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for an I/O address space");

	return 0;
}

static void free_tables(struct uvdk_ioas *ioas)
{
	ioas_window_free(ioas);
	ioas_record_free_all(ioas);
	free(ioas->reserved);
	space_destroy(&ioas->space);
	ioas_xlate_destroy(ioas);
}

static int create_backend(struct uvdk_ioas *ioas)
{
	int err = ioas->ops->ioas_create(ioas->iommu->priv, ioas, &ioas->priv);

	if (err)
		return err;
	err = ioas_adopt(ioas);
	if (err)
		ioas->ops->ioas_destroy(ioas->priv);

	return err;
}

static void enlist(struct uvdk_ioas *ioas)
{
	struct uvdk_iommu *iommu = ioas->iommu;

	pthread_mutex_lock(&iommu->lock);
	iommu->users++;
	ioas->seen = ioas_new_id();
	TAILQ_INSERT_TAIL(&iommu->spaces, ioas, entry);
	pthread_mutex_unlock(&iommu->lock);
}

/* Whoever walks the list has let go of it then. It still counts: the iommu must stay. */
static void delist(struct uvdk_ioas *ioas)
{
	pthread_mutex_lock(&ioas->iommu->lock);
	TAILQ_REMOVE(&ioas->iommu->spaces, ioas, entry);
	pthread_mutex_unlock(&ioas->iommu->lock);
}

static void drop_user(struct uvdk_iommu *iommu)
{
	pthread_mutex_lock(&iommu->lock);
	iommu->users--;
	pthread_mutex_unlock(&iommu->lock);
}

UVDK_EXPORT int uvdk_ioas_create(struct uvdk_iommu *iommu, const struct uvdk_ioas_opts *opts,
				 struct uvdk_ioas **out)
{
	struct uvdk_ioas_opts o = {.size = sizeof(o)};
	struct uvdk_ioas *ioas;
	int err;

	if (!iommu)
		return uvdk_fail(
			-EINVAL, IOAS_COMPONENT,
			"creating an address space needs an iommu: has opening it failed?");
	err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_ioas_opts");
	if (!err)
		err = check_opts(&o);
	if (err)
		return err;
	ioas = calloc(1, sizeof(*ioas));
	if (!ioas)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for an I/O address space");

	ioas_own(ioas);
	ioas->iommu = iommu;
	ioas->ops = iommu->ops;
	ioas->policy = o.policy;
	ioas->iova_last = o.iova_last;
	ioas->coherency = o.coherency;
	LIST_INIT(&ioas->hwpts);
	err = create_tables(ioas);
	if (!err)
		err = create_backend(ioas);
	if (err)
		goto free;

	enlist(ioas);
	*out = ioas;

	return 0;
free:
	free_tables(ioas);
	free(ioas);
	return err;
}

UVDK_EXPORT void uvdk_ioas_destroy(struct uvdk_ioas *ioas)
{
	if (!ioas || !ioas_is_ours(ioas))
		return;

	ioas_detach_all(ioas);
	if (!LIST_EMPTY(&ioas->hwpts) || ioas->mapqs) {
		uvdk_log(UVDK_LOG_ERR, IOAS_COMPONENT,
			 "an address space stays: %s made for it are left; %s them first",
			 ioas->mapqs ? "map queues" : "page tables",
			 ioas->mapqs ? "close" : "destroy");
		ioas->closing = false;
		return;
	}
	delist(ioas);
	if (ioas->files_gone)
		ioas->files_gone(ioas);
	ioas_unmap_all(ioas);
	ioas->ops->ioas_destroy(ioas->priv);
	drop_user(ioas->iommu);
	free_tables(ioas);
	free(ioas);
}

UVDK_EXPORT size_t uvdk_ioas_page_size(const struct uvdk_ioas *ioas)
{
	return ioas_granule(ioas);
}

UVDK_EXPORT const struct uvdk_xlate *uvdk_ioas_xlate(const struct uvdk_ioas *ioas)
{
	return &ioas->xlate;
}
