// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_iommu_walk_driver.h>

#include "inspect_priv.h"

struct word {
	unsigned int bit;
	const char *text;
};

static const struct word features[] = {
	{UVDK_IOMMU_COHERENT_WALK, "coherent-walk"},
	{UVDK_IOMMU_SNOOP_CONTROL, "snoop-control"},
	{UVDK_IOMMU_DIRTY_TRACKING, "dirty-tracking"},
	{UVDK_IOMMU_PAGE_REQUESTS, "page-requests"},
	{UVDK_IOMMU_PASID_EXEC, "pasid-exec"},
	{UVDK_IOMMU_PASID_PRIV, "pasid-priv"},
	{UVDK_IOMMU_NEST_VTD, "nest-vtd"},
	{UVDK_IOMMU_NEST_SMMUV3, "nest-smmuv3"},
	{0, NULL},
};

static const struct word errata[] = {
	{UVDK_IOMMU_NO_READONLY_PARENT, "no-readonly-parent"},
	{0, NULL},
};

/* Bits without a word are shown by their number: nothing is kept back. */
static void put_words(struct uvdk_json *json, const char *key, const struct word *words,
		      unsigned int bits)
{
	char text[32];

	uvdk_json_key(json, key);
	uvdk_json_open(json, '[');
	for (; words->text; words++) {
		if (bits & words->bit)
			uvdk_json_string(json, NULL, words->text);
		bits &= ~words->bit;
	}
	for (; bits; bits &= bits - 1) {
		snprintf(text, sizeof(text), "bit-%d", __builtin_ctz(bits));
		uvdk_json_string(json, NULL, text);
	}
	uvdk_json_close(json, ']');
}

static void put_page_sizes(struct uvdk_json *json, uint64_t sizes)
{
	uvdk_json_key(json, "page_sizes");
	uvdk_json_open(json, '[');
	for (; sizes; sizes &= sizes - 1)
		uvdk_json_number(json, NULL, sizes & -sizes);
	uvdk_json_close(json, ']');
}

static void put_info(struct uvdk_json *json, const struct uvdk_iommu_info *info)
{
	uvdk_json_string(json, "hardware", info->hardware);
	put_page_sizes(json, info->page_sizes);
	uvdk_json_bool(json, "coherent", info->coherent);
	put_words(json, "features", features, info->features);
	put_words(json, "errata", errata, info->errata);
	uvdk_json_number(json, "pasid_bits", info->pasid_bits);
	uvdk_json_limit(json, "iova_bits", info->iova_bits, 0);
	uvdk_json_limit(json, "va_bits", info->va_bits, 0);
}

static void put_device(struct uvdk_json *json, const struct uvdk_seen_device *dev)
{
	uvdk_json_open(json, '{');
	uvdk_json_string(json, "device", dev->name);
	uvdk_json_string(json, "bus", dev->bus);
	uvdk_json_string(json, "access", dev->access);
	uvdk_json_bool(json, "gone", dev->gone);
	uvdk_json_string(json, "iommu", dev->info.driver);
	if (dev->err)
		uvdk_json_string(json, "error", strerror(-dev->err));
	else
		put_info(json, &dev->info);
	uvdk_json_limit(json, "ioas", dev->ioas, 0);
	uvdk_json_number(json, "pasids", dev->pasids);
	uvdk_json_close(json, '}');
}

static bool next_device(struct uvdk_inspect *inspect, uint64_t place, struct uvdk_seen_device *dev)
{
	struct inspect_source *source = inspect_hold(inspect, place);
	int err;

	if (!source)
		return false;
	err = uvdk_iommu_see_device(source->iommu, dev->id, dev);
	inspect_let(inspect);

	return !err;
}

void inspect_caps(struct uvdk_inspect *inspect, struct uvdk_json *json)
{
	struct inspect_place place = {0};

	while (inspect_next(inspect, true, &place)) {
		struct uvdk_seen_device dev = {0};

		while (!ferror(json->to) && next_device(inspect, place.id, &dev))
			put_device(json, &dev);
	}
}
