/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef INSPECT_WORLD_H
#define INSPECT_WORLD_H

#include <criterion/criterion.h>

#include <uvdk_inspect.h>
#include <uvdk_iommu.h>
#include <uvdk_pasid_attach.h>

/*
 * An emulated copier whose RID is attached to one address space and two of whose PASIDs are to
 * another; a server at a path of its own.
 */
struct world {
	char folder[64];
	char path[100];
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_ioas *rid_ioas;
	struct uvdk_ioas *pasid_ioas;
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_owner *owner;
	uint32_t pasid[2];
	struct uvdk_pasid_attachment at[2];
	char *mem;
	uvdk_iova_t iova;
	struct uvdk_inspect *inspect;
};

#define WORLD_MEM 16384

extern struct world w;

void world_open(void);
void world_close(void);

/* Detach the PASIDs, and end the address space that they are attached to. */
void world_end_pasid_ioas(void);

/* A connection, or -1 with errno. */
int client_connect(void);

/* What a connection receives up to its end, of at most 30 seconds: a string to be freed. */
char *client_read(int fd);

/* What is answered to a line; NULL: nothing. To be freed. */
char *client_ask(const char *line);

/* Is a Python expression over the JSON document d true? */
bool json_holds(const char *json, const char *expression);

/* The same, of what is answered. */
bool answer_holds(const char *line, const char *expression);

#endif /* INSPECT_WORLD_H */
