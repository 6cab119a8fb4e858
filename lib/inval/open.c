// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include <uvdk_viommu.h>

#include "open.h"

/* Of a virtual interface of Tegra241's CMDQV: page 0 has the queues' registers one after another.
 */
#define VCMDQ_STRIDE 0x80u

static struct open_queue *open_queue_of(struct uvdk_nest_hold *hold)
{
	return (struct open_queue *)hold;
}

/* From lib/iommu, with its locks. */
static void on_gone(struct uvdk_nest_hold *hold)
{
	struct open_queue *own = open_queue_of(hold);

	uvdk_log(UVDK_LOG_ERR, INVAL_COMPONENT,
		 "what a queue of invalidations is for goes away: it ends with -ENODEV. Destroy "
		 "queues before their table is detached, and before devices with ATS join or leave "
		 "a vIOMMU whose commands the hardware reads");
	uvdk_lock_acquire(&own->lock);
	own->gone = true;
	if (own->q)
		uvdk_inval_gone(own->q);
	uvdk_lock_release(&own->lock);
}

/* From uvdk_invalq_destroy(): nothing is under way any more. */
static void on_ended(void *priv)
{
	struct open_queue *own = priv;

	uvdk_nest_hold_drop(&own->hold);
	open_smmu_fini(&own->smmu);
	free(own);
}

static bool is_smmu(const struct open_queue *own)
{
	const enum uvdk_nest_type type = own->hold.info->type;

	return type == UVDK_NEST_SMMUV3 || type == UVDK_NEST_TEGRA241;
}

static int submit_table(struct open_queue *own, const void *entries, unsigned int len,
			unsigned int *count)
{
	struct uvdk_inval_result result = {0};
	int err = uvdk_hwpt_invalidate(own->hold.hwpt, entries, len, *count, &result);

	*count = result.done;

	return err;
}

static int submit(void *priv, const void *entries, unsigned int len, unsigned int *count)
{
	struct open_queue *own = priv;
	int err;

	uvdk_lock_acquire(&own->lock);
	if (own->gone || uvdk_device_gone(own->hold.dev)) {
		*count = 0;
		err = -ENODEV;
	} else if (is_smmu(own)) {
		err = open_smmu_submit(own, entries, count);
	} else {
		err = submit_table(own, entries, len, count);
	}
	uvdk_lock_release(&own->lock);

	return err;
}

/* Without devices' TLBs there is one call a kick. */
static struct uvdk_inval_smmu smmu_of(const struct uvdk_viommu_info *info)
{
	static const uint32_t placeholder;

	return (struct uvdk_inval_smmu){.sids = &placeholder,
					.sid_count = info->ats,
					.range = info->range_inval,
					.asid_bits = info->asid_bits};
}

static int open_kernel(struct open_queue *own, const struct uvdk_invalq_opts *opts,
		       struct uvdk_invalq **out)
{
	const struct uvdk_viommu_info *info = own->hold.info;
	struct uvdk_inval_submit how = {
		.submit = submit,
		.priv = own,
		.thread = opts->thread,
		.batch = UVDK_INVAL_BATCH / 4,
	};
	int err = 0;

	switch (info->type) {
	case UVDK_NEST_VTD:
		how.format = UVDK_INVAL_FORMAT_VTD;
		break;
	case UVDK_NEST_SELFTEST:
		how.format = UVDK_INVAL_FORMAT_SELFTEST;
		break;
	case UVDK_NEST_SMMUV3:
	case UVDK_NEST_TEGRA241:
		how.format = UVDK_INVAL_FORMAT_SMMUV3;
		how.smmu = smmu_of(info);
		err = open_smmu_init(&own->smmu, &own->hold);
		break;
	default:
		err = uvdk_fail(-EOPNOTSUPP, INVAL_COMPONENT,
				"no queue of invalidations: the kernel has none for this I/O MMU "
				"(AMD-Vi) yet; detaching a table makes it forgotten");
	}

	return err ? err : uvdk_invalq_create_submit(&how, opts, out);
}

/* log2 of the commands in @len bytes, a power of two. */
static unsigned int log2_commands(size_t len)
{
	return (unsigned int)__builtin_ctzll(len / sizeof(struct inval_cmd));
}

