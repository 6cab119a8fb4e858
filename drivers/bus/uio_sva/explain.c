// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "uio_sva_priv.h"

/* The driver turns every error into -EINVAL; what can be seen from here tells more. */

#define EXT_CAP_PASID 0x1b
/* VT-d, 11.4.2 and 11.4.3: capability and extended capability register. */
#define CAP_FS5LP  (UINT64_C(1) << 60)
#define ECAP_PASID (UINT64_C(1) << 40)
#define ECAP_SMPWC (UINT64_C(1) << 48)

static int say(const struct usva *v, const char *why)
{
	return uvdk_fail(-EOPNOTSUPP, USVA, "%s: the kernel can't join this process to it: %s",
			 v->name, why);
}

static bool read_hex(const struct usva *v, const char *file, uint64_t *value)
{
	char path[320];
	bool found;
	FILE *f;

	snprintf(path, sizeof(path), "%s/iommu/intel-iommu/%s", v->dir, file);
	f = fopen(path, "re");
	if (!f)
		return false;
	found = fscanf(f, "%" SCNx64, value) == 1;
	fclose(f);

	return found;
}

static bool cpu_has_la57(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char *line = NULL;
	bool found = false;
	size_t size = 0;

	if (!f)
		return false;
	while (!found && getline(&line, &size, f) > 0)
		found = !strncmp(line, "flags", 5) && strstr(line, " la57");
	free(line);
	fclose(f);

	return found;
}

static const char *intel_lacks(const struct usva *v)
{
	uint64_t cap, ecap;

	if (!read_hex(v, "cap", &cap) || !read_hex(v, "ecap", &ecap))
		return NULL;
	if (!(ecap & ECAP_PASID))
		return "the VT-d unit has no PASIDs (ECAP.PASID; intel_iommu=on,sm_on?)";
	if (cpu_has_la57() && !(cap & CAP_FS5LP))
		return "the CPU's page tables have five levels and the VT-d unit walks four "
		       "(kernel parameter no5lvl)";
	if (!(ecap & ECAP_SMPWC))
		return "the VT-d unit's walks are not coherent (ECAP.SMPWC), on which Linux "
		       "insists";

	return NULL;
}

int usva_explain(const struct usva *v, const struct uvdk_pci_config *config)
{
	const char *why = NULL;

	if (v->config_size < 4096 || uvdk_pci_find_ext_cap(config, EXT_CAP_PASID, 0) == -ENOENT)
		why = "it has no PASID capability";
	if (!why)
		why = intel_lacks(v);
	if (!why)
		why = "EINVAL, which is all that " USVA_DRIVER " says. Is the I/O MMU one for SVA, "
		      "alone in front of this function (CONFIG_IOMMU_SVA, scalable mode), with "
		      "walks as the CPU's: coherent, as many levels?";

	return say(v, why);
}
