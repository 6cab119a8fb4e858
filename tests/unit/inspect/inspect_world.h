/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef INSPECT_WORLD_H
#define INSPECT_WORLD_H

#include <criterion/criterion.h>

#include <uvdk_inspect.h>
#include <uvdk_iommu.h>
#include <uvdk_mapq.h>
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

/* Two map queues behind a virtio-iommu, shown by the server, too. */
#define MAPQ_LOW   UINT64_C(0x40000000)
#define MAPQ_HIGH  UINT64_C(0x80000000)
#define MAPQ_PAGES 16u

struct world_mapqs {
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;
	struct uvdk_mapq *q[2];
	struct uvdk_mapq_mem *mem[2]; /* all of w.mem */
	bool done;		      /* of who uses them */
};

void mapqs_open(struct world_mapqs *m);
void mapqs_close(struct world_mapqs *m);

/* Pages of the window to the first of the memory, and waits for that. */
void mapqs_map(struct uvdk_mapq *q, struct uvdk_mapq_mem *mem, uvdk_iova_t iova,
	       unsigned int pages);

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
