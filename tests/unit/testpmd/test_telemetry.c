// SPDX-License-Identifier: BSD-3-Clause
#include <sched.h>
#include <time.h>

#include "../eal/asking.h"
#include "program.h"

/* A program that forwards answers at DPDK's telemetry socket, to DPDK's own client. */

TestSuite(testpmd_telemetry, .timeout = 300);

Test(testpmd_telemetry, ports_and_their_memory_are_told_while_packets_flow)
{
	unsigned long long before, now = 0;
	time_t deadline = time(NULL) + DEADLINE_S;
	struct program p;
	const char *text;

	asking_setup();
	start(&p, ARGS("-i"));
	cr_assert(wait_text(&p, "> "), "%s", out);
	text = ask("/uvdk/devices");
	cr_expect(strstr(text, "\"emu:virtio-net#0\""), "%s", text);
	cr_expect(strstr(text, "\"emu:virtio-net#1\""), "%s", text);
	text = ask("/uvdk/eal");
	cr_expect_eq(number(text, "pages"), 64 << 20 >> 12);
	cr_expect_eq(number(text, "missed"), 0);
	type(&p, "start tx_first\n");
	cr_assert(wait_text(&p, "packet forwarding"), "%s", out);
	before = number(ask("/uvdk/queues,1"), "rx_q0_packets");
	/* It moves on. */
	while (now <= before && time(NULL) < deadline)
		now = number(ask("/uvdk/queues,1"), "rx_q0_packets");
	cr_expect_gt(now, before);
	text = ask("/uvdk/queues");
	cr_expect_eq(count_of(text, "\"started\": 1"), 2);
	cr_expect_eq(count_of(text, "\"rx_queues\": 1"), 2);
	type(&p, "stop\n");
	type(&p, "port close 0\n");
	type(&p, "show config fwd\n");
	while (count_of(ask("/uvdk/devices"), "emu:virtio-net") != 1 && time(NULL) < deadline)
		sched_yield();
	cr_expect_eq(count_of(ask("/uvdk/queues"), "\"driver\": \"virtio\""), 1);
	cr_expect(strstr(ask("/uvdk/queues,1"), "there is no port 1"));
	type(&p, "quit\n");
	cr_expect_eq(finish(&p), 0, "%s", out);
	asking_cleanup();
}
