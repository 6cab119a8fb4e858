// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <unistd.h>

#include <uvdk_explain_driver.h>

#include "viommu_space.h"

/* Address spaces, and what they can do with the units and endpoints that they have now. */

int viommu_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv)
{
	struct viommu_ioas *own = calloc(1, sizeof(*own));

	if (!own)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for an address space");
	own->viommu = priv;
	own->ioas = ioas;
	LIST_INIT(&own->domains);
	*ioas_priv = own;

	return 0;
}

void viommu_ioas_destroy(void *ioas_priv)
{
	free(ioas_priv);
}

void viommu_ioas_lose(struct viommu_ioas *own, const char *why)
{
	if (__atomic_exchange_n(&own->lost, true, __ATOMIC_ACQ_REL))
		return;
	uvdk_log(UVDK_LOG_ERR, VIOMMU,
		 "%s: devices may still reach the memory of this address space, so what it has "
		 "mapped stays locked until the process ends",
		 why);
}

uint64_t viommu_page_sizes(void *ioas_priv)
{
	uint64_t sizes = ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
	struct viommu_ioas *own = ioas_priv;
	struct viommu_domain *domain;
	uint64_t smallest;

	/* Only the smallest counts (5.13.4): what is larger is made of several. */
	LIST_FOREACH(domain, &own->domains, entry)
	{
		smallest = domain->unit->config.page_sizes & -domain->unit->config.page_sizes;
		sizes &= ~(smallest - 1);
	}

	return sizes;
}

/* ---- apertures ---- */

/* What must not be mapped; grows until it has all. */
struct holes {
	struct uvdk_iova_range *at;
	unsigned int count;
};

static void add_hole(struct holes *holes, uint64_t first, uint64_t last)
{
	if (holes->at)
		holes->at[holes->count] = (struct uvdk_iova_range){first, last};
	holes->count++;
}

static void add_domain(struct holes *holes, const struct viommu_domain *domain)
{
	const struct viommu_config *config = &domain->unit->config;
	const struct viommu_endpoint *endpoint;

	if (config->input_first)
		add_hole(holes, 0, config->input_first - 1);
	if (config->input_last != UINT64_MAX)
		add_hole(holes, config->input_last + 1, UINT64_MAX);
	LIST_FOREACH(endpoint, &domain->endpoints, of_domain)
	{
		for (unsigned int i = 0; i < endpoint->nr_reserved; i++)
			add_hole(holes, endpoint->reserved[i].first, endpoint->reserved[i].last);
	}
}

static void add_all(struct holes *holes, const struct viommu_ioas *own)
{
	const struct viommu_domain *domain;

	holes->count = 0;
	LIST_FOREACH(domain, &own->domains, entry)
	add_domain(holes, domain);
}

static int compare(const void *a, const void *b)
{
	const struct uvdk_iova_range *x = a;
	const struct uvdk_iova_range *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* What lies between ascending holes. */
static int invert(const struct holes *holes, struct uvdk_iova_range *out, unsigned int max)
{
	unsigned int count = 0;
	uint64_t next = 0;

	for (unsigned int i = 0; i <= holes->count; i++) {
		bool tail = i == holes->count;
		uint64_t first = tail ? UINT64_MAX : holes->at[i].first;

		if (tail || first > next) {
			if (out && count < max)
				out[count] = (struct uvdk_iova_range){next, tail ? UINT64_MAX
										 : first - 1};
			count++;
		}
		if (tail || holes->at[i].last == UINT64_MAX)
			break;
		if (holes->at[i].last >= next)
			next = holes->at[i].last + 1;
	}

	return (int)count;
}

int viommu_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max)
{
	struct viommu_ioas *own = ioas_priv;
	struct holes holes = {0};
	int count;

	add_all(&holes, own);
	holes.at = calloc(holes.count + 1, sizeof(*holes.at));
	if (!holes.at)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for IOVA ranges");
	add_all(&holes, own);
	qsort(holes.at, holes.count, sizeof(*holes.at), compare);
	count = invert(&holes, out, max);
	free(holes.at);

	return count;
}

/* ---- what else it is asked ---- */

void viommu_limits(void *ioas_priv, struct uvdk_iommu_limits *out)
{
	struct viommu_ioas *own = ioas_priv;

	if (!own->viommu->emu)
		out->memlock_max = uvdk_memlock_max();
}

int viommu_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out)
{
	const struct viommu_endpoint *endpoint = binding->priv;
	const struct viommu_config *config = &endpoint->unit->config;
	const struct viommu *viommu = priv;

	*out = (struct uvdk_iommu_info){
		.driver = viommu->name,
		.hardware = "virtio-iommu",
		.page_sizes = config->page_sizes,
		.coherent = true,
		.iova_bits = 64 - (unsigned int)__builtin_clzll(config->input_last | 1),
	};

	return 0;
}
