// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devbind_run.h"

#define MAX_ARGS 64

static void redirect(struct fake *fake, const char *name, int fd)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", fake->root, name);
	dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644), fd);
}

static int spawn(struct fake *fake, char **argv)
{
	int status;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		redirect(fake, "out", 1);
		redirect(fake, "err", 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));

	return WEXITSTATUS(status);
}

static void slurp(struct fake *fake, const char *name, char *buf, size_t len)
{
	char path[PATH_MAX];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", fake->root, name);
	file = fopen(path, "r");
	cr_assert_not_null(file);
	n = fread(buf, 1, len - 1, file);
	fclose(file);
	buf[n] = '\0';
}

struct run *devbind(struct fake *fake, const char *args)
{
	static struct run run;
	char *argv[MAX_ARGS] = {DEVBIND,       "--sysfs-root", fake->sys,
				"--proc-root", fake->proc,     "--dev-root",
				fake->dev,     "--state-dir",  fake->state};
	char text[1024];
	char *rest = text;
	char *arg;
	int n = 9;

	snprintf(text, sizeof(text), "%s", args);
	while ((arg = strsep(&rest, " ")) && arg[0])
		argv[n++] = arg;
	argv[n] = NULL;

	run.status = spawn(fake, argv);
	slurp(fake, "out", run.out, sizeof(run.out));
	slurp(fake, "err", run.err, sizeof(run.err));

	return &run;
}

bool json_holds(struct fake *fake, const char *expression)
{
	char script[2 * PATH_MAX];
	char *argv[] = {"python3", "-c", script, NULL};
	char saved[PATH_MAX];
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/out", fake->root);
	snprintf(saved, sizeof(saved), "%s/json", fake->root);
	cr_assert_eq(rename(path, saved), 0);
	snprintf(script, sizeof(script),
		 "import json, sys\nd = json.load(open('%s', encoding='utf-8'))\n"
		 "sys.exit(0 if (%s) else 1)\n",
		 saved, expression);
	int status = spawn(fake, argv);
	cr_assert_eq(rename(saved, path), 0);

	return status == 0;
}
