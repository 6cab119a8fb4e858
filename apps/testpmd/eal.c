// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include <uvdk_eal_telemetry.h>

#include "app.h"

/* Most that we add to what the user gave. */
#define EXTRA_ARGS 4

/* Is an option there, as "--name" or "--name=value"? */
static bool given(int argc, char **argv, const char *name)
{
	size_t len = strlen(name);

	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], name, len) && (argv[i][len] == '\0' || argv[i][len] == '='))
			return true;

	return false;
}

static unsigned long read_count(const char *dir, const char *name)
{
	char path[512];
	unsigned long n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/free_hugepages", dir, name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%lu", &n) != 1)
		n = 0;
	fclose(f);

	return n;
}

static bool hugepages_free(void)
{
	const char *path = "/sys/kernel/mm/hugepages";
	DIR *dir = opendir(path);
	unsigned long n = 0;
	struct dirent *e;

	if (!dir)
		return false;
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			n += read_count(path, e->d_name);
	closedir(dir);

	return n > 0;
}

/* Does the user say how memory is to be had? */
static bool memory_chosen(int argc, char **argv)
{
	static const char *const names[] = {
		"--huge-dir",  "--huge-unlink", "--file-prefix",	  "--socket-mem",
		"--in-memory", "--legacy-mem",	"--single-file-segments", "--proc-type",
		"--no-shconf",
	};

	for (size_t i = 0; i < RTE_DIM(names); i++)
		if (given(argc, argv, names[i]))
			return true;

	return false;
}

/*
 * EAL's own defaults look for drivers and devices that are not ours, use
 * physical addresses, and leave files behind. Whatever the user says himself
 * stays as he says it.
 */
static int complete(int argc, char **argv, char **out)
{
	bool no_huge = given(argc, argv, "--no-huge");
	int n = 0;

	for (int i = 0; i < argc; i++) {
		/* In EAL's eyes a contradiction; both mean that no file is left. */
		if (no_huge && !strcmp(argv[i], "--in-memory"))
			out[n++] = (char *)(uintptr_t) "--no-shconf";
		else
			out[n++] = argv[i];
	}
	if (!given(argc, argv, "--no-pci"))
		out[n++] = (char *)(uintptr_t) "--no-pci";
	if (!given(argc, argv, "--iova-mode"))
		out[n++] = (char *)(uintptr_t) "--iova-mode=va";
	if (!no_huge && !memory_chosen(argc, argv) && !hugepages_free()) {
		printf("No huge page is free: running without (--no-huge)\n");
		no_huge = true;
		out[n++] = (char *)(uintptr_t) "--no-huge";
	}
	if (!memory_chosen(argc, argv))
		out[n++] = (char *)(uintptr_t)(no_huge ? "--no-shconf" : "--in-memory");
	out[n] = NULL;

	return n;
}

static bool secondary(int argc, char **argv)
{
	const char *value = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--proc-type"))
			value = i + 1 < argc ? argv[i + 1] : "";
		else if (!strncmp(argv[i], "--proc-type=", 12))
			value = argv[i] + 12;
	}

	return value && strcmp(value, "primary");
}

int eal_start(int argc, char **argv)
{
	char **full = calloc((size_t)argc + EXTRA_ARGS + 1, sizeof(*full));
	int count, ret;

	if (!full)
		return -1;
	if (secondary(argc, argv)) {
		complain("--proc-type: only 'primary' is possible: ports belong to one process");
		free(full);
		return -1;
	}
	count = complete(argc, argv, full);
	ret = rte_eal_init(count, full);
	if (ret < 0)
		complain("EAL can't be started (%s); what it said is above. Its options stand "
			 "before '--', ours behind it (--help)",
			 rte_strerror(rte_errno));
	if (ret >= 0 && ret + 1 < count) {
		complain("'%s' before '--' is no EAL option; our options stand behind it (--help)",
			 full[ret + 1]);
		rte_eal_cleanup();
		ret = -1;
	}
	/* EAL keeps pointers to the strings, not to the array. */
	free(full);
	if (ret >= 0 && uvdk_eal_telemetry_start()) {
		complain("DPDK's telemetry has no room: %s", uvdk_last_error());
		rte_eal_cleanup();
		ret = -1;
	}

	return ret < 0 ? -1 : 0;
}
