// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uvdk_explain_driver.h>
#include <uvdk_base_driver.h>

/* What sysfs tells of a function's I/O MMU. */

UVDK_EXPORT bool uvdk_explain_reserved(const char *sysfs_root, int group, uvdk_iova_t first,
				       uvdk_iova_t last, struct uvdk_iova_range *out)
{
	struct uvdk_iova_range range;
	bool found = false;
	char path[512];
	char line[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/kernel/iommu_groups/%d/reserved_regions",
		 sysfs_root ? sysfs_root : "/sys", group);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 " %" SCNx64, &range.first, &range.last) != 2)
			continue;
		/* "direct-relaxable" ranges matter to the kernel's own drivers only */
		found = range.first <= last && first <= range.last && !strstr(line, "relaxable");
	}
	fclose(f);

	if (found)
		*out = range;
	return found;
}

/* The iommu link ends in a name that the kernel driver chose: dmar0, ivhd0, smmu3.0x... */
UVDK_EXPORT const char *uvdk_explain_hardware(const char *sysfs_root, const char *name)
{
	static const char *const kinds[][2] = {
		{"dmar", "vt-d"}, {"ivhd", "amd-vi"}, {"smmu3", "smmuv3"}};
	char path[512];
	char target[512];
	const char *base;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/iommu",
		 sysfs_root ? sysfs_root : "/sys", name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return "unknown";

	target[len] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(base, kinds[i][0], strlen(kinds[i][0])))
			return kinds[i][1];
	/* Linux names a virtio-iommu after its PCI function: .../0000:00:05.0/virtio0/iommu/... */
	if (strstr(target, "/virtio"))
		return "virtio-iommu";
	return "unknown";
}
