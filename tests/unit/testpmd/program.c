// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

char out[1 << 20];
char dir[] = "/tmp/uvdk-testpmd-XXXXXX";

void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
}

void remove_dir(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

char *file(const char *name)
{
	static char path[4][128];
	static unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

char *script(const char *text)
{
	char *path = file("script");
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);

	return path;
}

void start(struct program *p, char *const *argv)
{
	int in[2], output[2];

	memset(p, 0, sizeof(*p));
	memset(out, 0, sizeof(out));
	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
	p->pid = fork();
	cr_assert_geq(p->pid, 0);
	if (p->pid == 0) {
		dup2(in[0], 0);
		dup2(output[1], 1);
		dup2(output[1], 2);
		execv(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(output[1]);
	p->in = in[1];
	p->out = output[0];
}

void start_terminal(struct program *p, char *const *argv)
{
	memset(p, 0, sizeof(*p));
	memset(out, 0, sizeof(out));
	p->pid = forkpty(&p->out, NULL, NULL, NULL);
	cr_assert_geq(p->pid, 0);
	if (p->pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	p->in = dup(p->out);
}

static bool expired(const struct timespec *deadline)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec > deadline->tv_sec;
}

bool wait_text(struct program *p, const char *text)
{
	struct timespec deadline;
	struct pollfd fd = {.fd = p->out, .events = POLLIN};
	ssize_t n;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += DEADLINE_S;
	while (!text || !strstr(out, text)) {
		if (expired(&deadline)) {
			kill(p->pid, SIGKILL);
			return false;
		}
		if (poll(&fd, 1, 100) <= 0)
			continue;
		n = read(p->out, out + p->len, sizeof(out) - 1 - p->len);
		if (n <= 0)
			return !text;
		p->len += (size_t)n;
	}

	return true;
}

void type(struct program *p, const char *line)
{
	cr_assert_eq(write(p->in, line, strlen(line)), (ssize_t)strlen(line));
}

int finish(struct program *p)
{
	int status;

	if (p->in >= 0)
		close(p->in);
	cr_expect(wait_text(p, NULL), "it did not end; it printed:\n%s", out);
	close(p->out);
	cr_assert_eq(waitpid(p->pid, &status, 0), p->pid);
	if (WIFSIGNALED(status))
		snprintf(out + p->len, sizeof(out) - p->len, "\n(killed by signal %d)",
			 WTERMSIG(status));

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int run(char *const *argv)
{
	struct program p;

	start(&p, argv);
	return finish(&p);
}

unsigned long long json(const char *path, const char *name, unsigned int nth)
{
	static char text[65536];
	unsigned long long value;
	char key[64];
	char *at = text;
	FILE *f = fopen(path, "r");
	size_t n;

	cr_assert_not_null(f, "%s is missing; it printed:\n%s", path, out);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	snprintf(key, sizeof(key), "\"%s\":", name);
	for (unsigned int i = 0;; i++, at++) {
		at = strstr(at, key);
		cr_assert_not_null(at, "no %s in %s", key, text);
		if (i == nth)
			break;
	}
	cr_assert_eq(sscanf(at + strlen(key), "%llu", &value), 1);

	return value;
}

void expect_sums(const char *path, bool lossless)
{
	/* Of two ports, then of "forward". */
	unsigned long long rx = json(path, "rx_packets", 2);
	unsigned long long tx = json(path, "tx_packets", 2);
	unsigned long long dropped = json(path, "tx_dropped", 2);

	cr_expect_gt(rx, 0);
	cr_expect_eq(rx, tx + dropped, "%llu received, %llu sent, %llu dropped", rx, tx, dropped);
	cr_expect_eq(rx, json(path, "rx_packets", 0) + json(path, "rx_packets", 1));
	cr_expect_eq(dropped, json(path, "tx_dropped", 0) + json(path, "tx_dropped", 1));
	if (lossless)
		cr_expect_eq(dropped, 0);
}
