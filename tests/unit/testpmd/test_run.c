// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * The program as a user runs it, on emulated ports. The build says where it is:
 * UVDK_TESTPMD.
 */
#define DEADLINE_S 60

static char dir[] = "/tmp/uvdk-testpmd-XXXXXX";
static char out[1 << 20];

struct program {
	pid_t pid;
	int in;
	int out;
	size_t len;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(run, .init = setup, .fini = teardown, .timeout = 2 * DEADLINE_S);

static char *file(const char *name)
{
	static char path[4][128];
	static unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void start(struct program *p, char *const *argv)
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

/* The same on a terminal: what is typed and what is shown go through one descriptor. */
static void start_terminal(struct program *p, char *const *argv)
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

/* Read until a text, or with NULL the end, has come. */
static bool wait_text(struct program *p, const char *text)
{
	double deadline = now() + DEADLINE_S;
	struct pollfd fd = {.fd = p->out, .events = POLLIN};
	ssize_t n;

	while (!text || !strstr(out, text)) {
		if (now() > deadline) {
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

static void type(struct program *p, const char *line)
{
	cr_assert_eq(write(p->in, line, strlen(line)), (ssize_t)strlen(line));
}

/* Exit status; -1 after a signal. */
static int finish(struct program *p)
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

#define ARGS(...)                                                                    \
	((char *[]){UVDK_TESTPMD, "-l", "0", "--no-huge", "-m", "64", "--no-shconf", \
		    "--log-level=error", "--", ##__VA_ARGS__, NULL})

/* With a forwarding lcore beside the main one, where the machine has two CPUs. */
static char *lcores(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1 ? "0,1" : "0";
}

static int run(char *const *argv)
{
	struct program p;

	start(&p, argv);
	return finish(&p);
}

/* A number of the JSON file, the @nth of that name. */
static unsigned long long json(const char *path, const char *name, unsigned int nth)
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

/* rx_packets of two ports, then of "forward". */
static void expect_sums(const char *path, bool lossless)
{
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

Test(run, without_a_port_an_emulated_pair_forwards_and_the_sums_are_right)
{
	char *path = file("stats.json");

	cr_expect_eq(run(ARGS("--packets", "20000", "--stats-json", path)), 0, "%s", out);
	cr_expect(strstr(out, "No port given"), "%s", out);
	cr_expect(strstr(out, "Forward statistics for port 0"), "%s", out);
	cr_expect(strstr(out, "Forward statistics for port 1"), "%s", out);
	cr_expect(strstr(out, " = forwarded "), "%s", out);
	cr_expect_geq(json(path, "rx_packets", 2), 20000);
	expect_sums(path, false);
	/* Nothing temporary is left. */
	cr_expect_eq(unlink(path), 0);
	cr_expect_eq(rmdir(dir), 0, "%s", strerror(errno));
	cr_expect_eq(mkdir(dir, 0700), 0);
}

Test(run, every_mode_runs_and_adds_up)
{
	static char *const modes[] = {"mac", "macswap", "csum", "5tswap", "icmpecho"};
	char *path = file("stats.json");

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		cr_expect_eq(run(ARGS("--forward-mode", modes[i], "--packets", "2000",
				      "--stats-json", path)),
			     0, "%s: %s", modes[i], out);
		expect_sums(path, false);
	}
}

Test(run, rxonly_and_the_generators_run)
{
	char *path = file("stats.json");

	cr_expect_eq(run(ARGS("--forward-mode=rxonly", "--packets", "2000", "--stats-json", path)),
		     0, "%s", out);
	cr_expect_geq(json(path, "rx_packets", 2), 2000);
	cr_expect_eq(json(path, "tx_packets", 2), 0);
	cr_expect_eq(run(ARGS("--forward-mode=txonly", "--packets", "2000", "--txpkts=60,40",
			      "--stats-json", path)),
		     0, "%s", out);
	cr_expect_gt(json(path, "tx_packets", 2), 0);
	cr_expect_eq(json(path, "rx_packets", 2), 0);
	cr_expect_eq(run(ARGS("--forward-mode=flowgen", "--packets", "2000", "--stats-json", path)),
		     0, "%s", out);
	cr_expect_gt(json(path, "tx_packets", 2), 0);
}

Test(run, forwarding_makes_no_system_call)
{
	cr_expect_eq(run(ARGS("--packets", "20000", "--seccomp")), 0, "%s", out);
	cr_expect(strstr(out, "forwarded under seccomp"), "%s", out);
}

Test(run, on_an_lcore_of_its_own_too)
{
	char **argv = ARGS("--packets", "20000", "--seccomp");

	argv[2] = lcores();
	cr_expect_eq(run(argv), 0, "%s", out);
	cr_expect(strstr(out, "forwarded under seccomp"), "%s", out);
	argv = ARGS("--packets", "20000");
	argv[2] = lcores();
	cr_expect_eq(run(argv), 0, "%s", out);
}

Test(run, printing_packets_and_seccomp_exclude_each_other)
{
	struct program p;

	start(&p, ARGS("-i", "--seccomp"));
	type(&p, "set verbose 1\nquit\n");
	cr_expect_eq(finish(&p), 0);
	cr_expect(strstr(out, "--seccomp forbids"), "%s", out);
}

Test(run, duration_ends_it)
{
	double begin = now();

	cr_expect_eq(run(ARGS("--duration", "0.2")), 0, "%s", out);
	cr_expect_geq(now() - begin, 0.2);
}

Test(run, a_signal_ends_it_cleanly_with_statistics)
{
	char *path = file("stats.json");
	struct program p;

	start(&p, ARGS("--stats-json", path));
	cr_assert(wait_text(&p, "Press enter"), "%s", out);
	kill(p.pid, SIGTERM);
	cr_expect_eq(finish(&p), 0, "%s", out);
	cr_expect(strstr(out, "Accumulated forward statistics"), "%s", out);
	cr_expect_eq(access(path, R_OK), 0);
}

Test(run, with_retries_nothing_is_lost)
{
	char *path = file("stats.json");

	cr_expect_eq(run(ARGS("--packets", "20000", "--tx-retries=1000000", "--stats-json", path)),
		     0, "%s", out);
	expect_sums(path, true);
}

Test(run, enter_ends_it)
{
	struct program p;

	start(&p, ARGS());
	cr_assert(wait_text(&p, "Press enter"), "%s", out);
	type(&p, "\n");
	cr_expect_eq(finish(&p), 0, "%s", out);
}

Test(run, the_end_of_input_ends_it)
{
	cr_expect_eq(run(ARGS()), 0, "%s", out);
	cr_expect(strstr(out, "Accumulated forward statistics"), "%s", out);
}

Test(run, every_command_of_the_prompt_works)
{
	static const char *const commands[] = {
		"help",
		"show port info all",
		"show port stats 0",
		"show port xstats all",
		"show port summary all",
		"clear port stats all",
		"set fwd macswap",
		"set burst 16",
		"set burst tx delay 1 retry 5",
		"set txpkts 64,64",
		"set verbose 0",
		"set promisc all on",
		"port stop 0",
		"port start 0",
		"port reset 0",
		"show config fwd",
		"show config rxtx",
		"show iommu",
		"show ioas",
		"show ioas 0",
		"show fwd stats all",
		"clear fwd stats all",
		"csum show 0",
		"set eth-peer 0 02:00:00:00:00:09",
		"start",
		"show fwd stats all",
		"stop",
		"start tx_first",
		"stop",
		"start tx_first 2",
		"stop",
	};
	struct program p;

	start(&p, ARGS("-i"));
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		type(&p, commands[i]);
		type(&p, "\n");
	}
	type(&p, "quit\n");
	cr_expect_eq(finish(&p), 0, "%s", out);
	cr_expect_null(strstr(out, "not found"), "%s", out);
	cr_expect_null(strstr(out, "Bad arguments"), "%s", out);
	cr_expect_null(strstr(out, "uvdk-testpmd: "), "a complaint: %s", out);
	cr_expect(strstr(out, "Infos for port 1"), "%s", out);
	cr_expect(strstr(out, "NIC statistics for port 0"), "%s", out);
	cr_expect(strstr(out, "Set macswap packet forwarding mode"), "%s", out);
	cr_expect(strstr(out, "iommu emu"), "%s", out);
	cr_expect(strstr(out, "ioas 0 on iommu emu"), "%s", out);
}

Test(run, a_terminal_has_completion_and_history)
{
	struct program p;

	start_terminal(&p, ARGS("-i"));
	cr_assert(wait_text(&p, "testpmd> "), "%s", out);
	type(&p, "sho\tpo\tsum\tall\n");
	cr_expect(wait_text(&p, "Number of available ports: 2"), "completed: %s", out);
	memset(out, 0, sizeof(out));
	p.len = 0;
	type(&p, "\033[A\n");
	cr_expect(wait_text(&p, "Number of available ports: 2"), "recalled: %s", out);
	type(&p, "quit\n");
	cr_expect_eq(finish(&p), 0, "%s", out);
}

Test(run, wrong_commands_say_what_is_wrong)
{
	struct program p;

	start(&p, ARGS("-i"));
	type(&p,
	     "fly\nset burst 9999\nshow port info 7\nset fwd nonsense\nport attach emu:nothing\n"
	     "start\nstart\nset fwd io\nquit\n");
	cr_expect_eq(finish(&p), 0, "%s", out);
	cr_expect(strstr(out, "Command not found"), "%s", out);
	cr_expect(strstr(out, "'9999' is not possible"), "%s", out);
	cr_expect(strstr(out, "port 7 is not open"), "%s", out);
	cr_expect(strstr(out, "emu:nothing"), "%s", out);
	cr_expect(strstr(out, "under way already"), "%s", out);
	cr_expect(strstr(out, "stop it first"), "%s", out);
}

static char *script(const char *text)
{
	char *path = file("script");
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);

	return path;
}

Test(run, a_file_of_commands_is_executed)
{
	cr_expect_eq(
		run(ARGS("--cmdline-file",
			 script("# comment\nset fwd macswap\n\nstart\nwait packets 1000\nstop\n"
				"quit"))),
		0, "%s", out);
	cr_expect(strstr(out, "macswap packet forwarding - ports=2"), "%s", out);
	cr_expect(strstr(out, "Accumulated"), "%s", out);
}

Test(run, a_port_leaves_and_comes_back_while_the_other_goes_on)
{
	static const char *const how[] = {"emu unplug 1", "emu unplug 1 surprise"};
	char text[512];
	char *path = file("stats.json");

	for (size_t i = 0; i < 2; i++) {
		snprintf(text, sizeof(text),
			 "start\nwait packets 2000\n%s\nwait ms 300\nshow port info all\n"
			 "clear fwd stats all\nwait packets 2000\nshow fwd stats all\n"
			 "port attach emu:virtio-net,source\nwait ms 200\nshow config fwd\n"
			 "stop\nquit\n",
			 how[i]);
		cr_expect_eq(run(ARGS("--cmdline-file", script(text), "--stats-json", path,
				      "-pemu:virtio-net,source", "-pemu:virtio-net,source")),
			     0, "%s: %s", how[i], out);
		cr_expect(strstr(out, ") removed: "), "%s: %s", how[i], out);
		cr_expect(strstr(out, "State: removed"), "%s: %s", how[i], out);
		cr_expect(strstr(out, "Port 1 (emu:virtio-net"), "%s: %s", how[i], out);
		cr_expect_null(strstr(out, "(gone)"), "back in the streams: %s", out);
		/* While it was away all that port 0 received was dropped, and counted. */
		cr_expect_gt(json(path, "tx_dropped", 1), 0);
		cr_expect_eq(json(path, "rx_packets", 2),
			     json(path, "tx_packets", 2) + json(path, "tx_dropped", 2));
	}
}

Test(run, detached_stopped_and_reset_ports_leave_the_other_forwarding)
{
	cr_expect_eq(
		run(ARGS(
			"--cmdline-file",
			script("start\nport stop 1\nclear fwd stats all\nwait packets 500\n"
			       "port start 1\nport reset 0\nclear fwd stats all\nwait packets 500\n"
			       "port detach 0\nclear fwd stats all\nwait packets 500\nstop\n"
			       "quit\n"))),
		0, "%s", out);
	cr_expect(strstr(out, "Port 0 (emu:virtio-net"), "%s", out);
}

Test(run, a_place_keeps_the_counters_of_a_device_that_left)
{
	char *path = file("stats.json");

	cr_expect_eq(run(ARGS("--cmdline-file",
			      script("start\nwait packets 2000\nport detach 1\nport attach "
				     "emu:virtio-net,source\nwait packets 4000\nstop\nquit\n"),
			      "--stats-json", path)),
		     0, "%s", out);
	expect_sums(path, false);
}

Test(run, shared_and_separate_address_spaces)
{
	char *commands = script("show ioas\nquit\n");

	cr_expect_eq(run(ARGS("--ioas=shared", "--cmdline-file", commands)), 0, "%s", out);
	cr_expect(strstr(out, "2 devices: port 0"), "%s", out);
	cr_expect_null(strstr(out, "ioas 1 on"), "%s", out);
	cr_expect_eq(run(ARGS("--ioas=per-port", "--cmdline-file", commands)), 0, "%s", out);
	cr_expect(strstr(out, "ioas 1 on iommu emu"), "%s", out);
}

Test(run, linked_ports_of_one_machine_see_each_other)
{
	char *path = file("stats.json");

	cr_expect_eq(run(ARGS("-pemu:virtio-net,link=x", "-pemu:virtio-net,link=x", "--tx-first",
			      "--packets", "5000", "--port-topology=loop", "--stats-json", path)),
		     0, "%s", out);
	cr_expect_geq(json(path, "rx_packets", 2), 5000);
	cr_expect_gt(json(path, "rx_bytes", 1), 0);
}

Test(run, several_queues_and_odd_ports)
{
	char *path = file("stats.json");

	cr_expect_eq(
		run(ARGS("-pemu:virtio-net,source,queues=2", "-pemu:virtio-net,source,queues=2",
			 "-pemu:virtio-net,source,queues=2", "--rxq=2", "--txq=2", "--packets",
			 "5000", "--stats-json", path)),
		0, "%s", out);
	cr_expect(strstr(out, "Port 2 has no partner"), "%s", out);
	cr_expect(strstr(out, "streams=6"), "%s", out);
}

Test(run, json_is_not_renamed_over_a_device)
{
	cr_expect_eq(run(ARGS("--packets=100", "--stats-json=/dev/null")), 0, "%s", out);
	cr_expect_eq(access("/dev/null", W_OK), 0);
	cr_expect_eq(run(ARGS("--packets=100", "--stats-json=/nonexistent/x")), 1, "%s", out);
	cr_expect(strstr(out, "/nonexistent/x"), "%s", out);
}

Test(run, what_cannot_be_opened_is_named_and_the_status_tells)
{
	static const struct {
		char *port;
		const char *text;
	} wrong[] = {
		{"emu:nothing", "nothing"},
		{"emu:virtio-net,colour=red", "colour"},
		{"ffff:ff:1f.7", "ffff:ff:1f.7"},
		{"fish", "fish"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect_eq(run(ARGS("-p", wrong[i].port)), 1, "%s: %s", wrong[i].port, out);
		cr_expect(strstr(out, "port 0 ("), "%s: %s", wrong[i].port, out);
		cr_expect(strstr(out, wrong[i].text), "%s: %s", wrong[i].port, out);
	}
}

Test(run, wrong_arguments_end_it_before_anything_is_touched)
{
	cr_expect_eq(run(ARGS("--forward-mode=fly")), 1);
	cr_expect(strstr(out, "'fly'") && strstr(out, "5tswap"), "%s", out);
	cr_expect_eq(run(ARGS("--nb-cores=9")), 1);
	cr_expect(strstr(out, "--nb-cores: '9'"), "%s", out);
	cr_expect_eq(run(ARGS("--cmdline-file=/nonexistent")), 1);
	cr_expect(strstr(out, "/nonexistent"), "%s", out);
	cr_expect_eq(run((char *[]){UVDK_TESTPMD, "--fish", NULL}), 1);
	cr_expect(strstr(out, "fish"), "%s", out);
	cr_expect_eq(run((char *[]){UVDK_TESTPMD, "--help", NULL}), 0);
	cr_expect(strstr(out, "--stats-json"), "%s", out);
}

Test(run, waiting_for_packets_that_nothing_forwards_is_refused)
{
	cr_expect_eq(run(ARGS("--cmdline-file", script("wait packets 5\nquit\n"), "-i")), 1);
	cr_expect(strstr(out, "nothing forwards"), "%s", out);
	cr_expect(strstr(out, "a command of --cmdline-file failed"), "%s", out);
	cr_expect_eq(run(ARGS("--cmdline-file", script("wait packets 0\nquit\n"))), 0, "%s", out);
}

static int shell(const char *input)
{
	char text[512];

	snprintf(text, sizeof(text),
		 UVDK_TESTPMD " -l 0 --no-huge -m 64 --no-shconf "
			      "--log-level=error -- %s",
		 input);
	return run((char *[]){"/bin/sh", "-c", text, NULL});
}

Test(run, input_that_cannot_be_read_is_its_end)
{
	static const char *const inputs[] = {"</tmp", "<&-", "-i </tmp", "-i <&-"};

	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		cr_expect_eq(shell(inputs[i]), 0, "%s: %s", inputs[i], out);
		cr_expect(strstr(out, "standard input"), "%s: %s", inputs[i], out);
	}
	cr_expect_eq(shell("--packets 100 >/dev/full"), 1, "%s", out);
}

Test(run, mtu_and_queues_are_what_was_asked_for)
{
	cr_expect_eq(run(ARGS("-pemu:virtio-net,source,mtu=9000", "--packets=100")), 0, "%s", out);
	cr_expect_eq(run(ARGS("--mtu=9000", "--rxq=2", "--txq=2", "--packets=100")), 0, "%s", out);
	cr_expect_eq(run(ARGS("--txpkts=1600", "--packets=100")), 1);
	cr_expect(strstr(out, "too long for MTU 1500"), "%s", out);
	cr_expect_eq(run(ARGS("--rxq=1", "--txq=2")), 1);
	cr_expect(strstr(out, "must be equal"), "%s", out);
}

Test(run, what_is_refused_at_once_is_said)
{
	cr_expect_eq(run(ARGS("--cmdline-file", dir)), 1);
	cr_expect(strstr(out, "can't be read"), "%s", out);
	cr_expect_eq(run(ARGS("--duration=0x1p3")), 1);
	cr_expect_eq(run((char *[]){UVDK_TESTPMD, "--proc-type=secondary", "--no-huge", NULL}), 1);
	cr_expect(strstr(out, "only 'primary'"), "%s", out);
	cr_expect_eq(run((char *[]){UVDK_TESTPMD, "--no-huge", "fish", "--", NULL}), 1);
	cr_expect(strstr(out, "'fish' before"), "%s", out);
}

Test(run, in_memory_beside_no_huge_is_no_contradiction)
{
	cr_expect_eq(run((char *[]){UVDK_TESTPMD, "-l", "0", "--no-huge", "-m", "64", "--in-memory",
				    "--log-level=error", "--", "--packets=100", NULL}),
		     0, "%s", out);
}
