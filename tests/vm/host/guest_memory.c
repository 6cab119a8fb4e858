// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "guest_memory.h"

enum vtd_fault guest_memory_access(const struct guest_memory *memory, const struct guest_access *a)
{
	const struct vtd_request req = {
		.rid = memory->rid,
		.tagged = a->tagged,
		.write = a->write,
		.pasid = a->pasid,
		.addr = a->addr,
	};
	uint64_t pa = 0;
	enum vtd_fault fault = vtd_translate(&memory->unit, &req, &pa);
	void *at = fault ? NULL : vtd_ram(&memory->unit, pa, a->len);

	if (fault)
		return fault;
	if (!at)
		return VTD_OUTSIDE_RAM;
	if (a->write)
		memcpy(at, a->data, a->len);
	else
		memcpy(a->data, at, a->len);

	return VTD_OK;
}
