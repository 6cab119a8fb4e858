// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "decode.h"
#include "nest_world.h"

/* Queues of uvdk_invalq_open(), over lib/iommu and a driver whose kernel is the test's. */

struct nested {
	struct nest_world nest;
	struct hwqueue_model *model;
	uint8_t regs[2 * NEST_STRIDE];
	struct uvdk_hw_queue *queue[2];
};

static struct world *world;

/* As the kernel, which claims nothing of SMMUv3's commands after an error. */
static int on_invalidate(const struct uvdk_inval_batch *batch, struct uvdk_inval_result *out)
{
	unsigned int count = batch->count;
	int err = kernel_submit(world, batch->entries, (unsigned int)batch->entry_len, &count);

	*out = (struct uvdk_inval_result){.done = err && batch->type != UVDK_NEST_VTD ? 0 : count,
					  .failed = count};
	return err;
}

static struct nested *open_nested(struct world *w, enum uvdk_nest_type type, bool ats)
{
	struct nested *own = calloc(1, sizeof(*own));

	w->priv = own;
	w->pasid = 7;
	w->asid = type == UVDK_NEST_VTD ? 0 : 9;
	world = w;
	fake_viommu.on_invalidate = on_invalidate;
	fake_viommu.page = own->regs;
	fake_viommu.page_len = sizeof(own->regs);
	nest_open(&own->nest, type, ats);
	nest_add(&own->nest, 0, NULL, 0x11);
	nest_add(&own->nest, 1, ats ? "fake:1-ats" : "fake:1", 0x22);

	return own;
}

static int open_queue(struct world *w, const struct uvdk_invalq_opts *opts,
		      struct uvdk_invalq_opts with)
{
	struct nested *own = w->priv;

	with.size = sizeof(with);
	with.depth = opts ? opts->depth : 0;
	with.flush_entries = opts ? opts->flush_entries : 0;

	return uvdk_invalq_open(own->nest.hwpt[0], own->nest.dev[0], UVDK_PASID_RID, &with, &w->q);
}

static int open_vtd(struct world *w, const struct uvdk_invalq_opts *opts)
{
	open_nested(w, UVDK_NEST_VTD, false);

	return open_queue(w, opts, (struct uvdk_invalq_opts){0});
}

static int open_smmu(struct world *w, const struct uvdk_invalq_opts *opts)
{
	open_nested(w, UVDK_NEST_SMMUV3, true);

	return open_queue(w, opts, (struct uvdk_invalq_opts){0});
}

static int open_thread(struct world *w, const struct uvdk_invalq_opts *opts)
{
	open_nested(w, UVDK_NEST_SMMUV3, true);

	return open_queue(w, opts, (struct uvdk_invalq_opts){.thread = true});
}

/* The second of two queues, so that the first one's registers are not it. */
static int open_hwqueue(struct world *w, const struct uvdk_invalq_opts *opts)
{
	struct nested *own = open_nested(w, UVDK_NEST_TEGRA241, true);
	char *ring = (char *)own->nest.mem + NEST_RING_LEN;

	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(uvdk_hw_queue_create(own->nest.viommu, NEST_IOVA + i * NEST_RING_LEN,
						  NEST_RING_LEN, &own->queue[i]),
			     0, "%s", uvdk_last_error());
	own->model = hwqueue_start(w, ring, own->regs + NEST_STRIDE);

	return open_queue(w, opts,
			  (struct uvdk_invalq_opts){.hw_queue = own->queue[1],
						    .ring = ring,
						    .ring_len = NEST_RING_LEN});
}

static void close_nested(struct world *w)
{
	struct nested *own = w->priv;

	if (own->model)
		hwqueue_stop(own->model);
	uvdk_hw_queue_destroy(own->queue[1]);
	uvdk_hw_queue_destroy(own->queue[0]);
	nest_close(&own->nest);
	free(own);
}

static const struct backend nest_vtd = {
	.name = "ioctl, VT-d",
	.caps = "ioctl",
	.open = open_vtd,
	.close = close_nested,
};

static const struct backend nest_smmu = {
	.name = "ioctl, SMMUv3",
	.caps = "ioctl",
	.asid_max = UINT16_MAX,
	.devtlb = true,
	.open = open_smmu,
	.close = close_nested,
};

static const struct backend nest_thread = {
	.name = "thread, SMMUv3",
	.caps = "thread",
	.asid_max = UINT16_MAX,
	.devtlb = true,
	.open = open_thread,
	.close = close_nested,
};

static const struct backend nest_hwqueue = {
	.name = "hwqueue, Tegra241",
	.caps = "hwqueue",
	.asid_max = UINT16_MAX,
	.devtlb = true,
	.open = open_hwqueue,
	.close = close_nested,
};

const struct backend *const backends[] = {&nest_vtd, &nest_smmu, &nest_thread, &nest_hwqueue};

unsigned int backend_count(void)
{
	return sizeof(backends) / sizeof(backends[0]);
}
