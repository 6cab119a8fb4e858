// SPDX-License-Identifier: BSD-3-Clause
/*
 * One of the tenants attacks the others. What is shown: faults come to the attacker alone, what
 * the others copy is right, and they get on nearly as fast as without it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "machine.h"
#include "queues_priv.h"

#define ROUNDS	  8
#define PAIRS	  8 /* of phases, in a round */
#define PHASE_NS  UINT64_C(15000000)
#define MIN_SHARE 0.7 /* of their rate that the others keep, at least */
#define TRIES	  3   /* to find that: what takes from them takes always */
#define PATIENCE  10  /* seconds */

static uint64_t victims_done(const struct engine *e)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < e->count - 1; i++)
		sum += e->tenant[i].done;

	return sum;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);

	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Everybody has work for the engine, always. */
static int turn(struct engine *e, bool attacked)
{
	for (unsigned int i = 0; i < e->count - 1; i++)
		if (tenant_work(&e->tenant[i]))
			return -1;
	if (attacked)
		attack_turn(e);
	read_faults(e);

	return 0;
}

/* Copies a second of all but the attacker. */
static int phase_by_clock(struct engine *e, bool attacked, double *rate)
{
	uint64_t before = victims_done(e), start = now_ns(CLOCK_MONOTONIC), now = start;

	while (now - start < PHASE_NS) {
		if (turn(e, attacked))
			return -1;
		now = now_ns(CLOCK_MONOTONIC);
	}
	*rate = (double)(victims_done(e) - before) * 1e9 / (double)(now - start);

	return 0;
}

/*
 * An emulated engine is a program, and gets as far as this machine has time for it. So it works
 * only while nobody else does, and what counts is the CPU time that it took for it: that is the
 * same, however much else runs here.
 */
static int phase_by_steps(struct engine *e, bool attacked, double *rate)
{
	uint64_t before = victims_done(e), took = 0;
	int ret = 0;

	machine_hold(e->machine);
	while (!ret && took < PHASE_NS) {
		uint64_t start;

		ret = turn(e, attacked);
		start = now_ns(CLOCK_THREAD_CPUTIME_ID);
		uvdk_emu_step(e->machine->emu);
		took += now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	}
	for (unsigned int i = 0; i < e->count - 1; i++)
		tenant_poll(&e->tenant[i]);
	*rate = (double)(victims_done(e) - before) * 1e9 / (double)took;

	/* Runs in any case: what is closed waits for it. */
	return machine_release(e->machine) ? -1 : ret;
}

static int phase(struct engine *e, bool attacked, double *rate)
{
	return e->machine ? phase_by_steps(e, attacked, rate) : phase_by_clock(e, attacked, rate);
}

/* Every victim has copied all of its memory, and nothing of it is under way any more. */
static int settle(struct engine *e)
{
	time_t give_up = time(NULL) + PATIENCE;

	for (unsigned int i = 0; i < e->count - 1; i++) {
		struct tenant *t = &e->tenant[i];
		uint64_t goal = t->done + TENANT_BYTES / TENANT_PIECE;

		while (t->done < goal && time(NULL) < give_up)
			if (tenant_work(t))
				return -1;
		while (t->under_way && time(NULL) < give_up)
			tenant_poll(t);
		if (t->under_way)
			return fail("copies of a tenant do not end");
	}

	return 0;
}

static int check_data(struct engine *e, uint64_t seed)
{
	for (unsigned int i = 0; i < e->count - 1; i++) {
		if (!tenant_right(&e->tenant[i])) {
			printf("tenant %u: its memory is not what it should be\n", i);
			return -1;
		}
		tenant_fill(&e->tenant[i], seed ^ (uint64_t)i << 48);
	}

	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * The two take turns, so that what else happens on this machine meets both. *@share gets the rate
 * under attack as a part of the one without, of each pair.
 */
static int pairs(struct engine *e, double *rate, double share[PAIRS])
{
	rate[0] = rate[1] = 0;
	for (unsigned int pair = 0; pair < PAIRS; pair++) {
		double quiet, loud;

		if (phase(e, false, &quiet) || phase(e, true, &loud) || attack_stop(e))
			return -1;
		rate[0] += quiet / PAIRS;
		rate[1] += loud / PAIRS;
		share[pair] = quiet > 0 ? loud / quiet : 0;
	}

	return 0;
}

static double median(double *values, unsigned int count)
{
	qsort(values, count, sizeof(values[0]), by_value);

	return values[count / 2];
}

/*
 * *@share: the median of all pairs: a moment in which this machine did something else is none.
 * Each kind of attack has its own, and the worse one counts.
 */
static int rounds(struct engine *e, double *share)
{
	double shares[2][ROUNDS / 2 * PAIRS], rate[2], other;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		double *of_round = shares[round & 1] + (size_t)(round / 2) * PAIRS;

		if (pairs(e, rate, of_round) || attack_end(e) || settle(e) ||
		    check_data(e, round + 1))
			return -1;
		read_faults(e);
		printf("round %u: %.0f copies a second%s, %.0f under attack by %s\n", round + 1,
		       rate[0], e->machine ? " of its own" : "", rate[1],
		       round & 1 ? "descriptors" : "addresses and work");
	}
	*share = median(shares[0], ROUNDS / 2 * PAIRS);
	other = median(shares[1], ROUNDS / 2 * PAIRS);
	*share = other < *share ? other : *share;

	return 0;
}

/* What a real engine's share of its rate is depends on the engine, and on who else uses it. */
static bool kept(const struct engine *e, double share)
{
	return share >= MIN_SHARE || (share > 0 && !e->machine);
}

static int verdict(struct engine *e, double share)
{
	struct tenant *attacker = &e->tenant[e->count - 1];
	uint64_t failed = 0;

	for (unsigned int i = 0; i < e->count - 1; i++)
		failed += e->tenant[i].failed;
	printf("tenant %u tried %llu foreign addresses and %llu descriptors of its own making; to "
	       "be in the way it copied %llu times and posted %llu long operations\n",
	       attacker->number, (unsigned long long)e->attack.addresses,
	       (unsigned long long)e->attack.descriptors, (unsigned long long)e->attack.floods,
	       (unsigned long long)e->attack.longs);
	printf("%llu page faults were told to it, %llu of the others' copies failed\n",
	       (unsigned long long)attacker->faults, (unsigned long long)failed);
	printf("the I/O MMU reported %llu accesses, %llu of them of others\n",
	       (unsigned long long)e->reports, (unsigned long long)e->wrong_reports);
	printf("the others' memory is right, and they had %.0f %% of their rate at the worse\n",
	       share * 100);
	if (!attacker->faults)
		return fail("the attacker met no fault");
	if (failed || e->wrong_reports)
		return fail("others were hit");
	if (!kept(e, share))
		return fail("the attacker takes from the others more than its share of the engine");

	return 0;
}

int engine_run(struct uvdk_iommu *iommu, struct uvdk_device *dev, struct machine *machine,
	       unsigned int count, unsigned int bits)
{
	struct engine e = {
		.iommu = iommu,
		.dev = dev,
		.machine = machine,
		.count = count,
		.attack.random = 1,
	};
	int ret = engine_open(&e, bits);
	double share = 0;

	for (unsigned int i = 0; !ret && i < TRIES && !kept(&e, share); i++)
		ret = rounds(&e, &share);
	if (!ret)
		ret = verdict(&e, share);
	engine_close(&e);

	return ret;
}
