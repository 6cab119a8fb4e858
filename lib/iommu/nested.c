// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "viommu_priv.h"

/* Of Tegra241 everything but the queues is as SMMUv3 has it. */
static enum uvdk_nest_type form_of(const struct uvdk_viommu *viommu)
{
	return viommu_is_smmuv3(viommu) ? UVDK_NEST_SMMUV3 : viommu->info.type;
}

static int check_opts(const struct uvdk_viommu *viommu, const struct uvdk_nested *nested)
{
	enum uvdk_nest_type form = form_of(viommu);

	if (nested->type != form && nested->type != UVDK_NEST_AUTO)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "a first stage in the form of %s on a vIOMMU of type %s: it needs "
				 "that of %s",
				 viommu_type_name(nested->type),
				 viommu_type_name(viommu->info.type), viommu_type_name(form));
	if (nested->flags & ~(unsigned int)UVDK_HWPT_PASID)
		return uvdk_fail(
			-EINVAL, IOAS_COMPONENT,
			"a nested table with flags 0x%x: UVDK_HWPT_PASID is the one it may "
			"have",
			nested->flags);
	if (nested->flags && form != UVDK_NEST_VTD && form != UVDK_NEST_SELFTEST)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "nested tables of %s are not attached by PASID: there, a PASID is "
				 "an entry of your own table below the RID's",
				 viommu_type_name(form));
	if (nested->faultq && nested->faultq->iommu != viommu_iommu(viommu))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "the fault queue belongs to another iommu than the vIOMMU");

	return 0;
}

/* Commands and events name the device by its ID. Without a first stage there are none. */
static bool needs_vdevice(const struct uvdk_viommu *viommu, const struct uvdk_nested *nested)
{
	if (viommu_is_smmuv3(viommu))
		return (nested->smmuv3.ste[0] & 0xf) == (1 | 5 << 1);

	return viommu->info.type == UVDK_NEST_SELFTEST;
}

/* Under iommu->lock and that of the ioas. */
static int create(struct uvdk_viommu *viommu, struct ioas_binding *binding,
		  const struct uvdk_nested *nested, struct uvdk_hwpt **out)
{
	struct uvdk_hwpt *parent = viommu->info.parent;
	struct uvdk_hwpt *hwpt;
	int err = nest_check(viommu, nested);

	if (err)
		return err;
	hwpt = calloc(1, sizeof(*hwpt));
	if (!hwpt)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for a page table");
	err = viommu_ops(viommu)->nested_create(viommu->priv, &binding->pub, nested,
						nested->faultq ? nested->faultq->priv : NULL,
						&hwpt->priv);
	if (err) {
		free(hwpt);
		return err;
	}

	hwpt->ioas = parent->ioas;
	hwpt->flags = nested->flags;
	hwpt->enforced = parent->enforced;
	hwpt->faultq = nested->faultq;
	if (hwpt->faultq)
		hwpt->faultq->tables++;
	hwpt->viommu = viommu;
	hwpt->needs_vdevice = needs_vdevice(viommu, nested);
	viommu->users++;
	LIST_INIT(&hwpt->tags);
	LIST_INSERT_HEAD(&parent->ioas->hwpts, hwpt, entry);
	*out = hwpt;

	return 0;
}

UVDK_EXPORT int uvdk_hwpt_create_nested(struct uvdk_viommu *viommu, struct uvdk_device *dev,
					const struct uvdk_nested *nested, struct uvdk_hwpt **out)
{
	struct uvdk_ioas *ioas = viommu->info.parent->ioas;
	struct uvdk_nested n = {.size = sizeof(n)};
	int err;

	if (!nested)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "a nested table needs a first stage");
	err = uvdk_opts_copy(&n, sizeof(n), nested, "uvdk_nested");
	if (!err)
		err = uvdk_ioas_check_own(ioas);
	if (!err)
		err = check_opts(viommu, &n);
	if (err)
		return err;

	pthread_mutex_lock(&ioas->iommu->lock);
	err = ioas_check_device(ioas, dev);
	if (!err) {
		uvdk_lock_acquire(&ioas->lock);
		err = create(viommu, ioas_binding_of(dev), &n, out);
		uvdk_lock_release(&ioas->lock);
	}
	ioas_unlock(ioas->iommu);

	return err;
}

int ioas_nested_check(const struct uvdk_hwpt *hwpt, const struct ioas_binding *binding)
{
	if (!hwpt->needs_vdevice || (binding->vdevice && binding->vdevice->viommu == hwpt->viommu))
		return 0;

	return uvdk_fail(-ENXIO, IOAS_COMPONENT,
			 "%s has no virtual ID on the vIOMMU of this nested table: "
			 "uvdk_vdevice_create() gives it one",
			 ioas_name_of(binding->pub.dev));
}

void ioas_nested_forget(struct uvdk_hwpt *hwpt)
{
	if (hwpt->viommu)
		hwpt->viommu->users--;
}
