/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_UNIT_H
#define FAKE_UNIT_H

#include <viommu_space.h>

/*
 * A virtio-iommu behind viommu_call(): it knows endpoints, domains and maps, and answers as
 * virtio 1.2 has it (5.13.6), or as it is told.
 */

#define FAKE_UNITS 2
#define FAKE_LOG   256

struct fake_map {
	uint32_t domain;
	uint64_t first, last, phys;
	uint32_t flags;
};

struct fake_unit {
	struct viommu_unit unit; /* first: found by it */
	struct fake_map maps[FAKE_LOG];
	unsigned int nr_maps;
	struct {
		uint32_t endpoint, domain;
	} attached[16];
	unsigned int nr_attached;
	unsigned int requests[6]; /* by type */
	bool wants_reset;
	bool keeps; /* what is attached and mapped, over a reset, as QEMU does */
	unsigned int resets;
	bool gone;
	/* Answers to come: after @skip requests of type @op, @count are answered @err. */
	struct {
		enum viommu_op op;
		unsigned int skip, count;
		int err;
	} answer;
	const void *properties;
	size_t nr_properties;
};

/* Reset: everything is forgotten. @notice: and the next request says so. */
void unit_reset(struct fake_unit *fake, bool notice);

void unit_answer(struct fake_unit *fake, enum viommu_op op, unsigned int skip, int err);
void unit_begin(struct fake_unit *fake, struct viommu *viommu, unsigned int index);
void unit_end(struct fake_unit *fake);

/* The map that translates an access of an endpoint, or NULL. */
const struct fake_map *unit_find(const struct fake_unit *fake, uint32_t endpoint, uint64_t iova);

#endif /* FAKE_UNIT_H */
