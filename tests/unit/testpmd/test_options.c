// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

#include "fwd.h"
#include "options.h"

/* Only what each test says; the sentence of a refusal is what a user reads. */
static struct options opts;
static char why[512];

#define PARSE(...) parse((char *[]){"--", ##__VA_ARGS__, NULL})

static enum options_result parse(char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(why, 0, sizeof(why));
	return options_parse(&opts, argc, argv, why, sizeof(why));
}

static bool says(const char *text)
{
	return strstr(why, text) != NULL;
}

Test(options, nothing_given_is_what_the_manual_says)
{
	cr_assert_eq(PARSE(), OPTIONS_RUN);
	cr_expect_eq(opts.ports, 0);
	cr_expect_str_eq(opts.engine->name, "io");
	cr_expect_str_eq(opts.iommu, "auto");
	cr_expect_not(opts.ioas_shared);
	cr_expect_eq(opts.nb_cores, 1);
	cr_expect_eq(opts.rxq, 1);
	cr_expect_eq(opts.burst, 32);
	cr_expect_eq(opts.txpkts[0], 64);
	cr_expect_eq(opts.peer[3].addr_bytes[0], 0x02);
	cr_expect_eq(opts.peer[3].addr_bytes[5], 3);
}

Test(options, values_stand_apart_or_behind_an_equals_sign)
{
	cr_assert_eq(PARSE("--rxq=2", "--txq", "2", "-p", "0000:00:03.0", "-pemu:virtio-net",
			   "--port=00:04.0"),
		     OPTIONS_RUN);
	cr_expect_eq(opts.rxq, 2);
	cr_expect_eq(opts.txq, 2);
	cr_assert_eq(opts.ports, 3);
	cr_expect_str_eq(opts.port[0], "0000:00:03.0");
	cr_expect_str_eq(opts.port[1], "emu:virtio-net");
	cr_expect_str_eq(opts.port[2], "00:04.0");
}

Test(options, every_named_mode_is_there)
{
	static char *const modes[] = {"io",   "mac",	  "macswap", "rxonly", "txonly",
				      "csum", "icmpecho", "5tswap",  "flowgen"};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		cr_assert_eq(PARSE("--forward-mode", modes[i]), OPTIONS_RUN, "%s", modes[i]);
		cr_expect_str_eq(opts.engine->name, modes[i]);
	}
}

Test(options, inspect_may_name_a_socket)
{
	cr_assert_eq(PARSE("--seccomp"), OPTIONS_RUN);
	cr_expect(!opts.inspect);
	cr_assert_eq(PARSE("--inspect", "--seccomp"), OPTIONS_RUN);
	cr_expect(opts.inspect && opts.seccomp && !opts.inspect_path);
	cr_assert_eq(PARSE("--inspect=/a/b"), OPTIONS_RUN);
	cr_expect_str_eq(opts.inspect_path, "/a/b");
	cr_expect_eq(PARSE("--inspect="), OPTIONS_BAD);
	cr_expect_eq(PARSE("--inspect", "/a/b"), OPTIONS_BAD);
}

Test(options, all_the_rest_is_taken)
{
	cr_assert_eq(PARSE("--nb-cores=3", "--rxd=128", "--txd=256", "--burst=64",
			   "--txpkts=60,100,200", "--stats-period=5", "--auto-start", "-i",
			   "--cmdline-file=f", "--duration=0.5", "--stats-json=j", "--packets=10",
			   "--iommu=type1", "--ioas=shared", "--mbuf-size=4096",
			   "--total-num-mbufs=9000", "--mbcache=100", "--tx-first", "--seccomp",
			   "--eth-peer=1,0a:0b:0c:0d:0e:0f", "--port-topology=chained",
			   "--max-pkt-len=9018", "--enable-rx-cksum"),
		     OPTIONS_RUN);
	cr_expect_eq(opts.nb_cores, 3);
	cr_expect_eq(opts.rxd, 128);
	cr_expect_eq(opts.txd, 256);
	cr_expect_eq(opts.burst, 64);
	cr_expect_eq(opts.tx_segs, 3);
	cr_expect_eq(opts.txpkts[2], 200);
	cr_expect_eq(opts.stats_period, 5);
	cr_expect(opts.auto_start && opts.interactive && opts.tx_first && opts.seccomp);
	cr_expect(opts.rx_cksum && opts.ioas_shared);
	cr_expect_str_eq(opts.cmdline_file, "f");
	cr_expect_str_eq(opts.stats_json, "j");
	cr_expect_float_eq(opts.duration, 0.5, 1e-9);
	cr_expect_eq(opts.packets, 10);
	cr_expect_str_eq(opts.iommu, "type1");
	cr_expect_eq(opts.mbuf_size, 4096);
	cr_expect_eq(opts.total_num_mbufs, 9000);
	cr_expect_eq(opts.mbcache, 100);
	cr_expect_eq(opts.peer[1].addr_bytes[5], 0x0f);
	cr_expect_eq(opts.topology, TOPOLOGY_CHAINED);
	cr_expect_eq(opts.mtu, 9000);
}

