// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "viommu_priv.h"

/*
 * What a first stage may be, before the kernel is asked: sections are those of Arm IHI 0070,
 * the VT-d specification 4.1 and AMD 48882. Everything runs under the ioas lock.
 */

#define BITS(high, low) ((UINT64_C(2) << (high)) - (UINT64_C(1) << (low)))

static uint64_t field(uint64_t word, unsigned int high, unsigned int low)
{
	return (word & BITS(high, low)) >> low;
}

bool ioas_mapped(const struct uvdk_ioas *ioas, uvdk_iova_t iova, uint64_t len)
{
	const struct ioas_map *map;
	uint64_t page, last;

	if (!len || len - 1 > UINT64_MAX - iova)
		return false;
	last = ioas_page(iova + (len - 1));
	for (page = ioas_page(iova); page <= last; page = map->page + map->pages) {
		map = ioas_map_at(ioas, page);
		if (!map)
			return false;
	}

	return true;
}

static int check_inside(const struct uvdk_ioas *ioas, const char *what, uvdk_iova_t iova,
			uint64_t len)
{
	if (ioas_mapped(ioas, iova, len))
		return 0;

	return uvdk_fail(-EFAULT, IOAS_COMPONENT,
			 "%s at IOVA 0x%" PRIx64 " (0x%" PRIx64 " bytes) lies outside the second "
			 "stage: map it in the address space first",
			 what, iova, len);
}

static int reserved(const char *what, unsigned int word, uint64_t wrong)
{
	return uvdk_fail(-EINVAL, IOAS_COMPONENT, "%s: bits 0x%" PRIx64 " of word %u must be 0",
			 what, wrong, word);
}

/* 5.2: S1ContextPtr points to one descriptor, to 2^S1CDMax, or to a first level of them. */
static int check_cds(const struct uvdk_viommu *viommu, uint64_t word)
{
	static const unsigned int leaf_bits[] = {0, 6, 10};
	unsigned int max = (unsigned int)field(word, 63, 59);
	unsigned int format = max ? (unsigned int)field(word, 5, 4) : 0;
	unsigned int l1_bits;
	uint64_t len;

	if (max > viommu->info.ssid_bits)
		return uvdk_fail(-ERANGE, IOAS_COMPONENT,
				 "STE: S1CDMax %u, but this SMMU has substream IDs of %u bits", max,
				 viommu->info.ssid_bits);
	if (format > 2)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "STE: S1Fmt 3 is reserved: 0 linear, 1 and 2 two levels");
	len = UINT64_C(64) << max;
	if (format) {
		l1_bits = max > leaf_bits[format] ? max - leaf_bits[format] : 0;
		len = UINT64_C(8) << l1_bits;
	}

	return check_inside(viommu->info.parent->ioas, "the context descriptor table",
			    word & BITS(51, 6), len);
}

static int check_smmuv3(const struct uvdk_viommu *viommu, const struct uvdk_nested_smmuv3 *nested)
{
	uint64_t wrong0 = nested->ste[0] & ~(BITS(5, 0) | BITS(51, 6) | BITS(63, 59));
	uint64_t wrong1 = nested->ste[1] & ~(BITS(7, 0) | BITS(27, 27) | BITS(29, 28));
	uint64_t config = field(nested->ste[0], 3, 1);
	uint64_t eats = field(nested->ste[1], 29, 28);

	if (wrong0)
		return reserved("STE", 0, wrong0);
	if (wrong1)
		return reserved("STE", 1, wrong1);
	if (config != 0 && config != 4 && config != 5)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "STE: Config %" PRIu64 ", but a first stage may be 0 (abort), 4 "
				 "(bypass) or 5 (translate)",
				 config);
	if (eats > 1 || (eats && !viommu->info.ats))
		return uvdk_fail(
			-EINVAL, IOAS_COMPONENT, "STE: EATS %" PRIu64 ", but it may be 0%s", eats,
			viommu->info.ats ? " (none) or 1 (full)" : ": this SMMU has no ATS");
	if (!(nested->ste[0] & 1) || config != 5)
		return 0;

	return check_cds(viommu, nested->ste[0]);
}

/* 9.6: FLPTPTR, FSPM; the kernel puts the rest in place. */
static int check_vtd(const struct uvdk_viommu *viommu, const struct uvdk_nested_vtd *nested)
{
	uint64_t flags = UVDK_NESTED_VTD_SRE | UVDK_NESTED_VTD_EAFE | UVDK_NESTED_VTD_WPE;

	if (nested->flags & ~flags)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "VT-d first stage: unknown flags 0x%" PRIx64,
				 nested->flags & ~flags);
	if (nested->addr_width != 48 && nested->addr_width != 57)
		return uvdk_fail(-ERANGE, IOAS_COMPONENT,
				 "VT-d first stage of %u bits: may be 48 (4 levels) or 57 (5)",
				 nested->addr_width);
	if (viommu->info.va_bits && nested->addr_width > viommu->info.va_bits)
		return uvdk_fail(-ERANGE, IOAS_COMPONENT,
				 "VT-d first stage of %u bits: this I/O MMU has %u",
				 nested->addr_width, viommu->info.va_bits);
	if (nested->pgtbl & BITS(11, 0))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "VT-d first stage: the top table at IOVA 0x%" PRIx64
				 " is not at the start of a page",
				 nested->pgtbl);

	return check_inside(viommu->info.parent->ioas, "the top table", nested->pgtbl, 4096);
}

/* 2.2.2.1: GCR3 table root pointer, in three pieces. */
static uint64_t amd_gcr3(const uint64_t dte[4])
{
	return field(dte[0], 60, 58) << 12 | field(dte[1], 31, 16) << 15 |
	       field(dte[1], 63, 43) << 31;
}

static int check_amd(const struct uvdk_viommu *viommu, const struct uvdk_nested_amd *nested)
{
	/* V, PPR, GIOV, GV, GLX, GCR3; domain ID, GCR3; GuestPagingMode */
	const uint64_t allowed[4] = {BITS(0, 0) | BITS(52, 52) | BITS(60, 54),
				     BITS(31, 0) | BITS(63, 43), BITS(55, 54), 0};

	for (unsigned int i = 0; i < 4; i++)
		if (nested->dte[i] & ~allowed[i])
			return reserved("DTE", i, nested->dte[i] & ~allowed[i]);
	if (!(nested->dte[0] & 1) || !(nested->dte[0] & BITS(55, 55)))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "DTE: V and GV must be set: without them there is no first stage");
	if (field(nested->dte[0], 57, 56) == 3 || field(nested->dte[2], 55, 54) > 1)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "DTE: GLX 3 and guest paging modes above 1 are reserved");

	return check_inside(viommu->info.parent->ioas, "the GCR3 table", amd_gcr3(nested->dte),
			    4096);
}

int nest_check(const struct uvdk_viommu *viommu, const struct uvdk_nested *nested)
{
	switch (viommu->info.type) {
	case UVDK_NEST_SMMUV3:
	case UVDK_NEST_TEGRA241:
		return check_smmuv3(viommu, &nested->smmuv3);
	case UVDK_NEST_VTD:
		return check_vtd(viommu, &nested->vtd);
	case UVDK_NEST_AMD:
		return check_amd(viommu, &nested->amd);
	default:
		return 0;
	}
}
