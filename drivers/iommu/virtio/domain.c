// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "viommu_space.h"

/* Domains: an address space has one in each unit that has an endpoint of it. */

static struct viommu_domain *domain_in(struct viommu_ioas *own, const struct viommu_unit *unit)
{
	struct viommu_domain *domain;

	LIST_FOREACH(domain, &own->domains, entry)
	{
		if (domain->unit == unit)
			return domain;
	}

	return NULL;
}

/* ---- may an endpoint come in? ---- */

static bool inseparable(const struct viommu_endpoint *a, const struct viommu_endpoint *b)
{
	return a->group == b->group || (a->unit == b->unit && a->id == b->id);
}

/* In words. Under viommu->lock. */
static const char *why_inseparable(const struct viommu_endpoint *a, const struct viommu_endpoint *b,
				   char *buf, size_t len)
{
	struct uvdk_pci_addr at, other;

	if (a->unit == b->unit && a->id == b->id)
		return "the virtio-iommu can't tell them apart";
	if (a->viommu->isolation && !uvdk_pci_addr_parse(a->name, &at) &&
	    !uvdk_pci_addr_parse(b->name, &other) &&
	    !uvdk_pci_isolation_why(a->viommu->isolation, &at, &other, buf, len))
		return buf;

	return "between them nothing keeps their accesses apart";
}

/* Whoever can't be kept from the other's memory must not have an address space of its own. */
static int check_group(struct viommu_ioas *own, struct viommu_endpoint *endpoint)
{
	struct viommu *viommu = own->viommu;
	struct viommu_endpoint *other;
	char why[256];
	int err = 0;

	pthread_mutex_lock(&viommu->lock);
	LIST_FOREACH(other, &viommu->endpoints, entry)
	{
		if (!other->domain || other->domain->ioas == own || !inseparable(other, endpoint))
			continue;
		err = uvdk_fail(-EBUSY, VIOMMU,
				"%s and %s can't be isolated from each other (%s), and %s is "
				"attached to another address space: attach both to one",
				endpoint->name, other->name,
				why_inseparable(endpoint, other, why, sizeof(why)), other->name);
		break;
	}
	pthread_mutex_unlock(&viommu->lock);

	return err;
}

static int check_map(const struct viommu_map *map, void *arg)
{
	const struct viommu_endpoint *endpoint = arg;
	uvdk_iova_t last = map->iova + map->len - 1;

	for (unsigned int i = 0; i < endpoint->nr_reserved; i++) {
		const struct viommu_reserved *r = &endpoint->reserved[i];

		if (map->iova > r->last || last < r->first)
			continue;
		return uvdk_fail(-EADDRINUSE, VIOMMU,
				 "IOVA 0x%" PRIx64 "-0x%" PRIx64 " is reserved for %s%s, but "
				 "0x%" PRIx64 "-0x%" PRIx64
				 " is mapped: unmap it before attaching, or attach first",
				 r->first, r->last, endpoint->name, r->msi ? "'s interrupts" : "",
				 map->iova, last);
	}

	return viommu_map_fits(endpoint->unit, map);
}

static int check(struct viommu_ioas *own, struct viommu_endpoint *endpoint)
{
	struct viommu_unit *unit = endpoint->unit;
	int err;

	if (__atomic_load_n(&unit->dead, __ATOMIC_ACQUIRE))
		return uvdk_fail(-ENODEV, VIOMMU,
				 "the virtio-iommu in front of %s does not work any more",
				 endpoint->name);
	if (own->mapq && !domain_in(own, unit))
		return uvdk_fail(-EBUSY, VIOMMU,
				 "%s is behind another virtio-iommu than the map queue of this "
				 "address space: close the queue first",
				 endpoint->name);
	err = check_group(own, endpoint);
	if (!err)
		err = viommu_map_each(own, check_map, endpoint);

	return err;
}

/* ---- numbers ---- */

static bool number_taken(const struct viommu_unit *unit, uint32_t id)
{
	const struct viommu_domain *domain;

	LIST_FOREACH(domain, &unit->domains, of_unit)
	{
		if (domain->id == id)
			return true;
	}

	return false;
}

static int take_number(const struct viommu_unit *unit, uint32_t *id)
{
	for (uint64_t at = unit->config.domain_first; at <= unit->config.domain_last; at++) {
		if (number_taken(unit, (uint32_t)at))
			continue;
		*id = (uint32_t)at;
		return 0;
	}

	return uvdk_fail(-ENOSPC, VIOMMU,
			 "%s has domains %u to %u, and all are in use: let devices share address "
			 "spaces",
			 uvdk_device_get_info(unit->dev)->name, unit->config.domain_first,
			 unit->config.domain_last);
}