Test(options, a_wrong_value_is_named_with_what_is_allowed)
{
	static const struct {
		char *arg;
		const char *value;
		const char *allowed;
	} wrong[] = {
		{"--rxq=0", "'0'", "1 to 64"},
		{"--rxq=65", "'65'", "1 to 64"},
		{"--rxq=two", "'two'", "number"},
		{"--rxq=-1", "'-1'", "number"},
		{"--rxq=", "''", "number"},
		{"--burst=513", "'513'", "512"},
		{"--rxd=100", "'100'", "power of two"},
		{"--forward-mode=fly", "'fly'", "io, mac, macswap"},
		{"--iommu=smmu", "'smmu'", "iommufd, type1"},
		{"--ioas=mine", "'mine'", "shared, per-port"},
		{"--port-topology=ring", "'ring'", "paired, chained, loop"},
		{"--txpkts=10", "'10'", "60"},
		{"--txpkts=60,", "'60,'", "60"},
		{"--txpkts=1,2,3,4,5,6,7,8,9", "9'", "1 to 8"},
		{"--duration=long", "'long'", "seconds"},
		{"--duration=-1", "'-1'", "seconds"},
		{"--eth-peer=1", "'1'", "PORT,MAC"},
		{"--eth-peer=99,02:00:00:00:00:00", "'99,", "PORT,MAC"},
		{"--eth-peer=1,fish", "'1,fish'", "PORT,MAC"},
		{"--port=", "''", "PCI address"},
		{"--packets=0", "'0'", "1 to"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert_eq(PARSE(wrong[i].arg), OPTIONS_BAD, "%s", wrong[i].arg);
		cr_expect(says(wrong[i].value) && says(wrong[i].allowed), "%s: %s", wrong[i].arg,
			  why);
	}
}

Test(options, unknown_missing_and_superfluous_words_are_named)
{
	cr_expect_eq(PARSE("--fast"), OPTIONS_BAD);
	cr_expect(says("'--fast'"), "%s", why);
	cr_expect_eq(PARSE("0000:00:03.0"), OPTIONS_BAD);
	cr_expect(says("0000:00:03.0"), "%s", why);
	cr_expect_eq(PARSE("--rxq"), OPTIONS_BAD);
	cr_expect(says("--rxq needs a value"), "%s", why);
	cr_expect_eq(PARSE("--seccomp=yes"), OPTIONS_BAD);
	cr_expect(says("--seccomp takes no value"), "%s", why);
	cr_expect_eq(PARSE("--rx=1"), OPTIONS_BAD, "no abbreviations: scripts would break later");
}

Test(options, combinations_that_cannot_work_are_refused)
{
	cr_expect_eq(PARSE("--rxq=2"), OPTIONS_BAD);
	cr_expect(says("must be equal"), "%s", why);
	cr_expect_eq(PARSE("--burst=0x10"), OPTIONS_RUN);
	cr_expect_eq(opts.burst, 16);
	cr_expect_eq(PARSE("--burst=010"), OPTIONS_RUN);
	cr_expect_eq(opts.burst, 10);
	cr_expect_eq(PARSE("--txpkts=3000"), OPTIONS_BAD);
	cr_expect(says("--mbuf-size"), "%s", why);
	cr_expect_eq(PARSE("--txpkts=3000", "--mbuf-size=4096"), OPTIONS_RUN);
}

Test(options, a_port_too_many_is_refused)
{
	char *argv[2 * MAX_PORTS + 4] = {"--"};
	int argc = 1;

	for (int i = 0; i < MAX_PORTS; i++) {
		argv[argc++] = "-p";
		argv[argc++] = "emu:virtio-net";
	}
	cr_expect_eq(options_parse(&opts, argc, argv, why, sizeof(why)), OPTIONS_RUN);
	argv[argc++] = "-p";
	argv[argc++] = "emu:virtio-net";
	cr_expect_eq(options_parse(&opts, argc, argv, why, sizeof(why)), OPTIONS_BAD);
	cr_expect(says("32"), "%s", why);
}

Test(options, help_ends_without_running)
{
	cr_expect_eq(PARSE("--help"), OPTIONS_EXIT);
	cr_expect_eq(PARSE("-h"), OPTIONS_EXIT);
}
