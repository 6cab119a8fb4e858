// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "iommu_emu_domain.h"
#include "iommu_emu_invalq.h"
#include "iommu_emu_space.h"

/*
 * An application's invalidations, as descriptors in the unit's queue. Each lot
 * ends with a wait that writes how many pieces are over: to see that is to read
 * memory.
 */

#define STAGED	      (EMU_QUEUE_MAX / 2) /* leaves room for others' */
#define FLUSH_ENTRIES 256

/* A descriptor that waits for room. */
struct staged {
	struct vtd_desc desc;
	uint64_t piece;
};

/**
 * struct emu_invalq - a queue of an application's
 * @poster: in the unit's queue
 * @unit: unit; its machine stays for as long as the queue
 * @fn: function; guarded by the unit's lock, NULL: what this is for has been detached
 * @asker: to invalidate what the function has cached
 * @did: domain ID
 * @pasid: PASID, 0: accesses without one
 * @status: pieces that are over, 32 bits of it; written by the hardware
 * @pushed: pieces
 * @posted: pieces that are in the unit's queue or over
 * @done: pieces that are over
 * @wait_flags: for the wait at the end of the lot
 * @refused: ring of pieces that were; guarded by the unit's lock
 * @refused_head: first of them
 * @refused_tail: place after the last
 * @doubt: pieces from here to @doubt_end may not be done: the function is late
 * @doubt_end: see there
 * @count: of @staged
 * @staged: descriptors that wait for room
 */
struct emu_invalq {
	struct emu_poster poster;
	struct emu_unit *unit;
	const struct uvdk_emu_function *fn;
	struct emu_asker asker;
	uint16_t did;
	uint32_t pasid;
	uint32_t *status;
	uint64_t pushed;
	uint64_t posted;
	uint64_t done;
	uint64_t wait_flags;
	uint64_t refused[EMU_QUEUE_ENTRIES];
	unsigned int refused_head;
	unsigned int refused_tail;
	uint64_t doubt;
	uint64_t doubt_end;
	unsigned int count;
	struct staged staged[STAGED];
};

/* ---- descriptors ---- */

static unsigned int order_of(const struct uvdk_inval_req *req)
{
	uint64_t pages = (req->last - req->first) >> VTD_PAGE_SHIFT;

	return pages ? 64 - (unsigned int)__builtin_clzll(pages) : 0;
}

/* 6.5.2.4 */
static void encode_iotlb(const struct emu_invalq *q, const struct uvdk_inval_req *req, uint64_t *w)
{
	bool some = req->scope == UVDK_INVAL_RANGE;

	w[0] = VTD_DESC_PIOTLB | VTD_DESC_G(some ? VTD_G_PAGE : VTD_G_PASID) |
	       VTD_DESC_DID(q->did) | VTD_DESC_PASID(q->pasid);
	if (some)
		w[1] = req->first | order_of(req) |
		       (req->flags & UVDK_INVAL_LEAF ? VTD_IOTLB_IH : 0);
}

/* What PCIe 10.2.3.2 says of a size: ones below a zero. @sized: the bit that says there is one */
static uint64_t devtlb_pages(const struct uvdk_inval_req *req, uint64_t sized)
{
	uint64_t size = req->last - req->first;

	if (req->scope != UVDK_INVAL_RANGE || size >> 62)
		return VTD_DEVTLB_ALL | sized;
	if (size < VTD_PAGE)
		return req->first;

	return req->first | ((size >> 1) & ~(VTD_PAGE - 1)) | sized;
}

/* 6.5.2.5, and for other PASIDs than 0 6.5.2.6 */
static void encode_devtlb(const struct emu_invalq *q, const struct uvdk_inval_req *req, uint64_t *w)
{
	const struct emu_asker *asker = &q->asker;
	uint64_t pf = VTD_ECAP_DIT(q->unit->ecap) ? VTD_DEVTLB_PFSID(asker->sid) : 0;

	if (q->pasid) {
		w[0] = VTD_DESC_PDEVTLB | VTD_PDEVTLB_MIP(asker->depth) |
		       VTD_PDEVTLB_SID(asker->sid) | VTD_DESC_PASID(q->pasid) | pf;
		w[1] = devtlb_pages(req, VTD_PDEVTLB_S);
	} else {
		w[0] = VTD_DESC_DEVTLB | VTD_DEVTLB_MIP(asker->depth) | VTD_DEVTLB_SID(asker->sid) |
		       pf;
		w[1] = devtlb_pages(req, VTD_DEVTLB_S);
	}
}

/* ATS may be off still, because the function uses no PASID yet: then it has cached nothing. */
static bool is_idle(const struct emu_invalq *q, const struct uvdk_inval_piece *piece)
{
	return piece->target == UVDK_INVAL_FENCE ||
	       (piece->target == UVDK_INVAL_DEVTLB &&
		!__atomic_load_n(&q->poster.ats, __ATOMIC_ACQUIRE));
}

static struct vtd_desc encode(const struct emu_invalq *q, const struct uvdk_inval_piece *piece)
{
	struct vtd_desc desc = {0};
	uint64_t w[2] = {0};

