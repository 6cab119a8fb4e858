/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_SYSFS_H
#define FAKE_SYSFS_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A machine in a temporary directory: ROOT/sys, ROOT/proc, ROOT/dev and
 * ROOT/state. With fake_kernel_start() a thread does what the kernel does on a
 * write to drivers/NAME/bind and unbind: it makes and removes driver links.
 * A driver takes a function whose driver_override names it, or any function if
 * fake_driver() was told that it claims all.
 */
struct fake {
	char root[64];
	char sys[80];
	char proc[80];
	char dev[80];
	char state[80];
	pthread_t kernel;
	int notify; /* inotify descriptor, -1 without kernel */
	int stop[2];
	int nr_drivers;
	struct fake_driver {
		char name[64];
		int watch;
		bool claims_all;
		bool refuses;
	} drivers[8];
};

void fake_create(struct fake *fake);
void fake_destroy(struct fake *fake);

/* Paths are relative to the root; folders above are made. */
void fake_file(struct fake *fake, const char *path, const char *text);
void fake_link(struct fake *fake, const char *path, const char *target);
void fake_dir(struct fake *fake, const char *path);
void fake_remove(struct fake *fake, const char *path);
bool fake_exists(struct fake *fake, const char *path);
/* Content without trailing newlines, "" if there is no such file. */
const char *fake_read(struct fake *fake, const char *path);

struct fake_driver *fake_driver(struct fake *fake, const char *name, bool claims_all);

/* A function; driver may be NULL, group -1. */
void fake_function(struct fake *fake, const char *bdf, unsigned int vendor, unsigned int device,
		   unsigned int class_code, const char *driver, int group);
void fake_attr(struct fake *fake, const char *bdf, const char *attr, const char *text);
/* Name of the driver bound, "" for none. */
const char *fake_bound(struct fake *fake, const char *bdf);

/* below: folders between the function and the class folder, e.g. "virtio0". */
void fake_net(struct fake *fake, const char *bdf, const char *below, const char *ifname);
void fake_disk(struct fake *fake, const char *bdf, const char *below, const char *disk,
	       const char *dev);

void fake_kernel_start(struct fake *fake);

#endif /* FAKE_SYSFS_H */
