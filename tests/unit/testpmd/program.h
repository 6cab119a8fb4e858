/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTPMD_PROGRAM_H
#define TESTPMD_PROGRAM_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

/*
 * The program as a user runs it, on emulated ports. The build says where it is:
 * UVDK_TESTPMD.
 */

#define DEADLINE_S 60

struct program {
	pid_t pid;
	int in;
	int out;
	size_t len;
};

extern char out[1 << 20]; /* what the latest one printed */
extern char dir[];	  /* a folder of the test's own, from make_dir() to remove_dir() */

void make_dir(void);
void remove_dir(void);

/* The path of a file in it; four at a time. */
char *file(const char *name);

/* A file of commands in it. */
char *script(const char *text);

void start(struct program *p, char *const *argv);

/* The same on a terminal: what is typed and what is shown go through one descriptor. */
void start_terminal(struct program *p, char *const *argv);

/* Read until a text, or with NULL the end, has come. */
bool wait_text(struct program *p, const char *text);

void type(struct program *p, const char *line);

/* Exit status; -1 after a signal. */
int finish(struct program *p);

int run(char *const *argv);

#define ARGS(...)                                                                    \
	((char *[]){UVDK_TESTPMD, "-l", "0", "--no-huge", "-m", "64", "--no-shconf", \
		    "--log-level=error", "--", ##__VA_ARGS__, NULL})

#define expect_run(status, ...) cr_expect_eq(run(ARGS(__VA_ARGS__)), status, "%s", out)

#define expect_script(status, commands, ...) \
	expect_run(status, "--cmdline-file", script(commands), ##__VA_ARGS__)

#define expect_said(text) cr_expect(strstr(out, text), "\"%s\" was not said: %s", text, out)

/* A number of a JSON file, the @nth of that name. */
unsigned long long json(const char *path, const char *name, unsigned int nth);

/* Is what was received what was sent or dropped, by port and in all? */
void expect_sums(const char *path, bool lossless);

#endif /* TESTPMD_PROGRAM_H */
