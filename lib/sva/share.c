// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "sva_priv.h"

/* What is to be shared: pieces that are not yet, each within a mapping. */
struct piece {
	struct sva_range range;
	bool file_shared; /* of a shared mapping of a file */
};

struct plan {
	struct uvdk_sva *sva;
	uintptr_t first, last;
	bool lenient; /* leave out what can't be shared */
	bool dry;     /* follow only; without the lock */
	struct piece *at;
	size_t count, cap;
};

static int pages_of(const void *addr, size_t len, uintptr_t *first, uintptr_t *last)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
	uintptr_t at = (uintptr_t)addr;

	if (!len)
		return uvdk_fail(-EINVAL, SVA_COMPONENT, "a range at %p is empty", addr);
	if (len - 1 > UINTPTR_MAX - at || (at + len - 1) > UINTPTR_MAX - page - 1)
		return uvdk_fail(-EINVAL, SVA_COMPONENT,
				 "%p+0x%zx runs past the end of the address space", addr, len);
	*first = at & ~page;
	*last = (at + len - 1) | page;

	return 0;
}

int sva_enter_pages(struct uvdk_sva *sva, const void *addr, size_t len, uintptr_t *first,
		    uintptr_t *last)
{
	int err = pages_of(addr, len, first, last);

	return err ? err : sva_enter(sva, false);
}

/* The device may have gone, or the PASID. */
int sva_check_live(const struct uvdk_sva *sva)
{
	if (sva->live && !uvdk_device_gone(sva->dev))
		return 0;

	return uvdk_fail(-ENODEV, SVA_COMPONENT,
			 sva->released ? "the PASID was freed, and with it the binding ended"
				       : "the device is gone or closed: the binding has ended");
}

void sva_finish(struct uvdk_sva *sva)
{
	pthread_mutex_unlock(&sva->lock);
	sva_leave(sva, false);
}

/* ---- what there is to do ---- */

static int plan_add(struct plan *plan, const struct sva_mapping *m, uintptr_t first, uintptr_t last)
{
	size_t cap = plan->cap ? 2 * plan->cap : 16;
	struct piece *at = plan->at;

	if (plan->count == plan->cap) {
		at = realloc(plan->at, cap * sizeof(*at));
		if (!at)
			return uvdk_fail(-ENOMEM, SVA_COMPONENT, "no memory for %zu pieces", cap);
		plan->at = at;
		plan->cap = cap;
	}
	at[plan->count++] = (struct piece){
		.range = {.first = first, .last = last, .writable = m->writable},
		.file_shared = m->shared,
	};

	return 0;
}

static int check_mapping(const struct sva_mapping *m)
{
	const char *why = sva_mapping_special(m);

	if (why)
		return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
				 "0x%" PRIxPTR "-0x%" PRIxPTR " (%s) can't be shared: %s", m->first,
				 m->last, m->name, why);
	if (!m->readable)
		return uvdk_fail(-EFAULT, SVA_COMPONENT,
				 "0x%" PRIxPTR "-0x%" PRIxPTR " (%s) may not be read", m->first,
				 m->last, m->name[0] ? m->name : "no file");

	return 0;
}

/*
 * Not the whole mapping: neighbours that the kernel has made one with it may belong
 * to whoever reads the events, who must not wait for himself. Hugepages are
 * followed as a whole, or not at all.
 */
static int follow(const struct sva_mapping *m, uintptr_t first, uintptr_t last)
{
	int err = uvdk_follow_add(first, last - first + 1);

	if (err == -EINVAL)
		err = uvdk_follow_add(m->first, m->last - m->first + 1);
	if (err == -EOPNOTSUPP)
		return uvdk_fail(err, SVA_COMPONENT,
				 "0x%" PRIxPTR "-0x%" PRIxPTR
				 " (%s) can't be followed by this kernel, so that it would stay "
				 "reachable when it is unmapped: bind with UVDK_SVA_NO_FOLLOW and "
				 "call uvdk_sva_forget() before",
				 m->first, m->last, m->name[0] ? m->name : "no file");

	return err == -ENOMEM ? -EFAULT : err;
}

/* Part of a mapping: what of it is not shared yet. Follow first, then pin. */
static int plan_mapping(struct plan *plan, const struct sva_mapping *m, uintptr_t first,
			uintptr_t last)
{
	uintptr_t gap_first, gap_last;
	int err = check_mapping(m);

	if (!err && plan->sva->following)
		err = follow(m, first, last);
	if (plan->dry)
		return err;
	while (!err && sva_ranges_gap(&plan->sva->ranges, first, last, &gap_first, &gap_last)) {
		err = plan_add(plan, m, gap_first, gap_last);
		if (gap_last == last)
			break;
		first = gap_last + 1;
	}

	return err;
}

static int hole(uintptr_t at)
{
	return uvdk_fail(-EFAULT, SVA_COMPONENT, "nothing is mapped at 0x%" PRIxPTR, at);
}

static int plan_lenient(struct plan *plan, const struct sva_mapping *m)
{
	int err;

	uvdk_log_hush(true);
	err = plan_mapping(plan, m, m->first, m->last);
	uvdk_log_hush(false);

	return err == -ENOMEM ? err : 0;
}

