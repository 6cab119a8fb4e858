// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <numa.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "scenario.h"
#include "worker.h"

#define LINE 64 /* no two buffers share one */

char scenario_no_instructions[256];

struct run {
	const struct options *opts;
	const struct config_case *c;
	const struct scenario *s;
	struct crew crew;
	unsigned int engines;
	struct engine engine[CONFIG_LCORES];
	unsigned int workers; /* that have memory */
	struct worker worker[CONFIG_LCORES];
};

/* ---- who runs where ---- */

static int check_cpu(const struct config_case *c, unsigned int cpu, const cpu_set_t *cpus)
{
	if (CPU_ISSET(cpu, cpus))
		return 0;
	fprintf(stderr,
		"uvdk-dma-perf: [%s] wants lcore %u, which this process may not use: it has "
		"%d CPUs, see 'taskset -p $$'\n",
		c->name, cpu, CPU_COUNT(cpus));

	return -EINVAL;
}

/* The @index-th that there is, and again from the first. */
static unsigned int any_cpu(unsigned int index, const cpu_set_t *cpus)
{
	unsigned int cpu = 0;

	index %= (unsigned int)CPU_COUNT(cpus);
	while (!CPU_ISSET(cpu, cpus) || index--)
		cpu++;

	return cpu;
}

static int assign(struct run *run, unsigned int count)
{
	const struct config_case *c = run->c;
	cpu_set_t cpus;
	int ret = sched_getaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;

	for (unsigned int i = 0; i < count && !ret; i++) {
		const struct config_lcore *lcore = &c->lcore[c->lcores ? i % c->lcores : 0];
		struct worker *w = &run->worker[i];

		w->crew = &run->crew;
		w->cpu = c->lcores ? lcore->cpu : any_cpu(i, &cpus);
		if (c->type == TYPE_DMA)
			w->spec = c->lcores && lcore->spec[0] ? lcore->spec : run->opts->device;
		ret = check_cpu(c, w->cpu, &cpus);
	}

	return ret;
}

/* ---- engines ---- */

static struct engine *find_engine(struct run *run, const char *spec)
{
	for (unsigned int i = 0; i < run->engines; i++)
		if (strcmp(run->engine[i].spec, spec) == 0)
			return &run->engine[i];

	return NULL;
}

static int open_engines(struct run *run, unsigned int count)
{
	int ret = 0;

	for (unsigned int i = 0; i < count && !ret; i++) {
		const char *spec = run->worker[i].spec;
		unsigned int channels = 0;

		if (!spec || find_engine(run, spec))
			continue;
		for (unsigned int k = i; k < count; k++)
			channels += strcmp(run->worker[k].spec, spec) == 0;
		ret = engine_open(run->opts, spec, channels, &run->engine[run->engines]);
		run->engines += !ret;
	}

	return ret;
}

/* ---- workers ---- */

static char *node_memory(size_t len, int node)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (node >= 0 && numa_available() >= 0)
		numa_tonode_memory(p, len, node);

	return p;
}

static int check_node(const struct config_case *c, int node)
{
	int last = numa_available() < 0 ? 0 : numa_max_node();

	if (node <= last)
		return 0;
	fprintf(stderr, "uvdk-dma-perf: [%s] wants NUMA node %d: the last one here is %d\n",
		c->name, node, last);

	return -EINVAL;
}

static int cpu_memory(struct run *run, struct worker *w)
{
	size_t len = run->s->value[VAR_MEM] << 20;
	int ret = check_node(run->c, run->c->src_node);

	if (!ret)
		ret = check_node(run->c, run->c->dst_node);
	if (ret)
		return ret;
	w->src = node_memory(len, run->c->src_node);
	w->dst = node_memory(len, run->c->dst_node);
	if (w->src && w->dst)
		return 0;
	fprintf(stderr, "uvdk-dma-perf: no memory: 2 times %zu bytes for a worker\n", len);

	return -ENOMEM;
}

