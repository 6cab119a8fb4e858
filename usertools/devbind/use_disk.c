// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devbind.h"

/* "8:1" from the file dev; "" if there is none. */
static void read_dev(const struct devbind *db, const char *disk, char *buf, size_t len)
{
	char path[PATH_MAX];
	FILE *file;

	buf[0] = '\0';
	snprintf(path, sizeof(path), "%s/class/block/%s/dev", db->sysfs_root, disk);
	file = fopen(path, "re");
	if (!file)
		return;
	if (!fgets(buf, (int)len, file))
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	fclose(file);
}

/* Is source the node of this disk? */
static bool is_node(const char *source, const char *disk)
{
	return strncmp(source, "/dev/", 5) == 0 && strcmp(source + 5, disk) == 0;
}

/*
 * By number, and by name for file systems that hide the number (btrfs):
 * "id parent MAJOR:MINOR root where options [tags] - type SOURCE ..."
 */
static bool mount_point(const char *line, const char *disk, const char *dev, char *where)
{
	const char *tail = strstr(line, " - ");
	char source[256] = "";
	char number[32];

	if (sscanf(line, "%*s %*s %31s %*s %255s", number, where) != 2)
		return false;
	if (tail && sscanf(tail, " - %*s %255s", source) != 1)
		source[0] = '\0';

	return (dev[0] && strcmp(number, dev) == 0) || is_node(source, disk);
}

static bool mounted(const struct devbind *db, const char *process, const char *disk, char *why,
		    size_t len)
{
	char path[PATH_MAX];
	char line[4096];
	char where[256];
	char dev[32];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/mountinfo", db->proc_root, process);
	file = fopen(path, "re");
	if (!file)
		return false;

	read_dev(db, disk, dev, sizeof(dev));
	while (!found && fgets(line, sizeof(line), file))
		found = mount_point(line, disk, dev, where);
	fclose(file);
	if (found)
		snprintf(why, len, "%s is mounted on %s", disk, where);

	return found;
}

static bool swapped(const struct devbind *db, const char *disk, char *why, size_t len)
{
	char path[PATH_MAX];
	char line[512];
	char source[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/swaps", db->proc_root);
	file = fopen(path, "re");
	if (!file)
		return false;

	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%255s", source) == 1 && is_node(source, disk);
	fclose(file);
	if (found)
		snprintf(why, len, "%s is used for swap", disk);

	return found;
}

/* LVM, RAID, encryption and the like sit on it. */
static bool held(const struct devbind *db, const char *disk, char *why, size_t len)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/class/block/%s/holders", db->sysfs_root, disk);
	dir = opendir(path);
	if (!dir)
		return false;
	while ((entry = readdir(dir)) && entry->d_name[0] == '.')
		;
	if (entry)
		snprintf(why, len, "%s is part of %s", disk, entry->d_name);
	closedir(dir);

	return entry != NULL;
}

/* Claimed by the kernel in a way that no list shows: another mount namespace, ZFS. */
static bool claimed(const struct devbind *db, const char *disk, char *why, size_t len)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", db->dev_root, disk);
	if (stat(path, &st) || !S_ISBLK(st.st_mode))
		return false;
	fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return false;
	}
	if (errno == EBUSY)
		snprintf(why, len, "%s is claimed by the kernel or another program", disk);

	return errno == EBUSY;
}

static bool one_in_use(const struct devbind *db, const char *disk, char *why, size_t len)
{
	return mounted(db, "self", disk, why, len) || mounted(db, "1", disk, why, len) ||
	       swapped(db, disk, why, len) || held(db, disk, why, len) ||
	       claimed(db, disk, why, len);
}

/*
 * With NVMe multipath the disk nvme0n1 is a virtual device; below the function
 * is only its path nvme0c1n1. True with the disk's name for such a path.
 */
static bool multipath_head(const char *name, char *head, size_t len)
{
	unsigned int subsystem;
	unsigned int controller;
	unsigned int namespace;

	if (sscanf(name, "nvme%uc%un%u", &subsystem, &controller, &namespace) != 3)
		return false;
	snprintf(head, len, "nvme%un%u", subsystem, namespace);

	return true;
}

/* A disk or a partition of it: partitions have the disk as a folder in their path. */
static bool belongs_to(const struct class_link *link, const char *disk)
{
	char part[80];

	snprintf(part, sizeof(part), "/%s/", disk);

	return strcmp(link->name, disk) == 0 || strstr(link->path, part) != NULL;
}

static bool head_in_use(struct devbind *db, const char *head, char *why, size_t len)
{
	const struct class_links *disks = disk_links(db);

	for (size_t i = 0; i < disks->count; i++)
		if (belongs_to(&disks->link[i], head) &&
		    one_in_use(db, disks->link[i].name, why, len))
			return true;

	return false;
}

bool disk_in_use(struct devbind *db, const struct uvdk_pci_function *fn, char *why, size_t len)
{
	const struct class_links *disks = disk_links(db);
	char head[64];

	for (size_t i = 0; i < disks->count; i++) {
		const struct class_link *disk = &disks->link[i];

		if (!disk->on_pci || uvdk_pci_addr_cmp(&disk->addr, &fn->addr) != 0)
			continue;
		if (one_in_use(db, disk->name, why, len) ||
		    (multipath_head(disk->name, head, sizeof(head)) &&
		     head_in_use(db, head, why, len)))
			return true;
	}

	return false;
}
