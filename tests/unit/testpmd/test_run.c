// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

/* Whole runs: what is forwarded, what ends them, what the exit status tells. */

TestSuite(run, .init = make_dir, .fini = remove_dir, .timeout = 2 * DEADLINE_S);

Test(run, without_a_port_an_emulated_pair_forwards_and_the_sums_are_right)
{
	char *path = file("stats.json");

	expect_run(0, "--packets", "20000", "--stats-json", path);
	expect_said("No port given");
	expect_said("Forward statistics for port 0");
	expect_said("Forward statistics for port 1");
	expect_said(" = forwarded ");
	cr_expect_geq(json(path, "rx_packets", 2), 20000);
	expect_sums(path, false);
	/* Nothing temporary is left. */
	cr_expect_eq(unlink(path), 0);
	cr_expect_eq(rmdir(dir), 0, "%s", strerror(errno));
	cr_expect_eq(mkdir(dir, 0700), 0);
}

Test(run, it_can_be_looked_into_while_it_runs)
{
	char option[512], command[1024];
	struct program p;

	snprintf(option, sizeof(option), "--inspect=%s", file("socket"));
	start(&p, ARGS(option, "-i"));
	cr_assert(wait_text(&p, "Looked into at"), "%s", out);
	cr_assert(wait_text(&p, "testpmd> "), "%s", out);
	for (int i = 0; i < 3; i++) {
		static const char *const what[] = {"caps", "ioas", "maps"};

		snprintf(command, sizeof(command), "%s %s --socket %s | grep -q %s", UVDK_IOMMUCTL,
			 what[i], file("socket"), i < 2 ? "emu:virtio-net#1" : "MiB");
		cr_expect_eq(system(command), 0, "%s", command);
	}
	type(&p, "quit\n");
	cr_expect_eq(finish(&p), 0, "%s", out);
	cr_expect_neq(access(file("socket"), F_OK), 0, "the socket goes with it");
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

	expect_run(0, "--forward-mode=rxonly", "--packets", "2000", "--stats-json", path);
	cr_expect_geq(json(path, "rx_packets", 2), 2000);
	cr_expect_eq(json(path, "tx_packets", 2), 0);
	expect_run(0, "--forward-mode=txonly", "--packets", "2000", "--txpkts=60,40",
		   "--stats-json", path);
	cr_expect_gt(json(path, "tx_packets", 2), 0);
	cr_expect_eq(json(path, "rx_packets", 2), 0);
	expect_run(0, "--forward-mode=flowgen", "--packets", "2000", "--stats-json", path);
	cr_expect_gt(json(path, "tx_packets", 2), 0);
}

Test(run, forwarding_makes_no_system_call)
{
	expect_run(0, "--packets", "20000", "--seccomp");
	expect_said("forwarded under seccomp");
}

Test(run, ports_behind_a_virtio_iommu_forward_too_each_in_its_own_space_or_in_one)
{
	static char *const how[] = {"per-port", "shared"};
	char *path = file("stats.json");

	for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		cr_expect_eq(run(ARGS("--iommu", "virtio-emu", "--ioas", how[i], "--packets",
				      "20000", "--seccomp", "--stats-json", path)),
			     0, "%s: %s", how[i], out);
		expect_said("forwarded under seccomp");
		cr_expect_geq(json(path, "rx_packets", 2), 20000);
		expect_sums(path, false);
	}
}

/* With a forwarding lcore beside the main one, where the machine has two CPUs. */
static char *lcores(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1 ? "0,1" : "0";
}

