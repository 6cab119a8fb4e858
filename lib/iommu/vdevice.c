// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>

#include <uvdk_pci.h>

#include "viommu_priv.h"

#define PCI_EXT_ATS	0x000f /* PCIe 10.5.1 */
#define PCI_ATS_CONTROL 6u
#define PCI_ATS_ENABLE	0x8000u

static int compare(const void *a, const void *b)
{
	const struct uvdk_vdevice *x = a;
	const struct uvdk_vdevice *y = b;

	return x->virt_id < y->virt_id ? -1 : x->virt_id > y->virt_id;
}

bool viommu_has_id(const struct uvdk_viommu *viommu, uint64_t virt_id)
{
	const struct uvdk_vdevice key = {.virt_id = virt_id};

	return tfind(&key, &viommu->ids, compare);
}

/* Widths: SMMUv3 StreamID; a requester ID elsewhere; the mock takes what fits a long. */
static unsigned int id_bits(enum uvdk_nest_type type)
{
	switch (type) {
	case UVDK_NEST_SMMUV3:
	case UVDK_NEST_TEGRA241:
		return 32;
	case UVDK_NEST_SELFTEST:
		return 64;
	default:
		return 16;
	}
}

static int check(const struct uvdk_viommu *viommu, struct uvdk_device *dev, uint64_t virt_id)
{
	const struct ioas_binding *binding = ioas_binding_of(dev);
	unsigned int bits = id_bits(viommu->info.type);
	int err = ioas_check_device(viommu->info.parent->ioas, dev);

	if (err)
		return err;
	if (bits < 64 && virt_id >> bits)
		return uvdk_fail(-ERANGE, IOAS_COMPONENT,
				 "virtual ID 0x%" PRIx64 " for %s: %s has IDs of %u bits", virt_id,
				 ioas_name_of(dev), viommu_type_name(viommu->info.type), bits);
	if (binding->vdevice)
		return uvdk_fail(-EEXIST, IOAS_COMPONENT,
				 "%s has a virtual ID already (0x%" PRIx64
				 "): take that back first",
				 ioas_name_of(dev), binding->vdevice->virt_id);
	if (viommu_has_id(viommu, virt_id))
		return uvdk_fail(-EEXIST, IOAS_COMPONENT,
				 "virtual ID 0x%" PRIx64 " is another device's: choose one for %s "
				 "that is free",
				 virt_id, ioas_name_of(dev));

	return 0;
}

/* No reader of @ids finds it before the kernel knows it. */
static int add(struct uvdk_vdevice *vdev)
{
	struct uvdk_viommu *viommu = vdev->viommu;
	const struct uvdk_viommu_ops *ops = viommu_ops(viommu);
	void *node;
	int err =
		ops->vdevice_create(viommu->priv, &vdev->binding->pub, vdev->virt_id, &vdev->priv);

	if (err)
		return err;
	uvdk_lock_acquire(&viommu->lock);
	node = tsearch(vdev, &viommu->ids, compare);
	if (node)
		LIST_INSERT_HEAD(&viommu->vdevices, vdev, entry);
	uvdk_lock_release(&viommu->lock);
	if (!node) {
		ops->vdevice_destroy(vdev->priv);
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for a virtual ID");
	}
	vdev->binding->vdevice = vdev;
	viommu->users++;
	ioas_vdevice_refresh(vdev->binding);

	return 0;
}

UVDK_EXPORT int uvdk_vdevice_create(struct uvdk_viommu *viommu, struct uvdk_device *dev,
				    uint64_t virt_id, struct uvdk_vdevice **out)
{
	struct uvdk_iommu *iommu = viommu_iommu(viommu);
	int err = uvdk_ioas_check_own(viommu->info.parent->ioas);
	struct uvdk_vdevice *vdev;

	if (err)
		return err;
	vdev = calloc(1, sizeof(*vdev));
	if (!vdev)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for a virtual ID");

	pthread_mutex_lock(&iommu->lock);
	err = check(viommu, dev, virt_id);
	if (!err) {
		*vdev = (struct uvdk_vdevice){
			.viommu = viommu, .virt_id = virt_id, .binding = ioas_binding_of(dev)};
		err = add(vdev);
	}
	ioas_unlock(iommu);
	if (err)
		free(vdev);
	else
		*out = vdev;

	return err;
}

/* Whether ATS is switched on is the kernel's choice, at each attach (PCIe 10.5.1.3). */
static bool has_ats(struct uvdk_device *dev)
{
	struct uvdk_le16 control;
	int at = uvdk_pci_find_ext_cap(uvdk_device_pci_config(dev), PCI_EXT_ATS, 0);

	return at > 0 &&
	       !uvdk_device_config_read(dev, (uint32_t)at + PCI_ATS_CONTROL, &control,
					sizeof(control)) &&
	       uvdk_get16(control) & PCI_ATS_ENABLE;
}

/* Under iommu->lock, as what follows. */
void ioas_vdevice_refresh(struct ioas_binding *binding)
{
	struct uvdk_vdevice *vdev = binding->vdevice;
	const struct ioas_tag *tag = vdev ? ioas_tag_find(binding, UVDK_PASID_RID) : NULL;
	bool caches = tag && tag->hwpt->viommu == vdev->viommu && vdev->viommu->info.ats &&
		      has_ats(binding->pub.dev);

	if (!vdev || vdev->caches == caches)
		return;
	uvdk_lock_acquire(&vdev->viommu->lock);
	vdev->caches = caches;
	__atomic_add_fetch(&vdev->viommu->generation, 1, __ATOMIC_RELEASE);
	uvdk_lock_release(&vdev->viommu->lock);
	viommu_ids_changed(vdev->viommu);
}

static void detach_nested(const struct uvdk_vdevice *vdev)
{
	struct ioas_binding *binding = vdev->binding;
	struct ioas_tag *tag, *next;

	for (tag = LIST_FIRST(&binding->pasids); tag; tag = next) {
		next = LIST_NEXT(tag, sibling);
		if (tag->hwpt->viommu == vdev->viommu)
			ioas_tag_detach(tag);
	}
	tag = ioas_tag_find(binding, UVDK_PASID_RID);
	if (tag && tag->hwpt->viommu == vdev->viommu)
		ioas_tag_detach(tag);
}

void ioas_vdevice_end(struct ioas_binding *binding)
{
	struct uvdk_vdevice *vdev = binding->vdevice;
	struct uvdk_viommu *viommu = vdev ? vdev->viommu : NULL;

	if (!vdev)
		return;

	detach_nested(vdev);
	uvdk_lock_acquire(&viommu->lock);
	tdelete(vdev, &viommu->ids, compare);
	LIST_REMOVE(vdev, entry);
	__atomic_add_fetch(&viommu->generation, 1, __ATOMIC_RELEASE);
	uvdk_lock_release(&viommu->lock);
	viommu_ops(viommu)->vdevice_destroy(vdev->priv);
	binding->vdevice = NULL;
	vdev->binding = NULL;
}

UVDK_EXPORT void uvdk_vdevice_destroy(struct uvdk_vdevice *vdev)
{
	struct uvdk_iommu *iommu = vdev ? viommu_iommu(vdev->viommu) : NULL;

	if (!vdev || !viommu_is_ours(vdev->viommu))
		return;

	pthread_mutex_lock(&iommu->lock);
	if (vdev->binding)
		ioas_vdevice_end(vdev->binding);
	vdev->viommu->users--;
	ioas_unlock(iommu);
	free(vdev);
}
