// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <unistd.h>

#include "program.h"

/* Commands, typed at the prompt or executed from a file, and what they do to ports. */

TestSuite(commands, .init = make_dir, .fini = remove_dir, .timeout = 2 * DEADLINE_S);

static const char every_command[] = "help\n"
				    "show port info all\n"
				    "show port stats 0\n"
				    "show port xstats all\n"
				    "show port summary all\n"
				    "clear port stats all\n"
				    "set fwd macswap\n"
				    "set burst 16\n"
				    "set burst tx delay 1 retry 5\n"
				    "set txpkts 64,64\n"
				    "set verbose 0\n"
				    "set promisc all on\n"
				    "port stop 0\n"
				    "port start 0\n"
				    "port reset 0\n"
				    "show config fwd\n"
				    "show config rxtx\n"
				    "show iommu\n"
				    "show ioas\n"
				    "show ioas 0\n"
				    "show fwd stats all\n"
				    "clear fwd stats all\n"
				    "csum show 0\n"
				    "set eth-peer 0 02:00:00:00:00:09\n"
				    "start\n"
				    "show fwd stats all\n"
				    "stop\n"
				    "start tx_first\n"
				    "stop\n"
				    "start tx_first 2\n"
				    "stop\n";

Test(commands, every_command_of_the_prompt_works)
{
	struct program p;

	start(&p, ARGS("-i"));
	type(&p, every_command);
	type(&p, "quit\n");
	cr_expect_eq(finish(&p), 0, "%s", out);
	cr_expect_null(strstr(out, "not found"), "%s", out);
	cr_expect_null(strstr(out, "Bad arguments"), "%s", out);
	cr_expect_null(strstr(out, "uvdk-testpmd: "), "a complaint: %s", out);
	expect_said("Infos for port 1");
	expect_said("NIC statistics for port 0");
	expect_said("Set macswap packet forwarding mode");
	expect_said("iommu emu");
	expect_said("ioas 0 on iommu emu");
}

Test(commands, ports_can_be_behind_a_virtio_iommu)
{
	expect_script(0, "show iommu\nstart\nwait packets 500\nstop\nquit\n", "--iommu=virtio-emu");
	expect_said("iommu virtio-emu");
	expect_said("(emu:virtio-net#1): ioas 1, hardware virtio-iommu");
}

Test(commands, a_terminal_has_completion_and_history)
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

Test(commands, wrong_commands_say_what_is_wrong)
{
	struct program p;

	start(&p, ARGS("-i"));
	type(&p,
	     "fly\nset burst 9999\nshow port info 7\nset fwd nonsense\nport attach emu:nothing\n"
	     "start\nstart\nset fwd io\nquit\n");
	cr_expect_eq(finish(&p), 0, "%s", out);
	expect_said("Command not found");
	expect_said("'9999' is not possible");
	expect_said("port 7 is not open");
	expect_said("emu:nothing");
	expect_said("under way already");
	expect_said("stop it first");
}

Test(commands, printing_packets_and_seccomp_exclude_each_other)
{
	struct program p;

	start(&p, ARGS("-i", "--seccomp"));
	type(&p, "set verbose 1\nquit\n");
	cr_expect_eq(finish(&p), 0);
	expect_said("--seccomp forbids");
}

Test(commands, a_file_of_commands_is_executed)
{
	expect_script(0, "# comment\nset fwd macswap\n\nstart\nwait packets 1000\nstop\n"
			 "quit");
	expect_said("macswap packet forwarding - ports=2");
	expect_said("Accumulated");
}

Test(commands, a_file_of_good_commands_gives_status_0)
{
	expect_script(0, every_command);
	cr_expect_null(strstr(out, "uvdk-testpmd: "), "a complaint: %s", out);
}