	if (is_idle(q, piece))
		return emu_queue_wait(VTD_WAIT_FN, 0, NULL);
	if (piece->target == UVDK_INVAL_DEVTLB)
		encode_devtlb(q, &piece->req, w);
	else
		encode_iotlb(q, &piece->req, w);
	vtd_set(&desc.w[0], w[0]);
	vtd_set(&desc.w[1], w[1]);

	return desc;
}

/* ---- the unit's queue ---- */

static struct emu_invalq *queue_of(struct emu_poster *poster)
{
	return (struct emu_invalq *)poster;
}

static void on_refused(struct emu_poster *poster, uint64_t piece)
{
	struct emu_invalq *q = queue_of(poster);

	q->refused[q->refused_tail++ % EMU_QUEUE_ENTRIES] = piece;
}

static void on_late(struct emu_poster *poster)
{
	struct emu_invalq *q = queue_of(poster);

	if (q->doubt == q->doubt_end)
		q->doubt = q->done;
	q->doubt_end = q->posted;
}

/* Under the unit's lock, as the others. */
static void on_ended(struct emu_poster *poster)
{
	queue_of(poster)->fn = NULL;
}

static void post_wait(struct emu_invalq *q)
{
	struct vtd_desc wait =
		emu_queue_wait(VTD_WAIT_SW | q->wait_flags, (uint32_t)q->posted, q->status);

	emu_queue_post(q->unit, &q->poster, &wait, q->posted);
	emu_queue_ring(q->unit);
}

/* As much as there is room for, and a wait. Under the unit's lock. */
static void post(struct emu_invalq *q)
{
	unsigned int room = q->count && q->fn ? emu_queue_room(q->unit) : 0;
	unsigned int n = room ? room - 1 : 0;

	if (n > q->count)
		n = q->count;
	if (!n)
		return;
	for (unsigned int i = 0; i < n; i++)
		emu_queue_post(q->unit, &q->poster, &q->staged[i].desc, q->staged[i].piece);
	q->posted = q->staged[n - 1].piece + 1;
	q->count -= n;
	memmove(q->staged, q->staged + n, q->count * sizeof(q->staged[0]));
	post_wait(q);
	if (!q->count)
		q->wait_flags = 0;
}

/* The hardware writes one of the numbers that it was given, in their order. */
static int read_status(struct emu_invalq *q)
{
	uint32_t raw = __atomic_load_n(q->status, __ATOMIC_ACQUIRE);
	uint32_t left = (uint32_t)q->posted - uvdk_get32((struct uvdk_le32){raw});

	if (left > q->posted - q->done)
		return uvdk_fail(-EIO, EMU_COMPONENT,
				 "I/O MMU %u says that %u of %u invalidations are done",
				 q->unit->number, raw, (uint32_t)q->posted);
	q->done = q->posted - left;

	return 0;
}

/* ---- operations ---- */

static int emu_push(void *priv, const struct uvdk_inval_piece *piece)
{
	struct emu_invalq *q = priv;

	if (q->count == STAGED)
		return -EAGAIN;
	q->staged[q->count].desc = encode(q, piece);
	q->staged[q->count++].piece = q->pushed++;
	if (piece->target == UVDK_INVAL_IOTLB && !(piece->req.flags & UVDK_INVAL_NO_DRAIN) &&
	    VTD_ECAP_PDS(q->unit->ecap))
		q->wait_flags = VTD_WAIT_FN | VTD_WAIT_PD;

	return 0;
}

static int emu_kick(void *priv)
{
	struct emu_invalq *q = priv;

	uvdk_lock_acquire(&q->unit->lock);
	post(q);
	uvdk_lock_release(&q->unit->lock);

	return 0;
}

/* It may be working, or have stopped; a wait that was dropped comes again (6.5.2.11). */
static void attend(struct emu_invalq *q)
{
	struct emu_unit *unit = q->unit;
	bool dry;

	uvdk_lock_acquire(&unit->lock);
	dry = emu_queue_look(unit);
	post(q);
	if (dry && q->fn && !q->count &&
	    __atomic_load_n(q->status, __ATOMIC_ACQUIRE) != uvdk_to_le32((uint32_t)q->posted).raw)
		post_wait(q);
	uvdk_lock_release(&unit->lock);
}

static int report(struct emu_invalq *q, struct uvdk_inval_progress *out)
{
	int err;

	uvdk_lock_acquire(&q->unit->lock);
	err = !q->fn || uvdk_emu_fn_gone(q->fn) ? -ENODEV : q->unit->broken ? -EIO : 0;
	if (q->refused_head != q->refused_tail) {
		out->err = -EIO;
		out->failed = q->refused[q->refused_head++ % EMU_QUEUE_ENTRIES];
	} else if (q->doubt != q->doubt_end) {
		out->err = -ETIMEDOUT;
		out->failed = q->doubt++;
	}
	uvdk_lock_release(&q->unit->lock);

	return err;
}

static int emu_poll(void *priv, struct uvdk_inval_progress *out)
{
	struct emu_invalq *q = priv;
	int err = read_status(q);

	if (!err && q->done != q->pushed) {
		attend(q);
		err = read_status(q);
	}
	if (!err)
		err = report(q, out);
	out->done = q->done;

	return err;
}

