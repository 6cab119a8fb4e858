// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "viommu_priv.h"

/* Static functions run under iommu->lock. */

const char *viommu_type_name(enum uvdk_nest_type type)
{
	static const char *const names[] = {"automatic", "VT-d",   "SMMUv3",
					    "Tegra241",	 "AMD-Vi", "selftest"};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "unknown";
}

/* What a device's I/O MMU is, and has; AMD is not chosen: nobody could invalidate. */
static int find_type(struct ioas_binding *binding, struct uvdk_viommu_info *out)
{
	struct uvdk_iommu_info info = {0};
	int err;

	err = binding->pub.iommu->ops->info(binding->pub.iommu->priv, &binding->pub, &info);
	if (err)
		return err;
	out->va_bits = info.va_bits;
	if (out->type != UVDK_NEST_AUTO)
		return 0;
	if (info.features & UVDK_IOMMU_NEST_SMMUV3)
		out->type = UVDK_NEST_SMMUV3;
	else if (info.features & UVDK_IOMMU_NEST_VTD)
		out->type = UVDK_NEST_VTD;
	else
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "the I/O MMU in front of %s has no nested tables that could be "
				 "used: VT-d needs scalable mode and ECAP.NEST, SMMUv3 both stages",
				 ioas_name_of(binding->pub.dev));

	return 0;
}

static int make(struct uvdk_viommu *viommu, struct uvdk_hwpt *parent, struct ioas_binding *binding,
		const struct uvdk_viommu_opts *opts)
{
	const struct uvdk_viommu_ops *ops = parent->ioas->ops->viommus;
	int err = ops->create(parent->priv, &binding->pub, opts, &viommu->info, &viommu->priv);

	if (err)
		return err;
	viommu->info.parent = parent;
	parent->viommus++;

	return 0;
}

static int make_on_given(struct uvdk_viommu *viommu, struct uvdk_ioas *ioas,
			 struct ioas_binding *binding, const struct uvdk_viommu_opts *opts)
{
	const struct uvdk_hwpt *parent = opts->parent;
	int err;

	if (parent->ioas != ioas || !(parent->flags & UVDK_HWPT_NEST_PARENT))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "a vIOMMU needs a parent made with UVDK_HWPT_NEST_PARENT in the "
				 "same address space: this one is %s",
				 parent->ioas != ioas ? "another's" : "made without");
	err = make(viommu, opts->parent, binding, opts);
	if (err == -EXDEV)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "the parent was made for another I/O MMU than that of %s: leave "
				 "it out, or make one for %s",
				 ioas_name_of(binding->pub.dev), ioas_name_of(binding->pub.dev));

	return err;
}

/* Which device is behind which I/O MMU nobody says: the kernel refuses those of another. */
static int make_on_own(struct uvdk_viommu *viommu, struct uvdk_ioas *ioas,
		       struct ioas_binding *binding, const struct uvdk_viommu_opts *opts)
{
	const struct uvdk_hwpt_opts parent_opts = {.flags = UVDK_HWPT_NEST_PARENT};
	struct uvdk_hwpt *parent;
	int err = -EXDEV;

	LIST_FOREACH(parent, &ioas->hwpts, entry)
	{
		if (parent->of_viommus && parent->enforced == ioas_enforces(binding))
			err = make(viommu, parent, binding, opts);
		if (err != -EXDEV)
			return err;
	}
	uvdk_lock_acquire(&ioas->lock);
	err = ioas_hwpt_new(ioas, binding, &parent_opts, &parent);
	uvdk_lock_release(&ioas->lock);
	if (err)
		return err;
	err = make(viommu, parent, binding, opts);
	if (err) {
		ioas_hwpt_end(parent);
		return err == -EXDEV ? uvdk_fail(-EINVAL, IOAS_COMPONENT,
						 "no vIOMMU in front of %s: it refuses the second "
						 "stage that was just made for it",
						 ioas_name_of(binding->pub.dev))
				     : err;
	}
	parent->of_viommus = true;

	return 0;
}

static int create(struct uvdk_ioas *ioas, struct uvdk_device *dev,
		  const struct uvdk_viommu_opts *opts, struct uvdk_viommu *viommu)
{
	struct ioas_binding *binding = ioas_binding_of(dev);
	int err = ioas_check_device(ioas, dev);

	if (err)
		return err;
	viommu->info.type = opts->type;
	err = find_type(binding, &viommu->info);
	if (err)
		return err;

	return opts->parent ? make_on_given(viommu, ioas, binding, opts)
			    : make_on_own(viommu, ioas, binding, opts);
}

UVDK_EXPORT int uvdk_viommu_create(struct uvdk_ioas *ioas, struct uvdk_device *dev,
				   const struct uvdk_viommu_opts *opts, struct uvdk_viommu **out)
{
	struct uvdk_viommu_opts o = {.size = sizeof(o)};
	struct uvdk_viommu *viommu;
	int err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_viommu_opts");

	if (!err)
		err = uvdk_ioas_check_own(ioas);
	if (err)
		return err;
	if (!ioas->ops->viommus)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "%s has no nested tables: iommufd has, over VT-d and SMMUv3",
				 ioas->ops->name);
	if (o.type > UVDK_NEST_SELFTEST)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "unknown type %d of vIOMMU", o.type);
	viommu = calloc(1, sizeof(*viommu));
	if (!viommu)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for a vIOMMU");

	LIST_INIT(&viommu->queues);
	LIST_INIT(&viommu->vdevices);
	pthread_mutex_lock(&ioas->iommu->lock);
	err = create(ioas, dev, &o, viommu);
	ioas_unlock(ioas->iommu);
	if (err)
		free(viommu);
	else
		*out = viommu;

	return err;
}

static void destroy(struct uvdk_viommu *viommu)
{
	struct uvdk_hwpt *parent = viommu->info.parent;

	viommu_ops(viommu)->destroy(viommu->priv);
	if (!--parent->viommus && parent->of_viommus)
		ioas_hwpt_end(parent);
	free(viommu);
}

UVDK_EXPORT void uvdk_viommu_destroy(struct uvdk_viommu *viommu)
{
	struct uvdk_iommu *iommu = viommu ? viommu_iommu(viommu) : NULL;

	if (!viommu || !viommu_is_ours(viommu))
		return;

	pthread_mutex_lock(&iommu->lock);
	if (viommu->users)
		uvdk_log(UVDK_LOG_ERR, IOAS_COMPONENT,
			 "a vIOMMU stays: %u nested tables, vDEVICEs or queues on it are left; "
			 "destroy them first",
			 viommu->users);
	else
		destroy(viommu);
	ioas_unlock(iommu);
}

UVDK_EXPORT const struct uvdk_viommu_info *uvdk_viommu_get_info(const struct uvdk_viommu *viommu)
{
	return &viommu->info;
}
