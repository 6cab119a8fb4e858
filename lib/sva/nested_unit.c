// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "nested.h"

/* What two vIOMMUs of one I/O MMU have in common is the second stage's table. */
static struct nest_unit *same_iommu(const struct nest_space *space, const struct uvdk_hwpt *parent)
{
	struct nest_unit *unit;

	LIST_FOREACH(unit, &space->units, entry)
	if (unit->info->parent == parent)
		break;

	return unit;
}

static int add_unit(struct nest_space *space, struct uvdk_viommu *viommu, struct nest_unit **out)
{
	struct nest_unit *unit = calloc(1, sizeof(*unit));

	if (!unit)
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "nested: no memory for an I/O MMU");
	unit->viommu = viommu;
	unit->info = uvdk_viommu_get_info(viommu);
	LIST_INSERT_HEAD(&space->units, unit, entry);
	*out = unit;

	return 0;
}

/* Nobody says which I/O MMU a device is behind, but a vIOMMU's parent does. */
int nest_unit_get(struct nest_space *space, struct uvdk_device *dev, struct nest_unit **out)
{
	struct uvdk_viommu *viommu;
	struct nest_unit *unit;
	int err = uvdk_viommu_create(space->ioas, dev, NULL, &viommu);

	if (err)
		return err;
	unit = same_iommu(space, uvdk_viommu_get_info(viommu)->parent);
	if (!unit)
		err = add_unit(space, viommu, &unit);
	if (err || unit->viommu != viommu)
		uvdk_viommu_destroy(viommu);
	if (err)
		return err;
	unit->refs++;
	*out = unit;

	return 0;
}

void nest_unit_put(struct nest_unit *unit)
{
	if (--unit->refs)
		return;
	LIST_REMOVE(unit, entry);
	uvdk_viommu_destroy(unit->viommu);
	free(unit);
}

/* ---- a device on an SMMUv3 ---- */

static int make_descriptors(struct nest_space *space, struct nest_seat *seat, unsigned int bits)
{
	struct uvdk_cdtable_opts opts = {
		.size = sizeof(opts),
		.ssid_bits = bits,
		.two_level = bits > UVDK_CDTABLE_BITS_PER_PAGE,
		.arena = space->arena,
	};
	size_t page = uvdk_ioas_page_size(space->ioas);
	uint64_t len = uvdk_cdtable_length(bits, opts.two_level);
	int err = nest_memory_get(space, len > page ? len : page, &seat->memory);

	if (err)
		return err;
	opts.va = seat->memory.va;
	opts.address = seat->memory.iova;
	err = uvdk_cdtable_create(&opts, &seat->cdt);
	if (err)
		nest_memory_put(space, &seat->memory);

	return err;
}

static int attach(struct nest_seat *seat)
{
	struct uvdk_nested nested = {.size = sizeof(nested), .type = UVDK_NEST_SMMUV3};
	int err;

	uvdk_cdtable_get_ste(seat->cdt, nested.smmuv3.ste);
	err = uvdk_hwpt_create_nested(seat->unit->viommu, seat->dev, &nested, &seat->hwpt);
	if (err)
		return err;
	err = uvdk_hwpt_attach(seat->hwpt, seat->dev, UVDK_PASID_RID);
	if (err)
		uvdk_hwpt_destroy(seat->hwpt);

	return err;
}

/* As many substreams as both the device and the SMMU have. */
static int ssid_bits(const struct nest_unit *unit, struct uvdk_device *dev, unsigned int *out)
{
	struct uvdk_iommu_info info;
	int err = uvdk_iommu_get_info(dev, &info);

	if (err)
		return err;
	*out = info.pasid_bits < unit->info->ssid_bits ? info.pasid_bits : unit->info->ssid_bits;
	if (*out > UVDK_CDTABLE_BITS_MAX)
		*out = UVDK_CDTABLE_BITS_MAX;

	return 0;
}

static uint32_t free_id(const struct nest_space *space)
{
	const struct nest_seat *seat;
	uint32_t id = 1;

again:
	LIST_FOREACH(seat, &space->seats, entry)
	if (seat->virt_id == id) {
		id++;
		goto again;
	}

	return id;
}

static int make_seat(struct nest_space *space, struct nest_seat *seat)
{
	unsigned int bits;
	int err = ssid_bits(seat->unit, seat->dev, &bits);

	if (err)
		return err;
	seat->virt_id = free_id(space);
	err = uvdk_vdevice_create(seat->unit->viommu, seat->dev, seat->virt_id, &seat->vdev);
	if (err)
		return err;
	err = make_descriptors(space, seat, bits);
	if (err)
		goto no_id;
	err = attach(seat);
	if (err)
		goto no_descriptors;

	return 0;
no_descriptors:
	uvdk_cdtable_destroy(seat->cdt);
	nest_memory_put(space, &seat->memory);
no_id:
	uvdk_vdevice_destroy(seat->vdev);
	return err;
}

int nest_seat_get(struct nest_space *space, struct nest_unit *unit, struct uvdk_device *dev,
		  struct nest_seat **out)
{
	struct nest_seat *seat;
	int err;

	LIST_FOREACH(seat, &space->seats, entry)
	if (seat->dev == dev)
		break;
	if (seat && seat->cut)
		return uvdk_fail(-EBUSY, SVA_COMPONENT,
				 "nested: the device was taken off when it could not be told what "
				 "to forget: unbind its other PASIDs first");
	if (!seat) {
		seat = calloc(1, sizeof(*seat));
		if (!seat)
			return uvdk_fail(-ENOMEM, SVA_COMPONENT, "nested: no memory for a device");
		seat->dev = dev;
		seat->unit = unit;
		err = make_seat(space, seat);
		if (err) {
			free(seat);
			return err;
		}
		LIST_INSERT_HEAD(&space->seats, seat, entry);
	}
	seat->refs++;
	*out = seat;

	return 0;
}

void nest_seat_put(struct nest_space *space, struct nest_seat *seat)
{
	if (--seat->refs)
		return;
	LIST_REMOVE(seat, entry);
	uvdk_hwpt_destroy(seat->hwpt);
	uvdk_vdevice_destroy(seat->vdev);
	uvdk_cdtable_destroy(seat->cdt);
	nest_memory_put(space, &seat->memory);
	free(seat);
}
