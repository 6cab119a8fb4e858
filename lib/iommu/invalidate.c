// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "viommu_priv.h"

/* Invalidations: all entries are checked before the first goes to the driver. */

#define SELFTEST_ALL 1u
#define SELFTEST_MAX 3u

/* What is wrong with an entry, or NULL; @err as in smmuv3_cmd_wrong(). */
typedef const char *(*entry_wrong_fn)(const struct uvdk_viommu *viommu, const void *entry,
				      int *err);

static const char *vtd_wrong(const struct uvdk_viommu *viommu, const void *entry, int *err)
{
	const struct uvdk_inval_vtd *inval = entry;

	(void)viommu;
	*err = -EINVAL;
	if (inval->flags & ~(uint32_t)UVDK_INVAL_VTD_LEAF || inval->reserved)
		return "flags may be UVDK_INVAL_VTD_LEAF, and reserved is 0";
	if (inval->addr & 4095)
		return "the address is not a multiple of 4 KiB";
	if (!inval->npages)
		return "no pages: npages is 0";
	if (inval->npages == UINT64_MAX)
		return inval->addr ? "npages UINT64_MAX means everything, which begins at address 0"
				   : NULL;
	if (inval->npages - 1 > (UINT64_MAX - inval->addr) >> 12)
		return "the range wraps around";

	return NULL;
}

static const char *smmuv3_wrong(const struct uvdk_viommu *viommu, const void *entry, int *err)
{
	const struct uvdk_inval_smmuv3 *inval = entry;

	return smmuv3_cmd_wrong(viommu, inval->cmd, err);
}

static const char *selftest_wrong(const struct uvdk_viommu *viommu, const void *entry, int *err)
{
	const struct uvdk_inval_selftest *inval = entry;

	*err = -EINVAL;
	if (inval->flags & ~SELFTEST_ALL || inval->cache > SELFTEST_MAX)
		return "unknown flags, or no such cache entry";
	*err = -ENOENT;

	return viommu_has_id(viommu, inval->vdev)
		       ? NULL
		       : "the ID is none of this vIOMMU: uvdk_vdevice_create() gives a device one";
}

static const char *selftest_hwpt_wrong(const struct uvdk_viommu *viommu, const void *entry,
				       int *err)
{
	const struct uvdk_inval_selftest_hwpt *inval = entry;

	(void)viommu;
	*err = -EINVAL;

	return inval->flags & ~SELFTEST_ALL || inval->iotlb > SELFTEST_MAX
		       ? "unknown flags, or no such TLB entry"
		       : NULL;
}

/* What a kind of vIOMMU takes, of a table or of itself; no size: nothing. */
struct form {
	size_t size;
	entry_wrong_fn wrong;
};

static const struct form table_forms[] = {
	[UVDK_NEST_VTD] = {sizeof(struct uvdk_inval_vtd), vtd_wrong},
	[UVDK_NEST_SELFTEST] = {sizeof(struct uvdk_inval_selftest_hwpt), selftest_hwpt_wrong},
};

static const struct form viommu_forms[] = {
	[UVDK_NEST_SMMUV3] = {sizeof(struct uvdk_inval_smmuv3), smmuv3_wrong},
	[UVDK_NEST_TEGRA241] = {sizeof(struct uvdk_inval_smmuv3), smmuv3_wrong},
	[UVDK_NEST_SELFTEST] = {sizeof(struct uvdk_inval_selftest), selftest_wrong},
};

_Static_assert(sizeof(struct uvdk_inval_vtd) == 24, "as the kernel's");
_Static_assert(sizeof(struct uvdk_inval_smmuv3) == 16, "as the kernel's and the hardware's");
_Static_assert(sizeof(struct uvdk_inval_selftest) == 12, "as the kernel's");
_Static_assert(sizeof(struct uvdk_inval_selftest_hwpt) == 8, "as the kernel's");

static int no_such(const struct uvdk_viommu *viommu, const char *what)
{
	enum uvdk_nest_type type = viommu->info.type;

	return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT, "%s does not invalidate by %s: %s",
			 viommu_type_name(type), what,
			 type == UVDK_NEST_AMD	 ? "Linux has no invalidation for it yet"
			 : type == UVDK_NEST_VTD ? "uvdk_hwpt_invalidate() does, by table"
						 : "uvdk_viommu_invalidate() does, by vIOMMU");
}

