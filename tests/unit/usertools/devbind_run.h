/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVBIND_RUN_H
#define DEVBIND_RUN_H

#include "../pci/fake_sysfs.h"

#define NIC    "0000:03:00.0"
#define NIC2   "0000:03:00.1"
#define DISK   "0000:04:00.0"
#define EDU    "0000:05:00.0"
#define BRIDGE "0000:03:1f.0"

/*
 * Two NICs that share IOMMU group 1 (eth0, eth1), a disk (vda with a
 * partition) in 2, QEMU's edu without a driver in 3, a bridge in none.
 */
extern struct fake fake;

void devbind_setup(void);
void devbind_teardown(void);

void expect_driver(const char *bdf, const char *driver);

/* The machine's default route goes through it. */
void route_through(const char *ifname);

/* What a run of uvdk-devbind said. */
struct run {
	int status;
	char out[32768];
	char err[8192];
};

/* Run it on the fake machine; the arguments are separated by single blanks. */
struct run *devbind(const char *args);

/* The same, and expect that exit status. */
struct run *devbind_gives(int status, const char *args);

/* Is a Python expression over the JSON document d, that the last run printed, true? */
bool json_holds(const char *expression);

#endif /* DEVBIND_RUN_H */
