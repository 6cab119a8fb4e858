/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_PRIV_H
#define DMA_PRIV_H

#include <uvdk_base_driver.h>
#include <uvdk_dma.h>
#include <uvdk_iommu_driver.h>

#define DMA_COMPONENT "dma"

/**
 * struct dma_memory - memory that is not mapped for DMA yet
 * @va: start, page aligned, zeroed and present
 * @len: bytes, whole pages
 * @page_size: of the pages
 * @memfd: descriptor or -1
 */
struct dma_memory {
	void *va;
	size_t len;
	size_t page_size;
	int memfd;
};

/**
 * dma_memory_get() - allocate
 * @len: bytes, not 0
 * @align: power of two that address and length are a multiple of, if pages are smaller
 * @source: where from
 * @node: NUMA node or UVDK_DMA_ANY_NODE
 * @out: filled in
 *
 * Return: 0, -EINVAL or -ENOMEM with a sentence.
 */
int dma_memory_get(size_t len, size_t align, enum uvdk_dma_source source, int node,
		   struct dma_memory *out);

/**
 * dma_memory_put() - give back
 * @memory: from dma_memory_get()
 */
void dma_memory_put(const struct dma_memory *memory);

/**
 * dma_huge_free() - huge pages that can be had
 * @page_size: bytes
 * @node: NUMA node or UVDK_DMA_ANY_NODE
 *
 * Return: count.
 */
uint64_t dma_huge_free(uint64_t page_size, int node);

/**
 * dma_huge_short() - say that there are too few huge pages, and what to do
 * @len: bytes that were asked for
 * @page_size: bytes
 * @node: NUMA node or UVDK_DMA_ANY_NODE
 *
 * Return: -ENOMEM.
 */
int dma_huge_short(size_t len, uint64_t page_size, int node);

/**
 * dma_node_check() - is there such a NUMA node, with memory?
 * @node: node or UVDK_DMA_ANY_NODE
 *
 * Return: 0, or -EINVAL naming those that are there.
 */
int dma_node_check(int node);

/**
 * dma_node_bind() - let memory come from a node, before it is touched
 * @va: start
 * @len: bytes
 * @node: node or UVDK_DMA_ANY_NODE
 *
 * Return: 0, -ENOMEM or what the kernel said.
 */
int dma_node_bind(void *va, size_t len, int node);

#endif /* DMA_PRIV_H */