/* In the order of units, which is that of their locks. */
static void insert_domain(struct viommu_ioas *own, struct viommu_domain *domain)
{
	struct viommu_domain *at = LIST_FIRST(&own->domains);

	if (!at || at->unit->index > domain->unit->index) {
		LIST_INSERT_HEAD(&own->domains, domain, entry);
		return;
	}
	while (LIST_NEXT(at, entry) && LIST_NEXT(at, entry)->unit->index < domain->unit->index)
		at = LIST_NEXT(at, entry);
	LIST_INSERT_AFTER(at, domain, entry);
}

/* ---- under unit->lock ---- */

static struct viommu_request attachment(const struct viommu_domain *domain,
					const struct viommu_endpoint *endpoint, enum viommu_op op)
{
	return (struct viommu_request){.op = op, .domain = domain->id, .endpoint = endpoint->id};
}

static void set_domain(struct viommu_endpoint *endpoint, struct viommu_domain *domain)
{
	pthread_mutex_lock(&endpoint->viommu->lock);
	endpoint->domain = domain;
	pthread_mutex_unlock(&endpoint->viommu->lock);
}

/*
 * Is another device of the same number in front of it in the list, or anywhere if it is not in
 * it? Such a pair is attached and detached once: a device may forget a domain's maps when its only
 * endpoint is attached to it again.
 */
static bool has_alias(const struct viommu_domain *domain, const struct viommu_endpoint *endpoint)
{
	const struct viommu_endpoint *other;

	LIST_FOREACH(other, &domain->endpoints, of_domain)
	{
		if (other == endpoint)
			break;
		if (other->id == endpoint->id)
			return true;
	}

	return false;
}

/*
 * A unit that was put back meanwhile no longer knows the endpoint, but for QEMU's, which keeps
 * what is attached over a reset.
 */
static int detach_request(struct viommu_domain *domain, const struct viommu_endpoint *endpoint)
{
	struct viommu_request request = attachment(domain, endpoint, VIOMMU_DETACH);
	int err = viommu_call(domain->unit, &request);

	for (unsigned int i = 0; err == -ECANCELED && i < VIOMMU_RESTORES_MAX; i++) {
		err = viommu_unit_check(domain->unit);
		if (err)
			return err;
		uvdk_log_hush(true);
		err = viommu_call(domain->unit, &request);
		uvdk_log_hush(false);
		if (err == -EINVAL || err == -ENOENT)
			return 0;
	}

	return err;
}

static void leave(struct viommu_endpoint *endpoint)
{
	struct viommu_domain *domain = endpoint->domain;
	struct viommu_ioas *own = domain->ioas;
	int err = 0;

	LIST_REMOVE(endpoint, of_domain);
	if (LIST_EMPTY(&domain->endpoints)) {
		viommu_mapq_end(domain);
		LIST_REMOVE(domain, of_unit);
	}
	if (!has_alias(domain, endpoint))
		err = detach_request(domain, endpoint);
	set_domain(endpoint, NULL);
	if (err && !uvdk_device_gone(domain->unit->dev))
		viommu_ioas_lose(own, "a device could not be detached from it");
	if (LIST_EMPTY(&domain->endpoints)) {
		LIST_REMOVE(domain, entry);
		free(domain);
	}
}

static int replay_map(const struct viommu_map *map, void *arg)
{
	return viommu_map_send(arg, map);
}

/* Once more where the unit had to be put back first. */
static int empty(struct viommu_unit *unit, uint32_t id)
{
	int err = viommu_empty(unit, id);

	for (unsigned int i = 0; err == -ECANCELED && i < VIOMMU_RESTORES_MAX; i++) {
		err = viommu_unit_check(unit);
		if (!err)
			err = viommu_empty(unit, id);
	}

	return err;
}

/*
 * The device makes a domain of the first ATTACH, and then it has no maps. On failure a new domain
 * is gone.
 */
