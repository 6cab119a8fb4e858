// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "vio_priv.h"

struct vio_domain *vio_domain_find(struct vio *m, uint32_t id)
{
	struct vio_domain *domain;

	LIST_FOREACH(domain, &m->domains, entry)
	if (domain->id == id)
		return domain;

	return NULL;
}

/* Section 5.13.6.3: one that doesn't exist is created. NULL: no memory. */
struct vio_domain *vio_domain_get(struct vio *m, uint32_t id, bool bypass)
{
	struct vio_domain *domain = vio_domain_find(m, id);

	if (domain)
		return domain;
	domain = calloc(1, sizeof(*domain));
	if (!domain)
		return NULL;
	domain->id = id;
	domain->bypass = bypass;
	LIST_INSERT_HEAD(&m->domains, domain, entry);

	return domain;
}

void vio_join(struct vio_endpoint *ep, struct vio_domain *domain)
{
	ep->domain = domain;
	domain->endpoints++;
}

/* Section 5.13.6.4: after the last endpoint has left, there is no domain. */
void vio_leave(struct vio *m, struct vio_endpoint *ep)
{
	struct vio_domain *domain = ep->domain;

	(void)m;
	ep->domain = NULL;
	if (!domain || --domain->endpoints)
		return;
	vio_maps_clear(domain);
	LIST_REMOVE(domain, entry);
	free(domain);
}

void vio_domains_free(struct vio *m)
{
	for (unsigned int i = 0; i < VIO_SLOTS; i++)
		vio_leave(m, &m->endpoint[i]);
}
