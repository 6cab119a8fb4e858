// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_emu_route.h"

/* Page requests: the queue of a unit (7.4, 11.4.11), and who is asked. */

#define PRQ_ORDER   2 /* log2 of its pages */
#define PRQ_ENTRIES (VTD_PAGE << PRQ_ORDER >> VTD_PQ_SHIFT)
#define TURNS	    8 /* what comes still later has its own interrupt */

static void respond(struct emu_batch *batch, const struct emu_route *route,
		    const struct emu_group *group, unsigned int code)
{
	const struct emu_response r = {
		.sid = route->dev->sid,
		.has_pasid = group->has_pasid,
		.pasid = route->pasid,
		.index = group->index,
		.code = code,
	};

	emu_inval_response(batch, &r);
}

/* Of those that are not whole, the rest will be refused. */
static void refuse_all(struct emu_batch *batch, struct emu_route *route)
{
	while (!LIST_EMPTY(&route->groups)) {
		struct emu_group *group = LIST_FIRST(&route->groups);

		if (group->whole && !uvdk_emu_fn_gone(route->dev->fn))
			respond(batch, route, group, VTD_RESP_INVALID);
		emu_group_free(group);
	}
	emu_faultq_forget(route->q, route->dev->slot, route->pasid);
}

/* ---- from a unit to fault queues ---- */

static unsigned int access_of(uint64_t w0, uint64_t w1)
{
	return (VTD_REQ_READ(w1) ? UVDK_FAULT_READ : 0u) |
	       (VTD_REQ_WRITE(w1) ? UVDK_FAULT_WRITE : 0u) |
	       (VTD_REQ_EXEC(w0) ? UVDK_FAULT_EXEC : 0u) |
	       (VTD_REQ_PRIV(w0) ? UVDK_FAULT_PRIV : 0u);
}

static bool deliver(struct emu_route *route, struct emu_group *group, uint64_t w0, uint64_t w1)
{
	const struct uvdk_fault_record record = {
		.fault = {.type = UVDK_FAULT_PAGE_REQUEST,
			  .access = access_of(w0, w1),
			  .pasid = route->pasid,
			  .index = group->index,
			  .addr = w1 & ~(VTD_PAGE - 1),
			  .last = VTD_REQ_LAST(w1)},
		.dev_id = route->dev->slot,
		.cookie = group->cookie,
	};

	return emu_faultq_put(route->q, &record);
}

/* What has no room is lost as in a full queue of the unit's: its group is asked again. */
static void take(struct emu_batch *batch, struct emu_route *route, uint64_t w0, uint64_t w1)
{
	struct emu_group none = {.index = (unsigned int)VTD_REQ_GROUP(w1),
				 .has_pasid = VTD_REQ_PP(w0)};
	struct emu_group *group = emu_group_get(route, none.index, none.has_pasid);

	if (!group)
		emu_faultq_lose(route->q, 1);
	if (group && deliver(route, group, w0, w1)) {
		group->whole = VTD_REQ_LAST(w1);
		return;
	}
	if (VTD_REQ_LAST(w1)) {
		respond(batch, route, &none, VTD_RESP_SUCCESS);
		if (group)
			emu_group_free(group);
	}
}

/* Whoever asks without a fault queue is told that nothing will come of it. */
static void refuse_stray(struct emu_batch *batch, uint64_t w0, uint64_t w1)
{
	const struct emu_response r = {
		.sid = (uint16_t)VTD_REQ_SID(w0),
		.has_pasid = VTD_REQ_PP(w0),
		.pasid = (uint32_t)VTD_REQ_PASID(w0),
		.index = (unsigned int)VTD_REQ_GROUP(w1),
		.code = VTD_RESP_INVALID,
	};

	if (VTD_REQ_LAST(w1))
		emu_inval_response(batch, &r);
}

