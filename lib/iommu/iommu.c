// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "iommu_priv.h"

/* What a failed uvdk_iommu_choose() hands on: its sentence is the one that helps. */
static int refuse_no_name(void)
{
	char names[256];

	if (*uvdk_last_error())
		return -EINVAL;

	return uvdk_fail(-EINVAL, IOAS_COMPONENT, "opening an iommu needs its name; known are %s",
			 ioas_driver_names(names, sizeof(names)));
}

UVDK_EXPORT int uvdk_iommu_open(const char *name, const struct uvdk_iommu_opts *opts,
				struct uvdk_iommu **out)
{
	const struct uvdk_iommu_ops *ops;
	struct uvdk_iommu_opts o;
	struct uvdk_iommu *iommu;
	char names[256];
	int err;

	if (!name)
		return refuse_no_name();
	err = ioas_iommu_opts(&o, opts);
	if (err)
		return err;
	ops = ioas_driver_find(name);
	if (!ops)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "no iommu driver \"%s\"; known are %s",
				 name, ioas_driver_names(names, sizeof(names)));
	iommu = calloc(1, sizeof(*iommu));
	if (!iommu)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for an iommu");

	pthread_mutex_init(&iommu->lock, NULL);
	pthread_mutex_init(&iommu->ids_lock, NULL);
	pthread_cond_init(&iommu->told, NULL);
	LIST_INIT(&iommu->bindings);
	LIST_INIT(&iommu->touched);
	TAILQ_INIT(&iommu->spaces);
	iommu->ops = ops;
	err = ops->open(&o, &iommu->priv);
	if (err) {
		pthread_cond_destroy(&iommu->told);
		pthread_mutex_destroy(&iommu->ids_lock);
		pthread_mutex_destroy(&iommu->lock);
		free(iommu);
		return err;
	}
	*out = iommu;

	return 0;
}

UVDK_EXPORT void uvdk_iommu_close(struct uvdk_iommu *iommu)
{
	unsigned int users;

	if (!iommu)
		return;

	pthread_mutex_lock(&iommu->lock);
	users = iommu->users;
	pthread_mutex_unlock(&iommu->lock);
	if (users) {
		/* Freeing what they stand on would be worse than keeping it. */
		uvdk_log(UVDK_LOG_ERR, IOAS_COMPONENT,
			 "%s stays open: %u devices, address spaces or fault queues are still on "
			 "it; close them "
			 "first",
			 iommu->ops->name, users);
		return;
	}
	iommu->ops->close(iommu->priv);
	pthread_cond_destroy(&iommu->told);
	pthread_mutex_destroy(&iommu->ids_lock);
	pthread_mutex_destroy(&iommu->lock);
	free(iommu);
}

UVDK_EXPORT const char *uvdk_iommu_name(const struct uvdk_iommu *iommu)
{
	return iommu->ops->name;
}

UVDK_EXPORT struct uvdk_emu *uvdk_iommu_machine(const struct uvdk_iommu *iommu)
{
	return iommu->ops->machine ? iommu->ops->machine(iommu->priv) : NULL;
}

UVDK_EXPORT enum uvdk_iommu_handle uvdk_iommu_handle_kind(const struct uvdk_iommu *iommu)
{
	return iommu->ops->handle;
}

UVDK_EXPORT void *uvdk_iommu_priv(const struct uvdk_iommu *iommu)
{
	return iommu->priv;
}
