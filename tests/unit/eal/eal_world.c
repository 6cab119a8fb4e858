// SPDX-License-Identifier: BSD-3-Clause
#include <rte_eal.h>
#include <rte_errno.h>

#include "eal_world.h"

void world_open(struct world *w, unsigned int iova_bits)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true, .iova_bits = iova_bits};
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};

	memset(w, 0, sizeof(*w));
	cr_assert_eq(uvdk_emu_create(&opts, &w->emu), 0);
	iommu_opts.emu = w->emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu_opts, &w->iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(w->iommu, NULL, &w->ioas), 0);
	cr_assert_eq(uvdk_device_open(w->iommu, "emu:copier", NULL, &w->dev), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(uvdk_device_set_command(w->dev,
					     UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY, 0),
		     0);
	cr_assert_eq(uvdk_device_region(w->dev, 0, &w->bar), 0);
	cr_assert_eq(uvdk_ioas_attach(w->ioas, w->dev), 0, "%s", uvdk_last_error());
}

void world_close(struct world *w)
{
	struct uvdk_ioas_stats stats;

	uvdk_ioas_get_stats(w->ioas, &stats);
	cr_assert_eq(stats.maps, 0);
	uvdk_device_close(w->dev);
	uvdk_ioas_destroy(w->ioas);
	uvdk_iommu_close(w->iommu);
	uvdk_emu_destroy(w->emu);
}

static void put(struct world *w, uint64_t at, unsigned int width, uint64_t value)
{
	cr_assert_eq(uvdk_region_write(&w->bar, at, width, value), 0);
}

enum copied world_copy(struct world *w, uint32_t pasid, uvdk_iova_t to, uvdk_iova_t from,
		       uint32_t len)
{
	uint64_t slot = 0x10000 + w->copies % 64 * 64;
	uint64_t status;

	put(w, slot, 8, (pasid == RID ? 0 : UINT64_C(1) << 31 | pasid) | UINT64_C(1) << 32);
	put(w, slot + 8, 8, from);
	put(w, slot + 16, 8, to);
	put(w, slot + 24, 8, len);
	put(w, 0x100, 4, ++w->copies);
	while (uvdk_emu_step(w->emu))
		;
	cr_assert_eq(uvdk_region_read(&w->bar, slot + 32, 4, &status), 0);
	cr_assert(status >= COPIED && status <= WRITE_FAULT, "status %u", (unsigned int)status);

	return (enum copied)status;
}

bool world_reaches(struct world *w, struct uvdk_ioas *ioas, uint32_t pasid, void *va, size_t len)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	uint8_t *bytes = va;

	for (size_t off = 0; off < len; off += 4096) {
		uvdk_iova_t iova = uvdk_translate(x, bytes + off);

		if (iova == UVDK_IOVA_NONE)
			return false;
		bytes[off] = (uint8_t)(off >> 12) | 1;
		bytes[off + 1] = 0;
		if (world_copy(w, pasid, iova + 1, iova, 1) != COPIED ||
		    bytes[off + 1] != bytes[off])
			return false;
	}

	return true;
}

void eal_start(void)
{
	char *argv[] = {"test",
			"--no-huge",
			"-m",
			"64",
			"--no-pci",
			"--no-telemetry",
			"--no-shconf",
			"--lcores=0@(0-1),1@(0-1)",
			"--log-level=*:3",
			NULL};

	cr_assert_geq(rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv), 0, "%s",
		      rte_strerror(rte_errno));
}
