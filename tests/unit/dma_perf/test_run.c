// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>

#include "program.h"

TestSuite(dma_perf, .init = make_dir, .fini = remove_dir);

/* What is here in any case: one channel, no PASIDs, no scatter lists. */
#define EDU			 "--device", "emu:edu", "--seconds", "0.01"

#define PERF(...)		 ((char *[]){UVDK_DMA_PERF, ##__VA_ARGS__, NULL})

#define expect_perf(status, ...) cr_expect_eq(run(PERF(__VA_ARGS__)), status, "%s", out)

#define SMALL			 "mem_size=1\nbuf_size=64,4096,8,MUL\n"

static char content[1 << 16];

static const char *read_text(const char *name)
{
	FILE *f = fopen(file(name), "r");

	cr_assert_not_null(f, "%s", name);
	content[fread(content, 1, sizeof(content) - 1, f)] = 0;
	fclose(f);

	return content;
}

static unsigned int occurrences(const char *text, const char *what)
{
	unsigned int count = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		count++;
	}

	return count;
}

Test(dma_perf, engine_and_cpu_copy_and_what_arrived_is_compared)
{
	char *ini = script("[d]\ntype=DMA_MEM_COPY\nkick_batch=4\n" SMALL
			   "[c]\ntype=CPU_MEM_COPY\n" SMALL);

	expect_perf(0, EDU, "--config", ini);
	expect_said("[d] DMA_MEM_COPY on emu:edu");
	expect_said("[c] CPU_MEM_COPY");
	expect_said("cycles/op");
	expect_said("bytes were compared, and are right");
}

Test(dma_perf, channels_of_an_engine_have_pasids_of_their_own_and_scatter_lists)
{
	expect_perf(0, "--device", "emu:dsa", "--seconds", "0.01", "--pasids", "-c",
		    script("[d]\ntype=DMA_MEM_COPY\nmem_size=1\nbuf_size=1000\nkick_batch=4\n"
			   "channels=1,4,2,MUL\n"
			   "[g]\ntype=DMA_MEM_COPY\nmem_size=1\nbuf_size=777\nkick_batch=4\n"
			   "dma_src_sge=5\ndma_dst_sge=3\n"));
	expect_said("[g] DMA_MEM_COPY on emu:dsa, 5 pieces to 3");
	expect_said("bytes were compared, and are right");
}

Test(dma_perf, two_threads_copy_beside_each_other)
{
	expect_perf(0, EDU, "-c",
		    script("[c]\ntype=CPU_MEM_COPY\nmem_size=1\nbuf_size=64\nlcore=0, 0\n"));
	cr_expect_eq(occurrences(out, "  lcore 0: "), 2, "%s", out);
}

Test(dma_perf, results_are_written_as_json_and_drawn)
{
	char command[256];

	expect_perf(0, EDU, "-c", script("[d]\ntype=DMA_MEM_COPY\nkick_batch=4\n" SMALL), "--json",
		    file("r.json"), "--svg", file("r.svg"));
	snprintf(command, sizeof(command), "python3 -m json.tool %s >/dev/null", file("r.json"));
	cr_expect_eq(system(command), 0);
	read_text("r.json");
	cr_expect_eq(occurrences(content, "\"cycles_per_copy\":"), 3);
	cr_expect_eq(occurrences(content, "\"buf_size\": 512,"), 1);
	cr_expect_eq(occurrences(content, "\"bytes_verified\": 0,"), 0);
	read_text("r.svg");
	cr_expect(strncmp(content, "<svg ", 5) == 0);
	cr_expect_eq(occurrences(content, "<circle "), 6, "three points in two panels");
	cr_expect_eq(occurrences(content, "nan") + occurrences(content, "inf"), 0, "%s", content);
	snprintf(command, sizeof(command),
		 "python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' %s",
		 file("r.svg"));
	cr_expect_eq(system(command), 0);
}

