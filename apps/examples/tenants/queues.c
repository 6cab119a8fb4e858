// SPDX-License-Identifier: BSD-3-Clause
/* Many tenants of one DMA engine, each with a queue, a PASID, an address space and memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "queues_priv.h"

#define TENANTS 16u		    /* at most, where nobody says how many */
#define APART	UINT64_C(0x1000000) /* from one's IOVAs to the next one's */
#define BASE	UINT64_C(0x40000000)
#define RESULTS 32

int fail(const char *what)
{
	fprintf(stderr, "tenants: %s\n", what);

	return -1;
}

/* ---- a tenant ---- */

static uint64_t word(uint64_t seed, unsigned int at)
{
	uint64_t x = (seed + at) * UINT64_C(0x9e3779b97f4a7c15);

	return x ^ x >> 29;
}

void tenant_fill(struct tenant *t, uint64_t seed)
{
	t->seed = seed;
	for (unsigned int at = 0; at < TENANT_BYTES; at += sizeof(uint64_t)) {
		uint64_t x = word(seed, at);

		memcpy(t->memory + at, &x, sizeof(x));
	}
	memset(t->memory + TENANT_BYTES, 0, TENANT_BYTES);
}

bool tenant_right(const struct tenant *t)
{
	for (unsigned int at = 0; at < TENANT_BYTES; at += sizeof(uint64_t)) {
		uint64_t x = word(t->seed, at);

		if (memcmp(t->memory + at, &x, sizeof(x)) != 0)
			return false;
	}

	return memcmp(t->memory, t->memory + TENANT_BYTES, TENANT_BYTES) == 0;
}

int tenant_channel(struct engine *e, struct tenant *t)
{
	struct uvdk_dmadev_chan_opts opts = {
		.size = sizeof(opts),
		.ioas = t->ioas,
		.pasid = t->pasid,
	};

	/* Nobody serves the attacker's faults: they are told as they are. */
	if (t->number == e->count - 1)
		opts.flags = UVDK_DMADEV_CHAN_NO_RESUME;
	if (t->waits && t->faultq && uvdk_dmadev_get_info(e->dma)->features & UVDK_DMADEV_BLOCKS)
		opts.flags |= UVDK_DMADEV_CHAN_BLOCK;
	if (uvdk_dmadev_chan_open(e->dma, &opts, &t->chan))
		return fail("no channel");

	return 0;
}

/* A page table of its own, whose faults come to a queue of its own. */
static int tenant_attach(struct engine *e, struct tenant *t)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = UVDK_HWPT_PASID};
	int ret;

	if (e->faultqs && uvdk_faultq_create(e->iommu, NULL, &t->faultq))
		return fail("no fault queue");
	opts.faultq = t->faultq;
	ret = uvdk_hwpt_create(t->ioas, e->dev, &opts, &t->hwpt);
	if (!ret)
		ret = uvdk_hwpt_attach(t->hwpt, e->dev, t->pasid);

	return ret ? fail("a tenant is not attached") : 0;
}

static int tenant_open(struct engine *e, struct tenant *t)
{
	t->iova = BASE + t->number * APART;
	t->memory = mmap(NULL, 2 * TENANT_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->memory == MAP_FAILED) {
		t->memory = NULL;
		return fail("no memory");
	}
	if (uvdk_ioas_create(e->iommu, NULL, &t->ioas) ||
	    uvdk_ioas_map(t->ioas, t->memory, 2 * TENANT_BYTES, UVDK_MAP_RW | UVDK_MAP_FIXED,
			  &t->iova))
		return fail("no address space for a tenant");
	if (uvdk_pasid_alloc(e->owner, 1, UINT32_MAX, &t->pasid))
		return fail("no PASID for a tenant");
	if (tenant_attach(e, t) || tenant_channel(e, t))
		return -1;
	printf("tenant %u: PASID %u, its memory is at IOVA 0x%llx\n", t->number, t->pasid,
	       (unsigned long long)t->iova);

	return 0;
}

static void tenant_close(struct engine *e, struct tenant *t)
{
	uvdk_dmadev_chan_close(t->chan);
	uvdk_hwpt_destroy(t->hwpt); /* detaches */
	uvdk_faultq_destroy(t->faultq);
	if (t->pasid)
		uvdk_pasid_free(e->owner, t->pasid);
	uvdk_ioas_destroy(t->ioas);
	if (t->memory)
		munmap(t->memory, 2 * TENANT_BYTES);
}