static int enter(struct viommu_domain *domain, struct viommu_endpoint *endpoint)
{
	struct viommu_request request = attachment(domain, endpoint, VIOMMU_ATTACH);
	bool is_new = LIST_EMPTY(&domain->endpoints);
	int err = is_new ? empty(domain->unit, domain->id) : 0;

	set_domain(endpoint, domain); /* a unit that is given up over it stops the endpoint, too */
	if (!err && !has_alias(domain, endpoint))
		err = viommu_ask(domain->unit, &request);
	if (err) {
		set_domain(endpoint, NULL);
		if (is_new)
			free(domain);
		return err;
	}
	LIST_INSERT_HEAD(&domain->endpoints, endpoint, of_domain);
	if (!is_new)
		return 0;
	LIST_INSERT_HEAD(&domain->unit->domains, domain, of_unit);
	insert_domain(domain->ioas, domain);
	err = viommu_map_each(domain->ioas, replay_map, domain);
	if (err < 0)
		leave(endpoint);

	return err < 0 ? err : 0;
}

static int make_domain(struct viommu_ioas *own, struct viommu_unit *unit,
		       struct viommu_domain **out)
{
	struct viommu_domain *domain = calloc(1, sizeof(*domain));
	int err;

	if (!domain)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for a domain");
	domain->ioas = own;
	domain->unit = unit;
	LIST_INIT(&domain->endpoints);
	err = take_number(unit, &domain->id);
	if (err)
		free(domain);
	else
		*out = domain;

	return err;
}

/* ---- what an owner before us left behind ---- */

static bool is_known(const struct viommu_endpoint *endpoint)
{
	const struct viommu_endpoint *other;
	bool known = false;

	pthread_mutex_lock(&endpoint->viommu->lock);
	LIST_FOREACH(other, &endpoint->viommu->endpoints, entry)
	{
		known |= other->unit == endpoint->unit && other->id == endpoint->id;
	}
	pthread_mutex_unlock(&endpoint->viommu->lock);

	return known;
}

/* By way of an empty domain, since DETACH has to name the one that it is in. */
static int pass_through(struct viommu_unit *unit, struct viommu_endpoint *endpoint)
{
	struct viommu_domain domain = {.unit = unit};
	struct viommu_request attach;
	int err = take_number(unit, &domain.id);

	/* None is free: all are ours, and ours are no danger to us. It may come in as it is. */
	if (err)
		return 0;
	attach = attachment(&domain, endpoint, VIOMMU_ATTACH);
	err = empty(unit, domain.id);
	if (!err)
		err = viommu_ask(unit, &attach);

	return err ? err : detach_request(&domain, endpoint);
}

int viommu_disown(struct viommu_endpoint *endpoint)
{
	struct viommu_unit *unit = endpoint->unit;
	int err;

	if (is_known(endpoint))
		return 0;
	pthread_mutex_lock(&unit->lock);
	err = pass_through(unit, endpoint);
	pthread_mutex_unlock(&unit->lock);

	return err;
}

/* ---- ops ---- */

int viommu_attach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	struct viommu_endpoint *endpoint = binding->priv;
	struct viommu_unit *unit = endpoint->unit;
	struct viommu_ioas *own = ioas_priv;
	struct viommu_domain *domain;
	int err = check(own, endpoint);

	if (err)
		return err;
	pthread_mutex_lock(&unit->lock);
	domain = domain_in(own, unit);
	if (!domain)
		err = make_domain(own, unit, &domain);
	if (!err)
		err = enter(domain, endpoint);
	pthread_mutex_unlock(&unit->lock);

	return err;
}

void viommu_detach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	struct viommu_endpoint *endpoint = binding->priv;
	struct viommu_unit *unit = endpoint->unit;

	(void)ioas_priv;
	pthread_mutex_lock(&unit->lock);
	if (endpoint->domain)
		leave(endpoint);
	pthread_mutex_unlock(&unit->lock);
}

/* ---- after a reset of the device ---- */

static int restore_map(const struct viommu_map *map, void *arg)
{
	struct viommu_domain *domain = arg;

	return map->settled ? viommu_map_restore(domain, map) : 0;
}

/*
 * Not all devices forget maps: what is there, and what an unmap should have taken just now, must
 * not stay.
 */
int viommu_domain_restore(struct viommu_domain *domain)
{
	struct viommu_endpoint *endpoint;
	int err = viommu_empty(domain->unit, domain->id);

	if (err)
		return err;
	LIST_FOREACH(endpoint, &domain->endpoints, of_domain)
	{
		struct viommu_request request = attachment(domain, endpoint, VIOMMU_ATTACH);

		err = has_alias(domain, endpoint) ? 0 : viommu_call(domain->unit, &request);
		if (err)
			return err;
	}
	err = viommu_map_each(domain->ioas, restore_map, domain);
	if (!err)
		viommu_mapq_restored(domain);

	return err;
}