static int open_hardware(struct open_queue *own, const struct uvdk_invalq_opts *opts,
			 struct uvdk_invalq **out)
{
	const struct uvdk_viommu_info *info = own->hold.info;
	uint32_t sids[INVAL_SIDS];
	int index = uvdk_nest_hold_queue(&own->hold, opts->hw_queue, opts->ring, opts->ring_len);
	unsigned int n;

	if (index < 0)
		return index;
	if (!info->page || info->page_len / VCMDQ_STRIDE <= (unsigned int)index)
		return uvdk_fail(-EOPNOTSUPP, INVAL_COMPONENT,
				 "registers of hardware queue %d are not within the 0x%zx bytes "
				 "that this process has",
				 index, info->page ? info->page_len : 0);
	n = uvdk_nest_hold_fix(&own->hold, sids, INVAL_SIDS);
	if (n > INVAL_SIDS)
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "%u devices of the vIOMMU cache translations: a queue can tell %u",
				 n, INVAL_SIDS);

	return uvdk_invalq_create_hwqueue(
		&(struct uvdk_inval_hwqueue){.ring = opts->ring,
					     .log2size = log2_commands(opts->ring_len),
					     .page0 = (volatile char *)info->page +
						      (unsigned int)index * VCMDQ_STRIDE,
					     .smmu = {.sids = sids,
						      .sid_count = n,
						      .range = info->range_inval,
						      .asid_bits = info->asid_bits}},
		opts, out);
}

static int check_opts(const struct open_queue *own, const struct uvdk_invalq_opts *opts)
{
	const enum uvdk_nest_type type = own->hold.info->type;
	const size_t len = opts->ring_len;
	bool queue = opts->hw_queue;

	if (queue != (opts->ring != NULL) || queue != (len != 0) || len & (len - 1))
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "a hardware queue and its memory in this process, a power of two "
				 "of bytes, go together: hw_queue is %p, ring %p with %zu bytes",
				 (void *)opts->hw_queue, opts->ring, len);
	if (queue && opts->thread)
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "a hardware queue makes no system calls that a thread could make");
	if (queue && type != UVDK_NEST_TEGRA241 && type != UVDK_NEST_SELFTEST)
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "a hardware queue for a vIOMMU that has none: Tegra241 has");

	return 0;
}

/* The driver's own, the hardware's, or the kernel's. */
static int make(struct open_queue *own, const struct uvdk_invalq_opts *opts,
		struct uvdk_invalq **out)
{
	int err = check_opts(own, opts);

	if (err)
		return err;
	if (opts->hw_queue)
		return open_hardware(own, opts, out);
	err = uvdk_nest_invalq_create(&own->hold, opts, out);

	return err == -ENOSYS ? open_kernel(own, opts, out) : err;
}

/* It may have gone while the queue was made: nobody has told that then. */
static void connect(struct open_queue *own, struct uvdk_invalq *q)
{
	struct inval_queue *queue = inval_queue_of(q);

	queue->ended = on_ended;
	queue->ended_priv = own;
	uvdk_lock_acquire(&own->lock);
	own->q = q;
	if (own->gone)
		uvdk_inval_gone(q);
	uvdk_lock_release(&own->lock);
}

UVDK_EXPORT int uvdk_invalq_open(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid,
				 const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out)
{
	struct uvdk_invalq_opts o = {.size = sizeof(o)};
	int err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_invalq_opts");
	struct uvdk_invalq *q = NULL;
	struct open_queue *own = err ? NULL : calloc(1, sizeof(*own));

	if (err)
		return err;
	if (!own)
		return uvdk_fail(-ENOMEM, INVAL_COMPONENT, "no memory for a queue");
	own->hold.gone = on_gone;
	err = uvdk_nest_hold_take(hwpt, dev, pasid, &own->hold);
	if (err)
		goto free_own;
	err = make(own, &o, &q);
	if (err)
		goto drop;
	connect(own, q);
	*out = q;

	return 0;

drop:
	uvdk_nest_hold_drop(&own->hold);
	open_smmu_fini(&own->smmu);
free_own:
	free(own);

	return err;
}
