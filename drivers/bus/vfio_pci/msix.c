// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <unistd.h>

#include "vfio_pci_priv.h"

/* PCI Local Bus 3.0, 6.8.2: MSI-X capability */
#define CAP_MSIX	0x11
#define MSIX_CONTROL	2 /* bits 10..0: table size - 1 */
#define MSIX_TABLE	4 /* bits 2..0: BAR; the rest: offset */
#define MSIX_ENTRY_SIZE 16

static int read_config(void *priv, uint32_t off, void *buf, size_t len)
{
	const struct vpci *v = priv;

	return pread(v->fd, buf, len, (off_t)(v->config_off + off)) == (ssize_t)len ? 0 : -EIO;
}

bool vpci_msix_table(struct vpci *v, unsigned int *bar, uint64_t *off, uint64_t *len)
{
	struct uvdk_pci_config config = {read_config, v, v->config_size};
	int cap = uvdk_pci_find_cap(&config, CAP_MSIX, 0);
	struct uvdk_le16 control;
	struct uvdk_le32 table;

	if (cap < 0 || read_config(v, (uint32_t)cap + MSIX_CONTROL, &control, sizeof(control)) ||
	    read_config(v, (uint32_t)cap + MSIX_TABLE, &table, sizeof(table)))
		return false;

	*bar = uvdk_get32(table) & 7;
	*off = uvdk_get32(table) & ~UINT32_C(7);
	*len = ((uvdk_get16(control) & 0x7ffu) + 1) * (uint64_t)MSIX_ENTRY_SIZE;
	return true;
}
