// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "channel.h"

static int space_create(struct engine *e, bool pasids, struct uvdk_ioas **out)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .iova_last = e->info->address_mask};
	int ret = uvdk_ioas_create(e->iommu, &opts, out);

	if (!ret && !pasids)
		ret = uvdk_ioas_attach(*out, e->dev);

	return ret;
}

static int numbers_create(struct engine *e)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts)};
	struct uvdk_iommu_info info;
	int ret = uvdk_iommu_get_info(e->dev, &info);

	if (ret)
		return ret;
	if (!info.pasid_bits || !(e->info->features & UVDK_DMADEV_PASIDS)) {
		fprintf(stderr,
			"uvdk-dma-perf: %s has no channels with PASIDs, or its I/O MMU has no "
			"PASIDs: leave --pasids out\n",
			e->spec);
		return -EOPNOTSUPP;
	}
	opts.width = info.pasid_bits;
	ret = uvdk_pasid_space_create(&opts, &e->space);

	return ret ? ret : uvdk_pasid_owner_create(e->space, e->channels, &e->owner);
}

int engine_open(const struct options *opts, const char *spec, unsigned int channels,
		struct engine *e)
{
	struct uvdk_dmadev_opts how = {.size = sizeof(how), .channels = channels};
	const char *iommu = opts->iommu ? opts->iommu : uvdk_iommu_choose(spec, NULL);
	int ret = uvdk_iommu_open(iommu, NULL, &e->iommu);

	e->spec = spec;
	e->channels = channels;
	e->emulated = strncmp(spec, "emu:", 4) == 0;
	if (!ret)
		ret = uvdk_device_open(e->iommu, spec, NULL, &e->dev);
	if (!ret)
		ret = uvdk_dmadev_open(e->dev, &how, &e->dma);
	if (ret)
		goto err_close;
	e->info = uvdk_dmadev_get_info(e->dma);
	ret = opts->pasids ? numbers_create(e) : space_create(e, false, &e->ioas);
	if (ret)
		goto err_close;

	return 0;

err_close:
	engine_close(e);
	return ret;
}

void engine_close(struct engine *e)
{
	uvdk_dmadev_close(e->dma);
	uvdk_pasid_owner_destroy(e->owner);
	uvdk_ioas_destroy(e->ioas);
	uvdk_device_close(e->dev);
	uvdk_pasid_space_destroy(e->space);
	uvdk_iommu_close(e->iommu);
	memset(e, 0, sizeof(*e));
}

static int pasid_create(struct channel *c)
{
	struct engine *e = c->engine;
	int ret = space_create(e, true, &c->own);

	if (!ret)
		ret = uvdk_pasid_alloc(e->owner, 1, UINT32_MAX, &c->pasid);
	if (!ret)
		ret = uvdk_pasid_attach(e->owner, c->pasid, c->own, e->dev, &c->attached);

	return ret;
}

static int check_limits(const struct engine *e, const struct config_case *c,
			const struct scenario *s)
{
	unsigned int sge = c->src_sge > c->dst_sge ? c->src_sge : c->dst_sge;

	if (s->value[VAR_RING] > e->info->ring_max)
		fprintf(stderr, "uvdk-dma-perf: a dma_ring_size of %llu: %s has at most %u\n",
			(unsigned long long)s->value[VAR_RING], e->spec, e->info->ring_max);
	else if (s->value[VAR_BUF] > e->info->max_len)
		fprintf(stderr, "uvdk-dma-perf: a buf_size of %llu: %s copies at most %zu bytes\n",
			(unsigned long long)s->value[VAR_BUF], e->spec, e->info->max_len);
	else if (sge && !(e->info->ops & UVDK_DMADEV_OP_COPY_SG))
		fprintf(stderr,
			"uvdk-dma-perf: %s has no scatter lists: no dma_src_sge or "
			"dma_dst_sge\n",
			e->spec);
	else if (sge > e->info->max_sg)
		fprintf(stderr, "uvdk-dma-perf: a scatter list of %u: %s takes at most %u pieces\n",
			sge, e->spec, e->info->max_sg);
	else
		return 0;

	return -EINVAL;
}

static int memory_create(struct channel *c, const struct config_case *conf,
			 const struct scenario *s)
{
	struct uvdk_dma_opts opts = {.size = sizeof(opts), .numa_node = conf->src_node};
	struct uvdk_ioas *ioas = c->own ? c->own : c->engine->ioas;
	int ret = uvdk_dma_alloc(ioas, s->value[VAR_MEM] << 20, &opts, &c->src);

	opts.numa_node = conf->dst_node;

	return ret ? ret : uvdk_dma_alloc(ioas, s->value[VAR_MEM] << 20, &opts, &c->dst);
}

int channel_open(struct engine *engine, const struct config_case *conf, const struct scenario *s,
		 struct channel *c)
{
	struct uvdk_dmadev_chan_opts opts = {
		.size = sizeof(opts),
		.ring = (unsigned int)s->value[VAR_RING],
	};
	int ret = check_limits(engine, conf, s);

	c->engine = engine;
	if (!ret && engine->owner)
		ret = pasid_create(c);
	if (!ret)
		ret = memory_create(c, conf, s);
	if (ret)
		goto err_close;
	opts.ioas = c->own ? c->own : engine->ioas;
	opts.pasid = c->pasid;
	ret = uvdk_dmadev_chan_open(engine->dma, &opts, &c->chan);
	if (ret)
		goto err_close;

	return 0;

err_close:
	channel_close(c);
	return ret;
}

/* The channel keeps records in its address space: it goes first. */
void channel_close(struct channel *c)
{
	uvdk_dmadev_chan_close(c->chan);
	uvdk_dma_free(&c->src);
	uvdk_dma_free(&c->dst);
	if (c->own && c->pasid)
		uvdk_pasid_free(c->engine->owner, c->pasid);
	uvdk_ioas_destroy(c->own);
	memset(c, 0, sizeof(*c));
}
