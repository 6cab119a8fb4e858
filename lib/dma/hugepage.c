// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "dma_priv.h"

#define PATH_SIZE 128

/* A file of the kernel's counts: of one node, or of all where there are none by node. */
static bool read_count(uint64_t page_size, int node, const char *file, char *path, uint64_t *out)
{
	bool read;
	FILE *f = NULL;

	if (node != UVDK_DMA_ANY_NODE) {
		snprintf(path, PATH_SIZE,
			 "/sys/devices/system/node/node%d/hugepages/hugepages-%" PRIu64 "kB/%s",
			 node, page_size >> 10, file);
		f = fopen(path, "re");
	}
	if (!f) {
		snprintf(path, PATH_SIZE, "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s",
			 page_size >> 10, file);
		f = fopen(path, "re");
	}
	if (!f)
		return false;
	read = fscanf(f, "%" SCNu64, out) == 1;
	fclose(f);

	return read;
}

/* Neither in use nor promised; 0 also where the kernel has no pages of that size. */
uint64_t dma_huge_free(uint64_t page_size, int node)
{
	char path[PATH_SIZE];
	uint64_t pages = 0;
	uint64_t promised = 0;

	if (!read_count(page_size, node, "free_hugepages", path, &pages))
		return 0;
	read_count(page_size, UVDK_DMA_ANY_NODE, "resv_hugepages", path, &promised);

	return pages > promised ? pages - promised : 0;
}

int dma_huge_short(size_t len, uint64_t page_size, int node)
{
	uint64_t wanted = len / page_size;
	uint64_t left = dma_huge_free(page_size, node);
	uint64_t all = 0;
	char path[PATH_SIZE];

	if (!read_count(page_size, node, "nr_hugepages", path, &all))
		return uvdk_fail(-ENOMEM, DMA_COMPONENT,
				 "%zu bytes need %" PRIu64 " huge pages of %" PRIu64
				 " kB, which this kernel does not have (no %s): ask for another "
				 "size, or for UVDK_DMA_NORMAL",
				 len, wanted, page_size >> 10, path);

	return uvdk_fail(-ENOMEM, DMA_COMPONENT,
			 "%zu bytes need %" PRIu64 " huge pages of %" PRIu64 " kB and %" PRIu64
			 " are free: as root, echo %" PRIu64 " > %s, or ask for UVDK_DMA_NORMAL",
			 len, wanted, page_size >> 10, left,
			 all + (wanted > left ? wanted - left : 1), path);
}