static void dispatch(struct emu_batch *batch, const struct vtd_desc *desc)
{
	uint64_t w0 = vtd_get(&desc->w[0]);
	uint64_t w1 = vtd_get(&desc->w[1]);
	uint32_t pasid = VTD_REQ_PP(w0) ? (uint32_t)VTD_REQ_PASID(w0) : UVDK_PASID_RID;
	struct emu_route *route;

	if (VTD_REQ_TYPE(w0) != VTD_REQ_PAGE)
		return;
	route = emu_route_find(batch->unit->machine, (uint32_t)VTD_REQ_SID(w0) >> 3, pasid);
	if (route && route->dev->unit == batch->unit && route->dev->sid == VTD_REQ_SID(w0))
		take(batch, route, w0, w1);
	else
		refuse_stray(batch, w0, w1);
}

/* Whose requests they were the unit does not say, nor how many. */
static void tell_overflow(struct emu_machine *machine)
{
	struct emu_faultq *q;

	LIST_FOREACH(q, &machine->events.queues, entry)
	emu_faultq_lose(q, 1);
}

/* One turn; whether the unit may have more. It takes nothing while PRO is set. */
static bool drain_some(struct emu_batch *batch)
{
	struct emu_unit *unit = batch->unit;
	unsigned int tail;
	bool over;

	emu_unit_write32(unit, VTD_PRS, VTD_PRS_PPR);
	over = emu_unit_read32(unit, VTD_PRS) & VTD_PRS_PRO;
	tail = (unsigned int)(emu_unit_read64(unit, VTD_PQT) >> VTD_PQ_SHIFT) % PRQ_ENTRIES;
	if (unit->requests.head == tail && !over)
		return false;
	while (unit->requests.head != tail) {
		dispatch(batch, &unit->requests.ring[unit->requests.head]);
		unit->requests.head = (unit->requests.head + 1) % PRQ_ENTRIES;
	}
	emu_unit_write64(unit, VTD_PQH, (uint64_t)tail << VTD_PQ_SHIFT);
	if (over) {
		tell_overflow(unit->machine);
		emu_unit_write32(unit, VTD_PRS, VTD_PRS_PRO);
	}

	return true;
}

void emu_prq_drain(struct emu_machine *machine)
{
	for (unsigned int i = 0; i < machine->count; i++) {
		unsigned int turns = TURNS;
		struct emu_batch batch;

		emu_inval_start(&batch, &machine->units[i]);
		if (!machine->units[i].requests.ring)
			continue;
		while (turns && drain_some(&batch))
			turns--;
		emu_inval_run(&batch);
		if (!turns)
			emu_events_kick(machine);
	}
}

/* ---- answers ---- */

bool emu_prq_waits(struct emu_faultq *q, const struct uvdk_fault_record *record)
{
	const struct emu_route *route;

	if (record->fault.type != UVDK_FAULT_PAGE_REQUEST)
		return true;
	route = emu_route_find(q->machine, record->dev_id, record->fault.pasid);

	return route && route->q == q && !uvdk_emu_fn_gone(route->dev->fn);
}

static struct emu_group *waiting(const struct emu_faultq *q, const struct uvdk_fault_reply *reply,
				 struct emu_route **out)
{
	struct emu_route *route = emu_route_find(q->machine, reply->dev_id, reply->pasid);
	struct emu_group *group = route ? emu_group_find(route, reply->index) : NULL;

	*out = route;
	if (!group || route->q != q || !group->whole || group->cookie != reply->cookie ||
	    uvdk_emu_fn_gone(route->dev->fn))
		return NULL;

	return group;
}

static unsigned int code_of(enum uvdk_fault_code code)
{
	return code == UVDK_FAULT_SUCCESS   ? VTD_RESP_SUCCESS
	       : code == UVDK_FAULT_INVALID ? VTD_RESP_INVALID
					    : VTD_RESP_FAILURE;
}

/* Those that are for functions behind one unit go together. */
static void reply_unit(struct emu_unit *unit, struct emu_faultq *q,
		       struct uvdk_fault_reply *replies, unsigned int count)
{
	struct emu_batch batch;
	struct emu_group *group;
	struct emu_route *route;
	int err;

