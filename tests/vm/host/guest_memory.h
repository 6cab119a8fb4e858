/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "engine.h"
#include "vtd_walk.h"

/* The guest's memory, as the function reaches it: by the tables of the guest's kernel. */
struct guest_memory {
	struct vtd_unit unit;
	uint16_t rid;
};

/* For struct engine; @arg is a struct guest_memory. Returns enum vtd_fault. */
uint32_t guest_memory_access(void *arg, const struct engine_access *a);

#endif /* GUEST_MEMORY_H */
