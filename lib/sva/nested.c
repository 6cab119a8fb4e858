// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include <uvdk_device_driver.h>

#include "nested.h"

static int lacks(struct uvdk_device *dev, const char *what)
{
	return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT, "nested: %s: %s",
			 uvdk_device_get_info(dev)->name, what);
}

/* What firmware must promise for an SMMUv3 comes up when a vIOMMU is made. */
static int nested_probe(struct uvdk_device *dev, const struct uvdk_sva_opts *opts)
{
	const unsigned int any = UVDK_IOMMU_NEST_VTD | UVDK_IOMMU_NEST_SMMUV3;
	struct uvdk_iommu_info info;
	int err = uvdk_iommu_get_info(dev, &info);

	if (err)
		return err;
	if (!(info.features & any))
		return lacks(dev, "no nested translation: it takes iommufd with the device's "
				  "character device, and an SMMUv3 with both stages or VT-d with "
				  "ECAP.NEST");
	if (!info.pasid_bits && !(opts->flags & UVDK_SVA_RID))
		return lacks(dev, "it or its I/O MMU has no PASIDs: UVDK_SVA_RID does without");

	return 0;
}

static int nested_bind(struct uvdk_sva *sva)
{
	struct nested *n = calloc(1, sizeof(*n));
	int err;

	if (!n)
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "nested: no memory for a binding");
	sva->priv = n;
	nest_lock();
	err = nest_space_get(uvdk_device_iommu(sva->dev), &n->space);
	if (err)
		goto free;
	err = nest_unit_get(n->space, sva->dev, &n->unit);
	if (err)
		goto put_space;
	err = nest_stage1_attach(sva, n);
	if (err)
		goto put_unit;
	nest_unlock();

	return 0;
put_unit:
	nest_unit_put(n->unit);
put_space:
	nest_space_put(n->space);
free:
	nest_unlock();
	free(n);
	sva->priv = NULL;
	return err;
}

/* First the device, then what it could reach. */
static void nested_unbind(struct uvdk_sva *sva)
{
	struct nested *n = sva->priv;

	nest_lock();
	nest_stage1_detach(sva, n);
	nest_unpin(sva, n, 0, UINTPTR_MAX);
	nest_unit_put(n->unit);
	nest_space_put(n->space);
	nest_unlock();
	free(n);
	sva->priv = NULL;
}

/*
 * What was gathered is forgotten when this returns, or else nothing is left that
 * could be reached.
 */
static void settle(struct uvdk_sva *sva, struct nested *n, struct uvdk_pgtable_gather *gather)
{
	struct nest_space *space = n->space;

	if (gather->pending && nest_flush(sva, n, gather->first, gather->last, !gather->tables))
		nest_stage1_cut(sva, n);
	pthread_mutex_lock(&space->lock);
	uvdk_pgtable_quarantine(space->arena, gather, ++space->cookie);
	uvdk_pgtable_release(space->arena, space->cookie);
	pthread_mutex_unlock(&space->lock);
}

static void nested_forget(struct uvdk_sva *sva, uintptr_t addr, size_t len)
{
	struct uvdk_pgtable_gather gather = {0};
	struct nested *n = sva->priv;
	uintptr_t last = addr + (len - 1);
	int64_t ret;

	if (addr > n->last)
		return;
	if (last > n->last)
		last = n->last;
	ret = uvdk_pgtable_unmap(n->pt, addr, last - addr + 1, &gather);
	if (ret < 0 && ret != -ENOENT)
		nest_stage1_cut(sva, n);
	settle(sva, n, &gather);
	nest_unpin(sva, n, addr, last);
}

static int nested_share(struct uvdk_sva *sva, uintptr_t addr, size_t len, bool writable)
{
	const unsigned int prot =
		UVDK_PGTABLE_USER | UVDK_PGTABLE_READ | (writable ? UVDK_PGTABLE_WRITE : 0);
	struct nested *n = sva->priv;
	uintptr_t at = addr, last = addr + (len - 1), upto;
	uvdk_iova_t iova;
	int err;

	if (n->cut)
		return uvdk_fail(-ENODEV, SVA_COMPONENT,
				 "nested: the device was taken off: bind it again");
	if (last > n->last)
		return uvdk_fail(-ERANGE, SVA_COMPONENT,
				 "nested: 0x%" PRIxPTR "-0x%" PRIxPTR
				 ": the first stage ends at 0x%" PRIx64,
				 addr, last, n->last);
	for (;;) {
		err = nest_pin(sva, n, at, last, writable, &upto, &iova);
		if (!err)
			err = uvdk_pgtable_map(n->pt, at, iova, upto - at + 1, prot);
		if (err)
			break;
		if (upto == last)
			return 0;
		at = upto + 1;
	}
	nested_forget(sva, addr, len);

	return err;
}

static int nested_protect(struct uvdk_sva *sva, uintptr_t addr, size_t len)
{
	struct uvdk_pgtable_gather gather = {0};
	struct nested *n = sva->priv;
	int64_t ret = uvdk_pgtable_protect(n->pt, addr, len, UVDK_PGTABLE_USER | UVDK_PGTABLE_READ,
					   &gather);

	settle(sva, n, &gather);

	return ret < 0 && ret != -ENOENT ? (int)ret : 0;
}

const struct sva_ops sva_nested = {
	.name = "nested",
	.id = UVDK_SVA_NESTED,
	.probe = nested_probe,
	.bind = nested_bind,
	.unbind = nested_unbind,
	.share = nested_share,
	.forget = nested_forget,
	.protect = nested_protect,
};
