// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_base_driver.h>
#include <uvdk_explain_driver.h>
#include <uvdk_iommu_driver.h>

/*
 * The I/O MMU is the kernel's, and so is every table: there are no address
 * spaces to map in, only processes to join (uvdk_sva.h). What is left to do here
 * is to look that it does translate.
 */

#define KERN	      "iommu.kernel"
#define EXT_CAP_PASID 0x1b

extern const struct uvdk_iommu_ops uvdk_iommu_kernel;

struct kern {
	char sysfs[192];
};

static const char *sysfs_of(const char *given)
{
	return given ? given : "/sys";
}

/* Below vfio's: a function is bound to one or the other. */
static int kern_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	struct uvdk_pci_function fn;
	struct uvdk_pci_addr addr;

	if (!strncmp(spec, "emu:", 4) || uvdk_pci_addr_parse(spec, &addr) ||
	    uvdk_pci_identify(opts->sysfs_root, &addr, &fn))
		return 0;
	if (strcmp(fn.driver, "uio_pci_sva") != 0) {
		uvdk_log(UVDK_LOG_INFO, KERN, "%s is not bound to uio_pci_sva", spec);
		return 0;
	}

	return 10;
}

static int kern_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	struct kern *kern = calloc(1, sizeof(*kern));

	if (!kern)
		return uvdk_fail(-ENOMEM, KERN, "no memory for an iommu");
	snprintf(kern->sysfs, sizeof(kern->sysfs), "%s", sysfs_of(opts->sysfs_root));
	*priv = kern;

	return 0;
}

static void kern_close(void *priv)
{
	free(priv);
}

/* Accesses without a PASID meet the group's default domain. */
static int check_translated(const char *sysfs, const struct uvdk_iommu_bind_args *args)
{
	char type[32] = "";
	char path[300];
	FILE *f;

	if (args->group < 0)
		return uvdk_fail(-EOPNOTSUPP, KERN,
				 "no I/O MMU translates for %s: turn it on (firmware, "
				 "intel_iommu=on,sm_on)",
				 args->name);
	snprintf(path, sizeof(path), "%.200s/kernel/iommu_groups/%d/type", sysfs, args->group);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%31s", type) != 1)
		*type = '\0';
	if (f)
		fclose(f);
	if (!strncmp(type, "DMA", 3))
		return 0;

	return uvdk_fail(
		-EOPNOTSUPP, KERN,
		"%s would reach all memory by accesses without a PASID: %s is '%s'; unbind "
		"the function, write 'DMA' there, and bind it again",
		args->name, path, type);
}

static int kern_bind(void *priv, const struct uvdk_iommu_bind_args *args,
		     struct uvdk_iommu_binding *binding)
{
	const struct uvdk_device_opts *opts = uvdk_device_opening(args->dev);
	const struct kern *kern = priv;
	int ret;

	ret = check_translated(opts && opts->sysfs_root ? opts->sysfs_root : kern->sysfs, args);
	if (!ret)
		binding->id = (uint32_t)args->group;

	return ret;
}

static void kern_unbind(void *priv, struct uvdk_iommu_binding *binding)
{
	(void)priv;
	(void)binding;
}

/* Of the function; the I/O MMU may take fewer, but that is the kernel's business. */
static unsigned int pasid_bits(struct uvdk_device *dev)
{
	const struct uvdk_pci_config *config = uvdk_device_pci_config(dev);
	int at = uvdk_pci_find_ext_cap(config, EXT_CAP_PASID, 0);
	uint8_t width;

	if (at < 0 || config->read(config->priv, (uint32_t)at + 5, &width, 1))
		return 0;

	return width & 0x1f;
}

static int kern_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out)
{
	const struct kern *kern = priv;

	*out = (struct uvdk_iommu_info){
		.driver = "kernel",
		.hardware = uvdk_explain_hardware(kern->sysfs,
						  uvdk_device_get_info(binding->dev)->name),
		.coherent = true,
		.pasid_bits = pasid_bits(binding->dev),
	};

	return 0;
}

static int kern_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv)
{
	(void)priv;
	(void)ioas;
	(void)ioas_priv;
	return uvdk_fail(-EOPNOTSUPP, KERN,
			 "iommu 'kernel' has no address spaces to map in: join the process to the "
			 "device (uvdk_sva_bind()), or bind it to vfio-pci and use iommu "
			 "'iommufd'");
}

const struct uvdk_iommu_ops uvdk_iommu_kernel = {
	.name = "kernel",
	.handle = UVDK_IOMMU_HANDLE_KERNEL,
	.suits = kern_suits,
	.open = kern_open,
	.close = kern_close,
	.bind = kern_bind,
	.unbind = kern_unbind,
	.info = kern_info,
	.ioas_create = kern_ioas_create,
};
