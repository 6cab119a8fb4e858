// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_emu_driver.h>

#include "viommu_space.h"

/*
 * The iommu "virtio": functions in noiommu groups, behind virtio-iommus that this process drives
 * itself; and "virtio-emu", the same on an emulated machine.
 */

extern const struct uvdk_iommu_ops uvdk_iommu_virtio;
extern const struct uvdk_iommu_ops uvdk_iommu_virtio_emu;

static struct viommu *make(const struct uvdk_iommu_ops *ops, struct uvdk_emu *emu)
{
	struct viommu *viommu = calloc(1, sizeof(*viommu));

	if (!viommu) {
		uvdk_fail(-ENOMEM, VIOMMU, "no memory for an iommu");
		return NULL;
	}
	viommu->name = ops->name;
	viommu->emu = emu;
	viommu->phys.pagemap = -1;
	LIST_INIT(&viommu->units);
	LIST_INIT(&viommu->endpoints);
	pthread_mutex_init(&viommu->lock, NULL);

	return viommu;
}

static void viommu_close(void *priv)
{
	struct viommu *viommu = priv;
	struct viommu_unit *unit;

	while ((unit = LIST_FIRST(&viommu->units))) {
		LIST_REMOVE(unit, entry);
		viommu_unit_close(unit);
	}
	uvdk_ioas_destroy(viommu->memory);
	uvdk_iommu_close(viommu->inner);
	uvdk_pci_isolation_destroy(viommu->isolation);
	free(viommu->sysfs_root);
	uvdk_topology_free(viommu->topology);
	uvdk_phys_close(&viommu->phys);
	uvdk_emu_destroy(viommu->emu);
	pthread_mutex_destroy(&viommu->lock);
	free(viommu);
}

/* Without its warning: the virtio-iommus reach all memory, what is opened behind them does not. */
static int open_quietly(const char *name, const struct uvdk_iommu_opts *opts,
			struct uvdk_iommu **out)
{
	int err;

	uvdk_log_hush(true);
	err = uvdk_iommu_open(name, opts, out);
	uvdk_log_hush(false);
	if (err)
		uvdk_log(UVDK_LOG_ERR, VIOMMU, "%s", uvdk_last_error());

	return err;
}

static int open_inner(struct viommu *viommu, const struct uvdk_iommu_opts *opts)
{
	struct uvdk_iommu_opts inner = *opts;
	int err;

	inner.emu = viommu->emu;
	err = uvdk_phys_open(&viommu->phys, VIOMMU, viommu->emu != NULL);
	if (!err)
		err = open_quietly(viommu->emu ? "emu" : "noiommu", &inner, &viommu->inner);
	if (!err)
		err = uvdk_ioas_create(viommu->inner, NULL, &viommu->memory);

	return err;
}

/* ---- virtio ---- */

static int read_topology(struct viommu *viommu, const struct uvdk_iommu_opts *opts)
{
	struct uvdk_topology_opts topology_opts = {.size = sizeof(topology_opts),
						   .sysfs_root = opts->sysfs_root};

	viommu->sysfs_root = strdup(opts->sysfs_root);
	if (!viommu->sysfs_root)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for an iommu");

	return uvdk_topology_read(&topology_opts, &viommu->topology);
}

static int virtio_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	struct viommu *viommu = make(&uvdk_iommu_virtio, NULL);
	int err;

	if (!viommu)
		return -ENOMEM;
	err = read_topology(viommu, opts);
	if (!err)
		err = open_inner(viommu, opts);
	if (!err)
		err = viommu_open_units(viommu, opts);
	if (!err)
		err = viommu_sweep(viommu);
	if (err)
		viommu_close(viommu);
	else
		*priv = viommu;

	return err;
}

/* ---- virtio-emu ---- */

#define EMU_SPEC "emu:virtio_iommu"

/* Only for those who name it: an emulated function usually wants the machine's own I/O MMU. */
static int emu_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	(void)spec;
	(void)opts;

	return -1;
}

/* One after the other, as semicolons tell them apart. */
static int emu_open_units(struct viommu *viommu, const char *specs)
{
	char *copy = strdup(specs ? specs : EMU_SPEC);
	char *rest = copy, *spec;
	unsigned int index = 0;
	int err = copy ? 0 : uvdk_fail(-ENOMEM, VIOMMU, "no memory for an iommu");

	while (!err && rest && (spec = strsep(&rest, ";")))
		err = viommu_open_unit(viommu, spec, index++);
	free(copy);

	return err;
}

static int emu_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	struct uvdk_emu *emu = opts->emu;
	struct viommu *viommu;
	int err = 0;

	if (emu)
		uvdk_emu_get(emu);
	else
		err = uvdk_emu_create(NULL, &emu);
	if (err)
		return err;
	viommu = make(&uvdk_iommu_virtio_emu, emu);
	if (!viommu) {
		uvdk_emu_destroy(emu);
		return -ENOMEM;
	}
	err = open_inner(viommu, opts);
	if (!err)
		err = emu_open_units(viommu, opts->emu_iommus);
	if (err)
		viommu_close(viommu);
	else
		*priv = viommu;

	return err;
}

static struct uvdk_emu *emu_machine_of(void *priv)
{
	struct viommu *viommu = priv;

	return viommu->emu;
}

#define COMMON                                                                                    \
	.close = viommu_close, .bind = viommu_bind, .unbind = viommu_unbind, .info = viommu_info, \
	.ioas_create = viommu_ioas_create, .ioas_destroy = viommu_ioas_destroy,                   \
	.page_sizes = viommu_page_sizes, .ranges = viommu_ranges, .limits = viommu_limits,        \
	.map = viommu_ioas_map, .unmap = viommu_ioas_unmap, .attach = viommu_attach,              \
	.detach = viommu_detach, .faults = &viommu_fault_ops, .mapqs = &viommu_mapq_ops

const struct uvdk_iommu_ops uvdk_iommu_virtio = {
	.name = "virtio",
	.handle = UVDK_IOMMU_HANDLE_NOIOMMU_GROUP,
	.suits = viommu_suits,
	.open = virtio_open,
	COMMON,
};

const struct uvdk_iommu_ops uvdk_iommu_virtio_emu = {
	.name = "virtio-emu",
	.pins = UVDK_IOMMU_PINS_NEVER,
	.handle = UVDK_IOMMU_HANDLE_EMU,
	.suits = emu_suits,
	.open = emu_open,
	.machine = emu_machine_of,
	COMMON,
};
