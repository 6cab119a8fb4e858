// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "emu_priv.h"
#include "gate.h"

/* Outcome of a translation: a fault reason, or one of these. */
#define ACCESS_OK   (-1)
#define ACCESS_GONE (-2)

/* Inside the gate: where the device's page is in this process. */
static int translate(const struct uvdk_emu_function *fn, uvdk_iova_t iova, unsigned int prot,
		     uint8_t **va)
{
	uint64_t pte;

	if (atomic_load_explicit(&fn->gone, memory_order_relaxed))
		return ACCESS_GONE;
	if (!(atomic_load_explicit(&fn->command, memory_order_relaxed) & CMD_MASTER))
		return UVDK_EMU_FAULT_BUS_MASTER;
	if (!fn->domain)
		return UVDK_EMU_FAULT_NO_DOMAIN;
	if (iova >> fn->emu->iova_bits)
		return UVDK_EMU_FAULT_RANGE;
	pte = emu_domain_lookup(fn->domain, iova);
	if (!pte)
		return UVDK_EMU_FAULT_NOT_MAPPED;
	if (!(pte & prot))
		return UVDK_EMU_FAULT_PERMISSION;
	*va = (uint8_t *)(uintptr_t)((pte & ~(EMU_PAGE_SIZE - 1)) | (iova & (EMU_PAGE_SIZE - 1)));

	return ACCESS_OK;
}

static int refuse(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint64_t len, unsigned int prot,
		  int why)
{
	if (why != ACCESS_GONE)
		emu_fault_record(fn, iova, len, prot == UVDK_EMU_PROT_WRITE,
				 (enum uvdk_emu_fault_reason)why);

	return -EFAULT;
}

/* One page at most. */
static int copy_page(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint8_t *buf, size_t len,
		     unsigned int prot)
{
	uint8_t *va;
	int why;

	emu_gate_enter(&fn->gate);
	why = translate(fn, iova, prot, &va);
	if (why == ACCESS_OK) {
		if (prot == UVDK_EMU_PROT_READ)
			memcpy(buf, va, len);
		else
			memcpy(va, buf, len);
	}
	emu_gate_leave(&fn->gate);

	return why;
}

static int access_memory(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint8_t *buf, size_t len,
			 unsigned int prot)
{
	size_t done = 0;

	while (done < len) {
		uvdk_iova_t at = iova + done;
		size_t n = EMU_PAGE_SIZE - (at & (EMU_PAGE_SIZE - 1));
		int why;

		if (n > len - done)
			n = len - done;
		why = copy_page(fn, at, buf + done, n, prot);
		if (why != ACCESS_OK)
			return refuse(fn, at, len, prot, why);
		done += n;
	}

	return 0;
}

UVDK_EXPORT int uvdk_emu_dma_read(struct uvdk_emu_function *fn, uvdk_iova_t iova, void *buf,
				  size_t len)
{
	return access_memory(fn, iova, buf, len, UVDK_EMU_PROT_READ);
}

UVDK_EXPORT int uvdk_emu_dma_write(struct uvdk_emu_function *fn, uvdk_iova_t iova, const void *buf,
				   size_t len)
{
	/* Never written through: with PROT_WRITE the buffer is the source. */
	return access_memory(fn, iova, (uint8_t *)(uintptr_t)buf, len, UVDK_EMU_PROT_WRITE);
}

UVDK_EXPORT int uvdk_emu_dma_load16(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint16_t *value)
{
	struct uvdk_le16 le = {0};
	uint8_t *va;
	int why;

	if (iova & 1) {
		int ret = uvdk_emu_dma_read(fn, iova, &le, sizeof(le));

		if (!ret)
			*value = uvdk_get16(le);
		return ret;
	}

	emu_gate_enter(&fn->gate);
	why = translate(fn, iova, UVDK_EMU_PROT_READ, &va);
	if (why == ACCESS_OK)
		le.raw = __atomic_load_n((uint16_t *)(void *)va, __ATOMIC_ACQUIRE);
	emu_gate_leave(&fn->gate);
	if (why != ACCESS_OK)
		return refuse(fn, iova, sizeof(le), UVDK_EMU_PROT_READ, why);
	*value = uvdk_get16(le);

	return 0;
}

UVDK_EXPORT int uvdk_emu_dma_store16(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint16_t value)
{
	struct uvdk_le16 le = uvdk_to_le16(value);
	uint8_t *va;
	int why;

	if (iova & 1)
		return uvdk_emu_dma_write(fn, iova, &le, sizeof(le));

	emu_gate_enter(&fn->gate);
	why = translate(fn, iova, UVDK_EMU_PROT_WRITE, &va);
	if (why == ACCESS_OK)
		__atomic_store_n((uint16_t *)(void *)va, le.raw, __ATOMIC_RELEASE);
	emu_gate_leave(&fn->gate);
	if (why != ACCESS_OK)
		return refuse(fn, iova, sizeof(le), UVDK_EMU_PROT_WRITE, why);

	return 0;
}
