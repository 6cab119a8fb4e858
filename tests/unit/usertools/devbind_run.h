/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVBIND_RUN_H
#define DEVBIND_RUN_H

#include "../pci/fake_sysfs.h"

/* What a run of uvdk-devbind said. */
struct run {
	int status;
	char out[32768];
	char err[8192];
};

/* Run it on the fake machine; the arguments are separated by single blanks. */
struct run *devbind(struct fake *fake, const char *args);

/* Is a Python expression over the JSON document d, that the last run printed, true? */
bool json_holds(struct fake *fake, const char *expression);

#endif /* DEVBIND_RUN_H */
