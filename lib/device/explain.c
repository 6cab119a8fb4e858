// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uvdk_explain_driver.h>
#include <uvdk_base_driver.h>

#define CAP_IPC_LOCK_BIT 14 /* linux/capability.h */
#define GROUP_SHOWN	 16

static const char *owner_name(uid_t uid, char *buf, size_t len)
{
	struct passwd entry;
	struct passwd *found;
	char text[1024];

	if (!getpwuid_r(uid, &entry, text, sizeof(text), &found) && found)
		snprintf(buf, len, "%s", found->pw_name);
	else
		snprintf(buf, len, "user %u", uid);

	return buf;
}

static int explain_access(const char *component, const char *path)
{
	struct stat node;
	char owner[64];
	char us[64];

	owner_name(geteuid(), us, sizeof(us));
	if (stat(path, &node))
		return uvdk_fail(-EACCES, component, "%s may not open %s nor look at it", us, path);

	return uvdk_fail(-EACCES, component,
			 "%s may not open %s: it belongs to %s, group %u, mode %04o; "
			 "give it to %s (chown, or uvdk-devbind -U)",
			 us, path, owner_name(node.st_uid, owner, sizeof(owner)), node.st_gid,
			 node.st_mode & 07777, us);
}

UVDK_EXPORT int uvdk_explain_open(const char *component, const char *path, int err,
				  const char *absent)
{
	switch (err) {
	case EACCES:
	case EPERM:
		return explain_access(component, path);
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return uvdk_fail(-ENOENT, component, "there is no %s: %s", path, absent);
	case EBUSY:
		return uvdk_fail(-EBUSY, component, "%s is held by another process (fuser -v %s)",
				 path, path);
	default:
		return uvdk_fail(-err, component, "opening %s: %s", path, strerror(err));
	}
}

/* A field of /proc/self/status as a number, or 0. */
static uint64_t own_status(const char *field, int base)
{
	char line[256];
	size_t len = strlen(field);
	uint64_t value = 0;
	FILE *f = fopen("/proc/self/status", "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, field, len) && line[len] == ':') {
			value = strtoull(line + len + 1, NULL, base);
			break;
		}
	}
	fclose(f);

	return value;
}

UVDK_EXPORT uint64_t uvdk_memlock_max(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY ||
	    own_status("CapEff", 16) & (UINT64_C(1) << CAP_IPC_LOCK_BIT))
		return UINT64_MAX;

	return limit.rlim_cur;
}

UVDK_EXPORT uint64_t uvdk_memlock_used(void)
{
	return own_status("VmLck", 10) * 1024;
}

static int explain_memlock(const char *component, const struct uvdk_pin_failure *what)
{
	uint64_t needed = (uint64_t)what->len / 1024 * what->charged;
	uint64_t max = uvdk_memlock_max();

	if (max == UINT64_MAX)
		return uvdk_fail(-ENOMEM, component,
				 "out of memory while pinning %zu bytes at %p (no memlock limit "
				 "is in force)",
				 what->len, what->va);

	return uvdk_fail(-ENOMEM, component,
			 "memlock is too small: pinning %zu bytes at %p needs %" PRIu64
			 " KiB, the limit is %" PRIu64 " KiB per %s, of which this process has "
			 "locked %" PRIu64 " KiB; raise it (ulimit -l, limits.conf, LimitMEMLOCK=)",
			 what->len, what->va, needed, max / 1024, what->per,
			 uvdk_memlock_used() / 1024);
}

enum coverage { COVERED, READ_ONLY, HOLES };

/* The maps file is ascending, so one pass finds the first hole. */
static enum coverage look_up_memory(const void *va, size_t len, bool write)
{
	uint64_t next = (uintptr_t)va;
	uint64_t end = next + len;
	enum coverage result = HOLES;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");

	if (!f)
		return COVERED;
	while (fgets(line, sizeof(line), f)) {
		uint64_t first;
		uint64_t last;
		char prot[8];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &first, &last, prot) != 3 ||
		    last <= next)
			continue;
		if (first > next || prot[0] != 'r')
			break;
		if (write && prot[1] != 'w') {
			result = READ_ONLY;
			break;
		}
		next = last;
		if (next >= end) {
			result = COVERED;
			break;
		}
	}
	fclose(f);

	return result;
}

UVDK_EXPORT int uvdk_explain_pin(const char *component, const struct uvdk_pin_failure *what)
{
	if (what->err == ENOMEM)
		return explain_memlock(component, what);
	if (what->err != EFAULT && what->err != EPERM)
		return uvdk_fail(-what->err, component, "mapping %zu bytes at %p: %s", what->len,
				 what->va, strerror(what->err));

	switch (look_up_memory(what->va, what->len, what->write)) {
	case READ_ONLY:
		return uvdk_fail(-EPERM, component,
				 "the %zu bytes at %p are read-only memory: map them without "
				 "UVDK_MAP_WRITE",
				 what->len, what->va);
	case HOLES:
		return uvdk_fail(-EFAULT, component,
				 "not all of the %zu bytes at %p are memory of this process",
				 what->len, what->va);
	default:
		return uvdk_fail(-EFAULT, component,
				 "the kernel can't pin the %zu bytes at %p (device memory, or a "
				 "file that was truncated?)",
				 what->len, what->va);
	}
}

/* vfio drivers, pci-stub and port drivers leave a group viable. */
static bool keeps_group(const char *driver)
{
	return *driver && !strstr(driver, "vfio") && strcmp(driver, "pci-stub") &&
	       strcmp(driver, "pcieport");
}

UVDK_EXPORT unsigned int uvdk_explain_group(const char *sysfs_root, int group, char *buf,
					    size_t len)
{
	struct uvdk_pci_addr members[GROUP_SHOWN];
	int count = uvdk_pci_group_members(sysfs_root, group, members, GROUP_SHOWN);
	unsigned int found = 0;
	size_t used = 0;

	buf[0] = '\0';
	for (int i = 0; i < count && i < GROUP_SHOWN; i++) {
		struct uvdk_pci_function fn;
		char name[UVDK_PCI_ADDR_LEN];

		if (uvdk_pci_identify(sysfs_root, &members[i], &fn) || !keeps_group(fn.driver))
			continue;
		found++;
		if (used < len)
			used += (size_t)snprintf(
				buf + used, len - used, "%s%s (%s)", used ? ", " : "",
				uvdk_pci_addr_format(&members[i], name), fn.driver);
	}

	return found;
}

/* MS_ASYNC starts no I/O, but the kernel walks the range all the same. */
UVDK_EXPORT bool uvdk_memory_mapped(void *va, size_t len)
{
	return !msync(va, len, MS_ASYNC) || errno != ENOMEM;
}
