// SPDX-License-Identifier: BSD-3-Clause
/*
 * dsa_killed BDF ROUNDS: a process opens a DSA, copies on channels with PASIDs, checks
 * what it copied, goes on as fast as it can, and is killed at some moment, also while it
 * sets up. Then the next one does the same with the same device. After each nothing is
 * pinned that was not before; the last one may live, and close.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "dsa_guest.h"

#define CHANNELS 3u
#define LEN	 ((size_t)256 << 10)
#define IOVA	 UINT64_C(0x40000000)
#define COPY_US	 30000 /* that one goes on copying, at most */
#define STAGE_US 2000  /* ... or is in a part of setting up */

/* How far a process has got. */
enum stage { OPENING, STARTING, CHANNELS_OPENING, CHECKING, COPYING, STAGES };

static const char *const stage_names[STAGES] = {"opening", "enabling", "opening channels",
						"checking", "copying"};

struct shared {
	int stage;
	uint64_t copies; /* enqueued by the one that lives */
};

struct tenant {
	uint32_t pasid;
	uint8_t *mem; /* source, destination */
	struct uvdk_ioas *ioas;
	struct uvdk_pasid_attachment at;
	struct uvdk_dmadev_chan *chan;
};

static volatile struct shared *shared;
static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;

	return random_state;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);

	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- the one that is killed ---- */

static void tenant_open(struct dsa_guest *g, struct tenant *t)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts)};
	uvdk_iova_t iova = IOVA;

	t->mem = dsa_guest_pages(2 * LEN);
	for (size_t i = 0; i < LEN; i += sizeof(uint64_t)) {
		uint64_t x = random_next();

		memcpy(t->mem + i, &x, sizeof(x));
	}
	CHECK_EQ(uvdk_ioas_create(g->iommu, NULL, &t->ioas), 0);
	CHECK_EQ(uvdk_ioas_map(t->ioas, t->mem, 2 * LEN, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	CHECK_EQ(uvdk_pasid_alloc(g->owner, 1, UINT32_MAX, &t->pasid), 0);
	CHECK_EQ(uvdk_pasid_attach(g->owner, t->pasid, t->ioas, g->dev, &t->at), 0);
	opts.ioas = t->ioas;
	opts.pasid = t->pasid;
	CHECK_EQ(uvdk_dmadev_chan_open(g->dma, &opts, &t->chan), 0);
}

static void tenant_close(struct dsa_guest *g, struct tenant *t)
{
	uvdk_dmadev_chan_close(t->chan);
	CHECK_EQ(uvdk_pasid_free(g->owner, t->pasid), 0);
	uvdk_ioas_destroy(t->ioas);
	munmap(t->mem, 2 * LEN);
}

static void copy(struct tenant *t, size_t at, size_t len)
{
	struct uvdk_dmadev_result r;
	int number;

	number = uvdk_dmadev_copy(t->chan, IOVA + LEN + at, IOVA, len, UVDK_DMADEV_SUBMIT);
	CHECK(number >= 0, "%d", number);
	r = dsa_guest_wait(t->chan);
	CHECK(r.status == UVDK_DMADEV_OK, "status %u, code 0x%02x", r.status, r.code);
}

/* A piece of odd size, and nothing else is written; then all of it. */
static void check(struct tenant *t)
{
	size_t at = 1 + random_next() % 5000, len = 1 + random_next() % 20000;

	copy(t, at, len);
	CHECK(!memcmp(t->mem + LEN + at, t->mem, len), "a piece is wrong");
	CHECK(!t->mem[LEN + at - 1] && !t->mem[LEN + at + len], "too much was written");
	copy(t, 0, LEN);
	CHECK(!memcmp(t->mem + LEN, t->mem, LEN), "the copy is wrong");
}

static void copy_on(struct tenant *t)
{
	for (;;) {
		struct uvdk_dmadev_chan *c = t[random_next() % CHANNELS].chan;
		size_t len = 1 + random_next() % LEN;
		bool failed = false;

		if (uvdk_dmadev_copy(c, IOVA + LEN, IOVA, len, (unsigned int)random_next() & 3) >=
		    0)
			shared->copies++;
		uvdk_dmadev_completed(c, 8, NULL, &failed);
		CHECK(!failed, "a copy failed");
	}
}

/* Does not return if it is to be killed. */
static void live(const char *bdf, bool dies)
{
	struct tenant tenants[CHANNELS];
	struct dsa_guest g;

	dsa_guest_open(&g, bdf, CHANNELS);
	shared->stage = STARTING;
	dsa_guest_start(&g, CHANNELS);
	shared->stage = CHANNELS_OPENING;
	for (unsigned int i = 0; i < CHANNELS; i++)
		tenant_open(&g, &tenants[i]);
	shared->stage = CHECKING;
	for (unsigned int i = 0; i < CHANNELS; i++)
		check(&tenants[i]);
	shared->stage = COPYING;
	if (dies)
		copy_on(tenants);
	for (unsigned int i = 0; i < CHANNELS; i++)
		tenant_close(&g, &tenants[i]);
	dsa_guest_close(&g);
}

/* ---- the one that kills ---- */

static pid_t start(const char *bdf, bool dies)
{
	pid_t pid;

	shared->stage = OPENING;
	shared->copies = 0;
	random_next();
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (!pid) {
		live(bdf, dies);
		exit(0);
	}

	return pid;
}

/* Until it copies, or for a time; it must not end by itself. */
static void wait_for(pid_t pid, int stage, uint64_t most_us)
{
	uint64_t begin = now_us();
	int status;

	while (shared->stage < stage && now_us() - begin < most_us) {
		CHECK(!waitpid(pid, &status, WNOHANG), "it ended by itself, while %s",
		      stage_names[shared->stage]);
		usleep(100);
	}
}

/* Pages that are pinned for devices, in the whole system. */
static long long pinned(void)
{
	long long count, sum = 0;
	char line[128];
	FILE *f = fopen("/proc/sys/vm/stat_refresh", "we");

	/* Each CPU counts for itself until it is told to hand it in. */
	CHECK(f && fputs("1", f) >= 0 && !fclose(f), "statistics");
	f = fopen("/proc/vmstat", "re");
	CHECK(f, "statistics");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "nr_foll_pin_acquired %lld", &count) == 1)
			sum += count;
		else if (sscanf(line, "nr_foll_pin_released %lld", &count) == 1)
			sum -= count;
	fclose(f);

	return sum;
}

