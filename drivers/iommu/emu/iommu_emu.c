// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "iommu_emu_events.h"
#include "iommu_emu_space.h"

/*
 * The I/O MMUs of an emulated machine, driven as a kernel drives real ones: by
 * registers, tables in memory and queued invalidation. This driver's private
 * data is the machine itself (struct uvdk_emu *): the "emu" bus plugs functions
 * into it. What iommus on one machine share is in struct emu_machine.
 */

extern const struct uvdk_iommu_ops uvdk_iommu_emu;

static int emu_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	(void)opts;
	if (!strncmp(spec, "emu:", 4))
		return 100;
	uvdk_log(UVDK_LOG_INFO, EMU_COMPONENT, "\"%s\" is not an emulated device", spec);

	return 0;
}

static int emu_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	struct uvdk_emu *emu = opts ? opts->emu : NULL;
	int ret = 0;

	if (emu)
		uvdk_emu_get(emu);
	else
		ret = uvdk_emu_create(NULL, &emu);
	if (ret)
		return ret;
	if (!emu_machine_get(emu)) {
		uvdk_emu_destroy(emu);
		return -ENOMEM;
	}
	*priv = emu;

	return 0;
}

static void emu_close(void *priv)
{
	uvdk_emu_destroy(priv);
}

static int check_unit(const struct emu_machine *machine, const struct uvdk_iommu_bind_args *args)
{
	unsigned int unit = uvdk_emu_fn_iommu(args->emu);

	if (unit < machine->count)
		return 0;

	return uvdk_fail(-EINVAL, EMU_COMPONENT, "%s is behind I/O MMU %u, and there are %u",
			 args->name, unit, machine->count);
}

static int emu_bind(void *priv, const struct uvdk_iommu_bind_args *args,
		    struct uvdk_iommu_binding *binding)
{
	struct emu_machine *machine = emu_machine_get(priv);
	struct emu_device *dev;
	int err;

	if (!machine)
		return -ENOMEM;
	if (!args->emu || uvdk_emu_fn_emu(args->emu) != priv)
		return uvdk_fail(-EINVAL, EMU_COMPONENT, "%s is not on this emulated machine",
				 args->name);
	err = check_unit(machine, args);
	if (!err)
		err = emu_unit_start(&machine->units[uvdk_emu_fn_iommu(args->emu)]);
	if (err)
		return err;
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for %s", args->name);

	*dev = (struct emu_device){.unit = &machine->units[uvdk_emu_fn_iommu(args->emu)],
				   .fn = args->emu,
				   .slot = uvdk_emu_fn_slot(args->emu) % EMU_SLOTS};
	dev->sid = (uint16_t)(dev->slot << 3);
	emu_caps_read(dev);
	binding->fd = -1;
	binding->id = dev->slot;
	binding->priv = dev;

	return 0;
}

/* The library has detached all of it. */
static void emu_unbind(void *priv, struct uvdk_iommu_binding *binding)
{
	(void)priv;
	emu_events_forget(binding->priv);
	free(binding->priv);
	binding->priv = NULL;
}

static struct uvdk_emu *emu_machine_of(void *priv)
{
	return priv;
}

const struct uvdk_iommu_ops uvdk_iommu_emu = {
	.name = "emu",
	.pins = UVDK_IOMMU_PINS_NEVER,
	.handle = UVDK_IOMMU_HANDLE_EMU,
	.picks_iova = false,
	.suits = emu_suits,
	.open = emu_open,
	.close = emu_close,
	.bind = emu_bind,
	.unbind = emu_unbind,
	.info = emu_info,
	.ioas_create = emu_ioas_create,
	.ioas_destroy = emu_ioas_destroy,
	.page_sizes = emu_page_sizes,
	.ranges = emu_ranges,
	.limits = emu_limits,
	.map = emu_map,
	.unmap = emu_unmap,
	.copy = emu_copy,
	.attach = emu_attach,
	.detach = emu_detach,
	.hwpt_create = emu_hwpt_create,
	.hwpt_destroy = emu_hwpt_destroy,
	.hwpt_attach = emu_hwpt_attach,
	.rid_restore = emu_rid_restore,
	.pasid_detach = emu_pasid_detach,
	.dirty_set = emu_hwpt_dirty_set,
	.dirty_read = emu_hwpt_dirty_read,
	.faults = &emu_fault_ops,
	.hwpt_create_faulting = emu_hwpt_create_faulting,
	.viommus = &emu_viommu_ops,
	.machine = emu_machine_of,
};
