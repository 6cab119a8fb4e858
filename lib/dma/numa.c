// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>

#include "dma_priv.h"

int dma_node_check(int node)
{
	char nodes[256];
	size_t used = 0;

	if (node == UVDK_DMA_ANY_NODE)
		return 0;
	if (numa_available() < 0) {
		if (node == 0)
			return 0;
		return uvdk_fail(
			-EINVAL, DMA_COMPONENT,
			"NUMA node %d was asked for, but this kernel has no NUMA: use node "
			"0 or UVDK_DMA_ANY_NODE",
			node);
	}
	if (node >= 0 && node <= numa_max_node() &&
	    numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)node))
		return 0;

	nodes[0] = '\0';
	for (int i = 0; i <= numa_max_node() && used < sizeof(nodes) - 8; i++)
		if (numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)i))
			used += (size_t)snprintf(nodes + used, sizeof(nodes) - used, " %d", i);

	return uvdk_fail(-EINVAL, DMA_COMPONENT, "NUMA node %d has no memory; those that have:%s",
			 node, nodes);
}

/* Strict: memory that ends up elsewhere is an error, not a surprise. */
int dma_node_bind(void *va, size_t len, int node)
{
	struct bitmask *mask;
	int err = 0;

	if (node == UVDK_DMA_ANY_NODE || numa_available() < 0)
		return 0;
	mask = numa_allocate_nodemask();
	if (!mask)
		return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory for a node mask");

	numa_bitmask_setbit(mask, (unsigned int)node);
	if (mbind(va, len, MPOL_BIND, mask->maskp, mask->size + 1, 0))
		err = uvdk_fail(-errno, DMA_COMPONENT, "can't bind memory to NUMA node %d: %s",
				node, strerror(errno));
	numa_bitmask_free(mask);

	return err;
}
