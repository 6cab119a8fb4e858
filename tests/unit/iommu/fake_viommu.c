// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "fake_viommu.h"

struct fake_viommu fake_viommu;

static int fails(enum fake_viommu_call call)
{
	struct fake_failure *f = &fake_viommu.fail[call];

	return f->at && --f->at == 0 ? f->err : 0;
}

/* What a call makes; it holds what it was made on. */
static int make(enum fake_viommu_call call, void *on, void **out)
{
	int err = fails(call);
	void **object = err ? NULL : malloc(sizeof(*object));

	if (err)
		return err;
	*object = on;
	*out = object;
	fake_viommu.objects++;
	return 0;
}

static void unmake(void *object)
{
	fake_viommu.objects--;
	free(object);
}

static int viommu_create(void *parent_priv, struct uvdk_iommu_binding *binding,
			 const struct uvdk_viommu_opts *opts, struct uvdk_viommu_info *info,
			 void **viommu_priv)
{
	const struct fake_hwpt *parent = parent_priv;

	(void)opts;
	if ((parent->kind ^ binding->id) & FAKE_ODD)
		return -EXDEV;
	info->asid_bits = fake_viommu.asid_bits;
	info->ssid_bits = fake_viommu.ssid_bits;
	info->range_inval = fake_viommu.range_inval;
	info->ats = fake_viommu.ats;
	info->page = fake_viommu.page;
	info->page_len = fake_viommu.page_len;
	return make(FAKE_VIOMMU_CREATE, parent_priv, viommu_priv);
}

static int vdevice_create(void *viommu_priv, struct uvdk_iommu_binding *binding, uint64_t virt_id,
			  void **vdevice_priv)
{
	(void)binding;
	fake_viommu.last_id = virt_id;
	return make(FAKE_VDEVICE_CREATE, viommu_priv, vdevice_priv);
}

/* A table as fake.c has them, of the parent's space. */
static int nested_create(void *viommu_priv, struct uvdk_iommu_binding *binding,
			 const struct uvdk_nested *nested, void *faultq_priv, void **hwpt_priv)
{
	const struct fake_hwpt *parent = *(void **)viommu_priv;
	struct fake_hwpt *hwpt;
	int err = fails(FAKE_NESTED_CREATE);

	(void)faultq_priv;
	if (err)
		return err;
	hwpt = malloc(sizeof(*hwpt));
	*hwpt = (struct fake_hwpt){parent->space, nested->flags, binding->id};
	fake.hwpts++;
	fake_viommu.nested = *nested;
	*hwpt_priv = hwpt;
	return 0;
}

static int invalidate(void *priv, const struct uvdk_inval_batch *batch,
		      struct uvdk_inval_result *out)
{
	unsigned int at = fake_viommu.refuse - fake_viommu.entries - 1;

	(void)priv;
	fake_viommu.batches++;
	if (fake_viommu.on_invalidate)
		return fake_viommu.on_invalidate(batch, out);
	if (fake_viommu.refuse && at < batch->count) {
		fake_viommu.entries += at;
		*out = (struct uvdk_inval_result){at, at};
		return -EIO;
	}
	fake_viommu.entries += batch->count;
	*out = (struct uvdk_inval_result){batch->count, batch->count};
	return 0;
}

static int invalq_create(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
			 const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out)
{
	return fake_viommu.invalq_create
		       ? fake_viommu.invalq_create(hwpt_priv, binding, pasid, opts, out)
		       : -ENOSYS;
}

/* Two words: on what, and its number. */
static int hw_queue_create(void *viommu_priv, unsigned int index, uvdk_iova_t iova, size_t len,
			   void **queue_priv)
{
	int err = fails(FAKE_HW_QUEUE_CREATE);
	unsigned int *queue;

	(void)viommu_priv;
	(void)iova;
	(void)len;
	if (err)
		return err;
	queue = malloc(sizeof(*queue));
	*queue = index;
	fake_viommu.wrong_orders += index != fake_viommu.next_queue++;
	fake_viommu.objects++;
	*queue_priv = queue;
	return 0;
}

static void hw_queue_destroy(void *queue_priv)
{
	const unsigned int *index = queue_priv;

	fake_viommu.wrong_orders += *index != --fake_viommu.next_queue;
	unmake(queue_priv);
}

static int veventq_create(void *viommu_priv, enum uvdk_veventq_type type, unsigned int depth,
			  void **queue_priv)
{
	(void)type;
	(void)depth;
	return make(FAKE_VEVENTQ_CREATE, viommu_priv, queue_priv);
}

static int veventq_fd(void *queue_priv)
{
	(void)queue_priv;
	return 77;
}

static int veventq_read(void *queue_priv, struct uvdk_vevent_record *out, unsigned int max)
{
	unsigned int n = fake_viommu.nr_records < max ? fake_viommu.nr_records : max;
	int err = fails(FAKE_VEVENTQ_READ);

	(void)queue_priv;
	if (err)
		return err;
	memcpy(out, fake_viommu.records, n * sizeof(*out));
	fake_viommu.nr_records = 0;
	return (int)n;
}

const struct uvdk_viommu_ops fake_viommu_ops = {
	.create = viommu_create,
	.destroy = unmake,
	.vdevice_create = vdevice_create,
	.vdevice_destroy = unmake,
	.nested_create = nested_create,
	.hwpt_invalidate = invalidate,
	.invalidate = invalidate,
	.invalq_create = invalq_create,
	.hw_queue_create = hw_queue_create,
	.hw_queue_destroy = hw_queue_destroy,
	.veventq_create = veventq_create,
	.veventq_destroy = unmake,
	.veventq_fd = veventq_fd,
	.veventq_read = veventq_read,
};
