// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "sva_priv.h"

/*
 * An address space for each binding, with memory pinned at IOVA = address. The
 * I/O MMU takes only whole maps out again. Where part of one goes, another
 * address space is made of what stays, and takes its place: the device can use
 * what stays all the time.
 */
#define MAP_MAX (UINT64_C(1) << 30)

struct pinned {
	struct uvdk_ioas *ioas;
	struct uvdk_hwpt *hwpt; /* of the RID, after it was replaced; or NULL */
};

/* What becomes of pages: @inside of [first, last] with these permissions, 0: none. */
struct change {
	uintptr_t first, last;
	unsigned int inside;
};

/* From one address space to another. */
struct move {
	struct uvdk_ioas *from, *to;
};

static int pinned_probe(struct uvdk_device *dev, const struct uvdk_sva_opts *opts)
{
	const char *name = uvdk_device_get_info(dev)->name;
	struct uvdk_iommu_info info;
	int err = uvdk_iommu_get_info(dev, &info);

	if (err)
		return err;
	if (!strcmp(info.driver, "noiommu"))
		return uvdk_fail(
			-EOPNOTSUPP, SVA_COMPONENT,
			"pinned: %s is under noiommu, where devices use physical addresses", name);
	if (!info.pasid_bits && !(opts->flags & UVDK_SVA_RID))
		return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
				 "pinned: %s or its I/O MMU has no PASIDs: UVDK_SVA_RID does "
				 "without",
				 name);

	return 0;
}

static void count(struct uvdk_sva *sva)
{
	const struct pinned *p = sva->priv;
	struct uvdk_ioas_stats stats;

	uvdk_ioas_get_stats(p->ioas, &stats);
	sva->info.pinned = stats.bytes;
}

static int attach(struct uvdk_sva *sva, struct uvdk_ioas *ioas)
{
	if (sva->pasid == UVDK_PASID_RID)
		return uvdk_ioas_attach(ioas, sva->dev);

	return uvdk_ioas_attach_pasid(ioas, sva->dev, sva->pasid);
}

static int pinned_bind(struct uvdk_sva *sva)
{
	struct pinned *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "no memory for a binding");
	err = uvdk_ioas_create(uvdk_device_iommu(sva->dev), NULL, &p->ioas);
	if (err)
		goto free;
	err = attach(sva, p->ioas);
	if (err)
		goto destroy;
	sva->priv = p;

	return 0;
destroy:
	uvdk_ioas_destroy(p->ioas);
free:
	free(p);
	return err;
}

/* Destroying detaches. */
static void destroy(struct pinned *p)
{
	uvdk_hwpt_destroy(p->hwpt);
	uvdk_ioas_destroy(p->ioas);
}

static void pinned_unbind(struct uvdk_sva *sva)
{
	destroy(sva->priv);
	free(sva->priv);
	sva->priv = NULL;
}

/* ---- mapping ---- */

static int map(struct uvdk_ioas *ioas, uintptr_t first, uintptr_t last, unsigned int flags)
{
	uintptr_t at = first;
	int err;

	for (;;) {
		size_t len = last - at < MAP_MAX ? last - at + 1 : MAP_MAX;
		uvdk_iova_t iova = at;

		err = uvdk_ioas_map(ioas, (void *)at, len, flags | UVDK_MAP_FIXED, &iova);
		if (err)
			break;
		at += len;
		if (at - 1 == last)
			return 0;
	}
	if (at > first)
		uvdk_ioas_unmap(ioas, first, at - first);

	return err;
}

static int pinned_share(struct uvdk_sva *sva, uintptr_t addr, size_t len, bool writable)
{
	const struct pinned *p = sva->priv;
	int err = map(p->ioas, addr, addr + len - 1, writable ? UVDK_MAP_RW : UVDK_MAP_READ);

	count(sva);

	return err;
}

/* ---- taking away ---- */

