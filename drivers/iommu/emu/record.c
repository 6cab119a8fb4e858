// SPDX-License-Identifier: BSD-3-Clause
#include "iommu_emu_events.h"

/* Records of a fault queue: a circle that tells how many had no room. */

static void push(struct emu_faultq *q, const struct uvdk_fault_record *record)
{
	q->record[(q->first + q->count++) % EMU_FAULTQ_RECORDS] = *record;
}

static void push_lost(struct emu_faultq *q)
{
	const struct uvdk_fault_record record = {
		.fault = {.type = UVDK_FAULT_LOST, .lost = q->lost},
		.dev_id = UVDK_FAULT_NO_DEVICE,
	};

	q->lost = 0;
	push(q, &record);
}

bool emu_faultq_put(struct emu_faultq *q, const struct uvdk_fault_record *record)
{
	if (EMU_FAULTQ_RECORDS - q->count < (q->lost ? 2 : 1)) {
		q->lost++;
		return false;
	}
	if (q->lost)
		push_lost(q);
	push(q, record);

	return true;
}

void emu_faultq_lose(struct emu_faultq *q, uint64_t count)
{
	q->lost += count;
}

static bool concerns(const struct uvdk_fault_record *record, uint32_t dev_id, uint32_t pasid)
{
	if (record->fault.type == UVDK_FAULT_LOST || record->dev_id != dev_id)
		return false;
	if (pasid == UVDK_PASID_ALL)
		return true;

	return record->fault.type == UVDK_FAULT_PAGE_REQUEST && record->fault.pasid == pasid;
}

void emu_faultq_forget(struct emu_faultq *q, uint32_t dev_id, uint32_t pasid)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < q->count; i++) {
		struct uvdk_fault_record *r = &q->record[(q->first + i) % EMU_FAULTQ_RECORDS];

		if (!concerns(r, dev_id, pasid))
			q->record[(q->first + kept++) % EMU_FAULTQ_RECORDS] = *r;
	}
	q->count = kept;
}

unsigned int emu_faultq_take(struct emu_faultq *q, struct uvdk_fault_record *out, unsigned int max)
{
	unsigned int n = 0;

	while (n < max && (q->count || q->lost)) {
		if (!q->count)
			push_lost(q);
		out[n] = q->record[q->first];
		q->first = (q->first + 1) % EMU_FAULTQ_RECORDS;
		q->count--;
		n += emu_prq_waits(q, &out[n]);
	}

	return n;
}
