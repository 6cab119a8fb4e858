// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include <uvdk_base.h>

#include "report.h"

#define SENTENCE 1024

/* What is measured without --config. */
static const char without[] = "[dma]\n"
			      "type=DMA_MEM_COPY\n"
			      "mem_size=1\n"
			      "buf_size=64,65536,4,MUL\n"
			      "test_seconds=0.2\n"
			      "[cpu]\n"
			      "type=CPU_MEM_COPY\n"
			      "mem_size=1\n"
			      "buf_size=64,65536,4,MUL\n"
			      "test_seconds=0.2\n";

static int read_config(const struct options *opts, struct config *config)
{
	char error[SENTENCE];
	int ret = opts->config ? config_read(opts->config, config, error, sizeof(error))
			       : config_parse("(built in)", without, sizeof(without) - 1, config,
					      error, sizeof(error));

	if (ret)
		fprintf(stderr, "uvdk-dma-perf: %s\n", error);

	return ret;
}

/* ---- --list ---- */

static void list_case(const struct config_case *c)
{
	struct scenario s;

	printf("[%s] %s%s\n", c->name, c->type == TYPE_DMA ? "DMA_MEM_COPY" : "CPU_MEM_COPY",
	       c->skip ? ", skipped" : "");
	for (unsigned int i = 0; i < config_scenarios(c) && !c->skip; i++) {
		config_scenario(c, i, &s);
		printf(" ");
		for (unsigned int v = 0; v < VARS; v++)
			printf(" %s=%llu", config_var_name(v), (unsigned long long)s.value[v]);
		printf("\n");
	}
}

static int list(const struct config *config)
{
	for (unsigned int i = 0; i < config->cases; i++)
		list_case(&config->list[i]);

	return 0;
}

/* ---- measuring ---- */

static const char *device_of(const struct options *opts, const struct config_case *c)
{
	if (c->type == TYPE_CPU)
		return "";

	return c->lcores && c->lcore[0].spec[0] ? c->lcore[0].spec : opts->device;
}

static int run_case(const struct options *opts, const struct config_case *c,
		    struct case_results *out)
{
	unsigned int count = config_scenarios(c);
	struct scenario s;
	int ret = 0;

	*out = (struct case_results){.c = c, .device = device_of(opts, c)};
	out->list = calloc(count, sizeof(*out->list));
	if (!out->list) {
		fprintf(stderr, "uvdk-dma-perf: no memory for the results of [%s]\n", c->name);
		return -1;
	}
	report_text_head(stdout, out);
	for (unsigned int i = 0; i < count && !ret; i++) {
		config_scenario(c, i, &s);
		ret = scenario_run(opts, c, &s, &out->list[i]);
		if (ret)
			break;
		out->count++;
		report_text_line(stdout, out, &out->list[i]);
	}

	return ret;
}

static void say_last(const struct options *opts, const struct results *results)
{
	unsigned long long verified = 0;

	for (unsigned int i = 0; i < results->count; i++)
		for (unsigned int k = 0; k < results->list[i].count; k++)
			verified += results->list[i].list[k].verified;
	printf("%llu bytes were compared, and are right\n", verified);
	if (opts->instructions && scenario_no_instructions[0])
		printf("instructions are not counted: %s\n", scenario_no_instructions);
}

static int run(const struct options *opts, const struct config *config, struct results *results)
{
	int ret = 0;

	for (unsigned int i = 0; i < config->cases && !ret; i++)
		if (!config->list[i].skip)
			ret = run_case(opts, &config->list[i], &results->list[results->count++]);
	if (ret)
		return ret;
	say_last(opts, results);
	if (opts->json)
		ret = report_file(opts->json, report_json, results);
	if (!ret && opts->svg)
		ret = report_file(opts->svg, report_svg, results);

	return ret;
}

static int measure(const struct options *opts, const struct config *config)
{
	struct results results = {.opts = opts};
	int ret = -1;

	results.list = calloc(config->cases, sizeof(*results.list));
	if (results.list)
		ret = run(opts, config, &results);
	for (unsigned int i = 0; i < results.count; i++)
		free(results.list[i].list);
	free(results.list);

	return ret;
}

int main(int argc, char **argv)
{
	struct options opts;
	struct config config;
	int ret = options_parse(argc, argv, &opts);

	if (ret)
		return ret < 0 ? 2 : 0;
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	ret = read_config(&opts, &config);
	if (ret)
		return 2;
	ret = opts.list ? list(&config) : measure(&opts, &config);
	config_free(&config);

	return ret ? 1 : 0;
}