static int dma_memory(struct run *run, struct worker *w)
{
	struct engine *engine = find_engine(run, w->spec);
	int ret = channel_open(engine, run->c, run->s, &w->channel);

	if (ret)
		return ret;
	w->src = w->channel.src.va;
	w->dst = w->channel.dst.va;
	w->src_iova = w->channel.src.iova;
	w->dst_iova = w->channel.dst.iova;

	return 0;
}

/* Places of the ring that a copy takes, at most: pieces between the edges of both lists. */
static unsigned int places(const struct worker *w)
{
	return w->segs ? w->src_sge + w->dst_sge - 1 : 1;
}

static int plan_dma(struct run *run, struct worker *w)
{
	unsigned int capacity = uvdk_dmadev_capacity(w->channel.chan);

	w->batch = (unsigned int)run->s->value[VAR_BATCH];
	w->src_sge = run->c->src_sge;
	w->dst_sge = run->c->dst_sge;
	if (w->src_sge || w->dst_sge) {
		w->src_sge += !w->src_sge;
		w->dst_sge += !w->dst_sge;
		w->segs = calloc(w->src_sge + w->dst_sge, sizeof(*w->segs));
		if (!w->segs)
			return -ENOMEM;
	}
	w->limit = capacity / places(w);
	if (w->batch <= w->limit)
		return 0;
	fprintf(stderr,
		"uvdk-dma-perf: [%s]: a burst of %u copies, each in up to %u places, does "
		"not fit into the %u places of the ring: give a larger dma_ring_size or a smaller "
		"kick_batch\n",
		run->c->name, w->batch, places(w), capacity);

	return -EINVAL;
}

static int prepare(struct run *run, struct worker *w)
{
	int ret = w->spec ? dma_memory(run, w) : cpu_memory(run, w);

	w->len = run->s->value[VAR_BUF];
	w->stride = (w->len + LINE - 1) / LINE * LINE;
	w->buffers = (unsigned int)((run->s->value[VAR_MEM] << 20) / w->stride);
	if (!ret && w->spec)
		ret = plan_dma(run, w);
	if (ret)
		return ret;
	worker_fill(w);
	if (run->c->flush)
		worker_flush(w);

	return 0;
}

static void release(struct run *run, struct worker *w)
{
	if (w->channel.engine)
		channel_close(&w->channel);
	if (!w->spec && w->src)
		munmap(w->src, run->s->value[VAR_MEM] << 20);
	if (!w->spec && w->dst)
		munmap(w->dst, run->s->value[VAR_MEM] << 20);
	free(w->segs);
}

/* ---- all together ---- */

static struct timespec until(unsigned int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}

	return t;
}

/* Ends with all threads joined. */
static void join(struct run *run, unsigned int count)
{
	while (count--)
		pthread_join(run->worker[count].thread, NULL);
	pthread_mutex_destroy(&run->crew.start);
}

/* Threads begin when all are there; if one can't be had, none does. */
static int start(struct run *run)
{
	unsigned int i;
	int ret = 0;

	pthread_mutex_init(&run->crew.start, NULL);
	pthread_mutex_lock(&run->crew.start);
	for (i = 0; i < run->workers; i++) {
		ret = pthread_create(&run->worker[i].thread, NULL, worker_main, &run->worker[i]);
		if (ret)
			break;
	}
	run->crew.stop = ret != 0;
	pthread_mutex_unlock(&run->crew.start);
	if (!ret)
		return 0;
	fprintf(stderr, "uvdk-dma-perf: no thread for worker %u of %u: %s\n", i + 1, run->workers,
		strerror(ret));
	join(run, i);

	return -ret;
}

static int measure(struct run *run)
{
	struct timespec end;
	int ret = start(run);

	if (ret)
		return ret;
	end = until(run->opts->ms ? run->opts->ms : run->c->ms);
	while (sem_clockwait(&run->crew.failed, CLOCK_MONOTONIC, &end) && errno == EINTR)
		;
	__atomic_store_n(&run->crew.stop, true, __ATOMIC_RELAXED);
	join(run, run->workers);

	return 0;
}

