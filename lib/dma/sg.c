// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "sg_priv.h"

#define DIRS (UVDK_DMA_TO_DEVICE | UVDK_DMA_FROM_DEVICE)

/* ---- life ---- */

static int check_power(const char *name, uint64_t value)
{
	if (!(value & (value - 1)))
		return 0;

	return uvdk_fail(-EINVAL, DMA_COMPONENT, "limit %s of 0x%" PRIx64 " is not a power of two",
			 name, value);
}

static int set_limits(struct uvdk_dma_sg *sg, const struct uvdk_dma_limits *limits)
{
	int err = check_power("len_align", limits->len_align);

	if (!err)
		err = check_power("addr_align", limits->addr_align);
	if (!err)
		err = check_power("boundary", limits->boundary);
	if (err)
		return err;
	sg->len_low = limits->len_align ? limits->len_align - 1 : 0;
	sg->addr_low = limits->addr_align ? limits->addr_align - 1 : 0;
	sg->unit_low = sg->len_low | sg->addr_low;
	sg->addr_never = limits->addr_mask ? ~limits->addr_mask : 0;
	sg->len_max = limits->len_max ? limits->len_max : UINT64_MAX;
	sg->boundary = limits->boundary;
	sg->count_max = limits->count_max ? limits->count_max : UINT_MAX;
	if (sg->len_max > sg->unit_low && (!sg->boundary || sg->boundary > sg->unit_low))
		return 0;

	return uvdk_fail(-EINVAL, DMA_COMPONENT,
			 "with addresses at multiples of %" PRIu64 " and lengths of %" PRIu64
			 ", pieces of at most %" PRIu64 " bytes within 0x%" PRIx64
			 " can't follow each other",
			 sg->addr_low + 1, sg->len_low + 1, sg->len_max, sg->boundary);
}

UVDK_EXPORT int uvdk_dma_sg_create(struct uvdk_ioas *ioas, const struct uvdk_dma_sg_opts *opts,
				   struct uvdk_dma_sg **out)
{
	struct uvdk_dma_sg_opts o = {.size = sizeof(o)};
	struct uvdk_dma_sg *sg;
	int err;

	if (!ioas)
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "scatter lists need an address space: has creating it failed?");
	err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_dma_sg_opts");
	if (err)
		return err;
	sg = calloc(1, sizeof(*sg));
	if (!sg)
		return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory for scatter lists");

	sg->xlate = uvdk_ioas_xlate(ioas);
	sg->bounce = o.bounce;
	err = set_limits(sg, &o.limits);
	if (!err && sg->bounce)
		err = sg_bounce_check(sg, ioas);
	if (err) {
		free(sg);
		return err;
	}
	*out = sg;

	return 0;
}

UVDK_EXPORT void uvdk_dma_sg_destroy(struct uvdk_dma_sg *sg)
{
	if (!sg)
		return;
	if (sg->stats.unmapped != sg->stats.lists)
		uvdk_log(UVDK_LOG_WARN, DMA_COMPONENT,
			 "scatter lists are destroyed with %" PRIu64
			 " still mapped: what they have "
			 "of bounce buffers is lost to their pool",
			 sg->stats.lists - sg->stats.unmapped);
	free(sg);
}

/* ---- lists ---- */

static int map_list(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list)
{
	struct sg_cut cut = {.sg = sg, .piece = list->piece, .max = list->max};

	cut.max = cut.max < sg->count_max ? cut.max : sg->count_max;
	if (sg_walk(&cut, list->iov, list->iov_count, &list->len)) {
		list->count = cut.count;
		return 0;
	}

	return sg->bounce ? sg_bounce_map(sg, list) : sg_say(&cut);
}

static int check_list(const struct uvdk_dma_list *list, unsigned int dir)
{
	uint64_t len = 0;

	for (unsigned int i = 0; i < list->iov_count; i++)
		if (__builtin_add_overflow(len, list->iov[i].iov_len, &len))
			return uvdk_fail(-EINVAL, DMA_COMPONENT,
					 "buffer %u of a scatter list has 0x%zx bytes: with those "
					 "before more than 64 bits hold",
					 i, list->iov[i].iov_len);
	if (!len || !list->piece)
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "a scatter list of %s was asked for",
				 len ? "no array of pieces" : "0 bytes");
	if (!dir || dir & ~(unsigned int)DIRS)
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "direction 0x%x: UVDK_DMA_TO_DEVICE, UVDK_DMA_FROM_DEVICE or both",
				 dir);

	return 0;
}

UVDK_EXPORT int uvdk_dma_sg_mapv(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list,
				 const struct iovec *iov, unsigned int iov_count, unsigned int dir)
{
	int err;

	list->iov = iov;
	list->iov_count = iov_count;
	list->dir = dir;
	list->bounced = false;
	list->count = 0;
	list->len = 0;
	err = check_list(list, dir);
	if (!err)
		err = map_list(sg, list);
	if (err) {
		sg_count(&sg->stats.failed, 1);
		return err;
	}
	sg_count(&sg->stats.lists, 1);
	sg_count(&sg->stats.bytes, list->len);
	sg_count(&sg->stats.pieces, list->count);

	return 0;
}

UVDK_EXPORT int uvdk_dma_sg_map(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list, void *va,
				size_t len, unsigned int dir)
{
	list->one = (struct iovec){va, len};

	return uvdk_dma_sg_mapv(sg, list, &list->one, 1, dir);
}

UVDK_EXPORT void uvdk_dma_sg_unmap(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list,
				   uint64_t done)
{
	if (!list->count)
		return;
	if (list->bounced)
		sg_bounce_unmap(sg, list, done);
	sg_count(&sg->stats.unmapped, 1);
	list->count = 0;
}

/* Eight counts, all of which are numbers. */
UVDK_EXPORT void uvdk_dma_sg_get_stats(const struct uvdk_dma_sg *sg, struct uvdk_dma_sg_stats *out)
{
	const uint64_t *from = (const uint64_t *)&sg->stats;
	uint64_t *to = (uint64_t *)out;

	for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
