// SPDX-License-Identifier: BSD-3-Clause
#include <stddef.h>

#include "engine.h"
#include "served.h"

/* drivers/emu/copier; its registers are in ../README.md. */

static uint32_t copier_access(void *arg, const struct engine_access *a)
{
	const struct served_host *host = arg;
	const struct guest_access access = {
		.tagged = a->tagged,
		.write = a->write,
		.pasid = a->pasid,
		.addr = a->addr,
		.len = a->len,
		.data = a->data,
	};

	return guest_memory_access(&host->memory, &access);
}

static void *copier_open(struct served_host *host, int argc, char **argv)
{
	static struct engine engine;

	(void)argc, (void)argv;
	engine.access = copier_access;
	engine.arg = host;

	return &engine;
}

static void copier_reset(void *engine)
{
	engine_reset(engine);
}

static void copier_configure(void *arg, const struct config_space *config)
{
	struct engine *engine = arg;

	engine->master = config_master(config);
	engine->pasids = config_pasids(config);
}

static bool copier_read(void *engine, unsigned int bar, uint64_t off, uint32_t len, void *data)
{
	return bar == 0 && engine_read(engine, off, len, data);
}

static bool copier_write(void *engine, unsigned int bar, uint64_t off, uint32_t len,
			 const void *data)
{
	return bar == 0 && engine_write(engine, off, len, data);
}

static int copier_step(void *engine)
{
	return engine_step(engine);
}

const struct served served_copier = {
	.name = "copier",
	.identity = {.vendor = 0x1234,
		     .device = 0x7056,
		     .class_revision = 0x12000001,
		     .bar_size = {ENGINE_BAR_SIZE},
		     .requests = 64},
	.open = copier_open,
	.reset = copier_reset,
	.configure = copier_configure,
	.read = copier_read,
	.write = copier_write,
	.step = copier_step,
};
