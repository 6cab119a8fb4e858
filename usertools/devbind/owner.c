// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devbind.h"

static bool parse_number(const char *text, unsigned int *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || value >= UINT_MAX)
		return false;
	*out = (unsigned int)value;

	return true;
}

bool parse_user(const char *text, uid_t *uid)
{
	struct passwd *entry;

	if (parse_number(text, uid))
		return true;

	entry = getpwnam(text);
	if (entry)
		*uid = entry->pw_uid;

	return entry != NULL;
}

bool parse_group(const char *text, gid_t *gid)
{
	struct group *entry;

	if (parse_number(text, gid))
		return true;

	entry = getgrnam(text);
	if (entry)
		*gid = entry->gr_gid;

	return entry != NULL;
}

static enum devbind_exit give(const struct devbind *db, const char *path)
{
	if (db->dry_run) {
		printf("would give %s to user %d, group %d (-1: unchanged)\n", path, (int)db->uid,
		       (int)db->gid);
		return EXIT_DONE;
	}
	if (chown(path, db->uid, db->gid) == 0)
		return EXIT_DONE;

	say("cannot change the owner of %s: %s", path, strerror(errno));

	return errno == EPERM || errno == EACCES ? EXIT_NO_PERMISSION : EXIT_FAILED;
}

/* /dev/vfio/12, or /dev/vfio/noiommu-12 where there is no IOMMU. */
static bool group_node(const struct devbind *db, const struct uvdk_pci_function *fn, char *path)
{
	if (fn->iommu_group < 0)
		return false;

	snprintf(path, PATH_MAX, "%s/vfio/noiommu-%d", db->dev_root, fn->iommu_group);
	if (access(path, F_OK) == 0)
		return true;
	snprintf(path, PATH_MAX, "%s/vfio/%d", db->dev_root, fn->iommu_group);

	return access(path, F_OK) == 0 || db->dry_run;
}

/* /dev/vfio/devices/vfio3: the function's folder vfio-dev tells the number. */
static bool cdev_node(const struct devbind *db, const struct uvdk_pci_function *fn, char *path)
{
	char bdf[UVDK_PCI_ADDR_LEN];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, PATH_MAX, "%s/bus/pci/devices/%s/vfio-dev", db->sysfs_root,
		 uvdk_pci_addr_format(&fn->addr, bdf));
	dir = opendir(path);
	if (!dir)
		return false;
	while ((entry = readdir(dir)) && strncmp(entry->d_name, "vfio", 4) != 0)
		;
	if (entry)
		snprintf(path, PATH_MAX, "%s/vfio/devices/%.64s", db->dev_root, entry->d_name);
	closedir(dir);

	/* A kernel without VFIO_DEVICE_CDEV has the folder and not the node. */
	return entry && access(path, F_OK) == 0;
}

static void worse(enum devbind_exit *status, enum devbind_exit now)
{
	if (*status == EXIT_DONE)
		*status = now;
}

enum devbind_exit give_nodes(struct devbind *db, const struct uvdk_pci_addr *addr)
{
	struct uvdk_pci_function fn;
	char bdf[UVDK_PCI_ADDR_LEN];
	char path[PATH_MAX];
	enum devbind_exit status = EXIT_DONE;
	bool any = false;

	/* Asked again: in noiommu mode the group is born with the binding. */
	if (uvdk_pci_identify(db->sysfs_root, addr, &fn))
		return EXIT_FAILED;

	if (group_node(db, &fn, path)) {
		any = true;
		worse(&status, give(db, path));
	}
	if (cdev_node(db, &fn, path)) {
		any = true;
		worse(&status, give(db, path));
		snprintf(path, sizeof(path), "%s/iommu", db->dev_root);
		if (access(path, F_OK) == 0)
			worse(&status, give(db, path));
	}
	if (!any && !db->dry_run) {
		say("%s has no device node below %s/vfio to give away",
		    uvdk_pci_addr_format(addr, bdf), db->dev_root);
		return EXIT_FAILED;
	}

	return status;
}