void tenant_poll(struct tenant *t)
{
	struct uvdk_dmadev_result results[RESULTS];
	unsigned int count = uvdk_dmadev_completed_status(t->chan, results, RESULTS);

	for (unsigned int i = 0; i < count; i++) {
		t->done++;
		t->failed += results[i].status != UVDK_DMADEV_OK;
		t->faults += results[i].status == UVDK_DMADEV_FAULT;
	}
	t->under_way -= count;
}

int tenant_work(struct tenant *t)
{
	uvdk_iova_t to = t->iova + TENANT_BYTES;

	while (t->under_way < TENANT_WINDOW) {
		size_t at = (size_t)t->next * TENANT_PIECE;

		if (uvdk_dmadev_copy(t->chan, to + at, t->iova + at, TENANT_PIECE, 0) < 0)
			break;
		t->under_way++;
		t->next = (t->next + 1) % (TENANT_BYTES / TENANT_PIECE);
	}
	if (uvdk_dmadev_submit(t->chan))
		return fail("the engine is gone");
	tenant_poll(t);

	return 0;
}

/* ---- all of them ---- */

/*
 * Pages that are asked for are told to whose table it is. Accesses that were refused are told to
 * everybody, by some I/O MMUs; they name the PASID, too.
 */
static void read_faults_of(struct engine *e, struct tenant *t)
{
	const struct tenant *attacker = &e->tenant[e->count - 1];
	struct uvdk_fault faults[RESULTS];
	int count = t->faultq ? uvdk_faultq_read(t->faultq, faults, RESULTS) : 0;

	for (int i = 0; i < count; i++) {
		struct uvdk_fault_answer answer = {.group = faults[i].group,
						   .code = UVDK_FAULT_INVALID};
		bool request = faults[i].type == UVDK_FAULT_PAGE_REQUEST;

		if (faults[i].type == UVDK_FAULT_LOST)
			continue;
		e->reports += t == attacker;
		e->wrong_reports +=
			faults[i].pasid != attacker->pasid || (request && t != attacker);
		if (request && faults[i].last)
			uvdk_faultq_answer(t->faultq, &answer, 1);
	}
}

void read_faults(struct engine *e)
{
	for (unsigned int i = 0; i < e->count; i++)
		read_faults_of(e, &e->tenant[i]);
}

/* ---- setting up ---- */

static int open_channels(struct engine *e, unsigned int bits)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts), .width = bits};
	struct uvdk_dmadev_opts dma = {.size = sizeof(dma), .channels = e->count};
	const struct uvdk_dmadev_info *info;

	if (uvdk_dmadev_open(e->dev, &dma, &e->dma))
		return fail("this is neither a copier nor a DMA engine");
	info = uvdk_dmadev_get_info(e->dma);
	if (!(info->features & UVDK_DMADEV_PASIDS))
		return fail("channels of this engine have no PASIDs");
	if (!e->count)
		e->count = info->max_channels < TENANTS ? info->max_channels : TENANTS;
	printf("driver %s: %u channels, PASIDs of %u bits\n", info->driver, info->max_channels,
	       bits);
	if (e->count > info->max_channels || e->count < 2)
		return fail("each tenant needs a channel, and there are to be two tenants or more");
	if (uvdk_pasid_space_create(&opts, &e->space) ||
	    uvdk_pasid_owner_create(e->space, e->count, &e->owner))
		return fail("no PASIDs");
	e->faultqs = info->features & UVDK_DMADEV_BLOCKS;
	if (!e->faultqs)
		printf("this engine can't wait for pages\n");
	e->tenant = calloc(e->count, sizeof(*e->tenant));

	return e->tenant ? 0 : fail("no memory");
}

int engine_open(struct engine *e, unsigned int bits)
{
	int ret = open_channels(e, bits);

	for (unsigned int i = 0; !ret && i < e->count; i++) {
		e->tenant[i].number = i;
		ret = tenant_open(e, &e->tenant[i]);
		if (!ret)
			tenant_fill(&e->tenant[i], (uint64_t)i << 48);
	}

	return ret ? ret : attack_open(e);
}

void engine_close(struct engine *e)
{
	for (unsigned int i = 0; e->tenant && i < e->count; i++)
		tenant_close(e, &e->tenant[i]);
	attack_close(e);
	uvdk_dmadev_close(e->dma);
	uvdk_pasid_owner_destroy(e->owner);
	uvdk_pasid_space_destroy(e->space);
	free(e->tenant);
}