Test(dma_perf, instructions_are_counted_or_it_says_why_not)
{
	expect_perf(0, EDU, "--instructions", "--json", file("r.json"), "-c",
		    script("[d]\ntype=DMA_MEM_COPY\nmem_size=1\nbuf_size=64\nkick_batch=4\n"));
	read_text("r.json");
	cr_expect(!strstr(content, "\"instructions_per_copy\": null") ==
			  !!strstr(content, "\"instructions_missing\": null"),
		  "%s", content);
	if (strstr(content, "\"instructions_per_copy\": null"))
		expect_said("instructions are not counted: ");
}

Test(dma_perf, the_sample_is_read)
{
	expect_perf(0, "--list", "--config", SAMPLE);
	expect_said("[channels] DMA_MEM_COPY");
	expect_said("buf_size=16384");
	expect_said("[cold] CPU_MEM_COPY, skipped");
}

Test(dma_perf, help_and_version_are_no_failure)
{
	expect_perf(0, "-h");
	expect_said("usage: uvdk-dma-perf");
	expect_said("--version");
	expect_perf(0, "--help");
	expect_said("usage: uvdk-dma-perf");
	expect_perf(0, "--version");
	expect_said("uvdk-dma-perf ");
}

Test(dma_perf, bad_arguments_end_with_2_and_a_sentence)
{
	expect_perf(2, "--seconds", "0");
	expect_said("--seconds '0': give 0.001 to 86400");
	expect_perf(2, "config.ini");
	expect_said("what is 'config.ini'? A file goes with --config");
	expect_perf(2, "--colour");
	expect_said("--help");
	expect_perf(2, "--config", "/nonexistent");
	expect_said("/nonexistent: No such file or directory");
	expect_perf(2, "-c", script("[a]\ntype=DMA_MEM_COPY\nbuf_sise=1\n"));
	expect_said(":3: no key 'buf_sise'");
}

Test(dma_perf, what_the_device_can_not_do_ends_with_1_and_a_sentence)
{
	expect_perf(1, EDU, "--pasids", "-c", script("[d]\ntype=DMA_MEM_COPY\nbuf_size=64\n"));
	expect_said("leave --pasids out");
	expect_perf(1, EDU, "-c", script("[d]\ntype=DMA_MEM_COPY\nbuf_size=2097152\n"));
	expect_said("a buf_size of 2097152: emu:edu copies at most");
	expect_perf(1, EDU, "-c",
		    script("[d]\ntype=DMA_MEM_COPY\nbuf_size=64\ndma_ring_size=32768\n"));
	expect_said("a dma_ring_size of 32768: emu:edu has at most");
	expect_perf(1, EDU, "-c", script("[d]\ntype=DMA_MEM_COPY\nbuf_size=64\nchannels=2\n"));
	expect_said("has 1 channel, and 2 are asked for");
	expect_perf(1, "--device", "emu:dsa,wqs=2", "-c",
		    script("[d]\ntype=DMA_MEM_COPY\nbuf_size=64\nchannels=3\n"));
	expect_said("3 channels are asked for; it has 2 work queues");
	expect_perf(1, EDU, "-c", script("[d]\ntype=DMA_MEM_COPY\nbuf_size=64\ndma_src_sge=2\n"));
	expect_said("emu:edu has no scatter lists");
	expect_perf(1, EDU, "-c", script("[d]\ntype=CPU_MEM_COPY\nbuf_size=64\nlcore=4000\n"));
	expect_said("wants lcore 4000");
	expect_perf(1, EDU, "-c",
		    script("[d]\ntype=CPU_MEM_COPY\nbuf_size=64\nsrc_numa_node=1023\n"));
	expect_said("wants NUMA node 1023");
	expect_perf(1, "--seconds", "0.01", "--device", "emu:nothing");
	expect_said("nothing");
}

Test(dma_perf, a_file_that_can_not_be_written_is_told)
{
	expect_perf(1, EDU, "--json", "/nonexistent/r.json", "-c",
		    script("[d]\ntype=CPU_MEM_COPY\nmem_size=1\nbuf_size=64\n"));
	expect_said("/nonexistent/r.json: No such file or directory");
}