	emu_inval_start(&batch, unit);
	for (unsigned int i = 0; i < count; i++) {
		group = waiting(q, &replies[i], &route);
		if (group && route->dev->unit == unit)
			respond(&batch, route, group, code_of(replies[i].code));
	}
	err = emu_inval_run(&batch);
	for (unsigned int i = 0; i < count; i++) {
		group = waiting(q, &replies[i], &route);
		if (!group || route->dev->unit != unit)
			continue;
		replies[i].err = err;
		if (!err)
			emu_group_free(group);
	}
}

void emu_prq_reply(struct emu_faultq *q, struct uvdk_fault_reply *replies, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		replies[i].err = -ENOENT;
	for (unsigned int i = 0; i < q->machine->count; i++)
		reply_unit(&q->machine->units[i], q, replies, count);
}

/* ---- beginning and end ---- */

/* Its memory stays with the machine, and so does the queue. */
static int start(struct emu_unit *unit)
{
	struct vtd_desc *ring;

	if (unit->requests.ring)
		return 0;
	ring = emu_arena_get_run(&unit->machine->arena, 1u << PRQ_ORDER);
	if (!ring)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT,
				 "no memory for the page requests of I/O MMU %u", unit->number);
	unit->requests.ring = ring;
	emu_unit_write64(unit, VTD_PQH, 0);
	emu_unit_write64(unit, VTD_PQT, 0);
	emu_unit_write64(unit, VTD_PQA, vtd_addr(ring) | PRQ_ORDER);
	emu_unit_write32(unit, VTD_PRS, VTD_PRS_PPR | VTD_PRS_PRO);
	emu_unit_write32(unit, VTD_PECTL, 0);

	return 0;
}

static int add(struct emu_device *dev, uint32_t pasid, struct emu_faultq *q)
{
	int err = start(dev->unit);

	if (!err && !emu_route_add(dev, pasid, q))
		err = uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for page requests of %s",
				uvdk_emu_fn_name(dev->fn));

	return err;
}

/* Who asked before, and is in the unit's queue, finds no route any more. */
static void drop(struct emu_device *dev, uint32_t pasid)
{
	struct emu_machine *machine = dev->unit->machine;
	struct emu_route *route = emu_route_find(machine, dev->slot, pasid);
	struct emu_batch batch;

	emu_inval_start(&batch, dev->unit);
	emu_inval_drain_requests(&batch);
	refuse_all(&batch, route);
	emu_inval_run(&batch);
	emu_route_drop(route);
	emu_prq_drain(machine);
}

int emu_prq_watch(struct emu_device *dev, uint32_t pasid, struct emu_faultq *q)
{
	struct emu_events *events = &dev->unit->machine->events;
	int err;

	uvdk_lock_acquire(&events->lock);
	err = add(dev, pasid, q);
	uvdk_lock_release(&events->lock);
	if (err)
		return err;
	dev->watched++;
	err = emu_context_enable_requests(dev);
	if (err)
		emu_prq_unwatch(dev, pasid);

	return err;
}

void emu_prq_unwatch(struct emu_device *dev, uint32_t pasid)
{
	struct emu_events *events = &dev->unit->machine->events;

	if (!--dev->watched)
		emu_context_disable_requests(dev);
	uvdk_lock_acquire(&events->lock);
	drop(dev, pasid);
	uvdk_lock_release(&events->lock);
}

void emu_prq_move(struct emu_device *dev, uint32_t pasid, struct emu_faultq *q)
{
	struct emu_machine *machine = dev->unit->machine;
	struct emu_route *route;
	struct emu_batch batch;

	emu_inval_start(&batch, dev->unit);
	uvdk_lock_acquire(&machine->events.lock);
	emu_prq_drain(machine);
	route = emu_route_find(machine, dev->slot, pasid);
	refuse_all(&batch, route);
	route->q = q;
	emu_inval_run(&batch);
	uvdk_lock_release(&machine->events.lock);
}
