// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "viommu.h"

/* What a unit can do (5.13.3, 5.13.4). */

#define F_INPUT_RANGE	(UINT64_C(1) << 0)
#define F_DOMAIN_RANGE	(UINT64_C(1) << 1)
#define F_MAP_UNMAP	(UINT64_C(1) << 2)
#define F_PROBE		(UINT64_C(1) << 4)
#define F_MMIO		(UINT64_C(1) << 5)
#define F_BYPASS_CONFIG (UINT64_C(1) << 6)

/*
 * BYPASS (bit 3) is not among them, and never accepted: with it endpoints that are attached to
 * nothing reach all of memory.
 */
const uint64_t viommu_features = F_INPUT_RANGE | F_DOMAIN_RANGE | F_MAP_UNMAP | F_PROBE | F_MMIO |
				 F_BYPASS_CONFIG | UVDK_VIRTIO_F_INDIRECT_DESC |
				 UVDK_VIRTIO_F_EVENT_IDX;

/* Fields, as 32-bit words (5.13.4). */
enum word {
	PAGE_SIZES = 0,	 /* two */
	INPUT_FIRST = 2, /* two */
	INPUT_LAST = 4,	 /* two */
	DOMAIN_FIRST = 6,
	DOMAIN_LAST = 7,
	PROBE_SIZE = 8,
	WORDS = 9,
};
#define BYPASS_OFFSET 36

/* A reply larger than that tells of no device that exists. */
#define PROBE_SIZE_MAX 65536u

static uint64_t wide(const uint32_t *word, enum word at)
{
	return (uint64_t)word[at + 1] << 32 | word[at];
}

static int check_pages(const char *name, uint64_t sizes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (sizes & (page | (page - 1)))
		return 0;

	return uvdk_fail(-EPROTO, VIOMMU,
			 "%s: page_size_mask reads 0x%" PRIx64
			 "; a bit for pages of at most %" PRIu64
			 " bytes, those of this system, is expected",
			 name, sizes, page);
}

static int check_ranges(const char *name, const struct viommu_config *config)
{
	if (config->input_first > config->input_last)
		return uvdk_fail(-EPROTO, VIOMMU,
				 "%s: input_range reads 0x%" PRIx64 " to 0x%" PRIx64
				 "; its start is expected not to be beyond its end",
				 name, config->input_first, config->input_last);
	if (config->domain_first > config->domain_last)
		return uvdk_fail(-EPROTO, VIOMMU,
				 "%s: domain_range reads %u to %u; its start is expected not to be "
				 "beyond its end",
				 name, config->domain_first, config->domain_last);
	if (config->probe_size > PROBE_SIZE_MAX)
		return uvdk_fail(-EPROTO, VIOMMU,
				 "%s: probe_size reads %u; at most %u bytes are expected", name,
				 config->probe_size, PROBE_SIZE_MAX);

	return 0;
}

int viommu_config_read(struct uvdk_virtio *virtio, struct viommu_config *out)
{
	struct viommu_config config;
	uint32_t word[WORDS];
	int err = uvdk_virtio_config_read(virtio, 0, 4, WORDS, word);

	if (err)
		return err;
	config = (struct viommu_config){
		.page_sizes = wide(word, PAGE_SIZES),
		.input_last = UINT64_MAX,
		.domain_last = UINT32_MAX,
		.mmio = virtio->features & F_MMIO,
	};
	if (virtio->features & F_INPUT_RANGE) {
		config.input_first = wide(word, INPUT_FIRST);
		config.input_last = wide(word, INPUT_LAST);
	}
	if (virtio->features & F_DOMAIN_RANGE) {
		config.domain_first = word[DOMAIN_FIRST];
		config.domain_last = word[DOMAIN_LAST];
	}
	if (virtio->features & F_PROBE)
		config.probe_size = word[PROBE_SIZE];

	err = check_pages(virtio->name, config.page_sizes);
	if (!err)
		err = check_ranges(virtio->name, &config);
	if (!err)
		*out = config;

	return err;
}

int viommu_bypass_off(struct uvdk_virtio *virtio)
{
	uint8_t bypass = 0;
	int err;

	if (!(virtio->features & F_MAP_UNMAP))
		return uvdk_fail(-EOPNOTSUPP, VIOMMU,
				 "%s: offers features 0x%" PRIx64
				 " without MAP_UNMAP (bit 2): nothing "
				 "can be mapped with it",
				 virtio->name, virtio->offered);
	if (!(virtio->features & F_BYPASS_CONFIG))
		return 0; /* not having accepted BYPASS is enough (5.13.6.3.2) */

	err = uvdk_virtio_config_write8(virtio, BYPASS_OFFSET, 0);
	if (!err)
		err = uvdk_virtio_config_read(virtio, BYPASS_OFFSET, 1, 1, &bypass);
	if (!err && bypass)
		err = uvdk_fail(-EPROTO, VIOMMU,
				"%s: bypass reads %u after 0 was written; 0 is expected, or else "
				"endpoints that are attached to nothing reach all of memory",
				virtio->name, bypass);

	return err;
}

bool viommu_config_shrunk(const char *name, const struct viommu_config *was,
			  const struct viommu_config *now)
{
	const char *what = NULL;

	if (was->page_sizes & ~now->page_sizes)
		what = "page_size_mask";
	else if (now->input_first > was->input_first || now->input_last < was->input_last)
		what = "input_range";
	else if (now->domain_first > was->domain_first || now->domain_last < was->domain_last)
		what = "domain_range";
	else if (now->probe_size != was->probe_size)
		what = "probe_size";
	else if (was->mmio && !now->mmio)
		what = "MMIO";
	if (!what)
		return false;

	uvdk_log(UVDK_LOG_ERR, VIOMMU,
		 "%s: its %s is not what it was, and allows less: nothing more is attached there; "
		 "close what uses it, and start anew",
		 name, what);
	return true;
}
