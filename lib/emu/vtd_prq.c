// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "vtd_priv.h"

/* Page requests and what answers them: 7.4 to 7.7, registers 11.4.11. */

#define DESC_SHIFT    5
#define TYPE_PAGE     UINT64_C(1)
#define REQ_PASID     BIT(8)
#define REQ_RID(r)    FIELD(r, 16)
#define REQ_PV(p)     FIELD(p, 32)
#define REQ_READ      BIT(0)
#define REQ_WRITE     BIT(1)
#define REQ_LAST      BIT(2)
#define REQ_GROUP(g)  FIELD(g, 3)
#define GROUP_MAX     511u
#define RESP_PASID    BIT(4)
#define RESP_CODE(w)  BITS(w, 15, 12)
#define RESP_RID(w)   BITS(w, 31, 16)
#define RESP_PV(w)    BITS(w, 51, 32)
#define RESP_LAST     BIT(2)
#define RESP_GROUP(w) BITS(w, 11, 3)

static uint64_t queue_bytes(uint64_t pqa)
{
	return UINT64_C(4096) << (pqa & 7);
}

static void respond(struct uvdk_emu_function *fn, uint32_t pasid, unsigned int group,
		    enum uvdk_emu_page_code code)
{
	if (fn->model->page_response)
		fn->model->page_response(fn, pasid, group, code);
}

/* That tells of what came before, too. */
static void set_status(struct vtd *vtd, uint64_t bit)
{
	if (!atomic_fetch_or(&vtd->prs, (uint32_t)bit))
		vtd_event_raise(vtd, UVDK_EMU_IOMMU_IRQ_PAGE_REQUEST);
}

/* Under prq_lock. */
static bool put(struct vtd *vtd, const uint64_t *desc)
{
	uint64_t pqa = atomic_load(&vtd->pqa);
	uint64_t tail = atomic_load(&vtd->pqt) % queue_bytes(pqa); /* software may write it */
	uint64_t next = (tail + (1u << DESC_SHIFT)) % queue_bytes(pqa);
	uint64_t *at = vtd_at(vtd, (pqa & SPAN(63, 12)) + tail);

	if (!at || next == atomic_load(&vtd->pqh) || (atomic_load(&vtd->prs) & PRS_PRO)) {
		set_status(vtd, PRS_PRO);
		return false;
	}
	for (unsigned int i = 0; i < 4; i++)
		__atomic_store_n(at + i, desc[i], __ATOMIC_RELEASE);
	atomic_store(&vtd->pqt, next);
	set_status(vtd, PRS_PPR);

	return true;
}

/* May this function ask? */
static bool may_ask(struct vtd *vtd, const struct vtd_req *req)
{
	struct vtd_walk w = {0};

	if (vtd_find_context(vtd, req, &w) || vtd_check_context(req, &w))
		return false;

	return (w.context[0] & CTX_PRE) && (atomic_load(&vtd->pqa) & SPAN(63, 12));
}

UVDK_EXPORT int uvdk_emu_page_request(struct uvdk_emu_function *fn, uint32_t pasid,
				      uvdk_iova_t iova, bool write, unsigned int group, bool last)
{
	struct vtd *vtd = fn->vtd;
	const struct vtd_req req = {
		.fn = fn,
		.sid = vtd_sid(fn),
		.pasid = pasid == UVDK_EMU_NO_PASID ? VTD_RID : pasid & 0xfffff,
		.write = write,
		.ats = true,
	};
	const uint64_t desc[4] = {
		TYPE_PAGE | REQ_RID((uint64_t)req.sid) |
			(req.pasid == VTD_RID ? 0 : REQ_PASID | REQ_PV((uint64_t)req.pasid)),
		(iova & SPAN(63, 12)) | REQ_READ | (write ? REQ_WRITE : 0) | (last ? REQ_LAST : 0) |
			REQ_GROUP((uint64_t)group),
	};
	bool taken;

	if (group > GROUP_MAX)
		return -EINVAL;
	if (atomic_load(&fn->gone))
		return -EPERM;
	if (atomic_load(&fn->translated) || !vtd_on(vtd) || !may_ask(vtd, &req)) {
		if (last)
			respond(fn, pasid, group, UVDK_EMU_PAGE_FAILURE);
		return -EPERM;
	}
	pthread_mutex_lock(&vtd->prq_lock);
	taken = put(vtd, desc);
	pthread_mutex_unlock(&vtd->prq_lock);
	if (taken)
		return 0;
	/* The request is lost; the last of a group is answered, so that it is made again. */
	if (last)
		respond(fn, pasid, group, UVDK_EMU_PAGE_SUCCESS);

	return -EAGAIN;
}

/* A descriptor of the invalidation queue; called with queue_lock. */
int vtd_page_response(struct vtd *vtd, const uint64_t *d)
{
	struct uvdk_emu_function *fn = vtd_function(vtd, (uint16_t)RESP_RID(d[0]));
	uint32_t pasid = d[0] & RESP_PASID ? (uint32_t)RESP_PV(d[0]) : UVDK_EMU_NO_PASID;

	if ((d[0] & (SPAN(8, 5) | SPAN(63, 52))) || (d[1] & (SPAN(1, 0) | SPAN(63, 12))))
		return IQEI_RESERVED;
	if (fn && !atomic_load(&fn->gone))
		respond(fn, pasid, (unsigned int)RESP_GROUP(d[1]),
			(enum uvdk_emu_page_code)RESP_CODE(d[0]));

	return 0;
}

void vtd_prq_write(struct vtd *vtd, uint32_t off, uint64_t value)
{
	switch (off) {
	case REG_PQH:
		atomic_store(&vtd->pqh, value & SPAN(18, 5));
		break;
	case REG_PQT:
		atomic_store(&vtd->pqt, value & SPAN(18, 5));
		break;
	case REG_PQA:
		atomic_store(&vtd->pqa, value & (SPAN(63, 12) | SPAN(2, 0)));
		break;
	case REG_PRS:
		pthread_mutex_lock(&vtd->prq_lock);
		atomic_fetch_and(&vtd->prs, ~(uint32_t)(value & (PRS_PPR | PRS_PRO)));
		if (!atomic_load(&vtd->prs))
			vtd_event_clear(vtd, UVDK_EMU_IOMMU_IRQ_PAGE_REQUEST);
		pthread_mutex_unlock(&vtd->prq_lock);
		break;
	default:
		break;
	}
}