Test(run, on_an_lcore_of_its_own_too)
{
	char **argv = ARGS("--packets", "20000", "--seccomp");

	argv[2] = lcores();
	cr_expect_eq(run(argv), 0, "%s", out);
	expect_said("forwarded under seccomp");
	argv = ARGS("--packets", "20000");
	argv[2] = lcores();
	cr_expect_eq(run(argv), 0, "%s", out);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

Test(run, duration_ends_it)
{
	double begin = now();

	expect_run(0, "--duration", "0.2");
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
	expect_said("Accumulated forward statistics");
	cr_expect_eq(access(path, R_OK), 0);
}

Test(run, with_retries_nothing_is_lost)
{
	char *path = file("stats.json");

	expect_run(0, "--packets", "20000", "--tx-retries=1000000", "--stats-json", path);
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
	expect_run(0);
	expect_said("Accumulated forward statistics");
}

Test(run, linked_ports_of_one_machine_see_each_other)
{
	char *path = file("stats.json");

	expect_run(0, "-pemu:virtio-net,link=x", "-pemu:virtio-net,link=x", "--tx-first",
		   "--packets", "5000", "--port-topology=loop", "--stats-json", path);
	cr_expect_geq(json(path, "rx_packets", 2), 5000);
	cr_expect_gt(json(path, "rx_bytes", 1), 0);
}

Test(run, several_queues_and_odd_ports)
{
	char *path = file("stats.json");

	expect_run(0, "-pemu:virtio-net,source,queues=2", "-pemu:virtio-net,source,queues=2",
		   "-pemu:virtio-net,source,queues=2", "--rxq=2", "--txq=2", "--packets", "5000",
		   "--stats-json", path);
	expect_said("Port 2 has no partner");
	expect_said("streams=6");
}

Test(run, frames_that_a_port_can_never_send_are_told)
{
	expect_run(0, "-pemu:virtio-net,source,len=1514", "-pemu:virtio-net,mtu=900", "--packets",
		   "500");
	expect_said("TX-errors: ");
	expect_run(0, "--packets", "500");
	cr_expect_null(strstr(out, "TX-errors: "), "%s", out);
}

Test(run, json_is_not_renamed_over_a_device)
{
	expect_run(0, "--packets=100", "--stats-json=/dev/null");
	cr_expect_eq(access("/dev/null", W_OK), 0);
	expect_run(1, "--packets=100", "--stats-json=/nonexistent/x");
	expect_said("/nonexistent/x");
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
	expect_run(1, "--forward-mode=fly");
	cr_expect(strstr(out, "'fly'") && strstr(out, "5tswap"), "%s", out);
	expect_run(1, "--nb-cores=9");
	expect_said("--nb-cores: '9'");
	expect_run(1, "--cmdline-file=/nonexistent");
	expect_said("/nonexistent");
	cr_expect_eq(run((char *[]){UVDK_TESTPMD, "--fish", NULL}), 1);
	expect_said("fish");
	cr_expect_eq(run((char *[]){UVDK_TESTPMD, "--help", NULL}), 0);
	expect_said("--stats-json");
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
	expect_run(0, "-pemu:virtio-net,source,mtu=9000", "--packets=100");
	expect_run(0, "--mtu=9000", "--rxq=2", "--txq=2", "--packets=100");
	expect_run(0, "--forward-mode=txonly", "--txpkts=1514", "--packets=100");
	expect_run(1, "--forward-mode=txonly", "--txpkts=1515", "--packets=100");
	expect_said("too long for MTU 1500");
	expect_run(1, "--rxq=1", "--txq=2");
	expect_said("must be equal");
}

Test(run, what_is_refused_at_once_is_said)
{
	expect_run(1, "--cmdline-file", dir);
	expect_said("can't be read");
	expect_run(1, "--duration=0x1p3");
	cr_expect_eq(run((char *[]){UVDK_TESTPMD, "--proc-type=secondary", "--no-huge", NULL}), 1);
	expect_said("only 'primary'");
	cr_expect_eq(run((char *[]){UVDK_TESTPMD, "--no-huge", "fish", "--", NULL}), 1);
	expect_said("'fish' before");
}

Test(run, in_memory_beside_no_huge_is_no_contradiction)
{
	cr_expect_eq(run((char *[]){UVDK_TESTPMD, "-l", "0", "--no-huge", "-m", "64", "--in-memory",
				    "--log-level=error", "--", "--packets=100", NULL}),
		     0, "%s", out);
}
