/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SERVED_H
#define SERVED_H

#include "config_space.h"
#include "guest_memory.h"

#define SERVED_VECTORS 16

/* What a function may do to the machine it is in. */
struct served_host {
	struct guest_memory memory;
	int irq[SERVED_VECTORS]; /* eventfds, -1: none */
};

/*
 * An engine that can be served. All of it is called from one thread.
 *
 * @open: from command line arguments behind the engine's name; NULL: says why on stderr
 * @reset: power-on state
 * @configure: configuration space has changed
 * @read, @write: registers; false: outside of the BAR
 * @step: some work; how many us there are until more, -1: nothing to do
 */
struct served {
	const char *name;
	struct config_identity identity;
	void *(*open)(struct served_host *host, int argc, char **argv);
	void (*reset)(void *engine);
	void (*configure)(void *engine, const struct config_space *config);
	bool (*read)(void *engine, unsigned int bar, uint64_t off, uint32_t len, void *data);
	bool (*write)(void *engine, unsigned int bar, uint64_t off, uint32_t len, const void *data);
	int (*step)(void *engine);
};

extern const struct served served_copier, served_dsa;

#endif /* SERVED_H */
