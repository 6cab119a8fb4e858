// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <search.h>
#include <string.h>
#include <unistd.h>

#include "noiommu_priv.h"

extern const struct uvdk_iommu_ops uvdk_iommu_noiommu;

/* Unprotected, so only for those who name it. */
static int noiommu_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	(void)spec;
	(void)opts;
	return -1;
}

static int noiommu_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	struct noiommu *noiommu = calloc(1, sizeof(*noiommu));
	int ret = -ENOMEM;

	if (!noiommu)
		return ret;
	noiommu->dev_root = strdup(opts && opts->dev_root ? opts->dev_root : "/dev");
	if (!noiommu->dev_root)
		goto free_noiommu;
	ret = uvdk_phys_open(&noiommu->phys, NOIOMMU, false);
	if (ret)
		goto free_root;

	pthread_mutex_init(&noiommu->lock, NULL);
	uvdk_log(UVDK_LOG_WARN, NOIOMMU,
		 "devices opened here can reach all memory: nothing translates or checks");
	*priv = noiommu;
	return 0;
free_root:
	free(noiommu->dev_root);
free_noiommu:
	free(noiommu);
	return ret;
}

static void noiommu_close(void *priv)
{
	struct noiommu *noiommu = priv;

	pthread_mutex_destroy(&noiommu->lock);
	uvdk_phys_close(&noiommu->phys);
	free(noiommu->dev_root);
	free(noiommu);
}

static int noiommu_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out)
{
	(void)priv;
	(void)binding;
	*out = (struct uvdk_iommu_info){.driver = "noiommu",
					.hardware = "none",
					.page_sizes = (uint64_t)sysconf(_SC_PAGESIZE),
					.coherent = true};
	return 0;
}

static int noiommu_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv)
{
	struct noiommu_ioas *own = calloc(1, sizeof(*own));

	(void)ioas;
	if (!own)
		return -ENOMEM;

	own->noiommu = priv;
	*ioas_priv = own;
	return 0;
}

static void noiommu_ioas_destroy(void *ioas_priv)
{
	struct noiommu_ioas *own = ioas_priv;

	tdestroy(own->maps, free);
	free(own);
}

static uint64_t noiommu_page_sizes(void *ioas_priv)
{
	(void)ioas_priv;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static int noiommu_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max)
{
	(void)ioas_priv;
	if (out && max)
		out[0] = (struct uvdk_iova_range){0, UINT64_MAX};

	return 1;
}

static void noiommu_limits(void *ioas_priv, struct uvdk_iommu_limits *out)
{
	(void)ioas_priv;
	out->memlock_max = uvdk_memlock_max();
}

static int noiommu_attach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	(void)ioas_priv;
	(void)binding;
	return 0;
}

static void noiommu_detach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	(void)ioas_priv;
	(void)binding;
}

const struct uvdk_iommu_ops uvdk_iommu_noiommu = {
	.name = "noiommu",
	.handle = UVDK_IOMMU_HANDLE_NOIOMMU_GROUP,
	.picks_iova = true,
	.suits = noiommu_suits,
	.open = noiommu_open,
	.close = noiommu_close,
	.bind = noiommu_bind,
	.unbind = noiommu_unbind,
	.info = noiommu_info,
	.ioas_create = noiommu_ioas_create,
	.ioas_destroy = noiommu_ioas_destroy,
	.page_sizes = noiommu_page_sizes,
	.ranges = noiommu_ranges,
	.limits = noiommu_limits,
	.map = noiommu_map,
	.unmap = noiommu_unmap,
	.attach = noiommu_attach,
	.detach = noiommu_detach,
};
