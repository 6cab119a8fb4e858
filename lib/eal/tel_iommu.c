// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_iommu_walk_driver.h>

#include "tel_priv.h"

/* ---- devices ---- */

/* Of all iommus the next one: numbers are the process's. */
static bool next_device(uint64_t after, struct uvdk_seen_device *out)
{
	struct uvdk_seen_device dev = {0};
	bool found = false;

	for (const struct tel_source *s = tel_sources(); s; s = s->next) {
		if (!s->iommu || uvdk_iommu_see_device(s->iommu, after, &dev))
			continue;
		if (!found || dev.id < out->id)
			*out = dev;
		found = true;
	}

	return found;
}

static void put_device(struct rte_tel_data *d, const struct uvdk_seen_device *dev)
{
	uvdk_tel_string(d, "device", dev->name);
	uvdk_tel_string(d, "bus", dev->bus);
	uvdk_tel_string(d, "access", dev->access);
	uvdk_tel_bool(d, "gone", dev->gone);
	uvdk_tel_number(d, "ioas", dev->ioas);
	uvdk_tel_number(d, "pasids", dev->pasids);
	if (dev->err) {
		uvdk_tel_string(d, "error", strerror(-dev->err));
		return;
	}
	uvdk_tel_string(d, "iommu", dev->info.driver);
	uvdk_tel_string(d, "hardware", dev->info.hardware);
	uvdk_tel_bool(d, "coherent", dev->info.coherent);
	uvdk_tel_number(d, "pasid_bits", dev->info.pasid_bits);
	uvdk_tel_number(d, "iova_bits", dev->info.iova_bits);
}

int tel_devices(void *priv, const char *params, struct rte_tel_data *out)
{
	struct uvdk_seen_device dev = {0};
	uint64_t after = 0;
	int ret = uvdk_tel_params(params, "/uvdk/devices or /uvdk/devices,AFTER", 0, 1, &after);

	(void)priv;
	if (ret < 0)
		return ret;
	rte_tel_data_start_dict(out);
	for (unsigned int i = 0; next_device(after, &dev); i++) {
		struct rte_tel_data *d;

		if (i == TEL_ENTRIES) {
			uvdk_tel_number(out, "next", after);
			break;
		}
		d = uvdk_tel_dict_of(out, dev.id);
		if (d)
			put_device(d, &dev);
		after = dev.id;
	}

	return 0;
}

/* ---- address spaces ---- */

static bool next_ioas(uint64_t after, struct uvdk_seen_ioas *out, const char **iommu)
{
	struct uvdk_seen_ioas ioas = {0};
	bool found = false;

	for (const struct tel_source *s = tel_sources(); s; s = s->next) {
		if (!s->iommu || uvdk_iommu_see_ioas(s->iommu, after, &ioas))
			continue;
		if (!found || ioas.id < out->id) {
			*out = ioas;
			*iommu = uvdk_iommu_name(s->iommu);
		}
		found = true;
	}

	return found;
}

static void put_ioas(struct rte_tel_data *d, const struct uvdk_seen_ioas *ioas, const char *iommu)
{
	uvdk_tel_string(d, "iommu", iommu);
	uvdk_tel_string(d, "policy", ioas->policy == UVDK_IOVA_VA ? "va" : "low");
	uvdk_tel_number(d, "page_size", ioas->page_size);
	uvdk_tel_number(d, "maps", ioas->stats.maps);
	uvdk_tel_number(d, "bytes", ioas->stats.bytes);
	uvdk_tel_number(d, "maps_max", ioas->stats.entries_max);
	uvdk_tel_number(d, "attached", ioas->attached);
	uvdk_tel_number(d, "apertures", ioas->ranges);
	uvdk_tel_address(d, "iova_last", ioas->stats.iova_last);
	uvdk_tel_number(d, "buffers", ioas->stats.dma.buffers);
	uvdk_tel_number(d, "buffer_bytes", ioas->stats.dma.buffer_bytes);
	uvdk_tel_number(d, "registrations", ioas->stats.dma.registrations);
	uvdk_tel_number(d, "registered_bytes", ioas->stats.dma.registered_bytes);
	uvdk_tel_number(d, "registrations_refused", ioas->stats.dma.refused);
}

int tel_ioas(void *priv, const char *params, struct rte_tel_data *out)
{
	struct uvdk_seen_ioas ioas = {0};
	const char *iommu = "";
	uint64_t after = 0;
	int ret = uvdk_tel_params(params, "/uvdk/ioas or /uvdk/ioas,AFTER", 0, 1, &after);

	(void)priv;
	if (ret < 0)
		return ret;
	rte_tel_data_start_dict(out);
	for (unsigned int i = 0; next_ioas(after, &ioas, &iommu); i++) {
		struct rte_tel_data *d;

		if (i == TEL_ENTRIES) {
			uvdk_tel_number(out, "next", after);
			break;
		}
		d = uvdk_tel_dict_of(out, ioas.id);
		if (d)
			put_ioas(d, &ioas, iommu);
		after = ioas.id;
	}

	return 0;
}
