// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "device.h"

/*
 * The virtio-iommu whose registers, device configuration and capabilities say anything. Input: a
 * byte of flags, device configuration (40 bytes), a byte for how many bytes of configuration space
 * are changed, and those (offset, value); then what registers read: a byte of 0x80 and more is
 * followed by what this one reads, any other leaves it honest.
 */

#define FLAG_LIES     0x01
#define FLAG_CONFIG   0x02
#define FLAG_PATCHES  0x04
#define FLAG_VECTORS  0x08
#define FLAG_FEATURES 0x10

static void call(struct viommu_unit *unit, enum viommu_op op)
{
	uint8_t *reply = malloc(unit->config.probe_size + 1u);
	const struct viommu_request request = {
		.op = op,
		.domain = unit->config.domain_first,
		.endpoint = 0x18,
		.flags = op == VIOMMU_MAP ? VIOMMU_MAP_READ : 0,
		.first = unit->config.input_first,
		.last = unit->config.input_first + 0xfff,
		.reply = reply,
	};

	FUZZ_MUST(reply);
	viommu_call(unit, &request);
	free(reply);
}

static void use(struct viommu_unit *unit)
{
	FUZZ_MUST(unit->config.input_first <= unit->config.input_last);
	FUZZ_MUST(unit->config.domain_first <= unit->config.domain_last);
	FUZZ_MUST(unit->config.page_sizes);
	call(unit, VIOMMU_PROBE);
	call(unit, VIOMMU_ATTACH);
	call(unit, VIOMMU_MAP);
	viommu_unit_check(unit);
	call(unit, VIOMMU_UNMAP);
	viommu_unit_check(unit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct viommu_unit *unit = NULL;
	uint8_t flags;

	fuzz_device_reset(data, size);
	flags = fuzz_byte();
	fuzz_device.vectors = flags & FLAG_VECTORS ? 0 : 1;
	if (flags & FLAG_FEATURES)
		fuzz_device.offered ^= fuzz_value(8);
	if (flags & FLAG_CONFIG)
		for (size_t i = 0; i < sizeof(fuzz_device.config); i++)
			fuzz_device.config[i] = fuzz_byte();
	if (flags & FLAG_PATCHES)
		fuzz_device.patches = fuzz_byte();
	fuzz_device.lies = flags & FLAG_LIES;
	if (!fuzz_unit_open(&unit))
		use(unit);
	fuzz_unit_close(unit);

	return 0;
}
