/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "vtd_walk.h"

/* The guest's memory, as the function reaches it: by the tables of the guest's kernel. */
struct guest_memory {
	struct vtd_unit unit;
	uint16_t rid;
};

/* An access; stays within a page of 4 KiB. */
struct guest_access {
	bool tagged; /* carries @pasid */
	bool write;
	uint32_t pasid;
	uint64_t addr;
	uint64_t len;
	void *data; /* written: its source */
};

/* Carry it out, or say why there is no translation. */
enum vtd_fault guest_memory_access(const struct guest_memory *memory, const struct guest_access *a);

#endif /* GUEST_MEMORY_H */