/* Nobody writes to its memory any more, or names it. */
static void emu_stop(void *priv)
{
	struct emu_invalq *q = priv;

	uvdk_lock_acquire(&q->unit->lock);
	if (q->fn)
		emu_queue_remove(q->unit, &q->poster);
	q->fn = NULL;
	uvdk_lock_release(&q->unit->lock);
}

static void free_queue(struct emu_invalq *q)
{
	struct emu_machine *machine = q->unit->machine;

	if (!q->unit->broken)
		emu_arena_put(&machine->arena, emu_page_of(q->status));
	uvdk_emu_destroy(machine->emu);
	free(q);
}

static void emu_destroy(void *priv)
{
	free_queue(priv);
}

static const struct uvdk_inval_ops emu_inval_ops = {
	.push = emu_push,
	.kick = emu_kick,
	.poll = emu_poll,
	.stop = emu_stop,
	.destroy = emu_destroy,
};

/* ---- making one ---- */

static void fill_props(const struct emu_invalq *q, bool devtlb, struct uvdk_inval_props *props)
{
	const struct emu_unit *unit = q->unit;

	props->caps = (struct uvdk_inval_caps){
		.backend = "emu",
		.batch = STAGED,
		.rule = UVDK_INVAL_POW2,
		.rule_order = (unsigned int)VTD_CAP_MAMV(unit->cap),
		.devtlb_rule = UVDK_INVAL_COVER,
		.devtlb = devtlb,
		.flush_entries = FLUSH_ENTRIES,
		.honours = UVDK_INVAL_LEAF | (devtlb ? UVDK_INVAL_KEEP_DEVTLB : 0) |
			   (VTD_ECAP_PDS(unit->ecap) ? UVDK_INVAL_NO_DRAIN : 0),
		.scopes = 1u << UVDK_INVAL_ALL | 1u << UVDK_INVAL_PASID | 1u << UVDK_INVAL_RANGE,
		.granules = UINT64_C(1) << VTD_PAGE_SHIFT,
	};
	props->pasid_min = props->pasid_max = q->pasid;
}

static int check(const struct emu_device *dev, uint32_t pasid, const struct emu_attachment *at)
{
	if (at && emu_domain_has_first(at->dom) && VTD_CAP_PSI(dev->unit->cap))
		return 0;

	return uvdk_fail(-EINVAL, EMU_COMPONENT,
			 "invalidations for PASID %u of %s: what is attached there has to be the "
			 "table that they are for, with a first stage",
			 pasid, uvdk_emu_fn_name(dev->fn));
}

static struct emu_invalq *alloc(struct emu_device *dev, const struct emu_attachment *at)
{
	struct emu_invalq *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->poster = (struct emu_poster){.refused = on_refused,
					.late = on_late,
					.ended = on_ended,
					.sid = dev->sid,
					.pasid = at->pasid,
					.ats = dev->ats_on};
	q->unit = dev->unit;
	q->fn = dev->fn;
	q->asker = dev->asker;
	q->did = emu_domain_did(at->dom, dev->unit);
	q->pasid = at->pasid;
	q->status = emu_arena_get(&dev->unit->machine->arena);
	if (!q->status) {
		free(q);
		return NULL;
	}
	uvdk_emu_get(dev->unit->machine->emu);

	return q;
}

static int create(struct emu_device *dev, const struct emu_attachment *at,
		  const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out)
{
	struct uvdk_inval_props props = {0};
	struct emu_invalq *q = alloc(dev, at);
	int err;

	if (!q)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for a queue");
	fill_props(q, dev->ats_cap, &props);
	err = uvdk_invalq_create(&emu_inval_ops, q, &props, opts, out);
	if (err) {
		free_queue(q);
		return err;
	}
	uvdk_lock_acquire(&dev->unit->lock);
	LIST_INSERT_HEAD(&dev->unit->queue.posters, &q->poster, entry);
	uvdk_lock_release(&dev->unit->lock);

	return 0;
}

int emu_invalq_create(struct emu_device *dev, uint32_t pasid, const struct uvdk_invalq_opts *opts,
		      struct uvdk_invalq **out)
{
	const struct emu_attachment *at = emu_attachment_find(dev, pasid);
	int err = check(dev, pasid, at);

	return err ? err : create(dev, at, opts, out);
}

/* Who attaches and detaches meanwhile waits for the domain's lock. */
int emu_nested_invalq_create(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
			     const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out)
{
	struct emu_domain *dom = ((struct emu_hwpt *)hwpt_priv)->dom;
	struct emu_device *dev = binding->priv;
	const struct emu_attachment *at;
	int err;

	uvdk_lock_acquire(&dom->lock);
	TAILQ_FOREACH(at, &dom->attached, entry)
	{
		if (at->dev == dev && at->pasid == pasid)
			break;
	}
	err = check(dev, pasid, at);
	if (!err)
		err = create(dev, at, opts, out);
	uvdk_lock_release(&dom->lock);

	return err;
}
