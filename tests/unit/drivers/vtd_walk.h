/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VTD_WALK_H
#define VTD_WALK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A walker of VT-d page tables that shares nothing with the driver: bits by
 * number, from chapter 9 of the specification.
 */
struct walked {
	bool read;
	bool write;
	uint64_t addr; /* of the byte */
	uint64_t size; /* of the leaf */
	uint64_t *leaf;
	const char *odd; /* something reserved is set, or no user access */
};

static inline struct walked vtd_walk(uint64_t root, unsigned int levels, bool second, uint64_t iova)
{
	struct walked w = {.read = true, .write = true};
	uint64_t *table = (uint64_t *)root;

	for (unsigned int level = levels; level--;) {
		unsigned int shift = 12 + 9 * level;
		uint64_t *entry = &table[iova >> shift & 511];
		uint64_t e = __atomic_load_n(entry, __ATOMIC_ACQUIRE);

		if (second ? !(e & 3) : !(e & 1))
			return (struct walked){.leaf = entry, .odd = w.odd};
		if (!second && !(e & 4))
			w.odd = "not for users";
		if (e >> 52)
			w.odd = "bits beyond the address";
		w.read &= second ? e & 1 : 1;
		w.write &= e >> 1 & 1;
		if (!level || e & 0x80) {
			uint64_t mask = (UINT64_C(1) << shift) - 1;

			if (level > 2 || (level && e & mask & ~UINT64_C(0xfff)))
				w.odd = "a large page that can't be";
			if (!level && second && e & 0x80)
				w.odd = "PS in the last level";
			w.leaf = entry;
			w.size = mask + 1;
			w.addr = (e & ~mask & UINT64_C(0x000ffffffffff000)) | (iova & mask);
			return w;
		}
		table = (uint64_t *)(e & UINT64_C(0x000ffffffffff000));
	}

	return w;
}

#endif /* VTD_WALK_H */
