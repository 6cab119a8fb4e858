/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ASKING_H
#define ASKING_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Asking at DPDK's telemetry socket with DPDK's own client. EAL and the client
 * look for it below RUNTIME_DIRECTORY: a folder of the test's own.
 */
static char asking_dir[] = "/tmp/uvdk-telemetry-XXXXXX";

static inline void asking_setup(void)
{
	cr_assert(mkdtemp(asking_dir));
	cr_assert_eq(setenv("RUNTIME_DIRECTORY", asking_dir, 1), 0);
	cr_assert_eq(system("command -v dpdk-telemetry.py >/dev/null"), 0,
		     "no dpdk-telemetry.py: install what config/packages names for tests");
}

static inline void asking_cleanup(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", asking_dir);
	cr_assert_eq(system(command), 0);
}

/* What it prints for commands, "\\n" between them; valid until the next call. */
static inline const char *ask(const char *commands)
{
	static char text[1 << 18];
	char command[8192];
	size_t len;
	FILE *f;

	snprintf(command, sizeof(command), "printf '%s\\n' | timeout 60 dpdk-telemetry.py 2>&1",
		 commands);
	f = popen(command, "r");
	cr_assert(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = '\0';
	cr_assert_eq(pclose(f), 0, "%s", text);

	return text;
}

/* The number behind the first "name": after @from; asserts that there is one. */
static inline unsigned long long number(const char *from, const char *name)
{
	char key[80];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\": ", name);
	at = strstr(from, key);
	cr_assert(at, "no %s in %s", name, from);
	at += strlen(key);
	at += *at == '"';

	return strtoull(at, NULL, 0);
}

static inline unsigned int count_of(const char *text, const char *what)
{
	unsigned int n = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;

	return n;
}

#endif /* ASKING_H */
