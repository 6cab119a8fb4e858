// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <search.h>

#include "iommu_emu_domain.h"
#include "iommu_emu_events.h"

static int compare(const void *a, const void *b)
{
	const struct emu_attachment *x = a;
	const struct emu_attachment *y = b;

	return x->pasid < y->pasid ? -1 : x->pasid > y->pasid;
}

struct emu_attachment *emu_attachment_find(const struct emu_device *dev, uint32_t pasid)
{
	const struct emu_attachment key = {.pasid = pasid};
	struct emu_attachment **node = tfind(&key, &dev->attached, compare);

	return node ? *node : NULL;
}

/*
 * By ascending PASID, for those who look at each PASID once. Most are above or
 * below all others: PASIDs come in order, and go from table to table in order.
 */
static void enlist(struct emu_attachment *at, struct emu_domain *dom, bool plain)
{
	struct emu_attachment *before = TAILQ_LAST(&dom->attached, emu_attachments);

	at->dom = dom;
	at->plain = plain;
	dom->plain += plain;
	emu_domain_get(dom);
	if (!before || TAILQ_FIRST(&dom->attached)->pasid >= at->pasid) {
		TAILQ_INSERT_HEAD(&dom->attached, at, entry);
		return;
	}
	while (before->pasid > at->pasid)
		before = TAILQ_PREV(before, emu_attachments, entry);
	TAILQ_INSERT_AFTER(&dom->attached, before, at, entry);
}

static void delist(struct emu_attachment *at)
{
	TAILQ_REMOVE(&at->dom->attached, at, entry);
	at->dom->plain -= at->plain;
	emu_domain_leave(at->dom, at->dev->unit);
	emu_domain_put(at->dom);
}

static struct emu_attachment *add(struct emu_device *dev, uint32_t pasid)
{
	struct emu_attachment *at = calloc(1, sizeof(*at));

	if (!at)
		return NULL;
	*at = (struct emu_attachment){.dev = dev, .pasid = pasid};
	if (!tsearch(at, &dev->attached, compare)) {
		free(at);
		return NULL;
	}
	dev->count++;

	return at;
}

static void drop(struct emu_attachment *at)
{
	tdelete(at, &at->dev->attached, compare);
	at->dev->count--;
	free(at);
}

/* The entry of a function, and of a PASID in it. */
static int write_entries(struct emu_device *dev, uint32_t pasid, const struct emu_domain *dom,
			 struct emu_faultq *faults)
{
	int err = emu_context_set(dev);

	if (!err && pasid)
		err = emu_context_enable_pasid(dev);
	if (!err && faults)
		err = emu_prq_watch(dev, pasid, faults);
	if (err)
		return err;
	err = emu_pasid_set(dev, pasid, dom);
	if (err && faults)
		emu_prq_unwatch(dev, pasid);

	return err;
}

static int attach(struct emu_domain *dom, struct emu_device *dev, uint32_t pasid, bool plain,
		  struct emu_faultq *faults)
{
	struct emu_attachment *at = add(dev, pasid);
	int err;

	if (!at)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory to attach %s",
				 uvdk_emu_fn_name(dev->fn));
	err = emu_domain_enter(dom, dev->unit);
	if (err)
		goto drop;
	at->dom = dom; /* who looks at what is attached meanwhile finds it */
	err = write_entries(dev, pasid, dom, faults);
	if (err)
		goto leave;
	at->faults = faults;
	enlist(at, dom, plain);

	return 0;
leave:
	emu_domain_leave(dom, dev->unit);
drop:
	drop(at);
	if (!dev->count)
		emu_context_clear(dev);
	return err;
}

/* What was asked for under the old table is refused, what is under the new one heard. */
static int replace(struct emu_domain *dom, struct emu_attachment *at, bool plain,
		   struct emu_faultq *faults)
{
	struct emu_faultq *before = at->faults;
	int err = emu_domain_enter(dom, at->dev->unit);

	if (err)
		return err;
	if (faults && !before)
		err = emu_prq_watch(at->dev, at->pasid, faults);
	if (err) {
		emu_domain_leave(dom, at->dev->unit);
		return err;
	}
	if (faults && before)
		emu_prq_move(at->dev, at->pasid, faults);
	if (at->dom != dom) {
		emu_queue_end(at->dev->unit, at->dev->sid, at->pasid);
		emu_pasid_replace(at->dev, at->pasid, at->dom, dom);
	}
	delist(at);
	enlist(at, dom, plain);
	if (before && !faults)
		emu_prq_unwatch(at->dev, at->pasid);
	at->faults = faults;

	return 0;
}

/*
 * Whoever invalidates a nested table finds an attachment before it can have
 * anything cached. The library has one thread attach at a time. @before has a
 * reference, still.
 */
static void lock(struct emu_domain *dom, struct emu_domain *before)
{
	uvdk_lock_acquire(&dom->lock);
	if (!before)
		return;
	emu_domain_get(before);
	if (before != dom)
		uvdk_lock_acquire(&before->lock);
}

static void unlock(struct emu_domain *dom, struct emu_domain *before)
{
	uvdk_lock_release(&dom->lock);
	if (!before)
		return;
	if (before != dom)
		uvdk_lock_release(&before->lock);
	emu_domain_put(before);
}

int emu_domain_attach(struct emu_domain *dom, struct emu_device *dev, uint32_t pasid, bool plain,
		      struct emu_faultq *faults)
{
	struct emu_attachment *at = emu_attachment_find(dev, pasid);
	struct emu_domain *before = at ? at->dom : NULL;
	int err;

	lock(dom, before);
	emu_device_begin(dev);
	err = at ? replace(dom, at, plain, faults) : attach(dom, dev, pasid, plain, faults);
	emu_device_end(dev);
	unlock(dom, before);

	return err;
}

void emu_domain_detach(struct emu_device *dev, uint32_t pasid)
{
	struct emu_attachment *at = emu_attachment_find(dev, pasid);
	struct emu_domain *dom = at ? at->dom : NULL;

	if (!at)
		return;
	emu_domain_get(dom);
	uvdk_lock_acquire(&dom->lock);
	emu_device_begin(dev);
	emu_queue_end(dev->unit, dev->sid, pasid);
	emu_pasid_clear(dev, pasid, dom);
	if (at->faults)
		emu_prq_unwatch(dev, pasid);
	delist(at);
	drop(at);
	if (!dev->count)
		emu_context_clear(dev);
	emu_device_end(dev);
	uvdk_lock_release(&dom->lock);
	emu_domain_put(dom);
}
