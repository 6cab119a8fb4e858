// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "dsa_pmd.h"

#define PROBE_NS UINT64_C(1000000000)

static const struct uvdk_dmadev_chan_ops chan_ops = {
	.copy = dsa_pmd_copy,
	.fill = dsa_pmd_fill,
	.compare = dsa_pmd_compare,
	.crc = dsa_pmd_crc,
	.copy_sg = dsa_pmd_copy_sg,
	.submit = dsa_pmd_submit,
	.completed = dsa_pmd_completed,
	.completed_status = dsa_pmd_completed_status,
	.capacity = dsa_pmd_capacity,
};

/* ---- memory: descriptors, their records, a record for each unit ---- */

static int get_sva_memory(struct dsa_chan *c, size_t len, void **va)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int ret = 0;

	if (mem == MAP_FAILED)
		return uvdk_fail(-ENOMEM, LOG_NAME, "%s: no memory for a ring of %zu bytes",
				 c->dsa->name, len);
	if (c->sva)
		ret = uvdk_sva_share(c->sva, mem, len);
	if (ret) {
		munmap(mem, len);
		return ret;
	}
	c->mem = mem;
	c->mem_len = len;
	*va = mem;

	return 0;
}

static int get_memory(struct dsa_chan *c, struct uvdk_ioas *ioas)
{
	size_t slots = (size_t)c->mask + 1;
	size_t recs = slots * sizeof(struct dsa_rec);
	size_t len = slots * DSA_DESC_SIZE + 2 * recs;
	uint64_t iova;
	void *va = NULL;
	int ret;

	if (ioas) {
		ret = uvdk_dma_alloc(ioas, len, NULL, &c->buf);
		va = c->buf.va;
		iova = c->buf.iova;
	} else {
		ret = get_sva_memory(c, len, &va);
		iova = (uintptr_t)va;
	}
	if (ret)
		return ret;
	c->desc = va;
	c->rec = (struct dsa_rec *)((char *)va + slots * DSA_DESC_SIZE);
	c->batch = c->rec + slots;
	c->desc_iova = iova;
	c->rec_iova = iova + slots * DSA_DESC_SIZE;
	c->batch_iova = c->rec_iova + recs;
	/* Where a slot's record is never changes. */
	for (size_t i = 0; i < slots; i++)
		c->desc[i * DSA_DESC_WORDS + 1] =
			UVDK_LE(64, c->rec_iova + i * sizeof(struct dsa_rec));

	return 0;
}

static void put_memory(struct dsa_chan *c)
{
	uvdk_dma_free(&c->buf);
	if (!c->mem)
		return;
	if (c->sva)
		uvdk_sva_forget(c->sva, c->mem, c->mem_len);
	munmap(c->mem, c->mem_len);
	c->mem = NULL;
}

/* ---- the portal ---- */

/*
 * Without MOVDIR64B a descriptor goes out as eight stores in ascending order, which models
 * behind a trapped BAR put together, and hardware drops: find out which it is.
 */
static int probe_stores(struct dsa_chan *c)
{
	uint64_t deadline = dsa_pmd_now_ns() + PROBE_NS;

	c->desc[0] = UVDK_LE(64, DSA_W0(DSA_OP_NOOP, DSA_FLAG_CRAV | DSA_FLAG_RCR));
	dsa_pmd_portal_write(c, c->desc);
	while (!__atomic_load_n(&c->rec[0].status, __ATOMIC_ACQUIRE)) {
		if (dsa_pmd_now_ns() > deadline)
			return uvdk_fail(-EOPNOTSUPP, LOG_NAME,
					 "%s takes descriptors by MOVDIR64B only, and this CPU "
					 "does not have it",
					 c->dsa->name);
		uvdk_cpu_relax();
	}
	memset(c->desc, 0, sizeof(uint64_t));
	memset(c->rec, 0, sizeof(*c->rec));

	return 0;
}

static int open_portal(struct dsa_chan *c)
{
	c->portal_off = (uint64_t)c->wq << DSA_PORTAL_SHIFT;
	c->portal = uvdk_region_ptr(&c->dsa->portals, c->portal_off, DSA_DESC_SIZE);
	c->movdir = c->portal && dsa_pmd_has_movdir64b();

	return c->portal && !c->movdir ? probe_stores(c) : 0;
}

/* ---- open and close ---- */

static int check(const struct dsa *dsa, const struct uvdk_dmadev_chan_opts *opts, uint32_t pasid)
{
	if (opts->flags & UVDK_DMADEV_CHAN_SHARED)
		return uvdk_fail(
			-EOPNOTSUPP, LOG_NAME,
			"%s: a shared queue takes ENQCMDS here, which only the kernel may "
			"use: bind it to the kernel's driver idxd, and open /dev/dsa/wqX.Y "
			"by uvdk_dsa_open_cdev()",
			dsa->name);
	if (!opts->ioas && !opts->sva)
		return uvdk_fail(-EINVAL, LOG_NAME,
				 "%s: a channel keeps records in memory: give it an ioas or an sva",
				 dsa->name);
	if (pasid && (!dsa->caps.pasid_bits || pasid >> dsa->caps.pasid_bits))
		return uvdk_fail(-EOPNOTSUPP, LOG_NAME, "%s: PASID %u, and it has %u bits of them",
				 dsa->name, pasid, dsa->caps.pasid_bits);

	return 0;
}

