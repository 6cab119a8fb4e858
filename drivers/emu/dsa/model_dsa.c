// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_emu_driver.h>

#include "args.h"
#include "dsa.h"

/* "emu:dsa": Intel's Data Streaming Accelerator on the emulated bus. */
#define LOG	       "emu.dsa"
#define CFG_COMMAND    0x04
#define COMMAND_MASTER 0x0004

/* Capabilities: PCI Express 10.5.1, 10.5.2, 7.8.9. */
#define EXT_ATS	      0x000f
#define EXT_PRI	      0x0013
#define EXT_PASID     0x001b
#define PRI_CONTROL   0x04
#define PRI_ALLOC     0x0c
#define PASID_CONTROL 0x06
#define ENABLE	      0x0001

struct model {
	struct uvdk_emu_function *fn;
	struct dsa *dsa;
	uint32_t pasid, pri;  /* where they are, 0: nowhere */
	pthread_mutex_t lock; /* around what configuration space says, until it is told */
	bool vanished;
};

static bool model_access(void *arg, const struct dsa_access *a)
{
	const struct model *m = arg;
	uint32_t pasid = a->tagged ? a->pasid : UVDK_EMU_NO_PASID;

	return !(a->write ? uvdk_emu_dma_write_pasid(m->fn, pasid, a->addr, a->data, a->len)
			  : uvdk_emu_dma_read_pasid(m->fn, pasid, a->addr, a->data, a->len));
}

/* What could not be queued, or is refused, has been answered when this returns. */
static int model_ask(void *arg, const struct dsa_access *a, unsigned int group)
{
	const struct model *m = arg;
	uint32_t pasid = a->tagged ? a->pasid : UVDK_EMU_NO_PASID;
	int ret = uvdk_emu_page_request(m->fn, pasid, a->addr, a->write, group, true);

	return ret && uvdk_emu_fn_gone(m->fn) ? ret : 0;
}

static void model_irq(void *arg, unsigned int vector)
{
	const struct model *m = arg;

	uvdk_emu_irq(m->fn, vector);
}

static const struct dsa_ops model_ops = {
	.access = model_access,
	.ask = model_ask,
	.irq = model_irq,
};

static int add_capabilities(struct model *m, const struct dsa_lacks *lacks)
{
	static const uint8_t ats[4] = {0x20};		      /* page aligned */
	static const uint8_t pri[12] = {0, 0, 0, 0x81, 0, 2}; /* 512; answers have PASIDs */
	static const uint8_t pasid[4] = {0, 20};	      /* bits */
	int off = uvdk_emu_fn_ext_cap(m->fn, EXT_ATS, 1, ats, sizeof(ats));

	if (off >= 0 && !lacks->pasid) {
		off = uvdk_emu_fn_ext_cap(m->fn, EXT_PASID, 1, pasid, sizeof(pasid));
		m->pasid = (uint32_t)off;
	}
	if (off >= 0 && !lacks->pri) {
		off = uvdk_emu_fn_ext_cap(m->fn, EXT_PRI, 1, pri, sizeof(pri));
		m->pri = (uint32_t)off;
	}
	if (off < 0)
		return off;

	return uvdk_emu_fn_msix(m->fn, DSA_VECTORS, 0, DSA_MSIX_TABLE, DSA_MSIX_PENDING);
}

static int model_create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	struct dsa_lacks lacks = {0};
	struct dsa_opts opts = {0};
	struct model *m;
	int ret = dsa_parse(args, &opts, &lacks);

	if (ret)
		return ret;
	m = calloc(1, sizeof(*m));
	if (!m)
		return uvdk_fail(-ENOMEM, LOG, "no memory for %s", uvdk_emu_fn_name(fn));
	m->fn = fn;
	uvdk_emu_fn_ids(fn, DSA_VENDOR, DSA_DEVICE, DSA_VENDOR, 0, DSA_CLASS, 0);
	uvdk_emu_fn_bar(fn, 0, DSA_BAR0_SIZE, true);
	uvdk_emu_fn_bar(fn, 2, DSA_BAR2_SIZE << (opts.wqs > 8), true);
	ret = add_capabilities(m, &lacks);
	if (ret)
		goto err_free;
	m->dsa = dsa_create(&model_ops, m, &opts);
	if (!m->dsa) {
		ret = uvdk_fail(-ENOMEM, LOG, "no memory for %s", uvdk_emu_fn_name(fn));
		goto err_free;
	}
	pthread_mutex_init(&m->lock, NULL);
	uvdk_emu_fn_set_priv(fn, m);

	return 0;

