// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_emu_driver.h>

#include "engine.h"

/*
 * "emu:copier": sixteen queues of copies, each copy with a PASID of its own or
 * with none. The function of the VM tests, on the emulated bus: the engine and
 * the registers (tests/vm/README.md) are the same, so what drives one drives
 * the other.
 */
#define CFG_COMMAND    0x04
#define COMMAND_MASTER 0x04
#define EXT_CAP_PASID  0x001b /* PCIe 7.8.9 */
#define PASID_CONTROL  0x06
#define PASID_ENABLE   0x01
#define FAULT_REFUSED  1 /* the unit knows why, and has it recorded */

struct copier {
	pthread_mutex_t lock; /* guards the engine; held during its DMA */
	struct engine engine;
	uint32_t pasid_cap;
};

static uint32_t copier_access(void *arg, const struct engine_access *a)
{
	struct uvdk_emu_function *fn = arg;
	uint32_t pasid = a->tagged ? a->pasid : UVDK_EMU_NO_PASID;
	int err = a->write ? uvdk_emu_dma_write_pasid(fn, pasid, a->addr, a->data, a->len)
			   : uvdk_emu_dma_read_pasid(fn, pasid, a->addr, a->data, a->len);

	return err ? FAULT_REFUSED : 0;
}

static int copier_create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	static const uint8_t pasid[4] = {0, 20}; /* its width, in the upper byte */
	struct copier *copier;
	int off;

	(void)args;
	uvdk_emu_fn_ids(fn, 0x1234, 0x7056, 0, 0, 0x120000, 0);
	uvdk_emu_fn_bar(fn, 0, ENGINE_BAR_SIZE, false);
	off = uvdk_emu_fn_ext_cap(fn, EXT_CAP_PASID, 1, pasid, sizeof(pasid));
	if (off < 0)
		return off;
	copier = calloc(1, sizeof(*copier));
	if (!copier)
		return uvdk_fail(-ENOMEM, "emu.copier", "no memory for %s", uvdk_emu_fn_name(fn));
	pthread_mutex_init(&copier->lock, NULL);
	copier->pasid_cap = (uint32_t)off;
	copier->engine.access = copier_access;
	copier->engine.arg = fn;
	engine_reset(&copier->engine);
	uvdk_emu_fn_set_priv(fn, copier);

	return 0;
}

static void copier_destroy(struct uvdk_emu_function *fn)
{
	struct copier *copier = uvdk_emu_fn_priv(fn);

	pthread_mutex_destroy(&copier->lock);
	free(copier);
}

static void copier_reset(struct uvdk_emu_function *fn)
{
	struct copier *copier = uvdk_emu_fn_priv(fn);

	pthread_mutex_lock(&copier->lock);
	engine_reset(&copier->engine);
	pthread_mutex_unlock(&copier->lock);
}

static uint64_t copier_bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
				unsigned int width)
{
	struct copier *copier = uvdk_emu_fn_priv(fn);
	struct uvdk_le64 value = {0};

	(void)bar;
	pthread_mutex_lock(&copier->lock);
	engine_read(&copier->engine, off, width, &value);
	pthread_mutex_unlock(&copier->lock);

	return uvdk_get64(value);
}

static void copier_bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			     unsigned int width, uint64_t value)
{
	struct copier *copier = uvdk_emu_fn_priv(fn);
	struct uvdk_le64 le = uvdk_to_le64(value);

	(void)bar;
	pthread_mutex_lock(&copier->lock);
	engine_write(&copier->engine, off, width, &le);
	pthread_mutex_unlock(&copier->lock);
	uvdk_emu_kick(fn);
}

static bool enabled(struct uvdk_emu_function *fn, uint32_t off, uint16_t bit)
{
	struct uvdk_le16 value = {0};

	return !uvdk_emu_config_read(fn, off, &value, sizeof(value)) && uvdk_get16(value) & bit;
}

static bool copier_step(struct uvdk_emu_function *fn)
{
	struct copier *copier = uvdk_emu_fn_priv(fn);
	bool busy;

	pthread_mutex_lock(&copier->lock);
	copier->engine.master = enabled(fn, CFG_COMMAND, COMMAND_MASTER);
	copier->engine.pasids = enabled(fn, copier->pasid_cap + PASID_CONTROL, PASID_ENABLE);
	busy = engine_step(&copier->engine) >= 0;
	pthread_mutex_unlock(&copier->lock);

	return busy;
}

extern const struct uvdk_emu_model uvdk_model_copier;

const struct uvdk_emu_model uvdk_model_copier = {
	.name = "copier",
	.create = copier_create,
	.destroy = copier_destroy,
	.reset = copier_reset,
	.bar_read = copier_bar_read,
	.bar_write = copier_bar_write,
	.step = copier_step,
};
