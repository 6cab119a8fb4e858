// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * What makes EAL slow to start, answered faster. These functions take the place
 * of the ones EAL calls (the linker's --wrap), in this executable only, where
 * EAL is linked statically. They give the same answers.
 */

int __wrap_access(const char *path, int mode);
int __real_access(const char *path, int mode);
uint64_t __wrap_get_tsc_freq_arch(void);
uint64_t __real_get_tsc_freq_arch(void);

#define MAX_IDS 4096

/* The numbered entries of a sysfs folder. */
struct ids {
	const char *dir;
	const char *prefix;
	bool known;
	uint8_t bit[MAX_IDS / 8];
};

static bool note(struct ids *ids)
{
	DIR *dir = opendir(ids->dir);
	struct dirent *e;
	unsigned int id;
	char rest;

	if (!dir)
		return false;
	while ((e = readdir(dir)) != NULL) {
		if (strncmp(e->d_name, ids->prefix, strlen(ids->prefix)) ||
		    sscanf(e->d_name + strlen(ids->prefix), "%u%c", &id, &rest) != 1 ||
		    id >= MAX_IDS)
			continue;
		ids->bit[id / 8] = (uint8_t)(ids->bit[id / 8] | 1u << id % 8);
	}
	closedir(dir);

	return true;
}

/* Does @path go through an entry that is not there? @rest: what follows the entry. */
static bool absent(struct ids *ids, const char *path, const char **rest)
{
	size_t len = strlen(ids->prefix);
	unsigned int id;
	int used = 0;

	if (strncmp(path, ids->prefix, len) || sscanf(path + len, "%u%n", &id, &used) != 1 ||
	    id >= MAX_IDS)
		return false;
	if (!ids->known)
		ids->known = note(ids);
	*rest = path + len + used;

	return ids->known && !(ids->bit[id / 8] & 1u << id % 8);
}

/* EAL asks for each of 32 nodes whether it has each of 128 CPUs: 5,000 system calls. */
int __wrap_access(const char *path, int mode)
{
	/* Each thread has its own: no lock. */
	static __thread struct ids nodes = {.dir = "/sys/devices/system/node", .prefix = "node"};
	static __thread struct ids cpus = {.dir = "/sys/devices/system/cpu", .prefix = "cpu"};
	const char *top = "/sys/devices/system/";
	const char *rest = NULL;
	bool missing = false;

	if (!strncmp(path, "/sys/devices/system/cpu/", strlen(top) + 4)) {
		missing = absent(&cpus, path + strlen(top) + 4, &rest);
	} else if (!strncmp(path, "/sys/devices/system/node/", strlen(top) + 5)) {
		missing = absent(&nodes, path + strlen(top) + 5, &rest) ||
			  (rest && *rest == '/' && absent(&cpus, rest + 1, &rest));
	}
	if (missing) {
		errno = ENOENT;
		return -1;
	}

	return __real_access(path, mode);
}

#ifdef __x86_64__
#include <rte_cycles.h>

#define MEASURE_NS 2000000

/* The clock and the counter at one moment: the closest pair of a few. */
static uint64_t sample(uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;
	uint64_t ns = 0;

	for (int i = 0; i < 8; i++) {
		struct timespec ts;
		uint64_t before = rte_rdtsc();
		uint64_t after;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = rte_rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		*tsc = before + best / 2;
		ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	}

	return ns;
}

/*
 * Where CPUID does not tell the frequency, EAL sleeps for 100 ms and rounds
 * what it measured to 10 MHz. 2 ms are plenty for that.
 */
uint64_t __wrap_get_tsc_freq_arch(void)
{
	uint64_t hz = __real_get_tsc_freq_arch();
	uint64_t ns, ns2, tsc = 0, tsc2 = 0;

	if (hz)
		return hz;
	ns = sample(&tsc);
	do {
		ns2 = sample(&tsc2);
	} while (ns2 - ns < MEASURE_NS);
	hz = (uint64_t)((double)(tsc2 - tsc) * 1e9 / (double)(ns2 - ns));

	return (hz + 5000000) / 10000000 * 10000000;
}
#endif
