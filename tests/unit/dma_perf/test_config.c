// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

#define DMA "[a]\ntype=DMA_MEM_COPY\nbuf_size=64\n"
#define CPU "[a]\ntype=CPU_MEM_COPY\nbuf_size=64\n"

static struct config config;
static char error[1024];

static int parse(const char *text)
{
	memset(error, 0, sizeof(error));

	return config_parse("f.ini", text, strlen(text), &config, error, sizeof(error));
}

static void expect_error(const char *text, const char *sentence)
{
	cr_expect_eq(parse(text), -EINVAL, "%s", text);
	cr_expect(strstr(error, sentence), "\"%s\" is not in \"%s\"", sentence, error);
}

static void expect_values(const char *text, enum config_var var, const uint64_t *values,
			  unsigned int count)
{
	struct scenario s;

	cr_assert_eq(parse(text), 0, "%s", error);
	cr_expect_eq(config_running(&config.list[0]), var);
	cr_expect_eq(config_scenarios(&config.list[0]), count);
	for (unsigned int i = 0; i < count; i++) {
		config_scenario(&config.list[0], i, &s);
		cr_expect_eq(s.value[var], values[i], "value %u", i);
	}
	config_free(&config);
}

#define VALUES(...) (uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)

Test(config, what_is_not_said_has_a_default)
{
	struct scenario s;

	cr_assert_eq(parse(DMA), 0, "%s", error);
	cr_assert_eq(config.cases, 1);
	config_scenario(&config.list[0], 0, &s);
	cr_expect_str_eq(config.list[0].name, "a");
	cr_expect_eq(config.list[0].ms, 2000);
	cr_expect_eq(config.list[0].src_node, -1);
	cr_expect_eq(s.value[VAR_MEM], 10);
	cr_expect_eq(s.value[VAR_BATCH], 32);
	cr_expect_eq(s.value[VAR_CHANNELS], 1);
	config_free(&config);
}

Test(config, a_variable_runs_by_adding_or_multiplying_up_to_its_last_value)
{
	expect_values("[a]\ntype=DMA_MEM_COPY\nbuf_size=64,8192,2,MUL\n", VAR_BUF,
		      VALUES(64, 128, 256, 512, 1024, 2048, 4096, 8192));
	expect_values("[a]\ntype=DMA_MEM_COPY\nbuf_size=10 , 35,10, ADD\n", VAR_BUF,
		      VALUES(10, 20, 30));
	expect_values(DMA "kick_batch=1,20,4,MUL\n", VAR_BATCH, VALUES(1, 4, 16));
	expect_values(DMA "kick_batch=1\ndma_ring_size=1,1024,32,MUL\n", VAR_RING,
		      VALUES(1, 32, 1024));
	expect_values(DMA "channels=1,4,1,ADD\n", VAR_CHANNELS, VALUES(1, 2, 3, 4));
}

Test(config, all_of_a_case_is_taken)
{
	const struct config_case *c;

	cr_assert_eq(parse("; a comment\r\n\n# another\n  [ x]  \n[b-1]\ntype = DMA_MEM_COPY\n"),
		     -EINVAL);
	cr_assert_eq(parse("; a comment\r\n\n[b-1]\ntype = DMA_MEM_COPY\t\n buf_size=4096\n"
			   "mem_size=3\nsrc_numa_node=1\ndst_numa_node=-1\ncache_flush=1\n"
			   "test_seconds=0.25\ndma_src_sge=4\ndma_dst_sge=2\nskip=1\n"
			   "direction=mem2mem\n"
			   "lcore_dma=lcore3@emu:dsa,iommu=1, lcore4 , 5@0000:00:04.2"),
		     0, "%s", error);
	c = &config.list[0];
	cr_expect_eq(c->src_node, 1);
	cr_expect_eq(c->dst_node, -1);
	cr_expect(c->flush && c->skip);
	cr_expect_eq(c->ms, 250);
	cr_expect_eq(c->src_sge, 4);
	cr_expect_eq(c->dst_sge, 2);
	cr_assert_eq(c->lcores, 3);
	cr_expect_eq(c->lcore[0].cpu, 3);
	cr_expect_str_eq(c->lcore[0].spec, "emu:dsa,iommu=1");
	cr_expect_str_eq(c->lcore[1].spec, "");
	cr_expect_eq(c->lcore[2].cpu, 5);
	cr_expect_str_eq(c->lcore[2].spec, "0000:00:04.2");
	config_free(&config);
}