Test(commands, each_line_that_fails_is_named_and_the_status_tells)
{
	static const char *const wrong[] = {
		"fly",
		"set burst",
		"set burst 9999",
		"set burst tx delay 1000000 retry 1000000",
		"set txpkts 1",
		"set txpkts 9999",
		"set verbose 9",
		"set promisc 7 on",
		"set eth-peer 0 home",
		"set fwd nonsense",
		"csum set tcp hw 0",
		"csum show 7",
		"show port info 7",
		"show port stats x",
		"show port summary 7",
		"show ioas 99",
		"clear port stats 7",
		"port start 7",
		"port detach 7",
		"port attach emu:nothing",
		"emu unplug 7",
		"start tx_first 9999",
		"wait packets 5",
	};
	char text[2048], line[256];
	size_t at = 0;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "help\n%s\n", wrong[i]);
	snprintf(text + at, sizeof(text) - at, "quit\n");
	expect_script(1, text);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(line, sizeof(line), "/script, line %zu: '%s'", 2 * i + 2, wrong[i]);
		expect_said(line);
	}
	expect_said("a command of --cmdline-file failed");
	cr_expect_null(strstr(out, "line 1: "), "%s", out);
}

Test(commands, one_that_fails_is_not_forgotten_over_those_that_follow)
{
	expect_script(1, "start\nset fwd mac\nwait packets 500\nstop\nquit\n");
	expect_said("/script, line 2: 'set fwd mac' failed");
	expect_said("Accumulated");
}

Test(commands, a_line_that_cannot_be_taken_whole_is_not_taken)
{
	char text[9002];

	memset(text, 'x', sizeof(text));
	memcpy(text, "help", 4);
	memset(text + 4, ' ', 8996);
	strcpy(text + 9000, "\n");
	expect_script(1, text, "--packets=100");
	expect_said("/script, line 1: ");
	expect_script(1, "help\rset burst 9999\nquit\n");
	expect_said("/script, line 1: ");
	expect_script(0, "help\r\nquit\r\n");
}

Test(commands, waiting_for_packets_fails_when_the_ports_leave)
{
	expect_script(1, "start\nemu unplug 0 surprise\nemu unplug 1 surprise\n"
			 "wait packets 4000000000\nquit\n");
	expect_said("/script, line 4: 'wait packets 4000000000' failed");
	expect_said(" of 4000000000");
}

Test(commands, waiting_for_packets_fails_when_the_ports_are_stopped_or_broken)
{
	static char *const evil = "-pemu:virtio-net,source,evil=used-idx,evil-after=100";

	expect_script(1, "start\nport stop all\nwait packets 4000000000\nquit\n");
	expect_said(" of 4000000000 were forwarded, and all ports are stopped");
	expect_script(1, "start\nport stop 0\nwait packets 4000000000\nquit\n", evil, evil);
	expect_said(") is broken: ");
	expect_said(" of 4000000000 were forwarded, and all ports are stopped, broken");
	/* Without a prompt nobody could bring them back. */
	expect_run(1, "--packets=4000000000", evil, evil);
	expect_said("--packets: ");
	expect_said(" of 4000000000 were forwarded");
}

Test(commands, waiting_for_packets_that_nothing_forwards_is_refused)
{
	expect_script(1, "wait packets 5\nquit\n", "-i");
	expect_said("nothing forwards");
	expect_said("a command of --cmdline-file failed");
	expect_script(0, "wait packets 0\nquit\n");
}

Test(commands, a_port_leaves_and_comes_back_while_the_other_goes_on)
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

Test(commands, detached_stopped_and_reset_ports_leave_the_other_forwarding)
{
	expect_script(0, "start\nport stop 1\nclear fwd stats all\nwait packets 500\n"
			 "port start 1\nport reset 0\nclear fwd stats all\nwait packets 500\n"
			 "port detach 0\nclear fwd stats all\nwait packets 500\nstop\n"
			 "quit\n");
	cr_expect(strstr(out, "Port 0 (emu:virtio-net"), "%s", out);
}

Test(commands, a_place_keeps_the_counters_of_a_device_that_left)
{
	char *path = file("stats.json");

	expect_script(0,
		      "start\nwait packets 2000\nport detach 1\nport attach "
		      "emu:virtio-net,source\nwait packets 4000\nstop\nquit\n",
		      "--stats-json", path);
	expect_sums(path, false);
}

Test(commands, shared_and_separate_address_spaces)
{
	char *commands = script("show ioas\nquit\n");

	expect_run(0, "--ioas=shared", "--cmdline-file", commands);
	expect_said("2 devices: port 0");
	cr_expect_null(strstr(out, "ioas 1 on"), "%s", out);
	expect_run(0, "--ioas=per-port", "--cmdline-file", commands);
	expect_said("ioas 1 on iommu emu");
}