/* What was given, for the sentence: in words of 64 bits, or of 32 if that is what there are. */
static const char *words_of(const char *entry, size_t size, char text[3 * 20])
{
	size_t width = size % 8 ? 4 : 8, used = 0;

	for (size_t at = 0; at < size; at += width) {
		uint64_t word = 0;

		memcpy(&word, entry + at, width);
		used += (size_t)snprintf(text + used, 20, "%s0x%" PRIx64, at ? " " : "", word);
	}

	return text;
}

/* An ID that is there now may go before the kernel looks: then that refuses it. */
static int check(struct uvdk_viommu *viommu, const struct form *form, const void *entries,
		 unsigned int count, unsigned int *at)
{
	const char *wrong = NULL;
	char words[3 * 20];
	int err = 0;

	uvdk_lock_acquire(&viommu->lock);
	for (*at = 0; *at < count && !wrong; *at += !wrong)
		wrong = form->wrong(viommu, (const char *)entries + *at * form->size, &err);
	uvdk_lock_release(&viommu->lock);
	if (!wrong)
		return 0;

	return uvdk_fail(
		err, IOAS_COMPONENT,
		"invalidation %u of %u (counted from 0), %s: %s; none is carried out", *at, count,
		words_of((const char *)entries + *at * form->size, form->size, words), wrong);
}

static int one_batch(struct uvdk_viommu *viommu, struct uvdk_hwpt *hwpt,
		     const struct uvdk_inval_batch *batch, struct uvdk_inval_result *out)
{
	const struct uvdk_viommu_ops *ops = viommu_ops(viommu);

	return hwpt ? ops->hwpt_invalidate(hwpt->priv, batch, out)
		    : ops->invalidate(viommu->priv, batch, out);
}

static int run(struct uvdk_viommu *viommu, struct uvdk_hwpt *hwpt, const struct form *form,
	       const void *entries, unsigned int count, struct uvdk_inval_result *out)
{
	struct uvdk_inval_batch batch = {.type = viommu->info.type, .entry_len = form->size};
	struct uvdk_inval_result part = {0};
	unsigned int base = 0;
	int err;

	do {
		batch.entries = (const char *)entries + base * form->size;
		batch.count = count - base < UVDK_INVAL_BATCH ? count - base : UVDK_INVAL_BATCH;
		err = one_batch(viommu, hwpt, &batch, &part);
		out->done = base + part.done;
		out->failed = err ? base + part.failed : count;
		base += batch.count;
	} while (!err && base < count);

	return err;
}

static int invalidate(struct uvdk_viommu *viommu, struct uvdk_hwpt *hwpt, const struct form *form,
		      const void *entries, size_t entry_len, unsigned int count,
		      struct uvdk_inval_result *out)
{
	struct uvdk_inval_result result = {0};
	int err;

	if (!form->size)
		err = no_such(viommu, hwpt ? "table" : "vIOMMU");
	else if (entry_len != form->size)
		err = uvdk_fail(-EINVAL, IOAS_COMPONENT, "invalidations of %zu bytes: %s has %zu",
				entry_len, viommu_type_name(viommu->info.type), form->size);
	else if (count && !entries)
		err = uvdk_fail(-EINVAL, IOAS_COMPONENT, "%u invalidations at no address", count);
	else
		err = check(viommu, form, entries, count, &result.failed);
	if (!err)
		err = run(viommu, hwpt, form, entries, count, &result);
	if (out)
		*out = result;

	return err;
}

UVDK_EXPORT int uvdk_hwpt_invalidate(struct uvdk_hwpt *hwpt, const void *entries, size_t entry_len,
				     unsigned int count, struct uvdk_inval_result *out)
{
	static const struct form none;
	struct uvdk_viommu *viommu = hwpt->viommu;
	const struct form *form = &none;

	if (!viommu)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "this page table is the kernel's, which invalidates it: only "
				 "nested tables are invalidated here");
	if (viommu->info.type < sizeof(table_forms) / sizeof(table_forms[0]))
		form = &table_forms[viommu->info.type];

	return invalidate(viommu, hwpt, form, entries, entry_len, count, out);
}

UVDK_EXPORT int uvdk_viommu_invalidate(struct uvdk_viommu *viommu, const void *entries,
				       size_t entry_len, unsigned int count,
				       struct uvdk_inval_result *out)
{
	return invalidate(viommu, NULL, &viommu_forms[viommu->info.type], entries, entry_len, count,
			  out);
}

UVDK_EXPORT int uvdk_nest_invalidate(const struct uvdk_nest_hold *hold, const void *entries,
				     unsigned int count, struct uvdk_inval_result *out)
{
	struct uvdk_viommu *viommu = hold->viommu;

	return run(viommu, NULL, &viommu_forms[viommu->info.type], entries, count, out);
}