Test(config, what_global_says_holds_for_cases_that_say_nothing)
{
	cr_assert_eq(parse("[GLOBAL]\nmem_size=7\ntest_seconds=3\n[a]\ntype=CPU_MEM_COPY\n"
			   "buf_size=8\n[b]\ntype=DMA_MEM_COPY\nbuf_size=8\nmem_size=2\n"),
		     0, "%s", error);
	cr_assert_eq(config.cases, 2);
	cr_expect_eq(config.list[0].var[VAR_MEM].first, 7);
	cr_expect_eq(config.list[1].var[VAR_MEM].first, 2);
	cr_expect_eq(config.list[1].ms, 3000);
	config_free(&config);
	expect_error(CPU "[GLOBAL]\n", "f.ini:4: [GLOBAL] stands before all cases");
}

Test(config, what_global_says_for_the_other_type_says_nothing_of_a_case)
{
	struct scenario s;

	cr_assert_eq(parse("[GLOBAL]\nbuf_size=4,16,2,MUL\ndma_ring_size=16\nkick_batch=16\n"
			   "dma_src_sge=8\nlcore_dma=lcore1, lcore2@emu:dsa\nlcore=5\n"
			   "[c]\ntype=CPU_MEM_COPY\n"
			   "[d]\nbuf_size=8\nkick_batch=1,16,2,MUL\ntype=DMA_MEM_COPY\n"),
		     0, "%s", error);
	config_scenario(&config.list[0], 0, &s);
	cr_expect_eq(s.value[VAR_RING], 0);
	cr_expect_eq(s.value[VAR_CHANNELS], 1);
	cr_expect_eq(config.list[0].src_sge, 0);
	cr_expect_eq(config.list[0].lcore[0].cpu, 5);
	config_scenario(&config.list[1], 0, &s);
	cr_expect_eq(s.value[VAR_RING], 16);
	cr_expect_eq(s.value[VAR_CHANNELS], 2);
	cr_expect_eq(config.list[1].src_sge, 8);
	cr_expect_eq(config.list[1].lcore[0].cpu, 1);
	cr_expect_str_eq(config.list[1].lcore[1].spec, "emu:dsa");
	config_free(&config);
	cr_assert_eq(parse("[GLOBAL]\nkick_batch=1,16,2,MUL\n[c]\ntype=CPU_MEM_COPY\n"
			   "buf_size=64,4096,2,MUL\n"),
		     0, "%s", error);
	cr_expect_eq(config_running(&config.list[0]), VAR_BUF);
	config_free(&config);
	expect_error("[GLOBAL]\nkick_batch=9\n" CPU "kick_batch=8\n",
		     "f.ini:6: kick_batch is not for cases of type CPU_MEM_COPY");
	expect_error("[GLOBAL]\ndma_ring_size=16\n" DMA, "a kick_batch of 32 does not fit");
	expect_error("[GLOBAL]\nkick_batch=0\n" CPU, "f.ini:2: kick_batch: '0' is not within");
}

Test(config, lines_that_are_nothing_are_refused_with_file_and_line)
{
	expect_error("\n\nhello\n", "f.ini:3: neither [SECTION] nor KEY=VALUE: 'hello'");
	expect_error("[a\n", "f.ini:1: a section's name ends with ]");
	expect_error("[]\n", "f.ini:1: a section's name has 1 to 63");
	expect_error("[a\"b]\n", "f.ini:1: a section's name has 1 to 63");
	expect_error("buf_size=3\n", "f.ini:1: buf_size stands before the first [SECTION]");
	expect_error("[a]\n\x01\n", "f.ini:2: byte 0x01, column 1: this is no text");
	expect_error("", "f.ini:0: no case: nothing to measure");
	expect_error(CPU "[a]\n", "f.ini:4: [a] is there already, in line 1");
	expect_error(CPU "buf_size=1\n", "f.ini:4: buf_size is there already, in line 3");
}

Test(config, a_line_that_is_too_long_and_a_nul_are_refused)
{
	char text[2000];

	memset(text, 'x', sizeof(text));
	cr_expect_eq(config_parse("f.ini", text, sizeof(text), &config, error, sizeof(error)),
		     -EINVAL);
	cr_expect(strstr(error, "f.ini:1: a line of more than"), "%s", error);
	cr_expect_eq(config_parse("f.ini", "[a]\n\0", 5, &config, error, sizeof(error)), -EINVAL);
	cr_expect(strstr(error, "f.ini:2: byte 0x00"), "%s", error);
}

