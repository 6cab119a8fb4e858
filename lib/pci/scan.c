// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <pci/pci.h>

#include "pci_priv.h"

struct uvdk_pci_scan {
	struct pci_access *access; /* holds memory only, no descriptors */
	struct uvdk_pci_ids ids;
	struct uvdk_pci_function *functions; /* [count], ascending */
	size_t count;
};

/*
 * libpci's error callback must not return and takes no argument of ours, so
 * it jumps to where this thread has called libpci.
 */
static __thread jmp_buf *libpci_failed;

static void on_error(char *msg, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void on_error(char *msg, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, msg);
	vsnprintf(text, sizeof(text), msg, ap);
	va_end(ap);
	uvdk_fail(-EIO, "pci", "libpci: %s", text);
	longjmp(*libpci_failed, 1);
}

static void on_warning(char *msg, ...) __attribute__((format(printf, 1, 2)));
static void on_warning(char *msg, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, msg);
	vsnprintf(text, sizeof(text), msg, ap);
	va_end(ap);
	uvdk_log(UVDK_LOG_WARN, "pci", "libpci: %s", text);
}

static void on_debug(char *msg, ...) __attribute__((format(printf, 1, 2)));
static void on_debug(char *msg, ...)
{
	(void)msg;
}

/* Also what needs no pci_init(), the names, calls back. */
static struct pci_access *new_access(void)
{
	struct pci_access *access = pci_alloc(); /* exits without memory; nothing to be done */

	access->method = PCI_ACCESS_SYS_BUS_PCI;
	access->error = on_error;
	access->warning = on_warning;
	access->debug = on_debug;

	return access;
}

static int list(struct pci_access *access, const char *sysfs_root)
{
	char path[PATH_MAX];
	char param[] = "sysfs.path";
	jmp_buf failed;

	snprintf(path, sizeof(path), "%s/bus/pci", uvdk_pci_root(sysfs_root));
	libpci_failed = &failed;
	if (setjmp(failed))
		return -EIO;

	if (pci_set_param(access, param, path))
		return uvdk_fail(-EIO, "pci", "libpci does not take another sysfs root");
	pci_init(access);
	pci_scan_bus(access);

	return 0;
}

/*
 * A jump out of pci_scan_bus() would leak its directory, so what could make
 * it fail is looked at before. 0: go on; 1: no PCI here; or -EIO.
 */
static int check_devices(const char *sysfs_root)
{
	const char *root = uvdk_pci_root(sysfs_root);
	struct uvdk_pci_addr addr;
	char path[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bus/pci/devices", root);
	dir = opendir(path);
	if (!dir && errno == ENOENT && stat(root, &st) == 0)
		return 1;
	if (!dir)
		return uvdk_fail(-EIO, "pci", "cannot open %s: %s", path, strerror(errno));

	while (!ret && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    (uvdk_pci_addr_parse(entry->d_name, &addr) || addr.domain > INT_MAX))
			ret = uvdk_fail(-EIO, "pci", "%s/%s does not look like a PCI function",
					path, entry->d_name);
	closedir(dir);

	return ret;
}

static int compare(const void *a, const void *b)
{
	const struct uvdk_pci_function *x = a;
	const struct uvdk_pci_function *y = b;

	return uvdk_pci_addr_cmp(&x->addr, &y->addr);
}

static int identify_all(struct uvdk_pci_scan *scan, const char *sysfs_root)
{
	size_t n = 0;

	for (struct pci_dev *dev = scan->access->devices; dev; dev = dev->next)
		n++;
	scan->functions = calloc(n ? n : 1, sizeof(*scan->functions));
	if (!scan->functions)
		return uvdk_fail(-ENOMEM, "pci", "no memory for %zu PCI functions", n);

	for (struct pci_dev *dev = scan->access->devices; dev; dev = dev->next) {
		struct uvdk_pci_addr addr = {
			.domain = (uint32_t)dev->domain,
			.bus = dev->bus,
			.device = dev->dev,
			.function = dev->func,
		};
		int ret = uvdk_pci_identify(sysfs_root, &addr, &scan->functions[scan->count]);

		if (ret == -ENODEV) /* unplugged since it was listed */
			continue;
		if (ret)
			return ret;
		scan->count++;
	}
	qsort(scan->functions, scan->count, sizeof(*scan->functions), compare);

	return 0;
}

UVDK_EXPORT int uvdk_pci_scan_create(const char *sysfs_root, struct uvdk_pci_scan **out)
{
	struct uvdk_pci_scan *scan = calloc(1, sizeof(*scan));
	int ret;

	if (!scan)
		return uvdk_fail(-ENOMEM, "pci", "no memory for a scan");

	ret = check_devices(sysfs_root);
	if (ret < 0)
		goto fail;
	scan->access = new_access();
	if (ret == 0) {
		ret = list(scan->access, sysfs_root);
		if (ret)
			goto fail;
	}
	ret = identify_all(scan, sysfs_root);
	if (ret)
		goto fail;
	*out = scan;

	return 0;
fail:
	uvdk_pci_scan_destroy(scan);
	return ret;
}

UVDK_EXPORT void uvdk_pci_scan_destroy(struct uvdk_pci_scan *scan)
{
	if (!scan)
		return;

	uvdk_pci_ids_close(&scan->ids);
	if (scan->access)
		pci_cleanup(scan->access);
	free(scan->functions);
	free(scan);
}

UVDK_EXPORT size_t uvdk_pci_scan_count(const struct uvdk_pci_scan *scan)
{
	return scan->count;
}

UVDK_EXPORT const struct uvdk_pci_function *uvdk_pci_scan_at(const struct uvdk_pci_scan *scan,
							     size_t index)
{
	return index < scan->count ? &scan->functions[index] : NULL;
}

UVDK_EXPORT const struct uvdk_pci_function *uvdk_pci_scan_find(const struct uvdk_pci_scan *scan,
							       const struct uvdk_pci_addr *addr)
{
	struct uvdk_pci_function wanted = {.addr = *addr};

	return bsearch(&wanted, scan->functions, scan->count, sizeof(wanted), compare);
}

/* libpci reads all of a packed pci.ids, or asks the hardware database of udev. */
static const char *slow_name(struct uvdk_pci_scan *scan, const struct uvdk_pci_function *fn,
			     char *buf, int len)
{
	jmp_buf failed;

	libpci_failed = &failed;
	if (setjmp(failed))
		return NULL;

	return pci_lookup_name(scan->access, buf, len,
			       PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS,
			       fn->vendor, fn->device);
}

UVDK_EXPORT char *uvdk_pci_name(struct uvdk_pci_scan *scan, const struct uvdk_pci_function *fn,
				char *buf, size_t len)
{
	if (!scan->ids.tried)
		uvdk_pci_ids_open(&scan->ids, scan->access->id_file_name);

	if (scan->ids.text) {
		if (!uvdk_pci_ids_name(&scan->ids, fn->vendor, fn->device, buf, len))
			return buf;
	} else if (slow_name(scan, fn, buf, (int)len)) {
		return buf;
	}
	snprintf(buf, len, "Device %04x:%04x", fn->vendor, fn->device);

	return buf;
}