/* What the channel counted is what this program did. */
static int check_counts(struct worker *w)
{
	struct uvdk_dmadev_stats stats;

	if (!w->channel.chan)
		return 0;
	uvdk_dmadev_chan_get_stats(w->channel.chan, &stats);
	if (stats.enqueued == w->enqueued && stats.completed == w->ops && !stats.failed &&
	    stats.bytes == w->ops * w->len)
		return 0;

	return worker_fail(w, -EIO,
			   "the channel counts %llu copies enqueued, %llu completed, %llu "
			   "failed, %llu bytes; it was %llu, %llu, none, %llu",
			   (unsigned long long)stats.enqueued, (unsigned long long)stats.completed,
			   (unsigned long long)stats.failed, (unsigned long long)stats.bytes,
			   (unsigned long long)w->enqueued, (unsigned long long)w->ops,
			   (unsigned long long)(w->ops * w->len));
}

static int check(struct run *run)
{
	for (unsigned int i = 0; i < run->workers; i++) {
		struct worker *w = &run->worker[i];

		if (w->error || check_counts(w) || worker_verify(w)) {
			fprintf(stderr, "uvdk-dma-perf: [%s], worker %u on CPU %u%s%s: %s\n",
				run->c->name, i, w->cpu, w->spec ? ", " : "",
				w->spec ? w->spec : "", w->sentence);
			return w->error;
		}
	}

	return 0;
}

static void add_up(const struct run *run, struct result *out)
{
	double cycles = 0, instructions = 0;

	*out = (struct result){.scenario = *run->s, .shares = run->workers};
	for (unsigned int i = 0; i < run->workers; i++) {
		const struct worker *w = &run->worker[i];
		struct share *share = &out->share[i];

		*share = (struct share){
			.cpu = w->cpu, .ops = w->timed, .ns = w->ns, .cycles = w->cycles};
		snprintf(share->device, sizeof(share->device), "%s", w->spec ? w->spec : "");
		out->ops += w->timed;
		out->mops += (double)w->timed * 1000 / (double)w->ns;
		out->verified += w->verified;
		cycles += (double)w->cycles;
		if (w->instructions < 0)
			out->instructions = -1;
		instructions += w->instructions * (double)w->timed;
		if (run->opts->instructions && w->instructions < 0)
			snprintf(scenario_no_instructions, sizeof(scenario_no_instructions), "%s",
				 w->sentence);
	}
	out->cycles = out->ops ? cycles / (double)out->ops : 0;
	out->gbits = out->mops * (double)run->s->value[VAR_BUF] * 8 / 1000;
	if (out->instructions >= 0)
		out->instructions = out->ops ? instructions / (double)out->ops : -1;
}

static int run_all(struct run *run, unsigned int count)
{
	int ret = assign(run, count);

	if (!ret)
		ret = open_engines(run, count);
	for (; run->workers < count && !ret; run->workers++)
		ret = prepare(run, &run->worker[run->workers]);
	if (!ret)
		ret = measure(run);

	return ret ? ret : check(run);
}

int scenario_run(const struct options *opts, const struct config_case *c, const struct scenario *s,
		 struct result *out)
{
	struct run *run = calloc(1, sizeof(*run));
	int ret;

	if (!run)
		return -ENOMEM;
	run->opts = opts;
	run->c = c;
	run->s = s;
	run->crew.instructions = opts->instructions;
	sem_init(&run->crew.failed, 0, 0);
	ret = run_all(run, (unsigned int)s->value[VAR_CHANNELS]);
	if (!ret)
		add_up(run, out);
	for (unsigned int i = 0; i < run->workers; i++)
		release(run, &run->worker[i]);
	while (run->engines)
		engine_close(&run->engine[--run->engines]);
	sem_destroy(&run->crew.failed);
	free(run);

	return ret;
}