err_free:
	free(m);
	return ret;
}

static void model_destroy(struct uvdk_emu_function *fn)
{
	struct model *m = uvdk_emu_fn_priv(fn);

	dsa_destroy(m->dsa);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static void model_reset(struct uvdk_emu_function *fn)
{
	struct model *m = uvdk_emu_fn_priv(fn);

	dsa_reset(m->dsa);
}

static uint32_t config32(struct uvdk_emu_function *fn, uint32_t off)
{
	struct uvdk_le32 value = {0};

	return uvdk_emu_config_read(fn, off, &value, sizeof(value)) ? 0 : uvdk_get32(value);
}

static struct dsa_config read_config(const struct model *m)
{
	struct dsa_config config = {.master = config32(m->fn, CFG_COMMAND) & COMMAND_MASTER};

	if (m->pasid)
		config.pasids = config32(m->fn, m->pasid + PASID_CONTROL - 2) >> 16 & ENABLE;
	if (m->pri) {
		config.prs = config32(m->fn, m->pri + PRI_CONTROL) & ENABLE;
		config.prs_alloc = config32(m->fn, m->pri + PRI_ALLOC);
	}

	return config;
}

/*
 * By whoever writes a register as well: a command must see what configuration space said when it
 * was given. Reading and telling are one, or an older state would replace a newer one.
 */
static void refresh_config(struct model *m)
{
	struct dsa_config config;

	pthread_mutex_lock(&m->lock);
	config = read_config(m);
	dsa_configure(m->dsa, &config);
	pthread_mutex_unlock(&m->lock);
}

static uint64_t model_bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			       unsigned int width)
{
	struct model *m = uvdk_emu_fn_priv(fn);

	/* Portals can't be read: all ones (9.3). */
	return bar == 0 ? dsa_read(m->dsa, off, width) : UINT64_MAX;
}

static void model_bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			    unsigned int width, uint64_t value)
{
	struct model *m = uvdk_emu_fn_priv(fn);
	struct uvdk_le64 le = uvdk_to_le64(value);

	if (bar == 0) {
		refresh_config(m);
		dsa_write(m->dsa, off, width, value);
		uvdk_emu_kick(fn);
	} else {
		dsa_portal(m->dsa, off, width, &le);
		if (off % 64 == 56)
			uvdk_emu_kick(fn);
	}
}

/* Its configuration space goes, too: what reads it finds nobody there. */
static void vanish(struct model *m)
{
	if (!m->vanished)
		memset(uvdk_emu_fn_config(m->fn), 0xff, 4096);
	m->vanished = true;
}

static bool model_step(struct uvdk_emu_function *fn)
{
	struct model *m = uvdk_emu_fn_priv(fn);
	bool busy;

	refresh_config(m);
	busy = dsa_step(m->dsa);
	if (dsa_gone(m->dsa))
		vanish(m);

	return busy;
}

static void model_page_response(struct uvdk_emu_function *fn, uint32_t pasid, unsigned int group,
				enum uvdk_emu_page_code code)
{
	struct model *m = uvdk_emu_fn_priv(fn);

	(void)pasid;
	dsa_answer(m->dsa, group, (unsigned int)code);
	uvdk_emu_kick(fn);
}

extern const struct uvdk_emu_model uvdk_model_dsa;

const struct uvdk_emu_model uvdk_model_dsa = {
	.name = "dsa",
	.create = model_create,
	.destroy = model_destroy,
	.reset = model_reset,
	.bar_read = model_bar_read,
	.bar_write = model_bar_write,
	.step = model_step,
	.page_response = model_page_response,
};
