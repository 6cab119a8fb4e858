// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "viommu_space.h"

/* Properties of an endpoint (virtio 1.2, 5.13.6.7). */

#define PROPERTY_NONE	  0
#define PROPERTY_RESERVED 1
#define PROPERTY_TYPE	  0x0fff /* the other bits are reserved */
#define RESERVED_MSI	  1

struct property {
	struct uvdk_le16 type;
	struct uvdk_le16 length; /* of what follows */
};

struct reserved {
	struct property head;
	uint8_t subtype;
	uint8_t pad[3];
	struct uvdk_le64 first;
	struct uvdk_le64 last;
};

_Static_assert(sizeof(struct property) == 4, "5.13.6.7.1");
_Static_assert(sizeof(struct reserved) == 24, "5.13.6.7.1.1");

static int add_reserved(struct viommu_endpoint *endpoint, const struct reserved *from,
			size_t length, size_t off)
{
	struct viommu_reserved region = {.msi = from->subtype == RESERVED_MSI};

	if (length < sizeof(*from) - sizeof(from->head))
		return uvdk_fail(-EPROTO, VIOMMU,
				 "%s: PROBE: a reserved region of %zu bytes at offset %zu",
				 endpoint->name, length, off);
	region.first = uvdk_get64(from->first);
	region.last = uvdk_get64(from->last);
	if (region.first > region.last)
		return uvdk_fail(-EPROTO, VIOMMU,
				 "%s: PROBE: a reserved region from 0x%" PRIx64 " to 0x%" PRIx64
				 " at offset %zu",
				 endpoint->name, region.first, region.last, off);
	endpoint->reserved[endpoint->nr_reserved++] = region;

	return 0;
}

/* Properties that are not known are skipped, as the specification wants it. */
static int parse(struct viommu_endpoint *endpoint, const uint8_t *reply, size_t size)
{
	size_t off = 0;

	while (size - off >= sizeof(struct property)) {
		struct reserved property = {0}; /* or another: what they have in common */
		unsigned int type;
		size_t length;
		int err = 0;

		/* Properties of any length make the next one begin anywhere. */
		memcpy(&property, reply + off,
		       size - off < sizeof(property) ? size - off : sizeof(property));
		type = uvdk_get16(property.head.type) & PROPERTY_TYPE;
		length = uvdk_get16(property.head.length);

		if (type == PROPERTY_NONE)
			break;
		if (length > size - off - sizeof(property.head))
			return uvdk_fail(-EPROTO, VIOMMU,
					 "%s: PROBE: property %u at offset %zu has %zu bytes and "
					 "does not fit into %zu",
					 endpoint->name, type, off, length, size);
		if (type == PROPERTY_RESERVED)
			err = add_reserved(endpoint, &property, length, off);
		if (err)
			return err;
		off += sizeof(property.head) + length;
	}

	return 0;
}

int viommu_probe(struct viommu_endpoint *endpoint)
{
	struct viommu_unit *unit = endpoint->unit;
	size_t size = unit->config.probe_size;
	struct viommu_request request = {.op = VIOMMU_PROBE, .endpoint = endpoint->id};
	int err;

	if (!size)
		return 0;
	request.reply = calloc(1, size);
	endpoint->reserved =
		calloc(size / sizeof(struct reserved) + 1, sizeof(*endpoint->reserved));
	if (!request.reply || !endpoint->reserved) {
		err = uvdk_fail(-ENOMEM, VIOMMU, "no memory to probe %s", endpoint->name);
		goto out;
	}
	pthread_mutex_lock(&unit->lock);
	err = viommu_ask(unit, &request);
	pthread_mutex_unlock(&unit->lock);
	if (!err)
		err = parse(endpoint, request.reply, size);
out:
	free(request.reply);
	if (err) {
		free(endpoint->reserved);
		endpoint->reserved = NULL;
		endpoint->nr_reserved = 0;
	}
	return err;
}
