/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DEVBIND_H
#define UVDK_DEVBIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include <uvdk_pci.h>

/* Exit statuses, as the man page tells them. The first failure decides. */
enum devbind_exit {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_DEVICE = 3,
	EXIT_IN_USE = 4,
	EXIT_NO_PERMISSION = 5,
	EXIT_NO_DRIVER = 6,
	EXIT_NO_IOMMU = 7,
};

enum devbind_action {
	ACTION_NONE,
	ACTION_BIND,
	ACTION_UNBIND,
	ACTION_RESTORE,
};

/*
 * struct class_link - one entry of sysfs class/net or class/block
 * @name: interface or disk
 * @path: where its symbolic link points to
 * @addr: the PCI function it hangs off
 * @on_pci: @addr is valid
 */
struct class_link {
	char name[64];
	char path[256];
	struct uvdk_pci_addr addr;
	bool on_pci;
};

struct class_links {
	struct class_link *link;
	size_t count;
	bool loaded;
};

/* struct routed - interfaces that the routing table uses, each once */
struct routed {
	char (*name)[64];
	size_t count;
	bool loaded;
	bool stacked; /* one of them is not a PCI function's own: a bridge, bond, VLAN */
};

/*
 * struct devbind - the command line, and what has been read so far
 * @sysfs_root: /sys, or what a test put in its place; likewise the next two
 * @binder: the same, for lib/pci
 * @uid: new owner of the device nodes, or -1
 * @gid: new group of them, or -1
 * @classes: which classes --status prints, one bit each
 * @scan: all functions of the machine
 */
struct devbind {
	enum devbind_action action;
	const char *driver;
	const char *sysfs_root;
	const char *proc_root;
	const char *dev_root;
	struct uvdk_pci_binder binder;
	uid_t uid;
	gid_t gid;
	bool force;
	bool noiommu;
	bool dry_run;
	bool status;
	bool groups;
	bool json;
	unsigned int classes;
	struct uvdk_pci_scan *scan;
	struct class_links nets;
	struct class_links disks;
	struct routed routed;
	int generic_loaded; /* bit i: generic_driver(i) is loaded; -1: not looked yet */
};

/* ---- main.c ---- */

/* Complaint or notice on stderr, with the program's name before it. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- class.c ---- */

/* Number of a class by its command line name, or -1. */
int class_by_name(const char *name);
unsigned int class_count(void);
const char *class_name(unsigned int class);
const char *class_title(unsigned int class);
bool class_matches(unsigned int class, const struct uvdk_pci_function *fn);

/* vfio-pci and others that hand a function to user space. */
bool driver_is_generic(const char *driver);
const char *generic_driver(unsigned int index);

/* ---- links.c ---- */

const struct class_links *net_links(struct devbind *db);
const struct class_links *disk_links(struct devbind *db);
void links_free(struct class_links *links);

/* ---- select.c ---- */

/* Functions that an argument names; at most max; 0 if it names none. */
size_t select_functions(struct devbind *db, const char *arg, const struct uvdk_pci_function **fns,
			size_t max);

/* ---- use_net.c, use_disk.c, use_iommu.c ---- */

/* Is it in use? Then why, in a few words. */
void routed_free(struct routed *routed);
bool net_in_use(struct devbind *db, const struct uvdk_pci_function *fn, char *why, size_t len);
bool disk_in_use(struct devbind *db, const struct uvdk_pci_function *fn, char *why, size_t len);
bool iommu_in_use(const struct devbind *db, const struct uvdk_pci_function *fn, char *why,
		  size_t len);

/* The first virtio-iommu of the machine, or NULL. */
const struct uvdk_pci_function *virtio_iommu_find(const struct devbind *db);

/* ---- noiommu.c ---- */

/* Make vfio-pci possible where there is no IOMMU, or say why it is not. */
enum devbind_exit noiommu_prepare(struct devbind *db, const struct uvdk_pci_function *fn);

/* ---- owner.c ---- */

/* "name" or "123" to a number; false if there is none. */
bool parse_user(const char *text, uid_t *uid);
bool parse_group(const char *text, gid_t *gid);
enum devbind_exit give_nodes(struct devbind *db, const struct uvdk_pci_addr *addr);

/* ---- change.c ---- */

/* Bind, unbind or restore what the arguments name. */
enum devbind_exit change_functions(struct devbind *db, char **args, size_t count);

/* ---- group.c ---- */

/* Print each IOMMU group with its members and whether VFIO can have it. */
enum devbind_exit print_groups(struct devbind *db);
/* Tell about members of fn's group that keep VFIO from it. */
void warn_group(struct devbind *db, const struct uvdk_pci_function *fn,
		const struct uvdk_pci_function *const *chosen, size_t count);

/* ---- status.c, json.c ---- */

void print_status(struct devbind *db);
void json_status(struct devbind *db);
void json_groups(struct devbind *db);

#endif /* UVDK_DEVBIND_H */
