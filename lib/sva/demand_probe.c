// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uvdk_device.h>
#include <uvdk_pci.h>

#include "demand.h"

/* Whether device and I/O MMU can ask for pages, as far as that is told before it is tried. */
#define CONFIG_SIZE 4096
#define EXT_PRI	    0x0013 /* PCIe 10.5.2 */

static int read_config(void *priv, uint32_t off, void *buf, size_t len)
{
	const uint8_t *bytes = priv;

	if (off > CONFIG_SIZE || len > CONFIG_SIZE - off)
		return -EINVAL;
	memcpy(buf, bytes + off, len);

	return 0;
}

/*
 * vfio-pci hides the capability; sysfs shows it to who may read all of configuration
 * space. Who may not finds out when he binds, and so does who has another kind of bus.
 */
static bool lacks_pri(const char *name)
{
	uint8_t bytes[CONFIG_SIZE];
	const struct uvdk_pci_config config = {read_config, bytes, CONFIG_SIZE};
	char path[128];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, bytes, sizeof(bytes));
	close(fd);

	return len == CONFIG_SIZE && uvdk_pci_find_ext_cap(&config, EXT_PRI, 0) == -ENOENT;
}

/* An I/O MMU of a kind that is not known may do what it does not tell. */
static int check_iommu(const struct uvdk_iommu_info *info, unsigned int flags)
{
	if (!(info->features & UVDK_IOMMU_PAGE_REQUESTS) && strcmp(info->hardware, "unknown"))
		return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
				 "demand: %s (%s) forwards no page requests (PCIe PRI)",
				 info->hardware, info->driver);
	if (!(flags & UVDK_SVA_RID) && !info->pasid_bits)
		return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
				 "demand: device or %s has no PASIDs: UVDK_SVA_RID does without",
				 info->hardware);

	return 0;
}

int demand_probe(struct uvdk_device *dev, const struct uvdk_sva_opts *opts)
{
	const char *name = uvdk_device_get_info(dev)->name;
	struct uvdk_iommu_info info;
	int err = uvdk_iommu_get_info(dev, &info);

	if (!err)
		err = check_iommu(&info, opts->flags);
	if (err)
		return err;
	if (lacks_pri(name))
		return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
				 "demand: %s makes no page requests (it has no PRI capability)",
				 name);

	return demand_check_readahead(opts->readahead);
}