static void kill_one(pid_t pid)
{
	int status;

	CHECK(!kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid, "kill");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it had ended by itself");
}

/* Every second one dies while it sets up, in each part of that in turn, the others while they copy.
 */
static void round_of(const char *bdf, unsigned int i)
{
	static uint64_t open_us; /* what the first part takes is the kernel's reset, mostly */
	int stage = i % 2 ? (int)(i / 2 % COPYING) : COPYING;
	uint64_t begin = now_us(), most = stage == COPYING ? COPY_US : STAGE_US;
	pid_t pid = start(bdf, true);

	if (!i) {
		wait_for(pid, STARTING, DSA_PATIENCE * UINT64_C(1000000));
		open_us = now_us() - begin;
	}
	wait_for(pid, stage, DSA_PATIENCE * UINT64_C(1000000));
	CHECK(shared->stage >= stage, "it does not get to %s", stage_names[stage]);
	wait_for(pid, STAGES, random_next() % (stage ? most : open_us));
	kill_one(pid);
}

static void live_and_close(const char *bdf)
{
	pid_t pid = start(bdf, false);
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && !status, "the last one ends with %d", status);
}

int main(int argc, char **argv)
{
	unsigned int rounds, died[STAGES] = {0};
	uint64_t copies = 0;
	long long before;

	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	rounds = (unsigned int)atoi(argv[2]);
	random_state = now_us() | 1;
	printf("  random numbers begin with %llu\n", (unsigned long long)random_state);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(shared != MAP_FAILED, "memory");
	live_and_close(argv[1]);
	before = pinned();
	for (unsigned int i = 0; i < rounds; i++) {
		round_of(argv[1], i);
		died[shared->stage]++;
		copies += shared->copies;
		CHECK_EQ(pinned(), before);
	}
	live_and_close(argv[1]);
	CHECK_EQ(pinned(), before);
	for (int i = 0; i < STAGES; i++)
		printf("  killed while %s: %u\n", stage_names[i], died[i]);
	printf("  %u killed, %llu copies: all good\n", rounds, (unsigned long long)copies);

	return 0;
}
