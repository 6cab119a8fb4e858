/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VTD_WALK_H
#define VTD_WALK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Translates the accesses of a device as a VT-d unit in scalable mode does,
 * from the tables that the guest's kernel has built in the guest's memory
 * (Intel VT-d specification 4.1: 3.4 and 3.6 to 3.8, formats in 9.2 and 9.4 to
 * 9.8). Nothing is cached: each call reads every table anew.
 */

/* Why there is no translation. */
enum vtd_fault {
	VTD_OK,
	VTD_NOT_SCALABLE,     /* the root table is not a scalable-mode one, or not known */
	VTD_OUTSIDE_RAM,      /* a table, or what it leads to, is not in the guest's RAM */
	VTD_NO_ROOT,	      /* root entry not present */
	VTD_NO_CONTEXT,	      /* context entry not present */
	VTD_CONTEXT_NO_PASID, /* request with PASID, and the context entry allows none */
	VTD_PASID_RANGE,      /* PASID beyond the PASID directory */
	VTD_NO_DIRECTORY,     /* PASID directory entry not present */
	VTD_NO_PASID,	      /* PASID table entry not present */
	VTD_PASID_INVALID,    /* PASID table entry with values that mean nothing */
	VTD_ADDRESS_WIDTH,    /* address not canonical, or too wide for the table */
	VTD_INTERRUPT_RANGE,  /* 0xfeexxxxx with a PASID */
	VTD_FS_NOT_PRESENT,   /* first-stage entry not present */
	VTD_FS_USER,	      /* first-stage entry for the supervisor only */
	VTD_FS_WRITE,	      /* first-stage entry read-only */
	VTD_SS_READ,	      /* second-stage entry without read permission */
	VTD_SS_WRITE,	      /* second-stage entry without write permission */
	VTD_RESERVED,	      /* a reserved bit is set */
	VTD_UNSTABLE,	      /* an entry kept changing while it was read */
};

struct vtd_unit {
	void *ram;	   /* guest-physical address 0 */
	uint64_t ram_size; /* bytes */
	uint64_t rtaddr;   /* value of the root table address register, 0: not known */
};

struct vtd_request {
	uint16_t rid; /* bus, device, function */
	bool tagged;  /* carries @pasid */
	bool write;
	uint32_t pasid;
	uint64_t addr;
};

/* A translation for one access that stays within 4 KiB; *@pa only if VTD_OK. */
enum vtd_fault vtd_translate(const struct vtd_unit *unit, const struct vtd_request *req,
			     uint64_t *pa);

/* Where @len bytes of guest memory are, or NULL if they are not all RAM. */
void *vtd_ram(const struct vtd_unit *unit, uint64_t pa, uint64_t len);

#endif /* VTD_WALK_H */