static void init(struct dsa_chan *c, struct dsa *dsa, const struct uvdk_dmadev_chan_opts *opts)
{
	unsigned int ring = opts->ring ? opts->ring : RING;

	c->chan.ops = &chan_ops;
	c->dsa = dsa;
	c->mask = ring - 1;
	dsa_set_end(c);
	c->max_len = UINT64_C(1) << dsa->caps.max_len_shift;
	c->max_batch = 1u << dsa->caps.max_batch_shift;
	c->wq_entries = dsa->wq_entries;
	c->flags = opts->flags;
	c->retries = opts->retries;
	c->sva = opts->sva;
	c->pasid = opts->sva ? uvdk_sva_pasid(opts->sva) : opts->pasid;
	c->w0 = DSA_W0(0, DSA_FLAG_CRAV | DSA_FLAG_RCR);
	if (opts->flags & UVDK_DMADEV_CHAN_BLOCK)
		c->w0 |= DSA_W0(0, DSA_FLAG_BOF);
	c->copy = c->w0 | DSA_W0(DSA_OP_COPY, 0);
}

static int get_all(struct dsa_chan *c, const struct uvdk_dmadev_chan_opts *opts)
{
	size_t slots = (size_t)c->mask + 1;

	c->units = calloc(slots, sizeof(*c->units));
	c->slots = calloc(slots, sizeof(*c->slots));
	if (!c->units || !c->slots)
		return uvdk_fail(-ENOMEM, LOG_NAME, "%s: no memory for a ring of %zu", c->dsa->name,
				 slots);

	return get_memory(c, opts->ioas);
}

void dsa_pmd_chan_free(struct dsa_chan *c)
{
	put_memory(c);
	free(c->units);
	free(c->slots);
	free(c);
}

int dsa_pmd_chan_new(struct dsa *dsa, const struct uvdk_dmadev_chan_opts *opts,
		     struct dsa_chan **out)
{
	struct dsa_chan *c = aligned_alloc(64, (sizeof(*c) + 63) & ~(size_t)63);
	int ret;

	if (!c)
		return uvdk_fail(-ENOMEM, LOG_NAME, "%s: no memory for a channel", dsa->name);
	memset(c, 0, sizeof(*c));
	init(c, dsa, opts);
	ret = get_all(c, opts);
	if (ret) {
		dsa_pmd_chan_free(c);
		return ret;
	}
	*out = c;

	return 0;
}

static int connect(struct dsa_chan *c, const struct uvdk_dmadev_chan_opts *opts)
{
	int ret = 0;

	if (opts->flags & UVDK_DMADEV_CHAN_IRQ)
		ret = dsa_pmd_irq_open(c, opts->event_fd);
	if (ret)
		return ret;
	ret = dsa_pmd_wq_enable(c);
	if (ret)
		goto err_irq;
	ret = open_portal(c);
	if (!ret)
		return 0;

	dsa_pmd_wq_disable(c);
err_irq:
	dsa_pmd_irq_close(c);
	return ret;
}

/* From now on, or no more, it is told of what the device reports. */
static void note(struct dsa *dsa, unsigned int wq, struct dsa_chan *c)
{
	pthread_mutex_lock(&dsa->swerr);
	dsa->wq[wq] = c;
	pthread_mutex_unlock(&dsa->swerr);
}

static int start(struct dsa *dsa, struct dsa_chan *c, const struct uvdk_dmadev_chan_opts *opts)
{
	unsigned int wq = 0;
	int ret;

	if (dsa->broken)
		return uvdk_fail(-EPROTO, LOG_NAME,
				 "%s has stopped to answer: close it and open it again", dsa->name);
	while (wq < dsa->channels && dsa->wq[wq])
		wq++;
	if (wq == dsa->channels)
		return uvdk_fail(-EBUSY, LOG_NAME, "%s: all of its %u queues are in use", dsa->name,
				 wq);
	c->wq = wq;
	ret = connect(c, opts);
	if (!ret)
		note(dsa, wq, c);

	return ret;
}

int dsa_pmd_chan_open(void *priv, const struct uvdk_dmadev_chan_opts *opts,
		      struct uvdk_dmadev_chan **out)
{
	struct dsa *dsa = priv;
	struct uvdk_sva_info sva = {0};
	struct dsa_chan *c;
	int ret;

	ret = check(dsa, opts, opts->sva ? uvdk_sva_pasid(opts->sva) : opts->pasid);
	if (ret)
		return ret;
	if (opts->sva)
		uvdk_sva_get_info(opts->sva, &sva);
	ret = dsa_pmd_chan_new(dsa, opts, &c);
	if (ret)
		return ret;
	c->touch = sva.backend == UVDK_SVA_DEMAND;
	pthread_mutex_lock(&dsa->lock);
	ret = start(dsa, c, opts);
	pthread_mutex_unlock(&dsa->lock);
	if (ret) {
		dsa_pmd_chan_free(c);
		return ret;
	}
	*out = &c->chan;

	return 0;
}

void dsa_pmd_chan_close(void *priv, struct uvdk_dmadev_chan *chan)
{
	struct dsa_chan *c = dsa_chan(chan);
	struct dsa *dsa = priv;

	pthread_mutex_lock(&dsa->lock);
	dsa_pmd_wq_disable(c);
	if (!uvdk_device_gone(dsa->dev))
		dsa_pmd_check_swerr(dsa); /* it is not the next one's */
	dsa_pmd_irq_close(c);
	dsa_pmd_ask_no_more(c);
	note(dsa, c->wq, NULL);
	pthread_mutex_unlock(&dsa->lock);
	dsa_pmd_chan_free(c);
}