Test(config, unknown_keys_are_refused_and_the_known_are_told)
{
	expect_error(DMA "buf_sise=1\n", "f.ini:4: no key 'buf_sise'; there are type, mem_size");
	expect_error(DMA "eal_args=-l 0\n", "there is no EAL here");
	expect_error(CPU "kick_batch=1\n", "f.ini:4: kick_batch is not for cases of type CPU");
	expect_error(CPU "lcore_dma=lcore1\n", "lcore_dma is not for cases of type CPU_MEM_COPY");
	expect_error(DMA "lcore=1\n", "f.ini:4: lcore is not for cases of type DMA_MEM_COPY");
}

Test(config, values_outside_their_limits_are_refused_and_the_limits_told)
{
	expect_error("[a]\ntype=COPY\n", "type: 'COPY' is neither DMA_MEM_COPY nor CPU_MEM_COPY");
	expect_error("[a]\nmem_size=0\n", "f.ini:2: mem_size: '0' is not within 1 and 65536");
	expect_error("[a]\nmem_size=65537\n", "not within 1 and 65536");
	expect_error("[a]\nbuf_size=-1\n", "'-1' is neither a number nor FIRST,LAST,STEP,ADD");
	expect_error("[a]\nbuf_size=\n", "'' is neither a number");
	expect_error("[a]\nbuf_size=1 2\n", "'1 2' is neither a number");
	expect_error("[a]\nbuf_size=99999999999999999999\n", "is neither a number");
	expect_error("[a]\nbuf_size=1,2,3,SUB\n", "is neither a number");
	expect_error("[a]\nbuf_size=1,2\n", "is neither a number");
	expect_error("[a]\nbuf_size=2,1,1,ADD\n", "'2,1,1,ADD' ends before it begins");
	expect_error("[a]\nbuf_size=1,9,1,MUL\n", "does not get on: the least step is 1 with ADD");
	expect_error("[a]\nbuf_size=1,9,0,ADD\n", "does not get on");
	expect_error("[a]\ncache_flush=2\n", "cache_flush: '2' is no number from 0 to 1");
	expect_error("[a]\ndma_src_sge=0\n", "dma_src_sge: '0' is no number from 1 to 256");
	expect_error("[a]\nsrc_numa_node=x\n", "'x' is no NUMA node: 0 to 1023, or -1 for any");
	expect_error("[a]\ntest_seconds=0\n", "'0' are no seconds from 0.001 to 86400");
	expect_error("[a]\ntest_seconds=1.2345\n", "are no seconds");
	expect_error("[a]\ndirection=dev2mem\n", "'dev2mem' can't be done here: only mem2mem");
	expect_error("[a]\nlcore_dma=core1\n",
		     "'core1' is not of the form lcoreN or lcoreN@DEVICE");
	expect_error("[a]\nlcore_dma=lcore1,\n", "'' is not of the form");
	expect_error("[a]\nlcore_dma=lcore1@\n", "is not of the form");
	expect_error("[a]\nlcore=1@emu:dsa\n", "is not of the form N or lcoreN");
}

Test(config, values_that_do_not_go_together_are_refused)
{
	expect_error("[a]\nbuf_size=1\n", "f.ini:1: [a]: type is missing");
	expect_error("[a]\ntype=DMA_MEM_COPY\n[b]\n", "f.ini:1: [a]: buf_size is missing");
	expect_error("[a]\ntype=CPU_MEM_COPY\nmem_size=1\nbuf_size=1048577\n",
		     "a buf_size of 1048577 does not fit into a mem_size of 1 MiB");
	expect_error(DMA "kick_batch=1,2,1,ADD\nmem_size=1,2,1,ADD\n",
		     "mem_size and kick_batch both run: only one of a case may");
	expect_error(DMA "dma_ring_size=100\n", "dma_ring_size takes powers of two only");
	expect_error(DMA "dma_ring_size=64,256,3,MUL\n", "powers of two only");
	expect_error(DMA "dma_ring_size=16\n",
		     "a kick_batch of 32 does not fit into a dma_ring_size of 16");
	expect_error(DMA "dma_src_sge=65\n",
		     "a buf_size of 64 has fewer bytes than there are pieces");
	expect_error("[a]\ntype=CPU_MEM_COPY\nbuf_size=1,1000,1,ADD\n",
		     "buf_size takes more than 256 values");
}

Test(config, a_refused_file_leaves_the_result_alone)
{
	struct config before = {.cases = 7};

	config = before;
	cr_expect_eq(parse(DMA "[b]\n"), -EINVAL);
	cr_expect_eq(config.cases, 7);
	cr_expect_eq(config_read("/nonexistent", &config, error, sizeof(error)), -ENOENT);
	cr_expect_str_eq(error, "/nonexistent: No such file or directory");
	cr_expect_eq(config.cases, 7);
}