static int plan_all(struct plan *plan, struct sva_maps *maps)
{
	uintptr_t at = plan->first;
	struct sva_mapping m;
	int err, ret;

	while ((ret = sva_maps_next(maps, at, &m)) > 0) {
		uintptr_t last = m.last < plan->last ? m.last : plan->last;

		if (!plan->lenient && m.first > at)
			return hole(at);
		if (m.first > plan->last)
			return 0;
		err = plan->lenient ? plan_lenient(plan, &m) : plan_mapping(plan, &m, at, last);
		if (err)
			return err;
		if (last == plan->last)
			return 0;
		at = last + 1;
	}
	if (!ret && !plan->lenient)
		return hole(at);

	return ret;
}

/* ---- doing it ---- */

static size_t length(const struct sva_range *range)
{
	return range->last - range->first + 1;
}

/* What pinning refuses although it is mapped is not what others call memory. */
static int share_piece(struct uvdk_sva *sva, const struct piece *piece)
{
	const struct sva_range *r = &piece->range;
	int err = sva->ops->share(sva, r->first, length(r), r->writable);

	if (err == -EFAULT && piece->file_shared)
		return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT,
				 "0x%" PRIxPTR "-0x%" PRIxPTR
				 " is a shared mapping of a file that the kernel does not pin (its "
				 "file system has to see each write): map it private, or a memfd",
				 r->first, r->last);

	return err;
}

static void undo(struct uvdk_sva *sva, const struct plan *plan, size_t count)
{
	while (count--)
		sva->ops->forget(sva, plan->at[count].range.first, length(&plan->at[count].range));
}

static void note(struct uvdk_sva *sva, const struct sva_range *range)
{
	sva_ranges_add(&sva->ranges, range);
	sva->info.shared += length(range);
}

/* All or nothing. */
static int share_strictly(struct uvdk_sva *sva, const struct plan *plan)
{
	int err;

	for (size_t i = 0; i < plan->count; i++) {
		err = share_piece(sva, &plan->at[i]);
		if (err) {
			undo(sva, plan, i);
			return err;
		}
	}
	for (size_t i = 0; i < plan->count; i++)
		note(sva, &plan->at[i].range);

	return 0;
}

static int share_leniently(struct uvdk_sva *sva, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		int err;

		uvdk_log_hush(true);
		err = share_piece(sva, &plan->at[i]);
		uvdk_log_hush(false);
		if (err == -EFAULT && !plan->at[i].file_shared) {
			err = sva_share_remains(sva, plan->at[i].range.first,
						plan->at[i].range.last);
			if (!err)
				err = sva_ranges_reserve(&sva->ranges, plan->count - i);
			if (!err)
				continue;
		}
		if (err == -ENOMEM)
			return uvdk_fail(err, SVA_COMPONENT,
					 "what the process has mapped can't all be shared: %s",
					 uvdk_last_error());
		if (err)
			uvdk_log(UVDK_LOG_DEBUG, SVA_COMPONENT, "not shared: %s",
				 uvdk_last_error());
		else
			note(sva, &plan->at[i].range);
	}

	return 0;
}

static int carry_out(struct plan *plan)
{
	struct uvdk_sva *sva = plan->sva;
	struct sva_maps maps;
	int err = sva_maps_open(&maps);

	if (err)
		return err;
	err = plan_all(plan, &maps);
	sva_maps_close(&maps);
	if (plan->dry)
		return err;
	/* And one more, for what a range is cut into when something is given up. */
	if (!err)
		err = sva_ranges_reserve(&sva->ranges, plan->count + 1);
	if (!err)
		err = plan->lenient ? share_leniently(sva, plan) : share_strictly(sva, plan);
	free(plan->at);

	return err;
}

int sva_share_mapped(struct uvdk_sva *sva, uintptr_t first, uintptr_t last)
{
	struct plan plan = {.sva = sva, .first = first, .last = last};

	return carry_out(&plan);
}

/*
 * Without the lock, before it is shared: what was at these addresses before is told
 * of now, and not once the memory that is there now has been pinned. Under the lock
 * it is followed once more, in case that another mapping is there then.
 */
int sva_follow_mapped(struct uvdk_sva *sva, uintptr_t first, uintptr_t last, bool lenient)
{
	struct plan plan = {
		.sva = sva, .first = first, .last = last, .lenient = lenient, .dry = true};
	int err;

	if (!sva->following)
		return 0;
	err = carry_out(&plan);
	uvdk_follow_flush();

	return err;
}

int sva_share_process(struct uvdk_sva *sva)
{
	struct plan plan = {.sva = sva, .last = UINTPTR_MAX, .lenient = true};

	return sva->ops->id == UVDK_SVA_KERNEL ? 0 : carry_out(&plan);
}

UVDK_EXPORT int uvdk_sva_share(struct uvdk_sva *sva, const void *addr, size_t len)
{
	uintptr_t first, last;
	int err = sva_enter_pages(sva, addr, len, &first, &last);

	if (err)
		return err;
	err = sva_follow_mapped(sva, first, last, false);
	pthread_mutex_lock(&sva->lock);
	if (!err)
		err = sva_check_live(sva);
	if (!err && sva->ops->id != UVDK_SVA_KERNEL)
		err = sva_share_mapped(sva, first, last);
	sva_finish(sva);

	return err;
}
