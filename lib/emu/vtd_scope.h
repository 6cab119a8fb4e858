/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_VTD_SCOPE_H
#define UVDK_EMU_VTD_SCOPE_H

#include "vtd_priv.h"

/* What to remove; fields that are not looked at are 0. */
struct vtd_scope {
	unsigned int kind;
	bool all_ids;	  /* else @id */
	uint16_t id;	  /* requester or domain, as the kind has it */
	uint16_t id_mask; /* bits of it that are not compared */
	bool by_did;	  /* compare @did, whatever the ID is */
	uint16_t did;
	bool all_pasids; /* else @pasid */
	uint32_t pasid;
	bool by_domain; /* whatever the PASID; pages are those of the second stage */
	uint64_t first; /* byte addresses */
	uint64_t last;
};

/* vtd_remove.c; takes the gate */
void vtd_remove(struct vtd *vtd, const struct vtd_scope *scopes, unsigned int count);

#endif /* UVDK_EMU_VTD_SCOPE_H */
