/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PCI_PRIV_H
#define UVDK_PCI_PRIV_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uvdk_base_driver.h>
#include <uvdk_pci.h>

/* As long as the kernel lets a driver_override be, NUL included. */
#define PCI_DRIVER_LEN 64

/*
 * ---- sysfs.c: small files below a directory descriptor ----
 * They return negative errno and log nothing; the caller knows what it means.
 */

/* "/sys" for NULL. */
const char *uvdk_pci_root(const char *sysfs_root);

/* Directory of a function: descriptor, -ENODEV or -EIO (with a sentence). */
int uvdk_pci_open_function(const char *sysfs_root, const struct uvdk_pci_addr *addr);

/* Read a file without its trailing newline; length, at most len - 1. */
int uvdk_pci_read_attr(int dir, const char *name, char *buf, size_t len);

/* A number as sysfs writes it: 0x… or decimal, maybe negative. */
int uvdk_pci_read_number(int dir, const char *name, int64_t *out);

/* Last component of what a symbolic link points to. */
int uvdk_pci_link_name(int dir, const char *name, char *buf, size_t len);

/* One write(2), as the kernel wants it. */
int uvdk_pci_write_attr(int dir, const char *name, const char *text);

/* "" without a driver; also -EIO when the link cannot be read. */
int uvdk_pci_read_driver(int dir, char *buf, size_t len);

/* "" without an override. */
int uvdk_pci_read_override(int dir, char *buf, size_t len);

/* ---- denied.c ---- */

/* Would vfio-pci, as it is loaded, refuse a function for what it is? */
bool uvdk_pci_is_denied(const char *sysfs_root, const struct uvdk_pci_function *fn);

/* ---- ids.c: words for numbers ---- */

/* The text of pci.ids, mapped on first use. */
struct uvdk_pci_ids {
	const char *text;
	size_t len;
	bool tried;
};

void uvdk_pci_ids_open(struct uvdk_pci_ids *ids, const char *path);
void uvdk_pci_ids_close(struct uvdk_pci_ids *ids);

/* 0 with "Vendor Device" in buf, or -ENOENT when either is unknown. */
int uvdk_pci_ids_name(const struct uvdk_pci_ids *ids, uint16_t vendor, uint16_t device, char *buf,
		      size_t len);

/* ---- state.c: the driver that was there before us ---- */

struct uvdk_pci_previous {
	char driver[PCI_DRIVER_LEN];
	uint16_t vendor;
	uint16_t device;
};

/* 0, -ENOENT or -EIO. */
int uvdk_pci_state_load(const char *state_dir, const struct uvdk_pci_addr *addr,
			struct uvdk_pci_previous *out);
/* Atomic; with a sentence on failure. */
int uvdk_pci_state_save(const char *state_dir, const struct uvdk_pci_addr *addr,
			const struct uvdk_pci_previous *prev);
int uvdk_pci_state_forget(const char *state_dir, const struct uvdk_pci_addr *addr);

/* May this be a driver's name, and nothing that escapes drivers/? */
bool uvdk_pci_driver_name_ok(const char *driver);

#endif /* UVDK_PCI_PRIV_H */
