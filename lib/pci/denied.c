// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <stdio.h>

#include "pci_priv.h"

#define PARAMETER "module/vfio_pci/parameters/disable_denylist"

/*
 * Devices that Linux's vfio-pci does not take, since an untrusted user could harm the machine
 * with them: accelerators of Intel's, QAT, DSA and IAX of the first generation.
 */
static const uint16_t denied[] = {
	0x0435, /* QAT DH895XCC */
	0x0443, /* its virtual function */
	0x0b25, /* DSA */
	0x0cfe, /* IAX */
	0x19e2, /* QAT C3XXX */
	0x19e3, /* its virtual function */
	0x37c8, /* QAT C62X */
	0x37c9, /* its virtual function */
};

bool uvdk_pci_is_denied(const char *sysfs_root, const struct uvdk_pci_function *fn)
{
	char path[PATH_MAX], value[8];

	if (fn->vendor != 0x8086)
		return false;
	snprintf(path, sizeof(path), "%s/" PARAMETER, uvdk_pci_root(sysfs_root));
	if (uvdk_pci_read_attr(AT_FDCWD, path, value, sizeof(value)) < 0 || value[0] != 'N')
		return false;
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++)
		if (fn->device == denied[i])
			return true;

	return false;
}
