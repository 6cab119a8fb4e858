// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dsa.h"
#include "served.h"

/*
 * drivers/emu/dsa. Page requests would have to go through the I/O MMU, which is
 * QEMU's: a page is tried again instead, for some seconds ("patience=").
 */
#define GIVE_UP_S 20
#define FORGET_S  2
#define TRIED	  64
#define AGAIN_US  50

struct tried {
	uint64_t page;
	uint32_t pasid;
	time_t first, last;
};

static struct {
	struct served_host *host;
	struct dsa *dsa;
	time_t patience;
	struct tried tried[TRIED];
} d = {.patience = GIVE_UP_S};

static bool served_access(void *arg, const struct dsa_access *a)
{
	const struct guest_access access = {
		.tagged = a->tagged,
		.write = a->write,
		.pasid = a->pasid,
		.addr = a->addr,
		.len = a->len,
		.data = a->data,
	};

	(void)arg;

	return guest_memory_access(&d.host->memory, &access) == VTD_OK;
}

static int served_ask(void *arg, const struct dsa_access *a, unsigned int group)
{
	uint64_t page = a->addr / 4096;
	struct tried *t = &d.tried[(page ^ a->pasid) % TRIED];
	struct timespec now;

	(void)arg, (void)group;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (t->page != page || t->pasid != a->pasid || now.tv_sec - t->last > FORGET_S)
		*t = (struct tried){.page = page, .pasid = a->pasid, .first = now.tv_sec};
	t->last = now.tv_sec;

	return now.tv_sec - t->first >= d.patience ? -EPERM : -EAGAIN;
}

static void served_irq(void *arg, unsigned int vector)
{
	const uint64_t one = 1;
	int fd = d.host->irq[vector];

	(void)arg;
	if (fd >= 0 && write(fd, &one, sizeof(one)) != sizeof(one))
		fprintf(stderr, "dsa: vector %u is lost\n", vector);
}

static const struct dsa_ops served_ops = {
	.access = served_access,
	.ask = served_ask,
	.irq = served_irq,
};

/* "version=2" and "reorder", of all that there is on the emulated bus, and "patience=SECONDS". */
static void *dsa_open(struct served_host *host, int argc, char **argv)
{
	struct dsa_opts opts = {0};

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "version=2")) {
			opts.version = 0x200;
		} else if (!strcmp(argv[i], "reorder")) {
			opts.reorder = true;
		} else if (!strncmp(argv[i], "patience=", 9)) {
			d.patience = atoi(argv[i] + 9);
		} else {
			fprintf(stderr, "dsa: what is '%s'?\n", argv[i]);
			return NULL;
		}
	}
	d.host = host;
	d.dsa = dsa_create(&served_ops, &d, &opts);

	return d.dsa;
}

static void served_reset(void *engine)
{
	dsa_reset(engine);
}

static void served_configure(void *engine, const struct config_space *config)
{
	struct dsa_config now = {.master = config_master(config), .pasids = config_pasids(config)};

	now.prs = config_requests(config, &now.prs_alloc);
	dsa_configure(engine, &now);
}

static bool inside(unsigned int bar, uint64_t off, uint32_t len)
{
	uint64_t size = bar == 0 ? DSA_BAR0_SIZE : bar == 2 ? DSA_BAR2_SIZE : 0;

	return len && off < size && len <= size - off;
}

static bool served_read(void *engine, unsigned int bar, uint64_t off, uint32_t len, void *data)
{
	uint64_t value;

	if (!inside(bar, off, len))
		return false;
	memset(data, bar == 0 ? 0 : 0xff, len);
	if (bar == 0 && len <= 8 && off % len == 0) {
		value = dsa_read(engine, off, len);
		memcpy(data, &value, len);
	}

	return true;
}

static bool served_write(void *engine, unsigned int bar, uint64_t off, uint32_t len,
			 const void *data)
{
	uint64_t value = 0;

	if (!inside(bar, off, len))
		return false;
	if (bar == 2) {
		dsa_portal(engine, off, len, data);
	} else if (len <= 8 && off % len == 0) {
		memcpy(&value, data, len);
		dsa_write(engine, off, len, value);
	}

	return true;
}

static int served_step(void *engine)
{
	if (dsa_step(engine))
		return 0;

	return dsa_busy(engine) ? AGAIN_US : -1;
}

const struct served served_dsa = {
	.name = "dsa",
	.identity = {.vendor = DSA_VENDOR,
		     .device = DSA_DEVICE,
		     .class_revision = DSA_CLASS << 8,
		     .bar_size = {[0] = DSA_BAR0_SIZE, [2] = DSA_BAR2_SIZE},
		     .vectors = DSA_VECTORS,
		     .table = DSA_MSIX_TABLE,
		     .pending = DSA_MSIX_PENDING,
		     .requests = 512},
	.open = dsa_open,
	.reset = served_reset,
	.configure = served_configure,
	.read = served_read,
	.write = served_write,
	.step = served_step,
};
