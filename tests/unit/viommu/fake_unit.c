// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_unit.h"

static struct fake_unit *fake_of(struct viommu_unit *unit)
{
	return (struct fake_unit *)unit;
}

void unit_reset(struct fake_unit *fake, bool notice)
{
	fake->wants_reset = notice;
	if (fake->keeps)
		return;
	fake->nr_maps = 0;
	fake->nr_attached = 0;
}

void unit_answer(struct fake_unit *fake, enum viommu_op op, unsigned int skip, int err)
{
	fake->answer.op = op;
	fake->answer.skip = skip;
	fake->answer.count = 1;
	fake->answer.err = err;
}

void unit_begin(struct fake_unit *fake, struct viommu *viommu, unsigned int index)
{
	*fake = (struct fake_unit){.unit = {.viommu = viommu,
					    .index = index,
					    .dev = (struct uvdk_device *)fake,
					    .config = {.page_sizes = ~UINT64_C(4095),
						       .input_last = (UINT64_C(1) << 39) - 1,
						       .domain_first = 1,
						       .domain_last = 4,
						       .probe_size = 512}}};
	pthread_mutex_init(&fake->unit.lock, NULL);
	LIST_INIT(&fake->unit.domains);
	LIST_INSERT_HEAD(&viommu->units, &fake->unit, entry);
}

void unit_end(struct fake_unit *fake)
{
	LIST_REMOVE(&fake->unit, entry);
	pthread_mutex_destroy(&fake->unit.lock);
}

static bool domain_exists(const struct fake_unit *fake, uint32_t domain)
{
	for (unsigned int i = 0; i < fake->nr_attached; i++)
		if (fake->attached[i].domain == domain)
			return true;

	return false;
}

static void drop_maps(struct fake_unit *fake, uint32_t domain, uint64_t first, uint64_t last)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < fake->nr_maps; i++) {
		struct fake_map *map = &fake->maps[i];

		if (map->domain != domain || map->first < first || map->last > last)
			fake->maps[kept++] = *map;
	}
	fake->nr_maps = kept;
}

static int detach(struct fake_unit *fake, uint32_t endpoint)
{
	for (unsigned int i = 0; i < fake->nr_attached; i++) {
		uint32_t domain = fake->attached[i].domain;

		if (fake->attached[i].endpoint != endpoint)
			continue;
		fake->attached[i] = fake->attached[--fake->nr_attached];
		if (!domain_exists(fake, domain))
			drop_maps(fake, domain, 0, UINT64_MAX);
		return 0;
	}

	return -EINVAL;
}

static int attach(struct fake_unit *fake, const struct viommu_request *r)
{
	detach(fake, r->endpoint);
	fake->attached[fake->nr_attached].endpoint = r->endpoint;
	fake->attached[fake->nr_attached++].domain = r->domain;

	return 0;
}

static int map(struct fake_unit *fake, const struct viommu_request *r)
{
	if (!domain_exists(fake, r->domain))
		return -ENOENT;
	for (unsigned int i = 0; i < fake->nr_maps; i++)
		if (fake->maps[i].domain == r->domain && r->first <= fake->maps[i].last &&
		    fake->maps[i].first <= r->last)
			return -EINVAL;
	if (r->last > fake->unit.config.input_last)
		return -ERANGE;
	fake->maps[fake->nr_maps++] =
		(struct fake_map){r->domain, r->first, r->last, r->phys, r->flags};

	return 0;
}

static int unmap(struct fake_unit *fake, const struct viommu_request *r)
{
	if (!domain_exists(fake, r->domain))
		return -ENOENT;
	drop_maps(fake, r->domain, r->first, r->last);

	return 0;
}

int viommu_call(struct viommu_unit *unit, const struct viommu_request *r)
{
	struct fake_unit *fake = fake_of(unit);

	if (unit->dead || fake->gone)
		return -ENODEV;
	if (fake->wants_reset)
		return -ECANCELED;
	fake->requests[r->op]++;
	if (fake->answer.count && fake->answer.op == r->op) {
		if (!fake->answer.skip) {
			fake->answer.count--;
			if (fake->answer.err == -ECANCELED)
				unit_reset(fake, true);
			return fake->answer.err;
		}
		fake->answer.skip--;
	}
	switch (r->op) {
	case VIOMMU_ATTACH:
		return attach(fake, r);
	case VIOMMU_DETACH:
		return detach(fake, r->endpoint);
	case VIOMMU_MAP:
		return map(fake, r);
	case VIOMMU_UNMAP:
		return unmap(fake, r);
	default:
		memcpy(r->reply, fake->properties, fake->nr_properties);
		return 0;
	}
}

int viommu_empty(struct viommu_unit *unit, uint32_t domain)
{
	struct fake_unit *fake = fake_of(unit);

	if (unit->dead || fake->gone)
		return -ENODEV;
	if (fake->wants_reset)
		return -ECANCELED;
	drop_maps(fake, domain, 0, UINT64_MAX);

	return 0;
}

int viommu_unit_check(struct viommu_unit *unit)
{
	struct fake_unit *fake = fake_of(unit);
	struct viommu_domain *domain;
	int err = 0;

	if (!fake->wants_reset)
		return 0;
	fake->wants_reset = false;
	fake->resets++;
	LIST_FOREACH(domain, &unit->domains, of_unit)
	{
		err = err ? err : viommu_domain_restore(domain);
	}
	unit->dead = unit->dead || err;

	return err ? -ENODEV : 0;
}

const struct fake_map *unit_find(const struct fake_unit *fake, uint32_t endpoint, uint64_t iova)
{
	for (unsigned int e = 0; e < fake->nr_attached; e++) {
		if (fake->attached[e].endpoint != endpoint)
			continue;
		for (unsigned int i = 0; i < fake->nr_maps; i++)
			if (fake->maps[i].domain == fake->attached[e].domain &&
			    fake->maps[i].first <= iova && iova <= fake->maps[i].last)
				return &fake->maps[i];
	}

	return NULL;
}

/* ---- what the driver asks of devices ---- */

bool fake_device_gone(const struct uvdk_device *dev);
const struct uvdk_device_info *fake_device_info(const struct uvdk_device *dev);
int fake_device_region(struct uvdk_device *dev, unsigned int index, struct uvdk_region *out);

bool fake_device_gone(const struct uvdk_device *dev)
{
	return ((const struct fake_unit *)dev)->gone;
}

const struct uvdk_device_info *fake_device_info(const struct uvdk_device *dev)
{
	static const struct uvdk_device_info info = {.name = "0000:00:05.0"};

	(void)dev;
	return &info;
}

int fake_device_region(struct uvdk_device *dev, unsigned int index, struct uvdk_region *out)
{
	(void)dev;
	(void)index;
	(void)out;
	return -ENOENT;
}

/* Map queues are another test's. */
void viommu_mapq_end(struct viommu_domain *domain)
{
	(void)domain;
}

void viommu_mapq_restored(struct viommu_domain *domain)
{
	(void)domain;
}