static uintptr_t min(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

static uintptr_t max(uintptr_t a, uintptr_t b)
{
	return a > b ? a : b;
}

/*
 * Keep part of a map: the pages themselves, whatever the process has mapped
 * there meanwhile. Where the iommu can't copy (type1), or there is but one address
 * space, what is mapped now, and nothing if that is gone, too.
 */
static int keep_part(const struct move *mv, uintptr_t first, uintptr_t last, unsigned int flags)
{
	int err = -EOPNOTSUPP;

	if (first > last || !flags)
		return 0;
	if (mv->to != mv->from)
		err = uvdk_ioas_copy(mv->to, mv->from, first, last - first + 1, flags);
	if (err == -EOPNOTSUPP)
		err = map(mv->to, first, last, flags);

	return err;
}

static int keep(const struct move *mv, const struct uvdk_map_info *m, const struct change *c)
{
	uintptr_t first = m->iova, last = m->iova + m->len - 1;
	unsigned int flags = m->flags & UVDK_MAP_RW;
	int err;

	if (last < c->first || first > c->last)
		return keep_part(mv, first, last, flags);
	err = first < c->first ? keep_part(mv, first, c->first - 1, flags) : 0;
	if (!err)
		err = keep_part(mv, max(first, c->first), min(last, c->last), flags & c->inside);
	if (!err && last > c->last)
		err = keep_part(mv, c->last + 1, last, flags);

	return err;
}

static int keep_all(const struct move *mv, const struct change *c)
{
	struct uvdk_map_info m;
	uvdk_iova_t at = 0;
	int err = 0;

	while (!err && !uvdk_ioas_next(mv->from, at, &m)) {
		err = keep(mv, &m, c);
		at = m.iova + m.len;
	}

	return err;
}

/* A table that goes together with PASIDs, where there may be some. */
static int make_table(struct uvdk_sva *sva, struct pinned *p)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts)};
	struct uvdk_iommu_info info;
	int err = uvdk_iommu_get_info(sva->dev, &info);

	if (err)
		return err;
	opts.flags = info.pasid_bits ? UVDK_HWPT_PASID : 0;

	return uvdk_hwpt_create(p->ioas, sva->dev, &opts, &p->hwpt);
}

static int switch_to(struct uvdk_sva *sva, struct pinned *p)
{
	int err;

	if (sva->pasid != UVDK_PASID_RID)
		return uvdk_ioas_replace_pasid(p->ioas, sva->dev, sva->pasid);
	err = make_table(sva, p);
	if (!err)
		err = uvdk_hwpt_replace(p->hwpt, sva->dev, UVDK_PASID_RID);

	return err;
}

/* Another address space takes the place of the present one. */
static int rebuild(struct uvdk_sva *sva, const struct change *c)
{
	struct pinned *p = sva->priv, before = *p, after = {0};
	struct move mv = {.from = before.ioas};
	int err = uvdk_ioas_create(uvdk_device_iommu(sva->dev), NULL, &after.ioas);

	if (err)
		return err;
	mv.to = after.ioas;
	err = keep_all(&mv, c);
	if (!err)
		err = switch_to(sva, &after);
	if (err) {
		destroy(&after);
		return err;
	}
	*p = after;
	destroy(&before);

	return 0;
}

/* Without one: maps go as a whole, and what stays of them is mapped anew. */
static void make_do(struct uvdk_sva *sva, const struct change *c)
{
	const struct pinned *p = sva->priv;
	const struct move mv = {.from = p->ioas, .to = p->ioas};
	struct uvdk_map_info m;
	uintptr_t at = c->first;

	while (at <= c->last) {
		if (uvdk_ioas_find(p->ioas, at, &m) && uvdk_ioas_next(p->ioas, at, &m))
			return;
		if (m.iova > c->last)
			return;
		if (!uvdk_ioas_unmap(p->ioas, m.iova, m.len) && keep(&mv, &m, c))
			uvdk_log(UVDK_LOG_WARN, SVA_COMPONENT,
				 "pinned: part of 0x%" PRIx64 "+0x%zx was given up, and the device "
				 "has lost all of it: %s",
				 m.iova, m.len, uvdk_last_error());
		at = m.iova + m.len;
	}
}

static void carry_out(struct uvdk_sva *sva, const struct change *c)
{
	int err;

	uvdk_log_hush(true);
	err = rebuild(sva, c);
	uvdk_log_hush(false);
	if (!err)
		return;
	uvdk_log(UVDK_LOG_INFO, SVA_COMPONENT,
		 "pinned: pages around 0x%" PRIxPTR "-0x%" PRIxPTR
		 " were out of reach for a moment: %s",
		 c->first, c->last, uvdk_last_error());
	make_do(sva, c);
}

/* Does it cut a map? */
static bool cuts(struct uvdk_ioas *ioas, const struct change *c)
{
	struct uvdk_map_info m;

	return (!uvdk_ioas_find(ioas, c->first, &m) && m.iova < c->first) ||
	       (!uvdk_ioas_find(ioas, c->last, &m) && m.iova + m.len - 1 > c->last);
}

static void pinned_forget(struct uvdk_sva *sva, uintptr_t addr, size_t len)
{
	const struct change c = {.first = addr, .last = addr + len - 1};
	const struct pinned *p = sva->priv;

	if (cuts(p->ioas, &c))
		carry_out(sva, &c);
	else
		make_do(sva, &c);
	count(sva);
}

static int pinned_protect(struct uvdk_sva *sva, uintptr_t addr, size_t len)
{
	const struct change c = {.first = addr, .last = addr + len - 1, .inside = UVDK_MAP_READ};

	carry_out(sva, &c);
	count(sva);

	return 0;
}

const struct sva_ops sva_pinned = {
	.name = "pinned",
	.id = UVDK_SVA_PINNED,
	.probe = pinned_probe,
	.bind = pinned_bind,
	.unbind = pinned_unbind,
	.share = pinned_share,
	.forget = pinned_forget,
	.protect = pinned_protect,
};
