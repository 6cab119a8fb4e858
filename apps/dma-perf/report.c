// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_json_driver.h>

#include "report.h"

static const char *type_name(const struct config_case *c)
{
	return c->type == TYPE_DMA ? "DMA_MEM_COPY" : "CPU_MEM_COPY";
}

/* ---- text ---- */

void report_text_head(FILE *to, const struct case_results *results)
{
	const struct config_case *c = results->c;

	fprintf(to, "[%s] %s", c->name, type_name(c));
	if (c->type == TYPE_DMA)
		fprintf(to, " on %s", results->device);
	if (c->src_sge || c->dst_sge)
		fprintf(to, ", %u pieces to %u", c->src_sge ? c->src_sge : 1,
			c->dst_sge ? c->dst_sge : 1);
	fprintf(to, "\n%10s %6s %6s %6s %9s %10s %11s %11s %11s\n", "bytes", "MiB", "ring", "batch",
		"channels", "cycles/op", "MOPS", "Gbit/s", "instr/op");
}

static void number_or_none(FILE *to, int width, int digits, double value)
{
	if (value < 0)
		fprintf(to, " %*s", width, "-");
	else
		fprintf(to, " %*.*f", width, digits, value);
}

void report_text_line(FILE *to, const struct case_results *results, const struct result *r)
{
	const uint64_t *v = r->scenario.value;
	bool dma = results->c->type == TYPE_DMA;

	fprintf(to, "%10llu %6llu", (unsigned long long)v[VAR_BUF], (unsigned long long)v[VAR_MEM]);
	number_or_none(to, 6, 0, dma && v[VAR_RING] ? (double)v[VAR_RING] : -1);
	number_or_none(to, 6, 0, dma ? (double)v[VAR_BATCH] : -1);
	fprintf(to, " %9u %10.1f %11.4f %11.4f", r->shares, r->cycles, r->mops, r->gbits);
	number_or_none(to, 11, 1, r->instructions);
	fprintf(to, "\n");
	for (unsigned int i = 0; i < r->shares && r->shares > 1; i++)
		fprintf(to, "%24s lcore %u: %llu copies, %.4f MOPS\n", "", r->share[i].cpu,
			(unsigned long long)r->share[i].ops,
			(double)r->share[i].ops * 1000 / (double)r->share[i].ns);
	fflush(to);
}

/* ---- JSON ---- */

static void json_share(FILE *to, const struct share *s, const char *comma)
{
	fprintf(to, "%s\n        {\"lcore\": %u, \"device\": ", comma, s->cpu);
	if (s->device[0])
		uvdk_json_text(to, s->device);
	else
		fprintf(to, "null");
	fprintf(to, ", \"copies\": %llu, \"ns\": %llu, \"cycles\": %llu}",
		(unsigned long long)s->ops, (unsigned long long)s->ns,
		(unsigned long long)s->cycles);
}

static void json_result(FILE *to, const struct result *r, const char *comma)
{
	fprintf(to, "%s\n      {", comma);
	for (unsigned int v = 0; v < VARS; v++)
		fprintf(to, "\"%s\": %llu, ", config_var_name(v),
			(unsigned long long)r->scenario.value[v]);
	fprintf(to,
		"\"copies\": %llu, \"cycles_per_copy\": %.2f, \"mops\": %.6f, "
		"\"gbits_per_second\": %.6f, ",
		(unsigned long long)r->ops, r->cycles, r->mops, r->gbits);
	if (r->instructions < 0)
		fprintf(to, "\"instructions_per_copy\": null, ");
	else
		fprintf(to, "\"instructions_per_copy\": %.2f, ", r->instructions);
	fprintf(to, "\"bytes_verified\": %llu, \"workers\": [", (unsigned long long)r->verified);
	for (unsigned int i = 0; i < r->shares; i++)
		json_share(to, &r->share[i], i ? "," : "");
	fprintf(to, "]}");
}

static void json_case(FILE *to, const struct case_results *c, const char *comma)
{
	fprintf(to, "%s\n    {\"name\": ", comma);
	uvdk_json_text(to, c->c->name);
	fprintf(to,
		", \"type\": \"%s\", \"runs\": \"%s\", \"dma_src_sge\": %u, \"dma_dst_sge\": %u, "
		"\"cache_flush\": %s, \"scenarios\": [",
		type_name(c->c), config_var_name(config_running(c->c)), c->c->src_sge,
		c->c->dst_sge, c->c->flush ? "true" : "false");
	for (unsigned int i = 0; i < c->count; i++)
		json_result(to, &c->list[i], i ? "," : "");
	fprintf(to, "]}");
}

void report_json(FILE *to, const struct results *results)
{
	fprintf(to, "{\n  \"program\": \"uvdk-dma-perf\",\n  \"version\": \"%s\",\n  \"device\": ",
		UVDK_VERSION);
	uvdk_json_text(to, results->opts->device);
	fprintf(to, ",\n  \"pasids\": %s,\n  \"instructions_missing\": ",
		results->opts->pasids ? "true" : "false");
	if (scenario_no_instructions[0])
		uvdk_json_text(to, scenario_no_instructions);
	else
		fprintf(to, "null");
	fprintf(to, ",\n  \"cases\": [");
	for (unsigned int i = 0; i < results->count; i++)
		json_case(to, &results->list[i], i ? "," : "");
	fprintf(to, "]\n}\n");
}

/* ---- files ---- */

int report_file(const char *path, void (*write)(FILE *to, const struct results *results),
		const struct results *results)
{
	FILE *to = fopen(path, "we");
	bool bad = !to;
	int err = errno;

	if (to) {
		write(to, results);
		bad = ferror(to);
		bad |= fclose(to) != 0;
		err = errno;
	}
	if (!bad)
		return 0;
	fprintf(stderr, "uvdk-dma-perf: %s: %s\n", path, strerror(err));

	return -EIO;
}
