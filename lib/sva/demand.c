// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <uvdk_device.h>

#include "demand.h"

/*
 * The demand backend: an address space of the binding's own, empty at first, behind a
 * page table with a fault queue. What the device touches it asks for, and is given.
 */
#define READAHEAD_DEFAULT 65536u
#define READAHEAD_MIN	  4096u
#define READAHEAD_MAX	  (UINT64_C(1) << 30)

int demand_check_readahead(size_t readahead)
{
	if (!readahead || (readahead >= READAHEAD_MIN && readahead <= READAHEAD_MAX &&
			   !(readahead & (readahead - 1))))
		return 0;

	return uvdk_fail(-EINVAL, SVA_COMPONENT,
			 "demand: a read-ahead of %zu bytes is no power of two from 4096 to 1 GiB",
			 readahead);
}

/* A RID may be told apart from PASIDs that are attached later, where there are any. */
static unsigned int table_flags(const struct uvdk_sva *sva)
{
	struct uvdk_iommu_info info;

	if (sva->pasid != UVDK_PASID_RID)
		return UVDK_HWPT_PASID;

	return !uvdk_iommu_get_info(sva->dev, &info) && info.pasid_bits ? UVDK_HWPT_PASID : 0;
}

static int make_table(struct demand *d)
{
	const struct uvdk_hwpt_opts opts = {
		.size = sizeof(opts), .flags = table_flags(d->sva), .faultq = d->faultq};

	return uvdk_hwpt_create(d->ioas, d->sva->dev, &opts, &d->hwpt);
}

static struct demand *demand_alloc(struct uvdk_sva *sva)
{
	struct demand *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->sva = sva;
	d->page = (size_t)sysconf(_SC_PAGESIZE);
	d->readahead = sva->opts.readahead ? sva->opts.readahead : READAHEAD_DEFAULT;
	pthread_mutex_init(&d->serving, NULL);

	return d;
}

static void demand_free(struct demand *d)
{
	pthread_mutex_destroy(&d->serving);
	free(d);
}

static int make(struct demand *d)
{
	const struct uvdk_ioas_opts space = {.size = sizeof(space), .policy = UVDK_IOVA_VA};
	struct uvdk_iommu *iommu = uvdk_device_iommu(d->sva->dev);
	size_t granule;
	int err;

	err = sva_maps_open(&d->maps);
	if (err)
		return err;
	err = uvdk_ioas_create(iommu, &space, &d->ioas);
	if (err)
		goto close;
	err = uvdk_faultq_create(iommu, NULL, &d->faultq);
	if (err)
		goto destroy_space;
	err = make_table(d);
	if (err)
		goto destroy_queue;
	granule = uvdk_ioas_page_size(d->ioas);
	d->page = granule > d->page ? granule : d->page;
	d->readahead = d->readahead > d->page ? d->readahead : d->page;

	return 0;
destroy_queue:
	uvdk_faultq_destroy(d->faultq);
destroy_space:
	uvdk_ioas_destroy(d->ioas);
close:
	sva_maps_close(&d->maps);
	return err;
}

/* Unpins all. */
static void unmake(struct demand *d)
{
	uvdk_hwpt_destroy(d->hwpt);
	uvdk_faultq_destroy(d->faultq);
	uvdk_ioas_destroy(d->ioas);
	sva_maps_close(&d->maps);
}

/* A kernel's word for a device that makes no page requests is one of these. */
static int attach(struct demand *d)
{
	struct uvdk_sva *sva = d->sva;
	int err = uvdk_hwpt_attach(d->hwpt, sva->dev, sva->pasid);
	char why[160];

	if ((err != -ENODEV && err != -EINVAL) || uvdk_device_gone(sva->dev))
		return err;
	snprintf(why, sizeof(why), "%s", uvdk_last_error());

	return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
			 "demand: %s can't be attached so that it asks for pages: %s",
			 uvdk_device_get_info(sva->dev)->name, why);
}

static int demand_bind(struct uvdk_sva *sva)
{
	struct demand *d;
	int err = demand_check_readahead(sva->opts.readahead);

	if (err)
		return err;
	d = demand_alloc(sva);
	if (!d)
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "demand: no memory for a binding");
	err = make(d);
	if (err)
		goto free;
	err = attach(d);
	if (err)
		goto unmake;
	err = demand_start(d);
	if (err)
		goto detach;
	sva->priv = d;

	return 0;
detach:
	uvdk_hwpt_detach(d->hwpt, sva->dev, sva->pasid);
unmake:
	unmake(d);
free:
	demand_free(d);
	return err;
}

/*
 * The detach comes first: from then on the device reaches nothing, whoever waits has been
 * answered by the kernel, and what the thread still maps is seen by nobody.
 */
static void demand_unbind(struct uvdk_sva *sva)
{
	struct demand *d = sva->priv;

	uvdk_hwpt_detach(d->hwpt, sva->dev, sva->pasid);
	demand_stop(d);
	unmake(d);
	sva->priv = NULL;
	sva->info.pinned = 0;
	demand_free(d);
}

const struct sva_ops sva_demand = {
	.name = "demand",
	.id = UVDK_SVA_DEMAND,
	.probe = demand_probe,
	.bind = demand_bind,
	.unbind = demand_unbind,
	.share = demand_share,
	.forget = demand_forget,
	.removed = demand_removed,
	.poll = demand_poll,
};
